//! One look at a lane.

use super::choice::Standing;
use super::state::Row;
use crate::outcome::{Outcome, Refusal};
use crate::stats::Quantiles;

/// A lane at one moment. In every snapshot `accepted` equals
/// `waiting + queued + running + ok + errored + panicked + timed_out + cancelled + expired +
/// lost`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LaneStats {
    /// The lane's name.
    pub name: String,
    /// Jobs accepted so far.
    pub accepted: u64,
    /// Submissions refused so far, by reason. The pool does not count them as its own.
    pub refused_by: Vec<(Refusal, u64)>,
    /// Jobs waiting in the lane.
    pub waiting: u64,
    /// Jobs that came into the pool's queue and have not started.
    pub queued: u64,
    /// Jobs that run.
    pub running: u64,
    /// Jobs that returned.
    pub ok: u64,
    /// Jobs that returned an error, of those [submitted as fallible](crate::Lane::submit_fallible).
    pub errored: u64,
    /// Jobs that panicked.
    pub panicked: u64,
    /// Jobs that ran past their timeout.
    pub timed_out: u64,
    /// Jobs cancelled before they started.
    pub cancelled: u64,
    /// Jobs that waited too long and were not run.
    pub expired: u64,
    /// Jobs whose worker died of a defect in the pool itself.
    pub lost: u64,
    /// Keys that have jobs in the lane.
    pub keys: usize,
    /// Submitters waiting for room.
    pub submitters_blocked: u64,
    /// Submission to start, of all jobs that ran.
    pub wait: Quantiles,
    /// It takes no more jobs.
    pub closed: bool,
}

impl LaneStats {
    pub(crate) fn of(row: &Row, standing: &Standing) -> LaneStats {
        let counts = &row.counts;
        let of = |outcome: Outcome| counts.outcomes[outcome as usize];
        LaneStats {
            name: row.name.to_string(),
            accepted: counts.accepted,
            refused_by: Refusal::ALL.map(|r| (r, counts.refused[r as usize])).to_vec(),
            waiting: row.keys.waiting() as u64,
            queued: row.sent.len() as u64,
            running: standing.out - row.sent.len() as u64,
            ok: of(Outcome::Ok),
            errored: of(Outcome::Error),
            panicked: of(Outcome::Panicked),
            timed_out: of(Outcome::TimedOut),
            cancelled: of(Outcome::Cancelled),
            expired: of(Outcome::Expired),
            lost: of(Outcome::Lost),
            keys: row.keys.known(),
            submitters_blocked: row.line.len() as u64,
            wait: Quantiles::of(&row.wait),
            closed: row.is_closed,
        }
    }
}
