//! What the values of a constant make of the measures.

use plotters::prelude::*;

use crate::comparison::{Comparison, Spread};
use crate::measure::{COST, EVALUATIONS, LATE, MEASURES, SOJOURN_P99, STARTS, Unit, WAIT_P99};
use crate::page::{Key, Section};
use crate::paper::{FOAM, Fault, Frame, INK, SLATE, Svg, TEAL, highest, line};
use crate::report::PAGE;
use crate::sweep::Sweep;

const SHOWN: [usize; 6] = [WAIT_P99, LATE, SOJOURN_P99, COST, STARTS, EVALUATIONS];
/// No more values than this have their names on the axis.
const NAMES: usize = 8;
const DOT: i32 = 3;

pub(crate) fn section(sweep: &Sweep, comparison: &Comparison) -> Result<Section, Fault> {
    let names: Vec<String> = sweep.values.iter().map(ToString::to_string).collect();
    let rows = &comparison.rows[..names.len()];
    let default = rows.iter().position(|row| row.is_default);
    let mut body = String::from("<div class=\"three\">");
    for shown in SHOWN {
        let measure = &MEASURES[shown];
        let spreads: Vec<Spread> = rows.iter().map(|row| row.spreads[shown]).collect();
        let picture = curve(&names, &spreads, default, measure.unit)?;
        let name = measure.head.join(" ");
        body += &format!("<div><h3>{}</h3>{picture}</div>\n", name.trim());
    }
    body += "</div>";
    let mut legend =
        vec![Key('━', TEAL, "median".into()), Key('■', FOAM, "from the least to the most".into())];
    legend.extend(default.map(|_| Key('┅', SLATE, "as it is by default".into())));
    Ok(Section {
        title: "What the constant makes of it",
        note: format!("Along the axes: {}, which is {} otherwise.", sweep.name, sweep.usual),
        legend,
        body,
    })
}

/// One measure, value by value: they lie evenly, however far apart they are.
fn curve(names: &[String], spreads: &[Spread], default: Option<usize>, unit: Unit) -> Svg {
    let finite = |of: fn(&Spread) -> f64| {
        let points = spreads.iter().map(of).enumerate().filter(|(_, y)| y.is_finite());
        points.map(|(x, y)| (x as f64, y)).collect::<Vec<(f64, f64)>>()
    };
    let most = finite(|spread| spread.most);
    let top = highest(most.iter().map(|point| point.1));
    let top = if top > 0.0 { top * 1.08 } else { 1.0 };
    let each = names.len().div_ceil(NAMES).max(1);
    let x_label = |x: &f64| match x.round() as usize {
        at if (x - at as f64).abs() < 0.01 && at % each == 0 => {
            names.get(at).cloned().unwrap_or_default()
        }
        _ => String::new(),
    };
    let y_label = |y: &f64| unit.show(*y);
    let frame = Frame {
        size: (PAGE.size.0, 170),
        left: 66,
        below: 24,
        font: 12,
        x: -0.3..names.len() as f64 - 0.7,
        x_name: "",
        x_label: &x_label,
        x_ticks: names.len(),
        y: 0.0..top,
        y_label: &y_label,
        y_ticks: 5,
        ..Frame::of_time(0, 1.0, 1.0, "")
    };
    frame.draw(|chart| {
        let mut band = most;
        band.extend(finite(|spread| spread.least).into_iter().rev());
        chart.draw_series([Polygon::new(band, FOAM.mix(0.5).filled())])?;
        if let Some(at) = default {
            let ends = [(at as f64, 0.0), (at as f64, top)];
            chart.draw_series(DashedLineSeries::new(ends, 4, 4, SLATE.into()))?;
        }
        let median = finite(|spread| spread.median);
        let dots = median.iter().map(|at| Circle::new(*at, DOT, INK.filled()));
        chart.draw_series(dots.collect::<Vec<_>>())?;
        line(chart, median, TEAL, 2)
    })
}
