//! A function over the items of an iterator, some of them at a time.

mod supply;

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::iter::FusedIterator;
use std::task::{Context, Poll};
use std::time::Duration;

use super::inbox::{Inbox, Outcome};
use super::progress::{Progress, Report};
use super::task_in_line::TaskInLine;
use crate::error::JobError;
use crate::job_builder::JobBuilder;
use crate::pool_handle::PoolHandle;
use crate::run::context::{Body, Fallible, JobContext};
use crate::run::handle::JobHandle;
use crate::run::job::Task;
use crate::run::shared::Shared;
use crate::run::submit::{self, Entry, WhenFull};
use crate::run::terms::Terms;
use crate::sync::Arc;

/// Jobs under way for each worker that the pool may have, unless the caller says otherwise: one
/// runs, and one is ready when it ends or waits for its turn to be yielded.
const AHEAD_PER_WORKER: usize = 2;

/// One item's job.
type Work<T> = Box<dyn FnOnce(&JobContext<'_>) -> T + Send>;
/// Hands in the job of an item that was let in.
type Deliver<T> = fn(&Arc<Shared>, Entry, Terms, Work<T>) -> JobHandle<T>;
type Function<A, T> = Arc<dyn Fn(&JobContext<'_>, A) -> T + Send + Sync>;

/// The results of a function over the items of an iterator; made by [`PoolHandle::map`] and
/// [`PoolHandle::map_unordered`].
///
/// An iterator over one [`Result`] for each item. A panic of the function is an error of its item
/// and of no other. The items are taken from their iterator, and the jobs submitted, on the thread
/// that asks for results, as it asks: at most [`look_ahead`](Map::look_ahead) jobs are queued,
/// running or done and not yet yielded, however many items there are.
///
/// When the queue is full the map makes do with the jobs it has under way. If it has none it waits
/// for room, whatever the pool's [`Overflow`](crate::Overflow) rule; inside one of the pool's own
/// jobs it never does, and runs those of its jobs that nobody has begun on the waiting worker. A
/// pool that was shut down ends it with one error. While it waits it hears the token and the
/// deadline of its jobs: the item that it waits with is lost as if its job had been queued.
///
/// # Cancellation
///
/// Dropping the map takes no more items, cancels the jobs that are queued, and tells those that
/// run.
#[must_use = "a map does nothing unless it is iterated over"]
pub struct Map<I: Iterator, T: Send + 'static> {
    /// `None` once it has ended.
    items: Option<I>,
    function: Function<I::Item, T>,
    deliver: Deliver<T>,
    fails: fn(&T) -> bool,
    terms: Terms,
    inbox: Arc<Inbox<T>>,
    order: Order,
    look_ahead: usize,
    /// Submitted and not yet yielded.
    under_way: usize,
    /// An item's job that found the queue full.
    unsubmitted: Option<Work<T>>,
    /// Waits for room, if a task does.
    line: TaskInLine,
    /// What has arrived before its turn, by number.
    arrived: BTreeMap<usize, Outcome<T>>,
    yielded: usize,
    /// Why no more items are taken, until that has been said.
    refused: Option<JobError>,
    total: Option<usize>,
    report: Option<Report>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Submission,
    Completion,
}

/// # Mapping
impl PoolHandle {
    /// Applies `function` to the items of an iterator of any length, many at a time; results come
    /// in the order of the items.
    ///
    /// ```
    /// let pool = springtide::Pool::builder("map").workers(1..=4).build()?;
    /// let lengths = pool.map(["spring", "neap"], str::len).collect::<Result<Vec<_>, _>>()?;
    /// assert_eq!(lengths, [6, 4]);
    /// // A million items; no more than 16 of them are ever under way.
    /// let even = pool.map(0..1_000_000, |n: u32| n % 2 == 0).look_ahead(16);
    /// assert_eq!(even.take(10).filter(|even| matches!(even, Ok(true))).count(), 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn map<I, F, T>(&self, items: I, function: F) -> Map<I::IntoIter, T>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
        T: Send + 'static,
    {
        self.plain().map(items, move |_, item| function(item))
    }

    /// As [`PoolHandle::map`]; results come as their jobs end.
    ///
    /// ```
    /// let pool = springtide::Pool::builder("unordered").workers(1..=4).build()?;
    /// let letters: usize = pool.map_unordered(["ebb", "flood"], str::len).sum::<Result<_, _>>()?;
    /// assert_eq!(letters, 8); // Whichever of them was counted first.
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn map_unordered<I, F, T>(&self, items: I, function: F) -> Map<I::IntoIter, T>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
        T: Send + 'static,
    {
        self.plain().map_unordered(items, move |_, item| function(item))
    }

    fn plain(&self) -> JobBuilder<'_> {
        JobBuilder { pool: self, terms: Terms::default() }
    }
}

impl JobBuilder<'_> {
    /// [`PoolHandle::map`] with these options for each item's job, but for a delay: a map waits
    /// for nothing but room.
    ///
    /// ```
    /// let pool = springtide::Pool::builder("pages").workers(1..=4).build()?;
    /// let limit = std::time::Duration::from_secs(5); // For each page.
    /// let mut pages = pool.job("page").timeout(limit).map(1..=3, |cx, n| cx.check().map(|()| n));
    /// assert!(pages.all(|page| matches!(page, Ok(Ok(1..=3)))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn map<I, F, T>(self, items: I, function: F) -> Map<I::IntoIter, T>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
        F: Fn(&JobContext<'_>, I::Item) -> T + Send + Sync + 'static,
        T: Send + 'static,
    {
        Map::new(self, items.into_iter(), Arc::new(function), Order::Submission)
    }

    /// [`PoolHandle::map_unordered`] with these options for each item's job, but for a delay.
    pub fn map_unordered<I, F, T>(self, items: I, function: F) -> Map<I::IntoIter, T>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
        F: Fn(&JobContext<'_>, I::Item) -> T + Send + Sync + 'static,
        T: Send + 'static,
    {
        Map::new(self, items.into_iter(), Arc::new(function), Order::Completion)
    }
}

impl<I, T> Map<I, T>
where
    I: Iterator,
    I::Item: Send + 'static,
    T: Send + 'static,
{
    fn new(jobs: JobBuilder<'_>, items: I, function: Function<I::Item, T>, order: Order) -> Self {
        let JobBuilder { pool, mut terms } = jobs;
        terms.forget_delay();
        let workers = pool.core.settings.load().max_workers;
        let total = match items.size_hint() {
            (least, Some(most)) if least == most => Some(most),
            _ => None,
        };
        Map {
            items: Some(items),
            function,
            deliver,
            fails: |_| false,
            terms,
            inbox: Inbox::new(&pool.core.shared, None),
            order,
            look_ahead: workers.saturating_mul(AHEAD_PER_WORKER).max(1),
            under_way: 0,
            unsubmitted: None,
            line: TaskInLine::new(&pool.core),
            arrived: BTreeMap::new(),
            yielded: 0,
            refused: None,
            total,
            report: None,
        }
    }

    /// How many jobs may be queued, running or done and not yet yielded; at least one. Two for each
    /// worker that the pool may have when the map is made, unless set here.
    ///
    /// In the order of the items, one that takes long holds back those behind it once so many of
    /// them are done; more look-ahead evens that out, and holds more results.
    pub fn look_ahead(mut self, jobs: usize) -> Self {
        self.look_ahead = jobs.max(1);
        self
    }

    /// Calls `tell` with the progress on the thread that takes the results, as it takes them: at
    /// most once in `every`, and always when there are none left.
    pub fn on_progress(
        mut self,
        every: Duration,
        tell: impl FnMut(Progress) + Send + 'static,
    ) -> Self {
        self.report = Some(Report::new(every, tell));
        self
    }

    /// How far the map has come. Its total is the length of the iterator, if that knew it.
    pub fn progress(&self) -> Progress {
        let tally = self.inbox.tally();
        Progress { done: tally.done, failed: tally.failed, total: self.total }
    }

    /// Waits for the next result as a future, on any executor.
    ///
    /// ```
    /// use springtide::{JobError, Pool};
    ///
    /// async fn letters(pool: &Pool) -> Result<usize, JobError> {
    ///     let mut lengths = pool.map(["spring", "neap"], str::len);
    ///     let mut sum = 0;
    ///     while let Some(length) = lengths.next_async().await {
    ///         sum += length?;
    ///     }
    ///     Ok(sum)
    /// }
    ///
    /// let pool = Pool::builder("letters").workers(1..=2).build()?;
    /// assert_eq!(block_on(letters(&pool))?, 10);
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
    /// Dropping the future loses nothing: the next one goes on where it was.
    pub fn next_async(&mut self) -> impl Future<Output = Option<Outcome<T>>> + Unpin {
        poll_fn(|cx| self.poll_next(cx))
    }

    /// [`Map::next_async`] for whoever implements a future or a stream.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Outcome<T>>> {
        let mut turn = self.line.poll_call(cx);
        loop {
            match turn {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) => self.submit_ahead(),
                Poll::Ready(Err(why)) => {
                    let refused = Err(submit::refuse(self.inbox.shared(), why));
                    self.enter(refused);
                }
            }
            if let Some(outcome) = self.take_turn() {
                return Poll::Ready(Some(outcome));
            }
            if self.under_way > 0 {
                let Poll::Ready(next) = self.inbox.poll_next(cx) else { return Poll::Pending };
                self.arrived.extend(next);
                turn = Poll::Ready(Ok(()));
            } else if self.unsubmitted.is_none() {
                return Poll::Ready(self.end());
            } else {
                let gives_up = || self.terms.gives_up(self.inbox.shared());
                turn = self.line.poll_join(gives_up, cx);
            }
        }
    }

    /// The result whose turn it is, if it has arrived.
    fn take_turn(&mut self) -> Option<Outcome<T>> {
        let outcome = match self.order {
            Order::Submission => self.arrived.remove(&self.yielded)?,
            Order::Completion => self.arrived.pop_first()?.1,
        };
        self.yielded += 1;
        self.under_way -= 1;
        self.tell(false);
        Some(outcome)
    }

    /// No result is to come, but for why.
    fn end(&mut self) -> Option<Outcome<T>> {
        if let Some(why) = self.refused.take() {
            return Some(Err(why));
        }
        self.tell(true);
        None
    }

    /// Nothing is to come.
    #[cfg(feature = "stream")]
    pub(crate) fn is_over(&self) -> bool {
        let has_more = self.items.is_some() || self.unsubmitted.is_some();
        !has_more && self.under_way == 0 && self.refused.is_none()
    }

    fn tell(&mut self, is_over: bool) {
        let progress = self.progress();
        if let Some(report) = &mut self.report {
            report.tell(self.inbox.shared().now().as_duration(), progress, is_over);
        }
    }
}

impl<I, T, E> Map<I, Result<T, E>>
where
    I: Iterator,
    T: Send + 'static,
    E: Send + 'static,
{
    /// Counts errors that the function returns as failures: of their jobs, which end as
    /// [`Outcome::Error`](crate::Outcome::Error), and in the [`Progress`].
    pub fn fallible(mut self) -> Self {
        self.deliver = |shared, entry, terms, work| deliver(shared, entry, terms, Fallible(work));
        self.fails = Result::is_err;
        self
    }
}

fn deliver<B: Body<T>, T: Send + 'static>(
    shared: &Arc<Shared>,
    entry: Entry,
    terms: Terms,
    body: B,
) -> JobHandle<T> {
    let (tracked, handle) = submit::tracked_body(shared, terms, body);
    submit::deliver(shared, entry, Task::Tracked(tracked));
    handle
}

impl<I, T> Iterator for Map<I, T>
where
    I: Iterator,
    I::Item: Send + 'static,
    T: Send + 'static,
{
    type Item = Result<T, JobError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.line.leave();
        loop {
            self.submit_ahead();
            if let Some(outcome) = self.take_turn() {
                return Some(outcome);
            }
            if self.under_way > 0 {
                // Without a deadline there is something in the end.
                self.arrived.extend(self.inbox.next(None).ok().flatten());
            } else if self.unsubmitted.is_none() {
                return self.end();
            } else {
                let (submission, terms) = (self.line.take_submission(), Some(&self.terms));
                let shared = self.inbox.shared();
                let admitted = submit::admit_as(submission, shared, WhenFull::Wait, terms);
                self.enter(admitted);
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.items.as_ref().map_or(Some(0), |items| items.size_hint().1);
        let here = self.under_way + usize::from(self.unsubmitted.is_some());
        // A pool that is shut down ends it early, with an error.
        (0, left.and_then(|left| left.checked_add(here)?.checked_add(1)))
    }
}

impl<I, T> FusedIterator for Map<I, T>
where
    I: Iterator,
    I::Item: Send + 'static,
    T: Send + 'static,
{
}

impl<I: Iterator, T: Send + 'static> Drop for Map<I, T> {
    fn drop(&mut self) {
        self.line.leave();
        self.inbox.abandon();
    }
}

// The items are moved out and never pinned.
impl<I: Iterator, T: Send + 'static> Unpin for Map<I, T> {}

impl<I: Iterator, T: Send + 'static> std::fmt::Debug for Map<I, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Map")
            .field("order", &self.order)
            .field("look_ahead", &self.look_ahead)
            .field("under_way", &self.under_way)
            .field("yielded", &self.yielded)
            .finish_non_exhaustive()
    }
}
