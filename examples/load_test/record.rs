//! Writes the load that was offered as a CSV file, to be offered or simulated again.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::time::Duration;

use crate::load::Arrival;
use crate::work::Work;

/// One job a row: when it arrived, how long it was meant to run, and how much of that on a core.
/// These are the times of the run, after `--speed` and `--time-scale`, and they are what was
/// asked for: what the pool and the machine made of it is in the other results.
pub(crate) fn write(file: File, offered: &[Arrival]) -> io::Result<()> {
    let mut out = BufWriter::new(file);
    rows(&mut out, offered)?;
    out.flush()
}

fn rows(out: &mut impl Write, offered: &[Arrival]) -> io::Result<()> {
    writeln!(out, "arrival_ms,run_ms,cpu_ms")?;
    for job in offered {
        let on_core = match job.work {
            Work::Cpu => job.run,
            Work::Blocking => Duration::ZERO,
        };
        writeln!(out, "{},{},{}", millis(job.at), millis(job.run), millis(on_core))?;
    }
    Ok(())
}

/// Exactly, to the nanosecond.
fn millis(time: Duration) -> String {
    format!("{}.{:06}", time.as_millis(), time.subsec_nanos() % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_when_how_long_and_how_much_of_it_on_a_core() {
        let job = |at, run, work| Arrival {
            at: Duration::from_nanos(at),
            run: Duration::from_nanos(run),
            work,
        };
        let offered = [job(0, 1_500_000, Work::Blocking), job(2_000_000_001, 70, Work::Cpu)];
        let mut out = Vec::new();
        rows(&mut out, &offered).unwrap();
        let expected = "arrival_ms,run_ms,cpu_ms\n\
                        0.000000,1.500000,0.000000\n\
                        2000.000001,0.000070,0.000070\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
