//! Submitting a job that is tried again, and waiting for it.

use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::attempts::{Attempts, Course};
use super::policy::Retry;
use super::retry_error::RetryError;
use crate::compose::waiting::{Unmet, wait};
use crate::error::{SubmitError, TrySubmitError};
use crate::job_builder::JobBuilder;
use crate::pool_handle::into_try;
use crate::retry_stop::RetryStop;
use crate::run::attempt;
use crate::run::context::JobContext;
use crate::run::desk::Desk;
use crate::run::job::Tracked;
use crate::run::submission::Submitter;
use crate::run::submit::WhenFull;
use crate::run::waiter::JobWaiter;
use crate::scale::Core;
use crate::sync::{Arc, Mutex};

/// A job with options that is tried again when it fails; made by [`JobBuilder::retry`].
#[derive(Clone, Debug)]
#[must_use = "nothing is submitted until one of the submit methods is called"]
pub struct RetryJob<'a, E> {
    builder: JobBuilder<'a>,
    retry: Retry<E>,
}

/// # Trying again
impl<'a> JobBuilder<'a> {
    /// The job is tried again when it returns an error, as `retry` says. Set the other options
    /// first.
    ///
    /// Each attempt is a job of the pool: it is accepted, measured and counted by its own outcome,
    /// and the other options hold for each of them ([`delay`](JobBuilder::delay) for the first
    /// only). Between two attempts the job is [delayed](JobBuilder::delay): it holds neither a
    /// worker nor a place in the queue, counts as delayed, and ends at a shutdown as the
    /// [rule for delayed jobs](crate::Builder::delayed_at_shutdown) says. A closed pool takes no
    /// further attempt. All jobs of the pool share its
    /// [retry budget](crate::Builder::retry_budget).
    ///
    /// ```
    /// use springtide::{Pool, Retry, RetryStop};
    /// use std::time::Duration;
    ///
    /// let pool = Pool::builder("fetch").workers(1..=2).build()?;
    /// let retry = Retry::exponential(Duration::from_millis(1)).max_attempts(3);
    /// let page = pool.job("page").retry(retry.clone()).submit(|cx| match cx.attempt() {
    ///     1 => Err("busy"),
    ///     attempt => Ok(attempt),
    /// })?;
    /// assert_eq!(page.join().unwrap(), 2);
    ///
    /// let page = pool.job("page").retry(retry).submit(|_| Err::<(), _>("busy"))?;
    /// let error = page.join().unwrap_err();
    /// assert_eq!((error.stop(), error.attempts()), (RetryStop::AttemptsSpent, 3));
    /// assert_eq!(error.last(), Some(&"busy"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn retry<E>(self, retry: Retry<E>) -> RetryJob<'a, E> {
        RetryJob { builder: self, retry }
    }
}

impl<E: Send + 'static> RetryJob<'_, E> {
    /// [`PoolHandle::submit`](crate::PoolHandle::submit) of the first attempt. An attempt that
    /// overran its timeout may still run while the next one does, so the job may be called from
    /// two threads at once.
    ///
    /// # Errors
    ///
    /// As [`PoolHandle::submit`](crate::PoolHandle::submit).
    pub fn submit<F, T>(self, job: F) -> Result<RetryHandle<T, E>, SubmitError<F>>
    where
        F: Fn(&JobContext<'_>) -> Result<T, E> + Send + Sync + 'static,
        T: Send + 'static,
    {
        let when_full = self.builder.pool.when_full();
        self.enter(job, when_full)
    }

    /// [`PoolHandle::try_submit`](crate::PoolHandle::try_submit) of the first attempt.
    ///
    /// # Errors
    ///
    /// As [`PoolHandle::try_submit`](crate::PoolHandle::try_submit).
    pub fn try_submit<F, T>(self, job: F) -> Result<RetryHandle<T, E>, TrySubmitError<F>>
    where
        F: Fn(&JobContext<'_>) -> Result<T, E> + Send + Sync + 'static,
        T: Send + 'static,
    {
        self.enter(job, WhenFull::Refuse).map_err(into_try)
    }

    fn enter<F, T>(self, job: F, when_full: WhenFull) -> Result<RetryHandle<T, E>, SubmitError<F>>
    where
        F: Fn(&JobContext<'_>) -> Result<T, E> + Send + Sync + 'static,
        T: Send + 'static,
    {
        let RetryJob { mut builder, retry } = self;
        let core = Arc::clone(&builder.pool.core);
        builder.terms.inherit_now(&core.shared);
        let terms = builder.terms.clone();
        let course = Course::new();
        let began = core.shared.now();
        let special = builder.terms.special();
        special.more_until = retry.more_until(1, began, special.deadline);
        let seed = retry.fixed_seed().unwrap_or_else(|| RandomState::new().build_hasher().finish());
        let submitter = Submitter::current();
        let mut attempts = None;
        let handle = builder.enter_body(job, when_full, |job| {
            let (core, course) = (Arc::clone(&core), Arc::clone(&course));
            let last = Mutex::default();
            let all = Attempts { job, retry, terms, core, course, began, seed, submitter, last };
            let all = Arc::new(all);
            let body = all.body();
            attempts = Some(all);
            body
        })?;
        core.retries.lock().first(began);
        course.follow(&core, handle.tracked());
        if let Some(attempts) = attempts {
            attempts.watch(1, handle);
        }
        Ok(RetryHandle { core, course, cancel_on_drop: false })
    }
}

/// The result to come of a job that is tried again: join it, or await it on any executor.
///
/// Dropping the handle lets the job go on by itself (see [`RetryHandle::cancel_on_drop`]).
#[must_use = "dropping the handle detaches the job"]
pub struct RetryHandle<T, E> {
    core: Arc<Core>,
    course: Arc<Course<T, E>>,
    cancel_on_drop: bool,
}

type Joined<T, E> = Result<T, RetryError<E>>;

/// What whoever waits finds.
enum Found<T, E> {
    Result(Joined<T, E>),
    /// An attempt that nobody has begun, for a worker to run.
    Queued(Arc<dyn Tracked>),
}

impl<T: Send + 'static, E: Send + 'static> RetryHandle<T, E> {
    /// Waits for the result of the attempt that succeeds.
    ///
    /// Called from inside one of the pool's own jobs it runs the attempts itself that nobody else
    /// has begun, as [`JobHandle::join`](crate::JobHandle::join) does.
    ///
    /// # Errors
    ///
    /// [`RetryError`] if none did: why it was not tried again, how often it was, and the last
    /// error.
    pub fn join(self) -> Result<T, RetryError<E>> {
        match self.wait(None) {
            Ok(result) => result,
            Err(_) => unreachable!("a wait without a deadline ends with a result"),
        }
    }

    /// Waits for the result, but not longer than `timeout`; then the handle comes back.
    ///
    /// # Errors
    ///
    /// The handle, if there was none in time.
    pub fn join_timeout(self, timeout: Duration) -> Result<Result<T, RetryError<E>>, Self> {
        self.wait(Some(timeout))
    }

    /// The result if it is there already.
    ///
    /// # Errors
    ///
    /// The handle, if it is not.
    pub fn try_join(self) -> Result<Result<T, RetryError<E>>, Self> {
        self.course.promise.take().ok_or(self)
    }

    /// Calls `callback` with what comes of the job, instead of waiting for it: at once, if that is
    /// there, and otherwise where the last attempt ends, as with
    /// [`JobHandle::on_end`](crate::JobHandle::on_end). Called whatever the end: by its
    /// [`RetryError::stop`] it knows why there was no further attempt. It is not called for the
    /// attempts before. A panic in it goes no further.
    ///
    /// ```
    /// use springtide::{Pool, Retry, RetryStop};
    /// use std::sync::mpsc::channel;
    /// use std::time::Duration;
    ///
    /// let pool = Pool::builder("letters").workers(1..=2).build()?;
    /// let (send, dead_letters) = channel();
    /// let retry = Retry::fixed(Duration::from_millis(1)).max_attempts(3);
    /// let letter = pool.job("send").retry(retry).submit(|_| Err::<(), _>("no such address"))?;
    /// letter.on_end(move |sent| {
    ///     if let Err(error) = sent {
    ///         let _ = send.send((error.stop(), error.attempts(), error.into_last()));
    ///     }
    /// });
    /// let (stop, attempts, last) = dead_letters.recv()?;
    /// assert_eq!((stop, attempts), (RetryStop::AttemptsSpent, 3));
    /// assert_eq!(last, Some("no such address"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_end(mut self, callback: impl FnOnce(Result<T, RetryError<E>>) + Send + 'static) {
        self.cancel_on_drop = false;
        self.course.promise.hand_to(Box::new(callback));
    }

    fn wait(self, timeout: Option<Duration>) -> Result<Joined<T, E>, Self> {
        let shared = &self.core.shared;
        let deadline = timeout.map(|timeout| shared.now().after(timeout));
        let desk = Desk::of(shared);
        loop {
            match wait(shared, deadline, |waiter| self.look(desk.is_some(), waiter)) {
                Ok(Found::Result(result)) => return Ok(result),
                Ok(Found::Queued(job)) => {
                    desk.iter().for_each(|desk| attempt::take_over(desk, Arc::clone(&job)));
                }
                Err(Unmet::Forked) => return Ok(Err(forked())),
                Err(Unmet::TimedOut) => return Err(self),
            }
        }
    }

    /// The result, or for one who helps what there is to do; otherwise leaves word whom to wake.
    fn look(&self, helps: bool, waiter: JobWaiter) -> Option<Found<T, E>> {
        if let Some(result) = self.course.promise.take_or_leave(waiter) {
            return Some(Found::Result(result));
        }
        let is_startable = |job: &Arc<dyn Tracked>| {
            let ticket = job.ticket();
            ticket.claim.is_queued() && !ticket.is_delayed()
        };
        let job = if helps { self.course.current().filter(is_startable) } else { None };
        job.map(Found::Queued)
    }
}

fn forked<E>() -> RetryError<E> {
    RetryError::new(RetryStop::Forked, 0, None, None)
}

impl<T, E> RetryHandle<T, E> {
    /// Whether the result is there.
    pub fn is_finished(&self) -> bool {
        self.course.promise.is_kept()
    }

    /// Lets no further attempt begin. True if none runs: then it is over, and what the job captured
    /// has been freed. False if one runs, whose context now says so and whose result is the last,
    /// or if it was over.
    pub fn cancel(&self) -> bool {
        self.course.cancel(&self.core)
    }

    /// Makes the drop of this handle cancel the job, as [`RetryHandle::cancel`] does.
    pub fn cancel_on_drop(mut self) -> Self {
        self.cancel_on_drop = true;
        self
    }

    /// Lets the job go on by itself; its result will be dropped.
    pub fn detach(mut self) {
        self.cancel_on_drop = false;
    }

    /// Which attempt waits or runs, counted from 1; the last one when it is over.
    pub fn attempt(&self) -> u32 {
        self.course.current().map_or(1, |job| job.ticket().attempt())
    }
}

impl<T: Send + 'static, E: Send + 'static> Future for RetryHandle<T, E> {
    type Output = Result<T, RetryError<E>>;

    /// Resolves with the result. Polled from inside one of the pool's own jobs, it runs an attempt
    /// that nobody has begun.
    ///
    /// # Cancellation
    ///
    /// Dropping the future is dropping the handle.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let desk = Desk::of(&self.core.shared);
        loop {
            match self.look(desk.is_some(), JobWaiter::Task(cx.waker().clone())) {
                Some(Found::Result(result)) => return Poll::Ready(result),
                Some(Found::Queued(job)) => {
                    desk.iter().for_each(|desk| attempt::take_over(desk, Arc::clone(&job)));
                }
                None if self.core.shared.is_forked() => return Poll::Ready(Err(forked())),
                None => return Poll::Pending,
            }
        }
    }
}

impl<T, E> Drop for RetryHandle<T, E> {
    fn drop(&mut self) {
        if self.cancel_on_drop && !self.is_finished() {
            self.cancel();
        }
        self.course.promise.let_go();
    }
}

impl<T, E> fmt::Debug for RetryHandle<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryHandle")
            .field("attempt", &self.attempt())
            .field("finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}
