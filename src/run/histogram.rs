//! Durations counted in cells: what every worker measures of every job.
//!
//! The cells are decimal: 90 in each decade from 100 ns to 1000 s, so that every value with two
//! significant digits is the upper edge of a cell. A `le` bound such as 0.025 s is then exact, for
//! any ladder of such bounds. Binary cells are 2 ns faster to find, and no decimal bound fits them.

use std::fmt;
use std::time::Duration;

use crate::sync::plain::{AtomicU64, Ordering};

/// Everything up to here, in nanoseconds, shares the first cell.
const LOWEST_EDGE: u64 = 100;
/// Everything above this shares the last cell.
const HIGHEST_EDGE: u64 = 1_000_000_000_000;
const CELLS_PER_DECADE: usize = 90;
const DECADES: usize = 10;
/// The cells of the decades, and one on either side.
const CELL_COUNT: usize = CELLS_PER_DECADE * DECADES + 2;
const ABOVE: usize = CELL_COUNT - 1;

/// Counts of durations, by size: cumulative, mergeable and cheap to compare with an earlier state.
///
/// A quantile read from it lies at most one cell above the truth: 10 % just above a power of ten,
/// 1 % just below the next. Count, sum and maximum are exact.
#[derive(Clone, Default)]
pub struct Cells {
    /// Empty until the first sample, so that a default value costs nothing.
    counts: Vec<u64>,
    count: u64,
    sum_ns: u64,
    max_ns: u64,
}

impl Cells {
    /// Nothing counted.
    pub(crate) const fn new() -> Cells {
        Cells { counts: Vec::new(), count: 0, sum_ns: 0, max_ns: 0 }
    }

    /// Counts one duration.
    pub fn record(&mut self, ns: u64) {
        self.add(cell_of(ns), 1);
        self.sum_ns = self.sum_ns.saturating_add(ns);
        self.max_ns = self.max_ns.max(ns);
    }

    /// The number of durations counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their exact sum in nanoseconds; it stays at `u64::MAX` (584 years) rather than overflow.
    pub fn sum_ns(&self) -> u64 {
        self.sum_ns
    }

    /// The longest, in nanoseconds; zero when nothing was counted.
    ///
    /// It is exact unless this is a difference ([`Cells::minus`]) whose longest duration is not
    /// the longest of all time: then it is the upper edge of that duration's cell.
    pub fn max_ns(&self) -> u64 {
        self.max_ns
    }

    /// The mean; zero when nothing was counted.
    pub fn mean(&self) -> Duration {
        Duration::from_nanos(self.sum_ns.checked_div(self.count).unwrap_or(0))
    }

    /// The duration that a share `q` of all durations does not exceed, for example 0.99.
    ///
    /// Never below the truth and at most one cell above it. `q` outside of 0 to 1 is taken as the
    /// nearer bound; nothing counted gives zero.
    pub fn quantile(&self, q: f64) -> Duration {
        let rank = ((q * self.count as f64).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0u64;
        for (cell, &n) in self.counts.iter().enumerate() {
            seen = seen.saturating_add(n);
            if seen >= rank {
                return Duration::from_nanos(upper_edge(cell).min(self.max_ns));
            }
        }
        Duration::from_nanos(self.max_ns)
    }

    /// How many durations were at most `ns`: exact for every `ns` of up to two significant digits
    /// from 100 ns to 1000 s, and otherwise the figure for the next smaller such value.
    pub fn cumulative_le(&self, ns: u64) -> u64 {
        if ns >= self.max_ns {
            return self.count;
        }
        let cell = cell_of(ns);
        let whole = if upper_edge(cell) == ns { cell + 1 } else { cell };
        self.counts.iter().take(whole).sum()
    }

    /// The cells that hold anything, in ascending order: a duration in nanoseconds that stands
    /// for the cell (its middle, 5 % from any of its members at most), and how many.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let filled = self.counts.iter().enumerate().filter(|(_, n)| **n > 0);
        filled.map(|(cell, n)| (self.representative(cell), *n))
    }

    /// Adds everything that `other` counted.
    pub fn merge(&mut self, other: &Cells) {
        for (cell, &n) in other.counts.iter().enumerate() {
            self.add(cell, n);
        }
        self.sum_ns = self.sum_ns.saturating_add(other.sum_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    /// What was counted since `earlier`, an older state of the same cells.
    pub fn minus(&self, earlier: &Cells) -> Cells {
        let mut since = Cells::default();
        if self.count == earlier.count {
            return since;
        }
        for (cell, &n) in self.counts.iter().enumerate() {
            let before = earlier.counts.get(cell).copied().unwrap_or(0);
            since.add(cell, n.saturating_sub(before));
        }
        since.sum_ns = self.sum_ns.saturating_sub(earlier.sum_ns);
        since.max_ns = match since.counts.iter().rposition(|n| *n > 0) {
            Some(_) if self.max_ns > earlier.max_ns => self.max_ns,
            Some(cell) => upper_edge(cell).min(self.max_ns),
            None => 0,
        };
        since
    }

    fn add(&mut self, cell: usize, n: u64) {
        if n == 0 {
            return;
        }
        if self.counts.is_empty() {
            self.counts.resize(CELL_COUNT, 0);
        }
        self.counts[cell] = self.counts[cell].saturating_add(n);
        self.count = self.count.saturating_add(n);
    }

    fn representative(&self, cell: usize) -> u64 {
        match cell {
            0 => LOWEST_EDGE / 2,
            ABOVE => self.max_ns.max(HIGHEST_EDGE),
            _ => u64::midpoint(upper_edge(cell - 1), upper_edge(cell)),
        }
    }
}

impl fmt::Debug for Cells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cells")
            .field("count", &self.count)
            .field("mean", &self.mean())
            .field("p50", &self.quantile(0.5))
            .field("p99", &self.quantile(0.99))
            .field("max", &Duration::from_nanos(self.max_ns))
            .finish()
    }
}

/// The cells of one worker: one thread records, any thread may fold.
///
/// Recording is a load and a store each of a cell, the sum and the maximum, never a
/// read-modify-write, which is what makes it a few nanoseconds. Two threads recording at once
/// would lose samples but do no other harm. A fold may see a sample in a cell and not yet in the
/// sum; each of the figures only ever rises.
#[derive(Debug)]
pub(crate) struct Histogram {
    counts: Box<[AtomicU64; CELL_COUNT]>,
    sum_ns: AtomicU64,
    max_ns: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram::new()
    }
}

impl Histogram {
    pub(crate) fn new() -> Histogram {
        Histogram {
            counts: Box::new([const { AtomicU64::new(0) }; CELL_COUNT]),
            sum_ns: AtomicU64::new(0),
            max_ns: AtomicU64::new(0),
        }
    }

    /// Counts one duration. Only the owner calls this.
    #[inline]
    pub(crate) fn record(&self, ns: u64) {
        let count = &self.counts[cell_of(ns)];
        count.store(count.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        let sum = self.sum_ns.load(Ordering::Relaxed);
        self.sum_ns.store(sum.saturating_add(ns), Ordering::Relaxed);
        if ns > self.max_ns.load(Ordering::Relaxed) {
            self.max_ns.store(ns, Ordering::Relaxed);
        }
    }

    /// Adds everything recorded so far to `cells`.
    pub(crate) fn fold_into(&self, cells: &mut Cells) {
        for (cell, count) in self.counts.iter().enumerate() {
            cells.add(cell, count.load(Ordering::Relaxed));
        }
        cells.sum_ns = cells.sum_ns.saturating_add(self.sum_ns.load(Ordering::Relaxed));
        cells.max_ns = cells.max_ns.max(self.max_ns.load(Ordering::Relaxed));
    }
}

/// The cell of a duration.
///
/// A cell excludes its lower edge and includes its upper one, as `le` asks for, so it is `ns - 1`
/// that is looked up: its first two digits are the cell. The clamp makes the cells at either end
/// fall out of the same arithmetic (99 reads as "09" in the lowest decade), without a branch.
#[inline]
fn cell_of(ns: u64) -> usize {
    let below = ns.saturating_sub(1).clamp(LOWEST_EDGE - 1, HIGHEST_EDGE);
    let guess = DECADE_BY_BITS[below.ilog2() as usize];
    let decade = guess.decade + usize::from(below >= guess.next);
    let step = DIVISION[decade & 15];
    let digits = ((u128::from(below) * u128::from(step.reciprocal)) >> 64) as u64 >> step.shift;
    (decade * CELLS_PER_DECADE + digits as usize).wrapping_sub(189).min(ABOVE)
}

/// The longest duration of a cell, in nanoseconds.
fn upper_edge(cell: usize) -> u64 {
    match cell {
        0 => LOWEST_EDGE,
        ABOVE.. => u64::MAX,
        _ => {
            let digits = (cell - 1) % CELLS_PER_DECADE + 11;
            digits as u64 * 10u64.pow(((cell - 1) / CELLS_PER_DECADE) as u32 + 1)
        }
    }
}

/// The decade of a number, from the place of its highest bit.
#[derive(Clone, Copy)]
struct DecadeGuess {
    decade: usize,
    /// The next power of ten: numbers from here on are a decade higher.
    next: u64,
}

static DECADE_BY_BITS: [DecadeGuess; 64] = {
    let mut table = [DecadeGuess { decade: 2, next: 1000 }; 64];
    let mut bits = 0;
    while bits < 64 {
        let decade = (1u64 << bits).ilog10();
        if decade > 2 && decade < 19 {
            table[bits] = DecadeGuess { decade: decade as usize, next: 10u64.pow(decade + 1) };
        }
        bits += 1;
    }
    table
};

/// Division by 10^(decade - 1), as a multiplication.
///
/// With `reciprocal = ceil(2^k / d)` the product is exact as long as `n * d < 2^k`. Here k is
/// 63 + floor(log2 d) and n at most 100 d, which leaves a margin of more than 20 bits.
#[derive(Clone, Copy)]
struct Division {
    reciprocal: u64,
    shift: u32,
}

static DIVISION: [Division; 16] = {
    let mut table = [Division { reciprocal: 0, shift: 0 }; 16];
    let mut decade = 2;
    while decade <= 12 {
        let divisor = 10u128.pow(decade as u32 - 1);
        let k = 63 + divisor.ilog2();
        table[decade] =
            Division { reciprocal: (1u128 << k).div_ceil(divisor) as u64, shift: k - 64 };
        decade += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    /// A small generator, so that a failure repeats.
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0
        }

        fn unit(&mut self) -> f64 {
            ((self.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
        }
    }

    fn cells(samples: &[u64]) -> Cells {
        let mut cells = Cells::default();
        samples.iter().for_each(|ns| cells.record(*ns));
        cells
    }

    /// The definition of a cell, as slow and plain as can be.
    fn cell_by_search(ns: u64) -> usize {
        (0..CELL_COUNT).find(|cell| ns <= upper_edge(*cell)).unwrap()
    }

    #[test]
    fn every_two_digit_value_is_an_edge() {
        for digits in 10..100u64 {
            for power in 1..=10 {
                let edge = digits * 10u64.pow(power);
                let cell = cell_of(edge);
                assert_eq!(upper_edge(cell), edge);
                assert_eq!(cell_of(edge + 1), cell + 1);
                let cells = cells(&[edge - 1, edge, edge + 1]);
                assert_eq!(cells.cumulative_le(edge), 2, "at {edge}");
            }
        }
    }

    #[test]
    fn the_fast_index_is_the_plain_one() {
        let near = |ns: u64| (0..5).map(move |off| ns.saturating_add(off).saturating_sub(2));
        let edges = (0..CELL_COUNT).flat_map(|cell| near(upper_edge(cell)));
        let bits = (0..64).flat_map(|bit| near(1 << bit));
        let mut random = Random(7);
        let anywhere = (0..20_000).map(|_| random.next() >> (random.next() % 64));
        for ns in edges.chain(bits).chain(anywhere) {
            assert_eq!(cell_of(ns), cell_by_search(ns), "for {ns}");
        }
    }

    #[test]
    fn edges_rise_and_cells_stay_within_a_tenth() {
        for cell in 1..ABOVE {
            let (low, high) = (upper_edge(cell - 1), upper_edge(cell));
            assert!(low < high && (high - low) * 10 <= low);
            assert_eq!(cell_of(high), cell);
        }
        assert_eq!(upper_edge(ABOVE - 1), HIGHEST_EDGE);
    }

    #[test]
    fn quantiles_lie_at_most_a_cell_above_the_truth() {
        let shapes: [fn(&mut Random) -> f64; 4] = [
            |r| r.unit() * 1e6,
            |r| -r.unit().ln() * 20_000.0,
            |r| if r.unit() < 0.99 { 3e4 + r.unit() * 1e3 } else { 5e9 * r.unit() },
            |r| 10f64.powf(2.0 + 10.0 * r.unit()),
        ];
        for (shape, draw) in shapes.iter().enumerate() {
            let mut random = Random(shape as u64 + 1);
            let mut samples: Vec<u64> = (0..30_000).map(|_| draw(&mut random) as u64).collect();
            let cells = cells(&samples);
            samples.sort_unstable();
            for q in [0.0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0] {
                let rank = ((q * samples.len() as f64).ceil() as usize).clamp(1, samples.len());
                let truth = samples[rank - 1];
                let read = cells.quantile(q).as_nanos() as u64;
                let limit = (truth + truth / 10 + 1).max(LOWEST_EDGE);
                assert!((truth..=limit).contains(&read), "shape {shape} q {q}: {read} {truth}");
            }
            assert_eq!(cells.max_ns(), samples[samples.len() - 1]);
            assert_eq!(cells.sum_ns(), samples.iter().sum::<u64>());
        }
    }

    #[test]
    fn extremes_are_counted_and_nothing_overflows() {
        let mut cells = cells(&[0, 1, u64::MAX, u64::MAX]);
        assert_eq!((cells.count(), cells.sum_ns(), cells.max_ns()), (4, u64::MAX, u64::MAX));
        assert_eq!(cells.quantile(0.5), Duration::from_nanos(100));
        assert_eq!(cells.quantile(f64::INFINITY), Duration::from_nanos(u64::MAX));
        assert_eq!(cells.quantile(f64::NAN), Duration::from_nanos(100));
        assert_eq!(cells.cumulative_le(0), 0);
        assert_eq!(cells.cumulative_le(HIGHEST_EDGE), 2);
        assert_eq!(cells.cumulative_le(u64::MAX), 4);
        assert_eq!(cells.iter().collect::<Vec<_>>(), [(50, 2), (u64::MAX, 2)]);
        let twice = cells.clone();
        cells.merge(&twice);
        assert_eq!(cells.count(), 8);
    }

    #[test]
    fn nothing_counted_reads_as_zero() {
        let cells = Cells::default();
        assert_eq!((cells.count(), cells.sum_ns(), cells.max_ns()), (0, 0, 0));
        assert_eq!((cells.mean(), cells.quantile(0.99)), (Duration::ZERO, Duration::ZERO));
        assert_eq!((cells.cumulative_le(1000), cells.iter().count()), (0, 0));
        assert_eq!(cells.minus(&cells).count(), 0);
    }

    #[test]
    fn a_difference_holds_what_came_since() {
        let earlier = cells(&[5_000, 7_000_000]);
        let mut later = earlier.clone();
        later.record(6_050);
        let since = later.minus(&earlier);
        assert_eq!((since.count(), since.sum_ns(), since.max_ns()), (1, 6_050, 6_100));
        later.record(9_123_456);
        assert_eq!(later.minus(&earlier).max_ns(), 9_123_456);
        assert_eq!(earlier.minus(&later).count(), 0, "saturates the wrong way round");
    }

    #[test]
    fn a_fold_sees_what_the_owner_recorded() {
        let histogram = Histogram::new();
        let mut random = Random(3);
        let samples: Vec<u64> = (0..1000).map(|_| random.next() >> 30).collect();
        samples.iter().for_each(|ns| histogram.record(*ns));
        let (mut folded, plain) = (Cells::default(), cells(&samples));
        histogram.fold_into(&mut folded);
        histogram.record(u64::MAX);
        assert_eq!(folded.iter().collect::<Vec<_>>(), plain.iter().collect::<Vec<_>>());
        assert_eq!((folded.sum_ns(), folded.max_ns()), (plain.sum_ns(), plain.max_ns()));
    }

    #[test]
    fn folds_beside_a_writer_never_go_backwards() {
        let histogram = Histogram::new();
        std::thread::scope(|scope| {
            scope.spawn(|| (0..200_000).for_each(|ns| histogram.record(ns)));
            let mut last = Cells::default();
            while last.count() < 200_000 {
                let mut now = Cells::default();
                histogram.fold_into(&mut now);
                assert!(now.count() >= last.count() && now.sum_ns() >= last.sum_ns());
                last = now;
            }
        });
    }
}
