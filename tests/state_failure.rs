//! A state that cannot be built: what becomes of the jobs that need it, and of the worker.

mod common;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{PATIENCE, assert_accounts, build, fixed, occupy, threads_named, until, within};
use springtide::{
    Failure, FallibleError, InitError, JobHandle, MetricsSource, Observer, Plan, Pool, PoolHandle,
    Reason, Sample, ScalingPolicy, StateFailed, StateFailure, Stateful, Trouble,
};

/// Longer than a held worker rests at most, and no less than it takes to see that nothing happens.
const A_WHILE: Duration = Duration::from_millis(50);

/// What a state is made of, and how often somebody tried.
#[derive(Clone, Default)]
struct Source {
    works: Arc<AtomicBool>,
    tries: Arc<AtomicUsize>,
}

impl Source {
    fn mend(&self) {
        self.works.store(true, Ordering::SeqCst);
    }

    fn tries(&self) -> usize {
        self.tries.load(Ordering::SeqCst)
    }

    fn states(&self, pool: &PoolHandle) -> Stateful<u32, &'static str> {
        let source = self.clone();
        pool.with_state(move |_| {
            source.tries.fetch_add(1, Ordering::SeqCst);
            if source.works.load(Ordering::SeqCst) { Ok(7) } else { Err("gone") }
        })
    }
}

type Outcome = Result<u32, InitError<&'static str>>;

fn job(states: &Stateful<u32, &'static str>) -> JobHandle<Outcome> {
    states.submit(|state, _| *state).expect("open")
}

fn is_without_state(job: JobHandle<Outcome>) -> bool {
    matches!(job.join_flat(), Err(FallibleError::Returned(error)) if error.error() == Some(&"gone"))
}

fn held(pool: &PoolHandle) -> u32 {
    pool.stats().workers.held
}

#[test]
fn jobs_wait_while_no_worker_has_the_state_and_run_once_it_can_be_built() {
    within(PATIENCE, "waits", || {
        let builder = Pool::builder("waits").workers(2..=2).metrics(MetricsSource::Captured);
        let (pool, source) = (build(builder), Source::default());
        let states = source.states(&pool);
        let jobs: Vec<_> = (0..10).map(|_| job(&states)).collect();
        until(|| held(&pool) == 2);
        let stats = pool.stats();
        assert_eq!((stats.queued, stats.running, stats.errored), (10, 0, 0), "{stats:?}");
        assert_eq!((stats.workers.total, stats.workers.busy, stats.workers.idle), (2, 0, 0));
        assert!(pool.health().troubles.contains(&Trouble::StateFailed), "{:?}", pool.health());
        let figure = "springtide_workers{pool=\"waits\",state=\"held\"} 2\n";
        assert!(pool.render_metrics().contains(figure), "{}", pool.render_metrics());
        source.mend();
        for job in jobs {
            assert_eq!(job.join_flat().expect("there is a state now"), 7);
        }
        until(|| held(&pool) == 0);
        until(|| pool.health().is_healthy());
        let stats = assert_accounts(&pool);
        assert_eq!(
            (stats.ok, stats.recoveries),
            (10, 0),
            "nobody took a held worker for a lost one"
        );
    });
}

/// Attacks H1 and H2: with the other rule the broken worker would take most of them.
#[test]
fn a_worker_that_cannot_build_its_state_leaves_all_jobs_to_those_that_can() {
    within(PATIENCE, "leaves", || {
        let pool = fixed("leaves", 2, 256);
        let blocker = occupy(&pool, 1);
        let broken = pool.running_jobs().first().map(|job| job.worker);
        let states =
            pool.with_state(move |worker| if worker == broken { Err("gone") } else { Ok(worker) });
        blocker.release();
        for _ in 0..5 {
            let jobs: Vec<_> = (0..100)
                .map(|_| states.submit(|worker, cx| (*worker, cx.worker_index())).expect("open"))
                .collect();
            for job in jobs {
                let (built_by, run_by) = job.join_flat().expect("by the other worker");
                assert!(built_by == run_by && run_by != broken);
            }
        }
        let stats = assert_accounts(&pool);
        assert_eq!((stats.errored, stats.ok), (0, 501), "{stats:?}");
    });
}

/// Attacks H2: others look into its deque only when the common queue is empty, if it ever is.
#[test]
fn what_is_in_the_deque_of_a_worker_that_holds_others_run_in_its_turn() {
    within(PATIENCE, "deque", || {
        let pool = fixed("deque", 2, 256);
        let other = occupy(&pool, 1);
        let has_it = pool.running_jobs().first().map(|job| job.worker);
        let states = pool.with_state(move |worker| if worker == has_it { Ok(()) } else { Err(()) });
        let order = Arc::new(Mutex::new(Vec::new()));
        let noted = {
            let order = Arc::clone(&order);
            move |n: u32| {
                let order = Arc::clone(&order);
                move || order.lock().expect("no panics").push(n)
            }
        };
        let (inside, notes) = (pool.handle(), noted.clone());
        let submits = pool.submit(move || {
            // All in this worker's deque, and it takes them next.
            let first = states.submit(|(), _| ()).expect("open");
            let others: Vec<_> = (0..20).map(|n| inside.submit(notes(n)).expect("open")).collect();
            (first, others, states)
        });
        let (first, mut others, states) = submits.expect("open").join().expect("it returns");
        until(|| held(&pool) == 1);
        others.extend((20..60).map(|n| pool.submit(noted(n)).expect("open")));
        assert_eq!(pool.stats().queued, 61);
        other.release();
        first.join_flat().expect("by the worker that has a state");
        others.into_iter().for_each(|job| job.join().expect("it returns"));
        assert!(order.lock().expect("no panics").is_sorted(), "{order:?}");
        assert!(held(&pool) == 1 && pool.health().is_healthy(), "the other works");
        // Until here, or the worker would not have to hold.
        drop(states);
        assert_accounts(&pool);
    });
}

#[test]
fn a_job_that_waits_for_a_state_can_be_cancelled_at_once() {
    within(PATIENCE, "leaving", || {
        let (pool, source) = (fixed("leaving", 1, 64), Source::default());
        let states = source.states(&pool);
        let waits = job(&states);
        until(|| held(&pool) == 1);
        assert!(waits.cancel());
        assert_eq!(pool.stats().queued, 0);
        assert!(waits.join().is_err_and(|error| error.is_cancelled()));
        source.mend();
        assert_eq!(job(&states).join_flat().expect("there is a state now"), 7);
        assert_eq!(assert_accounts(&pool).cancelled, 1);
    });
}

#[test]
fn under_the_other_rule_a_job_fails_at_once_and_the_worker_takes_the_next_one() {
    within(PATIENCE, "fails", || {
        let (pool, source) = (fixed("fails", 1, 64), Source::default());
        let states = source.states(&pool).on_failure(StateFailure::Fail);
        assert!((0..10).map(|_| job(&states)).all(is_without_state));
        assert_eq!(pool.submit(|| 7).expect("open").join().expect("it needs no state"), 7);
        assert_eq!(held(&pool), 0);
        assert!(pool.health().is_healthy(), "{:?}", pool.health());
        let stats = assert_accounts(&pool);
        assert_eq!((stats.errored, stats.ok), (10, 1));
    });
}

#[test]
fn two_rules_for_one_state_share_it() {
    within(PATIENCE, "rules", || {
        let (pool, source) = (fixed("rules", 1, 64), Source::default());
        source.mend();
        let waits = source.states(&pool);
        let fails = waits.clone().on_failure(StateFailure::Fail);
        assert_eq!(job(&waits).join_flat().expect("built"), 7);
        assert_eq!(job(&fails).join_flat().expect("the same"), 7);
        assert_eq!(source.tries(), 1);
    });
}

/// A graceful shutdown waits for no state: the jobs find out for themselves.
#[test]
fn a_shutdown_ends_though_no_worker_can_build_the_state() {
    within(PATIENCE, "ends", || {
        for n in 0..3 {
            let (pool, source) = (fixed(&format!("ends-{n}"), 2, 64), Source::default());
            let states = source.states(&pool);
            let jobs: Vec<_> = (0..10).map(|_| job(&states)).collect();
            if n > 0 {
                until(|| held(&pool) == 2);
            }
            let report = if n == 2 { pool.shutdown_timeout(PATIENCE) } else { pool.shutdown() };
            assert!(report.ended, "{report:?}");
            assert_eq!((report.errored, report.cancelled, report.accepted), (10, 0, 10));
            assert!(jobs.into_iter().all(is_without_state));
        }
    });
}

#[test]
fn a_shutdown_that_does_not_wait_cancels_jobs_that_wait_for_a_state() {
    within(PATIENCE, "now", || {
        let (pool, source) = (fixed("now", 2, 64), Source::default());
        let states = source.states(&pool);
        let jobs: Vec<_> = (0..10).map(|_| job(&states)).collect();
        until(|| held(&pool) == 2);
        let mut report = pool.shutdown_now();
        while !report.ended {
            report = pool.shutdown_now();
        }
        // A worker that comes to try again as the end begins runs what it finds.
        assert_eq!(report.cancelled + report.errored, 10, "{report:?}");
        let cancelled = jobs.into_iter().map(JobHandle::join).filter(|job| job.is_err()).count();
        assert_eq!(cancelled as u64, report.cancelled);
    });
}

#[test]
fn a_pool_whose_workers_all_hold_starts_no_more_of_them() {
    within(PATIENCE, "bounded", || {
        let pool = build(Pool::builder("bounded").workers(1..=8).queue_capacity(256));
        let source = Source::default();
        let states = source.states(&pool);
        let jobs: Vec<_> = (0..100).map(|_| job(&states)).collect();
        let told = || {
            let decisions = pool.stats().decisions;
            decisions.iter().find(|(reason, _)| *reason == "state_failed").map_or(0, |told| told.1)
        };
        until(|| told() > 0 && held(&pool) == pool.stats().workers.total);
        let (before, started) = (told(), pool.stats().threads_started);
        until(|| told() > before + 20);
        let stats = pool.stats();
        assert_eq!((stats.threads_started, stats.queued), (started, 100), "{stats:?}");
        assert!(stats.demand > 0, "the jobs are there: {stats:?}");
        source.mend();
        jobs.into_iter().for_each(|job| _ = job.join_flat().expect("there is a state now"));
        assert_accounts(&pool);
    });
}

/// The law is not followed while none of them can work; what it demands is said all the same.
#[test]
fn what_a_law_demands_stands_while_all_workers_hold() {
    struct Nine;
    impl ScalingPolicy for Nine {
        fn decide(&mut self, _: Duration, _: &Sample) -> Plan {
            let mut plan = Plan::hold(Reason::Custom("nine"));
            plan.demand = 9;
            plan
        }
    }
    within(PATIENCE, "demands", || {
        let builder = Pool::builder("demands").workers(1..=8).policy(Nine);
        let pool = build(builder.metrics(MetricsSource::Captured));
        let source = Source::default();
        let waits = job(&source.states(&pool));
        let last = || pool.last_decision().map(|last| last.reason);
        until(|| held(&pool) == 1 && last() == Some(Reason::StateFailed));
        assert_eq!(pool.stats().demand, 9);
        let page = pool.render_metrics();
        let series = "springtide_demand_workers{pool=\"demands\"} 9";
        assert!(page.lines().any(|line| line == series), "{page}");
        source.mend();
        waits.join_flat().expect("there is a state now");
        assert_accounts(&pool);
    });
}

#[test]
fn where_some_hold_and_others_work_there_are_never_more_than_the_bound() {
    within(PATIENCE, "most", || {
        let pool = build(Pool::builder("most").workers(1..=4).queue_capacity(256));
        // Two have a state to themselves; there are no more.
        let takers = Arc::new(Mutex::new(BTreeSet::new()));
        let states = pool.with_state(move |worker| {
            let mut takers = takers.lock().expect("no panics");
            if takers.len() < 2 || takers.contains(&worker) {
                takers.insert(worker);
                return Ok(());
            }
            Err("all are taken")
        });
        let sleeps = || states.submit(|(), _| std::thread::sleep(Duration::from_millis(2)));
        let jobs: Vec<_> = (0..200).map(|_| sleeps().expect("open")).collect();
        let watched = |job: JobHandle<_>| {
            assert!(pool.stats().workers.total <= 4);
            assert!(threads_named("most-").is_none_or(|threads| threads <= 4));
            job.join_flat().is_ok()
        };
        assert!(jobs.into_iter().all(watched));
        let stats = assert_accounts(&pool);
        assert_eq!((stats.ok, stats.errored), (200, 0));
        assert!(stats.threads_started <= 8, "{stats:?}");
    });
}

/// Attacks H3.
#[test]
fn workers_that_hold_retire_as_idle_ones_do_and_the_others_stay() {
    within(PATIENCE, "retires", || {
        let builder = Pool::builder("retires").workers(0..=2).keep_alive(Duration::from_millis(20));
        let (pool, source) = (build(builder.queue_capacity(64)), Source::default());
        for n in 1..=20 {
            let states = source.states(&pool);
            let waits = job(&states);
            until(|| held(&pool) > 0);
            assert!(waits.cancel());
            until(|| pool.stats().workers.total == 0);
            let stats = assert_accounts(&pool);
            assert_eq!((stats.cancelled, stats.workers.held), (n, 0));
            until(|| pool.stats().threads_retired == pool.stats().threads_started);
            assert!(pool.health().is_healthy(), "who has left lacks nothing");
        }
    });
}

#[test]
fn workers_that_hold_leave_where_the_bound_is_lowered() {
    within(PATIENCE, "lowered", || {
        let (pool, source) = (build(Pool::builder("lowered").workers(4..=4)), Source::default());
        let states = source.states(&pool);
        let jobs: Vec<_> = (0..10).map(|_| job(&states)).collect();
        until(|| held(&pool) == 4);
        pool.resize(1..=1).expect("bounds that can be used");
        until(|| pool.stats().workers.total == 1);
        source.mend();
        jobs.into_iter().for_each(|job| _ = job.join_flat().expect("there is a state now"));
        assert_accounts(&pool);
    });
}

#[test]
fn a_worker_holds_no_longer_than_anybody_wants_the_state() {
    within(PATIENCE, "unwanted", || {
        let (pool, source) = (fixed("unwanted", 1, 64), Source::default());
        let states = source.states(&pool);
        let waits = job(&states);
        until(|| held(&pool) == 1);
        assert!(waits.cancel());
        drop((states, waits));
        assert_eq!(pool.submit(|| 7).expect("open").join().expect("it needs no state"), 7);
        until(|| pool.health().is_healthy());
    });
}

#[test]
fn a_paused_pool_with_workers_that_hold_goes_on_when_it_is_resumed() {
    within(PATIENCE, "paused", || {
        let (pool, source) = (fixed("paused", 2, 64), Source::default());
        let states = source.states(&pool);
        let jobs: Vec<_> = (0..4).map(|_| job(&states)).collect();
        until(|| held(&pool) == 2);
        pool.pause();
        source.mend();
        until(|| held(&pool) == 0);
        std::thread::sleep(A_WHILE);
        assert_eq!(pool.stats().queued, 4, "nothing starts in a paused pool");
        pool.resume();
        jobs.into_iter().for_each(|job| _ = job.join_flat().expect("there is a state now"));
    });
}

/// The worker, how often it has tried, after how many milliseconds it will again, and the error.
type Failed = (Option<usize>, u32, u128, String);

/// Writes down what it is told of states.
#[derive(Default)]
struct Told(Mutex<Vec<Failed>>);

impl Observer for Told {
    fn state_failed(&self, failed: &StateFailed<'_>) {
        let what = match failed.failure {
            Failure::Returned(error) => error.downcast_ref::<&str>().expect("its type").to_string(),
            Failure::Panicked(report) => report.message().to_owned(),
            _ => unreachable!("no other failure"),
        };
        let StateFailed { worker, attempts, retry_in, .. } = *failed;
        let mut told = self.0.lock().expect("no panics");
        told.push((worker, attempts, retry_in.as_millis(), what));
    }
}

#[test]
fn the_observer_is_told_of_each_failure_be_it_an_error_or_a_panic() {
    within(PATIENCE, "told", || {
        let told = Arc::new(Told::default());
        let pool = build(Pool::builder("told").workers(1..=1).observer(Arc::clone(&told)));
        let tries = AtomicUsize::new(0);
        let states = pool.with_state(move |_| match tries.fetch_add(1, Ordering::SeqCst) {
            0 => Err("gone"),
            1 => panic!("gone as well"),
            _ => Ok(7),
        });
        assert_eq!(job(&states).join_flat().expect("the third time"), 7);
        let expected =
            [(Some(0), 1, 10, "gone".to_owned()), (Some(0), 2, 20, "gone as well".to_owned())];
        assert_eq!(*told.0.lock().expect("no panics"), expected);
        assert_eq!(assert_accounts(&pool).panicked, 0);
    });
}

#[test]
fn a_job_joined_inside_another_is_not_put_back_and_says_what_it_lacks() {
    within(PATIENCE, "joined", || {
        let (pool, source) = (fixed("joined", 1, 64), Source::default());
        let states = source.states(&pool);
        let outer = pool.submit(move || is_without_state(job(&states)));
        assert!(outer.expect("open").join().expect("it returns"));
        assert_accounts(&pool);
    });
}

#[test]
fn submitters_and_retiring_workers_and_failing_states_in_a_storm_lose_no_job() {
    within(PATIENCE, "storm", || {
        let builder = Pool::builder("storm").workers(0..=3).keep_alive(Duration::ZERO);
        let pool = build(builder.queue_capacity(32));
        let tries = AtomicUsize::new(0);
        let states = pool.with_state(move |_| {
            if tries.fetch_add(1, Ordering::SeqCst).is_multiple_of(3) { Ok(7) } else { Err("gone") }
        });
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for n in 0..60 {
                        if n % 2 == 0 {
                            assert_eq!(job(&states).join_flat().expect("in the end"), 7);
                        } else {
                            pool.submit(|| ()).expect("open").join().expect("in the end");
                        }
                    }
                });
            }
        });
        let stats = assert_accounts(&pool);
        assert_eq!((stats.ok, stats.errored), (180, 0));
        assert!(pool.shutdown().ended);
    });
}
