//! The bounds, and the numbers that say whether they are kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use springtide::{Pool, WorkerCounts};

use crate::support::system::{self, Census};
use crate::support::{
    Crowd, Latch, SetOnDrop, assert_accounts, at_rest, eventually, finish, hold, millis,
    throughout, watchdog,
};

/// Sixteen submitters, tiny jobs and a maximum of four: neither the jobs nor the system ever see
/// a fifth worker, and every snapshot balances.
#[test]
fn concurrency_never_exceeds_the_maximum() {
    let _watchdog = watchdog();
    let pool = Pool::builder("never").workers(1..=4).queue_capacity(64).build().unwrap();
    let (crowd, census) = (Crowd::new(), Census::of("never"));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let stats = pool.stats();
                assert_accounts(&stats);
                let WorkerCounts { total, idle, busy, starting, .. } = stats.workers;
                assert!(total <= 4 && starting + idle + busy == total, "{stats:?}");
                assert!(stats.running <= 4, "{stats:?}");
            }
        });
        let _done = SetOnDrop(&done);
        let submitters: Vec<_> = (0..16_u64)
            .map(|seed| {
                let (pool, crowd) = (pool.handle(), Arc::clone(&crowd));
                scope.spawn(move || {
                    for n in 0..100 {
                        let crowd = Arc::clone(&crowd);
                        pool.execute(move || {
                            let _inside = crowd.enter();
                            std::thread::sleep(Duration::from_micros((seed + n) % 7 * 100));
                        })
                        .unwrap();
                    }
                })
            })
            .collect();
        submitters.into_iter().for_each(|submitter| submitter.join().unwrap());
        at_rest(&pool);
    });
    println!("16 submitters, 1..=4: {} jobs at once, {} threads", crowd.peak(), census.peak());
    assert_eq!(crowd.peak(), 4, "and four there were");
    assert_eq!(census.peak(), 4);
    assert_eq!(finish(pool).ok, 1_600);
}

/// The lower bound is there before the first job.
#[test]
fn the_minimum_of_workers_exists_before_the_first_job() {
    let _watchdog = watchdog();
    for min in [0, 1, 5] {
        let pool = Pool::builder("prestart").workers(min..=8).build().unwrap();
        assert_eq!(pool.stats().workers.total, min as u32);
        eventually("the threads are there", || system::workers("prestart") == min);
        throughout(millis(100), "and no other", || system::workers("prestart") == min);
        assert_eq!(finish(pool).accepted, 0);
    }
}

/// While one job runs, one worker is busy: not two, not none.
#[test]
fn the_counts_of_busy_and_idle_workers_are_exact() {
    let _watchdog = watchdog();
    let pool = Pool::builder("exact").workers(5..=5).build().unwrap();
    let counts = |idle, busy| {
        let workers = pool.stats().workers;
        (workers.idle, workers.busy, workers.total) == (idle, busy, 5)
    };
    let mut latches = Vec::new();
    for busy in 0..=5 {
        eventually("exactly the jobs are busy", || counts(5 - busy, busy));
        throughout(millis(30), "and stay so", || counts(5 - busy, busy));
        assert_eq!(pool.stats().running, u64::from(busy));
        if busy < 5 {
            let latch = Latch::new();
            hold(&pool, 1, &Crowd::new(), &latch);
            latches.push(latch);
        }
    }
    for (ended, latch) in latches.iter().enumerate() {
        assert_eq!(pool.stats().ok, ended as u64, "a job counts when it has ended, not before");
        latch.open();
        eventually("it has ended", || pool.stats().ok == ended as u64 + 1);
    }
    assert_eq!(finish(pool).ok, 5);
}

/// Jobs in a worker's own deque wait like those in the common queue, and count like them.
#[test]
fn the_depth_counts_the_workers_own_queues_too() {
    let _watchdog = watchdog();
    let pool = Pool::builder("depths").workers(1..=1).build().unwrap();
    let latch = Latch::new();
    let parent = {
        let (pool, latch) = (pool.handle(), Arc::clone(&latch));
        move || {
            (0..7).for_each(|_| pool.execute(|| ()).unwrap());
            latch.wait();
        }
    };
    pool.execute(parent).unwrap();
    (0..5).for_each(|_| pool.execute(|| ()).unwrap());
    eventually("seven from inside and five from outside", || pool.stats().queued == 12);
    throughout(millis(50), "all wait", || pool.stats().queued == 12 && pool.stats().running == 1);
    latch.open();
    let stats = finish(pool);
    assert_eq!((stats.ok, stats.wait.count, stats.run.count), (13, 13, 13));
}

/// The wait and the run of a job add up to its time in the pool; a refused job has neither.
#[test]
fn wait_and_run_times_are_those_the_jobs_see() {
    let _watchdog = watchdog();
    let pool = Pool::builder("times").workers(1..=1).queue_capacity(3).build().unwrap();
    let (crowd, latch) = (Crowd::new(), Latch::new());
    hold(&pool, 1, &crowd, &latch);
    let submitted = std::time::Instant::now();
    let waiting = pool.submit(move || submitted.elapsed()).unwrap();
    (0..2).for_each(|_| pool.execute(|| ()).unwrap());
    assert!(pool.try_execute(|| ()).is_err());
    std::thread::sleep(millis(60));
    latch.open();
    let waited = waiting.join().unwrap();
    let stats = finish(pool);
    let over = submitted.elapsed();
    assert_eq!((stats.refused, stats.wait.count, stats.run.count), (1, 4, 4), "{stats:?}");
    assert!(waited >= millis(60) && stats.wait.max >= millis(60), "{waited:?}, {stats:?}");
    assert!(stats.wait.max <= over, "{over:?}, {stats:?}");
    assert!(stats.run.max >= stats.wait.max, "the first ran while the others waited: {stats:?}");
    assert!(stats.busy_time >= stats.run.max && stats.busy_time <= stats.uptime, "{stats:?}");
}
