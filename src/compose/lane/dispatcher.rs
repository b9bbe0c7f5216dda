//! Keeps the lanes of one pool: takes their lock, has the state take its steps, and does what is to
//! be done outside.
//!
//! There is no thread to it. Whoever changes something (a submitter, a job of a lane that starts or
//! ends, a cancellation, new limits, the timer when a token is due) looks right after whether a job
//! may come into the pool's queue now, under the same lock; so no change goes by without that look.

use std::hash::{BuildHasher, Hash, RandomState};

use super::keys::Key;
use super::settings::LaneSettings;
use super::state::{After, End, Entry, State, Whose};
use crate::error::ConfigError;
use crate::outcome::Refusal;
use crate::run::attempt;
use crate::run::desk::Inside;
use crate::run::figures::LaneFigures;
use crate::run::gate::Waiter;
use crate::run::in_line::GivesUp;
use crate::run::job::Tracked;
use crate::run::news;
use crate::run::rooms::Keeper;
use crate::run::shared::Shared;
use crate::scale::Core;
use crate::sync::plain::{AtomicU64, Ordering};
use crate::sync::{Arc, Mutex, Weak, thread};
use crate::time::Nanos;

/// How long a blocked submitter sleeps at most before it looks again by itself.
const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_secs(1);

pub(crate) struct Dispatcher {
    itself: Weak<Dispatcher>,
    core: Weak<Core>,
    state: Mutex<State>,
    changes: AtomicU64,
    /// With a secret, so that nobody can make up keys that meet.
    hasher: RandomState,
}

/// What a submission asks for.
pub(crate) struct Request {
    pub(crate) row: usize,
    pub(crate) key: Key,
    pub(crate) cost: u32,
    /// Whether it would wait for room.
    pub(crate) waits: bool,
}

/// Who asks for it, at one try.
#[derive(Clone, Copy)]
pub(crate) struct Asks {
    /// It was called, so that a place may be kept for it.
    pub(crate) was_called: bool,
    /// The job is cancelled, and is to be let in all the same, and never to start.
    pub(crate) is_void: bool,
}

/// What became of one try to get in.
pub(crate) enum Try<T> {
    In(T),
    Waits(Arc<Waiter>),
    Refused(Refusal),
}

impl Dispatcher {
    /// The one of this pool, made at first use.
    pub(crate) fn of(core: &Arc<Core>) -> Option<Arc<Dispatcher>> {
        let keeper = core.shared.rooms.keeper(|| Dispatcher::new(core));
        let any: Arc<dyn std::any::Any + Send + Sync> = keeper;
        any.downcast().ok()
    }

    fn new(core: &Arc<Core>) -> Arc<Dispatcher> {
        let max_workers = core.settings.load().max_workers as u64;
        Arc::new_cyclic(|itself| Dispatcher {
            itself: Weak::clone(itself),
            core: Arc::downgrade(core),
            state: Mutex::new(State::new(max_workers)),
            changes: AtomicU64::new(0),
            hasher: RandomState::new(),
        })
    }

    /// The number that stands for a key.
    pub(crate) fn key(&self, key: &impl Hash) -> Key {
        Some(self.hasher.hash_one(key))
    }

    /// Looks at the state without changing it.
    pub(crate) fn look_at<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.lock())
    }

    /// Changes something, and brings in what may come in consequence.
    pub(crate) fn change<T>(&self, core: &Core, step: impl FnOnce(&mut State) -> T) -> T {
        let shared = &core.shared;
        let (result, after) = {
            let mut state = self.state.lock();
            let result = step(&mut state);
            let after = state.bring_in(shared);
            (result, after)
        };
        self.changes.fetch_add(1, Ordering::Relaxed);
        self.finish(core, after);
        result
    }

    /// The same for who may outlive the pool; nothing then.
    pub(crate) fn change_if_alive<T>(
        &self,
        step: impl FnOnce(&Shared, &mut State) -> T,
    ) -> Option<T> {
        let core = self.core.upgrade()?;
        Some(self.change(&core, |state| step(&core.shared, state)))
    }

    /// Does what is to be done outside the lock.
    fn finish(&self, core: &Core, after: After) {
        let shared = &core.shared;
        if after.pushed > 0 {
            shared.sleep.announce(after.pushed, || shared.gate.queued());
        } else {
            // What shows in the figures may be all that happens for a long time.
            shared.sleep.nudge();
        }
        after.shells.iter().for_each(|job| attempt::leave_shell(shared, None, &**job));
        after.called.iter().for_each(|waiter| waiter.call());
        after.nudged.iter().for_each(|job| job.nudge());
        if let Some(when) = after.alarm {
            self.set_alarm(core, when);
        }
    }

    fn set_alarm(&self, core: &Core, when: Nanos) {
        let itself = Weak::clone(&self.itself);
        let rings = Box::new(move || {
            if let Some(dispatcher) = itself.upgrade() {
                dispatcher.change_if_alive(|_, _| ());
            }
        });
        // Refused at the end of the pool and in a forked child only: the thread was begun when the
        // lane got its rate.
        let _ = core.timer.again(when, rings);
    }

    /// A job of a lane is over.
    pub(crate) fn ended(&self, job: Whose, end: End) {
        self.change_if_alive(|_, state| state.ended(job, end));
    }

    /// Tries to get a job into its lane. `make` makes it, given its number, once it is let in, and
    /// `waiter` who is to stand in the line if it is not: at the head, if it was called before.
    /// They run under the lock, and must run no code of a user.
    pub(crate) fn enter<T>(
        &self,
        core: &Core,
        request: &Request,
        asks: Asks,
        waiter: impl FnOnce() -> Arc<Waiter>,
        make: impl FnOnce(u64) -> (Arc<dyn Tracked>, T),
    ) -> Try<T> {
        let shared = &core.shared;
        let Asks { was_called, is_void } = asks;
        if shared.is_forked() {
            // Not under the lock, which a thread that is not here may have held.
            return self.turned_away(core, Refusal::Forked);
        }
        // Who is inside the pool would wait for itself.
        let mut waiter = (request.waits && !Inside::is(shared)).then_some(waiter);
        let tried = self.change(core, |state| {
            let row = &mut state.rows[request.row];
            row.called -= usize::from(was_called);
            let is_full = row.room() == 0;
            if row.is_closed || is_full && !request.waits {
                let why = if row.is_closed { Refusal::Shutdown } else { Refusal::QueueFull };
                row.count_refusal(why);
                return Try::Refused(why);
            }
            if is_full
                && !shared.rooms.is_closed()
                && let Some(waiter) = waiter.take().map(|waiter| waiter())
            {
                let place = if was_called { 0 } else { row.line.len() };
                row.line.insert(place, Arc::clone(&waiter));
                return Try::Waits(waiter);
            }
            if !shared.rooms.enter() {
                row.count_refusal(Refusal::Shutdown);
                return Try::Refused(Refusal::Shutdown);
            }
            let number = state.next_number();
            let (job, result) = make(number);
            if is_void {
                state.let_through(shared, request.row, request.key);
            } else {
                let entry = Entry { job, is_wanted: false };
                state.push(request.row, request.key, number, request.cost, entry);
            }
            Try::In(result)
        });
        match tried {
            Try::Refused(refusal) => self.turned_away(core, refusal),
            tried => tried,
        }
    }

    /// Outside the lock. The lane has counted it.
    fn turned_away<T>(&self, core: &Core, refusal: Refusal) -> Try<T> {
        news::turned_away(&core.shared, refusal, 1);
        Try::Refused(refusal)
    }

    /// Sleeps until there may be room.
    ///
    /// # Errors
    ///
    /// The submitter has given up, and left the line.
    pub(crate) fn wait(
        &self,
        core: &Core,
        row: usize,
        waiter: &Arc<Waiter>,
        gives_up: &GivesUp<'_>,
    ) -> Result<(), Refusal> {
        let shared = &core.shared;
        let _woken = gives_up.wake_this_thread();
        loop {
            if gives_up.is_cancelled() {
                return Err(self.give_up(core, row, waiter, Refusal::Cancelled));
            }
            if waiter.is_called() {
                return Ok(());
            }
            let left = gives_up.left(shared.now());
            if left.is_zero() {
                return Err(self.give_up(core, row, waiter, Refusal::Deadline));
            }
            thread::park(shared.parker.timeout(Some(left.min(LOOK_AGAIN))));
            if shared.is_forked() {
                news::turned_away(shared, Refusal::Forked, 1);
                return Err(Refusal::Forked);
            }
        }
    }

    /// A submitter that waits gives up and is counted as refused for that reason.
    pub(crate) fn give_up(
        &self,
        core: &Core,
        row: usize,
        waiter: &Arc<Waiter>,
        why: Refusal,
    ) -> Refusal {
        self.change(core, |state| {
            state.rows[row].leave_line(waiter);
            state.rows[row].count_refusal(why);
        });
        news::turned_away(&core.shared, why, 1);
        why
    }

    /// A submitter that waits goes, and was not refused.
    pub(crate) fn leave_line(&self, core: &Core, row: usize, waiter: &Arc<Waiter>) {
        // If it has left a place to the next, `change` calls.
        self.change(core, |state| state.rows[row].leave_line(waiter));
    }
}

impl Keeper for Dispatcher {
    fn look(&self) {
        let Some(core) = self.core.upgrade() else { return };
        self.change(&core, |state| {
            state.pool.max_workers = core.settings.load().max_workers as u64;
            state.is_closing |= core.shared.rooms.is_closed();
            for row in 0..state.rows.len() {
                let settings = state.rows[row].settings.clone();
                state.set(row, settings, core.shared.now());
            }
        });
    }

    fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    fn figures(&self) -> Vec<LaneFigures> {
        self.look_at(State::figures)
    }

    fn clear(&self) -> Vec<Arc<dyn Tracked>> {
        self.change_if_alive(|shared, state| state.clear(shared)).unwrap_or_default()
    }
}

/// A lane with a rate needs somebody to look at the clock.
pub(crate) fn begin_timer(core: &Core, settings: &LaneSettings) -> Option<ConfigError> {
    settings.rate?;
    let refusal = core.timer.begin().err()?;
    let problem = format!("nobody can wait for the time of a start: {}", refusal.as_str());
    Some(ConfigError { field: "rate", problem })
}
