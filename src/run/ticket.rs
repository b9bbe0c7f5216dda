//! What is fixed about a job from the moment it is submitted: its number, its kind, its terms.

use std::time::Duration;

use super::cancel::{CancelToken, Place};
use super::claim::Claim;
use super::need::Need;
use super::priority::Priority;
use super::seat::Seat;
use super::trace::Origin;
use crate::outcome::Outcome;
use crate::sync::Weak;
use crate::sync::plain::{AtomicBool, AtomicU64, Ordering};
use crate::time::Nanos;

/// The number of a job that has a handle: unique in the process, not consecutive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub(crate) u64);

impl std::fmt::Display for JobId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "job {}", self.0)
    }
}

/// The place of a job's kind in the pool's table of kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KindId(pub(crate) u16);

/// What is fixed about a tracked job when it is submitted.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) claim: Claim,
    pub(crate) id: JobId,
    pub(crate) kind: KindId,
    pub(crate) priority: Priority,
    /// When it was, or is to be, queued.
    pub(crate) queued_at: Nanos,
    /// Few jobs have any.
    pub(crate) limits: Option<Box<Limits>>,
    /// Whose job it is, to a subscriber.
    pub(crate) origin: Origin,
}

/// How long a job may wait and run, and has to wait, who may stop it, and where it waits.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) expires_at: Nanos,
    pub(crate) timeout: Option<Duration>,
    /// The job must be over by then, and what it submits.
    pub(crate) deadline: Nanos,
    /// The job's place with its token, while it is queued.
    pub(crate) place: Option<Place>,
    /// Of a job that waits in a room before it comes into the queue.
    pub(crate) seat: Option<Seat>,
    /// When it came from there into the queue; never, before that.
    pub(crate) left_room: AtomicU64,
    pub(crate) delay: Option<Delay>,
    /// Workers that lack this leave the job in the queue. Its body keeps it alive.
    pub(crate) need: Option<Weak<dyn Need>>,
    /// Which run this is of a job that is tried again: 0 for the first.
    pub(crate) retries: u32,
    /// Until when another run may follow this one; the beginning of time if none will.
    pub(crate) more_until: Nanos,
}

/// Whether a job that was to wait for its time waits still.
#[derive(Debug, Default)]
pub(crate) struct Delay {
    is_over: AtomicBool,
}

impl Delay {
    /// The job has a place in the queue. Once, under the lock of the delayed jobs (D2).
    pub(crate) fn end(&self) {
        // Release: pairs with `is_delayed`, whose caller then gives that place back.
        self.is_over.store(true, Ordering::Release);
    }
}

impl Limits {
    #[cold]
    fn ends_by(&self, started: Nanos) -> Option<Nanos> {
        let timeout = self.timeout.map_or(Nanos::NEVER, |timeout| started.after(timeout));
        let ends_by = timeout.min(self.deadline);
        (ends_by != Nanos::NEVER).then_some(ends_by)
    }

    #[cold]
    fn leave_token(&self) {
        drop(self.place.as_ref().map(Place::leave));
    }
}

impl Default for Limits {
    /// None at all.
    fn default() -> Self {
        Limits {
            expires_at: Nanos::NEVER,
            timeout: None,
            deadline: Nanos::NEVER,
            place: None,
            delay: None,
            need: None,
            retries: 0,
            more_until: Nanos(0),
            seat: None,
            left_room: AtomicU64::new(Nanos::NEVER.0),
        }
    }
}

impl Ticket {
    pub(crate) fn has_expired(&self, now: Nanos) -> bool {
        self.limits.as_ref().is_some_and(|limits| limits.expires_at <= now)
    }

    /// The moment by which the job must be over, if it started then: its timeout or its deadline.
    #[inline]
    pub(crate) fn ends_by(&self, started: Nanos) -> Option<Nanos> {
        self.limits.as_ref()?.ends_by(started)
    }

    pub(crate) fn delay(&self) -> Option<&Delay> {
        self.limits.as_ref()?.delay.as_ref()
    }

    /// Whether the job's time has not come, so that it has no place in the queue.
    pub(crate) fn is_delayed(&self) -> bool {
        self.delay().is_some_and(|delay| !delay.is_over.load(Ordering::Acquire))
    }

    /// Which run of the job this is, counted from 1.
    pub(crate) fn attempt(&self) -> u32 {
        self.limits.as_ref().map_or(1, |limits| limits.retries.saturating_add(1))
    }

    /// Until when another run may follow this one, if any may.
    pub(crate) fn more_until(&self) -> Nanos {
        self.limits.as_ref().map_or(Nanos(0), |limits| limits.more_until)
    }

    /// The deadline that the job leaves to those that it submits.
    pub(crate) fn deadline(&self) -> Option<Nanos> {
        let deadline = self.limits.as_ref()?.deadline;
        (deadline != Nanos::NEVER).then_some(deadline)
    }

    /// The token that the job was submitted with.
    pub(crate) fn token(&self) -> Option<&CancelToken> {
        Some(self.place()?.token())
    }

    /// The job's place with that token.
    pub(crate) fn place(&self) -> Option<&Place> {
        self.limits.as_ref()?.place.as_ref()
    }

    /// The job is in no queue any more, and its token has nothing to take out of one.
    #[inline]
    pub(crate) fn leave_token(&self) {
        if let Some(limits) = &self.limits {
            limits.leave_token();
        }
    }

    /// What its worker must have.
    pub(crate) fn need(&self) -> Option<&Weak<dyn Need>> {
        self.limits.as_ref()?.need.as_ref()
    }

    pub(crate) fn seat(&self) -> Option<&Seat> {
        self.limits.as_ref()?.seat.as_ref()
    }

    /// The job has come from its room into the queue; never, if it has stepped back.
    pub(crate) fn leave_room(&self, at: Nanos) {
        if let Some(limits) = &self.limits {
            // Relaxed: for the figures only.
            limits.left_room.store(at.0, Ordering::Relaxed);
        }
    }

    /// When the job's wait for the pool began; never, for one that is in its room still. The wait
    /// there is its lane's affair.
    pub(crate) fn waits_from(&self) -> Nanos {
        match &self.limits {
            Some(limits) if limits.seat.is_some() => {
                Nanos(limits.left_room.load(Ordering::Relaxed))
            }
            _ => self.queued_at,
        }
    }

    /// The job is over, and what it captured is gone: gives its seat back, if it has one.
    pub(crate) fn leave_seat(&self, outcome: Outcome, started: Option<Nanos>) {
        if let Some(seat) = self.seat() {
            let waited = started.map(|started| started.since(self.queued_at));
            seat.room.ended(seat, outcome, waited);
        }
    }
}
