//! Jobs that go on long after they should have ended, and jobs that say that they live.

mod common;

use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use common::{
    Bomb, FOREVER, Latch, PATIENCE, SECOND, assert_accounts, assert_submitted, clocked, fast_time,
    until, within,
};
use springtide::{
    Builder, JobHandle, MetricsSource, Plan, Pool, PoolHandle, Reason, Sample, ScalingPolicy,
    Stuck, StuckJob,
};

/// What a hook was told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<StuckJob>>>);

impl Told {
    fn hook(&self, verdict: Stuck) -> impl Fn(&StuckJob) -> Stuck + Send + Sync + 'static {
        let told = self.clone();
        move |stuck| {
            told.0.lock().expect("nobody panics").push(stuck.clone());
            verdict
        }
    }

    fn kinds(&self) -> Vec<&'static str> {
        self.0.lock().expect("nobody panics").iter().map(|stuck| stuck.job.kind).collect()
    }
}

/// So many workers, and a second of grace.
fn workers(name: &str, workers: usize) -> Builder {
    Pool::builder(name).workers(workers..=workers).queue_capacity(64).stuck_after(SECOND)
}

/// A job that ignores its timeout of a second until the latch is opened; returns once it runs.
fn ignore(pool: &PoolHandle, kind: &'static str, latch: &Latch) -> JobHandle<()> {
    let (running, started) = mpsc::channel();
    let gate = latch.clone();
    let job = pool.job(kind).timeout(SECOND).submit(move |_| {
        running.send(()).expect("the test listens");
        gate.wait();
    });
    started.recv().expect("it runs");
    job.expect("open")
}

#[test]
fn a_job_past_its_timeout_and_grace_is_told_of_once_and_another_worker_serves_the_queue() {
    within(PATIENCE, "replaced", || {
        let told = Told::default();
        let builder =
            workers("replaced", 1).max_replacements(1).on_stuck(told.hook(Stuck::Replace));
        let (pool, time) = fast_time(builder);
        let latch = Latch::new();
        let stuck = ignore(&pool, "stuck", &latch);
        let id = stuck.id();
        let queued = pool.submit(|| 7).expect("open");
        assert_eq!(queued.join().expect("it runs on another worker"), 7);
        let stats = pool.stats();
        assert_eq!((stats.stuck, stats.stuck_total, stats.workers.total), (1, 1, 2));
        let series = "springtide_workers_replaced{pool=\"replaced\"}";
        let shows = |n: u32| pool.render_metrics().contains(&format!("{series} {n}\n"));
        assert!(shows(1), "{}", pool.render_metrics());
        assert_eq!((pool.health().stuck_jobs, pool.health().is_healthy()), (1, true));
        let running = pool.running_jobs();
        assert!(running.iter().any(|job| job.stuck && job.id == Some(id)), "{running:?}");
        assert!(stuck.join().expect_err("its time is up").is_timed_out());
        let since = time.elapsed();
        until(|| time.elapsed() > since + SECOND * 5);
        latch.open();
        until(|| pool.stats().workers.total == 1 && shows(0));
        let stats = assert_submitted(&pool, 2);
        assert_eq!((stats.stuck, stats.stuck_total, stats.timed_out), (0, 1, 1));
        assert_eq!(told.kinds(), ["stuck"]);
        let told = told.0.lock().expect("nobody panics");
        assert!(told[0].overdue >= SECOND && told[0].job.age >= SECOND * 2 && told[0].job.stuck);
        assert_eq!((told[0].job.worker, told[0].job.id), (0, Some(id)));
        assert_eq!(pool.submit(|| 8).expect("open").join().expect("it runs"), 8);
    });
}

#[test]
fn a_job_with_more_time_or_without_a_limit_is_not_stuck_when_others_are() {
    within(PATIENCE, "longer", || {
        let told = Told::default();
        let (pool, time) = fast_time(workers("longer", 4).on_stuck(told.hook(Stuck::Leave)));
        let latch = Latch::new();
        let wait = || {
            let gate = latch.clone();
            move |_: &springtide::JobContext<'_>| gate.wait()
        };
        let longer = pool.job("longer").timeout(FOREVER).submit(wait()).expect("open");
        let endless = pool.job("endless").submit(wait()).expect("open");
        let by_deadline = pool.job("by deadline").deadline_in(SECOND).submit(wait());
        let _short = ignore(&pool, "short", &latch);
        until(|| pool.stats().stuck == 2);
        let since = time.elapsed();
        until(|| time.elapsed() > since + SECOND * 5);
        latch.open();
        longer.join().expect("it had all the time it took");
        endless.join().expect("it had all the time there is");
        assert!(by_deadline.expect("open").join().expect_err("too late").is_timed_out());
        let mut kinds = told.kinds();
        kinds.sort_unstable();
        assert_eq!(kinds, ["by deadline", "short"]);
        assert_eq!(assert_submitted(&pool, 4).stuck_total, 2);
    });
}

#[test]
fn a_stuck_job_that_is_left_keeps_its_worker_and_so_does_one_whose_hook_panics() {
    within(PATIENCE, "left", || {
        let left: fn(&StuckJob) -> Stuck = |_| Stuck::Leave;
        let panics: fn(&StuckJob) -> Stuck = |_| panic::panic_any(Bomb(1));
        for hook in [left, panics] {
            let builder = workers("left", 1).max_replacements(3).on_stuck(hook);
            let (pool, time) = fast_time(builder);
            let latch = Latch::new();
            let _stuck = ignore(&pool, "stuck", &latch);
            let queued = pool.submit(|| 7).expect("open");
            until(|| pool.stats().stuck == 1);
            let since = time.elapsed();
            until(|| time.elapsed() > since + SECOND * 3);
            assert!(!queued.is_finished() && pool.stats().workers.total == 1);
            latch.open();
            assert_eq!(queued.join().expect("it runs in the end"), 7);
            assert_eq!(assert_submitted(&pool, 2).threads_started, 1);
        }
    });
}

#[test]
fn no_more_workers_stand_in_than_were_declared_and_none_unless_some_were() {
    within(PATIENCE, "declared", || {
        for declared in [0, 2] {
            // Without a hook the number says it all.
            let (pool, time) = fast_time(workers("declared", 3).max_replacements(declared));
            let latch = Latch::new();
            let inside = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
            let submit = |_| {
                let (gate, inside) = (latch.clone(), Arc::clone(&inside));
                let job = pool.job("stuck").timeout(SECOND).submit(move |_| {
                    let now = inside.0.fetch_add(1, Ordering::SeqCst) + 1;
                    inside.1.fetch_max(now, Ordering::SeqCst);
                    gate.wait();
                    inside.0.fetch_sub(1, Ordering::SeqCst);
                });
                job.expect("open")
            };
            let jobs: Vec<_> = (0..9).map(submit).collect();
            let most = 3 + declared;
            until(|| pool.stats().stuck == most as u32);
            let since = time.elapsed();
            until(|| time.elapsed() > since + SECOND * 3);
            assert_eq!(pool.stats().workers.total, most as u32);
            latch.open();
            drop(jobs);
            until(|| pool.stats().workers.total == 3);
            let stats = assert_submitted(&pool, 9);
            assert_eq!(inside.1.load(Ordering::SeqCst), most, "at once");
            assert_eq!(stats.stuck, 0);
        }
    });
}

/// Wants more workers, whatever it sees.
struct Greedy;

impl ScalingPolicy for Greedy {
    fn decide(&mut self, _now: Duration, _sample: &Sample) -> Plan {
        Plan::add(9, Reason::Grow)
    }
}

#[test]
fn whatever_a_policy_asks_for_there_are_never_more_workers_than_were_declared() {
    within(PATIENCE, "greedy", || {
        let builder = workers("greedy", 2).max_replacements(1).policy(Greedy);
        let (pool, time) = fast_time(builder);
        let latch = Latch::new();
        let (_stuck, _too) = (ignore(&pool, "stuck", &latch), ignore(&pool, "stuck", &latch));
        until(|| pool.stats().stuck == 2 && pool.stats().workers.total > 2);
        let since = time.elapsed();
        until(|| time.elapsed() > since + SECOND * 2);
        assert_eq!(pool.stats().threads_started, 3);
        latch.open();
        assert_accounts(&pool);
    });
}

#[test]
fn one_worker_stands_in_for_a_worker_in_which_a_job_and_the_one_it_waits_for_are_stuck() {
    within(PATIENCE, "bothstuck", || {
        let told = Told::default();
        let builder = workers("bothstuck", 1).max_replacements(8);
        let (pool, time) = fast_time(builder.on_stuck(told.hook(Stuck::Replace)));
        let latch = Latch::new();
        let (inner, gate) = (pool.handle(), latch.clone());
        let outer = pool.job("outer").timeout(SECOND).submit(move |_| {
            let job = inner.job("part").timeout(SECOND).submit(move |_| gate.wait());
            drop(job.expect("open").join());
        });
        until(|| pool.stats().stuck == 2);
        let since = time.elapsed();
        until(|| time.elapsed() > since + SECOND * 3);
        assert_eq!(pool.stats().workers.total, 2);
        assert!(pool.running_jobs().iter().all(|job| job.stuck && job.kind == "part"));
        latch.open();
        until(|| pool.stats().workers.total == 1);
        assert!(outer.expect("open").join().expect_err("too late").is_timed_out());
        let mut kinds = told.kinds();
        kinds.sort_unstable();
        assert_eq!(kinds, ["outer", "part"]);
        assert_submitted(&pool, 2);
    });
}

#[test]
fn a_hook_may_ask_the_pool_and_submit_to_it() {
    within(PATIENCE, "hookasks", || {
        let handle: Arc<Mutex<Option<PoolHandle>>> = Arc::default();
        let (asked, answers) = mpsc::channel();
        let slot = Arc::clone(&handle);
        let builder = workers("hookasks", 1).max_replacements(1).on_stuck(move |_| {
            let pool = slot.lock().expect("nobody panics").take().expect("called once");
            let job = pool.submit(|| 7).expect("open");
            let listed = pool.running_jobs();
            assert!(listed[0].stuck && pool.stats().stuck == 1);
            let answer = (pool.stats().running, listed.len(), pool.health(), job);
            asked.send(answer).expect("the test listens");
            Stuck::Replace
        });
        let (pool, _time) = fast_time(builder);
        *handle.lock().expect("nobody panics") = Some(pool.handle());
        let latch = Latch::new();
        let _stuck = ignore(&pool, "stuck", &latch);
        let (running, listed, health, job) = answers.recv().expect("it is called");
        assert_eq!((running, listed, health.is_healthy()), (1, 1, true));
        assert_eq!(job.join().expect("it runs on another worker"), 7);
        latch.open();
        assert_accounts(&pool);
    });
}

#[test]
fn a_shutdown_names_a_stuck_job_and_comes_back_when_it_has_ended() {
    within(PATIENCE, "stuckend", || {
        let (pool, _time) = fast_time(workers("stuckend", 1).max_replacements(1));
        let latch = Latch::new();
        let _stuck = ignore(&pool, "stuck", &latch);
        until(|| pool.stats().stuck == 1);
        let report = pool.shutdown_now();
        assert!(!report.ended && report.still_running[0].stuck);
        latch.open();
        let report = pool.shutdown();
        assert!(report.ended);
        assert_eq!((report.accepted, report.timed_out), (1, 1));
    });
}

#[test]
fn every_grace_is_legal() {
    within(PATIENCE, "anygrace", || {
        for grace in [Duration::ZERO, Duration::from_nanos(1), FOREVER, Duration::MAX] {
            let is_stuck_soon = grace < SECOND;
            let builder = workers("anygrace", 1).stuck_after(grace).max_replacements(1);
            let (pool, _time) = fast_time(builder);
            let latch = Latch::new();
            let stuck = ignore(&pool, "stuck", &latch);
            assert!(stuck.join().expect_err("its time is up").is_timed_out());
            until(|| !is_stuck_soon || pool.stats().stuck == 1);
            latch.open();
            assert_eq!(assert_submitted(&pool, 1).stuck_total, u64::from(is_stuck_soon));
        }
    });
}

#[test]
fn more_replacements_than_there_is_room_for_are_a_problem_of_the_settings() {
    let build = |ceiling, n| {
        Pool::builder("room").workers(1..=1).ceiling(ceiling).max_replacements(n).build()
    };
    assert!(build(1000, 23).is_ok());
    let error = build(1000, 24).expect_err("one too many").to_string();
    assert!(error.starts_with("max_replacements: 24 ") && error.contains("at most 23"), "{error}");
    assert!(build(1, usize::MAX).is_err());
}

#[test]
fn a_job_that_says_that_it_lives_is_as_old_as_it_last_did_and_the_next_has_not_said_so() {
    within(PATIENCE, "beats", || {
        let builder = Pool::builder("beats").workers(1..=1).metrics(MetricsSource::Captured);
        let (pool, clock) = clocked(builder);
        let (beat, beats) = mpsc::channel::<()>();
        let (done, dones) = mpsc::channel();
        let job = pool.job("beats").submit(move |cx| {
            done.send(()).expect("the test listens");
            for () in beats {
                cx.heartbeat();
                done.send(()).expect("the test listens");
            }
        });
        let age = || pool.running_jobs()[0].heartbeat_age;
        dones.recv().expect("it runs");
        clock.advance(SECOND);
        assert_eq!(age(), None, "it never has");
        for _ in 0..3 {
            beat.send(()).expect("it listens");
            dones.recv().expect("it beats");
            assert_eq!(age(), Some(Duration::ZERO));
            clock.advance(SECOND * 2);
            assert_eq!(age(), Some(SECOND * 2));
            let figure = "springtide_heartbeat_age_seconds{pool=\"beats\"} 2\n";
            assert!(pool.render_metrics().contains(figure), "{}", pool.render_metrics());
        }
        drop(beat);
        job.expect("open").join().expect("it returns");
        let inner = pool.handle();
        let next = pool.job("next").submit(move |_| inner.running_jobs()[0].heartbeat_age);
        assert_eq!(next.expect("open").join().expect("it returns"), None);
        assert_submitted(&pool, 2);
    });
}
