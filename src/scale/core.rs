//! One pool as its handles, its supervisor and its metrics pages share it.

use std::time::Duration;

use super::attendance::Attendance;
use super::journal::Journal;
#[cfg(feature = "metrics")]
use super::pool_label::Reported;
use super::refresh::Refresh;
use super::totals::{Activity, Levels, Totals};
use crate::compose::retry::budget::{RetryBudget, Spending};
use crate::compose::timer::Timer;
use crate::config::Settings;
use crate::metrics_source::MetricsSource;
use crate::outcome::{Outcome, Refusal, StopCause};
use crate::run::current::Running;
use crate::run::delayed::JobCounts;
use crate::run::desk::Inside;
use crate::run::overdue;
use crate::run::shared::Shared;
use crate::run::slot::State;
use crate::sync::plain::{AtomicU64, Ordering};
use crate::sync::{Arc, Mutex, Swap};

/// How often a look at the jobs is repeated that shows more of them running than there are threads.
const LOOKS_AGAIN: u32 = 8;

/// The running pool: its data plane, the settings in force, and what the supervisor wrote down.
pub(crate) struct Core {
    pub(crate) shared: Arc<Shared>,
    pub(crate) timer: Arc<Timer>,
    pub(crate) retries: Mutex<Spending>,
    /// Runs of periodic jobs that were left out, over all series.
    pub(crate) runs_skipped: AtomicU64,
    pub(crate) settings: Swap<Settings>,
    pub(crate) journal: Mutex<Journal>,
    pub(crate) policy: &'static str,
    /// Somebody may see its figures as metrics.
    pub(crate) exported: bool,
    /// A recorder is told them.
    #[cfg(feature = "metrics")]
    pub(crate) reported: Option<Reported>,
    pub(crate) refresh: Refresh,
    pub(crate) attendance: Attendance,
    /// One change of the settings at a time.
    pub(crate) retuning: Mutex<()>,
    pub(crate) ceiling: usize,
}

/// Where the accepted jobs are.
struct Jobs {
    outcomes: [u64; Outcome::ALL.len()],
    counts: JobCounts,
}

impl Jobs {
    fn running(&self) -> u64 {
        self.counts.dequeued - self.outcomes.iter().sum::<u64>()
    }
}

impl Core {
    pub(crate) fn new(
        shared: Arc<Shared>,
        settings: Settings,
        policy: &'static str,
        ceiling: usize,
        retries: RetryBudget,
    ) -> Core {
        Core {
            timer: Arc::new(Timer::new(Arc::clone(&shared))),
            retries: Mutex::new(Spending::new(retries)),
            runs_skipped: AtomicU64::new(0),
            shared,
            settings: Swap::new(settings),
            journal: Mutex::new(Journal::default()),
            policy,
            exported: true,
            #[cfg(feature = "metrics")]
            reported: None,
            refresh: Refresh::default(),
            attendance: Attendance::default(),
            retuning: Mutex::new(()),
            ceiling,
        }
    }

    pub(crate) fn exported_to(mut self, source: &MetricsSource) -> Core {
        self.exported = !matches!(source, MetricsSource::Disabled);
        #[cfg(feature = "metrics")]
        {
            self.reported = Reported::of(self.shared.name.as_str(), source);
        }
        self
    }

    /// Where every job is. The order of the reads (outcomes, then what left the queue, then what
    /// was accepted) makes the accounting identity hold in every snapshot: accepted = delayed +
    /// queued + running + outcomes. A job that ends between the reads counts as running still.
    fn look_at_jobs(&self) -> Jobs {
        let outcomes = self.shared.outcomes();
        Jobs { outcomes, counts: self.shared.counts() }
    }

    /// The same, looked at again where the reads were held up: more jobs than could be running
    /// must have ended in between.
    fn jobs(&self) -> Jobs {
        let mut jobs = self.look_at_jobs();
        for _ in 0..LOOKS_AGAIN {
            let workers = u64::from(self.shared.sleep.look().live());
            if jobs.running() <= workers + self.shared.outside.running.load(Ordering::Acquire) {
                break;
            }
            jobs = self.look_at_jobs();
        }
        jobs
    }

    /// What could have moved while no worker was awake, as it is now.
    pub(crate) fn activity(&self) -> Activity {
        let (shared, jobs) = (&self.shared, self.look_at_jobs());
        let (reloads, workers_started) = {
            let journal = self.journal.lock();
            (journal.reloads, journal.workers_started)
        };
        Activity {
            accepted: jobs.counts.accepted,
            outcomes: jobs.outcomes,
            refused: Refusal::ALL.map(|refusal| shared.outside.refusals(refusal)),
            reloads,
            reserved: shared.gate.reserved(),
            lane_changes: shared.rooms.changes(),
            workers_started,
            workers_stopped: StopCause::ALL.map(|cause| shared.outside.stops(cause)),
        }
    }

    /// Asks for a report, if the supervisor rests; the number is for [`Refresh::wait`]. A recorder
    /// that asks is on the supervisor's own thread, and gets none.
    pub(crate) fn ask_to_report(&self) -> Option<u64> {
        let may_wait = !self.shared.is_forked() && !Inside::is(&self.shared);
        may_wait.then(|| self.refresh.ask(&self.shared.sleep)).flatten()
    }

    /// For how long the supervisor has been at its work, or ought to have been.
    pub(crate) fn supervisor_late(&self) -> Duration {
        let now = self.shared.now();
        self.attendance.late(now, &self.shared.next_look)
    }

    /// How long all but one job in a hundred take; `None` before any has ended.
    pub(crate) fn run_p99(&self) -> Option<Duration> {
        let run = self.totals().run;
        (run.count() > 0).then(|| run.quantile(0.99))
    }

    /// Everything counted so far, folded from the meters at this moment.
    pub(crate) fn totals(&self) -> Totals {
        let shared = &self.shared;
        let jobs = self.jobs();
        let workers = shared.roster.sum();
        let mut totals = Totals {
            at: shared.now().as_duration(),
            accepted: jobs.counts.accepted,
            delayed: jobs.counts.delayed,
            dequeued: jobs.counts.dequeued,
            outcomes: jobs.outcomes,
            refused: Refusal::ALL.map(|refusal| shared.outside.refusals(refusal)),
            workers_stopped: StopCause::ALL.map(|cause| shared.outside.stops(cause)),
            busy: Duration::from_nanos(workers.busy_ns),
            steals: workers.steals,
            promotions: shared.queue.levels.promotions(),
            lanes: shared.rooms.figures(),
            runs_skipped: self.runs_skipped.load(Ordering::Relaxed),
            ..Totals::default()
        };
        shared.outside.meter.lock().fold_into(&mut totals.wait, &mut totals.run);
        for meter in shared.roster.used().filter_map(|(_, slot)| slot.used_meter()) {
            meter.fold_into(&mut totals.wait, &mut totals.run);
        }
        {
            let spending = self.retries.lock();
            totals.retries = spending.retries;
            totals.retries_refused = spending.refused;
        }
        let journal = self.journal.lock();
        totals.workers_started = journal.workers_started;
        totals.spawn_failures = journal.spawn_failures;
        totals.scale_events = journal.scale_events;
        totals.suppressed = journal.suppressed;
        totals.verdicts = journal.verdicts;
        totals.evaluations = journal.evaluations;
        totals.tick = journal.tick.clone();
        totals.recoveries = journal.recoveries;
        totals.stuck_jobs = journal.stuck_jobs;
        totals.reloads = journal.reloads;
        totals
    }

    /// The levels now: what the supervisor noted, and what can be read directly, so that a parked
    /// one never shows old figures. No job is old, and none stalled, where none is queued by now.
    pub(crate) fn levels(&self) -> Levels {
        let shared = &self.shared;
        let mut noted = self.journal.lock().noted.clone();
        let settings = self.settings.load();
        let seen = shared.sleep.look();
        let now = shared.now();
        let queued = shared.gate.queued();
        if queued == 0 {
            noted.stalled = false;
            noted.oldest_age = Duration::ZERO;
        }
        let (starting, idle) = shared.starting_and_idle(seen);
        let running: Vec<(usize, Running)> = shared.roster.running().collect();
        let blocked = running.iter().filter(|(_, job)| job.blocked).count() as u32;
        let blocked = blocked.min(seen.busy());
        let held = shared.held().min(seen.busy() - blocked);
        let ages = running.iter().map(|(_, job)| now.since(job.started));
        let beats = running
            .iter()
            .filter_map(|(worker, job)| shared.roster.slot(*worker).current.last_beat(job.started));
        Levels {
            noted,
            queued_by: shared.queued_by(queued),
            reserved: shared.gate.reserved(),
            queue_limit: settings.queue_capacity.map(|n| n as u64),
            delayed_limit: shared.delayed.capacity() as u64,
            submitters_blocked: shared.gate.waiting(),
            starting,
            idle,
            busy: seen.busy() - blocked - held,
            blocked,
            held,
            retiring: shared.roster.in_state(State::Leaving),
            min: settings.min_workers as u32,
            max: settings.max_workers as u32,
            longest_running: ages.max().unwrap_or_default(),
            heartbeat_age: beats.map(|beat| now.since(beat)).max().unwrap_or_default(),
            stuck_jobs: overdue::stuck_jobs(shared),
            supervisor_late: self.supervisor_late(),
        }
    }
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core").field("name", &self.shared.name).finish_non_exhaustive()
    }
}

#[cfg(feature = "prometheus")]
impl crate::prometheus::ExactSource for Core {
    fn totals(&self) -> Totals {
        Core::totals(self)
    }
}
