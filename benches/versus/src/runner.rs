//! Runs the cells of a table: interleaved, rotated, and again where something else ran meanwhile.

use std::cmp::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crate::cell::{self, Reading};
use crate::crossing;
use crate::pools::{Size, is_ours};
use crate::workloads::{Contender, Depth, Machine, Table};

/// Above this share of the machine for others a reading is not believed.
const DISTURBED: f64 = 0.10;
/// Nor is one for which the cores were so many times nearer or farther than usual.
const MOVED: f64 = 2.0;
/// Before a cell is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// How often a cell is tried, of which the least disturbed reading is kept, and how long a run may
/// spend on trying again, all its cells together.
pub(crate) struct Allowance {
    tries: usize,
    left: Duration,
}

impl Allowance {
    pub(crate) fn of(depth: Depth) -> Allowance {
        let (tries, left) = match depth {
            Depth::Smoke => (1, Duration::ZERO),
            // What is left of five minutes.
            Depth::Quick => (3, Duration::from_secs(20)),
            Depth::Full => (5, Duration::MAX),
        };
        Allowance { tries, left }
    }
}

/// What all repetitions of one cell found.
pub(crate) struct Row {
    pub(crate) label: String,
    pub(crate) is_ours: bool,
    pub(crate) size: Size,
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
            is_ours: is_ours(contender.pool),
            size: contender.size.clone(),
            figures: (0..columns).map(column).collect(),
            others,
            disturbed: readings.iter().any(|reading| strain(reading, usual_ns) > 1.0),
        }
    }

    pub(crate) fn median(&self, column: usize) -> f64 {
        middle(&self.figures[column])
    }

    pub(crate) fn range(&self, column: usize) -> (f64, f64) {
        let sorted = &self.figures[column];
        let end = |figure: Option<&f64>| figure.copied().unwrap_or(f64::NAN);
        (end(sorted.first()), end(sorted.last()))
    }
}

/// The median of figures in ascending order.
fn middle(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    match sorted.len() % 2 {
        0 if middle > 0 => (sorted[middle - 1] + sorted[middle]) / 2.0,
        _ => sorted.get(middle).copied().unwrap_or(f64::NAN),
    }
}

/// How far apart the cores were whenever that was measured. What is usual is the median so far: the
/// distance as the table began could be the one that never comes again.
struct Distances(Vec<f64>);

impl Distances {
    fn add(&mut self, now_ns: f64) {
        let at = self.0.partition_point(|before_ns| *before_ns < now_ns);
        self.0.insert(at, now_ns);
    }

    fn usual_ns(&self) -> f64 {
        middle(&self.0)
    }
}

/// What running a table gave.
pub(crate) struct Found {
    /// The best first. A pool that gave no figures at all is left out.
    pub(crate) rows: Vec<Row>,
    /// How many runs of a cell gave none; each has been told of.
    pub(crate) failed: usize,
    /// How far apart the cores usually were, in nanoseconds.
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

pub(crate) fn run(
    depth: Depth,
    table: &Table,
    reps: usize,
    machine: &Machine,
    allowance: &mut Allowance,
) -> Found {
    let count = table.contenders.len();
    let mut readings: Vec<Vec<Reading>> = (0..count).map(|_| Vec::new()).collect();
    let mut failed = 0;
    let mut distances = Distances(vec![crossing::nanoseconds()]);
    for rep in 0..reps {
        for turn in 0..count {
            // Whoever begins a round meets another machine than whoever ends it.
            let at = (turn + rep * count / reps) % count;
            let read = || cell::read(depth, table, &table.contenders[at], machine);
            match undisturbed(read, &mut distances, allowance) {
                Ok(reading) => readings[at].push(reading),
                Err(why) => {
                    failed += 1;
                    let label = &table.contenders[at].label;
                    eprintln!("{} {}: {label}: {why}", table.workload, table.title);
                }
            }
        }
    }
    let crossing_ns = distances.usual_ns();
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
    read: impl Fn() -> Result<Reading, String>,
    distances: &mut Distances,
    allowance: &mut Allowance,
) -> Result<Reading, String> {
    let mut read = || {
        let reading = read()?;
        reading.crossings_ns.iter().for_each(|now_ns| distances.add(*now_ns));
        Ok::<_, String>((reading, distances.usual_ns()))
    };
    let (mut best, mut usual_ns) = read()?;
    for _ in 1..allowance.tries {
        if strain(&best, usual_ns) <= 1.0 || allowance.left.is_zero() {
            break;
        }
        let began = Instant::now();
        thread::sleep(PAUSE);
        let again;
        (again, usual_ns) = read()?;
        if strain(&again, usual_ns) < strain(&best, usual_ns) {
            best = again;
        }
        allowance.left = allowance.left.saturating_sub(began.elapsed());
    }
    Ok(best)
}
