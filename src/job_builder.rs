//! A job with options.

use std::time::{Duration, Instant};

use crate::compose::delay;
use crate::error::{SubmitError, TrySubmitError};
use crate::outcome::Refusal;
use crate::pool_handle::{PoolHandle, into_try};
use crate::run::cancel::CancelToken;
use crate::run::context::{Body, JobContext};
use crate::run::handle::JobHandle;
use crate::run::job::Task;
use crate::run::priority::Priority;
use crate::run::shared::Shared;
use crate::run::submit::{self, Entry, WhenFull};
use crate::run::terms::Terms;
use crate::scale::Core;
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
        let kind = self.core.shared.kinds.id(kind);
        JobBuilder { pool: self, terms: Terms::of_kind(kind) }
    }
}

impl JobBuilder<'_> {
    /// The job is not run once it has waited this long; it ends as expired.
    pub fn expires_in(mut self, after: Duration) -> Self {
        self.terms.special().expires_in = Some(after);
        self
    }

    /// How long the job may run, counted from its start. When the time is up its context says
    /// cancelled and its handle resolves as timed out, even if the job does not notice; its result
    /// is then dropped.
    pub fn timeout(mut self, after: Duration) -> Self {
        self.terms.special().timeout = Some(after);
        self
    }

    /// The job must be over by then, however long it waits and runs. If it has not started it is
    /// not run and ends as expired; if it runs, it is told and ends as timed out, as with
    /// [`timeout`](JobBuilder::timeout). A submitter that waits for room until then gets it back,
    /// as [`Refusal::Deadline`].
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
        self.terms.special().deadline = Some(self.pool.core.shared.clock.moment_of(at));
        self
    }

    /// [`JobBuilder::deadline`] so long from this call on.
    pub fn deadline_in(mut self, after: Duration) -> Self {
        self.terms.special().deadline = Some(self.pool.core.shared.now().after(after));
        self
    }

    /// Submitted by a job with a deadline, this one does not inherit it. It may have its own.
    pub fn without_inherited_deadline(mut self) -> Self {
        self.terms.special().outlives = true;
        self
    }

    /// Puts the job under a token, in place of the one before if there is one. If that is cancelled
    /// while the job is queued, the job never runs: what it captured is freed and its place is
    /// given back at that moment, and its handle resolves with
    /// [`CancelReason::Token`](crate::CancelReason::Token). Once the job runs, its
    /// [`JobContext::is_cancelled`] says so.
    ///
    /// A submitter that waits for room gets its job back at the moment of the cancel, as
    /// [`Refusal::Cancelled`]. A job whose token is cancelled already is refused so where its
    /// submitter would wait; where there is room it is accepted, and never runs.
    pub fn token(mut self, token: &CancelToken) -> Self {
        self.terms.special().token = Some(token.clone());
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

    /// The job waits so long before it is queued. Until then it is delayed, not queued: it takes no
    /// place in the queue, and [`JobHandle::cancel`] frees what it captured at once.
    ///
    /// A pool has room for [so many](crate::Builder::delayed_capacity) delayed jobs; further ones
    /// are refused, whatever the rule for a full queue. When its time has come a job is queued even
    /// if the queue is full. Its wait is measured from then on, and
    /// [`expires_in`](JobBuilder::expires_in) counts from then on. Zero is no delay,
    /// [`Duration::MAX`] is for ever. What a shutdown does with delayed jobs is up to
    /// [`Builder::delayed_at_shutdown`](crate::Builder::delayed_at_shutdown);
    /// [`wait_idle`](PoolHandle::wait_idle) does not wait for them.
    ///
    /// ```
    /// use springtide::Pool;
    /// use std::time::Duration;
    ///
    /// let pool = Pool::builder("later").workers(1..=2).build()?;
    /// let soon = pool.job("soon").delay(Duration::from_millis(5)).submit(|_| "now")?;
    /// let later = pool.job("later").delay(Duration::from_secs(3600)).submit(|_| "later")?;
    /// assert!(later.cancel());
    /// assert_eq!(soon.join()?, "now");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn delay(mut self, wait: Duration) -> Self {
        self.terms.special().delay = (!wait.is_zero()).then_some(wait);
        self
    }

    /// The job is queued at this time: [`JobBuilder::delay`] by what is left until then.
    ///
    /// ```
    /// use springtide::Pool;
    /// use std::time::{Duration, Instant};
    ///
    /// let pool = Pool::builder("at").workers(1..=2).build()?;
    /// let at = Instant::now() + Duration::from_millis(5);
    /// let ran = pool.job("tick").run_at(at).submit(|_| Instant::now())?;
    /// assert!(ran.join()? >= at);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run_at(self, at: Instant) -> Self {
        let shared = &self.pool.core.shared;
        let wait = shared.clock.moment_of(at).since(shared.now());
        self.delay(wait)
    }

    /// [`PoolHandle::submit`] with these options.
    ///
    /// # Errors
    ///
    /// As [`PoolHandle::submit`], and when the job's token is cancelled or its deadline has passed
    /// while this waits for room.
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

    /// [`PoolHandle::execute`] with these options. What has options is more than a closure, so at a
    /// shutdown that does not wait the job is cancelled; it does not come back in
    /// [`ShutdownReport::returned`](crate::ShutdownReport::returned).
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

    pub(crate) fn enter<F, T>(
        self,
        job: F,
        when_full: WhenFull,
    ) -> Result<JobHandle<T>, SubmitError<F>>
    where
        F: FnOnce(&JobContext<'_>) -> T + Send + 'static,
        T: Send + 'static,
    {
        self.enter_body(job, when_full, |job| job)
    }

    /// Submits a job that is let in by `admit`.
    pub(crate) fn enter_by<F, T>(
        self,
        job: F,
        admit: impl FnOnce(&Arc<Shared>, &Terms) -> Result<Entry, Refusal>,
    ) -> Result<JobHandle<T>, SubmitError<F>>
    where
        F: FnOnce(&JobContext<'_>) -> T + Send + 'static,
        T: Send + 'static,
    {
        self.enter_body_by(job, |job| job, admit)
    }

    /// Gets in a job whose body is made only then: whoever is refused gets back what it brought.
    pub(crate) fn enter_body<J, B, T>(
        self,
        job: J,
        when_full: WhenFull,
        body: impl FnOnce(J) -> B,
    ) -> Result<JobHandle<T>, SubmitError<J>>
    where
        B: Body<T>,
        T: Send + 'static,
    {
        self.enter_body_by(job, body, |shared, terms| submit::admit(shared, when_full, Some(terms)))
    }

    fn enter_body_by<J, B, T>(
        self,
        job: J,
        body: impl FnOnce(J) -> B,
        admit: impl FnOnce(&Arc<Shared>, &Terms) -> Result<Entry, Refusal>,
    ) -> Result<JobHandle<T>, SubmitError<J>>
    where
        B: Body<T>,
        T: Send + 'static,
    {
        let Core { shared, timer, .. } = &*self.pool.core;
        if self.terms.delay().is_some() {
            let make = |job| submit::tracked_body(shared, self.terms, body(job));
            return delay::submit(timer, shared, job, make);
        }
        match admit(shared, &self.terms) {
            Ok(entry) => {
                let (tracked, handle) = submit::tracked_body(shared, self.terms, body(job));
                submit::deliver(shared, entry, Task::Tracked(tracked));
                Ok(handle)
            }
            Err(refusal) => Err(SubmitError::new(job, refusal)),
        }
    }
}
