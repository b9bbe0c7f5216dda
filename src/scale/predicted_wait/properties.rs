//! What holds for every pool and every past, tried on random ones.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::PredictedWait;
use super::story::{millis, secs};
use crate::scale::policy::{Plan, Reason, ScalingPolicy};
use crate::scale::sample::Sample;

/// Reasons that may take a pool past what the cores can carry.
const ESCAPES: [Reason; 3] = [Reason::GrowHog, Reason::Starvation, Reason::EscapeBlocked];

/// Bounds, cores, objective and keep-alive of a pool.
fn pools() -> impl Strategy<Value = Sample> {
    let durations = (0_u64..200, 0_u64..20_000);
    (0_u32..8, 1_u32..300, 0.25_f64..70.0, durations).prop_map(
        |(min, room, cores, (target, keep))| {
            let (target_wait, keep_alive) = (millis(target), Some(millis(keep)));
            let max = min + room;
            Sample { min, max, cores, target_wait, keep_alive, ..Sample::default() }
        },
    )
}

/// One look at a pool; fractions of what is possible, so that they fit to any bounds.
#[derive(Clone, Debug)]
struct Look {
    elapsed: Duration,
    live: f64,
    busy: f64,
    starting: f64,
    runnable: Option<f64>,
    queued: u64,
    oldest_age: Duration,
    flow: (u64, u64, u64),
    run: Duration,
    run_ages: Vec<Duration>,
}

fn looks() -> impl Strategy<Value = Look> {
    let share = || 0.0_f64..=1.0;
    let levels = (share(), share(), share(), prop::option::of(share()));
    let queue = (prop_oneof![Just(0), 1_u64..4, 0_u64..5_000], 0_u64..3_000);
    let flow = (0_u64..2_000, 0_u64..2_000, 0_u64..2_000);
    let times = (0_u64..1_200, 1_u64..500_000_000, vec((0_u64..4_000).prop_map(millis), 0..9));
    (levels, queue, flow, times).prop_map(
        |((live, busy, starting, runnable), (queued, age), flow, (elapsed, run, run_ages))| Look {
            elapsed: millis(elapsed),
            live,
            busy,
            starting,
            runnable,
            queued,
            oldest_age: if queued > 0 { millis(age) } else { Duration::ZERO },
            flow,
            run: Duration::from_nanos(run),
            run_ages,
        },
    )
}

/// The look as a sample of that pool, which may be outside its bounds after a resize.
fn sample(pool: &Sample, look: &Look) -> Sample {
    let part = |share: f64, of: u32| (share * f64::from(of)).round() as u32;
    let workers = part(look.live, pool.max + 3);
    let busy = part(look.busy, workers);
    let starting = part(look.starting, workers - busy);
    let (arrivals, dequeues, completions) = look.flow;
    Sample {
        elapsed: look.elapsed,
        workers,
        busy,
        starting,
        idle: workers - busy - starting,
        busy_peak: busy,
        queued: look.queued,
        oldest_age: look.oldest_age,
        arrivals,
        dequeues,
        completions,
        busy_time: look.run * completions as u32,
        log2_service_sum: completions * u64::from(look.run.as_nanos().ilog2()),
        runnable: look.runnable.map(|share| part(share, busy)),
        run_ages: look.run_ages.clone(),
        ..pool.clone()
    }
}

/// Plays a past to a new policy; `check` sees each look, the plan and the policy after it.
fn play(
    pool: &Sample,
    past: &[Look],
    mut check: impl FnMut(&PredictedWait, &Sample, &Plan) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let (mut policy, mut now) = (PredictedWait::new(), Duration::ZERO);
    for look in past {
        now += look.elapsed;
        let sample = sample(pool, look);
        let plan = policy.decide(now, &sample);
        check(&policy, &sample, &plan)?;
    }
    Ok(())
}

proptest! {
    // A counterexample belongs into a test of its own, not into a file beside the code.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_bounds_hold(pool in pools(), past in vec(looks(), 1..40)) {
        play(&pool, &past, |_, sample, plan| {
            let less = plan.leave();
            prop_assert!(plan.add == 0 || sample.workers + plan.add <= sample.max);
            prop_assert!(less == 0 || sample.workers >= sample.min + less);
            prop_assert!(plan.retire_idle <= sample.idle);
            Ok(())
        })?;
    }

    #[test]
    fn nobody_is_added_and_retired_at_once(pool in pools(), past in vec(looks(), 1..40)) {
        play(&pool, &past, |_, _, plan| {
            prop_assert!(plan.add == 0 || plan.leave() == 0);
            Ok(())
        })?;
    }

    #[test]
    fn workers_are_added_for_jobs_that_wait_or_below_the_lower_bound(
        pool in pools(),
        past in vec(looks(), 1..40),
    ) {
        play(&pool, &past, |_, sample, plan| {
            prop_assert!(plan.add == 0 || sample.queued > 0 || sample.workers < sample.min);
            Ok(())
        })?;
    }

    #[test]
    fn the_cores_are_the_ceiling_but_for_the_escapes(
        pool in pools(),
        past in vec(looks(), 1..40),
    ) {
        play(&pool, &past, |policy, sample, plan| {
            let load = policy.estimates.read(sample, &policy.constants);
            let ceiling = load.ceiling(policy.constants.soft_per_core).max(sample.min);
            let within = sample.workers + plan.add <= ceiling;
            prop_assert!(plan.add == 0 || within || ESCAPES.contains(&plan.reason), "{plan:?}");
            Ok(())
        })?;
    }

    #[test]
    fn only_idle_workers_of_a_pool_without_a_queue_are_retired(
        pool in pools(),
        past in vec(looks(), 1..40),
    ) {
        play(&pool, &past, |_, sample, plan| {
            prop_assert!(plan.retire_idle == 0 || sample.queued == 0);
            Ok(())
        })?;
    }

    #[test]
    fn the_same_past_gives_the_same_plans(pool in pools(), past in vec(looks(), 1..40)) {
        let mut plans = Vec::new();
        play(&pool, &past, |_, _, plan| {
            plans.push(plan.clone());
            Ok(())
        })?;
        let mut again = plans.iter();
        play(&pool, &past, |_, _, plan| {
            prop_assert_eq!(Some(plan), again.next());
            Ok(())
        })?;
    }

    /// Every worker is blocked until the last of the waiting jobs has started: the pool must come
    /// to have enough of them, after any past, in logarithmically many looks.
    #[test]
    fn a_pool_that_is_all_blocked_grows_to_what_is_needed_in_few_looks(
        pool in pools(),
        past in vec(looks(), 0..10),
        jobs in 1_u64..1_000,
    ) {
        let (mut policy, mut now) = (PredictedWait::new(), Duration::ZERO);
        for look in &past {
            now += look.elapsed;
            policy.decide(now, &sample(&pool, look));
        }
        let enough = jobs.min(u64::from(pool.max));
        let mut workers = u64::from(pool.min).min(jobs);
        let began = now;
        let mut looks = 0;
        while workers < enough {
            let pause = if looks == 0 { millis(1) } else { millis(5) };
            now += pause;
            let queued = jobs - workers;
            let plan = policy.decide(now, &Sample {
                elapsed: pause,
                workers: workers as u32,
                busy: workers as u32,
                busy_peak: workers as u32,
                queued,
                oldest_age: now - began,
                busy_time: pause * workers as u32,
                runnable: Some(0),
                ..pool.clone()
            });
            workers += u64::from(plan.add);
            looks += 1;
            prop_assert!(now - began < secs(2), "{workers} of {enough} after {looks} looks");
        }
        // Until the wait exceeds the target nothing need happen, nor until the past has faded;
        // then each look doubles.
        let waiting = pool.target_wait.as_millis() as u32 / 5 + 8;
        let doublings = enough.ilog2() + 1;
        prop_assert!(looks <= waiting + 2 * doublings, "{looks} looks for {enough} workers");
    }
}
