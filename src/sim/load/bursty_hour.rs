//! An hour in the life of a service, made up to be as bursty as a real one.

use super::length::{duration, pareto};
use crate::sim::job::Job;
use crate::sim::random::Random;
use crate::sim::trace::{self, Cost, Row};

// What follows was fitted to the published statistics of the Azure LLM inference trace 2023, code:
// 8819 requests in 3436 s that come in 141 waves, with nothing for more than a second between two.

/// Waves of requests.
const WAVES: u32 = 141;
/// Mean length of a wave, in seconds; a few are six times as long, most are shorter.
const WAVE_MEAN: f64 = 5.7;
/// Pauses between two waves: seconds, heavy tail. They alone are three quarters of the time.
const PAUSE: Tail = Tail { least: 1.0, most: 217.0, index: 0.385 };
/// Clumps of requests a second within a wave.
const CLUMPS_PER_SECOND: f64 = 5.5;
/// Requests in a clump, rounded down: half come alone, and a few make the highest seconds.
const CLUMP: Tail = Tail { least: 1.0, most: 60.0, index: 1.7 };
/// Mean gap between two requests of a clump, in seconds.
const CLUMP_GAP: f64 = 0.005;

/// A bounded Pareto distribution.
struct Tail {
    least: f64,
    most: f64,
    index: f64,
}

impl Tail {
    fn exceeded_by(&self, share: f64) -> f64 {
        pareto(self.least, self.most, self.index, share)
    }
}

/// The requests of such an hour, without an hour's data: 2.6 a second in the mean, with a
/// coefficient of variation of 13 between them, three quarters of all seconds empty, up to some
/// seventy in one second and pauses of up to minutes. Half of them generate 13 tokens or fewer
/// and a hundredth 250 or more.
///
/// The lengths of waves and pauses are spread evenly over their distributions and put in an order
/// by chance: each seed is as bursty as the other, which independent draws from such tails are
/// not.
///
/// [`trace::blocking`] and [`trace::computing`] make jobs of it, and [`bursty_hour`] the former.
///
/// ```
/// use springtide::sim::{load, trace};
///
/// let rows = load::bursty_rows(1);
/// assert_eq!(trace::blocking(&rows), load::bursty_hour(1));
/// assert!((8_000..9_600).contains(&rows.len()));
/// ```
pub fn bursty_rows(seed: u64) -> Vec<Row> {
    let mut random = Random::new(seed);
    let waves = shuffled(WAVES, &mut random, |rest| -WAVE_MEAN * libm::log(rest));
    let pauses = shuffled(WAVES - 1, &mut random, |rest| PAUSE.exceeded_by(rest));
    let mut rows = Vec::new();
    let mut start = 0.0;
    for (wave, pause) in waves.iter().zip(pauses.iter().chain([&0.0])) {
        let mut at = start;
        while at < start + wave {
            clump(at, &mut random, &mut rows);
            at += random.exponential(1.0 / CLUMPS_PER_SECOND);
        }
        start += wave + pause;
    }
    rows.sort_by_key(|row| row.at);
    rows
}

/// The same as jobs that sleep: 50 ms and 20 ms for each token.
///
/// ```
/// use springtide::sim::load;
///
/// let jobs = load::bursty_hour(1);
/// assert!(jobs.is_sorted_by_key(|job| job.at));
/// assert!(jobs.iter().all(|job| job.sleep.as_millis() >= 50 && job.compute.is_zero()));
/// ```
pub fn bursty_hour(seed: u64) -> Vec<Job> {
    trace::blocking(&bursty_rows(seed))
}

/// `n` values spread evenly over a distribution, given by the value that a share of it exceeds;
/// in an order by chance (Fisher and Yates).
fn shuffled(n: u32, random: &mut Random, exceeded_by: impl Fn(f64) -> f64) -> Vec<f64> {
    let share = |i: u32| (f64::from(i) + 0.5) / f64::from(n);
    let mut values: Vec<f64> = (0..n).map(|i| exceeded_by(share(i))).collect();
    for i in (1..values.len()).rev() {
        values.swap(i, random.below(i as u64 + 1) as usize);
    }
    values
}

fn clump(start: f64, random: &mut Random, rows: &mut Vec<Row>) {
    let requests = CLUMP.exceeded_by(random.unit()) as u32;
    let mut at = start;
    for _ in 0..requests {
        rows.push(Row { at: duration(at), cost: request(random) });
        at += random.exponential(CLUMP_GAP);
    }
}

/// Tokens: log-normal, above a least answer and below the longest ones that were seen.
fn request(random: &mut Random) -> Cost {
    let context = 1_350.0 * libm::exp(1.1 * random.normal());
    let generated = 6.0 + 7.3 * libm::exp(1.53 * random.normal());
    Cost::Tokens {
        context: context.clamp(3.0, 7_437.0) as u32,
        generated: generated.min(1_899.0) as u32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEDS: std::ops::Range<u64> = 0..20;

    /// Mean, and coefficient of variation.
    fn moments(values: &[f64]) -> (f64, f64) {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        (mean, variance.sqrt() / mean)
    }

    #[test]
    fn it_is_as_bursty_as_the_recorded_hour_whatever_the_seed() {
        for seed in SEEDS {
            let at: Vec<f64> = bursty_rows(seed).iter().map(|row| row.at.as_secs_f64()).collect();
            let gaps: Vec<f64> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let span = at[at.len() - 1];
            let mut seconds = vec![0.0; span as usize + 1];
            at.iter().for_each(|at| seconds[*at as usize] += 1.0);
            let empty = seconds.iter().filter(|n| **n == 0.0).count() as f64 / span;
            let largest = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
            let (rate, spread) = moments(&seconds);
            // Beside each bound what the recorded hour has.
            let found = [
                ("seconds", span, 3_400.0..3_480.0),                  // 3436
                ("requests a second", rate, 2.35..2.85),              // 2.57
                ("variation of gaps", moments(&gaps).1, 12.0..14.5),  // 13.2
                ("empty seconds", empty, 0.71..0.76),                 // 0.73
                ("most in a second", largest(&seconds), 45.0..100.0), // 67
                ("longest pause", largest(&gaps), 180.0..220.0),      // 217
                ("variance over mean", spread * spread * rate, 11.0..16.0), // 13.2
            ];
            for (what, value, bounds) in found {
                assert!(bounds.contains(&value), "seed {seed}: {what}: {value}, not {bounds:?}");
            }
        }
    }

    #[test]
    fn requests_are_as_long_as_the_recorded_ones() {
        for seed in SEEDS {
            let sizes = bursty_rows(seed).into_iter().filter_map(|row| match row.cost {
                Cost::Tokens { context, generated } => Some((context, generated)),
                Cost::Timed { .. } => None,
            });
            let (mut context, mut generated): (Vec<u32>, Vec<u32>) = sizes.unzip();
            context.sort_unstable();
            generated.sort_unstable();
            let of = |sorted: &[u32], percent: usize| sorted[(sorted.len() - 1) * percent / 100];
            let found = [
                ("context p50", of(&context, 50), 1_200..=1_600), // 1469
                ("context p90", of(&context, 90), 4_500..=6_500), // 5194
                ("context max", of(&context, 100), 7_437..=7_437), // 7437
                ("generated p50", of(&generated, 50), 12..=14),   // 13
                ("generated p90", of(&generated, 90), 45..=65),   // 55
                ("generated p99", of(&generated, 99), 200..=310), // 252
                ("generated max", of(&generated, 100), 900..=1_899), // 1899
            ];
            for (what, value, bounds) in found {
                assert!(bounds.contains(&value), "seed {seed}: {what}: {value}, not {bounds:?}");
            }
        }
    }
}
