//! The numbers of one run, each in one place: the summary, the JSON object and the page show these.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::resize::Resized;
use crate::run::Finished;
use crate::tally::{Entry, Outcome, Spread};

/// The object that `--json` writes. Jobs count by what they reported themselves, except for
/// those that the pool dropped before they ran, of which it has to give an account.
#[derive(Debug, Serialize)]
pub(crate) struct Numbers {
    pub(crate) jobs_offered: u64,
    pub(crate) jobs_accepted: u64,
    pub(crate) jobs_refused: u64,
    pub(crate) jobs_ok: u64,
    pub(crate) jobs_panicked: u64,
    pub(crate) jobs_timed_out: u64,
    /// Of those that timed out, the ones that the pool found to go on for long after.
    pub(crate) jobs_stuck: u64,
    /// By the pool, or by Ctrl-C while they ran.
    pub(crate) jobs_cancelled: u64,
    pub(crate) jobs_expired: u64,
    /// Accepted, less all outcomes. Anything but zero is a fault of the pool.
    pub(crate) jobs_lost: i64,
    /// From the intended arrival to the start; like the sojourn of a job that Ctrl-C cut short,
    /// that of a job which was still queued then is less than it would have been.
    pub(crate) wait_ms: Spread,
    /// From the intended arrival to the end.
    pub(crate) sojourn_ms: Spread,
    /// From the start to the end, of jobs that came to their own end.
    pub(crate) run_ms: Spread,
    /// From the intended arrival to the hand-over: the part of the wait that is the generator's,
    /// or the pool's when a full queue held the generator up.
    pub(crate) late_ms: Spread,
    /// From the hand-over to the start: the rest of the wait.
    pub(crate) queued_ms: Spread,
    pub(crate) workers: Workers,
    /// Changes of the bounds, in order.
    pub(crate) resizes: Vec<Resized>,
    pub(crate) worker_seconds: f64,
    pub(crate) busy_seconds: f64,
    pub(crate) threads_started: u64,
    pub(crate) threads_retired: u64,
    pub(crate) flaps: u64,
    /// All threads of the process, those of the load test included.
    pub(crate) os_threads_peak: Option<u32>,
    pub(crate) cpu_seconds: Option<f64>,
    pub(crate) context_switches: Option<u64>,
    pub(crate) evaluations: u64,
    pub(crate) decisions: BTreeMap<&'static str, u64>,
    pub(crate) elapsed_s: f64,
    pub(crate) speed: f64,
    pub(crate) interrupted: bool,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Workers {
    pub(crate) min_seen: u32,
    pub(crate) peak: u32,
    pub(crate) mean: f64,
    pub(crate) at_end: u32,
}

impl Numbers {
    pub(crate) fn of(finished: &Finished) -> Numbers {
        let Finished { tally, series, resizes, stats, usage, elapsed, interrupted, speed } =
            finished;
        let entries: Vec<Entry> = tally.entries().collect();
        let ended = |outcome| entries.iter().filter(|e| e.outcome == outcome).count() as u64;
        let spread = |of: fn(&Entry) -> Option<Duration>| {
            Spread::of(entries.iter().filter_map(of).collect())
        };
        let (ok, panicked) = (ended(Outcome::Ok), ended(Outcome::Panicked));
        let timed_out = ended(Outcome::TimedOut);
        let cancelled = ended(Outcome::CutShort) + stats.cancelled + stats.returned;
        let over = ok + panicked + timed_out + cancelled + stats.expired;
        let worker_seconds = series.worker_time().as_secs_f64();
        Numbers {
            jobs_offered: entries.len() as u64,
            jobs_accepted: tally.accepted(),
            jobs_refused: tally.refused(),
            jobs_ok: ok,
            jobs_panicked: panicked,
            jobs_timed_out: timed_out,
            jobs_stuck: stats.stuck_total,
            jobs_cancelled: cancelled,
            jobs_expired: stats.expired,
            jobs_lost: tally.accepted() as i64 - over as i64,
            wait_ms: spread(|e| e.times.map(|t| t.wait)),
            sojourn_ms: spread(|e| e.times.map(|t| t.wait + t.run)),
            run_ms: spread(|e| e.times.filter(|_| e.outcome != Outcome::CutShort).map(|t| t.run)),
            late_ms: spread(|e| Some(e.late)),
            queued_ms: spread(|e| e.times.map(|t| t.wait.saturating_sub(e.late))),
            workers: Workers {
                min_seen: series.points.iter().map(|p| p.workers).min().unwrap_or_default(),
                peak: series.points.iter().map(|p| p.workers).max().unwrap_or_default(),
                mean: thousandths(worker_seconds / elapsed.as_secs_f64()),
                at_end: stats.workers.total,
            },
            resizes: resizes.clone(),
            worker_seconds: thousandths(worker_seconds),
            busy_seconds: thousandths(stats.busy_time.as_secs_f64()),
            threads_started: stats.threads_started,
            threads_retired: stats.threads_retired,
            flaps: series.flaps(*speed),
            os_threads_peak: series.os_threads_peak,
            cpu_seconds: usage.map(|u| thousandths(u.cpu.as_secs_f64())),
            context_switches: usage.map(|u| u.context_switches),
            evaluations: stats.evaluations,
            decisions: stats.decisions.iter().copied().filter(|d| d.1 > 0).collect(),
            elapsed_s: thousandths(elapsed.as_secs_f64()),
            speed: *speed,
            interrupted: *interrupted,
        }
    }

    /// Decisions, the most frequent first.
    pub(crate) fn reasons(&self) -> Vec<(&'static str, u64)> {
        let mut reasons: Vec<_> = self.decisions.iter().map(|(name, n)| (*name, *n)).collect();
        reasons.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        reasons
    }
}

fn thousandths(x: f64) -> f64 {
    (x * 1e3).round() / 1e3
}
