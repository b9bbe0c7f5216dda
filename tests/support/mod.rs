//! What the tests of the control plane share: waiting without luck, jobs that can be held, and
//! what the system (not the pool) says about the pool's threads.

#![allow(dead_code, unreachable_pub, reason = "each test program uses a part of it")]

#[cfg(feature = "prometheus")]
pub mod page;
pub mod system;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use springtide::testing::ManualClock;
use springtide::{Pool, PoolHandle, Stats};

/// Long enough for anything that is going to happen at all, on any machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Ends the whole program if the test that holds it takes longer than two minutes: a hang must not
/// look like a slow machine.
pub struct Watchdog(Option<Sender<()>>);

pub fn watchdog() -> Watchdog {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    let (alive, gone) = channel::<()>();
    std::thread::spawn(move || {
        if gone.recv_timeout(4 * PATIENCE) == Err(RecvTimeoutError::Timeout) {
            eprintln!("{name} hangs");
            std::process::abort();
        }
    });
    Watchdog(Some(alive))
}

/// Polls until `is_so`, and returns how long that took.
#[track_caller]
pub fn eventually(what: &str, is_so: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    assert!(holds_within(PATIENCE, is_so), "not within {PATIENCE:?}: {what}");
    begun.elapsed()
}

/// Polls until `is_so` or until `limit`; whether it became so.
pub fn holds_within(limit: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while !is_so() {
        if begun.elapsed() > limit {
            return false;
        }
        std::thread::sleep(millis(1));
    }
    true
}

/// Watches a condition that must hold all the time, for as long as the scenario lasts.
#[track_caller]
pub fn throughout(span: Duration, what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while begun.elapsed() < span {
        assert!(is_so(), "after {:?}: {what}", begun.elapsed());
        std::thread::sleep(millis(2));
    }
}

/// Occupies a core.
pub fn spin(span: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < span {
        std::hint::spin_loop();
    }
}

/// Every accepted job is in exactly one place.
#[track_caller]
pub fn assert_accounts(stats: &Stats) {
    let ended = stats.ok
        + stats.errored
        + stats.panicked
        + stats.cancelled
        + stats.expired
        + stats.timed_out
        + stats.returned;
    assert_eq!(stats.accepted, stats.queued + stats.running + ended, "{stats:?}");
}

/// Waits until nothing is queued and nothing runs; the accounts hold all the time until then.
#[track_caller]
pub fn at_rest(pool: &PoolHandle) -> Stats {
    let mut stats = pool.stats();
    let rests = holds_within(PATIENCE, || {
        stats = pool.stats();
        assert_accounts(&stats);
        stats.queued == 0 && stats.running == 0
    });
    assert!(rests, "still busy: {stats:?}");
    stats
}

/// Waits until the supervisor sleeps without a clock: in half a second it looked not once.
#[track_caller]
pub fn asleep(pool: &PoolHandle) {
    eventually("the supervisor has gone to rest", || {
        let looks = pool.stats().evaluations;
        std::thread::sleep(millis(600));
        pool.stats().evaluations == looks
    });
}

/// As [`asleep`], for a pool on a clock of the test's, which this moves on.
#[track_caller]
pub fn asleep_by(clock: &ManualClock, pool: &PoolHandle) {
    eventually("the supervisor has gone to rest", || {
        let looks = pool.stats().evaluations;
        for _ in 0..10 {
            clock.advance(millis(500));
            std::thread::sleep(millis(60));
        }
        pool.stats().evaluations == looks
    });
}

/// Waits until the pool has seen every job out, shuts it down and closes the books: the last
/// snapshot balances, the report says the same, and no thread of the pool is left.
#[track_caller]
pub fn finish(pool: Pool) -> Stats {
    at_rest(&pool);
    end(pool)
}

/// As [`finish`], for a pool that may still have jobs: they are run.
#[track_caller]
pub fn end(pool: Pool) -> Stats {
    let report = pool.shutdown();
    let stats = pool.stats();
    assert_accounts(&stats);
    assert_eq!((stats.queued, stats.running), (0, 0), "{stats:?}");
    assert!(report.ended, "{report:?}");
    assert_eq!(report.accepted, stats.accepted, "{report:?}");
    assert_eq!(stats.workers.total, 0, "{stats:?}");
    let name = pool.name().to_owned();
    eventually("every thread of the pool is gone", || system::threads(&name).is_empty());
    stats
}

/// A door that jobs wait at until somebody opens it, for all and for ever.
#[derive(Default)]
pub struct Latch {
    open: AtomicBool,
    line: Mutex<()>,
    opened: Condvar,
}

impl Latch {
    pub fn new() -> Arc<Latch> {
        Arc::default()
    }

    pub fn open(&self) {
        let _line = self.line.lock().unwrap();
        self.open.store(true, Ordering::Release);
        self.opened.notify_all();
    }

    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    pub fn wait(&self) {
        let line = self.line.lock().unwrap();
        drop(self.opened.wait_while(line, |()| !self.is_open()).unwrap());
    }

    /// Waits and occupies a core meanwhile.
    pub fn spin(&self) {
        while !self.is_open() {
            std::hint::spin_loop();
        }
    }
}

/// What code of somebody else that a supervisor calls passes each time; it hangs there while the
/// door is shut.
#[derive(Default)]
pub struct Door {
    lock: Mutex<()>,
    found_shut: AtomicBool,
}

impl Door {
    /// Shut until the guard is dropped.
    pub fn shut(&self) -> MutexGuard<'_, ()> {
        self.lock.lock().unwrap()
    }

    pub fn pass(&self) {
        self.found_shut.store(self.lock.try_lock().is_err(), Ordering::SeqCst);
        let _open = self.lock.lock();
    }

    /// Moves the clock on in such steps until somebody hangs at the door.
    #[track_caller]
    pub fn until_one_hangs(&self, clock: &ManualClock, step: Duration) {
        eventually("somebody hangs at the door", || {
            clock.advance(step);
            self.found_shut.load(Ordering::SeqCst)
        });
    }
}

/// Counts who is inside, as the jobs themselves see it.
#[derive(Default)]
pub struct Crowd {
    now: AtomicUsize,
    peak: AtomicUsize,
}

/// Somebody inside, until dropped.
pub struct Inside {
    crowd: Arc<Crowd>,
    /// How many there were, this one included, when it came in.
    pub with: usize,
}

impl Crowd {
    pub fn new() -> Arc<Crowd> {
        Arc::default()
    }

    pub fn enter(self: &Arc<Self>) -> Inside {
        let with = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.peak.fetch_max(with, Ordering::SeqCst);
        Inside { crowd: Arc::clone(self), with }
    }

    pub fn now(&self) -> usize {
        self.now.load(Ordering::SeqCst)
    }

    pub fn peak(&self) -> usize {
        self.peak.load(Ordering::SeqCst)
    }

    /// Forgets the peak so far.
    pub fn forget(&self) {
        self.peak.store(self.now(), Ordering::SeqCst);
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.crowd.now.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Submits `n` jobs that enter the crowd, as soon as there are workers for them, and wait there at
/// the latch.
#[track_caller]
pub fn enqueue(pool: &PoolHandle, n: usize, crowd: &Arc<Crowd>, latch: &Arc<Latch>) {
    for _ in 0..n {
        let (crowd, latch) = (Arc::clone(crowd), Arc::clone(latch));
        pool.execute(move || {
            let _inside = crowd.enter();
            latch.wait();
        })
        .expect("the pool is open");
    }
}

/// As [`enqueue`], and returns once all are inside: so many workers run at once.
#[track_caller]
pub fn hold(pool: &PoolHandle, n: usize, crowd: &Arc<Crowd>, latch: &Arc<Latch>) {
    let wanted = crowd.now() + n;
    enqueue(pool, n, crowd, latch);
    eventually("all are inside", || crowd.now() >= wanted);
}

/// Tells the other threads of a test that it is over, also if it fails.
pub struct SetOnDrop<'a>(pub &'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
