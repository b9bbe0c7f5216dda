#![doc = include_str!("README.md")]

mod word;

#[cfg(all(test, loom))]
pub(crate) mod model;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;

use std::time::Duration;

use crossbeam_utils::CachePadded;

#[cfg(loom)]
use crate::run::omit::omitted;
use crate::run::parker::Parker;
use crate::sync::atomic::{AtomicU8, Ordering, fence};
use crate::sync::thread::{self, Thread};
use crate::sync::{Arc, Mutex};
use word::Word;
pub(crate) use word::{Events, MAX_WORKERS, Moved, Seen};

/// What a sleeper was told when it was woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Look for a job; the waker has counted you as searching.
    Search,
    /// Leave; the supervisor has discharged you.
    Leave,
}

const NO_ORDER: u8 = 0;
const SEARCH: u8 = 1;
const LEAVE: u8 = 2;

/// Where one thread parks: the order it was given and the handle to wake it by.
#[derive(Debug)]
pub(crate) struct Seat {
    order: AtomicU8,
    thread: Mutex<Option<Thread>>,
}

impl Seat {
    pub(crate) fn new() -> Seat {
        Seat { order: AtomicU8::new(NO_ORDER), thread: Mutex::new(None) }
    }

    /// The calling thread will park here from now on.
    pub(crate) fn occupy(&self) {
        self.order.store(NO_ORDER, Ordering::Relaxed);
        *self.thread.lock() = Some(thread::current());
    }

    fn post(&self, order: u8) {
        // Pairs with the Acquire in `take`. As every change it is a read-modify-write, so that
        // they are totally ordered (S1).
        self.order.swap(order, Ordering::Release);
    }

    fn take(&self) -> Option<Order> {
        match self.order.swap(NO_ORDER, Ordering::AcqRel) {
            SEARCH => Some(Order::Search),
            LEAVE => Some(Order::Leave),
            _ => None,
        }
    }

    pub(crate) fn unpark(&self, parker: &dyn Parker) {
        let thread = self.thread.lock().clone();
        if let Some(thread) = thread
            && parker.deliver()
        {
            thread.unpark();
        }
    }
}

/// Who is awake: the word, the list of sleepers, a seat for each worker and one for the
/// supervisor.
pub(crate) struct Sleep {
    word: CachePadded<Word>,
    /// Parked workers nobody has claimed, coldest first. An index is in here exactly while the
    /// word counts it as sleeping (S4).
    sleepers: Mutex<Vec<usize>>,
    seats: Box<[Seat]>,
    supervisor: Seat,
    parker: Arc<dyn Parker>,
}

impl Sleep {
    pub(crate) fn new(seats: usize, parker: Arc<dyn Parker>) -> Sleep {
        assert!(seats <= MAX_WORKERS, "the word counts at most {MAX_WORKERS} workers");
        Sleep {
            word: CachePadded::new(Word::new()),
            sleepers: Mutex::new(Vec::new()),
            seats: (0..seats).map(|_| Seat::new()).collect(),
            supervisor: Seat::new(),
            parker,
        }
    }

    pub(crate) fn look(&self) -> Seen {
        self.word.load()
    }

    // The submitter's side.

    /// Tells of `jobs` jobs pushed just before (S2). `queued` is how many wait now; it is asked
    /// only when nobody may be free to take them.
    pub(crate) fn announce(&self, jobs: u32, queued: impl Fn() -> u64) {
        if self.nobody_is_free().is_some_and(Seen::is_kicked) {
            return;
        }
        let seen = self.word.announce();
        if seen.is_supervisor_parked() {
            self.ring();
        }
        let all_woken = self.wake_for(jobs, seen);
        // The sleepers that `seen` counts may have been claimed for somebody else's job.
        if seen.sleeping() < jobs || !all_woken {
            self.kick_if_short(queued);
        }
    }

    /// The word, if there is nobody that news of a push before this call could be of use to: who
    /// searches later will see the push (S12). While everybody is busy, which is when pools are
    /// in a hurry, the word is only read, and its cache line stays with everybody.
    fn nobody_is_free(&self) -> Option<Seen> {
        // SeqCst, by Dekker: push, fence, look who is free; against: `start_search`, fence in
        // `events`, scan. And: push, fence, look for the kick; against: `acknowledge`, fence, look.
        fence(Ordering::SeqCst);
        let seen = self.word.load();
        (seen.sleeping() == 0 && seen.searching() == 0).then_some(seen)
    }

    /// Wakes somebody if nobody searches, and for a batch as many as may; false if some were gone.
    /// The others are for those who find a job to wake: they pay for it then, not the submitter.
    fn wake_for(&self, jobs: u32, seen: Seen) -> bool {
        let allowed = if jobs == 1 { 1 } else { searchers_allowed(seen) };
        let wanted = jobs.min(allowed.saturating_sub(seen.searching()));
        seen.sleeping() == 0 || (0..wanted).all(|_| self.wake_one())
    }

    /// Asks for an evaluation if more jobs wait than workers are free (S6).
    fn kick_if_short(&self, queued: impl Fn() -> u64) {
        #[cfg(loom)]
        if omitted("kick") {
            return;
        }
        // A load is enough: it is not older than our own announcement, and a kicked bit it shows
        // has not been acknowledged before that announcement, so the look to come sees our push.
        let seen = self.word.load();
        if !seen.is_kicked() && queued() > u64::from(seen.searching() + seen.sleeping()) {
            self.kick();
        }
    }

    /// Asks for an evaluation.
    pub(crate) fn kick(&self) {
        if self.word.kick() {
            self.ring();
        }
    }

    /// Wakes the supervisor if it sleeps without a timeout: something happened that changes nothing
    /// for the workers but shows in the figures.
    pub(crate) fn nudge(&self) {
        if self.look().is_supervisor_parked() {
            self.ring();
        }
    }

    /// Wakes the supervisor's thread, whatever it is doing.
    pub(crate) fn ring(&self) {
        self.supervisor.unpark(&*self.parker);
    }

    /// Wakes the most recently parked worker and counts it as searching (S5).
    fn wake_one(&self) -> bool {
        let seat = {
            let mut sleepers = self.sleepers.lock();
            let Some(index) = sleepers.pop() else { return false };
            self.word.claim_sleepers(1);
            self.seats[index].post(SEARCH);
            index
        };
        self.seats[seat].unpark(&*self.parker);
        true
    }

    /// Wakes every sleeper, to look again.
    fn wake_all(&self) {
        let claimed = {
            let mut sleepers = self.sleepers.lock();
            self.word.claim_sleepers(sleepers.len() as u32);
            for index in sleepers.iter() {
                self.seats[*index].post(SEARCH);
            }
            std::mem::take(&mut *sleepers)
        };
        for index in claimed {
            self.seats[index].unpark(&*self.parker);
        }
    }

    /// Jobs that were held back may run now (resume, a phase change): announces it and wakes all.
    pub(crate) fn announce_to_all(&self) {
        let seen = self.word.announce();
        self.wake_all();
        if seen.is_supervisor_parked() {
            self.ring();
        }
        self.kick();
    }

    // The worker's side.

    /// The calling thread takes this seat.
    pub(crate) fn occupy(&self, index: usize) {
        self.seats[index].occupy();
    }

    /// Tells of `jobs` jobs that nobody could see while they were moved (S11). More workers were
    /// asked for when they were pushed.
    pub(crate) fn announce_moved(&self, jobs: u32) {
        #[cfg(loom)]
        if omitted("S11") {
            return;
        }
        if self.nobody_is_free().is_none() {
            let seen = self.word.announce();
            self.wake_for(jobs, seen);
        }
    }

    pub(crate) fn start_search(&self) {
        self.word.start_search();
    }

    /// To be read before the scan whose failure allows sleep (S3).
    pub(crate) fn events(&self) -> Events {
        #[cfg(loom)]
        if omitted("S12") {
            return self.word.load().events();
        }
        // SeqCst: the other half of the argument in `nobody_is_free` (S12).
        fence(Ordering::SeqCst);
        self.word.load().events()
    }

    /// A searcher has found a job: stops counting as searching and, if more jobs wait, sees to it
    /// that somebody looks for them (S6). `queued` leaves out the job just found.
    pub(crate) fn found(&self, queued: impl Fn() -> u64) -> Seen {
        let seen = self.word.end_search();
        #[cfg(loom)]
        if omitted("S6") {
            return seen;
        }
        if seen.sleeping() == 0 {
            if !seen.is_kicked() {
                self.kick_if_short(queued);
            }
        } else {
            // Two by each, so that a burst has its workers in a few steps.
            let room = searchers_allowed(seen).saturating_sub(seen.searching()).min(2);
            let wanted = if room > 0 { queued().min(u64::from(room)) } else { 0 };
            let _all_there = (0..wanted).all(|_| self.wake_one());
        }
        seen
    }

    /// A searcher joins the list of sleepers, unless something was announced since `events`.
    pub(crate) fn fall_asleep(&self, index: usize, events: Events) -> Result<Seen, Moved> {
        #[cfg(loom)]
        let events = if omitted("S3") { self.events() } else { events };
        let mut sleepers = self.sleepers.lock();
        let seen = self.word.fall_asleep(events)?;
        #[cfg(loom)]
        if omitted("S4") {
            drop(sleepers);
            sleepers = self.sleepers.lock();
        }
        sleepers.push(index);
        debug_assert_eq!(sleepers.len(), seen.sleeping() as usize, "list and word differ (S4)");
        Ok(seen)
    }

    /// Parks until there is an order. With a timeout, a return without an order ends the sleep
    /// as well, so a wake-up lost by the system costs no more than the timeout (S9).
    pub(crate) fn rest(&self, index: usize, timeout: Option<Duration>) -> Order {
        loop {
            if let Some(order) = self.seats[index].take() {
                return order;
            }
            let timeout = self.parker.timeout(timeout);
            thread::park(timeout);
            if timeout.is_some() {
                // Not woken: a wake-up for oneself would end the next sleep before it began.
                self.claim(index);
            }
        }
    }

    /// Leaves as a searcher; the caller has found nothing to do and was told to go.
    pub(crate) fn discharge_searcher(&self, queued: impl Fn() -> u64) -> Seen {
        let seen = self.word.discharge_searcher();
        self.pass_on(seen, queued)
    }

    /// Leaves between two jobs.
    pub(crate) fn discharge_busy(&self, queued: impl Fn() -> u64) -> Seen {
        let seen = self.word.discharge_busy();
        self.pass_on(seen, queued)
    }

    /// Leaves, as a searcher or between two jobs, if more than `limit` workers live; false to stay.
    #[must_use]
    pub(crate) fn discharge_above(
        &self,
        limit: u32,
        searching: bool,
        queued: impl Fn() -> u64,
    ) -> bool {
        let left = self.word.discharge_above(limit, searching);
        left.map(|seen| self.pass_on(seen, queued)).is_some()
    }

    /// A worker that leaves looks back once: what it could have taken, somebody else must (S8).
    fn pass_on(&self, seen: Seen, queued: impl Fn() -> u64) -> Seen {
        #[cfg(loom)]
        if omitted("S8") {
            return seen;
        }
        if queued() > 0 && !(seen.sleeping() > 0 && self.wake_one()) {
            self.kick_if_short(queued);
        }
        seen
    }

    // The supervisor's side.

    /// Counts a worker whose thread is about to be started.
    pub(crate) fn enlist(&self) {
        self.word.enlist();
    }

    /// Takes a worker back whose thread could not be started. A submitter may have counted on it,
    /// so it leaves like any other (S8).
    pub(crate) fn strike_off(&self, queued: impl Fn() -> u64) {
        self.discharge_searcher(queued);
    }

    /// Sends up to `n` of the coldest sleepers home, as long as more than `floor` live; returns how
    /// many went. Looks at the queues afterwards and takes everybody back if a job slipped in (S7).
    pub(crate) fn retire_coldest(&self, n: u32, floor: u32, queued: impl Fn() -> u64) -> u32 {
        let chosen: Vec<usize> = {
            let mut sleepers = self.sleepers.lock();
            let n = n.min(sleepers.len() as u32);
            let n = self.word.discharge_sleepers(n, floor);
            sleepers.drain(..n as usize).collect()
        };
        let stay = queued() > 0;
        #[cfg(loom)]
        let stay = stay && !omitted("S7");
        for index in &chosen {
            if stay {
                self.word.enlist();
            }
            self.seats[*index].post(if stay { SEARCH } else { LEAVE });
            self.seats[*index].unpark(&*self.parker);
        }
        if stay { 0 } else { chosen.len() as u32 }
    }

    /// Wakes one worker whatever the counters say: claims it if it is in the list, and unparks
    /// its thread again if it is not, for a wake-up that got lost.
    pub(crate) fn rouse(&self, index: usize) {
        self.claim(index);
        self.seats[index].unpark(&*self.parker);
    }

    /// Takes one worker out of the list, if it is in there, and gives it the order to search.
    fn claim(&self, index: usize) {
        let mut sleepers = self.sleepers.lock();
        if let Some(place) = sleepers.iter().position(|s| *s == index) {
            sleepers.remove(place);
            self.word.claim_sleepers(1);
            self.seats[index].post(SEARCH);
        }
    }

    /// The supervisor is about to look: kicks count anew from here.
    pub(crate) fn acknowledge(&self) -> Seen {
        let seen = self.word.acknowledge();
        // SeqCst: the other half of the argument in `nobody_is_free` (S12).
        fence(Ordering::SeqCst);
        seen
    }

    /// The calling thread is the supervisor.
    pub(crate) fn occupy_supervisor(&self) {
        self.supervisor.occupy();
    }

    /// Whether the supervisor may sleep until the next event (S10).
    #[must_use]
    pub(crate) fn park_supervisor(&self, events: Events) -> bool {
        self.word.park_supervisor(events)
    }

    /// Parks the supervisor's thread; wake-ups for no reason are allowed.
    pub(crate) fn rest_supervisor(&self, timeout: Option<Duration>) {
        thread::park(self.parker.timeout(timeout));
    }
}

/// How many may search at once: enough to ramp up on a burst, few enough not to trample.
fn searchers_allowed(seen: Seen) -> u32 {
    (seen.live() / 2).clamp(1, 4)
}
