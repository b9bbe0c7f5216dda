//! Who has a job on its way out of a pool that never ran: cancelled, expired, or handed back.
//!
//! A job that runs keeps its worker busy until observers were told of its end, and the end of a
//! pool waits for its workers. One that never runs leaves by the hand of whoever found out, for
//! whom nobody waits: no pool is quiet before such a job is counted (`Shared::is_quiet`), but
//! observers heard of it after the end of its pool.
//!
//! * **E1** A settler is counted before its job leaves the queue, by a step that releases. So
//!   whoever finds the queue of a closed pool empty finds every settler that emptied it.
//! * **E2** A settler is done with its job before it is counted out, which releases; whoever finds
//!   that nobody is left acquires it from all of them. So what they told comes before the end.
//! * **E3** The queue is looked at first and the settlers afterwards. The other way round one could
//!   come and take the last job out in between.

#[cfg(loom)]
use crate::run::omit::omitted;
use crate::sync::atomic::{AtomicU64, Ordering};

#[cfg(all(test, loom))]
mod model;

/// How many are at it.
#[derive(Default)]
pub(crate) struct Settlers(AtomicU64);

impl Settlers {
    /// Before the job leaves (E1).
    pub(crate) fn begin(&self) {
        // Relaxed: the step with which the job leaves releases this (E1), and as a change of a word
        // that was released before, it leaves that release intact (E2).
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// After the job is told of (E2).
    pub(crate) fn end(&self) {
        #[cfg(loom)]
        if omitted("E2 release") {
            self.0.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        // Release: pairs with `are_done`.
        self.0.fetch_sub(1, Ordering::Release);
    }

    /// Nobody is at it, and nobody will be: to be asked once the queue is empty for good (E3).
    pub(crate) fn are_done(&self) -> bool {
        #[cfg(loom)]
        if omitted("E2 acquire") {
            return self.0.load(Ordering::Relaxed) == 0;
        }
        // Acquire: pairs with `end`.
        self.0.load(Ordering::Acquire) == 0
    }
}
