//! The jobs above and below the normal ones, and the rules by which they take turns.
//!
//! A lock for each of the two levels: jobs that say how urgent they are are few beside the others,
//! and behind a lock the head can be looked at, which tells how old the oldest is.
//!
//! * **Q4** `used` and a level's `oldest` are written before the job is announced, and `used` is
//!   never taken back. So a scan that follows the announcement looks at the level, and finds the
//!   job there or gone.

use std::collections::VecDeque;
use std::time::Duration;

use crossbeam_utils::CachePadded;

use super::priority::{Priority, Rules, Weights};
#[cfg(loom)]
use crate::run::omit::omitted;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::plain::AtomicU64 as PlainU64;
use crate::time::Nanos;

/// Shells in a level before it is searched for them.
const SHELLS_TOLERATED: i64 = 64;
/// The room that a level keeps when it is empty.
const ROOM_KEPT: usize = 1024;

pub(crate) struct Levels<T> {
    /// A job ever had a priority. Read with each job that a worker takes, and written once.
    used: AtomicBool,
    /// The weights, 16 bits each, the high one lowest.
    weights: PlainU64,
    /// In nanoseconds.
    ageing: PlainU64,
    promotions: PlainU64,
    high: CachePadded<Level<T>>,
    low: CachePadded<Level<T>>,
}

struct Level<T> {
    /// When its oldest job was queued, [`Nanos::NEVER`] if it is empty. Written under the lock.
    oldest: AtomicU64,
    row: Mutex<Row<T>>,
}

struct Row<T> {
    jobs: VecDeque<T>,
    /// Jobs that ever came.
    came: u64,
    /// Jobs dealt with elsewhere whose empty shells are still in the row. Below zero for a moment
    /// when a worker throws a shell away before the one who made it has said so.
    shells: i64,
}

impl<T> Levels<T> {
    pub(crate) fn new(rules: Rules) -> Levels<T> {
        let level = || {
            CachePadded::new(Level {
                oldest: AtomicU64::new(Nanos::NEVER.0),
                row: Mutex::new(Row { jobs: VecDeque::new(), came: 0, shells: 0 }),
            })
        };
        let levels = Levels {
            used: AtomicBool::new(false),
            weights: PlainU64::new(0),
            ageing: PlainU64::new(0),
            promotions: PlainU64::new(0),
            high: level(),
            low: level(),
        };
        levels.set_rules(rules);
        levels
    }

    /// Whether any job ever had another priority than the normal one.
    pub(crate) fn are_used(&self) -> bool {
        // Acquire pairs with the release in `push`.
        self.used.load(Ordering::Acquire)
    }

    /// `None` for the normal level, which is not here.
    fn level(&self, priority: Priority) -> Option<&Level<T>> {
        match priority {
            Priority::High => Some(&self.high),
            Priority::Normal => None,
            Priority::Low => Some(&self.low),
        }
    }

    /// Adds a job (Q4); gives it back if it is a normal one.
    pub(crate) fn push(&self, priority: Priority, queued_at: Nanos, job: T) -> Option<T> {
        let Some(level) = self.level(priority) else { return Some(job) };
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Release);
        }
        let mut row = level.row.lock();
        #[cfg(loom)]
        if omitted("Q4") {
            row.jobs.push_back(job);
            return None;
        }
        if row.jobs.is_empty() {
            level.oldest.store(queued_at.0, Ordering::Release);
        }
        row.came += 1;
        row.jobs.push_back(job);
        None
    }

    /// Jobs that ever came into either level.
    pub(crate) fn came(&self) -> u64 {
        let came = |level: &Level<T>| level.row.lock().came;
        if self.are_used() { came(&self.high) + came(&self.low) } else { 0 }
    }

    /// Takes the oldest job of a level.
    pub(crate) fn pop(&self, priority: Priority, queued_at: impl Fn(&T) -> Nanos) -> Option<T> {
        let level = self.level(priority)?;
        let mut row = level.row.lock();
        let job = row.jobs.pop_front()?;
        level.note_oldest(&row, queued_at);
        if row.jobs.is_empty() && row.jobs.capacity() > ROOM_KEPT {
            row.jobs = VecDeque::new();
        }
        Some(job)
    }

    /// How long the oldest jobs have waited, in the order of [`Priority::ALL`]; nothing for the
    /// normal level.
    pub(crate) fn waits(&self, now: Nanos) -> [Option<Duration>; 3] {
        Priority::ALL.map(|priority| {
            let oldest = Nanos(self.level(priority)?.oldest.load(Ordering::Acquire));
            (oldest != Nanos::NEVER).then(|| now.since(oldest))
        })
    }

    /// Whether neither level has a job.
    pub(crate) fn are_empty(&self) -> bool {
        let empty = |level: &Level<T>| level.oldest.load(Ordering::Acquire) == Nanos::NEVER.0;
        empty(&self.high) && empty(&self.low)
    }

    /// Jobs of a level, shells left out.
    pub(crate) fn len(&self, priority: Priority) -> u64 {
        self.level(priority).map_or(0, |level| {
            let row = level.row.lock();
            u64::try_from(row.jobs.len() as i64 - row.shells).unwrap_or(0)
        })
    }

    /// The oldest job of both levels that is no shell, by `queued_at`.
    pub(crate) fn oldest(
        &self,
        queued_at: impl Fn(&T) -> Nanos,
        is_shell: impl Fn(&T) -> bool,
    ) -> Option<Nanos> {
        let oldest = |level: &Level<T>| {
            let row = level.row.lock();
            row.jobs.iter().find(|job| !is_shell(job)).map(&queued_at)
        };
        [&*self.high, &*self.low].into_iter().filter_map(oldest).min_by_key(|at| at.0)
    }

    /// A job of a level was dealt with where it is, and its shell stays. Clears the shells away
    /// when they are many, or `crowded`: each is looked at a constant number of times on average.
    /// Returns how many went.
    pub(crate) fn shell_made(
        &self,
        priority: Priority,
        crowded: bool,
        queued_at: impl Fn(&T) -> Nanos,
        is_shell: impl Fn(&T) -> bool,
    ) -> usize {
        let Some(level) = self.level(priority) else { return 0 };
        let cleared: VecDeque<T> = {
            let mut row = level.row.lock();
            row.shells += 1;
            let tolerated = if crowded { 0 } else { SHELLS_TOLERATED };
            if row.shells <= tolerated.max(row.jobs.len() as i64 / 2) {
                return 0;
            }
            let (shells, jobs) = std::mem::take(&mut row.jobs).into_iter().partition(is_shell);
            row.jobs = jobs;
            row.shells -= shells.len() as i64;
            level.note_oldest(&row, queued_at);
            shells
        };
        // Dropped outside the lock: the last of a shell may be what a user wrote.
        cleared.len()
    }

    /// A shell of a level was taken out and is thrown away.
    pub(crate) fn shell_removed(&self, priority: Priority) {
        if let Some(level) = self.level(priority) {
            level.row.lock().shells -= 1;
        }
    }

    pub(crate) fn rules(&self) -> Rules {
        let weights = self.weights.load(Ordering::Relaxed);
        let ageing = self.ageing.load(Ordering::Relaxed);
        Rules {
            weights: Weights {
                high: weights as u16,
                normal: (weights >> 16) as u16,
                low: (weights >> 32) as u16,
            },
            ageing: if ageing == u64::MAX { Duration::MAX } else { Duration::from_nanos(ageing) },
        }
    }

    pub(crate) fn set_rules(&self, rules: Rules) {
        let Weights { high, normal, low } = rules.weights;
        let weights = u64::from(high) | u64::from(normal) << 16 | u64::from(low) << 32;
        self.weights.store(weights, Ordering::Relaxed);
        let ageing = u64::try_from(rules.ageing.as_nanos()).unwrap_or(u64::MAX);
        self.ageing.store(ageing, Ordering::Relaxed);
    }

    pub(crate) fn count_promotion(&self) {
        self.promotions.fetch_add(1, Ordering::Relaxed);
    }

    /// Jobs that went before higher ones for their age.
    pub(crate) fn promotions(&self) -> u64 {
        self.promotions.load(Ordering::Relaxed)
    }
}

impl<T> Level<T> {
    fn note_oldest(&self, row: &Row<T>, queued_at: impl Fn(&T) -> Nanos) {
        let oldest = row.jobs.front().map_or(Nanos::NEVER, queued_at);
        self.oldest.store(oldest.0, Ordering::Release);
    }
}
