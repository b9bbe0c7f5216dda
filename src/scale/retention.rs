//! How long a worker that nothing needs is kept.

use std::time::Duration;

use super::constants::Constants;
use super::pace::Pace;
use super::window::SlidingMax;

/// The need of the recent past, over a window that learns.
///
/// The window starts at the configured keep-alive. A worker that is missed within a window of
/// its retirement is a *regret* and doubles the window; a long calm halves it again. Doubling
/// is a trade, not a win everywhere: on a bursty trace it saves nine retirements in ten for
/// twice the idle workers. `window_max` at or below the keep-alive switches it off.
#[derive(Clone, Debug, Default)]
pub(crate) struct Retention {
    keep_alive: Duration,
    window: Duration,
    needs: SlidingMax,
    retired_at: Option<Duration>,
    calm_since: Duration,
    regrets: Pace,
    shrinking: bool,
}

impl Retention {
    /// Starts over with a new keep-alive.
    pub(crate) fn restart(&mut self, now: Duration, keep_alive: Duration) {
        self.keep_alive = keep_alive;
        self.window = keep_alive;
        self.calm_since = now;
        self.needs.restart(now);
    }

    /// Remembers how many workers the time since the previous evaluation needed. The record is
    /// kept as long as the window may ever get, so that a doubled window is covered at once.
    pub(crate) fn record(&mut self, now: Duration, need: u32, constants: &Constants) {
        self.needs.push(now, need, self.longest(constants));
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

    /// Workers were retired because nothing needed them.
    pub(crate) fn retired(&mut self, now: Duration) {
        self.retired_at = Some(now);
    }

    /// The pool grows: if it shrank within the window, it should not have.
    pub(crate) fn grown(&mut self, now: Duration, constants: &Constants) {
        self.shrinking = false;
        let missed = self.retired_at.is_some_and(|at| now.saturating_sub(at) < self.window);
        if missed && self.regrets.take(now, constants.regret_spacing) {
            self.window = self.window.saturating_mul(2).min(self.longest(constants));
            self.calm_since = now;
        }
    }

    /// Nothing happened: after enough of that, the window shrinks again. Each halving starts the
    /// calm anew, or one long calm would undo all doublings within a few evaluations.
    pub(crate) fn calm(&mut self, now: Duration, constants: &Constants) {
        let enough = self.window.saturating_mul(constants.calm_windows);
        if self.window > self.keep_alive && now.saturating_sub(self.calm_since) >= enough {
            self.window = (self.window / 2).max(self.keep_alive);
            self.calm_since = now;
        }
    }

    fn longest(&self, constants: &Constants) -> Duration {
        constants.window_max.max(self.keep_alive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn with_window(keep_alive: Duration) -> Retention {
        let mut retention = Retention::default();
        retention.restart(Duration::ZERO, keep_alive);
        retention
    }

    #[test]
    fn each_regret_doubles_the_window_up_to_its_longest() {
        let constants = Constants::default();
        let mut retention = with_window(secs(10));
        let mut now = secs(100);
        for expected in [20, 40, 60, 60] {
            retention.retired(now);
            now += secs(9);
            retention.grown(now, &constants);
            assert_eq!(retention.window, secs(expected));
        }
    }

    #[test]
    fn growing_after_the_window_is_no_regret() {
        let constants = Constants::default();
        for (gap, window) in [(secs(10), secs(10)), (secs(10) - Duration::from_nanos(1), secs(20))]
        {
            let mut retention = with_window(secs(10));
            retention.retired(secs(100));
            retention.grown(secs(100) + gap, &constants);
            assert_eq!(retention.window, window, "after {gap:?}");
        }
    }

    #[test]
    fn regrets_within_a_second_are_one() {
        let constants = Constants::default();
        let mut retention = with_window(secs(10));
        retention.retired(secs(100));
        for millis in [0, 5, 10, 999] {
            retention.grown(secs(100) + Duration::from_millis(millis), &constants);
        }
        assert_eq!(retention.window, secs(20));
        retention.grown(secs(101), &constants);
        assert_eq!(retention.window, secs(40));
    }

    #[test]
    fn ten_calm_windows_halve_the_window_down_to_the_keep_alive() {
        let constants = Constants::default();
        let mut retention = with_window(secs(10));
        retention.retired(secs(1));
        for now in [1, 2, 3] {
            retention.grown(secs(now), &constants);
        }
        assert_eq!(retention.window, secs(60));
        let mut halvings = Vec::new();
        let mut last = retention.window;
        for now in 4..5_000 {
            retention.calm(secs(now), &constants);
            if retention.window != last {
                last = retention.window;
                halvings.push((now, last.as_secs()));
            }
        }
        assert_eq!(halvings, [(603, 30), (903, 15), (1053, 10)]);
    }

    #[test]
    fn a_doubled_window_remembers_what_the_shorter_one_had_passed() {
        let constants = Constants::default();
        let mut retention = with_window(secs(10));
        retention.record(secs(85), 64, &constants);
        for now in 86..=100 {
            retention.record(secs(now), 3, &constants);
        }
        assert_eq!(retention.need(secs(100)), Some(3));
        retention.retired(secs(100));
        retention.grown(secs(100), &constants);
        assert_eq!(retention.need(secs(100)), Some(64));
    }

    #[test]
    fn a_pool_near_its_need_stays_and_one_far_above_goes_all_the_way() {
        let constants = Constants::default();
        let mut retention = with_window(secs(10));
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
        retention.grown(secs(20), &constants);
        assert_eq!(retention.goal(secs(20), 11, 1, &constants), None, "growth ends it, too");
    }

    #[test]
    fn zero_and_endless_windows_stay_what_they_are() {
        let constants = Constants::default();
        for (keep_alive, need) in [(Duration::ZERO, Some(2)), (Duration::MAX, None)] {
            let mut retention = with_window(keep_alive);
            retention.record(secs(1), 9, &constants);
            retention.record(secs(2), 2, &constants);
            retention.retired(secs(2));
            retention.grown(secs(2), &constants);
            retention.calm(Duration::MAX - Duration::from_nanos(1), &constants);
            assert_eq!(retention.window, keep_alive);
            assert_eq!(retention.need(secs(2)), need);
        }
    }

    #[test]
    fn a_short_longest_window_fixes_it_at_the_keep_alive() {
        let constants = Constants { window_max: Duration::ZERO, ..Constants::default() };
        let mut retention = with_window(secs(10));
        retention.retired(secs(100));
        retention.grown(secs(101), &constants);
        assert_eq!(retention.window, secs(10));
    }
}
