//! The model's own tests: threads that start and wake, limits on workers, times without end.

use super::*;
use crate::sim::simulate;

/// Starts four workers for the first job and does nothing else.
struct Four;

impl Law for Four {
    fn name(&self) -> &'static str {
        "four"
    }

    fn react(&mut self, moment: Moment, pool: &View<'_>) -> Act {
        let first = moment == Moment::Submitted && pool.arrivals == 1;
        Act::start(if first { 4 } else { 0 })
    }
}

fn us(n: u64) -> Duration {
    Duration::from_micros(n)
}

/// The longest wait of so many jobs that come at once and sleep for long.
fn longest_wait(machine: &Machine, jobs: usize) -> Duration {
    let jobs = vec![Job::asleep(us(1_000), us(50_000)); jobs];
    simulate(&jobs, machine, Box::new(Four), us(100_000)).wait.max
}

#[test]
fn threads_are_started_one_after_another() {
    let machine = Machine::new(4.0).workers(0, 8).latencies(us(70), us(5));
    assert_eq!(longest_wait(&machine, 4), us(70));
    assert_eq!(longest_wait(&machine.spawn(us(20)), 4), us(70 + 3 * 20));
}

#[test]
fn wake_ups_are_passed_on_by_four_at_most() {
    for (sleepers, hops) in [(1, 1), (2, 2), (4, 2), (8, 2), (16, 4)] {
        let machine = Machine::new(4.0).workers(sleepers, sleepers).latencies(us(70), us(5));
        let longest = longest_wait(&machine, sleepers as usize);
        assert_eq!(longest, us(5 * hops), "{sleepers} sleepers");
    }
    let at_once = Machine::new(4.0).workers(16, 16);
    assert_eq!(longest_wait(&at_once, 16), us(0), "where a wake-up takes no time");
}

/// Lets one into a job, and four once the first has ended.
struct Shy;

impl Law for Shy {
    fn name(&self) -> &'static str {
        "shy"
    }

    fn react(&mut self, moment: Moment, _: &View<'_>) -> Act {
        let at_work = match moment {
            Moment::Opened => Some(1),
            Moment::Finished => Some(4),
            _ => None,
        };
        Act { at_work, ..Act::none() }
    }
}

#[test]
fn workers_that_may_go_to_work_do_so_at_once() {
    let machine = Machine::new(4.0).workers(4, 4);
    let jobs = [Job::asleep(us(0), us(10)); 9];
    let run = simulate(&jobs, &machine, Box::new(Shy), us(100));
    assert_eq!((run.completed, run.sojourn.max), (9, us(30)));
}

#[test]
fn what_takes_for_ever_is_never_over() {
    let [asleep, computing] = [Job::asleep, Job::computing].map(|job| job(us(1), Duration::MAX));
    let machine = Machine::new(1.0).workers(0, 3);
    let run = simulate(&[asleep, computing, computing], &machine, Box::new(Four), us(900));
    assert_eq!((run.peak, run.completed, run.unfinished), (3, 0, 3));
    let machine = machine.latencies(Duration::MAX, Duration::MAX).spawn(Duration::MAX);
    let run = simulate(&[asleep], &machine, Box::new(Four), us(900));
    assert_eq!((run.peak, run.wait.max), (3, us(899)));
}

#[test]
fn a_run_may_last_as_long_as_time_does() {
    let machine = Machine::new(4.0);
    let law = crate::sim::Supervised::new("ours", crate::PredictedWait::new());
    let run = simulate(&[Job::asleep(us(1), us(1))], &machine, Box::new(law), Duration::MAX);
    assert_eq!((run.completed, run.horizon), (1, Duration::from_nanos(u64::MAX)));
}

#[test]
fn a_run_past_its_horizon_keeps_a_bounded_trajectory() {
    let law = crate::sim::rivals::rival("tokio").expect("it is known");
    let mut model = Model::new(Machine::new(4.0), law, us(1));
    model.offer(&Job::asleep(us(0), us(10)));
    model.run_until(Duration::from_secs(1_000));
    assert!(model.into_run("tokio").slices.len() < 10_000);
}

#[test]
fn jobs_out_of_order_run_as_if_they_were_in_order() {
    let job = |at| Job::asleep(us(at), us(300));
    let law = || crate::sim::rivals::rival("java").expect("it is known");
    let [mixed, sorted] = [[50, 5, 90, 7], [5, 7, 50, 90]]
        .map(|times| simulate(&times.map(job), &Machine::new(1.0).workers(1, 1), law(), us(5_000)));
    assert_eq!(mixed, sorted);
}
