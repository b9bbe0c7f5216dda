//! The row of whether the figures themselves can be trusted.

use crate::board::Row;
use crate::panel::{Panel, Unit};

pub(crate) fn row() -> Row {
    let panels = vec![
        Panel::lines("Supervisor late", Unit::Seconds)
            .asks("Is the supervisor alive?")
            .advice("Near 0 is well. While jobs wait: the age of its last look. See the runbook.")
            .limits(5.0, 10.0)
            .query(
                "max by (instance, pool) (\
                 timestamp(springtide_supervisor_last_tick_timestamp_seconds) - \
                 springtide_supervisor_last_tick_timestamp_seconds and on (job, instance, pool) \
                 sum by (job, instance, pool) (springtide_queue_jobs) > 0 or \
                 springtide_supervisor_late_seconds)",
                "{{pool}} on {{instance}}",
            ),
        Panel::lines("One evaluation, 99th percentile", Unit::Seconds)
            .asks("How long does the supervisor take?")
            .advice("Tens of microseconds. Milliseconds mean that starting threads is slow here.")
            .limits(0.001, 0.1)
            .query(
                "histogram_quantile(0.99, sum by (job, pool, le) (rate(\
                 springtide_supervisor_tick_seconds_bucket[$__rate_interval])))",
                "{{job}}/{{pool}}",
            ),
        Panel::lines("Recoveries", Unit::PerSecond)
            .asks("Was a queue found that nobody served?")
            .advice("The pool helped itself. More than now and then is a bug: please report it.")
            .limits(0.01, 1.0)
            .query(
                "sum by (job, pool) (rate(springtide_recoveries_total[$__rate_interval]))",
                "{{job}}/{{pool}}",
            ),
        left_out(),
        Panel::bars("Changes of the configuration", Unit::Count)
            .asks("Did somebody change the bounds?")
            .advice("`rejected` changed nothing; the caller got every problem in one error.")
            .query(
                "sum by (job, pool, result) (increase(\
                 springtide_config_reloads_total[$__rate_interval])) > 0",
                "{{job}}/{{pool}} {{result}}",
            ),
        Panel::lines("Versions and policies", Unit::Count)
            .asks("Which version runs where, and under which policy?")
            .advice("More than one line of a pool is a roll-out, or two releases in one job.")
            .query(
                "sum by (job, pool, version, policy) (springtide_info)",
                "{{job}}/{{pool}}: {{version}}, {{policy}}",
            ),
    ];
    Row { title: "Are the figures themselves in order?", panels }
}

/// A job leaves one sample in each of several histograms, and the supervisor some of its own, so
/// what is left out is a share of what is left out and what is not.
fn left_out() -> Panel {
    let rate = |of: &str| format!("sum by (job, pool) (rate(springtide_{of}[$__rate_interval]))");
    let out = rate("samples_thinned_total");
    let kept =
        ["queue_wait", "run", "supervisor_tick"].map(|of| rate(&format!("{of}_seconds_count")));
    let kept = kept.join(" + ");
    // There are none without a lane.
    let lanes = format!("({} or 0 * {out})", rate("lane_wait_seconds_count"));
    Panel::lines("Samples left out", Unit::Share)
        .asks("Are the percentiles exact?")
        .advice(
            "Samples are left out when there are too many for the recorder, so bursts count for \
             too little. For all of them use the exact sink.",
        )
        .query(&format!("{out} / ({out} + {kept} + {lanes} > 0)"), "{{job}}/{{pool}}")
}
