//! Hooks: what a program may be told of its pool, at the moment and on the thread where it happens.

use std::any::Any;
use std::time::Duration;

use crate::outcome::{Outcome, Refusal, StopCause};
use crate::retry_stop::RetryStop;
use crate::run::panics::PanicReport;
use crate::run::ticket::JobId;
use crate::sync::Arc;

/// What a program wants to be told of its pool; given to
/// [`Builder::observer`](crate::Builder::observer), or to
/// [`PoolHandle::observe`](crate::PoolHandle::observe) later. Every hook does nothing unless it is
/// written.
///
/// A hook runs on the thread where it happens, outside every lock of the pool, and whoever is there
/// waits for it: keep it short. It must not wait for the job it is told of, nor for the pool's
/// end. A panic in it goes no further, and changes no count. In a forked child no hook is called.
///
/// ```
/// use springtide::{Failure, JobEnded, Observer, Pool};
/// use std::io;
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// /// Writes down every failure, and counts those of the disk.
/// #[derive(Default)]
/// struct Failures {
///     of_the_disk: AtomicU64,
/// }
///
/// impl Observer for Failures {
///     fn job_ended(&self, job: &JobEnded<'_>) {
///         match job.failure {
///             Some(Failure::Returned(error)) if error.is::<io::Error>() => {
///                 self.of_the_disk.fetch_add(1, Ordering::Relaxed);
///             }
///             Some(failure) => eprintln!("{} in {}: {failure:?}", job.kind, job.pool),
///             None => {}
///         }
///     }
/// }
///
/// let failures = Arc::new(Failures::default());
/// let pool = Pool::builder("reader").observer(Arc::clone(&failures)).build()?;
/// pool.submit_fallible(|| std::fs::read("no such file"))?.detach();
/// pool.wait_idle()?;
/// assert_eq!(failures.of_the_disk.load(Ordering::Relaxed), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Each job that is accepted is told of once as it is accepted and once as it is over, and in
/// between as it starts, if it does:
///
/// | what was accepted | when it is told of | on which thread |
/// |---|---|---|
/// | a job of the pool, however it is submitted | when it is in the queue | the submitter's |
/// | one that [its submitter runs](crate::Overflow::CallerRuns) | before that | the submitter's |
/// | one of a [lane](crate::Lane) | when it is in the lane | the submitter's |
/// | one that is [delayed](crate::JobBuilder::delay) | when that begins | the submitter's |
/// | a [further attempt](crate::JobBuilder::retry) | when its delay begins | the last attempt's |
/// | a run of a [series](crate::PoolHandle::every) | when it is due | the pool's own, which waits |
///
/// A job that leaves its lane, or whose time has come, is not told of again. The thread that waits
/// for points in time waits for the hook as well, and so does all that is due.
pub trait Observer: Send + Sync + 'static {
    /// A job was accepted; on the thread and at the moment of the table above, and under no lock.
    ///
    /// By then others may have it already. It may have started, and be over, and the two hooks for
    /// that may be called before this one. A hook that submits to the same pool is told of that as
    /// well, and so on. A pool without an observer pays for this hook what it costs to see that
    /// there is none.
    ///
    /// ```
    /// use springtide::{JobAccepted, Observer, Pool};
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU64, Ordering};
    ///
    /// /// How many jobs came, and how many of them for later.
    /// #[derive(Default)]
    /// struct Arrivals {
    ///     all: AtomicU64,
    ///     later: AtomicU64,
    /// }
    ///
    /// impl Observer for Arrivals {
    ///     fn job_accepted(&self, job: &JobAccepted<'_>) {
    ///         self.all.fetch_add(1, Ordering::Relaxed);
    ///         self.later.fetch_add(u64::from(job.delay.is_some()), Ordering::Relaxed);
    ///     }
    /// }
    ///
    /// let arrivals = Arc::new(Arrivals::default());
    /// let pool = Pool::builder("harbour").observer(Arc::clone(&arrivals)).build()?;
    /// pool.execute(|| ())?;
    /// pool.job("tide").delay(std::time::Duration::from_secs(3600)).submit(|_| ())?.detach();
    /// let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
    /// assert_eq!((count(&arrivals.all), count(&arrivals.later)), (2, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn job_accepted(&self, _job: &JobAccepted<'_>) {}

    /// Jobs were refused, by the pool or by one of its lanes, which counts them itself; on the
    /// submitter's thread. A hook that submits to the same pool is told
    /// of that refusal as well, and so on.
    fn job_refused(&self, _refused: &JobRefused<'_>) {}

    /// A job is about to run; on the thread that runs it. The time that this takes belongs to the
    /// job's wait. For each call there will be one of [`Observer::job_ended`], even if the job
    /// panics.
    fn job_starting(&self, _job: &JobStarting<'_>) {}

    /// A job is over, and counted: on the thread that ran it, before its handle yields and before
    /// the next job starts there. For a job that never ran, on the thread that found out.
    ///
    /// This is the failure hook too: [`JobEnded::failure`] says what went wrong, whether or not
    /// anybody holds the job's handle.
    fn job_ended(&self, _job: &JobEnded<'_>) {}

    /// A job that was to be [tried again](crate::JobBuilder::retry) was not, and has no result; on
    /// the thread where its last attempt ended, after [`Observer::job_ended`] of that, and before
    /// the [handle](crate::RetryHandle) yields. It is told of each such job once, whatever stopped
    /// it, a cancel and a shutdown among the reasons.
    ///
    /// ```
    /// use springtide::{Observer, Pool, Retry, RetryStop, RetryStopped};
    /// use std::sync::mpsc::{Sender, channel};
    /// use std::time::Duration;
    ///
    /// struct DeadLetters(Sender<(&'static str, u32, RetryStop)>);
    ///
    /// impl Observer for DeadLetters {
    ///     fn retry_stopped(&self, job: &RetryStopped<'_>) {
    ///         let _ = self.0.send((job.kind, job.attempts, job.stop));
    ///     }
    /// }
    ///
    /// let (send, dead_letters) = channel();
    /// let pool = Pool::builder("post").workers(1..=1).observer(DeadLetters(send)).build()?;
    /// let retry = Retry::fixed(Duration::from_millis(1)).max_attempts(2);
    /// pool.job("letter").retry(retry).submit(|_| Err::<(), _>("no such address"))?.detach();
    /// assert_eq!(dead_letters.recv()?, ("letter", 2, RetryStop::AttemptsSpent));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn retry_stopped(&self, _job: &RetryStopped<'_>) {}

    /// A worker's thread is there; on that thread, before its first job. An
    /// [observer that comes later](crate::PoolHandle::observe) is told of the workers that are
    /// there already on the thread that brought it, and of one that stops at that moment perhaps
    /// only after it has stopped.
    fn worker_started(&self, _worker: &WorkerStarted<'_>) {}

    /// A worker could not build the [state](crate::PoolHandle::with_state) that a job needed; on
    /// its thread, once for each time that it has tried.
    fn state_failed(&self, _failed: &StateFailed<'_>) {}

    /// A worker has run its last job; on its thread, after its
    /// [state](crate::PoolHandle::with_state) was dropped. One for each
    /// [`Observer::worker_started`].
    fn worker_stopped(&self, _worker: &WorkerStopped<'_>) {}

    /// The pool is being shut down and takes no more jobs; what becomes of those that it has comes
    /// after this. Once, on the thread that shuts it down or drops it, which waits for this: so
    /// does the shutdown's time limit. [`PoolHandle::close`](crate::PoolHandle::close) alone is no
    /// shutdown, and is not told.
    ///
    /// ```
    /// use springtide::{Observer, Pool, PoolEnding};
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// /// For the load balancer: this service takes no more requests.
    /// #[derive(Default)]
    /// struct Drains(AtomicBool);
    ///
    /// impl Observer for Drains {
    ///     fn pool_ending(&self, _pool: &PoolEnding<'_>) {
    ///         self.0.store(true, Ordering::Relaxed);
    ///     }
    /// }
    ///
    /// let drains = Arc::new(Drains::default());
    /// let pool = Pool::builder("requests").observer(Arc::clone(&drains)).build()?;
    /// let seen = Arc::clone(&drains);
    /// pool.job("last").submit(move |_| {
    ///     while !seen.0.load(Ordering::Relaxed) {
    ///         std::thread::yield_now(); // This one is waited for.
    ///     }
    /// })?.detach();
    /// assert!(pool.shutdown().ended);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn pool_ending(&self, _pool: &PoolEnding<'_>) {}

    /// The pool was shut down and every worker has stopped: once, after the end of every job was
    /// told. On the supervisor's thread, before whoever waits for the end returns. Only a submitter
    /// may be told later that its job was accepted, or refused.
    fn pool_ended(&self, _pool: &PoolEnded<'_>) {}
}

/// Jobs that were refused.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct JobRefused<'a> {
    /// The pool's name.
    pub pool: &'a str,
    /// Why.
    pub reason: Refusal,
    /// How many: 1, but for the rest of a batch.
    pub jobs: u64,
}

/// A job that was accepted.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct JobAccepted<'a> {
    /// The pool's name.
    pub pool: &'a str,
    /// The kind given to [`PoolHandle::job`](crate::PoolHandle::job); `"job"` for the others.
    pub kind: &'static str,
    /// Its number, if it has a handle.
    pub id: Option<JobId>,
    /// Which run of the job this is, counted from 1.
    pub attempt: u32,
    /// How long it is to wait before it is queued, if it is delayed.
    pub delay: Option<Duration>,
}

/// A job about to run.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct JobStarting<'a> {
    /// The pool's name.
    pub pool: &'a str,
    /// The kind given to [`PoolHandle::job`](crate::PoolHandle::job); `"job"` for the others.
    pub kind: &'static str,
    /// Its number, if it has a handle.
    pub id: Option<JobId>,
    /// Which run of the job this is, counted from 1.
    pub attempt: u32,
    /// The index of the worker; `None` if the submitter runs the job itself.
    pub worker: Option<usize>,
    /// Time since it was submitted; of a job of a [lane](crate::Lane), since it left the lane.
    pub wait: Duration,
}

/// A job that is over.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct JobEnded<'a> {
    /// The pool's name.
    pub pool: &'a str,
    /// The kind given to [`PoolHandle::job`](crate::PoolHandle::job); `"job"` for the others.
    pub kind: &'static str,
    /// Its number, if it has a handle.
    pub id: Option<JobId>,
    /// Which run of the job this is, counted from 1.
    pub attempt: u32,
    /// The index of the worker; `None` if its submitter ran the job itself, or nobody did.
    pub worker: Option<usize>,
    /// How it ended.
    pub outcome: Outcome,
    /// From submission to start, or to the end of a job that never ran. A job of a
    /// [lane](crate::Lane) waits for the pool from the moment that it leaves the lane: nothing, if
    /// it ended there. What it waited before is in [`LaneStats::wait`](crate::LaneStats::wait).
    pub wait: Duration,
    /// From start to end; `None` if it never ran.
    pub run: Option<Duration>,
    /// What went wrong, if it returned an error or panicked; a panic also of a job whose time was
    /// up before it.
    pub failure: Option<Failure<'a>>,
}

/// A job that is not tried again.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RetryStopped<'a> {
    /// The pool's name.
    pub pool: &'a str,
    /// The kind given to [`PoolHandle::job`](crate::PoolHandle::job).
    pub kind: &'static str,
    /// How often it was run.
    pub attempts: u32,
    /// Why it is not tried again.
    pub stop: RetryStop,
    /// Since it was submitted.
    pub elapsed: Duration,
}

/// What went wrong in a job.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Failure<'a> {
    /// It [may fail](crate::PoolHandle::submit_fallible) and returned this error, to be told by its
    /// type.
    Returned(&'a (dyn Any + Send)),
    /// It panicked.
    Panicked(&'a PanicReport),
}

/// A worker that has started.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct WorkerStarted<'a> {
    /// The pool's name.
    pub pool: &'a str,
    /// Its index; free again for another worker once this one has stopped.
    pub worker: usize,
    /// It was there before the observer came.
    pub was_there: bool,
}

/// A state that could not be built.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct StateFailed<'a> {
    /// The pool's name.
    pub pool: &'a str,
    /// The worker's index; `None` on a thread that is none of the pool's workers.
    pub worker: Option<usize>,
    /// How often this worker has tried in a row.
    pub attempts: u32,
    /// After how long it will try again.
    pub retry_in: Duration,
    /// What went wrong.
    pub failure: Failure<'a>,
}

/// A worker that has stopped.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct WorkerStopped<'a> {
    /// The pool's name.
    pub pool: &'a str,
    /// Its index.
    pub worker: usize,
    /// Why.
    pub cause: StopCause,
}

/// A pool that is being shut down.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PoolEnding<'a> {
    /// Its name.
    pub pool: &'a str,
}

/// A pool that has ended.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PoolEnded<'a> {
    /// Its name.
    pub pool: &'a str,
}

impl std::fmt::Debug for Failure<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Returned(_) => f.write_str("Returned(..)"),
            Failure::Panicked(report) => f.debug_tuple("Panicked").field(report).finish(),
        }
    }
}

/// An observer that the program keeps a hand on, or that several pools share.
impl<O: Observer + ?Sized> Observer for Arc<O> {
    fn job_accepted(&self, job: &JobAccepted<'_>) {
        (**self).job_accepted(job);
    }

    fn job_refused(&self, refused: &JobRefused<'_>) {
        (**self).job_refused(refused);
    }

    fn job_starting(&self, job: &JobStarting<'_>) {
        (**self).job_starting(job);
    }

    fn job_ended(&self, job: &JobEnded<'_>) {
        (**self).job_ended(job);
    }

    fn retry_stopped(&self, job: &RetryStopped<'_>) {
        (**self).retry_stopped(job);
    }

    fn worker_started(&self, worker: &WorkerStarted<'_>) {
        (**self).worker_started(worker);
    }

    fn state_failed(&self, failed: &StateFailed<'_>) {
        (**self).state_failed(failed);
    }

    fn worker_stopped(&self, worker: &WorkerStopped<'_>) {
        (**self).worker_stopped(worker);
    }

    fn pool_ending(&self, pool: &PoolEnding<'_>) {
        (**self).pool_ending(pool);
    }

    fn pool_ended(&self, pool: &PoolEnded<'_>) {
        (**self).pool_ended(pool);
    }
}
