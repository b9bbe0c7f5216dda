//! One run of one job: from the moment it leaves the queue to the moment its result is seen.
//!
//! The order matters and is the same everywhere: claim, note as running, leave the queue, run,
//! account, publish, note as ended. So a job is always found in the queue or running, a result is
//! never seen before it is counted, and a pool that reads as idle has published everything.

use std::ops::ControlFlow;

use super::closure::Closure;
use super::current::Running;
use super::deadline::Bequest;
use super::defect::{self, Step};
use super::desk::{Desk, Settling};
use super::job::{Job, Started, Task, Tracked, Unpublished, Withdrawn};
use super::news::{self, About, Left};
use super::overdue::Watch;
use super::panics::{catch, contain};
use super::priority::Priority;
use super::seat::TakeOver;
use super::shared::Shared;
use super::slot::Slot;
use super::tape::Record;
use super::ticket::{KindId, Ticket};
use super::trace::{self, Origin, Run};
use super::wrecks::{self, OnUnwind};
use crate::error::{CancelReason, JobError};
use crate::outcome::Outcome;
use crate::sync::Arc;
use crate::sync::plain::panicking;
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
            let over = Over::not_yet(slot, None);
            shared.gate.release_by(desk.index);
            let told = tell_plain(shared, &origin, Some(desk.index), queued_at);
            run_on_worker(shared, over, queued_at, now, told, |_| call(body))
        }
        Task::Tracked(tracked) => {
            // Once: what is asked of a job of an unknown type is a call.
            let ticket = tracked.ticket();
            let now = match ticket.limits.is_some().then(|| turn_away(desk, &tracked, now)) {
                None => now,
                Some(ControlFlow::Continue(later)) => later,
                Some(ControlFlow::Break(done)) => return done,
            };
            let Some(job) = Started::of(&*tracked, ticket) else {
                discard_shell(shared, ticket.priority);
                return now;
            };
            slot.current.begin(describe(Some(ticket), now));
            let over = Over::not_yet(slot, Some(&tracked));
            shared.gate.release_by(desk.index);
            let told = tell_tracked(shared, &*tracked, Some(desk.index), queued_at);
            run_on_worker(shared, over, queued_at, now, told, |started| {
                watched(desk, &tracked, job, started)
            })
        }
    };
    slot.current.end();
    ended
}

/// Lets expire what has waited too long, drops the shell of what was taken back into its room, or
/// leaves to others what this worker cannot do: done by then. Or goes on from when it may run.
// Not in its caller, where a job without limits would pay for it.
#[inline(never)]
fn turn_away(desk: &Desk, tracked: &Arc<dyn Tracked>, now: Nanos) -> ControlFlow<Nanos, Nanos> {
    let in_hand = OnUnwind(|| wrecks::leave(Wreck::Taken(Arc::clone(tracked))));
    let done = turned_away(desk, tracked, now);
    std::mem::forget(in_hand);
    done
}

fn turned_away(desk: &Desk, tracked: &Arc<dyn Tracked>, now: Nanos) -> ControlFlow<Nanos, Nanos> {
    let (shared, ticket) = (&*desk.shared, tracked.ticket());
    // The worker may have read its clock before the job was there, which had expired by then.
    let now = if now < ticket.queued_at { shared.now() } else { now };
    let_expire(desk, &**tracked, now)?;
    if ticket.seat().is_some_and(|seat| !seat.room.arrives(seat)) {
        discard_shell(shared, ticket.priority);
        return ControlFlow::Break(now);
    }
    let Some(need) = ticket.need() else { return ControlFlow::Continue(now) };
    let current = &shared.roster.slot(desk.index).current;
    let is_met = need.upgrade().is_none_or(|need| {
        current.during(describe(Some(ticket), now), || need.meet(desk.index).is_ok())
    });
    // To build a state may take long: the job waits, has not begun, and may have expired by then.
    let now = shared.now();
    let_expire(desk, &**tracked, now)?;
    // A pool that takes no more jobs waits for no state: the job is run and finds out for itself.
    if !is_met && shared.phase.is_running() {
        desk.leave_to_others(tracked, need);
        return ControlFlow::Break(shared.now());
    }
    ControlFlow::Continue(now)
}

fn let_expire(desk: &Desk, job: &dyn Tracked, now: Nanos) -> ControlFlow<Nanos> {
    let withdrawn = job.ticket().has_expired(now).then(|| Withdrawn::of(job)).flatten();
    let Some(withdrawn) = withdrawn else { return ControlFlow::Continue(()) };
    let slot = desk.shared.roster.slot(desk.index);
    slot.current.begin(describe(Some(job.ticket()), now));
    resolve(&desk.shared, withdrawn, Outcome::Expired, JobError::expired());
    slot.current.end();
    ControlFlow::Break(desk.shared.now())
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
    let ticket = tracked.ticket();
    let Some(job) = Started::of(&*tracked, ticket) else {
        if from_room {
            // Whoever was first found it no longer in the room, and left word of a shell.
            discard_shell(shared, ticket.priority);
        }
        return;
    };
    let slot = shared.roster.slot(desk.index);
    let inline = Inline { desk, waiting: slot.current.look() };
    // Never, of one that was taken out of its room just now.
    let queued_at = ticket.waits_from().min(now);
    slot.current.begin(describe(Some(ticket), now));
    let over = Over::not_yet(slot, Some(&tracked));
    shared.gate.release_by(desk.index);
    if !from_room {
        leave_shell(shared, Some(desk), &*tracked);
    }
    let nothing = Bequest::nothing();
    let told = tell_tracked(shared, &*tracked, Some(desk.index), queued_at);
    run_on_worker(shared, over, queued_at, now, told, |started| {
        watched(desk, &tracked, job, started)
    });
    drop((nothing, inline));
}

/// A job that is run inside one that waits for it. When it is over the worker is in that one again,
/// also if a defect of ours ends both.
struct Inline<'a> {
    desk: &'a Desk,
    waiting: Option<Running>,
}

impl Drop for Inline<'_> {
    fn drop(&mut self) {
        let Desk { shared, index, .. } = self.desk;
        if panicking() {
            contain(|| settle(shared, *index, true));
        }
        if let Some(waiting) = self.waiting {
            shared.roster.slot(*index).current.begin(waiting);
        }
    }
}

#[inline]
pub(super) fn describe(ticket: Option<&Ticket>, started: Nanos) -> Running {
    let kind = ticket.map_or(KindId::default(), |ticket| ticket.kind);
    Running { started, kind, id: ticket.map(|ticket| ticket.id), blocked: false }
}

/// What the observer is to know of a job that is about to run, and the span that it runs in, which
/// the thread enters here.
pub(super) type Told = (Option<About>, Run);

#[inline(always)]
pub(super) fn tell_tracked(
    shared: &Shared,
    job: &dyn Tracked,
    worker: Option<usize>,
    queued_at: Nanos,
) -> Told {
    let about = news::about(shared, Some(job), worker, queued_at);
    let named = || shared.named(job.ticket().kind, Some(job.ticket().id));
    (about, trace::start(|| &job.ticket().origin, worker, named))
}

#[inline(always)]
pub(super) fn tell_plain(
    shared: &Shared,
    origin: &Origin,
    worker: Option<usize>,
    queued_at: Nanos,
) -> Told {
    let about = news::about(shared, None, worker, queued_at);
    (about, trace::start(|| origin, worker, || shared.named(KindId::default(), None)))
}

/// A worker dies that has taken this job out of the queue and done nothing with it yet (C8). One
/// without a handle leaves itself behind.
#[cold]
pub(super) fn abandon(job: Option<&Job>) {
    if let Some(Job { task: Task::Tracked(tracked), .. }) = job {
        wrecks::leave(Wreck::Taken(Arc::clone(tracked)));
    }
}

/// What is to be done yet about the job that a worker is in, if the worker dies (C8). Forgotten
/// where nothing is, so whoever does not die pays nothing.
struct Over<'a> {
    slot: &'a Slot,
    job: Option<&'a Arc<dyn Tracked>>,
    /// As what it is to be counted.
    uncounted: Option<Outcome>,
    has_run: bool,
}

impl<'a> Over<'a> {
    fn not_yet(slot: &'a Slot, job: Option<&'a Arc<dyn Tracked>>) -> Over<'a> {
        Over { slot, job, uncounted: Some(Outcome::Lost), has_run: false }
    }
}

impl Drop for Over<'_> {
    // Always, and the values one by one: so they need no place in memory.
    #[inline(always)]
    fn drop(&mut self) {
        die(self.slot, self.job, self.uncounted, self.has_run);
    }
}

#[cold]
#[inline(never)]
fn die(slot: &Slot, job: Option<&Arc<dyn Tracked>>, uncounted: Option<Outcome>, has_run: bool) {
    if let Some(outcome) = uncounted {
        slot.meter().job_over(outcome);
    }
    if let Some(job) = job.map(Arc::clone) {
        wrecks::leave(if has_run { Wreck::Ran(job) } else { Wreck::Begun(job) });
    }
}

/// A job with a handle whose worker died.
enum Wreck {
    /// It was taken out of the queue, and perhaps nobody has won its claim.
    Taken(Arc<dyn Tracked>),
    /// The worker had won its claim.
    Begun(Arc<dyn Tracked>),
    /// And had run it.
    Ran(Arc<dyn Tracked>),
}

/// Runs a job, accounts for it and publishes what is left to be.
fn run_on_worker<'a>(
    shared: &Shared,
    mut over: Over<'a>,
    queued_at: Nanos,
    now: Nanos,
    (about, span): Told,
    run: impl FnOnce(Nanos) -> (Outcome, Left<'a>),
) -> Nanos {
    let slot = over.slot;
    defect::strike(shared, Step::Release);
    let started = news::starting(shared, &about, now);
    let recorded = Record::begin(&shared.tapes);
    let (outcome, left) = run(started);
    (over.uncounted, over.has_run) = (Some(outcome), true);
    defect::strike(shared, Step::Run);
    let mut ended = shared.stamp();
    let meter = slot.meter();
    if shared.metered {
        meter.job_took(queued_at, started, ended);
    }
    meter.job_over(outcome);
    over.uncounted = None;
    defect::strike(shared, Step::Count);
    if let Some(record) = recorded {
        record.end(queued_at, started, ended);
        // That took a while, which belongs neither to this job nor to the next one.
        ended = shared.stamp();
    }
    let free = news::ended(shared, &about, (started, ended), outcome, &left);
    // Before the result is shown: who has joined the job finds its span closed.
    let free = if span.end(outcome) { shared.stamp() } else { free };
    std::mem::forget(over);
    left.publish();
    free
}

/// Runs a job without a handle.
pub(super) fn call<'a>(body: Closure) -> (Outcome, Left<'a>) {
    match catch(|| body.call()) {
        Ok(()) => (Outcome::Ok, Left::Nothing),
        Err(report) => (Outcome::Panicked, Left::Panic(Box::new(report))),
    }
}

/// Runs a job with a handle on this worker, listed meanwhile if it must be over by a moment.
fn watched<'a>(
    desk: &Desk,
    tracked: &Arc<dyn Tracked>,
    job: Started<'a>,
    started: Nanos,
) -> (Outcome, Left<'a>) {
    let shared = &*desk.shared;
    let watch = Watch::begin(shared, desk.index, tracked, started);
    let (outcome, unpublished) = job.run(shared, Some(desk.index), started);
    drop(watch);
    (outcome, Left::Result(unpublished))
}

/// A worker has died: accounts for the job that it had, and tells its handle (C8). A job that was
/// begun is out of the queue and counted by now, see [`Over`].
#[cold]
pub(crate) fn settle(shared: &Shared, index: usize, is_begun: bool) {
    let count = |ticket: Option<&Ticket>| {
        if !is_begun {
            shared.gate.release_by(index);
            shared.roster.slot(index).meter().job_over(Outcome::Lost);
        }
        news::lost(shared, ticket);
    };
    for left in wrecks::take() {
        let wreck = match left.downcast::<Closure>() {
            Ok(body) => {
                count(None);
                contain(|| drop(body));
                continue;
            }
            Err(left) => left.downcast::<Wreck>(),
        };
        match wreck.map(|wreck| *wreck) {
            Ok(Wreck::Taken(job)) => match Withdrawn::of(&*job) {
                Some(withdrawn) => {
                    count(Some(job.ticket()));
                    withdrawn.refuse(JobError::lost());
                }
                None if is_begun => {}
                None => discard_shell(shared, job.ticket().priority),
            },
            Ok(Wreck::Begun(job)) => {
                count(Some(job.ticket()));
                Started::left_behind(&*job).lose();
            }
            Ok(Wreck::Ran(job)) => Unpublished::left_behind(&*job).publish(),
            Err(_) => {}
        }
    }
    shared.ring();
}

/// Lets a job out of the queue that will never run, accounts for it and tells its handle. It is
/// counted before its closure is dropped: what a closure captured may wait for the pool to be idle,
/// or to end, which wait for the count.
pub(crate) fn resolve(shared: &Shared, withdrawn: Withdrawn<'_>, outcome: Outcome, why: JobError) {
    let settling = Settling::begin(shared);
    shared.gate.release();
    shared.outside.count_outcome(outcome);
    news::withdrawn(shared, &withdrawn, outcome);
    drop(settling);
    withdrawn.refuse(why);
    shared.ring();
}

/// Cancels a tracked job; true if it had not started and never will.
pub(crate) fn cancel(shared: &Arc<Shared>, tracked: &dyn Tracked, reason: CancelReason) -> bool {
    let Some(withdrawn) = Withdrawn::by_cancelling(tracked) else {
        shared.tokens.cancel(tracked.ticket());
        return false;
    };
    let settling = Settling::begin(shared);
    if shared.delayed.withdraw(tracked.ticket()) {
        end_delayed(settling, withdrawn, reason);
        return true;
    }
    drop(settling);
    if !tracked.ticket().seat().is_some_and(|seat| seat.room.leave(seat)) {
        leave_shell(shared, Desk::of(shared).as_deref(), tracked);
    }
    resolve(shared, withdrawn, Outcome::Cancelled, JobError::cancelled(reason));
    true
}

/// As [`resolve`], for a job that was never queued.
pub(crate) fn end_delayed(settling: Settling<'_>, withdrawn: Withdrawn<'_>, reason: CancelReason) {
    let shared = settling.shared;
    shared.outside.count_outcome(Outcome::Cancelled);
    news::withdrawn(shared, &withdrawn, Outcome::Cancelled);
    drop(settling);
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
pub(super) fn discard_shell(shared: &Shared, priority: Priority) {
    shared.gate.shells_removed(1);
    shared.queue.levels.shell_removed(priority);
}
