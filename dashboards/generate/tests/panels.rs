//! What panels make of series that are easy to compute by hand.

mod promtool;

use std::path::Path;

use generate::families::{Families, Kind};
use generate::{fleet, pool};
use promtool::promtool;
use serde_json::{Value, json};

/// Every expression of a panel, which is named as `pool.json: Title`.
fn expressions(panel: &str) -> Vec<String> {
    let boards = [("pool.json", pool::board().json()), ("fleet.json", fleet::board().json())];
    let (name, title) = panel.split_once(": ").expect("a board and a title");
    let (_, board) = boards.iter().find(|(board, _)| *board == name).expect("there is the board");
    let panels = board["panels"].as_array().expect("it has panels").iter();
    let targets = panels.filter(|panel| panel["title"] == title).map(|panel| &panel["targets"]);
    let found: Vec<String> = targets
        .filter_map(Value::as_array)
        .flatten()
        .filter_map(|target| target["expr"].as_str().map(str::to_owned))
        .collect();
    assert!(!found.is_empty(), "there is no panel {panel:?}");
    found
}

/// As Grafana fills it in with everything chosen and a scrape each minute. What is shown does not
/// begin with a scrape, so that increases are no whole numbers.
fn filled(expr: &str) -> String {
    let all = ["$job", "$instance", "$pool"];
    let expr = all.iter().fold(expr.to_owned(), |expr, name| expr.replace(name, ".+"));
    expr.replace("$__rate_interval", "4m").replace("$__range", "585s")
}

/// Each of the panel's expressions comes to these samples, ten minutes after the series began.
#[track_caller]
fn comes_to(panel: &str, series: &[(&str, &str)], samples: &[(&str, f64)]) {
    let series =
        series.iter().map(|(series, values)| json!({ "series": series, "values": values }));
    let samples = samples.iter().map(|(labels, value)| json!({ "labels": labels, "value": value }));
    let samples: Vec<Value> = samples.collect();
    let asked = |expr: String| json!({ "expr": expr, "eval_time": "10m", "exp_samples": samples });
    let asked = expressions(panel).iter().map(|expr| asked(filled(expr))).collect::<Vec<_>>();
    let case = json!({
        "interval": "1m",
        "input_series": series.collect::<Vec<_>>(),
        "promql_expr_test": asked,
    });
    let name = panel.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    let (folder, file) = (Path::new(env!("CARGO_TARGET_TMPDIR")), format!("{name}.json"));
    let text = json!({ "tests": [case] }).to_string();
    std::fs::write(folder.join(&file), text).expect("it can be written");
    promtool(folder, &["test", "rules", &file]);
}

#[test]
fn samples_left_out_are_a_share_of_those_of_every_histogram() {
    let families = Families::exported();
    let histograms = families.iter().filter(|family| family.kind == Kind::Histogram);
    let expr = expressions("pool.json: Samples left out").remove(0);
    let missing: Vec<&str> = histograms
        .map(|family| family.name.as_str())
        .filter(|name| !expr.contains(&format!("{name}_count{{")))
        .collect();
    assert!(missing.is_empty(), "{missing:?} are not among them");
}

/// Of the jobs of one pool almost every sample is left out, and they pass a lane; the other pool
/// has no lanes, and one that rests is not drawn.
#[test]
fn samples_left_out_are_never_more_than_there_were() {
    let series = [
        // 100 000 jobs a minute, of each three samples; 12 000 may be kept of each histogram.
        ("springtide_jobs_completed_total{job='j',instance='a',pool='p',outcome='ok'}", "0+1e5x10"),
        ("springtide_samples_thinned_total{job='j',instance='a',pool='p'}", "0+264e3x10"),
        ("springtide_queue_wait_seconds_count{job='j',instance='a',pool='p'}", "0+12e3x10"),
        ("springtide_run_seconds_count{job='j',instance='a',pool='p'}", "0+12e3x10"),
        ("springtide_supervisor_tick_seconds_count{job='j',instance='a',pool='p'}", "0+24e3x10"),
        ("springtide_lane_wait_seconds_count{job='j',instance='a',pool='p',lane='l'}", "0+18e3x10"),
        ("springtide_samples_thinned_total{job='j',instance='a',pool='q'}", "0+3e3x10"),
        ("springtide_queue_wait_seconds_count{job='j',instance='a',pool='q'}", "0+4e3x10"),
        ("springtide_run_seconds_count{job='j',instance='a',pool='q'}", "0+4e3x10"),
        ("springtide_supervisor_tick_seconds_count{job='j',instance='a',pool='q'}", "0+1e3x10"),
        ("springtide_samples_thinned_total{job='j',instance='a',pool='r'}", "7x10"),
        ("springtide_queue_wait_seconds_count{job='j',instance='a',pool='r'}", "7x10"),
        ("springtide_run_seconds_count{job='j',instance='a',pool='r'}", "7x10"),
        ("springtide_supervisor_tick_seconds_count{job='j',instance='a',pool='r'}", "7x10"),
    ];
    let shares = [("{job='j',pool='p'}", 0.8), ("{job='j',pool='q'}", 0.25)];
    comes_to("pool.json: Samples left out", &series, &shares);
}

/// Half of the jobs are late in one program, and none in the other, which has many more.
#[test]
fn a_pool_of_one_name_in_two_programs_is_two_pools() {
    let series = [
        ("springtide_queue_wait_seconds_bucket{job='a',instance='a',pool='p',le='0.25'}", "0+5x10"),
        ("springtide_queue_wait_seconds_count{job='a',instance='a',pool='p'}", "0+10x10"),
        (
            "springtide_queue_wait_seconds_bucket{job='b',instance='b',pool='p',le='0.25'}",
            "0+90x10",
        ),
        ("springtide_queue_wait_seconds_count{job='b',instance='b',pool='p'}", "0+90x10"),
    ];
    let shares = [("{job='a',pool='p'}", 0.5), ("{job='b',pool='p'}", 0.0)];
    comes_to("pool.json: Waited longer than 250 ms", &series, &shares);
}

/// Two instances are there for two minutes; one of them stays, with a pool that has ended.
#[test]
fn instances_that_went_away_are_not_counted_any_more() {
    let series = [
        ("springtide_workers_max{job='j',instance='a',pool='p'}", "8x2 stale"),
        ("springtide_workers_max{job='j',instance='b',pool='p'}", "8x2 0x8"),
    ];
    for panel in ["pool.json: Reporting", "fleet.json: Machines"] {
        comes_to(panel, &series, &[("{}", 0.0)]);
        let more = ("springtide_workers_max{job='j',instance='c',pool='p'}", "8x10");
        comes_to(panel, &[series[0], series[1], more], &[("{}", 1.0)]);
    }
}

/// The pod of the second series began anew, and lost no panic by it.
#[test]
fn panics_are_counted_over_a_restart_and_in_whole_numbers() {
    let panics = "springtide_jobs_completed_total{job='j',instance='a',pool='p',outcome='panic'}";
    comes_to("pool.json: Panics", &[(panics, "1 1 1 3 3 3 0 1 1 1 1")], &[("{}", 3.0)]);
}
