//! What a pool exports, as the page on metrics tells it. A test of the crate keeps that page equal
//! to the table in the code.

use std::collections::{BTreeMap, BTreeSet};

const PAGE: &str = include_str!("../../../src/docs/metrics.md");

/// Labels that Prometheus or every pool adds.
pub const COMMON: [&str; 3] = ["job", "instance", "pool"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// One family: all series of one name.
#[derive(Clone, Debug)]
pub struct Family {
    pub name: String,
    pub kind: Kind,
    /// Its own labels with their values; no values for a label that is not a closed set.
    pub labels: BTreeMap<String, BTreeSet<String>>,
}

/// What the name of a series stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A counter, or the `_sum` or `_count` of a histogram: it only grows.
    Total,
    /// The `_bucket` of a histogram.
    Bucket,
    /// It goes up and down.
    Level,
}

/// Every family there is.
#[derive(Debug)]
pub struct Families(Vec<Family>);

impl Families {
    /// Those of the page on metrics.
    pub fn exported() -> Families {
        let rows = PAGE.lines().filter(|line| line.starts_with("| `springtide_"));
        Families(rows.map(family).collect())
    }

    pub fn iter(&self) -> impl Iterator<Item = &Family> {
        self.0.iter()
    }

    /// The family of a series, and which part of it the series is.
    pub fn of(&self, series: &str) -> Option<(&Family, Part)> {
        self.0.iter().find_map(|family| {
            let rest = series.strip_prefix(family.name.as_str())?;
            let part = match (family.kind, rest) {
                (Kind::Counter, "") => Part::Total,
                (Kind::Gauge, "") => Part::Level,
                (Kind::Histogram, "_sum" | "_count") => Part::Total,
                (Kind::Histogram, "_bucket") => Part::Bucket,
                _ => return None,
            };
            Some((family, part))
        })
    }
}

/// One row: `| name | type | label: value, value; label: … | help |`. The page says above their
/// table that families of lanes have the label `lane` besides.
fn family(row: &str) -> Family {
    let cells: Vec<&str> = row.split('|').map(str::trim).collect();
    let kind = match cells[2] {
        "counter" => Kind::Counter,
        "gauge" => Kind::Gauge,
        "histogram" => Kind::Histogram,
        other => panic!("no such type: {other}"),
    };
    let labels = cells[3].split("; ").filter_map(|label| label.split_once(": "));
    let labels = labels.map(|(name, values)| {
        let values = values.split(", ").filter(|value| *value != "…").map(str::to_owned);
        (name.trim_matches('`').to_owned(), values.collect())
    });
    let name = cells[1].trim_matches('`').to_owned();
    let mut labels: BTreeMap<String, BTreeSet<String>> = labels.collect();
    if name.starts_with("springtide_lane_") {
        labels.insert("lane".to_owned(), BTreeSet::new());
    }
    Family { name, kind, labels }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_read_with_types_and_labels() {
        let families = Families::exported();
        assert!(families.iter().count() > 30);
        let (refused, part) = families.of("springtide_jobs_refused_total").expect("it is there");
        assert_eq!(part, Part::Total);
        assert!(refused.labels["reason"].contains("queue_full"));
        assert_eq!(families.of("springtide_run_seconds_bucket").expect("there").1, Part::Bucket);
        assert!(families.of("springtide_run_seconds").is_none());
        let (lane, _) = families.of("springtide_lane_waiting").expect("it is there");
        assert!(lane.labels["lane"].is_empty());
        assert!(families.of("springtide_info").expect("there").0.labels["version"].is_empty());
    }
}
