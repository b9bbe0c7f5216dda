//! One place for a worker: what is known about it from outside, and what outlives it.

use super::current::Current;
use super::job::Tracked;
use super::meter::Meter;
use super::spawner::ThreadHandle;
use super::stuck::Stuck;
use crate::sync::atomic::AtomicU8;
use crate::sync::plain::{AtomicU32, Ordering};
use crate::sync::{Arc, Mutex, OnceLock, thread};
use crate::time::Nanos;

/// Where a slot is in the life of its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum State {
    /// Nobody's; may be given to a new worker.
    Vacant,
    /// Its thread was asked for and has not looked for a job yet.
    Starting,
    /// At work.
    Live,
    /// Takes no job, because it could not build the state that one needed (H1).
    Held,
    /// The same, and the supervisor decides at this moment whether its worker goes (H3).
    Deciding,
    /// Discharged; its thread is about to end.
    Leaving,
    /// Its thread has nothing left to do with the pool and can be joined.
    Gone,
}

/// One row of the table of workers. The meter and the deque are made when the slot is first used
/// and stay for its next owner.
pub(crate) struct Slot {
    state: AtomicU8,
    meter: OnceLock<Box<Meter>>,
    pub(crate) current: Current,
    /// A state that its worker tries to build while it holds, for no job in particular. A pool that
    /// has nothing else to do is at rest.
    pub(crate) building: Current,
    /// The system's number of the thread, 0 where it is not known.
    pub(crate) thread_id: AtomicU32,
    pub(crate) thread: Mutex<Option<ThreadHandle>>,
    /// Jobs with a timeout or a deadline running here, outermost first.
    pub(crate) timed: Mutex<Vec<Timed>>,
}

/// A running job that must be over by a moment.
pub(crate) struct Timed {
    pub(crate) started: Nanos,
    pub(crate) ends_by: Nanos,
    pub(crate) job: Arc<dyn Tracked>,
    /// The job was noticed to be stuck, and this was decided.
    pub(crate) stuck: Option<Stuck>,
}

impl State {
    fn of(state: u8) -> State {
        match state {
            0 => State::Vacant,
            1 => State::Starting,
            2 => State::Live,
            3 => State::Held,
            4 => State::Deciding,
            5 => State::Leaving,
            _ => State::Gone,
        }
    }
}

impl Slot {
    pub(crate) fn new() -> Slot {
        Slot {
            state: AtomicU8::new(State::Vacant as u8),
            meter: OnceLock::new(),
            current: Current::default(),
            building: Current::default(),
            thread_id: AtomicU32::new(0),
            thread: Mutex::new(None),
            timed: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn state(&self) -> State {
        State::of(self.state.load(Ordering::Acquire))
    }

    pub(crate) fn set_state(&self, state: State) {
        self.state.store(state as u8, Ordering::Release);
    }

    /// Moves on from one state, if it is in that (H3); otherwise says in which it is.
    fn step(&self, from: State, to: State) -> Result<(), State> {
        let (from, to) = (from as u8, to as u8);
        let step = self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire);
        step.map(|_| ()).map_err(State::of)
    }

    /// Its worker holds, and was not sent home.
    pub(crate) fn holds(&self) -> bool {
        matches!(self.state(), State::Held | State::Deciding)
    }

    /// For the supervisor: a worker that holds waits until it is decided whether it goes (H3).
    #[must_use]
    pub(crate) fn take_aside(&self) -> bool {
        self.step(State::Held, State::Deciding).is_ok()
    }

    /// For the worker that holds: moves on, unless it was sent home (H3).
    #[must_use]
    pub(crate) fn end_hold(&self, to: State) -> bool {
        loop {
            match self.step(State::Held, to) {
                // For a step or two of the supervisor's.
                Err(State::Deciding) => thread::yield_now(),
                step => return step.is_ok(),
            }
        }
    }

    /// The meter, made on first use.
    pub(crate) fn meter(&self) -> &Meter {
        self.meter.get_or_init(Box::default)
    }

    /// The meter if the slot was ever used.
    pub(crate) fn used_meter(&self) -> Option<&Meter> {
        self.meter.get().map(|meter| &**meter)
    }
}
