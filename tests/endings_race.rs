//! Endings against everything else that goes on: submitters, waiters, destructors, pauses.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use common::{
    DropFlag, Latch, OnDrop, PATIENCE, assert_accounts, assert_submitted, block_on, build, fixed,
    occupy, until, until_no_thread_is_named, within,
};
use springtide::{CancelReason, JobError, Pool, PoolHandle, Refusal};

/// What became of the submissions of one thread.
#[derive(Default)]
struct Tally {
    ran: AtomicUsize,
    returned: AtomicUsize,
    cancelled: AtomicUsize,
    refused: AtomicUsize,
}

fn add(counter: &AtomicUsize) {
    counter.fetch_add(1, Ordering::SeqCst);
}

fn settle(tally: &Tally, joined: Result<(), JobError>) {
    match joined {
        Ok(()) => add(&tally.returned),
        Err(error) => {
            assert_eq!(error.cancel_reason(), Some(CancelReason::Shutdown));
            add(&tally.cancelled);
        }
    }
}

/// Submits in one of six ways; every job accepted is joined, every job refused comes back.
fn submit_somehow(pool: &PoolHandle, n: usize, tally: &Arc<Tally>) {
    let counted = Arc::clone(tally);
    let job = move || add(&counted.ran);
    let refusal = match n % 6 {
        0 => pool.submit(job).map(|h| settle(tally, h.join())).map_err(|e| e.refusal()),
        1 => pool.submit_timeout(job, PATIENCE).map(|h| settle(tally, h.join())).map_err(|e| {
            let refusal = e.refusal();
            drop(e.into_job());
            refusal
        }),
        2 => match block_on(pool.submit_async(job)) {
            Ok(handle) => {
                settle(tally, block_on(handle));
                Ok(())
            }
            Err(error) => Err(error.refusal()),
        },
        3 => pool.execute(job).map_err(|e| e.refusal()),
        4 => pool.job("any").submit(move |_| job()).map(|h| settle(tally, h.join())).map_err(|e| {
            assert!(e.is_closed());
            e.refusal()
        }),
        _ => {
            let batch = pool.submit_batch((0..1).map(|_| job.clone()));
            batch.handles.into_iter().for_each(|handle| settle(tally, handle.join()));
            batch.refusal.map_or(Ok(()), Err)
        }
    };
    if let Err(refusal) = refusal {
        assert_eq!(refusal, Refusal::Shutdown);
        add(&tally.refused);
    }
}

#[test]
fn ten_thousand_submissions_race_with_the_end_and_none_is_lost() {
    const EACH: usize = 2_500;
    within(PATIENCE * 2, "storm", || {
        let endings: [fn(&Pool) -> springtide::ShutdownReport; 3] = [
            |pool| pool.shutdown(),
            |pool| pool.shutdown_now(),
            |pool| pool.shutdown_timeout(Duration::from_micros(50)),
        ];
        for (round, end) in endings.into_iter().enumerate() {
            let pool = build(Pool::builder("storm").workers(1..=2).queue_capacity(16));
            let tally = Arc::new(Tally::default());
            let mut handed_back = thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        (0..EACH).for_each(|n| submit_somehow(&pool, n, &tally));
                    });
                }
                until(|| pool.stats().accepted > 500 * round as u64);
                end(&pool).returned
            });
            handed_back.extend(pool.shutdown().returned);
            let stats = assert_submitted(&pool, 4 * EACH as u64);
            let get = |counter: &AtomicUsize| counter.load(Ordering::SeqCst) as u64;
            assert_eq!(get(&tally.refused), stats.refused);
            assert_eq!(get(&tally.cancelled), stats.cancelled);
            assert_eq!((get(&tally.ran), handed_back.len() as u64), (stats.ok, stats.returned));
        }
    });
}

// The waiting are many
#[test]
fn a_hundred_blocked_submitters_are_all_sent_home() {
    within(PATIENCE, "hundred", || {
        let pool = fixed("hundred", 1, 1);
        let held = occupy(&pool, 1);
        pool.execute(|| {}).expect("one place");
        let sent_home = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..100 {
                scope.spawn(|| {
                    assert!(pool.execute(|| {}).expect_err("closed").is_closed());
                    add(&sent_home);
                });
            }
            until(|| pool.stats().submitters_blocked == 100);
            let report = pool.shutdown_now();
            assert_eq!(report.returned_count, 1);
        });
        assert_eq!(sent_home.load(Ordering::SeqCst), 100);
        held.release();
        assert!(pool.shutdown().ended);
        assert_submitted(&pool, 102);
    });
}

// User code runs under no lock of ours
#[test]
fn what_queued_jobs_captured_may_submit_and_lock_as_a_shutdown_drops_it() {
    within(PATIENCE, "drops", || {
        let pool = Arc::new(fixed("drops", 1, 64));
        let held = occupy(&pool, 1);
        let users = Arc::new(Mutex::new(0));
        let jobs: Vec<_> = (0..10)
            .map(|_| {
                let (inner, users) = (pool.handle(), Arc::clone(&users));
                let captured = OnDrop::new(move || {
                    let refused = inner.submit(|| {}).expect_err("closed");
                    assert!(refused.is_closed());
                    assert_eq!(inner.running_jobs().len(), 1);
                    *users.lock().expect("no panic") += 1 + inner.stats().running;
                });
                pool.submit(move || drop(captured)).expect("open")
            })
            .collect();
        let guard = users.lock().expect("no panic");
        let ending = Arc::clone(&pool);
        let shutdown = thread::spawn(move || ending.shutdown_now());
        // Whoever sweeps the queue is inside a destructor that waits for this lock.
        until(|| pool.stats().cancelled > 0);
        assert!(!shutdown.is_finished());
        assert!(pool.try_submit(|| {}).expect_err("closed").is_closed(), "nobody else waits");
        drop(guard);
        assert_eq!(shutdown.join().expect("it returns").cancelled, 10);
        assert_eq!(*users.lock().expect("no panic"), 20);
        assert!(jobs.into_iter().all(|job| job.join().is_err()));
        held.release();
        assert!(pool.shutdown().ended);
        assert_submitted(&pool, 1 + 10 + 10 + 1);
    });
}

// The last owner is inside a queued job
#[test]
fn a_pool_owned_by_a_job_of_its_own_ends_when_that_job_is_cancelled() {
    within(PATIENCE, "owned", || {
        let pool = Arc::new(fixed("owned", 1, 8));
        let handle = pool.handle();
        let held = occupy(&pool, 1);
        let owner = Arc::clone(&pool);
        let job = handle.submit(move || drop(owner)).expect("open");
        drop(pool);
        held.release();
        // Either the worker runs it, and drops the pool inside, or this thread drops it here.
        let _: bool = job.cancel();
        until_no_thread_is_named("owned");
        assert_submitted(&handle, 2);
        let pool = Arc::new(fixed("owned", 1, 8));
        let handle = pool.handle();
        let held = occupy(&pool, 1);
        let owner = Arc::clone(&pool);
        let (idle, seen) = (handle.clone(), Latch::new());
        let gate = seen.clone();
        let waits = OnDrop::new(move || {
            gate.open();
            assert_eq!(idle.wait_idle(), Ok(()));
            assert!(owner.shutdown().ended);
        });
        let job = handle.submit(move || drop(waits)).expect("open");
        drop(pool);
        thread::scope(|scope| {
            let cancels = scope.spawn(|| assert!(job.cancel()));
            seen.wait();
            assert!(!cancels.is_finished(), "a worker is held");
            held.release();
        });
        until_no_thread_is_named("owned");
        assert_submitted(&handle, 2);
    });
}

#[test]
fn a_paused_pool_ends_like_any_other_and_a_pause_after_that_is_none() {
    within(PATIENCE, "paused", || {
        for now in [false, true] {
            let pool = fixed("paused", 1, 64);
            pool.pause();
            let jobs: Vec<_> = (0..10).map(|n| pool.submit(move || n).expect("open")).collect();
            if now {
                pool.shutdown_now();
            }
            let report = pool.shutdown();
            assert!(report.ended && !pool.is_paused(), "{report:?}");
            pool.pause();
            assert!(!pool.is_paused());
            // The end of the pool is the end of the pause, so the worker may have been in time for
            // some of those that are to be cancelled.
            let cancelled = jobs.into_iter().filter_map(|job| job.join().err()).count() as u64;
            assert_eq!((report.cancelled, report.completed), (cancelled, 10 - cancelled));
            assert!(now || cancelled == 0);
            assert_submitted(&pool, 10);
        }
    });
}

// However the two interleave
#[test]
fn pausing_as_the_pool_drains_does_not_stop_the_drain() {
    within(PATIENCE, "pauserace", || {
        for _ in 0..100 {
            let pool = fixed("pauserace", 1, 64);
            for _ in 0..20 {
                pool.execute(thread::yield_now).expect("open");
            }
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        for _ in 0..20 {
                            pool.pause();
                            thread::yield_now();
                        }
                    });
                }
                assert!(pool.shutdown().ended);
            });
            assert_submitted(&pool, 20);
        }
    });
}

// Accounting: a report counts the cancellation that let it end
#[test]
fn a_report_misses_no_cancellation_that_another_thread_is_in_the_middle_of() {
    within(PATIENCE, "midcancel", || {
        for _ in 0..300 {
            let pool = fixed("midcancel", 1, 64);
            let held = occupy(&pool, 1);
            let (flag, set) = DropFlag::new();
            let job = pool.submit(move || drop(set)).expect("open");
            thread::scope(|scope| {
                scope.spawn(|| job.cancel());
                held.release();
                let report = pool.shutdown();
                assert!(report.ended);
                assert_eq!((report.accepted, report.completed + report.cancelled), (2, 2));
            });
            assert!(flag.is_dropped());
            assert_accounts(&pool);
        }
    });
}

#[test]
fn a_pool_that_has_ended_never_runs_again() {
    within(PATIENCE, "monotone", || {
        let pool = fixed("monotone", 1, 8);
        assert!(pool.health().is_healthy());
        assert!(pool.shutdown().ended);
        pool.resume();
        pool.close();
        assert!(pool.resize(2..=3).is_ok(), "settings may still be changed");
        assert!(pool.reconfigure(|settings| settings.queue_capacity = Some(99)).is_ok());
        assert_eq!(pool.wait_idle(), Ok(()));
        assert!(pool.submit(|| {}).expect_err("closed").is_closed());
        assert!(!pool.health().is_healthy());
        until_no_thread_is_named("monotone");
        assert_submitted(&pool, 1);
    });
}
