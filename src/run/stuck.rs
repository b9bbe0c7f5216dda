//! Jobs that go on long after they should have ended: what the pool's owner is told of one, and may
//! decide.
//!
//! A thread cannot be stopped from outside, so this is all that can be done about such a job: say
//! that it is there, and let another worker stand in for the one that it keeps.

use std::time::Duration;

use super::current::JobInfo;
use super::panics::catch;

/// The default of [`Builder::stuck_after`](crate::Builder::stuck_after).
pub const DEFAULT_STUCK_AFTER: Duration = Duration::from_secs(10);

/// A job that has outrun its timeout or its deadline by the pool's grace and has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StuckJob {
    /// The job. It may be waiting for another one that its worker runs in its place.
    pub job: JobInfo,
    /// How long ago it should have ended.
    pub overdue: Duration,
}

/// What to do about a stuck job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stuck {
    /// Nothing: it is counted and listed, and keeps its worker.
    Leave,
    /// Its worker no longer counts, until the job ends: the pool may have another in its place, as
    /// far as [`Builder::max_replacements`](crate::Builder::max_replacements) allows.
    Replace,
}

type Hook = Box<dyn Fn(&StuckJob) -> Stuck + Send + Sync>;

/// When a job counts as stuck, and what then.
pub(crate) struct StuckRule {
    pub(crate) grace: Duration,
    pub(crate) max_replacements: usize,
    pub(crate) hook: Option<Hook>,
}

impl StuckRule {
    /// Asks the owner about a job. Without a hook the number of replacements is all they said, and
    /// one that panics has not asked for any.
    pub(crate) fn verdict(&self, job: &StuckJob) -> Stuck {
        match &self.hook {
            Some(hook) => catch(|| hook(job)).unwrap_or(Stuck::Leave),
            None => Stuck::Replace,
        }
    }
}

impl Default for StuckRule {
    fn default() -> Self {
        StuckRule { grace: DEFAULT_STUCK_AFTER, max_replacements: 0, hook: None }
    }
}
