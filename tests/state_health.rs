//! For how long a state that cannot be built is held against a pool.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use common::{PATIENCE, SECOND, by_hand, clocked, until, within};
use springtide::{Pool, PoolHandle, StateFailure, Trouble};

fn is_troubled(pool: &PoolHandle) -> bool {
    pool.health().troubles.contains(&Trouble::StateFailed)
}

/// A pool that a balancer leaves for its trouble gets no jobs, and only a job makes it try again.
#[test]
fn a_state_that_no_job_has_failed_for_in_half_a_minute_is_no_trouble() {
    within(PATIENCE, "unneeded", || {
        let (pool, clock) = clocked(Pool::builder("unneeded").workers(1..=1));
        let states = pool.with_state(|_| Err::<(), _>("gone")).on_failure(StateFailure::Fail);
        let fails = || states.submit(|(), _| ()).expect("open").join_flat().is_err();
        assert!(fails());
        clock.advance(30 * SECOND - Duration::from_nanos(1));
        assert!(is_troubled(&pool));
        clock.advance(Duration::from_nanos(1));
        assert!(pool.health().is_healthy(), "{:?}", pool.health());
        assert!(fails());
        assert!(is_troubled(&pool), "it was tried again");
    });
}

#[test]
fn a_state_that_a_worker_holds_for_is_a_trouble_for_as_long_as_it_cannot_be_built() {
    within(PATIENCE, "needed", || {
        let (pool, clock) = by_hand(Pool::builder("needed").workers(1..=1));
        let (works, tries) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let states = pool.with_state({
            let (works, tries) = (Arc::clone(&works), Arc::clone(&tries));
            move |_| {
                tries.fetch_add(1, Ordering::SeqCst);
                if works.load(Ordering::SeqCst) { Ok(()) } else { Err("gone") }
            }
        });
        let waits = states.submit(|(), _| ()).expect("open");
        for round in 0..12 {
            until(|| tries.load(Ordering::SeqCst) > round && is_troubled(&pool));
            clock.advance(10 * SECOND);
        }
        works.store(true, Ordering::SeqCst);
        clock.advance(10 * SECOND);
        waits.join_flat().expect("there is a state now");
        until(|| pool.health().is_healthy());
    });
}
