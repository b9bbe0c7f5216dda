//! What is to happen when: a list in the order of time. It knows no clock.

use std::collections::BTreeMap;

use crate::time::Nanos;

/// Where something stands on an agenda: by its time, and among those of one time by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    pub(crate) when: Nanos,
    pub(crate) number: u64,
}

/// Entries in the order of their marks. A mark belongs to one entry at a time.
///
/// A tree and not a heap: an entry that is cancelled leaves at once, with what it holds.
#[derive(Debug)]
pub(crate) struct Agenda<T> {
    entries: BTreeMap<Mark, T>,
}

impl<T> Default for Agenda<T> {
    fn default() -> Self {
        Agenda { entries: BTreeMap::new() }
    }
}

impl<T> Agenda<T> {
    /// True if this is now the first entry: whoever waits for the first waits too long.
    pub(crate) fn insert(&mut self, mark: Mark, entry: T) -> bool {
        let is_first = self.entries.first_key_value().is_none_or(|(first, _)| mark < *first);
        self.entries.insert(mark, entry);
        is_first
    }

    pub(crate) fn remove(&mut self, mark: Mark) -> Option<T> {
        self.entries.remove(&mark)
    }

    /// Takes the first entry out if its time has come. What is due never is not, whatever the clock
    /// shows.
    pub(crate) fn take_due(&mut self, now: Nanos) -> Option<T> {
        let first = self.entries.first_entry()?;
        let when = first.key().when;
        (when <= now && when != Nanos::NEVER).then(|| first.remove())
    }

    /// Takes the first entry out, whatever its time.
    pub(crate) fn take_first(&mut self) -> Option<T> {
        self.entries.pop_first().map(|(_, entry)| entry)
    }

    /// When the first entry is due; `NEVER` if nothing ever is.
    pub(crate) fn next(&self) -> Nanos {
        self.entries.first_key_value().map_or(Nanos::NEVER, |(mark, _)| mark.when)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn into_entries(self) -> impl Iterator<Item = T> {
        self.entries.into_values()
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &T> {
        self.entries.values()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mark(when: u64, number: u64) -> Mark {
        Mark { when: Nanos(when), number }
    }

    fn due(agenda: &mut Agenda<u64>, now: Nanos) -> Vec<u64> {
        std::iter::from_fn(|| agenda.take_due(now)).collect()
    }

    #[test]
    fn what_is_due_never_is_not_due_at_the_end_of_time() {
        let mut agenda = Agenda::default();
        assert_eq!(agenda.next(), Nanos::NEVER);
        assert!(agenda.insert(Mark { when: Nanos::NEVER, number: 0 }, 7));
        assert_eq!((agenda.next(), agenda.take_due(Nanos::NEVER)), (Nanos::NEVER, None));
        assert_eq!((agenda.take_first(), agenda.len()), (Some(7), 0));
    }

    #[test]
    fn only_a_new_first_entry_is_said_to_be_first() {
        let mut agenda = Agenda::default();
        assert!(agenda.insert(mark(5, 0), 0));
        assert!(!agenda.insert(mark(5, 1), 1) && !agenda.insert(mark(9, 2), 2));
        assert!(agenda.insert(mark(4, 3), 3));
    }

    proptest! {
        /// Against the obvious: a list that is sorted.
        #[test]
        fn entries_come_in_order_each_once_and_none_before_its_time(
            times in prop::collection::vec(0_u64..20, 0..40),
            cancelled in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
            looks in prop::collection::vec(0_u64..25, 0..10),
        ) {
            let mut agenda = Agenda::default();
            let mut list: Vec<Mark> = Vec::new();
            for (number, when) in (0..).zip(times) {
                agenda.insert(mark(when, number), number);
                list.push(mark(when, number));
            }
            for index in cancelled.iter().filter(|_| !list.is_empty()).collect::<Vec<_>>() {
                let Some(gone) = (!list.is_empty()).then(|| list.remove(index.index(list.len())))
                else { break };
                prop_assert_eq!(agenda.remove(gone), Some(gone.number));
                prop_assert!(agenda.remove(gone).is_none());
            }
            list.sort();
            for now in looks {
                let at = list.partition_point(|mark| mark.when <= Nanos(now));
                let expected: Vec<u64> = list.drain(..at).map(|mark| mark.number).collect();
                prop_assert_eq!(due(&mut agenda, Nanos(now)), expected);
                prop_assert_eq!(agenda.len(), list.len());
                prop_assert_eq!(agenda.next(), list.first().map_or(Nanos::NEVER, |m| m.when));
            }
        }
    }
}
