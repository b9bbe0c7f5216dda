//! The pools of the process as JSON: what `/debug/pools` shows. Nothing in here changes a pool.

use std::cmp::Reverse;

use super::json::Json;
use super::pools;
use crate::pool_handle::PoolHandle;
use crate::run::current::JobInfo;
use crate::run::priority::Priority;
use crate::scale::{Core, Decision};
use crate::stats::{Health, Quantiles, Stats, WorkerCounts};
use crate::sync::Arc;

/// The most that is shown of each: pools, decisions of a pool, running jobs of a pool.
const MOST: usize = 64;

pub(crate) fn pools_as_json() -> String {
    let pools = pools::all();
    let mut json = Json::default();
    json.object(|json| {
        json.field("pools").list(pools.iter().take(MOST), write_pool);
        json.field("pools_left_out").number(pools.len().saturating_sub(MOST) as u64);
    });
    json.into_text()
}

fn write_pool(json: &mut Json, core: &Arc<Core>) {
    let pool = PoolHandle { core: Arc::clone(core) };
    let (health, stats, decisions) = (pool.health(), pool.stats(), pool.decisions());
    let mut jobs = pool.running_jobs();
    jobs.sort_by_key(|job| Reverse(job.age));
    let earlier = decisions.len().saturating_sub(MOST);
    json.object(|json| {
        json.field("name").string(pool.name());
        write_health(json.field("health"), &health);
        json.field("stats").object(|json| write_stats(json, &stats));
        json.field("decisions").list(&decisions[earlier..], write_decision);
        json.field("decisions_left_out").number(earlier as u64);
        json.field("running_jobs").list(jobs.iter().take(MOST), write_job);
        json.field("running_jobs_left_out").number(jobs.len().saturating_sub(MOST) as u64);
    });
}

fn write_health(json: &mut Json, health: &Health) {
    json.object(|json| {
        json.field("is_healthy").bool(health.is_healthy());
        let troubles = health.troubles.iter().map(|trouble| trouble.as_str());
        json.field("troubles").list(troubles, Json::string);
        json.field("stuck_jobs").number(health.stuck_jobs);
    });
}

fn write_stats(json: &mut Json, stats: &Stats) {
    json.field("name").string(&stats.name);
    json.field("uptime_seconds").seconds(stats.uptime);
    let refused = stats.refused_by.iter().map(|(refusal, count)| (refusal.as_str(), *count));
    write_counts(json.field("refused_by"), refused);
    let queued = Priority::ALL.map(Priority::as_str).into_iter().zip(stats.queued_by);
    write_counts(json.field("queued_by"), queued);
    for (name, count) in [
        ("accepted", stats.accepted),
        ("refused", stats.refused),
        ("delayed", stats.delayed),
        ("queued", stats.queued),
        ("reserved", stats.reserved),
        ("running", stats.running),
        ("ok", stats.ok),
        ("errored", stats.errored),
        ("panicked", stats.panicked),
        ("cancelled", stats.cancelled),
        ("expired", stats.expired),
        ("timed_out", stats.timed_out),
        ("returned", stats.returned),
        ("lost", stats.lost),
        ("stuck", stats.stuck.into()),
        ("stuck_total", stats.stuck_total),
        ("retries", stats.retries),
        ("retries_refused", stats.retries_refused),
        ("target", stats.target.into()),
        ("min", stats.min.into()),
        ("max", stats.max.into()),
        ("demand", stats.demand.into()),
        ("submitters_blocked", stats.submitters_blocked),
        ("steals", stats.steals),
        ("promotions", stats.promotions),
        ("threads_started", stats.threads_started),
        ("threads_retired", stats.threads_retired),
        ("spawn_failures", stats.spawn_failures),
        ("evaluations", stats.evaluations),
        ("recoveries", stats.recoveries),
    ] {
        json.field(name).number(count);
    }
    write_workers(json.field("workers"), stats.workers);
    json.field("oldest_age_seconds").seconds(stats.oldest_age);
    json.field("utilization").fraction(stats.utilization);
    write_quantiles(json.field("wait"), stats.wait);
    write_quantiles(json.field("run"), stats.run);
    json.field("busy_time_seconds").seconds(stats.busy_time);
    write_counts(json.field("decisions"), stats.decisions.iter().copied());
}

fn write_counts(json: &mut Json, counts: impl IntoIterator<Item = (&'static str, u64)>) {
    json.object(|json| {
        counts.into_iter().for_each(|(name, count)| json.field(name).number(count));
    });
}

fn write_workers(json: &mut Json, workers: WorkerCounts) {
    let counts = [
        ("total", workers.total),
        ("starting", workers.starting),
        ("idle", workers.idle),
        ("busy", workers.busy),
        ("blocked", workers.blocked),
        ("held", workers.held),
        ("retiring", workers.retiring),
    ];
    write_counts(json, counts.map(|(name, count)| (name, count.into())));
}

fn write_quantiles(json: &mut Json, of: Quantiles) {
    json.object(|json| {
        json.field("count").number(of.count);
        for (name, duration) in [
            ("mean_seconds", of.mean),
            ("p50_seconds", of.p50),
            ("p90_seconds", of.p90),
            ("p99_seconds", of.p99),
            ("p999_seconds", of.p999),
            ("max_seconds", of.max),
        ] {
            json.field(name).seconds(duration);
        }
    });
}

fn write_decision(json: &mut Json, decision: &Decision) {
    json.object(|json| {
        json.field("at_seconds").seconds(decision.at);
        json.field("from").number(decision.from);
        json.field("to").number(decision.to);
        json.field("reason").string(decision.reason.as_str());
        json.field("queued").number(decision.queued);
        json.field("oldest_age_seconds").seconds(decision.oldest_age);
        json.field("repeats").number(decision.repeats);
    });
}

fn write_job(json: &mut Json, job: &JobInfo) {
    json.object(|json| {
        json.field("kind").string(job.kind);
        match job.id {
            Some(id) => json.field("id").number(id.0),
            None => json.field("id").null(),
        }
        json.field("worker").number(job.worker as u64);
        json.field("age_seconds").seconds(job.age);
        json.field("blocked").bool(job.blocked);
        match job.heartbeat_age {
            Some(age) => json.field("heartbeat_age_seconds").seconds(age),
            None => json.field("heartbeat_age_seconds").null(),
        }
        json.field("stuck").bool(job.stuck);
    });
}
