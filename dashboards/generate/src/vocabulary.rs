//! Whether an expression asks for what there is: families, labels and values of the one table, and
//! functions that fit the type.

use std::collections::BTreeSet;

use crate::families::{COMMON, Families, Part};
use crate::promql::{Selector, read};

/// What is known: the families, and the names that recording rules make of them.
pub struct Vocabulary {
    families: Families,
    recorded: BTreeSet<String>,
}

impl Vocabulary {
    pub fn new(recorded: impl IntoIterator<Item = String>) -> Vocabulary {
        Vocabulary { families: Families::exported(), recorded: recorded.into_iter().collect() }
    }

    /// What is wrong with an expression.
    pub fn check(&self, expr: &str) -> Vec<String> {
        let reading = match read(expr) {
            Ok(reading) => reading,
            Err(error) => return vec![format!("{expr}: {error}")],
        };
        let mut complaints: Vec<String> =
            reading.selectors.iter().flat_map(|selector| self.selector(selector)).collect();
        if reading.quantiles.contains(&false) {
            complaints.push("a quantile of buckets whose bounds `le` were summed away".to_owned());
        }
        let own = reading.selectors.iter().filter_map(|selector| self.families.of(&selector.name));
        let mut known: BTreeSet<&str> =
            own.flat_map(|(f, _)| f.labels.keys()).map(|l| &**l).collect();
        known.extend(COMMON);
        known.insert("le");
        for label in reading.labels.iter().filter(|label| !known.contains(label.as_str())) {
            complaints.push(format!("no series of it has the label {label}"));
        }
        complaints.into_iter().map(|complaint| format!("{expr}: {complaint}")).collect()
    }

    fn selector(&self, selector: &Selector) -> Vec<String> {
        let name = &selector.name;
        if self.recorded.contains(name) {
            return Vec::new();
        }
        let Some((family, part)) = self.families.of(name) else {
            return vec![format!("no pool exports {name}")];
        };
        let mut complaints = Vec::new();
        match (part, selector.asks_for_growth()) {
            (Part::Level, true) => complaints.push(format!("{name} goes up and down: no rate")),
            (Part::Total | Part::Bucket, false) if !selector.balanced => {
                complaints.push(format!("{name} only grows: ask for its rate"));
            }
            _ => {}
        }
        for matcher in &selector.matchers {
            let label = matcher.label.as_str();
            let bounds = part == Part::Bucket && label == "le";
            if COMMON.contains(&label) || bounds {
                continue;
            }
            let Some(set) = family.labels.get(label) else {
                complaints.push(format!("{name} has no label {label}"));
                continue;
            };
            let is_closed = !set.is_empty();
            for value in matcher.values.iter().filter(|value| is_closed && !set.contains(*value)) {
                complaints.push(format!("{label} of {name} is never {value}"));
            }
        }
        complaints
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_must_be_there() {
        let vocabulary = Vocabulary::new(["pool:waits".to_owned()]);
        for fine in [
            "rate(springtide_jobs_refused_total{reason!=\"shutdown\"}[5m]) > 0",
            "springtide_demand_workers / on (job, instance, pool) springtide_workers_max",
            "sum by (state) (springtide_workers{state=~\"idle|busy\"}) + pool:waits",
            "histogram_quantile(0.9, sum by (le) (rate(springtide_run_seconds_bucket[5m])))",
            "rate(springtide_run_seconds_bucket{le=\"0.25\"}[5m])",
            "springtide_info{version=\"0.1.0\"}",
            "sum(springtide_jobs_submitted_total) - sum(springtide_jobs_completed_total)",
        ] {
            assert!(vocabulary.check(fine).is_empty(), "{:?}", vocabulary.check(fine));
        }
    }

    #[test]
    fn each_kind_of_mistake_is_found() {
        let vocabulary = Vocabulary::new([]);
        for (wrong, why) in [
            ("springtide_nothing", "no pool exports"),
            ("pool:waits", "no pool exports"),
            ("springtide_run_seconds", "no pool exports"),
            ("rate(springtide_queue_jobs[5m])", "no rate"),
            ("springtide_steals_total", "only grows"),
            ("springtide_jobs_submitted_total - springtide_queue_jobs", "only grows"),
            ("springtide_run_seconds_bucket", "only grows"),
            ("springtide_workers{status=\"idle\"}", "has no label status"),
            ("springtide_workers{state=\"lazy\"}", "is never lazy"),
            ("springtide_workers{state=~\"idle|lazy\"}", "is never lazy"),
            ("sum by (status) (springtide_workers)", "has the label status"),
            ("springtide_stalled / on (worker) springtide_queue_limit_jobs", "label worker"),
            (
                "histogram_quantile(0.9, sum by (pool) (rate(springtide_run_seconds_bucket[5m])))",
                "summed away",
            ),
            ("sum by (", "sum by ("),
        ] {
            let complaints = vocabulary.check(wrong);
            assert!(complaints.iter().any(|c| c.contains(why)), "{wrong}: {complaints:?}");
        }
    }
}
