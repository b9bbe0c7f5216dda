//! The row about lanes on the board "Pool": whether one holds its jobs back, and why.

use crate::board::Row;
use crate::panel::{Panel, Unit};

fn waiting() -> Panel {
    Panel::lines("Lanes: waiting", Unit::Count)
        .asks("How many jobs wait in each lane, before they are in the pool's queue?")
        .advice("They hold no worker. A long line in one lane does no harm to the others.")
        .query("sum by (job, pool, lane) (springtide_lane_waiting)", "{{job}}/{{pool}} {{lane}}")
        .query(
            "sum by (job, pool, lane) (springtide_lane_waiting_limit)",
            "{{job}}/{{pool}} {{lane}} limit",
        )
}

pub(crate) fn row() -> Row {
    let panels = vec![
        waiting(),
        Panel::lines("Lanes: wait, 99th percentile", Unit::Seconds)
            .asks("How long do the jobs of a lane wait, lane and pool together?")
            .advice(
                "Much longer than *Wait*: the lane's own limits hold them, `max_running`, the rate \
                 or the key. As long: the pool is full.",
            )
            .query(
                "histogram_quantile(0.99, sum by (job, pool, lane, le) (rate(\
                 springtide_lane_wait_seconds_bucket[$__rate_interval])))",
                "{{job}}/{{pool}} {{lane}}",
            ),
        Panel::bars("Lanes: refused", Unit::PerSecond)
            .asks("Does a lane turn work away?")
            .advice("That is what its bound is for. *Refused* at the top does not count these.")
            .query(
                "sum by (job, pool, lane, reason) (rate(\
                 springtide_lane_refused_total[$__rate_interval])) > 0",
                "{{job}}/{{pool}} {{lane}} {{reason}}",
            ),
        Panel::lines("Lanes: at work", Unit::Count)
            .asks("Which lanes have the workers?")
            .advice("Flat at its `max_running` while jobs wait: that limit is what they wait for.")
            .query(
                "sum by (job, pool, lane) (springtide_lane_running)",
                "{{job}}/{{pool}} {{lane}} running",
            )
            .query(
                "sum by (job, pool, lane) (springtide_lane_queued)",
                "{{job}}/{{pool}} {{lane}} queued",
            ),
        Panel::lines("Lanes: jobs in", Unit::PerSecond)
            .asks("Which lane brings the load?")
            .advice("To share workers otherwise, give the lanes other weights or reservations.")
            .query(
                "sum by (job, pool, lane) (rate(\
                 springtide_lane_jobs_submitted_total[$__rate_interval]))",
                "{{job}}/{{pool}} {{lane}}",
            ),
        Panel::lines("Lanes: jobs that did not end well", Unit::Share)
            .asks("In which lane do jobs fail?")
            .advice("One lane alone: what its jobs call is down.")
            .limits(0.01, 0.05)
            .query(
                "sum by (job, pool, lane) (rate(springtide_lane_jobs_completed_total\
                 {outcome!=\"ok\"}[$__rate_interval])) / \
                 sum by (job, pool, lane) (rate(\
                 springtide_lane_jobs_completed_total[$__rate_interval]))",
                "{{job}}/{{pool}} {{lane}}",
            ),
    ];
    Row { title: "Do lanes hold jobs back?", panels }
}
