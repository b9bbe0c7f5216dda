//! What a pool is to be: which jobs it takes, in which order, and what becomes of them.

use std::time::Duration;

use super::Builder;
use crate::compose::retry::budget::RetryBudget;
use crate::config::{Delayed, DropPolicy, Overflow};
use crate::run::priority::Weights;

/// # Jobs
impl Builder {
    /// The most jobs that may wait to start.
    /// [`DEFAULT_QUEUE_CAPACITY`](crate::DEFAULT_QUEUE_CAPACITY) unless set.
    ///
    /// ```
    /// use springtide::{Overflow, Pool};
    ///
    /// let pool = Pool::builder("short").queue_capacity(2).overflow(Overflow::Reject).build()?;
    /// pool.pause();
    /// assert!(pool.execute(|| ()).is_ok() && pool.execute(|| ()).is_ok());
    /// assert!(pool.execute(|| ()).unwrap_err().is_full());
    /// # pool.resume();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn queue_capacity(mut self, jobs: usize) -> Self {
        self.settings.queue_capacity = Some(jobs);
        self
    }

    /// Lets any number of jobs wait: memory is then bounded by the submitters only.
    ///
    /// ```
    /// use springtide::Pool;
    ///
    /// let pool = Pool::builder("as-many-as-come").unbounded().build()?;
    /// assert_eq!(pool.room(), u64::MAX);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn unbounded(mut self) -> Self {
        self.settings.queue_capacity = None;
        self
    }

    /// What [`submit`](crate::PoolHandle::submit) does when the queue is full. [`Overflow::Block`]
    /// unless set.
    ///
    /// ```
    /// use springtide::{Overflow, Pool};
    ///
    /// let builder = Pool::builder("shared").workers(1..=1).queue_capacity(1);
    /// let pool = builder.overflow(Overflow::CallerRuns).build()?;
    /// pool.pause();
    /// pool.execute(|| ())?;
    /// let here = std::thread::current().id();
    /// let ran = pool.submit(|| std::thread::current().id())?; // The queue is full.
    /// assert_eq!(ran.join()?, here);
    /// # pool.resume();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn overflow(mut self, rule: Overflow) -> Self {
        self.settings.overflow = rule;
        self
    }

    /// How high, normal and low jobs share the workers while all of them wait: 6, 3 and 1 turns in
    /// ten unless set, and [`Weights::STRICT`] for always the highest first. Each worker keeps to
    /// the shares by itself.
    ///
    /// ```
    /// use springtide::{Pool, Weights};
    ///
    /// let fair = Weights { high: 2, normal: 1, low: 1 };
    /// let pool = Pool::builder("shares").priorities(fair).build()?;
    /// pool.reconfigure(|settings| settings.priorities = Weights::STRICT)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn priorities(mut self, weights: Weights) -> Self {
        self.settings.priorities = weights;
        self
    }

    /// How long a job waits at most behind higher ones, [`DEFAULT_AGEING`](crate::DEFAULT_AGEING)
    /// unless set; zero makes the levels take turns, [`Duration::MAX`] switches it off. A job that
    /// has waited so long is the next that a worker takes, in every other turn at most: where many
    /// are too old, they have half of the turns, and the higher ones the other half.
    ///
    /// High and low jobs are reckoned from when they were queued. Normal jobs, whose queue cannot
    /// be looked into, are reckoned from when a worker first passed them over, if that is later.
    ///
    /// ```
    /// use springtide::Pool;
    /// use std::time::Duration;
    ///
    /// let pool = Pool::builder("patient").ageing(Duration::from_secs(10)).build()?;
    /// pool.reconfigure(|settings| settings.ageing = Duration::MAX)?; // None, any more.
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn ageing(mut self, bound: Duration) -> Self {
        self.settings.ageing = bound;
        self
    }

    /// The most jobs that may be [delayed](crate::JobBuilder::delay) at a time; further ones are
    /// refused. [`DEFAULT_DELAYED_CAPACITY`](crate::DEFAULT_DELAYED_CAPACITY) unless set; 0 refuses
    /// them all.
    ///
    /// ```
    /// use springtide::Pool;
    /// use std::time::Duration;
    ///
    /// let pool = Pool::builder("reminders").delayed_capacity(1).build()?;
    /// let remind = || pool.job("remind").delay(Duration::from_secs(3600)).submit(|_| ());
    /// let first = remind()?;
    /// assert!(remind().unwrap_err().is_full());
    /// assert!(first.cancel() && remind().is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn delayed_capacity(mut self, jobs: usize) -> Self {
        self.delayed_capacity = jobs;
        self
    }

    /// What a shutdown that waits for the pool's jobs does with those that are
    /// [delayed](crate::JobBuilder::delay). [`Delayed::Cancel`] unless set.
    ///
    /// ```
    /// use springtide::{Delayed, Pool};
    /// use std::time::Duration;
    ///
    /// let pool = Pool::builder("flush").delayed_at_shutdown(Delayed::RunNow).build()?;
    /// let flush = pool.job("flush").delay(Duration::from_secs(3600)).submit(|_| "flushed")?;
    /// assert_eq!(pool.shutdown().completed, 1);
    /// assert_eq!(flush.join()?, "flushed");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn delayed_at_shutdown(mut self, rule: Delayed) -> Self {
        self.delayed_at_shutdown = rule;
        self
    }

    /// How many retries the pool bears, over all its jobs. [`RetryBudget::default`] unless set.
    ///
    /// ```
    /// use springtide::{Pool, RetryBudget};
    ///
    /// // One retry for ten jobs, and one a second besides.
    /// let budget = RetryBudget::new(0.1, 1);
    /// let pool = Pool::builder("calls").retry_budget(budget).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn retry_budget(mut self, budget: RetryBudget) -> Self {
        self.retry_budget = budget;
        self
    }

    /// What dropping the [`Pool`](crate::Pool) does with the jobs it has. Drains for half a minute
    /// unless set.
    ///
    /// ```
    /// use springtide::{DropPolicy, Pool};
    ///
    /// let pool = Pool::builder("scratch").on_drop(DropPolicy::Cancel).build()?;
    /// pool.pause();
    /// let unwanted = pool.submit(|| ())?;
    /// drop(pool);
    /// assert!(unwanted.join().unwrap_err().is_cancelled());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_drop(mut self, policy: DropPolicy) -> Self {
        self.on_drop = policy;
        self
    }
}
