//! The one table of everything that is exported: each family with its type, help and labels, and
//! where its figures come from.
//!
//! A pool has the same series whatever the number of its workers and jobs: labels are the name
//! of the pool and closed sets. Every series exists from the first flush on, at zero.

use std::time::Duration;

use super::family::{Family, Figures, Labels, Reading, Unit, counter, gauge, histogram};
use super::policy::Reason;
use super::totals::Levels;
use crate::outcome::{Outcome, Refusal, StopCause};
use crate::run::priority::Priority;

const US: u64 = 1_000;
const MS: u64 = 1_000_000;
const SEC: u64 = 1_000_000_000;

/// Chosen for the wait a service can tolerate: the default target of 10 ms is in the middle.
pub(crate) const WAIT_LADDER: [u64; 19] = [
    10 * US,
    25 * US,
    50 * US,
    100 * US,
    250 * US,
    500 * US,
    MS,
    2_500 * US,
    5 * MS,
    10 * MS,
    25 * MS,
    50 * MS,
    100 * MS,
    250 * MS,
    500 * MS,
    SEC,
    2_500 * MS,
    5 * SEC,
    10 * SEC,
];

/// Jobs below 50 µs cost as much to queue as to run; beyond a minute only "long" matters.
const RUN_LADDER: [u64; 18] = [
    50 * US,
    100 * US,
    250 * US,
    500 * US,
    MS,
    2_500 * US,
    5 * MS,
    10 * MS,
    25 * MS,
    50 * MS,
    100 * MS,
    250 * MS,
    500 * MS,
    SEC,
    2_500 * MS,
    5 * SEC,
    10 * SEC,
    60 * SEC,
];

/// An evaluation takes some 20 µs; whole milliseconds mean that thread creation is slow.
const TICK_LADDER: [u64; 8] =
    [10 * US, 25 * US, 50 * US, 100 * US, 250 * US, MS, 10 * MS, 100 * MS];

/// The reasons for which a policy adds workers. Everything else counts as `custom`.
const UP: [Reason; 9] = [
    Reason::BelowMin,
    Reason::FillCores,
    Reason::Grow,
    Reason::GrowBlocked,
    Reason::GrowHog,
    Reason::Starvation,
    Reason::EscapeBlocked,
    Reason::QueueDeep,
    Reason::Custom("custom"),
];

/// The reasons for which a policy retires workers. Everything else counts as `custom`.
const DOWN: [Reason; 5] = [
    Reason::AboveMax,
    Reason::QueueShallow,
    Reason::ShrinkIdle,
    Reason::ShrinkCpu,
    Reason::Custom("custom"),
];

/// The reasons for which nothing is added while jobs wait, or nobody leaves who was to. Everything
/// else counts as `custom`.
const HELD: [Reason; 11] = [
    Reason::WillDrain,
    Reason::CpuSaturated,
    Reason::AtMax,
    Reason::AtMin,
    Reason::Steady,
    Reason::SpawnFailed,
    Reason::Paused,
    Reason::StateFailed,
    Reason::PolicyPanicked,
    Reason::ShrinkCpu,
    Reason::Custom("custom"),
];

/// The count of one reason out of a closed set; the last of the set takes in all others, so that
/// the series always add up to the number of events.
fn by_reason(counts: &[u64; Reason::ALL.len()], set: &[Reason], index: usize) -> Option<u64> {
    let reason = set.get(index)?;
    if index + 1 < set.len() {
        return Some(counts[reason.index()]);
    }
    let named: u64 = set[..index].iter().map(|other| counts[other.index()]).sum();
    Some(counts.iter().sum::<u64>().saturating_sub(named))
}

fn scale_event_labels(index: usize) -> Vec<(&'static str, &'static str)> {
    match index.checked_sub(UP.len()) {
        None => vec![("direction", "up"), ("reason", UP[index].as_str())],
        Some(down) => vec![("direction", "down"), ("reason", DOWN[down].as_str())],
    }
}

fn scale_events(figures: &Figures<'_>, index: usize) -> Option<u64> {
    let [up, down] = &figures.totals.scale_events;
    match index.checked_sub(UP.len()) {
        None => by_reason(up, &UP, index),
        Some(index) => by_reason(down, &DOWN, index),
    }
}

/// The values of the label `state`.
const WORKER_STATES: [&str; 6] = ["starting", "idle", "busy", "blocked", "held", "retiring"];

/// In the order of [`WORKER_STATES`].
fn workers_by_state(levels: &Levels) -> [u32; WORKER_STATES.len()] {
    [levels.starting, levels.idle, levels.busy, levels.blocked, levels.held, levels.retiring]
}

/// In the order of `reloads` in the totals.
const RELOAD_RESULTS: [&str; 2] = ["ok", "rejected"];

fn seconds(duration: Duration) -> Option<f64> {
    Some(duration.as_secs_f64())
}

/// The one gauge that the page of [`render`](crate::prometheus::render) has from the pool itself:
/// told by a supervisor that hangs, it would be as old as all the others.
pub(crate) const SUPERVISOR_LATE: &str = "springtide_supervisor_late_seconds";

/// Every exported family, in the order of documentation and dashboards.
pub(crate) static TABLE: [Family; 45] = [
    // Jobs.
    counter("springtide_jobs_submitted_total", "Jobs accepted into the pool.", |f, _| {
        Some(f.totals.accepted)
    }),
    counter(
        "springtide_jobs_refused_total",
        "Submissions that were not accepted, by reason.",
        |f, i| f.totals.refused.get(i).copied(),
    )
    .labels(Refusal::ALL.len(), |i| vec![("reason", Refusal::ALL[i].as_str())]),
    counter(
        "springtide_jobs_completed_total",
        "Jobs that left the pool, by outcome (expired = waited too long, timeout = ran too long).",
        |f, i| f.totals.outcomes.get(i).copied(),
    )
    .labels(Outcome::ALL.len(), |i| vec![("outcome", Outcome::ALL[i].as_str())]),
    counter(
        "springtide_job_retries_total",
        "Attempts at jobs that had failed before; each is among the jobs accepted.",
        |f, _| Some(f.totals.retries),
    ),
    counter(
        "springtide_job_retries_refused_total",
        "Retries that the pool's retry budget did not allow.",
        |f, _| Some(f.totals.retries_refused),
    ),
    gauge(
        "springtide_jobs_delayed",
        "Jobs that wait for their time, or to be tried again; they are not queued.",
        |f, _| Some(f.totals.delayed as f64),
    ),
    gauge(
        "springtide_jobs_delayed_limit",
        "Jobs that may wait for their time at once; further ones are refused.",
        |f, _| Some(f.levels.delayed_limit as f64),
    ),
    gauge(
        "springtide_jobs_running",
        "Jobs started and not yet over, those included that their submitter runs.",
        |f, _| Some(f.totals.running() as f64),
    ),
    counter(
        "springtide_periodic_runs_skipped_total",
        "Runs of periodic jobs that were left out because the one before took too long.",
        |f, _| Some(f.totals.runs_skipped),
    ),
    histogram(
        "springtide_queue_wait_seconds",
        "Time from submission to start, of every job that ran.",
        &WAIT_LADDER,
        |f| &f.totals.wait,
    ),
    histogram("springtide_run_seconds", "Time a job occupied a worker.", &RUN_LADDER, |f| {
        &f.totals.run
    }),
    // Queue.
    gauge("springtide_queue_jobs", "Jobs waiting to start, by priority.", |f, i| {
        f.levels.queued_by.get(i).map(|n| *n as f64)
    })
    .labels(Priority::ALL.len(), |i| vec![("priority", Priority::ALL[i].as_str())]),
    gauge(
        "springtide_queue_reserved_places",
        "Places in the queue that permits hold; no jobs.",
        |f, _| Some(f.levels.reserved as f64),
    ),
    gauge(
        "springtide_queue_limit_jobs",
        "Jobs the queue may hold (+Inf when unbounded).",
        |f, _| Some(f.levels.queue_limit.map_or(f64::INFINITY, |limit| limit as f64)),
    ),
    gauge(
        "springtide_queue_oldest_job_age_seconds",
        "Age of the job that has waited longest; 0 when none waits.",
        |f, _| seconds(f.levels.noted.oldest_age),
    )
    .unit(Unit::Seconds),
    counter(
        "springtide_promotions_total",
        "Jobs that went before higher ones because they had waited too long.",
        |f, _| Some(f.totals.promotions),
    ),
    gauge("springtide_submitters_blocked", "Threads waiting for room in the queue.", |f, _| {
        Some(f.levels.submitters_blocked as f64)
    }),
    // Workers.
    gauge(
        "springtide_workers",
        "Worker threads by state; the sum is the number of threads.",
        |f, i| workers_by_state(f.levels).get(i).map(|n| f64::from(*n)),
    )
    .labels(WORKER_STATES.len(), |i| vec![("state", WORKER_STATES[i])]),
    gauge("springtide_workers_target", "Workers the supervisor wants now.", |f, _| {
        Some(f64::from(f.levels.noted.target))
    }),
    gauge("springtide_workers_min", "Lower bound in force.", |f, _| Some(f64::from(f.levels.min))),
    gauge("springtide_workers_max", "Upper bound in force.", |f, _| Some(f64::from(f.levels.max))),
    gauge(
        "springtide_workers_replaced",
        "Workers that stuck jobs keep and others may stand in for, above the upper bound.",
        |f, _| Some(f64::from(f.levels.noted.replaced)),
    ),
    gauge(
        "springtide_demand_workers",
        "Workers the offered load needs; may exceed the upper bound. Scale machines by its sum.",
        |f, _| Some(f64::from(f.levels.noted.demand)),
    ),
    gauge(
        "springtide_utilization_ratio",
        "Busy share of worker time since the flush before.",
        |f, _| Some(f.levels.noted.utilization),
    )
    .unit(Unit::Ratio),
    counter(
        "springtide_worker_busy_seconds_total",
        "Worker time spent inside jobs, in whole seconds.",
        |f, _| Some(f.totals.busy.as_secs()),
    )
    .unit(Unit::Seconds),
    counter(
        "springtide_worker_cpu_seconds_total",
        "CPU time of the worker threads, in whole seconds; absent where the system does not tell.",
        |f, _| f.levels.noted.worker_cpu.map(|cpu| cpu.as_secs()),
    )
    .unit(Unit::Seconds),
    gauge(
        "springtide_cpu_saturation_ratio",
        "CPU used by the process over the cores it may use; absent where unknown.",
        |f, _| f.levels.noted.cpu_saturation,
    )
    .unit(Unit::Ratio),
    gauge(
        "springtide_longest_running_job_seconds",
        "Age of the job that has run longest; 0 when none runs.",
        |f, _| seconds(f.levels.longest_running),
    )
    .unit(Unit::Seconds),
    gauge(
        "springtide_heartbeat_age_seconds",
        "Longest time since a running job last said that it lives, of those that ever did.",
        |f, _| seconds(f.levels.heartbeat_age),
    )
    .unit(Unit::Seconds),
    gauge(
        "springtide_stuck_jobs",
        "Jobs that have outrun their timeout or deadline by the grace and run on.",
        |f, _| Some(f64::from(f.levels.stuck_jobs)),
    ),
    counter(
        "springtide_jobs_stuck_total",
        "Jobs that outran their timeout or deadline by the grace.",
        |f, _| Some(f.totals.stuck_jobs),
    ),
    gauge(
        "springtide_stalled",
        "1 while jobs wait and none has left the queue for far longer than jobs take.",
        |f, _| Some(f64::from(u8::from(f.levels.noted.stalled))),
    ),
    counter("springtide_steals_total", "Jobs taken from another worker's deque.", |f, _| {
        Some(f.totals.steals)
    }),
    counter("springtide_workers_started_total", "Worker threads started.", |f, _| {
        Some(f.totals.workers_started)
    }),
    counter("springtide_workers_stopped_total", "Worker threads ended, by cause.", |f, i| {
        f.totals.workers_stopped.get(i).copied()
    })
    .labels(StopCause::ALL.len(), |i| vec![("cause", StopCause::ALL[i].as_str())]),
    counter(
        "springtide_worker_spawn_failures_total",
        "Worker threads the system refused to create.",
        |f, _| Some(f.totals.spawn_failures),
    ),
    // Supervisor.
    counter(
        "springtide_scale_events_total",
        "Decisions that changed the number of workers, by direction and reason.",
        scale_events,
    )
    .labels(UP.len() + DOWN.len(), scale_event_labels),
    counter(
        "springtide_scale_suppressed_total",
        "Evaluations that added nobody though jobs waited, or let nobody go who was to, by reason.",
        |f, i| by_reason(&f.totals.suppressed, &HELD, i),
    )
    .labels(HELD.len(), |i| vec![("reason", HELD[i].as_str())]),
    counter("springtide_evaluations_total", "Evaluations of the scaling policy.", |f, _| {
        Some(f.totals.evaluations)
    }),
    counter(
        "springtide_recoveries_total",
        "Times a queue that nobody served was found and a worker woken or started for it.",
        |f, _| Some(f.totals.recoveries),
    ),
    histogram(
        "springtide_supervisor_tick_seconds",
        "Time one evaluation took, the acting on it included.",
        &TICK_LADDER,
        |f| &f.totals.tick,
    ),
    gauge(
        SUPERVISOR_LATE,
        "How long the supervisor has been at work, or late for it. Our own pages read it anew.",
        |f, _| seconds(f.levels.supervisor_late),
    )
    .unit(Unit::Seconds),
    gauge(
        "springtide_supervisor_last_tick_timestamp_seconds",
        "Unix time of the last evaluation; an old one is a fault only while jobs are queued.",
        |f, _| Some(f.levels.noted.last_tick_unix),
    )
    .unit(Unit::Seconds),
    counter(
        "springtide_config_reloads_total",
        "Live changes of the configuration, by result.",
        |f, i| f.totals.reloads.get(i).copied(),
    )
    .labels(RELOAD_RESULTS.len(), |i| vec![("result", RELOAD_RESULTS[i])]),
    counter(
        "springtide_samples_thinned_total",
        "Samples left out of the exported histograms by the flush budget; 0 means exact.",
        |f, _| Some(f.thinned),
    ),
];

/// The family `springtide_info`, apart because one label is the name of a pool's own policy.
pub(crate) static INFO: Family = Family {
    name: "springtide_info",
    unit: Unit::Count,
    help: "1 while the pool lives; its labels name the version of the crate and the policy.",
    labels: Labels { series: 1, of: |_| vec![("version", env!("CARGO_PKG_VERSION"))] },
    reading: Reading::Gauge(|_, _| Some(1.0)),
};

#[cfg(test)]
mod tests;
