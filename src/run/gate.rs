//! Admission: who gets into the queue, who waits for room, who is turned away.
//!
//! Two counters that only grow, each written by one side: `admitted` by submitters, `released` by
//! whoever takes a job out of the queue. Their difference is the queue's length.
//!
//! * **G1** A place is taken in `admitted` before the job is pushed and given back in `released`
//!   once it has left the queue, so `admitted - released` never understates what is queued.
//! * **G2** The closed bit and the count share one word, so after `close` no more jobs are
//!   admitted, and `released == admitted` means that the queue is empty for good.
//! * **G3** A submitter that is about to wait sets the waiting bit in `released` and decides on the
//!   count that this very step returned. A release before it is in that count; a release after it
//!   sees the bit and wakes somebody. There is no gap between the two.
//! * **G4** One release wakes one waiter. A waiter that was woken and gives up passes the wake-up
//!   on.
//! * **G5** Who joins the end of the line may hold it for a moment: then releases wake nobody until
//!   a lot of places is free, and nobody from behind gets in before. A hold is ended by the release
//!   that completes the lot, or by a step on `released` that whoever began it takes a moment later:
//!   a release before that step is in the count it returns, one after it finds no hold.
//!
//! Without G5 each release wakes a submitter, which fills the one place and sleeps again: with jobs
//! of a microsecond up to two switches a job, and the pool did half its work.

use std::collections::VecDeque;
use std::task::Waker;

use crossbeam_utils::CachePadded;

#[cfg(loom)]
use crate::run::omit::omitted;

use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::thread::Thread;
use crate::sync::{Arc, Mutex};

/// The top bit of `admitted` (closed) and of `released` (somebody waits).
const FLAG: u64 = 1 << 63;
const COUNT: u64 = FLAG - 1;

/// Why there was no way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoEntry {
    Full,
    Closed,
}

/// Whether a waiter can wait for a lot of places: only one that looks again by itself a moment
/// later, and ends the hold then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    None,
    ForALot,
}

/// A lot is this share of the queue: small enough that the workers do not run dry meanwhile.
const LOTS: u64 = 8;
/// No lot is larger: at this size a wake-up, some microseconds, is some nanoseconds a job. 256 took
/// 624 ns for a job of a microsecond on two cores, this 604.
const LARGEST_LOT: u64 = 1024;

pub(crate) struct Gate {
    /// {closed: 1 | jobs ever admitted: 63}, with the limit its writers compare it to.
    entrance: CachePadded<Entrance>,
    exit: CachePadded<Exit>,
    line: Mutex<Line>,
}

struct Entrance {
    admitted: AtomicU64,
    /// The first count that may not be admitted: released + capacity as last seen, so at worst
    /// too small. Spares submitters the line that workers write.
    limit: AtomicU64,
}

struct Exit {
    /// {somebody waits: 1 | jobs ever released: 63}.
    released: AtomicU64,
    /// The count from which on a release wakes somebody (G5). Changed under the line's lock only.
    hold_until: AtomicU64,
}

/// Those who wait for room, and what the limit is made of.
struct Line {
    capacity: u64,
    /// Jobs dealt with in the queue whose empty shells are still in it. Below zero for a moment
    /// when a worker throws a shell away before the one who made it has said so.
    shells: i64,
    waiters: VecDeque<Arc<Waiter>>,
}

impl Line {
    /// How many jobs may ever be admitted, given the count released. Shells are free up to the
    /// capacity; beyond it they take places, so that cancelling cannot grow the queue for ever.
    fn limit(&self, released: u64) -> u64 {
        released.saturating_add(self.capacity - self.shells_in_the_way()).min(COUNT)
    }

    fn lot(&self) -> u64 {
        (self.capacity / LOTS).clamp(1, LARGEST_LOT)
    }

    fn shells_in_the_way(&self) -> u64 {
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

    fn call(&self) {
        let previous = std::mem::replace(&mut *self.0.lock(), Call::Called);
        match previous {
            Call::Thread(thread) => thread.unpark(),
            Call::Task(waker) => {
                super::panics::contain(|| waker.wake());
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

impl Gate {
    pub(crate) fn new(capacity: u64) -> Gate {
        Gate {
            entrance: CachePadded::new(Entrance {
                admitted: AtomicU64::new(0),
                limit: AtomicU64::new(capacity.min(COUNT)),
            }),
            exit: CachePadded::new(Exit {
                released: AtomicU64::new(0),
                hold_until: AtomicU64::new(0),
            }),
            line: Mutex::new(Line { capacity, shells: 0, waiters: VecDeque::new() }),
        }
    }

    /// Takes up to `wanted` places (G1); returns how many.
    pub(crate) fn admit(&self, wanted: u64) -> Result<u64, NoEntry> {
        let Entrance { admitted, limit } = &*self.entrance;
        // Acquire pairs with the close's AcqRel: whoever sees the bit sees what led to it.
        let mut seen = admitted.load(Ordering::Acquire);
        loop {
            if seen & FLAG != 0 {
                return Err(NoEntry::Closed);
            }
            let mut room = limit.load(Ordering::Relaxed).saturating_sub(seen);
            if room < wanted {
                room = self.refresh_limit().saturating_sub(seen);
            }
            if room == 0 {
                return Err(NoEntry::Full);
            }
            let taken = room.min(wanted);
            #[cfg(loom)]
            if omitted("G2") {
                admitted.fetch_add(taken, Ordering::AcqRel);
                return Ok(taken);
            }
            match admitted.compare_exchange_weak(
                seen,
                seen + taken,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return Ok(taken),
                Err(now) => seen = now,
            }
        }
    }

    /// Takes a place whatever the bound says: for jobs submitted inside the pool, and for those
    /// their submitter runs itself.
    pub(crate) fn admit_over_the_bound(&self) -> Result<(), NoEntry> {
        self.entrance
            .admitted
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |seen| {
                (seen & FLAG == 0).then_some(seen + 1)
            })
            .map(drop)
            .map_err(|_| NoEntry::Closed)
    }

    fn refresh_limit(&self) -> u64 {
        let line = self.line.lock();
        let released = self.exit.released.load(Ordering::Acquire) & COUNT;
        if self.is_held(&line, released) {
            return self.entrance.limit.load(Ordering::Relaxed);
        }
        self.set_limit(&line, released)
    }

    fn set_limit(&self, line: &Line, released: u64) -> u64 {
        let limit = line.limit(released);
        self.entrance.limit.store(limit, Ordering::Relaxed);
        limit
    }

    fn is_held(&self, line: &Line, released: u64) -> bool {
        !line.waiters.is_empty() && released < self.exit.hold_until.load(Ordering::Relaxed)
    }

    /// One job has left the queue (G1); lets the next submitter in (G4), unless they wait for more
    /// (G5).
    pub(crate) fn release(&self) {
        // AcqRel: pairs with the steps of `join_line` (G3) and `end_hold` (G5) on the same word,
        // and with readers of the counts, who must see the release before the outcome after it.
        let before = self.exit.released.fetch_add(1, Ordering::AcqRel);
        if before & FLAG != 0
            && (before & COUNT) + 1 >= self.exit.hold_until.load(Ordering::Relaxed)
        {
            self.call_next();
        }
    }

    fn call_next(&self) {
        let called = {
            let mut line = self.line.lock();
            let called = line.waiters.pop_front();
            self.clear_flag_if_nobody_waits(&line);
            called
        };
        if let Some(waiter) = called {
            waiter.call();
        }
    }

    fn clear_flag_if_nobody_waits(&self, line: &Line) {
        if line.waiters.is_empty() {
            self.exit.released.fetch_and(COUNT, Ordering::AcqRel);
        }
    }

    /// Joins the line (G3). One that was called before and found the room taken goes to its head.
    /// One that is patient and goes to its end holds the line (G5), unless somebody does; it has to
    /// call [`Gate::end_hold`] soon, unless it is called before.
    pub(crate) fn join_line(
        &self,
        waiter: &Arc<Waiter>,
        was_called: bool,
        patience: Patience,
    ) -> Joined {
        if patience == Patience::None {
            self.end_hold();
        }
        #[cfg(loom)]
        let stale = omitted("G3").then(|| {
            let released = self.exit.released.load(Ordering::Acquire) & COUNT;
            (self.entrance.admitted.load(Ordering::Acquire), released)
        });
        let mut line = self.line.lock();
        if patience == Patience::None {
            self.exit.hold_until.store(0, Ordering::Relaxed);
        }
        let released = self.exit.released.fetch_or(FLAG, Ordering::AcqRel) & COUNT;
        let admitted = self.entrance.admitted.load(Ordering::Acquire);
        #[cfg(loom)]
        let (admitted, released) = stale.unwrap_or((admitted, released));
        let held = self.is_held(&line, released);
        if admitted & FLAG != 0 || !held && admitted < self.set_limit(&line, released) {
            self.clear_flag_if_nobody_waits(&line);
            return Joined::TryAgain;
        }
        // Not at the head: who begins a hold there may be called and go, and those behind, whose
        // patience is over, would not end it.
        if patience == Patience::ForALot && !held && !was_called {
            self.exit.hold_until.store(released + line.lot(), Ordering::Relaxed);
        }
        if was_called {
            line.waiters.push_front(Arc::clone(waiter));
        } else {
            line.waiters.push_back(Arc::clone(waiter));
        }
        Joined::Waiting
    }

    /// Leaves the line without having got in; a wake-up already received goes to the next (G4).
    pub(crate) fn leave_line(&self, waiter: &Arc<Waiter>) {
        let was_called = {
            let mut line = self.line.lock();
            let place = line.waiters.iter().position(|w| Arc::ptr_eq(w, waiter));
            if let Some(place) = place {
                line.waiters.remove(place);
                self.clear_flag_if_nobody_waits(&line);
            }
            place.is_none()
        };
        #[cfg(loom)]
        let was_called = was_called && !omitted("G4");
        if was_called {
            self.call_next();
        }
    }

    /// Whoever began a hold has waited long enough (G5): calls as many as there are places for, and
    /// from now on each release calls one.
    pub(crate) fn end_hold(&self) {
        let called: Vec<Arc<Waiter>> = {
            let mut line = self.line.lock();
            if line.waiters.is_empty() {
                return;
            }
            #[cfg(loom)]
            let released_before = self.exit.released.load(Ordering::Acquire) & COUNT;
            self.exit.hold_until.store(0, Ordering::Relaxed);
            let released = self.exit.released.fetch_or(FLAG, Ordering::AcqRel) & COUNT;
            #[cfg(loom)]
            let released = if omitted("G5") { released_before } else { released };
            let admitted = self.entrance.admitted.load(Ordering::Acquire) & COUNT;
            let places = self.set_limit(&line, released).saturating_sub(admitted);
            let places = line.waiters.len().min(usize::try_from(places).unwrap_or(usize::MAX));
            let called = line.waiters.drain(..places).collect();
            self.clear_flag_if_nobody_waits(&line);
            called
        };
        called.iter().for_each(|waiter| waiter.call());
    }

    fn call_all(&self) {
        let called = {
            let mut line = self.line.lock();
            let called = std::mem::take(&mut line.waiters);
            self.clear_flag_if_nobody_waits(&line);
            called
        };
        called.iter().for_each(|waiter| waiter.call());
    }

    /// Lets nobody in any more and sends the waiting away (G2). Returns the final count.
    pub(crate) fn close(&self) -> u64 {
        let before = self.entrance.admitted.fetch_or(FLAG, Ordering::AcqRel);
        self.call_all();
        before & COUNT
    }

    /// A new bound; everybody in line looks again.
    pub(crate) fn set_capacity(&self, capacity: u64) {
        {
            let mut line = self.line.lock();
            line.capacity = capacity;
            self.set_limit(&line, self.exit.released.load(Ordering::Acquire) & COUNT);
        }
        self.call_all();
    }

    /// A queued job was dealt with where it is, its empty shell stays queued for now. True if the
    /// next one will take a place.
    pub(crate) fn shell_left(&self) -> bool {
        let mut line = self.line.lock();
        line.shells += 1;
        u64::try_from(line.shells).is_ok_and(|shells| shells >= line.capacity)
    }

    /// `n` empty shells were taken out of the queue; lets a submitter in for each place that
    /// they had taken (G4).
    pub(crate) fn shells_removed(&self, n: u64) {
        let places = {
            let mut line = self.line.lock();
            let before = line.shells_in_the_way();
            line.shells -= n as i64;
            before - line.shells_in_the_way()
        };
        (0..places).for_each(|_| self.call_next());
    }

    /// Jobs waiting to start.
    pub(crate) fn queued(&self) -> u64 {
        let (admitted, released) = self.counts();
        debug_assert!(released <= admitted, "a job left the queue that had no place in it (G1)");
        admitted - released
    }

    /// (admitted, released), read so that the difference is never negative.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let released = self.exit.released.load(Ordering::Acquire) & COUNT;
        let admitted = self.entrance.admitted.load(Ordering::Acquire) & COUNT;
        (admitted, released)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.entrance.admitted.load(Ordering::Acquire) & FLAG != 0
    }

    /// Submitters waiting for room.
    pub(crate) fn waiting(&self) -> u64 {
        self.line.lock().waiters.len() as u64
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
