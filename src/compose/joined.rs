//! What came of a set of jobs.

use std::fmt;

use crate::error::JobError;

/// One outcome for each job of a set; made by [`JobSet::join_all`](crate::JobSet::join_all) and
/// [`JobSet::join_timeout`](crate::JobSet::join_timeout).
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "it says which jobs failed"]
pub struct Joined<T> {
    /// In the order of submission, less those that were taken from the set before.
    pub outcomes: Vec<Result<T, JobError>>,
    /// Which of them failed first in time. Where one failure cancelled the rest, the others follow
    /// from it.
    pub first_failure: Option<usize>,
    /// The time was up before all jobs were over.
    pub timed_out: bool,
}

impl<T> Joined<T> {
    /// The outcomes come with the number of their job, and so does the first failure.
    pub(crate) fn new(
        mut numbered: Vec<(usize, Result<T, JobError>)>,
        first_failure: Option<usize>,
        timed_out: bool,
    ) -> Joined<T> {
        numbered.sort_unstable_by_key(|(number, _)| *number);
        let place = |failed| numbered.binary_search_by_key(&failed, |(number, _)| *number).ok();
        let first_failure = first_failure.and_then(place);
        let outcomes = numbered.into_iter().map(|(_, outcome)| outcome).collect();
        Joined { outcomes, first_failure, timed_out }
    }

    /// All results, in the order of submission.
    ///
    /// # Errors
    ///
    /// The first failure in time, not a cancellation that followed from it.
    pub fn all(mut self) -> Result<Vec<T>, JobError> {
        if let Some(first) = self.first_failure.filter(|first| self.outcomes[*first].is_err()) {
            return self.outcomes.swap_remove(first).map(|_| Vec::new());
        }
        self.outcomes.into_iter().collect()
    }
}

impl<T, E> Joined<Result<T, E>> {
    /// All results of fallible jobs, in the order of submission.
    ///
    /// ```
    /// use springtide::{Pool, SetError};
    ///
    /// let pool = Pool::builder("ages").workers(1..=2).build()?;
    /// let set = pool.job_set().fail_fast();
    /// for age in ["7", "seventy", "70"] {
    ///     set.submit_fallible(move |_| age.parse::<u32>())?;
    /// }
    /// assert!(matches!(set.join_all().all_ok(), Err(SetError::Failed(_))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The first failure in time, not a cancellation that followed from it.
    pub fn all_ok(mut self) -> Result<Vec<T>, SetError<E>> {
        let flat = |outcome: Result<Result<T, E>, JobError>| match outcome {
            Ok(result) => result.map_err(SetError::Failed),
            Err(error) => Err(SetError::Job(error)),
        };
        if let Some(first) = self.first_failure {
            flat(self.outcomes.swap_remove(first))?;
        }
        self.outcomes.into_iter().map(flat).collect()
    }
}

/// How a set of fallible jobs failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum SetError<E> {
    /// A job returned this.
    Failed(E),
    /// A job had no result.
    Job(JobError),
    /// There were no jobs.
    Empty,
}

impl<E: fmt::Display> fmt::Display for SetError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetError::Failed(error) => write!(f, "job failed: {error}"),
            SetError::Job(error) => error.fmt(f),
            SetError::Empty => f.write_str("there was no job to wait for"),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for SetError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            SetError::Failed(error) => Some(error),
            SetError::Job(error) => Some(error),
            SetError::Empty => None,
        }
    }
}
