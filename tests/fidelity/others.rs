//! What other programs have of the machine: they take it from a pool, and the simulator knows
//! nothing of them.

use std::fs::read_to_string;
use std::time::Instant;

/// What `/proc` counts in, wherever Linux shows it to programs.
const TICK: f64 = 0.01;

/// The machine's and this program's use of its cores since then, in seconds.
pub(crate) struct Since {
    began: Instant,
    idle: f64,
    ours: f64,
}

impl Since {
    /// `None` where the system does not tell.
    pub(crate) fn now() -> Option<Since> {
        Some(Since { began: Instant::now(), idle: idle()?, ours: ours()? })
    }

    /// The share of the cores that were neither idle nor ours. A virtual machine's host is one of
    /// the others.
    pub(crate) fn others(&self) -> Option<f64> {
        let offered = self.began.elapsed().as_secs_f64() * crate::cores();
        let others = offered - (idle()? - self.idle) - (ours()? - self.ours);
        Some((others / offered).max(0.0))
    }
}

/// Of all cores together: the fields *idle* and *iowait*.
fn idle() -> Option<f64> {
    let stat = read_to_string("/proc/stat").ok()?;
    sum_of_two(stat.lines().next()?, 4)
}

/// Of the threads of this process: the fields *utime* and *stime*, counted from the one behind the
/// name, which may have spaces in it.
fn ours() -> Option<f64> {
    let stat = read_to_string("/proc/self/stat").ok()?;
    sum_of_two(stat.rsplit_once(") ")?.1, 11)
}

fn sum_of_two(fields: &str, from: usize) -> Option<f64> {
    let two = fields.split_whitespace().skip(from).take(2);
    let ticks: Option<Vec<f64>> = two.map(|field| field.parse().ok()).collect();
    Some(ticks?.iter().sum::<f64>() * TICK)
}
