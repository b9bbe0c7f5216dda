//! Seams for tests and benches: a clock set by hand, threads that are refused, wake-ups that get
//! lost, and the pieces of what measuring a job costs.

use crate::outcome::Outcome;
pub use crate::run::parker::{Parker, SystemParker};
pub use crate::run::spawner::{Spawner, SystemSpawner, ThreadHandle};
pub use crate::time::{Clock, ManualClock};

use crate::run::histogram::Histogram;
use crate::run::meter::Meter;
use crate::time::Nanos;

/// What a job pays for being measured, piece by piece, for `benches/instrumentation.rs`.
#[derive(Debug, Default)]
pub struct Pieces {
    clock: Clock,
    histogram: Histogram,
    meter: Meter,
}

impl Pieces {
    /// One reading of the clock, as each job costs two: when it is submitted and when it has
    /// ended, which is when the next one starts.
    pub fn read_clock(&self) -> u64 {
        self.clock.now().0
    }

    /// One duration recorded in one histogram; a job has two.
    pub fn record(&self, ns: u64) {
        self.histogram.record(ns);
    }

    /// Everything that a worker writes down about one job, its outcome included.
    pub fn account(&self, queued_at: u64, started: u64, ended: u64) {
        self.meter.job_ran(Outcome::Ok, Nanos(queued_at), Nanos(started), Nanos(ended));
    }

    /// The outcome alone.
    pub fn count(&self) {
        self.meter.job_over(Outcome::Ok);
    }
}
