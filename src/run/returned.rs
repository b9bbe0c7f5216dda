//! A job that was accepted, never ran, and goes back to whoever shut the pool down.

use std::time::Duration;

/// A fire-and-forget job that a shutdown found still queued. Run it, or drop it.
pub struct ReturnedJob {
    pub(crate) body: Box<dyn FnOnce() + Send>,
    pub(crate) waited: Duration,
}

impl ReturnedJob {
    /// Runs the job on the calling thread; a panic in it is the caller's.
    pub fn run(self) {
        (self.body)();
    }

    /// How long it had been queued.
    pub fn waited(&self) -> Duration {
        self.waited
    }
}

impl std::fmt::Debug for ReturnedJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReturnedJob").field("waited", &self.waited).finish_non_exhaustive()
    }
}
