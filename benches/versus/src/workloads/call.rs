//! W2: a caller that waits for each result. The round trip, and how long the job took to start.

use std::thread;
use std::time::{Duration, Instant};

use super::{Figures, quantile};
use crate::pools::Pool;
use crate::usage::Spent;

#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) workers: usize,
    /// How long the caller sleeps between two calls.
    pub(crate) gap: Duration,
    pub(crate) calls: usize,
}

pub(crate) const COLUMNS: &[&str] =
    &["rtt_p50_us", "rtt_p99_us", "wake_p50_us", "wake_p99_us", "worker_cpu_us_call"];

impl Call {
    pub(crate) fn run<P: Pool>(&self, pool: &P) -> Figures {
        super::warm_up(pool, self.workers);
        let mut trips = Vec::with_capacity(self.calls);
        let mut wakes = Vec::with_capacity(self.calls);
        let spent = Spent::now();
        for _ in 0..self.calls {
            if self.gap > Duration::ZERO {
                thread::sleep(self.gap);
            }
            let called = Instant::now();
            let started = pool.call(Instant::now);
            trips.push(called.elapsed().as_nanos() as f64 / 1000.0);
            wakes.push(started.duration_since(called).as_nanos() as f64 / 1000.0);
        }
        let spent = Spent::now().since(spent);
        vec![
            quantile(&mut trips, 0.5),
            quantile(&mut trips, 0.99),
            quantile(&mut wakes, 0.5),
            quantile(&mut wakes, 0.99),
            spent.cpu_s * 1e6 / self.calls as f64,
        ]
    }
}
