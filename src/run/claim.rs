//! The word of one job: who may run it, who may say that it never will, and whose its place is.
//!
//! ```text
//! queued ──start──► running ──finish──► finished ──publish──► published
//!    │                 └──give_up──► given up, and published
//!    └──withdraw──► withdrawn ──publish──► published
//! ```
//!
//! Start, cancel, expiry, shutdown and join-inline compete for the same compare-and-swap out of
//! `queued`. What the job captured lies in a place without a lock ([`job`](super::job)), and its
//! result when it has ended; the word says whose turn it is there.
//!
//! * **C1** At most one of them wins it, so a job runs at most once, even if a queue were to hand
//!   it out twice.
//! * **C2** The winner, and nobody else, takes what the job captured: to run it or to free it.
//! * **C3** `give_up` resolves the handle of a job that overran its timeout while it still runs,
//!   and says so in the word alone: the place stays the runner's. The result that comes later is
//!   not wanted and is dropped.
//! * **C4** The place is the winner's until the job is published, and from then on the handle's.
//!   Publishing releases, once; who sees it acquires.
//! * **C5** A handle that waits leaves its waiter before it says so in the word. Saying so and
//!   publishing are read-modify-writes: of two the second sees the first, so either the publisher
//!   wakes or the handle finds the result.
//! * **C6** So are letting go and publishing: whoever is second drops the result, once.
//! * **C7** A waiter is put and taken under its lock, each in place of the one before, so it is the
//!   latest that is woken; whoever has taken one out wakes or drops it outside.
//! * **C8** Who has a turn at a job and unwinds leaves it in the [`wrecks`](super::wrecks). Whoever
//!   catches that accounts for the job, and then says to its handle that it is lost, or what came
//!   of it, if it had been run.

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
/// The result is there, or the word says what it is.
const PUBLISHED: u8 = 16;
/// The handle has left a waiter.
const AWAITED: u8 = 32;
/// There is no handle any more.
const DETACHED: u8 = 64;
/// The job has asked for a token of its own.
const TOKEN_LENT: u8 = 128;

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

/// One value of the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen(u8);

impl Seen {
    fn state(self) -> u8 {
        self.0 & STATE
    }

    /// The handle may look at the place, unless the job was given up (C4).
    pub(crate) fn is_published(self) -> bool {
        self.0 & PUBLISHED != 0
    }

    /// The handle was resolved while the job still ran (C3).
    pub(crate) fn is_given_up(self) -> bool {
        self.state() == GIVEN_UP
    }

    pub(crate) fn is_awaited(self) -> bool {
        self.0 & AWAITED != 0
    }

    pub(crate) fn is_detached(self) -> bool {
        self.0 & DETACHED != 0
    }

    /// It runs on, and is not wanted any more.
    pub(crate) fn is_to_stop(self) -> bool {
        self.0 & CANCEL_REQUESTED != 0 || self.is_given_up()
    }

    /// Whoever stops the job has a token to cancel (K5).
    pub(crate) fn has_lent_token(self) -> bool {
        self.0 & TOKEN_LENT != 0
    }
}

#[derive(Debug)]
pub(crate) struct Claim(AtomicU8);

impl Claim {
    pub(crate) fn new() -> Claim {
        Claim(AtomicU8::new(QUEUED))
    }

    /// Out of `from`, one caller at most (C1).
    fn move_state(&self, from: u8, to: u8) -> Option<Seen> {
        #[cfg(loom)]
        if omitted("C1") {
            let word = self.0.load(Ordering::Acquire);
            self.0.store(word & !STATE | to, Ordering::Release);
            return (word & STATE == from).then_some(Seen(word));
        }
        // AcqRel: pairs with itself, so whoever wins sees what the previous holder wrote.
        let moved = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| {
            (word & STATE == from).then_some(word & !STATE | to)
        });
        moved.ok().map(Seen)
    }

    /// True for the one caller that may run the job (C1).
    #[must_use]
    pub(crate) fn start(&self) -> bool {
        self.move_state(QUEUED, RUNNING).is_some()
    }

    /// True for the one caller that may say the job never runs (C1, C2).
    #[must_use]
    pub(crate) fn withdraw(&self) -> bool {
        self.move_state(QUEUED, WITHDRAWN).is_some()
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

    /// Resolves the handle of a job that still runs; to the one caller who does, the word as it was
    /// (C3).
    #[must_use]
    pub(crate) fn give_up(&self) -> Option<Seen> {
        self.move_state(RUNNING, GIVEN_UP | PUBLISHED)
    }

    /// The job has ended; true if its result is still wanted (C3).
    #[must_use]
    pub(crate) fn finish(&self) -> bool {
        #[cfg(loom)]
        if omitted("C3") {
            self.0.store(FINISHED, Ordering::Release);
            return true;
        }
        self.move_state(RUNNING, FINISHED).is_some()
    }

    /// Hands the place to the handle, or keeps it if there is none any more: the word as it was
    /// says which, and whether somebody waits (C4, C5, C6). Once, by who won the claim, when the
    /// result is in its place.
    #[must_use]
    pub(super) fn publish(&self) -> Seen {
        #[cfg(loom)]
        if omitted("C4") {
            return Seen(self.0.fetch_or(PUBLISHED, Ordering::Relaxed));
        }
        // Release: pairs with `look`, `wait` and `detach`, which then may have the place. Acquire:
        // pairs with `wait`, whose waiter is in its place.
        Seen(self.0.fetch_or(PUBLISHED, Ordering::AcqRel))
    }

    /// The handle has left a waiter (C5); the word as it was.
    #[must_use]
    pub(super) fn wait(&self) -> Seen {
        // AcqRel: pairs with `publish`, both ways.
        let before = Seen(self.0.fetch_or(AWAITED, Ordering::AcqRel));
        #[cfg(loom)]
        if omitted("C5") {
            return Seen(before.0 & !PUBLISHED);
        }
        before
    }

    /// The handle lets go: the place is not its own and never will be, unless the word as it was
    /// says that it is already (C6).
    #[must_use]
    pub(super) fn detach(&self) -> Seen {
        #[cfg(loom)]
        if omitted("C6") {
            let stale = self.look();
            self.0.fetch_or(DETACHED, Ordering::AcqRel);
            return stale;
        }
        // Acquire: pairs with `publish`. Nothing is released: the handle was never in the place.
        Seen(self.0.fetch_or(DETACHED, Ordering::Acquire))
    }

    /// The running job has a token of its own from now on (K5); the word as it was.
    #[must_use]
    pub(crate) fn lend_token(&self) -> Seen {
        // AcqRel: pairs with `cancel` and `give_up`, both ways.
        Seen(self.0.fetch_or(TOKEN_LENT, Ordering::AcqRel))
    }

    /// As [`Claim::look`], by a step: if it comes first, a handle that says that it waits sees what
    /// came before the step.
    pub(super) fn step(&self) -> Seen {
        // AcqRel: pairs with `wait`, both ways.
        Seen(self.0.fetch_or(0, Ordering::AcqRel))
    }

    pub(crate) fn look(&self) -> Seen {
        // Acquire: pairs with `publish`.
        Seen(self.0.load(Ordering::Acquire))
    }

    pub(crate) fn is_queued(&self) -> bool {
        self.look().state() == QUEUED
    }

    pub(crate) fn is_cancel_requested(&self) -> bool {
        self.look().0 & CANCEL_REQUESTED != 0
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
        assert!(in_time.finish() && in_time.give_up().is_none());
        assert!(!in_time.look().is_published() && !in_time.publish().is_published());
        let too_late = Claim::new();
        assert!(too_late.give_up().is_none(), "it does not run yet");
        assert!(too_late.start() && too_late.give_up().is_some() && too_late.give_up().is_none());
        let given_up = too_late.look();
        assert!(given_up.is_given_up() && given_up.is_published() && !too_late.finish());
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
