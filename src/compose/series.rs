//! The runs of one series, one after the other: wait, run, judge, wait again.
//!
//! A series is no job: each of its runs is one, accepted when its time comes. Between two runs the
//! series waits at the timer. A run has the job from before it is submitted, and puts it back as it
//! returns or is dropped, so that two never overlap: of "the run is over" and "the job is back",
//! which differ where a run was given up, the later one goes on to the next run.

use std::time::Duration;

use super::rhythm::Rhythm;
use super::timer::{Due, Timer, TimerId};
use crate::error::{CancelReason, JobError};
use crate::outcome::Refusal;
use crate::run::attempt;
use crate::run::context::{Fallible, JobContext};
use crate::run::job::{Task, Tracked};
use crate::run::on_cancel::OnCancel;
use crate::run::panics::contain;
use crate::run::submit::{self, Entry};
use crate::run::terms::Terms;
use crate::scale::Core;
use crate::sync::plain::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Arc, Mutex};
use crate::time::Nanos;

pub(crate) type Call<F, E> = fn(&mut F, &JobContext<'_>) -> Result<(), E>;

/// What the series has in common with its handle.
#[derive(Default)]
pub(crate) struct Course {
    place: Mutex<Place>,
    runs: AtomicU64,
    failures: AtomicU64,
    skipped: AtomicU64,
    is_over: AtomicBool,
}

#[derive(Default)]
struct Place {
    now: At,
    is_cancelled: bool,
}

/// Where the series is.
#[derive(Default)]
enum At {
    #[default]
    Between,
    Timer(TimerId),
    Pool(Arc<dyn Tracked>),
}

impl Course {
    /// Begins no other run, and tells the one that has begun.
    pub(crate) fn cancel(&self, core: &Core, reason: CancelReason) {
        let at = {
            let mut place = self.place.lock();
            place.is_cancelled = true;
            std::mem::take(&mut place.now)
        };
        match at {
            At::Between => {}
            At::Timer(id) => _ = core.timer.cancel(id),
            At::Pool(job) => _ = attempt::cancel(&core.shared, &*job, reason),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        // Acquire: pairs with the drop of the series.
        self.is_over.load(Ordering::Acquire)
    }

    pub(crate) fn runs(&self) -> u64 {
        self.runs.load(Ordering::Relaxed)
    }

    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    pub(crate) fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }
}

struct Series<F, E> {
    held: Mutex<Held<F>>,
    call: Call<F, E>,
    rhythm: Rhythm,
    terms: Terms,
    core: Arc<Core>,
    /// Cancels the series with its token.
    _follows: Option<OnCancel>,
    /// Dropped last: what the job captured is gone then.
    over: Over,
}

struct Held<F> {
    /// Out while a run has it.
    job: Option<F>,
    /// When the run was due that is over and has not put the job back.
    overrun: Option<Nanos>,
}

struct Over(Arc<Course>);

impl Drop for Over {
    fn drop(&mut self) {
        // Release: pairs with `Course::is_over`.
        self.0.is_over.store(true, Ordering::Release);
    }
}

type Wait = fn(&Arc<Timer>, Nanos, Due) -> Result<TimerId, (Due, Refusal)>;

/// Begins a series whose first run is due after `first`. Whoever is refused gets the job back.
pub(crate) fn begin<F, E>(
    core: &Arc<Core>,
    rhythm: Rhythm,
    first: Duration,
    terms: Terms,
    (job, call): (F, Call<F, E>),
) -> Result<Arc<Course>, (F, Refusal)>
where
    F: Send + 'static,
    E: Send + 'static,
{
    if core.shared.gate.is_closed() {
        return Err((job, Refusal::Shutdown));
    }
    let course = Arc::new(Course::default());
    let series = Arc::new(Series {
        held: Mutex::new(Held { job: Some(job), overrun: None }),
        call,
        rhythm,
        _follows: follow(core, &course, &terms),
        terms,
        core: Arc::clone(core),
        over: Over(Arc::clone(&course)),
    });
    match series.wait(core.shared.now().after(first), Timer::at) {
        Ok(()) => {
            // The last there is of it, under a token that is cancelled already.
            contain(|| drop(series));
            Ok(course)
        }
        Err(refusal) => match series.held.lock().job.take() {
            Some(job) => Err((job, refusal)),
            None => unreachable!("no run of it can have begun"),
        },
    }
}

/// Has the token of a series, if there is one, cancel it. The token keeps nothing alive.
fn follow(core: &Arc<Core>, course: &Arc<Course>, terms: &Terms) -> Option<OnCancel> {
    let (core, course) = (Arc::downgrade(core), Arc::downgrade(course));
    let token = terms.token()?;
    Some(token.on_cancel(move || {
        if let (Some(core), Some(course)) = (core.upgrade(), course.upgrade()) {
            course.cancel(&core, CancelReason::Token);
        }
    }))
}

impl<F: Send + 'static, E: Send + 'static> Series<F, E> {
    /// Waits for the next run, unless the series is cancelled.
    fn wait(self: &Arc<Self>, due: Nanos, wait: Wait) -> Result<(), Refusal> {
        let series = Arc::clone(self);
        let tick: Due = Box::new(move || series.run(due));
        let refused = {
            let mut place = self.over.0.place.lock();
            if place.is_cancelled {
                None
            } else {
                // Under the lock: the time may come before it is known where the series is.
                match wait(&self.core.timer, due, tick) {
                    Ok(id) => {
                        place.now = At::Timer(id);
                        None
                    }
                    Err(refused) => Some(refused),
                }
            }
        };
        refused.map_or(Ok(()), |(_tick, refusal)| Err(refusal))
    }

    /// The time has come.
    fn run(self: Arc<Self>, due: Nanos) {
        let shared = &self.core.shared;
        if shared.gate.admit_over_the_bound().is_err() {
            return;
        }
        let (tracked, handle) = submit::tracked_body(shared, self.terms.clone(), self.body());
        let is_cancelled = {
            let mut place = self.over.0.place.lock();
            place.now = At::Pool(Arc::clone(&tracked));
            place.is_cancelled
        };
        // Before it may run: what a run leaves behind is dropped where it ended, not by the timer.
        let series = Arc::clone(&self);
        handle.on_end(move |result| series.over(due, result));
        submit::deliver(shared, Entry::Queue, Task::Tracked(Arc::clone(&tracked)));
        if is_cancelled {
            attempt::cancel(shared, &*tracked, CancelReason::Requested);
        }
    }

    /// A run is over.
    fn over(self: Arc<Self>, due: Nanos, result: Result<Result<(), E>, JobError>) {
        let course = &self.over.0;
        course.place.lock().now = At::Between;
        if ended_the_series(&result) {
            return;
        }
        let is_expired = result.as_ref().is_err_and(JobError::is_expired);
        if is_expired {
            self.skip(1);
        } else if !matches!(result, Ok(Ok(()))) {
            course.failures.fetch_add(1, Ordering::Relaxed);
        }
        drop(result);
        let runs = u64::from(!is_expired);
        if self.is_out(due) {
            course.runs.fetch_add(runs, Ordering::Relaxed);
        } else {
            self.wait_after(due, runs);
        }
    }

    /// Whether the run that is over has not put the job back; then it is left to the run to go on.
    fn is_out(&self, due: Nanos) -> bool {
        let mut held = self.held.lock();
        let is_out = held.job.is_none();
        held.overrun = is_out.then_some(due);
        is_out
    }

    /// Counts those that are left out, and waits for the run after them.
    fn wait_after(self: &Arc<Self>, due: Nanos, runs: u64) {
        let (course, shared) = (&self.over.0, &self.core.shared);
        let (next, skipped) = self.rhythm.next(due, shared.now());
        self.skip(skipped);
        course.runs.fetch_add(runs, Ordering::Relaxed);
        // The end of the series or of the pool is no error of anybody's.
        if !shared.gate.is_closed() {
            let _ = self.wait(next, Timer::again);
        }
    }

    fn skip(&self, runs: u64) {
        self.over.0.skipped.fetch_add(runs, Ordering::Relaxed);
        self.core.runs_skipped.fetch_add(runs, Ordering::Relaxed);
    }

    fn body(
        self: &Arc<Self>,
    ) -> Fallible<impl FnOnce(&JobContext<'_>) -> Result<(), E> + Send + use<F, E>> {
        // Taken here: from its start on a run may be given up before it gets anywhere.
        let job = self.held.lock().job.take();
        // Put back also if it panics, or never runs.
        let mut back = PutBack { job, series: Arc::clone(self) };
        Fallible(move |cx: &JobContext<'_>| {
            let PutBack { job, series } = &mut back;
            job.as_mut().map_or(Ok(()), |job| (series.call)(job, cx))
        })
    }
}

struct PutBack<F: Send + 'static, E: Send + 'static> {
    job: Option<F>,
    series: Arc<Series<F, E>>,
}

impl<F: Send + 'static, E: Send + 'static> Drop for PutBack<F, E> {
    fn drop(&mut self) {
        let overrun = {
            let mut held = self.series.held.lock();
            held.job = self.job.take();
            held.overrun.take()
        };
        if let Some(due) = overrun {
            self.series.wait_after(due, 0);
        }
    }
}

/// A run that was cancelled for want of a worker is one that failed.
fn ended_the_series<T>(result: &Result<T, JobError>) -> bool {
    let reason = result.as_ref().err().and_then(JobError::cancel_reason);
    reason.is_some_and(|reason| reason != CancelReason::NoWorkers)
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
