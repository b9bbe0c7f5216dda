//! The page of one pool: every family, read at this moment, for whoever asks.

use super::core::Core;
use super::exposition::{label, pool_label, write_header, write_reading};
use super::family::{Family, Figures, Labels, Reading};
use super::lane_table::LANE_TABLE;
use super::metric_table::{INFO, TABLE};
use super::refresh;
use crate::run::phase::Stage;

/// Empty for a pool that exports nothing.
pub(crate) fn page(core: &Core) -> String {
    let mut page = String::new();
    if !core.exported {
        return page;
    }
    if let Some(number) = core.ask_to_report() {
        // What the supervisor measures is as old as its rest.
        core.refresh.wait(number, refresh::deadline());
    }
    // Before the figures: what they say of a pool that has ended is final.
    let has_ended = core.shared.phase.stage() == Stage::Ended;
    let (totals, levels) = (core.totals(), core.levels());
    let pool = pool_label(core.shared.name.as_str());
    let figures = Figures { totals: &totals, levels: &levels, thinned: 0, lane: None };
    for family in &TABLE {
        write_family(&mut page, family, &pool, &figures, has_ended);
    }
    let info = format!("{pool},{}", label("policy", core.policy));
    write_family(&mut page, &INFO, &info, &figures, has_ended);
    for family in &LANE_TABLE {
        let mut series = String::new();
        for lane in &totals.lanes {
            let labels = format!("{pool},{}", label("lane", &lane.name));
            let figures = Figures { lane: Some(lane), ..figures };
            write_all(&mut series, family, &labels, &figures, has_ended);
        }
        finish(&mut page, family, &series);
    }
    page
}

fn write_family(
    page: &mut String,
    family: &Family,
    labels: &str,
    figures: &Figures<'_>,
    has_ended: bool,
) {
    let mut series = String::new();
    write_all(&mut series, family, labels, figures, has_ended);
    finish(page, family, &series);
}

/// Announces a family that has series.
fn finish(page: &mut String, family: &Family, series: &str) {
    if !series.is_empty() {
        write_header(page, family);
        page.push_str(series);
        page.push('\n');
    }
}

/// Every series of a family. A pool that has ended has neither workers nor a queue, and none of its
/// gauges shows anything else, as in a recorder.
fn write_all(
    out: &mut String,
    family: &Family,
    labels: &str,
    figures: &Figures<'_>,
    has_ended: bool,
) {
    let is_gauge = matches!(family.reading, Reading::Gauge(_));
    let at_zero = Family {
        reading: Reading::Gauge(|_, _| Some(0.0)),
        labels: Labels { ..family.labels },
        ..*family
    };
    let family = if has_ended && is_gauge { &at_zero } else { family };
    for index in 0..family.labels.series {
        let own = (family.labels.of)(index);
        let own: String =
            own.iter().map(|(name, value)| format!(",{}", label(name, value))).collect();
        write_reading(out, family, index, &format!("{labels}{own}"), figures);
    }
}
