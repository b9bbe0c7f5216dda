//! How many threads a pool has, looked at every few milliseconds from outside.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often it is looked.
const EVERY: Duration = Duration::from_millis(5);

/// The threads of this process; 0 where the system does not say.
pub(crate) fn count() -> usize {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name is in brackets and may hold anything; num_threads is the 18th field behind it.
    let behind = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
    behind.split_whitespace().nth(17).and_then(|field| field.parse().ok()).unwrap_or(0)
}

/// Resident memory of this process in bytes; 0 where the system does not say.
pub(crate) fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(0.0) * 1024.0
}

/// Counts while it runs.
pub(crate) struct Census {
    began: Instant,
    stop: Arc<AtomicBool>,
    counter: JoinHandle<Counts>,
}

/// What was there when, without the threads that there were before.
pub(crate) struct Counts(Vec<(Duration, usize)>);

impl Census {
    /// Begins to count; to be called before the pool is built. As many threads as `ours` are the
    /// workload's own, and start later.
    pub(crate) fn start(ours: usize) -> Census {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let before = count() + 1 + ours;
        let began = Instant::now();
        let counter = thread::spawn(move || {
            let mut counts = Vec::new();
            while !stopped.load(Ordering::Acquire) {
                counts.push((began.elapsed(), count().saturating_sub(before)));
                thread::sleep(EVERY);
            }
            Counts(counts)
        });
        Census { began, stop, counter }
    }

    /// What its counts are timed from.
    pub(crate) fn began(&self) -> Instant {
        self.began
    }

    pub(crate) fn end(self) -> Counts {
        self.stop.store(true, Ordering::Release);
        self.counter.join().expect("counting does not panic")
    }
}

impl Counts {
    pub(crate) fn peak(&self) -> usize {
        self.0.iter().map(|(_, threads)| *threads).max().unwrap_or(0)
    }

    /// The threads there were at the end, the last look left out: a cell is ending then.
    pub(crate) fn last(&self) -> usize {
        self.0.iter().rev().nth(1).map_or(0, |(_, threads)| *threads)
    }

    /// Threads times seconds.
    pub(crate) fn seconds(&self) -> f64 {
        let pairs = self.0.windows(2);
        pairs.map(|pair| pair[0].1 as f64 * (pair[1].0 - pair[0].0).as_secs_f64()).sum()
    }

    pub(crate) fn average(&self) -> f64 {
        let length = self.0.last().map_or(0.0, |(at, _)| at.as_secs_f64());
        self.seconds() / length.max(1e-9)
    }

    /// Seconds from `since` until there were no more than `few` threads for good, or infinity.
    pub(crate) fn back_at(&self, few: usize, since: Duration) -> f64 {
        let above = self.0.iter().rposition(|(_, threads)| *threads > few);
        let next = above.map_or(0, |above| above + 1);
        let back = self.0.get(next).map(|(at, _)| at.saturating_sub(since).as_secs_f64());
        back.unwrap_or(f64::INFINITY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(threads: &[usize]) -> Counts {
        let at = |second: usize| Duration::from_secs(second as u64);
        Counts(threads.iter().enumerate().map(|(n, threads)| (at(n), *threads)).collect())
    }

    #[test]
    fn a_pool_is_back_when_it_does_not_grow_again() {
        let since = Duration::from_secs(1);
        assert_eq!(counts(&[3, 9, 3, 9, 3, 3]).back_at(3, since), 3.0);
        assert_eq!(counts(&[3, 9, 9]).back_at(3, since), f64::INFINITY);
        assert_eq!(counts(&[3, 3, 3]).back_at(3, since), 0.0);
    }

    #[test]
    fn threads_are_summed_over_time() {
        let counts = counts(&[2, 4, 4, 0]);
        assert_eq!((counts.seconds(), counts.peak(), counts.last()), (10.0, 4, 4));
    }
}
