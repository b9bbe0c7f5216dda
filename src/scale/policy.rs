//! The contract between the supervisor, which acts, and a policy, which only decides.

use std::time::Duration;

use super::sample::Sample;

/// Decides how many workers a pool should have.
///
/// A policy is a pure function with memory: it gets the time and a [`Sample`] and answers with a
/// [`Plan`]. It reads no clock, holds no lock and starts no thread, so the same inputs give the
/// same plans on every machine. The supervisor calls it from one thread; a policy that panics is
/// counted ([`Reason::PolicyPanicked`]) and treated as "change nothing".
///
/// ```
/// use springtide::{Plan, Pool, Reason, Sample, ScalingPolicy};
/// use std::time::Duration;
///
/// /// One worker for every ten waiting jobs.
/// #[derive(Debug)]
/// struct Tenth;
///
/// impl ScalingPolicy for Tenth {
///     fn decide(&mut self, _now: Duration, sample: &Sample) -> Plan {
///         let wanted = (sample.queued / 10) as u32;
///         match wanted.clamp(sample.min, sample.max) {
///             n if n > sample.workers => Plan::add(n - sample.workers, Reason::Custom("tenth")),
///             n => Plan::retire_idle(sample.workers - n, Reason::Custom("tenth")),
///         }
///     }
/// }
///
/// let pool = Pool::builder("tenth").workers(1..=4).policy(Tenth).build()?;
/// assert_eq!(pool.submit(|| 6 * 7)?.join()?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait ScalingPolicy: Send {
    /// The verdict for one evaluation. `now` is the time since the pool was built.
    fn decide(&mut self, now: Duration, sample: &Sample) -> Plan;

    /// A short name for the `springtide_info` metric and the decision log.
    fn name(&self) -> &'static str {
        "custom"
    }
}

/// The longest pause between two evaluations that the built-in policies ask for while anything
/// can still change. Simulated: 100 to 500 ms make no difference once submitters kick.
pub const SLOW_TICK: Duration = Duration::from_millis(250);
/// The pause while jobs wait and no worker is idle. 2 ms gains only on nested jobs.
pub const FAST_TICK: Duration = Duration::from_millis(5);
/// The closest that two evaluations started by submitters may lie together.
pub const KICK_SPACING: Duration = Duration::from_millis(1);
/// The longest rest of the supervisor while jobs are queued, whatever the policy says.
pub(crate) const QUEUED_TICK: Duration = Duration::from_millis(50);

/// What to do now, why, and when to look again.
///
/// The supervisor clamps a plan to the bounds in force; it never interrupts a job to carry one
/// out. A plan that adds does not retire.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// Workers to start.
    pub add: u32,
    /// Parked workers to retire, coldest first.
    pub retire_idle: u32,
    /// Workers to retire as they come out of their current job, parked ones first.
    pub drain: u32,
    /// Why.
    pub reason: Reason,
    /// Workers the load of the last seconds needs, what a full queue refused too, and not capped
    /// by the upper bound: the number to scale machines by, summed over the pools.
    pub demand: u32,
    /// The policy knows that jobs wait in vain. The supervisor adds its own word: none has left the
    /// queue for far longer than jobs take, and no worker was added.
    pub stalled: bool,
    /// Look again after this long at the latest; `None` to sleep until the next job arrives.
    pub next_in: Option<Duration>,
    /// How close to this evaluation a submitter may ask for the next one.
    pub kick_spacing: Duration,
}

impl Plan {
    /// Change nothing.
    pub fn hold(reason: Reason) -> Plan {
        Plan {
            add: 0,
            retire_idle: 0,
            drain: 0,
            reason,
            demand: 0,
            stalled: false,
            next_in: Some(SLOW_TICK),
            kick_spacing: KICK_SPACING,
        }
    }

    /// Start `n` workers.
    pub fn add(n: u32, reason: Reason) -> Plan {
        Plan { add: n, ..Plan::hold(reason) }
    }

    /// Retire up to `n` parked workers.
    pub fn retire_idle(n: u32, reason: Reason) -> Plan {
        Plan { retire_idle: n, ..Plan::hold(reason) }
    }

    /// Retire `n` workers between jobs, also while work is queued.
    pub fn drain(n: u32, reason: Reason) -> Plan {
        Plan { drain: n, ..Plan::hold(reason) }
    }

    /// Whether the plan changes the number of workers.
    pub fn is_change(&self) -> bool {
        self.add > 0 || self.leave() > 0
    }

    /// How many are to leave, now or as they come out of a job.
    pub(crate) fn leave(&self) -> u32 {
        self.retire_idle.saturating_add(self.drain)
    }

    /// How many workers there are to be where there are so many.
    pub(crate) fn target(&self, workers: u32) -> u32 {
        workers.saturating_add(self.add).saturating_sub(self.leave())
    }
}

/// Why a decision was taken: a metric label, an entry in the decision ring, a word on a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Fewer workers than the lower bound.
    BelowMin,
    /// More workers than the upper bound, after a `resize`.
    AboveMax,
    /// Jobs wait and fewer workers run than there are cores.
    FillCores,
    /// The predicted wait is over the target and the cores have room.
    Grow,
    /// The predicted wait is over the target and most workers are asleep inside their jobs.
    GrowBlocked,
    /// The head of the queue was passed over: long jobs pin the workers.
    GrowHog,
    /// No job left the queue for half a second.
    Starvation,
    /// No job leaves the queue and nobody runs: jobs wait on jobs that are still queued.
    EscapeBlocked,
    /// The queue is more than twice as long as there are workers
    /// ([`QueueDepth`](crate::QueueDepth)).
    QueueDeep,
    /// The queue is shorter than half the workers ([`QueueDepth`](crate::QueueDepth)).
    QueueShallow,
    /// Nothing in the last window needed these workers.
    ShrinkIdle,
    /// Far more workers want a core than there are cores.
    ShrinkCpu,
    /// Jobs wait, but they will start within the target.
    WillDrain,
    /// Jobs wait, but another worker would only take a core from the others.
    CpuSaturated,
    /// Jobs wait, and the pool is as large as it may get.
    AtMax,
    /// Workers were to leave, and the pool is as small as it may get.
    AtMin,
    /// Nothing to do.
    Steady,
    /// The system refused a thread a moment ago; growth is held back.
    SpawnFailed,
    /// The pool is paused.
    Paused,
    /// No worker can build the state that the jobs need, nor could another one.
    StateFailed,
    /// The policy panicked; nothing was changed.
    PolicyPanicked,
    /// A reason of a policy that is not built in. The text should come from a small fixed set:
    /// it shows in the decision ring, while metrics call it `custom`.
    Custom(&'static str),
}

impl Reason {
    /// Every reason of the built-in policies and the supervisor, in the order of
    /// [`Reason::index`]; the last stands for all custom ones.
    pub const ALL: [Reason; 22] = [
        Reason::BelowMin,
        Reason::AboveMax,
        Reason::FillCores,
        Reason::Grow,
        Reason::GrowBlocked,
        Reason::GrowHog,
        Reason::Starvation,
        Reason::EscapeBlocked,
        Reason::QueueDeep,
        Reason::QueueShallow,
        Reason::ShrinkIdle,
        Reason::ShrinkCpu,
        Reason::WillDrain,
        Reason::CpuSaturated,
        Reason::AtMax,
        Reason::AtMin,
        Reason::Steady,
        Reason::SpawnFailed,
        Reason::Paused,
        Reason::StateFailed,
        Reason::PolicyPanicked,
        Reason::Custom("custom"),
    ];

    /// The place of this reason in [`Reason::ALL`].
    pub fn index(self) -> usize {
        match self {
            Reason::BelowMin => 0,
            Reason::AboveMax => 1,
            Reason::FillCores => 2,
            Reason::Grow => 3,
            Reason::GrowBlocked => 4,
            Reason::GrowHog => 5,
            Reason::Starvation => 6,
            Reason::EscapeBlocked => 7,
            Reason::QueueDeep => 8,
            Reason::QueueShallow => 9,
            Reason::ShrinkIdle => 10,
            Reason::ShrinkCpu => 11,
            Reason::WillDrain => 12,
            Reason::CpuSaturated => 13,
            Reason::AtMax => 14,
            Reason::AtMin => 15,
            Reason::Steady => 16,
            Reason::SpawnFailed => 17,
            Reason::Paused => 18,
            Reason::StateFailed => 19,
            Reason::PolicyPanicked => 20,
            Reason::Custom(_) => 21,
        }
    }

    /// The label as metrics and reports spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::BelowMin => "below_min",
            Reason::AboveMax => "above_max",
            Reason::FillCores => "fill_cores",
            Reason::Grow => "grow",
            Reason::GrowBlocked => "grow_blocked",
            Reason::GrowHog => "grow_hog",
            Reason::Starvation => "starvation",
            Reason::EscapeBlocked => "escape_blocked",
            Reason::QueueDeep => "queue_deep",
            Reason::QueueShallow => "queue_shallow",
            Reason::ShrinkIdle => "shrink_idle",
            Reason::ShrinkCpu => "shrink_cpu",
            Reason::WillDrain => "will_drain",
            Reason::CpuSaturated => "cpu_saturated",
            Reason::AtMax => "at_max",
            Reason::AtMin => "at_min",
            Reason::Steady => "steady",
            Reason::SpawnFailed => "spawn_failed",
            Reason::Paused => "paused",
            Reason::StateFailed => "state_failed",
            Reason::PolicyPanicked => "policy_panicked",
            Reason::Custom(text) => text,
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
