//! Waiting for room as a future: on any executor, dropped at any moment, without losing a turn.

mod common;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use common::{
    CountedWaker, DropFlag, PATIENCE, assert_submitted, block_on, by_hand, fixed, fixed_with,
    occupy, poll_once, until, within,
};
use springtide::{Overflow, Pool, PoolHandle};

// Called by the pool's own thread, for its time is up
#[test]
fn a_waker_that_panics_keeps_nobody_else_from_being_woken_in_time() {
    struct Panics(AtomicUsize);
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
            panic!("on purpose");
        }
    }
    within(PATIENCE, "waker", || {
        let (pool, clock) = by_hand(Pool::builder("waker").workers(1..=1).queue_capacity(1));
        let held = occupy(&pool, 1);
        pool.execute(|| {}).expect("one place");
        let second = Duration::from_secs(1);
        let mut panics = pool.job("panics").deadline_in(second).submit_async(|_| ());
        let bad_waker = Arc::new(Panics(AtomicUsize::new(0)));
        assert!(poll_once(&mut panics, &bad_waker).is_pending());
        let waker = CountedWaker::new();
        let mut waits = pool.job("waits").deadline_in(second * 2).submit_async(|_| ());
        assert!(poll_once(&mut waits, &waker).is_pending());
        clock.advance(second);
        until(|| bad_waker.0.load(Ordering::SeqCst) == 1);
        clock.advance(second);
        until(|| waker.count() == 1);
        drop((panics, waits));
        held.release();
        assert_submitted(&pool, 2);
    });
}

#[test]
fn a_future_that_waits_for_room_is_woken_once_when_there_is_some() {
    within(PATIENCE, "async", || {
        let pool = fixed("async", 1, 1);
        let held = occupy(&pool, 1);
        let queued = pool.submit(|| {}).expect("one place");
        let waker = CountedWaker::new();
        let mut waiting = pool.submit_async(|| 7);
        assert!(poll_once(&mut waiting, &waker).is_pending());
        assert!(poll_once(&mut waiting, &waker).is_pending(), "polled for no reason");
        assert_eq!((pool.stats().submitters_blocked, waker.count()), (1, 0));
        assert!(queued.cancel());
        assert_eq!(waker.count(), 1);
        let Poll::Ready(Ok(handle)) = poll_once(&mut waiting, &waker) else {
            panic!("there is room");
        };
        held.release();
        assert_eq!(block_on(handle).expect("it returns"), 7);
        let stats = assert_submitted(&pool, 3);
        assert_eq!((stats.refused, stats.submitters_blocked), (0, 0), "waiting is no refusal");
    });
}

// With room nothing is waited for
#[test]
fn a_future_with_room_resolves_at_its_first_poll() {
    within(PATIENCE, "room", || {
        let pool = fixed("room", 1, 1);
        let waker = CountedWaker::new();
        let Poll::Ready(Ok(handle)) = poll_once(&mut pool.submit_async(|| 1), &waker) else {
            panic!("there is room");
        };
        assert_eq!(handle.join().expect("it returns"), 1);
        assert_submitted(&pool, 1);
    });
}

// Many futures, threads and a short queue
#[test]
fn a_hundred_futures_and_a_queue_of_two_get_everybody_in() {
    within(PATIENCE, "hundred", || {
        let pool = fixed("hundred", 2, 2);
        let ran = Arc::new(AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..25 {
                        let ran = Arc::clone(&ran);
                        let job = move || ran.fetch_add(1, Ordering::SeqCst);
                        let handle = block_on(pool.submit_async(job)).expect("open");
                        block_on(handle).expect("it returns");
                    }
                });
            }
        });
        assert_eq!(ran.load(Ordering::SeqCst), 100);
        assert_submitted(&pool, 100);
    });
}

#[test]
fn a_future_dropped_while_it_waits_drops_its_job_and_submits_nothing() {
    within(PATIENCE, "dropped", || {
        let pool = fixed("dropped", 1, 1);
        let held = occupy(&pool, 1);
        pool.execute(|| {}).expect("one place");
        let (flag, on_drop) = DropFlag::new();
        let mut waiting = pool.submit_async(move || drop(on_drop));
        assert!(poll_once(&mut waiting, &CountedWaker::new()).is_pending());
        drop(waiting);
        assert!(flag.is_dropped());
        assert_eq!(pool.stats().submitters_blocked, 0);
        held.release();
        assert_submitted(&pool, 2);
    });
}

// Its turn goes to the next
#[test]
fn a_future_dropped_after_it_was_woken_passes_its_turn_on() {
    within(PATIENCE, "passes", || {
        let pool = fixed("passes", 1, 1);
        let held = occupy(&pool, 1);
        let queued = pool.submit(|| {}).expect("one place");
        let (first, second) = (CountedWaker::new(), CountedWaker::new());
        let mut woken = pool.submit_async(|| {});
        let mut next = pool.submit_async(|| {});
        assert!(poll_once(&mut woken, &first).is_pending());
        assert!(poll_once(&mut next, &second).is_pending());
        assert!(queued.cancel());
        assert_eq!((first.count(), second.count()), (1, 0), "in the order they came");
        drop(woken);
        assert_eq!(second.count(), 1);
        assert!(poll_once(&mut next, &second).is_ready());
        held.release();
        assert_submitted(&pool, 3);
    });
}

#[test]
fn a_waiting_future_is_woken_by_the_end_and_gives_its_job_back() {
    within(PATIENCE, "ends", || {
        let pool = fixed("ends", 1, 1);
        let held = occupy(&pool, 1);
        pool.execute(|| {}).expect("one place");
        let waker = CountedWaker::new();
        let mut waiting = pool.submit_async(|| 9);
        assert!(poll_once(&mut waiting, &waker).is_pending());
        pool.close();
        assert_eq!(waker.count(), 1);
        let Poll::Ready(Err(refused)) = poll_once(&mut waiting, &waker) else {
            panic!("the pool is closed");
        };
        assert!(refused.is_closed());
        assert_eq!(refused.into_job()(), 9);
        held.release();
        assert_submitted(&pool, 3);
    });
}

/// A waker that asks the pool something for which the pool needs its locks.
struct Nosy {
    pool: PoolHandle,
    seen: AtomicUsize,
}

impl Wake for Nosy {
    fn wake(self: Arc<Self>) {
        self.pool.submit(|| {}).expect_err("closed or full").into_job()();
        self.seen.fetch_add(1 + self.pool.stats().queued as usize, Ordering::SeqCst);
    }
}

#[test]
fn a_waker_may_use_the_pool_that_wakes_it() {
    within(PATIENCE, "nosy", || {
        let pool = fixed_with("nosy", 1, 1, Overflow::Reject);
        let held = occupy(&pool, 1);
        let queued = pool.submit(|| {}).expect("one place");
        let nosy = Arc::new(Nosy { pool: pool.handle(), seen: AtomicUsize::new(0) });
        let waker = Waker::from(Arc::clone(&nosy));
        let mut waiting = pool.submit_async(|| {});
        assert!(Pin::new(&mut waiting).poll(&mut Context::from_waker(&waker)).is_pending());
        pool.close();
        assert_eq!(nosy.seen.load(Ordering::SeqCst), 2, "called once, with one job queued");
        assert!(Pin::new(&mut waiting).poll(&mut Context::from_waker(&waker)).is_ready());
        assert!(queued.cancel());
        held.release();
        assert_submitted(&pool, 4);
    });
}

#[test]
fn a_waker_that_panics_disturbs_neither_the_worker_nor_the_counts() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a waker's panic");
        }
    }
    within(PATIENCE, "panicwaker", || {
        let pool = fixed("panicwaker", 1, 1);
        let waker = Arc::new(Panics);
        let held = occupy(&pool, 1);
        pool.execute(|| {}).expect("one place");
        let mut waiting = pool.submit_async(|| 1);
        assert!(poll_once(&mut waiting, &waker).is_pending());
        // The worker that takes the queued job calls the submitter, and lives.
        held.release();
        until(|| pool.stats().submitters_blocked == 0);
        let Poll::Ready(Ok(mut handle)) = poll_once(&mut waiting, &waker) else {
            panic!("there is room");
        };
        let gate = occupy(&pool, 1);
        if poll_once(&mut handle, &waker).is_pending() {
            until(|| handle.is_finished());
        }
        gate.release();
        assert_eq!(pool.submit(|| 2).expect("open").join().expect("it returns"), 2);
        assert_submitted(&pool, 5);
        assert_eq!(pool.stats().threads_started, 1, "the one worker has never died");
    });
}
