//! For how long does it pay to keep a worker that nothing needs?
//!
//! The ski-rental problem: keeping it costs worker seconds, starting it anew costs the *price of a
//! start*. Who knew when it is needed next would keep it if and only if that is sooner than the
//! price. Nobody knows, but the past tells how long such gaps are, and the best window for those
//! that were seen is a good one for those to come (Karlin, Manasse, McGeoch and Owicki,
//! "Competitive randomized algorithms for nonuniform problems", Algorithmica 11, 1994, for inputs
//! of a known distribution).

use std::time::Duration;

use super::decay::{exp2, half_life};
use super::policy::SLOW_TICK;

/// Lengths are told apart in steps of a fourth of a doubling.
const STEPS: usize = 4;
/// From a quarter of a second, which is how often a quiet pool is looked at, to half a year.
const DOUBLINGS: usize = 26;
/// Workers that are told apart; no pool has more.
const WORKERS_MAX: usize = 1_023;
/// How often the past is made to fade.
const FADE_EVERY: Duration = Duration::from_secs(1);

/// The gaps in the use of each worker, the first worker being the one that is needed most.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gaps {
    /// When each was last needed; those that are needed now are at the front.
    last: Vec<Duration>,
    needed: usize,
    noted: Duration,
    faded: Duration,
    /// How many gaps of about a length there were, and their sum in seconds; both fade.
    seen: Vec<(f64, f64)>,
}

impl Gaps {
    /// So many workers were needed since the previous note. Returns whether that ended a gap.
    pub(crate) fn note(&mut self, now: Duration, need: u32, fading: Duration) -> bool {
        let need = (need as usize).min(WORKERS_MAX);
        for last in self.last.iter_mut().take(self.needed).skip(need) {
            *last = self.noted;
        }
        let from = self.needed.min(self.last.len());
        let mut learned = false;
        for worker in from..need.min(self.last.len()) {
            let gap = now.saturating_sub(self.last[worker]);
            learned |= self.count(now, gap, fading);
        }
        self.last.resize(self.last.len().max(need), now);
        (self.needed, self.noted) = (need, now);
        learned
    }

    fn count(&mut self, now: Duration, gap: Duration, fading: Duration) -> bool {
        // A shorter one could not have been used: nobody is sent home between two looks.
        if gap < SLOW_TICK {
            return false;
        }
        self.fade(now, fading);
        let index = (0..self.seen.len() - 1).find(|index| gap <= edge(*index));
        let (count, sum) = &mut self.seen[index.unwrap_or(STEPS * DOUBLINGS)];
        *count += 1.0;
        *sum += gap.as_secs_f64();
        true
    }

    fn fade(&mut self, now: Duration, fading: Duration) {
        self.seen.resize(STEPS * DOUBLINGS + 1, (0.0, 0.0));
        let since = now.saturating_sub(self.faded);
        if since < FADE_EVERY {
            return;
        }
        self.faded = now;
        let kept = half_life(since, fading);
        for (count, sum) in &mut self.seen {
            (*count, *sum) = (*count * kept, *sum * kept);
        }
    }

    /// The window that would have cost least in the past, if enough of it is known.
    pub(crate) fn best_window(&self, price: Duration, enough: f64) -> Option<Duration> {
        let mut longer: f64 = self.seen.iter().map(|(count, _)| count).sum();
        if longer < enough {
            return None;
        }
        let price_s = price.as_secs_f64();
        let mut kept_s = 0.0;
        let mut best = (f64::INFINITY, Duration::ZERO);
        for (index, (count, sum)) in self.seen.iter().take(STEPS * DOUBLINGS).enumerate() {
            longer = (longer - count).max(0.0);
            kept_s += sum;
            let window = edge(index);
            let cost = kept_s + longer * (window.as_secs_f64() + price_s);
            if cost < best.0 {
                best = (cost, window);
            }
        }
        Some(best.1)
    }
}

/// The longest gap that counts as of this length.
fn edge(index: usize) -> Duration {
    SLOW_TICK.mul_f64(exp2((index as f64 + 1.0) / STEPS as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    /// Ten workers are needed for a second, then one for each of these times.
    fn after(gaps: &[u64]) -> Gaps {
        let mut seen = Gaps::default();
        let mut now = secs(0);
        for gap in gaps {
            seen.note(now, 10, HOUR);
            now += secs(1);
            seen.note(now, 10, HOUR);
            seen.note(now + SLOW_TICK, 1, HOUR);
            now += secs(*gap);
        }
        seen.note(now, 10, HOUR);
        seen
    }

    #[test]
    fn gaps_that_a_start_would_outweigh_are_kept_and_longer_ones_are_not() {
        let seen = after(&[20; 30]);
        let window = seen.best_window(secs(60), 8.0).expect("enough is known");
        assert!((secs(20)..secs(25)).contains(&window), "{window:?}");
        let window = seen.best_window(secs(10), 8.0).expect("enough is known");
        assert!(window < secs(1), "{window:?}");
    }

    #[test]
    fn many_short_gaps_are_kept_without_the_few_long_ones() {
        let mut gaps = [3; 40];
        (0..40).step_by(8).for_each(|index| gaps[index] = 500);
        let window = after(&gaps).best_window(secs(60), 8.0).expect("enough is known");
        assert!((secs(3)..secs(4)).contains(&window), "{window:?}");
    }

    #[test]
    fn too_short_a_past_says_nothing() {
        assert_eq!(Gaps::default().best_window(secs(60), 8.0), None);
        // The first worker is needed throughout: nine gaps each time.
        assert_eq!(after(&[20]).best_window(secs(60), 10.0), None);
        assert!(after(&[20]).best_window(secs(60), 9.0).is_some());
    }

    #[test]
    fn a_past_of_long_ago_is_forgotten() {
        let mut seen = after(&[20; 30]);
        let now = secs(100_000);
        seen.note(now, 1, HOUR);
        for round in 0..90 {
            seen.note(now + secs(40 * round), 1, HOUR);
            seen.note(now + secs(40 * round + 3), 5, HOUR);
        }
        let window = seen.best_window(secs(60), 8.0).expect("enough is known");
        assert!((secs(40)..secs(50)).contains(&window), "{window:?}");
    }

    #[test]
    fn a_worker_that_is_needed_again_at_once_was_never_to_be_spared() {
        let mut seen = Gaps::default();
        for look in 0..10_000 {
            seen.note(Duration::from_millis(5) * look, 3 + look % 5, HOUR);
        }
        assert_eq!(seen.best_window(secs(60), 1.0), None);
    }

    #[test]
    fn any_time_and_any_need_are_legal() {
        let mut seen = Gaps::default();
        for (now, need) in [(0, 3), (u64::MAX, 0), (5, 1_000), (u64::MAX, 1), (0, 9)] {
            seen.note(secs(now), need, Duration::ZERO);
            seen.note(secs(now), need, Duration::MAX);
            seen.best_window(Duration::MAX, 0.0);
            seen.best_window(Duration::ZERO, f64::NAN);
        }
    }
}
