//! What stands in the place of `trace.rs` without the feature `tracing`: nothing, and it costs
//! nothing.

use std::marker::PhantomData;

use crate::outcome::Outcome;

/// A submission.
pub(crate) struct Submitting;

impl Submitting {
    #[inline(always)]
    pub(crate) fn begin(_pool: &str) -> Submitting {
        Submitting
    }

    #[inline(always)]
    pub(crate) fn enter(&self) -> Inside<'_> {
        Inside(PhantomData)
    }
}

/// As its counterpart, here and below: who drops it means that something ends.
impl Drop for Submitting {
    #[inline(always)]
    fn drop(&mut self) {}
}

/// Whoever submits.
pub(crate) struct Submitter;

impl Submitter {
    #[inline(always)]
    pub(crate) fn current() -> Submitter {
        Submitter
    }

    #[inline(always)]
    pub(crate) fn enter(&self) -> Inside<'_> {
        Inside(PhantomData)
    }
}

impl Drop for Submitter {
    #[inline(always)]
    fn drop(&mut self) {}
}

/// The calling thread is at it until this is dropped.
pub(crate) struct Inside<'a>(PhantomData<&'a ()>);

/// What would be told of a job.
#[expect(dead_code, reason = "nobody is told")]
pub(crate) struct Named<'a> {
    pub(crate) pool: &'a str,
    pub(crate) kind: &'static str,
    pub(crate) id: Option<u64>,
    pub(crate) now: u64,
}

/// Where a job comes from.
#[derive(Debug, Default)]
pub(crate) struct Origin(());

impl Origin {
    #[inline(always)]
    pub(crate) fn here<'a>(_job: impl FnOnce() -> Named<'a>) -> Origin {
        Origin(())
    }

    #[inline(always)]
    pub(crate) fn tell(&self, tell: impl FnOnce()) {
        tell();
    }

    #[inline(always)]
    pub(crate) fn close(&self) {}
}

#[inline(always)]
pub(crate) fn start<'a, 'o>(
    _origin: impl FnOnce() -> &'o Origin,
    _worker: Option<usize>,
    _job: impl FnOnce() -> Named<'a>,
) -> Run {
    Run
}

/// A job that runs here.
pub(crate) struct Run;

impl Run {
    #[inline(always)]
    pub(crate) fn end(self, _outcome: Outcome) -> bool {
        false
    }
}
