//! What a pool is to be: how many workers it may have, by which law, and what becomes of those
//! that a job does not give back.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::Builder;
use crate::run::stuck::{Stuck, StuckJob};
use crate::scale::ScalingPolicy;

/// # Workers
impl Builder {
    /// The fewest and the most workers, as an inclusive range. 0 is allowed below: an idle pool
    /// then has no threads but its supervisor's. Unless set, 1 to sixteen for each core (32 at
    /// least, 512 at most).
    ///
    /// ```
    /// use springtide::Pool;
    ///
    /// let pool = Pool::builder("thumbnails").workers(0..=16).build()?;
    /// assert_eq!(pool.stats().workers.total, 0); // Until there is a job.
    /// assert_eq!(pool.submit(|| "a thumbnail")?.join()?, "a thumbnail");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn workers(mut self, workers: RangeInclusive<usize>) -> Self {
        self.settings.min_workers = *workers.start();
        self.settings.max_workers = *workers.end();
        self
    }

    /// The longest a job should wait: the objective of the default policy.
    /// [`DEFAULT_TARGET_WAIT`](crate::DEFAULT_TARGET_WAIT) unless set.
    ///
    /// ```
    /// use springtide::Pool;
    /// use std::time::Duration;
    ///
    /// // Nobody looks at a report before tomorrow: fewer workers do.
    /// let pool = Pool::builder("reports").target_wait(Duration::from_secs(30)).build()?;
    /// assert_eq!(pool.settings().target_wait, Duration::from_secs(30));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn target_wait(mut self, target: Duration) -> Self {
        self.settings.target_wait = target;
        self
    }

    /// How long a worker that nothing needs is kept: all that were not needed for so long go, at
    /// once. Zero keeps nobody. Unless set, the default policy chooses between 10 and 60 s, by the
    /// gaps that it sees between two uses of a worker.
    ///
    /// ```
    /// use springtide::Pool;
    /// use std::time::Duration;
    ///
    /// // A thread costs the library behind it a connection: away with who is not needed.
    /// let pool = Pool::builder("queries").keep_alive(Duration::from_secs(2)).build()?;
    /// pool.reconfigure(|settings| settings.keep_alive = None)?; // Or let the policy choose.
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn keep_alive(mut self, window: Duration) -> Self {
        self.settings.keep_alive = Some(window);
        self
    }

    /// The rule by which the supervisor sizes the pool. [`PredictedWait`](crate::PredictedWait)
    /// unless set.
    ///
    /// ```
    /// use springtide::{Pool, QueueDepth};
    ///
    /// let pool = Pool::builder("simple").workers(2..=8).policy(QueueDepth::default()).build()?;
    /// assert_eq!(pool.submit(|| 7)?.join()?, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn policy(mut self, policy: impl ScalingPolicy + 'static) -> Self {
        self.policy = Box::new(policy);
        self
    }

    /// The cores to reckon with, fractions allowed. Unless set the system is asked, quotas
    /// included, every half minute.
    ///
    /// ```
    /// use springtide::Pool;
    ///
    /// // Half of the machine is another process's.
    /// let pool = Pool::builder("hashes").cores(2.0).build()?;
    /// pool.reconfigure(|settings| settings.cores = Some(1.5))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cores(mut self, cores: f64) -> Self {
        self.settings.cores = Some(cores);
        self
    }

    /// How far [`resize`](crate::PoolHandle::resize) may raise the upper bound, at most
    /// [`WORKER_CEILING`](crate::WORKER_CEILING). The upper bound or 256, whichever is more, unless
    /// set.
    ///
    /// ```
    /// use springtide::Pool;
    ///
    /// let pool = Pool::builder("room").workers(1..=4).ceiling(8).build()?;
    /// assert!(pool.resize(1..=8).is_ok());
    /// assert!(pool.resize(1..=9).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn ceiling(mut self, workers: usize) -> Self {
        self.ceiling = Some(workers);
        self
    }

    /// Stack of each worker in bytes; the system's choice unless set.
    ///
    /// ```
    /// use springtide::Pool;
    ///
    /// let depth = |levels: u32| {
    ///     fn down(left: u32) -> u32 {
    ///         let frame = std::hint::black_box([left; 64]);
    ///         if left == 0 { 0 } else { 1 + down(frame[0] - 1) }
    ///     }
    ///     down(levels)
    /// };
    /// let pool = Pool::builder("recursive").stack_size(32 << 20).build()?;
    /// assert_eq!(pool.submit(move || depth(10_000))?.join()?, 10_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// For how long a job may go on after its timeout or its deadline before it counts as stuck.
    /// [`DEFAULT_STUCK_AFTER`](crate::DEFAULT_STUCK_AFTER) unless set; [`Duration::MAX`] for never.
    /// A job with neither is never stuck, however long it runs.
    ///
    /// Stuck jobs are counted, listed by [`running_jobs`](crate::PoolHandle::running_jobs), told to
    /// the [hook](crate::Builder::on_stuck), and may be worked around
    /// ([`max_replacements`](crate::Builder::max_replacements)). They cannot be stopped.
    ///
    /// ```
    /// use springtide::Pool;
    /// use std::time::Duration;
    ///
    /// let pool = Pool::builder("calls").stuck_after(Duration::from_millis(1)).build()?;
    /// let timeout = Duration::from_millis(1);
    /// let call = pool.handle();
    /// let stuck = pool.job("call").timeout(timeout).submit(move |_| {
    ///     while call.health().stuck_jobs == 0 {
    ///         std::thread::yield_now(); // It does not look at its context.
    ///     }
    /// })?;
    /// assert!(stuck.join().unwrap_err().is_timed_out());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stuck_after(mut self, grace: Duration) -> Self {
        self.stuck.grace = grace;
        self
    }

    /// Asks what to do about a job that is stuck, once for each. Called on the supervisor's thread,
    /// so it should be short; a panic in it is contained and means [`Stuck::Leave`].
    ///
    /// ```
    /// use springtide::{Pool, Stuck};
    /// use std::time::Duration;
    ///
    /// let pool = Pool::builder("parser")
    ///     .workers(1..=4)
    ///     .stuck_after(Duration::from_secs(30))
    ///     .max_replacements(2)
    ///     .on_stuck(|stuck| {
    ///         eprintln!("{} should have ended {:?} ago", stuck.job.kind, stuck.overdue);
    ///         Stuck::Replace
    ///     })
    ///     .build()?;
    /// # pool.submit(|| ())?.join()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_stuck(mut self, hook: impl Fn(&StuckJob) -> Stuck + Send + Sync + 'static) -> Self {
        self.stuck.hook = Some(Box::new(hook));
        self
    }

    /// How many workers that stuck jobs keep may be replaced at a time, above the upper bound: the
    /// policy then sees a pool without the one, and starts another when it needs to. When the stuck
    /// job ends, the pool goes back to its bounds. 0 unless set. Without a
    /// [hook](crate::Builder::on_stuck) each stuck job's worker is replaced, up to this many.
    ///
    /// ```
    /// use springtide::Pool;
    /// use std::time::Duration;
    ///
    /// // Two calls may hang for ever, and eight more are answered still.
    /// let calls = Pool::builder("calls").workers(1..=8).max_replacements(2);
    /// let pool = calls.stuck_after(Duration::from_secs(10)).build()?;
    /// assert_eq!(pool.health().stuck_jobs, 0); // So far.
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn max_replacements(mut self, workers: usize) -> Self {
        self.stuck.max_replacements = workers;
        self
    }
}
