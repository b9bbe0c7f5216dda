//! Why the workers of a pool may not just take jobs: a word that is zero in most pools at most
//! times, and the one thing about it that a worker looks at for each job.

use crate::sync::atomic::{AtomicU8, Ordering};

const PAUSED: u8 = 1;
const HOLDS: u8 = 2;

#[derive(Debug)]
pub(crate) struct Restraints(AtomicU8);

impl Restraints {
    pub(crate) fn new() -> Restraints {
        Restraints(AtomicU8::new(0))
    }

    /// Nothing restrains anybody.
    pub(crate) fn are_none(&self) -> bool {
        self.look() == 0
    }

    fn look(&self) -> u8 {
        // Acquire pairs with the releases below.
        self.0.load(Ordering::Acquire)
    }

    /// Somebody has paused the pool.
    pub(crate) fn is_paused(&self) -> bool {
        self.look() & PAUSED != 0
    }

    pub(crate) fn pause(&self) {
        self.0.fetch_or(PAUSED, Ordering::Release);
    }

    pub(crate) fn resume(&self) {
        self.0.fetch_and(!PAUSED, Ordering::Release);
    }

    /// Some worker holds, or has: from then on, for good, each asks whether it is to.
    pub(crate) fn hold(&self) {
        self.0.fetch_or(HOLDS, Ordering::Release);
    }

    pub(crate) fn may_hold(&self) -> bool {
        self.look() & HOLDS != 0
    }
}
