//! The submitter's end of a job: wait for it, await it, cancel it, or let it go.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::attempt;
use super::desk::Desk;
use super::job::{Receipt, Tracked};
use super::shared::Shared;
use super::ticket::JobId;
use super::waiter::JobWaiter;
use crate::error::{CancelReason, JobError};
use crate::sync::Arc;
use crate::sync::thread;

/// How long a waiting thread sleeps at most before it looks again by itself.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Looks at the result before a waiting thread sleeps: together as long as sleeping and being woken
/// takes, some microseconds. Half as many did as well, but not each time.
const LOOKS: u32 = if cfg!(shuttle) { 1 } else { 20 };
/// Who waits for less does not look again: a yield may take a turn of the scheduler, 4 ms, and what
/// it spares are microseconds.
const WORTH_LOOKING: Duration = Duration::from_millis(20);

/// The result to come of one job: join it, or await it on any executor.
///
/// Dropping the handle lets the job go on by itself (see [`JobHandle::cancel_on_drop`]).
///
/// ```
/// use springtide::Pool;
///
/// let pool = Pool::builder("handles").workers(1..=2).build()?;
/// let handle = pool.submit(|| 6 * 7)?;
/// assert_eq!(handle.join()?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping the handle detaches the job; use execute() if the result does not matter"]
pub struct JobHandle<T> {
    job: Receipt<T>,
    shared: Arc<Shared>,
    cancel_on_drop: bool,
}

impl<T: Send + 'static> JobHandle<T> {
    pub(crate) fn new(job: Receipt<T>, shared: Arc<Shared>) -> Self {
        JobHandle { job, shared, cancel_on_drop: false }
    }

    /// Waits for the job and returns what it returned.
    ///
    /// Called from inside one of the pool's own jobs it first tries to run the awaited job itself,
    /// here and now, so that jobs waiting for jobs cannot use up the workers. No other job is ever
    /// run on a waiting thread: a lock held by the caller is not met again from below.
    ///
    /// # Errors
    ///
    /// [`JobError`] if the job panicked, was cancelled, expired or ran past its timeout.
    pub fn join(self) -> Result<T, JobError> {
        match self.wait(None) {
            Ok(result) => result,
            Err(_) => unreachable!("a wait without a deadline ends with a result"),
        }
    }

    /// Waits for the job, but not longer than `timeout`; then the handle comes back.
    ///
    /// Inside one of the pool's own jobs the awaited job may be run by the caller, as with
    /// [`JobHandle::join`], and then this takes as long as it takes.
    ///
    /// # Errors
    ///
    /// The handle, if the job was not over in time.
    pub fn join_timeout(self, timeout: Duration) -> Result<Result<T, JobError>, Self> {
        self.wait(Some(timeout))
    }

    /// The result if it is there already.
    ///
    /// # Errors
    ///
    /// The handle, if the job is not over.
    pub fn try_join(mut self) -> Result<Result<T, JobError>, Self> {
        self.job.take().ok_or(self)
    }

    /// Looks a few times before it sleeps, if a core is free: a short job is over before its waiter
    /// would be asleep, and then neither has to be woken (0.5 µs a call instead of 4.9).
    fn look_again(&self) {
        for _ in 0..LOOKS {
            if self.job.is_published() || !self.shared.may_look_again() {
                return;
            }
        }
    }

    fn wait(mut self, timeout: Option<Duration>) -> Result<Result<T, JobError>, Self> {
        if let Some(result) = self.job.take() {
            return Ok(result);
        }
        let desk = Desk::here();
        if let Some(desk) = desk.as_ref().filter(|desk| desk.is_of(&self.shared)) {
            self.run_here(desk);
        }
        let deadline = timeout.map(|timeout| self.shared.now().after(timeout));
        if timeout.is_none_or(|timeout| timeout >= WORTH_LOOKING) {
            self.look_again();
        }
        // A worker waits, whichever pool's job it waits for.
        let _mark = desk.as_ref().map(|desk| desk.shared.blocked(desk.index));
        loop {
            let was_delayed = self.job.job().ticket().is_delayed();
            let waiter = || JobWaiter::Thread(thread::current());
            if let Some(result) = self.job.take_or_wait(waiter) {
                return Ok(result);
            }
            if was_delayed && self.came_due(desk.as_deref()) {
                continue;
            }
            if self.runs_from_room(desk.as_deref()) {
                continue;
            }
            let left = deadline.map_or(LOOK_AGAIN, |deadline| deadline.since(self.shared.now()));
            if left.is_zero() {
                return Err(self);
            }
            thread::park(self.shared.parker.timeout(Some(left.min(LOOK_AGAIN))));
            if self.job.is_published() || was_delayed && self.came_due(desk.as_deref()) {
                continue;
            }
            if self.shared.is_forked() {
                return Ok(Err(JobError::forked()));
            }
            // The supervisor finds out whether a wake-up got lost.
            self.shared.sleep.ring();
        }
    }

    /// The result if it is there; otherwise leaves whom to wake, in place of whoever was left
    /// before. Unlike a poll it never runs the job.
    pub(crate) fn take_or_leave(&mut self, waker: Waker) -> Option<Result<T, JobError>> {
        self.job.take_or_wait(|| JobWaiter::Task(waker))
    }

    /// The job, for whoever may run or cancel it in its handle's stead.
    pub(crate) fn tracked(&self) -> Arc<dyn Tracked> {
        self.job.share()
    }

    /// Whether a job that was delayed no longer is; then a worker of its pool runs it at once.
    fn came_due(&self, desk: Option<&Desk>) -> bool {
        let is_due = !self.job.job().ticket().is_delayed();
        if let Some(desk) = desk.filter(|desk| is_due && desk.is_of(&self.shared)) {
            self.run_here(desk);
        }
        is_due
    }

    /// A job in a room is not there for the taking at any time: what its limits forbade before they
    /// may allow now that whoever keeps the room can wake this waiter. True if the job is over.
    fn runs_from_room(&self, desk: Option<&Desk>) -> bool {
        let ticket = self.job.job().ticket();
        if ticket.seat().is_none() || !ticket.claim.is_queued() {
            return false;
        }
        if let Some(desk) = desk.filter(|desk| desk.is_of(&self.shared)) {
            self.run_here(desk);
        }
        self.job.is_published()
    }

    /// Runs the awaited job on this worker if it is still queued.
    fn run_here(&self, desk: &Desk) {
        attempt::take_over(desk, self.job.share());
    }
}

impl<T> JobHandle<T> {
    /// Whether the result is there.
    pub fn is_finished(&self) -> bool {
        self.job.is_published()
    }

    /// Asks that the job not run. True if it had not started: it never will, what it captured has
    /// been freed, and the handle resolves as cancelled. False if it is running, in which case its
    /// [`JobContext::is_cancelled`](crate::JobContext::is_cancelled) now says so and the handle
    /// resolves with whatever it returns, or if it is over.
    pub fn cancel(&self) -> bool {
        attempt::cancel(&self.shared, self.job.job(), CancelReason::Requested)
    }

    /// Makes the drop of this handle cancel the job, as [`JobHandle::cancel`] does.
    pub fn cancel_on_drop(mut self) -> Self {
        self.cancel_on_drop = true;
        self
    }

    /// Lets the job go on by itself; its result will be dropped by the worker.
    pub fn detach(mut self) {
        self.cancel_on_drop = false;
    }

    /// The job's number.
    pub fn id(&self) -> JobId {
        self.job.job().ticket().id
    }
}

impl<T: Send + 'static> Future for JobHandle<T> {
    type Output = Result<T, JobError>;

    /// Resolves with the job's result. Polled from inside one of the pool's own jobs, it runs the
    /// awaited job if that is still queued, as [`JobHandle::join`] does.
    ///
    /// # Cancellation
    ///
    /// Dropping the future is dropping the handle.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let handle = self.get_mut();
        if handle.job.job().ticket().claim.is_queued()
            && let Some(desk) = Desk::of(&handle.shared)
        {
            handle.run_here(&desk);
        }
        let was_delayed = handle.job.job().ticket().is_delayed();
        let waiter = || JobWaiter::Task(cx.waker().clone());
        let mut result = handle.job.take_or_wait(waiter);
        if result.is_none() && handle.runs_from_room(Desk::here().as_deref()) {
            result = handle.job.take();
        }
        match result {
            Some(result) => Poll::Ready(result),
            None if handle.shared.is_forked() => Poll::Ready(Err(JobError::forked())),
            None => {
                if was_delayed && !handle.job.job().ticket().is_delayed() {
                    // It came due before it was known whom to wake.
                    cx.waker().wake_by_ref();
                }
                Poll::Pending
            }
        }
    }
}

impl<T> Drop for JobHandle<T> {
    fn drop(&mut self) {
        if self.cancel_on_drop && !self.job.is_published() {
            attempt::cancel(&self.shared, self.job.job(), CancelReason::Requested);
        }
    }
}

impl<T> std::fmt::Debug for JobHandle<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobHandle")
            .field("id", &self.job.job().ticket().id)
            .field("finished", &self.job.is_published())
            .finish_non_exhaustive()
    }
}
