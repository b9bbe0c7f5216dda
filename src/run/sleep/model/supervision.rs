//! The supervisor that rests or parks while something happens.

use super::pool::{Pool, plainly, together};
use super::{explore, join, set_up, spawn, start};
use crate::sync::Arc;

/// Attacks S10: a supervisor that parks hears of the next job.
#[test]
fn the_ring_for_a_parked_supervisor_is_never_lost() {
    explore("park supervisor x announce", 8, || {
        let pool = Arc::new(Pool::new(1, 1, plainly));
        let submitter = set_up(|| {
            pool.sleep.occupy_supervisor();
            // Somebody has to sleep, or the job itself would kick. It has no thread, so nothing
            // but the announcement wakes the supervisor.
            pool.sleep.enlist();
            pool.sleep.fall_asleep(0, pool.sleep.events()).expect("nothing was announced");
            spawn(&pool, |pool| pool.submit(0))
        });
        let events = pool.sleep.acknowledge().events();
        if pool.gate.queued() == 0 && pool.sleep.park_supervisor(events) {
            pool.sleep.rest_supervisor(None);
            assert_ne!(pool.sleep.acknowledge().events(), events, "rung for nothing");
        }
        join([submitter]);
    });
}

/// Attacks S10: it does not park while a worker is about to take a job.
#[test]
fn the_supervisor_parks_only_while_every_worker_sleeps() {
    explore("park supervisor x search", 8, || {
        let pool = Arc::new(Pool::new(1, 1, plainly));
        let worker = set_up(|| {
            pool.sleep.occupy_supervisor();
            pool.sleep.enlist();
            pool.submit(0);
            spawn(&pool, |pool| {
                let _ = pool.queue.take(0).expect("a job was submitted");
                let seen = pool.sleep.found(|| 0);
                assert!(!seen.is_supervisor_parked(), "nobody looks after a running job");
            })
        });
        let events = pool.sleep.acknowledge().events();
        assert!(!pool.sleep.park_supervisor(events), "parked while a worker was awake");
        join([worker]);
    });
}

/// Attacks the kick: it is acknowledged before the look, so one that comes later counts anew.
#[test]
fn a_kick_is_followed_by_a_look() {
    explore("kick x acknowledge", 2, || {
        let pool = Arc::new(Pool::new(1, 2, plainly));
        let submitters = set_up(|| {
            pool.sleep.occupy_supervisor();
            [spawn(&pool, |pool| pool.submit(0)), spawn(&pool, |pool| pool.submit(1))]
        });
        pool.supervise(0);
        join(submitters);
        pool.check_the_end();
    });
}

/// Attacks S6, the kick: a supervisor that starts one worker at a time is asked for the next one.
#[test]
fn who_finds_one_of_two_jobs_asks_for_another_worker() {
    explore("found x look", 2, || {
        let pool = Arc::new(Pool::new(2, 2, together));
        set_up(|| {
            pool.sleep.occupy_supervisor();
            pool.submit(0);
            pool.submit(1);
        });
        let workers = [0, 1].map(|index| {
            pool.sleep.acknowledge();
            let worker = start(&pool, index);
            pool.rest_until_kicked();
            worker
        });
        join(workers);
        pool.check_the_end();
    });
}
