//! Waiting on a thread for what jobs are going to bring about.

use std::time::Duration;

use crate::run::desk::Desk;
use crate::run::shared::Shared;
use crate::run::waiter::JobWaiter;
use crate::sync::thread;
use crate::time::Nanos;

/// How long a waiting thread sleeps at most before it looks again by itself.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Why a wait ended without what was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unmet {
    /// The deadline came first.
    TimedOut,
    /// Nobody will ever wake this process: the pool's threads live in the parent of a fork.
    Forked,
}

/// Waits until `look` finds something. It is handed whom to wake and leaves that, under the lock
/// under which it looks, where whoever brings the thing about will find it.
///
/// A worker counts as blocked meanwhile, whichever pool it waits for.
pub(crate) fn wait<R>(
    shared: &Shared,
    deadline: Option<Nanos>,
    mut look: impl FnMut(JobWaiter) -> Option<R>,
) -> Result<R, Unmet> {
    let here = || JobWaiter::Thread(thread::current());
    if let Some(found) = look(here()) {
        return Ok(found);
    }
    let desk = Desk::here();
    let _mark = desk.as_ref().map(|desk| desk.shared.blocked(desk.index));
    loop {
        let left = deadline.map_or(LOOK_AGAIN, |deadline| deadline.since(shared.now()));
        if left.is_zero() {
            return Err(Unmet::TimedOut);
        }
        thread::park(shared.parker.timeout(Some(left.min(LOOK_AGAIN))));
        if let Some(found) = look(here()) {
            return Ok(found);
        }
        if shared.is_forked() {
            return Err(Unmet::Forked);
        }
        // The supervisor finds out whether a wake-up got lost.
        shared.sleep.ring();
    }
}
