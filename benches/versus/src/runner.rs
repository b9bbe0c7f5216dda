//! Runs the cells of a table: interleaved, rotated, and again where something else ran meanwhile.

use std::cmp::Ordering;
use std::thread;
use std::time::Duration;

use crate::cell::{self, Reading};
use crate::crossing;
use crate::workloads::{Contender, Depth, Machine, Table};

/// Above this share of the machine for others a reading is not believed.
const DISTURBED: f64 = 0.10;
/// Nor is one for which the cores were so many times nearer or farther than as the table began.
const MOVED: f64 = 2.0;
/// Before a cell is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// How often a cell is tried; the least disturbed reading is kept.
fn tries(depth: Depth) -> usize {
    match depth {
        Depth::Smoke => 1,
        Depth::Quick => 2,
        Depth::Full => 5,
    }
}

/// What all repetitions of one cell found.
pub(crate) struct Row {
    pub(crate) label: String,
    pub(crate) is_ours: bool,
    /// One list a column, of one figure a repetition, in ascending order.
    pub(crate) figures: Vec<Vec<f64>>,
    /// The largest share that others had of the machine in a reading that was kept.
    pub(crate) others: f64,
    pub(crate) disturbed: bool,
}

impl Row {
    fn new(contender: &Contender, readings: &[Reading], columns: usize, usual_ns: f64) -> Row {
        let column = |at: usize| {
            let mut figures: Vec<f64> = readings.iter().map(|r| r.figures[at]).collect();
            figures.sort_by(f64::total_cmp);
            figures
        };
        let others = readings.iter().map(|reading| reading.others).fold(0.0, f64::max);
        Row {
            label: contender.label.clone(),
            is_ours: crate::pools::is_ours(contender.pool),
            figures: (0..columns).map(column).collect(),
            others,
            disturbed: readings.iter().any(|reading| strain(reading, usual_ns) > 1.0),
        }
    }

    pub(crate) fn median(&self, column: usize) -> f64 {
        let sorted = &self.figures[column];
        let middle = sorted.len() / 2;
        match sorted.len() % 2 {
            0 if middle > 0 => (sorted[middle - 1] + sorted[middle]) / 2.0,
            _ => sorted.get(middle).copied().unwrap_or(f64::NAN),
        }
    }

    pub(crate) fn range(&self, column: usize) -> (f64, f64) {
        let sorted = &self.figures[column];
        let end = |figure: Option<&f64>| figure.copied().unwrap_or(f64::NAN);
        (end(sorted.first()), end(sorted.last()))
    }
}

/// What running a table gave.
pub(crate) struct Found {
    /// The best first. A pool that gave no figures at all is left out.
    pub(crate) rows: Vec<Row>,
    /// How many runs of a cell gave none; each has been told of.
    pub(crate) failed: usize,
    /// How far apart the cores were as the table began, in nanoseconds.
    pub(crate) crossing_ns: f64,
}

/// By how much a reading is beyond belief; up to 1 it is believed.
fn strain(reading: &Reading, usual_ns: f64) -> f64 {
    let moved = reading.crossings_ns.iter().map(|now_ns| {
        let (near, far) = (now_ns.min(usual_ns).max(1.0), now_ns.max(usual_ns).max(1.0));
        far / near / MOVED
    });
    moved.fold(reading.others / DISTURBED, f64::max)
}

pub(crate) fn run(depth: Depth, table: &Table, reps: usize, machine: &Machine) -> Found {
    let count = table.contenders.len();
    let mut readings: Vec<Vec<Reading>> = (0..count).map(|_| Vec::new()).collect();
    let mut failed = 0;
    let crossing_ns = crossing::nanoseconds();
    for rep in 0..reps {
        for turn in 0..count {
            // Whoever begins a round meets another machine than whoever ends it.
            let at = (turn + rep * count / reps) % count;
            match undisturbed(depth, table, at, machine, crossing_ns) {
                Ok(reading) => readings[at].push(reading),
                Err(why) => {
                    failed += 1;
                    let label = &table.contenders[at].label;
                    eprintln!("{} {}: {label}: {why}", table.workload, table.title);
                }
            }
        }
    }
    let pairs = table.contenders.iter().zip(readings).filter(|(_, found)| !found.is_empty());
    let mut rows: Vec<Row> = pairs
        .map(|(contender, readings)| {
            Row::new(contender, &readings, table.columns.len(), crossing_ns)
        })
        .collect();
    // The key decides, and where it does not, the columns in their order.
    let keys = |row: &Row| -> Vec<f64> {
        std::iter::once(table.key).chain(0..table.columns.len()).map(|at| row.median(at)).collect()
    };
    rows.sort_by(|a, b| keys(a).partial_cmp(&keys(b)).unwrap_or(Ordering::Equal));
    Found { rows, failed, crossing_ns }
}

fn undisturbed(
    depth: Depth,
    table: &Table,
    at: usize,
    machine: &Machine,
    usual_ns: f64,
) -> Result<Reading, String> {
    let mut best: Option<Reading> = None;
    for attempt in 0..tries(depth) {
        if attempt > 0 {
            thread::sleep(PAUSE);
        }
        let reading = cell::read(depth, table, &table.contenders[at], machine)?;
        let beyond = strain(&reading, usual_ns);
        if best.as_ref().is_none_or(|best| beyond < strain(best, usual_ns)) {
            best = Some(reading);
        }
        if beyond <= 1.0 {
            break;
        }
    }
    best.ok_or_else(|| "it was never tried".to_owned())
}
