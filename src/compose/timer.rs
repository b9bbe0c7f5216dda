//! The one thread of a pool that waits for points in time, started when something first waits.
//!
//! It sleeps until the first entry is due, or without end while there is none: a pool with nothing
//! to wait for makes no wake-ups. What it does at the due time is short code of this crate (a push
//! to the queue, or a note and a push); so one thread is enough for everybody. Of a user's there
//! are the observer's hooks for a run of a series (it is accepted, and cancelled if the series is
//! just then); the drop of what a series captured that ends as its time comes; and the wakers of
//! tasks: what they wait for has come due, or their time to wait is up. All of them run under no
//! lock, and a panic in one disturbs nobody else.
//!
//! * **T1** Whoever makes an entry the first wakes the thread, after the entry is in its place. The
//!   thread takes its seat before it looks for the first entry, and the wake-up of a thread that
//!   does not sleep is kept for its next sleep. So it never sleeps past what is due.
//! * **T2** An entry is called once or cancelled once, by whoever takes it out first; at the pool's
//!   end it is dropped instead, outside the lock. After the end nothing gets in.

use crate::name;
use crate::outcome::Refusal;
use crate::run::agenda::{Agenda, Mark};
use crate::run::desk::Inside;
use crate::run::due;
use crate::run::panics::contain;
use crate::run::phase::Stage;
use crate::run::shared::Shared;
use crate::run::spawner::ThreadHandle;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::thread::{self, Thread};
use crate::sync::{Arc, Mutex};
use crate::time::Nanos;

/// The most entries at a time: of each series, and of each lane that has to wait, there is one.
const ENTRIES_MAX: usize = 10_000;

/// What to do when the time has come. Runs on the timer's thread: it must be short, and no code of
/// a user but what is named above.
pub(crate) type Due = Box<dyn FnOnce() + Send>;

/// What was not to be called, and why not.
pub(crate) type Refused = (Due, Refusal);

/// Which entry; for [`Timer::cancel`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimerId(Mark);

pub(crate) struct Timer {
    shared: Arc<Shared>,
    entries: Mutex<Entries>,
    life: Mutex<Life>,
    /// The thread, once it has begun.
    seat: Mutex<Option<Thread>>,
    /// The thread is at its end, and may be joined.
    has_left: AtomicBool,
}

#[derive(Default)]
struct Entries {
    agenda: Agenda<Due>,
    next_number: u64,
    is_closed: bool,
}

enum Life {
    NotBegun,
    Running(ThreadHandle),
    Over,
}

impl Timer {
    pub(crate) fn new(shared: Arc<Shared>) -> Timer {
        Timer {
            shared,
            entries: Mutex::default(),
            life: Mutex::new(Life::NotBegun),
            seat: Mutex::default(),
            has_left: AtomicBool::new(false),
        }
    }

    /// Calls `due` at `when` on the pool's clock, or a moment later; at once if that is over, and
    /// never at [`Nanos::NEVER`]. At the pool's end `due` is dropped uncalled.
    ///
    /// # Errors
    ///
    /// `due` with the reason: the system refused the thread, there are too many entries, the pool
    /// has ended, or this is a forked child.
    pub(crate) fn at(self: &Arc<Self>, when: Nanos, due: Due) -> Result<TimerId, Refused> {
        if let Err(refusal) = self.begin() {
            return Err((due, refusal));
        }
        self.enter(when, due, ENTRIES_MAX)
    }

    /// The same for who has just been called and wants to be called again: its place is still its
    /// own, so that there being too many is no reason.
    pub(crate) fn again(self: &Arc<Self>, when: Nanos, due: Due) -> Result<TimerId, Refused> {
        if let Err(refusal) = self.begin() {
            return Err((due, refusal));
        }
        self.enter(when, due, usize::MAX)
    }

    /// Takes an entry out; what it holds is dropped before this returns. False if it has been
    /// called or cancelled.
    pub(crate) fn cancel(&self, id: TimerId) -> bool {
        let due = self.entries.lock().agenda.remove(id.0);
        let was_there = due.is_some();
        contain(|| drop(due));
        was_there
    }

    /// Makes sure that there is a thread.
    pub(crate) fn begin(self: &Arc<Self>) -> Result<(), Refusal> {
        let shared = &self.shared;
        if shared.is_forked() {
            return Err(Refusal::Forked);
        }
        let mut life = self.life.lock();
        match &*life {
            Life::Running(_) => return Ok(()),
            Life::Over => return Err(Refusal::Shutdown),
            Life::NotBegun => {}
        }
        let timer = Arc::clone(self);
        let name = name::of_thread(shared.name.as_str(), "/time");
        let thread = shared.spawner.spawn(name, None, Box::new(move || timer.run()));
        *life = Life::Running(thread.map_err(|_| Refusal::NoThread)?);
        Ok(())
    }

    fn enter(&self, when: Nanos, due: Due, most: usize) -> Result<TimerId, Refused> {
        let (mark, is_first) = {
            let mut entries = self.entries.lock();
            if entries.is_closed {
                return Err((due, Refusal::Shutdown));
            }
            if entries.agenda.len() >= most {
                return Err((due, Refusal::DelayedFull));
            }
            let mark = Mark { when, number: entries.next_number };
            entries.next_number += 1;
            (mark, entries.agenda.insert(mark, due))
        };
        if is_first {
            self.wake();
        }
        Ok(TimerId(mark))
    }

    /// Has the thread look again (T1).
    pub(crate) fn wake(&self) {
        let thread = self.seat.lock().clone();
        if let Some(thread) = thread {
            thread.unpark();
        }
    }

    /// The pool has come to its end: true once there is no thread any more. The supervisor asks
    /// again and again.
    pub(crate) fn end(&self) -> bool {
        self.wake();
        let before = {
            let mut life = self.life.lock();
            if matches!(*life, Life::Running(_)) && !self.has_left.load(Ordering::Acquire) {
                return false;
            }
            std::mem::replace(&mut *life, Life::Over)
        };
        if let Life::Running(thread) = before {
            thread.join();
        }
        true
    }

    /// The thread's whole life: until the supervisor sends everybody home.
    fn run(&self) {
        let shared = &*self.shared;
        let _inside = Inside::enter(shared);
        *self.seat.lock() = Some(thread::current());
        while shared.phase.stage() < Stage::Leaving {
            self.call_due(shared.now());
            let next = self.entries.lock().agenda.next().min(shared.delayed.next());
            let left = (next != Nanos::NEVER).then(|| next.since(shared.now()));
            if left.is_none_or(|left| !left.is_zero()) {
                thread::park(shared.parker.timeout(left));
            }
        }
        self.close();
        // Release: pairs with `end`, which joins.
        self.has_left.store(true, Ordering::Release);
        shared.sleep.ring();
    }

    /// Calls what is due by now, and not what that puts in anew: an entry without a pause between
    /// its calls keeps nobody else waiting.
    fn call_due(&self, now: Nanos) {
        let shared = &*self.shared;
        due::queue(shared, || shared.delayed.take_due(now, &shared.gate));
        let due: Vec<Due> = {
            let mut entries = self.entries.lock();
            std::iter::from_fn(|| entries.agenda.take_due(now)).collect()
        };
        for due in due {
            contain(due);
        }
    }

    /// Nothing gets in any more, and what is there is dropped (T2).
    fn close(&self) {
        let left = {
            let mut entries = self.entries.lock();
            entries.is_closed = true;
            std::mem::take(&mut entries.agenda)
        };
        left.into_entries().for_each(|due| _ = contain(|| drop(due)));
    }
}

impl std::fmt::Debug for Timer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Timer").field("pool", &self.shared.name).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
