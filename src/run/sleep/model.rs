//! The protocol under loom: every schedule of a few threads, with every value a load may return.
//!
//! The models call the production code of this module, of the gate, of the claim and of a job's
//! cell, in the order in which the pool calls it. Those that loom can see have a control: the same
//! model with the step left out that keeps the invariant, which must fail (`controls`). Loom knows
//! no time, so nothing here has a timeout: what a timer would repair (S9) is a deadlock, which loom
//! reports.

mod admission;
mod cancelling;
mod claiming;
pub(crate) mod controls;
mod delaying;
mod giving_up;
mod leaving;
mod levels;
mod pool;
mod publishing;
mod supervision;
mod waking;
mod weak_queue;

use std::time::Instant;

use crate::sync::Arc;
use crate::sync::plain::{AtomicU64, Ordering};
use loom::thread::JoinHandle;
use pool::Pool;

/// Runs a model through all schedules with at most `preemptions` of them forced on a thread that
/// could have gone on (`LOOM_MAX_PREEMPTIONS` overrides it).
pub(crate) fn explore(name: &str, preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    let bound = *builder.preemption_bound.get_or_insert(preemptions);
    builder.max_branches = 10_000;
    let (started, runs) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let counter = Arc::clone(&runs);
    builder.check(move || {
        counter.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let (runs, seconds) = (runs.load(Ordering::Relaxed), started.elapsed().as_secs_f64());
    println!("{name}: {runs} executions, {bound} preemptions, {seconds:.1} s");
}

/// Does what leads up to the state that a model begins in, without exploring the ways there.
pub(crate) fn set_up<T>(steps: impl FnOnce() -> T) -> T {
    loom::stop_exploring();
    let done = steps();
    loom::explore();
    done
}

/// Starts a thread that does something to the pool.
fn spawn(pool: &Arc<Pool>, task: impl FnOnce(&Pool) + 'static) -> JoinHandle<()> {
    let pool = Arc::clone(pool);
    loom::thread::spawn(move || task(&pool))
}

/// Starts worker `index` of the pool.
fn start(pool: &Arc<Pool>, index: usize) -> JoinHandle<()> {
    pool.sleep.enlist();
    spawn(pool, move |pool| pool.work(index))
}

/// Starts worker `index` and waits until it sleeps.
fn start_asleep(pool: &Arc<Pool>, index: usize) -> JoinHandle<()> {
    let asleep = pool.sleep.look().sleeping();
    let worker = start(pool, index);
    while pool.sleep.look().sleeping() == asleep {
        loom::thread::yield_now();
    }
    worker
}

pub(crate) fn join(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    for thread in threads {
        thread.join().expect("a thread of the model panicked");
    }
}
