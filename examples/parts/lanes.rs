//! Decisions over time, a lane for each reason.

use std::collections::BTreeMap;

use plotters::prelude::*;

use crate::paper::{AMBER, Chart, Drawn, Frame, SLATE, Svg, TEAL};

/// One decision: when, why, and how many workers more or fewer.
pub(crate) struct Mark<'a> {
    pub(crate) at: f64,
    pub(crate) reason: &'a str,
    pub(crate) change: f64,
}

/// Decisions by reason: up for growth, down for shrinking, a dot for neither.
pub(crate) fn decisions(end: f64, marks: &[Mark<'_>]) -> Svg {
    let mut lanes = BTreeMap::new();
    for mark in marks {
        let next = lanes.len();
        lanes.entry(mark.reason).or_insert(next);
    }
    let rows = lanes.len().max(1);
    let name = |y: &f64| {
        let lane = rows as f64 - 1.0 - y;
        let found = lanes.iter().find(|(_, index)| (**index as f64 - lane).abs() < 0.01);
        found.map_or(String::new(), |(name, _)| name.to_string())
    };
    let frame = Frame {
        y: -0.6..rows as f64 - 0.4,
        y_label: &name,
        y_ticks: rows * 2,
        ..Frame::of_time(60 + 30 * rows as u32, end, 1.0, "")
    };
    frame.draw(|chart| {
        marks.iter().try_for_each(|mark| {
            let lane = rows - 1 - lanes[mark.reason];
            triangle(chart, (mark.at.min(end), lane as f64), mark.change)
        })
    })
}

/// As large as the square root of the change, so that the area tells how many threads it was.
fn triangle(chart: &mut Chart<'_, '_>, at: (f64, f64), change: f64) -> Drawn {
    let size = (3.0 + change.abs().sqrt() * 1.5).min(13.0) as i32;
    let corners = |tip: i32| vec![(0, -tip), (-size, tip / 2), (size, tip / 2)];
    let style = |colour: RGBColor| colour.mix(0.65).filled();
    let origin = EmptyElement::at(at);
    if change > 0.0 {
        chart.draw_series([origin + Polygon::new(corners(size), style(TEAL))])?;
    } else if change < 0.0 {
        chart.draw_series([origin + Polygon::new(corners(-size), style(AMBER))])?;
    } else {
        chart.draw_series([origin + Circle::new((0, 0), 3, style(SLATE))])?;
    }
    Ok(())
}
