//! The system loses wake-ups: a delay, counted, and never a job or an end.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use common::{
    LossyParker, PATIENCE, assert_submitted, build, fixed, until, until_no_thread_is_named, within,
};
use springtide::testing::RefusingSpawner;
use springtide::{BuildError, Fixed, Pool};

/// A rule by which wake-ups get lost, by their number from 1.
type Rule = fn(usize) -> bool;

const RULES: [(&str, Rule); 5] = [
    ("every third", |n| n % 3 == 0),
    ("every other", |n| n % 2 == 0),
    ("the odd ones", |n| n % 2 == 1),
    ("four of five at random", |n| (n.wrapping_mul(0x9E37_79B9) >> 16) % 5 != 0),
    ("the first eight", |n| n <= 8),
];

#[test]
fn every_third_wake_up_lost_delays_a_little_and_loses_nothing() {
    within(PATIENCE * 2, "third", || {
        let parker = LossyParker::losing(|n| n % 3 == 0);
        let builder = Pool::builder("third").workers(1..=1).policy(Fixed);
        let pool = build(builder.parker(parker.clone()));
        let (mut longest, mut jobs) = (Duration::ZERO, 0);
        while parker.seen() < 30 {
            let submitted = Instant::now();
            assert_eq!(pool.submit(|| 1).expect("open").join().expect("it returns"), 1);
            longest = longest.max(submitted.elapsed());
            jobs += 1;
            // Time to fall asleep, so that most jobs have to wake somebody.
            thread::sleep(Duration::from_millis(2));
        }
        assert!(longest < Duration::from_secs(10), "one job took {longest:?}");
        let stats = assert_submitted(&pool, jobs);
        let lost = parker.seen() as u64 / 3;
        // A thread that gets no core for a tenth of a second looks like one that was not woken, so
        // on a crowded machine a few more are counted than were lost.
        assert!(stats.recoveries > 0, "none of {lost}");
        assert!(stats.recoveries <= 2 * lost, "{} of {lost}", stats.recoveries);
    });
}

// Without losses nothing is recovered
#[test]
fn a_pool_that_loses_nothing_recovers_nothing() {
    within(PATIENCE, "none", || {
        let pool = fixed("none", 2, 64);
        for n in 0..500 {
            assert_eq!(pool.submit(move || n).expect("open").join().expect("it returns"), n);
        }
        // A thread that gets no core for a tenth of a second may look like one that sleeps.
        assert!(assert_submitted(&pool, 500).recoveries <= 5);
    });
}

// The end needs wake-ups too
#[test]
fn a_pool_ends_whichever_wake_ups_are_lost() {
    for (name, rule) in RULES {
        within(PATIENCE, name, move || {
            for workers in [1, 4] {
                let builder = Pool::builder("lossyend").workers(workers..=4);
                let pool = build(builder.parker(LossyParker::losing(rule)));
                let ran = Arc::new(AtomicUsize::new(0));
                for _ in 0..20 {
                    let ran = Arc::clone(&ran);
                    let job = move || {
                        ran.fetch_add(1, Ordering::SeqCst);
                    };
                    pool.execute(job).expect("open");
                }
                until(|| pool.stats().running == 0);
                assert!(pool.shutdown().ended);
                assert_eq!(ran.load(Ordering::SeqCst), 20);
                assert_submitted(&pool, 20);
                until_no_thread_is_named("lossyend");
            }
        });
    }
}

// An idle pool, whose threads all sleep without a limit
#[test]
fn an_idle_pool_ends_whichever_wake_ups_are_lost() {
    for (name, rule) in RULES {
        within(PATIENCE, name, move || {
            for min in [0, 3] {
                let builder = Pool::builder("lossyidle").workers(min..=4).policy(Fixed);
                let pool = build(builder.parker(LossyParker::losing(rule)));
                until(|| pool.stats().workers.idle as usize == min);
                assert!(pool.shutdown().ended);
                assert_submitted(&pool, 0);
                until_no_thread_is_named("lossyidle");
            }
        });
    }
}

// Orders to leave get lost as well
#[test]
fn a_pool_made_smaller_with_lost_wake_ups_still_works_and_ends() {
    within(PATIENCE, "smaller", || {
        let parker = LossyParker::losing(|n| n % 2 == 0);
        let builder = Pool::builder("smaller").workers(8..=8).policy(Fixed);
        let pool = build(builder.parker(parker));
        until(|| pool.stats().workers.idle == 8);
        pool.resize(1..=1).expect("valid");
        until(|| pool.stats().workers.total == 1);
        for n in 0..10 {
            assert_eq!(pool.submit(move || n).expect("open").join().expect("it returns"), n);
        }
        assert!(pool.shutdown().ended, "those who missed the order leave now");
        assert_submitted(&pool, 10);
        until_no_thread_is_named("smaller");
    });
}

// Two jobs that need each other, one wake-up lost
#[test]
fn two_jobs_that_need_each_other_both_start_though_a_wake_up_is_lost() {
    for (name, rule) in RULES {
        within(PATIENCE, name, move || {
            let builder = Pool::builder("lossypair").workers(2..=2);
            let pool = build(builder.parker(LossyParker::losing(rule)));
            for _ in 0..3 {
                until(|| pool.stats().workers.idle == 2);
                let (send, receive) = mpsc::channel();
                let takes = pool.submit(move || receive.recv().expect("sent")).expect("open");
                let gives = pool.submit(move || send.send(3).expect("awaited")).expect("open");
                assert_eq!(takes.join().expect("it returns"), 3);
                gives.join().expect("it returns");
            }
            assert_submitted(&pool, 6);
        });
    }
}

#[test]
fn a_pool_that_cannot_be_built_goes_away_though_wake_ups_are_lost() {
    within(PATIENCE, "unbuilt", || {
        let no_supervisor = RefusingSpawner::new(|name| {
            let is_supervisor = name.ends_with("/tide");
            if is_supervisor {
                // So that the workers sleep by then.
                thread::sleep(Duration::from_millis(50));
            }
            is_supervisor
        });
        let builder = Pool::builder("unbuilt").workers(3..=3).spawner(no_supervisor);
        let built = builder.parker(LossyParker::losing(|n| n % 2 == 1)).build();
        assert!(matches!(built, Err(BuildError::Spawn(_))));
        until_no_thread_is_named("unbuilt");
        let pool = fixed("unbuilt", 1, 1);
        assert_submitted(&pool, 0);
    });
}
