//! What idle pools cost: nothing. A program of its own, so that no other test's pool disturbs it.

#![cfg(target_os = "linux")]

mod support;

use std::time::Duration;

use springtide::{Fixed, Pool, PredictedWait, QueueDepth};

use support::system::{self, Cost, Thread};
use support::{Crowd, Latch, at_rest, end, eventually, finish, hold, millis, watchdog};

const SILENCE: Duration = Duration::from_secs(10);

/// A pool that had `n` jobs at once and has got over it.
fn after_work(builder: springtide::Builder, n: usize, left: usize) -> Pool {
    let pool = builder.keep_alive(millis(100)).build().unwrap();
    let latch = Latch::new();
    hold(&pool, n, &Crowd::new(), &latch);
    latch.open();
    at_rest(&pool);
    let name = pool.name().to_owned();
    eventually("it has shrunk", || system::workers(&name) == left);
    pool
}

fn idle_pools() -> Vec<Pool> {
    let paused = Pool::builder("i-paused").workers(1..=4).build().unwrap();
    paused.pause();
    let closed = Pool::builder("i-closed").workers(1..=4).build().unwrap();
    closed.close();
    assert!(closed.execute(|| ()).is_err());
    vec![
        Pool::builder("i-fresh").workers(2..=8).build().unwrap(),
        Pool::builder("i-silent").workers(2..=8).without_metrics().build().unwrap(),
        after_work(Pool::builder("i-worked").workers(1..=12), 12, 1),
        after_work(Pool::builder("i-none").workers(0..=4), 4, 0),
        after_work(
            Pool::builder("i-spare").workers(1..=8).policy(PredictedWait::new().spare(3)),
            6,
            1,
        ),
        after_work(Pool::builder("i-fixed").workers(3..=3).policy(Fixed), 3, 3),
        after_work(Pool::builder("i-depth").workers(1..=4).policy(QueueDepth::new()), 1, 1),
        paused,
        closed,
    ]
}

fn costs(pool: &Pool) -> Vec<(Thread, Cost)> {
    let threads = system::threads(pool.name()).into_iter();
    threads.map(|thread| (thread.clone(), thread.cost().expect("the thread lives"))).collect()
}

/// Ten seconds in which no thread of any idle pool, its supervisor included, is woken once or
/// uses a tick of processor time; and a pool with one long job, to show that the measure works.
#[test]
fn an_idle_pool_makes_no_context_switch_and_uses_no_processor_time() {
    let _watchdog = watchdog();
    let pools = idle_pools();
    let control = Pool::builder("i-control").workers(1..=2).build().unwrap();
    let latch = Latch::new();
    hold(&control, 1, &Crowd::new(), &latch);
    eventually("every supervisor has gone to rest", || {
        let looks = || pools.iter().map(|pool| pool.stats().evaluations).collect::<Vec<_>>();
        let before = looks();
        std::thread::sleep(millis(600));
        before == looks()
    });
    let before: Vec<_> = pools.iter().chain([&control]).map(costs).collect();
    std::thread::sleep(SILENCE);
    let after: Vec<_> = pools.iter().chain([&control]).map(costs).collect();

    let (of_idle, of_control) = after.split_at(pools.len());
    for ((pool, before), after) in pools.iter().zip(&before).zip(of_idle) {
        assert_eq!(before, after, "{} was not idle for {SILENCE:?}", pool.name());
    }
    let threads: usize = of_idle.iter().map(Vec::len).sum();
    println!("{} idle pools, {threads} threads, {SILENCE:?}: not one switch", pools.len());
    let supervisor = |costs: &[(Thread, Cost)]| {
        costs.iter().find(|(thread, _)| thread.name.ends_with("/tide")).map(|(_, cost)| *cost)
    };
    let ticking = supervisor(&before[pools.len()]).zip(supervisor(&of_control[0]));
    let (before, after) = ticking.expect("the control pool has a supervisor");
    let switches = after.voluntary_switches - before.voluntary_switches;
    println!("the supervisor of a pool with one long job: {switches} switches");
    assert!((4..=400).contains(&switches), "one look every 250 ms: {switches}");

    latch.open();
    finish(control);
    for pool in pools {
        if pool.is_paused() || !pool.health().is_healthy() {
            pool.resume();
            end(pool);
            continue;
        }
        let answer = pool.submit(|| 6 * 7).expect("what is idle is not dead");
        assert_eq!(answer.join().unwrap(), 42, "{}", pool.name());
        finish(pool);
    }
}
