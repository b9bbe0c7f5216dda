//! Stands in for the queue of `run::queue`, which loom cannot see into. No stronger than that one:
//! Release and Acquire only, and whoever takes a job from the injector takes a second one along to
//! its own deck. In between that one is in neither, as it is with the real deques.

use crate::sync::atomic::{AtomicU8, Ordering};

const ABSENT: u8 = 0;
const INJECTED: u8 = 1;
/// Out of the injector, not in a deck yet.
const MOVING: u8 = 2;
const GONE: u8 = 3;
/// In the deck of worker 0; the other decks follow.
const DECK: u8 = 4;

/// Where each job is, jobs and workers being numbers.
pub(super) struct WeakQueue {
    places: Box<[AtomicU8]>,
}

/// A job, and whether another one was moved to the taker's deck with it.
pub(super) struct Taken {
    pub(super) job: usize,
    pub(super) moved: bool,
}

impl WeakQueue {
    pub(super) fn new(jobs: usize) -> WeakQueue {
        WeakQueue { places: (0..jobs).map(|_| AtomicU8::new(ABSENT)).collect() }
    }

    pub(super) fn push(&self, job: usize) {
        self.places[job].store(INJECTED, Ordering::Release);
    }

    /// Adds a job to the deck of `worker`, which is the caller.
    pub(super) fn push_local(&self, worker: usize, job: usize) {
        self.places[job].store(DECK + worker as u8, Ordering::Release);
    }

    /// One scan of the injector and of all decks, those of workers that have left included (Q1).
    pub(super) fn take(&self, worker: usize) -> Option<Taken> {
        for job in 0..self.places.len() {
            let mut place = self.places[job].load(Ordering::Acquire);
            while place == INJECTED || place >= DECK {
                match self.change(job, place, GONE) {
                    Ok(_) => {
                        let moved = place == INJECTED && self.take_along(worker, job + 1);
                        return Some(Taken { job, moved });
                    }
                    Err(now) => place = now,
                }
            }
        }
        None
    }

    fn take_along(&self, worker: usize, from: usize) -> bool {
        for job in from..self.places.len() {
            if self.places[job].load(Ordering::Acquire) == INJECTED
                && self.change(job, INJECTED, MOVING).is_ok()
            {
                self.push_local(worker, job);
                return true;
            }
        }
        false
    }

    fn change(&self, job: usize, from: u8, to: u8) -> Result<u8, u8> {
        self.places[job].compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
    }
}
