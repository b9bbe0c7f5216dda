//! Workers that leave, or never come, while a job arrives.

use super::pool::{Pool, plainly, together};
use super::{explore, join, set_up, spawn, start, start_asleep};
use crate::sync::Arc;

/// Attacks S7: the searcher that has found one job counts on the sleeper for the other one.
#[test]
fn a_sleeper_is_not_retired_while_a_job_waits_for_it() {
    explore("retire x found", 2, || {
        let pool = Arc::new(Pool::new(2, 2, together));
        let workers = set_up(|| {
            let workers = [start_asleep(&pool, 0), start(&pool, 1)];
            pool.submit(0);
            pool.submit(1);
            workers
        });
        pool.retire(1);
        join(workers);
        pool.check_the_end();
    });
}

/// Attacks S3 and S7: one sleeps, the other is about to, and one of them is sent home.
#[test]
fn a_job_finds_the_worker_that_stays() {
    explore("retire x submit x sleep", 3, || {
        let pool = Arc::new(Pool::new(2, 1, plainly));
        let threads = set_up(|| {
            let sleeper = start_asleep(&pool, 0);
            [sleeper, start(&pool, 1), spawn(&pool, |pool| pool.submit(0))]
        });
        pool.retire(1);
        join(threads);
        pool.check_the_end();
    });
}

/// Attacks S7 and the kick: when nobody is left, the worker comes back or the supervisor hears.
#[test]
fn a_job_that_finds_nobody_left_is_noticed() {
    explore("last worker retires x submit", 4, || {
        let pool = Arc::new(Pool::new(2, 1, plainly));
        let threads = set_up(|| {
            pool.sleep.occupy_supervisor();
            [start_asleep(&pool, 0), spawn(&pool, |pool| pool.submit(0))]
        });
        pool.sleep.acknowledge();
        pool.retire(1);
        pool.rest_until_kicked();
        pool.supervise(1);
        join(threads);
        pool.check_the_end();
    });
}

/// Attacks S8: the submitter counts on a searcher that leaves without another look.
#[test]
fn a_searcher_that_leaves_hands_its_job_on() {
    explore("searcher leaves x submit", 3, || {
        let pool = Arc::new(Pool::new(2, 1, plainly));
        let threads = set_up(|| {
            pool.sleep.occupy_supervisor();
            pool.drain_to(0);
            [start(&pool, 0), spawn(&pool, |pool| pool.submit(0))]
        });
        pool.supervise(1);
        join(threads);
        pool.check_the_end();
    });
}

/// Attacks S8 where the job is handed on to a sleeper.
#[test]
fn a_searcher_that_leaves_wakes_a_sleeper() {
    explore("searcher leaves x submit x sleeper", 4, || {
        let pool = Arc::new(Pool::new(2, 1, plainly));
        let workers = set_up(|| {
            let sleeper = start_asleep(&pool, 0);
            pool.drain_to(1);
            [sleeper, start(&pool, 1)]
        });
        pool.submit(0);
        join(workers);
        pool.check_the_end();
    });
}

/// Attacks S8 and Q1: a worker has taken two jobs, runs one and leaves the other one behind.
#[test]
fn what_a_worker_leaves_behind_is_run() {
    explore("worker leaves between jobs x submit", 2, || {
        let pool = Arc::new(Pool::new(2, 2, plainly));
        let threads = set_up(|| {
            pool.sleep.occupy_supervisor();
            pool.drain_to(0);
            pool.sleep.enlist();
            [spawn(&pool, |pool| pool.work_on(0)), spawn(&pool, |pool| pool.submit(1))]
        });
        pool.submit(0);
        pool.supervise(1);
        join(threads);
        pool.check_the_end();
    });
}

/// Attacks S8: the submitter counts on a worker whose thread the system refuses.
#[test]
fn a_worker_that_never_comes_hands_its_job_on() {
    explore("thread refused x submit", 4, || {
        let pool = Arc::new(Pool::new(2, 1, plainly));
        let threads = set_up(|| [start_asleep(&pool, 0), spawn(&pool, |pool| pool.submit(0))]);
        pool.sleep.enlist();
        pool.sleep.strike_off(|| pool.gate.queued());
        join(threads);
        pool.check_the_end();
    });
}

/// Attacks S8: two searchers are one too many, and only one of them goes.
#[test]
fn of_two_that_may_leave_one_stays() {
    explore("two leave above one x submit", 3, || {
        let pool = Arc::new(Pool::new(2, 1, plainly));
        let workers = set_up(|| {
            pool.drain_to(1);
            [start(&pool, 0), start(&pool, 1)]
        });
        pool.submit(0);
        join(workers);
        pool.check_the_end();
    });
}
