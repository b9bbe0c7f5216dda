//! The obviously right version of the deque: the same interface, over one lock each.

#![cfg_attr(not(miri), allow(dead_code, reason = "the test drives only what both sides share"))]

use std::collections::VecDeque;

use crate::sync::{Arc, Mutex};

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Steal<T> {
    Empty,
    Success(T),
    #[allow(dead_code, reason = "the real one may lose a race; a lock never does")]
    Retry,
}

type Jobs<T> = Arc<Mutex<VecDeque<T>>>;

pub(crate) struct Injector<T>(Jobs<T>);

impl<T> Injector<T> {
    pub(crate) fn new() -> Self {
        Injector(Arc::new(Mutex::new(VecDeque::new())))
    }

    pub(crate) fn push(&self, job: T) {
        self.0.lock().push_back(job);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    pub(crate) fn steal(&self) -> Steal<T> {
        pop(&self.0)
    }

    pub(crate) fn steal_batch_with_limit_and_pop(&self, to: &Worker<T>, limit: usize) -> Steal<T> {
        let mut from = self.0.lock();
        let Some(first) = from.pop_front() else { return Steal::Empty };
        let rest = (from.len() / 2).min(limit - 1);
        to.0.lock().extend(from.drain(..rest));
        Steal::Success(first)
    }
}

pub(crate) struct Worker<T>(Jobs<T>);

impl<T> Worker<T> {
    pub(crate) fn new_fifo() -> Self {
        Worker(Arc::new(Mutex::new(VecDeque::new())))
    }

    pub(crate) fn stealer(&self) -> Stealer<T> {
        Stealer(Arc::clone(&self.0))
    }

    pub(crate) fn push(&self, job: T) {
        self.0.lock().push_back(job);
    }

    pub(crate) fn pop(&self) -> Option<T> {
        self.0.lock().pop_front()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

pub(crate) struct Stealer<T>(Jobs<T>);

impl<T> Stealer<T> {
    pub(crate) fn steal(&self) -> Steal<T> {
        pop(&self.0)
    }
}

fn pop<T>(jobs: &Jobs<T>) -> Steal<T> {
    jobs.lock().pop_front().map_or(Steal::Empty, Steal::Success)
}

#[cfg(all(test, not(any(loom, shuttle, miri))))]
mod tests {
    use super::*;
    use crossbeam_deque as real;

    /// The same pushes and takes, driven through both by one pseudo-random tape.
    #[test]
    fn the_deque_and_its_twin_hand_out_the_same_jobs_in_the_same_order() {
        let (injector, worker) = (real::Injector::new(), real::Worker::new_fifo());
        let stealer = worker.stealer();
        let (injector2, worker2) = (Injector::new(), Worker::new_fifo());
        let stealer2 = worker2.stealer();
        let mut tape = 0x9e37_79b9_7f4a_7c15_u64;
        for job in 0..20_000_u64 {
            tape ^= tape << 13;
            tape ^= tape >> 7;
            tape ^= tape << 17;
            match tape % 6 {
                0 | 1 => {
                    injector.push(job);
                    injector2.push(job);
                }
                2 => {
                    worker.push(job);
                    worker2.push(job);
                }
                3 => assert_eq!(worker.pop(), worker2.pop()),
                4 => {
                    assert_eq!(injector.is_empty(), injector2.is_empty());
                    assert_eq!(injector.steal().success(), success(injector2.steal()));
                }
                _ => assert_eq!(stealer.steal().success(), success(stealer2.steal())),
            }
        }
    }

    fn success<T>(steal: Steal<T>) -> Option<T> {
        match steal {
            Steal::Success(job) => Some(job),
            Steal::Empty | Steal::Retry => None,
        }
    }
}
