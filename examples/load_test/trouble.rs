//! What goes wrong on purpose: which jobs of a load, and how, fixed before the run begins.

use std::time::Duration;

use springtide::sim::Random;

use crate::load::Arrival;
use crate::work::Work;

/// A stuck job runs for so many times its timeout. The pool's grace is one more timeout, so half
/// of the time it counts as stuck.
const STUCK_RUN: u32 = 4;

/// How a job ends once it has had its run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Well.
    Fine,
    /// It panics.
    Panics,
    /// It has not heard this timeout and sleeps on, as a call to a machine that is gone would.
    Stuck { timeout: Duration },
}

/// How much goes wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trouble {
    /// Per cent of the jobs.
    pub(crate) panic: f64,
    /// Per cent of the jobs.
    pub(crate) stuck: f64,
    pub(crate) timeout: Duration,
}

impl Trouble {
    /// Decides how each job ends. By a chance of its own: with trouble or without, a seed means
    /// jobs at the same times.
    pub(crate) fn befall(self, arrivals: &mut [Arrival], seed: u64) {
        let mut chance = Random::new(!seed);
        for arrival in arrivals {
            // Above zero, so that a share of zero is none.
            let drawn = 100.0 * chance.unit();
            if drawn <= self.panic {
                arrival.fate = Fate::Panics;
            } else if drawn <= self.panic + self.stuck {
                arrival.fate = Fate::Stuck { timeout: self.timeout };
                arrival.work = Work::Blocking;
                arrival.run = self.timeout.saturating_mul(STUCK_RUN);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_millis(70);

    fn troubled(panic: f64, stuck: f64, seed: u64) -> Vec<Arrival> {
        let run = Duration::from_millis(3);
        let job = Arrival { at: Duration::ZERO, run, work: Work::Cpu, fate: Fate::Fine };
        let mut jobs = vec![job; 10_000];
        Trouble { panic, stuck, timeout: TIMEOUT }.befall(&mut jobs, seed);
        jobs
    }

    fn share(jobs: &[Arrival], fate: Fate) -> f64 {
        jobs.iter().filter(|job| job.fate == fate).count() as f64 / jobs.len() as f64
    }

    #[test]
    fn as_many_go_wrong_as_were_asked_for_and_the_others_are_left_alone() {
        let stuck = Fate::Stuck { timeout: TIMEOUT };
        let jobs = troubled(20.0, 5.0, 7);
        assert!((share(&jobs, Fate::Panics) - 0.20).abs() < 0.02);
        assert!((share(&jobs, stuck) - 0.05).abs() < 0.01);
        for job in jobs {
            let run =
                if job.fate == stuck { TIMEOUT * STUCK_RUN } else { Duration::from_millis(3) };
            assert_eq!((job.run, job.work == Work::Blocking), (run, job.fate == stuck));
        }
        assert_eq!(share(&troubled(0.0, 0.0, 7), Fate::Fine), 1.0);
        assert_eq!(share(&troubled(100.0, 0.0, 7), Fate::Panics), 1.0);
        assert_eq!(share(&troubled(0.0, 100.0, 7), stuck), 1.0);
    }

    #[test]
    fn a_seed_means_the_same_trouble_and_another_seed_other() {
        assert_eq!(troubled(5.0, 5.0, 7), troubled(5.0, 5.0, 7));
        assert_ne!(troubled(5.0, 5.0, 7), troubled(5.0, 5.0, 8));
    }
}
