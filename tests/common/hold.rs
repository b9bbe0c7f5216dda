//! Jobs that stay where a test wants them, and values that tell when they are dropped.

use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Condvar, Mutex};

use super::watchdog::until;
use springtide::{JobContext, JobHandle, PoolHandle};

/// Closed until it is opened; whoever waits then goes on, and so does whoever comes later.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latch(Arc<(Mutex<bool>, Condvar)>);

impl Latch {
    pub(crate) fn new() -> Latch {
        Latch::default()
    }

    pub(crate) fn open(&self) {
        let (open, changed) = &*self.0;
        *open.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = true;
        changed.notify_all();
    }

    pub(crate) fn wait(&self) {
        let (open, changed) = &*self.0;
        let guard = open.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let opened = changed.wait_while(guard, |open| !*open);
        drop(opened.unwrap_or_else(|poisoned| poisoned.into_inner()));
    }

    pub(crate) fn is_open(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Jobs that keep workers busy until this is released or dropped.
#[must_use = "dropping it releases the workers"]
pub(crate) struct Held {
    latch: Latch,
    handles: Vec<JobHandle<()>>,
}

impl Held {
    /// Lets the jobs go and waits for them.
    pub(crate) fn release(mut self) {
        self.latch.open();
        for handle in std::mem::take(&mut self.handles) {
            handle.join().expect("a held job only waits");
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.latch.open();
    }
}

/// Keeps `workers` workers busy; returns once all of them are.
pub(crate) fn occupy(pool: &PoolHandle, workers: usize) -> Held {
    let latch = Latch::new();
    let (started, starts) = mpsc::channel();
    let hold = |_| {
        let (latch, started) = (latch.clone(), started.clone());
        let job = pool.job("held").submit(move |_| {
            let _: Result<(), mpsc::SendError<()>> = started.send(());
            latch.wait();
        });
        job.expect("room for a job that holds a worker")
    };
    let handles = (0..workers).map(hold).collect();
    starts.iter().take(workers).for_each(drop);
    Held { latch, handles }
}

/// A job that runs until it is told to stop, and how to learn that it runs.
pub(crate) fn until_told() -> (impl FnOnce(&JobContext<'_>) + Send + 'static, Receiver<()>) {
    let (running, runs) = mpsc::channel();
    let job = move |cx: &JobContext<'_>| {
        running.send(()).expect("the test listens");
        until(|| cx.is_cancelled());
    };
    (job, runs)
}

/// Tells from afar whether it has been dropped.
#[derive(Debug, Default)]
pub(crate) struct DropFlag(Arc<AtomicBool>);

impl DropFlag {
    /// The flag, and what will set it.
    pub(crate) fn new() -> (DropFlag, OnDrop<impl FnOnce() + Send>) {
        let flag = Arc::new(AtomicBool::new(false));
        let set = Arc::clone(&flag);
        (DropFlag(flag), OnDrop::new(move || set.store(true, Ordering::SeqCst)))
    }

    pub(crate) fn is_dropped(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Runs some code when dropped.
pub(crate) struct OnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> OnDrop<F> {
    pub(crate) fn new(code: F) -> Self {
        OnDrop(Some(code))
    }
}

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(code) = self.0.take() {
            code();
        }
    }
}

/// Panics when dropped, with a payload that does the same as often as it says.
#[derive(Debug)]
pub(crate) struct Bomb(pub(crate) u32);

impl Drop for Bomb {
    fn drop(&mut self) {
        match self.0 {
            0 => panic::panic_any("a bomb went off"),
            left => panic::panic_any(Bomb(left - 1)),
        }
    }
}
