//! The rules of Prometheus and their tests, and what must hold between them, the runbook and the
//! boards. Each check goes from texts to complaints.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use crate::promql::read;
use crate::vocabulary::Vocabulary;

/// A file of rules.
#[derive(Debug, Deserialize)]
pub struct Rules {
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
struct Rule {
    alert: Option<String>,
    record: Option<String>,
    expr: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// A file of tests for them.
#[derive(Debug, Deserialize)]
pub struct Tests {
    tests: Vec<Case>,
}

#[derive(Debug, Deserialize)]
struct Case {
    #[serde(default)]
    alert_rule_test: Vec<AlertTest>,
    #[serde(default)]
    promql_expr_test: Vec<ExprTest>,
}

#[derive(Debug, Deserialize)]
struct AlertTest {
    alertname: String,
    exp_alerts: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct ExprTest {
    expr: String,
}

impl Rules {
    /// What several files say together.
    pub fn read(texts: &[&str]) -> Result<Rules, String> {
        let mut groups = Vec::new();
        for text in texts {
            let rules: Rules = serde_norway::from_str(text).map_err(|error| error.to_string())?;
            groups.extend(rules.groups);
        }
        Ok(Rules { groups })
    }

    fn all(&self) -> impl Iterator<Item = &Rule> {
        self.groups.iter().flat_map(|group| &group.rules)
    }

    fn alerts(&self) -> impl Iterator<Item = (&str, &Rule)> {
        self.all().filter_map(|rule| Some((rule.alert.as_deref()?, rule)))
    }

    /// The names of what is recorded.
    pub fn recorded(&self) -> impl Iterator<Item = &str> {
        self.all().filter_map(|rule| rule.record.as_deref())
    }

    /// What the alerts ask.
    pub fn alert_expressions(&self) -> impl Iterator<Item = &str> {
        self.alerts().map(|(_, rule)| rule.expr.as_str())
    }

    /// Expressions ask for what there is.
    pub fn vocabulary(&self) -> Vec<String> {
        let vocabulary = Vocabulary::new(self.recorded().map(str::to_owned));
        self.all().flat_map(|rule| vocabulary.check(&rule.expr)).collect()
    }

    /// No share and no percentile is one of several pools together.
    pub fn pools_apart(&self) -> Vec<String> {
        let mixed = self.all().filter(|rule| read(&rule.expr).is_ok_and(|read| read.mixes_pools));
        mixed.map(|rule| format!("it mixes pools: {}", rule.expr)).collect()
    }

    /// Each alert has a case that fires and one that does not, each recorded name one that
    /// computes it, and no case is about anything else.
    pub fn tested(&self, tests: &[&str]) -> Result<Vec<String>, String> {
        let mut complaints = Vec::new();
        let (mut fires, mut silent, mut computed) =
            (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for text in tests {
            let tests: Tests = serde_norway::from_str(text).map_err(|error| error.to_string())?;
            for case in tests.tests {
                // A case that fires may also say when it does not yet; that is no case of silence.
                let (loud, quiet): (Vec<AlertTest>, Vec<AlertTest>) =
                    case.alert_rule_test.into_iter().partition(|test| !test.exp_alerts.is_empty());
                let set = if loud.is_empty() { &mut silent } else { &mut fires };
                set.extend(loud.into_iter().chain(quiet).map(|test| test.alertname));
                computed.extend(case.promql_expr_test.into_iter().map(|test| test.expr));
            }
        }
        let alerts: BTreeSet<String> = self.alerts().map(|(name, _)| name.to_owned()).collect();
        let recorded: BTreeSet<String> = self.recorded().map(str::to_owned).collect();
        for (cases, rules, what) in [
            (&fires, &alerts, "a case that fires"),
            (&silent, &alerts, "a case that does not fire"),
            (&computed, &recorded, "a case that computes it"),
        ] {
            complaints.extend(rules.difference(cases).map(|rule| format!("{rule} lacks {what}")));
            complaints.extend(cases.difference(rules).map(|case| format!("{case} is no rule")));
        }
        Ok(complaints)
    }

    /// Each alert has a section in the runbook, a row in its table and a link to it, and each
    /// section an alert.
    pub fn documented(&self, runbook: &str) -> Vec<String> {
        let mut complaints = Vec::new();
        let sections: BTreeSet<&str> =
            runbook.lines().filter_map(|line| line.strip_prefix("## Springtide")).collect();
        let mut known = BTreeSet::new();
        for (name, rule) in self.alerts() {
            let anchor = name.to_lowercase();
            let severity = rule.labels.get("severity").map_or("", String::as_str);
            known.extend(name.strip_prefix("Springtide"));
            if !name.strip_prefix("Springtide").is_some_and(|rest| sections.contains(rest)) {
                complaints.push(format!("{name} has no section"));
            }
            if !["page", "ticket"].contains(&severity) {
                complaints.push(format!("{name} is for nobody: {severity:?}"));
            }
            if !runbook.contains(&format!("| [{name}](#{anchor}) | {severity} |")) {
                complaints.push(format!("{name} has no row that says {severity}"));
            }
            let link = rule.annotations.get("runbook_url");
            if link != Some(&format!("dashboards/RUNBOOK.md#{anchor}")) {
                complaints.push(format!("{name} links to {link:?}"));
            }
            if !rule.annotations.contains_key("summary") {
                complaints.push(format!("{name} has no summary"));
            }
        }
        let gone = sections.difference(&known);
        complaints.extend(gone.map(|name| format!("there is no alert Springtide{name}")));
        complaints
    }
}

/// Each section of an alert says what it means, where to look and what to do, and the panels that
/// the runbook names in *italics* are on a board.
pub fn runbook(text: &str, boards: &[Value]) -> Vec<String> {
    let mut titles: BTreeSet<&str> = BTreeSet::from(["Pool", "Fleet"]);
    for panel in boards.iter().filter_map(|board| board["panels"].as_array()).flatten() {
        titles.extend(panel["title"].as_str());
    }
    let mut complaints = Vec::new();
    for section in text.split("\n## ").filter(|section| section.starts_with("Springtide")) {
        let name = section.lines().next().unwrap_or_default();
        for part in ["**Means.**", "**Look at.**", "**Do.**"] {
            if section.matches(part).count() != 1 {
                complaints.push(format!("{name} does not say {part} once"));
            }
        }
    }
    let plain = text.replace("**", "");
    let spoken = plain.split('*').skip(1).step_by(2).map(|title| title.replace('\n', " "));
    let unknown = spoken.filter(|title| !titles.contains(title.as_str()));
    complaints.extend(unknown.map(|title| format!("no board has a panel {title:?}")));
    complaints
}

/// Each of these values has a row of its own somewhere in the runbook.
pub fn explained<'a>(text: &str, values: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let first = rows.filter_map(|row| row.split('|').nth(1));
    let words: BTreeSet<&str> = first.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    let missing = values.into_iter().filter(|value| !words.contains(value.as_str()));
    missing.map(|value| format!("the runbook does not explain {value}")).collect()
}
