//! What holds for every sample there is.

use std::time::Duration;

use super::PredictedWait;
use super::story::{Story, change, millis};
use crate::scale::constants::Constants;
use crate::scale::policy::{KICK_SPACING, Plan, Reason, ScalingPolicy};
use crate::scale::sample::Sample;

/// A small generator with a seed, so that every failure can be repeated.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.0 >> 33
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    fn duration(&mut self) -> Duration {
        let micros = self.below(300_000);
        let long = Duration::from_secs(micros);
        self.one_of(&[Duration::ZERO, Duration::from_nanos(1), Duration::from_micros(micros), long])
    }

    /// A sample whose counts agree with one another.
    fn sample(&mut self) -> Sample {
        let (min, more) = (self.below(8) as u32, self.below(60) as u32);
        let (starting, idle) = (self.below(3) as u32, self.below(6) as u32);
        let busy = self.below(80) as u32;
        let runnable = self.below(u64::from(busy) + 1) as u32;
        let queued = self.one_of(&[0, 0, 1, 10, 100, 1_000_000]);
        let looked = queued > 0 || self.below(2) == 0;
        let completions = self.below(50);
        Sample {
            elapsed: self.duration().min(Duration::from_secs(1)),
            workers: starting + idle + busy,
            starting,
            idle,
            busy,
            busy_peak: busy + self.below(4) as u32,
            min,
            max: min + more,
            cores: self.one_of(&[0.5, 1.0, 1.5, 4.0, 64.0]),
            target_wait: self.one_of(&[Duration::ZERO, millis(1), millis(10)]),
            keep_alive: self.one_of(&[
                None,
                Some(Duration::ZERO),
                Some(millis(1)),
                Some(millis(500)),
            ]),
            queued,
            oldest_age: if queued > 0 { self.duration() } else { Duration::ZERO },
            arrivals: self.below(100),
            refused: self.one_of(&[0, 0, 1, 1_000_000]),
            dequeues: self.one_of(&[0, 0, 1, 30]),
            completions,
            busy_time: self.duration(),
            log2_service_sum: completions * self.below(40),
            runnable: looked.then_some(runnable),
            run_ages: (0..runnable).map(|_| self.duration()).collect(),
        }
    }
}

/// What every plan must keep to, whatever the sample.
fn check(sample: &Sample, plan: &Plan, case: &str) {
    let ways = [plan.add, plan.retire_idle, plan.drain].iter().filter(|&&n| n > 0).count();
    assert!(ways <= 1, "{case}: more than one change at once");
    let (min, max) = (i64::from(sample.min.min(sample.max)), i64::from(sample.max));
    let (before, after) = (i64::from(sample.workers), i64::from(sample.workers) + change(plan).0);
    assert!(plan.add == 0 || after <= max, "{case}: above max");
    assert!(plan.add == 0 || sample.queued > 0 || before < min, "{case}: nothing asks for it");
    assert!(plan.add > 0 || after >= min.min(before), "{case}: below min");
    assert!(plan.retire_idle <= sample.idle, "{case}: not idle");
    assert!(plan.retire_idle == 0 || sample.queued == 0, "{case}: a job waits");
    assert!(plan.drain == 0 || before > min, "{case}: drained below min");
    assert!(before <= max || plan.drain > 0, "{case}: stays above max");
    assert!(before >= min || plan.add > 0, "{case}: stays below min");
    assert!(plan.next_in.is_none_or(|next| next >= KICK_SPACING), "{case}: a spinning tick");
    assert!(!plan.stalled, "{case}: how long is too long is not the law's to say");
    assert!(Reason::ALL.contains(&plan.reason), "{case}: a reason of its own");
}

#[test]
fn every_plan_keeps_the_bounds() {
    for seed in 0..40 {
        let mut dice = Dice(seed);
        let mut policy = PredictedWait::new();
        let mut now = Duration::ZERO;
        let mut sample = dice.sample();
        for step in 0..500 {
            let levels = dice.sample();
            // The configuration changes now and then only, so that there is a past to act on.
            sample = match dice.below(40) {
                0 => levels,
                _ => Sample {
                    min: sample.min,
                    max: sample.max,
                    keep_alive: sample.keep_alive,
                    target_wait: sample.target_wait,
                    ..levels
                },
            };
            now += sample.elapsed;
            let plan = policy.decide(now, &sample);
            check(&sample, &plan, &format!("seed {seed}, step {step}: {sample:?}: {plan:?}"));
        }
    }
}

#[test]
fn the_sweep_meets_every_reason_of_the_law() {
    let mut met = Vec::new();
    for seed in 0..40 {
        let mut dice = Dice(seed);
        let mut policy = PredictedWait::new();
        let mut now = Duration::ZERO;
        let mut sample = dice.sample();
        for step in 0..500 {
            if step % 20 == 0 {
                sample = dice.sample();
            }
            sample.dequeues = dice.one_of(&[0, 0, 0, 0, 0, 0, 1]);
            sample.elapsed = millis(5 + dice.below(200));
            now += sample.elapsed;
            met.push(policy.decide(now, &sample).reason);
        }
    }
    let law = Reason::ALL.iter().filter(|reason| {
        let foreign = [
            Reason::QueueDeep,
            Reason::QueueShallow,
            Reason::AtMin,
            Reason::SpawnFailed,
            Reason::Paused,
            Reason::StateFailed,
            Reason::PolicyPanicked,
            Reason::Custom("custom"),
        ];
        !foreign.contains(reason)
    });
    for reason in law {
        assert!(met.contains(reason), "{reason} never came up");
    }
}

#[test]
fn the_same_samples_give_the_same_plans() {
    let play = || -> Vec<Plan> {
        let (mut dice, mut policy) = (Dice(11), PredictedWait::new());
        let mut now = Duration::ZERO;
        let decide = |_| {
            let sample = dice.sample();
            now += sample.elapsed;
            policy.decide(now, &sample)
        };
        (0..5_000).map(decide).collect()
    };
    assert_eq!(play(), play());
}

#[test]
fn no_number_makes_it_panic() {
    let durations = [Duration::ZERO, Duration::from_nanos(1), millis(5), Duration::MAX];
    let counts = [0, 1, u32::MAX];
    let cores = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.0, 1e-300, 4.0, f64::MAX];
    let mut dice = Dice(3);
    let mut policy = PredictedWait::new();
    for step in 0..50_000 {
        if step % 100 == 0 {
            policy = PredictedWait::new();
        }
        let long = |dice: &mut Dice| dice.one_of(&[0, 1, 1 << 40, u64::MAX]);
        let sample = Sample {
            elapsed: dice.one_of(&durations),
            workers: dice.one_of(&counts),
            starting: dice.one_of(&counts),
            idle: dice.one_of(&counts),
            busy: dice.one_of(&counts),
            busy_peak: dice.one_of(&counts),
            min: dice.one_of(&counts),
            max: dice.one_of(&counts),
            cores: dice.one_of(&cores),
            target_wait: dice.one_of(&durations),
            keep_alive: dice.one_of(&durations.map(Some)),
            queued: long(&mut dice),
            oldest_age: dice.one_of(&durations),
            arrivals: long(&mut dice),
            refused: long(&mut dice),
            dequeues: long(&mut dice),
            completions: long(&mut dice),
            busy_time: dice.one_of(&durations),
            log2_service_sum: long(&mut dice),
            runnable: dice.one_of(&[None, Some(0), Some(1), Some(u32::MAX)]),
            run_ages: vec![dice.one_of(&durations); 3],
        };
        // Time may also jump back; the policy then takes it to stand still.
        let plan = policy.decide(dice.one_of(&durations), &sample);
        check(&sample, &plan, &format!("step {step}: {sample:?}: {plan:?}"));
    }
}

#[test]
fn one_worker_and_no_worker_are_legal_pools() {
    for max in [0, 1] {
        let mut policy = PredictedWait::new();
        let mut sample = Sample { max, cores: 0.0, ..Sample::default() };
        sample.queued = u64::MAX;
        let plan = policy.decide(Duration::ZERO, &sample);
        let expected = if max == 0 { Reason::AtMax } else { Reason::FillCores };
        assert_eq!(change(&plan), (i64::from(max), expected));
    }
}

#[test]
fn every_constant_may_be_zero_or_endless() {
    for long in [Duration::ZERO, Duration::MAX] {
        for ratio in [0.0, f64::NAN, f64::INFINITY, -1.0] {
            let constants = Constants {
                fast_tick: long,
                slow_tick: long,
                service_half_life: long,
                runnable_half_life: long,
                soft_per_core: ratio,
                hard_per_core: ratio,
                reserve_deviations: ratio,
                hog_wait_targets: u32::MAX,
                hog_age: long,
                hog_age_ratio: ratio,
                hogs_per_core: ratio,
                blocked_after: long,
                blocked_per_core: ratio,
                escape_doublings: u32::MAX,
                starved_after: long,
                growth_floor: u32::MAX,
                spare: u32::MAX,
                window_min: long,
                window_max: long,
                window_looks: 0,
                gaps_known: f64::NAN,
                overload_ratio: ratio,
                overload_excess: ratio,
                overload_after: long,
                shed_divisor: 0,
                ..Constants::default()
            };
            let mut story = Story::with(constants);
            for (busy, idle, queued) in [(0, 0, 9), (4, 0, 9), (40, 0, 9), (9, 3, 0), (0, 9, 0)] {
                story.workers(busy, idle).queue(queued, busy);
                let plan = story.after(millis(5));
                assert!(plan.next_in.is_none_or(|next| next >= KICK_SPACING));
                let after = i64::from(busy + idle) + change(&plan).0;
                assert!((1..=64).contains(&after), "{long:?} {ratio}: {plan:?}");
            }
        }
    }
}
