//! Turns the counters of a running pool into a [`Sample`]: differences since the last look.

use std::time::Duration;

use super::arrivals::ArrivalLog;
use super::ledger::{Counts, ELAPSED_MAX, Ledger};
use super::probe::Probe;
use super::sample::Sample;
use crate::config::Settings;
use crate::outcome::Refusal;
use crate::run::job::Job;
use crate::run::shared::Shared;
use crate::sync::atomic::Ordering;
use crate::time::{Nanos, nanos};

/// Reads the pool and keeps the books.
#[derive(Debug, Default)]
pub(crate) struct Observer {
    ledger: Ledger,
    /// Of the jobs in the injector, which jobs from inside and others overtake.
    injected: ArrivalLog,
    /// When the clock, or the whole machine, was last seen to have jumped, and how far.
    jump: Option<(Nanos, Duration)>,
    /// The last look was to be followed by another one soon.
    awake: bool,
    pub(crate) probe: Probe,
    /// Busy worker time and worker time, ever: their ratio over a while is the utilization.
    pub(crate) busy_ns: u64,
    pub(crate) worker_ns: u64,
}

impl Observer {
    /// `now` is what the clock shows, as jobs are stamped with; what happens between two looks is
    /// reckoned in `steady` time, so that no job is young for ever because the clock stepped back.
    pub(crate) fn observe(
        &mut self,
        shared: &Shared,
        settings: &Settings,
        now: Nanos,
        steady: Nanos,
    ) -> Sample {
        let (counts, from_inside) = self.count(shared, now, steady);
        let injected_waits = self.injected_age(shared, counts.accepted - from_inside, steady);
        let seen = shared.sleep.look();
        let (starting, idle) = shared.starting_and_idle(seen);
        let busy = seen.busy();
        let peak = shared.busy_peak.swap(busy, Ordering::Relaxed);
        let gap = steady.since(self.ledger.last().at);
        if self.awake && gap > ELAPSED_MAX {
            self.jump = Some((now, gap));
        }
        let mut since = self.ledger.look(counts, shared.gate.waiting());
        // Low jobs are overtaken, so the order of coming says nothing about them.
        let other_levels = shared.queue.levels.oldest(|job| job.queued_at, Job::is_shell);
        let others_wait = other_levels.map_or(Duration::ZERO, |oldest| now.since(oldest));
        since.oldest_age = since.oldest_age.max(others_wait).max(injected_waits);
        // No worker was inside a job for longer than the time there was, whatever the clock did.
        since.busy_time = since.busy_time.min(since.elapsed * peak.max(seen.live()));
        let cores = self.probe.cores(steady, settings.cores);
        self.busy_ns += since.busy_time.as_nanos() as u64;
        self.worker_ns += since.elapsed.as_nanos() as u64 * u64::from(seen.live());
        let mut sample = Sample {
            workers: seen.live(),
            starting,
            idle,
            busy,
            busy_peak: peak.max(busy),
            min: settings.min_workers as u32,
            max: settings.max_workers as u32,
            cores,
            target_wait: settings.target_wait,
            keep_alive: settings.keep_alive,
            ..since
        };
        // Reading the states costs 2 µs a worker, and only a pool under pressure needs them.
        if sample.queued > 0 && idle == 0 {
            let runnable = self.probe.runnable(shared, busy, now, cores);
            sample.runnable = Some(runnable.count);
            sample.run_ages = runnable.ages;
            self.forget_jump(now, &mut sample.run_ages);
        }
        self.awake = !sample.is_at_rest();
        sample
    }

    /// A job that an hour of suspension fell into has not run for an hour: it is no hog.
    fn forget_jump(&self, now: Nanos, ages: &mut [Duration]) {
        let Some((seen, gap)) = self.jump else { return };
        let since = now.since(seen);
        for age in ages.iter_mut().filter(|age| **age > since) {
            *age = age.saturating_sub(gap);
        }
    }

    /// How long the job at the head of the injector waits: all who came there, less those who wait
    /// there, have left it in the order they came. Whoever was admitted and never came there makes
    /// it younger. Behind a shell the head cannot be told, and nothing is said.
    fn injected_age(&mut self, shared: &Shared, from_outside: u64, steady: Nanos) -> Duration {
        let came = from_outside.saturating_sub(shared.queue.levels.came());
        let left = came.saturating_sub(shared.queue.injected());
        let age = self.injected.observe(steady, came, left);
        if shared.gate.has_shells() { Duration::ZERO } else { age }
    }

    /// Never less than at the last look, whatever the clock does and however the reads interleave
    /// with the workers' writes; and how many of the accepted jobs went into a worker's own deque.
    fn count(&self, shared: &Shared, now: Nanos, steady: Nanos) -> (Counts, u64) {
        // Saturating: a clock may jump by centuries while several jobs run.
        let ages = shared.roster.running().map(|(_, job)| nanos(now.since(job.started)));
        let in_progress = ages.fold(0, u64::saturating_add);
        let sum = shared.roster.sum();
        let (accepted, left) = shared.gate.counts();
        let refused = [Refusal::QueueFull, Refusal::Deadline].map(|r| shared.outside.refusals(r));
        let counts = Counts {
            at: steady,
            accepted,
            refused: refused.iter().sum(),
            left,
            completed: sum.outcomes.iter().sum(),
            busy_ns: sum.busy_ns.saturating_add(in_progress).max(self.ledger.last().busy_ns),
            log2_run_sum: sum.log2_run_sum,
        };
        (counts, sum.from_inside.min(accepted))
    }
}
