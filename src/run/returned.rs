//! A job that was accepted, never ran, and goes back to whoever shut the pool down.

use std::time::Duration;

use super::closure::Closure;
use super::panics::catch;
use crate::sync::Mutex;

/// A fire-and-forget job that a shutdown found still queued. Run it, or drop it; a destructor that
/// panics as it is dropped is contained, since there may be a whole list of them.
pub struct ReturnedJob {
    /// `None` once run.
    body: Option<Closure>,
    waited: Duration,
}

impl ReturnedJob {
    pub(crate) fn new(body: Closure, waited: Duration) -> ReturnedJob {
        ReturnedJob { body: Some(body), waited }
    }

    /// Runs the job on the calling thread; a panic in it is the caller's.
    pub fn run(mut self) {
        if let Some(body) = self.body.take() {
            body.call();
        }
    }

    /// How long it had been queued.
    pub fn waited(&self) -> Duration {
        self.waited
    }
}

impl Drop for ReturnedJob {
    fn drop(&mut self) {
        let body = self.body.take();
        // As what a job does: it is not one that a worker had in its hands, if one dies here.
        drop(catch(|| drop(body)));
    }
}

impl std::fmt::Debug for ReturnedJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReturnedJob").field("waited", &self.waited).finish_non_exhaustive()
    }
}

/// The jobs to hand back, until somebody asks for them or nobody can any more.
pub(crate) struct ReturnedJobs(Mutex<Option<Vec<ReturnedJob>>>);

impl Default for ReturnedJobs {
    fn default() -> Self {
        ReturnedJobs(Mutex::new(Some(Vec::new())))
    }
}

impl ReturnedJobs {
    /// Keeps a job; gives it back, to be dropped, if nobody will ask for it.
    #[must_use]
    pub(crate) fn keep(&self, job: ReturnedJob) -> Option<ReturnedJob> {
        match &mut *self.0.lock() {
            Some(jobs) => {
                jobs.push(job);
                None
            }
            None => Some(job),
        }
    }

    pub(crate) fn take(&self) -> Vec<ReturnedJob> {
        self.0.lock().as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The pool's owner is gone: drops the jobs, now and from now on.
    pub(crate) fn abandon(&self) {
        let jobs = self.0.lock().take();
        drop(jobs);
    }
}
