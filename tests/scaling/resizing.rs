//! New bounds while jobs run and wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use springtide::{Overflow, Pool, Reason};

use crate::support::system::{self, Census};
use crate::support::{
    Crowd, Latch, at_rest, end, enqueue, eventually, finish, hold, holds_within, millis,
    throughout, watchdog,
};

/// Every job ends once, and from then on only two run, although 10 000 wait. The jobs themselves
/// see to it: each looks how many are inside with it.
#[test]
fn a_lower_maximum_takes_effect_as_the_running_jobs_end_with_ten_thousand_queued() {
    let _watchdog = watchdog();
    let pool = Pool::builder("shrink").workers(1..=8).queue_capacity(10_000).build().unwrap();
    let (held, latch) = (Crowd::new(), Latch::new());
    hold(&pool, 8, &held, &latch);
    let crowd = Crowd::new();
    let batch = pool.submit_batch((0..10_000).map(|_| {
        let crowd = Arc::clone(&crowd);
        move || {
            let inside = crowd.enter();
            std::hint::black_box(inside.with);
        }
    }));
    assert!(batch.refused.is_empty());
    pool.resize(1..=2).unwrap();
    eventually("the supervisor has seen it, again and again", || {
        pool.stats().decisions.iter().any(|d| d.0 == "above_max" && d.1 > 3)
    });
    assert_eq!(held.now(), 8, "nobody was interrupted");
    let fewer = pool.decisions().into_iter().filter(|decision| decision.to < decision.from);
    let fewer: Vec<_> = fewer.map(|d| (d.from, d.to, d.reason, d.repeats >= 3)).collect();
    assert_eq!(fewer, [(8, 2, Reason::AboveMax, true)], "it was decided once");
    latch.open();
    at_rest(&pool);
    assert!(crowd.peak() <= 2, "{} at once", crowd.peak());
    eventually("six threads have ended", || system::workers("shrink") <= 2);
    let stats = finish(pool);
    assert_eq!((stats.ok, stats.threads_started), (10_008, 8), "{stats:?}");
}

/// The same against the clock: jobs of 100 ms, and each must end once before only two run.
#[test]
fn a_lower_maximum_takes_effect_within_one_job_length() {
    let _watchdog = watchdog();
    let job = millis(100);
    let attempt = || {
        let pool = Pool::builder("inone").workers(1..=8).queue_capacity(10_000).build().unwrap();
        let (crowd, begun) = (Crowd::new(), Instant::now());
        let last_crowded = Arc::new(std::sync::Mutex::new(Duration::ZERO));
        let batch = pool.submit_batch((0..10_000).map(|_| {
            let (crowd, last_crowded) = (Arc::clone(&crowd), Arc::clone(&last_crowded));
            move || {
                let inside = crowd.enter();
                if inside.with > 2 {
                    *last_crowded.lock().unwrap() = begun.elapsed();
                }
                std::thread::sleep(job);
            }
        }));
        eventually("eight run", || crowd.now() == 8);
        let resized = begun.elapsed();
        pool.resize(2..=2).unwrap();
        let settled = holds_within(millis(2000), || crowd.now() <= 2);
        let late = last_crowded.lock().unwrap().saturating_sub(resized);
        throughout(2 * job, "at most two", || !settled || crowd.now() <= 2);
        assert!(pool.stats().queued > 9_000, "a standing backlog");
        let report = pool.shutdown_timeout(Duration::ZERO);
        assert!(report.cancelled > 9_000, "{report:?}");
        batch.handles.into_iter().for_each(drop);
        end(pool);
        late
    };
    let late = (0..3).map(|_| attempt()).min().unwrap();
    println!("the last job to start as one of more than two did so {late:.1?} after the resize");
    assert!(late < 2 * job, "{late:?}");
}

/// However often the bounds fall under a backlog of tiny jobs, exactly the surplus leaves: a pool
/// that sent one too many home would have to start it again.
#[test]
fn a_lower_maximum_sends_home_the_surplus_and_nobody_else() {
    let _watchdog = watchdog();
    let rounds = 100;
    for round in 0..rounds {
        let pool = Pool::builder("surplus").workers(0..=12).cores(16.0).build().unwrap();
        let (held, latch) = (Crowd::new(), Latch::new());
        hold(&pool, 12, &held, &latch);
        let batch = pool.submit_batch((0..500).map(|_| || std::thread::sleep(Duration::ZERO)));
        pool.resize(0..=6).unwrap();
        latch.open();
        drop(batch);
        at_rest(&pool);
        eventually("the surplus is gone", || pool.stats().workers.total <= 6);
        let stats = finish(pool);
        assert_eq!((stats.ok, stats.threads_started), (512, 12), "round {round}: {stats:?}");
    }
}

/// A bound that fell and rose again before any job had ended has changed nothing.
#[test]
fn a_maximum_that_rises_again_in_time_sends_nobody_home() {
    let _watchdog = watchdog();
    let pool = Pool::builder("again").workers(1..=8).build().unwrap();
    let (held, latch) = (Crowd::new(), Latch::new());
    hold(&pool, 8, &held, &latch);
    let batch = pool.submit_batch((0..100).map(|_| || std::thread::sleep(millis(5))));
    pool.resize(1..=2).unwrap();
    eventually("the supervisor has seen it", || {
        pool.stats().decisions.iter().any(|d| d.0 == "above_max")
    });
    let looks = pool.stats().evaluations;
    pool.resize(1..=8).unwrap();
    eventually("and this", || pool.stats().evaluations > looks + 1);
    let threads = system::worker_threads("again");
    latch.open();
    drop(batch);
    at_rest(&pool);
    assert_eq!(system::worker_threads("again"), threads, "the same eight");
    assert_eq!(finish(pool).threads_started, 8);
}

/// Three run; two may: none is interrupted, and the next ones are two at once.
#[test]
fn a_lower_maximum_interrupts_no_job() {
    let _watchdog = watchdog();
    let pool = Pool::builder("three").workers(1..=3).build().unwrap();
    let (held, latch) = (Crowd::new(), Latch::new());
    hold(&pool, 3, &held, &latch);
    pool.resize(1..=2).unwrap();
    throughout(millis(200), "none is interrupted", || held.now() == 3);
    let (next, next_latch) = (Crowd::new(), Latch::new());
    let batch = pool.submit_batch((0..10).map(|_| {
        let (next, next_latch) = (next.clone(), next_latch.clone());
        move || {
            let _inside = next.enter();
            next_latch.wait();
        }
    }));
    latch.open();
    eventually("two of the next run", || next.now() == 2);
    throughout(millis(200), "and no third", || next.now() == 2);
    assert_eq!(system::workers("three"), 2);
    next_latch.open();
    drop(batch);
    assert_eq!(finish(pool).ok, 13);
}

/// The bound rises while the queue is full: nobody has to submit anything for it to take effect.
#[test]
fn a_higher_maximum_starts_workers_for_the_jobs_that_wait_already() {
    let _watchdog = watchdog();
    let pool = Pool::builder("rise").workers(1..=1).queue_capacity(10);
    let pool = pool.overflow(Overflow::Reject).build().unwrap();
    let (crowd, latch) = (Crowd::new(), Latch::new());
    hold(&pool, 1, &crowd, &latch);
    enqueue(&pool, 10, &crowd, &latch);
    assert!(pool.execute(|| ()).is_err_and(|refused| refused.is_full()));
    throughout(millis(300), "one runs", || crowd.now() == 1);
    let accepted = pool.stats().accepted;
    pool.resize(1..=4).unwrap();
    let took = eventually("four run", || crowd.now() == 4);
    println!("4 of 10 queued jobs ran {took:.1?} after the maximum rose from 1 to 4");
    assert_eq!((system::workers("rise"), pool.stats().accepted), (4, accepted));
    pool.resize(2..=3).unwrap();
    throughout(millis(100), "and go on running", || crowd.now() == 4);
    latch.open();
    assert_eq!(finish(pool).ok, 11);
}

/// A thousand jobs while the size goes 10, 5, 15, 1, 10.
#[test]
fn every_job_runs_whatever_happens_to_the_bounds_meanwhile() {
    let _watchdog = watchdog();
    let pool = Pool::builder("sizes").workers(10..=10).build().unwrap();
    let done = Arc::new(AtomicUsize::new(0));
    let crowd = Crowd::new();
    let census = Census::of("sizes");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for size in [5, 15, 1, 10].into_iter().cycle().take(40) {
                pool.resize(size..=size).unwrap();
                std::thread::sleep(millis(7));
            }
        });
        for _ in 0..4 {
            let (pool, done, crowd) = (pool.handle(), Arc::clone(&done), Arc::clone(&crowd));
            scope.spawn(move || {
                for n in 0..250 {
                    let (done, crowd) = (Arc::clone(&done), Arc::clone(&crowd));
                    pool.execute(move || {
                        let _inside = crowd.enter();
                        std::thread::sleep(Duration::from_micros(1 + n * 7 % 2_000));
                        done.fetch_add(1, Ordering::Relaxed);
                    })
                    .unwrap();
                }
            });
        }
    });
    at_rest(&pool);
    assert_eq!(done.load(Ordering::Relaxed), 1_000);
    assert!(crowd.peak() <= 15, "{}", crowd.peak());
    println!("1000 jobs through 40 sizes from 1 to 15: {} threads at most", census.peak());
    eventually("the last size is in force", || system::workers("sizes") == 10);
    assert_eq!(finish(pool).ok, 1_000);
}

/// Submitters wait for room: a larger queue lets them in, and so does a higher maximum, by way of
/// the workers it brings.
#[test]
fn blocked_submitters_wake_when_the_capacity_or_the_maximum_grows() {
    let _watchdog = watchdog();
    let pool = Pool::builder("blocked").workers(1..=1).queue_capacity(2).build().unwrap();
    let (crowd, latch) = (Crowd::new(), Latch::new());
    hold(&pool, 1, &crowd, &latch);
    let admitted = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                enqueue(&pool, 1, &crowd, &latch);
                admitted.fetch_add(1, Ordering::SeqCst);
            });
        }
        let is = |n| {
            admitted.load(Ordering::SeqCst) == n && pool.stats().submitters_blocked == 10 - n as u64
        };
        eventually("two got in, eight wait", || is(2));
        pool.reconfigure(|settings| settings.queue_capacity = Some(5)).unwrap();
        eventually("three more got in", || is(5));
        pool.resize(1..=3).unwrap();
        eventually("two run, so two more got in", || is(7) && crowd.now() == 3);
        throughout(millis(100), "and no more", || is(7));
        latch.open();
    });
    assert_eq!(finish(pool).ok, 11);
}
