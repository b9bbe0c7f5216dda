//! A submission as a subscriber sees it, and on whose behalf it is made. Without the feature
//! `tracing` there is nothing of this.

use super::shared::Shared;
use super::trace;

/// The span of one submission, from the first try to get in until this is dropped. Every way in has
/// one; what is made meanwhile is the submitter's nonetheless.
pub(crate) struct Submission(trace::Submitting);

impl Submission {
    #[inline(always)]
    pub(crate) fn begin(shared: &Shared) -> Submission {
        Submission(trace::Submitting::begin(shared.name.as_str()))
    }

    /// The calling thread is at it until what is returned is dropped.
    #[inline(always)]
    pub(crate) fn enter(&self) -> trace::Inside<'_> {
        self.0.enter()
    }

    /// It is over; if it had not begun, because nothing was waited for, it is told of now.
    #[inline(always)]
    pub(crate) fn end(begun: &mut Option<Submission>, shared: &Shared) {
        drop(begun.take().unwrap_or_else(|| Submission::begin(shared)));
    }
}

/// The span that somebody submits in, for what is submitted later on their behalf.
pub(crate) struct Submitter(trace::Submitter);

impl Submitter {
    /// That of the calling thread.
    #[inline(always)]
    pub(crate) fn current() -> Submitter {
        Submitter(trace::Submitter::current())
    }

    /// Submits in it.
    #[inline(always)]
    pub(crate) fn submit<T>(&self, submit: impl FnOnce() -> T) -> T {
        let _inside = self.0.enter();
        submit()
    }
}
