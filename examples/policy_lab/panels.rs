//! The panels of the page and of the picture: small, and on common axes, so that laws can be
//! compared by eye.

use std::time::Duration;

use plotters::prelude::*;

use springtide::sim::Slice;

use crate::comparison::{Comparison, Row};
use crate::measure::{COST, MEASURES, PEAK, STARTS, WAIT_P99};
use crate::paper::{
    AMBER, FOAM, Frame, INDIGO, MIST, RED, SLATE, Svg, TEAL, area, highest, line, plain, time,
};
use crate::setup::Setup;

/// The shortest time that is told apart from zero, as a power of ten of seconds.
const LEAST: f64 = -5.0;

/// What a panel has room for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) size: (u32, u32),
    /// Room for the labels beside the picture.
    pub(crate) left: u32,
    pub(crate) font: u32,
    pub(crate) columns: usize,
    /// Powers of ten with a label of their own.
    pub(crate) decades: usize,
}

/// The axes that all panels of a column have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Axes {
    pub(crate) shape: Shape,
    /// Seconds.
    pub(crate) end: f64,
    pub(crate) workers: f64,
    /// Decades.
    pub(crate) queue: f64,
    pub(crate) wait: f64,
}

impl Axes {
    /// Wide enough for every law, but for those that never change and lie far above the others: a
    /// line at the upper bound would flatten the rest, and leaves the picture instead.
    pub(crate) fn of(setup: &Setup, comparison: &Comparison, shape: Shape) -> Axes {
        let paths = &comparison.paths;
        let slices = || paths.iter().flat_map(|path| &path.slices);
        let peak = |is_static: bool| {
            let alike = paths.iter().filter(|path| path.is_static == is_static);
            let workers = alike.flat_map(|path| &path.slices).map(|slice| slice.workers);
            workers.max().unwrap_or_default()
        };
        let moving = peak(false).max(comparison.needed).max(1);
        let workers = if peak(true) > 2 * moving { moving } else { moving.max(peak(true)) };
        let queued = slices().map(|slice| slice.queued).max().unwrap_or_default();
        let wait = slices().map(|slice| slice.wait).max().unwrap_or_default();
        let longest = setup.load.jobs.iter().map(|job| job.service()).max().unwrap_or_default();
        Axes {
            shape,
            end: setup.load.horizon.as_secs_f64(),
            workers: workers.into(),
            queue: queue_decades(queued).ceil().max(1.0),
            wait: wait_decades(wait.max(longest)).ceil().max(4.0),
        }
    }
}

/// What stands beside the name of a law.
pub(crate) fn facts(row: &Row) -> String {
    let show = |place: usize| MEASURES[place].unit.show(row.spreads[place].median);
    format!(
        "p99 wait {} · cost {} · peak {} · {} starts",
        show(WAIT_P99),
        show(COST),
        show(PEAK),
        show(STARTS)
    )
}

/// The most of each of the slices that share a column.
pub(crate) fn columns(slices: &[Slice], columns: usize) -> Vec<Slice> {
    let merged = slices.len().div_ceil(columns).max(1);
    let most = |mut most: Slice, slice: &Slice| {
        most.workers = most.workers.max(slice.workers);
        most.busy = most.busy.max(slice.busy);
        most.queued = most.queued.max(slice.queued);
        most.demand = most.demand.max(slice.demand);
        most.wait = most.wait.max(slice.wait);
        most
    };
    slices.chunks(merged).map(|chunk| chunk.iter().fold(Slice::default(), most)).collect()
}

pub(crate) fn workers(axes: Axes, columns: &[Slice], tells_demand: bool) -> Svg {
    let top = axes.workers * 1.08;
    let steps = |of: fn(&Slice) -> u32| {
        outline(axes, columns.iter().map(|slice| f64::from(of(slice)).min(top)))
    };
    panel(axes, axes.workers * 1.08, &plain, 4).draw(|chart| {
        area(chart, steps(|slice| slice.busy), FOAM, FOAM)?;
        if tells_demand {
            line(chart, steps(|slice| slice.demand), AMBER, 1)?;
        }
        line(chart, steps(|slice| slice.workers), TEAL, 2)
    })
}

pub(crate) fn queue(axes: Axes, columns: &[Slice]) -> Svg {
    let depth = columns.iter().map(|slice| queue_decades(slice.queued));
    panel(axes, axes.queue, &jobs, decades(axes, axes.queue))
        .draw(|chart| area(chart, outline(axes, depth), INDIGO, MIST))
}

pub(crate) fn wait(axes: Axes, columns: &[Slice], target: Duration) -> Svg {
    let waits = columns.iter().map(|slice| wait_decades(slice.wait));
    long(axes, waits.collect(), Some(target), INDIGO, MIST)
}

/// Jobs under way if none had to wait, in the columns' order.
pub(crate) fn needed(axes: Axes, needed: &[u64]) -> Svg {
    let top = axes.workers * 1.08;
    let levels = needed.iter().map(|jobs| (*jobs as f64).min(top));
    panel(axes, top, &plain, 4).draw(|chart| area(chart, outline(axes, levels), SLATE, SLATE))
}

pub(crate) fn arrivals(axes: Axes, rates: &[f64]) -> Svg {
    let top = highest(rates.iter().copied()).max(1.0) * 1.08;
    panel(axes, top, &thousands, 4)
        .draw(|chart| area(chart, outline(axes, rates.iter().copied()), SLATE, SLATE))
}

/// The longest of the jobs that arrive, in the columns' order.
pub(crate) fn lengths(axes: Axes, lengths: &[Duration]) -> Svg {
    let lengths = lengths.iter().map(|length| wait_decades(*length));
    long(axes, lengths.collect(), None, SLATE, SLATE)
}

/// Times on the axis of the waits, with a line at the target.
fn long(
    axes: Axes,
    levels: Vec<f64>,
    target: Option<Duration>,
    edge: RGBColor,
    fill: RGBColor,
) -> Svg {
    let label = |y: &f64| time(&(y + LEAST));
    panel(axes, axes.wait, &label, decades(axes, axes.wait)).draw(|chart| {
        area(chart, outline(axes, levels.into_iter()), edge, fill)?;
        if let Some(target) = target {
            let y = wait_decades(target);
            chart.draw_series(DashedLineSeries::new(
                [(0.0, y), (axes.end, y)],
                4,
                4,
                RED.into(),
            ))?;
        }
        Ok(())
    })
}

fn panel<'a>(
    axes: Axes,
    top: f64,
    y_label: &'a dyn Fn(&f64) -> String,
    y_ticks: usize,
) -> Frame<'a> {
    Frame {
        size: axes.shape.size,
        left: axes.shape.left,
        below: 22,
        font: axes.shape.font,
        x_name: "",
        x_ticks: 7,
        y: 0.0..top,
        y_label,
        y_ticks,
        ..Frame::of_time(0, axes.end, 1.0, "")
    }
}

/// The upper outline of the columns.
fn outline(axes: Axes, levels: impl ExactSizeIterator<Item = f64>) -> Vec<(f64, f64)> {
    let width = axes.end / levels.len().max(1) as f64;
    let mut points: Vec<(f64, f64)> = Vec::new();
    for (index, level) in levels.enumerate() {
        let left = index as f64 * width;
        // A level that goes on needs no further corner.
        match points.last_mut() {
            Some((x, y)) if *y == level => *x = left + width,
            _ => points.extend([(left, level), (left + width, level)]),
        }
    }
    points
}

fn queue_decades(queued: u64) -> f64 {
    power_of_ten(1.0 + queued as f64)
}

fn wait_decades(wait: Duration) -> f64 {
    (power_of_ten(wait.as_secs_f64()) - LEAST).max(0.0)
}

/// Rounded, because the last digits of a logarithm are not the same on every machine, and pictures
/// are.
fn power_of_ten(x: f64) -> f64 {
    (x.log10() * 1e6).round() / 1e6
}

/// How many labels a logarithmic axis gets.
fn decades(axes: Axes, top: f64) -> usize {
    (top as usize + 1).min(axes.shape.decades)
}

/// The jobs that a power of ten stands for.
fn jobs(y: &f64) -> String {
    match y.round() as u32 {
        _ if (y - y.round()).abs() > 0.01 => String::new(),
        0 => "0".into(),
        power @ ..3 => 10_u32.pow(power).to_string(),
        power @ 3..6 => format!("{} k", 10_u32.pow(power - 3)),
        power => format!("{} M", 10_u32.pow((power - 6).min(6))),
    }
}

fn thousands(y: &f64) -> String {
    if *y >= 10_000.0 { format!("{} k", plain(&(y / 1e3))) } else { plain(y) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::PAGE;

    #[test]
    fn columns_keep_the_most_of_each() {
        let mut slices = vec![Slice::default(); 20];
        (slices[3].workers, slices[2].queued) = (7, 9);
        let columns = columns(&slices, 10);
        assert_eq!(columns.len(), 10);
        assert_eq!((columns[1].workers, columns[1].queued, columns[0].workers), (7, 9, 0));
    }

    #[test]
    fn an_outline_has_a_corner_for_each_change_alone() {
        let axes = Axes { shape: PAGE, end: 4.0, workers: 1.0, queue: 1.0, wait: 1.0 };
        let points = outline(axes, [1.0, 1.0, 2.0, 2.0].into_iter());
        assert_eq!(points, [(0.0, 1.0), (2.0, 1.0), (2.0, 2.0), (4.0, 2.0)]);
    }

    #[test]
    fn no_wait_lies_on_the_axis() {
        assert_eq!(wait_decades(Duration::ZERO), 0.0);
        assert!((wait_decades(Duration::from_millis(10)) - 3.0).abs() < 1e-9);
        assert_eq!(
            (jobs(&2.0), jobs(&4.0), jobs(&0.5)),
            ("100".into(), "10 k".into(), String::new())
        );
    }
}
