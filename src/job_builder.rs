//! A job with options.

use std::time::{Duration, Instant};

use crate::error::{SubmitError, TrySubmitError};
use crate::outcome::Refusal;
use crate::pool_handle::{PoolHandle, into_try};
use crate::run::cancel::CancelToken;
use crate::run::context::JobContext;
use crate::run::handle::JobHandle;
use crate::run::job::Task;
use crate::run::priority::Priority;
use crate::run::shared::Shared;
use crate::run::submit::{self, Entry, Terms, WhenFull};
use crate::sync::Arc;

/// The options of one job; made by [`PoolHandle::job`].
///
/// ```
/// use springtide::Pool;
/// use std::time::Duration;
///
/// let pool = Pool::builder("options").workers(1..=2).build()?;
/// let handle = pool
///     .job("resize")
///     .expires_in(Duration::from_secs(5))
///     .timeout(Duration::from_secs(30))
///     .submit(|cx| cx.is_cancelled())?;
/// assert!(!handle.join()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is submitted until one of the submit methods is called"]
pub struct JobBuilder<'a> {
    pub(crate) pool: &'a PoolHandle,
    pub(crate) terms: Terms,
}

/// # Submitting with options
impl PoolHandle {
    /// A job with options, of a kind that shows in [`PoolHandle::running_jobs`] and in shutdown
    /// reports. A pool tells 62 kinds apart; further ones show as `"other"`.
    pub fn job(&self, kind: &'static str) -> JobBuilder<'_> {
        let kind = self.core.shared.kind(kind);
        JobBuilder { pool: self, terms: Terms { kind, ..Terms::default() } }
    }
}

impl JobBuilder<'_> {
    /// The job is not run once it has waited this long; it ends as expired.
    pub fn expires_in(mut self, after: Duration) -> Self {
        self.terms.expires_in = Some(after);
        self
    }

    /// How long the job may run, counted from its start. When the time is up its context says
    /// cancelled and its handle resolves as timed out, even if the job does not notice; its result
    /// is then dropped.
    pub fn timeout(mut self, after: Duration) -> Self {
        self.terms.timeout = Some(after);
        self
    }

    /// The job must be over by then, however long it waits and runs. If it has not started it is
    /// not run and ends as expired; if it runs, it is told and ends as timed out, as with
    /// [`timeout`](JobBuilder::timeout).
    ///
    /// Unlike a timeout, a deadline is inherited. What this job submits, to whatever pool, must be
    /// over by then too, or by a deadline of its own if that is earlier. Only
    /// [`PoolHandle::execute`] and [`try_execute`](PoolHandle::try_execute) leave it out: there is
    /// nobody to be told that such a job expired.
    ///
    /// ```
    /// use springtide::Pool;
    /// use std::time::{Duration, Instant};
    ///
    /// let pool = Pool::builder("requests").workers(1..=2).build()?;
    /// let stages = pool.handle();
    /// let deadline = Instant::now() + Duration::from_secs(10);
    /// let request = pool.job("request").deadline(deadline).submit(move |_| {
    ///     let stage = stages.job("stage").submit(|cx| cx.remaining());
    ///     stage.ok().and_then(|stage| stage.join().ok()).flatten()
    /// })?;
    /// let remaining = request.join()?.expect("the stage has inherited the deadline");
    /// assert!(remaining <= Duration::from_secs(10));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn deadline(mut self, at: Instant) -> Self {
        self.terms.deadline = Some(self.pool.core.shared.clock.moment_of(at));
        self
    }

    /// [`JobBuilder::deadline`] so long from this call on.
    pub fn deadline_in(mut self, after: Duration) -> Self {
        self.terms.deadline = Some(self.pool.core.shared.now().after(after));
        self
    }

    /// Submitted by a job with a deadline, this one does not inherit it. It may have its own.
    pub fn without_inherited_deadline(mut self) -> Self {
        self.terms.outlives = true;
        self
    }

    /// Puts the job under a token, in place of the one before if there is one. If that is cancelled
    /// while the job is queued, the job never runs: what it captured is freed and its place is
    /// given back at that moment, and its handle resolves with
    /// [`CancelReason::Token`](crate::CancelReason::Token). Once the job runs, its
    /// [`JobContext::is_cancelled`] says so. A job whose token is cancelled already is accepted,
    /// and never runs.
    pub fn token(mut self, token: &CancelToken) -> Self {
        self.terms.token = Some(token.clone());
        self
    }

    /// Before or after which others the job starts. Jobs of one priority start in the order in
    /// which they came, and the priorities take turns by the pool's
    /// [`Weights`](crate::Weights); whoever has waited for the pool's
    /// [`ageing`](crate::Builder::ageing) goes before higher ones.
    ///
    /// A job that was submitted inside another one goes to the pool's common queue if its priority
    /// is not the normal one, rather than to the worker's own deque. A job that is joined inside
    /// the pool runs at once, whatever its priority. No running job is interrupted.
    ///
    /// ```
    /// use springtide::{Pool, Priority};
    ///
    /// let pool = Pool::builder("urgent").workers(1..=1).build()?;
    /// let (sent, order) = std::sync::mpsc::channel();
    /// pool.pause();
    /// for (word, priority) in [("index", Priority::Low), ("page", Priority::High)] {
    ///     let sent = sent.clone();
    ///     pool.job(word).priority(priority).execute(move |_| drop(sent.send(word)))?;
    /// }
    /// pool.resume();
    /// assert_eq!((order.recv()?, order.recv()?), ("page", "index"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn priority(mut self, priority: Priority) -> Self {
        self.terms.priority = priority;
        self
    }

    /// [`PoolHandle::submit`] with these options.
    ///
    /// # Errors
    ///
    /// As [`PoolHandle::submit`].
    pub fn submit<F, T>(self, job: F) -> Result<JobHandle<T>, SubmitError<F>>
    where
        F: FnOnce(&JobContext<'_>) -> T + Send + 'static,
        T: Send + 'static,
    {
        let when_full = self.pool.when_full();
        self.enter(job, when_full)
    }

    /// [`PoolHandle::try_submit`] with these options.
    ///
    /// # Errors
    ///
    /// As [`PoolHandle::try_submit`].
    pub fn try_submit<F, T>(self, job: F) -> Result<JobHandle<T>, TrySubmitError<F>>
    where
        F: FnOnce(&JobContext<'_>) -> T + Send + 'static,
        T: Send + 'static,
    {
        self.enter(job, WhenFull::Refuse).map_err(into_try)
    }

    /// [`PoolHandle::submit_timeout`] with these options.
    ///
    /// # Errors
    ///
    /// As [`PoolHandle::submit_timeout`].
    pub fn submit_timeout<F, T>(
        self,
        job: F,
        timeout: Duration,
    ) -> Result<JobHandle<T>, SubmitError<F>>
    where
        F: FnOnce(&JobContext<'_>) -> T + Send + 'static,
        T: Send + 'static,
    {
        let when_full = self.pool.until(timeout);
        self.enter(job, when_full)
    }

    /// [`PoolHandle::execute`] with these options.
    ///
    /// # Errors
    ///
    /// As [`PoolHandle::execute`].
    pub fn execute<F>(self, job: F) -> Result<(), SubmitError<F>>
    where
        F: FnOnce(&JobContext<'_>) + Send + 'static,
    {
        self.submit(job).map(JobHandle::detach)
    }

    fn enter<F, T>(self, job: F, when_full: WhenFull) -> Result<JobHandle<T>, SubmitError<F>>
    where
        F: FnOnce(&JobContext<'_>) -> T + Send + 'static,
        T: Send + 'static,
    {
        self.enter_by(job, |shared| submit::admit(shared, when_full))
    }

    /// Submits a job that is let in by `admit`.
    pub(crate) fn enter_by<F, T>(
        self,
        job: F,
        admit: impl FnOnce(&Arc<Shared>) -> Result<Entry, Refusal>,
    ) -> Result<JobHandle<T>, SubmitError<F>>
    where
        F: FnOnce(&JobContext<'_>) -> T + Send + 'static,
        T: Send + 'static,
    {
        let shared = &self.pool.core.shared;
        match admit(shared) {
            Ok(entry) => Ok(self.deliver(entry, job)),
            Err(refusal) => Err(SubmitError::new(job, refusal)),
        }
    }

    fn deliver<F, T>(self, entry: Entry, job: F) -> JobHandle<T>
    where
        F: FnOnce(&JobContext<'_>) -> T + Send + 'static,
        T: Send + 'static,
    {
        let shared = &self.pool.core.shared;
        let (tracked, handle) = submit::tracked(shared, self.terms, job);
        submit::deliver(shared, entry, Task::Tracked(tracked));
        handle
    }
}
