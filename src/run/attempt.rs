//! One run of one job: from the moment it leaves the queue to the moment its result is seen.
//!
//! The order matters and is the same everywhere: claim, note as running, leave the queue, run,
//! account, publish, note as ended. So a job is always found in the queue or running, a result is
//! never seen before it is counted, and a pool that reads as idle has published everything.

use std::time::Duration;

use super::claim::Cancel;
use super::context::JobContext;
use super::core_time;
use super::current::Running;
use super::desk::{Desk, Inside};
use super::job::{Job, Task, Tracked};
use super::panics::catch;
use super::shared::Shared;
use super::slot::Timed;
use super::tape::{Ran, Tape};
use super::ticket::KindId;
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
    if let Task::Tracked(tracked) = &job.task {
        let ticket = tracked.ticket();
        if ticket.has_expired(now) && ticket.claim.withdraw() {
            slot.current.begin(describe(&job.task, now));
            resolve(shared, &**tracked, Outcome::Expired, JobError::expired());
            slot.current.end();
            return shared.now();
        }
        if !ticket.claim.start() {
            shared.gate.shells_removed(1);
            return now;
        }
    }
    slot.current.begin(describe(&job.task, now));
    shared.gate.release_by(desk.index);
    let ended = run_on_worker(desk, job.task, job.queued_at, now);
    slot.current.end();
    ended
}

/// Deals with the job that one of this worker's jobs waits for: runs it in the waiting job's place,
/// or lets it expire, unless somebody else has it.
pub(crate) fn take_over(desk: &Desk, tracked: Arc<dyn Tracked>) {
    let shared = &*desk.shared;
    let ticket = tracked.ticket();
    let now = shared.now();
    if ticket.has_expired(now) && ticket.claim.withdraw() {
        desk.shell_made();
        resolve(shared, &*tracked, Outcome::Expired, JobError::expired());
        return;
    }
    if !ticket.claim.start() {
        return;
    }
    let slot = shared.roster.slot(desk.index);
    let waiting = slot.current.look();
    let queued_at = ticket.queued_at;
    let task = Task::Tracked(tracked);
    slot.current.begin(describe(&task, now));
    desk.shell_made();
    shared.gate.release_by(desk.index);
    run_on_worker(desk, task, queued_at, now);
    if let Some(waiting) = waiting {
        slot.current.begin(waiting);
    }
}

fn describe(task: &Task, started: Nanos) -> Running {
    let (kind, id) = match task {
        Task::Plain(_) => (KindId::default(), None),
        Task::Tracked(tracked) => (tracked.ticket().kind, Some(tracked.ticket().id)),
    };
    Running { started, kind, id, blocked: false }
}

fn run_on_worker(desk: &Desk, task: Task, queued_at: Nanos, started: Nanos) -> Nanos {
    let shared = &*desk.shared;
    let slot = shared.roster.slot(desk.index);
    let watch = match &task {
        Task::Tracked(tracked) => TimeoutWatch::begin(shared, desk.index, tracked, started),
        Task::Plain(_) => None,
    };
    let recorded = Record::begin(shared);
    let (outcome, tracked) = run(shared, Some(desk.index), task, started);
    drop(watch);
    let mut ended = shared.stamp();
    if shared.metered {
        slot.meter().job_took(queued_at, started, ended);
    }
    slot.meter().job_over(outcome);
    if let Some(record) = recorded {
        record.end(queued_at, started, ended);
        // That took a while, which belongs neither to this job nor to the next one.
        ended = shared.stamp();
    }
    if let Some(tracked) = tracked {
        tracked.publish();
    }
    ended
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
    if let Task::Tracked(tracked) = &job.task
        && !tracked.ticket().claim.start()
    {
        return;
    }
    shared.outside.running.fetch_add(1, Ordering::AcqRel);
    let inside = Inside::enter(shared);
    shared.gate.release();
    let started = shared.now();
    let recorded = Record::begin(shared);
    let (outcome, tracked) = run(shared, None, job.task, started);
    let ended = shared.now();
    shared.outside.meter.lock().job_ran(outcome, job.queued_at, started, ended);
    if let Some(record) = recorded {
        record.end(job.queued_at, started, ended);
    }
    if let Some(tracked) = tracked {
        tracked.publish();
    }
    drop(inside);
    shared.outside.running.fetch_sub(1, Ordering::AcqRel);
    shared.ring();
}

fn run(
    shared: &Shared,
    worker: Option<usize>,
    task: Task,
    started: Nanos,
) -> (Outcome, Option<Arc<dyn Tracked>>) {
    match task {
        Task::Plain(body) => match catch(|| body.call()) {
            Ok(()) => (Outcome::Ok, None),
            Err(report) => {
                drop(report);
                (Outcome::Panicked, None)
            }
        },
        Task::Tracked(tracked) => {
            let ticket = tracked.ticket();
            let timeout = ticket.timeout();
            let cx = JobContext { pool: shared, claim: &ticket.claim, worker, started, timeout };
            let overran = || timeout.is_some_and(|timeout| shared.now().since(started) > timeout);
            let outcome = tracked.run(&cx, &overran);
            (outcome, Some(tracked))
        }
    }
}

/// A job with a timeout is listed with its slot while it runs, for the supervisor to give up on.
struct TimeoutWatch<'a> {
    shared: &'a Shared,
    worker: usize,
}

impl<'a> TimeoutWatch<'a> {
    fn begin(
        shared: &'a Shared,
        worker: usize,
        job: &Arc<dyn Tracked>,
        started: Nanos,
    ) -> Option<TimeoutWatch<'a>> {
        let deadline = started.after(job.ticket().timeout()?);
        let timed = Timed { deadline, job: Arc::clone(job) };
        shared.roster.slot(worker).timed.lock().push(timed);
        // The supervisor notes when it will look before it reads the list: if it read it without
        // this job, its note is visible here, the list's lock being between them.
        if deadline.0 < shared.next_look.load(Ordering::Acquire) {
            shared.sleep.kick();
        }
        Some(TimeoutWatch { shared, worker })
    }
}

impl Drop for TimeoutWatch<'_> {
    fn drop(&mut self) {
        self.shared.roster.slot(self.worker).timed.lock().pop();
    }
}

/// Lets a job out of the queue that will never run, accounts for it and tells its handle. The
/// claim has been withdrawn. It is counted before its closure is dropped: what a closure captured
/// may wait for the pool to be idle, or to end, which wait for the count.
fn resolve(shared: &Shared, tracked: &dyn Tracked, outcome: Outcome, why: JobError) {
    shared.gate.release();
    shared.outside.count_outcome(outcome);
    tracked.refuse(why);
    tracked.publish();
    shared.ring();
}

/// Cancels a tracked job; true if it had not started and never will.
pub(crate) fn cancel(shared: &Arc<Shared>, tracked: &dyn Tracked, reason: CancelReason) -> bool {
    let withdrawn = tracked.ticket().claim.cancel() == Cancel::Withdrawn;
    if withdrawn {
        match Desk::of(shared) {
            Some(desk) => desk.shell_made(),
            None => drop(shared.gate.shell_left()),
        }
        resolve(shared, tracked, Outcome::Cancelled, JobError::cancelled(reason));
    }
    withdrawn
}

/// Cancels a job that was just taken out of the queue, if nobody has dealt with it before.
pub(crate) fn cancel_taken(shared: &Shared, tracked: &dyn Tracked, reason: CancelReason) {
    if tracked.ticket().claim.withdraw() {
        resolve(shared, tracked, Outcome::Cancelled, JobError::cancelled(reason));
    } else {
        shared.gate.shells_removed(1);
    }
}

/// Resolves the handles of running jobs whose timeout has passed; returns the next deadline.
pub(crate) fn give_up_overdue(shared: &Shared, now: Nanos) -> Option<Nanos> {
    let mut next: Option<Nanos> = None;
    for (_, slot) in shared.roster.used() {
        let mut overdue = Vec::new();
        for timed in slot.timed.lock().iter() {
            if timed.job.ticket().claim.is_given_up() {
                continue;
            }
            if timed.deadline <= now {
                overdue.push(Arc::clone(&timed.job));
            } else {
                next = Some(next.map_or(timed.deadline, |n| n.min(timed.deadline)));
            }
        }
        for job in overdue {
            if job.ticket().claim.give_up() {
                job.give_up();
                job.publish();
            }
        }
    }
    next
}
