//! Lanes and time, keys and shares: who goes next, and how often.

mod common;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use common::{Latch, PATIENCE, assert_accounts, by_hand, fixed, until, within};
use springtide::{CancelToken, JobHandle, Lane, Pool};

type Log<T> = Arc<Mutex<Vec<T>>>;

fn written<T: Clone>(log: &Log<T>) -> Vec<T> {
    log.lock().expect("nobody panics here").clone()
}

/// Submits a job that writes a word down.
fn writes<T: Send + 'static>(lane: &Lane, key: u32, log: &Log<T>, word: T) -> JobHandle<()> {
    let log = Arc::clone(log);
    let job = lane.key(key).submit(move |_| log.lock().expect("nobody panics here").push(word));
    job.expect("room")
}

/// A lane that lets nothing through, so that what is submitted waits there.
fn paused(pool: &Pool, name: &str) -> Lane {
    pool.lane(name).max_running(0).queue_capacity(5_000).build().expect("valid")
}

fn join_all(jobs: Vec<JobHandle<()>>) {
    jobs.into_iter().for_each(|job| job.join().expect("it ran"));
}

#[test]
fn a_thousand_jobs_of_one_tenant_keep_another_waiting_for_no_more_than_a_round() {
    within(PATIENCE, "tenants", || {
        let pool = fixed("tenants", 1, 10);
        let lane = paused(&pool, "tenants");
        let log = Log::default();
        let mut jobs: Vec<_> = (0..1_000).map(|_| writes(&lane, 1, &log, 1)).collect();
        jobs.push(writes(&lane, 2, &log, 2));
        lane.reconfigure(|l| l.max_running = Some(1)).expect("valid");
        join_all(jobs);
        let log = written(&log);
        assert!(log.iter().position(|tenant| *tenant == 2) <= Some(1), "{:?}", &log[..4]);
        assert_eq!(lane.stats().keys, 0, "nothing is left of those who came");
        assert_accounts(&pool);
    });
}

#[test]
fn jobs_of_one_key_do_not_overlap_and_hold_no_other_key_back() {
    within(PATIENCE, "per-key", || {
        let pool = fixed("per-key", 4, 10);
        let lane = pool.lane("keys").max_running_per_key(1).build().expect("valid");
        let latch = Latch::new();
        let holds = |key: &str| {
            let latch = latch.clone();
            lane.key(key).submit(move |_| latch.wait()).expect("room")
        };
        let held = vec![holds("ebb"), holds("ebb"), holds("flood")];
        until(|| lane.stats().running == 2);
        let others: Vec<_> = (0..50).map(|n| lane.key(n).submit(|_| ()).expect("room")).collect();
        join_all(others);
        let unkeyed: Vec<_> = (0..50).map(|_| lane.submit(|| ()).expect("room")).collect();
        join_all(unkeyed);
        let stats = lane.stats();
        assert_eq!((stats.running, stats.waiting), (2, 1), "the second ebb waits for the first");
        latch.open();
        join_all(held);
        assert_accounts(&pool);
    });
}

#[test]
fn a_job_that_was_cancelled_before_it_came_gives_nobody_of_its_key_a_place() {
    within(PATIENCE, "key-void", || {
        let pool = fixed("key-void", 2, 10);
        let lane = pool.lane("keys").max_running_per_key(1).build().expect("valid");
        let (latch, token) = (Latch::new(), CancelToken::new());
        token.cancel();
        let holds = || {
            let latch = latch.clone();
            lane.key(7).submit(move |_| latch.wait()).expect("room")
        };
        let (runs, waits) = (holds(), holds());
        until(|| lane.stats().running == 1);
        for key in [7, 8] {
            let void = lane.key(key).token(&token).submit(|_| ()).expect("room");
            assert!(void.join().expect_err("it never runs").is_cancelled());
            let stats = lane.stats();
            assert_eq!((stats.waiting, stats.running), (1, 1), "the first one runs still");
        }
        latch.open();
        join_all(vec![runs, waits]);
        assert_eq!(lane.stats().keys, 0, "nothing is left of those who came");
        assert_accounts(&pool);
    });
}

#[test]
fn jobs_of_one_key_run_one_by_one_in_the_order_of_their_submission() {
    within(PATIENCE, "ordered", || {
        let pool = fixed("ordered", 8, 10);
        let lane = pool.lane("ordered").max_running_per_key(1).build().expect("valid");
        let inside: Arc<Vec<AtomicUsize>> = Arc::new((0..10).map(|_| 0.into()).collect());
        let log: Log<(usize, usize)> = Log::default();
        let jobs: Vec<_> = (0..1_000)
            .map(|n| {
                let (key, log, inside) = (n % 10, Arc::clone(&log), Arc::clone(&inside));
                let job = lane.key(key).submit(move |_| {
                    assert_eq!(inside[key].fetch_add(1, Ordering::SeqCst), 0, "alone");
                    log.lock().expect("nobody panics here").push((key, n));
                    thread::yield_now();
                    inside[key].fetch_sub(1, Ordering::SeqCst);
                });
                job.expect("room")
            })
            .collect();
        join_all(jobs);
        let mut last = HashMap::new();
        for (key, n) in written(&log) {
            let before = last.insert(key, n);
            assert!(before < Some(n), "{n} of {key} came after {before:?}");
        }
        assert_accounts(&pool);
    });
}

#[test]
fn lanes_share_the_workers_by_their_weights() {
    within(PATIENCE, "weights", || {
        let pool = fixed("weights", 1, 10);
        let latch = Latch::new();
        let log = Log::default();
        let busy = common::occupy(&pool, 1);
        let lanes: Vec<Lane> = [(1, "one"), (3, "three"), (6, "six")]
            .map(|(weight, name)| {
                pool.lane(name).weight(weight).queue_capacity(500).build().expect("valid")
            })
            .into();
        let submit = |(index, lane): (usize, &Lane)| -> Vec<JobHandle<()>> {
            (0..400).map(|_| writes(lane, 0, &log, index)).collect()
        };
        let jobs: Vec<_> = lanes.iter().enumerate().flat_map(submit).collect();
        latch.open();
        busy.release();
        join_all(jobs);
        let mut served = [0_usize; 3];
        written(&log).iter().take(500).for_each(|index| served[*index] += 1);
        for (served, share) in served.into_iter().zip([50, 150, 300]) {
            assert!(served.abs_diff(share) <= 5, "{served} of {share}");
        }
    });
}

#[test]
fn a_flood_starts_no_more_than_its_burst_and_its_rate_times_the_time() {
    within(PATIENCE, "rate", || {
        let (pool, clock) = by_hand(Pool::builder("rate").workers(2..=2));
        let lane = pool.lane("partner").rate(10.0, 3).build().expect("valid");
        let jobs: Vec<_> = (0..40).map(|n| lane.submit(move || n).expect("room")).collect();
        let started = || {
            let stats = lane.stats();
            stats.ok + stats.running + stats.queued
        };
        until(|| lane.stats().ok == 3);
        for tick in 1..=25 {
            clock.advance(Duration::from_millis(50));
            // A token each tenth of a second, so one in two of these.
            until(|| lane.stats().ok == 3 + tick / 2);
            assert!(started() <= 3 + tick / 2, "after {tick}: {:?}", lane.stats());
            // No worker sleeps for a token: both are there for others.
            let held = common::occupy(&pool, 2);
            held.release();
        }
        // A pause saves up no more than the burst.
        clock.advance(Duration::from_secs(3_600));
        until(|| lane.stats().ok == 18);
        assert_eq!(started(), 18);
        lane.reconfigure(|l| l.rate = None).expect("valid");
        assert!(jobs.into_iter().enumerate().all(|(n, job)| job.join().unwrap() == n));
        assert_accounts(&pool);
    });
}

#[test]
fn a_shutdown_waits_for_the_tokens_of_what_waits() {
    within(PATIENCE, "tokens", || {
        let (pool, clock) = by_hand(Pool::builder("tokens").workers(1..=1));
        let lane = pool.lane("slow").rate(1.0, 1).build().expect("valid");
        let jobs: Vec<_> = (0..5).map(|n| lane.submit(move || n).expect("room")).collect();
        let done = thread::scope(|scope| {
            let ends = scope.spawn(|| pool.shutdown());
            until(|| lane.stats().ok == 1);
            for n in 2..=5 {
                assert!(!ends.is_finished());
                clock.advance(Duration::from_secs(1));
                until(|| lane.stats().ok == n);
            }
            ends.join().expect("it reports")
        });
        assert!(done.ended);
        assert_eq!(done.completed, 5);
        assert!(jobs.into_iter().enumerate().all(|(n, job)| job.join().unwrap() == n));
    });
}

#[test]
fn a_faster_rate_wakes_what_waits_for_a_token() {
    within(PATIENCE, "faster", || {
        let (pool, clock) = by_hand(Pool::builder("faster").workers(1..=1));
        let lane = pool.lane("slow").rate(0.001, 1).build().expect("valid");
        let jobs: Vec<_> = (0..3).map(|n| lane.submit(move || n).expect("room")).collect();
        until(|| lane.stats().ok == 1);
        lane.reconfigure(|l| l.rate = Some(springtide::Rate { per_second: 100.0, burst: 1 }))
            .expect("valid");
        assert_eq!(lane.stats().ok, 1, "a new rate is no new bucket");
        clock.advance(Duration::from_millis(10));
        until(|| lane.stats().ok == 2);
        clock.advance(Duration::from_millis(10));
        assert!(jobs.into_iter().enumerate().all(|(n, job)| job.join().unwrap() == n));
    });
}

#[test]
fn a_lane_that_is_opened_again_has_no_tokens_that_it_had_not_when_it_was_closed() {
    within(PATIENCE, "reopened", || {
        let (pool, clock) = by_hand(Pool::builder("reopened").workers(1..=1));
        for (name, rate) in [("slow", 1.0), ("stopped", 0.0)] {
            let open = || pool.lane(name).rate(rate, 2).build().expect("valid");
            let lane = open();
            let burst = [1, 2].map(|n| lane.submit(move || n).expect("room"));
            until(|| lane.stats().ok == 2);
            lane.close();
            let lane = open();
            let next = lane.submit(|| 3).expect("room");
            assert_eq!(lane.stats().waiting, 1, "{name}: a new handle is no new burst");
            if rate == 0.0 {
                clock.advance(Duration::from_secs(3_600));
                assert_eq!(lane.stats().waiting, 1, "nothing comes in an hour");
                lane.reconfigure(|l| l.rate = None).expect("valid");
            } else {
                clock.advance(Duration::from_secs(1));
            }
            let sum: i32 = burst.into_iter().chain([next]).map(|job| job.join().unwrap()).sum();
            assert_eq!(sum, 6);
        }
        assert_accounts(&pool);
    });
}

#[test]
fn the_wait_of_a_job_is_counted_from_its_submission_to_the_lane() {
    within(PATIENCE, "waited", || {
        let (pool, clock) = by_hand(Pool::builder("waited").workers(1..=1));
        let lane = paused(&pool, "waited");
        let job = lane.submit(|| ()).expect("room");
        clock.advance(Duration::from_secs(5));
        lane.reconfigure(|l| l.max_running = None).expect("valid");
        job.join().expect("it ran");
        until(|| lane.stats().ok == 1);
        let wait = lane.stats().wait;
        assert_eq!((wait.count, wait.max), (1, Duration::from_secs(5)));
        assert_accounts(&pool);
        assert!(
            pool.stats().wait.max < Duration::from_secs(1),
            "the pool kept it waiting for none"
        );
    });
}
