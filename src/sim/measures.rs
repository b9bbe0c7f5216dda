//! What a run was worth: waits, cost, stability, honesty about cores.

use std::borrow::Cow;
use std::time::Duration;

use super::job::Job;
use super::law::Law;
use super::machine::Machine;
use super::model::Model;
use super::record::{Change, Slice};
use crate::time::nanos;

/// The wait must stay within the target for so long to count as settled after a step.
const SETTLED: u64 = 100_000_000;

/// Quantiles of a set of times; zero if the set is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quantiles {
    /// Half are at most this.
    pub p50: Duration,
    /// 99 of 100 are at most this.
    pub p99: Duration,
    /// 999 of 1000 are at most this.
    pub p999: Duration,
    /// None is more than this.
    pub max: Duration,
}

/// A finished run of one load under one law.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Run {
    /// The law's name.
    pub law: &'static str,
    /// Jobs that the load offered, those that others called included.
    pub offered: u64,
    /// Jobs that ran to their end within the horizon.
    pub completed: u64,
    /// Jobs that were turned away.
    pub refused: u64,
    /// Jobs that still waited or ran at the horizon.
    pub unfinished: u64,
    /// From arrival to start, of the jobs that started; and of those that wait still, so far.
    pub wait: Quantiles,
    /// From arrival to end, of the jobs that ended.
    pub sojourn: Quantiles,
    /// Share of the jobs that waited for longer than the target, those turned away included.
    pub late: f64,
    /// Seconds that workers existed.
    pub worker_seconds: f64,
    /// Seconds that workers were inside jobs.
    pub busy_seconds: f64,
    /// Seconds of work that was offered: no pool of any size needs fewer worker seconds to do it.
    pub least_seconds: f64,
    /// Threads started.
    pub started: u64,
    /// Threads ended.
    pub retired: u64,
    /// Threads started within 30 s of a retirement: each was retired too early.
    pub flaps: u64,
    /// Changes of direction in the number of workers.
    pub reversals: u64,
    /// The most workers at once.
    pub peak: u32,
    /// The most workers that were of use at once: those asleep inside their jobs, and of those
    /// that compute as many as there were cores. Under a law that always has a worker for a job
    /// it is what the load needed.
    pub peak_useful: u32,
    /// Times that the law was asked by the clock.
    pub evaluations: u64,
    /// Core seconds used.
    pub core_seconds: f64,
    /// Seconds that workers wanted a core and had none.
    pub run_queue_seconds: f64,
    /// The length of the run.
    pub horizon: Duration,
    /// The trajectory: the run in equal slices.
    pub slices: Vec<Slice>,
    /// The length of one slice.
    pub slice: Duration,
    /// Every change in the number of workers.
    pub changes: Vec<Change>,
    /// Arrival and wait of every job, in order of arrival; nanoseconds.
    waits: Vec<(u64, u64)>,
    target: Duration,
}

/// Runs a load from time zero to the horizon; jobs that arrive after that are not offered, and
/// jobs that are not in order of arrival are put in order.
///
/// Workers cost until the horizon, with or without jobs: costs can be compared over equal horizons
/// only. [`Scenario::of`](super::Scenario::of) goes on for a minute after the last arrival.
pub fn simulate(jobs: &[Job], machine: &Machine, law: Box<dyn Law>, horizon: Duration) -> Run {
    let name = law.name();
    let mut model = Model::new(machine.clone(), law, horizon);
    let mut jobs = Cow::Borrowed(jobs);
    if !jobs.is_sorted_by_key(|job| job.at) {
        jobs.to_mut().sort_by_key(|job| job.at);
    }
    for job in jobs.iter().take_while(|job| job.at <= horizon) {
        model.run_until(job.at);
        model.offer(job);
    }
    model.run_until(horizon);
    model.into_run(name)
}

impl Model {
    /// Ends the run and takes stock.
    pub fn into_run(self, law: &'static str) -> Run {
        let view = self.view();
        let (offered_in, completed, target) = (view.arrivals, view.completions, view.target_wait);
        let record = self.record();
        let (on_core, run_queue) = self.cores_used();
        let mut waits = record.waits.clone();
        waits.extend(self.waiting());
        waits.sort_unstable();
        let late = waits.iter().filter(|(_, wait)| *wait > nanos(target)).count() as u64;
        let offered = offered_in + record.refused;
        Run {
            law,
            offered,
            completed,
            refused: record.refused,
            unfinished: offered_in - completed,
            wait: quantiles(waits.iter().map(|(_, wait)| *wait).collect()),
            sojourn: quantiles(record.sojourns.clone()),
            late: (late + record.refused) as f64 / offered.max(1) as f64,
            worker_seconds: record.worker_ns as f64 / 1e9,
            busy_seconds: record.busy_ns as f64 / 1e9,
            least_seconds: self.offered_service_ns() as f64 / 1e9,
            started: record.started,
            retired: record.retired,
            flaps: record.flaps,
            reversals: record.reversals,
            peak: record.peak,
            peak_useful: record.peak_useful,
            evaluations: record.evaluations,
            core_seconds: on_core / 1e9,
            run_queue_seconds: run_queue / 1e9,
            horizon: self.now(),
            slices: record.slices.clone(),
            slice: record.slice_length(),
            changes: record.changes.clone(),
            waits,
            target,
        }
    }
}

impl Run {
    /// Worker seconds for each second of work: 1 is the least that any pool can do.
    pub fn cost(&self) -> f64 {
        self.worker_seconds / self.least_seconds.max(f64::MIN_POSITIVE)
    }

    /// Times that the law was asked by the clock, a second.
    pub fn evaluations_per_second(&self) -> f64 {
        self.evaluations as f64 / self.horizon.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// Seconds without a core for each second on one: zero waits in the queue that are only moved
    /// to the system's run queue show here.
    pub fn crowding(&self) -> f64 {
        self.run_queue_seconds / self.core_seconds.max(f64::MIN_POSITIVE)
    }

    /// The share of the jobs that waited for longer than this.
    pub fn late_by(&self, wait: Duration) -> f64 {
        let late = self.waits.iter().filter(|(_, waited)| *waited > nanos(wait)).count();
        late as f64 / self.waits.len().max(1) as f64
    }

    /// The mean wait: seconds.
    pub fn mean_wait(&self) -> f64 {
        let sum: f64 = self.waits.iter().map(|(_, wait)| *wait as f64).sum();
        sum / self.waits.len().max(1) as f64 / 1e9
    }

    /// How long after `step` the first time begins in which, for a tenth of a second, no job has
    /// waited for longer than the target; `None` if there is no such time.
    pub fn settled_after(&self, step: Duration) -> Option<Duration> {
        let (from, target) = (nanos(step), nanos(self.target));
        let mut late: Vec<(u64, u64)> = self
            .waits
            .iter()
            .filter(|(_, wait)| *wait > target)
            .map(|(at, wait)| (at + target, at + wait))
            .filter(|(_, until)| *until > from)
            .collect();
        late.sort_unstable();
        let mut calm_since = from;
        for (begins, ends) in late {
            if begins >= calm_since + SETTLED {
                break;
            }
            calm_since = calm_since.max(ends);
        }
        let horizon = nanos(self.horizon);
        (calm_since + SETTLED <= horizon).then(|| Duration::from_nanos(calm_since - from))
    }
}

fn quantiles(mut times: Vec<u64>) -> Quantiles {
    times.sort_unstable();
    let at = |share: f64| {
        let rank = (share * times.len() as f64).ceil() as usize;
        let time = times.get(rank.clamp(1, times.len().max(1)) - 1);
        Duration::from_nanos(time.copied().unwrap_or(0))
    };
    Quantiles { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1.0) }
}
