//! The counts that workers write: jobs that left the queue, and jobs that their own jobs submit and
//! that do not ask for room. Only this file knows their bits.
//!
//! Each count is the sum of several words, one for a worker while there are no more than
//! [`TURNSTILES`] of them. In one word that all workers write, each job made its cache line change
//! cores, twice if it was submitted inside: with two workers and jobs that submit jobs, 12 % of
//! what a job took.
//!
//! ```text
//!        63                 62 … 0
//! +-----------------+----------------------+
//! | somebody waits  | jobs that left here  |   left
//! +-----------------+----------------------+
//! |     closed      | jobs that came here  |   came
//! +-----------------+----------------------+
//! ```

use crossbeam_utils::CachePadded;

#[cfg(loom)]
use crate::run::omit::omitted;
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The top bit of a word.
pub(super) const FLAG: u64 = 1 << 63;
/// The others.
pub(super) const COUNT: u64 = FLAG - 1;

/// More workers than this share turnstiles: whoever needs a sum reads so many cache lines.
const TURNSTILES: usize = if cfg!(loom) { 2 } else { 16 };

#[derive(Default)]
struct Turnstile {
    left: AtomicU64,
    came: AtomicU64,
}

pub(super) struct Turnstiles {
    all: Box<[CachePadded<Turnstile>]>,
    /// Those in use are the first so many. Changed under the line's lock only, and before the first
    /// job goes through the last of them, so whoever must see that job sees the turnstile.
    open: CachePadded<AtomicUsize>,
}

impl Turnstiles {
    /// One is open: that of the first worker, and of everybody who is none.
    pub(super) fn new() -> Turnstiles {
        Turnstiles {
            all: (0..TURNSTILES).map(|_| CachePadded::default()).collect(),
            open: CachePadded::new(AtomicUsize::new(1)),
        }
    }

    /// Opens that of a worker, if it is closed. To be called under the line's lock, or one that
    /// waits might not have told this turnstile (G3).
    pub(super) fn open(&self, worker: usize, somebody_waits: bool) {
        let before = self.open.fetch_max(worker % TURNSTILES + 1, Ordering::AcqRel);
        #[cfg(loom)]
        let somebody_waits = somebody_waits && !omitted("open");
        if somebody_waits {
            for turnstile in self.opened().iter().skip(before) {
                turnstile.left.fetch_or(FLAG, Ordering::AcqRel);
            }
        }
    }

    fn opened(&self) -> &[CachePadded<Turnstile>] {
        &self.all[..self.open.load(Ordering::Acquire)]
    }

    fn of(&self, worker: usize) -> &Turnstile {
        &self.all[worker % TURNSTILES]
    }

    /// A job comes in from inside; false once this is closed (G2).
    #[must_use]
    pub(super) fn come(&self, worker: usize) -> bool {
        #[cfg(loom)]
        if omitted("come") {
            let is_open = self.of(worker).came.load(Ordering::Acquire) & FLAG == 0;
            self.of(worker).came.fetch_add(u64::from(is_open), Ordering::AcqRel);
            return is_open;
        }
        // Acquire pairs with the close's AcqRel: whoever sees the bit sees what led to it.
        let come = |seen| (seen & FLAG == 0).then_some(seen + 1);
        self.of(worker).came.fetch_update(Ordering::AcqRel, Ordering::Acquire, come).is_ok()
    }

    /// A job has left the queue; true if somebody waits for that (G3).
    #[must_use]
    pub(super) fn leave(&self, worker: usize) -> bool {
        // AcqRel: pairs with the waiter's step on the same word in `tell`, and with readers of the
        // count, who must see that the job has left before they see its outcome.
        self.of(worker).left.fetch_add(1, Ordering::AcqRel) & FLAG != 0
    }

    /// From now on whoever leaves is told that somebody waits (G3). Returns how many have left, by
    /// each turnstile until it was told.
    pub(super) fn tell(&self) -> u64 {
        let told = self.opened();
        #[cfg(loom)]
        if omitted("turnstile") {
            told[0].left.fetch_or(FLAG, Ordering::AcqRel);
            return self.left();
        }
        told.iter().map(|one| one.left.fetch_or(FLAG, Ordering::AcqRel) & COUNT).sum()
    }

    /// Nobody waits any more.
    pub(super) fn forget(&self) {
        for turnstile in self.opened() {
            turnstile.left.fetch_and(COUNT, Ordering::AcqRel);
        }
    }

    /// Lets nobody in any more (G2). Returns how many came.
    pub(super) fn close(&self) -> u64 {
        // Those that are opened later, too.
        self.all.iter().map(|one| one.came.fetch_or(FLAG, Ordering::AcqRel) & COUNT).sum()
    }

    /// How many have left.
    pub(super) fn left(&self) -> u64 {
        self.opened().iter().map(|one| one.left.load(Ordering::Acquire) & COUNT).sum()
    }

    /// How many came in from inside.
    pub(super) fn came(&self) -> u64 {
        self.opened().iter().map(|one| one.came.load(Ordering::Acquire) & COUNT).sum()
    }
}
