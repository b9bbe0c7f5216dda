//! What the pool's [`Observer`]s are told of its jobs. A pool without any pays a look whether there
//! are some.

use std::time::Duration;

use super::job::{Tracked, Unpublished, Withdrawn};
use super::panics::{PanicReport, contain};
use super::shared::Shared;
use super::ticket::{JobId, KindId, Ticket};
use crate::observer::{
    Failure, JobAccepted, JobEnded, JobRefused, JobStarting, Observer, PoolEnded, StateFailed,
    WorkerStarted, WorkerStopped,
};
use crate::outcome::{Outcome, Refusal, StopCause};
use crate::sync::{Arc, may_be_held_up};
use crate::time::Nanos;

/// A job as its observer knows it.
#[derive(Clone, Copy)]
pub(crate) struct About {
    kind: KindId,
    id: Option<JobId>,
    attempt: u32,
    worker: Option<usize>,
    queued_at: Nanos,
    /// How many observers were there when it started.
    told: usize,
}

/// What the observers are to know of a job that is about to run; `None` if there are none.
#[inline]
pub(crate) fn about(
    shared: &Shared,
    job: Option<&dyn Tracked>,
    worker: Option<usize>,
    queued_at: Nanos,
) -> Option<About> {
    if !shared.observers.is_any() {
        return None;
    }
    let about = job.map_or(About::without_handle(queued_at), |job| About::of(job.ticket()));
    Some(About { worker, queued_at, told: shared.observers.count(), ..about })
}

impl About {
    fn of(ticket: &Ticket) -> About {
        let (id, attempt) = (Some(ticket.id), ticket.attempt());
        let queued_at = ticket.waits_from();
        About { kind: ticket.kind, id, attempt, worker: None, queued_at, told: 0 }
    }

    fn without_handle(queued_at: Nanos) -> About {
        let kind = KindId::default();
        About { kind, id: None, attempt: 1, worker: None, queued_at, told: 0 }
    }

    fn ended<'a>(self, shared: &'a Shared, outcome: Outcome, until: Nanos) -> JobEnded<'a> {
        let (pool, kind) = (shared.name.as_str(), shared.kinds.name(self.kind));
        let About { id, attempt, worker, .. } = self;
        let wait = until.since(self.queued_at);
        JobEnded { pool, kind, id, attempt, worker, outcome, wait, run: None, failure: None }
    }
}

/// What is left of a job that has been run.
pub(crate) enum Left<'a> {
    Nothing,
    Panic(Box<PanicReport>),
    Result(Unpublished<'a>),
}

impl Left<'_> {
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
    if shared.observers.is_any() {
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
    let Arrival { about: About { kind, id, attempt, .. }, delay } = job;
    let kind = shared.kinds.name(kind);
    tell(shared, |to, pool| {
        to.job_accepted(&JobAccepted { pool, kind, id, attempt, delay });
    });
}

/// A job is about to run. Returns when: after the hook, which is part of its wait.
#[inline]
pub(crate) fn starting(shared: &Shared, job: &Option<About>, now: Nanos) -> Nanos {
    job.as_ref().map_or(now, |job| tell_starting(shared, job, now))
}

#[cold]
fn tell_starting(shared: &Shared, job: &About, now: Nanos) -> Nanos {
    let event = JobStarting {
        pool: shared.name.as_str(),
        kind: shared.kinds.name(job.kind),
        id: job.id,
        attempt: job.attempt,
        worker: job.worker,
        wait: now.since(job.queued_at),
    };
    tell_first(shared, heard_by(shared, job), |to| to.job_starting(&event));
    shared.stamp()
}

/// A job has been run, in this time, and is counted. Returns when the next one may start.
#[inline]
pub(crate) fn ended(
    shared: &Shared,
    job: &Option<About>,
    (started, ended): (Nanos, Nanos),
    outcome: Outcome,
    left: &Left<'_>,
) -> Nanos {
    let Some(job) = job else { return ended };
    let run = Some(ended.since(started));
    let event = JobEnded { run, ..job.ended(shared, outcome, started) };
    tell_ended(shared, heard_by(shared, job), event, left);
    shared.stamp()
}

#[cold]
fn tell_ended(shared: &Shared, told: usize, event: JobEnded<'_>, left: &Left<'_>) {
    left.lend_failure(&mut |failure| {
        let event = JobEnded { failure, ..event };
        tell_first(shared, told, |to| to.job_ended(&event));
    });
}

/// A job with a handle will never be run; it is counted.
pub(crate) fn withdrawn(shared: &Shared, job: &Withdrawn<'_>, outcome: Outcome) {
    job.ticket().origin.tell(|| unrun(shared, About::of(job.ticket()), outcome));
}

/// A job without a handle was taken back; it is counted.
pub(crate) fn returned(shared: &Shared, queued_at: Nanos) {
    unrun(shared, About::without_handle(queued_at), Outcome::Returned);
}

/// A job is lost with its worker, and is counted.
#[cold]
pub(crate) fn lost(shared: &Shared, ticket: Option<&Ticket>) {
    let about = ticket.map_or_else(|| About::without_handle(shared.now()), About::of);
    unrun(shared, about, Outcome::Lost);
}

fn unrun(shared: &Shared, job: About, outcome: Outcome) {
    if shared.observers.is_any() {
        // Gone and counted, and nobody was told.
        may_be_held_up();
        let event = job.ended(shared, outcome, shared.now());
        tell(shared, |to, _| to.job_ended(&event));
    }
}

/// Counts jobs that were refused, and tells of them.
pub(crate) fn refused(shared: &Shared, reason: Refusal, jobs: u64) {
    shared.outside.count_refusal(reason, jobs);
    turned_away(shared, reason, jobs);
}

/// Tells of jobs that were refused, and are counted elsewhere.
pub(crate) fn turned_away(shared: &Shared, reason: Refusal, jobs: u64) {
    if jobs > 0 {
        tell(shared, |to, pool| to.job_refused(&JobRefused { pool, reason, jobs }));
    }
}

/// A worker is there; on its thread.
pub(crate) fn worker_started(shared: &Shared, worker: usize) {
    let told = shared.observers.worker_comes(worker);
    let event = WorkerStarted { pool: shared.name.as_str(), worker, was_there: false };
    tell_first(shared, told, |to| to.worker_started(&event));
}

/// A worker has run its last job; on its thread.
pub(crate) fn worker_stopped(shared: &Shared, worker: usize, cause: StopCause) {
    let told = shared.observers.worker_goes(worker);
    let event = WorkerStopped { pool: shared.name.as_str(), worker, cause };
    tell_first(shared, told, |to| to.worker_stopped(&event));
}

/// The pool has ended, and there is nothing to tell of it any more.
pub(crate) fn ended_for_good(shared: &Shared) {
    let told = shared.observers.close();
    let event = PoolEnded { pool: shared.name.as_str() };
    tell_first(shared, told, |to| to.pool_ended(&event));
}

/// Adds an observer, and tells it of the workers that are there; gives it back if there is no room
/// for it, or nothing to come.
pub(crate) fn observe<O: Observer>(shared: &Shared, observer: O) -> Result<(), O> {
    if shared.is_forked() {
        return Err(observer);
    }
    let (observer, workers) = shared.observers.add(observer)?;
    for worker in workers {
        let event = WorkerStarted { pool: shared.name.as_str(), worker, was_there: true };
        contain(|| observer.worker_started(&event));
    }
    Ok(())
}

/// A state could not be built.
#[cold]
pub(crate) fn state_failed(
    shared: &Shared,
    worker: Option<usize>,
    (attempts, retry_in): (u32, Duration),
    failure: Failure<'_>,
) {
    tell(shared, |to, pool| {
        to.state_failed(&StateFailed { pool, worker, attempts, retry_in, failure });
    });
}

/// Tells all observers something; but not in a forked child.
pub(crate) fn tell(shared: &Shared, news: impl Fn(&dyn Observer, &str)) {
    if shared.observers.is_any() && !shared.is_forked() {
        let pool = shared.name.as_str();
        tell_first(shared, shared.observers.count(), |to| news(to, pool));
    }
}

/// Tells the first so many observers; a panic of one's own goes no further.
fn tell_first(shared: &Shared, count: usize, news: impl Fn(&dyn Observer)) {
    for observer in shared.observers.first(count) {
        contain(|| news(observer));
    }
}

/// How many observers hear of a job that is run: those that were there when it started. None in a
/// forked child, which has no workers: a lock that a hook wants may be held there for ever, by a
/// thread that the child does not have.
fn heard_by(shared: &Shared, job: &About) -> usize {
    if job.worker.is_some() || !shared.is_forked() { job.told } else { 0 }
}
