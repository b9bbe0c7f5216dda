//! Cuts a run into even slices of time, and times into even steps of their logarithm, so that a
//! picture has as many shapes as it has room for, however long the run was.

use std::time::Duration;

use crate::tally::quantile;

/// A run of `end` seconds in `count` slices.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slices {
    pub(crate) end: f64,
    pub(crate) count: usize,
}

impl Slices {
    pub(crate) fn width(self) -> f64 {
        self.end / self.count as f64
    }

    /// The slice that a moment falls into; what comes after the end falls into the last.
    pub(crate) fn index(self, at: Duration) -> usize {
        ((at.as_secs_f64() / self.width()) as usize).min(self.count - 1)
    }

    /// How many a second, slice by slice.
    pub(crate) fn rates(self, moments: impl Iterator<Item = Duration>) -> Vec<f64> {
        let mut rates = vec![0.0; self.count];
        moments.for_each(|at| rates[self.index(at)] += 1.0 / self.width());
        rates
    }

    /// The largest value of each slice, as a line of steps; a slice without a value keeps the
    /// one before.
    pub(crate) fn steps(self, values: impl Iterator<Item = (Duration, f64)>) -> Vec<(f64, f64)> {
        let mut peaks: Vec<Option<f64>> = vec![None; self.count];
        for (at, value) in values {
            let peak = &mut peaks[self.index(at)];
            *peak = Some(peak.map_or(value, |peak| peak.max(value)));
        }
        let mut level = 0.0;
        let levels = peaks.into_iter().map(|peak| {
            level = peak.unwrap_or(level);
            level
        });
        self.outline(levels)
    }

    /// The upper outline of bars as wide as a slice.
    pub(crate) fn outline(self, levels: impl IntoIterator<Item = f64>) -> Vec<(f64, f64)> {
        let bar = |(i, level)| {
            let left = i as f64 * self.width();
            [(left, level), (left + self.width(), level)]
        };
        levels.into_iter().enumerate().flat_map(bar).collect()
    }

    /// The middle of slice `index`.
    pub(crate) fn middle(self, index: usize) -> f64 {
        (index as f64 + 0.5) * self.width()
    }

    /// Times by the slice they belong to, each slice sorted.
    pub(crate) fn group(
        self,
        times: impl Iterator<Item = (Duration, Duration)>,
    ) -> Vec<Vec<Duration>> {
        let mut groups = vec![Vec::new(); self.count];
        times.for_each(|(at, time)| groups[self.index(at)].push(time));
        groups.iter_mut().for_each(|group| group.sort_unstable());
        groups
    }

    /// A quantile over time, in pieces: it breaks off where a slice is empty.
    pub(crate) fn quantiles(self, groups: &[Vec<Duration>], q: f64) -> Vec<Vec<(f64, f64)>> {
        let mut pieces = vec![Vec::new()];
        for (index, group) in groups.iter().enumerate() {
            match quantile(group, q) {
                Some(time) => {
                    let piece = pieces.last_mut().expect("there is always one");
                    piece.push((self.middle(index), decades(time)));
                }
                None if pieces.last().is_some_and(Vec::is_empty) => {}
                None => pieces.push(Vec::new()),
            }
        }
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }
}

/// The shortest time that is told apart from zero: ten microseconds.
pub(crate) const LEAST: f64 = -5.0;

/// The power of ten of a time in seconds.
pub(crate) fn decades(time: Duration) -> f64 {
    time.as_secs_f64().log10().max(LEAST)
}

/// Even steps of the logarithm of a time, from [`LEAST`] on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decades {
    pub(crate) top: f64,
    pub(crate) steps_each: usize,
}

impl Decades {
    /// Up to the next power of ten above `longest`, and to ten milliseconds at least.
    pub(crate) fn up_to(longest: Duration, steps_each: usize) -> Decades {
        Decades { top: decades(longest).ceil().max(-2.0), steps_each }
    }

    pub(crate) fn count(self) -> usize {
        (self.top - LEAST) as usize * self.steps_each
    }

    pub(crate) fn index(self, time: Duration) -> usize {
        (((decades(time) - LEAST) * self.steps_each as f64) as usize).min(self.count() - 1)
    }

    /// Where step `index` begins.
    pub(crate) fn floor(self, index: usize) -> f64 {
        LEAST + index as f64 / self.steps_each as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUR: Slices = Slices { end: 8.0, count: 4 };

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn rates_are_a_second_and_nothing_is_left_out() {
        let moments = [0.0, 1.9, 2.0, 8.0, 9.0].map(at);
        assert_eq!(FOUR.rates(moments.into_iter()), [1.0, 0.5, 0.0, 1.0]);
    }

    #[test]
    fn a_step_shows_the_peak_of_its_slice_and_carries_on_through_empty_ones() {
        let values = [(at(0.1), 3.0), (at(0.2), 9.0), (at(0.3), 1.0), (at(7.0), 2.0)];
        let steps = FOUR.steps(values.into_iter());
        let levels: Vec<f64> = steps.iter().step_by(2).map(|p| p.1).collect();
        assert_eq!(levels, [9.0, 9.0, 9.0, 2.0]);
        assert_eq!((steps[0].0, steps[7].0), (0.0, 8.0));
    }

    #[test]
    fn a_quantile_line_breaks_where_nothing_happened() {
        let times = [(at(0.0), at(1.0)), (at(3.0), at(0.1)), (at(7.0), at(10.0))];
        let pieces = FOUR.quantiles(&FOUR.group(times.into_iter()), 0.5);
        assert_eq!(pieces, [vec![(1.0, 0.0), (3.0, -1.0)], vec![(7.0, 1.0)]]);
    }

    #[test]
    fn times_fall_into_steps_of_their_logarithm() {
        let steps = Decades::up_to(at(3.0), 2);
        assert_eq!((steps.top, steps.count()), (1.0, 12));
        assert_eq!(steps.index(Duration::ZERO), 0);
        assert_eq!(steps.index(at(0.002)), 4);
        assert_eq!(steps.index(at(100.0)), 11);
        assert_eq!(steps.floor(4), -3.0);
        assert_eq!(Decades::up_to(Duration::ZERO, 2).top, -2.0);
    }
}
