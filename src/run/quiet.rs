//! Waiting until nothing is queued and nothing runs.

use std::time::Duration;

use super::parker::Parker;
use crate::sync::atomic::{AtomicBool, Ordering, fence};
use crate::sync::thread::{self, Thread};
use crate::sync::{Arc, Mutex};
use crate::time::{Clock, Nanos};

/// How long a waiter sleeps at most before it looks again by itself.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The threads waiting for quiet. A worker that goes to sleep, and whoever takes the last job out
/// of the queue, rings them.
#[derive(Default)]
pub(crate) struct QuietWatch {
    watched: AtomicBool,
    watchers: Mutex<Vec<Arc<Watcher>>>,
}

struct Watcher {
    thread: Thread,
    called: AtomicBool,
}

impl QuietWatch {
    pub(crate) fn ring(&self) {
        // SeqCst, by Dekker: what made it quiet, fence, look at `watched`; against: set `watched`,
        // fence, look whether it is quiet. One of the two sees the other.
        fence(Ordering::SeqCst);
        if !self.watched.load(Ordering::Relaxed) {
            return;
        }
        let watchers = {
            let mut watchers = self.watchers.lock();
            self.watched.store(false, Ordering::Relaxed);
            std::mem::take(&mut *watchers)
        };
        for watcher in watchers {
            watcher.called.store(true, Ordering::Release);
            watcher.thread.unpark();
        }
    }

    /// Waits until `is_quiet`; false if the deadline came first.
    pub(crate) fn wait(
        &self,
        clock: &Clock,
        parker: &dyn Parker,
        deadline: Option<Nanos>,
        is_quiet: impl Fn() -> bool,
    ) -> bool {
        loop {
            let watcher =
                Arc::new(Watcher { thread: thread::current(), called: AtomicBool::new(false) });
            {
                let mut watchers = self.watchers.lock();
                watchers.push(Arc::clone(&watcher));
                self.watched.store(true, Ordering::Relaxed);
            }
            // SeqCst: the other half of the argument in `ring`.
            fence(Ordering::SeqCst);
            let mut timeout = LOOK_AGAIN;
            let quiet = is_quiet();
            if let Some(deadline) = deadline {
                timeout = timeout.min(deadline.since(clock.now()));
            }
            if !quiet && !timeout.is_zero() && !watcher.called.load(Ordering::Acquire) {
                thread::park(parker.timeout(Some(timeout)));
            }
            self.watchers.lock().retain(|other| !Arc::ptr_eq(other, &watcher));
            if quiet || is_quiet() {
                return true;
            }
            if timeout.is_zero() {
                return false;
            }
        }
    }
}
