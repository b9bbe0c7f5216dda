//! Why a job is not tried again: what its handle, its callback and the observer are told.

use std::fmt;

use crate::error::CancelReason;
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
    /// The worker that had taken it died of a defect in the pool itself.
    Lost,
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
            RetryStop::Lost => f.write_str("its worker died of a defect in the pool"),
        }
    }
}

impl std::error::Error for RetryStop {}
