//! Pools that are older than the process's recorder, and rest when it is installed.

#![cfg(all(target_os = "linux", feature = "prometheus"))]

mod support;

use springtide::prometheus::{self, PrometheusBuilder, configure};
use springtide::{Builder, Pool};

use support::{asleep, at_rest, eventually, finish, millis, watchdog};

/// A pool that ran a hundred jobs and has nothing to do.
fn rested(builder: Builder) -> Pool {
    let pool = builder.workers(2..=2).build().unwrap();
    (0..100).for_each(|_| pool.execute(|| ()).unwrap());
    at_rest(&pool);
    pool
}

/// What was counted before there was anybody to tell is told, and no job has to come first. Here
/// the program has an exporter of its own: without a page of this crate's, a pool is heard that is
/// to report while it rests, and no other.
#[test]
fn a_recorder_that_comes_late_hears_of_pools_that_rest() {
    let _watchdog = watchdog();
    let silent = rested(Pool::builder("silent"));
    let reporting = rested(Pool::builder("reporting").report_at_rest(millis(300)));
    asleep(&silent);
    let recorder = configure(PrometheusBuilder::new()).install_recorder().unwrap();
    let told = |page: &str, name: &str| {
        let series = [
            "jobs_submitted_total{pool=\"NAME\"} 100",
            "jobs_completed_total{pool=\"NAME\",outcome=\"ok\"} 100",
            "run_seconds_count{pool=\"NAME\"} 100",
            "workers_max{pool=\"NAME\"} 2",
        ];
        let wanted = series.map(|s| format!("springtide_{}", s.replace("NAME", name)));
        wanted.iter().filter(|line| page.lines().any(|l| l == *line)).count()
    };
    eventually("the one that reports is there", || told(&recorder.render(), "reporting") == 4);
    assert_eq!(told(&recorder.render(), "silent"), 0);
    let page = || prometheus::render(&recorder);
    eventually("on a page of ours is the other too", || told(&page(), "silent") == 4);
    finish(silent);
    finish(reporting);
}
