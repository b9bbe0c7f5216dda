//! A seam in the starting of threads, so that a test can refuse the k-th one.

use std::io;

use crate::sync::thread::{Builder, JoinHandle};

/// Starts the pool's threads.
pub trait Spawner: Send + Sync {
    /// Starts a thread of this name that runs `body`. `stack_size` is in bytes; `None` leaves it to
    /// the system.
    ///
    /// # Errors
    ///
    /// Whatever the system says when it refuses; the pool counts it and tries again later.
    fn spawn(
        &self,
        name: String,
        stack_size: Option<usize>,
        body: Box<dyn FnOnce() + Send>,
    ) -> io::Result<ThreadHandle>;
}

/// A started thread.
#[derive(Debug)]
pub struct ThreadHandle(JoinHandle<()>);

impl ThreadHandle {
    pub(crate) fn join(self) {
        // The body contains its panics; if one gets out all the same, the slot has been accounted
        // for by the guard inside, and there is nobody to pass it to.
        let _ = self.0.join();
    }
}

/// Starts threads as std does.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemSpawner;

impl Spawner for SystemSpawner {
    fn spawn(
        &self,
        name: String,
        stack_size: Option<usize>,
        body: Box<dyn FnOnce() + Send>,
    ) -> io::Result<ThreadHandle> {
        let mut builder = Builder::new().name(name);
        if let Some(bytes) = stack_size {
            builder = builder.stack_size(bytes);
        }
        builder.spawn(body).map(ThreadHandle)
    }
}

/// Starts threads as std does, but for those whose names a rule picks: they are refused, as by a
/// system that has no more.
///
/// A worker's name is the pool's and a number; the supervisor's ends in `/tide`, the timer's in
/// `/time`.
#[derive(Clone, Copy, Debug)]
pub struct RefusingSpawner<R>(R);

impl<R: Fn(&str) -> bool + Send + Sync> RefusingSpawner<R> {
    /// One that refuses the threads for which `rule` says `true`.
    pub fn new(rule: R) -> Self {
        RefusingSpawner(rule)
    }
}

impl<R: Fn(&str) -> bool + Send + Sync> Spawner for RefusingSpawner<R> {
    fn spawn(
        &self,
        name: String,
        stack_size: Option<usize>,
        body: Box<dyn FnOnce() + Send>,
    ) -> io::Result<ThreadHandle> {
        if (self.0)(&name) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        SystemSpawner.spawn(name, stack_size, body)
    }
}
