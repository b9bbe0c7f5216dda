//! What the boards and the rules ask.

use serde_json::Value;

use crate::server::{Series, Server, repository};

/// An expression, and where it stands.
pub(crate) struct Asked {
    pub(crate) what: String,
    pub(crate) expr: String,
}

impl Asked {
    /// With `>= 0` in the place of `> 0.95` and the like: still empty if a name is wrong or the two
    /// sides of an operator never meet.
    pub(crate) fn without_thresholds(self) -> Asked {
        let mut parts = self.expr.split("> ");
        let mut expr = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let rest = part.trim_start_matches(|c: char| c.is_ascii_digit() || ".* ".contains(c));
            expr.push_str(">= 0 ");
            expr.push_str(rest);
        }
        Asked { expr, ..self }
    }
}

/// Whether an answer says anything: 0 / 0 has a value at every moment, and none is a number.
pub(crate) fn has_a_number(answer: &[Series]) -> bool {
    answer.iter().flat_map(|series| &series.values).any(|(_, value)| !value.is_nan())
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().expect("it is a text")
}

/// As the preview fills it in, with everything chosen.
fn filled(expr: &str) -> String {
    ["$job", "$instance", "$pool"]
        .iter()
        .fold(expr.to_owned(), |expr, name| expr.replace(name, ".+"))
        .replace("$__rate_interval", "4s")
        .replace("$__range", "60s")
}

/// Each target of each panel, and each note, as `pool.json: Title` and `pool.json: note Title`.
pub(crate) fn boards() -> Vec<Asked> {
    let mut asked = Vec::new();
    for name in ["pool.json", "fleet.json"] {
        let path = repository("dashboards/grafana").join(name);
        let board = std::fs::read_to_string(path).expect("it is in the repository");
        let board: Value = serde_json::from_str(&board).expect("it is JSON");
        for panel in items(&board["panels"]) {
            for target in items(&panel["targets"]) {
                let what = format!("{name}: {}", text(&panel["title"]));
                asked.push(Asked { what, expr: filled(text(&target["expr"])) });
            }
        }
        for note in items(&board["annotations"]["list"]) {
            let what = format!("{name}: note {}", text(&note["name"]));
            asked.push(Asked { what, expr: filled(text(&note["expr"])) });
        }
    }
    asked
}

/// The rules that Prometheus has read.
fn rules(server: &Server) -> Vec<Value> {
    let rules = server.ask("rules").expect("it answers");
    let groups = items(&rules["groups"]).iter();
    groups.flat_map(|group| items(&group["rules"])).cloned().collect()
}

fn of_type<'a>(rules: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    rules.iter().filter(move |rule| rule["type"] == kind)
}

/// The alerts; each asks what its rule asks.
pub(crate) fn alerts(server: &Server) -> Vec<Asked> {
    let rules = rules(server);
    let asked = |rule: &Value| Asked {
        what: text(&rule["name"]).to_owned(),
        expr: text(&rule["query"]).to_owned(),
    };
    of_type(&rules, "alerting").map(asked).collect()
}

/// What is recorded, by its name.
pub(crate) fn recorded(server: &Server) -> Vec<Asked> {
    let rules = rules(server);
    let asked = |rule: &Value| {
        let name = text(&rule["name"]).to_owned();
        Asked { what: name.clone(), expr: name }
    };
    of_type(&rules, "recording").map(asked).collect()
}
