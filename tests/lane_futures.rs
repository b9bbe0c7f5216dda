//! Waiting for room in a lane as a future: on any executor, dropped at any moment, without losing a
//! turn.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Wake};
use std::thread;

use common::{
    CountedWaker, DropFlag, PATIENCE, SECOND, assert_lane, block_on, by_hand, fixed, poll_once,
    until, within,
};
use springtide::{CancelToken, Lane, Pool, PoolHandle};

/// A pool and a lane of it that starts nothing and has room for one, which is taken.
fn full(name: &str) -> (Pool, Lane) {
    let pool = fixed(name, 1, 8);
    let lane = full_lane(&pool);
    (pool, lane)
}

fn full_lane(pool: &PoolHandle) -> Lane {
    let lane = pool.lane("full").max_running(0).queue_capacity(1).build().expect("valid");
    lane.execute(|| ()).expect("one place");
    lane
}

/// Lets the lane start what it has.
fn start(lane: &Lane) {
    lane.reconfigure(|lane| lane.max_running = Some(1)).expect("valid");
}

#[test]
fn a_future_of_a_lane_with_room_resolves_at_its_first_poll() {
    within(PATIENCE, "lanefirst", || {
        let pool = fixed("lanefirst", 1, 8);
        let lane = pool.lane("lane").build().expect("valid");
        let Poll::Ready(Ok(handle)) = poll_once(&mut lane.submit_async(|| 1), &CountedWaker::new())
        else {
            panic!("there is room");
        };
        assert_eq!(handle.join().expect("it ran"), 1);
        assert_eq!(assert_lane(&lane).accepted, 1);
    });
}

#[test]
fn a_hundred_futures_and_a_lane_of_two_get_everybody_in() {
    within(PATIENCE, "lanehundred", || {
        let pool = fixed("lanehundred", 2, 8);
        let lane = pool.lane("two").max_running(1).queue_capacity(2).build().expect("valid");
        let ran = Arc::new(AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for n in 0..25 {
                        let ran = Arc::clone(&ran);
                        let job = move || ran.fetch_add(1, Ordering::SeqCst);
                        // Some do not wait to the end of it.
                        let mut hasty = lane.submit_async(|| ());
                        if n % 3 == 0 && poll_once(&mut hasty, &CountedWaker::new()).is_pending() {
                            drop(hasty);
                        }
                        block_on(block_on(lane.submit_async(job)).expect("open")).expect("it ran");
                    }
                });
            }
        });
        assert_eq!(ran.load(Ordering::SeqCst), 100);
        pool.wait_idle().expect("not inside");
        assert_eq!(assert_lane(&lane).submitters_blocked, 0);
    });
}

#[test]
fn a_future_of_a_lane_dropped_while_it_waits_drops_its_job_and_submits_nothing() {
    within(PATIENCE, "lanedropped", || {
        let (pool, lane) = full("lanedropped");
        let (flag, on_drop) = DropFlag::new();
        let mut waiting = lane.submit_async(move || drop(on_drop));
        assert!(poll_once(&mut waiting, &CountedWaker::new()).is_pending());
        drop(waiting);
        assert!(flag.is_dropped());
        start(&lane);
        pool.wait_idle().expect("not inside");
        let stats = assert_lane(&lane);
        assert_eq!((stats.accepted, stats.ok, stats.submitters_blocked), (1, 1, 0));
    });
}

#[test]
fn a_future_of_a_lane_that_is_dropped_after_its_call_passes_its_turn_on() {
    within(PATIENCE, "lanefutures", || {
        let (_pool, lane) = full("lanefutures");
        let (first, second) = (CountedWaker::new(), CountedWaker::new());
        let mut woken = lane.submit_async(|| ());
        let mut next = lane.submit_async(|| 7);
        assert!(poll_once(&mut woken, &first).is_pending());
        assert!(poll_once(&mut next, &second).is_pending());
        assert_eq!(lane.stats().submitters_blocked, 2);
        lane.reconfigure(|lane| lane.queue_capacity = 2).expect("valid");
        assert_eq!((first.count(), second.count()), (1, 0), "in the order they came");
        drop(woken);
        assert_eq!(second.count(), 1);
        let Poll::Ready(Ok(handle)) = poll_once(&mut next, &second) else {
            panic!("there is room");
        };
        start(&lane);
        assert_eq!(block_on(handle).expect("it ran"), 7);
        let stats = assert_lane(&lane);
        assert_eq!((stats.accepted, stats.submitters_blocked), (2, 0));
    });
}

#[test]
fn a_future_of_a_lane_hears_that_the_lane_is_closed_and_gives_its_job_back() {
    within(PATIENCE, "laneclosed", || {
        let (pool, lane) = full("laneclosed");
        let waker = CountedWaker::new();
        let mut waiting = lane.submit_async(|| 9);
        assert!(poll_once(&mut waiting, &waker).is_pending());
        lane.close();
        assert_eq!(waker.count(), 1);
        let Poll::Ready(Err(refused)) = poll_once(&mut waiting, &waker) else {
            panic!("the lane is closed");
        };
        assert!(refused.is_closed());
        assert_eq!(refused.into_job()(), 9);
        assert!(pool.shutdown().ended);
    });
}

/// A waker that asks the pool something for which it needs its locks, and those of the lanes.
struct Nosy {
    pool: PoolHandle,
    lane: Lane,
    seen: AtomicUsize,
}

impl Wake for Nosy {
    fn wake(self: Arc<Self>) {
        assert!(self.pool.try_submit(|| ()).is_err() && self.lane.try_submit(|| ()).is_err());
        self.seen.fetch_add(self.pool.stats().queued as usize, Ordering::SeqCst);
    }
}

#[test]
fn a_waker_may_use_the_pool_and_the_lane_when_a_token_or_the_time_wakes_it() {
    within(PATIENCE, "nosy", || {
        let (pool, clock) = by_hand(Pool::builder("nosy").workers(1..=1).queue_capacity(1));
        pool.pause();
        pool.execute(|| ()).expect("one place");
        let lane = full_lane(&pool);
        let (handle, its) = (pool.handle(), lane.clone());
        let nosy = Arc::new(Nosy { pool: handle, lane: its, seen: AtomicUsize::new(0) });
        let token = CancelToken::new();
        let mut cancelled = lane.job("task").token(&token).submit_async(|_| ());
        let mut late = lane.job("task").deadline_in(SECOND).submit_async(|_| ());
        assert!(poll_once(&mut cancelled, &nosy).is_pending());
        assert!(poll_once(&mut late, &nosy).is_pending());
        token.cancel();
        assert_eq!(nosy.seen.load(Ordering::SeqCst), 1, "woken once");
        clock.advance(SECOND);
        until(|| nosy.seen.load(Ordering::SeqCst) == 2);
        assert!(poll_once(&mut cancelled, &nosy).is_ready());
        assert!(poll_once(&mut late, &nosy).is_ready());
    });
}
