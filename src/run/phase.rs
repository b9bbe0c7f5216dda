//! How far a pool is on its way to its end: a value that only moves forward.

use crate::sync::atomic::{AtomicU8, Ordering};

/// The stages, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Stage {
    /// Takes jobs and runs them.
    Running,
    /// Takes no more jobs, runs those it has.
    Draining,
    /// Starts no more jobs; the running ones have been asked to stop.
    Stopping,
    /// Nothing runs: every worker leaves.
    Leaving,
    /// Every thread has ended.
    Ended,
}

#[derive(Debug)]
pub(crate) struct Phase(AtomicU8);

impl Phase {
    pub(crate) fn new() -> Phase {
        Phase(AtomicU8::new(Stage::Running as u8))
    }

    pub(crate) fn stage(&self) -> Stage {
        match self.0.load(Ordering::Acquire) {
            0 => Stage::Running,
            1 => Stage::Draining,
            2 => Stage::Stopping,
            3 => Stage::Leaving,
            _ => Stage::Ended,
        }
    }

    /// Moves on to `stage`; never back. True for the one who does.
    pub(crate) fn advance(&self, stage: Stage) -> bool {
        self.0.fetch_max(stage as u8, Ordering::AcqRel) < stage as u8
    }

    pub(crate) fn is_running(&self) -> bool {
        self.stage() == Stage::Running
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stage() >= Stage::Stopping
    }
}
