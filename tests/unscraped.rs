//! Nothing grows with the jobs that were run while nobody asks for the figures. Measured on the
//! whole process, so this is the only test here.
//!
//! `.ci/run` takes a minute for it. Ten are by hand:
//! `SPRINGTIDE_UNSCRAPED_SECONDS=600 cargo test --release --test unscraped -- --nocapture`.

#![cfg(all(target_os = "linux", feature = "prometheus"))]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use springtide::{HistogramSink, Pool, prometheus};

/// A few allocations of the system's, and no more: of the millions of jobs here
/// none may leave more than a few bytes behind.
const SLACK_KIB: u64 = 6 << 10;
/// And in a short time less: a recorder without upkeep keeps what it is sent, which is only some of
/// the samples, and grows by some 135 KiB a second.
const SLACK_KIB_A_SECOND: u64 = 80;
const SECONDS: u64 = 15;

fn status_kib(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("these tests need Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("it says so");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn resident_kib() -> u64 {
    status_kib("VmRSS:")
}

/// The most that it ever was, between two looks too.
fn peak_kib() -> u64 {
    status_kib("VmHWM:")
}

fn jobs(pools: &[Pool]) -> u64 {
    pools.iter().map(|pool| pool.stats().ok).sum()
}

/// The endpoint is there, as in a service; nobody asks it.
#[test]
fn memory_stays_flat_while_nobody_scrapes() {
    let seconds = std::env::var("SPRINGTIDE_UNSCRAPED_SECONDS");
    let seconds = seconds.map_or(SECONDS, |text| text.parse().expect("a number of seconds"));
    let recorder = prometheus::install().expect("no other recorder here");
    let _endpoint = prometheus::serve("127.0.0.1:0", recorder).expect("there is a free port");
    let sinks = [("exact", HistogramSink::Exact), ("facade", HistogramSink::Facade)];
    let pools = sinks.map(|(name, sink)| {
        let builder = Pool::builder(name).workers(1..=2).histogram_sink(sink);
        builder.build().expect("it is valid")
    });
    let over = AtomicBool::new(false);
    let idle = resident_kib();
    std::thread::scope(|scope| {
        for pool in &pools {
            let over = &over;
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    pool.execute(|| ()).expect("it is open");
                }
            });
        }
        // Through two rounds of the recorder's upkeep everything has reached its size.
        std::thread::sleep(Duration::from_secs(12));
        let (warm, before) = (resident_kib(), jobs(&pools));
        std::thread::sleep(Duration::from_secs(seconds));
        let (after, peak, ran) = (resident_kib(), peak_kib(), jobs(&pools) - before);
        over.store(true, Ordering::Relaxed);
        println!("{ran} jobs in {seconds} s: {warm} KiB before, {peak} at most, {after} after");
        assert!(ran > 10_000, "too few to tell");
        // What is kept until the recorder's next upkeep has a bound too.
        assert!(peak <= idle + SLACK_KIB, "{idle} KiB without jobs were {peak} at times");
        let slack = SLACK_KIB.min(seconds * SLACK_KIB_A_SECOND);
        assert!(after <= warm + slack, "{warm} KiB have become {after}");
    });
}
