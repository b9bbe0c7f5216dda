//! Looks at the pool at even intervals while the load runs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use springtide::{Decision, Pool};

use crate::progress::Progress;
use crate::tally::Tally;
use crate::usage;

/// The time between two looks at normal speed, and the shortest at any speed: closer ones would
/// take a visible share of a small machine.
const INTERVAL: Duration = Duration::from_millis(50);
const INTERVAL_MIN: Duration = Duration::from_millis(20);
/// What costs more than a few counters is looked at only every so many looks.
const RARE: usize = 10;
/// A thread started this soon after a retirement could have been kept.
const FLAP_WINDOW: Duration = Duration::from_secs(30);

/// The pool at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Point {
    /// Since the start of the load.
    pub(crate) at: Duration,
    pub(crate) workers: u32,
    /// The upper bound in force.
    pub(crate) max: u32,
    pub(crate) running: u64,
    pub(crate) demand: u32,
    pub(crate) queued: u64,
    /// Totals since the pool was built.
    pub(crate) threads_started: u64,
    pub(crate) threads_retired: u64,
    /// Jobs so far.
    pub(crate) offered: u64,
}

/// Everything seen in one run.
#[derive(Debug, Default)]
pub(crate) struct Series {
    pub(crate) points: Vec<Point>,
    /// In order; times since the start of the load.
    pub(crate) decisions: Vec<Decision>,
    pub(crate) os_threads_peak: Option<u32>,
}

/// Watches until `done`, then looks once more.
pub(crate) fn watch(
    pool: &Pool,
    tally: &Tally,
    speed: f64,
    done: &AtomicBool,
    mut progress: Progress,
) -> Series {
    let interval = INTERVAL.div_f64(speed).clamp(INTERVAL_MIN, INTERVAL);
    let mut series = Series::default();
    let built_before = pool.stats().uptime.saturating_sub(tally.epoch().elapsed());
    let mut next = Instant::now();
    loop {
        let last = done.load(Ordering::Acquire);
        let point = series.look(pool, tally);
        if last || series.points.len() % RARE == 1 {
            series.look_closely(pool, built_before);
        }
        progress.show(&point, tally);
        if last {
            progress.finish();
            return series;
        }
        next = (next + interval).max(Instant::now());
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

impl Series {
    fn look(&mut self, pool: &Pool, tally: &Tally) -> Point {
        let stats = pool.stats();
        let point = Point {
            at: tally.epoch().elapsed(),
            workers: stats.workers.total,
            max: stats.max,
            running: stats.running,
            demand: stats.demand,
            queued: stats.queued,
            threads_started: stats.threads_started,
            threads_retired: stats.threads_retired,
            offered: tally.offered() as u64,
        };
        self.points.push(point);
        point
    }

    /// The pool keeps only its latest decisions, so these are fetched before they are forgotten.
    fn look_closely(&mut self, pool: &Pool, built_before: Duration) {
        self.os_threads_peak = self.os_threads_peak.max(usage::os_threads());
        let mut latest = pool.decisions();
        latest.iter_mut().for_each(|d| d.at = d.at.saturating_sub(built_before));
        merge(&mut self.decisions, latest, |d| d.at);
    }

    /// Worker-time up to the last look: each look stands until the next.
    pub(crate) fn worker_time(&self) -> Duration {
        self.points.windows(2).map(|pair| (pair[1].at - pair[0].at) * pair[0].workers).sum()
    }

    /// Threads started at most thirty seconds, compressed by `speed`, after one was retired.
    pub(crate) fn flaps(&self, speed: f64) -> u64 {
        let window = FLAP_WINDOW.div_f64(speed);
        let mut retired_at = None;
        let mut flaps = 0;
        for pair in self.points.windows(2) {
            if pair[1].threads_retired > pair[0].threads_retired {
                retired_at = Some(pair[1].at);
            }
            if retired_at.is_some_and(|at| pair[1].at - at <= window) {
                flaps += pair[1].threads_started - pair[0].threads_started;
            }
        }
        flaps
    }
}

/// Puts `latest` in place of whatever `known` holds from the same time on: the youngest decision
/// may have been repeated since it was fetched.
fn merge<T>(known: &mut Vec<T>, latest: Vec<T>, at: impl Fn(&T) -> Duration) {
    let Some(first) = latest.first().map(&at) else { return };
    known.truncate(known.partition_point(|known| at(known) < first));
    known.extend(latest);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Second, threads started, threads retired.
    type Look = (u64, u64, u64);

    fn series(points: &[Look]) -> Series {
        let point = |&(s, threads_started, threads_retired): &Look| Point {
            at: Duration::from_secs(s),
            threads_started,
            threads_retired,
            workers: (threads_started - threads_retired) as u32,
            ..Point::default()
        };
        Series { points: points.iter().map(point).collect(), ..Series::default() }
    }

    #[test]
    fn a_start_soon_after_a_retirement_is_a_flap() {
        let cases: [(&[Look], u64, &str); 6] = [
            (&[(0, 2, 0), (1, 9, 0)], 0, "growth alone"),
            (&[(0, 9, 0), (1, 9, 7)], 0, "shrinking alone"),
            (&[(0, 9, 0), (1, 9, 7), (31, 12, 7)], 3, "each thread counts, 30 s are included"),
            (&[(0, 9, 0), (1, 9, 7), (32, 12, 7)], 0, "a second later none does"),
            (&[(0, 9, 0), (1, 10, 1)], 1, "within one look the retirement goes first"),
            (&[(0, 9, 0), (1, 9, 1), (40, 9, 2), (60, 10, 2)], 1, "the latest one counts"),
        ];
        for (points, flaps, what) in cases {
            assert_eq!(series(points).flaps(1.0), flaps, "{what}");
        }
    }

    #[test]
    fn the_window_of_a_flap_is_compressed_with_time() {
        let series = series(&[(0, 9, 0), (1, 9, 7), (2, 12, 7)]);
        assert_eq!(series.flaps(30.0), 3);
        assert_eq!(series.flaps(31.0), 0);
    }

    #[test]
    fn merging_forgets_nothing_and_doubles_nothing() {
        let entry = |(ms, text)| (Duration::from_millis(ms), text);
        let mut known: Vec<_> = [(1, "a"), (2, "b"), (3, "c once")].map(entry).to_vec();
        let latest = [(2, "b"), (3, "c twice"), (4, "d")].map(entry).to_vec();
        merge(&mut known, latest, |e| e.0);
        let texts: Vec<&str> = known.iter().map(|e| e.1).collect();
        assert_eq!(texts, ["a", "b", "c twice", "d"]);
        merge(&mut known, vec![], |e| e.0);
        assert_eq!(known.len(), 4);
    }

    #[test]
    fn worker_time_is_the_area_under_the_workers() {
        let series = series(&[(0, 2, 0), (1, 4, 0), (3, 4, 4), (9, 4, 4)]);
        assert_eq!(series.worker_time(), Duration::from_secs(2 + 8));
    }
}
