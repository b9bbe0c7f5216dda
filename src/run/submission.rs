//! A submission as a subscriber sees it, and on whose behalf it is made. Without the feature
//! `tracing` there is nothing of this.

use std::marker::PhantomData;

use super::shared::Shared;
#[cfg(feature = "tracing")]
use super::trace;

/// The span of one submission, from the first try to get in until this is dropped. Every way in has
/// one; what is made meanwhile is the submitter's nonetheless.
pub(crate) struct Submission {
    #[cfg(feature = "tracing")]
    span: trace::Submitting,
}

impl Submission {
    #[inline(always)]
    pub(crate) fn begin(_shared: &Shared) -> Submission {
        Submission {
            #[cfg(feature = "tracing")]
            span: trace::Submitting::begin(_shared),
        }
    }

    /// The calling thread is at it until what is returned is dropped.
    #[inline(always)]
    pub(crate) fn enter(&self) -> AtIt<'_> {
        AtIt {
            #[cfg(feature = "tracing")]
            _inside: self.span.enter(),
            _submission: PhantomData,
        }
    }

    /// It is over; if it had not begun, because nothing was waited for, it is told of now.
    #[inline(always)]
    pub(crate) fn end(begun: &mut Option<Submission>, shared: &Shared) {
        drop(begun.take().unwrap_or_else(|| Submission::begin(shared)));
    }
}

/// The calling thread gets in.
pub(crate) struct AtIt<'a> {
    #[cfg(feature = "tracing")]
    _inside: trace::Inside<'a>,
    _submission: PhantomData<&'a Submission>,
}

/// The span that somebody submits in, for what is submitted later on their behalf.
pub(crate) struct Submitter {
    #[cfg(feature = "tracing")]
    span: trace::Submitter,
}

impl Submitter {
    /// That of the calling thread.
    #[inline(always)]
    pub(crate) fn current() -> Submitter {
        Submitter {
            #[cfg(feature = "tracing")]
            span: trace::Submitter::current(),
        }
    }

    /// Submits in it.
    #[inline(always)]
    pub(crate) fn submit<T>(&self, submit: impl FnOnce() -> T) -> T {
        #[cfg(feature = "tracing")]
        let _inside = self.span.enter();
        submit()
    }
}
