//! W6: what a pool costs that has nothing to do.

use std::thread;
use std::time::Duration;

use super::Figures;
use crate::pools::Pool;
use crate::threads;
use crate::usage::Spent;

#[derive(Clone, Debug)]
pub(crate) struct Idle {
    /// The workers that are there when it is quiet.
    pub(crate) workers: usize,
    /// After the last job it takes a pool a while to settle.
    pub(crate) settling: Duration,
    pub(crate) length: Duration,
}

pub(crate) const COLUMNS: &[&str] = &["csw_s", "cpu_us_s", "threads", "rss_kib_thread"];

impl Idle {
    pub(crate) fn run<P: Pool>(&self, build: impl FnOnce() -> P) -> Figures {
        let (before, memory) = (threads::count(), threads::resident());
        let pool = build();
        super::warm_up(&pool, self.workers);
        thread::sleep(self.settling);
        let spent = Spent::now();
        thread::sleep(self.length);
        let spent = Spent::now().since(spent);
        let started = threads::count().saturating_sub(before);
        let memory = threads::resident() - memory;
        vec![
            spent.switches as f64 / self.length.as_secs_f64(),
            // Whole microseconds: two counters are subtracted that are not read at once.
            (spent.cpu_s * 1e6).round().max(0.0) / self.length.as_secs_f64(),
            started as f64,
            memory / 1024.0 / started.max(1) as f64,
        ]
    }
}
