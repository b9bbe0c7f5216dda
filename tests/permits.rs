//! Places reserved in the queue: whoever holds them is never refused, nobody counts them as jobs,
//! and they always come back.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use common::{
    CountedWaker, FOREVER, PATIENCE, assert_accounts, assert_submitted, block_on, build, fixed,
    fixed_with, occupy, poll_once, until, within,
};
use springtide::{MAX_PERMITS, Overflow, Pool, ReserveError};

#[test]
fn a_consumer_that_fetches_what_it_has_permits_for_is_never_refused() {
    within(PATIENCE, "consumer", || {
        const MESSAGES: usize = 2_000;
        let pool = fixed_with("consumer", 2, 16, Overflow::Reject);
        let ran = Arc::new(AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut fetched = 0;
                    while fetched < MESSAGES {
                        let most = 7.min(MESSAGES - fetched);
                        let mut permits = pool.reserve(most).expect("the pool is open");
                        assert!((1..=most).contains(&permits.len()));
                        // The last fetch of a round finds less than it might have.
                        for _ in 0..permits.len().div_ceil(2) {
                            let ran = Arc::clone(&ran);
                            let count = move || {
                                ran.fetch_add(1, Ordering::SeqCst);
                            };
                            permits.execute(count).expect("its place is reserved");
                            fetched += 1;
                        }
                    }
                });
            }
        });
        let stats = assert_submitted(&pool, 3 * MESSAGES as u64);
        assert_eq!((stats.refused, stats.reserved), (0, 0));
        assert_eq!(ran.load(Ordering::SeqCst), 3 * MESSAGES);
    });
}

#[test]
fn reserved_places_are_nobody_elses() {
    within(PATIENCE, "kept", || {
        let pool = fixed("kept", 1, 4);
        let held = occupy(&pool, 1);
        let mut permits = pool.try_reserve(3).expect("four places");
        assert_eq!((permits.len(), pool.room(), pool.stats().reserved), (3, 1, 3));
        pool.try_execute(|| ()).expect("one place is left");
        assert!(pool.try_execute(|| ()).unwrap_err().is_full());
        assert_eq!(pool.try_reserve(1).unwrap_err(), ReserveError::Full);
        for left in (0..3).rev() {
            permits.execute(|| ()).expect("it is reserved");
            assert_eq!(permits.len(), left);
        }
        assert!(permits.is_empty() && permits.submit(|| ()).unwrap_err().is_full());
        assert_eq!((pool.stats().queued, pool.stats().reserved), (4, 0));
        held.release();
        assert_accounts(&pool);
    });
}

// Whether it is full or empty, and until its capacity is raised
#[test]
fn more_places_than_the_queue_has_can_never_be_had_and_the_error_says_so() {
    within(PATIENCE, "too-large", || {
        let pool = fixed("too-large", 1, 4);
        let all = pool.reserve(4).expect("open");
        for error in [pool.try_reserve_exact(5), pool.try_reserve_exact(usize::MAX)] {
            let error = error.unwrap_err();
            assert_eq!(error, ReserveError::TooLarge);
            assert!(error.to_string().contains("can never be met"), "{error}");
        }
        assert_eq!(pool.try_reserve(5).unwrap_err(), ReserveError::Full, "fewer would do");
        assert_eq!(pool.try_reserve_exact(1).unwrap_err(), ReserveError::Full);
        drop(all);
        pool.reconfigure(|settings| settings.queue_capacity = Some(5)).expect("valid");
        assert_eq!(pool.try_reserve_exact(5).expect("five places").len(), 5);
        pool.close();
        assert_eq!(pool.try_reserve_exact(9).unwrap_err(), ReserveError::Closed);
    });
}

#[test]
fn all_or_nothing_takes_all_or_nothing() {
    within(PATIENCE, "exact", || {
        let pool = fixed("exact", 1, 4);
        assert_eq!(pool.try_reserve_exact(5).unwrap_err(), ReserveError::TooLarge);
        assert_eq!(pool.room(), 4, "nothing was taken");
        let one = pool.reserve(1).expect("open");
        assert_eq!(pool.try_reserve_exact(4).unwrap_err(), ReserveError::Full);
        drop(one);
        let permits = pool.try_reserve_exact(4).expect("four places");
        assert_eq!((permits.len(), pool.room()), (4, 0));
        assert_eq!(pool.try_reserve_exact(0).expect("none are always there").len(), 0);
        assert_eq!(pool.reserve(0).expect("none are always there").len(), 0);
    });
}

#[test]
fn dropped_permits_let_a_blocked_submitter_in() {
    within(PATIENCE, "dropped", || {
        let pool = fixed("dropped", 1, 2);
        let held = occupy(&pool, 1);
        let mut permits = pool.try_reserve(2).expect("two places");
        thread::scope(|scope| {
            let submitters = [(); 2].map(|()| scope.spawn(|| pool.execute(|| ()).is_ok()));
            until(|| pool.stats().submitters_blocked == 2);
            drop(permits.split(1));
            until(|| pool.stats().submitters_blocked == 1);
            drop(permits);
            assert!(submitters.into_iter().all(|thread| thread.join().expect("no panic")));
        });
        held.release();
        assert_accounts(&pool);
    });
}

#[test]
fn whoever_reserves_waits_for_room() {
    within(PATIENCE, "waits", || {
        let pool = fixed("waits", 1, 2);
        let held = occupy(&pool, 1);
        let queued = [(); 2].map(|()| pool.submit(|| ()).expect("two places"));
        let timed_out = pool.reserve_timeout(5, Duration::from_millis(1)).unwrap_err();
        assert_eq!(timed_out, ReserveError::TimedOut);
        assert_eq!(pool.reserve_timeout(5, Duration::ZERO).unwrap_err(), ReserveError::TimedOut);
        thread::scope(|scope| {
            let consumer = scope.spawn(|| pool.reserve(5).map(|permits| permits.len()));
            until(|| pool.stats().submitters_blocked == 1);
            let [first, _second] = queued;
            assert!(first.cancel());
            assert_eq!(consumer.join().expect("no panic"), Ok(1));
        });
        held.release();
        assert_eq!(assert_accounts(&pool).refused, 0, "a reservation is no submission");
    });
}

#[test]
fn whoever_waits_to_reserve_wakes_when_the_queue_gets_more_places() {
    within(PATIENCE, "grows", || {
        let pool = fixed_with("grows", 1, 1, Overflow::Reject);
        let grow = |places| pool.reconfigure(|settings| settings.queue_capacity = Some(places));
        let held = occupy(&pool, 1);
        pool.execute(|| ()).expect("one place");
        thread::scope(|scope| {
            let consumer = scope.spawn(|| pool.reserve(5).map(|permits| permits.len()));
            until(|| pool.stats().submitters_blocked == 1);
            grow(3).expect("a legal change");
            assert_eq!(consumer.join().expect("no panic"), Ok(2));
        });
        while pool.try_execute(|| ()).is_ok() {}
        let waker = CountedWaker::new();
        let mut reserving = pool.reserve_async(5);
        assert!(poll_once(&mut reserving, &waker).is_pending());
        assert_eq!(waker.count(), 0, "it is full");
        grow(7).expect("a legal change");
        until(|| waker.count() == 1);
        let Poll::Ready(Ok(permits)) = poll_once(&mut reserving, &waker) else {
            panic!("there is room");
        };
        assert_eq!(permits.len(), 4);
        drop(permits);
        held.release();
        assert_accounts(&pool);
    });
}

#[test]
fn a_future_that_reserves_is_woken_by_permits_that_come_back() {
    within(PATIENCE, "async", || {
        let pool = fixed("async", 1, 3);
        let permits = pool.try_reserve(3).expect("three places");
        let waker = CountedWaker::new();
        let (mut first, mut second) = (pool.reserve_async(2), pool.reserve_async(2));
        assert!(poll_once(&mut first, &waker).is_pending());
        assert!(poll_once(&mut second, &waker).is_pending());
        drop(first);
        assert_eq!(waker.count(), 0, "nobody gave anything back");
        drop(permits);
        assert_eq!(waker.count(), 1);
        let Poll::Ready(Ok(mut permits)) = poll_once(&mut second, &waker) else {
            panic!("there is room");
        };
        assert_eq!(permits.len(), 2);
        let handle = permits.submit(|| 7).expect("its place is reserved");
        assert_eq!(block_on(handle).expect("it returns"), 7);
    });
}

/// A future that was woken and is dropped passes its turn on.
#[test]
fn a_future_dropped_when_it_was_woken_lets_the_next_one_in() {
    within(PATIENCE, "passed-on", || {
        let pool = fixed("passed-on", 1, 1);
        let permits = pool.try_reserve(1).expect("one place");
        let (first_waker, second_waker) = (CountedWaker::new(), CountedWaker::new());
        let (mut first, mut second) = (pool.reserve_async(1), pool.reserve_async(1));
        assert!(poll_once(&mut first, &first_waker).is_pending());
        assert!(poll_once(&mut second, &second_waker).is_pending());
        drop(permits);
        assert_eq!((first_waker.count(), second_waker.count()), (1, 0));
        drop(first);
        assert_eq!(second_waker.count(), 1);
        assert!(poll_once(&mut second, &second_waker).is_ready());
    });
}

#[test]
fn reserved_places_are_no_jobs() {
    within(PATIENCE, "no-jobs", || {
        let pool = fixed("no-jobs", 1, 10);
        pool.submit(|| ()).expect("open").join().expect("it returns");
        let permits = pool.try_reserve(10).expect("ten places");
        let stats = assert_accounts(&pool);
        assert_eq!((stats.accepted, stats.queued, stats.reserved), (1, 0, 10));
        assert!(pool.health().is_healthy());
        // Nothing waits, so there is nothing to grow for, to recover or to call stalled.
        let recoveries = stats.recoveries;
        let evaluations = stats.evaluations;
        assert!(pool.try_submit(|| ()).unwrap_err().is_full());
        until(|| pool.stats().evaluations > evaluations);
        assert_eq!(pool.stats().recoveries, recoveries);
        drop(permits);
        let report = pool.shutdown();
        assert_eq!((report.accepted, report.still_queued, report.ended), (1, 0, true));
    });
}

#[test]
fn permits_of_a_closed_pool_give_jobs_back_and_hold_up_nobody() {
    within(PATIENCE, "closed", || {
        let pool = fixed("closed", 1, 4);
        let held = occupy(&pool, 1);
        let mut permits = pool.try_reserve(2).expect("four places");
        permits.execute(|| ()).expect("it is open");
        pool.close();
        let refused = permits.submit(|| 7).unwrap_err();
        assert!(!refused.is_full());
        assert_eq!(refused.into_job()(), 7);
        assert_eq!(permits.len(), 1, "it was not used");
        assert_eq!(pool.try_reserve(1).unwrap_err(), ReserveError::Closed);
        assert_eq!(pool.reserve(1).unwrap_err(), ReserveError::Closed);
        assert_eq!(pool.room(), 0);
        held.release();
        let report = pool.shutdown();
        assert_eq!((report.accepted, report.completed, report.ended), (2, 2, true));
        drop(permits);
    });
}

#[test]
fn closing_sends_whoever_waits_to_reserve_away() {
    within(PATIENCE, "sent-away", || {
        let pool = fixed("sent-away", 1, 1);
        let permits = pool.try_reserve(1).expect("one place");
        thread::scope(|scope| {
            let waits = scope.spawn(|| pool.reserve(1).map(drop));
            let waits_long = scope.spawn(|| pool.reserve_timeout(1, FOREVER).map(drop));
            until(|| pool.stats().submitters_blocked == 2);
            pool.close();
            assert_eq!(waits.join().expect("no panic"), Err(ReserveError::Closed));
            assert_eq!(waits_long.join().expect("no panic"), Err(ReserveError::Closed));
        });
        drop(permits);
    });
}

#[test]
fn permits_outlast_a_change_of_the_bound() {
    within(PATIENCE, "bound", || {
        let pool = fixed("bound", 1, 4);
        let held = occupy(&pool, 1);
        let mut permits = pool.try_reserve(4).expect("four places");
        pool.reconfigure(|settings| settings.queue_capacity = Some(2)).expect("it can be used");
        assert_eq!(pool.room(), 0);
        for _ in 0..3 {
            permits.execute(|| ()).expect("it is reserved");
        }
        drop(permits);
        assert!(pool.try_execute(|| ()).unwrap_err().is_full(), "three wait, and two may");
        pool.reconfigure(|settings| settings.queue_capacity = Some(5)).expect("it can be used");
        assert_eq!(pool.try_reserve(9).expect("two places").len(), 2);
        held.release();
        assert_accounts(&pool);
    });
}

#[test]
fn inside_a_job_nobody_waits_for_permits() {
    within(PATIENCE, "inside", || {
        let pool = fixed("inside", 1, 2);
        let handle = pool.handle();
        let job = pool.submit(move || {
            let mut permits = handle.reserve(9).expect("two places are free");
            assert_eq!(permits.len(), 2);
            assert_eq!(handle.reserve(1).unwrap_err(), ReserveError::Full);
            let waker = CountedWaker::new();
            let Poll::Ready(none) = poll_once(&mut handle.reserve_async(1), &waker) else {
                panic!("it waits");
            };
            assert_eq!(none.unwrap_err(), ReserveError::Full);
            permits.submit(|| 1).expect("it is reserved").join().expect("it returns")
        });
        assert_eq!(job.expect("open").join().expect("it returns"), 1);
        assert_eq!(assert_accounts(&pool).reserved, 0);
    });
}

#[test]
fn there_is_a_most_that_can_be_reserved() {
    within(PATIENCE, "most", || {
        let pool = build(Pool::builder("most").workers(1..=1).unbounded());
        assert_eq!(pool.room(), u64::MAX);
        let permits = pool.reserve(usize::MAX).expect("as many as there can be");
        assert_eq!(permits.len(), MAX_PERMITS);
        assert_eq!(pool.reserve(1).unwrap_err(), ReserveError::TooMany);
        assert_eq!(block_on(pool.reserve_async(1)).unwrap_err(), ReserveError::TooMany);
        pool.submit(|| ()).expect("jobs still get in").join().expect("it returns");
        drop(permits);
        let exact = pool.try_reserve_exact(MAX_PERMITS + 1).unwrap_err();
        assert_eq!(exact, ReserveError::TooMany);
        assert_eq!(pool.reserve(1).expect("there is room").len(), 1);
    });
}

#[test]
fn a_delayed_job_leaves_the_permit_to_others() {
    within(PATIENCE, "delayed", || {
        let pool = fixed("delayed", 1, 4);
        let mut permits = pool.try_reserve(1).expect("four places");
        let later = pool.job("later").delay(FOREVER).submit_with(&mut permits, |_| ());
        let later = later.expect("room for delayed jobs");
        assert_eq!((permits.len(), pool.stats().reserved, pool.stats().delayed), (1, 1, 1));
        permits.submit(|| ()).expect("it is still reserved").join().expect("it returns");
        assert!(later.cancel());
        assert_eq!(assert_submitted(&pool, 2).reserved, 0);
    });
}

/// A caller's mistake.
#[test]
fn permits_of_another_pool_are_worth_nothing() {
    within(PATIENCE, "other", || {
        let (pool, other) = (fixed("other-1", 1, 4), fixed("other-2", 1, 4));
        let mut permits = pool.try_reserve(1).expect("four places");
        let refused = other.job("lost").submit_with(&mut permits, |_| ()).unwrap_err();
        assert!(refused.is_full());
        assert_eq!((permits.len(), other.stats().accepted), (1, 0));
        let job = pool.job("found").submit_with(&mut permits, |_| 7).expect("it is reserved");
        assert_eq!(job.join().expect("it returns"), 7);
    });
}
