//! When jobs arrive.

use std::f64::consts::TAU;
use std::ops::Range;
use std::time::Duration;

use super::length::{Length, duration};
use crate::sim::random::Random;

/// The shortest mean stay in a state, so that a careless zero does not switch for ever.
const STAY_MIN: f64 = 1e-3;

/// A process of arrivals. Rates are jobs a second; one that is not a positive number is none.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Arrivals {
    /// At random, at a rate that may change over time.
    Random(Rate),
    /// At random, at the rate of a state, which is left for the other one at random.
    Switching { states: [State; 2] },
    /// One after the other.
    Spaced { gap: Length },
    /// Some at once, again and again.
    Batches { jobs: u32, period: Duration },
}

/// One state of a process that switches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct State {
    pub(super) rate: f64,
    /// Mean time until it is left.
    pub(super) stay: Duration,
}

/// A rate as a function of time.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Rate {
    Constant(f64),
    Step { base: f64, high: f64, during: Range<Duration> },
    Ramp { first: f64, last: f64, during: Range<Duration> },
    Sine { mean: f64, swing: f64, period: Duration },
    Bursts { rate: f64, lasting: Duration, period: Duration },
}

impl Rate {
    fn at(&self, t: f64) -> f64 {
        match self {
            Rate::Constant(rate) => *rate,
            Rate::Step { base, high, during } => match within(t, during) {
                x if (0.0..1.0).contains(&x) => *high,
                _ => *base,
            },
            Rate::Ramp { first, last, during } => {
                let x = within(t, during).clamp(0.0, 1.0);
                first + (last - first) * x
            }
            Rate::Sine { mean, swing, period } => {
                let turns = t / period.as_secs_f64();
                mean * (1.0 - swing * libm::cos(TAU * (turns - libm::floor(turns))))
            }
            Rate::Bursts { rate, lasting, period } => {
                let turns = t / period.as_secs_f64();
                let since = (turns - libm::floor(turns)) * period.as_secs_f64();
                if since < lasting.as_secs_f64() { *rate } else { 0.0 }
            }
        }
    }

    fn peak(&self) -> f64 {
        match self {
            Rate::Constant(rate) | Rate::Bursts { rate, .. } => *rate,
            Rate::Step { base, high, .. } => base.max(*high),
            Rate::Ramp { first, last, .. } => first.max(*last),
            Rate::Sine { mean, swing, .. } => mean * (1.0 + swing),
        }
    }
}

/// Where a time lies in a range: 0 at its start, 1 at its end. A range without length is passed.
fn within(t: f64, range: &Range<Duration>) -> f64 {
    let (start, end) = (range.start.as_secs_f64(), range.end.as_secs_f64());
    match end > start {
        true => (t - start) / (end - start),
        false if t < start => -1.0,
        false => 2.0,
    }
}

fn is_some_rate(rate: f64) -> bool {
    rate > 0.0 && rate.is_finite()
}

impl Arrivals {
    /// Calls `arrive` with each arrival before `end`, in order.
    pub(super) fn each(&self, end: Duration, random: &mut Random, arrive: impl FnMut(Duration)) {
        match self {
            Arrivals::Random(rate) => thinned(rate, end, random, arrive),
            Arrivals::Switching { states } => switching(states, end, random, arrive),
            Arrivals::Spaced { gap } => spaced(gap, end, random, arrive),
            Arrivals::Batches { jobs, period } => batches(*jobs, *period, end, arrive),
        }
    }
}

/// Arrivals at the peak rate, of which the rate at their time keeps its share.
fn thinned(rate: &Rate, end: Duration, random: &mut Random, mut arrive: impl FnMut(Duration)) {
    let peak = rate.peak();
    if !is_some_rate(peak) {
        return;
    }
    let mut at = random.exponential(1.0 / peak);
    while at < end.as_secs_f64() {
        if random.unit() * peak <= rate.at(at) {
            arrive(duration(at));
        }
        at += random.exponential(1.0 / peak);
    }
}

/// A process without memory may start afresh whenever the state changes.
fn switching(
    states: &[State; 2],
    end: Duration,
    random: &mut Random,
    mut arrive: impl FnMut(Duration),
) {
    let (mut from, end) = (0.0, end.as_secs_f64());
    for State { rate, stay } in states.iter().cycle() {
        let to = end.min(from + random.exponential(stay.as_secs_f64().max(STAY_MIN)));
        let mut at = from;
        while is_some_rate(*rate) {
            at += random.exponential(1.0 / rate);
            if at >= to {
                break;
            }
            arrive(duration(at));
        }
        from = to;
        if from >= end {
            return;
        }
    }
}

fn spaced(gap: &Length, end: Duration, random: &mut Random, mut arrive: impl FnMut(Duration)) {
    let mut at = gap.draw(random);
    while at < end {
        arrive(at);
        at = at.saturating_add(gap.draw(random));
    }
}

fn batches(jobs: u32, period: Duration, end: Duration, mut arrive: impl FnMut(Duration)) {
    let mut at = Duration::ZERO;
    while jobs > 0 && at < end {
        (0..jobs).for_each(|_| arrive(at));
        at = match period {
            Duration::ZERO => end,
            period => at.saturating_add(period),
        };
    }
}
