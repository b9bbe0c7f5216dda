//! The rooms in front of the queue: jobs that were accepted and may not start yet.
//!
//! What is in a room is no part of the queue: it takes none of its places, and nobody looks for
//! workers because of it. Who keeps the rooms brings the jobs into the queue when they may start.
//!
//! * **R1** A job is counted here before it is in a room, and counted in the gate as having come
//!   before it is no longer counted here. Whoever wants to know whether any job is left looks here
//!   first, so none is missed on its way.
//! * **R2** The closed bit and the count share a word, so after `close` nobody gets into a room,
//!   and none waiting means that none ever will again. The gate lets in what comes from a room when
//!   it is closed too, so a closed pool is drained once the rooms are, and then the queue.

use std::any::Any;

use super::figures::LaneFigures;
use super::gate::Gate;
use super::job::Tracked;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Arc, OnceLock};

const CLOSED: u64 = 1 << 63;

/// Who looks after the rooms of a pool.
pub(crate) trait Keeper: Any + Send + Sync {
    /// Something has changed outside (the most workers there may be, or that the pool was closed):
    /// brings in what may come now, and lets go whoever waits for room in vain.
    fn look(&self);

    /// Moves whenever something has changed that its figures show.
    fn changes(&self) -> u64;

    /// The figures of each room, or of several together, in an order that stays.
    fn figures(&self) -> Vec<LaneFigures>;

    /// Empties every room: the jobs, counted as having come into the queue.
    fn clear(&self) -> Vec<Arc<dyn Tracked>>;
}

#[derive(Default)]
pub(crate) struct Rooms {
    /// {closed: 1 | jobs waiting in rooms: 63}.
    word: AtomicU64,
    keeper: OnceLock<Arc<dyn Keeper>>,
}

impl Rooms {
    /// Counts one job in (R1); false once the rooms are closed (R2).
    #[must_use]
    pub(crate) fn enter(&self) -> bool {
        // AcqRel: pairs with `close`, whose caller goes on to look whether anybody waits.
        let one_more = |seen: u64| (seen & CLOSED == 0).then_some(seen + 1);
        self.word.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).is_ok()
    }

    /// Takes so many jobs from the rooms into the gate's count, in this order (R1).
    pub(crate) fn bring_in(&self, gate: &Gate, jobs: u64) {
        gate.admit_from_room(jobs);
        // Release: pairs with `waiting`, whose caller then sees the gate's count.
        self.word.fetch_sub(jobs, Ordering::Release);
    }

    /// Lets nobody in any more (R2).
    pub(crate) fn close(&self) {
        self.word.fetch_or(CLOSED, Ordering::AcqRel);
        self.look();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.word.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Jobs waiting in rooms. To be read before the gate's counts (R1).
    pub(crate) fn waiting(&self) -> u64 {
        self.word.load(Ordering::Acquire) & !CLOSED
    }

    /// Nobody is in a room, nor will be.
    pub(crate) fn are_done(&self) -> bool {
        self.word.load(Ordering::Acquire) == CLOSED
    }

    /// The keeper, made on the first call by `make`.
    pub(crate) fn keeper(&self, make: impl FnOnce() -> Arc<dyn Keeper>) -> Arc<dyn Keeper> {
        Arc::clone(self.keeper.get_or_init(make))
    }

    /// The keeper, if there is one.
    pub(crate) fn kept(&self) -> Option<&Arc<dyn Keeper>> {
        self.keeper.get()
    }

    pub(crate) fn look(&self) {
        if let Some(keeper) = self.kept() {
            keeper.look();
        }
    }

    pub(crate) fn changes(&self) -> u64 {
        self.kept().map_or(0, |keeper| keeper.changes())
    }

    pub(crate) fn figures(&self) -> Vec<LaneFigures> {
        self.kept().map(|keeper| keeper.figures()).unwrap_or_default()
    }

    pub(crate) fn clear(&self) -> Vec<Arc<dyn Tracked>> {
        self.kept().map(|keeper| keeper.clear()).unwrap_or_default()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    /// Attacks R1: whoever looks here first and at the gate then finds each job at least once.
    #[test]
    fn a_job_on_its_way_from_a_room_to_the_queue_is_always_seen() {
        const JOBS: u64 = 500_000;
        let (rooms, gate) = (Rooms::default(), Gate::new(u64::MAX));
        let entered = AtomicU64::new(0);
        std::thread::scope(|scope| {
            let moves = scope.spawn(|| {
                for n in 1..=JOBS {
                    assert!(rooms.enter());
                    entered.store(n, Ordering::Release);
                    rooms.bring_in(&gate, 1);
                }
            });
            while !moves.is_finished() {
                let before = entered.load(Ordering::Acquire);
                let (waiting, came) = (rooms.waiting(), gate.counts().0);
                assert!(waiting + came >= before, "{waiting} wait and {came} of {before} came");
            }
        });
        assert_eq!((rooms.waiting(), gate.counts().0), (0, JOBS));
    }

    /// Attacks R2: of those who race with the close each is counted or refused, and afterwards
    /// nobody gets in; what was let in before comes through the closed gate.
    #[test]
    fn after_the_close_nobody_gets_into_a_room_and_all_who_did_get_into_the_queue() {
        for _ in 0..200 {
            let (rooms, gate) = (Rooms::default(), Gate::new(1));
            let entered = std::thread::scope(|scope| {
                let enter = || (0..50).filter(|_| rooms.enter()).count() as u64;
                let enterers = [scope.spawn(enter), scope.spawn(enter)];
                rooms.close();
                gate.close();
                let at_close = rooms.waiting();
                let sum = enterers.map(|e| e.join().expect("it only counts")).iter().sum::<u64>();
                assert_eq!((rooms.waiting(), at_close), (sum, sum), "nobody came after the close");
                sum
            });
            assert!(!rooms.enter() && rooms.is_closed());
            rooms.bring_in(&gate, entered);
            assert!(rooms.are_done());
            assert_eq!(gate.counts(), (entered, 0));
        }
    }
}
