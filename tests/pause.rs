//! Pausing holds back what has not started, nothing else; idle is when nothing is left.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use common::{
    FOREVER, PATIENCE, SOON, assert_submitted, build, by_hand, fixed, fixed_with, occupy, until,
    within,
};
use springtide::{Overflow, Pool, Trouble, WaitIdleError};

#[test]
fn a_paused_pool_finishes_what_runs_starts_nothing_and_takes_jobs_up_to_its_bound() {
    within(PATIENCE, "paused", || {
        let pool = fixed_with("paused", 2, 5, Overflow::Reject);
        let held = occupy(&pool, 1);
        pool.pause();
        assert!(pool.is_paused());
        let ran = Arc::new(AtomicUsize::new(0));
        for _ in 0..5 {
            let ran = Arc::clone(&ran);
            let job = move || {
                ran.fetch_add(1, Ordering::SeqCst);
            };
            pool.execute(job).expect("up to the bound");
        }
        assert!(pool.execute(|| {}).expect_err("beyond it").is_full());
        held.release();
        until(|| pool.stats().running == 0 && pool.stats().workers.idle == 2);
        let stats = pool.stats();
        assert_eq!((stats.queued, ran.load(Ordering::SeqCst)), (5, 0));
        assert!(pool.health().troubles.contains(&Trouble::Paused));
        pool.resume();
        let stats = assert_submitted(&pool, 7);
        assert_eq!((stats.ok, ran.load(Ordering::SeqCst)), (6, 5));
        assert!(!pool.is_paused() && pool.health().is_healthy());
    });
}

// Whoever watches sees that the jobs grow older, and that the supervisor lives
#[test]
fn the_supervisor_of_a_paused_pool_with_jobs_goes_on_looking_and_their_age_grows() {
    within(PATIENCE, "watched", || {
        let (pool, clock) = by_hand(Pool::builder("watched").workers(1..=1));
        pool.pause();
        pool.execute(|| {}).expect("open");
        for minutes in 1..=3 {
            let looks = pool.stats().evaluations;
            until(|| {
                clock.advance(Duration::from_secs(1));
                let stats = pool.stats();
                stats.evaluations > looks && stats.oldest_age > Duration::from_secs(60 * minutes)
            });
        }
        pool.resume();
        assert_submitted(&pool, 1);
    });
}

// Pauses do not add up
#[test]
fn pausing_twice_is_pausing_once_and_resuming_without_a_pause_is_nothing() {
    within(PATIENCE, "twice", || {
        let pool = fixed("twice", 1, 8);
        pool.resume();
        pool.pause();
        pool.pause();
        let job = pool.submit(|| 1).expect("open");
        pool.resume();
        assert_eq!(job.join().expect("it returns"), 1);
        assert_submitted(&pool, 1);
    });
}

// A paused pool that has no worker starts none for what it may not run
#[test]
fn a_paused_pool_of_none_runs_its_jobs_after_it_is_resumed() {
    within(PATIENCE, "none", || {
        let pool = build(Pool::builder("none").workers(0..=2));
        pool.pause();
        let job = pool.submit(|| 2).expect("open");
        until(|| pool.stats().evaluations > 0);
        assert!(!job.is_finished());
        pool.resume();
        assert_eq!(job.join().expect("it returns"), 2);
        assert_submitted(&pool, 1);
    });
}

// Letting a running job end includes what it waits for
#[test]
fn a_running_job_gets_what_it_joins_even_in_a_paused_pool() {
    within(PATIENCE, "joins", || {
        let pool = fixed("joins", 1, 8);
        let inner = pool.handle();
        let job = pool.submit(move || {
            inner.pause();
            inner.submit(|| 3).expect("open").join().expect("it returns")
        });
        assert_eq!(job.expect("open").join().expect("it returns"), 3);
        pool.resume();
        assert_submitted(&pool, 2);
    });
}

// Queued jobs can still be cancelled, and expire when their turn comes
#[test]
fn a_job_queued_in_a_paused_pool_can_be_cancelled() {
    within(PATIENCE, "cancel", || {
        let pool = fixed("cancel", 1, 8);
        pool.pause();
        let cancelled = pool.submit(|| {}).expect("open");
        let expires = pool.job("old").expires_in(Duration::from_nanos(1)).submit(|_| {});
        assert!(cancelled.cancel());
        pool.resume();
        assert!(expires.expect("open").join().is_err_and(|error| error.is_expired()));
        let stats = assert_submitted(&pool, 2);
        assert_eq!((stats.cancelled, stats.expired), (1, 1));
    });
}

// Many times over, with work all the while
#[test]
fn pausing_and_resuming_under_load_loses_nothing() {
    within(PATIENCE, "load", || {
        let pool = build(Pool::builder("load").workers(1..=2).queue_capacity(32));
        let (send, receive) = mpsc::channel();
        thread::scope(|scope| {
            for submitter in 0..2 {
                let (pool, send) = (&pool, send.clone());
                scope.spawn(move || {
                    for n in 0..2_000 {
                        let send = send.clone();
                        let job = move || send.send(submitter * 2_000 + n).expect("listened to");
                        pool.execute(job).expect("open");
                    }
                });
            }
            for _ in 0..50 {
                pool.pause();
                thread::yield_now();
                pool.resume();
                thread::sleep(Duration::from_micros(200));
            }
        });
        drop(send);
        let mut seen: Vec<i32> = receive.iter().collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..4_000).collect::<Vec<_>>());
        assert_submitted(&pool, 4_000);
    });
}

#[test]
fn two_that_wait_for_idle_both_return_when_the_last_job_ends() {
    within(PATIENCE, "both", || {
        let pool = fixed("both", 1, 8);
        for _ in 0..50 {
            let held = occupy(&pool, 1);
            pool.execute(|| {}).expect("open");
            thread::scope(|scope| {
                let waiters: Vec<_> = (0..2).map(|_| scope.spawn(|| pool.wait_idle())).collect();
                assert_eq!(
                    pool.wait_idle_timeout(Duration::from_nanos(1)),
                    Err(WaitIdleError::TimedOut)
                );
                assert!(waiters.iter().all(|waiter| !waiter.is_finished()));
                held.release();
                for waiter in waiters {
                    assert_eq!(waiter.join().expect("it returns"), Ok(()));
                }
            });
        }
        assert_submitted(&pool, 100);
    });
}

#[test]
fn a_job_that_waits_for_its_own_pool_to_be_idle_gets_an_error() {
    within(PATIENCE, "self", || {
        let (pool, other) = (fixed("self", 1, 8), fixed("other", 1, 8));
        let (inner, elsewhere) = (pool.handle(), other.handle());
        let job = pool.submit(move || {
            let limited = inner.wait_idle_timeout(FOREVER);
            (inner.wait_idle(), limited, elsewhere.wait_idle())
        });
        let own = Err(WaitIdleError::InsideWorker);
        assert_eq!(job.expect("open").join().expect("it returns"), (own, own, Ok(())));
        assert_submitted(&pool, 1);
        assert_submitted(&other, 0);
    });
}

#[test]
fn idle_means_idle_whoever_keeps_handles_and_whatever_the_time_limit() {
    within(PATIENCE, "idle", || {
        let pool = fixed("idle", 1, 8);
        for d in [Duration::ZERO, Duration::from_nanos(1), SOON, Duration::MAX] {
            assert_eq!(pool.wait_idle_timeout(d), Ok(()), "an idle pool is idle at once");
        }
        let kept: Vec<_> = (0..8).map(|n| pool.submit(move || n).expect("open")).collect();
        assert_eq!(pool.wait_idle(), Ok(()));
        assert!(kept.iter().all(springtide::JobHandle::is_finished), "and everything is published");
        assert_submitted(&pool, 8);
    });
}

// Jobs that submit jobs are not idle in between
#[test]
fn a_chain_of_jobs_is_not_idle_until_its_last_link() {
    fn link(pool: &springtide::PoolHandle, left: u32, ends: &Arc<AtomicUsize>) {
        let (inner, ended) = (pool.clone(), Arc::clone(ends));
        let job = move || match left {
            0 => {
                ended.fetch_add(1, Ordering::SeqCst);
            }
            _ => link(&inner, left - 1, &ended),
        };
        pool.execute(job).expect("open");
    }
    within(PATIENCE, "chain", || {
        let pool = fixed("chain", 2, 8);
        let ends = Arc::new(AtomicUsize::new(0));
        for round in 1..=100 {
            link(&pool, 50, &ends);
            assert_eq!(pool.wait_idle(), Ok(()));
            assert_eq!(ends.load(Ordering::SeqCst), round);
        }
        assert_submitted(&pool, 5_100);
    });
}
