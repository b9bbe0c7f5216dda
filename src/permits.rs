//! Places in the queue, reserved before there are jobs for them.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::compose::task_in_line::TaskInLine;
use crate::error::{ReserveError, SubmitError};
use crate::job_builder::JobBuilder;
use crate::outcome::Refusal;
use crate::pool_handle::PoolHandle;
use crate::run::cancel::CancelToken;
use crate::run::context::JobContext;
use crate::run::desk::Inside;
use crate::run::gate::{MAX_HELD, NoEntry};
use crate::run::handle::JobHandle;
use crate::run::in_line::GivesUp;
use crate::run::job::Task;
use crate::run::submit::{self, Entry};
use crate::run::terms::Terms;
use crate::sync::Arc;

/// The most places of one pool that can be reserved at a time.
pub const MAX_PERMITS: usize = MAX_HELD as usize;

/// Places in a pool's queue that are the holder's to use; made by [`PoolHandle::reserve`].
///
/// A job that is submitted with a permit is never refused as "full" and never waits. Permits not
/// used go back when this is dropped, and whoever waits for room gets them. They are no jobs: an
/// idle pool is idle although places in it are reserved, and its end does not wait for them.
///
/// ```
/// use springtide::Pool;
///
/// fn fetch(at_most: usize) -> Vec<&'static str> {
///     // For example: messages of a broker, which should not be fetched before there is room.
///     vec!["ebb", "flood"].into_iter().take(at_most).collect()
/// }
///
/// let pool = Pool::builder("consumer").workers(1..=2).queue_capacity(100).build()?;
/// let mut permits = pool.reserve(10)?; // Waits until there is room for one at least.
/// for message in fetch(permits.len()) {
///     permits.execute(move || drop(message.len()))?;
/// }
/// assert_eq!(pool.stats().reserved, 8);
/// drop(permits);
/// assert_eq!(pool.stats().reserved, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping permits gives the places back"]
pub struct Permits {
    pool: PoolHandle,
    len: u64,
}

/// # Reserving places
///
/// For whoever fetches work from elsewhere and must not fetch more than the pool can queue.
impl PoolHandle {
    /// Reserves up to `most` places in the queue, waiting until there is one at least. Zero are had
    /// at once. Inside one of the pool's own jobs this does not wait; nor is it needed there.
    ///
    /// # Errors
    ///
    /// [`ReserveError`]: the pool is closed, too many places are reserved, or the queue is full and
    /// the caller is one of the pool's own jobs.
    pub fn reserve(&self, most: usize) -> Result<Permits, ReserveError> {
        self.permits(submit::reserve(&self.core.shared, most as u64, GivesUp::never()), most)
    }

    /// As [`PoolHandle::reserve`], waiting for at most `timeout`.
    ///
    /// # Errors
    ///
    /// As [`PoolHandle::reserve`], and when the time is up.
    pub fn reserve_timeout(&self, most: usize, timeout: Duration) -> Result<Permits, ReserveError> {
        let shared = &self.core.shared;
        let gives_up = GivesUp::never().by(shared.now().after(timeout));
        self.permits(submit::reserve(shared, most as u64, gives_up), most)
    }

    /// As [`PoolHandle::reserve`], waiting until `token` is cancelled at the latest. (What awaits
    /// [`reserve_async`](PoolHandle::reserve_async) can await
    /// [`CancelToken::cancelled`] beside it.)
    ///
    /// ```
    /// use springtide::{CancelToken, Pool, ReserveError};
    ///
    /// let pool = Pool::builder("consumer").workers(1..=2).queue_capacity(8).build()?;
    /// let everything = pool.reserve(8)?;
    /// let ends = CancelToken::new();
    /// # let signal = ends.clone();
    /// # std::thread::spawn(move || signal.cancel());
    /// // The queue is full. The program is told to end, and the consumer waits no longer:
    /// let none = pool.reserve_unless_cancelled(4, &ends).unwrap_err();
    /// assert_eq!(none, ReserveError::Cancelled);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`PoolHandle::reserve`], and when the token is cancelled before there is room.
    pub fn reserve_unless_cancelled(
        &self,
        most: usize,
        token: &CancelToken,
    ) -> Result<Permits, ReserveError> {
        let gives_up = GivesUp { at: None, token: Some(token) };
        self.permits(submit::reserve(&self.core.shared, most as u64, gives_up), most)
    }

    /// Reserves up to `most` of the places that are free right now.
    ///
    /// ```
    /// use springtide::{Pool, ReserveError};
    ///
    /// let pool = Pool::builder("now").workers(1..=2).queue_capacity(8).build()?;
    /// let permits = pool.try_reserve(10)?;
    /// assert_eq!(permits.len(), 8);
    /// assert_eq!(pool.try_reserve(1).unwrap_err(), ReserveError::Full);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ReserveError`]: there is none, the pool is closed, or too many places are reserved.
    pub fn try_reserve(&self, most: usize) -> Result<Permits, ReserveError> {
        self.reserve_now(1, most)
    }

    /// Reserves exactly so many places if they are free right now, or none.
    ///
    /// ```
    /// use springtide::{Pool, ReserveError};
    ///
    /// let pool = Pool::builder("exact").workers(1..=2).queue_capacity(8).build()?;
    /// let all = pool.try_reserve_exact(8)?;
    /// assert_eq!(pool.try_reserve_exact(3).unwrap_err(), ReserveError::Full);
    /// drop(all);
    /// assert_eq!(pool.try_reserve_exact(3)?.len(), 3);
    /// // However empty the queue is:
    /// assert_eq!(pool.try_reserve_exact(9).unwrap_err(), ReserveError::TooLarge);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ReserveError`]: fewer are free, the queue has fewer at all, the pool is closed, or too
    /// many places are reserved.
    pub fn try_reserve_exact(&self, places: usize) -> Result<Permits, ReserveError> {
        self.reserve_now(places as u64, places)
    }

    /// As [`PoolHandle::reserve`], waiting without blocking the thread; on any executor.
    ///
    /// ```
    /// use springtide::{Pool, ReserveError};
    ///
    /// /// How many messages were fetched into the pool.
    /// async fn consume(pool: &Pool) -> Result<usize, ReserveError> {
    ///     let mut permits = pool.reserve_async(10).await?;
    ///     let fetched = permits.len().min(3); // As many as there are places, or messages.
    ///     for message in 0..fetched {
    ///         permits.execute(move || drop(Some(message))).expect("the pool is open");
    ///     }
    ///     Ok(fetched)
    /// }
    ///
    /// let pool = Pool::builder("consumer").workers(1..=2).queue_capacity(100).build()?;
    /// assert_eq!(block_on(consume(&pool))?, 3);
    /// # fn block_on<T>(future: impl Future<Output = T>) -> T {
    /// #     let mut future = std::pin::pin!(future);
    /// #     let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    /// #     loop {
    /// #         match future.as_mut().poll(&mut cx) {
    /// #             std::task::Poll::Ready(value) => break value,
    /// #             std::task::Poll::Pending => std::thread::yield_now(),
    /// #         }
    /// #     }
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cancellation
    ///
    /// Dropping the future before it resolves reserves nothing.
    pub fn reserve_async(&self, most: usize) -> ReserveAsync {
        ReserveAsync { pool: self.clone(), most, line: TaskInLine::new(&self.core) }
    }

    /// Places in the queue that are free at this moment: none once the pool is closed, `u64::MAX`
    /// where the queue has no bound. Others may take them at once; whoever wants to rely on them
    /// reserves them.
    pub fn room(&self) -> u64 {
        let room = self.core.shared.gate.room();
        let is_bounded = self.core.settings.load().queue_capacity.is_some();
        if is_bounded || room == 0 { room } else { u64::MAX }
    }

    fn reserve_now(&self, least: u64, most: usize) -> Result<Permits, ReserveError> {
        let reserved = self.core.shared.gate.reserve(least, most as u64);
        if matches!(reserved, Err(NoEntry::Full)) && least > self.core.settings.load().capacity() {
            return Err(ReserveError::TooLarge);
        }
        self.permits(reserved.map_err(why_none), most)
    }

    fn permits(
        &self,
        reserved: Result<u64, Refusal>,
        wanted: usize,
    ) -> Result<Permits, ReserveError> {
        match reserved? {
            0 if wanted > 0 => Err(ReserveError::TooMany),
            len => {
                // The supervisor of an idle pool sleeps, and the figures would not show it.
                self.core.shared.sleep.nudge();
                Ok(Permits { pool: self.clone(), len })
            }
        }
    }
}

fn why_none(no_entry: NoEntry) -> Refusal {
    match no_entry {
        NoEntry::Full => Refusal::QueueFull,
        NoEntry::Closed => Refusal::Shutdown,
    }
}

impl Permits {
    /// Permits left.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// None is left.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes up to so many permits out, to be used elsewhere or to be dropped.
    ///
    /// ```
    /// use springtide::{Pool, ReserveError};
    ///
    /// let pool = Pool::builder("consumers").workers(1..=2).queue_capacity(8).build()?;
    /// let mut permits = pool.try_reserve_exact(6)?; // All of them or none.
    /// let others = permits.split(4);
    /// assert_eq!((permits.len(), others.len()), (2, 4));
    /// assert_eq!(pool.try_reserve(10)?.len(), 2); // As many as there are.
    /// drop(others);
    /// assert_eq!(pool.try_reserve_exact(7).unwrap_err(), ReserveError::Full);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn split(&mut self, permits: usize) -> Permits {
        let len = self.len.min(permits as u64);
        self.len -= len;
        Permits { pool: self.pool.clone(), len }
    }

    /// [`PoolHandle::submit`] with one of the permits.
    ///
    /// # Errors
    ///
    /// [`SubmitError`] with the job in it: the pool is closed, or no permit is left, which counts
    /// as full.
    pub fn submit<F, T>(&mut self, job: F) -> Result<JobHandle<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        match self.redeem() {
            Ok(entry) => {
                let shared = &self.pool.core.shared;
                let (tracked, handle) = submit::tracked(shared, Terms::default(), move |_| job());
                submit::deliver(shared, entry, Task::Tracked(tracked));
                Ok(handle)
            }
            Err(refusal) => Err(SubmitError::new(job, refusal)),
        }
    }

    /// [`PoolHandle::execute`] with one of the permits.
    ///
    /// # Errors
    ///
    /// As [`Permits::submit`].
    pub fn execute<F>(&mut self, job: F) -> Result<(), SubmitError<F>>
    where
        F: FnOnce() + Send + 'static,
    {
        match self.redeem() {
            Ok(entry) => {
                let shared = &self.pool.core.shared;
                submit::deliver(shared, entry, submit::plain(shared, job));
                Ok(())
            }
            Err(refusal) => Err(SubmitError::new(job, refusal)),
        }
    }

    fn redeem(&mut self) -> Result<Entry, Refusal> {
        let shared = &self.pool.core.shared;
        if self.len == 0 {
            return Err(submit::refuse(shared, Refusal::QueueFull));
        }
        let entry = submit::redeem(shared)?;
        self.len -= 1;
        Ok(entry)
    }
}

impl JobBuilder<'_> {
    /// [`Permits::submit`] with these options.
    ///
    /// ```
    /// use springtide::{Pool, Priority};
    ///
    /// let pool = Pool::builder("orders").workers(1..=2).build()?;
    /// let mut permits = pool.reserve(5)?;
    /// let order = pool.job("order").priority(Priority::High);
    /// assert_eq!(order.submit_with(&mut permits, |_| 7)?.join()?, 7);
    /// assert_eq!(permits.len(), 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// A [delayed](JobBuilder::delay) job takes no place in the queue, so it uses no permit: all of
    /// them stay here, and the job is let in or refused as by [`JobBuilder::submit`].
    ///
    /// # Errors
    ///
    /// As [`Permits::submit`]; permits of another pool count as none.
    pub fn submit_with<F, T>(
        self,
        permits: &mut Permits,
        job: F,
    ) -> Result<JobHandle<T>, SubmitError<F>>
    where
        F: FnOnce(&JobContext<'_>) -> T + Send + 'static,
        T: Send + 'static,
    {
        self.enter_by(job, |shared, _| {
            if !Arc::ptr_eq(shared, &permits.pool.core.shared) {
                return Err(submit::refuse(shared, Refusal::QueueFull));
            }
            permits.redeem()
        })
    }
}

impl Drop for Permits {
    fn drop(&mut self) {
        if self.len > 0 {
            self.pool.core.shared.gate.give_back(self.len);
            self.pool.core.shared.sleep.nudge();
        }
    }
}

impl std::fmt::Debug for Permits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Permits").field("pool", &self.pool.name()).field("len", &self.len).finish()
    }
}

/// A reservation that waits for room; made by [`PoolHandle::reserve_async`].
#[must_use = "nothing is reserved until the future is awaited"]
pub struct ReserveAsync {
    pool: PoolHandle,
    most: usize,
    line: TaskInLine,
}

impl Future for ReserveAsync {
    type Output = Result<Permits, ReserveError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let ReserveAsync { pool, most, line } = &mut *self;
        let shared = &pool.core.shared;
        let mut turn = line.poll_call(cx);
        loop {
            match turn {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(why)) => return Poll::Ready(Err(why.into())),
                Poll::Ready(Ok(())) => {}
            }
            match pool.try_reserve(*most) {
                Err(ReserveError::Full) if shared.is_forked() => {
                    return Poll::Ready(Err(ReserveError::Forked));
                }
                Err(ReserveError::Full) if !Inside::is(shared) => shared.sleep.kick(),
                reserved => return Poll::Ready(reserved),
            }
            turn = line.poll_join(GivesUp::never, cx);
        }
    }
}

impl std::fmt::Debug for ReserveAsync {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReserveAsync")
            .field("most", &self.most)
            .field("waiting", &self.line.is_waiting())
            .finish_non_exhaustive()
    }
}
