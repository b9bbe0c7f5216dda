//! Asking a supervisor that rests to report, and waiting until it has.
//!
//! What a recorder shows is what it was told, and a pool at rest tells nobody anything. Whoever is
//! about to read a recorder asks here first.

use std::time::Instant;

use crate::run::shared::Shared;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering, fence};
use crate::sync::thread::{self, Thread};
use crate::time::instant_now;

/// How often the figures of a pool were asked for, and how many of these wishes are fulfilled.
#[derive(Default)]
pub(crate) struct Refresh {
    /// Written by whoever asks.
    asked: AtomicU64,
    /// Written by the supervisor: all up to this number have their answer.
    answered: AtomicU64,
    waiting: Mutex<Vec<Thread>>,
}

impl Refresh {
    /// Asks for a report, if the supervisor rests; the number is for [`Refresh::wait`]. While it
    /// does not rest it reports by itself.
    pub(crate) fn ask(&self, shared: &Shared) -> Option<u64> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        // SeqCst, by Dekker: ask, fence, look whether it is parked; against: park, fence, look
        // whether anybody has asked, in `is_due`.
        fence(Ordering::SeqCst);
        let rests = shared.sleep.look().is_supervisor_parked() && !shared.is_forked();
        rests.then(|| {
            shared.sleep.ring();
            number
        })
    }

    /// Waits until the report is made, or the time is over.
    pub(crate) fn wait(&self, number: u64, until: Instant) {
        loop {
            self.waiting.lock().push(thread::current());
            // Acquire: pairs with `answer`, so the recorder has what it was told. Looked at after
            // this thread is on the list, so either the answer is seen here, or it sees the list.
            let is_answered = self.answered.load(Ordering::Acquire) >= number;
            let left = until.saturating_duration_since(instant_now());
            let is_over = is_answered || left.is_zero();
            if !is_over {
                thread::park(Some(left));
            }
            let me = thread::current().id();
            self.waiting.lock().retain(|thread| thread.id() != me);
            if is_over {
                return;
            }
        }
    }

    /// Whether a report is asked for; for the supervisor, also once it counts as parked.
    pub(crate) fn is_due(&self) -> bool {
        // SeqCst: the other half of the argument in `ask`.
        fence(Ordering::SeqCst);
        self.asked() > self.answered.load(Ordering::Relaxed)
    }

    /// To be read before the figures are: what is asked for later is not answered with them.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// The supervisor has reported.
    pub(crate) fn answer(&self, asked: u64) {
        self.answered.store(asked, Ordering::Release);
        let waiting = std::mem::take(&mut *self.waiting.lock());
        waiting.into_iter().for_each(|thread| thread.unpark());
    }
}
