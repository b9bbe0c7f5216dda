//! What a running job may ask, and say, about itself.

use std::time::Duration;

use super::cancel::CancelToken;
use super::current::Blocked;
use super::ticket::Ticket;
use crate::error::Cancelled;
use crate::time::Nanos;

/// What a running job may ask of its pool: the little of it that a job can see.
pub(crate) trait Surroundings: Sync {
    /// The pool is being shut down without waiting for its jobs.
    fn is_stopping(&self) -> bool;

    fn now(&self) -> Nanos;

    /// Marks a worker as waiting, until the mark is dropped.
    fn block(&self, worker: usize) -> Blocked<'_>;

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
    /// Whether the job should stop: its handle or its token was cancelled, its timeout has passed,
    /// or the pool is being shut down without waiting for it. Reads the clock only if the job has a
    /// timeout.
    pub fn is_cancelled(&self) -> bool {
        self.ticket.claim.is_cancel_requested()
            || self.pool.is_stopping()
            || self.ticket.token().is_some_and(CancelToken::is_cancelled)
            || self.remaining() == Some(Duration::ZERO)
    }

    /// The job's own token, to hand to what it calls and submits: it is cancelled when the job is
    /// told to stop, whatever for, and may be cancelled without stopping the job. A child of the
    /// [token that the job was submitted with](crate::JobBuilder::token), if there is one. Once the
    /// job is over, only that one cancels it.
    ///
    /// It is made when it is first asked for. A job that its submitter runs
    /// ([`Overflow::CallerRuns`](crate::Overflow::CallerRuns)) is not watched, so its timeout does
    /// not cancel the token.
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

    /// The time left until the job's timeout; zero once it has passed, `None` if it has none.
    pub fn remaining(&self) -> Option<Duration> {
        let timeout = self.ticket.timeout()?;
        Some(timeout.saturating_sub(self.pool.now().since(self.started)))
    }

    /// Whether the job has taken longer than its timeout, now that it has ended.
    pub(crate) fn overran(&self) -> bool {
        self.ticket.timeout().is_some_and(|timeout| self.pool.now().since(self.started) > timeout)
    }

    /// When the job's timeout passes, as the time since the pool was built; `None` if it has none.
    pub fn deadline(&self) -> Option<Duration> {
        Some(self.started.after(self.ticket.timeout()?).as_duration())
    }

    /// Which run of the job this is, counted from 1.
    pub fn attempt(&self) -> u32 {
        1
    }

    /// The index of the worker, stable for the life of its thread; `None` if the submitter runs
    /// the job itself.
    pub fn worker_index(&self) -> Option<usize> {
        self.worker
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

    fn token_of(&self, _ticket: &Ticket) -> CancelToken {
        unreachable!("no such job asks for a token")
    }

    fn forget_token_of(&self, _ticket: &Ticket) {}
}
