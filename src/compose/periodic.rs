//! Jobs that run again and again: never two at a time, and a failure ends nothing.
//!
//! A series is no job: each of its runs is one, accepted when its time comes. Between two runs the
//! series waits at the timer.

use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

use super::rhythm::{From, Rhythm};
use super::timer::{Due, Timer, TimerId};
use crate::error::{CancelReason, JobError, SubmitError};
use crate::outcome::Refusal;
use crate::pool_handle::PoolHandle;
use crate::run::context::{Fallible, JobContext};
use crate::run::job::{Task, Tracked};
use crate::run::priority::Priority;
use crate::run::shared::Shared;
use crate::run::submit::{self, Entry};
use crate::run::terms::Terms;
use crate::run::{attempt, news};
use crate::scale::Core;
use crate::sync::plain::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Arc, Mutex};
use crate::time::Nanos;

/// How the runs of a series follow each other; made by [`PoolHandle::every`].
#[derive(Clone, Debug)]
#[must_use = "nothing runs until one of the start methods is called"]
pub struct Every<'a> {
    pool: &'a PoolHandle,
    rhythm: Rhythm,
    first: Option<Duration>,
    terms: Terms,
}

/// # Running again and again
impl PoolHandle {
    /// A job that is run once in `period`, until it is cancelled or the pool takes no more jobs.
    ///
    /// Two runs never overlap. One that is due while the one before waits or runs is left out and
    /// counted ([`Periodic::skipped`]), and not made up for: after a run of two and a half periods,
    /// or a clock that jumps, the series goes on in its old rhythm. A run that fails or panics is
    /// counted ([`Periodic::failures`]) and ends nothing.
    ///
    /// Each run is a job of the pool, accepted when it is due, even if the queue is full. Between
    /// two of them the series holds neither a worker nor a place. A pool that was closed or is
    /// being shut down begins no run; one that has begun ends as any other job.
    ///
    /// With a period of zero each run follows the one before; one of [`Duration::MAX`] never comes.
    ///
    /// ```
    /// use springtide::Pool;
    /// use std::sync::mpsc::channel;
    /// use std::time::Duration;
    ///
    /// let pool = Pool::builder("cache").workers(1..=2).build()?;
    /// let (swept, sweeps) = channel();
    /// let sweeper = pool.every(Duration::from_millis(2)).kind("sweep").start(move |_cx| {
    ///     let _ = swept.send(());
    /// })?;
    /// sweeps.iter().take(3).for_each(drop);
    /// sweeper.cancel();
    /// assert!(sweeper.runs() >= 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn every(&self, period: Duration) -> Every<'_> {
        let rhythm = Rhythm { period, from: From::Due };
        Every { pool: self, rhythm, first: None, terms: Terms::default() }
    }
}

impl Every<'_> {
    /// The kind of the runs, as of [`PoolHandle::job`].
    pub fn kind(mut self, kind: &'static str) -> Self {
        self.terms.kind = self.pool.core.shared.kinds.id(kind);
        self
    }

    /// The first run is due after this time; after one period unless set.
    pub fn first_after(mut self, wait: Duration) -> Self {
        self.first = Some(wait);
        self
    }

    /// The priority of each run; normal unless set.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.terms.priority = priority;
        self
    }

    /// Counts the period from the end of a run to the beginning of the next, in place of from one
    /// due time to the next. Then none is left out.
    ///
    /// ```
    /// use springtide::Pool;
    /// use std::sync::mpsc::channel;
    /// use std::time::Duration;
    ///
    /// let pool = Pool::builder("poll").workers(1..=2).build()?;
    /// let (polled, polls) = channel();
    /// let rest = Duration::from_millis(2); // Between two runs, however long they take.
    /// let poller = pool.every(rest).after_each_run().start(move |_cx| drop(polled.send(())))?;
    /// polls.iter().take(3).for_each(drop);
    /// poller.cancel();
    /// assert_eq!(poller.skipped(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn after_each_run(mut self) -> Self {
        self.rhythm.from = From::End;
        self
    }

    /// Starts the series.
    ///
    /// # Errors
    ///
    /// [`SubmitError`] with the job in it: the pool is closed, or the system refused the thread
    /// that waits.
    pub fn start<F>(self, job: F) -> Result<Periodic, SubmitError<F>>
    where
        F: FnMut(&JobContext<'_>) + Send + 'static,
    {
        self.begin(job, |job, cx| {
            job(cx);
            Ok::<(), Infallible>(())
        })
    }

    /// Starts the series; runs that return an error count as failures, and end as
    /// [`Outcome::Error`](crate::Outcome::Error).
    ///
    /// # Errors
    ///
    /// As [`Every::start`].
    pub fn start_fallible<F, E>(self, job: F) -> Result<Periodic, SubmitError<F>>
    where
        F: FnMut(&JobContext<'_>) -> Result<(), E> + Send + 'static,
        E: Send + 'static,
    {
        self.begin(job, |job, cx| job(cx))
    }

    fn begin<F, E>(self, job: F, call: Call<F, E>) -> Result<Periodic, SubmitError<F>>
    where
        F: Send + 'static,
        E: Send + 'static,
    {
        let core = Arc::clone(&self.pool.core);
        let shared = &core.shared;
        let refuse = |job, refusal| {
            news::refused(shared, refusal, 1);
            Err(SubmitError::new(job, refusal))
        };
        if shared.gate.is_closed() {
            return refuse(job, Refusal::Shutdown);
        }
        let due = shared.now().after(self.first.unwrap_or(self.rhythm.period));
        let course = Arc::new(Course::default());
        let series = Arc::new(Series {
            job: Mutex::new(Some(job)),
            call,
            rhythm: self.rhythm,
            terms: self.terms,
            core: Arc::clone(&core),
            over: Over(Arc::clone(&course)),
        });
        match series.wait(due, Timer::at) {
            Ok(()) => Ok(Periodic { core, course, cancel_on_drop: false }),
            Err(refusal) => match series.job.lock().take() {
                Some(job) => refuse(job, refusal),
                None => unreachable!("no run of it can have begun"),
            },
        }
    }
}

type Call<F, E> = fn(&mut F, &JobContext<'_>) -> Result<(), E>;

/// What the series has in common with its handle.
#[derive(Default)]
struct Course {
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

struct Series<F, E> {
    /// Out while it runs.
    job: Mutex<Option<F>>,
    call: Call<F, E>,
    rhythm: Rhythm,
    terms: Terms,
    core: Arc<Core>,
    /// Dropped last: what the job captured is gone then.
    over: Over,
}

struct Over(Arc<Course>);

impl Drop for Over {
    fn drop(&mut self) {
        // Release: pairs with `Periodic::is_over`.
        self.0.is_over.store(true, Ordering::Release);
    }
}

type Wait = fn(&Arc<Timer>, Nanos, Due) -> Result<TimerId, (Due, Refusal)>;

impl<F: Send + 'static, E: Send + 'static> Series<F, E> {
    /// Waits for the next run, unless the series is cancelled.
    fn wait(self: &Arc<Self>, due: Nanos, wait: Wait) -> Result<(), Refusal> {
        let series = Arc::clone(self);
        let tick: Due = Box::new(move || series.run(due));
        let refused = {
            let mut place = self.over.0.place.lock();
            if place.is_cancelled {
                Some((tick, Refusal::Shutdown))
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
        let shared = &self.core.shared;
        if ended_the_series(&result) {
            return;
        }
        if !matches!(result, Ok(Ok(()))) {
            course.failures.fetch_add(1, Ordering::Relaxed);
        }
        drop(result);
        let (next, skipped) = self.rhythm.next(due, shared.now());
        course.skipped.fetch_add(skipped, Ordering::Relaxed);
        self.core.runs_skipped.fetch_add(skipped, Ordering::Relaxed);
        course.runs.fetch_add(1, Ordering::Relaxed);
        // The end of the series or of the pool is no error of anybody's.
        if !shared.gate.is_closed() {
            let _ = self.wait(next, Timer::again);
        }
    }

    fn body(
        self: &Arc<Self>,
    ) -> Fallible<impl FnOnce(&JobContext<'_>) -> Result<(), E> + Send + use<F, E>> {
        let series = Arc::clone(self);
        Fallible(move |cx: &JobContext<'_>| {
            let Some(job) = series.job.lock().take() else { return Ok(()) };
            // Put back also if it panics.
            let mut back = PutBack { place: &series.job, job: Some(job) };
            let job = back.job.as_mut();
            job.map_or(Ok(()), |job| (series.call)(job, cx))
        })
    }
}

struct PutBack<'a, F> {
    place: &'a Mutex<Option<F>>,
    job: Option<F>,
}

impl<F> Drop for PutBack<'_, F> {
    fn drop(&mut self) {
        *self.place.lock() = self.job.take();
    }
}

/// A run that was cancelled for want of a worker is one that failed.
fn ended_the_series<T>(result: &Result<T, JobError>) -> bool {
    let reason = result.as_ref().err().and_then(JobError::cancel_reason);
    reason.is_some_and(|reason| reason != CancelReason::NoWorkers)
}

/// A series of runs; made by [`Every::start`]. Dropping it lets the series go on (see
/// [`Periodic::cancel_on_drop`]).
pub struct Periodic {
    core: Arc<Core>,
    course: Arc<Course>,
    cancel_on_drop: bool,
}

impl Periodic {
    /// Ends the series. Between two runs, and while one is queued, what the job captured is freed
    /// at once; a run that has begun is told ([`JobContext::is_cancelled`]) and is the last.
    pub fn cancel(&self) {
        let at = {
            let mut place = self.course.place.lock();
            place.is_cancelled = true;
            std::mem::take(&mut place.now)
        };
        match at {
            At::Between => {}
            At::Timer(id) => _ = self.core.timer.cancel(id),
            At::Pool(job) => {
                attempt::cancel(self.shared(), &*job, CancelReason::Requested);
            }
        }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.core.shared
    }

    /// Makes the drop of this handle end the series, as [`Periodic::cancel`] does.
    #[must_use = "dropping it ends the series"]
    pub fn cancel_on_drop(mut self) -> Self {
        self.cancel_on_drop = true;
        self
    }

    /// Whether the series has ended: no run will begin, none is under way, and what the job
    /// captured is gone.
    pub fn is_over(&self) -> bool {
        // Acquire: pairs with the drop of the series.
        self.course.is_over.load(Ordering::Acquire)
    }

    /// Runs that have ended, whether well or not.
    pub fn runs(&self) -> u64 {
        self.course.runs.load(Ordering::Relaxed)
    }

    /// Those of them that returned an error or panicked.
    pub fn failures(&self) -> u64 {
        self.course.failures.load(Ordering::Relaxed)
    }

    /// Runs that were left out because one was due while another waited or ran.
    pub fn skipped(&self) -> u64 {
        self.course.skipped.load(Ordering::Relaxed)
    }
}

impl Drop for Periodic {
    fn drop(&mut self) {
        if self.cancel_on_drop {
            self.cancel();
        }
    }
}

impl fmt::Debug for Periodic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Periodic")
            .field("runs", &self.runs())
            .field("failures", &self.failures())
            .field("skipped", &self.skipped())
            .field("over", &self.is_over())
            .finish_non_exhaustive()
    }
}
