//! The table of what is exported of each lane.
//!
//! Every series has the labels `pool` and `lane`. A pool shows some lanes by name, and all further
//! ones together as `"other"`, so the number of its series has a bound. The wait goes through the
//! facade whatever the sink of the pool's own histograms.

use super::family::{Family, Figures, counter, gauge, histogram};
use super::metric_table::WAIT_LADDER;
use crate::outcome::{Outcome, Refusal};
use crate::run::figures::LaneFigures;
use crate::run::histogram::Cells;

static NOTHING: Cells = Cells::new();

fn level(figures: &Figures<'_>, read: fn(&LaneFigures) -> u64) -> Option<f64> {
    figures.lane.map(|lane| read(lane) as f64)
}

/// Every family of a lane, in the order of the documentation.
pub(crate) static LANE_TABLE: [Family; 8] = [
    counter("springtide_lane_jobs_submitted_total", "Jobs accepted into the lane.", |f, _| {
        f.lane.map(|lane| lane.accepted)
    }),
    counter(
        "springtide_lane_refused_total",
        "Submissions to the lane that were not accepted, by reason. The pool does not count them.",
        |f, i| f.lane?.refused.get(i).copied(),
    )
    .labels(Refusal::ALL.len(), |i| vec![("reason", Refusal::ALL[i].as_str())]),
    counter(
        "springtide_lane_jobs_completed_total",
        "Jobs of the lane that are over, by outcome. The pool counts them too.",
        |f, i| f.lane?.outcomes.get(i).copied(),
    )
    .labels(Outcome::ALL.len(), |i| vec![("outcome", Outcome::ALL[i].as_str())]),
    gauge("springtide_lane_waiting", "Jobs waiting in the lane.", |f, _| {
        level(f, |lane| lane.waiting)
    }),
    gauge("springtide_lane_waiting_limit", "Jobs that may wait in the lane.", |f, _| {
        level(f, |lane| lane.capacity)
    }),
    gauge(
        "springtide_lane_queued",
        "Jobs of the lane in the pool's queue, among those that it shows.",
        |f, _| level(f, |lane| lane.queued),
    ),
    gauge("springtide_lane_running", "Jobs of the lane that run.", |f, _| {
        level(f, |lane| lane.running)
    }),
    histogram(
        "springtide_lane_wait_seconds",
        "Time from submission to the lane to start, of every job that ran.",
        &WAIT_LADDER,
        |f| f.lane.map_or(&NOTHING, |lane| &lane.wait),
    ),
];
