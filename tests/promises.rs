//! The promises of the README, one short attack each; the table there names these tests.
//!
//! They use the public interface and the hidden seams, whole pools and real threads. Nothing sleeps
//! for luck: a test waits for a channel, or asks again until what must become true is true.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use common::LossyParker;
use springtide::testing::{ManualClock, RefusingSpawner};
use springtide::{Builder, Overflow, Pool, PoolHandle};

/// Longer than anything here takes on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

fn pool(name: &str) -> Builder {
    Pool::builder(name).without_metrics()
}

/// Occupies a worker until the sender is dropped.
fn hold_a_worker(pool: &PoolHandle) -> Sender<()> {
    let (started, has_started) = channel();
    let (release, released) = channel::<()>();
    let job = move || {
        let _ = started.send(());
        let _ = released.recv();
    };
    pool.execute(job).expect("the pool is open");
    has_started.recv_timeout(PATIENCE).expect("a worker takes the job");
    release
}

#[track_caller]
fn becomes_true(what: &str, mut is_true: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_true() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn an_accepted_job_runs_once() {
    const JOBS: usize = 2_000;
    let pool = pool("once").workers(1..=4).queue_capacity(16).build().expect("it can be built");
    let runs: Arc<Vec<AtomicUsize>> = Arc::new((0..4 * JOBS).map(|_| 0.into()).collect());
    std::thread::scope(|scope| {
        for submitter in 0..4 {
            let (pool, runs) = (pool.handle(), &runs);
            scope.spawn(move || {
                for job in 0..JOBS {
                    let runs = Arc::clone(runs);
                    let count = move || {
                        runs[submitter * JOBS + job].fetch_add(1, Ordering::Relaxed);
                    };
                    pool.execute(count).expect("the rule is to wait for room");
                }
            });
        }
    });
    let report = pool.shutdown();
    assert_eq!((report.accepted, report.completed), (4 * JOBS as u64, 4 * JOBS as u64));
    assert!(runs.iter().all(|runs| runs.load(Ordering::Relaxed) == 1));
    common::assert_accounts(&pool);
}

#[test]
fn a_refused_job_comes_back() {
    let pool = pool("refused").workers(1..=1).queue_capacity(1).overflow(Overflow::Reject);
    let pool = pool.build().expect("it can be built");
    let release = hold_a_worker(&pool);
    pool.execute(|| ()).expect("there is one place");
    let refused = pool.submit(|| "mine").expect_err("there is no second one");
    assert!(refused.is_full());
    assert_eq!(refused.into_job()(), "mine");
    drop(release);
    pool.close();
    assert_eq!(pool.submit(|| "mine").map_err(|refused| refused.into_job()()).err(), Some("mine"));
    common::assert_accounts(&pool);
}

#[test]
fn the_books_balance_in_every_snapshot() {
    let pool = pool("books").workers(1..=4).queue_capacity(64).build().expect("it can be built");
    std::thread::scope(|scope| {
        let submitter = scope.spawn(|| {
            for n in 0..3_000_u32 {
                let job = move || assert!(!n.is_multiple_of(50), "as asked");
                let handle = pool.submit(job).expect("the rule is to wait for room");
                if n.is_multiple_of(7) {
                    handle.cancel();
                }
            }
        });
        while !submitter.is_finished() {
            let s = pool.stats();
            let over = s.ok + s.panicked + s.cancelled + s.expired + s.timed_out + s.returned;
            assert_eq!(s.accepted, s.queued + s.running + over, "{s:?}");
        }
    });
    let report = pool.shutdown();
    assert_eq!(report.accepted, 3_000);
    assert_eq!(report.accepted, report.completed + report.panicked + report.cancelled);
    common::assert_accounts(&pool);
}

#[test]
fn a_panic_ends_a_job_and_no_worker() {
    /// A payload whose destructor panics, too.
    struct Spiteful;
    impl Drop for Spiteful {
        fn drop(&mut self) {
            panic!("from the payload");
        }
    }
    let pool = pool("panics").workers(1..=1).build().expect("it can be built");
    let job = || -> u32 { panic!("from the job") };
    let error = pool.submit(job).expect("it is open").join().expect_err("it panicked");
    assert_eq!(error.panic_message(), Some("from the job"));
    assert!(error.panic_location().is_some_and(|place| place.contains("promises.rs")));
    pool.execute(|| std::panic::panic_any(Spiteful)).expect("it is open");
    assert_eq!(pool.submit(|| 42).expect("it is open").join().expect("it returns"), 42);
    let stats = pool.stats();
    assert_eq!((stats.panicked, stats.threads_started), (2, 1));
    common::assert_accounts(&pool);
}

#[test]
fn jobs_that_wait_for_jobs_do_not_use_up_the_workers() {
    fn descend(pool: &PoolHandle, depth: u32) -> u32 {
        let (below, deeper) = (pool.clone(), depth.saturating_sub(1));
        if depth == 0 {
            return 0;
        }
        let job = pool.submit(move || descend(&below, deeper)).expect("it is open");
        1 + job.join().expect("it returns")
    }
    let pool = pool("nested").workers(1..=1).queue_capacity(1).build().expect("it can be built");
    let handle = pool.handle();
    let depth = pool.submit(move || descend(&handle, 50)).expect("it is open").join();
    assert_eq!(depth.expect("it returns"), 50);
    common::assert_accounts(&pool);
}

#[test]
fn no_more_run_at_once_than_the_bound_says_and_a_resize_interrupts_nobody() {
    let pool = pool("bounds").workers(4..=4).build().expect("it can be built");
    let held: Vec<_> = (0..4).map(|_| hold_a_worker(&pool)).collect();
    pool.resize(1..=1).expect("the bounds are legal");
    assert_eq!(pool.stats().running, 4, "nobody is interrupted");
    let (now, most) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    drop(held);
    becomes_true("three of four leave", || pool.stats().workers.total == 1);
    for _ in 0..200 {
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        let job = move || {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::yield_now();
            now.fetch_sub(1, Ordering::SeqCst);
        };
        pool.execute(job).expect("it is open");
    }
    pool.wait_idle().expect("this is not one of its jobs");
    assert_eq!(most.load(Ordering::SeqCst), 1);
    common::assert_accounts(&pool);
}

#[test]
fn a_burst_is_forgotten_under_a_trickle() {
    let pool = pool("trickle").workers(1..=32).keep_alive(Duration::from_millis(200)).cores(2.0);
    let pool = pool.build().expect("it can be built");
    let held: Vec<_> = (0..16).map(|_| hold_a_worker(&pool)).collect();
    assert!(pool.stats().workers.total >= 16);
    drop(held);
    becomes_true("a trickle needs one worker and keeps a spare", || {
        pool.submit(|| ()).expect("it is open").join().expect("it returns");
        pool.stats().workers.total <= 3
    });
    common::assert_accounts(&pool);
}

#[test]
fn a_lost_wake_up_is_a_delay() {
    let every_third = LossyParker::losing(|number| number % 3 == 1);
    let pool = pool("lossy").workers(2..=2).parker(every_third);
    let pool = pool.build().expect("it can be built");
    for n in 0..12 {
        assert_eq!(pool.submit(move || n).expect("it is open").join().expect("it returns"), n);
    }
    assert!(pool.shutdown().ended);
    common::assert_accounts(&pool);
}

#[test]
fn a_refused_thread_means_less_parallel_and_is_counted() {
    // A worker and the supervisor start, and no other thread.
    let asked = AtomicUsize::new(0);
    let grudging = RefusingSpawner::new(move |_| asked.fetch_add(1, Ordering::SeqCst) >= 2);
    let pool = pool("refusals").workers(1..=8).cores(8.0).spawner(grudging);
    let pool = pool.build().expect("two threads are enough");
    let release = hold_a_worker(&pool);
    let handles: Vec<_> = (0..50).map(|n| pool.submit(move || n).expect("it is open")).collect();
    becomes_true("the supervisor has asked for more", || pool.stats().spawn_failures > 0);
    drop(release);
    for (n, handle) in handles.into_iter().enumerate() {
        assert_eq!(handle.join().expect("it returns"), n);
    }
    common::assert_accounts(&pool);
}

#[test]
fn a_clock_that_steps_back_hurts_nobody() {
    let clock = ManualClock::new();
    clock.set(Duration::from_secs(1_000_000));
    let pool = pool("steps").workers(1..=4).clock(clock.clock()).build().expect("it can be built");
    for n in 0..100 {
        clock.set(Duration::from_secs(1_000_000 - n * 10_000));
        assert_eq!(pool.submit(move || n).expect("it is open").join().expect("it returns"), n);
    }
    assert!(pool.stats().threads_started <= 4);
    common::assert_accounts(&pool);
}

#[test]
fn a_shutdown_with_a_deadline_names_what_runs_and_returns_what_never_ran() {
    let pool = pool("deadline").workers(1..=1).build().expect("it can be built");
    let (started, has_started) = channel();
    let (release, released) = channel::<()>();
    let stubborn = move |_: &springtide::JobContext<'_>| {
        let _ = started.send(());
        let _ = released.recv();
    };
    pool.job("stubborn").execute(stubborn).expect("it is open");
    has_started.recv_timeout(PATIENCE).expect("a worker takes the job");
    pool.execute(|| ()).expect("it is open");
    let waiting = pool.submit(|| ()).expect("it is open");

    let report = pool.shutdown_timeout(Duration::from_millis(10));
    assert!(!report.ended);
    assert_eq!(report.still_running.len(), 1);
    assert_eq!(report.still_running[0].kind, "stubborn");
    assert_eq!((report.returned.len(), report.cancelled), (1, 1));
    assert!(waiting.join().expect_err("it never ran").is_cancelled());

    drop(release);
    let report = pool.shutdown();
    assert!(report.ended);
    assert_eq!((report.accepted, report.completed, report.returned_count), (3, 1, 1));
    common::assert_accounts(&pool);
}

/// By what the system says about the pool's threads, found by their names.
#[cfg(target_os = "linux")]
#[test]
fn an_idle_pool_makes_no_wake_ups() {
    fn switches() -> Option<Vec<(String, String)>> {
        let mut seen = Vec::new();
        for task in std::fs::read_dir("/proc/self/task").ok()?.flatten() {
            let status = std::fs::read_to_string(task.path().join("status")).ok()?;
            let field = |name: &str| {
                let line = status.lines().find(|line| line.starts_with(name));
                line.map(str::to_owned).unwrap_or_default()
            };
            if field("Name:").contains("still") {
                seen.push((field("Pid:"), field("voluntary_ctxt_switches:")));
            }
        }
        seen.sort();
        Some(seen)
    }
    let pool = pool("still").workers(2..=4).build().expect("it can be built");
    pool.submit(|| ()).expect("it is open").join().expect("it returns");
    // Over a second, so a tick of any length that the pool has would show.
    becomes_true("nobody wakes up", || {
        let before = switches();
        std::thread::sleep(Duration::from_millis(1_200));
        let after = switches();
        before.as_ref().is_some_and(|threads| threads.len() == 3) && before == after
    });
    common::assert_accounts(&pool);
}
