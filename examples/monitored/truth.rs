//! What became of the jobs, counted by themselves and by whoever submitted them.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde_json::{Value, json};

/// The ends of the jobs of one pool; clones count together.
#[derive(Clone, Default)]
pub(crate) struct Truth(Arc<Counts>);

#[derive(Default)]
struct Counts {
    ends: [AtomicU64; ENDS.len()],
    /// Nanoseconds from just before the submission to the first step of the job.
    waits: Mutex<Vec<u64>>,
}

/// How a job can end; the words are those of the label `outcome`, but for the last.
#[derive(Clone, Copy)]
pub(crate) enum End {
    Ok,
    Error,
    Panic,
    Timeout,
    Expired,
    Cancelled,
    Refused,
}

const ENDS: [&str; 7] = ["ok", "error", "panic", "timeout", "expired", "cancelled", "refused"];

impl Truth {
    pub(crate) fn is(&self, end: End) {
        self.0.ends[end as usize].fetch_add(1, Relaxed);
    }

    /// Called by a job first of all.
    pub(crate) fn waited_since(&self, submitted: Instant) {
        let waits = &mut self.0.waits.lock().unwrap_or_else(PoisonError::into_inner);
        waits.push(submitted.elapsed().as_nanos() as u64);
    }

    fn json(&self) -> Value {
        let ends = ENDS.iter().zip(&self.0.ends);
        let mut json: Value = ends.map(|(word, count)| (*word, count.load(Relaxed))).collect();
        let waits = &mut self.0.waits.lock().unwrap_or_else(PoisonError::into_inner);
        waits.sort_unstable();
        let at = (waits.len() * 99).div_ceil(100);
        let p99 = at.checked_sub(1).map(|index| waits[index] as f64 / 1e9);
        json["wait_p99_seconds"] = json!(p99);
        json
    }
}

/// All of it, by the names of the pools, on one line.
pub(crate) fn told<'a>(pools: impl Iterator<Item = (&'a str, &'a Truth)>) -> Value {
    pools.map(|(pool, truth)| (pool, truth.json())).collect()
}
