//! What the pool says about itself: why it scaled, what it runs, what is wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use springtide::testing::RefusingSpawner;
use springtide::{Decision, Fixed, Pool, Reason, Trouble};

use crate::support::system;
use crate::support::{
    Crowd, Latch, at_rest, end, enqueue, eventually, finish, hold, millis, throughout, watchdog,
};

/// The ring tells the whole story of a burst: each step begins where the last one ended.
#[test]
fn every_change_is_in_the_ring_with_its_reason() {
    let _watchdog = watchdog();
    let pool = Pool::builder("ring").workers(1..=12).keep_alive(millis(100)).build().unwrap();
    assert_eq!(pool.last_decision(), None, "nothing was decided yet");
    let (crowd, latch) = (Crowd::new(), Latch::new());
    hold(&pool, 12, &crowd, &latch);
    latch.open();
    eventually("back to one", || pool.last_decision().is_some_and(|last| last.to == 1));
    let ring = pool.decisions();
    assert_eq!(pool.last_decision().as_ref(), ring.last());
    assert!(ring.is_sorted_by(|a, b| a.at <= b.at), "{ring:?}");
    let changes: Vec<&Decision> = ring.iter().filter(|d| d.from != d.to).collect();
    let mut size = 1;
    for change in &changes {
        assert_eq!(change.from, size, "{changes:?}");
        size = change.to;
        let up = [Reason::FillCores, Reason::Grow, Reason::GrowBlocked, Reason::EscapeBlocked];
        let known = if change.to > change.from {
            up.contains(&change.reason) && change.queued > 0
        } else {
            change.reason == Reason::ShrinkIdle && change.queued == 0
        };
        assert!(known, "{change:?}");
    }
    assert_eq!(size, 1, "{changes:?}");
    let peak = changes.iter().map(|change| change.to).max();
    assert_eq!(peak, Some(12));
    let stats = pool.stats();
    let counted: u64 = stats.decisions.iter().map(|(_, n)| n).sum();
    assert_eq!(counted, stats.evaluations, "each look has one verdict");
    finish(pool);
}

/// Why it did not grow is a decision too, once for each streak; and the ring is bounded.
#[test]
fn reasons_for_not_growing_are_told_once_a_streak_in_a_bounded_ring() {
    let _watchdog = watchdog();
    let pool = Pool::builder("held").workers(1..=2).build().unwrap();
    let (crowd, latch) = (Crowd::new(), Latch::new());
    hold(&pool, 2, &crowd, &latch);
    pool.execute(|| ()).unwrap();
    let at_max = |d: &Decision| d.reason == Reason::AtMax && d.from == d.to && d.queued == 1;
    eventually("it says why, and how often", || {
        pool.last_decision().is_some_and(|d| at_max(&d) && d.repeats >= 5)
    });
    assert_eq!(pool.decisions().iter().filter(|d| at_max(d)).count(), 1, "one streak, one entry");
    for n in 0..700 {
        pool.resize(1..=3 + n % 2).unwrap();
        pool.resize(1..=2).unwrap();
    }
    assert!(pool.decisions().len() <= 256);
    latch.open();
    finish(pool);
}

#[test]
fn running_jobs_are_listed_with_kind_number_worker_and_age() {
    let _watchdog = watchdog();
    let pool = Pool::builder("listed").workers(0..=4).build().unwrap();
    assert_eq!(pool.running_jobs(), []);
    let (crowd, latch) = (Crowd::new(), Latch::new());
    let named: Vec<_> = ["resize", "encode"]
        .into_iter()
        .map(|kind| {
            let (crowd, latch) = (crowd.clone(), latch.clone());
            let wait = move |cx: &springtide::JobContext<'_>| {
                let _inside = crowd.enter();
                latch.wait();
                cx.worker_index()
            };
            (kind, pool.job(kind).submit(wait).unwrap())
        })
        .collect();
    hold(&pool, 1, &crowd, &latch);
    eventually("all three run", || pool.running_jobs().len() == 3);
    let first = pool.running_jobs();
    std::thread::sleep(millis(30));
    let second = pool.running_jobs();
    let mut workers = Vec::new();
    for (before, now) in first.iter().zip(&second) {
        assert_eq!((before.kind, before.id, before.worker), (now.kind, now.id, now.worker));
        assert!(now.age >= before.age + millis(30) && now.age <= pool.stats().uptime);
        assert!(!now.blocked);
        workers.push(now.worker);
    }
    workers.dedup();
    assert_eq!(workers.len(), 3, "each on a worker of its own");
    assert!(second.iter().any(|job| job.kind == "job" && job.id.is_none()));
    latch.open();
    for (kind, handle) in named {
        let listed = second.iter().find(|job| job.id == Some(handle.id())).unwrap();
        assert_eq!(listed.kind, kind);
        assert_eq!(handle.join().unwrap(), Some(listed.worker));
    }
    at_rest(&pool);
    eventually("nothing runs", || pool.running_jobs().is_empty());
    finish(pool);
}

#[test]
fn a_paused_pool_with_jobs_is_in_trouble_and_says_which() {
    let _watchdog = watchdog();
    let pool = Pool::builder("paused").workers(1..=1).build().unwrap();
    let troubles = || pool.health().troubles;
    pool.pause();
    throughout(millis(50), "without jobs a pause harms nobody", || troubles().is_empty());
    (0..10).for_each(|_| pool.execute(|| ()).unwrap());
    eventually("it is seen", || pool.last_decision().is_some());
    let looks = pool.stats().evaluations;
    // Longer than it takes to call a pool stalled: a pause is not that.
    throughout(millis(1_500), "paused and nothing else", || troubles() == [Trouble::Paused]);
    let looks = pool.stats().evaluations - looks;
    assert!(looks <= 12, "{looks} looks in 1.5 s at a pool that may do nothing");
    assert_eq!(pool.stats().queued, 10);
    assert_eq!(pool.last_decision().map(|d| d.reason), Some(Reason::Paused));
    pool.resume();
    at_rest(&pool);
    assert!(pool.health().is_healthy(), "{:?}", pool.health());
    assert_eq!(finish(pool).ok, 10);
}

#[test]
fn a_closed_pool_says_so() {
    let _watchdog = watchdog();
    let pool = Pool::builder("closed").workers(1..=2).build().unwrap();
    pool.close();
    assert_eq!(pool.health().troubles, [Trouble::Closed]);
    assert!(pool.submit(|| ()).is_err_and(|refused| refused.is_closed()));
    let stats = end(pool);
    assert_eq!((stats.accepted, stats.refused), (0, 1));
}

/// Whatever the law: all workers there may be are stuck, and jobs wait.
#[test]
fn a_fixed_pool_whose_workers_are_all_stuck_is_stalled() {
    let _watchdog = watchdog();
    let pool = Pool::builder("stuck").workers(2..=2).policy(Fixed).build().unwrap();
    pool.submit(|| ()).unwrap().join().unwrap(); // So that it is known what jobs take.
    let (crowd, latch) = (Crowd::new(), Latch::new());
    hold(&pool, 2, &crowd, &latch);
    throughout(millis(1_200), "long jobs alone are no trouble", || pool.health().is_healthy());
    pool.execute(|| ()).unwrap();
    eventually("it is stalled", || pool.health().troubles == [Trouble::Stalled]);
    latch.open();
    at_rest(&pool);
    eventually("it is not any more", || pool.health().is_healthy());
    finish(pool);
}

/// All workers are in jobs that take as long as jobs do here, and more wait. It was called a stall,
/// and a pool that did all its work was taken out of service.
#[test]
fn a_pool_whose_jobs_take_long_is_not_stalled_while_they_do() {
    let _watchdog = watchdog();
    let pool = Pool::builder("slow").workers(2..=2).build().unwrap();
    let length = millis(1_500);
    let jobs = || pool.submit_batch((0..2).map(|_| move || std::thread::sleep(length))).handles;
    let first = jobs();
    throughout(millis(1_300), "nobody knows what jobs take", || pool.health().is_healthy());
    first.into_iter().for_each(|job| job.join().unwrap());
    let (running, waiting) = (jobs(), jobs());
    throughout(millis(1_300), "jobs take so long", || pool.health().is_healthy());
    running.into_iter().chain(waiting).for_each(|job| job.join().unwrap());
    finish(pool);
}

/// A supervisor that slept for want of work has not been silent.
#[test]
fn a_job_after_a_long_rest_finds_a_healthy_pool() {
    let _watchdog = watchdog();
    let pool = Pool::builder("rested").workers(0..=2).build().unwrap();
    std::thread::sleep(Duration::from_millis(5_300));
    for _ in 0..100 {
        pool.execute(|| ()).unwrap();
        let troubles = pool.health().troubles;
        assert!(!troubles.contains(&Trouble::SupervisorSilent), "{troubles:?}");
    }
    finish(pool);
}

/// Growth that fails half-way changes nothing but the count of failures, and is made up for later.
#[test]
fn refused_threads_are_a_trouble_a_reason_and_a_count_and_lose_no_job() {
    let _watchdog = watchdog();
    let refuses = Arc::new(AtomicBool::new(false));
    let stingy = RefusingSpawner::new({
        let refuses = Arc::clone(&refuses);
        move |_| refuses.load(Ordering::SeqCst)
    });
    let pool = Pool::builder("stingy").workers(1..=6).spawner(stingy).build().unwrap();
    let (crowd, latch) = (Crowd::new(), Latch::new());
    hold(&pool, 2, &crowd, &latch);
    refuses.store(true, Ordering::SeqCst);
    let settings = pool.settings();
    let begun = Instant::now();
    enqueue(&pool, 4, &crowd, &latch);
    eventually("it is told", || pool.health().troubles.contains(&Trouble::ThreadsRefused));
    throughout(millis(1_500), "two work on", || crowd.now() == 2);
    let stats = pool.stats();
    let failures = stats.spawn_failures;
    println!("{failures} attempts in {:.1?} of refusals", begun.elapsed());
    assert!((1..=4).contains(&failures), "held back a second at a time: {failures}");
    assert!(stats.decisions.iter().any(|(name, _)| *name == "spawn_failed"), "{stats:?}");
    assert_eq!((pool.settings(), system::workers("stingy")), (settings, 2));
    refuses.store(false, Ordering::SeqCst);
    eventually("the others start after all", || crowd.now() == 6);
    assert!(pool.health().is_healthy(), "{:?}", pool.health());
    latch.open();
    assert_eq!(finish(pool).ok, 6);
}
