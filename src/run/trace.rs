//! Spans of the jobs, for the `tracing` facade: the only namer of it. Without the feature of that
//! name `untraced.rs` stands here, and there is nothing of this in a job.
//!
//! ```text
//! submitter's span ─┬─ job.submit    getting in, as long as it waits for room
//!                   ├─ job.wait      from there to the start, or until it will never run
//!                   ┊
//!                   └┄ job.run       follows from the submitter's span; the job runs in it,
//!                                    and the observer is told of it in it
//! ```
//!
//! A subscriber that panics at what it is told of a submission loses that span, and nobody else
//! loses anything: whoever submits may have a place by then, which is a job's.

use tracing::field::Empty;
use tracing::level_filters::LevelFilter;
use tracing::span::{Entered, EnteredSpan};
use tracing::{Level, Span, span};

use super::panics::contain;
use crate::outcome::Outcome;
use crate::sync::Mutex;

const TARGET: &str = "springtide";

/// What the subscriber makes of it; nothing if it panics.
fn told<T>(tell: impl FnOnce() -> T) -> Option<T> {
    let mut made = None;
    contain(|| made = Some(tell()));
    made
}

/// A submission, until this is dropped.
pub(crate) struct Submitting(Option<Span>);

impl Submitting {
    pub(crate) fn begin(pool: &str) -> Submitting {
        Submitting(told(|| span!(target: TARGET, Level::DEBUG, "job.submit", pool)))
    }

    pub(crate) fn enter(&self) -> Inside<'_> {
        Inside::of(self.0.as_ref())
    }
}

impl Drop for Submitting {
    fn drop(&mut self) {
        let span = self.0.take();
        contain(|| drop(span));
    }
}

/// The span of whoever submits.
pub(crate) struct Submitter(Option<Span>);

impl Submitter {
    pub(crate) fn current() -> Submitter {
        Submitter(told(Span::current))
    }

    pub(crate) fn enter(&self) -> Inside<'_> {
        Inside::of(self.0.as_ref())
    }
}

impl Drop for Submitter {
    fn drop(&mut self) {
        let span = self.0.take();
        contain(|| drop(span));
    }
}

/// The calling thread is in a span until this is dropped.
pub(crate) struct Inside<'a>(Option<Entered<'a>>);

impl<'a> Inside<'a> {
    fn of(span: Option<&'a Span>) -> Inside<'a> {
        Inside(span.and_then(|span| told(|| span.enter())))
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let inside = self.0.take();
        contain(|| drop(inside));
    }
}

/// What is told of a job.
pub(crate) struct Named<'a> {
    pub(crate) pool: &'a str,
    pub(crate) kind: &'static str,
    pub(crate) id: Option<u64>,
    /// On the pool's clock, in nanoseconds.
    pub(crate) now: u64,
}

/// Where a job comes from, and its wait, until it starts or will never run. Empty if nobody looks.
#[derive(Default)]
pub(crate) struct Origin(Mutex<Option<Box<Wait>>>);

struct Wait {
    since: u64,
    submitter: Span,
    /// Closed when this is dropped.
    span: Span,
}

impl Origin {
    /// The job is submitted here and now. A subscriber is told, which a user wrote.
    pub(crate) fn here<'a>(job: impl FnOnce() -> Named<'a>) -> Origin {
        if LevelFilter::current() < LevelFilter::INFO {
            return Origin::default();
        }
        let wait = || {
            let Named { pool, kind, id, now } = job();
            let span = span!(target: TARGET, Level::DEBUG, "job.wait", pool, kind, id);
            Box::new(Wait { since: now, submitter: Span::current(), span })
        };
        Origin(Mutex::new(told(wait)))
    }

    /// Tells in the span of its wait that the job will never run.
    pub(crate) fn tell(&self, tell: impl FnOnce()) {
        let span = self.0.lock().as_ref().map(|wait| wait.span.clone());
        match span {
            Some(span) => span.in_scope(tell),
            None => tell(),
        }
    }

    /// The job will never run, and waits no longer.
    pub(crate) fn close(&self) {
        let wait = self.0.lock().take();
        contain(|| drop(wait));
    }
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Origin").finish_non_exhaustive()
    }
}

/// The job from there is about to run here: what comes until the end of the run is in its span.
pub(crate) fn start<'a, 'o>(
    origin: impl FnOnce() -> &'o Origin,
    worker: Option<usize>,
    job: impl FnOnce() -> Named<'a>,
) -> Run {
    let wait = origin().0.lock().take();
    let enter = |wait: Box<Wait>| {
        let Wait { since, submitter, span } = *wait;
        drop(span);
        let Named { pool, kind, id, now } = job();
        let span = span!(
            target: TARGET,
            parent: None,
            Level::INFO,
            "job.run",
            pool,
            kind,
            id,
            worker,
            wait_ns = now.saturating_sub(since),
            outcome = Empty,
        );
        span.follows_from(&submitter);
        span.entered()
    };
    Run(wait.and_then(|wait| told(|| enter(wait))))
}

/// The span of a job that runs here, which the thread is in.
pub(crate) struct Run(Option<EnteredSpan>);

impl Run {
    /// Closes the span, which says how the job ended. True if somebody was told, which takes time.
    pub(crate) fn end(self, outcome: Outcome) -> bool {
        let Some(span) = self.0 else { return false };
        contain(|| {
            span.record("outcome", outcome.as_str());
            drop(span);
        });
        true
    }
}
