//! The boards in the repository are those written here, follow every rule, and show every family.

use std::collections::BTreeSet;

use generate::families::Families;
use generate::lint::{Look, RULES, check};
use generate::{boards, fleet, folder, pool};
use serde_json::{Value, json};

#[test]
fn the_files_are_as_written() {
    for (path, text) in boards() {
        let there = std::fs::read_to_string(folder().join(path)).unwrap_or_default();
        assert!(there == text, "{path} is stale: cargo run in dashboards/generate writes it");
    }
}

#[test]
fn the_boards_follow_every_rule() {
    for board in [pool::board().json(), fleet::board().json()] {
        let complaints = check(&board);
        assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
    }
}

/// Families that are on no board, with the reason.
const NOT_SHOWN: [(&str, &str); 0] = [];

#[test]
fn every_family_is_on_a_board() {
    let texts: Vec<String> = boards().into_iter().map(|(_, text)| text).collect();
    let missing: Vec<String> = Families::exported()
        .iter()
        .map(|family| family.name.clone())
        .filter(|name| !texts.iter().any(|text| text.contains(name.as_str())))
        .filter(|name| NOT_SHOWN.iter().all(|(other, _)| other != name))
        .collect();
    assert!(missing.is_empty(), "a panel in src/pool.rs is due for {missing:?}");
}

/// A board, broken in one way.
type Break = fn(&mut Value);

/// The first panel that is not a row.
const PANEL: &str = "/panels/1";

fn set(board: &mut Value, path: &str, value: Value) {
    *board.pointer_mut(path).expect("the path is there") = value;
}

fn expr(board: &mut Value, text: &str) {
    set(board, "/panels/1/targets/0/expr", json!(text));
}

fn set_new(board: &mut Value, path: &str, key: &str) {
    board.pointer_mut(path).expect("the path is there")[key] = json!(1);
}

fn drop_key(board: &mut Value, path: &str, key: &str) {
    let object = board.pointer_mut(path).and_then(Value::as_object_mut).expect("it is an object");
    object.remove(key).expect("it was there");
}

/// The first panel of a type.
fn first<'a>(board: &'a mut Value, kind: &str) -> &'a mut Value {
    let panels = board["panels"].as_array_mut().expect("it has panels");
    panels.iter_mut().find(|panel| panel["type"] == kind).expect("there is one")
}

/// Adds a key somewhere in the first panel of a type.
fn misspell(board: &mut Value, kind: &str, path: &str, key: &str) {
    set_new(first(board, kind), path, key);
}

fn hurt_heatmap(board: &mut Value, key: &str, value: &str) {
    first(board, "heatmap")["targets"][0][key] = json!(value);
}

/// Adds an override to the first panel of lines.
fn over(board: &mut Value, id: &str, value: Value) {
    first(board, "timeseries")["fieldConfig"]["overrides"] = json!([{
        "matcher": { "id": "byName", "options": "a" },
        "properties": [{ "id": id, "value": value }],
    }]);
}

/// For each rule, boards that it must complain about.
const BROKEN: &[(&str, &[Break])] = &[
    (
        "template-datasource",
        &[
            |b| set(b, "/templating/list/0/name", json!("prometheus")),
            |b| set(b, "/templating/list/0/label", json!("data")),
            |b| set(b, "/templating/list/0/type", json!("constant")),
        ],
    ),
    (
        "template-job",
        &[
            |b| set(b, "/templating/list/1/name", json!("work")),
            |b| set(b, "/templating/list/1/allValue", json!(".*")),
            |b| set(b, "/templating/list/1/multi", json!(false)),
        ],
    ),
    ("template-instance", &[|b| set(b, "/templating/list/2/datasource/uid", json!("mine"))]),
    ("template-pool", &[|b| set(b, "/templating/list/3/label", json!("Which pool"))]),
    (
        "template-label-promql",
        &[
            |b| set(b, "/templating/list/1/query", json!("label_values(job)")),
            |b| set(b, "/templating/list/1/query", json!("label_values(springtide_gone, job)")),
        ],
    ),
    ("template-on-time-change-reload", &[|b| set(b, "/templating/list/1/refresh", json!(1))]),
    ("uneditable-dashboard", &[|b| set(b, "/editable", json!(true))]),
    ("panel-datasource", &[|b| set(b, "/panels/1/datasource/uid", json!("mine"))]),
    (
        "panel-title-description",
        &[
            |b| set(b, "/panels/1/title", json!(" ")),
            |b| set(b, "/panels/1/description", json!("")),
        ],
    ),
    (
        "panel-units",
        &[
            |b| set(b, "/panels/1/fieldConfig/defaults/unit", json!("parsec")),
            |b| set(b, "/panels/1/fieldConfig/defaults/unit", Value::Null),
        ],
    ),
    ("panel-no-targets", &[|b| set(b, "/panels/1/targets", json!([]))]),
    ("target-promql", &[|b| expr(b, "sum by (")]),
    (
        "target-rate-interval",
        &[
            |b| expr(b, "rate(springtide_steals_total[5m])"),
            // Over all that is shown, on a panel that shows how it went.
            |b| {
                expr(b, "rate(springtide_steals_total[$__range])");
                set(b, "/panels/1/type", json!("timeseries"));
            },
        ],
    ),
    ("target-job", &[|b| expr(b, "springtide_queue_jobs{job=\"$job\"}")]),
    ("target-instance", &[|b| expr(b, "springtide_queue_jobs")]),
    ("target-pool", &[|b| expr(b, "springtide_queue_jobs{pool=~\"$job\"}")]),
    ("target-counter-agg", &[|b| expr(b, "sum(springtide_steals_total)")]),
    (
        "target-pools-apart",
        &[
            |b| expr(b, "sum(springtide_demand_workers) / sum(springtide_workers_max)"),
            |b| {
                let rate = "rate(springtide_run_seconds_bucket[$__rate_interval])";
                expr(b, &format!("histogram_quantile(0.9, sum by (instance, le) ({rate}))"));
            },
        ],
    ),
    (
        "panel-heatmap",
        &[
            |b| hurt_heatmap(b, "format", "time_series"),
            |b| hurt_heatmap(b, "expr", "sum by (le) (rate(springtide_run_seconds_bucket[1m]))"),
        ],
    ),
    ("target-vocabulary", &[|b| expr(b, "springtide_workers{state=\"lazy\"}")]),
    (
        "annotation-vocabulary",
        &[
            |b| set(b, "/annotations/list/0/expr", json!("springtide_gone > 0")),
            |b| set(b, "/annotations/list/0/datasource/uid", json!("mine")),
        ],
    ),
    (
        "panel-question",
        &[
            |b| set(b, "/panels/1/description", json!("How long? Look at it.")),
            |b| set(b, "/panels/1/description", json!("**How long?**\n\n")),
        ],
    ),
    (
        "panel-thresholds",
        &[
            |b| set(b, "/panels/1/fieldConfig/defaults/thresholds/steps", json!([])),
            |b| set(b, "/panels/1/fieldConfig/defaults/thresholds/steps/1/value", json!(9)),
        ],
    ),
    (
        "panel-place",
        &[
            |b| set(b, "/panels/1/gridPos/x", json!(22)),
            |b| set(b, "/panels/2/gridPos/x", json!(0)),
            |b| set(b, "/panels/2/gridPos", Value::Null),
        ],
    ),
    (
        "panel-identity",
        &[
            |b| set(b, "/panels/2/id", json!(1)),
            |b| {
                let title = b.pointer("/panels/1/title").cloned();
                set(b, "/panels/2/title", title.expect("it has a title"));
            },
        ],
    ),
    (
        "schema",
        &[
            |b| misspell(b, "timeseries", "/fieldConfig/defaults/custom", "fillOpacty"),
            |b| misspell(b, "timeseries", "/fieldConfig/defaults/custom/stacking", "grup"),
            |b| misspell(b, "timeseries", "/options/legend", "placment"),
            |b| misspell(b, "timeseries", "/targets/0", "legend"),
            // Of another type of panel.
            |b| misspell(b, "stat", "/fieldConfig/defaults/custom", "fillOpacity"),
            |b| misspell(b, "stat", "/options", "legend"),
            |b| misspell(b, "stat", "/fieldConfig/defaults/mappings/0/options", "matches"),
            |b| misspell(b, "heatmap", "/options/color", "schema"),
            |b| misspell(b, "row", "", "colapsed"),
            |b| over(b, "fillOpacity", json!(0)),
            |b| over(b, "custom.fillOpacty", json!(0)),
            |b| over(b, "custom.lineStyle", json!({ "dashes": [8, 6] })),
            // There are no such options, so nobody could know its keys.
            |b| set(b, "/panels/1/type", json!("piechart")),
            |b| set_new(b, "/templating/list/1", "includeall"),
            |b| set_new(b, "/annotations/list/0", "colour"),
            |b| set_new(b, "/time", "until"),
            |b| set_new(b, "", "pannels"),
            // What Grafana needs.
            |b| drop_key(b, "", "schemaVersion"),
            |b| drop_key(b, "/panels/0", "collapsed"),
            |b| drop_key(b, "/panels/1/options", "reduceOptions"),
            |b| drop_key(b, "/panels/1/targets/0", "refId"),
            |b| drop_key(b, "/annotations/list/0", "iconColor"),
            // Values that it does not take.
            |b| set(b, "/schemaVersion", json!("39")),
            |b| set(b, "/graphTooltip", json!(3)),
            |b| set(b, "/panels/1/gridPos/x", json!(0.5)),
            |b| set(b, "/panels/1/options/graphMode", json!("areas")),
            |b| set(b, "/panels/1/fieldConfig/defaults/mappings/0/options/match", json!("none")),
            |b| set(b, "/panels/1/targets/0/instant", json!("true")),
            |b| set(b, "/templating/list/1/refresh", json!("2")),
            |b| over(b, "custom.lineWidth", json!("1")),
            |b| over(b, "custom.lineStyle", json!({ "fill": "dashes" })),
            // Nobody has looked up what this one takes.
            |b| set_new(b, "/panels/1", "maxPerRow"),
        ],
    ),
];

#[test]
fn each_rule_finds_what_it_is_for() {
    let good = pool::board().json();
    assert_ne!(good.pointer(PANEL).expect("it is there")["type"], "row");
    for (name, breaks) in BROKEN {
        let (_, rule) = RULES.iter().find(|(rule, _)| rule == name).expect("there is such a rule");
        for (number, hurt) in breaks.iter().enumerate() {
            let mut board = good.clone();
            hurt(&mut board);
            assert!(!rule(&Look { board: &board }).is_empty(), "{name} lets {number} pass");
        }
    }
    let attacked: BTreeSet<&str> = BROKEN.iter().map(|(name, _)| *name).collect();
    let rules: BTreeSet<&str> = RULES.iter().map(|(name, _)| *name).collect();
    assert_eq!(attacked, rules);
}
