//! The job a worker is in, as others may see it while it runs.

use std::time::Duration;

use super::ticket::{JobId, KindId};
use super::wrecks::OnUnwind;
use crate::sync::atomic::AtomicU64;
use crate::sync::plain::{AtomicU16, AtomicU32, Ordering};
use crate::time::Nanos;

/// A job that is running right now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobInfo {
    /// The kind given to [`PoolHandle::job`](crate::PoolHandle::job); `"job"` for the others.
    pub kind: &'static str,
    /// Its number, if it has a handle.
    pub id: Option<JobId>,
    /// The index of the worker it runs on.
    pub worker: usize,
    /// How long it has been running.
    pub age: Duration,
    /// Whether it is inside a blocking section or waits for another job.
    pub blocked: bool,
    /// How long ago it last said that it lives, by
    /// [`JobContext::heartbeat`](crate::JobContext::heartbeat); `None` if it never has.
    pub heartbeat_age: Option<Duration>,
    /// Whether it goes on long after its timeout or its deadline
    /// ([`Builder::stuck_after`](crate::Builder::stuck_after)), or a job does that waits for it on
    /// the same worker.
    pub stuck: bool,
}

/// The job a worker is in; written by the worker only.
#[derive(Debug, Default)]
pub(crate) struct Current {
    /// When it started, plus one; 0 when there is none.
    started: AtomicU64,
    kind: AtomicU16,
    /// 0 for a job without a handle.
    id: AtomicU64,
    /// How many declared waits it is inside.
    blocked: AtomicU32,
    /// When a job of this worker last said that it lives. Not cleared between two jobs, which would
    /// cost each of them a store: it speaks for the present one if it is later than its start.
    beat: AtomicU64,
}

/// What [`Current`] says at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Running {
    pub(crate) started: Nanos,
    pub(crate) kind: KindId,
    pub(crate) id: Option<JobId>,
    pub(crate) blocked: bool,
}

impl Current {
    pub(crate) fn begin(&self, running: Running) {
        self.kind.store(running.kind.0, Ordering::Relaxed);
        self.id.store(running.id.map_or(0, |id| id.0), Ordering::Relaxed);
        // Release, and before the gate's release of the job: whoever sees the job gone from the
        // queue finds it here.
        self.started.store(running.started.0 + 1, Ordering::Release);
    }

    pub(crate) fn end(&self) {
        self.started.store(0, Ordering::Release);
    }

    /// Shows this while something is done, and no longer if that unwinds.
    pub(crate) fn during<T>(&self, running: Running, work: impl FnOnce() -> T) -> T {
        self.begin(running);
        let _over = OnUnwind(|| self.end());
        work()
    }

    pub(crate) fn look(&self) -> Option<Running> {
        let started = self.started.load(Ordering::Acquire).checked_sub(1)?;
        let id = self.id.load(Ordering::Relaxed);
        Some(Running {
            started: Nanos(started),
            kind: KindId(self.kind.load(Ordering::Relaxed)),
            id: (id != 0).then_some(JobId(id)),
            blocked: self.is_blocked(),
        })
    }

    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Relaxed) > 0
    }

    /// The job says that it lives.
    pub(crate) fn beat(&self, now: Nanos) {
        self.beat.store(now.0, Ordering::Relaxed);
    }

    /// When the job that started then last said so.
    pub(crate) fn last_beat(&self, started: Nanos) -> Option<Nanos> {
        Some(Nanos(self.beat.load(Ordering::Relaxed))).filter(|beat| *beat > started)
    }

    /// Marks the worker as waiting inside its job, until the mark is dropped.
    pub(crate) fn block(&self) -> Blocked<'_> {
        self.blocked.store(self.blocked.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        Blocked(self)
    }
}

/// While it lives, its worker counts as waiting rather than running.
#[must_use]
pub(crate) struct Blocked<'a>(&'a Current);

impl Drop for Blocked<'_> {
    fn drop(&mut self) {
        let waits = &self.0.blocked;
        waits.store(waits.load(Ordering::Relaxed) - 1, Ordering::Relaxed);
    }
}
