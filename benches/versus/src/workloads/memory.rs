//! W7: what a queued job costs in memory, and what of it stays when the queue is empty.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::Figures;
use crate::pools::Pool;
use crate::{tally, threads, trim};

#[derive(Clone, Debug)]
pub(crate) struct Memory {
    pub(crate) workers: usize,
    pub(crate) jobs: u64,
}

/// After the last job it takes a pool a while to settle.
const SETTLING: Duration = Duration::from_millis(100);
const MIB: f64 = 1024.0 * 1024.0;

pub(crate) const COLUMNS: &[&str] =
    &["bytes_job", "after_mib", "after_trim_mib", "submit_ns", "drain_ns"];

/// A worker must stand before the door by then.
const PATIENCE: Duration = Duration::from_secs(5);

/// What holds the workers while jobs pile up.
#[derive(Default)]
struct Door {
    /// Whether it is open, and how many stand before it.
    state: Mutex<(bool, usize)>,
    changed: Condvar,
}

impl Door {
    fn state(&self) -> MutexGuard<'_, (bool, usize)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pass(&self) {
        let mut state = self.state();
        state.1 += 1;
        self.changed.notify_all();
        let waited = self.changed.wait_while(state, |state| !state.0);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn wait_for_workers(&self, count: usize) {
        let too_few = |state: &mut (bool, usize)| state.1 < count;
        let waited = self.changed.wait_timeout_while(self.state(), PATIENCE, too_few);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        assert_eq!(state.1, count, "each job that holds a worker gets one of its own");
    }

    fn open(&self) {
        self.state().0 = true;
        self.changed.notify_all();
    }
}

impl Memory {
    pub(crate) fn run<P: Pool>(&self, pool: &P) -> Figures {
        super::warm_up(pool, self.workers);
        let door = Arc::new(Door::default());
        let goal = tally::total() + self.workers as u64 + self.jobs;
        for held in 1..=self.workers {
            let before_it = door.clone();
            pool.execute(move || {
                before_it.pass();
                tally::done();
            });
            door.wait_for_workers(held);
        }
        let before = threads::resident();
        let began = Instant::now();
        for number in 0..self.jobs {
            let payload = [number, number];
            pool.execute(move || {
                std::hint::black_box(payload);
                tally::done();
            });
        }
        let submitting = began.elapsed();
        let queued = threads::resident() - before;
        let began = Instant::now();
        door.open();
        tally::wait_for(goal);
        let draining = began.elapsed();
        thread::sleep(SETTLING);
        let after = threads::resident() - before;
        trim::give_back();
        let trimmed = threads::resident() - before;
        let jobs = self.jobs as f64;
        vec![
            queued / jobs,
            after / MIB,
            trimmed / MIB,
            submitting.as_nanos() as f64 / jobs,
            draining.as_nanos() as f64 / jobs,
        ]
    }
}
