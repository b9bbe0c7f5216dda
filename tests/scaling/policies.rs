//! Laws that are not the default one: simple, foreign, absurd and broken.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use springtide::{Fixed, MetricsSource, Plan, Pool, Reason, Sample, ScalingPolicy};

use crate::support::system::{self, Census};
use crate::support::{
    Crowd, Latch, at_rest, eventually, finish, hold, millis, throughout, watchdog,
};

/// A law given as a closure.
struct Law<F>(F);

impl<F: FnMut(&Sample) -> Plan + Send> ScalingPolicy for Law<F> {
    fn decide(&mut self, _now: Duration, sample: &Sample) -> Plan {
        (self.0)(sample)
    }
}

fn counted(pool: &Pool, reason: &str) -> u64 {
    let decisions = pool.stats().decisions;
    decisions.iter().find(|(name, _)| *name == reason).map_or(0, |(_, count)| *count)
}

#[test]
fn a_fixed_pool_has_its_size_whatever_waits() {
    let _watchdog = watchdog();
    let pool = Pool::builder("fixed").workers(3..=3).policy(Fixed).build().unwrap();
    let (crowd, latch) = (Crowd::new(), Latch::new());
    hold(&pool, 3, &crowd, &latch);
    (0..100).for_each(|_| pool.execute(|| ()).unwrap());
    throughout(millis(300), "three", || system::workers("fixed") == 3 && crowd.now() == 3);
    latch.open();
    at_rest(&pool);
    throughout(millis(300), "still three", || system::workers("fixed") == 3);
    pool.resize(5..=5).unwrap();
    eventually("five", || system::workers("fixed") == 5);
    assert_eq!(finish(pool).threads_started, 5);
}

/// A law that never asks for another look costs none while jobs run: the supervisor looks at
/// its slowest tick, for the sake of the exported figures, and not in between.
#[test]
fn a_law_that_asks_for_no_further_look_is_not_asked_all_the_time() {
    let _watchdog = watchdog();
    let pool = Pool::builder("calm").workers(2..=2).policy(Fixed).build().unwrap();
    let (crowd, latch) = (Crowd::new(), Latch::new());
    hold(&pool, 2, &crowd, &latch);
    let before = pool.stats();
    std::thread::sleep(millis(1_000));
    let after = pool.stats();
    let looks = after.evaluations - before.evaluations;
    println!("{looks} looks in {:?} at two long jobs", after.uptime - before.uptime);
    assert!(looks <= 8, "{looks} looks in a second");
    latch.open();
    finish(pool);
}

/// A law that tells how many machines there should be has to know what the queue had no room for,
/// and what waited for room until its deadline; but not what was refused for another reason.
#[test]
fn a_law_sees_what_a_full_queue_refused() {
    let _watchdog = watchdog();
    let seen = Arc::new(AtomicUsize::new(0));
    let sum = Arc::clone(&seen);
    let law = Law(move |sample: &Sample| {
        sum.fetch_add(sample.refused as usize, Ordering::Relaxed);
        Plan::hold(Reason::Steady)
    });
    let pool = Pool::builder("full").workers(1..=1).queue_capacity(1).policy(law).build().unwrap();
    let (crowd, latch) = (Crowd::new(), Latch::new());
    hold(&pool, 1, &crowd, &latch);
    pool.execute(|| ()).unwrap();
    for _ in 0..3 {
        assert!(pool.try_submit(|| ()).unwrap_err().is_full());
    }
    let late = pool.job("late").deadline(Instant::now() + millis(1));
    assert!(late.submit(|_| ()).unwrap_err().is_timed_out());
    eventually("four", || seen.load(Ordering::Relaxed) == 4);
    pool.close();
    assert!(pool.try_submit(|| ()).unwrap_err().is_closed());
    latch.open();
    finish(pool);
    assert_eq!(seen.load(Ordering::Relaxed), 4);
}

/// A pool that may have no workers starts one for a job, whatever its law thinks of it.
#[test]
fn no_law_strands_a_job_in_a_pool_without_workers() {
    let _watchdog = watchdog();
    let idle = || Law(|_: &Sample| Plan::hold(Reason::Custom("idle")));
    let sleepy = || {
        Law(|_: &Sample| {
            let mut plan = Plan::hold(Reason::Custom("sleepy"));
            plan.next_in = None;
            plan
        })
    };
    let broken = || Law(|_: &Sample| -> Plan { panic!("this law is broken") });
    let builder = || Pool::builder("zero").workers(0..=4);
    for pool in [
        builder().policy(idle()),
        builder().policy(sleepy()),
        builder().policy(broken()),
        builder().policy(Fixed),
    ] {
        let pool = pool.build().unwrap();
        assert_eq!(pool.submit(|| 6 * 7).unwrap().join().unwrap(), 42);
        finish(pool);
    }
    let pool = builder().policy(broken()).build().unwrap();
    (0..10).for_each(|_| pool.execute(|| ()).unwrap());
    let report = pool.shutdown();
    assert_eq!((report.completed, report.ended), (10, true), "{report:?}");
}

#[test]
fn a_law_that_panics_is_counted_and_the_pool_works_on() {
    let _watchdog = watchdog();
    let calls = Arc::new(AtomicUsize::new(0));
    let law = {
        let calls = Arc::clone(&calls);
        Law(move |sample: &Sample| {
            if calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
                panic!("every second time");
            }
            let mut plan = Plan::add(sample.queued.min(8) as u32, Reason::Custom("now and then"));
            plan.demand = 7;
            plan
        })
    };
    let pool = Pool::builder("panics").workers(1..=4).policy(law).build().unwrap();
    let (crowd, latch) = (Crowd::new(), Latch::new());
    hold(&pool, 4, &crowd, &latch);
    assert_eq!(system::workers("panics"), 4, "the other half of its words was heard");
    for _ in 0..1_000 {
        assert_eq!(pool.stats().demand, 7, "a panic says nothing of the load");
    }
    latch.open();
    at_rest(&pool);
    let panics = counted(&pool, "policy_panicked");
    assert!(panics > 0 && panics >= calls.load(Ordering::Relaxed) as u64 / 2 - 1, "{panics}");
    assert!(pool.health().is_healthy(), "{:?}", pool.health());
    pool.resize(2..=2).unwrap();
    assert_eq!(pool.submit(|| 1).unwrap().join().unwrap(), 1);
    assert_eq!(finish(pool).ok, 5);
}

/// A panic says nothing of the load: whoever adds machines by the demand must not take some away.
#[test]
fn what_a_law_demanded_last_stands_while_it_panics() {
    let _watchdog = watchdog();
    let mut is_first = true;
    let law = Law(move |_: &Sample| {
        assert!(std::mem::take(&mut is_first), "it panics from now on");
        let mut plan = Plan::hold(Reason::Custom("once"));
        plan.demand = 7;
        plan
    });
    let builder = Pool::builder("demands").workers(1..=4).policy(law);
    let pool = builder.metrics(MetricsSource::Captured).build().unwrap();
    let (crowd, latch) = (Crowd::new(), Latch::new());
    hold(&pool, 1, &crowd, &latch);
    eventually("it has panicked twice", || counted(&pool, "policy_panicked") >= 2);
    assert_eq!(pool.stats().demand, 7);
    let page = pool.render_metrics();
    let series = "springtide_demand_workers{pool=\"demands\"} 7";
    assert!(page.lines().any(|line| line == series), "{page}");
    latch.open();
    finish(pool);
}

/// Absurd figures end at the bounds, in both directions and both at once.
#[test]
fn a_law_that_exaggerates_stays_within_the_bounds() {
    let _watchdog = watchdog();
    let law = Law(|sample: &Sample| {
        let mut plan = Plan::add(u32::MAX, Reason::Custom("more"));
        if sample.queued == 0 {
            plan = Plan::drain(u32::MAX, Reason::Custom("less"));
            plan.retire_idle = u32::MAX;
        }
        plan.next_in = Some(Duration::ZERO);
        plan.kick_spacing = Duration::ZERO;
        plan.demand = u32::MAX;
        plan
    });
    let pool = Pool::builder("exagger").workers(2..=6).policy(law).build().unwrap();
    let (crowd, census) = (Crowd::new(), Census::of("exagger"));
    for _ in 0..20 {
        let latch = Latch::new();
        hold(&pool, 6, &crowd, &latch);
        assert_eq!(pool.stats().workers.total, 6);
        latch.open();
        at_rest(&pool);
        eventually("back to two", || pool.stats().workers.total == 2);
    }
    assert_eq!(crowd.peak(), 6);
    println!("twenty times from 2 to 6 and back: {} threads at most", census.peak());
    assert_eq!(finish(pool).ok, 120);
}

/// A law of one's own decides, and its reasons are in the ring.
#[test]
fn a_law_of_ones_own_decides_and_is_quoted() {
    let _watchdog = watchdog();
    let law = Law(|sample: &Sample| match sample.queued {
        0 => Plan::retire_idle(sample.idle, Reason::Custom("the tide is out")),
        n => Plan::add(n as u32, Reason::Custom("the tide is in")),
    });
    let pool = Pool::builder("own").workers(1..=16).policy(law).build().unwrap();
    let (crowd, latch) = (Crowd::new(), Latch::new());
    hold(&pool, 9, &crowd, &latch);
    let ring = pool.decisions();
    assert!(ring.iter().any(|d| d.reason == Reason::Custom("the tide is in") && d.to > d.from));
    latch.open();
    eventually("all but one are gone, and it is written down", || {
        let last = pool.last_decision().map(|last| (last.reason, last.to));
        last == Some((Reason::Custom("the tide is out"), 1)) && system::workers("own") == 1
    });
    finish(pool);
}

/// The lower bound is the pool's, whoever the policy is, and it says that it holds.
#[test]
fn a_policy_that_wants_fewer_than_the_lower_bound_is_told_so_and_counted() {
    let _watchdog = watchdog();
    let empty = Law(|sample: &Sample| Plan::retire_idle(sample.workers, Reason::Custom("empty")));
    let pool = Pool::builder("at-min").workers(2..=4).policy(empty).build().unwrap();
    let held = || -> u64 {
        let page = pool.render_metrics();
        let series = "springtide_scale_suppressed_total{pool=\"at-min\",reason=\"at_min\"} ";
        let count = page.lines().find_map(|line| line.strip_prefix(series));
        count.expect("it is there from the first look on").parse().unwrap()
    };
    eventually("it is held at two", || held() >= 3);
    let stats = pool.stats();
    assert_eq!((stats.workers.total, stats.threads_retired), (2, 0), "{stats:?}");
    assert!(counted(&pool, "at_min") >= 3, "{stats:?}");
    assert_eq!(pool.decisions(), [], "nothing was done, and no job waited");
    finish(pool);
}
