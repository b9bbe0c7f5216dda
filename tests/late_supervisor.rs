//! A supervisor may hang in code of somebody else. What it told before looks as well as ever, so
//! how late it is must be seen without it.

#![cfg(feature = "prometheus")]

mod support;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics_util::MetricKindMask;
use springtide::prometheus::{self, PrometheusBuilder, PrometheusHandle, configure};
use springtide::testing::ManualClock;
use springtide::{Builder, MetricsSource, Plan, Pool, Reason, Sample, ScalingPolicy, Trouble};

use support::page::own_recorder;
use support::{
    Crowd, Door, Latch, asleep, asleep_by, at_rest, eventually, finish, hold, millis, watchdog,
};

/// After so long without a change a series is dropped.
const IDLE: Duration = Duration::from_millis(500);

/// The recorder of the process, which forgets.
fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| {
        let builder = configure(PrometheusBuilder::new());
        builder.idle_timeout(MetricKindMask::ALL, Some(IDLE)).install_recorder().unwrap()
    })
}

fn page() -> String {
    prometheus::render(recorder())
}

/// A policy that hangs while its door is shut.
#[derive(Default)]
struct Hanging(Arc<Door>);

impl ScalingPolicy for Hanging {
    fn decide(&mut self, _: Duration, _: &Sample) -> Plan {
        self.0.pass();
        let mut plan = Plan::hold(Reason::Steady);
        plan.next_in = None;
        plan
    }
}

/// A pool of one worker that rests, its clock, and the door that its supervisor will hang at.
fn rested(builder: Builder) -> (Pool, ManualClock, Arc<Door>) {
    recorder();
    let (clock, policy) = (ManualClock::new(), Hanging::default());
    let door = Arc::clone(&policy.0);
    let builder = builder.workers(1..=1).policy(policy).clock(clock.clock());
    let pool = builder.build().unwrap();
    asleep_by(&clock, &pool);
    asleep(&pool);
    (pool, clock, door)
}

/// Has the supervisor look, and hang in it; the job is over, and nothing waits.
#[track_caller]
fn hang(pool: &Pool, clock: &ManualClock, door: &Door) {
    pool.submit(|| ()).unwrap().join().unwrap();
    door.until_one_hangs(clock, millis(10));
}

/// How late a page says that the supervisor of a pool is; `None` if it says nothing of it.
#[track_caller]
fn late(page: &str, pool: &str) -> Option<f64> {
    let line = format!("springtide_supervisor_late_seconds{{pool=\"{pool}\"}} ");
    let values: Vec<f64> = page
        .lines()
        .filter_map(|l| l.strip_prefix(&line))
        .map(|value| value.parse().expect("a number"))
        .collect();
    assert!(values.len() <= 1, "twice: {page}");
    let kinds = page.matches("# TYPE springtide_supervisor_late_seconds gauge\n").count();
    assert!(values.is_empty() || kinds == 1, "announced {kinds} times: {page}");
    values.first().copied()
}

/// By so much, and by the little that passed before it hung.
#[track_caller]
fn is_late_by(seconds: f64, late: Option<f64>) {
    assert!(late.is_some_and(|late| (seconds..seconds + 10.0).contains(&late)), "{late:?}");
}

#[test]
fn a_page_shows_that_a_supervisor_hangs_though_nothing_waits() {
    let _watchdog = watchdog();
    let (pool, clock, door) = rested(Pool::builder("hangs"));
    assert_eq!(late(&page(), "hangs"), Some(0.0));
    let shut = door.shut();
    hang(&pool, &clock, &door);
    clock.advance(Duration::from_secs(20));
    is_late_by(20.0, late(&page(), "hangs"));
    eventually("its other figures are forgotten", || {
        std::thread::sleep(millis(20));
        !recorder().render().contains("pool=\"hangs\"")
    });
    clock.advance(Duration::from_secs(30));
    is_late_by(50.0, late(&page(), "hangs"));
    drop(shut);
    eventually("it comes back", || late(&page(), "hangs") == Some(0.0));
    finish(pool);
}

#[test]
fn a_supervisor_that_rests_is_not_late_however_long() {
    let _watchdog = watchdog();
    let (pool, clock, _) = rested(Pool::builder("rests"));
    clock.advance(Duration::from_secs(3_600));
    assert_eq!(late(&page(), "rests"), Some(0.0));
    pool.shutdown();
    clock.advance(Duration::from_secs(3_600));
    assert!(late(&page(), "rests").is_none_or(|late| late == 0.0), "nor is one that has ended");
    finish(pool);
}

#[test]
fn the_page_of_one_pool_and_that_of_its_own_recorder_show_it_too() {
    let _watchdog = watchdog();
    let (own, handle) = own_recorder();
    let (apart, clock, door) = rested(Pool::builder("apart").metrics(own));
    let shut = door.shut();
    hang(&apart, &clock, &door);
    clock.advance(Duration::from_secs(20));
    is_late_by(20.0, late(&prometheus::render(&handle), "apart"));
    assert_eq!(late(&page(), "apart"), None, "that of the process is about other pools");
    drop(shut);
    finish(apart);

    let (alone, clock, door) = rested(Pool::builder("alone").metrics(MetricsSource::Captured));
    let shut = door.shut();
    hang(&alone, &clock, &door);
    clock.advance(Duration::from_secs(20));
    is_late_by(20.0, late(&alone.render_metrics(), "alone"));
    assert_eq!(late(&page(), "alone"), None, "nobody is told about it");
    drop(shut);
    finish(alone);
}

#[test]
fn one_that_hangs_since_it_was_woken_is_silent_as_soon_as_jobs_wait() {
    let _watchdog = watchdog();
    let (pool, clock, door) = rested(Pool::builder("woken"));
    let shut = door.shut();
    hang(&pool, &clock, &door);
    clock.advance(Duration::from_secs(20));
    let silent = || pool.health().troubles.contains(&Trouble::SupervisorSilent);
    assert!(!silent(), "nothing waits: {:?}", pool.health());
    let latch = Latch::new();
    hold(&pool, 1, &Crowd::new(), &latch);
    pool.execute(|| ()).unwrap();
    assert!(silent(), "{:?}", pool.health());
    latch.open();
    drop(shut);
    at_rest(&pool);
    assert!(!silent(), "{:?}", pool.health());
    finish(pool);
}
