//! The system refuses threads: less parallel, counted, tried again, and nobody waits for ever.

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use common::{
    FakeSpawner, Latch, PATIENCE, assert_submitted, build, fast_time, until,
    until_no_thread_is_named, within,
};
use springtide::testing::RefusingSpawner;
use springtide::{BuildError, CancelReason, Plan, Pool, Reason, Sample, ScalingPolicy, Trouble};

/// Wants a worker for every job that waits, so that a test need not wait for growth.
#[derive(Debug)]
struct OneEach;

/// Wants another worker for as long as that is so.
struct While(Arc<AtomicBool>);

impl ScalingPolicy for While {
    fn decide(&mut self, _: Duration, sample: &Sample) -> Plan {
        let wants = self.0.load(Ordering::SeqCst) && sample.queued > 0;
        if wants { Plan::add(1, Reason::Grow) } else { Plan::hold(Reason::Steady) }
    }
}

impl ScalingPolicy for OneEach {
    fn decide(&mut self, _now: Duration, sample: &Sample) -> Plan {
        let wanted = sample.busy + sample.queued.min(1_000) as u32;
        let missing = wanted.clamp(sample.min, sample.max).saturating_sub(sample.workers);
        if missing > 0 { Plan::add(missing, Reason::Grow) } else { Plan::hold(Reason::Steady) }
    }
}

#[test]
fn a_pool_whose_first_worker_is_refused_is_not_built_and_leaves_nothing() {
    within(PATIENCE, "first", || {
        for min in 1..=3 {
            let spawner = FakeSpawner::refusing(|n| n == 1);
            let builder = Pool::builder("first").workers(min..=4).spawner(spawner.clone());
            let error = builder.build().expect_err("refused");
            assert!(matches!(error, BuildError::Spawn(_)), "{error:?}");
            assert!(std::error::Error::source(&error).is_some());
            assert_eq!(spawner.asked(), 1);
        }
        until_no_thread_is_named("first");
        let pool = build(Pool::builder("first").workers(1..=1));
        assert_eq!(pool.name(), "first", "the name is free");
        assert_submitted(&pool, 0);
    });
}

// The supervisor itself
#[test]
fn a_pool_whose_supervisor_is_refused_sends_its_workers_home() {
    within(PATIENCE, "notide", || {
        let no_supervisor = RefusingSpawner::new(|name| name.ends_with("/tide"));
        let builder = Pool::builder("notide").workers(3..=3).spawner(no_supervisor);
        assert!(matches!(builder.build(), Err(BuildError::Spawn(_))));
        until_no_thread_is_named("notide");
        let pool = build(Pool::builder("notide").workers(1..=1));
        assert_submitted(&pool, 0);
    });
}

// A refusal by the real system
#[test]
fn the_real_system_refusing_is_an_error_like_any_other() {
    within(PATIENCE, "real", || {
        let error = Pool::builder("real").workers(1..=2).stack_size(1 << 46).build();
        assert!(matches!(error, Err(BuildError::Spawn(_))), "{error:?}");
        let pool = build(Pool::builder("real").workers(0..=2).stack_size(1 << 46));
        pool.execute(|| {}).expect("accepted all the same");
        until(|| pool.stats().spawn_failures > 0);
        assert!(pool.health().troubles.contains(&Trouble::ThreadsRefused));
        let report = pool.shutdown_now();
        assert_eq!((report.returned.len(), report.accepted), (1, 1));
        assert!(pool.shutdown().ended);
        assert_submitted(&pool, 1);
    });
}

#[test]
fn a_pool_of_none_whose_first_worker_is_refused_runs_the_job_when_it_gets_one() {
    within(PATIENCE, "heals", || {
        let spawner = FakeSpawner::refusing(|n| n == 1);
        let builder = Pool::builder("heals").workers(0..=4).spawner(spawner.clone());
        let (pool, _time) = fast_time(builder);
        let handle = pool.submit(|| 8).expect("accepted with no worker");
        assert_eq!(handle.join().expect("it ran in the end"), 8);
        let stats = assert_submitted(&pool, 1);
        assert_eq!((stats.spawn_failures, stats.ok), (1, 1));
        // Time flies, so the job may have waited long enough for a third.
        assert!((2..=4).contains(&spawner.asked()), "{} asked for", spawner.asked());
        assert!(pool.health().is_healthy(), "{:?}", pool.health());
    });
}

#[test]
fn whichever_worker_is_refused_all_jobs_are_done_and_no_submission_fails() {
    within(PATIENCE, "kth", || {
        thread::scope(|scope| {
            for k in 1..=16 {
                scope.spawn(move || kth_refused(k));
            }
        });
    });
}

fn kth_refused(k: usize) {
    let spawner = FakeSpawner::refusing(move |n| n == k);
    let builder = Pool::builder(format!("kth{k}")).workers(0..=16).policy(OneEach);
    let (pool, _time) = fast_time(builder.spawner(spawner.clone()));
    let latch = Latch::new();
    let jobs: Vec<_> = (0..100)
        .map(|n| {
            let gate = latch.clone();
            let job = move || {
                gate.wait();
                n
            };
            pool.submit(job).expect("open")
        })
        .collect();
    // Every job holds its worker, so the pool grows up to the refusal, and beyond it later.
    until(|| spawner.asked() > k);
    latch.open();
    let sum: i32 = jobs.into_iter().map(|job| job.join().expect("it returns")).sum();
    assert_eq!(sum, 4_950);
    let stats = assert_submitted(&pool, 100);
    assert_eq!((stats.ok, stats.spawn_failures), (100, 1), "k = {k}");
}

// A pod that a balancer left for this would get no jobs, and so never have a thread to ask for
#[test]
fn a_refusal_is_a_trouble_only_for_as_long_as_a_thread_is_wanted() {
    within(PATIENCE, "wanted", || {
        let wants = Arc::new(AtomicBool::new(true));
        let spawner = FakeSpawner::refusing(|n| n > 1);
        let builder = Pool::builder("wanted").workers(1..=4).policy(While(Arc::clone(&wants)));
        let pool = build(builder.spawner(spawner));
        let is_told = || pool.health().troubles.contains(&Trouble::ThreadsRefused);
        let (open, latch) = mpsc::channel::<()>();
        let holds = pool.submit(move || latch.recv().is_err()).expect("open");
        let waits = pool.submit(|| ()).expect("open");
        until(is_told);
        wants.store(false, Ordering::SeqCst);
        until(|| !is_told());
        assert_eq!(pool.stats().queued, 1, "it waits still");
        drop(open);
        assert!(holds.join().expect("it returns"));
        waits.join().expect("it returns");
        assert_submitted(&pool, 2);
    });
}

// An attempt a second, not a livelock
#[test]
fn two_seconds_of_refusals_are_few_attempts_and_the_living_worker_goes_on() {
    within(PATIENCE, "twosec", || {
        let refusing = Arc::new(AtomicBool::new(true));
        let rule = Arc::clone(&refusing);
        let spawner = FakeSpawner::refusing(move |n| n > 1 && rule.load(Ordering::SeqCst));
        let builder = Pool::builder("twosec").workers(1..=4).policy(OneEach);
        let pool = build(builder.spawner(spawner.clone()));
        let begun = Instant::now();
        let mut done = 0;
        while begun.elapsed() < Duration::from_secs(2) {
            let jobs: Vec<_> = (0..20).map(|n| pool.submit(move || n).expect("open")).collect();
            done += jobs.len() as u64;
            assert!(jobs.into_iter().all(|job| job.join().is_ok()));
        }
        let attempts = spawner.asked() - 1;
        let allowed = begun.elapsed().as_secs() as usize + 1;
        assert!((1..=allowed).contains(&attempts), "{attempts} attempts, {allowed} allowed");
        let stats = pool.stats();
        assert_eq!((stats.spawn_failures, stats.ok), (attempts as u64, done));
        assert!(pool.health().is_healthy(), "nothing waits for a thread: {:?}", pool.health());
        refusing.store(false, Ordering::SeqCst);
        // Two jobs that need each other: there must be a second worker soon.
        let (send, receive) = mpsc::channel();
        let needs = pool.submit(move || receive.recv().expect("sent")).expect("open");
        let gives = pool.submit(move || send.send(3).expect("awaited")).expect("open");
        assert_eq!(needs.join().expect("it returns"), 3);
        gives.join().expect("it returns");
        assert_submitted(&pool, done + 2);
    });
}

// With no worker at all the handle says so
#[test]
fn handles_of_a_pool_that_gets_no_thread_resolve_and_say_why() {
    within(PATIENCE, "nothreads", || {
        let spawner = FakeSpawner::refusing(|_| true);
        let builder = Pool::builder("nothreads").workers(0..=4).spawner(spawner.clone());
        let (pool, time) = fast_time(builder);
        let begun = time.elapsed();
        let handles: Vec<_> = (0..5).map(|_| pool.submit(|| {}).expect("open")).collect();
        pool.execute(|| {}).expect("open");
        for handle in handles {
            let error = handle.join().expect_err("nobody can run it");
            assert_eq!(error.cancel_reason(), Some(CancelReason::NoWorkers));
        }
        assert!(time.elapsed() - begun > Duration::from_secs(1), "not at the first refusal");
        let health = pool.health();
        assert!(health.troubles.contains(&Trouble::NoWorkers), "{health:?}");
        assert_eq!((pool.stats().cancelled, pool.stats().queued), (5, 1));
        let late = pool.submit(|| {}).expect("still accepted");
        assert!(late.join().is_err_and(|error| error.is_cancelled()));
        let report = pool.shutdown();
        assert_eq!((report.ended, report.returned.len()), (true, 1));
        assert_submitted(&pool, 7);
    });
}

// A drain without a worker ends too
#[test]
fn a_pool_that_gets_no_thread_can_be_shut_down_and_dropped() {
    within(PATIENCE, "nodrain", || {
        let unlucky = || {
            let spawner = FakeSpawner::refusing(|_| true);
            fast_time(Pool::builder("nodrain").workers(0..=4).spawner(spawner))
        };
        let (pool, _time) = unlucky();
        let handle = pool.submit(|| {}).expect("open");
        pool.execute(|| {}).expect("open");
        let report = pool.shutdown();
        assert!(report.ended);
        assert_eq!((report.cancelled, report.returned.len()), (1, 1));
        assert!(handle.join().is_err_and(|error| error.is_cancelled()));
        assert_submitted(&pool, 2);
        let (pool, _time) = unlucky();
        let handle = pool.handle();
        handle.execute(|| {}).expect("open");
        drop(pool);
        assert_eq!(assert_submitted(&handle, 1).returned, 1);
    });
}

// On the supervisor's thread: it drops what no worker can run
#[test]
fn a_job_that_owns_its_pool_may_be_dropped_by_the_supervisor() {
    within(PATIENCE, "tidedrop", || {
        let spawner = FakeSpawner::refusing(|_| true);
        let builder = Pool::builder("tidedrop").workers(0..=4).spawner(spawner);
        let (pool, _time) = fast_time(builder.queue_capacity(1));
        let pool = Arc::new(pool);
        let handle = pool.handle();
        let owner = Arc::clone(&pool);
        let inner = handle.clone();
        let captured = common::OnDrop::new(move || {
            inner.execute(|| {}).expect("over the bound: nobody else makes room");
            assert!(inner.wait_idle().is_err(), "it would wait for itself");
            drop(owner.shutdown());
        });
        let job = handle.submit(move || drop(captured)).expect("open");
        drop(pool);
        let error = job.join().expect_err("nobody can run it");
        assert_eq!(error.cancel_reason(), Some(CancelReason::NoWorkers));
        until_no_thread_is_named("tidedrop");
        let stats = assert_submitted(&handle, 2);
        assert_eq!((stats.cancelled, stats.returned), (1, 1));
    });
}
