//! What the values of a constant make of the measures.

use crate::comparison::Comparison;
use crate::measure::{COST, EVALUATIONS, LATE, MEASURES, SOJOURN_P99, STARTS, WAIT_P99};
use crate::page::{Key, Section};
use crate::panels::Curve;
use crate::paper::{FOAM, Fault, SLATE, TEAL};
use crate::sweep::{Sweep, number};

const SHOWN: [usize; 6] = [WAIT_P99, LATE, SOJOURN_P99, COST, STARTS, EVALUATIONS];

pub(crate) fn section(sweep: &Sweep, comparison: &Comparison) -> Result<Section, Fault> {
    let is_logarithmic = sweep.is_logarithmic();
    let place = |x: f64| if is_logarithmic { x.log10() } else { x };
    let places: Vec<f64> = sweep.values.iter().map(|value| place(number(*value))).collect();
    let values: Vec<(String, f64)> =
        sweep.values.iter().map(ToString::to_string).zip(places).collect();
    let rows = &comparison.rows[..values.len()];
    let default = rows.iter().position(|row| row.is_default).map(|index| values[index].1);
    let mut body = String::from("<div class=\"three\">");
    for shown in SHOWN {
        let measure = &MEASURES[shown];
        let points = rows.iter().map(|row| row.spreads[shown]);
        let curve = Curve {
            values: values.clone(),
            points: points.map(|spread| [spread.median, spread.least, spread.most]).collect(),
            default,
        };
        let name = measure.head.join(" ");
        let picture = curve.draw(&|y| measure.unit.show(*y))?;
        body += &format!("<div><h3>{}</h3>{picture}</div>\n", name.trim());
    }
    body += "</div>";
    let scale = if is_logarithmic { ", logarithmic" } else { "" };
    Ok(Section {
        title: "What the constant makes of it",
        note: format!("Along the axes: {}{scale}.", sweep.name),
        legend: vec![
            Key('━', TEAL, "median".into()),
            Key('■', FOAM, "from the least to the most".into()),
            Key('┅', SLATE, "as it is by default".into()),
        ],
        body,
    })
}
