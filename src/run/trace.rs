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
//! A subscriber that panics at what it is told of a job loses that span, and nobody else loses
//! anything: whoever submits may have a place by then, which is a job's, and whoever ends a job has
//! counted it and not told its handle yet.

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

/// A span, if the subscriber made one, until this is dropped.
struct Held(Option<Span>);

impl Held {
    fn make(make: impl FnOnce() -> Span) -> Held {
        Held(told(make))
    }

    fn enter(&self) -> Inside<'_> {
        Inside(self.enter_by(Span::enter))
    }

    /// A subscriber that panics at that may have the thread in the span by then.
    fn enter_by<'a, T>(&'a self, enter: impl FnOnce(&'a Span) -> T) -> Option<T> {
        let span = self.0.as_ref()?;
        let entered = told(|| enter(span));
        if entered.is_none() {
            told(|| span.with_subscriber(|(id, subscriber)| subscriber.exit(id)));
        }
        entered
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let span = self.0.take();
        contain(|| drop(span));
    }
}

/// A submission, until this is dropped.
pub(crate) struct Submitting(Held);

impl Submitting {
    pub(crate) fn begin(pool: &str) -> Submitting {
        Submitting(Held::make(|| span!(target: TARGET, Level::DEBUG, "job.submit", pool)))
    }

    pub(crate) fn enter(&self) -> Inside<'_> {
        self.0.enter()
    }
}

/// The span of whoever submits.
pub(crate) struct Submitter(Held);

impl Submitter {
    pub(crate) fn current() -> Submitter {
        Submitter(Held::make(Span::current))
    }

    pub(crate) fn enter(&self) -> Inside<'_> {
        self.0.enter()
    }
}

/// The calling thread is in a span until this is dropped.
pub(crate) struct Inside<'a>(Option<Entered<'a>>);

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
    submitter: Held,
    /// Closed when this is dropped.
    span: Held,
}

impl Origin {
    /// The job is submitted here and now. A subscriber is told, which a user wrote.
    pub(crate) fn here<'a>(job: impl FnOnce() -> Named<'a>) -> Origin {
        if LevelFilter::current() < LevelFilter::INFO {
            return Origin::default();
        }
        let Named { pool, kind, id, now } = job();
        let span = told(|| span!(target: TARGET, Level::DEBUG, "job.wait", pool, kind, id));
        let wait = span.map(|span| {
            let (submitter, span) = (Held::make(Span::current), Held(Some(span)));
            Box::new(Wait { since: now, submitter, span })
        });
        Origin(Mutex::new(wait))
    }

    /// Tells in the span of its wait that the job will never run. Whatever the subscriber does, it
    /// is told once, and outside of the lock.
    pub(crate) fn tell(&self, tell: impl FnOnce()) {
        let wait = self.0.lock().take();
        let inside = wait.as_ref().map(|wait| wait.span.enter());
        tell();
        drop(inside);
        *self.0.lock() = wait;
    }

    /// The job will never run, and waits no longer.
    pub(crate) fn close(&self) {
        let wait = self.0.lock().take();
        drop(wait);
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
    let Some(wait) = wait else { return Run { entered: None, span: Held(None) } };
    let Wait { since, submitter, span } = *wait;
    drop(span);
    let Named { pool, kind, id, now } = job();
    let span = Held::make(|| {
        span!(
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
        )
    });
    if let (Some(span), Some(submitter)) = (&span.0, &submitter.0) {
        told(|| _ = span.follows_from(submitter));
    }
    // By a clone: it is not closed as a panic at its end unwinds, where one more would abort.
    Run { entered: span.enter_by(|span| span.clone().entered()), span }
}

/// The span of a job that runs here, which the thread is in.
pub(crate) struct Run {
    entered: Option<EnteredSpan>,
    span: Held,
}

impl Run {
    /// Closes the span, which says how the job ended. True if somebody was told, which takes time.
    pub(crate) fn end(self, outcome: Outcome) -> bool {
        let Some(span) = &self.span.0 else { return false };
        told(|| _ = span.record("outcome", outcome.as_str()));
        true
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let entered = self.entered.take();
        contain(|| drop(entered));
    }
}
