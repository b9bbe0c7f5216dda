//! The simulator against the theory of queues.

use std::time::Duration;

use springtide::sim::load::{Length, Load, Work};
use springtide::sim::oracle::{Clairvoyant, Erlang};
use springtide::sim::{Job, Machine, Run, rivals, simulate};

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Memoryless jobs of 5 ms for four workers on four cores, 70 % busy.
fn four_servers() -> (Run, Erlang) {
    let service = Duration::from_millis(5);
    let work = Work::computing(Length::Exponential { mean: service });
    let jobs = Load::poisson(560.0).of(work).jobs(3, secs(600));
    let law = rivals::rival("static-cores").expect("it is known");
    let run = simulate(&jobs, &Machine::new(4.0), law, secs(601));
    (run, Erlang::new(4, 560.0, service))
}

fn assert_within(share: f64, found: f64, expected: f64, what: &str) {
    println!("{what}: {found:.5} simulated, {expected:.5} by the formula");
    assert!((found / expected - 1.0).abs() <= share, "{what}: {found} instead of {expected}");
}

#[test]
fn four_memoryless_servers_wait_as_erlang_says() {
    let (run, erlang) = four_servers();
    let target = Duration::from_millis(10);
    let p99 = erlang.wait_quantile(0.99).as_secs_f64();
    assert_within(0.1, run.wait.p99.as_secs_f64(), p99, "p99 of the wait in seconds");
    assert_within(0.1, run.late_by(target), erlang.wait_over(target), "share over 10 ms");
    assert_within(0.1, run.late_by(Duration::ZERO), erlang.waits(), "share that waits");
}

/// M/G/1 and M/G/c: run times that are all alike, and some that vary far more than memoryless ones.
#[test]
fn servers_of_any_run_times_wait_as_pollaczek_and_khinchine_say() {
    let constant = (Length::Constant(Duration::from_millis(10)), 0.0, 0.01);
    // The index is low enough for the far tail to matter, and cut off so that it has a variance.
    let (least, most, index) = (0.001_f64, 1.0_f64, 1.5);
    let moment = |k: f64| {
        let all = 1.0 - (least / most).powf(index);
        let span = most.powf(k - index) - least.powf(k - index);
        index * least.powf(index) / all * span / (k - index)
    };
    let variation = (moment(2.0) / moment(1.0).powi(2) - 1.0).sqrt();
    let (least, most) = (Duration::from_secs_f64(least), Duration::from_secs_f64(most));
    let tail = (Length::Pareto { least, most, index }, variation, moment(1.0));
    // With several servers and a heavy tail the approximation is off by half.
    for (servers, lengths) in [(1_u32, vec![constant, tail]), (4, vec![constant])] {
        for (length, variation, mean_s) in lengths {
            let mean = Duration::from_secs_f64(mean_s);
            let rate = 0.7 * f64::from(servers) / mean_s;
            let span = Duration::from_secs_f64(400_000.0 / rate);
            let jobs = Load::poisson(rate).of(Work::computing(length)).jobs(11, span);
            let machine = Machine::new(f64::from(servers)).workers(servers, servers);
            let law = rivals::rival("static-cores").expect("it is known");
            let run = simulate(&jobs, &machine, law, span + secs(60));
            let formula = Erlang::new(servers, rate, mean).mean_wait_of(variation);
            let what = format!("{servers} servers, variation {variation:.2}: mean wait in seconds");
            assert_within(0.1, run.mean_wait(), formula.as_secs_f64(), &what);
        }
    }
}

/// Little's law, which no queue breaks: what is inside on average arrives at the rate and stays
/// as long as it stays.
#[test]
fn as_many_workers_are_busy_as_arrivals_times_service_says() {
    let (run, _) = four_servers();
    let busy = run.busy_seconds / run.horizon.as_secs_f64();
    assert_within(0.02, busy, 560.0 * 0.005, "busy workers");
    assert_within(0.01, run.core_seconds, run.busy_seconds, "core seconds");
}

/// With more workers than cores the cores are shared evenly: in M/M/1 with processor sharing a
/// job takes its service divided by what is left of the core, on average.
#[test]
fn shared_cores_take_as_long_as_processor_sharing_says() {
    let work = Work::computing(Length::Exponential { mean: Duration::from_millis(10) });
    let jobs = Load::poisson(60.0).of(work).jobs(5, secs(2_000));
    let mut machine = Machine::new(1.0).workers(2, 256);
    machine.crowding = 0.0;
    let law = rivals::rival("static-max").expect("it is known");
    let run = simulate(&jobs, &machine, law, secs(2_010));
    assert_within(
        0.05,
        run.busy_seconds / run.completed as f64,
        0.010 / 0.4,
        "mean time in service",
    );
}

/// The bound must hold for every law that lets no job wait.
#[test]
fn nobody_who_lets_no_job_wait_beats_the_clairvoyant() {
    let load = Load::mmpp((5.0, secs(10)), (300.0, secs(1)));
    let jobs: Vec<Job> = load.of(Work::sleeping(Duration::from_millis(50))).jobs(9, secs(200));
    let future = Clairvoyant::new(&jobs);
    for name in ["tokio", "tomcat", "static-max"] {
        let law = rivals::rival(name).expect("it is known");
        let mut machine = Machine::new(4.0).workers(0, 256);
        machine.start = Duration::ZERO;
        let run = simulate(&jobs, &machine, law, secs(200));
        let bound = future.starting(run.started);
        let (cost, least) = (run.worker_seconds, bound.worker_seconds);
        println!("{name}: {} starts, {cost:.0} s, {least:.0} s at least", run.started);
        assert!(cost >= 0.999 * least, "{name}: {cost} s with {} starts", run.started);
        assert!(u64::from(run.peak) >= future.peak(), "{name}");
    }
}
