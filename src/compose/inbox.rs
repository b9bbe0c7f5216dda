//! Where the outcomes of several jobs arrive: what a set of jobs and a map wait at.
//!
//! Each job's handle lies in here with a waker of its own. It is called when the job is published,
//! so whatever arrives has been counted, and a job that is cancelled, expires or is lost to a
//! shutdown arrives as surely as one that returns.

use std::collections::{BTreeMap, VecDeque};
use std::task::{Context, Poll, Wake, Waker};

use super::waiting::{Unmet, wait};
use crate::error::{CancelReason, JobError};
use crate::run::attempt;
use crate::run::cancel::CancelToken;
use crate::run::desk::Desk;
use crate::run::handle::JobHandle;
use crate::run::job::Tracked;
use crate::run::panics::contain;
use crate::run::shared::Shared;
use crate::run::ticket::Ticket;
use crate::run::waiter::JobWaiter;
use crate::sync::{Arc, Mutex};
use crate::time::Nanos;

/// What became of one job.
pub(crate) type Outcome<T> = Result<T, JobError>;

/// The outcomes of several jobs that have numbers in the order in which they were submitted.
pub(crate) struct Inbox<T> {
    shared: Arc<Shared>,
    /// What all the jobs are under, if they are.
    token: Option<CancelToken>,
    state: Mutex<State<T>>,
}

struct State<T> {
    /// The jobs whose outcomes have not arrived, by number.
    pending: BTreeMap<usize, Slot<T>>,
    /// No job before this number is queued any more.
    sought: usize,
    arrived: VecDeque<(usize, Outcome<T>)>,
    tally: Tally,
    cancels_rest: bool,
    /// The first failure has arrived and is cancelling the rest. Until that is done nobody sees it.
    is_cancelling: bool,
    /// Nobody wants to know any more.
    is_abandoned: bool,
    owner: Option<JobWaiter>,
    /// The owner is a worker of the pool, and runs what nobody has begun.
    owner_helps: bool,
}

/// How the jobs have ended so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) submitted: usize,
    pub(crate) done: usize,
    pub(crate) failed: usize,
    /// The number of the job that failed first.
    pub(crate) first_failure: Option<usize>,
}

impl Tally {
    /// One more is over; true if it is the first that failed.
    fn count(&mut self, number: usize, has_failed: bool) -> bool {
        self.done += 1;
        if !has_failed {
            return false;
        }
        self.failed += 1;
        let is_first = self.first_failure.is_none();
        self.first_failure.get_or_insert(number);
        is_first
    }
}

enum Slot<T> {
    /// Its handle is on its way here.
    Coming,
    Here(Pending<T>),
    /// Its handle has been taken out, to be asked for its outcome.
    Over,
}

struct Pending<T> {
    handle: JobHandle<T>,
    fails: fn(&T) -> bool,
}

/// What the owner finds.
enum Found<T> {
    Outcome(usize, Outcome<T>),
    /// A job that nobody has begun, for an owner that helps.
    Queued(Arc<dyn Tracked>),
    /// Nothing is pending and nothing has arrived.
    Nothing,
}

impl<T: Send + 'static> Inbox<T> {
    /// For jobs that are all under a token, or for such as are cancelled one by one. The latter
    /// costs less for each job, but is no good where some are submitted while others are cancelled.
    pub(crate) fn new(shared: &Arc<Shared>, token: Option<CancelToken>) -> Arc<Inbox<T>> {
        let state = State {
            pending: BTreeMap::new(),
            sought: 0,
            arrived: VecDeque::new(),
            tally: Tally::default(),
            cancels_rest: false,
            is_cancelling: false,
            is_abandoned: false,
            owner: None,
            owner_helps: false,
        };
        Arc::new(Inbox { shared: Arc::clone(shared), token, state: Mutex::new(state) })
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The first failure is to cancel the rest, also one that is known already.
    pub(crate) fn cancel_rest_on_failure(&self) {
        let has_failed = {
            let mut state = self.state.lock();
            state.cancels_rest = true;
            state.tally.first_failure.is_some()
        };
        if has_failed {
            self.cancel();
        }
    }

    pub(crate) fn tally(&self) -> Tally {
        self.state.lock().tally
    }

    /// Nothing is pending and everything that arrived was taken.
    pub(crate) fn is_over(&self) -> bool {
        let state = self.state.lock();
        state.pending.is_empty() && state.arrived.is_empty()
    }

    /// Waits for one more job; `fails` says which results are failures.
    pub(crate) fn expect(self: &Arc<Self>, handle: JobHandle<T>, fails: fn(&T) -> bool) {
        let number = self.next_number(Slot::Coming);
        self.watch(number, Pending { handle, fails });
    }

    /// One more job, which was refused and counts as one all the same: its outcome is this.
    pub(crate) fn expect_none(self: &Arc<Self>, why: JobError) {
        let number = self.next_number(Slot::Over);
        self.arrive(number, Err(why), |_| true);
    }

    fn next_number(&self, slot: Slot<T>) -> usize {
        let mut state = self.state.lock();
        let number = state.tally.submitted;
        state.tally.submitted += 1;
        state.pending.insert(number, slot);
        number
    }

    /// Leaves word with a job whose slot waits for it.
    fn watch(self: &Arc<Self>, number: usize, mut pending: Pending<T>) {
        let call = Waker::from(Arc::new(Call { inbox: Arc::clone(self), number }));
        if let Some(outcome) = pending.handle.take_or_leave(call) {
            return self.arrive(number, outcome, pending.fails);
        }
        let (pending, owner) = {
            let mut state = self.state.lock();
            match state.pending.get_mut(&number) {
                Some(slot @ Slot::Coming) => {
                    *slot = Slot::Here(pending);
                    // So that it is not this one that the owner waits for.
                    let helper = if state.owner_helps { state.owner.take() } else { None };
                    (None, helper)
                }
                _ => (Some(pending), None),
            }
        };
        owner.into_iter().for_each(JobWaiter::wake);
        // The call came first, or the owner is gone.
        if let Some(pending) = pending {
            self.collect(number, pending);
        }
    }

    /// A job was published, or a delayed one has come due and may be run by the owner now.
    fn called(self: &Arc<Self>, number: usize) {
        let slot = {
            let mut state = self.state.lock();
            state.pending.get_mut(&number).map(|slot| std::mem::replace(slot, Slot::Over))
        };
        if let Some(Slot::Here(pending)) = slot {
            self.collect(number, pending);
        }
    }

    fn collect(self: &Arc<Self>, number: usize, pending: Pending<T>) {
        let Pending { handle, fails } = pending;
        let handle = match handle.try_join() {
            Ok(outcome) => return self.arrive(number, outcome, fails),
            Err(handle) => handle,
        };
        let is_wanted = {
            let mut state = self.state.lock();
            let slot = state.pending.get_mut(&number);
            let is_wanted = slot.map(|slot| *slot = Slot::Coming).is_some();
            state.sought = state.sought.min(number);
            is_wanted
        };
        // One whose owner is gone may still run. Dropping its handle lets it go on.
        if is_wanted {
            self.watch(number, Pending { handle, fails });
        }
    }

    fn arrive(self: &Arc<Self>, number: usize, outcome: Outcome<T>, fails: fn(&T) -> bool) {
        let has_failed = outcome.as_ref().map_or(true, fails);
        let (mut owner, cancels_rest, unwanted) = {
            let mut state = self.state.lock();
            if state.pending.remove(&number).is_some() && !state.is_abandoned {
                let is_first = state.tally.count(number, has_failed);
                state.arrived.push_back((number, outcome));
                let cancels_rest = is_first && state.cancels_rest;
                state.is_cancelling |= cancels_rest;
                let owner = if cancels_rest { None } else { state.owner.take() };
                (owner, cancels_rest, None)
            } else {
                // It was given up, or the owner has gone.
                (None, false, Some(outcome))
            }
        };
        if cancels_rest {
            // Before the owner can see the failure, and after it in the order of arrival, so that
            // whatever follows from it follows it.
            self.cancel();
            let mut state = self.state.lock();
            state.is_cancelling = false;
            owner = state.owner.take();
        }
        owner.into_iter().for_each(JobWaiter::wake);
        contain(|| drop(unwanted));
    }

    /// Cancels what is queued, and tells what runs.
    pub(crate) fn cancel(&self) {
        if let Some(token) = &self.token {
            return token.cancel();
        }
        let jobs: Vec<Arc<dyn Tracked>> = {
            let state = self.state.lock();
            state.pending.values().filter_map(Slot::tracked).collect()
        };
        for job in jobs {
            attempt::cancel(&self.shared, &*job, CancelReason::Requested);
        }
    }

    /// Cancels what is left and lets it go, for nobody will ask for it.
    pub(crate) fn abandon(&self) {
        self.cancel();
        let (left, arrived) = {
            let mut state = self.state.lock();
            state.is_abandoned = true;
            (std::mem::take(&mut state.pending), std::mem::take(&mut state.arrived))
        };
        drop((left, arrived));
    }

    /// Gives up on the first job that is still pending, for the reason given: its handle is let go.
    pub(crate) fn give_up_one(&self, why: fn() -> JobError) -> Option<(usize, Outcome<T>)> {
        let (number, slot) = {
            let mut state = self.state.lock();
            let first = state.pending.pop_first()?;
            state.tally.count(first.0, true);
            first
        };
        drop(slot);
        Some((number, Err(why())))
    }

    /// What has arrived and was not taken; and all jobs that are still pending are given up on.
    pub(crate) fn give_up(&self, why: fn() -> JobError) -> Vec<(usize, Outcome<T>)> {
        let (arrived, left) = {
            let mut state = self.state.lock();
            let State { pending, arrived, tally, .. } = &mut *state;
            for number in pending.keys() {
                tally.count(*number, true);
            }
            (std::mem::take(arrived), std::mem::take(pending))
        };
        let given_up = left.into_keys().map(|number| (number, Err(why())));
        arrived.into_iter().chain(given_up).collect()
    }

    /// The next outcome, in the order of arrival; `None` once nothing is pending.
    ///
    /// A worker of the pool runs the jobs that nobody has begun, so that jobs waiting for jobs
    /// cannot use up the workers.
    pub(crate) fn next(
        &self,
        deadline: Option<Nanos>,
    ) -> Result<Option<(usize, Outcome<T>)>, Unmet> {
        let desk = Desk::of(&self.shared);
        loop {
            let found = wait(&self.shared, deadline, |waiter| self.look(desk.is_some(), waiter));
            match (found, &desk) {
                (Ok(Found::Outcome(number, outcome)), _) => return Ok(Some((number, outcome))),
                (Ok(Found::Queued(job)), Some(desk)) => attempt::take_over(desk, job),
                (Ok(Found::Nothing | Found::Queued(_)), _) => return Ok(None),
                (Err(Unmet::Forked), _) => return Ok(self.give_up_one(JobError::forked)),
                (Err(Unmet::TimedOut), _) => return Err(Unmet::TimedOut),
            }
        }
    }

    /// The same for a task.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<(usize, Outcome<T>)>> {
        let desk = Desk::of(&self.shared);
        loop {
            let found = self.look(desk.is_some(), JobWaiter::Task(cx.waker().clone()));
            match (found, &desk) {
                (Some(Found::Outcome(number, outcome)), _) => {
                    return Poll::Ready(Some((number, outcome)));
                }
                (Some(Found::Queued(job)), Some(desk)) => attempt::take_over(desk, job),
                (Some(Found::Nothing | Found::Queued(_)), _) => return Poll::Ready(None),
                (None, _) if self.shared.is_forked() => {
                    return Poll::Ready(self.give_up_one(JobError::forked));
                }
                (None, _) => return Poll::Pending,
            }
        }
    }

    /// What there is for the owner; otherwise leaves word whom to wake.
    fn look(&self, helps: bool, waiter: JobWaiter) -> Option<Found<T>> {
        let mut state = self.state.lock();
        if !state.is_cancelling
            && let Some((number, outcome)) = state.arrived.pop_front()
        {
            return Some(Found::Outcome(number, outcome));
        }
        if state.pending.is_empty() && state.arrived.is_empty() {
            return Some(Found::Nothing);
        }
        if helps
            && !state.is_cancelling
            && let Some(job) = state.seek()
        {
            return Some(Found::Queued(job));
        }
        state.owner_helps = helps;
        let stale = state.owner.replace(waiter);
        drop(state);
        // Somebody else's code, if it is a waker.
        drop(stale);
        None
    }
}

impl<T: Send + 'static> State<T> {
    /// The first job that nobody has begun. Each is looked at once: what is not queued now never
    /// will be again, but for delayed ones, whose calls have them looked at again.
    fn seek(&mut self) -> Option<Arc<dyn Tracked>> {
        for (number, slot) in self.pending.range(self.sought..) {
            if matches!(slot, Slot::Coming) {
                return None;
            }
            self.sought = number + 1;
            if let Some(job) = slot.tracked().filter(|job| is_startable(job.ticket())) {
                return Some(job);
            }
        }
        None
    }
}

impl<T: Send + 'static> Slot<T> {
    fn tracked(&self) -> Option<Arc<dyn Tracked>> {
        match self {
            Slot::Here(pending) => Some(pending.handle.tracked()),
            Slot::Coming | Slot::Over => None,
        }
    }
}

fn is_startable(ticket: &Ticket) -> bool {
    ticket.claim.is_queued() && !ticket.is_delayed()
}

/// The waker of one job.
struct Call<T> {
    inbox: Arc<Inbox<T>>,
    number: usize,
}

impl<T: Send + 'static> Wake for Call<T> {
    fn wake(self: Arc<Self>) {
        self.inbox.called(self.number);
    }
}
