//! Why a job had no state to work with.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::observer::Failure;
use crate::run::panics::PanicReport;
use crate::sync::Arc;

/// Why there is no state.
#[derive(Debug)]
pub(crate) enum Cause<E> {
    Returned(Arc<E>),
    Panicked(Arc<PanicReport>),
}

impl<E> Clone for Cause<E> {
    fn clone(&self) -> Self {
        match self {
            Cause::Returned(error) => Cause::Returned(Arc::clone(error)),
            Cause::Panicked(report) => Cause::Panicked(Arc::clone(report)),
        }
    }
}

impl<E: Send + Sync + 'static> Cause<E> {
    pub(crate) fn failure(&self) -> Failure<'_> {
        match self {
            Cause::Returned(error) => Failure::Returned(&**error),
            Cause::Panicked(report) => Failure::Panicked(report),
        }
    }
}

/// Why a job had no state to work with.
#[derive(Debug)]
pub struct InitError<E> {
    pub(crate) cause: Cause<E>,
    pub(crate) held_off: bool,
    pub(crate) retry_in: Duration,
}

impl<E> InitError<E> {
    /// What went wrong when the worker last tried to build it; `None` if that panicked.
    pub fn error(&self) -> Option<&E> {
        match &self.cause {
            Cause::Returned(error) => Some(error),
            Cause::Panicked(_) => None,
        }
    }

    /// What is known of the panic, if that is what went wrong.
    pub fn panic_report(&self) -> Option<&PanicReport> {
        match &self.cause {
            Cause::Returned(_) => None,
            Cause::Panicked(report) => Some(report),
        }
    }

    /// The worker did not try again for this job, because it had failed a short while before.
    pub fn is_held_off(&self) -> bool {
        self.held_off
    }

    /// After how long that worker will try again, if a job comes its way.
    pub fn retry_in(&self) -> Duration {
        self.retry_in
    }
}

impl<E: fmt::Display> fmt::Display for InitError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the state of the worker could not be built: ")?;
        match &self.cause {
            Cause::Returned(error) => error.fmt(f),
            Cause::Panicked(report) => write!(f, "panicked: {}", report.message()),
        }
    }
}

impl<E: Error + 'static> Error for InitError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error().map(|error| error as _)
    }
}
