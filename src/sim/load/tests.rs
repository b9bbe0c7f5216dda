use std::time::Duration;

use super::*;
use crate::sim::{Calls, Job};

const SEED: u64 = 20_231_116;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn s(s: u64) -> Duration {
    Duration::from_secs(s)
}

/// FNV-1a of every field of every job.
fn fingerprint(jobs: &[Job]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut eat = |time: Duration| {
        for byte in (time.as_nanos() as u64).to_le_bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for Job { at, compute, sleep, calls } in jobs {
        let Calls { jobs, compute: child, sleep: nap } = calls.unwrap_or_default();
        [*at, *compute, *sleep, s(u64::from(jobs)), child, nap].into_iter().for_each(&mut eat);
    }
    hash
}

/// Each generator with some work, and its fingerprint over a minute.
fn generators() -> Vec<(&'static str, Load, u64)> {
    let call = Work::sleeping(Length::Exponential { mean: ms(20) });
    let query = Length::LogNormal { median: ms(3), sigma: 1.2 };
    let tail = Length::Pareto { least: ms(1), most: s(1), index: 1.2 };
    let both = Work::computing(ms(1)).then_sleeping(query);
    vec![
        ("poisson", Load::poisson(200.0).of(call), 0x48a0_3470_0224_f90f),
        ("mmpp", Load::mmpp((2.0, s(9)), (300.0, s(1))).of(both), 0x92b3_f1a2_fec4_6ebc),
        ("step", Load::step(20.0, 800.0, s(20)..s(40)).of(call), 0x8983_75da_01a4_0539),
        ("ramp", Load::ramp(10.0, 300.0, s(15)..s(45)).of(both), 0x52c1_7f4b_fb63_b0e2),
        ("sine", Load::sine(150.0, 0.9, s(20)).of(call), 0xe6a1_f9df_b025_dec2),
        (
            "bursts",
            Load::bursts(900.0, s(2), s(20)).of(Work::computing(ms(5))),
            0x0408_d233_ea48_232d,
        ),
        ("heavy tail", Load::poisson(100.0).of(Work::computing(tail)), 0xdccd_7274_2730_6851),
        ("spaced", Load::spaced(tail).of(Work::sleeping(ms(1))), 0xd89f_065f_6ef0_1941),
        ("batches", Load::batches(60, s(7)).of(Work::computing(ms(200))), 0xd7ae_d582_d8d9_f075),
        ("nested", Load::batches(64, s(30)).of(both.calling(4, call)), 0xd328_3ce8_73bc_320f),
        ("hogs", Load::poisson(80.0).of(both).with_hogs(6, s(3), s(20)), 0xb9b4_da00_b06b_2ae5),
    ]
}

#[test]
fn a_seed_means_the_same_jobs_on_every_machine() {
    let wrong: Vec<String> = generators()
        .into_iter()
        .map(|(name, load, golden)| (name, load.jobs(SEED, s(60)), golden))
        .chain([("bursty hour", bursty_hour(SEED), 0x336d_eb77_764b_0e80)])
        .map(|(name, jobs, golden)| (name, fingerprint(&jobs), golden))
        .filter(|(_, found, golden)| found != golden)
        .map(|(name, found, _)| format!("{name}: {found:#018x}"))
        .collect();
    assert!(wrong.is_empty(), "these loads have changed:\n{}", wrong.join("\n"));
}

#[test]
fn jobs_come_in_order_within_their_span_and_differ_by_seed() {
    for (name, load, _) in generators() {
        let jobs = load.jobs(SEED, s(60));
        assert!(jobs.is_sorted_by_key(|job| job.at), "{name}");
        assert!(!jobs.is_empty() && jobs.iter().all(|job| job.at < s(60)), "{name}");
        let is_fixed = name == "batches";
        assert_eq!(jobs == load.jobs(SEED + 1, s(60)), is_fixed, "{name}");
    }
}

/// Jobs that should arrive, and the variance of their number, against those that do.
#[test]
fn the_number_of_jobs_is_within_three_sigma() {
    // An MMPP's number varies more: by 2 * (share of time in the burst) * (share of it calm) *
    // (difference of the rates)^2 * (time that the state is remembered) for each second.
    let memory = 1.0 / (1.0 / 9.0 + 1.0);
    let mmpp = 31.8 + 2.0 * 0.1 * 0.9 * 298.0 * 298.0 * memory;
    let cases = [
        ("poisson", 200.0, 200.0),
        ("mmpp", 31.8, mmpp),
        ("sine", 150.0, 150.0),
        ("bursts", 90.0, 90.0),
        ("heavy tail", 100.0, 100.0),
    ];
    for (name, rate, variance) in cases {
        let (_, load, _) = generators().into_iter().find(|g| g.0 == name).expect("it is there");
        let span = 1_000.0;
        let found = load.jobs(SEED, s(1_000)).len() as f64;
        let off = (found - rate * span) / (variance * span).sqrt();
        assert!(off.abs() < 3.0, "{name}: {found} jobs, {off:.1} sigma off");
    }
}

fn gaps(jobs: &[Job]) -> Vec<f64> {
    jobs.windows(2).map(|pair| (pair[1].at - pair[0].at).as_secs_f64()).collect()
}

/// Coefficient of variation.
fn cv(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
    variance.sqrt() / mean
}

fn count(jobs: &[Job], from: u64, to: u64) -> f64 {
    jobs.iter().filter(|job| (s(from)..s(to)).contains(&job.at)).count() as f64
}

#[test]
fn gaps_vary_as_the_process_says() {
    let found = |load: Load| cv(&gaps(&load.jobs(SEED, s(2_000))));
    let poisson = found(Load::poisson(50.0));
    assert!((0.97..1.03).contains(&poisson), "{poisson}");
    let mmpp = found(Load::mmpp((0.5, s(19)), (200.0, s(1))));
    assert!(mmpp > 3.0, "{mmpp}");
    assert!(found(Load::spaced(ms(20))) < 1e-6);
    let tail = found(Load::spaced(Length::Pareto { least: ms(1), most: s(100), index: 1.1 }));
    assert!(tail > 3.0, "{tail}");
}

#[test]
fn rates_follow_their_curves() {
    let step = Load::step(20.0, 800.0, s(20)..s(40)).jobs(SEED, s(60));
    assert!((15_500.0..16_500.0).contains(&count(&step, 20, 40)));
    assert!((300.0..500.0).contains(&count(&step, 0, 20)));
    assert!((300.0..500.0).contains(&count(&step, 40, 60)));

    let ramp = Load::ramp(0.0, 400.0, s(10)..s(30)).jobs(SEED, s(40));
    assert_eq!(count(&ramp, 0, 10), 0.0);
    assert!((900.0..1_100.0).contains(&count(&ramp, 10, 20)), "a quarter of its jobs");
    assert!((3_800.0..4_200.0).contains(&count(&ramp, 30, 40)));
    let down = Load::ramp(400.0, 0.0, s(10)..s(30)).jobs(SEED, s(40));
    assert_eq!(count(&down, 30, 40), 0.0);

    let sine = Load::sine(200.0, 1.0, s(40)).jobs(SEED, s(40));
    assert!(count(&sine, 15, 25) > 20.0 * count(&sine, 0, 5), "from nothing to twice the mean");
    let even = Load::sine(200.0, f64::NAN, s(40)).jobs(SEED, s(40));
    assert!((1_800.0..2_200.0).contains(&count(&even, 0, 10)));
}

#[test]
fn lengths_have_their_mean_and_their_tail() {
    let lengths = [
        Length::Constant(ms(7)),
        Length::Exponential { mean: ms(7) },
        Length::Pareto { least: ms(1), most: ms(500), index: 1.3 },
        Length::Pareto { least: ms(1), most: ms(100), index: 1.0 },
        Length::LogNormal { median: ms(7), sigma: 0.8 },
    ];
    for length in lengths {
        let mut random = Random::new(SEED);
        let draws: Vec<f64> =
            (0..100_000).map(|_| length.draw(&mut random).as_secs_f64()).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let expected = length.mean().as_secs_f64();
        // Three sigma and the nanosecond that is cut off.
        let off = 3.0 * cv(&draws) * mean / (draws.len() as f64).sqrt() + 1e-9;
        assert!((mean - expected).abs() <= off, "{length:?}: {mean} s, not {expected} s");
        if let Length::Pareto { least, most, index } = length {
            let beyond = draws.iter().filter(|x| **x > 10.0 * least.as_secs_f64()).count() as f64;
            let ratio = most.as_secs_f64() / least.as_secs_f64();
            let cut = ratio.powf(-index);
            let expected = (10_f64.powf(-index) - cut) / (1.0 - cut);
            assert!((beyond / 1e5 / expected - 1.0).abs() < 0.1, "{length:?}: {beyond}");
            assert!(draws.iter().all(|x| *x <= most.as_secs_f64()), "{length:?}");
        }
    }
}

#[test]
fn what_no_load_can_be_is_no_jobs_or_one_batch() {
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(Load::poisson(rate).jobs(1, s(10)), []);
        assert_eq!(Load::mmpp((rate, s(0)), (rate, s(0))).jobs(1, s(1)), []);
    }
    assert_eq!(Load::default().jobs(1, s(10)), []);
    assert_eq!(Load::batches(0, Duration::from_nanos(1)).jobs(1, s(3_600)), []);
    assert_eq!(Load::batches(3, Duration::ZERO).jobs(1, s(10)).len(), 3);
    assert_eq!(Load::poisson(10.0).between(s(5), s(5)).jobs(1, s(10)), []);
    assert_eq!(Load::poisson(10.0).delayed(Duration::MAX).jobs(1, s(10)), []);
    assert_eq!(Load::step(0.0, 100.0, s(5)..s(5)).jobs(1, s(10)), []);
    assert!(Load::sine(10.0, 0.5, Duration::ZERO).jobs(1, s(10)).len() < 300);
}

#[test]
#[should_panic(expected = "more than 5000000 jobs")]
fn a_rate_that_would_fill_the_memory_is_refused() {
    Load::poisson(1e12).jobs(1, s(3_600));
}

#[test]
fn windows_and_delays_cut_and_move() {
    let load = Load::batches(2, s(1));
    let at = |load: Load| load.jobs(1, s(10)).iter().map(|j| j.at.as_secs()).collect::<Vec<_>>();
    assert_eq!(at(load.clone().between(s(3), s(5))), [3, 3, 4, 4]);
    assert_eq!(at(load.clone().between(s(3), s(5)).delayed(s(4))), [7, 7, 8, 8]);
    assert_eq!(at(load.clone().delayed(s(4)).between(s(3), s(5))), [4, 4]);
    assert_eq!(at(load.between(s(3), s(9)).between(s(0), s(4))), [3, 3]);
}

#[test]
fn parts_are_drawn_apart() {
    let work = Work::sleeping(Length::Exponential { mean: ms(20) });
    let first = Load::poisson(50.0).of(work);
    let alone = first.jobs(SEED, s(20));
    let hogs = Load::poisson(3.0).of(Work::computing(s(1)));
    let mut both = first.clone().and(hogs).jobs(SEED, s(20));
    both.retain(|job| job.compute == Duration::ZERO);
    assert_eq!(both, alone, "more load leaves the jobs that were there");

    let other = first.of(Work::computing(ms(3)).then_sleeping(ms(1)).calling(2, work));
    let times = |jobs: &[Job]| jobs.iter().map(|job| job.at).collect::<Vec<_>>();
    assert_eq!(times(&other.jobs(SEED, s(20))), times(&alone), "other work arrives alike");
}
