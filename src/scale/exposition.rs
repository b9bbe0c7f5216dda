//! The Prometheus text of the families; histograms are exact at every `le`.
//!
//! A recorder behind the `metrics` facade gets samples, and a bounded number of them. This text is
//! written from the cells themselves: no sample is left out, whatever the rate, and a page takes
//! some microseconds.

use std::fmt::Write;

use super::family::{Family, Figures, Reading};
use crate::run::histogram::Cells;

/// Writes the `# HELP` and `# TYPE` lines of a family.
pub(crate) fn write_header(out: &mut String, family: &Family) {
    let Family { name, help, .. } = family;
    line(out, format_args!("# HELP {name} {help}"));
    line(out, format_args!("# TYPE {name} {}", family.kind()));
}

/// Writes one series of a family, a histogram with all its buckets; nothing if the platform does
/// not tell. `labels` is the text between the braces.
pub(crate) fn write_reading(
    out: &mut String,
    family: &Family,
    index: usize,
    labels: &str,
    figures: &Figures<'_>,
) {
    let name = family.name;
    match family.reading {
        Reading::Counter(read) => {
            if let Some(total) = read(figures, index) {
                line(out, format_args!("{name}{{{labels}}} {total}"));
            }
        }
        Reading::Gauge(read) => match read(figures, index) {
            Some(f64::INFINITY) => line(out, format_args!("{name}{{{labels}}} +Inf")),
            Some(level) => line(out, format_args!("{name}{{{labels}}} {level}")),
            None => {}
        },
        Reading::Histogram(measure) => {
            write_cells(out, name, measure.ladder, labels, (measure.cells)(figures));
        }
    }
}

fn write_cells(out: &mut String, name: &str, ladder: &[u64], labels: &str, cells: &Cells) {
    for &bound in ladder {
        let (le, n) = (Seconds(bound), cells.cumulative_le(bound));
        line(out, format_args!("{name}_bucket{{{labels},le=\"{le}\"}} {n}"));
    }
    let count = cells.count();
    line(out, format_args!("{name}_bucket{{{labels},le=\"+Inf\"}} {count}"));
    line(out, format_args!("{name}_sum{{{labels}}} {}", Seconds(cells.sum_ns())));
    line(out, format_args!("{name}_count{{{labels}}} {count}"));
}

/// The label `pool`, its value escaped as the text format asks.
pub(crate) fn pool_label(name: &str) -> String {
    label("pool", name)
}

/// A label, its value escaped as the text format asks.
pub(crate) fn label(name: &str, value: &str) -> String {
    let mut label = format!("{name}=\"");
    for c in value.chars() {
        match c {
            '\\' => label.push_str("\\\\"),
            '"' => label.push_str("\\\""),
            '\n' => label.push_str("\\n"),
            c => label.push(c),
        }
    }
    label.push('"');
    label
}

/// Whether a text has this label, and not one whose name only ends alike: `node_pool="a"` is no
/// `pool="a"`.
#[cfg(feature = "prometheus")]
pub(crate) fn has_label(text: &str, label: &str) -> bool {
    text.match_indices(label).any(|(at, _)| at == 0 || text[..at].ends_with(['{', ',']))
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a `String` cannot fail.
    let _ = out.write_fmt(text);
    out.push('\n');
}

/// Nanoseconds, shown as seconds in the shortest decimal that is exact: no float is involved.
struct Seconds(u64);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, rest) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        if rest == 0 {
            return write!(f, "{whole}");
        }
        let digits = format!("{rest:09}");
        write!(f, "{whole}.{}", digits.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scale::family::measures_of;
    use crate::scale::metric_table::TABLE;
    use crate::scale::totals::{Levels, Totals};

    /// Writes the histogram families of some pools, each family once.
    fn write_page(out: &mut String, pools: &[(&str, &Totals)]) {
        let levels = &Levels::default();
        for (family, _) in measures_of(&TABLE) {
            write_header(out, family);
            for (name, totals) in pools {
                let figures = Figures { totals, levels, thinned: 0, lane: None };
                write_reading(out, family, 0, &pool_label(name), &figures);
            }
            out.push('\n');
        }
    }

    /// 10 µs is a bound, and belongs below it; the next nanosecond does not.
    fn totals() -> Totals {
        let mut totals = Totals::default();
        [10_000, 10_001, 2_600_000_000].into_iter().for_each(|ns| totals.wait.record(ns));
        totals
    }

    #[test]
    fn a_page_is_exact_at_every_bound() {
        let totals = totals();
        let mut page = String::new();
        write_page(&mut page, &[("thumbs", &totals)]);
        let wait: Vec<&str> =
            page.lines().filter(|l| l.contains("springtide_queue_wait_seconds")).collect();
        assert_eq!(wait.len(), 2 + 19 + 3);
        for expected in [
            "# TYPE springtide_queue_wait_seconds histogram",
            "springtide_queue_wait_seconds_bucket{pool=\"thumbs\",le=\"0.00001\"} 1",
            "springtide_queue_wait_seconds_bucket{pool=\"thumbs\",le=\"0.000025\"} 2",
            "springtide_queue_wait_seconds_bucket{pool=\"thumbs\",le=\"1\"} 2",
            "springtide_queue_wait_seconds_bucket{pool=\"thumbs\",le=\"2.5\"} 2",
            "springtide_queue_wait_seconds_bucket{pool=\"thumbs\",le=\"5\"} 3",
            "springtide_queue_wait_seconds_bucket{pool=\"thumbs\",le=\"+Inf\"} 3",
            "springtide_queue_wait_seconds_sum{pool=\"thumbs\"} 2.600020001",
            "springtide_queue_wait_seconds_count{pool=\"thumbs\"} 3",
        ] {
            assert!(wait.contains(&expected), "{expected} not in\n{page}");
        }
    }

    #[test]
    fn a_family_is_announced_once_for_all_pools() {
        let totals = totals();
        let mut page = String::new();
        write_page(&mut page, &[("a", &totals), ("b", &totals)]);
        assert_eq!(page.matches("# TYPE ").count(), 3);
        assert_eq!(page.matches("# HELP ").count(), 3);
        assert_eq!(page.matches("_sum{").count(), 6);
    }

    #[test]
    fn labels_cannot_break_out_of_their_quotes() {
        assert_eq!(pool_label("a\"b\\c\nd"), r#"pool="a\"b\\c\nd""#);
    }

    #[test]
    fn seconds_are_the_shortest_exact_decimal() {
        let shown = |ns| Seconds(ns).to_string();
        assert_eq!(shown(0), "0");
        assert_eq!(shown(25_000), "0.000025");
        assert_eq!(shown(60_000_000_000), "60");
        assert_eq!(shown(u64::MAX), "18446744073.709551615");
        for (_, measure) in measures_of(&TABLE) {
            for &bound in measure.ladder {
                assert_eq!(shown(bound), (bound as f64 / 1e9).to_string());
            }
        }
    }
}
