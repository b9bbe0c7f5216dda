//! The jobs that wait in one lane, by whom they are for: those of each key in their order, and the
//! keys in turn.
//!
//! Turns go by deficit round robin: at each of its turns a key may spend as much more as the
//! dearest job costs, so finding the next job takes a step, however many keys there are. A key
//! exists as long as it has jobs here or out; then it is forgotten.

use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap};

/// Keys in the ring that turned out to have nothing left, before it is searched for them.
const STALE_TOLERATED: usize = 16;

/// `None` is the key of all jobs that are for nobody in particular; its jobs run side by side.
pub(crate) type Key = Option<u64>;

/// One job that waits.
#[derive(Debug)]
pub(crate) struct Waiting<T> {
    pub(crate) number: u64,
    pub(crate) cost: u32,
    pub(crate) job: T,
}

#[derive(Debug)]
struct Line<T> {
    /// By number.
    jobs: VecDeque<Waiting<T>>,
    out: u64,
    /// What it may still spend at this turn.
    balance: u64,
    in_ring: bool,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Line { jobs: VecDeque::new(), out: 0, balance: 0, in_ring: false }
    }
}

impl<T> Line<T> {
    /// Whether it has a job that may start.
    fn may_start(&self, key: Key, max_out: u64) -> bool {
        !self.jobs.is_empty() && (key.is_none() || self.out < max_out)
    }
}

#[derive(Debug)]
pub(crate) struct Keys<T> {
    lines: HashMap<Key, Line<T>>,
    /// The keys with a job that may start, in the order of their turns, and some that had one.
    ring: VecDeque<Key>,
    stale: usize,
    /// What a turn adds: the most that any job costs that waits.
    quantum: u64,
    waiting: usize,
    max_out: u64,
}

impl<T> Keys<T> {
    /// `max_out` is how many jobs of one key may be out at once.
    pub(crate) fn new(max_out: u64) -> Keys<T> {
        Keys {
            lines: HashMap::new(),
            ring: VecDeque::new(),
            stale: 0,
            quantum: 1,
            waiting: 0,
            max_out,
        }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// The keys known at the moment.
    pub(crate) fn known(&self) -> usize {
        self.lines.len()
    }

    /// Whether some job may start as far as its key is concerned.
    pub(crate) fn is_ready(&self) -> bool {
        self.ring.len() > self.stale
    }

    /// Adds a job, whose number is higher than any before.
    pub(crate) fn push(&mut self, key: Key, waiting: Waiting<T>) {
        self.quantum = self.quantum.max(u64::from(waiting.cost));
        self.waiting += 1;
        self.lines.entry(key).or_default();
        self.change(key, |line| line.jobs.push_back(waiting));
        self.enlist(key);
    }

    /// A job that never waits here is out at once, whatever the bound; until [`Keys::ended`].
    pub(crate) fn let_through(&mut self, key: Key) {
        self.lines.entry(key).or_default();
        self.change(key, |line| line.out += 1);
    }

    /// Puts a job back that was taken out by [`Keys::pop`], the latest of its key.
    pub(crate) fn put_back(&mut self, key: Key, waiting: Waiting<T>) {
        self.quantum = self.quantum.max(u64::from(waiting.cost));
        self.waiting += 1;
        self.change(key, |line| {
            line.out = line.out.saturating_sub(1);
            line.jobs.push_front(waiting);
        });
        self.enlist(key);
    }

    /// Changes a line; one in the ring may come to have nothing there, or something again.
    fn change<R>(&mut self, key: Key, step: impl FnOnce(&mut Line<T>) -> R) -> Option<R> {
        let line = self.lines.get_mut(&key)?;
        let before = line.may_start(key, self.max_out);
        let result = step(line);
        let after = line.may_start(key, self.max_out);
        match (before, after) {
            (true, false) if line.in_ring => self.stale += 1,
            (false, true) if line.in_ring => self.stale -= 1,
            _ => {}
        }
        Some(result)
    }

    /// Gives a key a turn if it has a job that may start and waits for none yet.
    fn enlist(&mut self, key: Key) {
        let Some(line) = self.lines.get_mut(&key) else { return };
        if !line.in_ring && line.may_start(key, self.max_out) {
            line.in_ring = true;
            self.ring.push_back(key);
        }
    }

    /// Takes out the job whose turn it is; it counts as out until [`Keys::ended`].
    pub(crate) fn pop(&mut self) -> Option<(Key, Waiting<T>)> {
        loop {
            let key = *self.ring.front()?;
            let line = self.lines.get_mut(&key).filter(|line| line.may_start(key, self.max_out));
            let Some(line) = line else {
                self.stale -= 1;
                self.leave_ring(key);
                continue;
            };
            let waiting = line.jobs.pop_front()?;
            if line.balance < u64::from(waiting.cost) {
                line.balance += self.quantum;
            }
            line.balance = line.balance.saturating_sub(u64::from(waiting.cost));
            line.out += 1;
            self.waiting -= 1;
            let may_go_on = line.may_start(key, self.max_out);
            match line.jobs.front() {
                Some(next) if may_go_on && line.balance >= u64::from(next.cost) => {}
                Some(_) if may_go_on => self.ring.rotate_left(1),
                _ => self.leave_ring(key),
            }
            if self.waiting == 0 {
                self.quantum = 1;
            }
            return Some((key, waiting));
        }
    }

    /// The key whose turn it is has none for now.
    fn leave_ring(&mut self, key: Key) {
        self.ring.pop_front();
        if let Entry::Occupied(mut line) = self.lines.entry(key) {
            line.get_mut().in_ring = false;
            line.get_mut().balance = 0;
            if line.get().jobs.is_empty() && line.get().out == 0 {
                line.remove();
            }
        }
    }

    /// What [`Keys::remove`] would take out.
    pub(crate) fn look(&mut self, key: Key, number: u64) -> Option<&mut T> {
        let line = self.lines.get_mut(&key)?;
        let place = line.jobs.binary_search_by_key(&number, |waiting| waiting.number).ok()?;
        line.jobs.get_mut(place).map(|waiting| &mut waiting.job)
    }

    /// Whether a job of this key may start as far as the key is concerned.
    pub(crate) fn is_free(&self, key: Key) -> bool {
        key.is_none() || self.lines.get(&key).is_none_or(|line| line.out < self.max_out)
    }

    /// Takes a job out from wherever it waits; it counts as out until [`Keys::ended`].
    pub(crate) fn remove(&mut self, key: Key, number: u64) -> Option<Waiting<T>> {
        let waiting = self.change(key, |line| {
            let place = line.jobs.binary_search_by_key(&number, |waiting| waiting.number).ok()?;
            line.out += 1;
            line.jobs.remove(place)
        });
        let waiting = waiting.flatten()?;
        self.waiting -= 1;
        self.clear_ring();
        Some(waiting)
    }

    /// Forgets the keys in the ring that have nothing there, once they are the most.
    fn clear_ring(&mut self) {
        if self.stale <= STALE_TOLERATED.max(self.ring.len() / 2) {
            return;
        }
        self.search_ring();
    }

    fn search_ring(&mut self) {
        let (lines, max_out) = (&mut self.lines, self.max_out);
        self.ring.retain(|key| {
            let Some(line) = lines.get_mut(key) else { return false };
            line.in_ring = line.may_start(*key, max_out);
            if !line.in_ring && line.out == 0 && line.jobs.is_empty() {
                lines.remove(key);
                return false;
            }
            line.in_ring
        });
        self.stale = 0;
    }

    /// A job that was out is over.
    pub(crate) fn ended(&mut self, key: Key) {
        let out = self.change(key, |line| {
            line.out = line.out.saturating_sub(1);
            line.out > 0 || !line.jobs.is_empty() || line.in_ring
        });
        match out {
            Some(false) => drop(self.lines.remove(&key)),
            _ => self.enlist(key),
        }
    }

    /// Another bound for each key from now on.
    pub(crate) fn set_max_out(&mut self, max_out: u64) {
        if max_out == self.max_out {
            return;
        }
        self.max_out = max_out;
        self.search_ring();
        let keys: Vec<Key> = self.lines.keys().copied().collect();
        keys.into_iter().for_each(|key| self.enlist(key));
    }

    /// Takes out every job; they count as out.
    pub(crate) fn drain(&mut self) -> Vec<T> {
        let mut jobs = Vec::with_capacity(self.waiting);
        for line in self.lines.values_mut() {
            line.out += line.jobs.len() as u64;
            jobs.extend(line.jobs.drain(..).map(|waiting| (waiting.number, waiting.job)));
            line.in_ring = false;
        }
        self.ring.clear();
        self.lines.retain(|_, line| line.out > 0);
        (self.stale, self.waiting, self.quantum) = (0, 0, 1);
        jobs.sort_unstable_by_key(|(number, _)| *number);
        jobs.into_iter().map(|(_, job)| job).collect()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
