//! Jobs that wait for jobs: no number of workers is too small, and no other job runs in between.

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use common::{Latch, PATIENCE, assert_submitted, block_on, build, fixed, until, within};
use springtide::{Pool, PoolHandle};

#[test]
fn three_levels_of_submit_and_join_need_one_worker() {
    within(PATIENCE, "levels", || {
        let pool = fixed("levels", 1, 64);
        fn level(pool: &PoolHandle, depth: u32) -> u32 {
            if depth == 0 {
                return 1;
            }
            let children: Vec<_> = (0..3)
                .map(|_| {
                    let inner = pool.clone();
                    pool.submit(move || level(&inner, depth - 1)).expect("open")
                })
                .collect();
            children.into_iter().map(|child| child.join().expect("it returns")).sum()
        }
        let inner = pool.handle();
        let root = pool.submit(move || level(&inner, 3)).expect("open");
        assert_eq!(root.join().expect("it returns"), 27);
        let stats = assert_submitted(&pool, 1 + 3 + 9 + 27);
        assert_eq!(stats.threads_started, 1);
    });
}

#[test]
fn two_parents_on_two_workers_each_join_a_child() {
    within(PATIENCE, "parents", || {
        let pool = fixed("parents", 2, 64);
        for _ in 0..100 {
            let meet = Arc::new(std::sync::Barrier::new(2));
            let parent = || {
                let (inner, meet) = (pool.handle(), Arc::clone(&meet));
                let job = move || {
                    // Both workers are inside a parent: nobody is left for the children.
                    meet.wait();
                    inner.submit(|| 4).expect("open").join().expect("it returns")
                };
                pool.submit(job).expect("open")
            };
            let (first, second) = (parent(), parent());
            assert_eq!(first.join().expect("it returns") + second.join().expect("returns"), 8);
        }
        assert_submitted(&pool, 400);
    });
}

// Every way to wait
#[test]
fn a_worker_that_polls_or_waits_with_a_limit_runs_what_it_waits_for_too() {
    within(PATIENCE, "ways", || {
        let pool = fixed("ways", 1, 64);
        let inner = pool.handle();
        let job = pool.submit(move || {
            let awaited = block_on(inner.submit(|| 1).expect("open")).expect("it returns");
            let async_job = block_on(inner.submit_async(|| 2)).expect("open");
            let twice = block_on(async_job).expect("it returns");
            let limited = inner.submit(|| 3).expect("open").join_timeout(Duration::ZERO);
            let limited = limited.expect("run in place, however long").expect("it returns");
            (awaited, twice, limited)
        });
        assert_eq!(job.expect("open").join().expect("it returns"), (1, 2, 3));
        assert_submitted(&pool, 4);
    });
}

// What was joined has left the queue, its shell included
#[test]
fn a_short_queue_has_room_while_a_job_joins_one_child_after_another() {
    within(PATIENCE, "roomy", || {
        for capacity in [1, 2, 5] {
            let pool = fixed("roomy", 1, capacity);
            let (latch, inner) = (Latch::new(), pool.handle());
            let gate = latch.clone();
            let (done, joined) = mpsc::channel();
            let parent = pool.submit(move || {
                for n in 0..20 {
                    let child = inner.submit(move || n).expect("open");
                    assert_eq!(child.join().expect("it returns"), n);
                }
                done.send(()).expect("the test listens");
                gate.wait();
            });
            joined.recv().expect("twenty were joined");
            for _ in 0..capacity {
                pool.try_execute(|| {}).expect("nothing is queued");
            }
            assert!(pool.try_execute(|| {}).is_err(), "and now it is full");
            latch.open();
            parent.expect("open").join().expect("it returns");
            assert_submitted(&pool, 22 + capacity as u64);
        }
    });
}

#[test]
fn a_waiting_job_meets_no_other_on_its_thread() {
    within(PATIENCE, "mutex", || {
        let pool = fixed("mutex", 2, 64);
        let owner = Arc::new(Mutex::new(None));
        let (latch, inner) = (Latch::new(), pool.handle());
        let (gate, held) = (latch.clone(), Arc::clone(&owner));
        let parent = pool.submit(move || {
            let mut guard = held.lock().expect("no panic");
            *guard = Some(thread::current().id());
            let (running, started) = mpsc::channel();
            let child = inner.submit(move || {
                running.send(()).expect("the parent listens");
                gate.wait();
            });
            started.recv().expect("the other worker runs it");
            // Waits with the lock held; any job run here now would meet the lock again.
            child.expect("open").join().expect("it returns");
            *guard = None;
        });
        let parent = parent.expect("open");
        until(|| pool.running_jobs().iter().any(|job| job.blocked));
        let others: Vec<_> = (0..20)
            .map(|_| {
                let owner = Arc::clone(&owner);
                let meet = move || assert_eq!(*owner.lock().expect("no panic"), None);
                pool.submit(meet).expect("open")
            })
            .collect();
        assert_eq!((pool.stats().queued, pool.stats().workers.blocked), (20, 1));
        latch.open();
        parent.join().expect("it returns");
        others.into_iter().for_each(|other| other.join().expect("it ran outside the lock"));
        assert_submitted(&pool, 22);
    });
}

#[test]
fn a_worker_that_waits_for_another_pools_job_is_counted_as_blocked() {
    within(PATIENCE, "across", || {
        let (pool, other) = (fixed("across", 1, 8), fixed("other", 1, 8));
        let (latch, elsewhere) = (Latch::new(), other.handle());
        let gate = latch.clone();
        let job = pool.submit(move || {
            let there = elsewhere.submit(move || gate.wait()).expect("open");
            there.join().expect("it returns");
        });
        until(|| pool.stats().workers.blocked == 1);
        assert_eq!(other.stats().workers.blocked, 0);
        latch.open();
        job.expect("open").join().expect("it returns");
        assert_eq!(pool.stats().workers.blocked, 0);
        assert_submitted(&pool, 1);
        assert_submitted(&other, 1);
    });
}

// Nested
#[test]
fn a_child_that_panics_in_its_parents_place_leaves_the_parent_alone() {
    within(PATIENCE, "orphan", || {
        let pool = fixed("orphan", 1, 64);
        let inner = pool.handle();
        let parent = pool.job("parent").submit(move |cx| {
            let child = inner.job("child").submit(|_| panic!("the child's own")).expect("open");
            let error = child.join().expect_err("it panicked");
            let kinds: Vec<&str> = inner.running_jobs().iter().map(|job| job.kind).collect();
            (error.panic_message().map(str::to_owned), kinds, cx.worker_index())
        });
        let seen = parent.expect("open").join().expect("it returns");
        assert_eq!(seen, (Some("the child's own".to_owned()), vec!["parent"], Some(0)));
        let stats = assert_submitted(&pool, 2);
        assert_eq!((stats.ok, stats.panicked), (1, 1));
    });
}

// As deep as one's own chain, not deeper
#[test]
fn a_chain_of_joins_and_a_wide_fan_do_not_add_up() {
    within(PATIENCE, "fan", || {
        let pool = build(Pool::builder("fan").workers(1..=1).unbounded());
        let inner = pool.handle();
        let deepest = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&deepest);
        let base = Arc::new(AtomicUsize::new(0));
        let job = pool.submit(move || {
            let here = 0_u8;
            base.store(std::ptr::from_ref(&here).addr(), Ordering::SeqCst);
            let children: Vec<_> = (0..20_000)
                .map(|_| {
                    let (seen, base) = (Arc::clone(&seen), Arc::clone(&base));
                    let child = move || {
                        let there = 0_u8;
                        let there = std::ptr::from_ref(&there).addr();
                        let depth = base.load(Ordering::SeqCst).abs_diff(there);
                        seen.fetch_max(depth, Ordering::SeqCst);
                    };
                    inner.submit(child).expect("open")
                })
                .collect();
            children.into_iter().rev().for_each(|child| child.join().expect("it returns"));
        });
        job.expect("open").join().expect("it returns");
        let deepest = deepest.load(Ordering::SeqCst);
        assert!(deepest < 64 << 10, "{deepest} bytes of stack below the parent");
        assert_submitted(&pool, 20_001);
    });
}

// A job that two want to run, one in its place and one from the queue
#[test]
fn a_child_taken_over_is_not_run_again_from_the_queue() {
    within(PATIENCE, "twice", || {
        let pool = build(Pool::builder("twice").workers(4..=4));
        let runs = Arc::new(AtomicUsize::new(0));
        for _ in 0..500 {
            let (inner, counted) = (pool.handle(), Arc::clone(&runs));
            let parent = pool.submit(move || {
                let children: Vec<_> = (0..8)
                    .map(|_| {
                        let counted = Arc::clone(&counted);
                        let child = move || counted.fetch_add(1, Ordering::SeqCst);
                        inner.submit(child).expect("open")
                    })
                    .collect();
                for child in children {
                    child.join().expect("it returns");
                }
            });
            parent.expect("open").join().expect("it returns");
        }
        assert_eq!(runs.load(Ordering::SeqCst), 4_000);
        assert_submitted(&pool, 4_500);
    });
}

// No deadlock: a waiting worker lets another be started for the rest
#[test]
fn what_a_waiting_worker_waits_for_outside_the_pool_can_still_arrive() {
    within(PATIENCE, "grows", || {
        let pool = build(Pool::builder("grows").workers(1..=3));
        let arrived = Arc::new(AtomicBool::new(false));
        let (send, receive) = mpsc::channel();
        let seen = Arc::clone(&arrived);
        let waiting = pool.job("waits").submit(move |cx| {
            cx.blocking(|| receive.recv().expect("the other job sends"));
            seen.store(true, Ordering::SeqCst);
        });
        let sends = pool.submit(move || send.send(()).expect("the first job listens"));
        sends.expect("open").join().expect("it returns");
        waiting.expect("open").join().expect("it returns");
        assert!(arrived.load(Ordering::SeqCst));
        assert_submitted(&pool, 2);
    });
}
