//! One consistent look at a pool: counts, levels and quantiles, without any recorder.

use std::time::Duration;

use crate::outcome::{Outcome, Refusal, StopCause};
use crate::run::histogram::Cells;
use crate::run::overdue;
use crate::run::priority::Priority;
use crate::scale::totals::Levels;
use crate::scale::{Core, Reason};

/// The pool at one moment. In every snapshot `accepted` equals
/// `delayed + queued + running + ok + errored + panicked + cancelled + expired + timed_out +
/// returned + lost`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// The pool's name.
    pub name: String,
    /// Time since it was built.
    pub uptime: Duration,
    /// Jobs accepted so far.
    pub accepted: u64,
    /// Submissions refused so far, for any reason.
    pub refused: u64,
    /// The same by reason.
    pub refused_by: Vec<(Refusal, u64)>,
    /// Jobs that wait for their time and are not queued yet.
    pub delayed: u64,
    /// Jobs waiting to start.
    pub queued: u64,
    /// The same by priority, in the order of [`Priority::ALL`]. A job that is just coming or going
    /// counts as a normal one.
    pub queued_by: [u64; Priority::ALL.len()],
    /// Places in the queue that [`Permits`](crate::Permits) hold. They are no jobs: nothing else in
    /// here counts them.
    pub reserved: u64,
    /// Jobs started and not yet over.
    pub running: u64,
    /// Jobs that returned.
    pub ok: u64,
    /// Jobs that returned an error, of those that [may fail](crate::PoolHandle::submit_fallible).
    pub errored: u64,
    /// Jobs that panicked.
    pub panicked: u64,
    /// Jobs cancelled before they started.
    pub cancelled: u64,
    /// Jobs that waited too long and were not run.
    pub expired: u64,
    /// Jobs that ran past their timeout.
    pub timed_out: u64,
    /// Jobs handed back by a shutdown.
    pub returned: u64,
    /// Jobs whose worker died of a defect in the pool itself: see
    /// [`JobError::is_lost`](crate::JobError::is_lost).
    pub lost: u64,
    /// Of those running, jobs that have outrun their timeout or deadline by the grace of
    /// [`Builder::stuck_after`](crate::Builder::stuck_after).
    pub stuck: u32,
    /// How many ever have.
    pub stuck_total: u64,
    /// Attempts made at jobs that had failed before.
    pub retries: u64,
    /// Attempts that the [retry budget](crate::RetryBudget) did not allow.
    pub retries_refused: u64,
    /// Workers by state.
    pub workers: WorkerCounts,
    /// Workers the supervisor wanted at its last look.
    pub target: u32,
    /// Lower bound in force.
    pub min: u32,
    /// Upper bound in force.
    pub max: u32,
    /// Workers the offered load needs, not capped by the upper bound.
    pub demand: u32,
    /// Submitters waiting for room in the queue.
    pub submitters_blocked: u64,
    /// Age of the oldest waiting job, as of the supervisor's last look.
    pub oldest_age: Duration,
    /// Busy share of worker time between the supervisor's last two reckonings, 0 to 1.
    pub utilization: f64,
    /// Submission to start, of all jobs that ran.
    pub wait: Quantiles,
    /// Start to end, of all jobs that ran.
    pub run: Quantiles,
    /// Worker time spent in jobs that are over.
    pub busy_time: Duration,
    /// Jobs taken from other workers' deques.
    pub steals: u64,
    /// Jobs that went before higher ones because they had waited too long.
    pub promotions: u64,
    /// Worker threads started so far.
    pub threads_started: u64,
    /// Worker threads retired so far, those ended by shutdown or by a panic left out.
    pub threads_retired: u64,
    /// Threads the system refused.
    pub spawn_failures: u64,
    /// Times the supervisor looked.
    pub evaluations: u64,
    /// Times a lost wake-up was noticed and made good.
    pub recoveries: u64,
    /// What it decided, counted by reason; reasons that never occurred are left out.
    pub decisions: Vec<(&'static str, u64)>,
}

/// Workers by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerCounts {
    /// All of them, but for those on their way out.
    pub total: u32,
    /// Asked for, not at work yet.
    pub starting: u32,
    /// Without a job.
    pub idle: u32,
    /// Inside a job.
    pub busy: u32,
    /// Inside a job that waits: a declared blocking section, or for another job of the pool.
    pub blocked: u32,
    /// Without a job, and taking none, because they could not build a state that one needed: see
    /// [`StateFailure::Hold`](crate::StateFailure::Hold).
    pub held: u32,
    /// On their way out.
    pub retiring: u32,
}

/// A distribution in seven figures. Quantiles are read from cells and lie at most one cell above
/// the truth, which is 1 to 10 %; count, mean and maximum are exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quantiles {
    /// How many.
    pub count: u64,
    /// Their mean.
    pub mean: Duration,
    /// Half are no longer than this.
    pub p50: Duration,
    /// 90 % are no longer than this.
    pub p90: Duration,
    /// 99 % are no longer than this.
    pub p99: Duration,
    /// 99.9 % are no longer than this.
    pub p999: Duration,
    /// The longest.
    pub max: Duration,
}

impl Quantiles {
    /// Reads the figures from counted durations.
    pub fn of(cells: &Cells) -> Quantiles {
        Quantiles {
            count: cells.count(),
            mean: cells.mean(),
            p50: cells.quantile(0.5),
            p90: cells.quantile(0.9),
            p99: cells.quantile(0.99),
            p999: cells.quantile(0.999),
            max: Duration::from_nanos(cells.max_ns()),
        }
    }
}

pub(crate) fn stats(core: &Core) -> Stats {
    let totals = core.totals();
    let levels = core.levels();
    let of = |outcome: Outcome| totals.outcomes[outcome as usize];
    let queued = totals.queued();
    let refused_by = Refusal::ALL.map(|refusal| (refusal, totals.refused[refusal as usize]));
    Stats {
        name: core.shared.name.to_string(),
        uptime: totals.at,
        accepted: totals.accepted,
        refused: totals.refused.iter().sum(),
        refused_by: refused_by.to_vec(),
        delayed: totals.delayed,
        queued,
        queued_by: core.shared.queued_by(queued),
        reserved: levels.reserved,
        running: totals.running(),
        ok: of(Outcome::Ok),
        errored: of(Outcome::Error),
        panicked: of(Outcome::Panicked),
        cancelled: of(Outcome::Cancelled),
        expired: of(Outcome::Expired),
        timed_out: of(Outcome::TimedOut),
        returned: of(Outcome::Returned),
        lost: of(Outcome::Lost),
        stuck: levels.stuck_jobs,
        stuck_total: totals.stuck_jobs,
        retries: totals.retries,
        retries_refused: totals.retries_refused,
        workers: worker_counts(&levels),
        target: levels.noted.target,
        min: levels.min,
        max: levels.max,
        demand: levels.noted.demand,
        submitters_blocked: levels.submitters_blocked,
        oldest_age: levels.noted.oldest_age,
        utilization: levels.noted.utilization,
        wait: Quantiles::of(&totals.wait),
        run: Quantiles::of(&totals.run),
        busy_time: totals.busy,
        steals: totals.steals,
        promotions: totals.promotions,
        threads_started: totals.workers_started,
        threads_retired: totals.workers_stopped[StopCause::Retired as usize],
        spawn_failures: totals.spawn_failures,
        evaluations: totals.evaluations,
        recoveries: totals.recoveries,
        decisions: Reason::ALL
            .iter()
            .map(|reason| (reason.as_str(), totals.verdicts[reason.index()]))
            .filter(|(_, count)| *count > 0)
            .collect(),
    }
}

fn worker_counts(levels: &Levels) -> WorkerCounts {
    WorkerCounts {
        total: levels.starting + levels.idle + levels.busy + levels.blocked + levels.held,
        starting: levels.starting,
        idle: levels.idle,
        busy: levels.busy + levels.blocked,
        blocked: levels.blocked,
        held: levels.held,
        retiring: levels.retiring,
    }
}

/// Whether the pool can do its work.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// What is wrong; empty when nothing is.
    pub troubles: Vec<Trouble>,
    /// Jobs that are stuck ([`Builder::stuck_after`](crate::Builder::stuck_after)). The pool does
    /// its work without their workers, so this alone is no trouble.
    pub stuck_jobs: u32,
}

impl Health {
    /// Nothing is wrong.
    pub fn is_healthy(&self) -> bool {
        self.troubles.is_empty()
    }
}

/// One thing that is wrong with a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Trouble {
    /// It takes no more jobs.
    Closed,
    /// It was paused and jobs are waiting.
    Paused,
    /// Jobs wait; none has left the queue for a second, and for twice as long as all but one job
    /// in a hundred take, and no worker could be added. Before the first job has ended nobody knows
    /// how long they take: then for half a minute.
    Stalled,
    /// Jobs wait, and the system has just refused a thread for them. The workers that there are go
    /// on, and the pool asks again each second for as long as it wants another.
    ThreadsRefused,
    /// Jobs wait and there is no worker. A pool of `0..=n` says so also for the moment in which its
    /// first one starts.
    NoWorkers,
    /// No worker could build the state that its jobs need, so that each holds and takes none until
    /// it can: see [`StateFailure::Hold`](crate::StateFailure::Hold). Each tries again by itself.
    StateFailed,
    /// Jobs wait, and the supervisor has been at one look, or late for the next, for seconds.
    ///
    /// It hangs in a policy, a recorder or a hook, or gets no turn. Whether or not jobs wait, the
    /// metric `springtide_supervisor_late_seconds` tells.
    SupervisorSilent,
}

impl Trouble {
    /// A word for it, as `/healthz` says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Trouble::Closed => "closed",
            Trouble::Paused => "paused",
            Trouble::Stalled => "stalled",
            Trouble::ThreadsRefused => "threads_refused",
            Trouble::NoWorkers => "no_workers",
            Trouble::StateFailed => "state_failed",
            Trouble::SupervisorSilent => "supervisor_silent",
        }
    }
}

/// How late the supervisor may be while jobs are queued: many times its slowest tick.
const SILENT_AFTER: Duration = Duration::from_secs(5);

pub(crate) fn health(core: &Core) -> Health {
    let shared = &core.shared;
    let queued = shared.gate.queued() > 0;
    let (stalled, refused) = {
        let journal = core.journal.lock();
        (journal.noted.stalled, journal.spawn_refused)
    };
    let silent = core.supervisor_late() > SILENT_AFTER;
    let (held, live) = (shared.held(), shared.sleep.look().live());
    let troubles = [
        (shared.gate.is_closed(), Trouble::Closed),
        (queued && shared.is_paused(), Trouble::Paused),
        (queued && stalled, Trouble::Stalled),
        (queued && refused, Trouble::ThreadsRefused),
        (queued && live == 0, Trouble::NoWorkers),
        (held > 0 && held >= live, Trouble::StateFailed),
        (queued && silent, Trouble::SupervisorSilent),
    ];
    Health {
        troubles: troubles.iter().filter(|(is, _)| *is).map(|(_, trouble)| *trouble).collect(),
        stuck_jobs: overdue::stuck_jobs(shared),
    }
}
