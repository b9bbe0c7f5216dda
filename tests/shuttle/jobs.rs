//! Promises about one job: it runs at most once, its handle resolves, waiting for it is safe.

use std::sync::Arc;
use std::time::Duration;

use shuttle::thread;
use springtide::{Pool, PoolHandle};

use crate::harness::{Cargo, dawdle, explore, pool, settle};

#[test]
fn a_cancellation_racing_the_start_leaves_exactly_one_of_ran_and_cancelled() {
    explore(|| {
        let pool = pool(1..=2, |builder| builder);
        let (cargo, fate) = Cargo::new();
        let handle = pool.submit(move || cargo.run()).expect("the pool is open");
        let (other_cargo, other_fate) = Cargo::new();
        let other = pool.submit(move || other_cargo.run()).expect("the pool is open");
        let canceller = thread::spawn(move || {
            dawdle();
            let cancelled = other.cancel();
            (other.join(), cancelled)
        });
        dawdle();
        let cancelled = handle.cancel();
        if cancelled {
            assert_eq!((fate.runs(), fate.frees()), (0, 1), "freed when the call returns");
        }
        let result = handle.join();
        assert_eq!(result.is_err(), cancelled);
        assert_eq!((fate.runs(), fate.frees()), (u32::from(!cancelled), 1));
        let (other_result, other_cancelled) = canceller.join().expect("the canceller");
        assert_eq!(other_result.is_err(), other_cancelled);
        assert_eq!((other_fate.runs(), other_fate.frees()), (u32::from(!other_cancelled), 1));
        let report = settle(&pool);
        assert_eq!(report.cancelled, u64::from(cancelled) + u64::from(other_cancelled));
    });
}

#[test]
fn start_cancel_expiry_and_timeout_race_and_one_of_them_wins() {
    explore(|| {
        let pool = pool(1..=1, |builder| builder);
        let (cargo, fate) = Cargo::new();
        let handle = pool
            .job("contested")
            .expires_in(Duration::from_millis(5))
            .timeout(Duration::from_millis(5))
            .submit(move |_| {
                cargo.run();
                thread::yield_now();
            })
            .expect("the pool is open");
        dawdle();
        let cancelled = handle.cancel();
        match handle.join() {
            Ok(()) => assert_eq!((fate.runs(), cancelled), (1, false)),
            Err(error) if error.is_cancelled() => assert_eq!((fate.runs(), cancelled), (0, true)),
            Err(error) if error.is_expired() => assert_eq!((fate.runs(), cancelled), (0, false)),
            Err(error) => {
                assert!(error.is_timed_out(), "{error}");
                assert_eq!((fate.runs(), cancelled), (1, false));
            }
        }
        settle(&pool);
        assert_eq!(fate.frees(), 1);
    });
}

#[test]
fn cancelled_jobs_leave_no_trace_in_the_bound() {
    explore(|| {
        let pool = pool(1..=2, |builder| builder.queue_capacity(1));
        let inner = pool.handle();
        let children = pool
            // From inside, more get in than there is room for.
            .submit(move || (0..3).map(|_| inner.submit(|| ())).collect::<Vec<_>>())
            .expect("the pool is open")
            .join()
            .expect("it runs");
        let cancellers: Vec<_> = children
            .into_iter()
            .map(|child| thread::spawn(move || child.expect("the pool is open").cancel()))
            .collect();
        for canceller in cancellers {
            canceller.join().expect("a canceller");
        }
        // With a place lost to each of them, one of these would wait for ever.
        for _ in 0..3 {
            pool.submit(|| ()).expect("the pool is open").join().expect("it runs");
        }
        settle(&pool);
    });
}

/// Submits a job that does the same one level less deep, and waits for it.
fn descend(pool: PoolHandle, levels: u32) -> u32 {
    match levels.checked_sub(1) {
        None => 0,
        Some(rest) => {
            let inner = pool.clone();
            let child = pool.submit(move || descend(inner, rest)).expect("the pool is open");
            1 + child.join().expect("the child runs")
        }
    }
}

fn nest(pool: &Pool) {
    let trees: Vec<_> = (0..2)
        .map(|_| {
            let inner = pool.handle();
            thread::spawn(move || descend(inner, 3))
        })
        .collect();
    for tree in trees {
        assert_eq!(tree.join().expect("the submitter"), 3);
    }
    let report = settle(pool);
    assert_eq!((report.accepted, report.completed), (6, 6));
}

#[test]
fn nested_joins_end_with_a_single_worker() {
    explore(|| nest(&pool(1..=1, |builder| builder.queue_capacity(1))));
}

#[test]
fn nested_joins_end_while_another_worker_steals_the_children() {
    explore(|| nest(&pool(1..=2, |builder| builder)));
}

#[test]
fn a_wait_for_idle_ends_when_the_last_job_has_and_not_before() {
    explore(|| {
        let pool = Arc::new(pool(1..=2, |builder| builder));
        let (cargo, fate) = Cargo::new();
        let inner = pool.handle();
        let parent = pool.submit(move || {
            let _ = inner.execute(move || cargo.run());
        });
        let cancelled = pool.submit(|| ()).expect("the pool is open");
        let canceller = thread::spawn(move || cancelled.cancel());
        let waiter = {
            let pool = pool.handle();
            thread::spawn(move || pool.wait_idle())
        };
        pool.wait_idle().expect("this is no worker");
        assert_eq!((fate.runs(), fate.frees()), (1, 1));
        let stats = pool.stats();
        assert_eq!((stats.queued, stats.running), (0, 0), "idle with a job unaccounted for");
        assert!(parent.expect("the pool is open").is_finished(), "idle with a result unpublished");
        canceller.join().expect("the canceller");
        waiter.join().expect("the waiter").expect("it is no worker");
        settle(&pool);
    });
}
