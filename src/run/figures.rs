//! What is told of one lane: plain values, folded under the lock of the lanes.

use crate::outcome::{Outcome, Refusal};
use crate::run::histogram::Cells;
use crate::sync::Arc;

/// The lanes of a pool that are told of by name; the others are [`OTHERS`](crate::name::OTHERS).
pub(crate) const LANES_NAMED: usize = 16;

/// Everything counted since the lane was opened first, and its levels, as of one moment.
#[derive(Clone, Debug)]
pub(crate) struct LaneFigures {
    pub(crate) name: Arc<str>,
    pub(crate) waiting: u64,
    pub(crate) capacity: u64,
    /// In the pool's queue.
    pub(crate) queued: u64,
    pub(crate) running: u64,
    pub(crate) accepted: u64,
    /// By [`Refusal`].
    pub(crate) refused: [u64; Refusal::ALL.len()],
    /// By [`Outcome`].
    pub(crate) outcomes: [u64; Outcome::ALL.len()],
    /// From submission to start, of every job that ran and is over.
    pub(crate) wait: Cells,
}

impl LaneFigures {
    /// Adds another lane that goes by the same name.
    pub(crate) fn merge(&mut self, other: &LaneFigures) {
        self.waiting += other.waiting;
        self.capacity = self.capacity.saturating_add(other.capacity);
        self.queued += other.queued;
        self.running += other.running;
        self.accepted += other.accepted;
        let refused = self.refused.iter_mut().zip(other.refused);
        refused.for_each(|(mine, more)| *mine += more);
        let outcomes = self.outcomes.iter_mut().zip(other.outcomes);
        outcomes.for_each(|(mine, more)| *mine += more);
        self.wait.merge(&other.wait);
    }
}
