//! Bounds of workers that change while the load runs.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use serde::Serialize;
use springtide::Pool;

use crate::work::{Ending, Stop};

/// `--resize`: new bounds, and when they come into force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resize {
    /// Since the start of the run.
    pub(crate) at: Duration,
    pub(crate) workers: RangeInclusive<usize>,
}

/// One that was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Resized {
    /// Since the start of the run.
    pub(crate) at_s: f64,
    pub(crate) min: usize,
    pub(crate) max: usize,
}

/// Changes the bounds, each time when it is due, until all is done or the run is stopped.
pub(crate) fn carry_out(
    resizes: &[Resize],
    pool: &Pool,
    epoch: Instant,
    stop: &Stop,
) -> Vec<Resized> {
    let due = |resize: &&Resize| stop.sleep_until(epoch + resize.at) == Ending::Done;
    let resize = |resize: &Resize| {
        let settings = pool.resize(resize.workers.clone()).expect("the pool was built to take it");
        let at_s = (epoch.elapsed().as_secs_f64() * 1e3).round() / 1e3;
        Resized { at_s, min: settings.min_workers, max: settings.max_workers }
    };
    resizes.iter().take_while(due).map(resize).collect()
}
