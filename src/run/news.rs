//! What the pool's [`Observer`] is told of its jobs. A pool without one pays a look whether there
//! is one.

use std::time::Duration;

use super::job::{Tracked, Unpublished, Withdrawn};
use super::panics::{PanicReport, contain};
use super::shared::Shared;
use super::ticket::{JobId, KindId, Ticket};
use crate::observer::{Failure, JobAccepted, JobEnded, JobRefused, JobStarting, Observer};
use crate::outcome::{Outcome, Refusal};
use crate::sync::Arc;
use crate::time::Nanos;

/// A job as its observer knows it.
#[derive(Clone, Copy)]
pub(crate) struct About {
    kind: KindId,
    id: Option<JobId>,
    attempt: u32,
    worker: Option<usize>,
    queued_at: Nanos,
}

/// What the observer is to know of a job that is about to run; `None` if there is no observer.
#[inline]
pub(crate) fn about(
    shared: &Shared,
    job: Option<&dyn Tracked>,
    worker: Option<usize>,
    queued_at: Nanos,
) -> Option<About> {
    shared.observer.as_ref()?;
    let about = job.map_or(About::without_handle(queued_at), |job| About::of(job.ticket()));
    Some(About { worker, queued_at, ..about })
}

impl About {
    fn of(ticket: &Ticket) -> About {
        let (id, attempt) = (Some(ticket.id), ticket.attempt());
        About { kind: ticket.kind, id, attempt, worker: None, queued_at: ticket.waits_from() }
    }

    fn without_handle(queued_at: Nanos) -> About {
        About { kind: KindId::default(), id: None, attempt: 1, worker: None, queued_at }
    }

    fn ended<'a>(self, shared: &'a Shared, outcome: Outcome, until: Nanos) -> JobEnded<'a> {
        let (pool, kind) = (shared.name.as_str(), shared.kinds.name(self.kind));
        let About { id, attempt, worker, .. } = self;
        let wait = until.since(self.queued_at);
        JobEnded { pool, kind, id, attempt, worker, outcome, wait, run: None, failure: None }
    }
}

/// What is left of a job that has been run.
pub(crate) enum Left {
    Nothing,
    Panic(Box<PanicReport>),
    Result(Unpublished),
}

impl Left {
    /// Shows the result to the handle, if there is one.
    // Always: for a job without a handle it is nothing.
    #[inline(always)]
    pub(crate) fn publish(self) {
        match self {
            Left::Nothing => {}
            Left::Result(unpublished) => unpublished.publish(),
            Left::Panic(report) => forget(report),
        }
    }

    fn lend_failure(&self, look: &mut dyn FnMut(Option<Failure<'_>>)) {
        match self {
            Left::Nothing => look(None),
            Left::Panic(report) => look(Some(Failure::Panicked(report))),
            Left::Result(unpublished) => unpublished.lend_failure(look),
        }
    }
}

#[cold]
fn forget(report: Box<PanicReport>) {
    drop(report);
}

/// A job with a handle was accepted, and may be anywhere by now.
#[inline]
pub(crate) fn accepted(shared: &Shared, job: impl FnOnce() -> Arc<dyn Tracked>) {
    if shared.observer.is_some() {
        tell_accepted(shared, Arrival::of(&*job(), shared.now()));
    }
}

/// A job that was accepted.
#[derive(Clone, Copy)]
pub(crate) struct Arrival {
    about: About,
    delay: Option<Duration>,
}

impl Arrival {
    pub(crate) fn of(job: &dyn Tracked, now: Nanos) -> Arrival {
        let ticket = job.ticket();
        let delay = ticket.delay().map(|_| ticket.queued_at.since(now));
        Arrival { about: About::of(ticket), delay }
    }

    pub(crate) fn without_handle(now: Nanos) -> Arrival {
        Arrival { about: About::without_handle(now), delay: None }
    }
}

/// Tells of a job that was accepted.
#[cold]
pub(crate) fn tell_accepted(shared: &Shared, job: Arrival) {
    if let Some(observer) = here(shared, None) {
        let Arrival { about: About { kind, id, attempt, .. }, delay } = job;
        let (pool, kind) = (shared.name.as_str(), shared.kinds.name(kind));
        contain(|| observer.job_accepted(&JobAccepted { pool, kind, id, attempt, delay }));
    }
}

/// A job is about to run. Returns when: after the hook, which is part of its wait.
#[inline]
pub(crate) fn starting(shared: &Shared, job: &Option<About>, now: Nanos) -> Nanos {
    job.as_ref().map_or(now, |job| tell_starting(shared, job, now))
}

#[cold]
fn tell_starting(shared: &Shared, job: &About, now: Nanos) -> Nanos {
    let Some(observer) = here(shared, job.worker) else { return now };
    let event = JobStarting {
        pool: shared.name.as_str(),
        kind: shared.kinds.name(job.kind),
        id: job.id,
        attempt: job.attempt,
        worker: job.worker,
        wait: now.since(job.queued_at),
    };
    contain(|| observer.job_starting(&event));
    shared.stamp()
}

/// A job has been run, in this time, and is counted. Returns when the next one may start.
#[inline]
pub(crate) fn ended(
    shared: &Shared,
    job: &Option<About>,
    (started, ended): (Nanos, Nanos),
    outcome: Outcome,
    left: &Left,
) -> Nanos {
    let Some(job) = job else { return ended };
    let run = Some(ended.since(started));
    tell_ended(shared, JobEnded { run, ..job.ended(shared, outcome, started) }, left);
    shared.stamp()
}

#[cold]
fn tell_ended(shared: &Shared, event: JobEnded<'_>, left: &Left) {
    if let Some(observer) = here(shared, event.worker) {
        left.lend_failure(&mut |failure| {
            contain(|| observer.job_ended(&JobEnded { failure, ..event }));
        });
    }
}

/// A job with a handle will never be run; it is counted.
pub(crate) fn withdrawn(shared: &Shared, job: &Withdrawn<'_>, outcome: Outcome) {
    job.ticket().origin.tell(|| unrun(shared, About::of(job.ticket()), outcome));
}

/// A job without a handle was taken back; it is counted.
pub(crate) fn returned(shared: &Shared, queued_at: Nanos) {
    unrun(shared, About::without_handle(queued_at), Outcome::Returned);
}

fn unrun(shared: &Shared, job: About, outcome: Outcome) {
    if let Some(observer) = here(shared, None) {
        let event = job.ended(shared, outcome, shared.now());
        contain(|| observer.job_ended(&event));
    }
}

/// Counts jobs that were refused, and tells of them.
pub(crate) fn refused(shared: &Shared, reason: Refusal, jobs: u64) {
    shared.outside.count_refusal(reason, jobs);
    turned_away(shared, reason, jobs);
}

/// Tells of jobs that were refused, and are counted elsewhere.
pub(crate) fn turned_away(shared: &Shared, reason: Refusal, jobs: u64) {
    if jobs > 0
        && let Some(observer) = here(shared, None)
    {
        let event = JobRefused { pool: shared.name.as_str(), reason, jobs };
        contain(|| observer.job_refused(&event));
    }
}

/// Tells what is no job's; a panic of the observer's own goes no further.
pub(crate) fn tell(shared: &Shared, news: impl FnOnce(&dyn Observer, &str)) {
    if let Some(observer) = here(shared, None) {
        contain(|| news(observer, shared.name.as_str()));
    }
}

/// The observer, but not in a forked child, which has no workers: a lock that a hook wants may be
/// held there for ever, by a thread that the child does not have.
fn here(shared: &Shared, worker: Option<usize>) -> Option<&dyn Observer> {
    let observer = shared.observer.as_deref()?;
    (worker.is_some() || !shared.is_forked()).then_some(observer)
}
