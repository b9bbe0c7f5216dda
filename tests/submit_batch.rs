//! Many jobs at the price of one: none lost, none twice, the rest comes back in order.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use common::{PATIENCE, assert_submitted, build, fixed, fixed_with, occupy, until, within};
use springtide::{Overflow, Pool, Refusal};

#[test]
fn a_batch_longer_than_the_queue_gets_in_whole_and_in_order() {
    within(PATIENCE, "batch", || {
        let pool = fixed("batch", 2, 7);
        let batch = pool.submit_batch((0..2_000).map(|n| move || n));
        assert!(batch.refused.is_empty() && batch.refusal.is_none());
        let results: Result<Vec<i32>, _> = batch.handles.into_iter().map(|h| h.join()).collect();
        assert_eq!(results.expect("all return"), (0..2_000).collect::<Vec<_>>());
        assert_eq!(assert_submitted(&pool, 2_000).ok, 2_000);
    });
}

#[test]
fn the_rest_of_a_batch_that_does_not_fit_comes_back_in_order() {
    within(PATIENCE, "rest", || {
        let pool = fixed_with("rest", 1, 3, Overflow::Reject);
        let held = occupy(&pool, 1);
        let batch = pool.submit_batch((0..600).map(|n| move || n));
        assert_eq!((batch.handles.len(), batch.refused.len()), (3, 597));
        assert_eq!(batch.refusal, Some(Refusal::QueueFull));
        let back: Vec<i32> = batch.refused.into_iter().map(|job| job()).collect();
        assert_eq!(back, (3..600).collect::<Vec<_>>());
        held.release();
        let run: Vec<i32> = batch.handles.into_iter().map(|h| h.join().expect("returns")).collect();
        assert_eq!(run, [0, 1, 2]);
        let stats = assert_submitted(&pool, 601);
        assert_eq!(stats.refused_by[Refusal::QueueFull as usize].1, 597);
    });
}

#[test]
fn a_batch_that_waits_for_room_comes_back_when_the_pool_closes() {
    within(PATIENCE, "batchend", || {
        let pool = fixed("batchend", 1, 2);
        let held = occupy(&pool, 1);
        let submitter = {
            let pool = pool.handle();
            thread::spawn(move || pool.submit_batch((0..10).map(|n| move || n)))
        };
        until(|| pool.stats().submitters_blocked == 1);
        pool.close();
        let batch = submitter.join().expect("it returns");
        assert_eq!((batch.handles.len(), batch.refused.len()), (2, 8));
        assert_eq!(batch.refusal, Some(Refusal::Shutdown));
        assert_eq!(batch.refused.into_iter().next().map(|job| job()), Some(2));
        held.release();
        drop(batch.handles);
        let stats = assert_submitted(&pool, 11);
        assert_eq!((stats.ok, stats.refused), (3, 8));
    });
}

#[test]
fn what_does_not_fit_runs_here_under_caller_runs() {
    within(PATIENCE, "batchhere", || {
        let pool = fixed_with("batchhere", 1, 2, Overflow::CallerRuns);
        let held = occupy(&pool, 1);
        let batch = pool.submit_batch((0..5).map(|_| || thread::current().id()));
        assert_eq!(batch.handles.len(), 5);
        held.release();
        let here = thread::current().id();
        let mine = batch.handles.into_iter().map(|h| h.join().expect("it returns") == here);
        assert_eq!(mine.collect::<Vec<_>>(), [false, false, true, true, true]);
        assert_submitted(&pool, 6);
    });
}

// The iterator is the caller's code
#[test]
fn an_iterator_that_panics_takes_no_place_with_it() {
    within(PATIENCE, "iterator", || {
        let pool = fixed("iterator", 1, 4);
        let ran = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&ran);
        let jobs = (0..1_000).map(move |n| {
            assert!(n < 300, "the iterator's own panic");
            let ran = Arc::clone(&counted);
            move || ran.fetch_add(1, Ordering::SeqCst)
        });
        let submitter = pool.handle();
        let panicked = thread::spawn(move || drop(submitter.submit_batch(jobs))).join().is_err();
        assert!(panicked);
        // The first chunk got in before the iterator was asked for more.
        let stats = assert_submitted(&pool, 256);
        assert_eq!((stats.ok, ran.load(Ordering::SeqCst)), (256, 256));
    });
}

// Liveness: one announcement wakes enough workers
#[test]
fn a_batch_of_two_that_need_each_other_runs_on_two_idle_workers() {
    within(PATIENCE, "pair", || {
        let pool = build(Pool::builder("pair").workers(2..=2));
        for _ in 0..200 {
            let meet = Arc::new(std::sync::Barrier::new(2));
            let batch = pool.submit_batch((0..2).map(|_| {
                let meet = Arc::clone(&meet);
                move || {
                    meet.wait();
                }
            }));
            batch.handles.into_iter().for_each(|handle| handle.join().expect("it returns"));
        }
        assert_submitted(&pool, 400);
    });
}

#[test]
fn an_empty_batch_is_nothing() {
    within(PATIENCE, "empty", || {
        let pool = fixed("empty", 1, 1);
        let batch = pool.submit_batch(std::iter::empty::<fn()>());
        assert!(batch.handles.is_empty() && batch.refused.is_empty() && batch.refusal.is_none());
        assert_submitted(&pool, 0);
    });
}
