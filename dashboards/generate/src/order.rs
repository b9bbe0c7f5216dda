//! The panels of jobs whose turn comes earlier or later than that of others.

use crate::panel::{Panel, Unit};

pub(crate) fn priorities() -> [Panel; 2] {
    [
        Panel::stack("Queue, by priority", Unit::Count)
            .asks("Whose jobs wait?")
            .advice("If `high` ones wait, everything does: look at *Demand and bound*.")
            .query("sum by (priority) (springtide_queue_jobs)", "{{priority}}")
            .color("high", "red")
            .color("normal", "blue")
            .color("low", "#8e8e8e"),
        Panel::lines("Promotions", Unit::PerSecond)
            .asks("How often does a job go before higher ones, for having waited too long?")
            .advice("All the time: higher priorities fill the pool, and the others live on this.")
            .query(
                "sum by (job, pool) (rate(springtide_promotions_total[$__rate_interval]))",
                "{{job}}/{{pool}}",
            ),
    ]
}

pub(crate) fn later() -> [Panel; 3] {
    [
        Panel::lines("Delayed", Unit::Count)
            .asks("How many jobs wait for their time, or to be tried again?")
            .advice("They hold no place in the queue and no worker. A pool has room for so many.")
            .query("sum by (job, pool) (springtide_jobs_delayed)", "{{job}}/{{pool}}")
            .query("sum by (job, pool) (springtide_jobs_delayed_limit)", "{{job}}/{{pool}} limit"),
        Panel::lines("Retries", Unit::PerSecond)
            .asks("How often is a job tried again, and how often did the budget not allow it?")
            .advice(
                "Refused for long: whatever the jobs need is down, and the budget keeps the pool \
                 from making it worse.",
            )
            .query(
                "sum by (job, pool) (rate(springtide_job_retries_total[$__rate_interval]))",
                "{{job}}/{{pool}} again",
            )
            .query(
                "sum by (job, pool) (rate(springtide_job_retries_refused_total[$__rate_interval]))",
                "{{job}}/{{pool}} refused",
            ),
        Panel::bars("Periodic runs left out", Unit::Count)
            .asks("Does a periodic job take longer than its period?")
            .advice("Runs do not overlap: each that is due meanwhile is left out. A longer period.")
            .query(
                "sum by (job, pool) (increase(\
                 springtide_periodic_runs_skipped_total[$__rate_interval]))",
                "{{job}}/{{pool}}",
            ),
    ]
}
