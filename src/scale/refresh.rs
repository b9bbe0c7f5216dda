//! Asking a supervisor that rests to report, and waiting until it has.
//!
//! What a recorder shows is what it was told, and a pool at rest tells nobody anything; nor does
//! its supervisor measure anything. Whoever is about to read the figures asks here first.

use std::time::{Duration, Instant};

use crate::run::desk::Inside;
use crate::run::shared::Shared;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering, fence};
use crate::sync::thread::{self, Thread};
use crate::time::instant_now;

/// A supervisor that rests answers within microseconds. Where the system is so busy that it does
/// not, figures that are older are better than none.
const ANSWER_WITHIN: Duration = Duration::from_millis(250);

/// By when an answer that is asked for now is waited for.
pub(crate) fn deadline() -> Instant {
    instant_now() + ANSWER_WITHIN
}

/// How often the figures of a pool were asked for, and how many of these wishes are fulfilled.
#[derive(Default)]
pub(crate) struct Refresh {
    /// Written by whoever asks.
    asked: AtomicU64,
    /// Written by the supervisor: all up to this number have their answer.
    answered: AtomicU64,
    /// Who waits, and for which number.
    waiting: Mutex<Vec<(u64, Thread)>>,
}

impl Refresh {
    /// Asks for a report, if the supervisor rests; the number is for [`Refresh::wait`]. While it
    /// does not rest it reports by itself.
    pub(crate) fn ask(&self, shared: &Shared) -> Option<u64> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        // SeqCst, by Dekker: ask, fence, look whether it is parked; against: park, fence, look
        // whether anybody has asked, in `is_due`.
        fence(Ordering::SeqCst);
        let rests = shared.sleep.look().is_supervisor_parked();
        // A recorder that asks is on the supervisor's own thread.
        let may_wait = rests && !shared.is_forked() && !Inside::is(shared);
        may_wait.then(|| {
            shared.sleep.ring();
            number
        })
    }

    /// Waits until the report is made, or the time is over.
    pub(crate) fn wait(&self, number: u64, until: Instant) {
        self.waiting.lock().push((number, thread::current()));
        // Acquire: pairs with `answer`, so what was told is there. Looked at after this thread is
        // on the list, so either the answer is seen here, or it finds the thread there.
        while self.answered.load(Ordering::Acquire) < number {
            let left = until.saturating_duration_since(instant_now());
            if left.is_zero() {
                break;
            }
            thread::park(Some(left));
        }
        self.waiting.lock().retain(|(other, _)| *other != number);
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

    /// The supervisor has reported. Who waits is woken, and leaves the list by itself.
    pub(crate) fn answer(&self, asked: u64) {
        self.answered.store(asked, Ordering::Release);
        self.waiting.lock().iter().for_each(|(_, thread)| thread.unpark());
    }
}
