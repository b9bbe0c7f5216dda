//! The word that submitters write: jobs let in from outside, and places held for jobs to come. Only
//! this file knows its bits.
//!
//! ```text
//!     63       62 … 49         48 … 0
//! +--------+-------------+---------------+
//! | closed | places held | jobs admitted |
//! +--------+-------------+---------------+
//! ```
//!
//! In one word, so that no submitter takes a place that another has just been given to hold. A
//! million jobs a second fill 49 bits in eighteen years; after that the queue reads as full.

#[cfg(loom)]
use crate::run::omit::omitted;
use crate::sync::atomic::{AtomicU64, Ordering};

const CLOSED: u64 = 1 << 63;
const HELD_SHIFT: u32 = 49;
const ONE_HELD: u64 = 1 << HELD_SHIFT;
/// The most jobs that can be counted.
pub(super) const COUNT: u64 = ONE_HELD - 1;
/// The most places that can be held at once.
pub(crate) const MAX_HELD: u64 = (1 << (63 - HELD_SHIFT)) - 1;

pub(super) struct Entrance {
    word: AtomicU64,
    /// The first place that may not be taken, as last seen. Spares submitters the lines that
    /// workers write.
    pub(super) limit: AtomicU64,
}

/// The word as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen(u64);

impl Seen {
    pub(super) fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    pub(super) fn admitted(self) -> u64 {
        self.0 & COUNT
    }

    pub(super) fn held(self) -> u64 {
        (self.0 & !CLOSED) >> HELD_SHIFT
    }

    /// Places ever taken and not given back unused; as many as the limit says is the most.
    pub(super) fn taken(self) -> u64 {
        self.admitted() + self.held()
    }
}

impl Entrance {
    pub(super) fn new(limit: u64) -> Entrance {
        Entrance { word: AtomicU64::new(0), limit: AtomicU64::new(limit.min(COUNT)) }
    }

    pub(super) fn look(&self) -> Seen {
        // Acquire pairs with the close's AcqRel: whoever sees the bit sees what led to it.
        Seen(self.word.load(Ordering::Acquire))
    }

    /// The places that are free as far as the limit is known; none if this is closed or some are
    /// held, for which a closer look is due. One comparison: no limit is as large as such a word.
    #[inline]
    pub(super) fn plain_room(&self, seen: Seen) -> u64 {
        self.limit.load(Ordering::Relaxed).saturating_sub(seen.0)
    }

    /// Lets `n` jobs in, unless the word has changed since it was `seen`.
    #[inline]
    pub(super) fn admit(&self, seen: Seen, n: u64) -> Result<(), Seen> {
        #[cfg(loom)]
        if omitted("G2") {
            self.word.fetch_add(n, Ordering::AcqRel);
            return Ok(());
        }
        self.change(seen, seen.0 + n)
    }

    /// Holds `n` places, unless the word has changed since it was `seen` (G6).
    pub(super) fn hold(&self, seen: Seen, n: u64) -> Result<(), Seen> {
        self.change(seen, seen.0 + n * ONE_HELD)
    }

    #[inline]
    fn change(&self, seen: Seen, to: u64) -> Result<(), Seen> {
        self.word
            .compare_exchange_weak(seen.0, to, Ordering::AcqRel, Ordering::Acquire)
            .map(drop)
            .map_err(Seen)
    }

    /// Lets one in whatever the limit says, and though it is closed.
    pub(super) fn admit_due(&self) {
        self.word.fetch_add(1, Ordering::AcqRel);
    }

    /// Lets one job in whatever the limit says; false once this is closed (G2).
    pub(super) fn admit_over_the_bound(&self) -> bool {
        let admit = |word| (word & CLOSED == 0).then_some(word + 1);
        self.word.fetch_update(Ordering::AcqRel, Ordering::Acquire, admit).is_ok()
    }

    /// Counts jobs in that were let in before, closed or not (R2).
    pub(super) fn admit_from_room(&self, jobs: u64) {
        self.word.fetch_add(jobs, Ordering::AcqRel);
    }

    /// Lets one job in, to a place that is held (G6); false once this is closed (G2).
    pub(super) fn redeem(&self) -> bool {
        #[cfg(loom)]
        if omitted("redeem") {
            self.give_back(1);
            return self.admit_over_the_bound();
        }
        let redeem = |word| (word & CLOSED == 0).then_some(word - ONE_HELD + 1);
        self.word.fetch_update(Ordering::AcqRel, Ordering::Acquire, redeem).is_ok()
    }

    /// `n` places are held no more.
    pub(super) fn give_back(&self, n: u64) {
        self.word.fetch_sub(n * ONE_HELD, Ordering::AcqRel);
    }

    /// Lets nobody in any more (G2). Returns how many jobs were.
    pub(super) fn close(&self) -> u64 {
        Seen(self.word.fetch_or(CLOSED, Ordering::AcqRel)).admitted()
    }
}
