//! The gate and a token: submitters that stop to wait for room.

use super::admission::{full_gate, full_of_lots, join, spawn, wait_for_room};
use super::{explore, set_up};
use crate::run::cancel::CancelToken;
use crate::run::gate::{Gate, Joined, Patience, Waiter};
use crate::sync::thread;

/// As `run::in_line::wait_for_room`: false if it has given up.
fn wait_under(gate: &Gate, token: &CancelToken, patience: Patience) -> bool {
    let (place, waiting) = (token.place(), thread::current());
    let unpark = place.bind(Box::new(move || waiting.unpark()));
    if let Err(is_cancelled) = unpark {
        is_cancelled();
    }
    let mut was_called = false;
    loop {
        if gate.admit(1).is_ok() {
            return true;
        }
        let waiter = Waiter::thread(thread::current());
        if gate.join_line(&waiter, was_called, patience) == Joined::TryAgain {
            continue;
        }
        loop {
            if token.is_cancelled() {
                gate.give_up(&waiter);
                return false;
            }
            if waiter.is_called() {
                break;
            }
            thread::park(None);
        }
        was_called = true;
    }
}

/// Attacks K1 and G3: nobody makes room, and the cancel is all that ends the wait.
#[test]
fn a_submitter_about_to_wait_misses_no_cancel() {
    explore("wait for room x cancel", 8, || {
        let (gate, token) = (full_gate(), CancelToken::new());
        let below = token.child();
        let submitter = spawn(&gate, move |gate| wait_under(gate, &below, Patience::ForALot));
        token.cancel();
        assert!(!join(submitter), "there was no room");
        assert_eq!((gate.counts(), gate.waiting(), token.watches()), ((1, 0), 0, 0));
    });
}

/// Attacks G4 and K1: of two that wait the token of one is cancelled, maybe just as it is called.
/// Whichever way, the place is used: by itself, if it got in first, which makes room in turn, or by
/// the other.
#[test]
fn whose_token_is_cancelled_passes_the_call_on() {
    explore("cancel x release x wait for room", 3, || {
        let (gate, token) = (full_gate(), CancelToken::new());
        let below = token.clone();
        let cancelled = spawn(&gate, move |gate| {
            if wait_under(gate, &below, Patience::None) {
                gate.release_by(1);
            }
        });
        let patient = spawn(&gate, wait_for_room);
        let canceller = loom::thread::spawn(move || token.cancel());
        gate.release();
        join(cancelled);
        join(canceller);
        assert_eq!(join(patient), Ok(()));
        assert_eq!(gate.waiting(), 0);
    });
}

/// Attacks G5: who began a hold gives up. Another waits already, and a release counts towards the
/// lot.
#[test]
fn who_gives_up_ends_the_hold_that_it_began() {
    explore("give up a hold x release", 4, || {
        let gate = full_of_lots();
        let waiter = Waiter::thread(thread::current());
        set_up(|| assert_eq!(gate.join_line(&waiter, false, Patience::None), Joined::Waiting));
        let submitter = spawn(&gate, |gate| {
            let waiter = Waiter::thread(thread::current());
            if gate.join_line(&waiter, false, Patience::ForALot) == Joined::Waiting {
                gate.give_up(&waiter);
            }
        });
        gate.release_by(1);
        join(submitter);
        assert!(waiter.is_called(), "a place is free, and nobody was called");
    });
}
