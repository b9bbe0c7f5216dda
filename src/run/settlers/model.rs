//! Two who settle jobs of a closed pool, and the supervisor that would end it, under loom.
//!
//! The threads take the steps of `desk::Settling`, `attempt::resolve` and `Supervisor::wind_up` in
//! their order, with the gate that the pool has.

use super::Settlers;
use crate::run::gate::Gate;
use crate::run::omit::omitted;
use crate::run::sleep::model::controls::model_fails_without;
use crate::run::sleep::model::{explore, join, set_up};
use crate::sync::Arc;
use crate::sync::atomic::{AtomicU64, Ordering};

struct Pool {
    gate: Gate,
    settlers: Settlers,
    /// Relaxed: nothing but the protocol orders it.
    told: AtomicU64,
}

impl Pool {
    /// A closed pool with so many jobs that nobody will run.
    fn closed(jobs: u64) -> Arc<Pool> {
        let pool =
            Pool { gate: Gate::new(jobs), settlers: Settlers::default(), told: AtomicU64::new(0) };
        assert_eq!(pool.gate.admit(jobs), Ok(jobs));
        pool.gate.close();
        Arc::new(pool)
    }

    fn settle(&self) {
        if omitted("E1") {
            self.gate.release();
            self.settlers.begin();
        } else {
            self.settlers.begin();
            self.gate.release();
        }
        if omitted("E2 last") {
            self.settlers.end();
        }
        self.told.fetch_add(1, Ordering::Relaxed);
        if !omitted("E2 last") {
            self.settlers.end();
        }
    }

    fn is_over(&self) -> bool {
        if omitted("E3") {
            return self.settlers.are_done() && self.gate.queued() == 0;
        }
        self.gate.queued() == 0 && self.settlers.are_done()
    }
}

/// Attacks E1, E2 and E3: who finds that the pool is over finds that all its jobs were told of.
#[test]
fn a_pool_is_over_when_all_its_jobs_are_told_of() {
    explore("settle x settle x end", 3, || {
        let pool = Pool::closed(2);
        let settlers = set_up(|| {
            [(); 2].map(|()| {
                let pool = Arc::clone(&pool);
                loom::thread::spawn(move || pool.settle())
            })
        });
        if pool.is_over() {
            assert_eq!(pool.told.load(Ordering::Relaxed), 2, "told of too late");
        }
        join(settlers);
        assert!(pool.is_over());
    });
}

fn fails_without(omitted: &str) {
    let name = "run::settlers::model::a_pool_is_over_when_all_its_jobs_are_told_of";
    model_fails_without(omitted, name, "told of too late");
}

#[test]
fn e1_gone_before_anybody_is_at_it() {
    fails_without("E1");
}

#[test]
fn e2_counted_out_before_the_job_is_told_of() {
    fails_without("E2 last");
}

#[test]
fn e2_counted_out_without_a_release() {
    fails_without("E2 release");
}

#[test]
fn e2_found_done_without_an_acquire() {
    fails_without("E2 acquire");
}

#[test]
fn e3_the_queue_is_looked_at_last() {
    fails_without("E3");
}
