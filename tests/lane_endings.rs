//! Lanes and the ends of their pools: what waits in a lane is run or cancelled, and no job is lost.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use common::{DropFlag, PATIENCE, assert_accounts, assert_lane, build, fixed, until, within};
use springtide::{BuildError, CancelReason, CancelToken, JobHandle, Overflow, Pool, Refusal};

#[test]
fn a_closed_pool_refuses_in_every_lane_and_a_shutdown_runs_what_waits_there() {
    within(PATIENCE, "drained", || {
        let pool = fixed("drained", 2, 10);
        let (slow, paused) = (pool.lane("slow").max_running(1), pool.lane("paused").max_running(0));
        let (slow, paused) = (slow.build().expect("valid"), paused.build().expect("valid"));
        let jobs: Vec<_> = (0..50).map(|n| slow.submit(move || n).expect("room")).collect();
        let kept = paused.submit(|| 7).expect("room");
        assert!(pool.wait_idle_timeout(Duration::from_millis(5)).is_err(), "a lane has a job");
        pool.close();
        assert!(slow.submit(|| ()).unwrap_err().is_closed());
        assert!(paused.try_submit(|| ()).unwrap_err().is_closed());
        let report = pool.shutdown();
        assert!(report.ended);
        assert_eq!((report.accepted, report.completed), (51, 51));
        assert!(jobs.into_iter().enumerate().all(|(n, job)| job.join().unwrap() == n));
        assert_eq!(kept.join().unwrap(), 7, "a limit of zero is a pause, and the end ends it");
    });
}

#[test]
fn a_closed_pool_opens_no_lane() {
    within(PATIENCE, "no-lane", || {
        let pool = fixed("no-lane", 1, 10);
        pool.lane("before").build().expect("open").close();
        pool.close();
        for name in ["before", "after", ""] {
            let error = pool.lane(name).build().expect_err("it would take no job");
            assert!(matches!(error, BuildError::Closed), "{error}");
            assert_eq!(error.to_string(), "the pool is closed");
        }
        assert!(pool.shutdown().ended);
        assert!(matches!(pool.lane("late").build(), Err(BuildError::Closed)));
    });
}

#[test]
fn a_shutdown_that_does_not_wait_cancels_what_waits_in_a_lane_and_counts_it() {
    within(PATIENCE, "stopped", || {
        let pool = fixed("stopped", 1, 10);
        let lane = pool.lane("paused").max_running(0).build().expect("valid");
        let (flag, held) = DropFlag::new();
        let first = lane.submit(move || drop(held)).expect("room");
        let jobs: Vec<_> = (0..30).map(|_| lane.submit(|| ()).expect("room")).collect();
        lane.execute(|| ()).expect("room");
        let report = pool.shutdown_now();
        assert!(flag.is_dropped() && pool.shutdown().ended);
        assert_eq!((report.accepted, report.cancelled, report.still_queued), (32, 32, 0));
        let shutdown = Some(CancelReason::Shutdown);
        assert_eq!(first.join().unwrap_err().cancel_reason(), shutdown);
        assert!(jobs.into_iter().all(|job| job.join().unwrap_err().cancel_reason() == shutdown));
        assert_eq!(assert_lane(&lane).cancelled, 32);
    });
}

/// However it ends, what was accepted is run or cancelled, and the rest comes back.
fn race(shutdown: impl Fn(&Pool) + Send + Sync + Copy + 'static) {
    for round in 0..40 {
        let pool = build(Pool::builder("race").workers(1..=2));
        let lane = pool.lane("lane").max_running(1).queue_capacity(8).build().expect("valid");
        let ran = Arc::new(AtomicUsize::new(0));
        let start = Barrier::new(4);
        let (accepted, refused) = thread::scope(|scope| {
            let submit = || {
                start.wait();
                let (mut handles, mut refused) = (Vec::new(), 0);
                for n in 0..100 {
                    let ran = Arc::clone(&ran);
                    match lane.key(n % 5).submit(move |_| {
                        ran.fetch_add(1, Ordering::SeqCst);
                    }) {
                        Ok(handle) => handles.push(handle),
                        Err(error) => {
                            assert!(error.is_closed());
                            refused += 1;
                        }
                    }
                }
                (handles, refused)
            };
            let submitters: Vec<_> = (0..3).map(|_| scope.spawn(submit)).collect();
            start.wait();
            until(|| ran.load(Ordering::SeqCst) >= round * 7);
            shutdown(&pool);
            let all = submitters.into_iter().map(|s| s.join().expect("it only submits"));
            all.fold((Vec::new(), 0), |(mut accepted, refused), (handles, more)| {
                accepted.extend(handles);
                (accepted, refused + more)
            })
        });
        let count = accepted.len();
        let ok = accepted.into_iter().map(JobHandle::join).filter(Result::is_ok);
        let ok = ok.count();
        assert_eq!((ok, count + refused), (ran.load(Ordering::SeqCst), 300));
        let report = pool.shutdown();
        assert!(report.ended);
        assert_eq!((report.accepted, report.completed), (count as u64, ok as u64));
        assert_eq!(report.completed + report.cancelled, report.accepted, "nothing is lost");
        assert_lane(&lane);
    }
}

#[test]
fn no_job_is_lost_between_a_lane_and_a_shutdown() {
    within(PATIENCE * 2, "race", || {
        race(|pool| drop(pool.shutdown()));
        race(|pool| drop(pool.shutdown_now()));
    });
}

#[test]
fn a_cancelled_token_takes_its_jobs_out_of_their_lane() {
    within(PATIENCE, "tokens", || {
        let pool = fixed("tokens", 1, 10);
        let lane = pool.lane("paused").max_running(0).build().expect("valid");
        let token = CancelToken::new();
        let (flag, held) = DropFlag::new();
        let waits = lane.job("waits").token(&token).submit(move |_| drop(held)).expect("room");
        token.cancel();
        assert!(flag.is_dropped(), "what it captured is gone");
        let late = lane.job("late").token(&token).submit(|_| ()).expect("accepted, never run");
        for job in [waits, late] {
            let reason = job.join().unwrap_err().cancel_reason();
            assert_eq!(reason, Some(CancelReason::Token));
        }
        let stats = assert_lane(&lane);
        assert_eq!((stats.waiting, stats.cancelled), (0, 2));
        assert_eq!(assert_accounts(&pool).cancelled, 2);
    });
}

#[test]
fn a_lane_counts_how_its_jobs_were_over() {
    within(PATIENCE, "outcomes", || {
        let pool = fixed("outcomes", 1, 10);
        let lane = pool.lane("all").queue_capacity(10).build().expect("valid");
        assert_eq!(lane.submit_fallible(|| Ok::<_, u8>(1)).expect("room").join().unwrap(), Ok(1));
        let fails = lane.job("fails").submit_fallible(|_| Err::<u8, _>(2)).expect("room");
        assert_eq!(fails.join().unwrap(), Err(2));
        let slow = lane.job("slow").timeout(Duration::ZERO).submit(|cx| {
            while !cx.is_cancelled() {
                thread::yield_now();
            }
        });
        assert!(slow.expect("room").join().unwrap_err().is_timed_out());
        until(|| lane.stats().running == 0);
        let stats = assert_lane(&lane);
        assert_eq!((stats.ok, stats.errored, stats.timed_out), (1, 1, 1));
        let all = assert_accounts(&pool);
        assert_eq!((all.ok, all.errored, all.timed_out), (1, 1, 1));
    });
}

#[test]
fn a_pool_that_never_got_a_thread_tells_those_who_wait_in_its_lanes() {
    within(PATIENCE, "no-threads", || {
        let refuses = common::FakeSpawner::refusing(|_| true);
        let pool = build(Pool::builder("no-threads").workers(0..=2).spawner(refuses));
        let lane = pool.lane("lane").max_running(1).build().expect("valid");
        let paused = pool.lane("paused").max_running(0).build().expect("valid");
        let mut jobs = vec![paused.submit(|| ()).expect("room")];
        jobs.extend((0..3).map(|_| lane.submit(|| ()).expect("room")));
        for job in jobs {
            let reason = job.join().unwrap_err().cancel_reason();
            assert_eq!(reason, Some(CancelReason::NoWorkers));
        }
        assert_eq!((assert_lane(&lane).cancelled, assert_lane(&paused).cancelled), (3, 1));
    });
}

#[test]
fn a_pool_whose_submitters_run_jobs_themselves_lets_them_wait_for_its_lanes() {
    within(PATIENCE, "caller-runs", || {
        let pool = common::fixed_with("caller-runs", 1, 1, Overflow::CallerRuns);
        let lane = pool.lane("short").max_running(0).queue_capacity(1).build().expect("valid");
        let first = lane.submit(|| thread::current().id()).expect("room");
        thread::scope(|scope| {
            let blocked = scope.spawn(|| lane.submit(|| thread::current().id()));
            until(|| lane.stats().submitters_blocked == 1);
            lane.reconfigure(|l| l.max_running = Some(1)).expect("valid");
            let second = blocked.join().expect("it waits").expect("room comes");
            assert_ne!(second.join().unwrap(), thread::current().id());
        });
        assert_ne!(first.join().unwrap(), thread::current().id());
        let refused: u64 = lane.stats().refused_by.iter().map(|(_, n)| n).sum();
        assert_eq!((refused, lane.stats().refused_by[0].0), (0, Refusal::ALL[0]));
    });
}

#[test]
fn the_end_of_a_pool_or_of_its_lane_lifts_a_rate_of_zero() {
    within(PATIENCE, "no-rate", || {
        let pool = fixed("no-rate", 2, 10);
        let (closed, kept) = (pool.lane("closed").rate(0.0, 1), pool.lane("kept").rate(0.0, 2));
        let (closed, kept) = (closed.build().expect("valid"), kept.build().expect("valid"));
        let submit = |lane: &springtide::Lane| -> Vec<_> {
            (0..4).map(|n| lane.submit(move || n).expect("room")).collect()
        };
        let first = submit(&closed);
        until(|| closed.stats().ok == 1);
        closed.close();
        first.into_iter().enumerate().for_each(|(n, job)| assert_eq!(job.join().unwrap(), n));
        let second = submit(&kept);
        until(|| kept.stats().ok == 2);
        assert_eq!(kept.stats().waiting, 2, "a burst, and none after it");
        let report = pool.shutdown();
        assert!(report.ended);
        assert_eq!((report.accepted, report.completed), (8, 8));
        second.into_iter().enumerate().for_each(|(n, job)| assert_eq!(job.join().unwrap(), n));
    });
}

#[test]
fn a_lane_and_its_pool_agree_how_a_job_was_over() {
    within(PATIENCE, "agreed", || {
        let pool = fixed("agreed", 1, 10);
        let lane = pool.lane("agreed").max_running(0).build().expect("valid");
        let late = lane.job("late").expires_in(Duration::ZERO).submit(|_| ()).expect("room");
        assert!(late.cancel(), "nobody has found out yet that it has expired");
        assert!(late.join().unwrap_err().is_cancelled());
        let found = lane.job("found").expires_in(Duration::ZERO).submit(|_| ()).expect("room");
        lane.reconfigure(|l| l.max_running = None).expect("valid");
        assert!(found.join().unwrap_err().is_expired());
        let panics = lane.job("panics").timeout(Duration::ZERO).submit(|cx| {
            while !cx.is_cancelled() {
                thread::yield_now();
            }
            panic!("after its time");
        });
        assert!(panics.expect("room").join().unwrap_err().is_timed_out());
        until(|| lane.stats().running == 0);
        let (mine, all) = (assert_lane(&lane), assert_accounts(&pool));
        assert_eq!((mine.cancelled, mine.expired), (1, 1));
        assert_eq!((mine.panicked, mine.timed_out), (0, 1));
        assert_eq!((all.cancelled, all.expired), (1, 1));
        assert_eq!((all.panicked, all.timed_out), (0, 1));
    });
}
