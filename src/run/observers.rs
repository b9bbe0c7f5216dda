//! The observers of one pool: one that it was built with, and those that came later.
//!
//! There are few and none goes before the pool does, so whoever has something to tell looks at a
//! number that it finds in its cache. A worker's coming and going are noted under a lock, and an
//! observer's coming too: so each observer is told of each worker once as it comes, or as it is
//! there already, and once as it goes.

use crate::observer::Observer;
use crate::sync::plain::{AtomicUsize, Ordering};
use crate::sync::{Mutex, OnceLock};

/// The most observers of one pool: one that passes on what it hears has room for any number.
pub const MAX_OBSERVERS: usize = 8;

#[derive(Default)]
pub(crate) struct Observers {
    /// Those in their seats. Written under the lock of the roll.
    count: AtomicUsize,
    seats: [OnceLock<Box<dyn Observer>>; MAX_OBSERVERS],
    roll: Mutex<Roll>,
}

#[derive(Default)]
struct Roll {
    /// The workers that are there.
    workers: Vec<usize>,
    /// The pool has ended, and nobody is told of anything any more.
    is_over: bool,
}

impl Observers {
    pub(crate) fn new(first: Option<Box<dyn Observer>>) -> Observers {
        let observers = Observers::default();
        if let Some(first) = first {
            let _empty = observers.seats[0].set(first);
            observers.count.store(1, Ordering::Release);
        }
        observers
    }

    #[inline]
    pub(crate) fn is_any(&self) -> bool {
        // Relaxed: who is there is asked again by whoever tells them.
        self.count.load(Ordering::Relaxed) > 0
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        // Acquire: pairs with `add`, so that those are in their seats.
        self.count.load(Ordering::Acquire)
    }

    /// The first so many of them.
    pub(crate) fn first(&self, count: usize) -> impl Iterator<Item = &dyn Observer> {
        self.seats.iter().take(count).filter_map(|seat| Some(&**seat.get()?))
    }

    /// Adds one, which is to be told of these workers; gives it back if there is no seat for it, or
    /// nothing to come.
    pub(crate) fn add<O: Observer>(&self, observer: O) -> Result<(&dyn Observer, Vec<usize>), O> {
        let roll = self.roll.lock();
        let count = self.count();
        if roll.is_over || count >= MAX_OBSERVERS {
            return Err(observer);
        }
        let seated = self.seats[count].get_or_init(|| Box::new(observer));
        // Release: pairs with `count`.
        self.count.store(count + 1, Ordering::Release);
        Ok((&**seated, roll.workers.clone()))
    }

    /// A worker is there; how many observers it is to tell. Later ones are told as they come.
    pub(crate) fn worker_comes(&self, worker: usize) -> usize {
        let mut roll = self.roll.lock();
        roll.workers.push(worker);
        self.count()
    }

    /// A worker goes; how many observers know that it was there.
    pub(crate) fn worker_goes(&self, worker: usize) -> usize {
        let mut roll = self.roll.lock();
        roll.workers.retain(|there| *there != worker);
        self.count()
    }

    /// The pool has ended; how many observers there are to be told.
    pub(crate) fn close(&self) -> usize {
        self.roll.lock().is_over = true;
        self.count()
    }
}
