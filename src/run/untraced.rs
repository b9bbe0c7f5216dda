//! What stands in the place of `trace.rs` without the feature `tracing`: nothing, and it costs
//! nothing.

use crate::outcome::Outcome;

/// A submission.
pub(crate) struct Submitting;

#[inline(always)]
pub(crate) fn submitting(_pool: &str) -> Submitting {
    Submitting
}

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
