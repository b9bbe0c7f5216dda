//! Spans of the jobs, for the `tracing` facade: the only namer of it. Without the feature of that
//! name there is nothing of this in a job.
//!
//! ```text
//! submitter's span ─┬─ job.submit    getting in, as long as it waits for room
//!                   ├─ job.wait      from there to the start, or until it will never run
//!                   ┊
//!                   └┄ job.run       follows from the submitter's span; the job runs in it
//! ```
//!
//! A subscriber that panics at what it is told of a submission loses that span, and nobody else
//! loses anything: whoever submits may have a place by then, which is a job's.

use tracing::field::Empty;
use tracing::level_filters::LevelFilter;
use tracing::span::Entered;
use tracing::{Level, Span, span};

use super::context::{Body, JobContext};
use super::desk::Desk;
use super::panics::contain;
use super::shared::Shared;
use super::ticket::{JobId, KindId};
use crate::outcome::Outcome;
use crate::sync::Arc;
use crate::time::Nanos;

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
    pub(crate) fn begin(shared: &Shared) -> Submitting {
        Submitting(told(
            || span!(target: TARGET, Level::DEBUG, "job.submit", pool = shared.name.as_str()),
        ))
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

/// Where a job comes from, and its wait.
struct Origin {
    shared: Arc<Shared>,
    kind: &'static str,
    id: Option<JobId>,
    queued_at: Nanos,
    submitter: Span,
    /// Closed when the job starts, or is dropped.
    wait: Span,
}

impl Origin {
    /// `None` if nobody looks, or who does panics.
    fn of_job(shared: &Arc<Shared>, kind: KindId, id: Option<JobId>) -> Option<Origin> {
        if LevelFilter::current() < LevelFilter::INFO {
            return None;
        }
        told(|| Origin::new(shared, kind, id))
    }

    fn new(shared: &Arc<Shared>, kind: KindId, id: Option<JobId>) -> Origin {
        let (pool, kind, number) =
            (shared.name.as_str(), shared.kinds.name(kind), id.map(|id| id.0));
        let wait = span!(target: TARGET, Level::DEBUG, "job.wait", pool, kind, id = number);
        let (submitter, queued_at) = (Span::current(), shared.now());
        Origin { shared: Arc::clone(shared), kind, id, queued_at, submitter, wait }
    }

    /// Runs the job in a span; `outcome` says how it went, if it returns.
    fn run<T>(
        self,
        worker: Option<usize>,
        job: impl FnOnce() -> T,
        outcome: impl FnOnce(&T) -> Outcome,
    ) -> T {
        let Origin { shared, kind, id, queued_at, submitter, wait } = self;
        drop(wait);
        let wait_ns = shared.now().0.saturating_sub(queued_at.0);
        let span = span!(
            target: TARGET,
            parent: None,
            Level::INFO,
            "job.run",
            pool = shared.name.as_str(),
            kind,
            id = id.map(|id| id.0),
            worker,
            wait_ns,
            outcome = Empty,
        );
        span.follows_from(&submitter);
        drop(submitter);
        let mut run = Run { span, outcome: Outcome::Panicked };
        let result = run.span.in_scope(job);
        run.outcome = outcome(&result);
        result
    }
}

/// A span that says how its job ended as it closes, also while a panic passes by.
struct Run {
    span: Span,
    outcome: Outcome,
}

impl Drop for Run {
    fn drop(&mut self) {
        self.span.record("outcome", self.outcome.as_str());
    }
}

/// A job with a handle, in its spans.
pub(crate) struct Traced<B> {
    body: B,
    origin: Option<Origin>,
}

impl<B> Traced<B> {
    pub(crate) fn new(shared: &Arc<Shared>, kind: KindId, id: JobId, body: B) -> Traced<B> {
        Traced { body, origin: Origin::of_job(shared, kind, Some(id)) }
    }

    /// The same of another body.
    pub(crate) fn of<C>(self, body: C) -> Traced<C> {
        Traced { body, origin: self.origin }
    }
}

impl<B: Body<T>, T> Body<T> for Traced<B> {
    fn call(self, cx: &JobContext<'_>) -> T {
        let Traced { body, origin } = self;
        let Some(origin) = origin else { return body.call(cx) };
        let outcome = |result: &T| match B::error(result) {
            _ if cx.overran() => Outcome::TimedOut,
            Some(_) => Outcome::Error,
            None => Outcome::Ok,
        };
        origin.run(cx.worker_index(), || body.call(cx), outcome)
    }

    fn error(result: &T) -> Option<&(dyn std::any::Any + Send)> {
        B::error(result)
    }
}

/// A job without a handle, in its spans.
pub(crate) fn plain<F>(shared: &Arc<Shared>, job: F) -> impl FnOnce() + Send + use<F>
where
    F: FnOnce() + Send + 'static,
{
    let origin = Origin::of_job(shared, KindId::default(), None);
    move || match origin {
        None => job(),
        Some(origin) => {
            let worker = Desk::of(&origin.shared).map(|desk| desk.index);
            origin.run(worker, job, |()| Outcome::Ok);
        }
    }
}
