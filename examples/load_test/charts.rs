//! The pictures of a report, each an SVG of its own. All that show time share one time axis.

use std::time::Duration;

use plotters::prelude::*;

use crate::paper::{
    AMBER, FOAM, Frame, INDIGO, INK, MIST, RED, SLATE, Svg, TEAL, area, highest, line, time,
};
use crate::readable::grouped;
use crate::slices::{Decades, LEAST, Slices, decades};
use crate::watch::Point;

const HALF_WIDTH: u32 = 520;
/// Steps of a heat map in each decade of the wait.
pub(crate) const HEAT_STEPS: usize = 6;

/// Half as wide, with times along the axis.
fn of_times<'b>(steps: Decades, x_name: &'b str, y_name: &'b str) -> Frame<'b> {
    Frame {
        size: (HALF_WIDTH, 260),
        left: 108,
        x: LEAST..steps.top,
        x_name,
        x_label: &time,
        x_ticks: (steps.top - LEAST) as usize + 1,
        ..Frame::of_time(0, 1.0, 1.0, y_name)
    }
}

/// Jobs offered and refused, slice by slice.
pub(crate) fn arrivals(slices: Slices, offered: &[f64], refused: &[f64]) -> Svg {
    let top = highest(offered.iter().copied());
    Frame::of_time(190, slices.end, top, "jobs a second").draw(|chart| {
        area(chart, slices.outline(offered.iter().copied()), SLATE, MIST)?;
        if refused.iter().any(|rate| *rate > 0.0) {
            area(chart, slices.outline(refused.iter().copied()), RED, RED)?;
        }
        Ok(())
    })
}

/// Workers, what they do, and what the load asks for; the upper bound where there is room for it.
pub(crate) fn workers(slices: Slices, points: &[Point]) -> Svg {
    let steps = |of: fn(&Point) -> f64| slices.steps(points.iter().map(|p| (p.at, of(p))));
    let total = steps(|p| p.workers.into());
    let peak = highest(total.iter().map(|p| p.1));
    let mut demand = steps(|p| p.demand.into());
    // A demand far beyond the pool would flatten everything else: it leaves the picture instead.
    let top = highest(demand.iter().map(|p| p.1)).clamp(peak, peak.max(1.0) * 1.6);
    let ceiling = top * 1.08;
    demand.iter_mut().for_each(|p| p.1 = p.1.min(ceiling));
    let mut bound = steps(|p| p.max.into());
    let is_seen = bound.iter().any(|p| p.1 <= ceiling);
    bound.iter_mut().for_each(|p| p.1 = p.1.min(ceiling));
    Frame::of_time(300, slices.end, top, "threads").draw(|chart| {
        area(chart, steps(|p| p.running as f64), FOAM, FOAM)?;
        if is_seen {
            chart.draw_series(DashedLineSeries::new(bound, 4, 4, SLATE.into()))?;
        }
        line(chart, demand, AMBER, 1)?;
        line(chart, total, TEAL, 2)
    })
}

/// The length of the queue.
pub(crate) fn queue(slices: Slices, points: &[Point]) -> Svg {
    let depth = slices.steps(points.iter().map(|p| (p.at, p.queued as f64)));
    let top = highest(depth.iter().map(|p| p.1));
    let frame = Frame::of_time(190, slices.end, top, "jobs waiting");
    frame.draw(|chart| area(chart, depth, INDIGO, MIST))
}

/// How many jobs waited how long, and when they arrived; `groups` holds sorted waits by slice.
pub(crate) fn waits(slices: Slices, groups: &[Vec<Duration>], steps: Decades) -> Svg {
    let mut heat = vec![vec![0u32; steps.count()]; groups.len()];
    for (cells, group) in heat.iter_mut().zip(groups) {
        group.iter().for_each(|wait| cells[steps.index(*wait)] += 1);
    }
    let hottest = heat.iter().flatten().copied().max().unwrap_or(1).max(2);
    let frame = Frame {
        y: LEAST..steps.top,
        y_label: &time,
        y_ticks: (steps.top - LEAST) as usize + 1,
        ..Frame::of_time(300, slices.end, 1.0, "wait (logarithmic)")
    };
    frame.draw(|chart| {
        let cells = heat.iter().enumerate().flat_map(|(column, cells)| {
            let hot = cells.iter().enumerate().filter(|(_, n)| **n > 0);
            hot.map(move |(row, n)| {
                let left = column as f64 * slices.width();
                let (low, high) = (steps.floor(row), steps.floor(row + 1));
                let corners = [(left, low), (left + slices.width(), high)];
                Rectangle::new(corners, warmth(*n, hottest).filled())
            })
        });
        chart.draw_series(cells)?;
        for (q, colour) in [(0.5, INK), (0.99, RED)] {
            for piece in slices.quantiles(groups, q) {
                if let [alone] = piece.as_slice() {
                    chart.draw_series([Circle::new(*alone, 2, colour.filled())])?;
                }
                line(chart, piece, colour, 1)?;
            }
        }
        Ok(())
    })
}

/// How many jobs took how long, with marks at two quantiles.
pub(crate) fn run_times(sorted: &[Duration], marks: [Duration; 2]) -> Svg {
    let longest = sorted.last().copied().unwrap_or_default();
    let steps = Decades::up_to(longest, 10);
    let mut jobs = vec![0u32; steps.count()];
    sorted.iter().for_each(|time| jobs[steps.index(*time)] += 1);
    let top = highest(jobs.iter().map(|n| f64::from(*n))).max(1.0) * 1.08;
    let frame = Frame { y: 0.0..top, ..of_times(steps, "run time (logarithmic)", "jobs") };
    frame.draw(|chart| {
        let bars = jobs.iter().enumerate().filter(|(_, n)| **n > 0).map(|(i, n)| {
            let corners = [(steps.floor(i), 0.0), (steps.floor(i + 1), f64::from(*n))];
            Rectangle::new(corners, FOAM.filled())
        });
        chart.draw_series(bars)?;
        for (mark, colour) in marks.into_iter().zip([INK, RED]) {
            let x = decades(mark);
            line(chart, vec![(x, 0.0), (x, top)], colour, 1)?;
        }
        Ok(())
    })
}

/// Which share of the jobs waited longer than a time, both logarithmic, so that a straight look
/// down the curve goes from one job in ten to one in a hundred to one in a thousand.
pub(crate) fn exceedance(sorted: &[Duration], marks: [Duration; 2]) -> Svg {
    /// Points of the curve in each decade of the share.
    const POINTS: i32 = 40;
    let jobs = sorted.len().max(1);
    let bottom = -(jobs as f64).log10().ceil().max(2.0);
    let steps = Decades::up_to(sorted.last().copied().unwrap_or_default(), 1);
    let curve = (0..=-bottom as i32 * POINTS).filter_map(|i| {
        let power = -f64::from(i) / f64::from(POINTS);
        let longer = (jobs as f64 * 10f64.powf(power)).floor() as usize;
        let index = sorted.len().checked_sub(longer.max(1))?;
        (longer > 0).then(|| (decades(sorted[index]), power))
    });
    let frame = Frame {
        y: bottom..0.0,
        y_label: &share,
        y_ticks: -bottom as usize + 1,
        ..of_times(steps, "wait (logarithmic)", "jobs that waited longer")
    };
    frame.draw(|chart| {
        for (mark, colour) in marks.into_iter().zip([INK, RED]) {
            line(chart, vec![(decades(mark), bottom), (decades(mark), 0.0)], colour, 1)?;
        }
        line(chart, curve.collect(), INDIGO, 2)
    })
}

/// From pale to deep on a logarithmic scale: a cell of one job stays visible beside thousands.
pub(crate) fn warmth(jobs: u32, hottest: u32) -> RGBColor {
    let share = f64::from(jobs).ln() / f64::from(hottest).ln();
    let mix = |pale: f64, deep: f64| (pale + (deep - pale) * share) as u8;
    RGBColor(mix(214.0, 88.0), mix(222.0, 80.0), mix(255.0, 236.0))
}

/// A power of ten of a share.
fn share(y: &f64) -> String {
    match y.round() as i32 {
        _ if (y - y.round()).abs() > 0.01 => String::new(),
        0 => "all".into(),
        power => format!("1 in {}", grouped(10u64.pow(power.unsigned_abs()))),
    }
}
