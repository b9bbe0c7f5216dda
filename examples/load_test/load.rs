//! The load: which job arrives when, and how long it runs, all fixed before the run begins.

use std::f64::consts::{FRAC_PI_2, TAU};
use std::time::Duration;

use clap::ValueEnum;
use springtide::sim::trace::{Cost, Row};
use springtide::sim::{JOBS_MAX, Random};

use crate::trouble::Fate;
use crate::work::Work;

/// One mixed job in this many keeps a core busy; the others sleep.
const MIXED_CPU_EVERY: u64 = 4;

/// One job of the load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Arrival {
    /// Since the start of the run.
    pub(crate) at: Duration,
    pub(crate) run: Duration,
    pub(crate) work: Work,
    pub(crate) fate: Fate,
}

/// The shape of generated arrivals over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pattern {
    /// Random arrivals (Poisson) at the rate.
    Steady,
    /// Four times the rate in the middle third.
    Step,
    /// Half the jobs in six short bursts, the others steadily.
    Burst,
    /// Three waves between a tenth of the rate and nearly twice the rate.
    Sine,
    /// Random arrivals whose run times span three decades (Pareto, index 1.2).
    HeavyTail,
}

/// What `--work` makes of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mix {
    /// Jobs sleep.
    Blocking,
    /// Jobs keep a core busy.
    Cpu,
    /// One job in four keeps a core busy, the others sleep.
    Mixed,
}

/// A generated load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) pattern: Pattern,
    pub(crate) span: Duration,
    /// Jobs a second.
    pub(crate) rate: f64,
    /// The mean run time.
    pub(crate) run: Duration,
    pub(crate) mix: Mix,
    pub(crate) seed: u64,
}

/// Jobs of a generated pattern, in order of arrival.
///
/// # Errors
/// One line, when the load would have more than [`JOBS_MAX`] jobs.
pub(crate) fn generate(shape: Shape) -> Result<Vec<Arrival>, String> {
    let mut rng = Rng::new(shape.seed);
    let expected = shape.pattern.mean() * shape.rate * shape.span.as_secs_f64();
    check_size(expected)?;
    let peak = shape.rate * shape.pattern.peak();
    let mut arrivals = Vec::with_capacity(expected as usize);
    let mut at = rng.exponential(1.0 / peak);
    while at < shape.span.as_secs_f64() {
        // Thinning: arrivals at the peak rate, of which the pattern keeps its share.
        let share = shape.pattern.level(at / shape.span.as_secs_f64()) / shape.pattern.peak();
        if rng.unit() < share {
            arrivals.push(Arrival {
                at: Duration::from_secs_f64(at),
                run: run_time(shape.pattern, shape.run, &mut rng),
                work: shape.mix.draw(&mut rng),
                fate: Fate::Fine,
            });
        }
        at += rng.exponential(1.0 / peak);
    }
    Ok(arrivals)
}

/// Jobs of a recorded trace that arrive within `span`. Without a `mix` each does what it did when
/// it was recorded, as far as the trace says.
pub(crate) fn replay(
    rows: &[Row],
    mix: Option<Mix>,
    span: Option<Duration>,
    seed: u64,
) -> Vec<Arrival> {
    let mut rng = Rng::new(seed);
    rows.iter()
        .take_while(|row| span.is_none_or(|span| row.at < span))
        .map(|row| {
            let work = mix.map_or_else(|| recorded(&row.cost), |mix| mix.draw(&mut rng));
            let run = match work {
                Work::Blocking => row.cost.asleep(),
                Work::Cpu => row.cost.computing(),
            };
            Arrival { at: row.at, run, work, fate: Fate::Fine }
        })
        .collect()
}

/// A job that was on a core for most of its time keeps one busy for all of it.
fn recorded(cost: &Cost) -> Work {
    match *cost {
        Cost::Timed { run, cpu: Some(cpu) } if cpu > run / 2 => Work::Cpu,
        _ => Work::Blocking,
    }
}

/// The demo: a trickle, a burst, a step of blocking calls, bursts of processor work, a trickle.
///
/// The stages share `span` in fixed proportions, so a longer demo is the same story told slower.
///
/// # Errors
/// One line, when the load would have more than [`JOBS_MAX`] jobs.
pub(crate) fn demo(span: Duration, seed: u64) -> Result<Vec<Arrival>, String> {
    let mut rng = Rng::new(seed);
    let scale = span.as_secs_f64() / 20.0;
    check_size(scale * DEMO.iter().map(|s| s.rate * (s.to - s.from)).sum::<f64>())?;
    let mut arrivals = Vec::new();
    for stage in DEMO {
        let mut at = stage.from * scale + rng.exponential(1.0 / stage.rate);
        while at < stage.to * scale {
            let half = stage.run_ms / 2e3;
            arrivals.push(Arrival {
                at: Duration::from_secs_f64(at),
                run: Duration::from_secs_f64(half + rng.exponential(half)),
                work: stage.work,
                fate: Fate::Fine,
            });
            at += rng.exponential(1.0 / stage.rate);
        }
    }
    arrivals.sort_by_key(|arrival| arrival.at);
    Ok(arrivals)
}

/// Compresses time and scales run times.
pub(crate) fn rescale(arrivals: &mut [Arrival], speed: f64, time_scale: f64) {
    for arrival in arrivals {
        arrival.at = arrival.at.div_f64(speed);
        arrival.run = arrival.run.mul_f64(time_scale);
    }
}

/// A part of the demo; seconds of the twenty that it takes by default.
struct Stage {
    from: f64,
    to: f64,
    rate: f64,
    run_ms: f64,
    work: Work,
}

const DEMO: [Stage; 7] = [
    Stage { from: 0.0, to: 20.0, rate: 15.0, run_ms: 20.0, work: Work::Blocking },
    Stage { from: 3.0, to: 3.2, rate: 1_500.0, run_ms: 150.0, work: Work::Blocking },
    Stage { from: 6.5, to: 11.0, rate: 200.0, run_ms: 120.0, work: Work::Blocking },
    Stage { from: 8.0, to: 9.5, rate: 200.0, run_ms: 120.0, work: Work::Blocking },
    Stage { from: 12.5, to: 12.7, rate: 150.0, run_ms: 25.0, work: Work::Cpu },
    Stage { from: 13.5, to: 13.7, rate: 150.0, run_ms: 25.0, work: Work::Cpu },
    Stage { from: 14.5, to: 14.7, rate: 150.0, run_ms: 25.0, work: Work::Cpu },
];

fn check_size(expected: f64) -> Result<(), String> {
    if expected <= JOBS_MAX as f64 {
        return Ok(());
    }
    Err(format!("rate times duration makes {expected:.0} jobs; the most is {JOBS_MAX}"))
}

impl Pattern {
    /// Arrivals at `x`, from 0 at the start to 1 at the end, as a multiple of the rate.
    fn level(self, x: f64) -> f64 {
        match self {
            Pattern::Steady | Pattern::HeavyTail => 1.0,
            Pattern::Step if (1.0 / 3.0..2.0 / 3.0).contains(&x) => 4.0,
            Pattern::Step => 1.0,
            // Six bursts, each the middle twentieth of its sixth.
            Pattern::Burst if ((x * 6.0).fract() - 0.5).abs() < 0.025 => 10.5,
            Pattern::Burst => 0.5,
            Pattern::Sine => 1.0 + 0.9 * (3.0 * TAU * x - FRAC_PI_2).sin(),
        }
    }

    fn peak(self) -> f64 {
        match self {
            Pattern::Steady | Pattern::HeavyTail => 1.0,
            Pattern::Step => 4.0,
            Pattern::Burst => 10.5,
            Pattern::Sine => 1.9,
        }
    }

    fn mean(self) -> f64 {
        match self {
            Pattern::Step => 2.0,
            _ => 1.0,
        }
    }
}

impl Mix {
    fn draw(self, rng: &mut Rng) -> Work {
        match self {
            Mix::Blocking => Work::Blocking,
            Mix::Cpu => Work::Cpu,
            Mix::Mixed if rng.next().is_multiple_of(MIXED_CPU_EVERY) => Work::Cpu,
            Mix::Mixed => Work::Blocking,
        }
    }
}

/// Ordinary jobs take at least half the mean, as a call with a fixed cost does.
fn run_time(pattern: Pattern, mean: Duration, rng: &mut Rng) -> Duration {
    let factor = match pattern {
        Pattern::HeavyTail => rng.pareto(),
        _ => 0.5 + rng.exponential(0.5),
    };
    mean.mul_f64(factor)
}

/// Chance as this program has always drawn it, so that a seed means the same load for ever.
struct Rng(Random);

impl Rng {
    fn new(seed: u64) -> Rng {
        Rng(Random::new(seed))
    }

    fn next(&mut self) -> u64 {
        self.0.bits()
    }

    /// In `0.0..1.0`.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// Pareto with index 1.2, cut off at a thousand times its least value; the mean is 1.
    fn pareto(&mut self) -> f64 {
        const INDEX: f64 = 1.2;
        let cut = 1_000f64.powf(-INDEX);
        let least_mean = INDEX / (INDEX - 1.0) * (1.0 - 1_000f64.powf(1.0 - INDEX)) / (1.0 - cut);
        (1.0 - self.unit() * (1.0 - cut)).powf(-1.0 / INDEX) / least_mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(pattern: Pattern) -> Shape {
        Shape {
            pattern,
            span: Duration::from_secs(60),
            rate: 500.0,
            run: Duration::from_millis(10),
            mix: Mix::Mixed,
            seed: 7,
        }
    }

    fn jobs_between(arrivals: &[Arrival], from: f64, to: f64) -> f64 {
        arrivals.iter().filter(|a| (from..to).contains(&a.at.as_secs_f64())).count() as f64
    }

    #[test]
    fn a_seed_means_one_load_and_another_seed_another() {
        let first = generate(shape(Pattern::Sine)).unwrap();
        assert_eq!(first, generate(shape(Pattern::Sine)).unwrap());
        assert_ne!(first, generate(Shape { seed: 8, ..shape(Pattern::Sine) }).unwrap());
    }

    #[test]
    fn every_pattern_is_in_order_and_keeps_its_rate_and_its_mean_run_time() {
        for &pattern in Pattern::value_variants() {
            let arrivals = generate(shape(pattern)).unwrap();
            assert!(arrivals.is_sorted_by_key(|a| a.at), "{pattern:?}");
            let expected = 30_000.0 * pattern.mean();
            let jobs = arrivals.len() as f64;
            assert!((jobs / expected - 1.0).abs() < 0.05, "{pattern:?}: {jobs} jobs");
            let mean = arrivals.iter().map(|a| a.run.as_secs_f64()).sum::<f64>() / jobs;
            let tolerance = if pattern == Pattern::HeavyTail { 0.25 } else { 0.05 };
            assert!((mean / 0.01 - 1.0).abs() < tolerance, "{pattern:?}: mean {mean} s");
            let cpu = arrivals.iter().filter(|a| a.work == Work::Cpu).count() as f64;
            assert!((cpu / jobs - 0.25).abs() < 0.02, "{pattern:?}: {cpu} spin");
        }
    }

    #[test]
    fn patterns_have_their_shapes() {
        let step = generate(shape(Pattern::Step)).unwrap();
        let ratio = jobs_between(&step, 20.0, 40.0) / jobs_between(&step, 0.0, 20.0);
        assert!((3.5..4.5).contains(&ratio), "{ratio}");
        let burst = generate(shape(Pattern::Burst)).unwrap();
        let ratio = jobs_between(&burst, 4.75, 5.25) / jobs_between(&burst, 0.0, 4.75);
        assert!(ratio > 1.5, "a twentieth of the time holds most of the jobs: {ratio}");
        let tail = generate(shape(Pattern::HeavyTail)).unwrap();
        let longest = tail.iter().map(|a| a.run).max().unwrap();
        assert!(longest > Duration::from_millis(300), "{longest:?}");
    }

    #[test]
    fn tokens_become_run_times_by_the_kind_of_work() {
        let rows =
            [Row { at: Duration::ZERO, cost: Cost::Tokens { context: 1_000, generated: 10 } }];
        let run = |mix| replay(&rows, Some(mix), None, 1)[0].run;
        assert_eq!(run(Mix::Blocking), Duration::from_millis(250));
        assert_eq!(run(Mix::Cpu), Duration::from_micros(3_500));
    }

    #[test]
    fn a_span_cuts_a_trace_and_scales_apply_to_what_is_left() {
        let cost = Cost::Timed { run: Duration::from_secs(1), cpu: None };
        let row = |s| Row { at: Duration::from_secs(s), cost };
        let rows = [row(0), row(30), row(60)];
        let mut cut = replay(&rows, Some(Mix::Blocking), Some(Duration::from_secs(60)), 1);
        assert_eq!(cut.len(), 2);
        rescale(&mut cut, 60.0, 0.5);
        assert_eq!(
            (cut[1].at, cut[1].run),
            (Duration::from_millis(500), Duration::from_millis(500))
        );
    }

    #[test]
    fn a_load_that_would_not_fit_is_refused() {
        let huge = Shape { rate: 1e6, ..shape(Pattern::Steady) };
        assert!(generate(huge).unwrap_err().contains("60000000 jobs"));
        assert!(demo(Duration::from_secs(20_000_000), 1).is_err());
    }

    #[test]
    fn the_demo_has_both_kinds_of_work_and_ends_in_a_trickle() {
        let demo = demo(Duration::from_secs(20), 1).unwrap();
        assert!(demo.is_sorted_by_key(|a| a.at));
        assert!(demo.iter().any(|a| a.work == Work::Cpu));
        assert!(jobs_between(&demo, 16.0, 20.0) < 100.0);
        assert!(jobs_between(&demo, 3.0, 3.2) > 200.0);
    }
}
