//! A job of a lane, with options.

use std::hash::Hash;
use std::time::{Duration, Instant};

use super::dispatcher::{Request, Try};
use super::entrant::Entrant;
use super::handle::Lane;
use super::keys::Key;
use crate::error::{SubmitError, TrySubmitError};
use crate::pool_handle::into_try;
use crate::run::cancel::CancelToken;
use crate::run::context::{Body, Fallible, JobContext};
use crate::run::gate::Waiter;
use crate::run::handle::JobHandle;
use crate::run::priority::Priority;
use crate::run::submission::Submission;
use crate::run::submit::WhenFull;
use crate::run::terms::Terms;
use crate::sync::thread;

/// The options of one job of a lane; made by [`Lane::job`] and [`Lane::key`].
#[derive(Clone, Debug)]
#[must_use = "nothing is submitted until one of the submit methods is called"]
pub struct LaneJob<'a> {
    pub(super) lane: &'a Lane,
    pub(super) terms: Terms,
    pub(super) key: Key,
    pub(super) cost: u32,
}

impl Lane {
    /// A job with options, of a kind as with [`PoolHandle::job`](crate::PoolHandle::job).
    pub fn job(&self, kind: &'static str) -> LaneJob<'_> {
        let kind = self.pool.core.shared.kinds.id(kind);
        LaneJob { terms: Terms::of_kind(kind), ..self.plain() }
    }

    /// A job for somebody: a customer, a user, a file. The keys that have jobs waiting in the lane
    /// take turns, so a thousand jobs of one do not keep the next one waiting for more than a
    /// round. Any number of keys: one is known to the lane only as long as it has jobs there.
    ///
    /// ```
    /// use springtide::Pool;
    ///
    /// let pool = Pool::builder("fair").workers(1..=4).build()?;
    /// let lane = pool.lane("tenants").max_running_per_key(1).build()?;
    /// let first = lane.key("ebb").submit(|_| 1)?;
    /// let second = lane.key("ebb").submit(|_| 2)?; // Not before the first one is over.
    /// let other = lane.key("flood").submit(|_| 3)?; // Waits for neither.
    /// assert_eq!((first.join()?, second.join()?, other.join()?), (1, 2, 3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn key(&self, key: impl Hash) -> LaneJob<'_> {
        self.plain().key(key)
    }

    pub(super) fn plain(&self) -> LaneJob<'_> {
        LaneJob { lane: self, terms: Terms::default(), key: None, cost: 1 }
    }
}

impl LaneJob<'_> {
    /// Whom the job is for; see [`Lane::key`]. The key is hashed and not kept.
    pub fn key(mut self, key: impl Hash) -> Self {
        self.key = self.lane.room.dispatcher.key(&key);
        self
    }

    /// What the job costs its key and its lane of their shares; 1 unless set, 0 counts as 1.
    ///
    /// ```
    /// use springtide::Pool;
    /// use std::sync::mpsc::channel;
    ///
    /// let pool = Pool::builder("pages").workers(1..=1).build()?;
    /// let lane = pool.lane("customers").max_running(0).build()?;
    /// let (send, order) = channel();
    /// let (long, short) = (("ebb", 3), ("flood", 1));
    /// for (customer, pages) in [long, long, short, short, short] {
    ///     let send = send.clone();
    ///     lane.key(customer).cost(pages).execute(move |_| drop(send.send(customer)))?;
    /// }
    /// lane.reconfigure(|lane| lane.max_running = Some(1))?;
    /// let order: Vec<_> = order.iter().take(5).collect();
    /// assert_eq!(order, ["ebb", "flood", "flood", "flood", "ebb"]); // Three pages each, and on.
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cost(mut self, cost: u32) -> Self {
        self.cost = cost.max(1);
        self
    }

    /// The job is not run once it has waited this long, in the lane and in the pool's queue; it
    /// ends as expired. One that expires in the lane is found out when its turn comes.
    pub fn expires_in(mut self, after: Duration) -> Self {
        self.terms.special().expires_in = Some(after);
        self
    }

    /// How long the job may run; as [`JobBuilder::timeout`](crate::JobBuilder::timeout).
    pub fn timeout(mut self, after: Duration) -> Self {
        self.terms.special().timeout = Some(after);
        self
    }

    /// [`LaneJob::deadline`] so long from this call on.
    pub fn deadline_in(mut self, after: Duration) -> Self {
        self.terms.special().deadline = Some(self.lane.pool.core.shared.now().after(after));
        self
    }

    /// The moment by which the job must be over, and what it submits; as
    /// [`JobBuilder::deadline`](crate::JobBuilder::deadline).
    pub fn deadline(mut self, at: Instant) -> Self {
        self.terms.special().deadline = Some(self.lane.pool.core.shared.clock.moment_of(at));
        self
    }

    /// Submitted by a job with a deadline, this one does not inherit it. It may have its own.
    pub fn without_inherited_deadline(mut self) -> Self {
        self.terms.special().outlives = true;
        self
    }

    /// Where the job waits once it has left the lane; as
    /// [`JobBuilder::priority`](crate::JobBuilder::priority). In the lane it makes no difference.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.terms.priority = priority;
        self
    }

    /// Puts the job under a token; as [`JobBuilder::token`](crate::JobBuilder::token). While it
    /// waits in the lane it is queued. While its submitter waits for room there, a cancel gives it
    /// back.
    pub fn token(mut self, token: &CancelToken) -> Self {
        self.terms.special().token = Some(token.clone());
        self
    }

    /// [`Lane::submit`] with these options.
    ///
    /// # Errors
    ///
    /// As [`Lane::submit`].
    pub fn submit<F, T>(self, job: F) -> Result<JobHandle<T>, SubmitError<F>>
    where
        F: FnOnce(&JobContext<'_>) -> T + Send + 'static,
        T: Send + 'static,
    {
        let when_full = self.lane.pool.when_full();
        self.enter(job, when_full, |job| job)
    }

    /// [`Lane::try_submit`] with these options.
    ///
    /// # Errors
    ///
    /// As [`Lane::try_submit`].
    pub fn try_submit<F, T>(self, job: F) -> Result<JobHandle<T>, TrySubmitError<F>>
    where
        F: FnOnce(&JobContext<'_>) -> T + Send + 'static,
        T: Send + 'static,
    {
        self.enter(job, WhenFull::Refuse, |job| job).map_err(into_try)
    }

    /// [`Lane::submit_timeout`] with these options.
    ///
    /// # Errors
    ///
    /// As [`Lane::submit_timeout`].
    pub fn submit_timeout<F, T>(
        self,
        job: F,
        timeout: Duration,
    ) -> Result<JobHandle<T>, SubmitError<F>>
    where
        F: FnOnce(&JobContext<'_>) -> T + Send + 'static,
        T: Send + 'static,
    {
        let when_full = self.lane.pool.until(timeout);
        self.enter(job, when_full, |job| job)
    }

    /// [`Lane::execute`] with these options.
    ///
    /// # Errors
    ///
    /// As [`Lane::execute`].
    pub fn execute<F>(self, job: F) -> Result<(), SubmitError<F>>
    where
        F: FnOnce(&JobContext<'_>) + Send + 'static,
    {
        self.submit(job).map(JobHandle::detach)
    }

    /// [`Lane::submit_fallible`] with these options.
    ///
    /// # Errors
    ///
    /// As [`Lane::submit`].
    pub fn submit_fallible<F, T, E>(self, job: F) -> Result<JobHandle<Result<T, E>>, SubmitError<F>>
    where
        F: FnOnce(&JobContext<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        let when_full = self.lane.pool.when_full();
        self.enter(job, when_full, Fallible)
    }

    /// Gets in a job whose body is made only then: whoever is refused gets back what it brought.
    pub(super) fn enter<J, M, B, T>(
        self,
        job: J,
        when_full: WhenFull,
        body: M,
    ) -> Result<JobHandle<T>, SubmitError<J>>
    where
        M: FnOnce(J) -> B,
        B: Body<T>,
        T: Send + 'static,
    {
        let LaneJob { lane, terms, key, cost } = self;
        let core = &lane.pool.core;
        let waits = !matches!(when_full, WhenFull::Refuse);
        let request = Request { row: lane.room.row, key, cost, waits };
        let make = |(job, body): (J, M)| body(job);
        let mut entrant = Entrant::new(&lane.room, terms, (job, body));
        // In the span of the submitter, not in that of the submission.
        entrant.number(&core.shared);
        let submission = Submission::begin(&core.shared);
        let _inside = submission.enter();
        let mut was_called = false;
        let refusal = loop {
            let waiter = || Waiter::thread(thread::current());
            let waiter = match entrant.enter(core, &request, was_called, waiter, make) {
                Try::In(handle) => return Ok(handle),
                Try::Refused(refusal) => break refusal,
                Try::Waits(waiter) => waiter,
            };
            let gives_up = match when_full {
                WhenFull::WaitUntil(deadline) => entrant.gives_up(&core.shared).by(deadline),
                _ => entrant.gives_up(&core.shared),
            };
            let waited = lane.room.dispatcher.wait(core, request.row, &waiter, &gives_up);
            if let Err(refusal) = waited {
                break refusal;
            }
            was_called = true;
        };
        Err(SubmitError::new(entrant.take_back().0, refusal))
    }
}
