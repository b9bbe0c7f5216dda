//! Submitting from inside a job, and the order in which one worker starts what it was given.

mod common;

use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use common::{
    FOREVER, Latch, PATIENCE, assert_submitted, block_on, build, fixed, fixed_with, occupy, until,
    within,
};
use springtide::{JobHandle, Overflow, Pool, PoolHandle, TrySubmitError};

/// Runs `code` inside the only worker of a pool whose queue is full.
fn inside_a_full_pool<T: Send + 'static>(
    pool: &PoolHandle,
    code: impl FnOnce(&PoolHandle) -> T + Send + 'static,
) -> T {
    let (latch, inner) = (Latch::new(), pool.clone());
    let gate = latch.clone();
    let job = pool.submit(move || {
        gate.wait();
        code(&inner)
    });
    until(|| pool.stats().queued == 0);
    pool.execute(|| {}).expect("one place");
    latch.open();
    job.expect("accepted").join().expect("it returns")
}

// The worker that would make the room is the one that would wait
#[test]
fn a_worker_never_waits_for_room_in_its_own_pool() {
    within(PATIENCE, "inside", || {
        let pool = fixed("inside", 1, 1);
        inside_a_full_pool(&pool, |pool| {
            pool.submit(|| {}).expect("over the bound").detach();
            pool.execute(|| {}).expect("over the bound");
            pool.submit_timeout(|| {}, FOREVER).expect("over the bound").detach();
            block_on(pool.submit_async(|| {})).expect("over the bound").detach();
            assert_eq!(pool.submit_batch((0..10).map(|n| move || n)).handles.len(), 10);
            assert!(matches!(pool.try_submit(|| {}), Err(TrySubmitError::Full(_))));
        });
        let stats = assert_submitted(&pool, 2 + 4 + 10 + 1);
        assert_eq!((stats.ok, stats.refused), (16, 1));
    });
}

// Rules that do not wait apply inside as well
#[test]
fn inside_a_full_pool_reject_rejects_and_caller_runs_runs() {
    within(PATIENCE, "insiderules", || {
        let pool = fixed_with("insiderules", 1, 1, Overflow::Reject);
        let full = inside_a_full_pool(&pool, |pool| pool.submit(|| {}).expect_err("no room"));
        assert!(full.is_full());
        assert_submitted(&pool, 3);
        let pool = fixed_with("insiderules", 1, 1, Overflow::CallerRuns);
        let same = inside_a_full_pool(&pool, |pool| {
            let job = pool.submit(|| thread::current().id()).expect("run here");
            job.join().expect("it returns") == thread::current().id()
        });
        assert!(same);
        assert_submitted(&pool, 3);
    });
}

#[test]
fn a_worker_of_a_closed_pool_is_refused_like_anybody_else() {
    within(PATIENCE, "insideclosed", || {
        let pool = fixed("insideclosed", 1, 4);
        let inner = pool.handle();
        let job = pool.submit(move || {
            inner.close();
            let refused = inner.submit(|| {}).expect_err("closed");
            refused.is_closed() && block_on(inner.submit_async(|| {})).is_err()
        });
        assert!(job.expect("accepted").join().expect("it returns"));
        assert_submitted(&pool, 3);
    });
}

/// Submits `count` jobs behind a held worker and returns the order in which they ran.
fn order_of(pool: &Pool, count: usize, job: impl Fn(usize) + Clone + Send + 'static) -> Vec<usize> {
    let held = occupy(pool, 1);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let handles: Vec<JobHandle<()>> = (0..count)
        .map(|n| {
            let (seen, job) = (Arc::clone(&seen), job.clone());
            let ordered = move || {
                seen.lock().expect("no panic").push(n);
                job(n);
            };
            pool.submit(ordered).expect("room for all")
        })
        .collect();
    held.release();
    handles.into_iter().for_each(|handle| handle.join().expect("it returns"));
    let seen = seen.lock().expect("no panic");
    seen.clone()
}

// FIFO with one worker
#[test]
fn one_worker_starts_the_jobs_of_one_submitter_in_order() {
    within(PATIENCE, "fifo", || {
        let pool = fixed("fifo", 1, 2_000);
        assert_eq!(order_of(&pool, 1_500, |_| {}), (0..1_500).collect::<Vec<_>>());
        assert_submitted(&pool, 1_501);
    });
}

// FIFO with one worker, while its jobs submit and join others
#[test]
fn jobs_that_submit_and_join_others_leave_the_order_of_the_outside_alone() {
    within(PATIENCE, "fifonest", || {
        let pool = fixed("fifonest", 1, 2_000);
        let inner = pool.handle();
        let nest = move |_| {
            for n in 0..70 {
                assert_eq!(inner.submit(move || n).expect("open").join().expect("returns"), n);
            }
        };
        assert_eq!(order_of(&pool, 400, nest), (0..400).collect::<Vec<_>>());
        assert_submitted(&pool, 1 + 400 + 400 * 70);
    });
}

// FIFO with one worker, for what a job submits
#[test]
fn what_a_job_submits_starts_in_order_too() {
    within(PATIENCE, "fifolocal", || {
        let pool = fixed("fifolocal", 1, 2);
        let (seen, order) = mpsc::channel();
        let inner = pool.handle();
        let job = pool.submit(move || {
            for n in 0..1_000 {
                let seen = seen.clone();
                inner.execute(move || seen.send(n).expect("the test listens")).expect("open");
            }
        });
        job.expect("accepted").join().expect("it returns");
        assert_eq!(order.iter().collect::<Vec<_>>(), (0..1_000).collect::<Vec<_>>());
        assert_submitted(&pool, 1_001);
    });
}

// No job is stuck behind another in a worker's own deque
#[test]
fn what_a_busy_worker_submitted_is_taken_by_another() {
    within(PATIENCE, "stolen", || {
        let pool = build(Pool::builder("stolen").workers(2..=2));
        let inner = pool.handle();
        let job = pool.submit(move || {
            let (done, results) = mpsc::channel();
            for n in 0..10 {
                let done = done.clone();
                inner.execute(move || done.send(n).expect("the parent listens")).expect("open");
            }
            drop(done);
            // Blocks outside the pool's knowledge: only the other worker can run them.
            results.iter().sum::<i32>()
        });
        assert_eq!(job.expect("accepted").join().expect("it returns"), 45);
        let stats = assert_submitted(&pool, 11);
        assert!(stats.steals > 0, "{stats:?}");
    });
}
