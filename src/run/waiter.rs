//! Whoever waits for a job: a thread, or a task of any executor.

use std::task::Waker;

use super::panics::contain;
use crate::sync::thread::Thread;

/// Whom to wake when the result is there.
pub(crate) enum JobWaiter {
    Thread(Thread),
    Task(Waker),
}

impl JobWaiter {
    pub(crate) fn wake(self) {
        match self {
            JobWaiter::Thread(thread) => thread.unpark(),
            JobWaiter::Task(waker) => {
                contain(|| waker.wake());
            }
        }
    }
}
