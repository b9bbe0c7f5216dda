//! A job: what the queue carries, and for one with a handle the cell it shares with it.
//!
//! A fire-and-forget job is its closure and nothing else. A tracked job is one allocation that
//! holds the claim word, the closure and the result; queue and handle each own a reference to it.
//! The result passes through two stages so that the counts are right when somebody sees it: `run`
//! leaves it computed, the worker accounts for the job, and `publish` shows it and wakes whoever
//! waits. What a user wrote (closures, results, wakers) runs outside the lock in this file.
//!
//! Closure and result lie in a place without a lock; the claim word says whose it is (C1–C7). So
//! that nobody goes there out of turn, the turns are types: [`Started`] is who won the claim to run
//! the job, [`Unpublished`] who has run it, [`Withdrawn`] who won it to refuse the job, and
//! [`Receipt`] the handle. With place and waiter in one lock, taken five times a job and at each
//! look of whoever joined, a job took 318 instructions instead of 194 (`.ci/instructions steps`).

#![expect(unsafe_code, reason = "a job's closure and result change hands by its claim, unlocked")]

use super::claim::{Cancel, Seen};
use super::closure::Closure;
use super::context::{Body, JobContext, Surroundings, limited};
use super::panics::{catch, contain};
use super::ticket::Ticket;
use super::trace::Origin;
use super::waiter::JobWaiter;
use crate::error::JobError;
use crate::observer::Failure;
use crate::outcome::Outcome;
#[cfg(loom)]
use crate::run::omit::omitted;
use crate::sync::{Arc, Mutex, UnsafeCell};
use crate::time::Nanos;

/// What the queue carries.
pub(crate) struct Job {
    pub(crate) task: Task,
    pub(crate) queued_at: Nanos,
}

pub(crate) enum Task {
    Plain(Closure, Origin),
    Tracked(Arc<dyn Tracked>),
}

impl Job {
    /// Whether somebody else has already dealt with it, so that only the shell is left.
    pub(crate) fn is_shell(&self) -> bool {
        match &self.task {
            Task::Plain(..) => false,
            Task::Tracked(tracked) => !tracked.ticket().claim.is_queued(),
        }
    }
}

/// A tracked job as the queue, the workers and the supervisor see it.
pub(crate) trait Tracked: Send + Sync {
    fn ticket(&self) -> &Ticket;

    /// Shows the handle of a job that runs that it overran its timeout, if nobody was first. The
    /// job goes on running (C3).
    fn give_up(&self);

    /// The job has come due: whoever waits for it, or says so after this, may look at it again.
    fn nudge(&self);

    /// Runs the closure and leaves the result in its place, if it is wanted. Safety: only by
    /// [`Started`], once.
    unsafe fn run(&self, cx: &JobContext<'_>) -> Outcome;

    /// Shows what has gone wrong in a job that was run. Safety: only by [`Unpublished`].
    unsafe fn lend_failure(&self, look: &mut dyn FnMut(Option<Failure<'_>>));

    /// Frees the closure of a job that will never run and leaves the reason in its place. Safety:
    /// only by [`Withdrawn`], once.
    unsafe fn refuse(&self, why: JobError);

    /// Shows the result to the handle and wakes it, unless the job was given up. Safety: only by
    /// who has called `run` or `refuse`, once.
    unsafe fn publish(&self);
}

/// A tracked job whose claim was won: the caller's to run, once (C1).
pub(crate) struct Started<'a>(&'a dyn Tracked);

impl<'a> Started<'a> {
    /// `None` if somebody was first. The ticket is the job's.
    #[inline]
    pub(crate) fn of(job: &'a dyn Tracked, ticket: &Ticket) -> Option<Started<'a>> {
        ticket.claim.start().then_some(Started(job))
    }

    /// As by [`Started::of`]: whoever died with the job had won its claim, and not run it (C8).
    pub(crate) fn left_behind(job: &'a dyn Tracked) -> Started<'a> {
        Started(job)
    }

    /// It will not be run, or not to its end: frees what is left of it and tells its handle (C8).
    pub(crate) fn lose(self) {
        Withdrawn(self.0).refuse(JobError::lost());
    }

    /// Runs the job; the result is not shown yet.
    // Always: for most jobs the call would be more than what is done here.
    #[inline(always)]
    pub(crate) fn run(
        self,
        pool: &dyn Surroundings,
        worker: Option<usize>,
        started: Nanos,
    ) -> (Outcome, Unpublished<'a>) {
        let ticket = self.0.ticket();
        // SAFETY: this is who won `start`, and it is gone once that has returned.
        let run = || unsafe { self.0.run(&JobContext { pool, ticket, worker, started }) };
        let outcome = match &ticket.limits {
            None => run(),
            Some(_) => {
                ticket.leave_token();
                limited(pool, ticket, started, run)
            }
        };
        if ticket.claim.look().has_lent_token() {
            pool.forget_token_of(ticket);
        }
        (outcome, Unpublished(self.0))
    }
}

/// A tracked job that has been run by the caller.
#[must_use = "its handle waits"]
pub(crate) struct Unpublished<'a>(&'a dyn Tracked);

impl<'a> Unpublished<'a> {
    /// As by [`Started::run`]: whoever died with the job had run it, and not published (C8).
    pub(crate) fn left_behind(job: &'a dyn Tracked) -> Unpublished<'a> {
        Unpublished(job)
    }

    pub(crate) fn lend_failure(&self, look: &mut dyn FnMut(Option<Failure<'_>>)) {
        // SAFETY: made by `Started::run`, and `publish` would take it away.
        unsafe { self.0.lend_failure(look) }
    }

    /// Shows the result to the handle and wakes it.
    #[inline]
    pub(crate) fn publish(self) {
        // SAFETY: made by `Started::run`, which has run it, and gone afterwards.
        unsafe { self.0.publish() }
    }
}

/// A tracked job that the caller will not run, and whose claim it has won (C1).
#[must_use = "its handle waits"]
pub(crate) struct Withdrawn<'a>(&'a dyn Tracked);

impl<'a> Withdrawn<'a> {
    /// `None` if somebody was first.
    pub(crate) fn of(job: &'a dyn Tracked) -> Option<Withdrawn<'a>> {
        job.ticket().claim.withdraw().then_some(Withdrawn(job))
    }

    pub(crate) fn ticket(&self) -> &Ticket {
        self.0.ticket()
    }

    /// `None` if the job has begun; then it is told, if it still runs.
    pub(crate) fn by_cancelling(job: &'a dyn Tracked) -> Option<Withdrawn<'a>> {
        (job.ticket().claim.cancel() == Cancel::Withdrawn).then_some(Withdrawn(job))
    }

    /// Frees what the job captured, and tells its handle why.
    pub(crate) fn refuse(self, why: JobError) {
        self.0.ticket().leave_token();
        self.0.ticket().origin.close();
        let outcome = why.outcome_unrun();
        // SAFETY: this is who won `withdraw`, or `start` and did not run it; gone afterwards.
        unsafe {
            self.0.refuse(why);
            self.0.ticket().leave_seat(outcome, None);
            self.0.publish();
        }
    }
}

/// A tracked job as its handle sees it.
trait Awaited<T>: Tracked {
    /// Takes the result if it is there. Safety: only by its [`Receipt`], which nobody else uses
    /// meanwhile.
    unsafe fn take(&self) -> Option<Result<T, JobError>>;

    /// The same; otherwise leaves word whom to wake. Safety: as above.
    unsafe fn wait(&self, waiter: JobWaiter) -> Option<Result<T, JobError>>;

    /// Nobody wants the result any more. Safety: only by the end of its [`Receipt`].
    unsafe fn detach(&self);
}

/// A handle's own reference to its job. There is one for each.
pub(crate) struct Receipt<T>(Arc<dyn Awaited<T>>);

impl<T> Receipt<T> {
    pub(crate) fn job(&self) -> &dyn Tracked {
        &*self.0
    }

    pub(crate) fn is_published(&self) -> bool {
        self.0.ticket().claim.look().is_published()
    }

    /// Takes the result if it is there.
    pub(crate) fn take(&mut self) -> Option<Result<T, JobError>> {
        // SAFETY: this is the receipt, and borrowed by nobody else.
        unsafe { self.0.take() }
    }

    /// The same; otherwise leaves word whom to wake.
    pub(crate) fn take_or_wait(
        &mut self,
        waiter: impl FnOnce() -> JobWaiter,
    ) -> Option<Result<T, JobError>> {
        if let Some(result) = self.take() {
            return Some(result);
        }
        let waiter = waiter();
        // SAFETY: as above.
        unsafe { self.0.wait(waiter) }
    }
}

impl<T: 'static> Receipt<T> {
    pub(crate) fn share(&self) -> Arc<dyn Tracked> {
        let job: Arc<dyn Awaited<T>> = Arc::clone(&self.0);
        job
    }
}

impl<T> Drop for Receipt<T> {
    fn drop(&mut self) {
        // SAFETY: this is its end.
        unsafe { self.0.detach() }
    }
}

/// The one allocation of a tracked job. What it captured and its result share a place, one being
/// gone before the other comes: the cell of a small job is of a size that allocators have ready,
/// which took 222 ns a job instead of 265, submitted and joined.
struct Cell<F, T> {
    ticket: Ticket,
    place: Place<Stage<F, T>>,
    waiter: Mutex<Option<JobWaiter>>,
}

enum Stage<F, T> {
    /// What the job captured, until whoever wins the claim takes it (C2).
    Queued(F),
    /// Nothing yet, or nothing any more.
    Empty,
    Ended(Result<T, JobError>),
}

/// What closure and result lie in, by turns.
struct Place<S>(UnsafeCell<S>);

// SAFETY: of those who share the cell one at a time is in the place (C2, C4), which is to hand on
// from thread to thread what is in there.
unsafe impl<S: Send> Sync for Place<S> {}

/// Makes a tracked job: the queue's reference to it, and the handle's.
pub(crate) fn tracked<F, T>(ticket: Ticket, body: F) -> (Arc<dyn Tracked>, Receipt<T>)
where
    F: Body<T>,
    T: Send + 'static,
{
    let place = Place(UnsafeCell::new(Stage::Queued(body)));
    let cell = Arc::new(Cell { ticket, place, waiter: Mutex::new(None) });
    (Arc::clone(&cell) as Arc<dyn Tracked>, Receipt(cell))
}

impl<F, T> Cell<F, T> {
    /// Puts something in the place and hands out what was there.
    ///
    /// # Safety
    ///
    /// The place is the caller's: the claim's winner until it has published (C2, C4), the handle
    /// after that, but for a job given up (C3), or the publisher that found no handle (C6).
    unsafe fn exchange(&self, next: Stage<F, T>) -> Stage<F, T> {
        // SAFETY: the place is alive as long as the cell, holds a stage at any time, and nobody
        // else is there now, for it is the caller's. Nothing here calls what a user wrote.
        self.place.0.with_mut(|place| unsafe { place.replace(next) })
    }

    /// The result of a published job, once; of one that was given up, that it timed out.
    ///
    /// # Safety
    ///
    /// The caller is the handle, and has `seen` the word.
    unsafe fn collect(&self, seen: Seen) -> Option<Result<T, JobError>> {
        if !seen.is_published() {
            return None;
        }
        // The runner is in the place, or will be (C3).
        if seen.is_given_up() {
            return Some(Err(JobError::timed_out()));
        }
        // SAFETY: the caller is the handle, and the job published and not given up (C4).
        match unsafe { self.exchange(Stage::Empty) } {
            Stage::Ended(result) => Some(result),
            _ => None,
        }
    }

    /// Leaves a waiter in place of the one before, which is handed out (C7).
    fn leave(&self, waiter: JobWaiter) -> Option<JobWaiter> {
        let mut left = self.waiter.lock();
        #[cfg(loom)]
        if omitted("C7") && left.is_some() {
            return Some(waiter);
        }
        left.replace(waiter)
    }

    /// Wakes whoever has said that it waits (C5).
    fn wake(&self) {
        // Out of the lock first: to wake a task is to run what a user wrote (C7).
        let waiter = self.waiter.lock().take();
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }
}

impl<F, T> Tracked for Cell<F, T>
where
    F: Body<T>,
    T: Send + 'static,
{
    fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    fn give_up(&self) {
        let before = self.ticket.claim.give_up();
        if before.is_some_and(|seen| seen.is_awaited() && !seen.is_detached()) {
            self.wake();
        }
    }

    fn nudge(&self) {
        if self.ticket.claim.step().is_awaited() {
            self.wake();
        }
    }

    // Safety: as the trait says.
    unsafe fn run(&self, cx: &JobContext<'_>) -> Outcome {
        // SAFETY: the caller has won the claim (C2) and has not published.
        let Stage::Queued(body) = (unsafe { self.exchange(Stage::Empty) }) else {
            unreachable!("its runner won the claim, and nobody else (C1, C2)");
        };
        let result = catch(|| body.call(cx));
        // Given up: the timeout's resolution stands, and the late result is dropped here (C3).
        let is_wanted = self.ticket.claim.finish();
        let (outcome, result) = match result {
            late if !is_wanted || cx.overran() => {
                (Outcome::TimedOut, Err(JobError::timed_out_before(late)))
            }
            Ok(result) if F::error(&result).is_some() => (Outcome::Error, Ok(result)),
            Ok(result) => (Outcome::Ok, Ok(result)),
            Err(report) => (Outcome::Panicked, Err(JobError::panicked(report))),
        };
        // SAFETY: as above.
        let _empty = unsafe { self.exchange(Stage::Ended(result)) };
        outcome
    }

    // Safety: as the trait says.
    unsafe fn lend_failure(&self, look: &mut dyn FnMut(Option<Failure<'_>>)) {
        self.place.0.with_mut(|place| {
            // SAFETY: the caller has won the claim (C2), and cannot publish before this returns.
            look(match unsafe { &*place } {
                Stage::Ended(Ok(result)) => F::error(result).map(Failure::Returned),
                Stage::Ended(Err(error)) => error.panic_report().map(Failure::Panicked),
                Stage::Queued(_) | Stage::Empty => None,
            });
        });
    }

    // Safety: as the trait says.
    unsafe fn refuse(&self, why: JobError) {
        // SAFETY: the caller has won the claim (C2) and has not published.
        let body = unsafe { self.exchange(Stage::Empty) };
        contain(|| drop(body));
        // SAFETY: as above.
        let _empty = unsafe { self.exchange(Stage::Ended(Err(why))) };
    }

    // Safety: as the trait says.
    unsafe fn publish(&self) {
        if self.ticket.claim.look().is_given_up() {
            // SAFETY: the caller has won the claim, and no handle comes here any more (C3).
            let told = unsafe { self.exchange(Stage::Empty) };
            contain(|| drop(told));
            return;
        }
        let before = self.ticket.claim.publish();
        if before.is_detached() {
            // SAFETY: the caller has won the claim and published, and there is no handle (C6).
            let unwanted = unsafe { self.exchange(Stage::Empty) };
            contain(|| drop(unwanted));
        } else if before.is_awaited() {
            self.wake();
        }
    }
}

impl<F, T> Awaited<T> for Cell<F, T>
where
    F: Body<T>,
    T: Send + 'static,
{
    // Safety: as the trait says.
    unsafe fn take(&self) -> Option<Result<T, JobError>> {
        // SAFETY: the caller is the handle.
        unsafe { self.collect(self.ticket.claim.look()) }
    }

    // Safety: as the trait says.
    unsafe fn wait(&self, waiter: JobWaiter) -> Option<Result<T, JobError>> {
        // In its place before the word says so (C5), and dropped outside the lock (C7).
        let _stale = self.leave(waiter);
        let before = self.ticket.claim.wait();
        // Came first, so nobody may have seen the waiter.
        let _unused = if before.is_published() { self.waiter.lock().take() } else { None };
        // SAFETY: the caller is the handle.
        unsafe { self.collect(before) }
    }

    // Safety: as the trait says.
    unsafe fn detach(&self) {
        let mut seen = self.ticket.claim.look();
        if !seen.is_published() {
            seen = self.ticket.claim.detach();
        }
        // Who publishes from now on finds no handle and lets the waiter be.
        let is_left = seen.is_awaited() && !seen.is_published();
        let _waiter = if is_left { self.waiter.lock().take() } else { None };
        // SAFETY: the caller is the handle; if the job is not published it is so no more (C6).
        let _result = unsafe { self.collect(seen) };
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
