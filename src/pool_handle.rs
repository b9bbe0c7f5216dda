//! A pool from its users' side: submit, look, adjust.

use std::time::Duration;

use crate::config::{Overflow, Settings};
use crate::control;
use crate::error::{ConfigError, SubmitError, TrySubmitError, WaitIdleError};
use crate::observer::Observer;
use crate::outcome::Refusal;
use crate::run::current::JobInfo;
use crate::run::handle::JobHandle;
use crate::run::job::Task;
use crate::run::news;
use crate::run::submit::{self, WhenFull};
use crate::run::terms::{PLAIN, Terms};
use crate::scale::{Core, Decision, captured};
use crate::stats::{self, Health, Stats};
use crate::submit_batch::{self, Batch};
use crate::sync::Arc;

/// A reference to a [`Pool`](crate::Pool) that can be cloned and sent anywhere.
///
/// It does not keep the pool alive: once the [`Pool`](crate::Pool) is dropped or shut down, what
/// is submitted through a handle comes back as closed.
#[derive(Clone)]
pub struct PoolHandle {
    pub(crate) core: Arc<Core>,
}

/// # Submitting
///
/// Inside one of the pool's own jobs, a submission goes to the worker's own deque, and where it
/// would have to wait for room it is accepted over the bound instead: the worker that would make
/// the room is the one that would wait.
impl PoolHandle {
    /// Submits a job. When the queue is full, the pool's [`Overflow`] rule applies.
    ///
    /// # Errors
    ///
    /// [`SubmitError`] with the job in it: the pool is closed, or full under [`Overflow::Reject`],
    /// or stays full until the deadline that the job inherits.
    pub fn submit<F, T>(&self, job: F) -> Result<JobHandle<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.enter(job, self.when_full())
    }

    /// Submits a job if there is room right now.
    ///
    /// ```
    /// use springtide::{Pool, TrySubmitError};
    ///
    /// let pool = Pool::builder("try").workers(1..=1).queue_capacity(1).build()?;
    /// match pool.try_submit(|| 1) {
    ///     Ok(handle) => assert_eq!(handle.join()?, 1),
    ///     Err(TrySubmitError::Full(job)) => assert_eq!(job(), 1),
    ///     Err(refused) => panic!("{refused}"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`TrySubmitError`] with the job in it: full or closed.
    pub fn try_submit<F, T>(&self, job: F) -> Result<JobHandle<T>, TrySubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.enter(job, WhenFull::Refuse).map_err(into_try)
    }

    /// Submits a job, waiting for room for at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`SubmitError`] with the job in it: the time was up, or the pool is closed.
    pub fn submit_timeout<F, T>(
        &self,
        job: F,
        timeout: Duration,
    ) -> Result<JobHandle<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.enter(job, self.until(timeout))
    }

    /// Submits many jobs at the price of one: one step through the gate, one announcement, one
    /// decision whom to wake for as many as there is room. When the queue is full in between, the
    /// pool's [`Overflow`] rule applies.
    ///
    /// ```
    /// use springtide::Pool;
    ///
    /// let pool = Pool::builder("batch").workers(1..=4).build()?;
    /// let batch = pool.submit_batch((0..10).map(|n| move || n * n));
    /// assert!(batch.refused.is_empty());
    /// let squares: Result<Vec<i32>, _> = batch.handles.into_iter().map(|h| h.join()).collect();
    /// assert_eq!(squares?, [0, 1, 4, 9, 16, 25, 36, 49, 64, 81]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn submit_batch<I, F, T>(&self, jobs: I) -> Batch<F, T>
    where
        I: IntoIterator<Item = F>,
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        submit_batch::submit_batch(&self.core.shared, jobs, self.when_full())
    }

    /// Submits a job whose result nobody needs: no handle, no cell for the result. When the queue
    /// is full, the pool's [`Overflow`] rule applies.
    ///
    /// # Errors
    ///
    /// As for [`PoolHandle::submit`], but that no deadline is inherited, and none ends the wait.
    pub fn execute<F>(&self, job: F) -> Result<(), SubmitError<F>>
    where
        F: FnOnce() + Send + 'static,
    {
        self.enter_untracked(job, self.when_full())
    }

    /// [`PoolHandle::execute`] if there is room right now.
    ///
    /// # Errors
    ///
    /// As for [`PoolHandle::try_submit`].
    pub fn try_execute<F>(&self, job: F) -> Result<(), TrySubmitError<F>>
    where
        F: FnOnce() + Send + 'static,
    {
        self.enter_untracked(job, WhenFull::Refuse).map_err(into_try)
    }

    fn enter<F, T>(&self, job: F, when_full: WhenFull) -> Result<JobHandle<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let shared = &self.core.shared;
        match submit::admit(shared, when_full, Some(&PLAIN)) {
            Ok(entry) => {
                let (tracked, handle) = submit::tracked(shared, Terms::default(), move |_| job());
                submit::deliver(shared, entry, Task::Tracked(tracked));
                Ok(handle)
            }
            Err(refusal) => Err(SubmitError::new(job, refusal)),
        }
    }

    fn enter_untracked<F>(&self, job: F, when_full: WhenFull) -> Result<(), SubmitError<F>>
    where
        F: FnOnce() + Send + 'static,
    {
        let shared = &self.core.shared;
        match submit::admit(shared, when_full, None) {
            Ok(entry) => {
                submit::deliver(shared, entry, submit::plain(shared, job));
                Ok(())
            }
            Err(refusal) => Err(SubmitError::new(job, refusal)),
        }
    }

    /// Gets a job in if there is room; a full queue is not counted as a refusal, since the caller
    /// is going to try again. It does not inherit a deadline: the caller sees that it is run.
    pub(crate) fn submit_or_wait<F, T>(&self, job: F) -> Result<JobHandle<T>, Refusal>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let shared = &self.core.shared;
        let entry = submit::admit_or_wait(shared, &mut None)?;
        let mut terms = Terms::default();
        if shared.inherited_deadline().is_some() {
            terms.special().outlives = true;
        }
        let (tracked, handle) = submit::tracked(shared, terms, move |_| job());
        submit::deliver(shared, entry, Task::Tracked(tracked));
        Ok(handle)
    }

    pub(crate) fn when_full(&self) -> WhenFull {
        match self.core.shared.overflow() {
            Overflow::Block => WhenFull::Wait,
            Overflow::Reject => WhenFull::Refuse,
            Overflow::CallerRuns => WhenFull::RunHere,
        }
    }

    pub(crate) fn until(&self, timeout: Duration) -> WhenFull {
        WhenFull::WaitUntil(self.core.shared.now().after(timeout))
    }
}

pub(crate) fn into_try<F>(error: SubmitError<F>) -> TrySubmitError<F> {
    let refusal: Refusal = error.refusal();
    TrySubmitError::new(error.into_job(), refusal)
}

/// # Adjusting
impl PoolHandle {
    /// New bounds for the number of workers, at once. Workers above a lower bound leave as they
    /// come out of their jobs; no job is interrupted. Returns the settings in force.
    ///
    /// # Errors
    ///
    /// The first problem with the bounds; then nothing was changed.
    pub fn resize(
        &self,
        workers: std::ops::RangeInclusive<usize>,
    ) -> Result<Settings, ConfigError> {
        self.reconfigure(|settings| {
            settings.min_workers = *workers.start();
            settings.max_workers = *workers.end();
        })
    }

    /// Changes settings while the pool runs: all of them at once, or none. Returns the settings in
    /// force.
    ///
    /// `change` gets the present settings, and again if somebody else changed them in the meantime,
    /// so no change is lost.
    ///
    /// ```
    /// use springtide::Pool;
    ///
    /// let pool = Pool::builder("live").workers(1..=2).build()?;
    /// let settings = pool.reconfigure(|s| {
    ///     s.max_workers = 8;
    ///     s.queue_capacity = Some(100);
    /// })?;
    /// assert_eq!((settings.min_workers, settings.max_workers), (1, 8));
    /// assert!(pool.reconfigure(|s| s.max_workers = 0).is_err());
    /// assert_eq!(pool.settings(), settings);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The first problem with what `change` made of them; then nothing was changed.
    pub fn reconfigure(&self, change: impl FnMut(&mut Settings)) -> Result<Settings, ConfigError> {
        control::reconfigure(&self.core, change)
    }

    /// The settings in force.
    pub fn settings(&self) -> Settings {
        (*self.core.settings.load()).clone()
    }

    /// Lets running jobs end and starts no others, until [`PoolHandle::resume`]. Submissions are
    /// accepted up to the bound. A job that joins a queued one still runs it: that is part of
    /// letting the first one end. A worker that was looking for a job as the pause came may have
    /// been in time for one.
    pub fn pause(&self) {
        control::pause(&self.core);
    }

    /// Ends a pause; harmless without one.
    pub fn resume(&self) {
        control::resume(&self.core);
    }

    /// Whether the pool is paused.
    pub fn is_paused(&self) -> bool {
        self.core.shared.is_paused()
    }

    /// Lets no more jobs in. What is queued runs; blocked submitters get their jobs back.
    pub fn close(&self) {
        self.core.shared.close();
    }

    /// Waits until nothing is queued and nothing runs.
    ///
    /// # Errors
    ///
    /// [`WaitIdleError`] inside one of the pool's own jobs, which would wait for itself, and in a
    /// forked child.
    pub fn wait_idle(&self) -> Result<(), WaitIdleError> {
        control::wait_idle(&self.core, None)
    }

    /// Waits until nothing is queued and nothing runs, but not longer than `timeout`.
    ///
    /// # Errors
    ///
    /// As [`PoolHandle::wait_idle`], and when the time is up.
    pub fn wait_idle_timeout(&self, timeout: Duration) -> Result<(), WaitIdleError> {
        control::wait_idle(&self.core, Some(timeout))
    }
}

/// # Seeing
impl PoolHandle {
    /// Adds an observer to those that there are, up to [`MAX_OBSERVERS`](crate::MAX_OBSERVERS), for
    /// the rest of the pool's life. It is told of the workers that are there, here, and then of
    /// whatever happens, after those that came before it. Of a job that has started already it is
    /// not told, nor that it ended. So for each start that it hears of there is one end, and for
    /// each end of a job that ran, one start. A job that never ran has an end alone, and so has one
    /// that had started before and is lost with its worker.
    ///
    /// A pool that gets an observer late has paid for none before, and from then on for this one.
    ///
    /// ```
    /// use springtide::{Observer, Pool, WorkerStarted};
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    ///
    /// #[derive(Default)]
    /// struct Crew(AtomicUsize);
    ///
    /// impl Observer for Crew {
    ///     fn worker_started(&self, worker: &WorkerStarted<'_>) {
    ///         self.0.fetch_add(1, Ordering::Relaxed);
    ///     }
    /// }
    ///
    /// let pool = Pool::builder("ship").workers(2..=2).build()?;
    /// let crew = Arc::new(Crew::default());
    /// assert!(pool.observe(Arc::clone(&crew)).is_ok());
    /// # while crew.0.load(Ordering::Relaxed) < 2 { std::thread::yield_now(); }
    /// assert_eq!(crew.0.load(Ordering::Relaxed), 2); // However late it came.
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The observer, if there are as many as there may be, the pool has ended, or this is a forked
    /// child.
    pub fn observe<O: Observer>(&self, observer: O) -> Result<(), O> {
        news::observe(&self.core.shared, observer)
    }

    /// The pool's name.
    pub fn name(&self) -> &str {
        self.core.shared.name.as_str()
    }

    /// One consistent snapshot of counts, levels and quantiles. Costs microseconds: it folds every
    /// worker's meter.
    pub fn stats(&self) -> Stats {
        stats::stats(&self.core)
    }

    /// The figures of this pool as a page of Prometheus text, of this moment: every family that
    /// [`docs::metrics`](crate::docs::metrics) lists, with exact histograms. Empty for
    /// [`MetricsSource::Disabled`](crate::MetricsSource::Disabled). Serve it as
    /// `text/plain; version=0.0.4`. Where the pool rests, its supervisor wakes up to measure first:
    /// microseconds, a quarter of a second at most where the machine is too busy.
    ///
    /// It is made for [`MetricsSource::Captured`](crate::MetricsSource::Captured). The page of a
    /// pool that reports to a recorder says what the recorder says, so only one of them should be
    /// scraped.
    ///
    /// ```
    /// use springtide::{MetricsSource, Pool};
    ///
    /// let pool = Pool::builder("captured").metrics(MetricsSource::Captured).build()?;
    /// pool.submit(|| ())?.join()?;
    /// let page = pool.render_metrics();
    /// assert!(page.contains("springtide_jobs_submitted_total{pool=\"captured\"} 1"));
    /// assert!(page.contains("springtide_run_seconds_count{pool=\"captured\"} 1"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn render_metrics(&self) -> String {
        captured::page(&self.core)
    }

    /// What the supervisor last did about the number of workers, or why it did nothing although
    /// jobs waited.
    pub fn last_decision(&self) -> Option<Decision> {
        self.core.journal.lock().last_decision()
    }

    /// The latest decisions, oldest first; 256 are kept.
    pub fn decisions(&self) -> Vec<Decision> {
        self.core.journal.lock().decisions()
    }

    /// The jobs running on workers right now. A state that a worker [which
    /// holds](crate::StateFailure::Hold) is building shows among them, of the kind `"job"` and
    /// without an id, for it may hang as a job may.
    pub fn running_jobs(&self) -> Vec<JobInfo> {
        self.core.shared.running_jobs()
    }

    /// Whether the pool can do its work, and if not, why.
    pub fn health(&self) -> Health {
        stats::health(&self.core)
    }
}

impl std::fmt::Debug for PoolHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PoolHandle").field("name", &self.name()).finish_non_exhaustive()
    }
}
