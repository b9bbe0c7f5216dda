//! What the laws can be held against, as rows of the same table.
//!
//! Nobody waits less than under as many workers as are allowed where jobs only sleep, and nobody
//! does more than one worker for each core where they only compute; and no law that lets nobody
//! wait and starts so many threads costs less than the clairvoyant.

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

/// The references that make sense for a load, by their labels; the clairvoyant starts no more than
/// `starts` threads, if that is possible at all.
pub(crate) fn of(
    load: &Scenario,
    always: &Run,
    facts: Facts,
    starts: u64,
) -> Vec<(String, Vec<f64>)> {
    let (machine, computing) = (&load.machine, computing_share(load));
    let mut rows = Vec::new();
    if computing < 1.0 - PURE {
        rows.push((format!("static, {}", machine.max), measured(always, facts)));
    }
    if computing > PURE {
        let run = load.run(Box::new(Static::cores()));
        rows.push((format!("static, {}", run.peak), measured(&run, facts)));
    }
    rows.extend(clairvoyant(load, always, starts).map(|row| ("clairvoyant".into(), row)));
    rows
}

/// Who knows the future of a load. It has a worker for every job: so jobs must only sleep, and the
/// upper bound must allow it as many as it takes.
pub(crate) fn future(load: &Scenario) -> Option<Clairvoyant> {
    let calls = load.jobs.iter().any(|job| job.calls.is_some());
    if computing_share(load) >= PURE || calls || load.jobs.is_empty() {
        return None;
    }
    let future = Clairvoyant::new(&load.jobs);
    (future.peak() <= u64::from(load.machine.max)).then_some(future)
}

/// Only its cost and its starts can be compared. The workers that the pool has from the first
/// moment on count as starts of its own.
fn clairvoyant(load: &Scenario, always: &Run, starts: u64) -> Option<Vec<f64>> {
    let future = future(load)?;
    let keeping = future.starting(starts + u64::from(load.machine.min));
    let mut values = vec![f64::NAN; MEASURES.len()];
    values[COST] = keeping.worker_seconds / always.least_seconds.max(f64::MIN_POSITIVE);
    values[PEAK] = future.peak() as f64;
    values[STARTS] = keeping.started as f64;
    Some(values)
}
