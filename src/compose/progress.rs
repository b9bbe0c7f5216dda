//! How far a set of jobs or a map has come, and when to say so.

use std::time::Duration;

use crate::scale::pace::Pace;

/// How far a [`JobSet`](crate::JobSet) or a [`Map`](crate::Map) has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Jobs that are over, however they ended.
    pub done: usize,
    /// Those of them that failed: without a result, or with an error where errors count.
    pub failed: usize,
    /// How many there are; `None` for a map whose iterator does not know.
    pub total: Option<usize>,
}

impl Progress {
    /// The share that is done, from 0 to 1; 1 where there is nothing to do.
    pub fn fraction(&self) -> Option<f64> {
        let total = self.total?;
        Some(if total == 0 { 1.0 } else { self.done as f64 / total as f64 })
    }
}

/// Decides when progress is told: not more often than once in a while, and at the end.
#[derive(Debug, Default)]
pub(crate) struct Cadence {
    every: Duration,
    pace: Pace,
    /// What was told last, if that was the end.
    told_end: Option<Progress>,
}

impl Cadence {
    pub(crate) fn new(every: Duration) -> Cadence {
        Cadence { every, ..Cadence::default() }
    }

    /// Whether to tell now; if so, it counts as told. An end is told once, whenever it comes.
    pub(crate) fn is_due(&mut self, now: Duration, progress: Progress, is_over: bool) -> bool {
        if is_over {
            return self.told_end.replace(progress) != Some(progress);
        }
        self.pace.take(now, self.every)
    }
}

/// Somebody to tell, and when.
pub(crate) struct Report {
    cadence: Cadence,
    tell: Box<dyn FnMut(Progress) + Send>,
}

impl Report {
    pub(crate) fn new(every: Duration, tell: impl FnMut(Progress) + Send + 'static) -> Report {
        Report { cadence: Cadence::new(every), tell: Box::new(tell) }
    }

    pub(crate) fn tell(&mut self, now: Duration, progress: Progress, is_over: bool) {
        if self.cadence.is_due(now, progress, is_over) {
            (self.tell)(progress);
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    fn at(done: usize) -> Progress {
        Progress { done, failed: 0, total: Some(10) }
    }

    #[test]
    fn progress_is_told_at_a_bounded_rate_and_always_at_the_end() {
        let mut cadence = Cadence::new(Duration::from_millis(100));
        let mut told = Vec::new();
        for done in 1..=9 {
            if cadence.is_due(Duration::from_millis(30 * done), at(done as usize), false) {
                told.push(done);
            }
        }
        assert_eq!(told, [1, 5, 9], "at 30, 150 and 270 ms");
        let now = Duration::from_millis(271);
        assert!(cadence.is_due(now, at(10), true), "the end comes whenever it comes");
        assert!(!cadence.is_due(now, at(10), true), "once");
        assert!(cadence.is_due(now, at(11), true), "unless there was more after it");
    }

    #[test]
    fn any_spacing_is_legal() {
        let mut always = Cadence::new(Duration::ZERO);
        assert!((1..5).all(|n| always.is_due(Duration::ZERO, at(n), false)));
        let mut once = Cadence::new(Duration::MAX);
        assert!(once.is_due(Duration::ZERO, at(1), false));
        assert!(!once.is_due(Duration::from_secs(1 << 40), at(2), false));
        assert!(once.is_due(Duration::ZERO, at(3), true));
    }

    #[test]
    fn the_fraction_of_nothing_is_all_of_it() {
        assert_eq!(Progress { total: Some(0), ..Progress::default() }.fraction(), Some(1.0));
        assert_eq!(Progress { done: 3, failed: 1, total: Some(4) }.fraction(), Some(0.75));
        assert_eq!(Progress { done: 3, failed: 1, total: None }.fraction(), None);
    }
}
