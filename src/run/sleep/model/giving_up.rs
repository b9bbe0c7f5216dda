//! The gate and a token: submitters that stop to wait for room.

use super::admission::{full_gate, full_of_lots, join, spawn, wait_for_room};
use super::{explore, set_up};
use crate::run::cancel::CancelToken;
use crate::run::gate::{Gate, Joined, Patience, Waiter};
use crate::run::omit::omitted;
use crate::sync::{Arc, thread};

/// As `run::in_line::wait_for_room`: false if it has given up.
fn wait_under(gate: &Gate, token: &CancelToken, patience: Patience) -> bool {
    let stale = omitted("look").then(|| token.is_cancelled());
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
            if stale.unwrap_or_else(|| token.is_cancelled()) {
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

/// Of two that wait the token of one is cancelled. Whichever way, the place is used: by itself, if
/// it got in first, which makes room in turn, or by the other.
fn cancel_one_of_two(name: &str, main: impl Fn(&Gate, &CancelToken) + Sync + Send + 'static) {
    explore(name, 3, move || {
        // One turnstile is enough for one release to pass.
        let (gate, token) = (Arc::new(Gate::new(1)), CancelToken::new());
        set_up(|| assert_eq!(gate.admit(1), Ok(1)));
        let below = token.clone();
        let cancelled = spawn(&gate, move |gate| {
            if wait_under(gate, &below, Patience::None) {
                gate.release();
            }
        });
        let patient = spawn(&gate, wait_for_room);
        main(&gate, &token);
        join(cancelled);
        assert_eq!(join(patient), Ok(()));
        assert_eq!(gate.waiting(), 0);
    });
}

/// Attacks G4 and K1: the call comes first.
#[test]
fn whose_token_is_cancelled_passes_the_call_on() {
    cancel_one_of_two("release and cancel x wait for room x 2", |gate, token| {
        gate.release();
        token.cancel();
    });
}

/// Attacks G4 and K1: the cancel comes first, and the call as it gives up.
#[test]
fn whose_token_was_cancelled_passes_the_call_on() {
    cancel_one_of_two("cancel and release x wait for room x 2", |gate, token| {
        token.cancel();
        gate.release();
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
