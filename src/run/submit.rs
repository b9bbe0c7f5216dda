//! The submitter's side: get in, push, tell somebody.

use std::cell::Cell;
use std::rc::Rc;

use super::attempt;
use super::closure::Closure;
use super::context::{Body, JobContext};
use super::desk::{Desk, Inside};
use super::gate::NoEntry;
use super::handle::JobHandle;
use super::in_line::{GivesUp, wait_for_room};
use super::job::{self, Job, Task, Tracked};
use super::news::{self, Arrival};
use super::outside;
use super::priority::Priority;
use super::shared::Shared;
use super::submission::Submission;
use super::terms::Terms;
use super::ticket::{JobId, KindId, Ticket};
use super::trace::Origin;
use crate::error::{CancelReason, SubmitError};
use crate::outcome::Refusal;
use crate::sync::plain::{AtomicU64, Ordering};
use crate::sync::{Arc, may_be_held_up, thread_local};
use crate::time::Nanos;

/// What to do when the queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenFull {
    Wait,
    WaitUntil(Nanos),
    Refuse,
    RunHere,
}

/// How a job got in.
pub(crate) enum Entry {
    /// It has a place in the queue, and comes from outside.
    Queue,
    /// From a job of this worker, to whose own deque it goes.
    Desk(Rc<Desk>),
    /// Its submitter is to run it.
    Here,
}

/// Gets one job in, on these terms if it has any: they say when its submitter gives up. Inside one
/// of the pool's own jobs nothing is waited for: the worker that would make room is the one that
/// waits, so what would wait goes in over the bound.
pub(crate) fn admit(
    shared: &Arc<Shared>,
    when_full: WhenFull,
    terms: Option<&Terms>,
) -> Result<Entry, Refusal> {
    admit_as(Submission::begin(shared), shared, when_full, terms)
}

/// The same for a submission that has begun. Inlined: every job passes here.
#[inline(always)]
pub(crate) fn admit_as(
    submission: Submission,
    shared: &Arc<Shared>,
    when_full: WhenFull,
    terms: Option<&Terms>,
) -> Result<Entry, Refusal> {
    let _inside = submission.enter();
    if in_forked_child(shared) {
        news::refused(shared, Refusal::Forked, 1);
        return Err(Refusal::Forked);
    }
    let desk = Desk::of(shared);
    let waits = matches!(when_full, WhenFull::Wait | WhenFull::WaitUntil(_));
    let room = match &desk {
        Some(desk) if waits => shared.gate.admit_inside(desk.index),
        None if waits && Inside::is(shared) => shared.gate.admit_over_the_bound(),
        _ => shared.gate.admit(1).map(drop),
    };
    let refusal = match room {
        Ok(()) => return Ok(desk.map_or(Entry::Queue, Entry::Desk)),
        Err(NoEntry::Closed) => Refusal::Shutdown,
        Err(NoEntry::Full) => {
            shared.sleep.kick();
            match on_full(shared, when_full, terms) {
                Ok(entry) => return Ok(entry),
                Err(refusal) => refusal,
            }
        }
    };
    Err(refuse(shared, refusal))
}

/// As [`admit`], for a caller that will come back when there is room, with what has begun by then.
pub(crate) fn admit_or_wait(
    shared: &Arc<Shared>,
    submission: &mut Option<Submission>,
) -> Result<Entry, Refusal> {
    let admitted = try_to_admit(shared);
    if !matches!(admitted, Err(Refusal::QueueFull)) {
        Submission::end(submission, shared);
    }
    admitted
}

fn try_to_admit(shared: &Arc<Shared>) -> Result<Entry, Refusal> {
    let desk = Desk::of(shared);
    let entry = |desk: Option<Rc<Desk>>| desk.map_or(Entry::Queue, Entry::Desk);
    let refusal = match shared.gate.admit(1) {
        Ok(_) => return Ok(entry(desk)),
        // Nobody would ever call a waiter in a forked child.
        Err(NoEntry::Full) if shared.is_forked() => Refusal::Forked,
        Err(NoEntry::Full) if !Inside::is(shared) => {
            shared.sleep.kick();
            return Err(Refusal::QueueFull);
        }
        Err(NoEntry::Full) => {
            let room = match &desk {
                Some(desk) => shared.gate.admit_inside(desk.index),
                None => shared.gate.admit_over_the_bound(),
            };
            match room {
                Ok(()) => return Ok(entry(desk)),
                Err(_) => Refusal::Shutdown,
            }
        }
        Err(NoEntry::Closed) => Refusal::Shutdown,
    };
    Err(refuse(shared, refusal))
}

/// Gets one job in by a place that is held for it.
pub(crate) fn redeem(shared: &Shared) -> Result<Entry, Refusal> {
    let _submission = Submission::begin(shared);
    if in_forked_child(shared) {
        return Err(refuse(shared, Refusal::Forked));
    }
    match shared.gate.redeem() {
        Ok(()) => Ok(Entry::Queue),
        Err(_) => Err(refuse(shared, Refusal::Shutdown)),
    }
}

/// Counts a refusal. One by a closed pool may be all that happens there for a long time.
pub(crate) fn refuse(shared: &Shared, refusal: Refusal) -> Refusal {
    news::refused(shared, refusal, 1);
    if refusal == Refusal::Shutdown {
        shared.sleep.nudge();
    }
    refusal
}

/// Asking the system costs 0.1 µs, so it is done only when somebody will have to be woken, which
/// costs ten times that. A child forked while every worker was busy finds out when it waits.
pub(crate) fn in_forked_child(shared: &Shared) -> bool {
    let seen = shared.sleep.look();
    seen.sleeping() > 0 && seen.searching() == 0 && shared.is_forked()
}

#[cold]
fn on_full(
    shared: &Arc<Shared>,
    when_full: WhenFull,
    terms: Option<&Terms>,
) -> Result<Entry, Refusal> {
    let gives_up = || terms.map_or_else(GivesUp::never, |terms| terms.gives_up(shared));
    let wait = |gives_up: GivesUp<'_>| wait_for_room(shared, &gives_up, || shared.gate.admit(1));
    match when_full {
        WhenFull::Refuse => Err(Refusal::QueueFull),
        WhenFull::RunHere => match shared.gate.admit_over_the_bound() {
            Ok(()) => return Ok(Entry::Here),
            Err(_) => Err(Refusal::Shutdown),
        },
        WhenFull::Wait => wait(gives_up()),
        WhenFull::WaitUntil(deadline) => wait(gives_up().by(deadline)),
    }
    .map(|_| Entry::Queue)
}

/// Holds up to `most` places, and waits until there is one; not inside one of the pool's own jobs,
/// nor for whoever gives up. None if as many are held as can be.
pub(crate) fn reserve(shared: &Shared, most: u64, gives_up: GivesUp<'_>) -> Result<u64, Refusal> {
    match shared.gate.reserve(1, most) {
        Ok(places) => Ok(places),
        Err(NoEntry::Closed) => Err(Refusal::Shutdown),
        Err(NoEntry::Full) if Inside::is(shared) => Err(Refusal::QueueFull),
        Err(NoEntry::Full) => {
            shared.sleep.kick();
            wait_for_room(shared, &gives_up, || shared.gate.reserve(1, most))
        }
    }
}

/// Makes the cell of a tracked job and its handle.
pub(crate) fn tracked<F, T>(
    shared: &Arc<Shared>,
    terms: Terms,
    body: F,
) -> (Arc<dyn Tracked>, JobHandle<T>)
where
    F: FnOnce(&JobContext<'_>) -> T + Send + 'static,
    T: Send + 'static,
{
    tracked_body(shared, terms, body)
}

/// The same for what is not just a closure.
// Always, here and below: most callers have terms without anything special, of which nothing is
// left then. As calls, these took 55 instructions a job more.
#[inline(always)]
pub(crate) fn tracked_body<B, T>(
    shared: &Arc<Shared>,
    terms: Terms,
    body: B,
) -> (Arc<dyn Tracked>, JobHandle<T>)
where
    B: Body<T>,
    T: Send + 'static,
{
    let (job, handle) = cell(shared, terms, body);
    if job.ticket().limits.is_some() {
        follow_token(shared, &job);
    }
    (job, handle)
}

/// The same for who has to do something first before the job may be cancelled: nothing of the job
/// is run or dropped here.
#[inline(always)]
pub(crate) fn cell<B, T>(
    shared: &Arc<Shared>,
    terms: Terms,
    body: B,
) -> (Arc<dyn Tracked>, JobHandle<T>)
where
    B: Body<T>,
    T: Send + 'static,
{
    let number = number(shared, terms.kind);
    numbered_cell(shared, number, terms, body)
}

/// A job's number, and what a subscriber knows of it.
pub(crate) struct Numbered {
    id: JobId,
    origin: Origin,
}

/// Begins to make a job. With the feature `tracing` a subscriber is told, which a user wrote.
#[inline(always)]
pub(crate) fn number(shared: &Shared, kind: KindId) -> Numbered {
    let id = next_id();
    Numbered { id, origin: Origin::here(|| shared.named(kind, Some(id))) }
}

/// As [`cell`], where nothing of a user's may run at all: what may has run in [`number`].
#[inline(always)]
pub(crate) fn numbered_cell<B, T>(
    shared: &Arc<Shared>,
    number: Numbered,
    terms: Terms,
    body: B,
) -> (Arc<dyn Tracked>, JobHandle<T>)
where
    B: Body<T>,
    T: Send + 'static,
{
    let (id, queued_at) = (number.id, terms.queued_at(shared.now()));
    let ticket = Ticket {
        claim: super::claim::Claim::new(),
        id,
        kind: terms.kind,
        priority: terms.priority,
        queued_at,
        limits: terms.limits(shared, queued_at),
        origin: number.origin,
    };
    let (job, receipt) = job::tracked(ticket, body);
    (job, JobHandle::new(receipt, Arc::clone(shared)))
}

/// Makes a job without a handle.
pub(crate) fn plain<F: FnOnce() + Send + 'static>(shared: &Shared, job: F) -> Task {
    let origin = Origin::here(|| shared.named(KindId::default(), None));
    Task::Plain(Closure::new(job), origin)
}

/// Gets in a job whose body is made only then: whoever is refused gets back what it brought.
pub(crate) fn enter<J, B, T>(
    shared: &Arc<Shared>,
    terms: Terms,
    when_full: WhenFull,
    job: J,
    body: impl FnOnce(J) -> B,
) -> Result<JobHandle<T>, SubmitError<J>>
where
    B: Body<T>,
    T: Send + 'static,
{
    match admit(shared, when_full, Some(&terms)) {
        Ok(entry) => {
            let (tracked, handle) = tracked_body(shared, terms, body(job));
            deliver(shared, entry, Task::Tracked(tracked));
            Ok(handle)
        }
        Err(refusal) => Err(SubmitError::new(job, refusal)),
    }
}

/// Leaves word with the job's token to take it out of the queue. The token keeps nothing alive: its
/// word is for as long as the job waits, and the pool lives.
#[cold]
pub(crate) fn follow_token(shared: &Arc<Shared>, job: &Arc<dyn Tracked>) {
    let Some(place) = job.ticket().place() else { return };
    let (pool, queued) = (Arc::downgrade(shared), Arc::downgrade(job));
    let call = place.bind(Box::new(move || {
        if let (Some(pool), Some(job)) = (pool.upgrade(), queued.upgrade()) {
            attempt::cancel(&pool, &*job, CancelReason::Token);
        }
    }));
    if let Err(is_cancelled) = call {
        is_cancelled();
    }
}

/// Hands an admitted job to the pool, or runs it here if that is how it got in.
// In its caller: as a part of what comes after it, the look took 8 instructions a job.
#[inline(always)]
pub(crate) fn deliver(shared: &Arc<Shared>, entry: Entry, task: Task) {
    if shared.observers.is_any() {
        return deliver_and_tell(shared, entry, task);
    }
    hand_over(shared, entry, task);
}

/// What is told is noted first: nothing may be known of a job that others have.
#[cold]
fn deliver_and_tell(shared: &Arc<Shared>, entry: Entry, task: Task) {
    let arrival = match &task {
        Task::Tracked(tracked) => Arrival::of(&**tracked, shared.now()),
        Task::Plain(..) => Arrival::without_handle(shared.now()),
    };
    if matches!(entry, Entry::Here) {
        news::tell_accepted(shared, arrival);
        return hand_over(shared, entry, task);
    }
    hand_over(shared, entry, task);
    news::tell_accepted(shared, arrival);
}

#[inline(never)]
fn hand_over(shared: &Arc<Shared>, entry: Entry, task: Task) {
    let (priority, queued_at) = match &task {
        Task::Tracked(tracked) => (tracked.ticket().priority, tracked.ticket().queued_at),
        Task::Plain(..) => (Priority::Normal, shared.stamp()),
    };
    // Put together where it goes, and the entry only looked at: 10 instructions a job less.
    match &entry {
        Entry::Here => return outside::run_on_submitter(shared, Job { task, queued_at }),
        _ if priority != Priority::Normal => {
            may_be_held_up();
            shared.queue.push_at(priority, Job { task, queued_at });
        }
        Entry::Queue => push(shared, None, Job { task, queued_at }),
        Entry::Desk(desk) => push(shared, Some(desk), Job { task, queued_at }),
    }
    shared.sleep.announce(1, || shared.gate.queued());
}

/// Adds an admitted normal job to the queue, or to the deque of the worker whose job submits it,
/// without telling anybody yet.
pub(crate) fn push(shared: &Shared, desk: Option<&Desk>, job: Job) {
    may_be_held_up();
    match desk {
        Some(desk) => {
            shared.roster.slot(desk.index).meter().job_from_inside();
            desk.local.push(job);
        }
        None => shared.queue.push(job),
    }
}

/// Numbers are handed to threads in blocks, so that submitters do not meet on a counter.
const BLOCK: u64 = 1024;
static NEXT_BLOCK: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static NEXT: Cell<u64> = const { Cell::new(0) };
}

fn next_id() -> JobId {
    let next = NEXT.try_with(|next| {
        let mut id = next.get();
        if id % BLOCK == 0 {
            id = NEXT_BLOCK.fetch_add(BLOCK, Ordering::Relaxed);
        }
        next.set(id + 1);
        id
    });
    let id = next.unwrap_or_else(|_| NEXT_BLOCK.fetch_add(BLOCK, Ordering::Relaxed));
    JobId(id + 1)
}
