//! Promises about the end of a pool.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use shuttle::thread;
use springtide::{
    JobEnded, JobHandle, Observer, Pool, PoolEnded, PoolHandle, ShutdownReport, Stats,
};

use crate::harness::{
    Cargo, Fate, dawdle, explore, joined, over, pool, replay, settle, submitters,
};

/// What one submitter knows about its jobs.
#[derive(Default)]
struct Submitted {
    accepted: Vec<Arc<Fate>>,
    refused: Vec<Arc<Fate>>,
    handles: Vec<(JobHandle<()>, Arc<Fate>)>,
}

fn submit_three(pool: &PoolHandle, first: usize) -> Submitted {
    let mut submitted = Submitted::default();
    for way in (first..first + 3).map(|n| n % 3) {
        let (cargo, fate) = Cargo::new();
        let job = move || cargo.run();
        let handed_back = match way {
            0 => pool.submit(job).map(Some).map_err(|refused| refused.into_job()),
            1 => pool.execute(job).map(|()| None).map_err(|refused| refused.into_job()),
            _ => pool.try_submit(job).map(Some).map_err(|refused| refused.into_job()),
        };
        match handed_back {
            Ok(handle) => {
                submitted.accepted.push(Arc::clone(&fate));
                submitted.handles.extend(handle.map(|handle| (handle, fate)));
            }
            Err(job) => {
                assert_eq!((fate.runs(), fate.frees()), (0, 0), "a refused job comes back whole");
                drop(job);
                submitted.refused.push(fate);
            }
        }
    }
    submitted
}

/// Every handle resolves, and says the truth.
fn join_all(submitted: &mut Submitted) {
    for (handle, fate) in submitted.handles.drain(..) {
        let runs = match handle.join() {
            Ok(()) => 1,
            Err(error) => {
                assert!(error.is_cancelled(), "{error}");
                0
            }
        };
        assert_eq!((fate.runs(), fate.frees()), (runs, 1));
    }
}

/// In every snapshot every job accepted is in one place.
fn check_snapshot(stats: &Stats) {
    let ran = stats.ok + stats.errored + stats.panicked + stats.timed_out;
    let over = ran + stats.cancelled + stats.expired;
    let all = stats.queued + stats.running + over + stats.returned;
    assert_eq!(stats.accepted, all, "{stats:?}");
    assert!(stats.running <= 2, "two workers run two jobs at most: {stats:?}");
}

fn storm(end: fn(&Pool) -> ShutdownReport) {
    let pool = pool(1..=2, |builder| builder.queue_capacity(2));
    let submitters = submitters(&pool, 3, |pool, first| {
        let mut submitted = submit_three(pool, first);
        join_all(&mut submitted);
        submitted
    });
    dawdle();
    let watcher = {
        let pool = pool.handle();
        thread::spawn(move || (0..3).for_each(|_| check_snapshot(&pool.stats())))
    };
    let first = end(&pool);
    assert!(over(&first) + first.still_queued <= first.accepted, "{first:?}");
    watcher.join().expect("the watcher");
    let submitted = joined(submitters);
    let last = settle(&pool);
    let accepted: Vec<_> = submitted.iter().flat_map(|submitted| &submitted.accepted).collect();
    assert_eq!(last.accepted, accepted.len() as u64);
    let ran: u32 = accepted.iter().map(|fate| fate.runs()).sum();
    assert_eq!(u64::from(ran), last.completed);
    let returned: Vec<_> = first.returned.into_iter().chain(last.returned).collect();
    assert_eq!(last.returned_count, returned.len() as u64);
    returned.into_iter().for_each(|job| job.run());
    for fate in accepted {
        assert!(fate.runs() <= 1 && fate.frees() == 1, "{fate:?}");
    }
    for fate in submitted.iter().flat_map(|submitted| &submitted.refused) {
        assert_eq!((fate.runs(), fate.frees()), (0, 1));
    }
}

#[test]
fn a_submission_racing_a_shutdown_runs_or_comes_back() {
    explore(|| storm(Pool::shutdown));
}

#[test]
fn a_submission_racing_a_shutdown_now_runs_is_cancelled_or_comes_back() {
    explore(|| storm(Pool::shutdown_now));
}

/// Without which a failing schedule could not be looked into.
#[test]
fn the_same_schedule_does_the_same() {
    replay(|| storm(Pool::shutdown_now));
}

#[test]
fn concurrent_shutdowns_wait_for_the_same_end_and_report_the_same() {
    explore(|| {
        let pool = Arc::new(pool(1..=2, |builder| builder));
        let (cargo, fate) = Cargo::new();
        pool.execute(move || cargo.run()).expect("the pool is open");
        let handle = pool.submit(|| 7).expect("the pool is open");
        let other = {
            let pool = Arc::clone(&pool);
            thread::spawn(move || pool.shutdown())
        };
        dawdle();
        let reports = [pool.shutdown(), other.join().expect("the other caller")];
        for report in &reports {
            assert!(report.ended && report.returned.is_empty(), "{report:?}");
            assert_eq!((report.accepted, report.completed), (2, 2));
        }
        assert_eq!((fate.runs(), fate.frees()), (1, 1));
        assert_eq!(handle.join().expect("it ran"), 7);
        settle(&pool);
    });
}

#[test]
fn a_shutdown_that_waits_counts_what_a_concurrent_one_that_does_not_has_cancelled() {
    explore(|| {
        let pool = Arc::new(pool(1..=1, |builder| builder));
        let handle = pool.submit(|| ()).expect("the pool is open");
        pool.execute(|| ()).expect("the pool is open");
        let impatient = {
            let pool = Arc::clone(&pool);
            thread::spawn(move || {
                dawdle();
                pool.shutdown_now()
            })
        };
        dawdle();
        let report = pool.shutdown();
        assert!(report.ended, "{report:?}");
        assert_eq!(report.accepted, over(&report), "{report:?}");
        let _ = handle.join();
        impatient.join().expect("the other caller");
        settle(&pool);
    });
}

#[test]
fn a_cancellation_racing_a_shutdown_is_in_its_report() {
    explore(|| {
        let pool = pool(1..=1, |builder| builder);
        let handle = pool.submit(|| ()).expect("the pool is open");
        let canceller = thread::spawn(move || handle.cancel());
        dawdle();
        let report = pool.shutdown();
        assert_eq!(report.accepted, over(&report), "{report:?}");
        let cancelled = canceller.join().expect("the canceller");
        assert_eq!(report.cancelled, u64::from(cancelled));
        settle(&pool);
    });
}

/// Counts what it is told, and what it had been told by the end.
#[derive(Default)]
struct Last {
    jobs: AtomicU64,
    at_the_end: OnceLock<u64>,
}

impl Observer for Last {
    fn job_ended(&self, _job: &JobEnded<'_>) {
        self.jobs.fetch_add(1, Ordering::SeqCst);
    }

    fn pool_ended(&self, _pool: &PoolEnded<'_>) {
        let jobs = self.jobs.load(Ordering::SeqCst);
        self.at_the_end.set(jobs).expect("a pool ends once");
    }
}

/// Attacks E1 and E2.
#[test]
fn a_cancellation_racing_a_shutdown_is_told_of_before_the_end() {
    explore(|| {
        let last = Arc::new(Last::default());
        let pool = pool(1..=1, |builder| builder.observer(Arc::clone(&last)));
        let handle = pool.submit(|| ()).expect("the pool is open");
        let canceller = thread::spawn(move || handle.cancel());
        dawdle();
        settle(&pool);
        assert_eq!(last.at_the_end.get(), Some(&1));
        canceller.join().expect("the canceller");
    });
}

#[test]
fn a_pool_dropped_inside_its_own_job_runs_the_rest_and_ends() {
    explore(|| {
        let pool = Arc::new(pool(1..=2, |builder| builder));
        let outside = pool.handle();
        let (cargo, fate) = Cargo::new();
        let owner = Arc::clone(&pool);
        let drops_it = outside.submit(move || drop(owner)).expect("the pool is open");
        let last = outside.submit(move || cargo.run()).expect("the pool is open");
        dawdle();
        // Whoever is later drops it: the job or this thread.
        drop(pool);
        drops_it.join().expect("dropping a pool inside waits for nobody");
        last.join().expect("what was queued still runs");
        assert_eq!((fate.runs(), fate.frees()), (1, 1));
        let refused = outside.execute(|| ()).expect_err("the pool is gone");
        assert!(refused.is_closed());
        let stats = outside.stats();
        assert_eq!((stats.accepted, stats.ok, stats.recoveries), (2, 2, 0));
        // That the supervisor and the workers end as well is shuttle's to check: a thread that is
        // left is a deadlock.
    });
}

#[test]
fn a_pause_racing_a_shutdown_does_not_outlive_it() {
    explore(|| {
        let pool = pool(1..=1, |builder| builder);
        let handle = pool.submit(|| ()).expect("the pool is open");
        let pauser = {
            let pool = pool.handle();
            thread::spawn(move || {
                dawdle();
                pool.pause();
            })
        };
        dawdle();
        pool.shutdown();
        handle.join().expect("a shutdown runs what was accepted");
        pauser.join().expect("the pauser");
        settle(&pool);
    });
}
