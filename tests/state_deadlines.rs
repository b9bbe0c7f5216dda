//! A job whose time is up before its worker has the state that it needs.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{PATIENCE, SECOND, assert_accounts, clocked, until, within};
use springtide::{InitError, JobHandle, Pool, PoolHandle, Stateful};

type Outcome = Result<u32, InitError<&'static str>>;

fn job(states: &Stateful<u32, &'static str>) -> JobHandle<Outcome> {
    states.submit(|state, _| *state).expect("open")
}

/// A job that needs the state and must be over within a second.
fn job_with_a_deadline(
    pool: &PoolHandle,
    states: &Stateful<u32, &'static str>,
) -> JobHandle<Outcome> {
    let states = states.clone();
    let submits = pool.job("outer").deadline_in(SECOND).submit(move |_| job(&states));
    submits.expect("open").join().expect("in time")
}

#[test]
fn a_job_that_waits_too_long_for_a_state_expires_when_a_worker_takes_it() {
    within(PATIENCE, "expires", || {
        let ((pool, clock), works) =
            (clocked(Pool::builder("expires").workers(1..=1)), Arc::new(AtomicBool::new(false)));
        let states = pool.with_state({
            let works = Arc::clone(&works);
            move |_| if works.load(Ordering::SeqCst) { Ok(7) } else { Err("gone") }
        });
        let late = job_with_a_deadline(&pool, &states);
        until(|| pool.stats().workers.held == 1);
        works.store(true, Ordering::SeqCst);
        clock.advance(SECOND * 2);
        assert!(late.join().is_err_and(|error| error.is_expired()));
        assert_eq!(job(&states).join_flat().expect("there is a state now"), 7);
        assert_eq!(assert_accounts(&pool).expired, 1);
    });
}

#[test]
fn a_job_that_expires_while_its_state_is_built_does_not_run_whether_it_is_built_or_not() {
    within(PATIENCE, "slowly", || {
        for works in [true, false] {
            let (pool, clock) = clocked(Pool::builder(format!("slowly-{works}")).workers(1..=1));
            let states = pool.with_state(move |_| {
                clock.advance(SECOND * 2);
                if works { Ok(7) } else { Err("gone") }
            });
            let late = job_with_a_deadline(&pool, &states);
            assert!(late.join().is_err_and(|error| error.is_expired()));
            let stats = assert_accounts(&pool);
            assert_eq!((stats.ok, stats.expired, stats.workers.held), (1, 1, 0));
        }
    });
}

#[test]
fn to_build_a_state_counts_as_waiting_and_not_as_running() {
    within(PATIENCE, "building", || {
        let (pool, clock) = clocked(Pool::builder("building").workers(1..=1));
        let states = pool.with_state(move |_| {
            clock.advance(SECOND * 2);
            Ok::<_, &'static str>(7)
        });
        assert_eq!(job(&states).join_flat().expect("built"), 7);
        let stats = assert_accounts(&pool);
        assert!(stats.run.max.is_zero(), "{stats:?}");
    });
}
