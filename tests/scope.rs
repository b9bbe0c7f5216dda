//! Scopes that need nothing of their pool: paused, full, shut down, or busy with something else.

mod common;

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use common::{
    Bomb, Latch, PATIENCE, assert_snapshot, assert_submitted, build, by_hand, fixed, fixed_with,
    occupy, until, within,
};
use springtide::{Overflow, Pool, PoolHandle};

/// Doubles each of the numbers by a job of its own, and says how many threads did it.
fn double(pool: &PoolHandle, numbers: &mut [u64]) -> usize {
    let threads = std::sync::Mutex::new(std::collections::HashSet::new());
    pool.scope(|s| {
        for number in numbers {
            s.spawn(|| {
                *number *= 2;
                threads.lock().expect("nobody panics").insert(thread::current().id());
            });
        }
    });
    threads.into_inner().expect("nobody panics").len()
}

#[test]
fn jobs_of_a_scope_run_on_the_workers_and_count_as_the_pools() {
    within(PATIENCE, "workers", || {
        let pool = fixed("workers", 3, 64);
        let (together, seen) = (std::sync::Barrier::new(4), AtomicUsize::new(0));
        pool.scope(|s| {
            // Each waits for the three others, so it takes the scope's own thread and three more.
            for _ in 0..4 {
                s.spawn(|| {
                    together.wait();
                    seen.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        assert_eq!(seen.into_inner(), 4);
        let stats = assert_submitted(&pool, 4);
        assert_eq!((stats.ok, stats.cancelled), (4, 0), "the one run here is counted too");
    });
}

#[test]
fn a_scope_in_a_paused_pool_is_run_by_its_own_thread() {
    within(PATIENCE, "paused", || {
        let pool = fixed("paused", 2, 64);
        pool.pause();
        let mut numbers = [1, 2, 3];
        assert_eq!(double(&pool, &mut numbers), 1);
        assert_eq!(numbers, [2, 4, 6]);
        let joined = pool.scope(|s| s.spawn(|| numbers.iter().sum::<u64>()).join());
        assert_eq!(joined.expect("it returns"), 12);
        pool.resume();
        let stats = assert_submitted(&pool, 4);
        assert_eq!(stats.ok, 4);
    });
}

#[test]
fn a_scope_in_a_full_pool_neither_waits_nor_is_refused() {
    within(PATIENCE, "full", || {
        for rule in [Overflow::Block, Overflow::Reject, Overflow::CallerRuns] {
            let pool = fixed_with("full", 1, 1, rule);
            let held = occupy(&pool, 1);
            pool.try_execute(|| ()).expect("the last place");
            let mut numbers: Vec<u64> = (0..100).collect();
            assert_eq!(double(&pool, &mut numbers), 1);
            assert!(numbers.iter().enumerate().all(|(n, doubled)| *doubled == 2 * n as u64));
            held.release();
            let stats = assert_submitted(&pool, 2);
            assert_eq!(stats.refused, 0);
        }
    });
}

#[test]
fn what_found_the_queue_full_follows_as_other_jobs_of_the_scope_begin() {
    within(PATIENCE, "follows", || {
        let pool = fixed("follows", 1, 1);
        let (latch, on_worker) = (Latch::new(), AtomicUsize::new(0));
        let here = thread::current().id();
        let (counted, gate) = (&on_worker, &latch);
        pool.scope(|s| {
            for _ in 0..20 {
                s.spawn(move || {
                    if thread::current().id() != here {
                        gate.wait();
                        counted.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
            // The worker alone gets through all of them while the scope's body goes on.
            latch.open();
            until(|| on_worker.load(Ordering::SeqCst) == 20);
        });
        let stats = assert_submitted(&pool, 20);
        assert_eq!(stats.ok, 20);
    });
}

#[test]
fn a_scope_in_a_pool_that_was_shut_down_is_run_by_its_own_thread() {
    within(PATIENCE, "ended", || {
        let pool = fixed("ended", 2, 64);
        pool.shutdown();
        let mut numbers = [1, 2, 3];
        assert_eq!(double(&pool, &mut numbers), 1);
        assert_eq!(numbers, [2, 4, 6]);
        assert_snapshot(&pool.stats());
    });
}

#[test]
fn a_shutdown_in_the_middle_takes_no_job_from_a_scope() {
    within(PATIENCE, "cut off", || {
        for _ in 0..50 {
            let pool = build(Pool::builder("cut off").workers(2..=2));
            let mut numbers: Vec<u64> = (0..100).collect();
            let report = thread::scope(|threads| {
                let ending = threads.spawn(|| pool.shutdown_now());
                double(&pool, &mut numbers);
                ending.join().expect("it ends")
            });
            assert!(numbers.iter().enumerate().all(|(n, doubled)| *doubled == 2 * n as u64));
            assert!(report.returned.is_empty(), "no closure that borrows is handed out");
        }
    });
}

#[test]
fn a_scope_inside_a_job_of_the_only_worker_is_run_by_it() {
    within(PATIENCE, "inside", || {
        let pool = fixed("inside", 1, 1);
        let handle = pool.handle();
        let job = pool.submit(move || {
            let mut numbers: Vec<u64> = (0..50).collect();
            let threads = double(&handle, &mut numbers);
            let nested = handle.scope(|s| {
                let sum = s.spawn(|| handle.scope(|s| s.spawn(|| numbers.iter().sum()).join()));
                sum.join()
            });
            (threads, nested)
        });
        let (threads, nested): (_, Result<Result<u64, _>, _>) =
            job.expect("open").join().expect("it returns");
        assert_eq!(threads, 1);
        assert_eq!(nested.expect("it returns").expect("it returns"), 49 * 50);
        let stats = assert_submitted(&pool, 53);
        assert_eq!(stats.ok, 53);
    });
}

#[test]
fn a_scope_inside_a_job_is_not_bound_by_the_deadline_of_that() {
    within(PATIENCE, "overdue", || {
        let (pool, clock) = by_hand(Pool::builder("overdue").workers(1..=1));
        let (handle, second) = (pool.handle(), Duration::from_secs(1));
        let job = pool.job("overdue").deadline_in(second).submit(move |_| {
            clock.advance(second * 2);
            let sum = handle.scope(|s| {
                let parts = [1, 2, 3].map(|n| s.spawn(move || n));
                parts.into_iter().map(|part| part.join().expect("it returns")).sum::<i32>()
            });
            assert_eq!(sum, 6);
        });
        assert!(job.expect("open").join().expect_err("it took too long").is_timed_out());
        let stats = assert_submitted(&pool, 4);
        assert_eq!((stats.ok, stats.expired, stats.timed_out), (3, 0, 1));
    });
}

#[test]
fn a_worker_that_waits_for_the_end_of_a_scope_counts_as_blocked() {
    within(PATIENCE, "blocked", || {
        let pool = fixed("blocked", 2, 8);
        let (latch, handle) = (Latch::new(), pool.handle());
        let gate = latch.clone();
        let job = pool.submit(move || {
            let (started, starts) = mpsc::channel();
            handle.scope(|s| {
                s.spawn(|| {
                    started.send(()).expect("the scope listens");
                    gate.wait();
                });
                starts.recv().expect("the other worker takes it");
            });
        });
        until(|| pool.stats().workers.blocked == 1);
        latch.open();
        job.expect("open").join().expect("it returns");
        assert_submitted(&pool, 2);
    });
}

#[test]
fn a_waiting_scope_runs_what_its_running_jobs_spawn() {
    within(PATIENCE, "late jobs", || {
        let pool = fixed("late jobs", 1, 8);
        let (ran, parent_runs) = (mpsc::channel(), mpsc::channel());
        let ((tell, told), (tell_parent, parent_told)) = (ran, parent_runs);
        let tell = &tell;
        pool.scope(|s| {
            s.spawn(move || {
                tell_parent.send(()).expect("the scope listens");
                // The only worker is in here, so it is the scope's thread that runs this one.
                s.spawn(|| tell.send(()).expect("its parent listens"));
                told.recv().expect("it runs");
            });
            parent_told.recv().expect("the worker takes it");
        });
        let stats = assert_submitted(&pool, 2);
        assert_eq!(stats.ok, 2);
    });
}

#[test]
fn a_panic_is_counted_once_whether_it_was_joined_or_not() {
    within(PATIENCE, "panics", || {
        let pool = fixed("panics", 2, 8);
        let joined = pool.scope(|s| s.spawn(|| panic!("joined")).join());
        let error = joined.expect_err("it panicked");
        assert_eq!(error.panic_message(), Some("joined"));
        let raised = panic::catch_unwind(AssertUnwindSafe(|| {
            pool.scope(|s| {
                s.spawn(|| panic!("first"));
                "the body's value is dropped"
            })
        }));
        let payload = raised.expect_err("nobody joined it");
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"first"));
        let stats = assert_submitted(&pool, 2);
        assert_eq!((stats.ok, stats.panicked), (0, 2));
    });
}

#[test]
fn a_result_whose_destructor_panics_harms_neither_worker_nor_scope() {
    within(PATIENCE, "bombs", || {
        let pool = fixed("bombs", 1, 8);
        let let_go = Latch::new();
        pool.scope(|s| {
            // Whoever runs the job drops its result, for there is no handle any more.
            drop(s.spawn(|| {
                let_go.wait();
                Bomb(3)
            }));
            let_go.open();
        });
        pool.submit(|| ()).expect("open").join().expect("it returns");
        let stats = assert_submitted(&pool, 2);
        assert_eq!(stats.ok, 2);
    });
}

#[test]
fn scopes_on_many_threads_share_a_pool() {
    within(PATIENCE, "many", || {
        let pool = Arc::new(build(Pool::builder("many").workers(2..=2).queue_capacity(4)));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let pool = Arc::clone(&pool);
                thread::spawn(move || {
                    for _ in 0..50 {
                        let mut numbers = [1, 2, 3, 4, 5];
                        double(&pool, &mut numbers);
                        assert_eq!(numbers, [2, 4, 6, 8, 10]);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().expect("it returns"));
        common::assert_accounts(&pool);
    });
}
