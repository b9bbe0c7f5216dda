//! Hill climbing: how .NET finds out whether more threads do more work.
//!
//! Source: dotnet/runtime,
//! `src/libraries/System.Private.CoreLib/src/System/Threading/PortableThreadPool.HillClimbing.cs`
//! @04326b6, with its defaults.
//!
//! The number of threads goes up and down in a small square wave. If the throughput follows that
//! wave, beyond the noise at the frequencies next to it, more threads help; if it goes against it,
//! they harm.
//!
//! Left out: the log of transitions. The random interval comes from a seed.

use std::f64::consts::PI;

use super::super::random::Random;

/// Samples to one wave.
const PERIOD: usize = 4;

/// Samples that are remembered: eight waves.
const HISTORY: usize = 32;

const WAVE_MAX: f64 = 20.0;

/// A thread more has to raise the throughput by this share of what a thread does on average.
const BIAS: f64 = 0.15;

const SIGNAL_TO_NOISE: f64 = 3.0;

const CHANGE_PER_SECOND: f64 = 4.0;

const CHANGE_PER_SAMPLE: f64 = 20.0;

/// Weight of the newest sample in the average of the noise.
const NOISE_WEIGHT: f64 = 0.01;

/// A sample may be this wrong about the jobs that each thread was in the middle of.
const ERROR: f64 = 0.15;

/// Bounds of the milliseconds between samples.
const INTERVAL_MS: (u64, u64) = (10, 200);

/// Processor use in percent above which no thread is added.
const CPU_HIGH: f64 = 95.0;

/// What the pool is like while it climbs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slope {
    pub(super) min: u32,
    pub(super) max: u32,
    /// In percent.
    pub(super) cpu: f64,
}

#[derive(Clone, Debug)]
pub(super) struct HillClimbing {
    random: Random,
    interval_ms: u64,
    /// Where the wave stands, not rounded.
    control: f64,
    threads: u32,
    noise: f64,
    samples: u64,
    throughputs: [f64; HISTORY],
    counts: [f64; HISTORY],
    pending_s: f64,
    pending_jobs: u64,
}

/// The part of a history that swings with one period.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Wave {
    re: f64,
    im: f64,
}

impl Wave {
    fn scaled(self, by: f64) -> Wave {
        Wave { re: self.re * by, im: self.im * by }
    }

    fn magnitude(self) -> f64 {
        (self.re * self.re + self.im * self.im).sqrt()
    }

    /// The part of `self / other` that is in step.
    fn in_step_with(self, other: Wave) -> f64 {
        let square = other.re * other.re + other.im * other.im;
        (self.re * other.re + self.im * other.im) / square
    }
}

impl HillClimbing {
    pub(super) fn new(seed: u64) -> HillClimbing {
        let mut climber = HillClimbing {
            random: Random::new(seed),
            interval_ms: 0,
            control: 0.0,
            threads: 0,
            noise: 0.0,
            samples: 0,
            throughputs: [0.0; HISTORY],
            counts: [0.0; HISTORY],
            pending_s: 0.0,
            pending_jobs: 0,
        };
        climber.draw_interval();
        climber
    }

    /// The number of threads was set by somebody else.
    pub(super) fn force(&mut self, threads: u32) {
        if threads != self.threads {
            self.control += f64::from(threads) - f64::from(self.threads);
            self.change(threads);
        }
    }

    /// From the jobs that so many threads ended in so many seconds to the number of threads, and
    /// the milliseconds after which to ask again.
    pub(super) fn update(
        &mut self,
        threads: u32,
        seconds: f64,
        jobs: u64,
        slope: Slope,
    ) -> (u32, u64) {
        self.force(threads);
        let (seconds, jobs) = (seconds + self.pending_s, jobs + self.pending_jobs);
        let error = (f64::from(threads) - 1.0) / jobs as f64;
        if self.samples > 0 && (error >= ERROR || error.is_nan()) {
            (self.pending_s, self.pending_jobs) = (seconds, jobs);
            return (threads, 10);
        }
        (self.pending_s, self.pending_jobs) = (0.0, 0);
        self.remember(jobs as f64 / seconds, f64::from(threads));

        let (ratio, confidence) = self.evidence();
        self.climb(ratio, confidence, seconds, slope.cpu);
        let wave = self.wave();
        self.control = self.control.min(f64::from(slope.max) - wave).max(f64::from(slope.min));
        let is_crest = (self.samples / (PERIOD as u64 / 2)) % 2 == 1;
        let level = self.control + if is_crest { wave } else { 0.0 };
        let next = (level as u32).min(slope.max).max(slope.min);
        if next != threads {
            self.change(next);
        }
        // At the minimum there is nothing left to undo, so the next wave can wait.
        let is_harmless = ratio >= 0.0 || next != slope.min;
        let stretch = if is_harmless { 1.0 } else { 10.0 * (-ratio).min(1.0) };
        (next, (0.5 + self.interval_ms as f64 * stretch) as u64)
    }

    fn remember(&mut self, throughput: f64, threads: f64) {
        let place = (self.samples % HISTORY as u64) as usize;
        (self.throughputs[place], self.counts[place]) = (throughput, threads);
        self.samples += 1;
    }

    /// How much the throughput follows the wave, and how far that can be trusted.
    fn evidence(&mut self) -> (f64, f64) {
        let known = (self.samples - 1).min(HISTORY as u64) as usize / PERIOD * PERIOD;
        if known <= PERIOD {
            return (0.0, 0.0);
        }
        let mean = |history: &[f64; HISTORY]| self.last(known, history).sum::<f64>() / known as f64;
        let (throughput, threads) = (mean(&self.throughputs), mean(&self.counts));
        if throughput <= 0.0 || threads <= 0.0 {
            return (0.0, 0.0);
        }
        let of_throughput =
            |period| self.component(known, &self.throughputs, period).scaled(1.0 / throughput);
        let waves = known as f64 / PERIOD as f64;
        let beside = [waves + 1.0, waves - 1.0].map(|n| known as f64 / n);
        let errors = beside.map(|period| match period <= known as f64 {
            true => of_throughput(period).magnitude(),
            false => 0.0,
        });
        let error = errors[0].max(errors[1]);
        let followed = of_throughput(PERIOD as f64);
        let led = self.component(known, &self.counts, PERIOD as f64).scaled(1.0 / threads);

        self.noise = match self.noise {
            0.0 => error,
            noise => NOISE_WEIGHT * error + (1.0 - NOISE_WEIGHT) * noise,
        };
        let ratio = if led.magnitude() > 0.0 { followed.in_step_with(led) - BIAS } else { 0.0 };
        let noise = self.noise.max(error);
        let confidence = if noise > 0.0 { led.magnitude() / noise / SIGNAL_TO_NOISE } else { 1.0 };
        (ratio, confidence)
    }

    fn climb(&mut self, ratio: f64, confidence: f64, seconds: f64, cpu: f64) {
        let step = ratio.clamp(-1.0, 1.0) * confidence.clamp(0.0, 1.0);
        // Squared: slow near the top, fast far from it.
        let change = (step * step.abs() * CHANGE_PER_SECOND * seconds).min(CHANGE_PER_SAMPLE);
        if change <= 0.0 || cpu <= CPU_HIGH {
            self.control += change;
        }
    }

    /// The height of the wave: enough to be seen above the noise.
    fn wave(&self) -> f64 {
        let seen = self.control * self.noise * SIGNAL_TO_NOISE * 2.0;
        (0.5 + seen).floor().clamp(1.0, WAVE_MAX)
    }

    fn change(&mut self, threads: u32) {
        self.threads = threads;
        self.draw_interval();
    }

    fn draw_interval(&mut self) {
        let (low, high) = INTERVAL_MS;
        self.interval_ms = low + self.random.below(high - low + 1);
    }

    fn last(&self, n: usize, history: &[f64; HISTORY]) -> impl Iterator<Item = f64> {
        let first = self.samples - n as u64;
        (first..self.samples).map(|at| history[(at % HISTORY as u64) as usize])
    }

    /// Goertzel's algorithm.
    fn component(&self, n: usize, history: &[f64; HISTORY], period: f64) -> Wave {
        let angle = 2.0 * PI / period;
        let (cos, sin) = (libm::cos(angle), libm::sin(angle));
        let (newer, older) = self
            .last(n, history)
            .fold((0.0, 0.0), |(newer, older), value| (2.0 * cos * newer - older + value, newer));
        Wave { re: newer - older * cos, im: older * sin }.scaled(1.0 / n as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOPE: Slope = Slope { min: 4, max: 100, cpu: 50.0 };

    /// The average number of threads over the last of so many samples, if the throughput depends on
    /// the threads like this.
    fn climbed(from: u32, samples: u32, slope: Slope, jobs_per_s: impl Fn(f64) -> f64) -> f64 {
        let mut climber = HillClimbing::new(1);
        let (mut threads, mut ms) = (from, 100);
        let mut last = Vec::new();
        for _ in 0..samples {
            let seconds = ms as f64 / 1_000.0;
            let jobs = (jobs_per_s(f64::from(threads)) * seconds).round() as u64;
            (threads, ms) = climber.update(threads, seconds, jobs, slope);
            assert!((slope.min..=slope.max).contains(&threads));
            last.push(f64::from(threads));
        }
        let last = &last[last.len() - 40..];
        last.iter().sum::<f64>() / last.len() as f64
    }

    #[test]
    fn threads_are_added_while_each_adds_throughput() {
        let found = climbed(4, 400, SLOPE, |threads| 1_000.0 * threads);
        assert!(found > 30.0, "{found}");
    }

    #[test]
    fn it_stays_near_where_more_threads_do_not_help() {
        let found = climbed(4, 800, SLOPE, |threads| 1_000.0 * threads.min(20.0));
        assert!((15.0..26.0).contains(&found), "{found}");
    }

    #[test]
    fn threads_are_taken_back_where_they_harm() {
        let found = climbed(50, 400, SLOPE, |threads| 100_000.0 - 1_000.0 * threads);
        assert!(found < 20.0, "{found}");
    }

    #[test]
    fn a_busy_processor_keeps_threads_out() {
        let busy = Slope { cpu: 96.0, ..SLOPE };
        let found = climbed(10, 400, busy, |threads| 1_000.0 * threads);
        assert!(found < 12.0, "{found}");
    }

    #[test]
    fn a_sample_of_few_jobs_is_put_together_with_the_next() {
        let mut climber = HillClimbing::new(1);
        climber.update(8, 0.1, 1_000, SLOPE);
        let before = climber.samples;
        assert_eq!(climber.update(8, 0.1, 30, SLOPE), (8, 10));
        assert_eq!(climber.samples, before);
        climber.update(8, 0.1, 30, SLOPE);
        assert_eq!(climber.samples, before + 1);
        assert_eq!(climber.throughputs[1], 300.0);
    }

    #[test]
    fn a_wave_is_found_at_its_own_period_and_nowhere_else() {
        let mut climber = HillClimbing::new(1);
        for at in 0..33 {
            climber.remember(if at / 2 % 2 == 0 { 10.0 } else { 20.0 }, 1.0);
        }
        let at = |period| climber.component(32, &climber.throughputs, period).magnitude();
        assert!(at(4.0) > 3.0, "{}", at(4.0));
        assert!(at(32.0 / 9.0) < 1e-9 && at(32.0 / 7.0) < 1e-9);
    }

    #[test]
    fn at_the_minimum_a_wave_that_harms_is_rare() {
        let mut climber = HillClimbing::new(1);
        let mut threads = 4;
        let mut longest = 0;
        for _ in 0..100 {
            let jobs = 10_000 - 1_000 * u64::from(threads);
            let ms;
            (threads, ms) = climber.update(threads, 0.1, jobs, SLOPE);
            longest = longest.max(ms);
        }
        assert!(longest > 400, "{longest}");
    }
}
