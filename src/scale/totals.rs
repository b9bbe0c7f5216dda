//! Counts and levels as plain values: what statistics, telemetry and the metrics pages are made of.

use std::time::Duration;

use crate::outcome::{Outcome, Refusal, StopCause};
use crate::run::figures::LaneFigures;
use crate::run::histogram::Cells;
use crate::run::priority::Priority;

/// Everything counted since the pool was built, as of one moment. Never goes backwards.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals {
    /// Time since the pool was built.
    pub(crate) at: Duration,
    pub(crate) accepted: u64,
    /// By [`Refusal`].
    pub(crate) refused: [u64; Refusal::ALL.len()],
    /// By [`Outcome`].
    pub(crate) outcomes: [u64; Outcome::ALL.len()],
    /// Those that wait for their time. A level, but of the same look as the counts around it.
    pub(crate) delayed: u64,
    /// Jobs that left the queue: started, cancelled, expired or returned.
    pub(crate) dequeued: u64,
    /// Attempts at jobs that had failed before, and those that the budget did not allow.
    pub(crate) retries: u64,
    pub(crate) retries_refused: u64,
    /// Runs of periodic jobs that were left out.
    pub(crate) runs_skipped: u64,
    pub(crate) busy: Duration,
    pub(crate) steals: u64,
    /// Jobs that went before higher ones for their age.
    pub(crate) promotions: u64,
    /// Submission to start, of every job that ran.
    pub(crate) wait: Cells,
    /// Start to end, of every job that ran.
    pub(crate) run: Cells,
    pub(crate) workers_started: u64,
    /// By [`StopCause`].
    pub(crate) workers_stopped: [u64; StopCause::ALL.len()],
    pub(crate) spawn_failures: u64,
    /// Decisions that changed the number of workers: `[direction][reason]`, direction 0 is up.
    pub(crate) scale_events: [[u64; super::Reason::ALL.len()]; 2],
    /// Evaluations that added nobody though jobs waited, or let nobody go who was to, by reason.
    pub(crate) suppressed: [u64; super::Reason::ALL.len()],
    /// Every verdict of every evaluation, by reason.
    pub(crate) verdicts: [u64; super::Reason::ALL.len()],
    pub(crate) evaluations: u64,
    /// Time one evaluation took, the acting on it included.
    pub(crate) tick: Cells,
    /// Times the reconciling check found a queue nobody served and woke or started a worker.
    pub(crate) recoveries: u64,
    /// Jobs that outran their timeout or deadline by the grace.
    pub(crate) stuck_jobs: u64,
    /// `reconfigure` and `resize` calls: accepted, rejected.
    pub(crate) reloads: [u64; 2],
    /// Of each lane that is shown by name, in the order of their opening, and of all others.
    pub(crate) lanes: Vec<LaneFigures>,
}

impl Totals {
    /// Jobs that wait in the queue. A level, but of the same look as the counts.
    pub(crate) fn queued(&self) -> u64 {
        self.accepted - self.delayed - self.dequeued
    }

    /// Jobs started and not yet over. A level, as the queued ones.
    pub(crate) fn running(&self) -> u64 {
        self.dequeued - self.outcomes.iter().sum::<u64>()
    }
}

/// What is shown and can change while no worker is awake: between two that are equal there is
/// nothing to tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Activity {
    pub(crate) accepted: u64,
    pub(crate) outcomes: [u64; Outcome::ALL.len()],
    pub(crate) refused: [u64; Refusal::ALL.len()],
    pub(crate) reloads: [u64; 2],
    /// Places in the queue that permits hold.
    pub(crate) reserved: u64,
    /// Whatever happens in lanes.
    pub(crate) lane_changes: u64,
    pub(crate) workers_started: u64,
    pub(crate) workers_stopped: [u64; StopCause::ALL.len()],
}

/// Levels at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Levels {
    pub(crate) noted: Noted,
    /// Jobs in the queue by [`Priority`].
    pub(crate) queued_by: [u64; Priority::ALL.len()],
    /// Places in the queue that permits hold.
    pub(crate) reserved: u64,
    /// `None` when unbounded.
    pub(crate) queue_limit: Option<u64>,
    /// Jobs that may be delayed at once.
    pub(crate) delayed_limit: u64,
    pub(crate) submitters_blocked: u64,
    pub(crate) starting: u32,
    pub(crate) idle: u32,
    /// Inside a job and not inside a declared blocking section.
    pub(crate) busy: u32,
    /// Inside a declared blocking section, or waiting for another job of this pool.
    pub(crate) blocked: u32,
    /// Without a state that a job needed.
    pub(crate) held: u32,
    pub(crate) retiring: u32,
    pub(crate) min: u32,
    pub(crate) max: u32,
    pub(crate) longest_running: Duration,
    /// The longest time since a running job last said that it lives, of those that ever did.
    pub(crate) heartbeat_age: Duration,
    /// Jobs that have outrun their timeout or deadline by the grace and run on.
    pub(crate) stuck_jobs: u32,
    /// For how long the supervisor has been at its work, or ought to have been.
    pub(crate) supervisor_late: Duration,
}

/// The levels that the supervisor finds out and writes down, as old as its last look or flush.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Noted {
    pub(crate) target: u32,
    pub(crate) demand: u32,
    /// Workers with stuck jobs that others may stand in for.
    pub(crate) replaced: u32,
    pub(crate) oldest_age: Duration,
    /// Jobs wait, none has left the queue for long, and no worker could be added.
    pub(crate) stalled: bool,
    /// Unix time of the last evaluation, in seconds.
    pub(crate) last_tick_unix: f64,
    /// Busy share of worker time since the flush before.
    pub(crate) utilization: f64,
    /// CPU time of the worker threads so far; `None` where the platform does not tell.
    pub(crate) worker_cpu: Option<Duration>,
    /// CPU used by the process over its cores; `None` where unknown.
    pub(crate) cpu_saturation: Option<f64>,
}
