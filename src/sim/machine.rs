//! What a simulated pool runs on, and within which bounds.

use std::time::Duration;

/// The machine and the configuration of one simulated pool.
///
/// ```
/// use springtide::sim::Machine;
/// use std::time::Duration;
///
/// let machine = Machine::new(4.0).workers(2, 64).neighbour(Duration::from_secs(10), 1.5);
/// assert_eq!(machine.usable_at(Duration::from_secs(9)), 4.0);
/// assert_eq!(machine.usable_at(Duration::from_secs(10)), 1.5);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Machine {
    /// Cores that the system reports to the pool.
    pub cores: f64,
    /// Cores that can really be had, from a time on; before the first entry it is `cores`.
    pub usable: Vec<(Duration, f64)>,
    /// Lower bound on the workers; the pool starts with as many.
    pub min: u32,
    /// Upper bound on the workers.
    pub max: u32,
    /// Jobs that the queue holds; `None`: any number. What comes on top waits outside, as the
    /// submitters of a pool with [`Overflow::Block`](crate::Overflow::Block) do.
    pub queue_limit: Option<u64>,
    /// The objective, for laws that have one.
    pub target_wait: Duration,
    /// How long an unneeded worker is kept, for laws that are told; `None` leaves it to the law.
    pub keep_alive: Option<Duration>,
    /// From the order to start a thread until it looks for a job.
    pub start: Duration,
    /// How long whoever starts a thread is kept by that: of several, each comes up so much later
    /// than the one before it.
    pub spawn: Duration,
    /// From the claim of a parked worker until it looks for a job. How long a kicked supervisor
    /// takes says [`Supervised::wake`](super::Supervised::wake).
    pub wake: Duration,
    /// Share of the cores' speed that is lost for each runnable worker too many a core.
    pub crowding: f64,
}

impl Machine {
    /// As many cores, 2 to 256 workers, an unbounded queue, a target of 10 ms and a keep-alive
    /// that is left to the law; a thread starts within 100 µs, a parked one wakes at once, and each
    /// runnable worker too many a core costs 0.2 % of the speed.
    pub fn new(cores: f64) -> Machine {
        Machine {
            cores,
            usable: Vec::new(),
            min: 2,
            max: 256,
            queue_limit: None,
            target_wait: crate::config::DEFAULT_TARGET_WAIT,
            keep_alive: None,
            start: Duration::from_micros(100),
            spawn: Duration::ZERO,
            wake: Duration::ZERO,
            crowding: 0.002,
        }
    }

    /// Between so many and so many workers.
    #[must_use]
    pub fn workers(self, min: u32, max: u32) -> Machine {
        Machine { min: min.min(max), max, ..self }
    }

    /// With a queue for so many jobs.
    #[must_use]
    pub fn queue_limit(self, jobs: u64) -> Machine {
        Machine { queue_limit: Some(jobs), ..self }
    }

    /// With another objective.
    #[must_use]
    pub fn target_wait(self, target_wait: Duration) -> Machine {
        Machine { target_wait, ..self }
    }

    /// With another keep-alive.
    #[must_use]
    pub fn keep_alive(self, keep_alive: Duration) -> Machine {
        Machine { keep_alive: Some(keep_alive), ..self }
    }

    /// With threads that take this long to start, and to wake.
    #[must_use]
    pub fn latencies(self, start: Duration, wake: Duration) -> Machine {
        Machine { start, wake, ..self }
    }

    /// With threads that are started one after another, so far apart.
    #[must_use]
    pub fn spawn(self, spawn: Duration) -> Machine {
        Machine { spawn, ..self }
    }

    /// From `at` on a noisy neighbour leaves only so many cores, without telling.
    #[must_use]
    pub fn neighbour(mut self, at: Duration, usable: f64) -> Machine {
        self.usable.push((at, usable));
        self.usable.sort_by_key(|(at, _)| *at);
        self
    }

    /// The cores that can be had at this time.
    pub fn usable_at(&self, at: Duration) -> f64 {
        let last = self.usable.iter().rev().find(|(from, _)| *from <= at);
        last.map_or(self.cores, |(_, usable)| *usable)
    }

    /// When that changes next.
    pub(super) fn change_after(&self, at: Duration) -> Option<Duration> {
        self.usable.iter().map(|(from, _)| *from).find(|from| *from > at)
    }
}
