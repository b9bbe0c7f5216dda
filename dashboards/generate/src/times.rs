//! The row of how long jobs wait and run.

use crate::board::Row;
use crate::panel::{Panel, Unit};

pub(crate) fn row() -> Row {
    let quantile = |panel: Panel, of: &str, share: &str, legend: &'static str| {
        let rate = format!("rate(springtide_{of}_seconds_bucket[$__rate_interval])");
        panel
            .query(&format!("histogram_quantile({share}, sum by (job, pool, le) ({rate}))"), legend)
    };
    let quantiles = |panel: Panel, of: &str| {
        let panel = quantile(panel, of, "0.5", "{{job}}/{{pool}} median");
        let panel = quantile(panel, of, "0.99", "{{job}}/{{pool}} p99");
        quantile(panel, of, "0.999", "{{job}}/{{pool}} p99.9")
    };
    let heat = |panel: Panel, of: &str| {
        let growth = format!("increase(springtide_{of}_seconds_bucket[$__rate_interval])");
        panel.query(&format!("sum by (le) ({growth})"), "{{le}}")
    };
    let panels = vec![
        quantiles(Panel::lines("Wait", Unit::Seconds), "queue_wait")
            .asks("How long do jobs wait before they start?")
            .advice("The pool aims at its `target_wait`, 10 ms unless set.")
            .limits(0.01, 0.25),
        heat(Panel::heatmap("Wait, all of it", Unit::Seconds), "queue_wait")
            .asks("Do all jobs wait a little, or a few of them long?")
            .advice(
                "All pools that are chosen together. Two bands of one: bursts, or a kind of job \
                 that blocks the workers for others.",
            ),
        Panel::lines("Waited longer than 250 ms", Unit::Share)
            .asks("How much of the objective's budget goes, which the alerts watch?")
            .advice(
                "One job in a hundred may. Above the red line a month's budget is gone in two \
                 days. Look at *Workers* and at *Why it did not change*.",
            )
            .limits(0.01, 0.144)
            .query(
                "1 - sum by (job, pool) (rate(\
                 springtide_queue_wait_seconds_bucket{le=\"0.25\"}[$__rate_interval])) / \
                 sum by (job, pool) (rate(springtide_queue_wait_seconds_count[$__rate_interval]))",
                "{{job}}/{{pool}}",
            ),
        quantiles(Panel::lines("Run time", Unit::Seconds), "run")
            .width(12)
            .asks("How long do jobs occupy a worker?")
            .advice(
                "It rises with no change of the work: something the jobs call has slowed down.",
            ),
        heat(Panel::heatmap("Run time, all of it", Unit::Seconds), "run")
            .width(12)
            .asks("Is it one kind of job, or several?")
            .advice(
                "All pools that are chosen together. Kinds of one pool that are a thousandfold \
                 apart are better off in two.",
            ),
    ];
    Row { title: "How long does it take?", panels }
}
