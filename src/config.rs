//! Settings: plain data, validated as a whole, swapped as a whole.

use std::time::Duration;

use crate::error::ConfigError;
use crate::run::priority::{Rules, Weights};
use crate::run::sleep::MAX_WORKERS;

/// The default of [`Builder::queue_capacity`](crate::Builder::queue_capacity): room for a second's
/// backlog at the rate of a busy service, and bounded memory by default.
pub const DEFAULT_QUEUE_CAPACITY: usize = 10_000;
/// The default of [`Builder::target_wait`](crate::Builder::target_wait). folly aims at 5 ms and
/// sheds at 10; below about 5 ms a pool buys threads for nothing, at 50 ms a tenth of the jobs of a
/// load step wait longer than 10 ms (simulated).
pub const DEFAULT_TARGET_WAIT: Duration = Duration::from_millis(10);
/// The most workers a pool may have.
pub const WORKER_CEILING: usize = MAX_WORKERS;

/// What [`submit`](crate::PoolHandle::submit) does when the queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Overflow {
    /// Waits for room. The default.
    #[default]
    Block,
    /// Refuses the job and gives it back.
    Reject,
    /// Runs the job on the submitting thread, which slows the submitter down to the pool's pace.
    CallerRuns,
}

/// What dropping a [`Pool`](crate::Pool) does with the jobs it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropPolicy {
    /// Runs them all, for at most this long; then cancels what is queued, asks the running jobs to
    /// stop and leaves those that do not to themselves, with a line on standard error that names
    /// them.
    Drain(Duration),
    /// Cancels what is queued, asks the running jobs to stop, and waits for nobody.
    Cancel,
    /// Takes no more jobs and waits for nobody: the threads run what is queued and end by
    /// themselves.
    Detach,
}

impl Default for DropPolicy {
    /// Drains for half a minute.
    fn default() -> Self {
        DropPolicy::Drain(Duration::from_secs(30))
    }
}

/// The default of [`Builder::delayed_capacity`](crate::Builder::delayed_capacity): as many as may
/// be queued.
pub const DEFAULT_DELAYED_CAPACITY: usize = 10_000;

/// What a shutdown that waits for the pool's jobs does with those that are
/// [delayed](crate::JobBuilder::delay).
///
/// ```
/// use springtide::{Delayed, Pool};
/// use std::time::Duration;
///
/// let pool = Pool::builder("letters")
///     .workers(1..=2)
///     .delayed_at_shutdown(Delayed::RunNow)
///     .delayed_capacity(1)
///     .build()?;
/// let tomorrow = Duration::from_secs(24 * 3600);
/// let letter = pool.job("letter").delay(tomorrow).submit(|_| "sent")?;
/// let another = pool.job("letter").delay(tomorrow).submit(|_| "sent");
/// assert!(another.is_err_and(|refused| refused.is_full()));
///
/// let report = pool.shutdown(); // Not a day later.
/// assert_eq!((report.completed, letter.join()?), (1, "sent"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Delayed {
    /// Cancels them. The default: a shutdown takes as long as the jobs that were due.
    #[default]
    Cancel,
    /// Queues them at once, whatever their time.
    RunNow,
    /// Waits until each has come due and run.
    Wait,
}

/// Everything about a pool that can be changed while it runs.
///
/// [`PoolHandle::reconfigure`](crate::PoolHandle::reconfigure) hands out a copy to change; the copy
/// is validated as a whole and takes effect as a whole, or not at all.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// The fewest workers kept; 0 is allowed.
    pub min_workers: usize,
    /// The most workers; at least 1, at least `min_workers`, at most the pool's ceiling.
    pub max_workers: usize,
    /// The most jobs that may wait; `None` for no bound.
    pub queue_capacity: Option<usize>,
    /// What `submit` does when the queue is full.
    pub overflow: Overflow,
    /// The longest a job should wait.
    pub target_wait: Duration,
    /// The longest that an unneeded worker is kept; `None` to leave it to the policy.
    pub keep_alive: Option<Duration>,
    /// How the priorities share the workers.
    pub priorities: Weights,
    /// How long a job waits at most behind higher ones.
    pub ageing: Duration,
    /// The cores to reckon with; `None` to ask the system, quotas included.
    pub cores: Option<f64>,
}

impl Settings {
    /// Every problem, not only the first.
    pub(crate) fn problems(&self, ceiling: usize) -> Vec<ConfigError> {
        let mut problems = Vec::new();
        let mut problem = |field, problem: String| problems.push(ConfigError { field, problem });
        let (min, max) = (self.min_workers, self.max_workers);
        if max == 0 {
            problem(
                "workers",
                "the upper bound is 0, so no job could ever run; write 0..=1".into(),
            );
        } else if min > max {
            problem("workers", format!("{min}..={max} is upside down; write {max}..={min}"));
        }
        if max > ceiling {
            problem("workers", format!("{max} is above the ceiling of {ceiling}; write less"));
        }
        if self.queue_capacity == Some(0) {
            problem("queue_capacity", "0 leaves no room for any job; write at least 1".into());
        }
        let Weights { high, normal, low } = self.priorities;
        if !(high >= normal && normal >= low) {
            let rising = format!("{high}, {normal}, {low} rise as priorities fall");
            problem("priorities", format!("{rising}; give no more turns to a lower one"));
        }
        if let Some(cores) = self.cores
            && !(cores.is_finite() && cores > 0.0)
        {
            problem("cores", format!("{cores} is not a number of cores; write more than 0"));
        }
        problems
    }

    pub(crate) fn rules(&self) -> Rules {
        Rules { weights: self.priorities, ageing: self.ageing }
    }

    pub(crate) fn capacity(&self) -> u64 {
        self.queue_capacity.map_or(u64::MAX, |capacity| capacity as u64)
    }
}
