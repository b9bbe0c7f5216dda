//! The exact histograms, at the highest rate that a pool and an observer can do, as a scrape of the
//! endpoint has them.
//!
//! `SPRINGTIDE_FULL_RATE=1 cargo test --release --test exact_histograms` also holds it to a million
//! jobs a second, which a machine that is busy with something else may not have to give.

#![cfg(feature = "prometheus")]

mod common;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::{PATIENCE, get, within};
use springtide::{HistogramSink, JobEnded, Observer, Pool, prometheus};

/// A few seconds of them.
const JOBS: u64 = if cfg!(debug_assertions) { 1_000_000 } else { 20_000_000 };
/// Jobs a second, the observer's own counting included.
const FULL_RATE: f64 = 1e6;

/// What one histogram should be: the bounds that the page has, and how many values are at most as
/// large, by the times that the observer was told.
struct Truth {
    family: &'static str,
    bounds: Vec<Duration>,
    counts: Vec<AtomicU64>,
    nanos: AtomicU64,
}

impl Truth {
    fn of(family: &'static str, page: &str) -> Truth {
        let bounds: Vec<Duration> = lines(page, family, "bucket")
            .filter_map(|(labels, _)| bound(labels))
            .map(|seconds| Duration::from_nanos((seconds * 1e9).round() as u64))
            .collect();
        assert!(bounds.len() > 10, "{family}: {bounds:?}");
        // One more: whatever is above the last bound.
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Truth { family, bounds, counts, nanos: AtomicU64::new(0) }
    }

    fn count(&self, time: Duration) {
        let bucket = self.bounds.partition_point(|bound| *bound < time);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }

    /// Every bucket of the page, the sum and the count are as they should be.
    #[track_caller]
    fn assert_on(&self, page: &str) {
        let mut below = 0;
        let mut told = lines(page, self.family, "bucket");
        for (bucket, count) in self.counts.iter().enumerate() {
            below += count.load(Ordering::Relaxed);
            let (labels, value) = told.next().expect("the page has as many buckets as before");
            assert_eq!(value, below as f64, "{}: {bucket}: {labels}", self.family);
        }
        let (_, count) = lines(page, self.family, "count").next().expect("a histogram has one");
        assert_eq!(count, below as f64);
        let (_, sum) = lines(page, self.family, "sum").next().expect("a histogram has one");
        let truth = self.nanos.load(Ordering::Relaxed) as f64 / 1e9;
        assert!((sum - truth).abs() <= truth * 1e-9, "{}: {sum} for {truth}", self.family);
    }
}

/// Labels and value of the lines of one part of a histogram, in the order of the page.
fn lines<'a>(page: &'a str, family: &str, part: &str) -> impl Iterator<Item = (&'a str, f64)> {
    let name = format!("springtide_{family}_seconds_{part}{{");
    page.lines().filter_map(move |line| {
        let (labels, value) = line.strip_prefix(&name)?.rsplit_once("} ")?;
        Some((labels, value.parse().expect("a number")))
    })
}

/// The upper bound, but for the last, which has none.
fn bound(labels: &str) -> Option<f64> {
    let (_, bound) = labels.split_once("le=\"")?;
    let (bound, _) = bound.split_once('"')?;
    (bound != "+Inf").then(|| bound.parse().expect("a number"))
}

/// The page that the endpoint serves.
fn scrape(address: SocketAddr) -> String {
    let (status, page) = get(address, "/metrics", "");
    assert_eq!(status, 200, "{page}");
    page
}

/// Two threads submit all jobs, while somebody scrapes.
fn flood(pool: &Pool, address: SocketAddr) -> f64 {
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for submitter in 0..2 {
            scope.spawn(move || {
                for number in 0..JOBS / 2 {
                    // Mostly as fast as it goes; now and then one that others wait for.
                    let job = move || {
                        if number % 50_000 == submitter {
                            std::thread::sleep(Duration::from_millis(3));
                        }
                    };
                    pool.execute(job).expect("it is open");
                }
            });
        }
        // Scrapes in the middle of it lose nothing and count nothing twice.
        (0..20).for_each(|_| drop(scrape(address)));
    });
    pool.wait_idle().expect("it is not one of its own jobs");
    JOBS as f64 / begun.elapsed().as_secs_f64()
}

/// Counts the times of each job once it knows the bounds.
#[derive(Default)]
struct Times(std::sync::OnceLock<[Truth; 2]>);

impl Observer for Times {
    fn job_ended(&self, job: &JobEnded<'_>) {
        if let Some([wait, run]) = self.0.get() {
            wait.count(job.wait);
            run.count(job.run.expect("every job here runs"));
        }
    }
}

#[test]
fn every_bucket_is_what_an_observer_counts_at_full_speed() {
    within(2 * PATIENCE, "exact histograms", || {
        let recorder = prometheus::install().expect("no other recorder here");
        let endpoint = prometheus::serve("127.0.0.1:0", recorder).expect("there is a free port");
        let times = Arc::new(Times::default());
        let pool = Pool::builder("exact").workers(2..=2).observer(Arc::clone(&times));
        let pool = pool.histogram_sink(HistogramSink::Exact).build().expect("it is valid");
        let page = scrape(endpoint.local_addr());
        let truths = ["queue_wait", "run"].map(|family| Truth::of(family, &page));
        assert!(times.0.set(truths).is_ok());

        let rate = flood(&pool, endpoint.local_addr());
        println!("{rate:.0} jobs/s");
        let page = scrape(endpoint.local_addr());
        let truths = times.0.get().expect("it was set");
        truths.iter().for_each(|truth| truth.assert_on(&page));
        for truth in truths {
            let hit = truth.counts.iter().filter(|count| count.load(Ordering::Relaxed) > 0).count();
            println!("{}: {JOBS} jobs in {hit} buckets, each exact", truth.family);
            assert!(hit > 2, "too few buckets were hit to tell");
        }
        let asked = std::env::var("SPRINGTIDE_FULL_RATE").is_ok_and(|value| value == "1");
        if asked && !cfg!(debug_assertions) {
            assert!(rate >= FULL_RATE, "{rate:.0} jobs/s, {FULL_RATE} are wanted");
        }
    });
}
