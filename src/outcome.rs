//! The closed sets of ways a job can end and a submission can be refused.

/// How a job left the pool. Every accepted job ends in exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// It ran and returned.
    Ok,
    /// It ran and returned an error: a job submitted as one that may fail, see
    /// [`submit_fallible`](crate::PoolHandle::submit_fallible).
    Error,
    /// It ran and panicked.
    Panicked,
    /// It was cancelled before it started.
    Cancelled,
    /// It waited longer than its `expires_in`, or past its `deadline`, and was never run.
    Expired,
    /// It ran longer than its `timeout`, or past its `deadline`.
    TimedOut,
    /// It was handed back, unrun, in a shutdown report.
    Returned,
    /// A worker had taken it and died of a defect in the pool itself; it may have begun.
    Lost,
}

impl Outcome {
    /// Every outcome, in the order of their discriminants.
    pub const ALL: [Outcome; 8] = [
        Outcome::Ok,
        Outcome::Error,
        Outcome::Panicked,
        Outcome::Cancelled,
        Outcome::Expired,
        Outcome::TimedOut,
        Outcome::Returned,
        Outcome::Lost,
    ];

    /// The metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Error => "error",
            Outcome::Panicked => "panic",
            Outcome::Cancelled => "cancelled",
            Outcome::Expired => "expired",
            Outcome::TimedOut => "timeout",
            Outcome::Returned => "returned",
            Outcome::Lost => "lost",
        }
    }
}

/// Why a submission was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// The queue was full.
    QueueFull,
    /// The queue stayed full until the caller's deadline, or the job's.
    Deadline,
    /// The pool was closed.
    Shutdown,
    /// The process was forked; the workers live in the parent only.
    Forked,
    /// As many jobs were delayed as may be.
    DelayedFull,
    /// It was to wait for its time, and the system refused the thread that waits.
    NoThread,
    /// The job's token was cancelled while its submitter waited for room.
    Cancelled,
}

impl Refusal {
    /// Every refusal, in the order of their discriminants.
    pub const ALL: [Refusal; 7] = [
        Refusal::QueueFull,
        Refusal::Deadline,
        Refusal::Shutdown,
        Refusal::Forked,
        Refusal::DelayedFull,
        Refusal::NoThread,
        Refusal::Cancelled,
    ];

    /// The metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Refusal::QueueFull => "queue_full",
            Refusal::Deadline => "deadline",
            Refusal::Shutdown => "shutdown",
            Refusal::Forked => "forked",
            Refusal::DelayedFull => "delayed_full",
            Refusal::NoThread => "no_thread",
            Refusal::Cancelled => "cancelled",
        }
    }
}

/// Why a worker's thread ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StopCause {
    /// It was not needed any more, or the upper bound was lowered.
    Retired,
    /// A defect of the pool itself: no panic of a job ends a worker.
    Panic,
    /// The pool was shut down.
    Shutdown,
}

impl StopCause {
    /// Every cause, in the order of their discriminants.
    pub const ALL: [StopCause; 3] = [StopCause::Retired, StopCause::Panic, StopCause::Shutdown];

    /// The metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            StopCause::Retired => "retired",
            StopCause::Panic => "panic",
            StopCause::Shutdown => "shutdown",
        }
    }
}
