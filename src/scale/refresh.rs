//! Asking a supervisor that rests to report, and waiting until it has.
//!
//! What a recorder shows is what it was told, and a pool at rest tells nobody anything; nor does
//! its supervisor measure anything. Whoever is about to read the figures asks here first.
//!
//! * **A1** A wish is counted before its asker looks whether the supervisor is parked. The
//!   supervisor looks for wishes once it counts as parked, before it rests. Each has a `SeqCst`
//!   fence in between: the supervisor sees the wish, or the asker sees that it is to ring.
//! * **A2** The supervisor reads how many wishes there are before it reads the figures, and
//!   acquires what their askers had seen by then: an answer is never older than the wish.
//! * **A3** An answer is released after the report is made, and whoever waits acquires it: what was
//!   told is there.
//! * **A4** Whoever waits is on the list before it looks for the answer, and the answer is there
//!   before the supervisor looks at the list: the waiter finds the answer, or is woken.
//! * **A5** Reporting is somebody else's code, which may park on the supervisor's thread and use up
//!   a ring. So the supervisor looks for wishes again between a report and a rest that nothing but
//!   a ring ends.

use std::time::{Duration, Instant};

#[cfg(loom)]
use crate::run::omit::omitted;
use crate::run::sleep::Sleep;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering, fence};
use crate::sync::thread::{self, Thread};
use crate::time::instant_now;

#[cfg(all(test, loom))]
mod model;

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
    pub(crate) fn ask(&self, sleep: &Sleep) -> Option<u64> {
        // Release: pairs with `asked` (A2).
        let number = self.asked.fetch_add(1, Ordering::Release) + 1;
        // SeqCst, by Dekker: ask, fence, look whether it is parked; against: park, fence, look
        // whether anybody has asked, in `is_due` (A1).
        fence_of("ask");
        sleep.look().is_supervisor_parked().then(|| {
            sleep.ring();
            number
        })
    }

    /// Waits until the report is made, or the time is over.
    pub(crate) fn wait(&self, number: u64, until: Instant) {
        #[cfg(loom)]
        if omitted("A4") && !self.is_answered(number) {
            self.waiting.lock().push((number, thread::current()));
            thread::park(None);
        }
        self.waiting.lock().push((number, thread::current()));
        // Looked at after this thread is on the list (A4).
        while !self.is_answered(number) {
            let left = until.saturating_duration_since(instant_now());
            if left.is_zero() {
                break;
            }
            thread::park(Some(left));
        }
        self.waiting.lock().retain(|(other, _)| *other != number);
    }

    fn is_answered(&self, number: u64) -> bool {
        // Acquire: pairs with `answer` (A3).
        self.answered.load(Ordering::Acquire) >= number
    }

    /// Whether a report is asked for; for the supervisor, also once it counts as parked.
    pub(crate) fn is_due(&self) -> bool {
        // SeqCst: the other half of the argument in `ask` (A1).
        fence_of("due");
        self.asked() > self.answered.load(Ordering::Relaxed)
    }

    /// To be read before the figures are: what is asked for later is not answered with them (A2).
    pub(crate) fn asked(&self) -> u64 {
        #[cfg(loom)]
        if omitted("A2") {
            return self.asked.load(Ordering::Relaxed);
        }
        // Acquire: pairs with `ask`.
        self.asked.load(Ordering::Acquire)
    }

    /// The supervisor has reported. Who waits is woken, and leaves the list by itself.
    pub(crate) fn answer(&self, asked: u64) {
        #[cfg(loom)]
        let order = if omitted("A3") { Ordering::Relaxed } else { Ordering::Release };
        #[cfg(not(loom))]
        let order = Ordering::Release;
        // After the report (A3), and before the look at the list (A4).
        self.answered.store(asked, order);
        self.waiting.lock().iter().for_each(|(_, thread)| thread.unpark());
    }
}

/// The fence of one side (A1), which a model may leave out.
fn fence_of(_side: &str) {
    #[cfg(loom)]
    if omitted(_side) {
        return;
    }
    // SeqCst: by the argument in `ask`.
    fence(Ordering::SeqCst);
}
