//! Time that jumps: backwards by seconds, forwards by an hour.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use springtide::testing::{Clock, ManualClock};
use springtide::{Pool, QueueDepth};

use crate::support::system::{self, Census};
use crate::support::{
    Crowd, Latch, at_rest, enqueue, eventually, finish, hold, millis, spin, watchdog,
};

/// A clock that runs like the system's and can be made to jump.
struct Jumping {
    manual: ManualClock,
    /// What it is ahead of the time since the start, in milliseconds.
    ahead: Arc<AtomicU64>,
    /// As of the last turn of the hand.
    shown: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    hand: Option<JoinHandle<()>>,
}

impl Jumping {
    /// Shows two hours at the beginning, so that there is room behind it.
    fn new() -> Jumping {
        let (manual, begun) = (ManualClock::new(), Instant::now());
        let ahead = Arc::new(AtomicU64::new(7_200_000));
        let shown = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        manual.set(Duration::from_secs(7_200));
        let hand = std::thread::spawn({
            let (manual, ahead, stop) = (manual.clone(), Arc::clone(&ahead), Arc::clone(&stop));
            let shown = Arc::clone(&shown);
            move || {
                while !stop.load(Ordering::Relaxed) {
                    let by = ahead.load(Ordering::Relaxed);
                    manual.set(begun.elapsed() + millis(by));
                    shown.store(by, Ordering::Relaxed);
                    std::thread::sleep(Duration::from_micros(200));
                }
            }
        });
        Jumping { manual, ahead, shown, stop, hand: Some(hand) }
    }

    fn clock(&self) -> Clock {
        self.manual.clock()
    }

    fn back(&self, by: Duration) {
        self.jump(self.ahead.load(Ordering::Relaxed) - by.as_millis() as u64);
    }

    fn forth(&self, by: Duration) {
        self.jump(self.ahead.load(Ordering::Relaxed) + by.as_millis() as u64);
    }

    fn jump(&self, to: u64) {
        self.ahead.store(to, Ordering::Relaxed);
        eventually("the clock shows it", || self.shown.load(Ordering::Relaxed) == to);
    }
}

impl Drop for Jumping {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.hand.take().map(JoinHandle::join);
    }
}

/// An hour that passes in no time makes nobody need more workers than before.
#[test]
fn a_jump_forward_starts_no_storm_of_threads() {
    let _watchdog = watchdog();
    let clock = Jumping::new();
    let pool = Pool::builder("forth").workers(1..=64).cores(2.0).clock(clock.clock());
    let pool = pool.build().unwrap();
    let census = Census::of("forth");
    let batch = pool.submit_batch((0..300).map(|_| || spin(millis(2))));
    for _ in 0..5 {
        std::thread::sleep(millis(20));
        clock.forth(Duration::from_secs(3_600));
    }
    batch.handles.into_iter().for_each(|handle| handle.join().unwrap());
    println!("spinning jobs, five jumps of an hour forward: {} threads", census.peak());
    // Twice the cores, those taken for hogs because they "ran for an hour", and a few starvations.
    assert!(census.peak() <= 16, "{} threads", census.peak());
    at_rest(&pool);
    let stats = finish(pool);
    assert!(stats.run.max <= stats.uptime && stats.wait.max <= stats.uptime, "{stats:?}");
}

/// Whatever was due at some moment is not put off until the clock shows it again.
#[test]
fn after_a_jump_backward_the_pool_grows_and_shrinks_as_before() {
    let _watchdog = watchdog();
    for (name, queue_depth) in [("back", false), ("backqd", true)] {
        let clock = Jumping::new();
        let mut builder = Pool::builder(name).workers(1..=8).keep_alive(millis(300));
        if queue_depth {
            builder = builder.policy(QueueDepth::new().tick(millis(20)));
        }
        let pool = builder.clock(clock.clock()).build().unwrap();
        let (crowd, census) = (Crowd::new(), Census::of(name));
        for jump in [5, 3_600] {
            let latch = Latch::new();
            hold(&pool, 1, &crowd, &latch);
            clock.back(Duration::from_secs(jump));
            let begun = Instant::now();
            enqueue(&pool, 40, &crowd, &latch);
            eventually("it grows", || crowd.now() == 8);
            let grown = begun.elapsed();
            clock.back(Duration::from_secs(jump / 2));
            latch.open();
            at_rest(&pool);
            let shrunk = eventually("it shrinks", || system::workers(name) == 1);
            println!("{name}: {jump} s back: grown in {grown:.1?}, shrunk in {shrunk:.1?}");
            clock.forth(Duration::from_secs(jump));
        }
        assert_eq!(census.peak(), 8);
        let stats = finish(pool);
        assert!(stats.run.max < Duration::from_secs(8_000), "{stats:?}");
    }
}

/// A job that waited before the jump has waited, however young the clock makes it look.
#[test]
fn after_a_jump_backward_the_jobs_that_wait_already_are_not_forgotten() {
    let _watchdog = watchdog();
    let clock = Jumping::new();
    // Long enough for them to be seen waiting before it grows, on a crowded machine, too.
    let target = Duration::from_secs(3);
    let pool = Pool::builder("waited").workers(1..=8).cores(1.0).target_wait(target);
    let pool = pool.clock(clock.clock()).build().unwrap();
    let (crowd, latch) = (Crowd::new(), Latch::new());
    hold(&pool, 1, &crowd, &latch);
    enqueue(&pool, 7, &crowd, &latch);
    eventually("they have been seen", || pool.last_decision().is_some_and(|d| d.queued >= 7));
    clock.back(Duration::from_secs(3_600));
    let took = eventually("it grows all the same", || crowd.now() == 8);
    println!("jobs queued before an hour back ran {took:.1?} after it");
    latch.open();
    assert_eq!(finish(pool).ok, 8);
}

/// Deadlines and timeouts go by the same clock: a jump decides them at once, in either direction
/// without harm.
#[test]
fn a_jump_expires_what_waits_and_overruns_what_runs() {
    let _watchdog = watchdog();
    let clock = Jumping::new();
    let pool = Pool::builder("deadline").workers(1..=1).clock(clock.clock()).build().unwrap();
    let latch = Latch::new();
    let running = {
        let latch = Arc::clone(&latch);
        let minute = Duration::from_secs(60);
        pool.job("runs").timeout(minute).submit(move |_| latch.wait()).unwrap()
    };
    eventually("it runs", || pool.stats().running == 1);
    let minute = Duration::from_secs(60);
    let waiting = pool.job("waits").expires_in(minute).submit(|_| ()).unwrap();
    clock.back(Duration::from_secs(30));
    assert!(!running.is_finished() && !waiting.is_finished());
    clock.forth(Duration::from_secs(3_600));
    assert!(running.join().is_err_and(|error| error.is_timed_out()), "while it still runs");
    latch.open();
    assert!(waiting.join().is_err_and(|error| error.is_expired()));
    let stats = finish(pool);
    assert_eq!((stats.timed_out, stats.expired), (1, 1), "{stats:?}");
}
