//! Pools as one writes them in an afternoon: threads that take boxed jobs from a channel. They
//! neither survive a panic nor end in order, nor do they count anything.

use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use super::{Pool, Size};

type Job = Box<dyn FnOnce() + Send>;

/// Starts the workers; each takes jobs until `next` has none.
fn start<N: FnMut() -> Option<Job> + Send + 'static>(workers: usize, next: impl Fn() -> N) {
    for _ in 0..workers {
        let mut next = next();
        thread::spawn(move || {
            while let Some(job) = next() {
                job();
            }
        });
    }
}

/// crossbeam-channel, without a bound.
#[derive(Clone)]
pub(crate) struct Unbounded(crossbeam_channel::Sender<Job>);

impl Pool for Unbounded {
    fn build(size: &Size) -> Self {
        let (sender, receiver) = crossbeam_channel::unbounded::<Job>();
        start(size.most, || {
            let receiver = receiver.clone();
            move || receiver.recv().ok()
        });
        Unbounded(sender)
    }

    fn execute<F: FnOnce() + Send + 'static>(&self, job: F) {
        assert!(self.0.send(Box::new(job)).is_ok(), "the workers outlive the pool");
    }
}

/// crossbeam-channel with room for 1024 jobs.
#[derive(Clone)]
pub(crate) struct Bounded(crossbeam_channel::Sender<Job>);

impl Pool for Bounded {
    fn build(size: &Size) -> Self {
        let (sender, receiver) = crossbeam_channel::bounded::<Job>(1024);
        start(size.most, || {
            let receiver = receiver.clone();
            move || receiver.recv().ok()
        });
        Bounded(sender)
    }

    fn execute<F: FnOnce() + Send + 'static>(&self, job: F) {
        assert!(self.0.send(Box::new(job)).is_ok(), "the workers outlive the pool");
    }
}

/// flume, without a bound.
#[derive(Clone)]
pub(crate) struct Flume(flume::Sender<Job>);

impl Pool for Flume {
    fn build(size: &Size) -> Self {
        let (sender, receiver) = flume::unbounded::<Job>();
        start(size.most, || {
            let receiver = receiver.clone();
            move || receiver.recv().ok()
        });
        Flume(sender)
    }

    fn execute<F: FnOnce() + Send + 'static>(&self, job: F) {
        assert!(self.0.send(Box::new(job)).is_ok(), "the workers outlive the pool");
    }
}

/// `std::sync::mpsc` with its receiver behind a mutex: the pool of the Rust book.
#[derive(Clone)]
pub(crate) struct Shared(mpsc::Sender<Job>);

impl Pool for Shared {
    fn build(size: &Size) -> Self {
        let (sender, receiver) = mpsc::channel::<Job>();
        let receiver = Arc::new(Mutex::new(receiver));
        start(size.most, || {
            let receiver = receiver.clone();
            move || receiver.lock().ok()?.recv().ok()
        });
        Shared(sender)
    }

    fn execute<F: FnOnce() + Send + 'static>(&self, job: F) {
        assert!(self.0.send(Box::new(job)).is_ok(), "the workers outlive the pool");
    }
}
