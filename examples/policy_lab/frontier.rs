//! Threads started against worker time: what each law chose, and what nobody can go below who lets
//! no job wait.

use std::time::Duration;

use plotters::prelude::*;

use crate::comparison::Comparison;
use crate::measure::{COST, STARTS};
use crate::page::{Key, Section};
use crate::paper::{Fault, Frame, INK, SLATE, Svg, TEAL, line};
use crate::references;
use crate::setup::Setup;

/// Steps of the longest gap that is kept, from a millisecond on, each a fourth of a doubling.
const STEPS: u32 = 100;
const HEIGHT: u32 = 330;
const DOT: i32 = 5;

/// A law by its name, or a point of the bound: starts and cost.
type Point = (f64, f64);

/// Nothing where the bound says nothing.
pub(crate) fn section(setup: &Setup, comparison: &Comparison) -> Result<Option<Section>, Fault> {
    let bound = bound(setup);
    if bound.len() < 2 {
        return Ok(None);
    }
    let laws: Vec<(String, bool, Point)> = comparison
        .paths
        .iter()
        .zip(&comparison.rows)
        .map(|(path, row)| {
            let median = |measure: usize| row.spreads[measure].median;
            (path.label.clone(), path.is_ours, (median(STARTS), median(COST)))
        })
        .filter(|(_, _, (starts, cost))| *starts > 0.0 && *cost > 0.0)
        .collect();
    Ok(Some(Section {
        title: "What starts buy",
        note: "Threads started from left to right, seconds of workers for each second of work \
               upwards; both logarithmic. A law below the line lets jobs wait."
            .into(),
        legend: vec![
            Key(
                '━',
                SLATE,
                "the clairvoyant, who keeps a worker over gaps up to some length".into(),
            ),
            Key('●', TEAL, "our law".into()),
            Key('●', INK, "another".into()),
        ],
        body: picture(&bound, &laws)?,
    }))
}

/// Where the clairvoyant can stand: the longer the gaps over which it keeps a worker, the fewer
/// starts and the more worker time.
fn bound(setup: &Setup) -> Vec<Point> {
    let load = &setup.load;
    let Some(future) = references::future(load) else { return Vec::new() };
    let work: f64 = load.jobs.iter().map(|job| job.service().as_secs_f64()).sum();
    let kept = |step: u32| Duration::from_millis(1).mul_f64(f64::from(step).exp2().powf(0.25));
    let keeping = (0..STEPS).map(|step| future.keeping(kept(step)));
    let minimum = u64::from(load.machine.min);
    let mut points: Vec<Point> = keeping
        .map(|keeping| {
            let starts = keeping.started.saturating_sub(minimum).max(1);
            (starts as f64, keeping.worker_seconds / work.max(f64::MIN_POSITIVE))
        })
        .collect();
    points.dedup();
    points
}

fn picture(bound: &[Point], laws: &[(String, bool, Point)]) -> Svg {
    let all = || bound.iter().copied().chain(laws.iter().map(|(_, _, at)| *at));
    let range = |values: Vec<f64>| {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(0.0, f64::max);
        least.log10() - 0.1..most.log10() + 0.25
    };
    let label = |x: &f64| number(10_f64.powf(*x));
    let frame = Frame {
        x: range(all().map(|at| at.0).collect()),
        x_name: "threads started",
        x_label: &label,
        x_ticks: 8,
        y: range(all().map(|at| at.1).collect()),
        y_name: "cost",
        y_label: &label,
        y_ticks: 6,
        ..Frame::of_time(HEIGHT, 1.0, 1.0, "")
    };
    frame.draw(|chart| {
        line(chart, bound.iter().map(logarithms).collect(), SLATE, 2)?;
        for (name, is_ours, at) in laws {
            let (x, y) = logarithms(at);
            let colour = if *is_ours { TEAL } else { INK };
            let size = if *is_ours { DOT + 2 } else { DOT };
            chart.draw_series([Circle::new((x, y), size, colour.filled())])?;
            let font = ("system-ui, sans-serif", 14).into_font().color(&colour);
            let text = EmptyElement::at((x, y)) + Text::new(name.clone(), (10, -7), font);
            chart.draw_series([text])?;
        }
        Ok(())
    })
}

fn logarithms(at: &Point) -> Point {
    (at.0.log10(), at.1.log10())
}

fn number(x: f64) -> String {
    if x < 10.0 { format!("{x:.1}") } else { format!("{x:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{args, comparison};

    fn of(scenario: &str) -> Setup {
        let words = ["policy_lab", "--scenario", scenario, "--laws", "ours,tokio,tomcat"];
        let args = args::parse(words.map(Into::into)).expect("they are right");
        Setup::of(&args).expect("they make sense")
    }

    #[test]
    fn fewer_starts_cost_more_worker_time() {
        let points = bound(&of("periodic"));
        assert!(points.len() >= 2, "{points:?}");
        assert!(points.is_sorted_by(|a, b| a.0 >= b.0 && a.1 <= b.1), "{points:?}");
    }

    #[test]
    fn every_law_has_a_dot_and_computing_loads_have_no_picture() {
        let setup = of("periodic");
        let section = section(&setup, &comparison::compare(&setup)).expect("it can be drawn");
        let body = section.expect("jobs that sleep have a bound").body;
        for law in ["ours", "tokio", "tomcat"] {
            assert!(body.contains(law), "{law}");
        }
        assert!(bound(&of("cpu-steady")).is_empty());
    }
}
