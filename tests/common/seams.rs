//! Threads that are refused, wake-ups that get lost, time that flies.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use springtide::testing::{
    ImpatientParker, ManualClock, Parker, RefusingSpawner, Spawner, ThreadHandle,
};
use springtide::{Builder, Pool, PoolHandle};

use super::watchdog::{build, until};

/// Refuses the workers that a rule picks by their number, counted from 1. The supervisor's thread
/// (`…/tide`) and the timer's (`…/time`) are never refused and do not count.
#[derive(Clone)]
pub(crate) struct FakeSpawner {
    asked: Arc<AtomicUsize>,
    refuses: Arc<dyn Fn(usize) -> bool + Send + Sync>,
}

impl FakeSpawner {
    pub(crate) fn refusing(rule: impl Fn(usize) -> bool + Send + Sync + 'static) -> FakeSpawner {
        FakeSpawner { asked: Arc::default(), refuses: Arc::new(rule) }
    }

    /// How many workers were asked for.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Spawner for FakeSpawner {
    fn spawn(
        &self,
        name: String,
        stack_size: Option<usize>,
        body: Box<dyn FnOnce() + Send>,
    ) -> io::Result<ThreadHandle> {
        let is_worker = !name.ends_with("/tide") && !name.ends_with("/time");
        let refuses =
            |_: &str| is_worker && (self.refuses)(self.asked.fetch_add(1, Ordering::SeqCst) + 1);
        RefusingSpawner::new(refuses).spawn(name, stack_size, body)
    }
}

/// Loses the wake-ups that a rule picks by their number, counted from 1.
#[derive(Clone)]
pub(crate) struct LossyParker {
    seen: Arc<AtomicUsize>,
    loses: Arc<dyn Fn(usize) -> bool + Send + Sync>,
}

impl LossyParker {
    pub(crate) fn losing(rule: impl Fn(usize) -> bool + Send + Sync + 'static) -> LossyParker {
        LossyParker { seen: Arc::default(), loses: Arc::new(rule) }
    }

    /// How many wake-ups there were.
    pub(crate) fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }
}

impl Parker for LossyParker {
    fn deliver(&self) -> bool {
        let number = self.seen.fetch_add(1, Ordering::SeqCst) + 1;
        !(self.loses)(number)
    }
}

/// Stops the time it made fly.
pub(crate) struct FastTime {
    stop: Arc<AtomicBool>,
    milliseconds: Arc<AtomicU64>,
}

impl FastTime {
    /// Milliseconds that have passed by this clock.
    pub(crate) fn elapsed(&self) -> Duration {
        Duration::from_millis(self.milliseconds.load(Ordering::SeqCst))
    }
}

impl Drop for FastTime {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

/// A pool on a clock that the test sets. Its threads read it and do not watch it: whoever waits for
/// a time sleeps until the system's clock says so.
pub(crate) fn clocked(builder: Builder) -> (Pool, ManualClock) {
    let clock = ManualClock::new();
    (build(builder.clock(clock.clock())), clock)
}

/// As [`clocked`], for what waits for a time: its threads look at the clock all the while.
pub(crate) fn by_hand(builder: Builder) -> (Pool, ManualClock) {
    clocked(builder.parker(ImpatientParker))
}

/// Returns when everything that was due by now, on a clock of the test's, is in the queue.
pub(crate) fn settle(pool: &PoolHandle, clock: &ManualClock) {
    let last = pool.job("last").delay(Duration::from_nanos(1)).submit(|_| ());
    clock.advance(Duration::from_nanos(1));
    until(|| pool.stats().delayed == 0);
    last.expect("open").detach();
}

/// A pool on a clock on which twenty milliseconds pass in every real one or more.
pub(crate) fn fast_time(builder: Builder) -> (Pool, FastTime) {
    let (pool, clock) = by_hand(builder);
    let time = FastTime { stop: Arc::default(), milliseconds: Arc::default() };
    let (stop, milliseconds) = (Arc::clone(&time.stop), Arc::clone(&time.milliseconds));
    thread::spawn(move || {
        while !stop.load(Ordering::SeqCst) {
            clock.advance(Duration::from_millis(20));
            milliseconds.fetch_add(20, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(1));
        }
    });
    (pool, time)
}
