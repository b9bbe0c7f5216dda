//! W4: bursts of blocking jobs over a trickle. How long jobs wait, how many threads that takes and
//! for how long, and what the burst costs whoever submits it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Figures, quantile};
use crate::pools::Pool;
use crate::threads::Census;
use crate::usage::sleep_until;

#[derive(Clone, Debug)]
pub(crate) struct Burst {
    /// When the bursts come, in milliseconds.
    pub(crate) at_ms: &'static [u64],
    pub(crate) jobs: usize,
    pub(crate) length: Duration,
    /// When the trickle ends, and with it the cell.
    pub(crate) end: Duration,
}

/// A job of the trickle comes so often, and sleeps for so long.
const TRICKLE_EVERY: Duration = Duration::from_millis(20);
const TRICKLE_LENGTH: Duration = Duration::from_millis(1);
/// A pool is back when it has no more threads than these: the two it keeps, a supervisor or
/// reactor, and one to spare for the trickle.
const FEW: usize = 4;

pub(crate) const COLUMNS: &[&str] = &[
    "wait_p50_ms",
    "wait_p99_ms",
    "drain_ms",
    "burst_submit_us",
    "trickle_p99_ms",
    "peak_threads",
    "thread_s",
    "back_s",
    "threads_at_end",
];
pub(crate) const KEY: usize = 1;

/// Waits in nanoseconds, a cell for each job. What never started waited until the end.
type Waits = Arc<Vec<AtomicU64>>;

fn waits(jobs: usize) -> Waits {
    Arc::new((0..jobs).map(|_| AtomicU64::new(u64::MAX)).collect())
}

fn milliseconds(waits: &Waits, end: Duration) -> Vec<f64> {
    let most = end.as_nanos() as u64;
    waits.iter().map(|wait| wait.load(Ordering::Acquire).min(most) as f64 / 1e6).collect()
}

fn submit<P: Pool>(pool: &P, waits: &Waits, number: usize, due: Instant, length: Duration) {
    let waits = waits.clone();
    pool.execute(move || {
        let wait = Instant::now().saturating_duration_since(due);
        waits[number].store(wait.as_nanos() as u64, Ordering::Release);
        thread::sleep(length);
    });
}

impl Burst {
    pub(crate) fn run<P: Pool>(&self, build: impl FnOnce() -> P) -> Figures {
        // The trickle has a thread of its own.
        let census = Census::start(1);
        let pool = build();
        let began = Instant::now();
        let count = (self.end.as_nanos() / TRICKLE_EVERY.as_nanos()) as usize;
        let trickle = waits(count);
        let trickler = {
            let (pool, trickle) = (pool.clone(), trickle.clone());
            thread::spawn(move || {
                for number in 0..count {
                    let due = began + TRICKLE_EVERY * number as u32;
                    sleep_until(due);
                    submit(&pool, &trickle, number, due, TRICKLE_LENGTH);
                }
            })
        };
        let bursts = waits(self.jobs * self.at_ms.len());
        let mut submitting: Vec<f64> = Vec::new();
        for (burst, at) in self.at_ms.iter().enumerate() {
            let due = began + Duration::from_millis(*at);
            sleep_until(due);
            let start = Instant::now();
            for number in 0..self.jobs {
                submit(&pool, &bursts, burst * self.jobs + number, due, self.length);
            }
            submitting.push(start.elapsed().as_nanos() as f64 / 1000.0);
        }
        trickler.join().expect("the trickle does not panic");
        let since = began.duration_since(census.began());
        let threads = census.end();
        let mut bursts = milliseconds(&bursts, self.end);
        let mut trickle = milliseconds(&trickle, self.end);
        let last = Duration::from_millis(self.at_ms.last().copied().unwrap_or(0));
        let of_last = &bursts[bursts.len() - self.jobs..];
        let waited_ms = of_last.iter().copied().fold(0.0, f64::max);
        let drain = Duration::from_secs_f64(waited_ms / 1e3) + self.length;
        vec![
            quantile(&mut bursts, 0.5),
            quantile(&mut bursts, 0.99),
            drain.as_secs_f64() * 1e3,
            quantile(&mut submitting, 0.5),
            quantile(&mut trickle, 0.99),
            threads.peak() as f64,
            threads.seconds(),
            threads.back_at(FEW, since + last + drain),
            threads.last() as f64,
        ]
    }
}
