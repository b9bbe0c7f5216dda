//! Jobs with a priority, against workers that fall asleep: the levels are not in the queue that the
//! other models know.

use super::pool::{Pool, plainly, together};
use super::{explore, join, spawn, start};
use crate::run::priority::Priority;
use crate::sync::Arc;

/// Attacks Q4: the first jobs that have a priority, of both levels.
#[test]
fn a_worker_going_to_sleep_misses_no_job_of_any_level() {
    explore("submit high x submit low x sleep", 3, || {
        let pool = Arc::new(Pool::with_levels(1, 2, plainly));
        let worker = start(&pool, 0);
        pool.submit_at(Priority::High, 0);
        pool.submit_at(Priority::Low, 1);
        join([worker]);
        pool.check_the_end();
    });
}

/// Attacks Q4: a level is used for the first time by two submitters at once, one of a normal job.
#[test]
fn a_level_and_the_normal_queue_are_both_searched() {
    explore("submit high x submit x sleep", 2, || {
        let pool = Arc::new(Pool::with_levels(1, 2, plainly));
        let worker = start(&pool, 0);
        let other = spawn(&pool, |pool| pool.submit_at(Priority::High, 1));
        pool.submit(0);
        join([worker, other]);
        pool.check_the_end();
    });
}

/// Attacks Q4 and S6: two jobs of one level, which run at the same time or never end.
#[test]
fn two_jobs_of_a_level_run_side_by_side() {
    explore("chain of high ones", 1, || {
        let pool = Arc::new(Pool::with_levels(2, 2, together));
        let workers = [start(&pool, 0), start(&pool, 1)];
        pool.submit_at(Priority::High, 0);
        pool.submit_at(Priority::High, 1);
        join(workers);
        pool.check_the_end();
    });
}
