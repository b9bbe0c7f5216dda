//! Errors: one type a verb, and whoever refuses a job gives it back.

use std::fmt;

pub use crate::build_error::{BuildError, ConfigError};
pub use crate::job_error::{CancelReason, Cancelled, JobError};
use crate::outcome::Refusal;

/// A submission that was refused, with the job in it.
///
/// So it is `Sync` only if the job is, which a job need not be. Where an error has to be, as with
/// `anyhow`, leave the job out: `pool.submit(job).map_err(|refused| refused.to_string())`.
pub struct SubmitError<F> {
    job: F,
    refusal: Refusal,
}

impl<F> SubmitError<F> {
    pub(crate) fn new(job: F, refusal: Refusal) -> Self {
        SubmitError { job, refusal }
    }

    /// The job, to run it elsewhere or try again.
    pub fn into_job(self) -> F {
        self.job
    }

    /// Why it was refused.
    pub fn refusal(&self) -> Refusal {
        self.refusal
    }

    /// The queue was full, or as many jobs delayed as may be.
    pub fn is_full(&self) -> bool {
        matches!(self.refusal, Refusal::QueueFull | Refusal::DelayedFull)
    }

    /// The queue stayed full until the deadline: of the wait, or of the job.
    pub fn is_timed_out(&self) -> bool {
        self.refusal == Refusal::Deadline
    }

    /// The job's token was cancelled while its submitter waited for room.
    pub fn is_cancelled(&self) -> bool {
        self.refusal == Refusal::Cancelled
    }

    /// The pool was closed.
    pub fn is_closed(&self) -> bool {
        self.refusal == Refusal::Shutdown
    }
}

fn why(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::QueueFull => "the queue is full",
        Refusal::Deadline => "the queue stayed full until the deadline",
        Refusal::Shutdown => "the pool is closed",
        Refusal::Forked => "the pool's threads live in the parent of this fork",
        Refusal::DelayedFull => "too many jobs are delayed",
        Refusal::NoThread => "the system refused the thread that waits for its time",
        Refusal::Cancelled => "its token was cancelled while it waited for room",
    }
}

impl<F> fmt::Display for SubmitError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job refused: {}", why(self.refusal))
    }
}

impl<F> fmt::Debug for SubmitError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SubmitError({:?})", self.refusal)
    }
}

impl<F> std::error::Error for SubmitError<F> {}

/// What [`try_submit`](crate::PoolHandle::try_submit) answers instead of waiting.
#[non_exhaustive]
pub enum TrySubmitError<F> {
    /// There is no room; here is the job.
    Full(F),
    /// As many jobs are delayed as [may be](crate::Builder::delayed_capacity); here is this one.
    DelayedFull(F),
    /// The system refused the thread that waits for the time of a delayed job; here is the job.
    NoThread(F),
    /// The pool takes no more jobs; here is this one.
    Closed(F),
}

impl<F> TrySubmitError<F> {
    pub(crate) fn new(job: F, refusal: Refusal) -> Self {
        match refusal {
            Refusal::QueueFull | Refusal::Deadline | Refusal::Cancelled => {
                TrySubmitError::Full(job)
            }
            Refusal::DelayedFull => TrySubmitError::DelayedFull(job),
            Refusal::NoThread => TrySubmitError::NoThread(job),
            Refusal::Shutdown | Refusal::Forked => TrySubmitError::Closed(job),
        }
    }

    /// The job, to run it elsewhere or try again.
    pub fn into_job(self) -> F {
        match self {
            TrySubmitError::Full(job)
            | TrySubmitError::DelayedFull(job)
            | TrySubmitError::NoThread(job)
            | TrySubmitError::Closed(job) => job,
        }
    }

    /// The queue was full, or as many jobs delayed as may be.
    pub fn is_full(&self) -> bool {
        matches!(self, TrySubmitError::Full(_) | TrySubmitError::DelayedFull(_))
    }

    /// The pool was closed.
    pub fn is_closed(&self) -> bool {
        matches!(self, TrySubmitError::Closed(_))
    }
}

impl<F> fmt::Display for TrySubmitError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refusal = match self {
            TrySubmitError::Full(_) => Refusal::QueueFull,
            TrySubmitError::DelayedFull(_) => Refusal::DelayedFull,
            TrySubmitError::NoThread(_) => Refusal::NoThread,
            TrySubmitError::Closed(_) => Refusal::Shutdown,
        };
        write!(f, "job refused: {}", why(refusal))
    }
}

impl<F> fmt::Debug for TrySubmitError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrySubmitError::Full(_) => "Full(..)",
            TrySubmitError::DelayedFull(_) => "DelayedFull(..)",
            TrySubmitError::NoThread(_) => "NoThread(..)",
            TrySubmitError::Closed(_) => "Closed(..)",
        })
    }
}

impl<F> std::error::Error for TrySubmitError<F> {}

/// Why no places in the queue were reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReserveError {
    /// The queue is full, and the caller would not wait or may not: it is one of the pool's own
    /// jobs, which would have to make the room.
    Full,
    /// More places were asked for, all or none, than the queue has: that can never be met, unless
    /// the capacity is raised.
    TooLarge,
    /// The queue stayed full until the caller's deadline.
    TimedOut,
    /// As many places are reserved as a pool can keep count of:
    /// [`MAX_PERMITS`](crate::MAX_PERMITS).
    TooMany,
    /// The pool was closed.
    Closed,
    /// The process was forked; the workers live in the parent only.
    Forked,
    /// The token was cancelled before there was room.
    Cancelled,
}

impl From<Refusal> for ReserveError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Deadline => ReserveError::TimedOut,
            Refusal::Shutdown => ReserveError::Closed,
            Refusal::Forked => ReserveError::Forked,
            Refusal::Cancelled => ReserveError::Cancelled,
            // The others are for jobs, and do not befall a reservation.
            _ => ReserveError::Full,
        }
    }
}

impl fmt::Display for ReserveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ReserveError::Full => "no places reserved: the queue is full",
            ReserveError::TooLarge => {
                "no places reserved: the queue is smaller than that, so it can never be met"
            }
            ReserveError::TimedOut => "no places reserved: the queue stayed full too long",
            ReserveError::TooMany => "no places reserved: too many are reserved already",
            ReserveError::Closed => "no places reserved: the pool is closed",
            ReserveError::Forked => {
                "no places reserved: the pool's threads live in the parent of this fork"
            }
            ReserveError::Cancelled => "no places reserved: the token was cancelled",
        })
    }
}

impl std::error::Error for ReserveError {}

/// Why a wait for the pool to be idle ended without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitIdleError {
    /// The time was up first.
    TimedOut,
    /// The caller is one of the pool's own jobs, so the pool cannot be idle while it waits.
    InsideWorker,
    /// The pool's threads live in the parent of this fork.
    Forked,
}

impl fmt::Display for WaitIdleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WaitIdleError::TimedOut => "the pool was still busy when the time was up",
            WaitIdleError::InsideWorker => "a job cannot wait for its own pool to be idle",
            WaitIdleError::Forked => "the pool's threads live in the parent of this fork",
        })
    }
}

impl std::error::Error for WaitIdleError {}
