//! The numbers never lie: not at rest, not in the middle, not after the end.

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use common::{
    FOREVER, PATIENCE, SECOND, assert_snapshot, assert_submitted, build, clocked, fixed,
    fixed_with, occupy, until, within,
};
use springtide::{Overflow, Pool, WorkerCounts};

#[test]
fn every_snapshot_under_load_adds_up_and_no_count_goes_back() {
    within(PATIENCE, "snapshots", || {
        let builder = Pool::builder("snapshots").workers(1..=4).queue_capacity(32);
        let pool = build(builder.overflow(Overflow::Reject));
        let done = AtomicBool::new(false);
        let submitted: u64 = thread::scope(|scope| {
            let submitters: Vec<_> = (0..3)
                .map(|seed| {
                    let pool = &pool;
                    scope
                        .spawn(move || (0..3_000).map(|n| submit_some(pool, seed + n)).sum::<u64>())
                })
                .collect();
            let looker = scope.spawn(|| {
                let mut last = pool.stats();
                while !done.load(Ordering::SeqCst) {
                    let stats = pool.stats();
                    assert_snapshot(&stats);
                    let grows =
                        |of: fn(&springtide::Stats) -> u64| assert!(of(&last) <= of(&stats));
                    grows(|s| s.accepted);
                    grows(|s| s.refused);
                    grows(|s| s.ok);
                    grows(|s| s.panicked);
                    grows(|s| s.cancelled);
                    grows(|s| s.expired);
                    grows(|s| s.wait.count);
                    assert!(stats.workers.total <= 4 && stats.workers.busy <= 4);
                    last = stats;
                }
            });
            let sum = submitters.into_iter().map(|s| s.join().expect("it returns")).sum();
            done.store(true, Ordering::SeqCst);
            looker.join().expect("every snapshot adds up");
            sum
        });
        until(|| pool.stats().delayed == 0);
        let stats = assert_submitted(&pool, submitted);
        assert!(stats.ok > 0 && stats.panicked > 0 && stats.cancelled > 0, "{stats:?}");
    });
}

/// Submits in one of several ways; returns how many jobs.
fn submit_some(pool: &Pool, n: u64) -> u64 {
    match n % 6 {
        0 => drop(pool.submit(|| panic!("counted"))),
        1 => drop(pool.submit(thread::yield_now).map(|handle| handle.cancel())),
        2 => drop(pool.job("old").expires_in(Duration::ZERO).submit(|_| {})),
        3 => {
            drop(pool.submit_batch((0..3).map(|_| || {})));
            return 3;
        }
        4 => {
            let later = pool.job("later").delay(Duration::from_micros(n * 7 % 1_000));
            drop(later.submit(|_| {}).map(|handle| n % 12 == 4 && handle.cancel()));
        }
        _ => drop(pool.execute(|| {})),
    }
    1
}

#[test]
fn while_one_job_runs_one_worker_is_busy_and_the_others_idle() {
    within(PATIENCE, "busy", || {
        let pool = fixed("busy", 3, 8);
        until(|| pool.stats().workers.idle == 3);
        let held = occupy(&pool, 1);
        let stats = pool.stats();
        let workers = stats.workers;
        assert_eq!((workers.total, workers.busy, workers.blocked), (3, 1, 0));
        assert_eq!((workers.idle, stats.running, stats.queued), (2, 1, 0));
        held.release();
        until(|| pool.stats().workers.idle == 3);
        assert_submitted(&pool, 1);
    });
}

// A worker in a declared wait is busy and blocked
#[test]
fn a_worker_in_a_blocking_section_is_counted_so_and_no_longer_than_it_lasts() {
    within(PATIENCE, "section", || {
        let pool = fixed("section", 1, 8);
        let (enter, entered) = mpsc::channel();
        let (leave, left) = mpsc::channel::<()>();
        let (after, done) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let job = pool.job("waits").submit(move |cx| {
            cx.blocking(|| {
                cx.blocking(|| enter.send(()).expect("the test listens"));
                left.recv().expect("the test sends");
            });
            after.send(()).expect("the test listens");
            ended.recv().expect("the test sends");
        });
        entered.recv().expect("it is inside");
        let workers = pool.stats().workers;
        assert_eq!((workers.busy, workers.blocked), (1, 1));
        assert!(pool.running_jobs()[0].blocked);
        leave.send(()).expect("the job listens");
        done.recv().expect("it is outside");
        assert_eq!((pool.stats().workers.busy, pool.stats().workers.blocked), (1, 0));
        end.send(()).expect("the job listens");
        job.expect("open").join().expect("it returns");
        assert_submitted(&pool, 1);
    });
}

#[test]
fn a_job_is_counted_by_the_time_its_result_is_there_and_not_before_it_ended() {
    within(PATIENCE, "counted", || {
        let pool = fixed("counted", 1, 8);
        for n in 1..=500 {
            let inner = pool.handle();
            let job = pool.submit(move || inner.stats().ok).expect("open");
            assert_eq!(job.join().expect("it returns"), n - 1, "not while it runs");
            assert_eq!(pool.stats().ok, n, "but before anybody sees the result");
        }
        assert_submitted(&pool, 500);
    });
}

#[test]
fn the_queue_is_as_long_as_what_waits_outside_and_in_every_deque() {
    within(PATIENCE, "depth", || {
        let pool = fixed("depth", 1, 64);
        let inner = pool.handle();
        let (latch, listen) = (common::Latch::new(), mpsc::channel());
        let (gate, send) = (latch.clone(), listen.0);
        let job = pool.submit(move || {
            for _ in 0..7 {
                inner.execute(|| {}).expect("open");
            }
            send.send(()).expect("the test listens");
            gate.wait();
        });
        listen.1.recv().expect("seven are in the worker's own deque");
        for _ in 0..5 {
            pool.execute(|| {}).expect("open");
        }
        assert_eq!(pool.stats().queued, 12);
        latch.open();
        job.expect("open").join().expect("it returns");
        assert_submitted(&pool, 13);
    });
}

#[test]
fn the_wait_and_the_run_of_a_job_add_up_to_its_stay() {
    within(PATIENCE, "stay", || {
        let builder = Pool::builder("stay").workers(1..=1).queue_capacity(1);
        let (pool, clock) = clocked(builder.overflow(Overflow::Reject));
        let held = occupy(&pool, 1);
        let ticking = clock.clone();
        let job = pool.submit(move || ticking.advance(SECOND * 2)).expect("one place");
        assert!(pool.submit(|| {}).is_err(), "a refused job waits for nothing");
        clock.advance(SECOND * 3);
        held.release();
        job.join().expect("it returns");
        let stats = assert_submitted(&pool, 3);
        assert_eq!((stats.wait.count, stats.run.count), (2, 2));
        assert_eq!((stats.wait.max, stats.run.max), (SECOND * 3, SECOND * 3));
        assert_eq!(stats.busy_time, SECOND * 5, "three of the one that was held, two of the other");
        assert_eq!(stats.wait.mean * 2, SECOND * 3);
    });
}

#[test]
fn a_pool_that_has_ended_shows_no_levels_and_keeps_its_counts() {
    within(PATIENCE, "ended", || {
        let pool = fixed("ended", 2, 8);
        for _ in 0..10 {
            pool.execute(|| {}).expect("open");
        }
        let second = fixed("ended", 1, 8);
        assert_eq!((pool.name(), second.name()), ("ended", "ended#2"));
        assert!(pool.shutdown().ended);
        let stats = assert_submitted(&pool, 10);
        assert_eq!((stats.workers, stats.ok), (WorkerCounts::default(), 10));
        assert_eq!((stats.queued, stats.running, stats.submitters_blocked), (0, 0, 0));
        assert_submitted(&second, 0);
    });
}

// Labels are a closed set, whatever kinds a program makes up
#[test]
fn a_pool_tells_so_many_kinds_apart_and_calls_the_rest_other() {
    within(PATIENCE, "kinds", || {
        let pool = fixed("kinds", 1, 8);
        let kinds: Vec<&'static str> =
            (0..80).map(|n| &*Box::leak(format!("kind {n}").into_boxed_str())).collect();
        let mut seen = Vec::new();
        for kind in kinds.iter().chain(&kinds) {
            let inner = pool.handle();
            let job = pool.job(kind).submit(move |_| inner.running_jobs()[0].kind);
            seen.push(job.expect("open").join().expect("it returns"));
        }
        assert_eq!(seen[..62], kinds[..62]);
        assert!(seen[62..80].iter().all(|kind| *kind == "other"));
        assert_eq!(seen[..80], seen[80..]);
        assert_submitted(&pool, 160);
    });
}

// What waits outside is not in the queue
#[test]
fn a_blocked_submitter_is_neither_accepted_nor_refused_until_it_is() {
    within(PATIENCE, "outside", || {
        let pool = fixed_with("outside", 1, 1, Overflow::Block);
        let held = occupy(&pool, 1);
        pool.execute(|| {}).expect("one place");
        let handle = pool.handle();
        let blocked = Arc::new(AtomicBool::new(true));
        let seen = Arc::clone(&blocked);
        let submitter = thread::spawn(move || {
            handle.submit_timeout(|| {}, FOREVER).expect("room in the end").detach();
            seen.store(false, Ordering::SeqCst);
        });
        until(|| pool.stats().submitters_blocked == 1);
        let stats = pool.stats();
        assert_eq!((stats.accepted, stats.refused, stats.queued), (2, 0, 1));
        assert!(blocked.load(Ordering::SeqCst));
        held.release();
        submitter.join().expect("it got in");
        assert_submitted(&pool, 3);
    });
}
