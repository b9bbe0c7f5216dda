//! "At most once per …", for decisions.

use std::time::Duration;

/// Remembers when something was last done, so that it is not done again too soon.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pace {
    last: Option<Duration>,
}

impl Pace {
    /// Whether it may be done now; if so, it counts as done. A spacing of zero always allows it.
    pub(crate) fn take(&mut self, now: Duration, spacing: Duration) -> bool {
        let due = self.left(now, spacing).is_zero();
        if due {
            self.last = Some(now);
        }
        due
    }

    /// How long it has to wait still.
    pub(crate) fn left(&self, now: Duration, spacing: Duration) -> Duration {
        self.last.map_or(Duration::ZERO, |last| spacing.saturating_sub(now.saturating_sub(last)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_done_twice_within_the_spacing() {
        let spacing = Duration::from_millis(100);
        let mut pace = Pace::default();
        for (millis, allowed) in [(0, true), (99, false), (100, true), (101, false), (900, true)] {
            assert_eq!(pace.take(Duration::from_millis(millis), spacing), allowed, "at {millis}");
        }
    }

    #[test]
    fn a_refusal_does_not_put_off_the_next_time() {
        let mut pace = Pace::default();
        let spacing = Duration::from_millis(100);
        assert!(pace.take(Duration::ZERO, spacing));
        assert!(!pace.take(Duration::from_millis(60), spacing));
        assert_eq!(pace.left(Duration::from_millis(60), spacing), Duration::from_millis(40));
        assert!(pace.take(Duration::from_millis(100), spacing));
    }

    #[test]
    fn extreme_spacings_are_legal() {
        let mut pace = Pace::default();
        assert!(pace.take(Duration::MAX, Duration::MAX));
        assert!(!pace.take(Duration::ZERO, Duration::MAX));
        assert!(pace.take(Duration::ZERO, Duration::ZERO));
    }
}
