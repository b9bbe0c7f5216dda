//! Jobs that may fail: an error they return is counted apart from what went well and from panics.

use std::error::Error;
use std::fmt;

use crate::error::{JobError, SubmitError, TrySubmitError};
use crate::job_builder::JobBuilder;
use crate::pool_handle::{PoolHandle, into_try};
use crate::run::context::{Fallible, JobContext};
use crate::run::handle::JobHandle;
use crate::run::submit::{self, WhenFull};
use crate::run::terms::Terms;

/// # Submitting jobs that may fail
impl PoolHandle {
    /// [`PoolHandle::submit`] of a job whose `Err` is a failure: it ends as
    /// [`Outcome::Error`](crate::Outcome::Error), in the counts, in the metrics and for the
    /// [observer](crate::Observer). The handle yields what the job returned, untouched.
    ///
    /// Plain [`submit`](PoolHandle::submit) takes such a job as well, and counts it as ok whatever
    /// it returns.
    ///
    /// ```
    /// use springtide::{FallibleError, Pool};
    ///
    /// let pool = Pool::builder("numbers").workers(1..=2).build()?;
    /// let number = pool.submit_fallible(|| "seven".parse::<u8>())?;
    /// match number.join_flat() {
    ///     Ok(number) => println!("{number}"),
    ///     Err(FallibleError::Returned(error)) => println!("not a number: {error}"),
    ///     Err(FallibleError::Lost(error)) => println!("no answer: {error}"),
    /// }
    /// assert_eq!((pool.stats().ok, pool.stats().errored), (0, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`PoolHandle::submit`].
    pub fn submit_fallible<F, T, E>(
        &self,
        job: F,
    ) -> Result<JobHandle<Result<T, E>>, SubmitError<F>>
    where
        F: FnOnce() -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        let body = |job: F| Fallible(move |_: &JobContext<'_>| job());
        submit::enter(&self.core.shared, Terms::default(), self.when_full(), job, body)
    }
}

impl JobBuilder<'_> {
    /// [`PoolHandle::submit_fallible`] with these options.
    ///
    /// # Errors
    ///
    /// As [`PoolHandle::submit`].
    pub fn submit_fallible<F, T, E>(self, job: F) -> Result<JobHandle<Result<T, E>>, SubmitError<F>>
    where
        F: FnOnce(&JobContext<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        let when_full = self.pool.when_full();
        self.enter_body(job, when_full, Fallible)
    }

    /// [`JobBuilder::submit_fallible`] if there is room right now.
    ///
    /// # Errors
    ///
    /// As [`PoolHandle::try_submit`].
    pub fn try_submit_fallible<F, T, E>(
        self,
        job: F,
    ) -> Result<JobHandle<Result<T, E>>, TrySubmitError<F>>
    where
        F: FnOnce(&JobContext<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.enter_body(job, WhenFull::Refuse, Fallible).map_err(into_try)
    }
}

impl<T, E> JobHandle<Result<T, E>>
where
    T: Send + 'static,
    E: Send + 'static,
{
    /// [`JobHandle::join`] with both ways to fail in one error.
    ///
    /// # Errors
    ///
    /// [`FallibleError::Returned`] with the job's own error, untouched; [`FallibleError::Lost`] if
    /// it has no result.
    pub fn join_flat(self) -> Result<T, FallibleError<E>> {
        FallibleError::flatten(self.join())
    }
}

/// Why there is no value of a job that may fail.
#[derive(Debug)]
pub enum FallibleError<E> {
    /// The job ran and returned this error.
    Returned(E),
    /// The job has no result: it panicked, or was never run, or took too long.
    Lost(JobError),
}

impl<E> FallibleError<E> {
    /// Both ways to fail in one error, of what a handle yields that was awaited.
    ///
    /// # Errors
    ///
    /// As [`JobHandle::join_flat`](crate::JobHandle::join_flat).
    pub fn flatten<T>(result: Result<Result<T, E>, JobError>) -> Result<T, FallibleError<E>> {
        match result {
            Ok(returned) => returned.map_err(FallibleError::Returned),
            Err(lost) => Err(FallibleError::Lost(lost)),
        }
    }
}

impl<E: fmt::Display> fmt::Display for FallibleError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FallibleError::Returned(error) => error.fmt(f),
            FallibleError::Lost(error) => error.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for FallibleError<E> {
    /// What is behind the error it stands for: both show as themselves.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            FallibleError::Returned(error) => error.source(),
            FallibleError::Lost(error) => error.source(),
        }
    }
}
