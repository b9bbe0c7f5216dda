//! Waiting for room in the queue as a future, on any executor.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::error::SubmitError;
use crate::outcome::Refusal;
use crate::pool_handle::PoolHandle;
use crate::run::gate::{Joined, Patience, Waiter};
use crate::run::handle::JobHandle;
use crate::sync::Arc;

/// A submission that waits for room; made by [`PoolHandle::submit_async`].
///
/// Resolves with the job's handle, which is itself a future. The pool's overflow rule does not
/// apply: it waits.
#[must_use = "nothing is submitted until the future is awaited"]
pub struct SubmitAsync<F, T> {
    pool: PoolHandle,
    /// `None` once resolved.
    job: Option<F>,
    waiter: Option<Arc<Waiter>>,
    result: PhantomData<fn() -> T>,
}

/// # Submitting from async code
impl PoolHandle {
    /// Submits a job, waiting for room without blocking the thread; on any executor.
    ///
    /// # Cancellation
    ///
    /// Dropping the future before it resolves drops the job; nothing was submitted.
    pub fn submit_async<F, T>(&self, job: F) -> SubmitAsync<F, T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        SubmitAsync { pool: self.clone(), job: Some(job), waiter: None, result: PhantomData }
    }
}

// The job is moved out whole and never pinned.
impl<F, T> Unpin for SubmitAsync<F, T> {}

impl<F, T> Future for SubmitAsync<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    type Output = Result<JobHandle<T>, SubmitError<F>>;

    /// # Panics
    ///
    /// If it is polled again after it has resolved.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let mut was_called = false;
        if let Some(waiter) = &this.waiter {
            if waiter.rearm(cx.waker()) {
                return Poll::Pending;
            }
            was_called = true;
            this.waiter = None;
        }
        loop {
            let job = this.job.take().expect("polled after it resolved");
            let refused = match this.pool.submit_or_wait(job) {
                Ok(handle) => return Poll::Ready(Ok(handle)),
                Err(refused) if refused.refusal() == Refusal::QueueFull => refused,
                Err(refused) => return Poll::Ready(Err(refused)),
            };
            this.job = Some(refused.into_job());
            let waiter = Waiter::task(cx.waker().clone());
            if this.pool.core.shared.gate.join_line(&waiter, was_called, Patience::None)
                == Joined::Waiting
            {
                this.waiter = Some(waiter);
                return Poll::Pending;
            }
        }
    }
}

impl<F, T> Drop for SubmitAsync<F, T> {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter.take() {
            self.pool.core.shared.gate.leave_line(&waiter);
        }
    }
}

impl<F, T> std::fmt::Debug for SubmitAsync<F, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SubmitAsync").field("waiting", &self.waiter.is_some()).finish()
    }
}
