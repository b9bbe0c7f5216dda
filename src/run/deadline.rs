//! What a job with a deadline leaves to the jobs that it submits: the same deadline.
//!
//! It lies in a thread-local, so a job submitted outside any other pays a look at it and nothing
//! else. The moment is kept twice: as the pool of the running job counts time, to the nanosecond,
//! and as the system does, for the other pools that the job may submit to.

use std::cell::Cell;
use std::time::Instant;

use crate::sync::thread_local;
use crate::time::{Clock, Nanos};

/// The deadline of the job that the calling thread is in.
#[derive(Clone, Copy)]
struct Inheritance {
    /// The pool that the job runs in, by address.
    pool: usize,
    at: Nanos,
    instant: Instant,
}

thread_local! {
    /// Whether the other one is there: all that is looked at when a job is submitted outside any
    /// with a deadline.
    static HAS_ONE: Cell<bool> = const { Cell::new(false) };
    static INHERITANCE: Cell<Option<Inheritance>> = const { Cell::new(None) };
}

/// While it lives, the calling thread is in a job: what it submits inherits the deadline of that
/// one, not of a job that waits for it further down.
#[must_use = "it ends at once"]
pub(crate) struct Bequest {
    before: Option<Inheritance>,
}

impl Bequest {
    /// Enters a job that must be over by `at`, as the clock of its pool shows time.
    pub(crate) fn enter(pool: usize, clock: &Clock, at: Nanos) -> Bequest {
        let instant = clock.instant_of(at);
        Bequest::replace(instant.map(|instant| Inheritance { pool, at, instant }))
    }

    /// Enters a job that has no deadline, or whose own is found out later.
    pub(crate) fn nothing() -> Bequest {
        Bequest::replace(None)
    }

    fn replace(inheritance: Option<Inheritance>) -> Bequest {
        Bequest { before: put(inheritance) }
    }
}

impl Drop for Bequest {
    fn drop(&mut self) {
        put(self.before);
    }
}

fn put(inheritance: Option<Inheritance>) -> Option<Inheritance> {
    let _ = HAS_ONE.try_with(|has_one| has_one.set(inheritance.is_some()));
    INHERITANCE.try_with(|here| here.replace(inheritance)).ok().flatten()
}

/// The deadline of the job that the calling thread is in, as the clock of the asking pool shows
/// time; `None` outside any such job.
#[inline]
pub(crate) fn inherited(pool: usize, clock: &Clock) -> Option<Nanos> {
    if HAS_ONE.try_with(Cell::get) == Ok(true) { translated(pool, clock) } else { None }
}

#[cold]
fn translated(pool: usize, clock: &Clock) -> Option<Nanos> {
    let Inheritance { pool: theirs, at, instant } =
        INHERITANCE.try_with(Cell::get).ok().flatten()?;
    Some(if theirs == pool { at } else { clock.moment_of(instant) })
}
