//! What builds a state of a worker is user code like any other: it may hang, and its destructor may
//! panic.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{Bomb, Latch, PATIENCE, assert_accounts, fixed, within};

/// What builds it goes with the last of its owners, who may be a worker that tries.
#[test]
fn a_destructor_of_what_builds_a_state_that_panics_on_a_worker_costs_no_worker() {
    within(PATIENCE, "bomb", || {
        let (pool, latch, entered) = (fixed("bomb", 1, 64), Latch::new(), Latch::new());
        let (bomb, opens, waits) = (Bomb(0), entered.clone(), latch.clone());
        let states = pool.with_state(move |_| {
            let _ = &bomb;
            opens.open();
            waits.wait();
            Err::<u32, _>("gone")
        });
        let unwanted = states.submit(|state, _| *state).expect("open");
        entered.wait();
        assert!(unwanted.cancel());
        drop((states, unwanted));
        latch.open();
        assert_eq!(pool.submit(|| 7).expect("open").join().expect("it needs no state"), 7);
        assert_eq!(assert_accounts(&pool).threads_started, 1, "no worker died");
    });
}

/// A connect may hang; then this is all that tells of it.
#[test]
fn a_state_that_is_being_built_shows_also_where_its_worker_holds() {
    within(PATIENCE, "hangs", || {
        let (pool, latch, entered) = (fixed("hangs", 1, 64), Latch::new(), Latch::new());
        let (tries, opens, waits) = (AtomicUsize::new(0), entered.clone(), latch.clone());
        let states = pool.with_state(move |_| {
            if tries.fetch_add(1, Ordering::SeqCst) > 0 {
                opens.open();
                waits.wait();
            }
            Err::<u32, _>("gone")
        });
        let unwanted = states.submit(|state, _| *state).expect("open");
        entered.wait();
        assert!(unwanted.cancel());
        let shown = pool.running_jobs();
        assert_eq!(shown.iter().map(|job| (job.worker, job.id)).collect::<Vec<_>>(), [(0, None)]);
        // It is no job.
        assert_eq!(pool.wait_idle(), Ok(()));
        let report = pool.shutdown_timeout(Duration::ZERO);
        assert_eq!((report.ended, report.running, report.still_running.len()), (false, 0, 1));
        latch.open();
        assert!(pool.shutdown().ended);
        assert!(pool.running_jobs().is_empty());
    });
}
