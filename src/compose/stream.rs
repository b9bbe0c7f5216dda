//! Sets of jobs and maps as streams, for whoever combines them with others.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::stream::{FusedStream, Stream};

use super::job_set::JobSet;
use super::map::Map;
use crate::error::JobError;

/// The outcomes in the order in which jobs end.
///
/// ```
/// use futures_core::Stream;
/// use springtide::{JobError, Pool};
/// use std::future::poll_fn;
/// use std::pin::pin;
///
/// /// Any stream of results: one of ours, or of a crate that combines them.
/// async fn sum(numbers: impl Stream<Item = Result<u64, JobError>>) -> Result<u64, JobError> {
///     let mut numbers = pin!(numbers);
///     let mut sum = 0;
///     while let Some(number) = poll_fn(|cx| numbers.as_mut().poll_next(cx)).await {
///         sum += number?;
///     }
///     Ok(sum)
/// }
///
/// let pool = Pool::builder("stream").workers(1..=4).build()?;
/// let set = pool.job_set();
/// set.submit(|_| 40)?;
/// set.submit(|_| 2)?;
/// assert_eq!(block_on(sum(set))?, 42);
/// assert_eq!(block_on(sum(pool.map(0..10, |n| n)))?, 45);
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
impl<T: Send + 'static> Stream for JobSet<T> {
    type Item = Result<T, JobError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        JobSet::poll_next(&mut self, cx)
    }
}

/// The results in the order that the map has. Its items are drawn, and their jobs submitted, as the
/// stream is polled; where the queue is full it waits for room without blocking the thread. The
/// stream of a [`JobSet`] has an example.
impl<I, T> Stream for Map<I, T>
where
    I: Iterator,
    I::Item: Send + 'static,
    T: Send + 'static,
{
    type Item = Result<T, JobError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Map::poll_next(&mut self, cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        Iterator::size_hint(self)
    }
}

impl<I, T> FusedStream for Map<I, T>
where
    I: Iterator,
    I::Item: Send + 'static,
    T: Send + 'static,
{
    fn is_terminated(&self) -> bool {
        self.is_over()
    }
}
