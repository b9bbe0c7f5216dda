//! The bounded flush: at most so many samples of a histogram, chosen without bias.
//!
//! The `metrics` facade has no way to hand over counts: a recorder gets samples, and the usual
//! Prometheus recorder keeps each of them until it is drained. So what a flush hands over has a
//! bound. Above it, every k-th sample in ascending order is taken, from a random start: a
//! systematic sample, in which every sample is as likely as any other and every quantile stays
//! within a cell. Scaling each cell down and rounding was tried first: it starves the cells with
//! few samples, so p99.9 came out at half its value.

use crate::run::histogram::Cells;

/// The most samples of one histogram that one flush hands to a recorder.
pub(crate) const FLUSH_BUDGET: u64 = 1000;

/// Calls `emit` with a duration in nanoseconds and how often it occurs, in ascending order; the
/// counts add up to the smaller of `budget` and what `cells` holds. Returns how many samples were
/// left out. `random` decides where the sample starts.
pub(crate) fn thin(cells: &Cells, budget: u64, random: u64, mut emit: impl FnMut(u64, u64)) -> u64 {
    let total = cells.count();
    if total <= budget {
        cells.iter().for_each(|(ns, n)| emit(ns, n));
        return 0;
    }
    // Of the samples 0..total in ascending order, those numbered (start + k total) / budget are
    // taken. Of the first `seen` that is the number of k below (seen budget - start) / total.
    let start = random % total;
    let taken_of = |seen: u64| {
        let scaled = (u128::from(seen) * u128::from(budget)).saturating_sub(u128::from(start));
        scaled.div_ceil(u128::from(total)) as u64
    };
    let (mut seen, mut taken) = (0, 0);
    for (ns, n) in cells.iter() {
        seen += n;
        let upto = taken_of(seen);
        if upto > taken {
            emit(ns, upto - taken);
        }
        taken = upto;
    }
    total - budget
}

/// A random number generator for where a sample starts (xorshift64): each flush must start
/// elsewhere, or a pattern in the load could always be missed. Nothing more is asked of it.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed | 1)
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thinned(cells: &Cells, budget: u64, random: u64) -> (Vec<(u64, u64)>, u64) {
        let mut taken = Vec::new();
        let left = thin(cells, budget, random, |ns, n| taken.push((ns, n)));
        (taken, left)
    }

    #[test]
    fn up_to_the_budget_nothing_is_left_out() {
        let mut cells = Cells::default();
        (1..=FLUSH_BUDGET).for_each(|ns| cells.record(ns * 977));
        let (taken, left) = thinned(&cells, FLUSH_BUDGET, 12345);
        assert_eq!((taken, left), (cells.iter().collect(), 0));
    }

    #[test]
    fn above_it_exactly_the_budget_is_taken() {
        let mut dice = Dice::new(5);
        for total in [1001, 1999, 2000, 5_000, 77_777] {
            let mut cells = Cells::default();
            (0..total).for_each(|_| cells.record(dice.roll() % 1_000_000));
            for random in [0, 1, total - 1, u64::MAX, dice.roll()] {
                let (taken, left) = thinned(&cells, FLUSH_BUDGET, random);
                assert_eq!(taken.iter().map(|t| t.1).sum::<u64>(), FLUSH_BUDGET);
                assert_eq!(left, total - FLUSH_BUDGET);
            }
        }
    }

    /// Over all starts, each sample is taken equally often: the definition of unbiased.
    #[test]
    fn every_sample_is_equally_likely() {
        let mut cells = Cells::default();
        let groups = [(150, 1), (2_000, 5), (30_000, 23), (400_000, 2), (5_000_000, 6)];
        groups.iter().for_each(|(ns, n)| (0..*n).for_each(|_| cells.record(*ns)));
        let (total, budget) = (cells.count(), 7);
        let mut often = vec![0; groups.len()];
        for start in 0..total {
            let (taken, _) = thinned(&cells, budget, start);
            for (ns, n) in taken {
                let group = groups.iter().position(|(edge, _)| ns <= *edge).unwrap();
                often[group] += n;
            }
        }
        assert_eq!(often, groups.map(|(_, n)| n * budget).to_vec());
    }

    #[test]
    fn quantiles_survive_thinning_by_five_hundred() {
        let mut dice = Dice::new(42);
        let (mut truth, mut sent, mut left) = (Cells::default(), Cells::default(), 0);
        for _ in 0..100 {
            let mut tick = Cells::default();
            for _ in 0..50_000 {
                let unit = (dice.roll() >> 11) as f64 / (1u64 << 53) as f64;
                let mean = if dice.roll().is_multiple_of(200) { 5e6 } else { 2e4 };
                tick.record((-(1.0 - unit).ln() * mean) as u64);
            }
            let random = dice.roll();
            left += thin(&tick, FLUSH_BUDGET, random, |ns, n| (0..n).for_each(|_| sent.record(ns)));
            truth.merge(&tick);
        }
        assert_eq!(sent.count() + left, truth.count());
        for q in [0.5, 0.9, 0.99, 0.999] {
            let (t, s) = (truth.quantile(q).as_nanos(), sent.quantile(q).as_nanos());
            assert!(t.abs_diff(s) * 20 <= t, "q {q}: {s} for {t}");
        }
    }

    #[test]
    fn totals_beyond_any_float_are_thinned_without_overflow() {
        let mut cells = Cells::default();
        cells.record(1_000);
        cells.record(9_000);
        for _ in 0..62 {
            let half = cells.clone();
            cells.merge(&half);
        }
        let (taken, _) = thinned(&cells, FLUSH_BUDGET, u64::MAX);
        assert_eq!(taken.iter().map(|t| t.1).collect::<Vec<_>>(), [500, 500]);
    }
}
