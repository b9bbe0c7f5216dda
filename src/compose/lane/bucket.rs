//! A bucket of tokens: how often jobs may start, as a point in time and two numbers.
//!
//! The bucket is kept as the moment at which it will be full again, so nothing has to fill it and
//! there is nothing to round: of starts within any time `t` there are at most `burst + rate · t`.
//! It is a value with time passed in, and can be asked when its next token comes without one being
//! taken, which is what a choice between lanes needs and the limiters of libraries do not offer;
//! neither do they keep what was taken when their rate changes.

use crate::time::Nanos;

/// The limit of a rate, and what of it is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// Nanoseconds for one token; never too few. `u64::MAX` for a rate of zero.
    gap: u64,
    burst: u32,
    /// When it is full again if nothing more is taken, in nanoseconds.
    full_at: u128,
}

impl Bucket {
    pub(crate) fn new(per_second: f64, burst: u32) -> Bucket {
        // A float too large for the type becomes its largest value.
        let gap = ((1e9 / per_second).ceil() as u64).max(1);
        Bucket { gap, burst, full_at: 0 }
    }

    /// Whether a token that is taken never comes back.
    pub(crate) fn is_stopped(&self) -> bool {
        self.gap == u64::MAX
    }

    /// When there is a token: not after `now` if there is one already.
    pub(crate) fn next(&self) -> Nanos {
        let spare = u128::from(self.gap) * u128::from(self.burst.saturating_sub(1));
        Nanos(u64::try_from(self.full_at.saturating_sub(spare)).unwrap_or(u64::MAX))
    }

    pub(crate) fn take(&mut self, now: Nanos) {
        self.full_at = self.full_at.max(u128::from(now.0)) + u128::from(self.gap);
    }

    /// Another rate from now on. As many tokens are missing as before.
    pub(crate) fn retuned(&self, new: Bucket, now: Nanos) -> Bucket {
        if (self.gap, self.burst) == (new.gap, new.burst) {
            return *self;
        }
        let owed = self.full_at.saturating_sub(u128::from(now.0));
        let missing = owed.div_ceil(u128::from(self.gap)).min(u128::from(new.burst));
        Bucket { full_at: u128::from(now.0) + missing * u128::from(new.gap), ..new }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn taken_at(bucket: &mut Bucket, now: u64) -> bool {
        let there = bucket.next() <= Nanos(now);
        if there {
            bucket.take(Nanos(now));
        }
        there
    }

    #[test]
    fn a_full_bucket_gives_its_burst_at_once_and_then_its_rate() {
        let mut bucket = Bucket::new(10.0, 3);
        let starts: Vec<u64> =
            (0..100).map(|n| n * SECOND / 100).filter(|now| taken_at(&mut bucket, *now)).collect();
        assert_eq!(starts[..3], [0, SECOND / 100, SECOND / 50]);
        assert_eq!(starts.len(), 3 + 9, "{starts:?}");
        assert_eq!(bucket.next(), Nanos(SECOND));
    }

    #[test]
    fn a_rate_of_zero_gives_the_burst_and_nothing_after_it() {
        let mut bucket = Bucket::new(0.0, 2);
        assert!(taken_at(&mut bucket, 5) && taken_at(&mut bucket, 5));
        assert!(!taken_at(&mut bucket, 6) && !taken_at(&mut bucket, u64::MAX - 1));
        assert!(bucket.is_stopped() && !Bucket::new(1e-9, 1).is_stopped());
    }

    #[test]
    fn a_new_rate_does_not_fill_the_bucket() {
        let mut bucket = Bucket::new(1.0, 5);
        (0..5).for_each(|_| assert!(taken_at(&mut bucket, 0)));
        let mut faster = bucket.retuned(Bucket::new(10.0, 5), Nanos(0));
        assert!(!taken_at(&mut faster, 0) && !taken_at(&mut faster, SECOND / 10 - 1));
        assert!(taken_at(&mut faster, SECOND / 10));
        let fuller = bucket.retuned(Bucket::new(1.0, 7), Nanos(0));
        assert_eq!(fuller.next(), Nanos(0), "two tokens more fit, and they are there");
    }

    proptest! {
        /// Over any stretch of any run.
        #[test]
        fn starts_are_at_most_the_burst_and_the_rate_times_the_time(
            rate in 0.1_f64..1e6,
            burst in 1_u32..50,
            pauses in prop::collection::vec(0_u64..SECOND, 1..200),
        ) {
            let mut bucket = Bucket::new(rate, burst);
            let mut now = 0;
            let mut starts = Vec::new();
            for pause in pauses {
                now += pause;
                while starts.len() < 2_000 && taken_at(&mut bucket, now) {
                    starts.push(now);
                }
            }
            for (i, from) in starts.iter().enumerate().step_by(7) {
                for (j, to) in starts.iter().enumerate().skip(i).step_by(11) {
                    let allowed = f64::from(burst) + rate * (to - from) as f64 / 1e9;
                    prop_assert!((j - i + 1) as f64 <= allowed + 1e-6);
                }
            }
        }
    }
}
