//! What a running job may ask, and say, about itself; and what it takes to be one.

use std::any::Any;
use std::time::Duration;

use super::claim::Claim;
use super::current::Blocked;
use crate::error::Cancelled;
use crate::time::Nanos;

/// What a running job may ask of its pool: the little of it that a job can see.
pub(crate) trait Surroundings: Sync {
    /// The pool is being shut down without waiting for its jobs.
    fn is_stopping(&self) -> bool;

    fn now(&self) -> Nanos;

    /// Marks a worker as waiting, until the mark is dropped.
    fn block(&self, worker: usize) -> Blocked<'_>;
}

/// Handed to jobs submitted through [`PoolHandle::job`](crate::PoolHandle::job).
///
/// ```
/// use springtide::Pool;
///
/// let pool = Pool::builder("context").workers(1..=2).build()?;
/// let sum = pool.job("sum").submit(|cx| {
///     let mut sum = 0_u64;
///     for n in 0..1_000_000 {
///         if n % 10_000 == 0 {
///             cx.check()?;
///         }
///         sum += n;
///     }
///     Ok::<u64, springtide::Cancelled>(sum)
/// })?;
/// assert_eq!(sum.join()??, 499_999_500_000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct JobContext<'a> {
    pub(crate) pool: &'a dyn Surroundings,
    pub(crate) claim: &'a Claim,
    pub(crate) worker: Option<usize>,
    pub(crate) started: Nanos,
    pub(crate) timeout: Option<Duration>,
}

impl JobContext<'_> {
    /// Whether the job should stop: its handle was cancelled, its timeout has passed, or the pool
    /// is being shut down without waiting for it. Reads the clock only if the job has a timeout.
    pub fn is_cancelled(&self) -> bool {
        self.claim.is_cancel_requested()
            || self.pool.is_stopping()
            || self.remaining() == Some(Duration::ZERO)
    }

    /// [`JobContext::is_cancelled`] as a value to put a `?` behind.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] once the job should stop.
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }

    /// The time left until the job's timeout; zero once it has passed, `None` if it has none.
    pub fn remaining(&self) -> Option<Duration> {
        let timeout = self.timeout?;
        Some(timeout.saturating_sub(self.pool.now().since(self.started)))
    }

    /// Whether the job has taken longer than its timeout, now that it has ended.
    pub(crate) fn overran(&self) -> bool {
        self.timeout.is_some_and(|timeout| self.pool.now().since(self.started) > timeout)
    }

    /// When the job's timeout passes, as the time since the pool was built; `None` if it has none.
    pub fn deadline(&self) -> Option<Duration> {
        Some(self.started.after(self.timeout?).as_duration())
    }

    /// Which run of the job this is, counted from 1.
    pub fn attempt(&self) -> u32 {
        1
    }

    /// The index of the worker, stable for the life of its thread; `None` if the submitter runs
    /// the job itself.
    pub fn worker_index(&self) -> Option<usize> {
        self.worker
    }

    /// Runs `code`, which mostly waits, and tells the supervisor that this worker uses no core
    /// meanwhile, so that another may be started in its place.
    pub fn blocking<T>(&self, code: impl FnOnce() -> T) -> T {
        let _mark = self.worker.map(|index| self.pool.block(index));
        code()
    }
}

impl std::fmt::Debug for JobContext<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobContext").field("worker", &self.worker).finish_non_exhaustive()
    }
}

/// What a tracked job does, and what of that is a failure. Which it is stands in its type, so a job
/// that cannot fail pays nothing.
pub(crate) trait Body<T>: Send + 'static {
    fn call(self, cx: &JobContext<'_>) -> T;

    /// The error in a result that is one.
    fn error(_result: &T) -> Option<&(dyn Any + Send)> {
        None
    }
}

impl<F, T> Body<T> for F
where
    F: FnOnce(&JobContext<'_>) -> T + Send + 'static,
{
    #[inline]
    fn call(self, cx: &JobContext<'_>) -> T {
        self(cx)
    }
}

/// A job that may return an error.
pub(crate) struct Fallible<F>(pub(crate) F);

impl<F, T, E> Body<Result<T, E>> for Fallible<F>
where
    F: FnOnce(&JobContext<'_>) -> Result<T, E> + Send + 'static,
    E: Send + 'static,
{
    fn call(self, cx: &JobContext<'_>) -> Result<T, E> {
        (self.0)(cx)
    }

    fn error(result: &Result<T, E>) -> Option<&(dyn Any + Send)> {
        result.as_ref().err().map(|error| error as _)
    }
}

/// No pool at all, for jobs of tests that do not ask it for much.
#[cfg(test)]
pub(crate) struct Nowhere;

#[cfg(test)]
impl Surroundings for Nowhere {
    fn is_stopping(&self) -> bool {
        false
    }

    fn now(&self) -> Nanos {
        Nanos(0)
    }

    fn block(&self, _worker: usize) -> Blocked<'_> {
        unreachable!("no such job declares a wait")
    }
}
