//! Where a job waits that was let in and is not in the queue yet: its seat in a room in front.

use std::time::Duration;

use crate::outcome::Outcome;
use crate::sync::Arc;

/// A seat in a room. The room knows the job by its number.
#[derive(Clone)]
pub(crate) struct Seat {
    pub(crate) room: Arc<dyn Room>,
    pub(crate) number: u64,
    /// Whose jobs it waits among; `None` for those of nobody in particular.
    pub(crate) key: Option<u64>,
}

/// What the rest of the data plane asks of a room about one of its jobs.
pub(crate) trait Room: Send + Sync {
    /// The job was withdrawn. If it still waits in the room it is taken out, counted as having
    /// come into the queue, and this is true; otherwise it is in the queue, or has been.
    fn leave(&self, seat: &Seat) -> bool;

    /// A worker has found the job in the queue. False if it was taken back into the room meanwhile:
    /// what was found is a shell.
    fn arrives(&self, seat: &Seat) -> bool;

    /// One of the pool's own jobs waits for this one and would run it.
    fn take_over(&self, seat: &Seat) -> TakeOver;

    /// The job is over as the pool counts it, and its handle does not know yet. Once for each job,
    /// which has left the room. `waited` is from submission to start, of one that ran.
    fn ended(&self, seat: &Seat, outcome: Outcome, waited: Option<Duration>);
}

/// Whether who waits for a job inside its pool may run it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TakeOver {
    /// It is not in the room: it is in the queue, or has been.
    Elsewhere,
    /// It was taken out of the room for the caller, and counted as having come into the queue.
    Taken,
    /// The room's limits do not allow that now. Who waits is woken once they do.
    NotNow,
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seat").field("number", &self.number).finish_non_exhaustive()
    }
}
