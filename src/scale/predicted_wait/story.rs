//! How the tests speak to the policy: as a pool whose story is told step by step.

use std::time::Duration;

use super::PredictedWait;
use crate::scale::constants::Constants;
use crate::scale::policy::{Plan, Reason, ScalingPolicy};
use crate::scale::sample::Sample;

pub(super) fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub(super) fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A policy, the time, and the levels of a pool. What counts events is zero unless a step says
/// otherwise.
pub(super) struct Story {
    pub(super) policy: PredictedWait,
    pub(super) now: Duration,
    pub(super) levels: Sample,
}

impl Story {
    /// Four cores, 1 to 64 workers, a target of 10 ms and no keep-alive.
    pub(super) fn new() -> Story {
        Story::with(Constants::default())
    }

    pub(super) fn with(constants: Constants) -> Story {
        let levels = Sample { min: 1, max: 64, cores: 4.0, ..Sample::default() };
        Story { policy: PredictedWait::with_constants(constants), now: Duration::ZERO, levels }
    }

    /// Sets how many workers are in a job, and how many have none.
    pub(super) fn workers(&mut self, busy: u32, idle: u32) -> &mut Story {
        let levels = &mut self.levels;
        (levels.busy, levels.idle, levels.starting) = (busy, idle, 0);
        (levels.workers, levels.busy_peak) = (busy + idle, busy);
        self
    }

    /// Sets the queue, and how many of the busy workers want a core. Jobs that wait have waited
    /// for 20 ms.
    pub(super) fn queue(&mut self, queued: u64, runnable: u32) -> &mut Story {
        self.levels.queued = queued;
        self.levels.oldest_age = if queued > 0 { millis(20) } else { Duration::ZERO };
        self.levels.runnable = (queued > 0).then_some(runnable);
        self
    }

    /// The next evaluation, `later` than the previous, of the levels as `changed`.
    pub(super) fn step(&mut self, later: Duration, changed: impl FnOnce(&mut Sample)) -> Plan {
        self.now = self.now.saturating_add(later);
        let mut sample = Sample { elapsed: later.min(secs(1)), ..self.levels.clone() };
        changed(&mut sample);
        self.policy.decide(self.now, &sample)
    }

    pub(super) fn after(&mut self, later: Duration) -> Plan {
        self.step(later, |_| {})
    }

    /// Jobs of `run` each come and go, one for each of the `busy` workers and `run`, for `long`.
    pub(super) fn serve(&mut self, busy: u32, run: Duration, long: Duration) {
        let levels = self.levels.clone();
        self.workers(busy, levels.workers.saturating_sub(busy)).queue(0, 0);
        for _ in 0..long.as_millis() / run.as_millis() {
            self.step(run, |sample| {
                let jobs = u64::from(busy);
                (sample.arrivals, sample.dequeues, sample.completions) = (jobs, jobs, jobs);
                sample.busy_time = run * busy;
                sample.log2_service_sum = jobs * u64::from(run.as_nanos().ilog2());
            });
        }
        self.levels = levels;
    }
}

/// The change in workers that a plan asks for, and why.
pub(super) fn change(plan: &Plan) -> (i64, Reason) {
    let less = i64::from(plan.retire_idle) + i64::from(plan.drain);
    (i64::from(plan.add) - less, plan.reason)
}
