//! What a running job may ask, and say, about itself; and what it takes to be one.

use std::any::Any;
use std::time::{Duration, Instant};

use super::cancel::CancelToken;
use super::current::Blocked;
use super::deadline::Bequest;
use super::ticket::Ticket;
use crate::error::Cancelled;
use crate::outcome::Outcome;
use crate::time::Nanos;

/// What a running job may ask of its pool: the little of it that a job can see.
pub(crate) trait Surroundings: Sync {
    /// The pool is being shut down without waiting for its jobs.
    fn is_stopping(&self) -> bool;

    fn now(&self) -> Nanos;

    /// Marks a worker as waiting, until the mark is dropped.
    fn block(&self, worker: usize) -> Blocked<'_>;

    /// Notes that a worker's job lives.
    fn beat(&self, worker: usize);

    /// The system's instant at a moment of the pool's clock.
    fn instant_of(&self, at: Nanos) -> Option<Instant>;

    /// Leaves a deadline to what the calling thread submits, until the bequest is dropped.
    fn bequeath(&self, deadline: Nanos) -> Bequest;

    /// The own token of a running job.
    fn token_of(&self, ticket: &Ticket) -> CancelToken;

    /// The job is over that had a token of its own.
    fn forget_token_of(&self, ticket: &Ticket);
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
    pub(crate) ticket: &'a Ticket,
    pub(crate) worker: Option<usize>,
    pub(crate) started: Nanos,
}

impl JobContext<'_> {
    /// Whether the job should stop: its handle or its token was cancelled, its timeout or its
    /// deadline has passed, or the pool is being shut down without waiting for it. Reads the clock
    /// only if the job has a timeout or a deadline.
    pub fn is_cancelled(&self) -> bool {
        self.was_cancelled() || self.remaining() == Some(Duration::ZERO)
    }

    fn was_cancelled(&self) -> bool {
        self.ticket.claim.is_cancel_requested()
            || self.pool.is_stopping()
            || self.ticket.token().is_some_and(CancelToken::is_cancelled)
    }

    /// The job's own token, to hand to what it calls and submits: it is cancelled when the job is
    /// told to stop, whatever for, and may be cancelled without stopping the job. A child of the
    /// [token that the job was submitted with](crate::JobBuilder::token), if there is one. Once the
    /// job is over, only that one cancels it.
    ///
    /// It is made when it is first asked for. A job that its submitter runs
    /// ([`Overflow::CallerRuns`](crate::Overflow::CallerRuns)) is not watched, so neither its
    /// timeout nor its deadline cancels the token.
    ///
    /// ```
    /// use springtide::Pool;
    ///
    /// let pool = Pool::builder("parts").workers(2..=2).build()?;
    /// let parts = pool.handle();
    /// let whole = pool.job("whole").submit(move |cx| {
    ///     let token = cx.token();
    ///     let part = parts.job("part").token(&token).submit(|cx| {
    ///         while !cx.is_cancelled() {
    ///             std::thread::yield_now();
    ///         }
    ///     });
    ///     part.is_ok_and(|part| part.join().is_ok())
    /// })?;
    /// # while pool.stats().running == 0 { std::thread::yield_now(); }
    /// whole.cancel(); // And with it, its part.
    /// whole.join()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn token(&self) -> CancelToken {
        self.pool.token_of(self.ticket)
    }

    /// [`JobContext::is_cancelled`] as a value to put a `?` behind.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] once the job should stop.
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }

    /// The time left until the job's timeout or its [deadline](crate::JobBuilder::deadline),
    /// whichever is nearer; zero once that has passed, `None` if it has neither.
    pub fn remaining(&self) -> Option<Duration> {
        Some(self.ends_by()?.since(self.pool.now()))
    }

    /// The moment when the job's timeout or its [deadline](crate::JobBuilder::deadline) passes,
    /// whichever is nearer; `None` if it has neither.
    pub fn deadline(&self) -> Option<Instant> {
        self.pool.instant_of(self.ends_by()?)
    }

    /// Whether the job has taken too long, now that it has ended.
    pub(crate) fn overran(&self) -> bool {
        self.ends_by().is_some_and(|ends_by| self.pool.now() > ends_by)
    }

    fn ends_by(&self) -> Option<Nanos> {
        self.ticket.ends_by(self.started)
    }

    /// Which run of the job this is, counted from 1.
    pub fn attempt(&self) -> u32 {
        self.ticket.attempt()
    }

    /// Whether this is the last run of the job, as far as that is known now: of a job that is not
    /// [tried again](crate::JobBuilder::retry), always; of one that is, once its attempts are used
    /// up, the time for them or its deadline has passed, or it was cancelled. So that the last
    /// attempt may do what the others leave to the next one.
    ///
    /// `false` promises nothing: whether the error is one to try again, and whether the pool's
    /// [budget](crate::RetryBudget) allows it, turns out when the attempt has failed.
    /// [`RetryHandle::on_end`](crate::RetryHandle::on_end) and
    /// [`Observer::retry_stopped`](crate::Observer::retry_stopped) are told of each end. Reads the
    /// clock only if the job is tried again for a limited time.
    ///
    /// ```
    /// use springtide::{Pool, Retry};
    /// use std::time::Duration;
    ///
    /// let pool = Pool::builder("letters").workers(1..=1).build()?;
    /// let retry = Retry::fixed(Duration::from_millis(1)).max_attempts(3);
    /// let letter = pool.job("send").retry(retry).submit(|cx| match cx.is_last_attempt() {
    ///     false => Err("the office is closed"),
    ///     true => Ok("left at the door"),
    /// })?;
    /// assert_eq!(letter.join().unwrap(), "left at the door");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_last_attempt(&self) -> bool {
        let more_until = self.ticket.more_until();
        let is_over = match more_until {
            Nanos(0) => true,
            Nanos::NEVER => false,
            _ => self.pool.now() >= more_until,
        };
        is_over || self.was_cancelled()
    }

    /// The index of the worker, stable for the life of its thread; `None` if the submitter runs
    /// the job itself.
    pub fn worker_index(&self) -> Option<usize> {
        self.worker
    }

    /// Says that the job lives, for whoever looks at [`JobInfo::heartbeat_age`] or at the metric
    /// `springtide_heartbeat_age_seconds`: a long job that beats at each step can be told from one
    /// that hangs. Costs a reading of the clock and a store, and nothing else follows from it.
    /// Without effect in a job that its submitter runs, which is not listed.
    ///
    /// ```
    /// use springtide::Pool;
    ///
    /// let pool = Pool::builder("import").workers(1..=1).build()?;
    /// let seen = pool.handle();
    /// let import = pool.job("import").submit(move |cx| {
    ///     for _chunk in 0..3 {
    ///         cx.heartbeat();
    ///     }
    ///     seen.running_jobs().iter().all(|job| job.heartbeat_age.is_some())
    /// })?;
    /// assert!(import.join()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// [`JobInfo::heartbeat_age`]: crate::JobInfo::heartbeat_age
    pub fn heartbeat(&self) {
        if let Some(worker) = self.worker {
            self.pool.beat(worker);
        }
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

/// Few jobs have limits: one with a deadline leaves that to what it submits, and one with a seat
/// gives it back.
#[cold]
pub(crate) fn limited(
    pool: &dyn Surroundings,
    ticket: &Ticket,
    started: Nanos,
    run: impl FnOnce() -> Outcome,
) -> Outcome {
    let bequest = ticket.deadline().map(|deadline| pool.bequeath(deadline));
    let outcome = run();
    drop(bequest);
    ticket.leave_seat(outcome, Some(started));
    outcome
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

    fn beat(&self, _worker: usize) {}

    fn instant_of(&self, _at: Nanos) -> Option<Instant> {
        None
    }

    fn bequeath(&self, _deadline: Nanos) -> Bequest {
        Bequest::nothing()
    }

    fn token_of(&self, _ticket: &Ticket) -> CancelToken {
        unreachable!("no such job asks for a token")
    }

    fn forget_token_of(&self, _ticket: &Ticket) {}
}
