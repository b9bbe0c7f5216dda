//! Jobs that run again and again: how, and the handle of such a series.

use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

use super::rhythm::{From, Rhythm};
use super::series::{self, Call, Course};
use crate::error::{CancelReason, SubmitError};
use crate::pool_handle::PoolHandle;
use crate::run::cancel::CancelToken;
use crate::run::context::JobContext;
use crate::run::news;
use crate::run::priority::Priority;
use crate::run::terms::Terms;
use crate::scale::Core;
use crate::sync::Arc;

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

    /// How long each run may take, as [`JobBuilder::timeout`](crate::JobBuilder::timeout) says of a
    /// job. A run that overruns it is told, counts as a failure, and ends nothing: the series goes
    /// on as soon as the run returns.
    ///
    /// Until then no other begins, for the run has the closure, and two never overlap. The runs
    /// that were due meanwhile are left out, and counted when it is known how many they are. A run
    /// that never returns is the last; after the pool's
    /// [`stuck_after`](crate::Builder::stuck_after) it is stuck, and told of as such.
    ///
    /// ```
    /// use springtide::Pool;
    /// use std::sync::mpsc::channel;
    /// use std::time::Duration;
    ///
    /// let pool = Pool::builder("mirror").workers(1..=2).build()?;
    /// let (synced, syncs) = channel();
    /// let (mut run, timeout) = (0, Duration::from_millis(20));
    /// let mirror = pool.every(Duration::from_millis(2)).timeout(timeout).start(move |cx| {
    ///     run += 1;
    ///     while run == 1 && !cx.is_cancelled() {
    ///         std::thread::yield_now(); // The other side is silent, the first time.
    ///     }
    ///     let _ = synced.send(run);
    /// })?;
    /// assert_eq!(syncs.iter().take(3).collect::<Vec<_>>(), [1, 2, 3]);
    /// mirror.cancel();
    /// assert_eq!(mirror.failures(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn timeout(mut self, after: Duration) -> Self {
        self.terms.special().timeout = Some(after);
        self
    }

    /// A run that has waited in the queue for so long is not run, because the next one will do. It
    /// ends as expired, and is [left out](Periodic::skipped).
    ///
    /// ```
    /// use springtide::Pool;
    /// use std::time::Duration;
    ///
    /// let pool = Pool::builder("gauges").workers(1..=1).build()?;
    /// let period = Duration::from_millis(2);
    /// pool.pause(); // Or everybody is busy.
    /// let gauge = pool.every(period).expires_in(Duration::ZERO).start(|_cx| ())?;
    /// # while pool.stats().queued == 0 { std::thread::yield_now(); }
    /// pool.resume();
    /// # while gauge.skipped() == 0 { std::thread::yield_now(); }
    /// gauge.cancel();
    /// assert!(gauge.skipped() >= 1);
    /// assert_eq!((gauge.runs(), gauge.failures()), (0, 0)); // Zero keeps no run.
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn expires_in(mut self, after: Duration) -> Self {
        self.terms.special().expires_in = Some(after);
        self
    }

    /// Puts the series under a token. Cancelling that is [cancelling](Periodic::cancel) the series,
    /// at that moment: between two runs, and while one is queued, what the job captured is freed; a
    /// run under way is told, by its context and by its own [token](JobContext::token), and is the
    /// last. Under a token that is cancelled already the series is over as it starts.
    ///
    /// ```
    /// use springtide::{CancelToken, Pool};
    /// use std::time::Duration;
    ///
    /// let pool = Pool::builder("session").workers(1..=2).build()?;
    /// let session = CancelToken::new();
    /// let minute = Duration::from_secs(60);
    /// let pings = pool.every(minute).token(&session).start(|_cx| ())?;
    /// let saves = pool.every(minute * 10).token(&session).start(|_cx| ())?;
    /// session.cancel(); // The user has left.
    /// assert!(pings.is_over() && saves.is_over());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn token(mut self, token: &CancelToken) -> Self {
        self.terms.special().token = Some(token.clone());
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
        let Every { rhythm, first, terms, .. } = self;
        let first = first.unwrap_or(rhythm.period);
        match series::begin(&core, rhythm, first, terms, (job, call)) {
            Ok(course) => Ok(Periodic { core, course, cancel_on_drop: false }),
            Err((job, refusal)) => {
                news::refused(&core.shared, refusal, 1);
                Err(SubmitError::new(job, refusal))
            }
        }
    }
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
        self.course.cancel(&self.core, CancelReason::Requested);
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
        self.course.is_over()
    }

    /// Runs that have ended, whether well or not; one that was given up is among them from then on.
    pub fn runs(&self) -> u64 {
        self.course.runs()
    }

    /// Those of them that returned an error, panicked, or overran their [timeout](Every::timeout).
    pub fn failures(&self) -> u64 {
        self.course.failures()
    }

    /// Runs that were left out: one was due while another waited or ran, or it
    /// [expired](Every::expires_in). Those that were due during a run are added when it is over.
    pub fn skipped(&self) -> u64 {
        self.course.skipped()
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
