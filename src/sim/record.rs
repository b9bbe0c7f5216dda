//! What happened in a simulated run, as it was seen from outside.

use std::time::Duration;

use crate::scale::policy::Reason;

/// Slices that a run is cut into for its trajectory.
const SLICES: u64 = 600;
/// A run that goes on past its horizon puts all that comes after so many into the last.
const SLICES_MAX: u64 = 10 * SLICES;
/// A thread started no longer than this after one was retired was retired too early.
const FLAP_WINDOW: u64 = 30_000_000_000;

/// A change in the number of workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// When, since time zero.
    pub at: Duration,
    /// Workers before.
    pub before: u32,
    /// Workers after.
    pub after: u32,
    /// Why, where the law says so; a worker that leaves by itself gives no reason.
    pub reason: Option<Reason>,
}

/// One slice of a run: the most of each that it saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Slice {
    /// Live workers.
    pub workers: u32,
    /// Workers inside a job.
    pub busy: u32,
    /// Jobs waiting.
    pub queued: u64,
    /// Workers that the load needed, in the law's own words.
    pub demand: u32,
    /// The longest wait of a job that started.
    pub wait: Duration,
}

/// Levels that hold until something happens.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Levels {
    pub(super) workers: u32,
    pub(super) busy: u32,
    /// Those of the busy workers that sleep, and as many of the others as there are cores for.
    pub(super) useful: u32,
    pub(super) queued: u64,
}

/// Everything that was noted; nanoseconds since time zero.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    slice: u64,
    pub(super) slices: Vec<Slice>,
    pub(super) changes: Vec<Change>,
    /// Arrival and wait of each job that started.
    pub(super) waits: Vec<(u64, u64)>,
    /// Arrival to end of each job that ended.
    pub(super) sojourns: Vec<u64>,
    pub(super) refused: u64,
    pub(super) evaluations: u64,
    pub(super) started: u64,
    pub(super) retired: u64,
    pub(super) flaps: u64,
    pub(super) reversals: u64,
    retired_at: Option<u64>,
    /// Whether the last change was upwards.
    rising: Option<bool>,
    pub(super) peak: u32,
    pub(super) peak_useful: u32,
    pub(super) worker_ns: u64,
    pub(super) busy_ns: u64,
    demand: u32,
}

impl Record {
    pub(super) fn new(horizon: u64) -> Record {
        Record { slice: horizon.div_ceil(SLICES).max(1), ..Record::default() }
    }

    pub(super) fn slice_length(&self) -> Duration {
        Duration::from_nanos(self.slice)
    }

    /// The levels held from `from` to `to`.
    pub(super) fn held(&mut self, from: u64, to: u64, levels: Levels) {
        let area = |level| (to - from).saturating_mul(u64::from(level));
        self.worker_ns = self.worker_ns.saturating_add(area(levels.workers));
        self.busy_ns = self.busy_ns.saturating_add(area(levels.busy));
        self.peak = self.peak.max(levels.workers);
        self.peak_useful = self.peak_useful.max(levels.useful);
        let (first, last) = (self.index(from), self.index(to));
        if self.slices.len() <= last {
            self.slices.resize(last + 1, Slice::default());
        }
        for slice in &mut self.slices[first..=last] {
            slice.workers = slice.workers.max(levels.workers);
            slice.busy = slice.busy.max(levels.busy);
            slice.queued = slice.queued.max(levels.queued);
            slice.demand = slice.demand.max(self.demand);
        }
    }

    pub(super) fn job_started(&mut self, now: u64, arrived: u64) {
        let wait = now - arrived;
        self.waits.push((arrived, wait));
        let slice = self.slice_at(now);
        slice.wait = slice.wait.max(Duration::from_nanos(wait));
    }

    pub(super) fn job_ended(&mut self, now: u64, arrived: u64) {
        self.sojourns.push(now - arrived);
    }

    /// The last demand that the law told.
    pub(super) fn demand(&self) -> u32 {
        self.demand
    }

    pub(super) fn demanded(&mut self, now: u64, demand: u32) {
        self.demand = demand;
        let slice = self.slice_at(now);
        slice.demand = slice.demand.max(demand);
    }

    /// Threads were started.
    pub(super) fn grew(&mut self, now: u64, before: u32, by: u32, reason: Option<Reason>) {
        self.started += u64::from(by);
        if self.retired_at.is_some_and(|at| now - at <= FLAP_WINDOW) {
            self.flaps += u64::from(by);
        }
        self.changed(now, before, before + by, reason);
    }

    /// Threads ended.
    pub(super) fn shrank(&mut self, now: u64, before: u32, by: u32, reason: Option<Reason>) {
        self.retired += u64::from(by);
        self.retired_at = Some(now);
        self.changed(now, before, before - by, reason);
    }

    fn changed(&mut self, now: u64, before: u32, after: u32, reason: Option<Reason>) {
        let rising = after > before;
        if self.rising.replace(rising).is_some_and(|was| was != rising) {
            self.reversals += 1;
        }
        let at = Duration::from_nanos(now);
        match self.changes.last_mut() {
            // What is done in one moment for one reason is one change.
            Some(last) if last.at == at && last.reason == reason && last.after == before => {
                last.after = after;
            }
            _ => self.changes.push(Change { at, before, after, reason }),
        }
    }

    fn index(&self, now: u64) -> usize {
        (now / self.slice).min(SLICES_MAX) as usize
    }

    fn slice_at(&mut self, now: u64) -> &mut Slice {
        let index = self.index(now);
        if self.slices.len() <= index {
            self.slices.resize(index + 1, Slice::default());
        }
        &mut self.slices[index]
    }
}
