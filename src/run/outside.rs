//! Jobs that run on a thread that is no worker's: their submitter's, because the queue is full, or
//! that of somebody who would wait for them.

use super::attempt::{Told, call, discard_shell, leave_shell, resolve, tell_plain, tell_tracked};
use super::deadline::Bequest;
use super::desk::Inside;
use super::job::{Job, Started, Task, Tracked, Withdrawn};
use super::news::{self, Left};
use super::shared::Shared;
use super::tape::Record;
use crate::error::JobError;
use crate::outcome::Outcome;
use crate::sync::Arc;
use crate::sync::plain::Ordering;
use crate::time::Nanos;

/// Runs a job on the thread that submitted it, because the queue is full and the pool's rule says
/// so. The job has been admitted.
pub(crate) fn run_on_submitter(shared: &Shared, job: Job) {
    let Job { task, queued_at } = job;
    match task {
        Task::Plain(body, origin) => {
            let told = tell_plain(shared, &origin, None, queued_at);
            outside(shared, queued_at, told, |_| call(body));
        }
        Task::Tracked(tracked) => {
            let ticket = tracked.ticket();
            match Started::of(&*tracked, ticket) {
                Some(job) => tracked_outside(shared, &*tracked, job),
                // Its token was cancelled first.
                None => discard_shell(shared, ticket.priority),
            }
        }
    }
}

/// Deals with a queued job that the calling thread, which is no worker of the pool, would otherwise
/// wait for: runs it here, or lets it expire, unless somebody else has it. As a job that its
/// submitter runs it is counted, and no timeout is watched.
pub(crate) fn take_over_outside(shared: &Shared, tracked: Arc<dyn Tracked>) {
    if tracked.ticket().has_expired(shared.now())
        && let Some(withdrawn) = Withdrawn::of(&*tracked)
    {
        leave_shell(shared, None, &*tracked);
        resolve(shared, withdrawn, Outcome::Expired, JobError::expired());
        return;
    }
    let Some(job) = Started::of(&*tracked, tracked.ticket()) else { return };
    leave_shell(shared, None, &*tracked);
    tracked_outside(shared, &*tracked, job);
}

/// Runs a job with a handle here, which is no worker's thread.
fn tracked_outside<'a>(shared: &Shared, tracked: &'a dyn Tracked, job: Started<'a>) {
    let queued_at = tracked.ticket().queued_at;
    let told = tell_tracked(shared, tracked, None, queued_at);
    outside(shared, queued_at, told, |started| {
        let (outcome, unpublished) = job.run(shared, None, started);
        (outcome, Left::Result(unpublished))
    });
}

/// The same for a job that has been claimed.
fn outside<'a>(
    shared: &Shared,
    queued_at: Nanos,
    (about, span): Told,
    run: impl FnOnce(Nanos) -> (Outcome, Left<'a>),
) {
    shared.outside.running.fetch_add(1, Ordering::AcqRel);
    let (inside, nothing) = (Inside::enter(shared), Bequest::nothing());
    shared.gate.release();
    let started = news::starting(shared, &about, shared.now());
    let recorded = Record::begin(&shared.tapes);
    let (outcome, left) = run(started);
    let ended = shared.now();
    shared.outside.meter.lock().job_ran(outcome, queued_at, started, ended);
    if let Some(record) = recorded {
        record.end(queued_at, started, ended);
    }
    news::ended(shared, &about, (started, ended), outcome, &left);
    span.end(outcome);
    left.publish();
    drop((nothing, inside));
    shared.outside.running.fetch_sub(1, Ordering::AcqRel);
    shared.ring();
}
