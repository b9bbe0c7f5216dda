//! W7: what a queued job costs in memory, and what of it stays when the queue is empty.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use super::Figures;
use crate::pools::Pool;
use crate::{tally, threads, trim};

#[derive(Clone, Debug)]
pub(crate) struct Memory {
    pub(crate) workers: usize,
    pub(crate) jobs: u64,
}

const MIB: f64 = 1024.0 * 1024.0;

pub(crate) const COLUMNS: &[&str] =
    &["bytes_job", "after_mib", "after_trim_mib", "submit_ns", "drain_ns"];

/// What holds the workers while jobs pile up.
#[derive(Default)]
struct Door {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Door {
    fn pass(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.opened.wait_while(open, |open| !*open);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn open(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.opened.notify_all();
    }
}

impl Memory {
    pub(crate) fn run<P: Pool>(&self, pool: &P) -> Figures {
        super::warm_up(pool, self.workers);
        let door = Arc::new(Door::default());
        let goal = tally::total() + self.workers as u64 + self.jobs;
        for _ in 0..self.workers {
            let door = door.clone();
            pool.execute(move || {
                door.pass();
                tally::done();
            });
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
        std::thread::sleep(std::time::Duration::from_millis(100));
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
