//! The paper that pictures are painted on: axes, colours, lines. Each picture is an SVG.

use std::ops::Range;

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

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
/// What is kept free beside and above a picture.
pub(crate) const MARGIN_RIGHT: u32 = 26;
pub(crate) const MARGIN_TOP: u32 = 8;
/// Room left of the axis of time charts: the names of reasons have to fit.
const LEFT: u32 = 124;

pub(crate) type Chart<'a, 'b> =
    ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
pub(crate) type Fault = DrawingAreaErrorKind<std::io::Error>;
pub(crate) type Drawn = Result<(), Fault>;
pub(crate) type Svg = Result<String, Fault>;

/// The paper of a picture: its size and its axes.
pub(crate) struct Frame<'a> {
    pub(crate) size: (u32, u32),
    /// Room for the labels: left of the picture, and below it.
    pub(crate) left: u32,
    pub(crate) below: u32,
    /// The height of letters.
    pub(crate) font: u32,
    pub(crate) x: Range<f64>,
    pub(crate) x_name: &'a str,
    pub(crate) x_label: &'a dyn Fn(&f64) -> String,
    pub(crate) x_ticks: usize,
    pub(crate) y: Range<f64>,
    pub(crate) y_name: &'a str,
    pub(crate) y_label: &'a dyn Fn(&f64) -> String,
    pub(crate) y_ticks: usize,
}

impl Frame<'_> {
    /// As wide as the page, with seconds along the axis.
    pub(crate) fn of_time(height: u32, end: f64, top: f64, y_name: &str) -> Frame<'_> {
        Frame {
            size: (WIDTH, height),
            left: LEFT,
            below: 50,
            font: 16,
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

    pub(crate) fn draw(self, paint: impl FnOnce(&mut Chart<'_, '_>) -> Drawn) -> Svg {
        let mut svg = String::new();
        let paper = SVGBackend::with_string(&mut svg, self.size).into_drawing_area();
        let mut chart = ChartBuilder::on(&paper)
            .margin_top(MARGIN_TOP)
            .margin_right(MARGIN_RIGHT)
            .x_label_area_size(self.below)
            .y_label_area_size(self.left)
            .build_cartesian_2d(self.x, self.y)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(SLATE)
            .label_style((FONT, self.font).into_font().color(&INK))
            .axis_desc_style((FONT, self.font).into_font().color(&INK))
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

pub(crate) fn line(
    chart: &mut Chart<'_, '_>,
    points: Vec<(f64, f64)>,
    colour: RGBColor,
    px: u32,
) -> Drawn {
    chart.draw_series(LineSeries::new(points, colour.stroke_width(px)))?;
    Ok(())
}

pub(crate) fn area(
    chart: &mut Chart<'_, '_>,
    points: Vec<(f64, f64)>,
    edge: RGBColor,
    fill: RGBColor,
) -> Drawn {
    chart.draw_series(AreaSeries::new(points, 0.0, fill.mix(0.8)).border_style(edge))?;
    Ok(())
}

pub(crate) fn highest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, f64::max)
}

pub(crate) fn plain(x: &f64) -> String {
    let digits = if x.fract().abs() < 1e-9 { 0 } else { 1 };
    format!("{x:.digits$}")
}

/// A power of ten of seconds.
pub(crate) fn time(x: &f64) -> String {
    if (x - x.round()).abs() > 0.01 {
        return String::new();
    }
    match x.round() as i32 {
        power @ ..=-4 => format!("{} µs", 10u32.pow((power + 6).max(0) as u32)),
        power @ -3..=-1 => format!("{} ms", 10u32.pow((power + 3) as u32)),
        power => format!("{} s", 10u32.pow(power as u32)),
    }
}
