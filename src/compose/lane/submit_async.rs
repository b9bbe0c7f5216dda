//! Waiting for room in a lane as a future, on any executor.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::dispatcher::{Request, Try};
use super::entrant::Entrant;
use super::handle::Lane;
use super::job::LaneJob;
use crate::compose::task_in_line::TaskGivesUp;
use crate::error::SubmitError;
use crate::outcome::Refusal;
use crate::run::context::JobContext;
use crate::run::gate::Waiter;
use crate::run::handle::JobHandle;
use crate::run::submission::Submission;
use crate::scale::Core;
use crate::sync::Arc;

/// A submission that waits for room in a lane; made by [`Lane::submit_async`] and
/// [`LaneJob::submit_async`].
///
/// Resolves with the job's handle, which is itself a future. The pool's overflow rule does not
/// apply: it waits.
#[must_use = "nothing is submitted until the future is awaited"]
pub struct LaneSubmitAsync<F, T> {
    lane: Lane,
    request: Request,
    /// `None` once resolved.
    entrant: Option<Entrant<F>>,
    enter: Enter<F, T>,
    waiter: Option<Arc<Waiter>>,
    gives_up: Option<TaskGivesUp>,
    submission: Option<Submission>,
}

/// One try to get in.
type Enter<F, T> = fn(&mut Entrant<F>, &Core, &Request, bool, &Context<'_>) -> Try<JobHandle<T>>;

/// # Submitting from async code
impl Lane {
    /// Submits a job, waiting for room in the lane without blocking the thread; on any executor.
    ///
    /// ```
    /// use springtide::{Pool, SubmitError};
    ///
    /// async fn export(pool: &Pool) -> Result<u32, Box<dyn std::error::Error>> {
    ///     let lane = pool.lane("exports").max_running(1).queue_capacity(2).build()?;
    ///     let mut rows = 0;
    ///     for part in 0..10 {
    ///         // Waits while two parts wait already, and holds no thread meanwhile.
    ///         let part = lane.submit_async(move || part).await;
    ///         rows += part.map_err(|refused| refused.to_string())?.await?;
    ///     }
    ///     Ok(rows)
    /// }
    ///
    /// let pool = Pool::builder("reports").workers(1..=2).build()?;
    /// assert_eq!(block_on(export(&pool))?, 45);
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
    /// Dropping the future before it resolves drops the job; nothing was submitted, and whoever
    /// waits behind it gets its turn.
    pub fn submit_async<F, T>(&self, job: F) -> LaneSubmitAsync<F, T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        LaneSubmitAsync::new(self.plain(), job, |entrant, core, request, was_called, cx| {
            let waker = cx.waker().clone();
            let waiter = move || Waiter::task(waker);
            let body = |job: F| move |_: &JobContext<'_>| job();
            entrant.enter(core, request, was_called, waiter, body)
        })
    }
}

impl LaneJob<'_> {
    /// [`Lane::submit_async`] with these options. The wait ends when the job's
    /// [`token`](LaneJob::token) is cancelled and when its [`deadline`](LaneJob::deadline) has
    /// passed: the error then has the job in it.
    ///
    /// # Cancellation
    ///
    /// As [`Lane::submit_async`].
    pub fn submit_async<F, T>(self, job: F) -> LaneSubmitAsync<F, T>
    where
        F: FnOnce(&JobContext<'_>) -> T + Send + 'static,
        T: Send + 'static,
    {
        LaneSubmitAsync::new(self, job, |entrant, core, request, was_called, cx| {
            let waker = cx.waker().clone();
            let waiter = move || Waiter::task(waker);
            entrant.enter(core, request, was_called, waiter, |job| job)
        })
    }
}

impl<F, T> LaneSubmitAsync<F, T> {
    fn new(job: LaneJob<'_>, closure: F, enter: Enter<F, T>) -> LaneSubmitAsync<F, T> {
        let LaneJob { lane, terms, key, cost } = job;
        LaneSubmitAsync {
            lane: lane.clone(),
            request: Request { row: lane.room.row, key, cost, waits: true },
            entrant: Some(Entrant::new(&lane.room, terms, closure)),
            enter,
            waiter: None,
            gives_up: None,
            submission: None,
        }
    }

    /// It does not wait any more.
    fn end(&mut self) {
        (self.gives_up, self.submission) = (None, None);
    }

    fn refused(&mut self, refusal: Refusal) -> SubmitError<F> {
        self.end();
        let entrant = self.entrant.take().expect("it has not resolved");
        SubmitError::new(entrant.take_back(), refusal)
    }

    /// Gives up, if it is time to.
    fn poll_give_up(&mut self, cx: &mut Context<'_>) -> Poll<SubmitError<F>> {
        let (core, row) = (&self.lane.pool.core, self.request.row);
        if let (Some(gives_up), Some(waiter)) = (&mut self.gives_up, &self.waiter)
            && let Poll::Ready(why) = gives_up.poll(cx)
        {
            let refusal = self.lane.room.dispatcher.give_up(core, row, waiter, why);
            self.waiter = None;
            return Poll::Ready(self.refused(refusal));
        }
        Poll::Pending
    }
}

// The job is moved out whole and never pinned.
impl<F, T> Unpin for LaneSubmitAsync<F, T> {}

impl<F, T> Future for LaneSubmitAsync<F, T>
where
    F: Send + 'static,
    T: Send + 'static,
{
    type Output = Result<JobHandle<T>, SubmitError<F>>;

    /// # Panics
    ///
    /// If it is polled again after it has resolved.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Poll::Ready(refused) = this.poll_give_up(cx) {
            return Poll::Ready(Err(refused));
        }
        if this.waiter.as_ref().is_some_and(|waiter| waiter.rearm(cx.waker())) {
            return Poll::Pending;
        }
        let was_called = this.waiter.take().is_some();
        let core = &this.lane.pool.core;
        let entrant = this.entrant.as_mut().expect("polled after it resolved");
        entrant.number(&core.shared);
        this.submission.get_or_insert_with(|| Submission::begin(&core.shared));
        match (this.enter)(entrant, core, &this.request, was_called, cx) {
            Try::In(handle) => {
                this.entrant = None;
                this.end();
                Poll::Ready(Ok(handle))
            }
            Try::Refused(refusal) => Poll::Ready(Err(this.refused(refusal))),
            Try::Waits(waiter) => {
                this.waiter = Some(waiter);
                let gives_up = || TaskGivesUp::new(core, entrant.gives_up(&core.shared));
                this.gives_up.get_or_insert_with(gives_up);
                this.poll_give_up(cx).map(Err)
            }
        }
    }
}

impl<F, T> Drop for LaneSubmitAsync<F, T> {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter.take() {
            let (core, row) = (&self.lane.pool.core, self.request.row);
            self.lane.room.dispatcher.leave_line(core, row, &waiter);
        }
    }
}

impl<F, T> std::fmt::Debug for LaneSubmitAsync<F, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LaneSubmitAsync").field("waiting", &self.waiter.is_some()).finish()
    }
}
