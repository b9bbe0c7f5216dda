//! Why a job that was to be tried again has no result.

use std::fmt;

use crate::error::JobError;
use crate::retry_stop::RetryStop;

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
