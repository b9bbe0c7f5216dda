//! The simulator against the pool that it stands for: the same jobs, once with threads and once
//! in virtual time, need as many workers and wait as long.
//!
//! Only blocking jobs, which can be replayed on any machine, however few cores it has. What a
//! thread costs to start and to wake is measured while the pool runs, and the simulator is told;
//! not what other programs take from the pool, so a round on a busy machine that does not agree
//! counts for nothing. Nothing is said about absolute times.

mod loads;
mod others;
mod real;

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use loads::{Load, Sleep};
use others::Since;
use real::{Latencies, Ran};
use springtide::PredictedWait;
use springtide::sim::{Job, Machine, Random, Supervised, simulate};

/// Bounds of the pools.
const WORKERS: (u32, u32) = (2, 64);
/// So many rounds must agree. A machine that is busy with something else holds threads up and
/// spoils rounds; it does not make two things agree that differ.
const AGREE: usize = 2;
/// Out of so many at most that others left alone.
const ROUNDS: usize = 6;
/// No more are played, of either kind.
const TRIES: usize = 12;
/// The share of the machine from which on it is busy with others. Measured: 0.01 where nothing else
/// runs, and 0.14 beside a program that computes for a quarter of the time, which makes the jobs of
/// bursts wait twice as long.
const OTHERS: f64 = 0.05;
/// Runs of the simulator with each recording.
const SIMULATIONS: u64 = 25;

/// What is compared.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    /// The most workers at once.
    peak: u32,
    /// Threads started on top of the lower bound.
    started: u64,
    wait_p99: Duration,
}

/// What the simulator makes of one recording.
///
/// A recording says when jobs came but for a moment: the clock was read, the thread was held up,
/// then the job was there. Sometimes such a moment decides whether a look of the supervisor sees
/// a job or not, and with it a whole tick of waiting. So there are several runs, in which each
/// job comes a moment later than recorded, and waits may lie anywhere between the least and the
/// most of these runs.
#[derive(Clone, Copy, Debug)]
struct Simulated {
    exact: Outcome,
    wait_p99: (Duration, Duration),
}

/// How the pool is looked after.
#[derive(Clone, Copy)]
enum Kicks {
    Heard,
    Ignored,
}

fn simulated(load: &Load, ran: &Ran, kicks: Kicks) -> Simulated {
    let exact = once(load, &ran.recorded, &ran.latencies, kicks);
    let (mut least, mut most) = (exact.wait_p99, exact.wait_p99);
    for seed in 1..SIMULATIONS {
        let mut random = Random::new(seed);
        let moment = |job: &Sleep| Sleep { at: job.at + ran.latencies.lag(&mut random), ..*job };
        let mut jobs: Vec<Sleep> = ran.recorded.iter().map(moment).collect();
        jobs.sort_by_key(|job| job.at);
        let wait = once(load, &jobs, &ran.latencies, kicks).wait_p99;
        (least, most) = (least.min(wait), most.max(wait));
    }
    Simulated { exact, wait_p99: (least, most) }
}

fn once(load: &Load, jobs: &[Sleep], latencies: &Latencies, kicks: Kicks) -> Outcome {
    let machine = Machine::new(cores())
        .workers(WORKERS.0, WORKERS.1)
        .target_wait(load.target_wait)
        .keep_alive(load.keep_alive)
        .latencies(latencies.start, latencies.wake)
        .spawn(latencies.spawn);
    let law = Supervised::new("ours", PredictedWait::new())
        .wake(latencies.wake)
        .oversleeping(latencies.oversleep);
    let law = match kicks {
        Kicks::Heard => law,
        Kicks::Ignored => law.without_kicks(),
    };
    let jobs: Vec<Job> = jobs.iter().map(|job| Job::asleep(job.at, job.span)).collect();
    let over = jobs.iter().map(|job| job.at + job.sleep).max().unwrap_or_default();
    let run = simulate(&jobs, &machine, Box::new(law), over);
    Outcome { peak: run.peak, started: run.started, wait_p99: run.wait.p99 }
}

/// Within a fifth, and two more for small numbers.
fn about(real: u64, simulated: u64) -> bool {
    real.abs_diff(simulated) as f64 <= 0.2 * real.max(simulated) as f64 + 2.0
}

/// One round: the pool, then the simulator with what the pool saw.
struct Round {
    real: Outcome,
    latencies: Latencies,
    simulated: Simulated,
    /// What others had of the machine meanwhile, if it is known.
    others: Option<f64>,
}

impl Round {
    fn play(load: &Load) -> (Round, Ran) {
        let since = Since::now();
        let ran = real::run(load);
        let others = since.and_then(|since| since.others());
        let simulated = simulated(load, &ran, Kicks::Heard);
        (Round { real: ran.outcome, latencies: ran.latencies, simulated, others }, ran)
    }

    /// Only then does it say anything if it does not agree.
    fn had_the_machine(&self) -> bool {
        self.others.is_none_or(|share| share <= OTHERS)
    }

    fn agrees(&self) -> bool {
        about(self.real.peak.into(), self.simulated.exact.peak.into())
            && about(self.real.started, self.simulated.exact.started)
            && waits_agree(&self.real, &self.simulated, &self.latencies)
    }
}

/// Within what the machine takes to wake a thread and to start some.
fn waits_agree(real: &Outcome, simulated: &Simulated, latencies: &Latencies) -> bool {
    let (least, most) = simulated.wait_p99;
    let slack = latencies.oversleep_p99 + latencies.crowd_p90;
    real.wait_p99 + slack >= least && real.wait_p99 <= most + slack
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Round { real, latencies, simulated, others } = self;
        let Simulated { exact, wait_p99: (least, most) } = simulated;
        write!(
            f,
            "real and simulated: peak {} and {}, started {} and {}, p99 of the waits {:?} and {:?} \
             ({least:?} to {most:?}), {latencies:?}, {:.2} of the machine were others'",
            real.peak,
            exact.peak,
            real.started,
            exact.started,
            real.wait_p99,
            exact.wait_p99,
            others.unwrap_or(f64::NAN),
        )
    }
}

/// Plays rounds until enough have agreed, or there were too many.
fn assert_agree(load: &Load) {
    // Two pools at once would disturb each other.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut agreed, mut deaf_agreed, mut alone) = (0, 0, Vec::new());
    for _ in 0..TRIES {
        let (round, ran) = Round::play(load);
        println!("{}: {round}", load.name);
        agreed += usize::from(round.agrees());
        if round.had_the_machine() {
            let deaf = simulated(load, &ran, Kicks::Ignored);
            deaf_agreed += usize::from(waits_agree(&round.real, &deaf, &round.latencies));
            alone.push(round.to_string());
        }
        if agreed == AGREE || alone.len() == ROUNDS {
            break;
        }
    }
    if agreed < AGREE && alone.len() < ROUNDS {
        println!("{}: not compared, the machine is busy with other things", load.name);
        return;
    }
    assert!(agreed == AGREE, "{}:\n{}", load.name, alone.join("\n"));
    // Or the comparison would see nothing at all.
    let control = "a simulator in which nobody kicks the supervisor passes for the pool, too";
    assert!(deaf_agreed < AGREE, "{}: {control}", load.name);
}

fn cores() -> f64 {
    std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64)
}

/// The least of the times that the share of them does not exceed.
fn quantile(mut times: Vec<Duration>, share: f64) -> Duration {
    times.sort_unstable();
    let rank = (share * times.len() as f64).ceil() as usize;
    times.get(rank.max(1) - 1).copied().unwrap_or_default()
}

#[test]
fn a_step_takes_as_many_workers_and_as_long_as_simulated() {
    assert_agree(&loads::step());
}

#[test]
fn bursts_take_as_many_workers_and_as_long_as_simulated() {
    assert_agree(&loads::bursts());
}

/// Only where `SPRINGTIDE_TRACES` names a folder that has the trace.
#[test]
fn recorded_requests_take_as_many_workers_and_as_long_as_simulated() {
    let load = std::env::var_os("SPRINGTIDE_TRACES").and_then(|dir| loads::requests(dir.as_ref()));
    match load {
        Some(load) => assert_agree(&load),
        None => println!("skipped: SPRINGTIDE_TRACES names no folder with the trace"),
    }
}
