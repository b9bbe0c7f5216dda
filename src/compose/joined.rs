//! What came of a set of jobs.

use crate::error::JobError;
use crate::fallible::FallibleError;

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
    /// The first failure in time, not a cancellation that followed from it. An error that a job
    /// returned is no failure here but a result: of fallible jobs, ask [`Joined::all_ok`].
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
    /// use springtide::{FallibleError, Pool};
    ///
    /// let pool = Pool::builder("ages").workers(1..=2).build()?;
    /// let set = pool.job_set().fail_fast();
    /// for age in ["7", "seventy", "70"] {
    ///     set.submit_fallible(move |_| age.parse::<u32>())?;
    /// }
    /// assert!(matches!(set.join_all().all_ok(), Err(FallibleError::Returned(_))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The first failure in time, not a cancellation that followed from it.
    pub fn all_ok(mut self) -> Result<Vec<T>, FallibleError<E>> {
        if let Some(first) = self.first_failure {
            FallibleError::flatten(self.outcomes.swap_remove(first))?;
        }
        self.outcomes.into_iter().map(FallibleError::flatten).collect()
    }
}
