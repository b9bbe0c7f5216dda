//! One run of one job: from the moment it leaves the queue to the moment its result is seen.
//!
//! The order matters and is the same everywhere: claim, note as running, leave the queue, run,
//! account, publish, note as ended. So a job is always found in the queue or running, a result is
//! never seen before it is counted, and a pool that reads as idle has published everything.

use std::time::Duration;

use super::closure::Closure;
use super::core_time;
use super::current::Running;
use super::deadline::Bequest;
use super::desk::{Desk, Inside};
use super::job::{Job, Started, Task, Tracked, Withdrawn};
use super::news::{self, About, Left};
use super::overdue::Watch;
use super::panics::catch;
use super::priority::Priority;
use super::seat::TakeOver;
use super::shared::Shared;
use super::slot::Slot;
use super::tape::{Ran, Tape};
use super::ticket::{KindId, Ticket};
use super::trace::{self, Origin, Run};
use crate::error::{CancelReason, JobError};
use crate::outcome::Outcome;
use crate::sync::Arc;
use crate::sync::plain::Ordering;
use crate::time::Nanos;

/// Deals with a job that a worker has taken: runs it, or drops its shell, or lets it expire.
/// Returns the time when it was done, which is when the next one can start.
pub(crate) fn take_on(desk: &Desk, job: Job, now: Nanos) -> Nanos {
    let shared = &*desk.shared;
    let slot = shared.roster.slot(desk.index);
    let Job { task, queued_at } = job;
    let ended = match task {
        Task::Plain(body, origin) => {
            slot.current.begin(describe(None, now));
            shared.gate.release_by(desk.index);
            let told = tell_plain(shared, &origin, Some(desk.index), queued_at);
            run_on_worker(shared, slot, queued_at, now, told, |_| call(body))
        }
        Task::Tracked(tracked) => {
            // Once: what is asked of a job of an unknown type is a call.
            let ticket = tracked.ticket();
            if ticket.limits.is_some()
                && let Some(done) = turn_away(desk, &*tracked, now)
            {
                return done;
            }
            let (running, priority) = (describe(Some(ticket), now), ticket.priority);
            let Some(job) = Started::of(tracked) else {
                discard_shell(shared, priority);
                return now;
            };
            slot.current.begin(running);
            shared.gate.release_by(desk.index);
            let told = tell_tracked(shared, &job, Some(desk.index), queued_at);
            run_on_worker(shared, slot, queued_at, now, told, |started| watched(desk, job, started))
        }
    };
    slot.current.end();
    ended
}

/// Lets a job expire that has waited too long, or drops the shell of one that was taken back into
/// its room; then the time when that was done.
fn turn_away(desk: &Desk, tracked: &dyn Tracked, now: Nanos) -> Option<Nanos> {
    let shared = &*desk.shared;
    if tracked.ticket().has_expired(now)
        && let Some(withdrawn) = Withdrawn::of(tracked)
    {
        let slot = shared.roster.slot(desk.index);
        slot.current.begin(describe(Some(tracked.ticket()), now));
        resolve(shared, withdrawn, Outcome::Expired, JobError::expired());
        slot.current.end();
        return Some(shared.now());
    }
    if tracked.ticket().seat().is_some_and(|seat| !seat.room.arrives(seat)) {
        discard_shell(shared, tracked.ticket().priority);
        return Some(now);
    }
    None
}

/// Deals with the job that one of this worker's jobs waits for: runs it in the waiting job's place,
/// or lets it expire, unless somebody else has it.
pub(crate) fn take_over(desk: &Desk, tracked: Arc<dyn Tracked>) {
    let shared = &*desk.shared;
    if tracked.ticket().is_delayed() {
        return;
    }
    let from_room = match tracked.ticket().seat().map(|seat| seat.room.take_over(seat)) {
        None | Some(TakeOver::Elsewhere) => false,
        Some(TakeOver::Taken) => true,
        Some(TakeOver::NotNow) => return,
    };
    let now = shared.now();
    if tracked.ticket().has_expired(now)
        && let Some(withdrawn) = Withdrawn::of(&*tracked)
    {
        if !from_room {
            leave_shell(shared, Some(desk), &*tracked);
        }
        resolve(shared, withdrawn, Outcome::Expired, JobError::expired());
        return;
    }
    let priority = tracked.ticket().priority;
    let Some(job) = Started::of(tracked) else {
        if from_room {
            // Whoever was first found it no longer in the room, and left word of a shell.
            discard_shell(shared, priority);
        }
        return;
    };
    let slot = shared.roster.slot(desk.index);
    let waiting = slot.current.look();
    let ticket = job.tracked().ticket();
    // Never, of one that was taken out of its room just now.
    let queued_at = ticket.waits_from().min(now);
    slot.current.begin(describe(Some(ticket), now));
    if !from_room {
        leave_shell(shared, Some(desk), &**job.tracked());
    }
    shared.gate.release_by(desk.index);
    let nothing = Bequest::nothing();
    let told = tell_tracked(shared, &job, Some(desk.index), queued_at);
    run_on_worker(shared, slot, queued_at, now, told, |started| watched(desk, job, started));
    drop(nothing);
    if let Some(waiting) = waiting {
        slot.current.begin(waiting);
    }
}

#[inline]
fn describe(ticket: Option<&Ticket>, started: Nanos) -> Running {
    let kind = ticket.map_or(KindId::default(), |ticket| ticket.kind);
    Running { started, kind, id: ticket.map(|ticket| ticket.id), blocked: false }
}

/// What the observer is to know of a job that is about to run, and the span that it runs in, which
/// the thread enters here.
type Told = (Option<About>, Run);

#[inline(always)]
fn tell_tracked(shared: &Shared, job: &Started, worker: Option<usize>, queued_at: Nanos) -> Told {
    let job = &**job.tracked();
    let about = news::about(shared, Some(job), worker, queued_at);
    let named = || shared.named(job.ticket().kind, Some(job.ticket().id));
    (about, trace::start(|| &job.ticket().origin, worker, named))
}

#[inline(always)]
fn tell_plain(shared: &Shared, origin: &Origin, worker: Option<usize>, queued_at: Nanos) -> Told {
    let about = news::about(shared, None, worker, queued_at);
    (about, trace::start(|| origin, worker, || shared.named(KindId::default(), None)))
}

/// Runs a job, accounts for it and publishes what is left to be.
fn run_on_worker(
    shared: &Shared,
    slot: &Slot,
    queued_at: Nanos,
    now: Nanos,
    (about, span): Told,
    run: impl FnOnce(Nanos) -> (Outcome, Left),
) -> Nanos {
    let started = news::starting(shared, &about, now);
    let recorded = Record::begin(shared);
    let (outcome, left) = run(started);
    let mut ended = shared.stamp();
    let meter = slot.meter();
    if shared.metered {
        meter.job_took(queued_at, started, ended);
    }
    meter.job_over(outcome);
    if let Some(record) = recorded {
        record.end(queued_at, started, ended);
        // That took a while, which belongs neither to this job nor to the next one.
        ended = shared.stamp();
    }
    let free = news::ended(shared, &about, (started, ended), outcome, &left);
    // Before the result is shown: who has joined the job finds its span closed.
    let free = if span.end(outcome) { shared.stamp() } else { free };
    left.publish();
    free
}

/// What is written down about a job that somebody records.
struct Record {
    tapes: Arc<Vec<Arc<Tape>>>,
    on_core_before: Option<Duration>,
}

impl Record {
    fn begin(shared: &Shared) -> Option<Record> {
        let tapes = shared.tapes.running()?;
        Some(Record { tapes, on_core_before: core_time::of_this_thread() })
    }

    #[cold]
    fn end(self, queued_at: Nanos, started: Nanos, ended: Nanos) {
        let on_core = self.on_core_before.zip(core_time::of_this_thread());
        let cpu = on_core.map(|(before, after)| after.saturating_sub(before));
        self.tapes.iter().for_each(|tape| tape.append(Ran { queued_at, started, ended, cpu }));
    }
}

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
            let priority = tracked.ticket().priority;
            let Some(tracked) = Started::of(tracked) else {
                // Its token was cancelled first.
                discard_shell(shared, priority);
                return;
            };
            tracked_outside(shared, tracked);
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
    let Some(job) = Started::of(tracked) else { return };
    leave_shell(shared, None, &**job.tracked());
    tracked_outside(shared, job);
}

/// Runs a job with a handle here, which is no worker's thread.
fn tracked_outside(shared: &Shared, job: Started) {
    let queued_at = job.tracked().ticket().queued_at;
    let told = tell_tracked(shared, &job, None, queued_at);
    outside(shared, queued_at, told, |started| {
        let (outcome, unpublished) = job.run(shared, None, started);
        (outcome, Left::Result(unpublished))
    });
}

/// The same for a job that has been claimed.
fn outside(
    shared: &Shared,
    queued_at: Nanos,
    (about, span): Told,
    run: impl FnOnce(Nanos) -> (Outcome, Left),
) {
    shared.outside.running.fetch_add(1, Ordering::AcqRel);
    let (inside, nothing) = (Inside::enter(shared), Bequest::nothing());
    shared.gate.release();
    let started = news::starting(shared, &about, shared.now());
    let recorded = Record::begin(shared);
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

/// Runs a job without a handle.
fn call(body: Closure) -> (Outcome, Left) {
    match catch(|| body.call()) {
        Ok(()) => (Outcome::Ok, Left::Nothing),
        Err(report) => (Outcome::Panicked, Left::Panic(Box::new(report))),
    }
}

/// Runs a job with a handle on this worker, listed meanwhile if it must be over by a moment.
fn watched(desk: &Desk, job: Started, started: Nanos) -> (Outcome, Left) {
    let shared = &*desk.shared;
    let watch = Watch::begin(shared, desk.index, job.tracked(), started);
    let (outcome, unpublished) = job.run(shared, Some(desk.index), started);
    drop(watch);
    (outcome, Left::Result(unpublished))
}

/// Lets a job out of the queue that will never run, accounts for it and tells its handle. It is
/// counted before its closure is dropped: what a closure captured may wait for the pool to be idle,
/// or to end, which wait for the count.
fn resolve(shared: &Shared, withdrawn: Withdrawn<'_>, outcome: Outcome, why: JobError) {
    shared.gate.release();
    shared.outside.count_outcome(outcome);
    news::withdrawn(shared, &withdrawn, outcome);
    withdrawn.refuse(why);
    shared.ring();
}

/// Cancels a tracked job; true if it had not started and never will.
pub(crate) fn cancel(shared: &Arc<Shared>, tracked: &dyn Tracked, reason: CancelReason) -> bool {
    let Some(withdrawn) = Withdrawn::by_cancelling(tracked) else {
        shared.tokens.cancel(tracked.ticket());
        return false;
    };
    if shared.delayed.withdraw(tracked.ticket()) {
        end_delayed(shared, withdrawn, reason);
        return true;
    }
    if !tracked.ticket().seat().is_some_and(|seat| seat.room.leave(seat)) {
        leave_shell(shared, Desk::of(shared).as_deref(), tracked);
    }
    resolve(shared, withdrawn, Outcome::Cancelled, JobError::cancelled(reason));
    true
}

/// Cancels a job that was delayed a moment ago, if nobody has dealt with it before.
pub(crate) fn cancel_delayed(shared: &Shared, tracked: &dyn Tracked, reason: CancelReason) {
    let Some(withdrawn) = Withdrawn::of(tracked) else { return };
    if shared.delayed.withdraw(tracked.ticket()) {
        end_delayed(shared, withdrawn, reason);
    } else {
        leave_shell(shared, None, tracked);
        resolve(shared, withdrawn, Outcome::Cancelled, JobError::cancelled(reason));
    }
}

/// As [`resolve`], for a job that was never queued.
fn end_delayed(shared: &Shared, withdrawn: Withdrawn<'_>, reason: CancelReason) {
    shared.outside.count_outcome(Outcome::Cancelled);
    news::withdrawn(shared, &withdrawn, Outcome::Cancelled);
    withdrawn.refuse(JobError::cancelled(reason));
    shared.ring();
    shared.sleep.nudge();
}

/// Cancels a job that was just taken out of the queue, if nobody has dealt with it before.
pub(crate) fn cancel_taken(shared: &Shared, tracked: &dyn Tracked, reason: CancelReason) {
    if let Some(withdrawn) = Withdrawn::of(tracked) {
        resolve(shared, withdrawn, Outcome::Cancelled, JobError::cancelled(reason));
    } else {
        discard_shell(shared, tracked.ticket().priority);
    }
}

/// A queued job was dealt with where it is. Its empty shell stays in the queue, and others like it
/// are cleared away when they are many: those of its level, or those in the deque of this worker.
pub(crate) fn leave_shell(shared: &Shared, desk: Option<&Desk>, tracked: &dyn Tracked) {
    let crowded = shared.gate.shell_left();
    match (tracked.ticket().priority, desk) {
        (Priority::Normal, Some(desk)) => desk.shell_made(crowded),
        (Priority::Normal, None) => {}
        (priority, _) => {
            let queued_at = |job: &Job| job.queued_at;
            let levels = &shared.queue.levels;
            let cleared = levels.shell_made(priority, crowded, queued_at, Job::is_shell);
            if cleared > 0 {
                shared.gate.shells_removed(cleared as u64);
            }
        }
    }
}

/// A shell was taken out of the queue, which is rare beside jobs.
#[cold]
fn discard_shell(shared: &Shared, priority: Priority) {
    shared.gate.shells_removed(1);
    shared.queue.levels.shell_removed(priority);
}
