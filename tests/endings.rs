//! The four endings: what runs, what comes back, who waits, and that nothing is left behind.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use common::{
    FOREVER, Held, Latch, PATIENCE, SOON, assert_submitted, build, fixed, occupy, until,
    until_no_thread_is_named, until_told, within,
};
use springtide::{CancelReason, DropPolicy, Pool, Refusal, ShutdownReport, Trouble};

/// The accounting of a report: everything accepted is somewhere.
fn assert_report(report: &ShutdownReport) {
    assert_books(report);
    assert_eq!(report.ended, report.still_queued + report.running == 0, "{report:?}");
}

/// Who has no patience may see jobs over and threads on their way out.
#[track_caller]
fn assert_books(report: &ShutdownReport) {
    let over = report.completed + report.errored + report.panicked + report.timed_out;
    let unrun = report.cancelled + report.expired + report.returned_count;
    let left = report.still_queued + report.running;
    assert_eq!(report.accepted, over + unrun + left, "{report:?}");
    assert!(left == 0 || !report.ended, "{report:?}");
    assert!(report.still_running.len() as u64 <= report.running, "{report:?}");
}

#[test]
fn a_drain_runs_everything_and_leaves_no_thread() {
    within(PATIENCE, "drain", || {
        let pool = fixed("drain", 2, 64);
        let ran = Arc::new(AtomicUsize::new(0));
        let held = occupy(&pool, 2);
        for _ in 0..30 {
            let ran = Arc::clone(&ran);
            let job = move || {
                ran.fetch_add(1, Ordering::SeqCst);
            };
            pool.execute(job).expect("open");
        }
        let drained = thread::scope(|scope| {
            let drain = scope.spawn(|| pool.shutdown());
            until(|| pool.health().troubles.contains(&Trouble::Closed));
            assert!(!drain.is_finished(), "two jobs are held");
            held.release();
            drain.join().expect("it returns")
        });
        assert_report(&drained);
        assert!(drained.ended && drained.returned.is_empty());
        assert_eq!((drained.accepted, drained.completed, ran.load(Ordering::SeqCst)), (32, 32, 30));
        let stats = assert_submitted(&pool, 32);
        assert_eq!(stats.workers, Default::default(), "M8: a stopped pool has no workers");
        until_no_thread_is_named("drain-");
        until_no_thread_is_named("drain/");
    });
}

#[test]
fn shutdown_now_gives_back_what_never_ran_and_tells_handles_and_running_jobs() {
    within(PATIENCE, "now", || {
        let pool = fixed("now", 2, 64);
        let polite = pool.job("polite").submit(|cx| until(|| cx.is_cancelled())).expect("open");
        let held = occupy(&pool, 1);
        until(|| pool.stats().queued == 0);
        let (send, receive) = mpsc::channel();
        let handles: Vec<_> = (0..3).map(|_| pool.submit(|| {}).expect("open")).collect();
        for n in 0..5 {
            let send = send.clone();
            pool.execute(move || send.send(n).expect("the test listens")).expect("open");
        }
        let report = pool.shutdown_now();
        assert!(!report.ended && report.still_queued == 0);
        assert_eq!((report.cancelled, report.returned_count), (3, 5));
        for handle in handles {
            let error = handle.join().expect_err("it never ran");
            assert_eq!(error.cancel_reason(), Some(CancelReason::Shutdown));
        }
        polite.join().expect("it was told and returned");
        assert!(receive.try_recv().is_err(), "none has run yet");
        assert!(report.returned.iter().all(|job| job.waited() < PATIENCE));
        report.returned.into_iter().for_each(|job| job.run());
        assert_eq!(receive.iter().take(5).sum::<i32>(), 10, "and now each has, once");
        held.release();
        let report = pool.shutdown();
        assert_report(&report);
        assert!(report.ended && report.returned.is_empty(), "handed back once only");
        assert_eq!(report.returned_count, 5);
        assert_submitted(&pool, 10);
    });
}

#[test]
fn blocked_submitters_get_their_jobs_back_whatever_the_ending() {
    within(PATIENCE, "blocked", || {
        let endings: [fn(&Pool); 4] = [
            |pool| pool.close(),
            |pool| drop(pool.shutdown_timeout(Duration::ZERO)),
            |pool| drop(pool.shutdown_now()),
            |pool| drop(pool.shutdown_timeout(Duration::from_nanos(1))),
        ];
        for end in endings {
            let pool = fixed("blocked", 1, 1);
            let held = occupy(&pool, 1);
            pool.execute(|| {}).expect("one place");
            let refusal = thread::scope(|scope| {
                let blocked = scope.spawn(|| pool.submit(|| 3).map_err(|error| error.refusal()));
                until(|| pool.stats().submitters_blocked == 1);
                end(&pool);
                blocked.join().expect("it returns").err()
            });
            assert_eq!(refusal, Some(Refusal::Shutdown));
            held.release();
            assert!(pool.shutdown().ended);
            assert_submitted(&pool, 3);
        }
    });
}

#[test]
fn a_job_that_does_not_end_is_named_and_can_be_waited_for_again() {
    within(PATIENCE, "stuck", || {
        let pool = fixed("stuck", 1, 8);
        let latch = Latch::new();
        let gate = latch.clone();
        let stuck = pool.job("fetch").submit(move |_| gate.wait()).expect("open");
        until(|| pool.stats().running == 1);
        for patience in [Duration::ZERO, Duration::from_nanos(1), Duration::from_millis(30)] {
            let asked = Instant::now();
            let report = pool.shutdown_timeout(patience);
            assert!(asked.elapsed() < SOON, "it waited {:?}", asked.elapsed());
            assert_report(&report);
            assert!(!report.ended);
            let named = &report.still_running[0];
            assert_eq!((named.kind, named.id, named.worker), ("fetch", Some(stuck.id()), 0));
            assert!(named.age > Duration::ZERO && named.age < PATIENCE);
        }
        latch.open();
        let report = pool.shutdown_timeout(FOREVER);
        assert_report(&report);
        assert!(report.ended && report.completed == 1);
        stuck.join().expect("it returned in the end");
        assert_submitted(&pool, 1);
    });
}

// Jobs that wait for jobs
#[test]
fn waiting_for_a_job_that_does_not_end_keeps_nobody_busy() {
    within(PATIENCE, "wait", || {
        let pool = fixed("wait", 1, 8);
        let held = occupy(&pool, 1);
        assert!(!pool.shutdown_now().ended);
        let looks = || pool.stats().evaluations;
        let before = looks();
        thread::scope(|scope| {
            scope.spawn(|| pool.shutdown());
            thread::sleep(Duration::from_millis(500));
            // A slow tick, and another look whenever somebody begins to wait.
            assert!(looks() - before < 50, "{} looks in half a second", looks() - before);
            held.release();
        });
    });
}

#[test]
fn a_report_counts_a_job_and_the_one_it_runs_in_its_place() {
    within(PATIENCE, "nested", || {
        let pool = fixed("nested", 1, 8);
        let (latch, inner) = (Latch::new(), pool.handle());
        let gate = latch.clone();
        let parent = pool.job("parent").submit(move |_| {
            let child = inner.job("child").submit(move |_| gate.wait()).expect("open");
            child.join().expect("it returns");
        });
        until(|| pool.running_jobs().iter().any(|job| job.kind == "child"));
        let report = pool.shutdown_timeout(Duration::ZERO);
        assert_report(&report);
        assert_eq!((report.running, report.still_running.len()), (2, 1));
        latch.open();
        parent.expect("open").join().expect("it returns");
        assert!(pool.shutdown().ended);
        assert_submitted(&pool, 2);
    });
}

#[test]
fn eight_threads_may_end_a_pool_at_once_and_again_and_all_hear_the_same() {
    within(PATIENCE, "eight", || {
        let pool = fixed("eight", 2, 64);
        for _ in 0..40 {
            pool.execute(thread::yield_now).expect("open");
        }
        let reports: Vec<ShutdownReport> = thread::scope(|scope| {
            let callers: Vec<_> = (0..8).map(|_| scope.spawn(|| pool.shutdown())).collect();
            callers.into_iter().map(|caller| caller.join().expect("it returns")).collect()
        });
        for report in reports.iter().chain([&pool.shutdown(), &pool.shutdown_now()]) {
            assert_report(report);
            assert!(report.ended);
            assert_eq!((report.accepted, report.completed), (40, 40));
        }
        assert_submitted(&pool, 40);
    });
}

#[test]
fn a_job_may_end_its_own_pool_in_every_way() {
    within(PATIENCE, "own", || {
        let endings: [fn(&Pool) -> Option<ShutdownReport>; 4] = [
            |pool| {
                pool.close();
                None
            },
            |pool| Some(pool.shutdown()),
            |pool| Some(pool.shutdown_timeout(FOREVER)),
            |pool| Some(pool.shutdown_now()),
        ];
        for end in endings {
            let pool = Arc::new(fixed("own", 1, 8));
            let (inner, latch) = (Arc::clone(&pool), Latch::new());
            let gate = latch.clone();
            let job = pool.submit(move || {
                gate.wait();
                let report = end(&inner);
                drop(inner);
                report
            });
            let queued = pool.submit(|| 1).expect("open");
            latch.open();
            let report = job.expect("open").join().expect("it returns");
            if let Some(report) = report {
                assert!(!report.ended, "it runs itself");
                assert_report(&report);
            }
            let _: Result<i32, springtide::JobError> = queued.join();
            assert!(pool.shutdown().ended);
            assert_submitted(&pool, 2);
        }
    });
}

#[test]
fn a_job_may_drop_its_own_pool_under_every_policy() {
    within(PATIENCE, "owndrop", || {
        for policy in [DropPolicy::default(), DropPolicy::Cancel, DropPolicy::Detach] {
            let pool = build(Pool::builder("owndrop").workers(1..=1).on_drop(policy));
            let handle = pool.handle();
            let latch = Latch::new();
            let gate = latch.clone();
            let job = handle.submit(move || {
                gate.wait();
                drop(pool);
                5
            });
            let queued = handle.submit(|| 6).expect("open");
            latch.open();
            assert_eq!(job.expect("open").join().expect("it returns"), 5, "{policy:?}");
            assert_eq!(queued.join().is_err(), policy == DropPolicy::Cancel, "{policy:?}");
            until_no_thread_is_named("owndrop");
            assert_submitted(&handle, 2);
        }
    });
}

#[test]
fn an_idle_pool_ends_at_once_whatever_the_patience() {
    within(PATIENCE, "idle", || {
        for min in [0, 1, 4] {
            for used in [false, true] {
                for patience in [Duration::ZERO, Duration::from_nanos(1), FOREVER, Duration::MAX] {
                    let pool = build(Pool::builder("idle").workers(min..=4));
                    if used {
                        pool.submit(|| {}).expect("open").join().expect("it returns");
                    }
                    let asked = Instant::now();
                    let report = pool.shutdown_timeout(patience);
                    assert!(asked.elapsed() < SOON, "it waited {:?}", asked.elapsed());
                    assert_books(&report);
                    assert!(report.ended || patience < SOON, "{report:?}");
                    assert!(pool.shutdown().ended);
                    assert_submitted(&pool, u64::from(used));
                }
            }
        }
    });
}

#[test]
fn a_job_that_submits_during_the_drain_is_refused_and_the_drain_goes_on() {
    within(PATIENCE, "during", || {
        let pool = fixed("during", 1, 8);
        let (latch, inner) = (Latch::new(), pool.handle());
        let gate = latch.clone();
        let job = pool.submit(move || {
            gate.wait();
            inner.submit(|| {}).is_err_and(|error| error.is_closed())
        });
        let report = thread::scope(|scope| {
            let drain = scope.spawn(|| pool.shutdown());
            until(|| pool.health().troubles.contains(&Trouble::Closed));
            latch.open();
            drain.join().expect("it returns")
        });
        assert!(report.ended && job.expect("open").join().expect("it returns"));
        assert_submitted(&pool, 2);
    });
}

#[test]
fn a_job_cancelled_right_before_the_end_does_not_hold_it_up() {
    within(PATIENCE, "right", || {
        for _ in 0..50 {
            let pool = fixed("right", 1, 8);
            let (until_told, runs) = until_told();
            let told = pool.job("told").submit(until_told).expect("open");
            runs.recv().expect("it runs");
            let jobs: Vec<_> = (0..4).map(|_| pool.submit(|| {}).expect("open")).collect();
            assert!(!told.cancel() && jobs.iter().all(|job| job.cancel()));
            let report = pool.shutdown();
            assert_report(&report);
            assert_eq!((report.ended, report.completed, report.cancelled), (true, 1, 4));
            assert!(told.join().is_ok() && jobs.into_iter().all(|job| job.join().is_err()));
            assert_submitted(&pool, 5);
        }
    });
}

/// Drops a pool with a held worker and one queued job under that policy.
fn drop_busy(policy: DropPolicy) -> (springtide::PoolHandle, Held, Arc<AtomicUsize>) {
    let pool = build(Pool::builder("dropbusy").workers(1..=1).on_drop(policy));
    let handle = pool.handle();
    let held = occupy(&pool, 1);
    let ran = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&ran);
    let job = move || {
        counted.fetch_add(1, Ordering::SeqCst);
    };
    pool.execute(job).expect("open");
    let asked = Instant::now();
    drop(pool);
    assert!(asked.elapsed() < SOON, "{policy:?}: the drop took {:?}", asked.elapsed());
    (handle, held, ran)
}

#[test]
fn dropping_a_busy_pool_does_what_its_policy_says() {
    within(PATIENCE, "dropbusy", || {
        let brief = DropPolicy::Drain(Duration::from_millis(10));
        for (policy, runs) in [(brief, 0), (DropPolicy::Cancel, 0), (DropPolicy::Detach, 1)] {
            let (handle, held, ran) = drop_busy(policy);
            assert!(handle.submit(|| {}).is_err_and(|error| error.is_closed()));
            held.release();
            let stats = assert_submitted(&handle, 3);
            assert_eq!((stats.ok, stats.returned), (1 + runs, 1 - runs), "{policy:?}");
            assert_eq!(ran.load(Ordering::SeqCst) as u64, runs);
            assert_eq!(Arc::strong_count(&ran), 1, "{policy:?}: its closure was freed");
            until_no_thread_is_named("dropbusy");
        }
        let pool = fixed("dropbusy", 2, 64);
        let (handle, ran) = (pool.handle(), Arc::new(AtomicUsize::new(0)));
        for _ in 0..50 {
            let ran = Arc::clone(&ran);
            let job = move || {
                ran.fetch_add(1, Ordering::SeqCst);
            };
            pool.execute(job).expect("open");
        }
        drop(pool);
        assert_eq!(ran.load(Ordering::SeqCst), 50, "by default all are run first");
        assert_submitted(&handle, 50);
    });
}

#[test]
fn two_hundred_pools_come_and_go_without_a_trace() {
    within(PATIENCE, "cycles", || {
        for round in 0..200 {
            let pool = build(Pool::builder("cycles").workers(round % 3..=4));
            assert_eq!(pool.name(), "cycles", "the name is free again");
            let handle = pool.handle();
            let jobs: Vec<_> = (0..round % 5).map(|n| pool.submit(move || n)).collect();
            drop(pool);
            assert!(jobs.into_iter().all(|job| job.expect("open").join().is_ok()));
            assert_submitted(&handle, round as u64 % 5);
        }
        until_no_thread_is_named("cycles");
    });
}
