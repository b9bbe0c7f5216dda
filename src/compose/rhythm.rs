//! When the next run of a series is due: a plain function of the times of this one.

use std::time::Duration;

use crate::time::Nanos;

/// When the next run is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rhythm {
    pub(crate) period: Duration,
    pub(crate) from: From,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// The time at which this one was due.
    Due,
    /// The end of this one.
    End,
}

impl Rhythm {
    /// When the run after one that was due at `due` and ended at `now` is due, and how many that
    /// would have been due before are left out.
    pub(crate) fn next(self, due: Nanos, now: Nanos) -> (Nanos, u64) {
        let Rhythm { period, from } = self;
        if from == From::End || period.is_zero() {
            return (now.after(period), 0);
        }
        let period = Nanos::from_duration(period).0;
        // The first that is not over by now.
        let periods = now.0.saturating_sub(due.0).div_ceil(period).max(1);
        (Nanos(due.0.saturating_add(period.saturating_mul(periods))), periods - 1)
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn next(period: u64, due: u64, now: u64) -> (u64, u64) {
        let rhythm = Rhythm { period: Duration::from_nanos(period), from: From::Due };
        let (next, skipped) = rhythm.next(Nanos(due), Nanos(now));
        (next.0, skipped)
    }

    #[test]
    fn a_late_run_keeps_the_rhythm_and_makes_up_for_nothing() {
        assert_eq!(next(10, 100, 103), (110, 0));
        assert_eq!(next(10, 100, 110), (110, 0), "due just now");
        assert_eq!(next(10, 100, 111), (120, 1));
        assert_eq!(next(10, 100, 125), (130, 2));
        assert_eq!(next(10, 100, 50), (110, 0), "the clock went back");
    }

    #[test]
    fn no_pause_is_now_and_an_endless_one_is_never() {
        assert_eq!(next(0, 100, 103), (103, 0));
        assert_eq!(next(u64::MAX, 100, 103), (u64::MAX, 0));
        let rhythm = Rhythm { period: Duration::from_nanos(10), from: From::End };
        assert_eq!(rhythm.next(Nanos(100), Nanos(125)), (Nanos(135), 0));
    }

    proptest! {
        #[test]
        fn the_next_run_is_the_first_of_the_rhythm_that_is_not_over(
            period in 1_u64..1_000, due in 0_u64..100_000, late in 0_u64..100_000,
        ) {
            let now = due + late;
            let (next, skipped) = next(period, due, now);
            prop_assert!(next > due && next >= now && (next - due) % period == 0);
            prop_assert!(next == due + period || next - period < now);
            prop_assert_eq!(skipped, (next - due) / period - 1);
        }
    }
}
