//! One job of a simulated load.

use std::time::Duration;

/// The most jobs of one load: a limit on memory, some hundreds of megabytes.
pub const JOBS_MAX: usize = 5_000_000;

/// When a job arrives and what it does: it computes, then it sleeps, then it calls others and
/// waits for them. Each part may be zero.
///
/// ```
/// use springtide::sim::Job;
/// use std::time::Duration;
///
/// let ms = Duration::from_millis;
/// let job = Job::asleep(ms(5), ms(20)).calling(3, ms(1), ms(0));
/// assert_eq!((job.at, job.sleep, job.compute), (ms(5), ms(20), ms(0)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Job {
    /// Arrival, since the start of the load.
    pub at: Duration,
    /// Time on a core. With more runnable workers than cores it takes longer than this.
    pub compute: Duration,
    /// Time asleep inside the job afterwards: the worker is occupied and wants no core.
    pub sleep: Duration,
    /// Jobs that it submits after that, to the same pool, and waits for.
    pub calls: Option<Calls>,
}

/// The jobs that a job submits and waits for, all alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// How many.
    pub jobs: u32,
    /// Time on a core that each of them needs.
    pub compute: Duration,
    /// Time that each of them sleeps.
    pub sleep: Duration,
}

impl Job {
    /// A job that keeps a core busy.
    pub fn computing(at: Duration, compute: Duration) -> Job {
        Job { at, compute, ..Job::default() }
    }

    /// A job that waits for something else than a core.
    pub fn asleep(at: Duration, sleep: Duration) -> Job {
        Job { at, sleep, ..Job::default() }
    }

    /// The same job, which in the end submits `jobs` more and waits for them as one waits on a
    /// channel: the pool cannot know what for.
    #[must_use]
    pub fn calling(self, jobs: u32, compute: Duration, sleep: Duration) -> Job {
        Job { calls: Some(Calls { jobs, compute, sleep }), ..self }
    }

    /// Worker time that the job takes on a machine of its own, without waiting for others.
    pub fn service(&self) -> Duration {
        self.compute.saturating_add(self.sleep)
    }

    /// The same with all that it calls: what its load must cost at least.
    pub(crate) fn total_service(&self) -> Duration {
        let calls = self.calls.map_or(Duration::ZERO, |calls| {
            calls.compute.saturating_add(calls.sleep).saturating_mul(calls.jobs)
        });
        self.service().saturating_add(calls)
    }
}
