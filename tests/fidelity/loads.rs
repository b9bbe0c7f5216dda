//! Loads of blocking jobs, and what pool they are offered to.

use std::path::Path;
use std::time::Duration;

use springtide::sim::{Random, trace};

/// The trace is offered this many times faster than it was recorded.
const SPEED: f64 = 20.0;
/// So much of it, in its own time.
const TRACE_SPAN: Duration = Duration::from_secs(120);
/// Time for a new pool to come to rest before the first request.
const LEAD: Duration = Duration::from_millis(100);

/// A job that arrives and sleeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sleep {
    pub(crate) at: Duration,
    pub(crate) span: Duration,
}

/// Jobs in order of arrival, and the settings of the pool.
pub(crate) struct Load {
    pub(crate) name: &'static str,
    pub(crate) jobs: Vec<Sleep>,
    pub(crate) target_wait: Duration,
    pub(crate) keep_alive: Duration,
}

/// Ten times as many jobs from one moment to the next, and back again.
pub(crate) fn step() -> Load {
    let mut random = Random::new(11);
    let mut jobs = Vec::new();
    let mut at = 0.0;
    while at < 4.0 {
        let rate = if (1.0..2.5).contains(&at) { 300.0 } else { 30.0 };
        at += random.exponential(1.0 / rate);
        jobs.push(Sleep { at: secs(at), span: secs(0.06 + 0.04 * random.unit()) });
    }
    Load { name: "step", jobs, target_wait: secs(0.01), keep_alive: secs(0.5) }
}

/// Nothing but bursts, most of them larger than the one before, with a pause for workers to go
/// home in. Many times of growth, or a moment in one of them would decide what the p99 is.
pub(crate) fn bursts() -> Load {
    let mut random = Random::new(12);
    let mut jobs = Vec::new();
    let mut begins = 0.0;
    for (pause_s, size) in [
        (0.2, 12),
        (0.15, 20),
        (0.15, 28),
        (0.15, 36),
        (0.15, 44),
        (0.15, 52),
        (0.15, 60),
        (1.5, 30),
        (0.15, 45),
        (0.15, 60),
    ] {
        begins += pause_s;
        let mut at = begins;
        for _ in 0..size {
            at += random.exponential(0.000_2);
            jobs.push(Sleep { at: secs(at), span: secs(0.03 + 0.03 * random.unit()) });
        }
    }
    Load { name: "bursts", jobs, target_wait: secs(0.01), keep_alive: secs(0.4) }
}

/// Two minutes of requests for code, from the trace of Azure's inference service (2023) in this
/// folder; everything is compressed alike. `None` without the file.
pub(crate) fn requests(folder: &Path) -> Option<Load> {
    let rows = trace::read(folder.join("azure-llm-2023-code.csv")).ok()?;
    let jobs = rows
        .iter()
        .take_while(|row| row.at < TRACE_SPAN)
        .map(|row| Sleep {
            at: LEAD + row.at.div_f64(SPEED),
            span: row.cost.asleep().div_f64(SPEED),
        })
        .collect();
    let (target_wait, keep_alive) = (secs(0.01 / SPEED), secs(10.0 / SPEED));
    Some(Load { name: "requests", jobs, target_wait, keep_alive })
}

fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}
