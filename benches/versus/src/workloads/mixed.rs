//! W5: jobs that compute among jobs that sleep, at a load the cores can just bear. How many are
//! done, and how long those that compute take from their arrival to their end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Figures, Machine, quantile};
use crate::pools::Pool;
use crate::spin::spin;
use crate::tally;
use crate::threads::Census;
use crate::usage::{Spent, cores, sleep_until};

#[derive(Clone, Debug)]
pub(crate) struct Mixed {
    pub(crate) length: Duration,
}

/// One job in five computes.
const COMPUTES_ONE_IN: u64 = 5;
const COMPUTING: Duration = Duration::from_millis(2);
const SLEEPING: Duration = Duration::from_millis(10);
const LOAD: f64 = 0.85;
/// Nobody waits for longer than this for the last job; what has not ended by then took until then.
const PATIENCE: Duration = Duration::from_secs(20);
/// Arrivals are alike for all pools.
const SEED: u64 = 0x5eed;

pub(crate) const COLUMNS: &[&str] = &[
    "jobs_s",
    "cpu_soj_p50_ms",
    "cpu_soj_p99_ms",
    "sleep_soj_p99_ms",
    "csw_job",
    "peak_threads",
    "avg_threads",
];
pub(crate) const KEY: usize = 2;

/// When a job comes, and whether it computes.
struct Arrival {
    at: Duration,
    computes: bool,
}

impl Mixed {
    /// Arrivals by chance at the rate that loads the cores as said.
    fn arrivals(&self) -> Vec<Arrival> {
        let mean_cpu = COMPUTING.as_secs_f64() / COMPUTES_ONE_IN as f64;
        let rate = LOAD * cores() as f64 / mean_cpu;
        let mut word = SEED;
        let mut chance = move || {
            // SplitMix64: short, and good enough for gaps.
            word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = word;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
        };
        let mut at = 0.0;
        let mut arrivals = Vec::new();
        loop {
            at -= (1.0 - chance()).ln() / rate;
            if at >= self.length.as_secs_f64() {
                return arrivals;
            }
            let computes = chance() * (COMPUTES_ONE_IN as f64) < 1.0;
            arrivals.push(Arrival { at: Duration::from_secs_f64(at), computes });
        }
    }

    pub(crate) fn run<P: Pool>(&self, build: impl FnOnce() -> P, machine: &Machine) -> Figures {
        let arrivals = self.arrivals();
        let census = Census::start(0);
        let pool = build();
        let ends: Arc<Vec<AtomicU64>> =
            Arc::new(arrivals.iter().map(|_| AtomicU64::new(u64::MAX)).collect());
        let steps = COMPUTING.as_micros() as u64 * machine.steps_per_us;
        let goal = tally::total() + arrivals.len() as u64;
        let spent = Spent::now();
        let began = Instant::now();
        for (number, arrival) in arrivals.iter().enumerate() {
            sleep_until(began + arrival.at);
            let (ends, computes) = (ends.clone(), arrival.computes);
            pool.execute(move || {
                if computes {
                    spin(steps);
                } else {
                    thread::sleep(SLEEPING);
                }
                ends[number].store(began.elapsed().as_nanos() as u64, Ordering::Release);
                tally::done();
            });
        }
        while tally::total() < goal && began.elapsed() < self.length + PATIENCE {
            thread::sleep(Duration::from_millis(2));
        }
        let took = began.elapsed();
        let done = tally::total() + arrivals.len() as u64 - goal;
        let spent = Spent::now().since(spent);
        let threads = census.end();
        let sojourns = |computes: bool| -> Vec<f64> {
            let pairs = arrivals.iter().zip(ends.iter()).filter(|(a, _)| a.computes == computes);
            let end = |end: &AtomicU64| end.load(Ordering::Acquire).min(took.as_nanos() as u64);
            pairs.map(|(a, e)| (end(e) as f64 - a.at.as_nanos() as f64) / 1e6).collect()
        };
        let (mut computing, mut sleeping) = (sojourns(true), sojourns(false));
        vec![
            done as f64 / took.as_secs_f64(),
            quantile(&mut computing, 0.5),
            quantile(&mut computing, 0.99),
            quantile(&mut sleeping, 0.99),
            spent.switches as f64 / done as f64,
            threads.peak() as f64,
            threads.average(),
        ]
    }
}
