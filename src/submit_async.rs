//! Waiting for room in the queue as a future, on any executor.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::compose::delay;
use crate::compose::task_in_line::TaskInLine;
use crate::error::SubmitError;
use crate::job_builder::JobBuilder;
use crate::outcome::Refusal;
use crate::pool_handle::PoolHandle;
use crate::run::context::JobContext;
use crate::run::handle::JobHandle;
use crate::run::job::{Task, Tracked};
use crate::run::shared::Shared;
use crate::run::submit;
use crate::run::terms::Terms;
use crate::scale::Core;
use crate::sync::Arc;

/// A submission that waits for room; made by [`PoolHandle::submit_async`] and
/// [`JobBuilder::submit_async`].
///
/// Resolves with the job's handle, which is itself a future. The pool's overflow rule does not
/// apply: it waits.
#[must_use = "nothing is submitted until the future is awaited"]
pub struct SubmitAsync<F, T> {
    pool: PoolHandle,
    terms: Terms,
    /// `None` once resolved.
    job: Option<F>,
    make: Make<F, T>,
    line: TaskInLine,
}

/// Makes the job once it is let in.
type Make<F, T> = fn(&Arc<Shared>, Terms, F) -> (Arc<dyn Tracked>, JobHandle<T>);

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
        SubmitAsync::new(self, Terms::default(), job, |shared, terms, job| {
            submit::tracked(shared, terms, move |_| job())
        })
    }
}

impl JobBuilder<'_> {
    /// [`PoolHandle::submit_async`] with these options. The wait ends when the job's
    /// [`token`](JobBuilder::token) is cancelled and when its [`deadline`](JobBuilder::deadline)
    /// has passed: the error then has the job in it. A delayed job waits for no room.
    ///
    /// ```
    /// use springtide::{CancelToken, Pool};
    ///
    /// let pool = Pool::builder("uploads").workers(1..=1).queue_capacity(1).build()?;
    /// # pool.pause();
    /// # let held = pool.submit(|| ())?;
    /// let request = CancelToken::new();
    /// let upload = pool.job("upload").token(&request).submit_async(|_| "stored");
    /// # let cancelled = request.clone();
    /// # std::thread::spawn(move || cancelled.cancel()); // The client has hung up.
    /// // The queue is full. The client hangs up, and the job comes back:
    /// let refused = block_on(upload).unwrap_err();
    /// assert!(refused.is_cancelled());
    /// # pool.resume();
    /// # fn block_on<T>(future: impl Future<Output = T>) -> T {
    /// #     let mut future = std::pin::pin!(future);
    /// #     let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    /// #     loop {
    /// #         match future.as_mut().poll(&mut cx) {
    /// #             std::task::Poll::Ready(value) => break value,
    /// #             std::task::Poll::Pending => std::thread::yield_now(),
    /// #         }
    /// #     }
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cancellation
    ///
    /// Dropping the future before it resolves drops the job; nothing was submitted.
    pub fn submit_async<F, T>(self, job: F) -> SubmitAsync<F, T>
    where
        F: FnOnce(&JobContext<'_>) -> T + Send + 'static,
        T: Send + 'static,
    {
        SubmitAsync::new(self.pool, self.terms, job, submit::tracked)
    }
}

impl<F, T> SubmitAsync<F, T> {
    fn new(pool: &PoolHandle, terms: Terms, job: F, make: Make<F, T>) -> SubmitAsync<F, T> {
        let line = TaskInLine::new(&pool.core);
        SubmitAsync { pool: pool.clone(), terms, job: Some(job), make, line }
    }
}

// The job is moved out whole and never pinned.
impl<F, T> Unpin for SubmitAsync<F, T> {}

impl<F, T> Future for SubmitAsync<F, T>
where
    F: Send + 'static,
    T: Send + 'static,
{
    type Output = Result<JobHandle<T>, SubmitError<F>>;

    /// # Panics
    ///
    /// If it is polled again after it has resolved.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let SubmitAsync { pool, terms, job: unsent, make, line } = &mut *self;
        let Core { shared, timer, .. } = &*pool.core;
        // Before anything is done for it.
        let job = unsent.take().expect("polled after it resolved");
        if terms.delay().is_some() {
            let make = |job| make(shared, std::mem::take(terms), job);
            return Poll::Ready(delay::submit(timer, shared, job, make));
        }
        let mut turn = line.poll_call(cx);
        let refusal = loop {
            match turn {
                Poll::Pending => {
                    *unsent = Some(job);
                    return Poll::Pending;
                }
                Poll::Ready(Err(why)) => break submit::refuse(shared, why),
                Poll::Ready(Ok(())) => {}
            }
            match line.admit() {
                Ok(entry) => {
                    let (tracked, handle) = make(shared, std::mem::take(terms), job);
                    submit::deliver(shared, entry, Task::Tracked(tracked));
                    line.leave();
                    return Poll::Ready(Ok(handle));
                }
                Err(Refusal::QueueFull) => {}
                Err(refusal) => break refusal,
            }
            turn = line.poll_join(|| terms.gives_up(shared), cx);
        };
        line.leave();
        Poll::Ready(Err(SubmitError::new(job, refusal)))
    }
}

impl<F, T> std::fmt::Debug for SubmitAsync<F, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SubmitAsync").field("waiting", &self.line.is_waiting()).finish()
    }
}
