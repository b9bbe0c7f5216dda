//! Who is there: the fixed table of slots, densely used from the front.

use crossbeam_utils::CachePadded;

use super::current::Running;
use super::meter::MeterSum;
use super::slot::{Slot, State};
use crate::sync::plain::{AtomicUsize, Ordering};

/// The table of slots. Its length is the ceiling given when the pool was built; `used` bounds
/// every scan, so a large table costs a small pool nothing.
pub(crate) struct Roster {
    slots: Box<[CachePadded<Slot>]>,
    used: AtomicUsize,
}

impl Roster {
    pub(crate) fn new(ceiling: usize) -> Roster {
        Roster {
            slots: (0..ceiling).map(|_| CachePadded::new(Slot::new())).collect(),
            used: AtomicUsize::new(0),
        }
    }

    pub(crate) fn slot(&self, index: usize) -> &Slot {
        &self.slots[index]
    }

    /// The slots that were ever used, with their indices.
    pub(crate) fn used(&self) -> impl Iterator<Item = (usize, &Slot)> {
        let used = self.used.load(Ordering::Acquire);
        self.slots[..used].iter().map(|slot| &**slot).enumerate()
    }

    /// Reserves the lowest vacant slot. Called by the one thread that starts workers.
    pub(crate) fn reserve(&self) -> Option<usize> {
        let index = self.slots.iter().position(|slot| slot.state() == State::Vacant)?;
        let slot = &self.slots[index];
        slot.meter();
        slot.set_state(State::Starting);
        self.used.fetch_max(index + 1, Ordering::AcqRel);
        Some(index)
    }

    pub(crate) fn in_state(&self, state: State) -> u32 {
        self.used().filter(|(_, slot)| slot.state() == state).count() as u32
    }

    /// The jobs running now, with the index of their worker.
    pub(crate) fn running(&self) -> impl Iterator<Item = (usize, Running)> {
        self.used().filter_map(|(index, slot)| slot.current.look().map(|job| (index, job)))
    }

    /// The states that workers which hold try to build now, likewise.
    pub(crate) fn building(&self) -> impl Iterator<Item = (usize, Running)> {
        self.used().filter_map(|(index, slot)| slot.building.look().map(|state| (index, state)))
    }

    /// The counters of all slots together.
    pub(crate) fn sum(&self) -> MeterSum {
        let mut sum = MeterSum::default();
        for meter in self.used().filter_map(|(_, slot)| slot.used_meter()) {
            meter.add_to(&mut sum);
        }
        sum
    }

    /// Whether any slot still has a thread.
    pub(crate) fn anyone_left(&self) -> bool {
        self.used().any(|(_, slot)| slot.state() != State::Vacant)
    }

    /// Joins the threads that have nothing left to do and frees their slots.
    pub(crate) fn reap(&self) {
        for (_, slot) in self.used().filter(|(_, slot)| slot.state() == State::Gone) {
            let thread = slot.thread.lock().take();
            if let Some(thread) = thread {
                thread.join();
            }
            slot.set_state(State::Vacant);
        }
    }
}
