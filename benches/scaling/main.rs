//! What a job costs as submitters and workers become more, and what a large table of slots costs a
//! small pool.
//!
//! ```text
//! cargo bench --bench scaling
//! cargo bench --bench scaling -- --csv       every figure of every round, for a program to read
//! cargo bench --bench scaling -- --write     and write the summary into docs/performance
//! ```
//!
//! Every curve is measured with empty jobs and with jobs that compute for a microsecond, without
//! handles and with handles that are joined once all are submitted. All cells take turns, each
//! round beginning with another one, so that whatever else the machine does meets all of them; what
//! is shown is the median of the rounds, and their range. Where a curve has more threads at work
//! than the machine has cores, its points say so: there a cliff would be the system's.

#[path = "../figures/mod.rs"]
mod figures;

mod cell;
mod report;
mod table_size;
mod usage;

use cell::{Cell, From, How, Microsecond, Work};
use report::{Measured, Series};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// How much is measured.
struct Scale {
    rounds: usize,
    empty: u64,
    long: u64,
    trips: u64,
}

/// Less than a minute on two cores.
const FULL: Scale = Scale { rounds: 31, empty: 40_000, long: 20_000, trips: 2_000 };
/// Without `--bench`, as `cargo test --benches` starts it: only to see that it runs.
const GLANCE: Scale = Scale { rounds: 1, empty: 64, long: 64, trips: 16 };

impl Scale {
    fn jobs(&self, cell: &Cell) -> u64 {
        match (cell.how, cell.work) {
            (How::Trip, _) => self.trips,
            (_, Work::Empty) => self.empty,
            (_, Work::Microsecond) => self.long,
        }
    }
}

pub(crate) const LOADS: [(Work, How, &str); 4] = [
    (Work::Empty, How::Execute, "empty, `execute`"),
    (Work::Empty, How::Submit, "empty, `submit`"),
    (Work::Microsecond, How::Execute, "1 µs, `execute`"),
    (Work::Microsecond, How::Submit, "1 µs, `submit`"),
];

fn cell(workers: usize, submitters: usize) -> Cell {
    let (work, how, from) = (Work::Empty, How::Execute, From::Outside);
    Cell { work, how, from, submitters, workers, max: workers, ceiling: None }
}

fn under_all_loads(cell: Cell) -> Vec<(&'static str, Cell)> {
    LOADS.iter().map(|(work, how, load)| (*load, Cell { work: *work, how: *how, ..cell })).collect()
}

/// The curves, fitted to a machine of so many cores.
fn curves(cores: usize) -> Vec<Series> {
    let mut sizes = vec![2, 8];
    if cores > 8 {
        sizes.push(cores);
    }
    let mut curves: Vec<Series> = Vec::new();
    for workers in &sizes {
        let mut series = Series::new(format!("Submitters, {workers} workers"), "submitters");
        for submitters in [1, 2, 4, 8, 16] {
            let cells = under_all_loads(cell(*workers, submitters));
            series.point(submitters.to_string(), submitters + workers > cores, cells);
        }
        curves.push(series);
    }
    let mut series = Series::new("Workers, 1 submitter".into(), "workers");
    for workers in [1, 2, 4, 8, 16, 32, 64] {
        series.point(workers.to_string(), workers + 1 > cores, under_all_loads(cell(workers, 1)));
    }
    curves.push(series);
    let mut series = Series::new("From outside and from inside".into(), "submitter").apart();
    for workers in sizes {
        for (from, word) in [(From::Outside, "outside"), (From::Inside, "inside")] {
            let threads = workers + usize::from(from == From::Outside);
            let cells = under_all_loads(Cell { from, ..cell(workers, 1) });
            series.point(format!("{word}, {workers} workers"), threads > cores, cells);
        }
    }
    curves.push(series);
    curves.push(table_sizes(cores));
    curves
}

/// Two workers at work in tables of 2 and of 512 slots.
fn table_sizes(cores: usize) -> Series {
    let mut series = Series::new("Slots of the table, 2 workers".into(), "slots").apart();
    for (name, slots) in table_size::TABLES {
        let cell = Cell { ceiling: Some(slots), ..cell(2, 1) };
        let mut cells = under_all_loads(cell);
        cells.push(("one at a time", Cell { how: How::Trip, ..cell }));
        series.point(name.into(), cores < 3, cells);
    }
    series
}

fn main() -> Outcome<()> {
    let said = |word: &str| std::env::args().any(|arg| arg == word);
    let scale = if said("--bench") { FULL } else { GLANCE };
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    let told = format!("{}; medians of {} rounds", figures::machine(), scale.rounds);
    let unit = Microsecond::calibrate();
    let curves = curves(cores);
    let cells: Vec<Cell> = curves.iter().flat_map(Series::cells).collect();
    let mut measured = vec![Measured::default(); cells.len()];
    let mut tables = table_size::Measured::default();
    if said("--csv") {
        println!("{}", report::CSV_HEAD);
    }
    for round in 0..scale.rounds {
        for turn in 0..cells.len() {
            let turn = (turn + round * 7) % cells.len();
            let took = cells[turn].measure(scale.jobs(&cells[turn]), unit)?;
            measured[turn].add(took);
            if said("--csv") {
                println!("{}", report::csv(round, &cells[turn], took));
            }
        }
        tables.round(round, scale.trips)?;
    }
    if said("--csv") {
        return Ok(());
    }
    println!("# Scaling\n\n{told}, [range] of all rounds. Points with * have more threads at work");
    println!("than there are cores. The ideal of 1 µs jobs is 1000 ns by the workers that run.\n");
    let mut at = 0;
    let mut summary = format!("{told}:\n");
    let mut verdicts = Vec::new();
    for series in &curves {
        let own = &measured[at..at + series.cells().count()];
        at += own.len();
        print!("{}", series.full(own));
        summary.push_str(&series.brief(own));
        verdicts.extend(series.steepest(own));
    }
    let verdict = match scale.rounds {
        1 => "One round of few jobs says nothing about cliffs.\n".to_owned(),
        _ => report::verdict(verdicts),
    };
    println!("{}\n{verdict}", tables.show());
    if said("--write") {
        summary.push_str(&format!("\n{}\n{verdict}", tables.show()));
        figures::write_part("scaling", &summary)?;
    }
    Ok(())
}
