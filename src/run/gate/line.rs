//! The line at the gate: those who wait for room, how they are called, and what room there is.

use std::collections::VecDeque;
use std::task::Waker;

use crate::run::panics;
use crate::sync::thread::Thread;
use crate::sync::{Arc, Mutex};

/// Whether a waiter can wait for a lot of places: only one that looks again by itself a moment
/// later, and ends the hold then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    None,
    ForALot,
}

/// A lot is this share of the queue: small enough that the workers do not run dry meanwhile.
pub(super) const LOTS: u64 = 8;
/// No lot is larger: at this size a wake-up, some microseconds, is some nanoseconds a job. 256 took
/// 624 ns for a job of a microsecond on two cores, this 604.
const LARGEST_LOT: u64 = 1024;

/// Those who wait for room, and what the limit is made of.
pub(super) struct Line {
    pub(super) capacity: u64,
    /// Jobs dealt with in the queue whose empty shells are still in it. Below zero for a moment
    /// when a worker throws a shell away before the one who made it has said so.
    pub(super) shells: i64,
    pub(super) waiters: VecDeque<Arc<Waiter>>,
}

impl Line {
    /// How many jobs may ever be admitted from outside, given how many have left the queue and how
    /// many came from inside. Shells are free up to the capacity; beyond it they take places, so
    /// that cancelling cannot grow the queue for ever.
    pub(super) fn limit(&self, left: u64, came: u64) -> u64 {
        let places = self.capacity - self.shells_in_the_way();
        left.saturating_add(places).saturating_sub(came)
    }

    pub(super) fn lot(&self) -> u64 {
        (self.capacity / LOTS).clamp(1, LARGEST_LOT)
    }

    pub(super) fn shells_in_the_way(&self) -> u64 {
        let shells = u64::try_from(self.shells).unwrap_or(0);
        shells.saturating_sub(self.capacity).min(self.capacity)
    }
}

/// One waiting submitter.
#[derive(Debug)]
pub(crate) struct Waiter(Mutex<Call>);

#[derive(Debug)]
enum Call {
    Thread(Thread),
    Task(Waker),
    Called,
}

impl Waiter {
    pub(crate) fn thread(thread: Thread) -> Arc<Waiter> {
        Arc::new(Waiter(Mutex::new(Call::Thread(thread))))
    }

    pub(crate) fn task(waker: Waker) -> Arc<Waiter> {
        Arc::new(Waiter(Mutex::new(Call::Task(waker))))
    }

    pub(crate) fn is_called(&self) -> bool {
        matches!(*self.0.lock(), Call::Called)
    }

    /// The task moved to another waker; false if it was called already.
    pub(crate) fn rearm(&self, waker: &Waker) -> bool {
        // Cloned and dropped outside the lock: a waker is somebody else's code.
        let fresh = Call::Task(waker.clone());
        let _stale = {
            let mut call = self.0.lock();
            if matches!(*call, Call::Called) {
                return false;
            }
            std::mem::replace(&mut *call, fresh)
        };
        true
    }

    pub(crate) fn call(&self) {
        let previous = std::mem::replace(&mut *self.0.lock(), Call::Called);
        match previous {
            Call::Thread(thread) => thread.unpark(),
            Call::Task(waker) => {
                panics::contain(|| waker.wake());
            }
            Call::Called => {}
        }
    }
}

/// What came of joining the line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Joined {
    /// In line: wait until called.
    Waiting,
    /// There is room after all, or the gate was closed: try again.
    TryAgain,
}
