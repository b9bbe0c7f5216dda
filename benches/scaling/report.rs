//! The curves as tables, and whether any of them has a cliff.

use std::fmt::Write as _;

use crate::cell::{Cell, From, How, Took, Work};
use crate::figures::Rounds;

/// From one point to the next a job may cost so many times as much before it counts as a cliff.
const CLIFF: f64 = 2.0;

pub(crate) const CSV_HEAD: &str = "round,work,how,from,submitters,workers,max_workers,slots,\
                                   ns_a_job,own_ns_a_job,cpu_ns_a_job,switches_in_1000_jobs";

/// One row of what a program may read.
pub(crate) fn csv(round: usize, cell: &Cell, took: Took) -> String {
    let work = if cell.work == Work::Empty { "empty" } else { "1us" };
    let how = match cell.how {
        How::Execute => "execute",
        How::Submit => "submit",
        How::Trip => "one_at_a_time",
    };
    let from = if cell.from == From::Outside { "outside" } else { "inside" };
    let Cell { submitters, workers, max, .. } = cell;
    let slots = cell.ceiling.map_or("default".into(), |slots| slots.to_string());
    let Took { all, own, cpu, switches } = took;
    format!(
        "{round},{work},{how},{from},{submitters},{workers},{max},{slots},\
         {all:.1},{own:.1},{cpu:.1},{switches:.2}"
    )
}

/// What came of one cell.
#[derive(Clone, Default)]
pub(crate) struct Measured {
    all: Rounds,
    own: Rounds,
    cpu: Rounds,
    switches: Rounds,
}

impl Measured {
    pub(crate) fn add(&mut self, took: Took) {
        self.all.note(took.all);
        self.own.note(took.own);
        self.cpu.note(took.cpu);
        self.switches.note(took.switches);
    }
}

struct Point {
    name: String,
    cells: Vec<(&'static str, Cell)>,
}

/// Points that lie beside each other, each under the same loads.
pub(crate) struct Series {
    title: String,
    axis: &'static str,
    points: Vec<Point>,
    /// The points are no curve; a step between them says nothing.
    apart: bool,
}

/// The steepest rise of a curve.
pub(crate) struct Rise {
    times: f64,
    figure: &'static str,
    place: String,
}

impl Series {
    pub(crate) fn new(title: String, axis: &'static str) -> Series {
        Series { title, axis, points: Vec::new(), apart: false }
    }

    pub(crate) fn apart(self) -> Series {
        Series { apart: true, ..self }
    }

    pub(crate) fn point(
        &mut self,
        name: String,
        is_crowded: bool,
        cells: Vec<(&'static str, Cell)>,
    ) {
        let name = if is_crowded { format!("{name}*") } else { name };
        self.points.push(Point { name, cells });
    }

    pub(crate) fn cells(&self) -> impl Iterator<Item = Cell> + '_ {
        self.points.iter().flat_map(|point| point.cells.iter().map(|(_, cell)| *cell))
    }

    fn loads(&self) -> Vec<&'static str> {
        self.points.first().into_iter().flat_map(|point| &point.cells).map(|(l, _)| *l).collect()
    }

    /// All figures, one row for each point under each load.
    pub(crate) fn full(&self, measured: &[Measured]) -> String {
        let loads = self.loads();
        let mut table = format!("## {}\n\n| load | {} | ns a job | |", self.title, self.axis);
        table.push_str(" submitter's own | all cores | switches in 1000 |\n");
        table.push_str("|---|---:|---:|---|---:|---:|---:|\n");
        for (nth, load) in loads.iter().enumerate() {
            for (point, row) in self.points.iter().zip(measured.chunks(loads.len())) {
                let Measured { all, own, cpu, switches } = &row[nth];
                let (least, most) = all.range();
                let all = format!("{:.0} | [{least:.0}–{most:.0}]", all.median());
                let (own, cpu, switches) = (own.median(), cpu.median(), switches.median());
                let rest = format!("{own:.0} | {cpu:.0} | {switches:.1}");
                let _ = writeln!(table, "| {load} | {} | {all} | {rest} |", point.name);
            }
        }
        table.push('\n');
        table
    }

    /// Nanoseconds a job, and of the submitter's own, one column for each load.
    pub(crate) fn brief(&self, measured: &[Measured]) -> String {
        let loads = self.loads();
        let mut table = format!("\n| {} | {} |\n|---", self.title, loads.join(" | "));
        table.push_str(&"|---:".repeat(loads.len()));
        table.push_str("|\n");
        for (point, row) in self.points.iter().zip(measured.chunks(loads.len())) {
            let _ = write!(table, "| {} |", point.name);
            for Measured { all, own, .. } in row {
                let _ = write!(table, " {:.0} ({:.0}) |", all.median(), own.median());
            }
            table.push('\n');
        }
        table
    }

    /// Where the curve rises most, by time and by the time of all cores.
    pub(crate) fn steepest(&self, measured: &[Measured]) -> Vec<Rise> {
        let loads = self.loads();
        let rows: Vec<&[Measured]> = measured.chunks(loads.len()).collect();
        let mut rises: Vec<Rise> = Vec::new();
        for (at, pair) in rows.windows(2).enumerate().filter(|_| !self.apart) {
            let (from, to) = (&self.points[at].name, &self.points[at + 1].name);
            for (nth, load) in loads.iter().enumerate() {
                let place = format!("{}: {load}, from {from} to {to} {}", self.title, self.axis);
                let (before, after) = (&pair[0][nth], &pair[1][nth]);
                for (figure, before, after) in [
                    ("ns a job", &before.all, &after.all),
                    ("ns of all cores", &before.cpu, &after.cpu),
                ] {
                    let times = after.median() / before.median();
                    rises.push(Rise { times, figure, place: place.clone() });
                }
            }
        }
        rises
    }
}

/// The steepest rise between two neighbours, by each figure.
pub(crate) fn verdict(rises: Vec<Rise>) -> String {
    let mut said = String::new();
    for figure in ["ns a job", "ns of all cores"] {
        let of_it = rises.iter().filter(|rise| rise.figure == figure && rise.times.is_finite());
        let Some(worst) = of_it.max_by(|a, b| a.times.total_cmp(&b.times)) else { continue };
        let word = if worst.times > CLIFF { "A cliff" } else { "No cliff" };
        let Rise { times, place, .. } = worst;
        let _ = writeln!(said, "{word} in {figure}: {times:.2} times at worst ({place}).");
    }
    said
}
