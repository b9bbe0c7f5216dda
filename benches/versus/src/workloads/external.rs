//! W1: jobs from outside, fire and forget or with their results. What a job costs until all are
//! done, and what it costs whoever submits it.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use super::{Figures, Machine};
use crate::pools::Pool;
use crate::spin::spin;
use crate::tally;
use crate::usage::Spent;

/// What producers want of their jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Nothing,
    /// The result of each, once all are submitted.
    Results,
}

#[derive(Clone, Debug)]
pub(crate) struct External {
    pub(crate) wanted: Wanted,
    pub(crate) producers: usize,
    pub(crate) job_us: u64,
    pub(crate) workers: usize,
    pub(crate) jobs: u64,
}

pub(crate) const COLUMNS: &[&str] = &["ns_job", "submit_ns", "csw_1k"];

impl External {
    pub(crate) fn run<P: Pool>(&self, pool: &P, machine: &Machine) -> Figures {
        super::warm_up(pool, self.workers);
        let steps = self.job_us * machine.steps_per_us;
        let each = self.jobs / self.producers as u64;
        let goal = tally::total() + each * self.producers as u64;
        let start = Arc::new(Barrier::new(self.producers + 1));
        let producers: Vec<_> = (0..self.producers)
            .map(|_| {
                let (pool, start, wanted) = (pool.clone(), start.clone(), self.wanted);
                thread::spawn(move || {
                    start.wait();
                    match wanted {
                        Wanted::Nothing => forget(&pool, each, steps),
                        Wanted::Results => remember(&pool, each, steps),
                    }
                })
            })
            .collect();
        // They shall wait at the barrier, and not be on their way to it.
        thread::sleep(Duration::from_millis(5));
        let spent = Spent::now();
        let began = Instant::now();
        start.wait();
        tally::wait_for(goal);
        let mut took = began.elapsed();
        let spent = Spent::now().since(spent);
        let submitting: Duration =
            producers.into_iter().map(|p| p.join().expect("a producer does not panic")).sum();
        if self.wanted == Wanted::Results {
            took = began.elapsed();
        }
        let jobs = (each * self.producers as u64) as f64;
        vec![
            took.as_nanos() as f64 / jobs,
            submitting.as_nanos() as f64 / jobs,
            spent.switches as f64 * 1000.0 / jobs,
        ]
    }
}

/// Two words of payload, or a box of the closure would be free.
fn work([steps, number]: [u64; 2]) -> u64 {
    if steps > 0 {
        spin(steps);
    }
    std::hint::black_box(number)
}

/// How long it takes to submit them.
fn forget<P: Pool>(pool: &P, jobs: u64, steps: u64) -> Duration {
    let began = Instant::now();
    pool.execute_all((0..jobs).map(|number| {
        let payload = [steps, number];
        move || {
            work(payload);
            tally::done();
        }
    }));
    began.elapsed()
}

/// How long it takes to submit them; returns when all have answered.
fn remember<P: Pool>(pool: &P, jobs: u64, steps: u64) -> Duration {
    let mut promises = Vec::with_capacity(jobs as usize);
    let began = Instant::now();
    for number in 0..jobs {
        let payload = [steps, number];
        promises.push(pool.promise(move || {
            let answer = work(payload);
            tally::done();
            answer
        }));
    }
    let submitting = began.elapsed();
    for (number, promise) in promises.into_iter().enumerate() {
        assert_eq!(promise(), number as u64, "a job's result is its own");
    }
    submitting
}
