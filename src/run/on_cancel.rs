//! What one may do about a cancel besides looking: be called, wait for it, await it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::cancel::{CancelToken, Place};
use super::panics::contain;
use crate::sync::thread;
use crate::time::instant_now;

/// # Waiting for the cancel
impl CancelToken {
    /// Calls `callback` when the token is cancelled, on the thread that cancels; at once if it is
    /// already. It is for what looks at no flag: to close a connection that a job reads from, or to
    /// kill a process that it waits for. It should be short; a panic in it is contained.
    ///
    /// Dropping the guard takes the callback back. If it is being called at that moment, the drop
    /// does not wait for it.
    ///
    /// ```
    /// use springtide::{CancelToken, Pool};
    /// use std::sync::mpsc::channel;
    ///
    /// let pool = Pool::builder("reader").workers(1..=1).build()?;
    /// let (lines, incoming) = channel::<String>();
    /// let token = CancelToken::new();
    /// let reader = pool.job("read").token(&token).submit(move |cx| {
    ///     // The reader does not look at its token: it waits for lines, until nobody sends any.
    ///     let _guard = cx.token().on_cancel(move || drop(lines));
    ///     incoming.iter().count()
    /// })?;
    /// # while pool.stats().running == 0 { std::thread::yield_now(); }
    /// token.cancel();
    /// assert_eq!(reader.join()?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_cancel(&self, callback: impl FnOnce() + Send + 'static) -> OnCancel {
        let place = self.place();
        let contained = move || {
            contain(callback);
        };
        if let Err(call) = place.bind(Box::new(contained)) {
            call();
        }
        OnCancel(place)
    }

    /// Waits for the cancel, but not longer than `timeout`; whether the token is cancelled then.
    /// Inside a job, put it into [`JobContext::blocking`](crate::JobContext::blocking).
    ///
    /// ```
    /// use springtide::CancelToken;
    /// use std::time::Duration;
    ///
    /// let token = CancelToken::new();
    /// assert!(!token.wait_timeout(Duration::from_millis(1)));
    /// token.cancel();
    /// assert!(token.wait_timeout(Duration::MAX));
    /// ```
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        let began = instant_now();
        let waiting = thread::current();
        let _guard = self.on_cancel(move || waiting.unpark());
        while !self.is_cancelled() {
            let left = timeout.saturating_sub(began.elapsed());
            if left.is_zero() {
                return false;
            }
            thread::park(Some(left));
        }
        true
    }

    /// A future that resolves when the token is cancelled, on any executor.
    ///
    /// ```
    /// use springtide::CancelToken;
    ///
    /// let server = CancelToken::new();
    /// let request = server.child();
    /// std::thread::scope(|s| {
    ///     s.spawn(|| server.cancel());
    ///     block_on(request.cancelled()); // Or one of the branches of a `select!`.
    /// });
    /// assert!(request.is_cancelled());
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
    pub fn cancelled(&self) -> WaitForCancel {
        WaitForCancel { token: self.clone(), left: None }
    }
}

/// While it lives, its callback is called when the token is cancelled; made by
/// [`CancelToken::on_cancel`].
#[derive(Debug)]
#[must_use = "dropping it takes the callback back"]
pub struct OnCancel(Place);

impl Drop for OnCancel {
    fn drop(&mut self) {
        let callback = self.0.leave();
        // What it captured is the user's.
        contain(|| drop(callback));
    }
}

/// Resolves when a token is cancelled; made by [`CancelToken::cancelled`].
///
/// # Cancellation
///
/// Dropping it leaves nothing behind with the token.
#[must_use = "futures do nothing unless awaited"]
pub struct WaitForCancel {
    token: CancelToken,
    /// Who is woken, and the word that was left for it.
    left: Option<(Waker, OnCancel)>,
}

impl Future for WaitForCancel {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let waker = cx.waker();
        let is_left = this.left.as_ref().is_some_and(|(left, _)| left.will_wake(waker));
        if !is_left && !this.token.is_cancelled() {
            let wakes = waker.clone();
            let guard = this.token.on_cancel(move || wakes.wake());
            this.left = Some((waker.clone(), guard));
        }
        if !this.token.is_cancelled() {
            return Poll::Pending;
        }
        this.left = None;
        Poll::Ready(())
    }
}

impl std::fmt::Debug for WaitForCancel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WaitForCancel").field("token", &self.token).finish_non_exhaustive()
    }
}
