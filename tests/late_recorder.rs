//! A pool that is older than the process's recorder.

#![cfg(all(target_os = "linux", feature = "prometheus"))]

mod support;

use support::{at_rest, eventually, finish, watchdog};

/// What was counted before there was anybody to tell is told with the next flush.
#[test]
fn a_recorder_that_comes_late_gets_everything_since_the_pool_began() {
    let _watchdog = watchdog();
    let pool = springtide::Pool::builder("older").workers(1..=2).build().unwrap();
    (0..100).for_each(|_| pool.execute(|| ()).unwrap());
    at_rest(&pool);
    let recorder = springtide::prometheus::install().unwrap();
    assert_eq!(pool.submit(|| 6 * 7).unwrap().join().unwrap(), 42);
    let shown = |series: &str| {
        let page = springtide::prometheus::render(&recorder);
        page.lines().any(|line| line == series)
    };
    for series in [
        "springtide_jobs_submitted_total{pool=\"older\"} 101",
        "springtide_jobs_completed_total{pool=\"older\",outcome=\"ok\"} 101",
        "springtide_run_seconds_count{pool=\"older\"} 101",
    ] {
        eventually(series, || shown(series));
    }
    finish(pool);
}
