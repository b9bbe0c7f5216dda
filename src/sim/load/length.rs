//! How long something lasts, drawn by chance.

use std::time::Duration;

use crate::sim::random::Random;

/// A time that is drawn anew for each job: a run time, a sleep, or the gap to the next arrival.
///
/// A plain [`Duration`] is one, too: always the same.
///
/// ```
/// use springtide::sim::load::Length;
/// use std::time::Duration;
///
/// let ms = Duration::from_millis;
/// assert_eq!(Length::from(ms(5)), Length::Constant(ms(5)));
/// assert_eq!(Length::Exponential { mean: ms(5) }.mean(), ms(5));
///
/// let tail = Length::Pareto { least: ms(1), most: ms(1_000), index: 1.2 };
/// assert!(tail.mean() > ms(4) && tail.mean() < ms(5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Length {
    /// Always the same.
    Constant(Duration),
    /// Memoryless: coefficient of variation 1.
    Exponential {
        /// The mean.
        mean: Duration,
    },
    /// Heavy tail: many short ones, and a few that hold most of the time.
    Pareto {
        /// The shortest.
        least: Duration,
        /// The longest.
        most: Duration,
        /// Below 2 the tail decides, at 1 every decade of lengths takes the same time in total.
        index: f64,
    },
    /// What a service's latencies look like: its logarithm is normal.
    LogNormal {
        /// Half are shorter.
        median: Duration,
        /// Standard deviation of the natural logarithm; 1 makes the 99th percentile ten medians.
        sigma: f64,
    },
}

impl Default for Length {
    fn default() -> Self {
        Length::Constant(Duration::ZERO)
    }
}

impl From<Duration> for Length {
    fn from(constant: Duration) -> Self {
        Length::Constant(constant)
    }
}

impl Length {
    /// The mean, to build a load of a certain utilisation.
    pub fn mean(&self) -> Duration {
        match *self {
            Length::Constant(length) => length,
            Length::Exponential { mean } => mean,
            Length::Pareto { least, most, index } => pareto_mean(least, most.max(least), index),
            Length::LogNormal { median, sigma } => {
                duration(median.as_secs_f64() * libm::exp(sigma * sigma / 2.0))
            }
        }
    }

    /// One of them.
    pub(super) fn draw(&self, random: &mut Random) -> Duration {
        match *self {
            Length::Constant(length) => length,
            Length::Exponential { mean } => duration(random.exponential(mean.as_secs_f64())),
            Length::Pareto { least, most, index } => {
                let (least, most) = (least.as_secs_f64(), most.max(least).as_secs_f64());
                duration(pareto(least, most, index, random.unit()))
            }
            Length::LogNormal { median, sigma } => {
                duration(median.as_secs_f64() * libm::exp(sigma * random.normal()))
            }
        }
    }
}

/// The value that the share `rest` of a bounded Pareto distribution exceeds.
pub(super) fn pareto(least: f64, most: f64, index: f64, rest: f64) -> f64 {
    let beyond = libm::pow(least / most, index);
    least * libm::pow(beyond + rest * (1.0 - beyond), -1.0 / index)
}

fn pareto_mean(least: Duration, most: Duration, index: f64) -> Duration {
    let (least, most) = (least.as_secs_f64(), most.as_secs_f64());
    if least <= 0.0 || most <= least {
        return duration(least);
    }
    let ratio = most / least;
    // The integral of x^-index over the range; its formula divides by zero at index 1.
    let near_one = libm::fabs(index - 1.0) < 1e-9;
    let integral = match near_one {
        true => libm::log(ratio),
        false => (libm::pow(ratio, 1.0 - index) - 1.0) / (1.0 - index),
    };
    duration(least * index * integral / (1.0 - libm::pow(ratio, -index)))
}

/// Seconds, cut to whole nanoseconds; a conversion by integers, alike everywhere. Not a number
/// and what is below zero become zero, what is too long becomes the longest that fits.
pub(super) fn duration(seconds: f64) -> Duration {
    Duration::from_nanos((seconds * 1e9) as u64)
}
