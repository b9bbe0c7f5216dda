//! The rules of a board: those of Grafana's dashboard-linter that apply to Prometheus, by their
//! names there, and some of ours.
//!
//! A rule looks at the JSON as Grafana would get it, and knows nothing of what made it.

use serde_json::Value;

use crate::keys;
use crate::panel::DATASOURCE;
use crate::promql::{RANGE, RATE_INTERVAL, Reading, read};
use crate::vocabulary::Vocabulary;

/// A rule: from a board to complaints.
pub type Rule = fn(&Look<'_>) -> Vec<String>;

/// Every rule with its name.
pub const RULES: &[(&str, Rule)] = &[
    ("template-datasource", template_datasource),
    ("template-job", |look| template_query(look, "job")),
    ("template-instance", |look| template_query(look, "instance")),
    ("template-pool", |look| template_query(look, "pool")),
    ("template-label-promql", template_label_promql),
    ("template-on-time-change-reload", template_reload),
    ("uneditable-dashboard", uneditable),
    ("panel-datasource", panel_datasource),
    ("panel-title-description", panel_title_description),
    ("panel-units", panel_units),
    ("panel-no-targets", panel_no_targets),
    ("target-promql", target_promql),
    ("target-rate-interval", target_rate_interval),
    ("target-job", |look| target_matcher(look, "job")),
    ("target-instance", |look| target_matcher(look, "instance")),
    ("target-pool", |look| target_matcher(look, "pool")),
    ("target-counter-agg", target_counter_agg),
    ("target-pools-apart", target_pools_apart),
    ("target-vocabulary", target_vocabulary),
    ("annotation-vocabulary", annotation_vocabulary),
    ("panel-question", panel_question),
    ("panel-heatmap", panel_heatmap),
    ("panel-thresholds", panel_thresholds),
    ("panel-place", panel_place),
    ("panel-identity", panel_identity),
    ("schema", |look| keys::misfits(look.board)),
];

/// Units of Grafana that a figure of a pool can have.
const UNITS: [&str; 5] = ["s", "percentunit", "ops", "short", "none"];

/// All complaints of all rules about a board.
pub fn check(board: &Value) -> Vec<String> {
    let look = Look { board };
    let found = RULES.iter().map(|(name, rule)| (name, rule(&look)));
    found
        .flat_map(|(name, complaints)| complaints.into_iter().map(move |c| format!("{name}: {c}")))
        .collect()
}

/// A board, and the ways into it.
pub struct Look<'a> {
    pub board: &'a Value,
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn is_row(panel: &Value) -> bool {
    panel["type"] == "row"
}

impl<'a> Look<'a> {
    /// Panels and rows; those folded away in a row as well.
    fn placed(&self) -> Vec<&'a Value> {
        let top = items(&self.board["panels"]).iter();
        top.flat_map(|panel| [panel].into_iter().chain(items(&panel["panels"]))).collect()
    }

    fn panels(&self) -> Vec<&'a Value> {
        self.placed().into_iter().filter(|panel| !is_row(panel)).collect()
    }

    fn variable(&self, name: &str) -> Option<&'a Value> {
        self.variables().iter().find(|variable| variable["name"] == name)
    }

    fn variables(&self) -> &'a [Value] {
        items(&self.board["templating"]["list"])
    }

    /// The title of the panel and the text of each expression.
    fn expressions(&self) -> Vec<(&'a Value, &'a str)> {
        let targets = |panel: &'a Value| items(&panel["targets"]).iter();
        let pairs = |panel: &'a Value| targets(panel).map(move |t| (panel, text(&t["expr"])));
        self.panels().into_iter().flat_map(pairs).collect()
    }

    /// The same, as far as they can be read.
    fn readings(&self) -> Vec<(&'a Value, Reading)> {
        let read = |(panel, expr)| Some((panel, read(expr).ok()?));
        self.expressions().into_iter().filter_map(read).collect()
    }

    /// A complaint for each panel that is not well.
    fn each(&self, well: impl Fn(&Value) -> bool, complaint: &str) -> Vec<String> {
        let bad = self.panels().into_iter().filter(|panel| !well(panel));
        bad.map(|panel| format!("{:?} {complaint}", text(&panel["title"]))).collect()
    }
}

fn template_datasource(look: &Look<'_>) -> Vec<String> {
    let sources = look.variables().iter().filter(|v| v["type"] == "datasource");
    let [source] = sources.collect::<Vec<_>>()[..] else {
        return vec!["there must be one variable for the data source".to_owned()];
    };
    let is = |key: &str, value: &str| source[key] == value;
    let well = is("name", "datasource") && is("label", "Data source") && is("query", "prometheus");
    if well { Vec::new() } else { vec!["it must be \"datasource\", of Prometheus".to_owned()] }
}

fn template_query(look: &Look<'_>, name: &str) -> Vec<String> {
    let Some(variable) = look.variable(name) else {
        return vec![format!("there is no variable {name}")];
    };
    let mut label = name.to_owned();
    label[..1].make_ascii_uppercase();
    [
        (variable["type"] == "query", "must be a query"),
        (variable["datasource"]["uid"] == DATASOURCE, "must ask the chosen data source"),
        (variable["label"] == label.as_str(), "must be labelled by its name"),
        (variable["multi"] == true, "must allow several values"),
        (variable["includeAll"] == true, "must offer all values"),
        (variable["allValue"] == ".+", "must mean any value by all"),
    ]
    .iter()
    .filter(|(well, _)| !well)
    .map(|(_, complaint)| format!("{name} {complaint}"))
    .collect()
}

/// `label_values(selector, label)`, of a family that there is.
fn template_label_promql(look: &Look<'_>) -> Vec<String> {
    let vocabulary = Vocabulary::new([]);
    let queries = look.variables().iter().filter(|variable| variable["type"] == "query");
    let check = |variable: &Value| {
        let query = text(&variable["query"]);
        let call = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
        match call.and_then(|arguments| arguments.rsplit_once(", ")) {
            Some((selector, _)) => vocabulary.check(selector),
            None => vec![format!("{query} asks for no label")],
        }
    };
    queries.flat_map(check).collect()
}

fn template_reload(look: &Look<'_>) -> Vec<String> {
    let queries = look.variables().iter().filter(|variable| variable["type"] == "query");
    let lazy = queries.filter(|variable| variable["refresh"] != 2);
    lazy.map(|v| format!("{} must be asked anew when the time changes", v["name"])).collect()
}

fn uneditable(look: &Look<'_>) -> Vec<String> {
    let well = look.board["editable"] == false;
    if well { Vec::new() } else { vec!["what is edited there is lost here".to_owned()] }
}

fn panel_datasource(look: &Look<'_>) -> Vec<String> {
    look.each(|panel| panel["datasource"]["uid"] == DATASOURCE, "does not use the chosen source")
}

fn panel_title_description(look: &Look<'_>) -> Vec<String> {
    let filled = |panel: &Value, key: &str| !text(&panel[key]).trim().is_empty();
    let well = |panel: &Value| filled(panel, "title") && filled(panel, "description");
    look.each(well, "lacks a title or a description")
}

fn panel_units(look: &Look<'_>) -> Vec<String> {
    let unit = |panel: &Value| text(&panel["fieldConfig"]["defaults"]["unit"]).to_owned();
    look.each(|panel| UNITS.contains(&unit(panel).as_str()), "has no unit of ours")
}

fn panel_no_targets(look: &Look<'_>) -> Vec<String> {
    look.each(|panel| !items(&panel["targets"]).is_empty(), "asks nothing")
}

fn target_promql(look: &Look<'_>) -> Vec<String> {
    let failed = |(panel, expr): (&Value, &str)| {
        let error = read(expr).err()?;
        Some(format!("{}: {expr}: {error}", panel["title"]))
    };
    look.expressions().into_iter().filter_map(failed).collect()
}

/// A rate looks back as far as Grafana says, or over all that is shown where it is one number.
fn target_rate_interval(look: &Look<'_>) -> Vec<String> {
    let mut complaints = Vec::new();
    for (panel, reading) in look.readings() {
        for selector in &reading.selectors {
            let whole = panel["type"] == "stat" && selector.range == Some(RANGE);
            if selector.asks_for_growth() && selector.range != Some(RATE_INTERVAL) && !whole {
                complaints.push(format!("{}: {}", panel["title"], selector.name));
            }
        }
    }
    complaints
}

fn target_matcher(look: &Look<'_>, name: &str) -> Vec<String> {
    let wanted = format!("{name}=~\"${name}\"");
    let mut complaints = Vec::new();
    for (panel, reading) in look.readings() {
        for selector in &reading.selectors {
            if !selector.matchers.iter().any(|matcher| matcher.text == wanted) {
                complaints.push(format!("{}: {} lacks {wanted}", panel["title"], selector.name));
            }
        }
    }
    complaints
}

fn target_counter_agg(look: &Look<'_>) -> Vec<String> {
    let mut complaints = Vec::new();
    for (panel, reading) in look.readings() {
        for selector in &reading.selectors {
            if selector.name.ends_with("_total")
                && !selector.asks_for_growth()
                && !selector.balanced
            {
                complaints.push(format!("{}: {} without a rate", panel["title"], selector.name));
            }
        }
    }
    complaints
}

/// Where several pools are chosen, a share or a percentile of all of them together hides the one
/// that is in trouble behind those that rest.
fn target_pools_apart(look: &Look<'_>) -> Vec<String> {
    let mixed = look.readings().into_iter().filter(|(_, reading)| reading.mixes_pools);
    mixed.map(|(panel, _)| format!("{} mixes pools", panel["title"])).collect()
}

/// How many came in each step, by the bounds of their buckets.
fn panel_heatmap(look: &Look<'_>) -> Vec<String> {
    let well = |panel: &Value| {
        let mut targets = items(&panel["targets"]).iter();
        panel["type"] != "heatmap"
            || targets.all(|target| {
                let expr = text(&target["expr"]);
                target["format"] == "heatmap" && expr.starts_with("sum by (le) (increase(")
            })
    };
    look.each(well, "does not sum the increase of each bucket")
}

fn target_vocabulary(look: &Look<'_>) -> Vec<String> {
    let vocabulary = Vocabulary::new([]);
    look.expressions().into_iter().flat_map(|(_, expr)| vocabulary.check(expr)).collect()
}

fn annotation_vocabulary(look: &Look<'_>) -> Vec<String> {
    let vocabulary = Vocabulary::new([]);
    let notes = items(&look.board["annotations"]["list"]);
    let mut complaints: Vec<String> =
        notes.iter().flat_map(|note| vocabulary.check(text(&note["expr"]))).collect();
    let elsewhere = notes.iter().filter(|note| note["datasource"]["uid"] != DATASOURCE);
    complaints.extend(elsewhere.map(|note| format!("{} asks another source", note["name"])));
    complaints
}

/// A description asks a question in its first line and goes on to say what to do.
fn panel_question(look: &Look<'_>) -> Vec<String> {
    let well = |panel: &Value| match text(&panel["description"]).split_once("\n\n") {
        Some((asks, advice)) => asks.ends_with("?**") && advice.trim().ends_with('.'),
        None => false,
    };
    look.each(well, "does not say what it asks and what to do")
}

/// Steps that begin below everything and rise.
fn panel_thresholds(look: &Look<'_>) -> Vec<String> {
    let well = |panel: &Value| {
        let steps = items(&panel["fieldConfig"]["defaults"]["thresholds"]["steps"]);
        let values: Vec<Option<f64>> = steps.iter().map(|step| step["value"].as_f64()).collect();
        let rising = values.windows(2).all(|pair| pair[0].is_none_or(|v| Some(v) <= pair[1]));
        values.first() == Some(&None) && values.iter().skip(1).all(Option::is_some) && rising
    };
    look.each(well, "has no thresholds, or they do not rise")
}

/// Everything is on the grid and nothing covers anything else.
fn panel_place(look: &Look<'_>) -> Vec<String> {
    let place = |panel: &Value| {
        let side = |key: &str| panel["gridPos"][key].as_u64();
        Some([side("x")?, side("y")?, side("w")?, side("h")?])
    };
    let mut complaints = Vec::new();
    let mut before: Vec<[u64; 4]> = Vec::new();
    for panel in items(&look.board["panels"]) {
        let Some([x, y, w, h]) = place(panel) else {
            complaints.push(format!("{} has no place", panel["title"]));
            continue;
        };
        let apart =
            |[a, b, v, g]: &[u64; 4]| x + w <= *a || a + v <= x || y + h <= *b || b + g <= y;
        if x + w > 24 || w == 0 || h == 0 || !before.iter().all(apart) {
            complaints.push(format!("{} is off the grid or covers another", panel["title"]));
        }
        before.push([x, y, w, h]);
    }
    complaints
}

/// Numbers are there once; so are titles within a row.
fn panel_identity(look: &Look<'_>) -> Vec<String> {
    let mut complaints = Vec::new();
    let (mut numbers, mut titles) = (Vec::new(), Vec::new());
    for panel in look.placed() {
        if is_row(panel) {
            titles.clear();
        }
        if panel["id"].as_u64().is_none() || numbers.contains(&&panel["id"]) {
            complaints.push(format!("{} has no number of its own", panel["title"]));
        }
        if titles.contains(&&panel["title"]) {
            complaints.push(format!("{} is there twice in a row", panel["title"]));
        }
        numbers.push(&panel["id"]);
        titles.push(&panel["title"]);
    }
    complaints
}
