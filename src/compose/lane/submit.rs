//! Submitting to a lane: the same verbs as those of the pool.

use std::time::Duration;

use super::handle::Lane;
use crate::error::{SubmitError, TrySubmitError};
use crate::pool_handle::into_try;
use crate::run::context::{Fallible, JobContext};
use crate::run::handle::JobHandle;
use crate::run::submit::WhenFull;

/// # Submitting
impl Lane {
    /// Submits a job. When the lane's queue is full, the pool's [`Overflow`](crate::Overflow) rule
    /// applies; `CallerRuns` waits here.
    ///
    /// # Errors
    ///
    /// [`SubmitError`] with the job in it: the lane or the pool is closed, or the lane is full
    /// under [`Overflow::Reject`](crate::Overflow::Reject).
    ///
    /// # Cancellation
    ///
    /// [`JobHandle::cancel`] takes a job out of the lane at once, and frees what it captured.
    pub fn submit<F, T>(&self, job: F) -> Result<JobHandle<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.plain().enter(job, self.pool.when_full(), plain)
    }

    /// Submits a job if there is room in the lane right now.
    ///
    /// ```
    /// use springtide::{Pool, TrySubmitError};
    ///
    /// let pool = Pool::builder("bulkhead").workers(1..=4).build()?;
    /// let lane = pool.lane("partner").max_running(0).queue_capacity(1).build()?;
    /// let waits = lane.try_submit(|| 1)?;
    /// match lane.try_submit(|| 2) {
    ///     Err(TrySubmitError::Full(job)) => assert_eq!(job(), 2),
    ///     other => panic!("{other:?}"),
    /// }
    /// assert_eq!(pool.submit(|| 3)?.join()?, 3); // The pool has room.
    /// lane.reconfigure(|lane| lane.max_running = Some(2))?;
    /// assert_eq!(waits.join()?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`TrySubmitError`] with the job in it: full or closed.
    pub fn try_submit<F, T>(&self, job: F) -> Result<JobHandle<T>, TrySubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.plain().enter(job, WhenFull::Refuse, plain).map_err(into_try)
    }

    /// Submits a job, waiting for room for at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`SubmitError`] with the job in it: the time was up, or the lane or the pool is closed.
    pub fn submit_timeout<F, T>(
        &self,
        job: F,
        timeout: Duration,
    ) -> Result<JobHandle<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.plain().enter(job, self.pool.until(timeout), plain)
    }

    /// [`Lane::submit`] of a job whose `Err` is a failure; as
    /// [`PoolHandle::submit_fallible`](crate::PoolHandle::submit_fallible).
    ///
    /// # Errors
    ///
    /// As [`Lane::submit`].
    pub fn submit_fallible<F, T, E>(
        &self,
        job: F,
    ) -> Result<JobHandle<Result<T, E>>, SubmitError<F>>
    where
        F: FnOnce() -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.plain().enter(job, self.pool.when_full(), |job: F| Fallible(plain(job)))
    }

    /// Submits a job whose result nobody needs. When the lane's queue is full, the pool's
    /// [`Overflow`](crate::Overflow) rule applies. A shutdown that does not wait cancels it; it
    /// does not come back in the report.
    ///
    /// # Errors
    ///
    /// As for [`Lane::submit`].
    pub fn execute<F>(&self, job: F) -> Result<(), SubmitError<F>>
    where
        F: FnOnce() + Send + 'static,
    {
        self.submit(job).map(JobHandle::detach)
    }
}

/// A job that asks nothing of its context.
fn plain<T>(job: impl FnOnce() -> T) -> impl FnOnce(&JobContext<'_>) -> T {
    |_| job()
}
