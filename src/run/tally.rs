//! What is counted outside the workers' meters: jobs their submitter runs, jobs that end in the
//! queue and those who settle them, submissions refused, threads that ended.

use super::meter::Meter;
use super::settlers::Settlers;
use crate::outcome::{Outcome, Refusal, StopCause};
use crate::sync::plain::{AtomicU64, Ordering};
use crate::sync::{Mutex, may_be_held_up};

#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) meter: Mutex<Meter>,
    pub(crate) running: AtomicU64,
    pub(crate) settlers: Settlers,
    outcomes: [AtomicU64; Outcome::ALL.len()],
    refused: [AtomicU64; Refusal::ALL.len()],
    stopped: [AtomicU64; StopCause::ALL.len()],
}

impl Tally {
    pub(crate) fn count_outcome(&self, outcome: Outcome) {
        // No longer queued, not yet counted.
        may_be_held_up();
        // Release: as in the meter, whoever sees the outcome sees the job gone from the queue.
        self.outcomes[outcome as usize].fetch_add(1, Ordering::Release);
    }

    pub(crate) fn outcome(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome as usize].load(Ordering::Acquire)
    }

    pub(crate) fn count_refusal(&self, refusal: Refusal, n: u64) {
        self.refused[refusal as usize].fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn refusals(&self, refusal: Refusal) -> u64 {
        self.refused[refusal as usize].load(Ordering::Relaxed)
    }

    /// A worker's thread ends.
    pub(crate) fn count_stop(&self, cause: StopCause) {
        self.stopped[cause as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn stops(&self, cause: StopCause) -> u64 {
        self.stopped[cause as usize].load(Ordering::Relaxed)
    }
}
