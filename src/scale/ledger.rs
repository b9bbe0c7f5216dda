//! From counters that only grow to a [`Sample`]: the differences since the last look.
//!
//! The pool and the simulator both build their samples here, so that a policy sees the same
//! things in both.

use std::time::Duration;

use super::arrivals::ArrivalLog;
use super::sample::Sample;
use crate::time::Nanos;

/// The longest time between two looks that is reported: a suspended machine or a clock that steps
/// must not look like an hour of silence.
pub(crate) const ELAPSED_MAX: Duration = Duration::from_secs(1);

/// What was counted by a moment, since the pool was built.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) at: Nanos,
    pub(crate) accepted: u64,
    /// Turned away for want of room in the queue.
    pub(crate) refused: u64,
    pub(crate) left: u64,
    pub(crate) completed: u64,
    pub(crate) busy_ns: u64,
    pub(crate) log2_run_sum: u64,
}

/// What was counted by the last look.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    last: Counts,
    arrivals: ArrivalLog,
}

impl Ledger {
    pub(crate) fn last(&self) -> &Counts {
        &self.last
    }

    /// The counts' share of a sample; workers, bounds and cores are left for the caller.
    /// `outside` submitters wait for room in the queue.
    pub(crate) fn look(&mut self, counts: Counts, outside: u64) -> Sample {
        let last = std::mem::replace(&mut self.last, counts);
        Sample {
            elapsed: counts.at.since(last.at).min(ELAPSED_MAX),
            queued: counts.accepted - counts.left + outside,
            oldest_age: self.arrivals.observe(counts.at, counts.accepted, counts.left),
            arrivals: counts.accepted - last.accepted,
            refused: counts.refused - last.refused,
            dequeues: counts.left - last.left,
            completions: counts.completed - last.completed,
            busy_time: Duration::from_nanos(counts.busy_ns - last.busy_ns),
            log2_service_sum: counts.log2_run_sum - last.log2_run_sum,
            ..Sample::default()
        }
    }
}
