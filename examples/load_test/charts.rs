//! The pictures of a report, each an SVG of its own. All that show time share one time axis.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use springtide::Decision;

use crate::slices::{Decades, LEAST, Slices, decades};
use crate::summary::grouped;
use crate::watch::Point;

pub(crate) const INK: RGBColor = RGBColor(0x33, 0x41, 0x55);
pub(crate) const TEAL: RGBColor = RGBColor(0x0f, 0x76, 0x6e);
pub(crate) const FOAM: RGBColor = RGBColor(0x99, 0xdd, 0xd3);
pub(crate) const AMBER: RGBColor = RGBColor(0xd9, 0x77, 0x06);
pub(crate) const INDIGO: RGBColor = RGBColor(0x43, 0x38, 0xca);
pub(crate) const MIST: RGBColor = RGBColor(0xc7, 0xd2, 0xfe);
pub(crate) const SLATE: RGBColor = RGBColor(0x94, 0xa3, 0xb8);
pub(crate) const RED: RGBColor = RGBColor(0xdc, 0x26, 0x26);
const GRID: RGBColor = RGBColor(0xe8, 0xec, 0xf1);
const FONT: &str = "system-ui, sans-serif";

const WIDTH: u32 = 1_060;
const HALF_WIDTH: u32 = 520;
/// Room left of the axis of time charts: the names of reasons have to fit.
const LEFT: u32 = 124;
/// Steps of a heat map in each decade of the wait.
pub(crate) const HEAT_STEPS: usize = 6;

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
pub(crate) type Fault = DrawingAreaErrorKind<std::io::Error>;
type Drawn = Result<(), Fault>;
pub(crate) type Svg = Result<String, Fault>;

/// The paper of a picture: its size and its axes.
struct Frame<'a> {
    size: (u32, u32),
    left: u32,
    x: Range<f64>,
    x_name: &'a str,
    x_label: &'a dyn Fn(&f64) -> String,
    x_ticks: usize,
    y: Range<f64>,
    y_name: &'a str,
    y_label: &'a dyn Fn(&f64) -> String,
    y_ticks: usize,
}

impl Frame<'_> {
    fn of_time(height: u32, end: f64, top: f64, y_name: &str) -> Frame<'_> {
        Frame {
            size: (WIDTH, height),
            left: LEFT,
            x: 0.0..end,
            x_name: "time since the start, s",
            x_label: &plain,
            x_ticks: 11,
            y: 0.0..top.max(1.0) * 1.08,
            y_name,
            y_label: &plain,
            y_ticks: 5,
        }
    }

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

    fn draw(self, paint: impl FnOnce(&mut Chart<'_, '_>) -> Drawn) -> Svg {
        let mut svg = String::new();
        let paper = SVGBackend::with_string(&mut svg, self.size).into_drawing_area();
        let mut chart = ChartBuilder::on(&paper)
            .margin_top(8)
            .margin_right(26)
            .x_label_area_size(50)
            .y_label_area_size(self.left)
            .build_cartesian_2d(self.x, self.y)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(SLATE)
            .label_style((FONT, 16).into_font().color(&INK))
            .axis_desc_style((FONT, 16).into_font().color(&INK))
            .x_desc(self.x_name)
            .x_label_formatter(self.x_label)
            .x_labels(self.x_ticks)
            .y_desc(self.y_name)
            .y_label_formatter(self.y_label)
            .y_labels(self.y_ticks)
            .draw()?;
        paint(&mut chart)?;
        drop(chart);
        paper.present()?;
        drop(paper);
        Ok(svg)
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

/// Workers, what they do, and what the load asks for; the bound `max` where there is room for it.
pub(crate) fn workers(slices: Slices, points: &[Point], max: u32) -> Svg {
    let steps = |of: fn(&Point) -> f64| slices.steps(points.iter().map(|p| (p.at, of(p))));
    let total = steps(|p| p.workers.into());
    let peak = highest(total.iter().map(|p| p.1));
    let mut demand = steps(|p| p.demand.into());
    // A demand far beyond the pool would flatten everything else: it leaves the picture instead.
    let top = highest(demand.iter().map(|p| p.1)).clamp(peak, peak.max(1.0) * 1.6);
    demand.iter_mut().for_each(|p| p.1 = p.1.min(top * 1.08));
    Frame::of_time(300, slices.end, top, "threads").draw(|chart| {
        area(chart, steps(|p| p.running as f64), FOAM, FOAM)?;
        if f64::from(max) <= top * 1.08 {
            let bound = [(0.0, max.into()), (slices.end, max.into())];
            chart.draw_series(DashedLineSeries::new(bound, 4, 4, SLATE.into()))?;
        }
        line(chart, demand, AMBER, 1)?;
        line(chart, total, TEAL, 2)
    })
}

/// Decisions by reason: up for growth, down for shrinking, a dot for neither.
pub(crate) fn decisions(end: f64, decisions: &[Decision]) -> Svg {
    let mut lanes = BTreeMap::new();
    for decision in decisions {
        let next = lanes.len();
        lanes.entry(decision.reason.as_str()).or_insert(next);
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
        for decision in decisions {
            let lane = rows - 1 - lanes[decision.reason.as_str()];
            mark(chart, (decision.at.as_secs_f64().min(end), lane as f64), decision)?;
        }
        Ok(())
    })
}

/// As large as the square root of the change, so that the area tells how many threads it was.
fn mark(chart: &mut Chart<'_, '_>, at: (f64, f64), decision: &Decision) -> Drawn {
    let change = f64::from(decision.to) - f64::from(decision.from);
    let size = (3.0 + change.abs().sqrt() * 1.5).min(13.0) as i32;
    let triangle = |tip: i32| vec![(0, -tip), (-size, tip / 2), (size, tip / 2)];
    let style = |colour: RGBColor| colour.mix(0.65).filled();
    let origin = EmptyElement::at(at);
    if change > 0.0 {
        chart.draw_series([origin + Polygon::new(triangle(size), style(TEAL))])?;
    } else if change < 0.0 {
        chart.draw_series([origin + Polygon::new(triangle(-size), style(AMBER))])?;
    } else {
        chart.draw_series([origin + Circle::new((0, 0), 3, style(SLATE))])?;
    }
    Ok(())
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
    let frame = Frame { y: 0.0..top, ..Frame::of_times(steps, "run time (logarithmic)", "jobs") };
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
        ..Frame::of_times(steps, "wait (logarithmic)", "jobs that waited longer")
    };
    frame.draw(|chart| {
        for (mark, colour) in marks.into_iter().zip([INK, RED]) {
            line(chart, vec![(decades(mark), bottom), (decades(mark), 0.0)], colour, 1)?;
        }
        line(chart, curve.collect(), INDIGO, 2)
    })
}

fn line(chart: &mut Chart<'_, '_>, points: Vec<(f64, f64)>, colour: RGBColor, px: u32) -> Drawn {
    chart.draw_series(LineSeries::new(points, colour.stroke_width(px)))?;
    Ok(())
}

fn area(
    chart: &mut Chart<'_, '_>,
    points: Vec<(f64, f64)>,
    edge: RGBColor,
    fill: RGBColor,
) -> Drawn {
    chart.draw_series(AreaSeries::new(points, 0.0, fill.mix(0.8)).border_style(edge))?;
    Ok(())
}

fn highest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, f64::max)
}

/// From pale to deep on a logarithmic scale: a cell of one job stays visible beside thousands.
pub(crate) fn warmth(jobs: u32, hottest: u32) -> RGBColor {
    let share = f64::from(jobs).ln() / f64::from(hottest).ln();
    let mix = |pale: f64, deep: f64| (pale + (deep - pale) * share) as u8;
    RGBColor(mix(214.0, 88.0), mix(222.0, 80.0), mix(255.0, 236.0))
}

fn plain(x: &f64) -> String {
    let digits = if x.fract().abs() < 1e-9 { 0 } else { 1 };
    format!("{x:.digits$}")
}

/// A power of ten of seconds.
fn time(x: &f64) -> String {
    if (x - x.round()).abs() > 0.01 {
        return String::new();
    }
    match x.round() as i32 {
        power @ ..=-4 => format!("{} µs", 10u32.pow((power + 6).max(0) as u32)),
        power @ -3..=-1 => format!("{} ms", 10u32.pow((power + 3) as u32)),
        power => format!("{} s", 10u32.pow(power as u32)),
    }
}

/// A power of ten of a share.
fn share(y: &f64) -> String {
    match y.round() as i32 {
        _ if (y - y.round()).abs() > 0.01 => String::new(),
        0 => "all".into(),
        power => format!("1 in {}", grouped(10u64.pow(power.unsigned_abs()))),
    }
}
