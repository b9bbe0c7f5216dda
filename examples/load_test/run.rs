//! One run: offers the load at its times, waits for the jobs, and hands over what was seen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use springtide::{JobContext, Pool, Stats};

use crate::load::Arrival;
use crate::progress::Progress;
use crate::resize::{self, Resize, Resized};
use crate::tally::Tally;
use crate::trouble::Fate;
use crate::usage::Usage;
use crate::watch::{self, Series};
use crate::work::{Ending, Stop};

/// How often the end of the last jobs is looked for.
const POLL: Duration = Duration::from_millis(5);
/// How much longer than the longest job of the load the pool may go without finishing one before
/// the jobs that are left count as lost.
const PATIENCE: Duration = Duration::from_secs(30);
/// The same when the pool says that it has no job left, or when all were told to stop.
const PATIENCE_SHORT: Duration = Duration::from_secs(2);

/// A load, what else happens while it runs, and how far its time is compressed.
pub(crate) struct Load {
    pub(crate) arrivals: Vec<Arrival>,
    pub(crate) resizes: Vec<Resize>,
    pub(crate) speed: f64,
}

/// A run that is over.
pub(crate) struct Finished {
    pub(crate) tally: Arc<Tally>,
    pub(crate) series: Series,
    pub(crate) resizes: Vec<Resized>,
    /// The pool's own figures, taken after the last job ended and before the pool was shut down.
    pub(crate) stats: Stats,
    pub(crate) usage: Option<Usage>,
    pub(crate) elapsed: Duration,
    pub(crate) interrupted: bool,
    pub(crate) speed: f64,
}

/// Runs the load. Generator and jobs end early once `stop` is raised.
pub(crate) fn carry_out(pool: Pool, load: Load, stop: &Arc<Stop>) -> Finished {
    let last = load.arrivals.last().map_or(Duration::ZERO, |arrival| arrival.at);
    let longest = load.arrivals.iter().map(|a| a.run).max().unwrap_or_default();
    let progress = Progress::new(last.max(Duration::from_millis(1)));
    let done = AtomicBool::new(false);
    let before = Usage::now();
    let tally = Tally::new(load.arrivals);
    let (series, resizes, settled, elapsed) = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| watch::watch(&pool, &tally, load.speed, &done, progress));
        let resizer = || resize::carry_out(&load.resizes, &pool, tally.epoch(), stop);
        let resizer = scope.spawn(resizer);
        offer(&pool, &tally, stop);
        let settled = settle(&pool, &tally, stop, longest + PATIENCE);
        let elapsed = tally.epoch().elapsed();
        done.store(true, Ordering::Release);
        let series = watcher.join().expect("looking at a pool does not panic");
        let resizes = resizer.join().expect("a pool takes every size that it was built for");
        (series, resizes, settled, elapsed)
    });
    let usage = before.zip(Usage::now()).map(|(before, after)| after.since(before));
    let stats = pool.stats();
    if settled {
        pool.shutdown();
    } else {
        // A pool that lost jobs may wait for them for ever; the process is about to end anyway.
        std::mem::forget(pool);
    }
    let interrupted = stop.is_raised();
    let speed = load.speed;
    Finished { tally, series, resizes, stats, usage, elapsed, interrupted, speed }
}

/// Hands every job over at its time, or at once where that has passed; the intended time stays.
fn offer(pool: &Pool, tally: &Arc<Tally>, stop: &Arc<Stop>) {
    for (index, job) in tally.jobs().iter().enumerate() {
        if stop.sleep_until(tally.epoch() + job.at) == Ending::CutShort {
            return;
        }
        let ticket = tally.offer(index);
        let stop = Arc::clone(stop);
        let accepted = match job.fate {
            Fate::Stuck { timeout } => {
                let deaf = move |_: &JobContext<'_>| ticket.run(&stop);
                pool.job("stuck").timeout(timeout).execute(deaf).map_err(drop)
            }
            Fate::Fine | Fate::Panics => pool.execute(move || ticket.run(&stop)).map_err(drop),
        };
        match accepted {
            Ok(()) => tally.accept(),
            Err(()) => tally.refuse(index),
        }
    }
}

/// Waits until every accepted job has an outcome. Says whether that came about; if no job ends
/// for the whole of `patience`, or for a shorter while when none is left to wait for, it did not.
fn settle(pool: &Pool, tally: &Tally, stop: &Stop, patience: Duration) -> bool {
    let mut finished = 0;
    let mut since = Instant::now();
    while !tally.is_settled() {
        std::thread::sleep(POLL);
        let stats = pool.stats();
        let now = stats.ok + stats.panicked + stats.timed_out + stats.cancelled + stats.expired;
        let over = stop.is_raised() || stats.queued + stats.running == 0;
        if now != finished {
            (finished, since) = (now, Instant::now());
        } else if since.elapsed() > if over { PATIENCE_SHORT } else { patience } {
            return false;
        }
    }
    true
}
