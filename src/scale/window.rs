//! The largest value of the recent past.

use std::collections::VecDeque;
use std::time::Duration;

/// A sliding maximum, for any window up to the one that is kept.
///
/// A value that a later one equals or exceeds can never be the maximum again and is dropped at
/// once. So the values that are left fall from old to new, and there are never more of them than
/// there are different values: the memory is bounded by the range of worker counts, whatever the
/// window and the rate of evaluations.
#[derive(Clone, Debug, Default)]
pub(crate) struct SlidingMax {
    since: Duration,
    falling: VecDeque<(Duration, u32)>,
}

impl SlidingMax {
    /// Forgets everything; the record begins now.
    pub(crate) fn restart(&mut self, now: Duration) {
        self.since = now;
        self.falling.clear();
    }

    /// Adds a value and drops those older than `kept`. Time must not go backwards.
    pub(crate) fn push(&mut self, now: Duration, value: u32, kept: Duration) {
        while self.falling.back().is_some_and(|&(_, last)| last <= value) {
            self.falling.pop_back();
        }
        self.falling.push_back((now, value));
        while self.falling.front().is_some_and(|&(at, _)| age(now, at) > kept) {
            self.falling.pop_front();
        }
    }

    /// The largest value of the last `window`; zero if there is none.
    pub(crate) fn max(&self, now: Duration, window: Duration) -> u32 {
        let first = self.falling.partition_point(|&(at, _)| age(now, at) > window);
        self.falling.get(first).map_or(0, |&(_, value)| value)
    }

    /// Whether the record reaches back a whole `window`.
    pub(crate) fn covers(&self, now: Duration, window: Duration) -> bool {
        age(now, self.since) >= window
    }
}

fn age(now: Duration, at: Duration) -> Duration {
    now.saturating_sub(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn the_maximum_is_that_of_a_plain_scan() {
        let kept = secs(20);
        let mut sliding = SlidingMax::default();
        let mut all = Vec::new();
        let mut random = 7_u64;
        for step in 0..2_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (now, value) = (secs(step), (random >> 33) as u32 % 50);
            all.push((now, value));
            sliding.push(now, value, kept);
            for window in [secs(0), secs(1), secs(7), kept] {
                let scan = all.iter().filter(|&&(at, _)| now - at <= window).map(|&(_, v)| v);
                assert_eq!(Some(sliding.max(now, window)), scan.max(), "at {now:?}, {window:?}");
            }
        }
    }

    #[test]
    fn memory_is_bounded_by_the_range_of_values() {
        let mut sliding = SlidingMax::default();
        for step in 0..100_000_u64 {
            sliding.push(secs(step), (step * 7 % 64) as u32, Duration::MAX);
            assert!(sliding.falling.len() <= 64);
        }
    }

    #[test]
    fn a_record_covers_a_window_only_after_that_long() {
        let mut sliding = SlidingMax::default();
        sliding.restart(secs(100));
        assert!(sliding.covers(secs(100), Duration::ZERO));
        assert!(!sliding.covers(secs(109), secs(10)));
        assert!(sliding.covers(secs(110), secs(10)));
        assert!(!sliding.covers(secs(110), Duration::MAX));
    }

    #[test]
    fn a_restart_forgets() {
        let mut sliding = SlidingMax::default();
        sliding.push(secs(1), 9, secs(60));
        sliding.restart(secs(2));
        assert_eq!(sliding.max(secs(2), secs(60)), 0);
    }
}
