//! How old is the job at the head of the queue? The queue cannot be looked into, so the supervisor
//! notes at each look how many jobs had been accepted by then.
//!
//! Jobs leave in about the order they came, so the head is the one whose number follows the count
//! of those that have left, and it came between the last note below that number and the first note
//! at or above it. Its age is reckoned from the later of the two: it errs on the young side by at
//! most the time between two looks, 1 to 5 ms while jobs wait, so a job that came during a quiet
//! quarter of a second never looks a quarter of a second old.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Nanos;

/// Notes kept; beyond it every second one is dropped, so old ages get coarser, never lost.
const NOTES: usize = 512;

#[derive(Debug, Default)]
pub(crate) struct ArrivalLog {
    /// (jobs accepted so far, when), both growing.
    notes: VecDeque<(u64, Nanos)>,
}

impl ArrivalLog {
    /// Notes the counts at this moment and returns the age of the head; zero if nothing waits.
    pub(crate) fn observe(&mut self, now: Nanos, accepted: u64, left: u64) -> Duration {
        while self.notes.front().is_some_and(|(count, _)| *count <= left) {
            self.notes.pop_front();
        }
        if self.notes.back().map_or(left, |(count, _)| *count) < accepted {
            if self.notes.len() == NOTES {
                let mut index = 0;
                self.notes.retain(|_| {
                    index += 1;
                    index % 2 == 1
                });
            }
            self.notes.push_back((accepted, now));
        }
        self.head_age(now)
    }

    fn head_age(&self, now: Nanos) -> Duration {
        self.notes.front().map_or(Duration::ZERO, |(_, when)| now.since(*when))
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    fn ms(n: u64) -> Nanos {
        Nanos(n * 1_000_000)
    }

    #[test]
    fn the_head_ages_while_it_waits_and_the_next_one_takes_over_when_it_leaves() {
        let mut log = ArrivalLog::default();
        let steps = [
            (0, 0, 0, 0),
            (1, 3, 2, 0),
            (6, 4, 2, 5),
            (11, 4, 2, 10),
            (12, 4, 3, 6),
            (13, 4, 4, 0),
            (500, 5, 4, 0),
        ];
        for (at, accepted, left, age) in steps {
            let found = log.observe(ms(at), accepted, left);
            assert_eq!(found, Duration::from_millis(age), "at {at} ms");
        }
    }

    #[test]
    fn a_clock_that_steps_back_makes_nobody_old() {
        let mut log = ArrivalLog::default();
        log.observe(ms(1000), 1, 0);
        assert_eq!(log.observe(ms(10), 1, 0), Duration::ZERO);
    }

    #[test]
    fn notes_are_bounded_and_the_oldest_is_kept() {
        let mut log = ArrivalLog::default();
        for n in 1..10_000 {
            log.observe(ms(n), n, 0);
        }
        assert!(log.notes.len() <= NOTES);
        assert_eq!(log.observe(ms(10_001), 10_000, 0), Duration::from_millis(10_000));
    }
}
