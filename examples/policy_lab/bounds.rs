//! What nobody can do better, as rows of the same table.

use springtide::sim::oracle::Clairvoyant;
use springtide::sim::rivals::Static;
use springtide::sim::{Run, Scenario};

use crate::comparison::{computing_share, measured};
use crate::measure::{COST, Facts, MEASURES, PEAK, STARTS};

/// Below this share of the other kind of work a load counts as pure.
const PURE: f64 = 0.05;

/// The run with as many workers as are allowed.
pub(crate) fn always_one_for_a_job(load: &Scenario) -> Run {
    load.run(Box::new(Static::max()))
}

/// The bounds that make sense for a load, by their labels: no law that starts `starts` threads
/// can cost less than the clairvoyant.
pub(crate) fn of(
    load: &Scenario,
    always: &Run,
    facts: Facts,
    starts: u64,
) -> Vec<(String, Vec<f64>)> {
    let (machine, computing) = (&load.machine, computing_share(load));
    let mut bounds = Vec::new();
    if computing < 1.0 - PURE {
        bounds.push((format!("static, {}", machine.max), measured(always, facts)));
    }
    if computing > PURE {
        let run = load.run(Box::new(Static::cores()));
        bounds.push((format!("static, {}", run.peak), measured(&run, facts)));
    }
    let calls = load.jobs.iter().any(|job| job.calls.is_some());
    if computing < PURE && !calls && !load.jobs.is_empty() {
        bounds.push(("clairvoyant".into(), clairvoyant(load, always, starts)));
    }
    bounds
}

/// It knows when jobs come and no more: only its cost and its starts can be compared. The workers
/// that the pool has from the first moment on count as starts of its own.
fn clairvoyant(load: &Scenario, always: &Run, starts: u64) -> Vec<f64> {
    let future = Clairvoyant::new(&load.jobs);
    let keeping = future.starting(starts + u64::from(load.machine.min));
    let mut values = vec![f64::NAN; MEASURES.len()];
    values[COST] = keeping.worker_seconds / always.least_seconds.max(f64::MIN_POSITIVE);
    values[PEAK] = future.peak() as f64;
    values[STARTS] = keeping.started as f64;
    values
}
