//! Where jobs wait: one injector for submitters, one FIFO deque for each worker, stealing between;
//! and beside these, which hold the normal jobs, the two other levels of `run::levels`.
//!
//! While no job ever had another priority, a worker looks at a flag and no further. Afterwards it
//! asks at each take whose turn it is (`run::priority`), also with a batch in its own deque.
//!
//! The only file that names `crossbeam_deque`. Under Miri a mutexed twin with the same interface
//! takes its place (crossbeam's deque knowingly holds a data race that Miri reports), and a
//! differential test holds the two against each other.
//!
//! * **Q1** The deques live in a fixed table, one for each slot, and stay there: what a retired
//!   worker leaves behind can still be stolen, and its slot's next owner inherits it.
//! * **Q2** A deque's bit in `occupied` is set before the jobs in it are announced, so a scan that
//!   follows the announcement sees it. Only the owner clears it, when it finds its deque empty.
//! * **Q3** Jobs on their way from the injector to a deque can be seen in neither. Whoever moved
//!   them announces them again, or a scan that missed them may end in sleep.

#[cfg(any(test, miri))]
mod twin;

use std::cell::Cell;
use std::time::Duration;

#[cfg(not(miri))]
use crossbeam_deque::{Injector, Steal, Stealer, Worker};
#[cfg(miri)]
use twin::{Injector, Steal, Stealer, Worker};

use crossbeam_utils::CachePadded;

use super::levels::Levels;
use super::priority::{Priority, Rules, Turns, Waits};
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::sync::{Arc, Mutex, OnceLock, may_be_held_up};
use crate::time::Nanos;

/// A local deque is left for the injector once in so many takes, so that jobs which keep
/// submitting jobs cannot starve the submitters outside. 61 is the figure of Go's and tokio's
/// schedulers.
const INJECTOR_TURN: u32 = 61;

/// The most jobs taken from the injector at once.
const BATCH_MAX: usize = 8;

/// Shuttle sees only its own atomics: this makes every deque call a scheduling point.
fn scheduling_point() {
    #[cfg(shuttle)]
    {
        // SeqCst is the one ordering that shuttle knows; nothing relies on it here.
        AtomicU64::new(0).load(Ordering::SeqCst);
    }
}

/// The queue of one pool.
pub(crate) struct Queue<T> {
    injector: Injector<T>,
    /// The jobs that are not normal.
    pub(crate) levels: Levels<T>,
    queued_at: fn(&T) -> Nanos,
    decks: Box<[Deck<T>]>,
    /// A bit for each deck that may hold jobs (Q2).
    occupied: Box<[CachePadded<AtomicU64>]>,
    /// So many words of `occupied` were ever used; a scan spares the others. Written before the
    /// first bit in the last of them is, so whoever must see that bit sees the word (Q2).
    words: AtomicUsize,
}

/// One slot's deque: what thieves see, and where the owner's half rests between two owners.
struct Deck<T> {
    stealer: OnceLock<Stealer<T>>,
    resting: Mutex<Option<Worker<T>>>,
}

impl<T> Queue<T> {
    pub(crate) fn new(slots: usize, queued_at: fn(&T) -> Nanos) -> Queue<T> {
        Queue {
            injector: Injector::new(),
            levels: Levels::new(Rules::default()),
            queued_at,
            decks: (0..slots)
                .map(|_| Deck { stealer: OnceLock::new(), resting: Mutex::new(None) })
                .collect(),
            occupied: (0..slots.div_ceil(64))
                .map(|_| CachePadded::new(AtomicU64::new(0)))
                .collect(),
            words: AtomicUsize::new(1),
        }
    }

    /// Adds a normal job from outside the pool.
    pub(crate) fn push(&self, job: T) {
        scheduling_point();
        self.injector.push(job);
    }

    /// Jobs in the injector, shells among them.
    pub(crate) fn injected(&self) -> u64 {
        self.injector.len() as u64
    }

    /// Adds a job that is above or below the normal ones, wherever it comes from.
    pub(crate) fn push_at(&self, priority: Priority, job: T) {
        scheduling_point();
        let queued_at = (self.queued_at)(&job);
        if let Some(normal) = self.levels.push(priority, queued_at, job) {
            self.injector.push(normal);
        }
    }

    /// The owner's half of a slot's deque, made on first use.
    pub(crate) fn open(self: &Arc<Self>, slot: usize) -> LocalQueue<T> {
        self.words.fetch_max(slot / 64 + 1, Ordering::AcqRel);
        let rested = self.decks[slot].resting.lock().take();
        debug_assert!(
            rested.is_some() || self.decks[slot].stealer.get().is_none(),
            "slot {slot} has two owners, or its deque was lost (Q1)"
        );
        let deque = rested.unwrap_or_else(Worker::new_fifo);
        self.decks[slot].stealer.get_or_init(|| deque.stealer());
        let local = LocalQueue {
            deque: Some(deque),
            slot,
            queue: Arc::clone(self),
            listed: Cell::new(false),
            turn: Cell::new(0),
            batch: Cell::new(1),
            batched: Cell::new(0),
            moved: Cell::new(0),
            steals: Cell::new(0),
            turns: Cell::default(),
            passed_since: Cell::new(None),
        };
        local.list();
        local
    }

    /// Takes one job from anywhere, for whoever empties a pool that has ended.
    pub(crate) fn take_any(&self) -> Option<T> {
        let leveled = || self.pop_level(Priority::High).or_else(|| self.pop_level(Priority::Low));
        let normal = || self.take_injected(|| self.injector.steal());
        normal().or_else(|| self.steal_from_peers(0)).or_else(leveled)
    }

    fn pop_level(&self, priority: Priority) -> Option<T> {
        scheduling_point();
        self.levels.pop(priority, self.queued_at)
    }

    fn take_injected(&self, steal: impl Fn() -> Steal<T>) -> Option<T> {
        loop {
            scheduling_point();
            match steal() {
                Steal::Success(job) => return Some(job),
                Steal::Empty => return None,
                Steal::Retry => std::hint::spin_loop(),
            }
        }
    }

    /// Scans the decks whose bit is set, beginning behind `start`.
    fn steal_from_peers(&self, start: usize) -> Option<T> {
        let words = self.words.load(Ordering::Acquire);
        let first = (start / 64).min(words - 1);
        for step in 0..=words {
            let index = (first + step) % words;
            let bits = self.occupied[index].load(Ordering::Acquire);
            // The first word is looked at twice: from the start upwards, and last of all below it.
            let above = u64::MAX << (start % 64);
            let mut bits = match step {
                0 => bits & above,
                _ if step == words => bits & !above,
                _ => bits,
            };
            while bits != 0 {
                let slot = index * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                if let Some(stealer) = self.decks.get(slot).and_then(|d| d.stealer.get())
                    && let Some(job) = self.take_injected(|| stealer.steal())
                {
                    return Some(job);
                }
            }
        }
        None
    }
}

impl<T> std::fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("decks", &self.decks.len()).finish_non_exhaustive()
    }
}

/// A worker's own end of the queue; goes back to its deck when dropped.
pub(crate) struct LocalQueue<T> {
    /// `None` only while dropping.
    deque: Option<Worker<T>>,
    slot: usize,
    queue: Arc<Queue<T>>,
    /// Whether this deck's bit is set; the owner is its only writer.
    listed: Cell<bool>,
    /// Takes since the injector last had its turn.
    turn: Cell<u32>,
    /// How many jobs to take from the injector next time: twice as many as last time, one again
    /// when it was found empty. A worker's share of what is queued was tried: to know it, workers
    /// read the counters that submitters write, for each batch.
    batch: Cell<usize>,
    /// At most so many jobs at the front of the deque came from the injector in a batch; they are
    /// older than what the injector still holds, so its turn waits for them.
    batched: Cell<usize>,
    /// Jobs moved here since this was last asked (Q3).
    moved: Cell<usize>,
    steals: Cell<u64>,
    /// What is left of this worker's round of turns.
    turns: Cell<Turns>,
    /// Since when this worker has passed normal jobs over that it saw. The injector cannot be
    /// looked into: from here the age of the oldest is reckoned, or from when the normal job taken
    /// last was queued, if that is later. So it errs on the young side where nothing was passed
    /// over yet, and by one job on the old side where younger ones follow.
    passed_since: Cell<Option<Nanos>>,
}

impl<T> LocalQueue<T> {
    fn deque(&self) -> &Worker<T> {
        self.deque.as_ref().expect("the deque is taken only in drop")
    }

    fn bit(&self) -> (&AtomicU64, u64) {
        (&self.queue.occupied[self.slot / 64], 1 << (self.slot % 64))
    }

    fn list(&self) {
        if !self.listed.replace(true) {
            let (word, bit) = self.bit();
            word.fetch_or(bit, Ordering::AcqRel);
        }
    }

    fn unlist(&self) {
        if self.listed.replace(false) {
            let (word, bit) = self.bit();
            word.fetch_and(!bit, Ordering::AcqRel);
        }
    }

    /// Adds a job from inside one of this worker's own jobs.
    pub(crate) fn push(&self, job: T) {
        scheduling_point();
        self.deque().push(job);
        self.list();
    }

    fn pop(&self) -> Option<T> {
        scheduling_point();
        let job = self.deque().pop();
        if job.is_none() {
            self.unlist();
            self.batched.set(0);
        } else {
            self.batched.set(self.batched.get().saturating_sub(1));
        }
        job
    }

    /// The next job: of the level whose turn it is, where there are several.
    pub(crate) fn take(
        &self,
        may_batch: impl Fn() -> bool,
        now: impl FnOnce() -> Nanos,
    ) -> Option<T> {
        if self.queue.levels.are_used() {
            return self.take_by_turns(&may_batch, now);
        }
        self.take_normal(may_batch)
    }

    /// One scan of all there is (S3): it ends with a job, or each level was found empty since it
    /// began (Q4).
    #[cold]
    #[inline(never)]
    fn take_by_turns(
        &self,
        may_batch: &impl Fn() -> bool,
        now: impl FnOnce() -> Nanos,
    ) -> Option<T> {
        let levels = &self.queue.levels;
        if levels.are_empty() {
            // Nobody takes turns, so the next round begins anew, and nobody is passed over.
            self.turns.take();
            self.passed_since.set(None);
            return self.take_normal(may_batch);
        }
        let now = now();
        let rules = levels.rules();
        let mut normal = self.normal_wait(now);
        loop {
            let waits: Waits = levels.waits(now);
            let [high, _, low] = waits;
            let (turn, after) = self.turns.get().next(&rules, [high, normal, low])?;
            let job = match turn.level {
                Priority::Normal => self.take_normal(may_batch),
                level => self.queue.pop_level(level),
            };
            let Some(job) = job else {
                // Emptied by others, or it was with other workers that normal jobs might have been.
                if turn.level == Priority::Normal {
                    normal = None;
                }
                continue;
            };
            self.turns.set(after);
            let queued_at = (self.queue.queued_at)(&job);
            match turn.level {
                Priority::High if self.sees_normal_jobs() => {
                    self.passed_since.set(self.passed_since.get().or(Some(now)));
                }
                Priority::Normal => {
                    self.passed_since
                        .set(self.passed_since.get().map(|since| since.max(queued_at)));
                }
                _ => {}
            }
            if turn.promoted && now.since(queued_at) >= rules.ageing {
                levels.count_promotion();
            }
            return Some(job);
        }
    }

    fn sees_normal_jobs(&self) -> bool {
        !self.deque().is_empty() || !self.queue.injector.is_empty()
    }

    /// How long this worker has passed normal jobs over. Other workers may have some too, which
    /// only a scan of their deques would tell, so there are none only when that has been in vain.
    fn normal_wait(&self, now: Nanos) -> Option<Duration> {
        if !self.sees_normal_jobs() {
            self.passed_since.set(None);
        }
        Some(self.passed_since.get().map_or(Duration::ZERO, |since| now.since(since)))
    }

    /// The next normal job: own deque, then the injector (some at once if `may_batch()`), then
    /// other workers.
    // A frame more for each job was twelve instructions.
    #[inline(always)]
    fn take_normal(&self, may_batch: impl Fn() -> bool) -> Option<T> {
        self.turn.set(self.turn.get().saturating_add(1));
        if self.turn.get() >= INJECTOR_TURN && self.batched.get() == 0 {
            self.turn.set(0);
            if let Some(job) = self.take_from_injector(1) {
                return Some(job);
            }
        }
        let batch = || if may_batch() { self.batch.get() } else { 1 };
        self.pop().or_else(|| self.take_from_injector(batch())).or_else(|| {
            let job = self.queue.steal_from_peers((self.slot + 1) % self.queue.decks.len());
            self.steals.set(self.steals.get() + u64::from(job.is_some()));
            job
        })
    }

    fn take_from_injector(&self, batch: usize) -> Option<T> {
        let injector = &self.queue.injector;
        if batch <= 1 {
            let job = self.queue.take_injected(|| injector.steal());
            self.batch.set(if job.is_some() { 2 } else { 1 });
            return job;
        }
        let job = self
            .queue
            .take_injected(|| injector.steal_batch_with_limit_and_pop(self.deque(), batch));
        self.batch.set(if job.is_some() { (2 * batch).min(BATCH_MAX) } else { 1 });
        if job.is_some() && !self.deque().is_empty() {
            may_be_held_up();
            self.batched.set(batch - 1);
            self.list();
            self.moved.set(self.moved.get() + self.deque().len());
        }
        job
    }

    /// Leaves a job to others that is not for this worker, and with it all of this deque, which
    /// they would come to last. Returns how many, to be announced (Q3).
    pub(crate) fn leave_to_others(&self, job: T) -> usize {
        self.queue.push(job);
        let rest = std::iter::from_fn(|| self.pop()).map(|job| self.queue.push(job));
        1 + rest.count()
    }

    /// Jobs that were moved into this deque and have to be announced again (Q3).
    pub(crate) fn moved(&self) -> usize {
        self.moved.take()
    }

    pub(crate) fn len(&self) -> usize {
        self.deque().len()
    }

    /// Jobs taken from other workers' deques since this was last asked.
    pub(crate) fn steals(&self) -> u64 {
        self.steals.take()
    }

    /// Drops the jobs that `is_spent` says have been dealt with elsewhere, keeping the order of
    /// the others.
    pub(crate) fn purge(&self, is_spent: impl Fn(&T) -> bool) -> usize {
        let mut purged = 0;
        let batched = self.batched.get();
        for _ in 0..self.deque().len() {
            let Some(job) = self.pop() else { break };
            if is_spent(&job) {
                purged += 1;
            } else {
                self.push(job);
                self.moved.set(self.moved.get() + 1);
            }
        }
        // What came in a batch is at the front again, and still older than the injector's.
        self.batched.set(batched);
        purged
    }
}

impl<T> Drop for LocalQueue<T> {
    fn drop(&mut self) {
        // Leftovers stay in the deck, listed, for thieves and for the next owner (Q1).
        *self.queue.decks[self.slot].resting.lock() = self.deque.take();
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
