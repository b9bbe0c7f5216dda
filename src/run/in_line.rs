//! A thread in the line at the gate: how it waits for its call, and what else ends its wait.

use std::time::Duration;

use super::cancel::CancelToken;
use super::gate::{Joined, NoEntry, Patience, Waiter};
use super::on_cancel::OnCancel;
use super::shared::Shared;
use crate::outcome::Refusal;
use crate::sync::{Arc, thread};
use crate::time::Nanos;

/// How long a blocked submitter waits for a lot of places before it takes a single one.
const PATIENCE: Duration = Duration::from_millis(1);
/// How long a blocked submitter sleeps at most before it looks again by itself.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// When a submitter that waits for room gives up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct GivesUp<'a> {
    pub(crate) at: Option<Nanos>,
    pub(crate) token: Option<&'a CancelToken>,
}

impl GivesUp<'_> {
    /// It waits as long as it takes.
    pub(crate) fn never() -> Self {
        GivesUp::default()
    }

    /// The same, but by then at the latest.
    pub(crate) fn by(self, deadline: Nanos) -> Self {
        GivesUp { at: Some(self.at.map_or(deadline, |at| at.min(deadline))), ..self }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.token.is_some_and(CancelToken::is_cancelled)
    }

    /// What is left of its time.
    pub(crate) fn left(&self, now: Nanos) -> Duration {
        self.at.map_or(Duration::MAX, |at| at.since(now))
    }

    /// Has the calling thread wake up when the token is cancelled, as long as what is returned
    /// lives. Whoever looks at the token after this misses no cancel (K1).
    pub(crate) fn wake_this_thread(&self) -> Option<OnCancel> {
        let waiting = thread::current();
        self.token.map(|token| token.on_cancel(move || waiting.unpark()))
    }
}

/// Waits until `enter` finds room.
pub(crate) fn wait_for_room(
    shared: &Shared,
    gives_up: &GivesUp<'_>,
    enter: impl Fn() -> Result<u64, NoEntry>,
) -> Result<u64, Refusal> {
    let _woken = gives_up.wake_this_thread();
    let mut was_called = false;
    loop {
        match enter() {
            Ok(places) => return Ok(places),
            Err(NoEntry::Closed) => return Err(Refusal::Shutdown),
            Err(NoEntry::Full) => {}
        }
        if shared.is_forked() {
            return Err(Refusal::Forked);
        }
        let waiter = Waiter::thread(thread::current());
        if shared.gate.join_line(&waiter, was_called, Patience::ForALot) == Joined::TryAgain {
            continue;
        }
        wait_for_call(shared, &waiter, gives_up)?;
        was_called = true;
    }
}

fn wait_for_call(
    shared: &Shared,
    waiter: &Arc<Waiter>,
    gives_up: &GivesUp<'_>,
) -> Result<(), Refusal> {
    let mut patience = PATIENCE;
    loop {
        if gives_up.is_cancelled() {
            shared.gate.give_up(waiter);
            return Err(Refusal::Cancelled);
        }
        if waiter.is_called() {
            return Ok(());
        }
        let left = gives_up.left(shared.now());
        if left.is_zero() && patience.is_zero() {
            shared.gate.give_up(waiter);
            return Err(Refusal::Deadline);
        }
        let nap = if patience.is_zero() { LOOK_AGAIN } else { patience };
        thread::park(shared.parker.timeout(Some(left.min(nap))));
        if shared.is_forked() {
            return Err(Refusal::Forked);
        }
        if waiter.is_called() {
            continue;
        }
        if patience.is_zero() {
            // The supervisor finds out whether a wake-up got lost.
            shared.sleep.ring();
        }
        patience = Duration::ZERO;
        // Ends the hold, if it is this one's, and calls whoever there is room for, itself too.
        shared.gate.end_hold();
    }
}
