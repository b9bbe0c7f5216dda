//! Runs the load under every law, with every seed, and puts the measures side by side.

use springtide::sim::{Change, Run, Scenario, Slice};

use crate::measure::{
    COST, Facts, MEASURES, REFUSED, SOJOURN_P99, STARTS, UNFINISHED, WAIT_P99, seconds,
};
use crate::references;
use crate::setup::Setup;
use crate::verdict::{Standing, verdict};

/// One measure over all seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

/// One law, or a reference: a spread for each of the [`MEASURES`].
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) label: String,
    /// Ours as it is by default.
    pub(crate) is_default: bool,
    /// Jobs that the load of the last seed offered.
    pub(crate) offered: u64,
    pub(crate) spreads: Vec<Spread>,
}

/// How one law went through the load of the first seed.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    pub(crate) label: String,
    pub(crate) is_ours: bool,
    /// Whether its size was the same from the first moment on.
    pub(crate) is_static: bool,
    pub(crate) slices: Vec<Slice>,
    pub(crate) changes: Vec<Change>,
}

/// The whole table.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    pub(crate) rows: Vec<Row>,
    pub(crate) references: Vec<Row>,
    pub(crate) paths: Vec<Path>,
    /// Over the seeds, of the jobs that others do not call.
    pub(crate) jobs: u64,
    pub(crate) needed: u32,
    pub(crate) sentence: String,
}

/// Runs everything.
pub(crate) fn compare(setup: &Setup) -> Comparison {
    let mut values: Vec<Vec<Vec<f64>>> = vec![Vec::new(); setup.contenders.len()];
    let mut offered = 0;
    let mut beside: Vec<(String, Vec<Vec<f64>>)> = Vec::new();
    let (mut paths, mut jobs, mut needed) = (Vec::new(), 0, 0);
    for seed in setup.seeds.clone() {
        let load = setup.load(seed);
        let always = references::always_one_for_a_job(&load);
        let facts = Facts { needed: always.peak_useful, step_at: load.step_at };
        let mut starts = 0;
        for (contender, values) in setup.contenders.iter().zip(&mut values) {
            let run = load.run(contender.law());
            values.push(measured(&run, facts));
            offered = run.offered;
            if contender.is_ours() && (contender.is_default || starts == 0) {
                starts = run.started;
            }
            if seed == setup.seeds.start {
                paths.push(path(&contender.label, contender.is_ours(), run));
            }
        }
        for (label, measured) in references::of(&load, &always, facts, starts) {
            match beside.iter_mut().find(|(known, _)| *known == label) {
                Some((_, values)) => values.push(measured),
                None => beside.push((label, vec![measured])),
            }
        }
        jobs += load.jobs.len() as u64;
        needed = needed.max(facts.needed);
    }
    let rows: Vec<Row> = setup
        .contenders
        .iter()
        .zip(values)
        .map(|(contender, values)| row(&contender.label, contender.is_default, offered, &values))
        .collect();
    let references =
        beside.iter().map(|(label, values)| row(label, false, offered, values)).collect();
    let sentence = sentence(setup, &rows);
    Comparison { rows, references, paths, jobs, needed, sentence }
}

/// All measures of a run.
pub(crate) fn measured(run: &Run, facts: Facts) -> Vec<f64> {
    MEASURES.iter().map(|measure| (measure.of)(run, facts)).collect()
}

fn path(label: &str, is_ours: bool, run: Run) -> Path {
    Path {
        label: label.into(),
        is_ours,
        is_static: run.changes.iter().all(|change| change.at.is_zero()),
        slices: run.slices,
        changes: run.changes,
    }
}

fn row(label: &str, is_default: bool, offered: u64, values: &[Vec<f64>]) -> Row {
    let spread = |place: usize| Spread::of(values.iter().map(|values| values[place]).collect());
    Row {
        label: label.into(),
        is_default,
        offered,
        spreads: (0..MEASURES.len()).map(spread).collect(),
    }
}

impl Spread {
    /// The median is a value that occurred; what does not apply comes last.
    fn of(mut values: Vec<f64>) -> Spread {
        values.sort_by(f64::total_cmp);
        let middle = values.len().saturating_sub(1) / 2;
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        Spread { median: at(middle), least: at(0), most: at(values.len().saturating_sub(1)) }
    }
}

fn sentence(setup: &Setup, rows: &[Row]) -> String {
    let name = |row: &Row| match &setup.sweep {
        Some(sweep) if sweep.values.iter().any(|value| value.to_string() == row.label) => {
            format!("{}={}", sweep.name, row.label)
        }
        _ => row.label.clone(),
    };
    let names: Vec<String> = rows.iter().map(name).collect();
    let median = |row: &Row, place: usize| row.spreads[place].median;
    let standings: Vec<Standing<'_>> = rows
        .iter()
        .zip(&names)
        .map(|(row, name)| Standing {
            name,
            wait: median(row, WAIT_P99),
            sojourn: median(row, SOJOURN_P99),
            cost: median(row, COST),
            starts: median(row, STARTS),
            refused: median(row, REFUSED) / row.offered.max(1) as f64,
            undone: (median(row, REFUSED) + median(row, UNFINISHED)) / row.offered.max(1) as f64,
        })
        .collect();
    verdict(&standings, seconds)
}

/// The part of the load's work that is computing.
pub(crate) fn computing_share(load: &Scenario) -> f64 {
    let (mut compute, mut all) = (0.0, 0.0);
    for job in &load.jobs {
        let called = job.calls.map_or((0.0, 0.0), |calls| {
            let n = f64::from(calls.jobs);
            (n * calls.compute.as_secs_f64(), n * calls.sleep.as_secs_f64())
        });
        compute += job.compute.as_secs_f64() + called.0;
        all += job.service().as_secs_f64() + called.0 + called.1;
    }
    compute / f64::max(all, f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_of_values_that_occurred() {
        let spread = |values: &[f64]| Spread::of(values.to_vec());
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Spread { median: 2.0, least: 1.0, most: 3.0 });
        assert_eq!(spread(&[4.0, 1.0]), Spread { median: 1.0, least: 1.0, most: 4.0 });
        assert_eq!(spread(&[f64::INFINITY, 1.0]).most, f64::INFINITY);
        assert!(spread(&[f64::NAN]).median.is_nan());
    }
}
