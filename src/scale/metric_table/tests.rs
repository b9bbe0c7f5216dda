use std::collections::HashSet;

use super::*;
use crate::scale::family::measures_of;
use crate::scale::lane_table::LANE_TABLE;
use crate::scale::totals::Totals;

fn families() -> impl Iterator<Item = &'static Family> {
    TABLE.iter().chain([&INFO])
}

/// So many has a family, with each bucket of a histogram, its sum and its count.
fn series(family: &Family) -> usize {
    match family.reading {
        // One bucket more than the ladder has bounds.
        Reading::Histogram(measure) => measure.ladder.len() + 3,
        _ => family.labels.series,
    }
}

#[test]
fn names_follow_the_conventions_of_prometheus() {
    let mut seen = HashSet::new();
    for family in families().chain(&LANE_TABLE) {
        let name = family.name;
        assert!(seen.insert(name), "{name} twice");
        let bare = name.strip_prefix("springtide_").expect(name);
        assert!(bare.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
        assert_eq!(family.kind() == "counter", name.ends_with("_total"), "{name}");
        let stem = name.strip_suffix("_total").unwrap_or(name);
        assert_eq!(family.unit == Unit::Seconds, stem.ends_with("_seconds"), "{name}");
        assert_eq!(family.unit == Unit::Ratio, stem.ends_with("_ratio"), "{name}");
        let scaled = ["ms", "milliseconds", "microseconds", "nanoseconds", "percent"];
        let types = ["counter", "gauge", "histogram", "summary"];
        assert!(!bare.split('_').any(|w| scaled.contains(&w) || types.contains(&w)), "{name}");
        assert!(["_sum", "_count", "_bucket"].iter().all(|end| !name.ends_with(end)), "{name}");
        assert!(family.help.ends_with(['.', ')']) || family.help.contains(';'), "{name}");
        assert!(!family.help.contains(['\n', '\\']), "{name}");
    }
}

#[test]
fn a_pool_has_at_most_144_series() {
    let series: usize = families().map(series).sum();
    assert!((100..=144).contains(&series), "{series}");
}

#[test]
fn label_sets_are_closed_and_distinct() {
    for family in families() {
        let mut seen = HashSet::new();
        for labels in (0..family.labels.series).map(family.labels.of) {
            for (name, value) in &labels {
                assert!(!["pool", "le", "quantile", "job", "instance"].contains(name));
                assert!(!value.is_empty());
            }
            assert!(seen.insert(labels), "{}", family.name);
        }
    }
}

#[test]
fn every_series_can_be_read() {
    let (totals, levels) = (Totals::default(), Levels::default());
    let figures = Figures { totals: &totals, levels: &levels, thinned: 0, lane: None };
    let unknown = ["springtide_worker_cpu_seconds_total", "springtide_cpu_saturation_ratio"];
    for family in families() {
        for i in 0..family.labels.series {
            let read = match family.reading {
                Reading::Counter(read) => read(&figures, i).is_some(),
                Reading::Gauge(read) => read(&figures, i).is_some(),
                Reading::Histogram(measure) => (measure.cells)(&figures).count() == 0,
            };
            assert_eq!(read, !unknown.contains(&family.name), "{} {i}", family.name);
        }
    }
}

#[test]
fn an_unlisted_reason_counts_as_custom() {
    let mut totals = Totals::default();
    for (i, count) in totals.scale_events[0].iter_mut().enumerate() {
        *count = 1 << i;
    }
    let levels = Levels::default();
    let figures = Figures { totals: &totals, levels: &levels, thinned: 0, lane: None };
    let up: Vec<u64> = (0..UP.len()).filter_map(|i| scale_events(&figures, i)).collect();
    assert_eq!(up.iter().sum::<u64>(), totals.scale_events[0].iter().sum::<u64>());
    assert_eq!(up[2], 1 << Reason::Grow.index());
    assert_eq!(scale_events(&figures, UP.len()), Some(0));
}

#[test]
fn ladders_rise_and_have_two_digits() {
    for (family, measure) in measures_of(&TABLE) {
        assert!(measure.ladder.is_sorted_by(|a, b| a < b), "{}", family.name);
        for &bound in measure.ladder {
            let mut digits = bound;
            while digits % 10 == 0 {
                digits /= 10;
            }
            assert!(digits < 100, "{bound}");
        }
    }
}
