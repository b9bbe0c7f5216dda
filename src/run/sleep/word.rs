//! The packed word of the sleep protocol: only this file knows its bits.
//!
//! ```text
//! 63            32 31     30     29      20 19         10 9         0
//! +---------------+------+------+----------+-------------+-----------+
//! |    events     |kicked|parked|   live   |  searching  |  sleeping |
//! +---------------+------+------+----------+-------------+-----------+
//! ```
//!
//! * `events`: how many times jobs were announced, modulo 2^32;
//! * `kicked`: a submitter has asked the supervisor to look and it has not looked yet;
//! * `parked`: the supervisor sleeps without a timeout and wants to be woken by the next event;
//! * `live`: workers, starting ones included;
//! * `searching`: workers looking for a job, claimed sleepers and starting workers included;
//! * `sleeping`: workers in the sleepers' list that nobody has claimed.
//!
//! Every change is one read-modify-write here, so all of them are totally ordered (invariant S1).

#[cfg(loom)]
use crate::run::omit::omitted;
use crate::sync::atomic::{AtomicU64, Ordering};

const SLEEPING: u64 = 1;
const SEARCHING: u64 = 1 << 10;
const LIVE: u64 = 1 << 20;
const PARKED: u64 = 1 << 30;
const KICKED: u64 = 1 << 31;
const EVENT: u64 = 1 << 32;
const COUNT_MASK: u64 = (1 << 10) - 1;

/// The most workers the word can count.
pub(crate) const MAX_WORKERS: usize = COUNT_MASK as usize;

/// One value of the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen(u64);

impl Seen {
    pub(crate) fn sleeping(self) -> u32 {
        (self.0 & COUNT_MASK) as u32
    }

    pub(crate) fn searching(self) -> u32 {
        ((self.0 / SEARCHING) & COUNT_MASK) as u32
    }

    pub(crate) fn live(self) -> u32 {
        ((self.0 / LIVE) & COUNT_MASK) as u32
    }

    /// Workers inside a job.
    pub(crate) fn busy(self) -> u32 {
        self.live().saturating_sub(self.searching() + self.sleeping())
    }

    pub(crate) fn is_kicked(self) -> bool {
        self.0 & KICKED != 0
    }

    pub(crate) fn is_supervisor_parked(self) -> bool {
        self.0 & PARKED != 0
    }

    pub(crate) fn events(self) -> Events {
        Events((self.0 >> 32) as u32)
    }

    /// Nobody is in a job or looking for one.
    fn all_asleep(self) -> bool {
        self.sleeping() == self.live() && self.searching() == 0
    }
}

/// The event count a searcher must read before it scans the queues (invariant S3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Events(u32);

/// The events moved on, so something was announced after the scan began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moved;

#[derive(Debug)]
pub(crate) struct Word(AtomicU64);

impl Word {
    pub(crate) fn new() -> Word {
        Word(AtomicU64::new(0))
    }

    /// One read-modify-write (S1); returns the value *before*. All are AcqRel: each pairs with
    /// every later one on this word, which is how a push becomes visible to the scan that must see
    /// it.
    fn apply(&self, add: u64, sub: u64) -> Seen {
        #[cfg(loom)]
        if omitted("S1") {
            return Seen(self.0.fetch_add(add.wrapping_sub(sub), Ordering::Relaxed));
        }
        Seen(self.0.fetch_add(add.wrapping_sub(sub), Ordering::AcqRel))
    }

    /// Jobs were pushed.
    #[must_use]
    pub(crate) fn announce(&self) -> Seen {
        self.apply(EVENT, 0)
    }

    /// The value now; pairs with the announcer's AcqRel.
    #[must_use]
    pub(crate) fn load(&self) -> Seen {
        Seen(self.0.load(Ordering::Acquire))
    }

    /// A worker was asked for; it counts as searching until it has looked.
    pub(crate) fn enlist(&self) {
        self.apply(LIVE + SEARCHING, 0);
    }

    /// A busy worker has run out of work.
    pub(crate) fn start_search(&self) {
        self.apply(SEARCHING, 0);
    }

    /// A searcher has found a job. Returns the value *after*.
    #[must_use]
    pub(crate) fn end_search(&self) -> Seen {
        let before = self.apply(0, SEARCHING);
        debug_assert!(before.searching() > 0, "a searcher was not counted (S5)");
        Seen(before.0.wrapping_sub(SEARCHING))
    }

    /// A searcher goes to sleep, unless something was announced since it read `events`. Returns
    /// the value *after*.
    pub(crate) fn fall_asleep(&self, events: Events) -> Result<Seen, Moved> {
        let mut seen = self.load();
        loop {
            if seen.events() != events {
                return Err(Moved);
            }
            let after = seen.0 - SEARCHING + SLEEPING;
            match self.0.compare_exchange_weak(seen.0, after, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Ok(Seen(after)),
                Err(now) => seen = Seen(now),
            }
        }
    }

    /// `n` sleepers were taken out of the list and told to search.
    pub(crate) fn claim_sleepers(&self, n: u32) {
        #[cfg(loom)]
        if omitted("S5") {
            return;
        }
        let before = self.apply(u64::from(n) * SEARCHING, u64::from(n) * SLEEPING);
        debug_assert!(before.sleeping() >= n, "a sleeper was not counted (S4)");
    }

    /// Up to `n` sleepers are to be taken out of the list and told to leave, as far as more than
    /// `floor` live: others may leave by themselves at this moment. Returns how many are.
    #[must_use]
    pub(crate) fn discharge_sleepers(&self, n: u32, floor: u32) -> u32 {
        let surplus = |word| n.min(Seen(word).live().saturating_sub(floor));
        let before = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| {
            Some(word.wrapping_sub(u64::from(surplus(word)) * (LIVE + SLEEPING)))
        });
        before.map_or(0, surplus)
    }

    /// A searcher leaves for good.
    pub(crate) fn discharge_searcher(&self) -> Seen {
        Seen(self.apply(0, LIVE + SEARCHING).0.wrapping_sub(LIVE + SEARCHING))
    }

    /// A worker leaves between two jobs. Returns the value *after*.
    pub(crate) fn discharge_busy(&self) -> Seen {
        Seen(self.apply(0, LIVE).0.wrapping_sub(LIVE))
    }

    /// A worker leaves by itself, from a search or between two jobs, if more than `limit` live: of
    /// any number that ask at once, only the surplus goes. Returns the value *after*.
    pub(crate) fn discharge_above(&self, limit: u32, searching: bool) -> Option<Seen> {
        let counted = if searching { LIVE + SEARCHING } else { LIVE };
        #[cfg(loom)]
        if omitted("limit") {
            let surplus = self.load().live() > limit;
            return surplus.then(|| Seen(self.apply(0, counted).0.wrapping_sub(counted)));
        }
        let before = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| {
            (Seen(word).live() > limit).then(|| word.wrapping_sub(counted))
        });
        before.ok().map(|before| Seen(before.wrapping_sub(counted)))
    }

    /// Asks for an evaluation; true for the one caller that has to ring the bell.
    #[must_use]
    pub(crate) fn kick(&self) -> bool {
        self.0.fetch_or(KICKED, Ordering::AcqRel) & KICKED == 0
    }

    /// The supervisor is about to look: later kicks ring again.
    pub(crate) fn acknowledge(&self) -> Seen {
        Seen(self.0.fetch_and(!(KICKED | PARKED), Ordering::AcqRel))
    }

    /// The supervisor goes to sleep without a timeout: only if nothing was announced since
    /// `events`, nobody kicked, and every worker sleeps.
    #[must_use]
    pub(crate) fn park_supervisor(&self, events: Events) -> bool {
        #[cfg(loom)]
        if omitted("S10") {
            return self.0.fetch_or(PARKED, Ordering::AcqRel) & PARKED == 0;
        }
        let seen = self.load();
        if seen.events() != events || seen.is_kicked() || !seen.all_asleep() {
            return false;
        }
        self.0
            .compare_exchange(seen.0, seen.0 | PARKED, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    fn word(live: u64, searching: u64, sleeping: u64) -> Word {
        let word = Word::new();
        word.apply(live * LIVE + searching * SEARCHING + sleeping * SLEEPING, 0);
        word
    }

    fn counts(word: &Word) -> (u32, u32, u32) {
        let seen = word.load();
        (seen.live(), seen.searching(), seen.sleeping())
    }

    #[test]
    fn a_transition_leaves_the_other_fields_alone_at_both_ends_of_the_range() {
        let max = MAX_WORKERS as u64;
        for (live, searching, sleeping) in [(max, max - 1, 1), (max, 1, max - 1), (2, 1, 1)] {
            let w = word(live, searching, sleeping);
            let before = counts(&w);
            let _ = w.announce();
            assert!(w.kick() && !w.kick());
            assert_eq!(counts(&w), before);
            w.claim_sleepers(1);
            assert_eq!(counts(&w), (before.0, before.1 + 1, before.2 - 1));
            let events = w.load().events();
            assert!(w.fall_asleep(events).is_ok());
            assert_eq!(counts(&w), before);
            assert_eq!(w.discharge_sleepers(1, 0), 1);
            assert_eq!(counts(&w), (before.0 - 1, before.1, before.2 - 1));
            assert!(w.acknowledge().is_kicked());
            assert!(!w.load().is_kicked());
        }
    }

    #[test]
    fn events_wrap_without_touching_their_neighbours() {
        let w = word(3, 2, 1);
        w.apply(u64::from(u32::MAX) << 32, 0);
        let before = counts(&w);
        let _ = w.announce();
        assert_eq!(w.load().events(), Events(0));
        assert_eq!(counts(&w), before);
    }

    /// Attacks S1 and S2: who sees the event sees the push.
    #[test]
    fn an_event_that_was_read_brings_the_push_before_it() {
        const JOBS: u32 = 20_000;
        let (word, pushed) = (Word::new(), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..JOBS {
                        pushed.fetch_add(1, Ordering::Relaxed);
                        let _ = word.announce();
                    }
                });
            }
            let mut seen = 0;
            while seen < 2 * JOBS {
                seen = word.load().events().0;
                assert!(pushed.load(Ordering::Relaxed) >= u64::from(seen));
            }
        });
    }

    /// Attacks S3.
    #[test]
    fn nobody_falls_asleep_on_a_stale_count() {
        let w = word(1, 1, 0);
        let events = w.load().events();
        let _ = w.announce();
        assert_eq!(w.fall_asleep(events), Err(Moved));
        assert_eq!(counts(&w), (1, 1, 0));
    }

    /// Attacks S10.
    #[test]
    fn the_supervisor_parks_only_when_all_is_quiet() {
        let quiet = word(2, 0, 2);
        let events = quiet.load().events();
        assert!(quiet.park_supervisor(events));
        assert!(quiet.announce().is_supervisor_parked());
        assert!(!quiet.park_supervisor(events), "an event came in between");
        let searching = word(2, 1, 1);
        assert!(!searching.park_supervisor(searching.load().events()));
        let kicked = word(1, 0, 1);
        assert!(kicked.kick());
        assert!(!kicked.park_supervisor(kicked.load().events()));
    }
}
