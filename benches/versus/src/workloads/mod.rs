//! What is done with the pools: seven workloads, each in a few shapes.

mod burst;
mod call;
mod contenders;
mod external;
mod idle;
mod memory;
mod mixed;
mod plan;
mod tree;

use std::thread;
use std::time::Duration;

use crate::pools::{Pool, Size, Visit};
use crate::tally;

pub(crate) use plan::{Depth, plan};

/// What one run of a cell found, in the order of its table's columns.
pub(crate) type Figures = Vec<f64>;

/// What a cell is told about the machine, so that all cells reckon with the same.
pub(crate) struct Machine {
    pub(crate) steps_per_us: u64,
}

#[derive(Clone, Debug)]
pub(crate) enum Shape {
    External(external::External),
    Call(call::Call),
    Tree(tree::Tree),
    Burst(burst::Burst),
    Mixed(mixed::Mixed),
    Idle(idle::Idle),
    Memory(memory::Memory),
}

/// A pool as it takes part in a table.
#[derive(Clone, Debug)]
pub(crate) struct Contender {
    pub(crate) pool: &'static str,
    pub(crate) label: String,
    pub(crate) size: Size,
}

/// One shape of one workload, and who takes part.
pub(crate) struct Table {
    pub(crate) workload: &'static str,
    pub(crate) title: String,
    pub(crate) columns: &'static [&'static str],
    /// The column that rows are sorted by, least first.
    pub(crate) key: usize,
    pub(crate) shape: Shape,
    pub(crate) contenders: Vec<Contender>,
    /// How often each cell is run unless the command line says otherwise.
    pub(crate) reps: usize,
}

/// Builds a pool and runs one shape on it.
pub(crate) struct Run<'a> {
    pub(crate) shape: &'a Shape,
    pub(crate) size: &'a Size,
    pub(crate) machine: &'a Machine,
}

impl Visit for Run<'_> {
    type Out = Figures;

    fn visit<P: Pool>(self) -> Figures {
        let build = || {
            let pool = P::build(self.size);
            // One clone is never dropped: the process ends while all pools still work, and none is
            // measured while it shuts down.
            std::mem::forget(pool.clone());
            pool
        };
        match self.shape {
            Shape::External(external) => external.run(&build(), self.machine),
            Shape::Call(call) => call.run(&build()),
            Shape::Tree(tree) => tree.run(&build()),
            Shape::Burst(burst) => burst.run(build),
            Shape::Mixed(mixed) => mixed.run(build, self.machine),
            Shape::Idle(idle) => idle.run(build),
            Shape::Memory(memory) => memory.run(&build()),
        }
    }
}

/// Every worker has run something, and all have gone to sleep again.
fn warm_up<P: Pool>(pool: &P, workers: usize) {
    let jobs = 4 * workers as u64;
    let goal = tally::total() + jobs;
    for _ in 0..jobs {
        pool.execute(|| {
            thread::sleep(Duration::from_micros(200));
            tally::done();
        });
    }
    tally::wait_for(goal);
    thread::sleep(Duration::from_millis(20));
}

/// The figure that a share of all are at most; sorts them.
fn quantile(figures: &mut [f64], share: f64) -> f64 {
    figures.sort_by(f64::total_cmp);
    let rank = (figures.len() as f64 * share).ceil() as usize;
    figures.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_a_figure_that_was_there() {
        let mut figures: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(quantile(&mut figures, 0.5), 50.0);
        assert_eq!(quantile(&mut figures, 0.99), 99.0);
        assert_eq!(quantile(&mut [7.0], 0.99), 7.0);
        assert!(quantile(&mut [], 0.5).is_nan());
    }

    #[test]
    fn a_cell_is_named_by_its_table_and_its_label() {
        for depth in [Depth::Smoke, Depth::Quick, Depth::Full] {
            assert_eq!(Depth::of(depth.word()), Some(depth));
            let mut names = Vec::new();
            for table in plan(depth) {
                for contender in &table.contenders {
                    names.push(format!("{} {} {}", table.workload, table.title, contender.label));
                }
            }
            let count = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), count, "{depth:?}");
        }
    }
}
