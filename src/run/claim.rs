//! The claim word of one job: who may run it, and who may say that it never will.
//!
//! ```text
//! queued ──start──► running ──finish──► finished
//!    │                 └──give_up──► given up ──finish──► finished
//!    └──withdraw──► withdrawn
//! ```
//!
//! Start, cancel, expiry, shutdown and join-inline compete for the same compare-and-swap out of
//! `queued`.
//!
//! * **C1** At most one of them wins it, so a job runs at most once, even if a queue were to hand
//!   it out twice.
//! * **C2** The winner, and nobody else, takes what the job captured: to run it or to free it.
//! * **C3** `give_up` resolves the handle of a job that overran its timeout while it still runs;
//!   the result that comes later is not wanted and is dropped.

#[cfg(loom)]
use crate::run::omit::omitted;
use crate::sync::atomic::{AtomicU8, Ordering};

const QUEUED: u8 = 0;
const RUNNING: u8 = 1;
const GIVEN_UP: u8 = 2;
const FINISHED: u8 = 3;
const WITHDRAWN: u8 = 4;
const STATE: u8 = 7;
const CANCEL_REQUESTED: u8 = 8;

/// What became of an attempt to cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cancel {
    /// The job had not started and never will; the caller must resolve it.
    Withdrawn,
    /// The job is running and was told.
    Requested,
    /// Too late: it is over.
    TooLate,
}

#[derive(Debug)]
pub(crate) struct Claim(AtomicU8);

impl Claim {
    pub(crate) fn new() -> Claim {
        Claim(AtomicU8::new(QUEUED))
    }

    /// Out of `from`, one caller at most (C1).
    fn move_state(&self, from: u8, to: u8) -> bool {
        #[cfg(loom)]
        if omitted("C1") {
            let word = self.0.load(Ordering::Acquire);
            self.0.store(word & !STATE | to, Ordering::Release);
            return word & STATE == from;
        }
        // AcqRel: pairs with itself, so whoever wins sees what the previous holder wrote.
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| {
                (word & STATE == from).then_some(word & !STATE | to)
            })
            .is_ok()
    }

    /// True for the one caller that may run the job (C1).
    #[must_use]
    pub(crate) fn start(&self) -> bool {
        self.move_state(QUEUED, RUNNING)
    }

    /// True for the one caller that may say the job never runs (C1, C2).
    #[must_use]
    pub(crate) fn withdraw(&self) -> bool {
        self.move_state(QUEUED, WITHDRAWN)
    }

    /// Withdraws the job, or tells it if it is running.
    #[must_use]
    pub(crate) fn cancel(&self) -> Cancel {
        if self.withdraw() {
            return Cancel::Withdrawn;
        }
        match self.0.fetch_or(CANCEL_REQUESTED, Ordering::AcqRel) & STATE {
            RUNNING | GIVEN_UP => Cancel::Requested,
            _ => Cancel::TooLate,
        }
    }

    /// True for the caller that may resolve the handle of a job that still runs (C3).
    #[must_use]
    pub(crate) fn give_up(&self) -> bool {
        self.move_state(RUNNING, GIVEN_UP)
    }

    /// The job has ended; true if its result is still wanted (C3).
    #[must_use]
    pub(crate) fn finish(&self) -> bool {
        #[cfg(loom)]
        if omitted("C3") {
            self.0.store(FINISHED, Ordering::Release);
            return true;
        }
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| {
                Some(word & !STATE | FINISHED)
            })
            .is_ok_and(|before| before & STATE == RUNNING)
    }

    pub(crate) fn is_queued(&self) -> bool {
        self.0.load(Ordering::Acquire) & STATE == QUEUED
    }

    /// The handle was resolved while the job still runs.
    pub(crate) fn is_given_up(&self) -> bool {
        self.0.load(Ordering::Acquire) & STATE == GIVEN_UP
    }

    pub(crate) fn is_cancel_requested(&self) -> bool {
        self.0.load(Ordering::Acquire) & CANCEL_REQUESTED != 0
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    /// Attacks C1 and C2: whoever competes, one wins.
    #[test]
    fn of_all_who_want_a_job_one_gets_it() {
        for _ in 0..2_000 {
            let claim = Claim::new();
            let winners: usize = std::thread::scope(|scope| {
                let contenders = [
                    scope.spawn(|| claim.start()),
                    scope.spawn(|| claim.withdraw()),
                    scope.spawn(|| claim.cancel() == Cancel::Withdrawn),
                ];
                let won = contenders.map(|contender| contender.join().expect("nobody panics"));
                won.into_iter().filter(|won| *won).count()
            });
            assert_eq!(winners, 1);
            assert!(!claim.is_queued());
        }
    }

    /// Attacks C3.
    #[test]
    fn a_result_is_wanted_unless_the_job_was_given_up() {
        let in_time = Claim::new();
        assert!(in_time.start());
        assert!(in_time.finish() && !in_time.give_up());
        let too_late = Claim::new();
        assert!(!too_late.give_up(), "it does not run yet");
        assert!(too_late.start() && too_late.give_up() && !too_late.give_up());
        assert!(too_late.is_given_up() && !too_late.finish());
    }

    #[test]
    fn cancelling_tells_a_running_job_and_no_finished_one() {
        let claim = Claim::new();
        assert!(claim.start() && !claim.is_cancel_requested());
        assert_eq!(claim.cancel(), Cancel::Requested);
        assert!(claim.is_cancel_requested() && claim.finish());
        assert_eq!(claim.cancel(), Cancel::TooLate);
    }
}
