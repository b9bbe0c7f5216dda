//! The page of one pool: every family, read at this moment, for whoever asks.

use super::core::Core;
use super::exposition::{label, pool_label, write_header, write_reading};
use super::family::{Family, Figures, Reading};
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
        write_family(&mut page, family, &[(pool.clone(), figures)], has_ended);
    }
    let info = format!("{pool},{}", label("policy", core.policy));
    write_family(&mut page, &INFO, &[(info, figures)], has_ended);
    let lanes = totals.lanes.iter().map(|lane| {
        let labels = format!("{pool},{}", label("lane", &lane.name));
        (labels, Figures { lane: Some(lane), ..figures })
    });
    let lanes: Vec<_> = lanes.collect();
    for family in &LANE_TABLE {
        write_family(&mut page, family, &lanes, has_ended);
    }
    page
}

/// Writes the series of a family, those of each of these labels, and announces it if there are any.
///
/// A pool that has ended has neither workers nor a queue, and none of its gauges shows anything
/// else, as in a recorder.
fn write_family(
    page: &mut String,
    family: &Family,
    whose: &[(String, Figures<'_>)],
    has_ended: bool,
) {
    let at_zero = Family { reading: Reading::Gauge(|_, _| Some(0.0)), ..*family };
    let family = if has_ended && family.is_gauge() { &at_zero } else { family };
    let mut series = String::new();
    for (labels, figures) in whose {
        for index in 0..family.labels.series {
            let own = (family.labels.of)(index);
            let own: String =
                own.iter().map(|(name, value)| format!(",{}", label(name, value))).collect();
            write_reading(&mut series, family, index, &format!("{labels}{own}"), figures);
        }
    }
    if !series.is_empty() {
        write_header(page, family);
        page.push_str(&series);
        page.push('\n');
    }
}
