//! Why a job that was to be tried again has no result.

use std::fmt;

use crate::error::{CancelReason, JobError};
use crate::outcome::Refusal;

/// Why a job is not tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RetryStop {
    /// [`Retry::max_attempts`](crate::Retry::max_attempts) were made.
    AttemptsSpent,
    /// [`Retry::max_elapsed`](crate::Retry::max_elapsed) has passed, or the job's deadline would
    /// have by the next attempt.
    TimeSpent,
    /// [`Retry::retry_if`](crate::Retry::retry_if) does not hold of the error.
    NotRetryable,
    /// The pool's [`RetryBudget`](crate::RetryBudget) is spent.
    BudgetSpent,
    /// The attempt panicked, and panics are not tried again.
    Panicked,
    /// The attempt overran its timeout, and timeouts are not tried again.
    TimedOut,
    /// The attempt was queued longer than its `expires_in`.
    Expired,
    /// It was cancelled: by its handle, by its token, or by the end of the pool.
    Cancelled(CancelReason),
    /// The pool did not take the next attempt.
    Refused(Refusal),
    /// The handle was used in a forked child, where the pool has no threads.
    Forked,
}

impl fmt::Display for RetryStop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RetryStop::AttemptsSpent => f.write_str("all attempts were made"),
            RetryStop::TimeSpent => f.write_str("the time was up"),
            RetryStop::NotRetryable => f.write_str("the error is not one to try again"),
            RetryStop::BudgetSpent => f.write_str("the pool's retry budget was spent"),
            RetryStop::Panicked => f.write_str("the attempt panicked"),
            RetryStop::TimedOut => f.write_str("the attempt ran longer than its timeout"),
            RetryStop::Expired => f.write_str("the attempt expired in the queue"),
            RetryStop::Cancelled(CancelReason::Shutdown) => f.write_str("the pool was shut down"),
            RetryStop::Cancelled(_) => f.write_str("it was cancelled"),
            RetryStop::Refused(reason) => write!(f, "the pool refused it ({})", reason.as_str()),
            RetryStop::Forked => f.write_str("the pool's threads live in the parent of this fork"),
        }
    }
}

impl std::error::Error for RetryStop {}

/// Why a job that was to be [tried again](crate::JobBuilder::retry) has no result, with the last
/// error that it returned.
pub struct RetryError<E> {
    stop: RetryStop,
    attempts: u32,
    last: Option<E>,
    lost: Option<JobError>,
}

impl<E> RetryError<E> {
    pub(crate) fn new(
        stop: RetryStop,
        attempts: u32,
        last: Option<E>,
        lost: Option<JobError>,
    ) -> RetryError<E> {
        RetryError { stop, attempts, last, lost }
    }

    /// Why it was not tried again.
    pub fn stop(&self) -> RetryStop {
        self.stop
    }

    /// How often it was run.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The last error that an attempt returned; `None` if none did.
    pub fn last(&self) -> Option<&E> {
        self.last.as_ref()
    }

    /// [`RetryError::last`] as a value of its own.
    pub fn into_last(self) -> Option<E> {
        self.last
    }

    /// Why the last attempt has no result of its own, if it has none: its panic, for example.
    pub fn job_error(&self) -> Option<&JobError> {
        self.lost.as_ref()
    }
}

impl<E: fmt::Display> fmt::Display for RetryError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attempts = if self.attempts == 1 { "attempt" } else { "attempts" };
        write!(f, "no success in {} {attempts}, {}", self.attempts, self.stop)?;
        match (&self.last, &self.lost) {
            (Some(last), _) => write!(f, "; last error: {last}"),
            (None, Some(lost)) => write!(f, "; {lost}"),
            (None, None) => Ok(()),
        }
    }
}

impl<E: fmt::Debug> fmt::Debug for RetryError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryError")
            .field("stop", &self.stop)
            .field("attempts", &self.attempts)
            .field("last", &self.last)
            .field("lost", &self.lost)
            .finish()
    }
}

impl<E: std::error::Error + 'static> std::error::Error for RetryError<E> {
    /// What is behind the error it ends with, which shows in its own text.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match (&self.last, &self.lost) {
            (Some(last), _) => last.source(),
            (None, Some(lost)) => lost.source(),
            (None, None) => None,
        }
    }
}
