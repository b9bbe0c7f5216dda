//! Jobs that are waited for together.

use std::future::{Future, poll_fn};
use std::ops::Deref;
use std::task::{Context, Poll};
use std::time::Duration;

use super::inbox::{Inbox, Outcome};
use super::joined::Joined;
use super::progress::{Progress, Report};
use crate::error::{CancelReason, JobError, SubmitError};
use crate::fallible::FallibleError;
use crate::job_builder::JobBuilder;
use crate::pool_handle::PoolHandle;
use crate::run::cancel::CancelToken;
use crate::run::context::JobContext;
use crate::run::handle::JobHandle;
use crate::run::terms::Terms;
use crate::sync::Arc;
use crate::time::Nanos;

/// Jobs that are waited for together; made by [`PoolHandle::job_set`], or by
/// [`JobBuilder::set`](crate::JobBuilder::set) for jobs with options.
///
/// ```
/// use springtide::{JobError, Pool};
///
/// let pool = Pool::builder("set").workers(1..=4).build()?;
/// let set = pool.job_set();
/// for n in 1..=4 {
///     set.submit(move |_| n * 10)?;
/// }
/// assert_eq!(set.join_all().all()?, [10, 20, 30, 40]); // In the order of submission.
///
/// // Or one by one, as they end.
/// let mut set = pool.job_set();
/// ["ebb", "flood"].into_iter().try_for_each(|word| set.submit(|_| word.len()))?;
/// let sum: Result<usize, JobError> = set.by_ref().sum();
/// assert_eq!(sum?, 8);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A job fails if it has no result: it panicked, expired, ran out of time or was cancelled. One
/// that was submitted with [`submit_fallible`](JobSetHandle::submit_fallible) also fails by
/// returning an error. With [`JobSet::fail_fast`] the first failure cancels the rest; without it
/// all jobs run. Either way there is one outcome for each job, and what has succeeded is kept.
///
/// Awaited inside one of the pool's own jobs, a set runs those of its jobs that nobody has begun on
/// the waiting worker, and no others. It holds each outcome until it is taken: for an endless
/// stream of work there is [`PoolHandle::map`].
///
/// # Cancellation
///
/// Dropping the set cancels what is left of it: queued jobs never run, running ones are told and
/// not waited for.
#[must_use = "dropping the set cancels its jobs"]
pub struct JobSet<T: Send + 'static> {
    handle: JobSetHandle<T>,
    report: Option<Report>,
}

/// Adds jobs to a [`JobSet`] from elsewhere, for example from its own jobs; made by
/// [`JobSet::handle`].
///
/// What is added once the set was cancelled or dropped is cancelled. So is what somebody waits to
/// add at that moment, because the queue is full: its outcome is that of a cancelled job, although
/// the pool counts it as refused.
pub struct JobSetHandle<T: Send + 'static> {
    pool: PoolHandle,
    /// All under the token of the set.
    terms: Terms,
    token: CancelToken,
    inbox: Arc<Inbox<T>>,
}

/// # Submitting many and waiting for all
impl PoolHandle {
    /// An empty set of jobs.
    pub fn job_set<T: Send + 'static>(&self) -> JobSet<T> {
        JobSet::new(self, Terms::default())
    }
}

impl JobBuilder<'_> {
    /// An empty set of jobs that all have these options.
    ///
    /// ```
    /// use springtide::Pool;
    /// use std::time::Duration;
    ///
    /// let pool = Pool::builder("pages").workers(1..=4).build()?;
    /// let set = pool.job("page").timeout(Duration::from_secs(5)).set();
    /// set.submit(|cx| cx.remaining().is_some())?;
    /// assert_eq!(set.join_all().all()?, [true]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set<T: Send + 'static>(self) -> JobSet<T> {
        JobSet::new(self.pool, self.terms)
    }
}

impl<T: Send + 'static> JobSetHandle<T> {
    /// Submits a job to the set. When the queue is full, the pool's
    /// [`Overflow`](crate::Overflow) rule applies.
    ///
    /// # Errors
    ///
    /// [`SubmitError`] with the job in it; the set then is as it was.
    pub fn submit<F>(&self, job: F) -> Result<(), SubmitError<F>>
    where
        F: FnOnce(&JobContext<'_>) -> T + Send + 'static,
    {
        self.expect(self.builder().submit(job), |_| false)
    }

    /// Cancels the set: its queued jobs never run, its running ones are told, and so are those that
    /// are added from now on. Their outcomes arrive as those of others do.
    ///
    /// ```
    /// use springtide::{CancelReason, Pool};
    ///
    /// let pool = Pool::builder("search").workers(1..=2).build()?;
    /// pool.pause();
    /// let set = pool.job_set();
    /// (0..3).try_for_each(|place| set.submit(move |_| place))?;
    /// set.cancel(); // It was found elsewhere.
    /// for outcome in set {
    ///     assert_eq!(outcome.unwrap_err().cancel_reason(), Some(CancelReason::Token));
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cancel(&self) {
        self.token.cancel();
    }

    /// The token that all jobs of the set are under. It is a child of the one that was given to
    /// [`JobBuilder::token`], if any was.
    pub fn token(&self) -> &CancelToken {
        &self.token
    }

    /// How far the set has come. Its total is how many jobs it was given so far.
    ///
    /// ```
    /// use springtide::Pool;
    ///
    /// let pool = Pool::builder("rows").workers(1..=2).build()?;
    /// let mut set = pool.job_set();
    /// for row in ["4.6", "broken", "5.1"] {
    ///     set.submit_fallible(move |_| row.parse::<f64>())?;
    /// }
    /// set.by_ref().for_each(drop);
    /// let progress = set.progress();
    /// assert_eq!((progress.done, progress.failed, progress.total), (3, 1, Some(3)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn progress(&self) -> Progress {
        let tally = self.inbox.tally();
        Progress { done: tally.done, failed: tally.failed, total: Some(tally.submitted) }
    }

    /// A job whose submitter waited for room when the set was cancelled is one of the set's all the
    /// same: its caller is to see what went wrong with the set, not that this job came too late.
    fn expect<F>(
        &self,
        submitted: Result<JobHandle<T>, SubmitError<F>>,
        fails: fn(&T) -> bool,
    ) -> Result<(), SubmitError<F>> {
        match submitted {
            Ok(handle) => self.inbox.expect(handle, fails),
            Err(refused) if refused.is_cancelled() => {
                self.inbox.expect_none(JobError::cancelled(CancelReason::Token));
            }
            Err(refused) => return Err(refused),
        }
        Ok(())
    }

    fn builder(&self) -> JobBuilder<'_> {
        JobBuilder { pool: &self.pool, terms: self.terms.clone() }
    }
}

impl<T: Send + 'static, E: Send + 'static> JobSetHandle<Result<T, E>> {
    /// Submits a job whose error counts as a failure.
    ///
    /// # Errors
    ///
    /// As [`JobSetHandle::submit`].
    pub fn submit_fallible<F>(&self, job: F) -> Result<(), SubmitError<F>>
    where
        F: FnOnce(&JobContext<'_>) -> Result<T, E> + Send + 'static,
    {
        self.expect(self.builder().submit_fallible(job), Result::is_err)
    }
}

impl<T: Send + 'static> JobSet<T> {
    fn new(pool: &PoolHandle, terms: Terms) -> JobSet<T> {
        let token = terms.token().map_or_else(CancelToken::new, CancelToken::child);
        let inbox = Inbox::new(&pool.core.shared, Some(token.clone()));
        let terms = terms.with(|special| special.token = Some(token.clone()));
        JobSet { handle: JobSetHandle { pool: pool.clone(), terms, token, inbox }, report: None }
    }

    /// The first failure cancels the rest, as [`JobSetHandle::cancel`] does, at the moment it
    /// happens.
    pub fn fail_fast(self) -> Self {
        self.inbox.cancel_rest_on_failure();
        self
    }

    /// Calls `tell` with the progress on the thread that takes the outcomes, as it takes them: at
    /// most once in `every`, and always when there are none left.
    pub fn on_progress(
        mut self,
        every: Duration,
        tell: impl FnMut(Progress) + Send + 'static,
    ) -> Self {
        self.report = Some(Report::new(every, tell));
        self
    }

    /// To add jobs from elsewhere.
    pub fn handle(&self) -> JobSetHandle<T> {
        self.handle.clone()
    }

    /// Waits for the next outcome as a future, on any executor: in the order in which jobs end,
    /// `None` once all are over.
    ///
    /// ```
    /// use springtide::{JobError, Pool};
    ///
    /// async fn letters(pool: &Pool) -> Result<usize, JobError> {
    ///     let mut set = pool.job_set();
    ///     for word in ["ebb", "flood"] {
    ///         set.submit(move |_| word.len()).expect("the pool is open");
    ///     }
    ///     let mut letters = 0;
    ///     while let Some(length) = set.next_async().await {
    ///         letters += length?;
    ///     }
    ///     Ok(letters)
    /// }
    ///
    /// let pool = Pool::builder("letters").workers(1..=2).build()?;
    /// assert_eq!(block_on(letters(&pool))?, 8);
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
    /// Dropping the future loses nothing: the next one goes on where it was.
    pub fn next_async(&mut self) -> impl Future<Output = Option<Outcome<T>>> + Unpin {
        poll_fn(|cx| self.poll_next(cx))
    }

    /// Waits for the next outcome, but not longer than `timeout`; `None` if the time was up.
    /// `Some(None)` says that all jobs are over.
    pub fn next_timeout(&mut self, timeout: Duration) -> Option<Option<Outcome<T>>> {
        let deadline = self.deadline(timeout);
        let next = self.take_next(Some(deadline))?;
        Some(next.map(|(_, outcome)| outcome))
    }

    /// Waits until all jobs are over, those included that are added meanwhile. Running jobs that
    /// were cancelled are waited for too.
    pub fn join_all(self) -> Joined<T> {
        self.join_until(None)
    }

    /// Waits until all jobs are over, but not longer than `timeout`; then the set is cancelled.
    /// Jobs that had not begun end as cancelled. Those that still run are told to stop, are not
    /// waited for, and end as timed out here.
    ///
    /// ```
    /// use springtide::Pool;
    /// use std::time::Duration;
    ///
    /// let pool = Pool::builder("mirrors").workers(2..=2).build()?;
    /// let set = pool.job_set();
    /// set.submit(|_| "here")?;
    /// set.submit(|cx| {
    ///     while !cx.is_cancelled() {
    ///         std::thread::yield_now(); // It never comes.
    ///     }
    ///     "away"
    /// })?;
    /// let joined = set.join_timeout(Duration::from_millis(50));
    /// assert!(joined.timed_out && joined.outcomes.len() == 2);
    /// assert!(joined.outcomes[1].is_err()); // Timed out, or cancelled if it had not begun.
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join_timeout(self, timeout: Duration) -> Joined<T> {
        let deadline = self.deadline(timeout);
        self.join_until(Some(deadline))
    }

    fn join_until(mut self, deadline: Option<Nanos>) -> Joined<T> {
        let mut ended = Vec::new();
        let is_timed_out = loop {
            match self.take_next(deadline) {
                Some(Some(next)) => ended.push(next),
                Some(None) => break false,
                None => break true,
            }
        };
        if is_timed_out {
            self.token.cancel();
            // The cancelled have arrived by now; the others still run.
            ended.extend(self.inbox.give_up(JobError::timed_out));
            self.tell();
        }
        let first_failure = self.inbox.tally().first_failure;
        Joined::new(ended, first_failure, is_timed_out)
    }

    /// `None` if the time was up.
    fn take_next(&mut self, deadline: Option<Nanos>) -> Option<Option<(usize, Outcome<T>)>> {
        let next = self.inbox.next(deadline).ok()?;
        self.tell();
        Some(next)
    }

    fn tell(&mut self) {
        if let Some(report) = &mut self.report {
            let progress = self.handle.progress();
            let now = self.handle.pool.core.shared.now().as_duration();
            report.tell(now, progress, self.handle.inbox.is_over());
        }
    }

    fn deadline(&self, timeout: Duration) -> Nanos {
        self.inbox.shared().now().after(timeout)
    }

    /// [`JobSet::next_async`] for whoever implements a future or a stream.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Outcome<T>>> {
        let Poll::Ready(next) = self.inbox.poll_next(cx) else { return Poll::Pending };
        self.tell();
        Poll::Ready(next.map(|(_, outcome)| outcome))
    }
}

impl<T: Send + 'static, E: Send + 'static> JobSet<Result<T, E>> {
    /// Waits for the first success and returns it at once: the losers are cancelled, and those
    /// that run are not waited for.
    ///
    /// ```
    /// use springtide::Pool;
    ///
    /// let pool = Pool::builder("mirrors").workers(1..=4).build()?;
    /// let set = pool.job_set();
    /// for mirror in ["north", "south", "east"] {
    ///     set.submit_fallible(move |_| if mirror == "south" { Ok(mirror) } else { Err("away") })?;
    /// }
    /// assert!(matches!(set.first_ok(), Some(Ok("south"))));
    /// assert!(pool.job_set::<Result<(), &str>>().first_ok().is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The first failure in time if all have failed. `None` says that there was nothing to wait
    /// for.
    pub fn first_ok(mut self) -> Option<Result<T, FallibleError<E>>> {
        let mut first = None;
        for outcome in self.by_ref() {
            match FallibleError::flatten(outcome) {
                Ok(value) => return Some(Ok(value)),
                Err(error) => drop(first.get_or_insert(error)),
            }
        }
        first.map(Err)
    }
}

/// The outcomes in the order in which jobs end, each waited for; `None` once all are over, until
/// another one is submitted.
impl<T: Send + 'static> Iterator for JobSet<T> {
    type Item = Result<T, JobError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.take_next(None).flatten().map(|(_, outcome)| outcome)
    }
}

/// What submits works on the set itself too.
impl<T: Send + 'static> Deref for JobSet<T> {
    type Target = JobSetHandle<T>;

    fn deref(&self) -> &JobSetHandle<T> {
        &self.handle
    }
}

impl<T: Send + 'static> Drop for JobSet<T> {
    fn drop(&mut self) {
        self.inbox.abandon();
    }
}

impl<T: Send + 'static> Clone for JobSetHandle<T> {
    fn clone(&self) -> Self {
        JobSetHandle {
            pool: self.pool.clone(),
            terms: self.terms.clone(),
            token: self.token.clone(),
            inbox: Arc::clone(&self.inbox),
        }
    }
}

impl<T: Send + 'static> std::fmt::Debug for JobSet<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobSet").field("progress", &self.progress()).finish_non_exhaustive()
    }
}

impl<T: Send + 'static> std::fmt::Debug for JobSetHandle<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobSetHandle").field("progress", &self.progress()).finish_non_exhaustive()
    }
}
