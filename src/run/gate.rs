//! Admission: who gets into the queue, who waits for room, who is turned away.
//!
//! Counts that only grow: jobs *admitted* from outside, in one word that submitters write
//! (`entrance.rs`); jobs that *came* from inside the pool and jobs that have *left* the queue, each
//! in several words that workers write (`turnstiles.rs`). Admitted and come less left is the
//! queue's length.
//!
//! * **G1** A job is counted in `admitted` or `came` before it is pushed, and in `left` once it is
//!   out of the queue. Whoever wants the length reads `left` first, so it is never understated.
//! * **G2** The closed bit and the count share a word, in each of them, so after `close` nobody
//!   gets in, and as many left as got in means that the queue is empty for good. A gate that reads
//!   as closed is closed to everybody; while it is being closed, to those inside first. Only a
//!   delayed job, which was accepted before, gets in when its time comes; so with any of those
//!   waiting, nothing is for good.
//! * **G3** A submitter that is about to wait sets the waiting bit in each word of `left` and
//!   decides on the counts that these very steps returned. A release before the step on its word is
//!   in that count; a release after it sees the bit and wakes somebody. There is no gap between the
//!   two.
//! * **G4** One release wakes one waiter, unless G5 says when. A waiter that was woken and gives up
//!   (its time is up, its token was cancelled) passes the wake-up on.
//! * **G5** Who joins the end of the line may hold it for a moment: then releases wake nobody until
//!   a lot of places is free, and nobody from behind gets in before. A hold begins before the words
//!   of `left` are told, so each release that is told counts towards the lot. It is ended by the
//!   release that completes the lot, or by steps on the words of `left` that whoever began it takes
//!   a moment later: a release before the step on its word is in the count that the step returns,
//!   one after it finds no hold.
//!
//! * **G6** A place that is *held* for a job to come stands beside `admitted`, in the same word. So
//!   it is taken for whoever compares with the limit, and is no job for whoever wants the length;
//!   one step makes it the place of a job. Whoever gives it back unused looks at the line
//!   afterwards, under its lock: one who joined it before is called, one who joins it later finds
//!   the place.
//!
//! What was let into a room in front of the queue comes in whatever the bound says, and after the
//! close too: G2 is about who comes from outside and from inside, `rooms.rs` about those.
//!
//! Without G5 each release wakes a submitter, which fills the one place and sleeps again: with jobs
//! of a microsecond up to two switches a job, and the pool did half its work.
//!
//! The bound is for those outside. Jobs from inside take places too, but a submitter notices only
//! when it looks the limit up again, so at most as many places later as it then still has.

mod entrance;
mod line;
mod turnstiles;

use std::collections::VecDeque;

use crossbeam_utils::CachePadded;

#[cfg(loom)]
use crate::run::omit::omitted;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Arc, Mutex};
pub(crate) use entrance::MAX_HELD;
use entrance::{COUNT, Entrance, Seen};
use line::Line;
pub(crate) use line::{Joined, Patience, Waiter};
use turnstiles::Turnstiles;

/// Why there was no way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoEntry {
    Full,
    Closed,
}

pub(crate) struct Gate {
    /// What submitters write, with the limit they compare it to.
    entrance: CachePadded<Entrance>,
    turnstiles: Turnstiles,
    /// Places to be given back until somebody is called (G5); 0 where nobody holds the line.
    /// Counted down by releases while somebody waits, and otherwise changed under the line's lock.
    hold: CachePadded<AtomicU64>,
    line: CachePadded<Mutex<Line>>,
}

impl Gate {
    pub(crate) fn new(capacity: u64) -> Gate {
        Gate {
            entrance: CachePadded::new(Entrance::new(capacity)),
            turnstiles: Turnstiles::new(),
            hold: CachePadded::new(AtomicU64::new(0)),
            line: CachePadded::new(Mutex::new(Line {
                capacity,
                shells: 0,
                waiters: VecDeque::new(),
            })),
        }
    }

    /// A worker is about to be started: its jobs will be counted in words of its own, if there are
    /// any left.
    pub(crate) fn open_for(&self, worker: usize) {
        let line = self.line.lock();
        self.turnstiles.open(worker, !line.waiters.is_empty());
    }

    /// Takes up to `wanted` places (G1); returns how many.
    pub(crate) fn admit(&self, wanted: u64) -> Result<u64, NoEntry> {
        let mut seen = self.entrance.look();
        loop {
            let mut room = self.entrance.plain_room(seen);
            if room < wanted {
                room = self.room_for(wanted, seen)?;
                if room == 0 {
                    return Err(NoEntry::Full);
                }
            }
            let taken = room.min(wanted);
            match self.entrance.admit(seen, taken) {
                Ok(()) => return Ok(taken),
                Err(now) => seen = now,
            }
        }
    }

    /// The places that are free for whoever wants so many; looks the limit up again if they are
    /// fewer.
    #[cold]
    fn room_for(&self, wanted: u64, seen: Seen) -> Result<u64, NoEntry> {
        if seen.is_closed() {
            return Err(NoEntry::Closed);
        }
        let taken = seen.taken();
        let room = self.entrance.limit.load(Ordering::Relaxed).saturating_sub(taken);
        if room >= wanted { Ok(room) } else { Ok(self.refresh_limit().saturating_sub(taken)) }
    }

    /// Holds up to `most` places for jobs to come, unless fewer than `least` are free (G6); returns
    /// how many. None if as many are held as can be.
    pub(crate) fn reserve(&self, least: u64, most: u64) -> Result<u64, NoEntry> {
        let least = least.min(most);
        let mut seen = self.entrance.look();
        loop {
            let room = self.room_for(most, seen)?;
            if room < least {
                return Err(NoEntry::Full);
            }
            let taken = room.min(most).min(MAX_HELD - seen.held());
            if taken < least {
                return Ok(0);
            }
            match self.entrance.hold(seen, taken) {
                Ok(()) => return Ok(taken),
                Err(now) => seen = now,
            }
        }
    }

    /// Makes a place that is held that of a job about to be pushed (G1, G6).
    pub(crate) fn redeem(&self) -> Result<(), NoEntry> {
        if self.entrance.redeem() { Ok(()) } else { Err(NoEntry::Closed) }
    }

    /// Gives held places back, and calls whoever there is room for (G6).
    pub(crate) fn give_back(&self, held: u64) {
        #[cfg(loom)]
        if omitted("G6") {
            self.end_hold();
            return self.entrance.give_back(held);
        }
        self.entrance.give_back(held);
        self.end_hold();
    }

    /// Places that are held.
    pub(crate) fn reserved(&self) -> u64 {
        self.entrance.look().held()
    }

    /// Places that are free now; none once this is closed.
    pub(crate) fn room(&self) -> u64 {
        self.room_for(u64::MAX, self.entrance.look()).unwrap_or(0)
    }

    /// Takes a place whatever the bound says: for jobs that their submitter runs itself, and for
    /// those submitted inside the pool by who is no worker.
    pub(crate) fn admit_over_the_bound(&self) -> Result<(), NoEntry> {
        if self.entrance.admit_over_the_bound() { Ok(()) } else { Err(NoEntry::Closed) }
    }

    /// Takes a place whatever the bound says, of a closed gate too: for a delayed job whose time
    /// has come. It was accepted before, and the pool does not end while there are any (G2).
    pub(crate) fn admit_due(&self) {
        self.entrance.admit_due();
    }

    /// As [`Gate::admit_over_the_bound`], for jobs that a worker's own jobs submit, and that would
    /// wait for room if they came from outside. They meet nobody on their way in.
    pub(crate) fn admit_inside(&self, worker: usize) -> Result<(), NoEntry> {
        if self.turnstiles.come(worker) { Ok(()) } else { Err(NoEntry::Closed) }
    }

    /// Counts jobs in that waited in a room: they were let in there (R1, R2).
    pub(crate) fn admit_from_room(&self, jobs: u64) {
        self.entrance.admit_from_room(jobs);
    }

    fn refresh_limit(&self) -> u64 {
        let line = self.line.lock();
        if self.is_held(&line) {
            return self.entrance.limit.load(Ordering::Relaxed);
        }
        self.set_limit(&line, self.turnstiles.left())
    }

    /// Given how many had left when this was called, or a moment before.
    fn set_limit(&self, line: &Line, left: u64) -> u64 {
        let limit = line.limit(left, self.turnstiles.came()).min(COUNT);
        self.entrance.limit.store(limit, Ordering::Relaxed);
        limit
    }

    fn is_held(&self, line: &Line) -> bool {
        !line.waiters.is_empty() && self.hold.load(Ordering::Relaxed) > 0
    }

    /// A worker has taken a job out of the queue (G1); lets the next submitter in (G4), unless they
    /// wait for more (G5).
    pub(crate) fn release_by(&self, worker: usize) {
        if self.turnstiles.leave(worker) && self.is_call_due() {
            self.call_next();
        }
    }

    /// The same by somebody who is no worker, or does not know which.
    pub(crate) fn release(&self) {
        self.release_by(0);
    }

    /// Somebody waits and a place was given back: whether that completes the lot, or there is none
    /// to complete (G5).
    fn is_call_due(&self) -> bool {
        let one_less = |places: u64| places.checked_sub(1);
        let before = self.hold.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_less);
        before.map_or(true, |places| places == 1)
    }

    fn call_next(&self) {
        let called = {
            let mut line = self.line.lock();
            let called = line.waiters.pop_front();
            self.forget_if_nobody_waits(&line);
            called
        };
        if let Some(waiter) = called {
            waiter.call();
        }
    }

    fn forget_if_nobody_waits(&self, line: &Line) {
        if line.waiters.is_empty() {
            self.hold.store(0, Ordering::Relaxed);
            self.turnstiles.forget();
        }
    }

    /// Joins the line (G3). One that was called before and found the room taken goes to its head.
    /// One that is patient and goes to its end holds the line (G5), unless somebody does; it has to
    /// call [`Gate::end_hold`] soon, unless it is called before.
    pub(crate) fn join_line(
        &self,
        waiter: &Arc<Waiter>,
        was_called: bool,
        patience: Patience,
    ) -> Joined {
        if patience == Patience::None {
            self.end_hold();
        }
        #[cfg(loom)]
        let stale = omitted("G3").then(|| (self.entrance.look(), self.turnstiles.left()));
        let mut line = self.line.lock();
        if patience == Patience::None {
            self.hold.store(0, Ordering::Relaxed);
        }
        let held = self.is_held(&line);
        // Not at the head: who begins a hold there may be called and go, and those behind, whose
        // patience is over, would not end it.
        let begins = patience == Patience::ForALot && !held && !was_called;
        if begins {
            // Before anybody is told: a release that is told and finds no hold calls for its one
            // place, and a hold begun after that would keep whoever was called from taking it.
            self.hold.store(line.lot(), Ordering::Relaxed);
        }
        let left = self.turnstiles.tell();
        let seen = self.entrance.look();
        #[cfg(loom)]
        let (seen, left) = stale.unwrap_or((seen, left));
        #[cfg(loom)]
        if begins && omitted("hold") {
            self.hold.store(line.lot(), Ordering::Relaxed);
        }
        if seen.is_closed() || !held && seen.taken() < self.set_limit(&line, left) {
            self.forget_if_nobody_waits(&line);
            drop(line);
            #[cfg(loom)]
            let begins = begins && !omitted("end");
            if begins {
                // Releases that were told meanwhile counted towards the lot and called nobody.
                self.end_hold();
            }
            return Joined::TryAgain;
        }
        if was_called {
            line.waiters.push_front(Arc::clone(waiter));
        } else {
            line.waiters.push_back(Arc::clone(waiter));
        }
        Joined::Waiting
    }

    /// Leaves the line without having got in; a wake-up already received goes to the next (G4).
    pub(crate) fn leave_line(&self, waiter: &Arc<Waiter>) {
        let was_called = {
            let mut line = self.line.lock();
            let place = line.waiters.iter().position(|w| Arc::ptr_eq(w, waiter));
            if let Some(place) = place {
                line.waiters.remove(place);
                self.forget_if_nobody_waits(&line);
            }
            place.is_none()
        };
        #[cfg(loom)]
        let was_called = was_called && !omitted("G4") && !omitted("give up");
        if was_called {
            self.call_next();
        }
    }

    /// The same for who may have begun a hold (G5).
    pub(crate) fn give_up(&self, waiter: &Arc<Waiter>) {
        self.leave_line(waiter);
        #[cfg(loom)]
        if omitted("give up") {
            return;
        }
        self.end_hold();
    }

    /// Whoever began a hold has waited long enough (G5): calls as many as there are places for, and
    /// from now on each release calls one.
    pub(crate) fn end_hold(&self) {
        let called: Vec<Arc<Waiter>> = {
            let mut line = self.line.lock();
            if line.waiters.is_empty() {
                return;
            }
            #[cfg(loom)]
            let left_before = self.turnstiles.left();
            self.hold.store(0, Ordering::Relaxed);
            let left = self.turnstiles.tell();
            #[cfg(loom)]
            let left = if omitted("G5") { left_before } else { left };
            let taken = self.entrance.look().taken();
            let places = self.set_limit(&line, left).saturating_sub(taken);
            let places = line.waiters.len().min(usize::try_from(places).unwrap_or(usize::MAX));
            let called = line.waiters.drain(..places).collect();
            self.forget_if_nobody_waits(&line);
            called
        };
        called.iter().for_each(|waiter| waiter.call());
    }

    fn call_all(&self) {
        let called = {
            let mut line = self.line.lock();
            let called = std::mem::take(&mut line.waiters);
            self.forget_if_nobody_waits(&line);
            called
        };
        called.iter().for_each(|waiter| waiter.call());
    }

    /// Lets nobody in any more and sends the waiting away (G2). Returns the final count.
    pub(crate) fn close(&self) -> u64 {
        let came = self.turnstiles.close();
        // Last, so that a gate that reads as closed is closed to everybody.
        let admitted = self.entrance.close();
        self.call_all();
        admitted + came
    }

    /// A new bound; everybody in line looks again.
    pub(crate) fn set_capacity(&self, capacity: u64) {
        {
            let mut line = self.line.lock();
            line.capacity = capacity;
            self.set_limit(&line, self.turnstiles.left());
        }
        self.call_all();
    }

    /// A queued job was dealt with where it is, its empty shell stays queued for now. True if the
    /// next one will take a place.
    pub(crate) fn shell_left(&self) -> bool {
        let mut line = self.line.lock();
        line.shells += 1;
        u64::try_from(line.shells).is_ok_and(|shells| shells >= line.capacity)
    }

    /// Whether there may be such shells.
    pub(crate) fn has_shells(&self) -> bool {
        self.line.lock().shells != 0
    }

    /// `n` empty shells were taken out of the queue; lets a submitter in for each place that
    /// they had taken (G4).
    pub(crate) fn shells_removed(&self, n: u64) {
        let places = {
            let mut line = self.line.lock();
            let before = line.shells_in_the_way();
            line.shells -= n as i64;
            before - line.shells_in_the_way()
        };
        (0..places).for_each(|_| self.call_next());
    }

    /// Jobs waiting to start.
    pub(crate) fn queued(&self) -> u64 {
        let (admitted, left) = self.counts();
        debug_assert!(left <= admitted, "a job left the queue that had no place in it (G1)");
        admitted - left
    }

    /// (got in, left), those from inside among both, read so that the difference is never negative.
    pub(crate) fn counts(&self) -> (u64, u64) {
        #[cfg(loom)]
        if omitted("counts") {
            let came = self.turnstiles.came();
            let left = self.turnstiles.left();
            return (self.entrance.look().admitted() + came, left);
        }
        let left = self.turnstiles.left();
        (self.entrance.look().admitted() + self.turnstiles.came(), left)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.entrance.look().is_closed()
    }

    /// Submitters waiting for room.
    pub(crate) fn waiting(&self) -> u64 {
        self.line.lock().waiters.len() as u64
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
