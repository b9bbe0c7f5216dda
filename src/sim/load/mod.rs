//! Loads by chance: when jobs arrive and what they do.
//!
//! A [`Load`] says when jobs arrive, a [`Work`] what they do, a [`Length`] how long that takes.
//! Loads are put together from others, and a seed makes one a list of jobs:
//!
//! ```
//! use springtide::sim::load::{Length, Load, Work};
//! use std::time::Duration;
//!
//! let (ms, s) = (Duration::from_millis, Duration::from_secs);
//! let calls = Work::sleeping(Length::Exponential { mean: ms(50) });
//! let load = Load::poisson(20.0)
//!     .and(Load::poisson(400.0).between(s(10), s(20)))
//!     .of(calls)
//!     .and(Load::batches(60, s(5)).of(Work::computing(ms(200))).delayed(s(2)));
//!
//! let jobs = load.jobs(7, s(30));
//! assert!(jobs.is_sorted_by_key(|job| job.at));
//! assert_eq!(jobs.iter().filter(|job| job.compute == ms(200)).count(), 6 * 60);
//! assert_eq!(jobs, load.jobs(7, s(30)), "a seed means one load");
//! ```
//!
//! A seed means the same jobs to the last bit on every machine: what is drawn is made of sums,
//! products, quotients and the functions of `libm`, never of the platform's logarithm or sine.

mod arrivals;
mod bursty_hour;
mod length;
mod work;

#[cfg(test)]
mod tests;

use std::ops::Range;
use std::time::Duration;

use super::job::{JOBS_MAX, Job};
use super::random::Random;
use arrivals::{Arrivals, Rate, State};

pub use bursty_hour::{bursty_hour, bursty_rows};
pub use length::Length;
pub use work::Work;

/// When jobs arrive, and what they do; a recipe for any number of lists of [`Job`]s.
///
/// A rate is in jobs a second; zero, or what is no positive number, means no jobs. Until
/// [`of`](Load::of) says otherwise a job does nothing and takes no time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Load {
    parts: Vec<Part>,
}

/// A process of arrivals with its work, and which part of it is wanted.
#[derive(Clone, Debug, PartialEq)]
struct Part {
    arrivals: Arrivals,
    work: Work,
    delay: Duration,
    from: Duration,
    to: Duration,
}

impl Load {
    /// Independent arrivals at a steady rate.
    ///
    /// ```
    /// # use springtide::sim::load::Load;
    /// # use std::time::Duration;
    /// let jobs = Load::poisson(100.0).jobs(1, Duration::from_secs(100));
    /// assert!((9_700..10_300).contains(&jobs.len()));
    /// ```
    pub fn poisson(rate: f64) -> Load {
        Load::at_random(Rate::Constant(rate))
    }

    /// Bursts that begin and end at random: a calm state and a bursty one take turns, each with
    /// the rate of its arrivals and the mean time that it lasts, at least a millisecond. It
    /// begins calm. This is a Markov-modulated Poisson process of two states.
    ///
    /// ```
    /// # use springtide::sim::load::Load;
    /// # use std::time::Duration;
    /// let (ms, s) = (Duration::from_millis, Duration::from_secs);
    /// let jobs = Load::mmpp((1.0, s(9)), (500.0, s(1))).jobs(1, s(1_000));
    /// assert!((40_000..60_000).contains(&jobs.len()), "50.9 a second in the mean");
    /// ```
    pub fn mmpp(calm: (f64, Duration), burst: (f64, Duration)) -> Load {
        let states = [calm, burst].map(|(rate, stay)| State { rate, stay });
        Load::new(Arrivals::Switching { states })
    }

    /// One rate before and after, another one during a while.
    ///
    /// ```
    /// # use springtide::sim::load::Load;
    /// # use std::time::Duration;
    /// # let s = Duration::from_secs;
    /// let jobs = Load::step(20.0, 800.0, s(10)..s(20)).jobs(1, s(30));
    /// let high = jobs.iter().filter(|job| (10..20).contains(&job.at.as_secs())).count();
    /// assert!((7_600..8_400).contains(&high) && jobs.len() - high < 500);
    /// ```
    pub fn step(base: f64, high: f64, during: Range<Duration>) -> Load {
        Load::at_random(Rate::Step { base, high, during })
    }

    /// A rate that changes evenly from one value to another during a while and stays there.
    ///
    /// ```
    /// # use springtide::sim::load::Load;
    /// # use std::time::Duration;
    /// # let s = Duration::from_secs;
    /// let jobs = Load::ramp(0.0, 400.0, s(10)..s(30)).jobs(1, s(30));
    /// assert!(jobs[0].at > s(10));
    /// assert!((3_700..4_300).contains(&jobs.len()));
    /// ```
    pub fn ramp(first: f64, last: f64, during: Range<Duration>) -> Load {
        Load::at_random(Rate::Ramp { first, last, during })
    }

    /// A rate that swings about its mean, by the share `swing` of it, which is cut to `0.0..=1.0`.
    /// It begins at its lowest.
    ///
    /// ```
    /// # use springtide::sim::load::Load;
    /// # use std::time::Duration;
    /// # let s = Duration::from_secs;
    /// let jobs = Load::sine(200.0, 0.9, s(10)).jobs(1, s(100));
    /// assert!((19_500..20_500).contains(&jobs.len()));
    /// ```
    pub fn sine(mean: f64, swing: f64, period: Duration) -> Load {
        let swing = if swing > 0.0 { swing.min(1.0) } else { 0.0 };
        Load::at_random(Rate::Sine { mean, swing, period })
    }

    /// A steady rate for the first part of each period, and nothing in the rest of it.
    ///
    /// ```
    /// # use springtide::sim::load::Load;
    /// # use std::time::Duration;
    /// # let s = Duration::from_secs;
    /// let jobs = Load::bursts(1_000.0, s(1), s(20)).jobs(1, s(60));
    /// assert!(jobs.iter().all(|job| job.at.as_secs() % 20 == 0));
    /// ```
    pub fn bursts(rate: f64, lasting: Duration, period: Duration) -> Load {
        match period {
            Duration::ZERO => Load::poisson(rate),
            period => Load::at_random(Rate::Bursts { rate, lasting, period }),
        }
    }

    /// One job after the other, this far apart; a constant gap makes a clockwork, one with a
    /// heavy tail bursts of every size.
    ///
    /// ```
    /// # use springtide::sim::load::Load;
    /// # use std::time::Duration;
    /// let jobs = Load::spaced(Duration::from_millis(10)).jobs(1, Duration::from_secs(1));
    /// assert_eq!(jobs.len(), 99, "the first after one gap");
    /// ```
    pub fn spaced(gap: impl Into<Length>) -> Load {
        Load::new(Arrivals::Spaced { gap: gap.into() })
    }

    /// So many jobs in one moment, at time zero and after every period; a period of zero makes
    /// one batch.
    ///
    /// ```
    /// # use springtide::sim::load::Load;
    /// # use std::time::Duration;
    /// # let s = Duration::from_secs;
    /// let jobs = Load::batches(60, s(5)).jobs(1, s(11));
    /// assert_eq!((jobs.len(), jobs[179].at), (180, s(10)));
    /// ```
    pub fn batches(jobs: u32, period: Duration) -> Load {
        Load::new(Arrivals::Batches { jobs, period })
    }

    fn at_random(rate: Rate) -> Load {
        Load::new(Arrivals::Random(rate))
    }

    fn new(arrivals: Arrivals) -> Load {
        let (delay, from, to) = (Duration::ZERO, Duration::ZERO, Duration::MAX);
        Load { parts: vec![Part { arrivals, work: Work::default(), delay, from, to }] }
    }

    /// The same arrivals, all of which do this work.
    #[must_use]
    pub fn of(self, work: Work) -> Load {
        self.each(|part| Part { work, ..part })
    }

    /// Both loads at once. The jobs of this one stay what they were.
    #[must_use]
    pub fn and(mut self, other: Load) -> Load {
        self.parts.extend(other.parts);
        self
    }

    /// The same, and `hogs` jobs at once after every period, each of which keeps a core busy for
    /// long: what a trickle of short jobs must get past.
    ///
    /// ```
    /// # use springtide::sim::load::{Load, Work};
    /// # use std::time::Duration;
    /// # let (ms, s) = (Duration::from_millis, Duration::from_secs);
    /// let trickle = Load::poisson(50.0).of(Work::computing(ms(1)));
    /// let jobs = trickle.with_hogs(6, s(3), s(20)).jobs(1, s(60));
    /// assert_eq!(jobs.iter().filter(|job| job.compute == s(3)).count(), 12, "at 20 s and 40 s");
    /// ```
    #[must_use]
    pub fn with_hogs(self, hogs: u32, each: Duration, period: Duration) -> Load {
        self.and(Load::batches(hogs, period).of(Work::computing(each)).delayed(period))
    }

    /// Only what arrives from one time on and before another, since time zero.
    ///
    /// ```
    /// # use springtide::sim::load::Load;
    /// # use std::time::Duration;
    /// # let s = Duration::from_secs;
    /// let at = |load: Load| load.jobs(1, s(10)).iter().map(|job| job.at).collect::<Vec<_>>();
    /// let load = Load::batches(1, s(1)).between(s(3), s(5));
    /// assert_eq!(at(load.clone()), [s(3), s(4)]);
    /// assert_eq!(at(load.delayed(s(4))), [s(7), s(8)]);
    /// ```
    #[must_use]
    pub fn between(self, from: Duration, to: Duration) -> Load {
        self.each(|part| Part { from: part.from.max(from), to: part.to.min(to), ..part })
    }

    /// The same, all of it later by a while.
    #[must_use]
    pub fn delayed(self, by: Duration) -> Load {
        self.each(|part| Part {
            delay: part.delay.saturating_add(by),
            from: part.from.saturating_add(by),
            to: part.to.saturating_add(by),
            ..part
        })
    }

    fn each(self, change: impl FnMut(Part) -> Part) -> Load {
        Load { parts: self.parts.into_iter().map(change).collect() }
    }

    /// The jobs that arrive before `span` is over, by their arrival.
    ///
    /// Arrivals and work are drawn apart, and so are the parts of a load: other work leaves the
    /// arrivals as they were, and a load that comes in addition leaves the first one's jobs.
    ///
    /// # Panics
    ///
    /// If there are more than [`JOBS_MAX`] jobs: the rate is a slip.
    pub fn jobs(&self, seed: u64, span: Duration) -> Vec<Job> {
        let mut seeds = Random::new(seed);
        let mut jobs = Vec::new();
        for part in &self.parts {
            let (mut arrivals, mut work) = (Random::new(seeds.bits()), Random::new(seeds.bits()));
            let end = span.min(part.to).saturating_sub(part.delay);
            part.arrivals.each(end, &mut arrivals, |at| {
                let at = at.saturating_add(part.delay);
                if at >= part.from {
                    assert!(jobs.len() < JOBS_MAX, "the load has more than {JOBS_MAX} jobs");
                    jobs.push(part.work.job(at, &mut work));
                }
            });
        }
        jobs.sort_by_key(|job| job.at);
        jobs
    }
}
