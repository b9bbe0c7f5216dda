//! Submitters against workers that fall asleep.

use super::pool::{Pool, plainly, together};
use super::{explore, join, set_up, spawn, start, start_asleep};
use crate::sync::Arc;
use crate::sync::atomic::Ordering;

/// Attacks S2, S3 and S4.
#[test]
fn a_worker_going_to_sleep_misses_no_job() {
    explore("submit x sleep", 4, || {
        let pool = Arc::new(Pool::new(1, 2, plainly));
        let worker = start(&pool, 0);
        pool.submit(0);
        pool.submit(1);
        join([worker]);
        pool.check_the_end();
    });
}

/// Attacks S5.
#[test]
fn two_submitters_never_count_on_the_same_sleeper() {
    explore("submit x submit x sleep", 3, || {
        let pool = Arc::new(Pool::new(1, 2, plainly));
        let worker = start(&pool, 0);
        let other = spawn(&pool, |pool| pool.submit(1));
        pool.submit(0);
        join([worker, other]);
        pool.check_the_end();
    });
}

/// Attacks S6 and S11.
#[test]
fn two_jobs_run_side_by_side() {
    explore("chain", 1, || {
        let pool = Arc::new(Pool::new(2, 2, together));
        let workers = [start(&pool, 0), start(&pool, 1)];
        pool.submit(0);
        pool.submit(1);
        join(workers);
        pool.check_the_end();
    });
}

/// Attacks S11: a worker that comes out of a job takes two more, while another one searches.
#[test]
fn a_searcher_finds_what_a_busy_worker_moves() {
    explore("busy worker moves x search", 2, || {
        let pool = Arc::new(Pool::new(2, 2, together));
        let workers = set_up(|| {
            pool.sleep.enlist();
            let searcher = start(&pool, 0);
            let busy = spawn(&pool, |pool| pool.work_on(1));
            pool.submit(0);
            pool.submit(1);
            [searcher, busy]
        });
        join(workers);
        pool.check_the_end();
    });
}

/// Attacks S2 and S6: a job submits another one and cannot end before that one runs.
#[test]
fn a_job_submitted_inside_runs_beside_its_submitter() {
    explore("submit inside x sleep", 4, || {
        let pool = Arc::new(Pool::new(2, 2, |pool, worker, job| {
            if job == 0 {
                pool.submit_inside(worker, 1);
            }
            pool.meet();
        }));
        let workers = set_up(|| [start_asleep(&pool, 0), start(&pool, 1)]);
        pool.submit(0);
        join(workers);
        pool.check_the_end();
    });
}

/// Attacks S1 and S3 with what is not a job: a worker that holds is told to go on.
#[test]
fn a_worker_going_to_sleep_misses_no_resumption() {
    explore("resume x sleep", 3, || {
        let pool = Arc::new(Pool::new(1, 1, plainly));
        let worker = set_up(|| {
            pool.paused.store(true, Ordering::Release);
            pool.submit(0);
            start(&pool, 0)
        });
        pool.paused.store(false, Ordering::Release);
        pool.sleep.announce_to_all();
        join([worker]);
        pool.check_the_end();
    });
}

/// Attacks S4 and S5: a worker is woken for a job and, to be sure, by the supervisor.
#[test]
fn a_worker_woken_twice_is_counted_once() {
    explore("submit x rouse", 4, || {
        let pool = Arc::new(Pool::new(1, 1, plainly));
        let threads = set_up(|| [start_asleep(&pool, 0), spawn(&pool, |pool| pool.submit(0))]);
        pool.sleep.rouse(0);
        join(threads);
        pool.check_the_end();
    });
}

/// Attacks S1 and S6: two sleepers, two jobs.
#[test]
fn two_sleepers_wake_for_two_jobs() {
    explore("submit x wake x wake", 3, || {
        let pool = Arc::new(Pool::new(2, 2, together));
        let workers = set_up(|| [start_asleep(&pool, 0), start_asleep(&pool, 1)]);
        pool.submit(0);
        pool.submit(1);
        join(workers);
        pool.check_the_end();
    });
}

/// Attacks S12: everybody is busy and the supervisor was asked, so the submitter says nothing.
#[test]
fn a_worker_out_of_work_finds_what_nobody_announced() {
    explore("submit without an event x search", 4, || {
        let pool = Arc::new(Pool::new(1, 2, plainly));
        let worker = set_up(|| {
            pool.sleep.enlist();
            pool.submit(0);
            pool.sleep.kick();
            spawn(&pool, |pool| pool.work_on(0))
        });
        pool.submit(1);
        join([worker]);
        pool.check_the_end();
    });
}
