//! One place for a worker: what is known about it from outside, and what outlives it.

use super::job::{JobId, KindId, Tracked};
use super::meter::Meter;
use super::spawner::ThreadHandle;
use crate::sync::plain::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};
use crate::sync::{Arc, Mutex, OnceLock};
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
    /// The system's number of the thread, 0 where it is not known.
    pub(crate) thread_id: AtomicU32,
    pub(crate) thread: Mutex<Option<ThreadHandle>>,
    /// Jobs with a timeout running here, outermost first.
    pub(crate) timed: Mutex<Vec<Timed>>,
}

/// A running job that must not run past a moment.
pub(crate) struct Timed {
    pub(crate) deadline: Nanos,
    pub(crate) job: Arc<dyn Tracked>,
}

/// The job a worker is in; written by the worker only.
#[derive(Debug, Default)]
pub(crate) struct Current {
    /// When it started, plus one; 0 when there is none.
    started: AtomicU64,
    kind: AtomicU16,
    /// 0 for a job without a handle.
    id: AtomicU64,
    /// How many declared waits it is inside.
    blocked: AtomicU32,
}

/// What [`Current`] says at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Running {
    pub(crate) started: Nanos,
    pub(crate) kind: KindId,
    pub(crate) id: Option<JobId>,
    pub(crate) blocked: bool,
}

impl Current {
    pub(crate) fn begin(&self, running: Running) {
        self.kind.store(running.kind.0, Ordering::Relaxed);
        self.id.store(running.id.map_or(0, |id| id.0), Ordering::Relaxed);
        // Release, and before the gate's release of the job: whoever sees the job gone from the
        // queue finds it here.
        self.started.store(running.started.0 + 1, Ordering::Release);
    }

    pub(crate) fn end(&self) {
        self.started.store(0, Ordering::Release);
    }

    pub(crate) fn look(&self) -> Option<Running> {
        let started = self.started.load(Ordering::Acquire).checked_sub(1)?;
        let id = self.id.load(Ordering::Relaxed);
        Some(Running {
            started: Nanos(started),
            kind: KindId(self.kind.load(Ordering::Relaxed)),
            id: (id != 0).then_some(JobId(id)),
            blocked: self.is_blocked(),
        })
    }

    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn enter_blocked(&self) {
        self.blocked.store(self.blocked.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    pub(crate) fn leave_blocked(&self) {
        self.blocked.store(self.blocked.load(Ordering::Relaxed) - 1, Ordering::Relaxed);
    }
}

impl Slot {
    pub(crate) fn new() -> Slot {
        Slot {
            state: AtomicU8::new(State::Vacant as u8),
            meter: OnceLock::new(),
            current: Current::default(),
            thread_id: AtomicU32::new(0),
            thread: Mutex::new(None),
            timed: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn state(&self) -> State {
        match self.state.load(Ordering::Acquire) {
            0 => State::Vacant,
            1 => State::Starting,
            2 => State::Live,
            3 => State::Leaving,
            _ => State::Gone,
        }
    }

    pub(crate) fn set_state(&self, state: State) {
        self.state.store(state as u8, Ordering::Release);
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
