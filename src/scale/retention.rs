//! How long a worker that nothing needs is kept.

use std::time::Duration;

use super::constants::Constants;
use super::gaps::Gaps;
use super::window::SlidingMax;

/// The need of the recent past, over a window.
///
/// A keep-alive that somebody set is the window, and nobody stays for longer. Where none is set the
/// window learns: it is `window_min` until it is known how long workers go unneeded, and from then
/// on the one that would have cost least with the price that a start has, up to `window_max`,
/// which at or below `window_min` switches the learning off.
#[derive(Clone, Debug, Default)]
pub(crate) struct Retention {
    keep_alive: Option<Duration>,
    window: Duration,
    needs: SlidingMax,
    gaps: Gaps,
    learned: Option<Duration>,
    shrinking: bool,
}

impl Retention {
    /// Starts over with a new keep-alive; what is known of the gaps stays.
    pub(crate) fn restart(&mut self, now: Duration, keep_alive: Option<Duration>) {
        self.keep_alive = keep_alive;
        self.needs.restart(now);
    }

    /// Remembers how many workers the time since the previous evaluation needed. The record is
    /// kept as long as the window may ever get, so that a longer window is covered at once.
    pub(crate) fn record(&mut self, now: Duration, need: u32, constants: &Constants) {
        let least = constants.window_min;
        let longest = self.keep_alive.unwrap_or(constants.window_max.max(least));
        self.needs.push(now, need, longest);
        if self.gaps.note(now, need, constants.gap_half_life) {
            self.learned = self.gaps.best_window(constants.start_price, constants.gaps_known);
        }
        self.window = match (self.keep_alive, self.learned) {
            // The need is noted up to a look late, and nobody goes before the look after.
            (Some(window), _) => window.saturating_sub(2 * between_looks(window, constants)),
            (None, Some(window)) => window.clamp(least, longest),
            (None, None) => least,
        };
    }

    /// How long until the next look, if nothing but the end of the window is waited for.
    pub(crate) fn tick(&self, constants: &Constants) -> Duration {
        between_looks(self.keep_alive.unwrap_or(self.window), constants)
    }

    /// The most workers needed within the window; `None` while the record is shorter than that.
    /// Knative shrank on a short record after a restart, and had to grow fourfold at once.
    fn need(&self, now: Duration) -> Option<u32> {
        self.needs.covers(now, self.window).then(|| self.needs.max(now, self.window))
    }

    /// How many of the `workers` to keep, if there are too many. Near its need a pool stays as it
    /// is, because the next job may be the one that needs one more; once it is far above, it goes
    /// all the way.
    pub(crate) fn goal(
        &mut self,
        now: Duration,
        workers: u32,
        min: u32,
        constants: &Constants,
    ) -> Option<u32> {
        let goal = self.need(now)?.max(min);
        let far = goal == min || f64::from(goal) <= constants.shrink_below * f64::from(workers);
        self.shrinking = goal < workers && (far || self.shrinking);
        self.shrinking.then_some(goal)
    }

    /// The pool grows: what it was about to give back it needs.
    pub(crate) fn grown(&mut self) {
        self.shrinking = false;
    }
}

fn between_looks(window: Duration, constants: &Constants) -> Duration {
    let often = window / constants.window_looks.max(1);
    often.max(constants.fast_tick).min(constants.slow_tick)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    /// Where nobody set a keep-alive.
    fn learning() -> Retention {
        Retention::default()
    }

    fn with_window(keep_alive: Duration) -> Retention {
        let mut retention = Retention::default();
        retention.restart(Duration::ZERO, Some(keep_alive));
        retention
    }

    /// A need of nine for a second, then of one for the `gap`; ten times.
    fn bursts(retention: &mut Retention, gap: Duration, constants: &Constants) {
        let mut now = Duration::ZERO;
        for _ in 0..10 {
            retention.record(now, 9, constants);
            now += secs(1);
            retention.record(now, 9, constants);
            retention.record(now + secs(1), 1, constants);
            now += gap;
        }
        retention.record(now, 9, constants);
    }

    #[test]
    fn the_window_comes_to_span_gaps_that_cost_less_than_a_start() {
        let constants = Constants::default();
        let cases = [
            // gap => window, about
            (secs(5), secs(10)..=secs(10)),
            (secs(20), secs(20)..=secs(25)),
            (secs(45), secs(45)..=secs(54)),
            (secs(200), secs(10)..=secs(10)),
        ];
        for (gap, expected) in cases {
            let mut retention = learning();
            bursts(&mut retention, gap, &constants);
            assert!(expected.contains(&retention.window), "{gap:?}: {:?}", retention.window);
        }
    }

    #[test]
    fn a_lower_price_gives_workers_back_sooner() {
        let constants = Constants { start_price: secs(15), ..Constants::default() };
        let mut retention = learning();
        bursts(&mut retention, secs(20), &constants);
        assert_eq!(retention.window, secs(10));
    }

    #[test]
    fn a_longer_window_remembers_what_the_shorter_one_had_passed() {
        let constants = Constants::default();
        let mut retention = learning();
        bursts(&mut retention, secs(20), &constants);
        let end = secs(200);
        retention.record(end, 64, &constants);
        retention.record(end + secs(1), 3, &constants);
        retention.record(end + secs(18), 3, &constants);
        assert_eq!(retention.need(end + secs(18)), Some(64), "{:?}", retention.window);
    }

    #[test]
    fn a_pool_near_its_need_stays_and_one_far_above_goes_all_the_way() {
        let constants = Constants::default();
        let mut retention = learning();
        for now in 1..=20 {
            retention.record(secs(now), 10, &constants);
        }
        let mut goal = |workers, min| retention.goal(secs(20), workers, min, &constants);
        assert_eq!(goal(10, 1), None);
        assert_eq!(goal(14, 1), None, "ten are more than 70 % of 14");
        assert_eq!(goal(15, 1), Some(10));
        assert_eq!(goal(11, 1), Some(10), "it has begun");
        assert_eq!(goal(10, 1), None);
        assert_eq!(goal(11, 1), None, "and ended");
        assert_eq!(goal(11, 10), Some(10), "nothing keeps it above its lower bound");
        assert_eq!(goal(11, 1), Some(10));
        retention.grown();
        assert_eq!(retention.goal(secs(20), 11, 1, &constants), None, "growth ends it, too");
    }

    #[test]
    fn zero_and_endless_windows_stay_what_they_are() {
        let constants = Constants::default();
        for (keep_alive, need) in [(Duration::ZERO, Some(2)), (Duration::MAX, None)] {
            let mut retention = with_window(keep_alive);
            bursts(&mut retention, secs(20), &constants);
            retention.record(secs(1_001), 9, &constants);
            retention.record(secs(1_002), 2, &constants);
            assert_eq!(retention.need(secs(1_002)), need);
        }
    }

    #[test]
    fn a_window_that_was_asked_for_learns_nothing_and_is_over_two_looks_early() {
        let constants = Constants::default();
        let millis = Duration::from_millis;
        for (asked, tick) in [(10_000, 250), (20_000, 250), (2_000, 50), (100, 5), (8, 5)] {
            let mut retention = with_window(millis(asked));
            bursts(&mut retention, secs(20), &constants);
            assert_eq!(retention.tick(&constants), millis(tick), "{asked}");
            assert_eq!(retention.window, millis(asked.saturating_sub(2 * tick)), "{asked}");
        }
    }

    #[test]
    fn a_short_longest_window_fixes_it_at_the_shortest() {
        let constants = Constants { window_max: Duration::ZERO, ..Constants::default() };
        let mut retention = learning();
        bursts(&mut retention, secs(20), &constants);
        assert_eq!(retention.window, secs(10));
    }

    #[test]
    fn a_restart_forgets_needs_and_keeps_what_is_known_of_the_gaps() {
        let constants = Constants::default();
        let mut retention = learning();
        bursts(&mut retention, secs(20), &constants);
        retention.restart(secs(201), None);
        assert_eq!(retention.need(secs(202)), None);
        retention.record(secs(202), 1, &constants);
        assert!(retention.window >= secs(20), "{:?}", retention.window);
    }
}
