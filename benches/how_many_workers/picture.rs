//! The picture of one load: both curves over the fixed sizes, and the pool that sizes itself
//! across them. It stands on white, so that it can be read on a dark page, too.

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use crate::load::Load;
use crate::verdict::{Better, Curve, Row};

const INK: RGBColor = RGBColor(0x33, 0x41, 0x55);
const GRID: RGBColor = RGBColor(0xe8, 0xec, 0xf1);
const SLATE: RGBColor = RGBColor(0x94, 0xa3, 0xb8);
const TEAL: RGBColor = RGBColor(0x0f, 0x76, 0x6e);
const FOAM: RGBColor = RGBColor(0x99, 0xdd, 0xd3);
const FONT: &str = "system-ui, sans-serif";

const SIZE: (u32, u32) = (760, 310);
const HEAD: u32 = 62;
/// A sojourn beyond so many times the best one is off the paper, or it would flatten the others.
const CUT: f64 = 6.0;
/// The ends of the axis: powers of two.
const LEFT: f64 = -0.2;
const RIGHT: f64 = 7.2;

type Fault = Box<dyn std::error::Error>;
type Panel<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// An SVG without empty lines, which would end the block of HTML it is in.
pub(crate) fn picture(
    load: &Load,
    cores: usize,
    rate: f64,
    throughput: &Curve,
    sojourn: &Curve,
) -> Result<String, Fault> {
    let mut svg = String::new();
    let paper = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
    paper.fill(&WHITE)?;
    let text = |size: i32, colour: RGBColor| (FONT, size).into_font().color(&colour);
    let title = format!("{}: {}", load.name, load.about);
    paper.draw(&Text::new(title, (14, 10), text(19, INK)))?;
    paper.draw(&Text::new("● fixed sizes, median and range", (14, 34), text(15, INK)))?;
    let own = "● sizes itself, 1 to 128: at its mean number of workers; band: its range";
    paper.draw(&Text::new(own, (230, 34), text(15, TEAL)))?;
    let (_, below) = paper.split_vertically(HEAD);
    let (left, right) = below.split_horizontally(SIZE.0 / 2);
    panel(&left, throughput, "jobs a second out of a backlog")?;
    let name = format!("p99 sojourn, ms, at {rate:.0} arrivals a second");
    panel(&right, sojourn, &name)?;
    paper.present()?;
    drop((left, right, below, paper));
    let told = [told(throughput, "jobs a second"), told(sojourn, "ms p99 sojourn")].join("; ");
    let about = format!(
        "role=\"img\" style=\"max-width:100%;height:auto\" \
         aria-label=\"{}, {} on {cores} cores: {told}\" ",
        load.name, load.about
    );
    let lines: Vec<&str> = svg.lines().filter(|line| !line.trim().is_empty()).collect();
    Ok(lines.join("\n").replacen("<svg ", &format!("<svg {about}"), 1) + "\n")
}

/// For whoever does not see the picture.
fn told(curve: &Curve, unit: &str) -> String {
    let figure = |row: &Row| match curve.better {
        Better::More => format!("{:.0}", row.figure()),
        Better::Less => format!("{:.2}", row.figure()),
    };
    let fixed: Vec<String> =
        curve.fixed().map(|(workers, row)| format!("{workers}: {}", figure(row))).collect();
    let own = curve.own().map_or(String::new(), figure);
    format!("{unit} by workers {}, and self-sized {own}", fixed.join(", "))
}

fn panel(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    curve: &Curve,
    name: &str,
) -> Result<(), Fault> {
    let (_, best) = curve.best().ok_or("there is no fixed size")?;
    let most = curve.rows.iter().map(|row| row.range().1).fold(0.0, f64::max);
    let top = match curve.better {
        Better::More => most * 1.08,
        Better::Less => (most * 1.08).min(best.figure() * CUT),
    };
    let mut chart = ChartBuilder::on(area)
        .margin_right(16)
        .caption(name, (FONT, 15).into_font().color(&INK))
        .x_label_area_size(40)
        .y_label_area_size(58)
        .build_cartesian_2d(LEFT..RIGHT, 0.0..top)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(SLATE)
        .label_style((FONT, 14).into_font().color(&INK))
        .x_desc("workers")
        .axis_desc_style((FONT, 14).into_font().color(&INK))
        .x_label_formatter(&|x: &f64| format!("{:.0}", x.exp2()))
        .x_labels(9)
        .y_label_formatter(&|y: &f64| format!("{y}"))
        .y_labels(6)
        .draw()?;
    overloaded(&mut chart, curve, top)?;
    own(&mut chart, curve, top)?;
    fixed(&mut chart, curve, top)
}

/// Where the fixed sizes are that are left out.
fn overloaded(chart: &mut Panel<'_, '_>, curve: &Curve, top: f64) -> Result<(), Fault> {
    let Some((least, _)) = curve.fixed().next().filter(|(least, _)| *least > 1) else {
        return Ok(());
    };
    // Up to the middle between this size and the next smaller one of the sweep, nearly.
    let end = (least as f64).log2() - 0.2;
    let ground = [(LEFT, 0.0), (end, top)];
    chart.draw_series([Rectangle::new(ground, GRID.mix(0.7).filled())])?;
    if end > 3.0 {
        let font = (FONT, 14).into_font().color(&INK);
        chart.draw_series([Text::new("cannot keep up", (LEFT + 0.2, top * 0.12), font)])?;
    }
    Ok(())
}

/// The band of the pool that sizes itself, and its mark.
fn own(chart: &mut Panel<'_, '_>, curve: &Curve, top: f64) -> Result<(), Fault> {
    let Some(row) = curve.own() else { return Ok(()) };
    let ((least, most), figure) = (row.range(), row.figure().min(top));
    let band = [(LEFT, least.min(top)), (RIGHT, most.min(top))];
    chart.draw_series([Rectangle::new(band, FOAM.mix(0.5).filled())])?;
    let line = vec![(LEFT, figure), (RIGHT, figure)];
    chart.draw_series(LineSeries::new(line, TEAL.stroke_width(2)))?;
    let workers = row.median(|found| found.workers).log2();
    chart.draw_series([Circle::new((workers, figure), 6, TEAL.filled())])?;
    Ok(())
}

fn fixed(chart: &mut Panel<'_, '_>, curve: &Curve, top: f64) -> Result<(), Fault> {
    let x = |workers: usize| (workers as f64).log2();
    let y = |figure: f64| figure.min(top);
    let rows: Vec<(f64, &Row)> = curve.fixed().map(|(n, row)| (x(n), row)).collect();
    let line = rows.iter().map(|(x, row)| (*x, y(row.figure())));
    chart.draw_series(LineSeries::new(line, INK.mix(0.6)))?;
    let bar = |(x, row): &(f64, &Row)| {
        let (least, most) = row.range();
        PathElement::new([(*x, y(least)), (*x, y(most))], INK)
    };
    chart.draw_series(rows.iter().map(bar))?;
    let dot = |(x, row): &(f64, &Row)| Circle::new((*x, y(row.figure())), 3, INK.filled());
    chart.draw_series(rows.iter().map(dot))?;
    Ok(())
}
