//! Writes the load that was offered as a trace, to be offered or simulated again.

use std::fs::File;
use std::io::{self, BufWriter};
use std::time::Duration;

use springtide::sim::trace::{self, Cost, Row};

use crate::load::Arrival;
use crate::work::Work;

/// One job a row: when it arrived, how long it was meant to run, and how much of that on a core.
/// These are the times of the run, after `--speed` and `--time-scale`, and they are what was
/// asked for: what the pool and the machine made of it is in the other results.
pub(crate) fn write(file: File, offered: &[Arrival]) -> io::Result<()> {
    let rows: Vec<Row> = offered.iter().map(row).collect();
    trace::write(&rows, BufWriter::new(file))
}

fn row(job: &Arrival) -> Row {
    let cpu = match job.work {
        Work::Cpu => job.run,
        Work::Blocking => Duration::ZERO,
    };
    Row { at: job.at, cost: Cost::Timed { run: job.run, cpu: Some(cpu) } }
}
