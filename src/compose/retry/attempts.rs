//! The attempts at one job, one after the other: run, judge, wait, run again.
//!
//! Each attempt is a job of the pool, with its own place in the accounts. Between two of them
//! nothing holds a worker: the next one is a delayed job.

use std::time::Duration;

use super::policy::{Retry, chance};
use super::retry_error::RetryError;
use crate::compose::delay;
use crate::compose::promise::Promise;
use crate::error::{CancelReason, JobError};
use crate::observer::RetryStopped;
use crate::outcome::Refusal;
use crate::retry_stop::RetryStop;
use crate::run::attempt;
use crate::run::cancel::CancelToken;
use crate::run::context::{Fallible, JobContext};
use crate::run::handle::JobHandle;
use crate::run::job::Tracked;
use crate::run::news;
use crate::run::panics::{catch, contain};
use crate::run::submission::Submitter;
use crate::run::submit;
use crate::run::terms::Terms;
use crate::scale::Core;
use crate::sync::{Arc, Mutex};
use crate::time::Nanos;

/// What the attempts have in common with the handle that waits for them.
pub(crate) struct Course<T, E> {
    pub(crate) promise: Promise<Result<T, RetryError<E>>>,
    current: Mutex<Current>,
}

#[derive(Default)]
struct Current {
    job: Option<Arc<dyn Tracked>>,
    is_cancelled: bool,
}

impl<T, E> Course<T, E> {
    pub(crate) fn new() -> Arc<Course<T, E>> {
        Arc::new(Course { promise: Promise::new(), current: Mutex::default() })
    }

    /// The attempt that waits or runs.
    pub(crate) fn current(&self) -> Option<Arc<dyn Tracked>> {
        self.current.lock().job.clone()
    }

    fn is_cancelled(&self) -> bool {
        self.current.lock().is_cancelled
    }

    /// Lets no further attempt begin and tells the one that runs. True if none runs.
    pub(crate) fn cancel(&self, core: &Core) -> bool {
        let job = {
            let mut current = self.current.lock();
            current.is_cancelled = true;
            current.job.clone()
        };
        job.is_some_and(|job| attempt::cancel(&core.shared, &*job, CancelReason::Requested))
    }

    /// This attempt is next. One that was to be cancelled meanwhile is, here.
    pub(crate) fn follow(&self, core: &Core, job: Arc<dyn Tracked>) {
        let is_cancelled = {
            let mut current = self.current.lock();
            current.job = Some(Arc::clone(&job));
            current.is_cancelled
        };
        if is_cancelled {
            attempt::cancel(&core.shared, &*job, CancelReason::Requested);
        }
    }
}

/// One job and what is known of it between its attempts.
pub(crate) struct Attempts<F, T, E> {
    pub(crate) job: F,
    pub(crate) retry: Retry<E>,
    pub(crate) terms: Terms,
    pub(crate) core: Arc<Core>,
    pub(crate) course: Arc<Course<T, E>>,
    pub(crate) began: Nanos,
    pub(crate) seed: u64,
    pub(crate) submitter: Submitter,
    /// The last error that an attempt returned.
    pub(crate) last: Mutex<Option<E>>,
}

impl<F, T, E> Attempts<F, T, E>
where
    F: Fn(&JobContext<'_>) -> Result<T, E> + Send + Sync + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    /// What the pool runs.
    pub(crate) fn body(
        self: &Arc<Self>,
    ) -> Fallible<impl FnOnce(&JobContext<'_>) -> Result<T, E> + Send + use<F, T, E>> {
        let all = Arc::clone(self);
        Fallible(move |cx: &JobContext<'_>| (all.job)(cx))
    }

    /// Follows an attempt that was submitted.
    pub(crate) fn watch(self: Arc<Self>, number: u32, handle: JobHandle<Result<T, E>>) {
        let course = Arc::clone(&self.course);
        let over = move |result| self.over(number, result);
        handle.on_end_or_due(over, move || course.promise.nudge());
    }

    fn over(self: Arc<Self>, number: u32, result: Result<Result<T, E>, JobError>) {
        let lost = match result {
            Ok(Ok(value)) => return self.course.promise.keep(Ok(value)),
            Ok(Err(error)) => {
                let before = self.last.lock().replace(error);
                contain(|| drop(before));
                None
            }
            Err(lost) => Some(lost),
        };
        let stop = match self.decide(number, lost.as_ref()) {
            Ok(delay) => match self.again(number + 1, delay) {
                Ok(()) => return,
                Err(Refusal::Shutdown) => RetryStop::Cancelled(CancelReason::Shutdown),
                Err(refusal) => RetryStop::Refused(refusal),
            },
            Err(stop) => stop,
        };
        let never_ran = lost.as_ref().is_some_and(|lost| lost.is_cancelled() || lost.is_expired());
        self.end(stop, number - u32::from(never_ran), lost);
    }

    /// The job is over for good.
    fn end(&self, stop: RetryStop, attempts: u32, lost: Option<JobError>) {
        let shared = &self.core.shared;
        news::tell(shared, |to, pool| {
            let (kind, elapsed) = (self.terms.kind, shared.now().since(self.began));
            let kind = shared.kinds.name(kind);
            to.retry_stopped(&RetryStopped { pool, kind, attempts, stop, elapsed });
        });
        let last = self.last.lock().take();
        self.course.promise.keep(Err(RetryError::new(stop, attempts, last, lost)));
    }

    /// How long to wait after this attempt.
    fn decide(&self, number: u32, lost: Option<&JobError>) -> Result<Duration, RetryStop> {
        if self.course.is_cancelled() {
            return Err(RetryStop::Cancelled(CancelReason::Requested));
        }
        if self.terms.token().is_some_and(CancelToken::is_cancelled) {
            return Err(RetryStop::Cancelled(CancelReason::Token));
        }
        match lost {
            Some(lost) => self.is_worth(lost)?,
            None => self.is_retryable()?,
        }
        let shared = &self.core.shared;
        if shared.gate.is_closed() {
            return Err(RetryStop::Cancelled(CancelReason::Shutdown));
        }
        let now = shared.now();
        let chance = chance(self.seed, number);
        let delay = self.retry.delay_after(number, now.since(self.began), chance)?;
        if self.terms.deadline().is_some_and(|deadline| deadline <= now.after(delay)) {
            return Err(RetryStop::TimeSpent);
        }
        if self.core.retries.lock().take(now) { Ok(delay) } else { Err(RetryStop::BudgetSpent) }
    }

    fn is_worth(&self, lost: &JobError) -> Result<(), RetryStop> {
        let wanted = |is_wanted: bool, stop| if is_wanted { Ok(()) } else { Err(stop) };
        match lost {
            _ if lost.is_panicked() => wanted(self.retry.wants_panics(), RetryStop::Panicked),
            _ if lost.is_timed_out() => wanted(self.retry.wants_timeouts(), RetryStop::TimedOut),
            _ if lost.is_expired() => Err(RetryStop::Expired),
            _ if lost.is_lost() => Err(RetryStop::Lost),
            _ => Err(lost.cancel_reason().map_or(RetryStop::Forked, RetryStop::Cancelled)),
        }
    }

    fn is_retryable(&self) -> Result<(), RetryStop> {
        // Not under its lock: the predicate is the user's.
        let Some(last) = self.last.lock().take() else { return Ok(()) };
        let wanted = catch(|| self.retry.wants(&last)).unwrap_or(false);
        *self.last.lock() = Some(last);
        if wanted { Ok(()) } else { Err(RetryStop::NotRetryable) }
    }

    /// Submits the next attempt, to be queued after `delay`.
    fn again(self: &Arc<Self>, number: u32, delay: Duration) -> Result<(), Refusal> {
        let Core { shared, timer, .. } = &*self.core;
        let terms = self.terms.clone().with(|special| {
            special.delay = Some(delay);
            special.retries = number - 1;
            special.more_until = self.retry.more_until(number, self.began, special.deadline);
        });
        let make = |()| submit::tracked_body(shared, terms, self.body());
        let submit = || delay::submit(timer, shared, (), make);
        let handle = self.submitter.submit(submit).map_err(|refused| refused.refusal())?;
        self.course.follow(&self.core, handle.tracked());
        Arc::clone(self).watch(number, handle);
        Ok(())
    }
}
