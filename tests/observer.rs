//! What an observer is told: of each thing once, on the thread where it happens.

mod common;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use common::{FakeSpawner, PATIENCE, assert_submitted, build, clocked, occupy, until, within};
use springtide::{
    Builder, Failure, JobEnded, JobRefused, JobStarting, Observer, Outcome, Overflow, Pool,
    PoolEnded, Refusal, Retry, StopCause, WorkerStarted, WorkerStopped,
};

/// One call of a hook.
#[derive(Clone, Debug, PartialEq)]
enum Told {
    Refused(Refusal, u64),
    Starting { kind: &'static str, tracked: bool, worker: Option<usize>, thread: String },
    Ended { kind: &'static str, worker: Option<usize>, outcome: Outcome, thread: String },
    Failed(String),
    WorkerStarted(usize),
    WorkerStopped(usize, StopCause),
    PoolEnded,
}

fn thread_name() -> String {
    thread::current().name().unwrap_or("").to_owned()
}

/// Writes down every call.
#[derive(Debug, Default)]
struct Witness(Mutex<Vec<Told>>);

impl Witness {
    fn hears(&self, told: Told) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(told);
    }

    fn heard(&self) -> Vec<Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, of: impl Fn(&Told) -> bool) -> usize {
        self.heard().iter().filter(|told| of(told)).count()
    }

    fn ended_as(&self, outcome: Outcome) -> usize {
        self.count(|told| matches!(told, Told::Ended { outcome: o, .. } if *o == outcome))
    }
}

impl Observer for Witness {
    fn job_refused(&self, refused: &JobRefused<'_>) {
        self.hears(Told::Refused(refused.reason, refused.jobs));
    }

    fn job_starting(&self, job: &JobStarting<'_>) {
        let (kind, worker, thread) = (job.kind, job.worker, thread_name());
        self.hears(Told::Starting { kind, tracked: job.id.is_some(), worker, thread });
    }

    fn job_ended(&self, job: &JobEnded<'_>) {
        let (kind, worker, thread) = (job.kind, job.worker, thread_name());
        match job.failure {
            Some(Failure::Panicked(report)) => {
                let place = report.location().expect("our hook is in place");
                let place = place.rsplit_once(':').expect("line and column").0;
                self.hears(Told::Failed(format!("{} at {place}", report.message())));
            }
            Some(Failure::Returned(error)) => {
                let error = error.downcast_ref::<io::Error>().expect("the tests have no other");
                self.hears(Told::Failed(error.to_string()));
            }
            _ => {}
        }
        assert_eq!(job.run.is_some(), ran(job.outcome), "{job:?}");
        self.hears(Told::Ended { kind, worker, outcome: job.outcome, thread });
    }

    fn worker_started(&self, worker: &WorkerStarted<'_>) {
        self.hears(Told::WorkerStarted(worker.worker));
    }

    fn worker_stopped(&self, worker: &WorkerStopped<'_>) {
        self.hears(Told::WorkerStopped(worker.worker, worker.cause));
    }

    fn pool_ended(&self, _pool: &PoolEnded<'_>) {
        self.hears(Told::PoolEnded);
    }
}

fn ran(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Ok | Outcome::Error | Outcome::Panicked | Outcome::TimedOut)
}

fn witnessed(builder: Builder) -> (Pool, Arc<Witness>) {
    let witness = Arc::new(Witness::default());
    (build(builder.observer(Arc::clone(&witness))), witness)
}

/// A pool of one worker.
fn one(name: &str) -> (Pool, Arc<Witness>) {
    witnessed(Pool::builder(name).workers(1..=1).queue_capacity(64))
}

#[test]
fn before_and_after_run_once_for_each_executed_job_on_its_worker_also_if_it_panics() {
    within(PATIENCE, "once", || {
        let (pool, witness) = one("once");
        pool.execute(|| {}).expect("open");
        pool.job("parse").submit(|_| 1).expect("open").join().expect("it returns");
        pool.execute(|| panic!("in vain")).expect("open");
        let panicked = pool.job("parse").submit(|_| -> u8 { panic!("in vain") }).expect("open");
        assert!(panicked.join().is_err());
        assert_submitted(&pool, 4);
        let line = |kind, tracked, outcome| {
            let (worker, thread) = (Some(0), "once-0".to_owned());
            let ended = Told::Ended { kind, worker, outcome, thread: thread.clone() };
            vec![Told::Starting { kind, tracked, worker, thread }, ended]
        };
        let heard: Vec<Told> = witness.heard().into_iter().skip(1).collect();
        let heard: Vec<Told> =
            heard.into_iter().filter(|told| !matches!(told, Told::Failed(_))).collect();
        let expected = [
            line("job", false, Outcome::Ok),
            line("parse", true, Outcome::Ok),
            line("job", false, Outcome::Panicked),
            line("parse", true, Outcome::Panicked),
        ];
        assert_eq!(heard, expected.concat());
    });
}

#[test]
fn a_failure_nobody_waits_for_is_told_before_the_next_job_starts() {
    within(PATIENCE, "failures", || {
        let (pool, witness) = one("failures");
        for n in 1..=50 {
            let line = line!() + 1;
            pool.execute(|| panic!("nobody hears this")).expect("open");
            let error = || Err::<(), _>(io::Error::other("nor this"));
            pool.submit_fallible(error).expect("open").detach();
            let (inner, witness) = (pool.handle(), Arc::clone(&witness));
            let looks = move || {
                let stats = inner.stats();
                let failed = witness.count(|told| matches!(told, Told::Failed(_)));
                (failed, stats.panicked + stats.errored, witness.heard())
            };
            let (told, counted, heard) =
                pool.submit(looks).expect("open").join().expect("it returns");
            assert_eq!((told, counted), (2 * n, 2 * n as u64));
            let panicked = format!("nobody hears this at {}:{line}", file!());
            assert!(heard.contains(&Told::Failed(panicked)), "{heard:?}");
            assert!(heard.contains(&Told::Failed("nor this".to_owned())), "{heard:?}");
        }
    });
}

#[test]
fn a_handle_yields_after_the_hooks_of_its_job() {
    within(PATIENCE, "order", || {
        let (pool, witness) = one("order");
        for n in 1..=200 {
            pool.submit(|| {}).expect("open").join().expect("it returns");
            assert_eq!(witness.ended_as(Outcome::Ok), n);
        }
    });
}

#[test]
fn the_end_is_told_once_after_the_last_worker_and_before_the_shutdown_returns() {
    within(PATIENCE, "end", || {
        for n in 0..20 {
            let (pool, witness) = witnessed(Pool::builder("end").workers(3..=3));
            pool.execute(|| {}).expect("open");
            let report = if n % 2 == 0 { pool.shutdown() } else { pool.shutdown_now() };
            assert!(report.ended || pool.shutdown().ended);
            let heard = witness.heard();
            assert_eq!(heard.last(), Some(&Told::PoolEnded), "{heard:?}");
            assert_eq!(witness.count(|told| *told == Told::PoolEnded), 1);
            let stopped = |told: &Told| matches!(told, Told::WorkerStopped(_, StopCause::Shutdown));
            assert_eq!(witness.count(stopped), 3, "{heard:?}");
            drop(pool);
            assert_eq!(witness.count(|told| *told == Told::PoolEnded), 1);
        }
    });
}

#[test]
fn each_worker_that_starts_is_told_of_and_stops_once_under_any_resizing() {
    within(PATIENCE, "balance", || {
        let (pool, witness) = witnessed(Pool::builder("balance").workers(0..=4));
        for n in 0..60 {
            pool.resize(0..=1 + n * 7 % 5).expect("bounds that can be used");
            let jobs: Vec<_> = (0..8).map(|n| pool.submit(move || n).expect("open")).collect();
            jobs.into_iter().for_each(|job| _ = job.join().expect("it returns"));
            pool.resize(0..=1).expect("bounds that can be used");
        }
        assert!(pool.shutdown().ended);
        let mut here = [false; 8];
        for told in witness.heard() {
            match told {
                Told::WorkerStarted(worker) => {
                    assert!(!here[worker], "started twice");
                    here[worker] = true;
                }
                Told::WorkerStopped(worker, _) => {
                    assert!(here[worker], "stopped before it started");
                    here[worker] = false;
                }
                Told::Starting { worker, .. } => assert!(worker.is_none_or(|w| here[w])),
                _ => {}
            }
        }
        assert_eq!(here, [false; 8]);
        let started = witness.count(|told| matches!(told, Told::WorkerStarted(_)));
        assert_eq!(started as u64, pool.stats().threads_started);
    });
}

// A thread that the system refuses is no worker
#[test]
fn a_worker_whose_thread_is_refused_is_not_told_of() {
    within(PATIENCE, "refusedthread", || {
        let builder = Pool::builder("refusedthread").workers(2..=2);
        let (pool, witness) = witnessed(builder.spawner(FakeSpawner::refusing(|n| n == 2)));
        until(|| pool.stats().workers.total == 2);
        assert!(pool.shutdown().ended);
        assert_eq!(witness.count(|told| matches!(told, Told::WorkerStarted(_))), 2);
        assert_eq!(witness.count(|told| matches!(told, Told::WorkerStopped(..))), 2);
    });
}

#[test]
fn jobs_that_never_run_and_submissions_refused_are_told_with_their_reason() {
    within(PATIENCE, "unrun", || {
        let builder = Pool::builder("unrun").workers(1..=1).queue_capacity(4);
        let (pool, witness) = witnessed(builder.overflow(Overflow::Reject));
        let held = occupy(&pool, 1);
        let cancelled = pool.job("mind").submit(|_| {}).expect("room");
        assert!(cancelled.cancel());
        assert_eq!(witness.ended_as(Outcome::Cancelled), 1, "by the time that cancel returns");
        pool.job("late").expires_in(Duration::ZERO).submit(|_| {}).expect("room").detach();
        pool.execute(|| {}).expect("room");
        let batch = pool.submit_batch((0..5).map(|n| move || n));
        assert_eq!(batch.refused.len(), 3);
        let refused = witness.count(|told| *told == Told::Refused(Refusal::QueueFull, 1));
        let rest = witness.count(|told| *told == Told::Refused(Refusal::QueueFull, 2));
        assert_eq!((refused, rest), (1, 1), "{:?}", witness.heard());
        pool.shutdown_now();
        assert_eq!(witness.ended_as(Outcome::Returned), 1);
        assert!(pool.execute(|| {}).is_err());
        assert_eq!(witness.count(|told| *told == Told::Refused(Refusal::Shutdown, 1)), 1);
        held.release();
        assert!(pool.shutdown().ended);
        assert!(witness.heard().iter().all(|told| match told {
            Told::Ended { worker, outcome, .. } => worker.is_some() == ran(*outcome),
            _ => true,
        }));
    });
}

#[test]
fn a_job_that_expired_is_told_of_as_that() {
    within(PATIENCE, "expired", || {
        let (pool, witness) = one("expired");
        let held = occupy(&pool, 1);
        let late = pool.job("late").expires_in(Duration::ZERO).submit(|_| {}).expect("room");
        held.release();
        assert!(late.join().is_err_and(|error| error.is_expired()));
        assert_eq!(witness.ended_as(Outcome::Expired), 1);
        let starts = witness.count(|told| matches!(told, Told::Starting { kind: "late", .. }));
        assert_eq!(starts, 0);
    });
}

#[test]
fn a_job_that_its_submitter_runs_is_told_of_on_that_thread() {
    within(PATIENCE, "here", || {
        let builder = Pool::builder("here").workers(1..=1).queue_capacity(1);
        let (pool, witness) = witnessed(builder.overflow(Overflow::CallerRuns));
        let held = occupy(&pool, 1);
        pool.execute(|| {}).expect("one place");
        pool.job("mine").submit(|_| {}).expect("run here").detach();
        let thread = thread_name();
        let ended = Told::Ended { kind: "mine", worker: None, outcome: Outcome::Ok, thread };
        assert_eq!(witness.count(|told| *told == ended), 1);
        held.release();
    });
}

/// Which attempts started, and which failed.
#[derive(Default)]
struct Attempts(Mutex<Vec<(u32, Option<Outcome>)>>);

impl Observer for Attempts {
    fn job_starting(&self, job: &JobStarting<'_>) {
        self.0.lock().expect("no panics").push((job.attempt, None));
    }

    fn job_ended(&self, job: &JobEnded<'_>) {
        self.0.lock().expect("no panics").push((job.attempt, Some(job.outcome)));
    }
}

#[test]
fn each_attempt_at_a_job_is_told_with_its_number() {
    within(PATIENCE, "attempts", || {
        let attempts = Arc::new(Attempts::default());
        let pool = build(Pool::builder("attempts").workers(1..=1).observer(Arc::clone(&attempts)));
        let retry = Retry::exponential(Duration::from_millis(1)).max_attempts(3);
        let job = pool.job("retried").retry(retry).submit(|cx| match cx.attempt() {
            3 => Ok(()),
            n => Err(n),
        });
        job.expect("open").join().expect("the third time");
        pool.wait_idle().expect("not inside");
        let told = attempts.0.lock().expect("no panics").clone();
        let failed = |n| [(n, None), (n, Some(Outcome::Error))];
        let expected = [failed(1), failed(2), [(3, None), (3, Some(Outcome::Ok))]];
        assert_eq!(told, expected.concat());
    });
}

/// Looks at the lane of its pool whenever it is told of a refusal.
#[derive(Default)]
struct Looks(Mutex<(Option<springtide::Lane>, Vec<Refusal>)>);

impl Observer for Looks {
    fn job_refused(&self, refused: &JobRefused<'_>) {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = looks.0.as_ref().map(|lane| lane.stats().refused_by);
        let count = seen.into_iter().flatten().find(|(why, _)| *why == refused.reason);
        assert_eq!(refused.jobs, 1);
        if count.is_some_and(|(_, count)| count == 1) {
            looks.1.push(refused.reason);
        }
    }
}

#[test]
fn a_refusal_by_a_lane_is_told_outside_its_lock_and_counted_by_the_lane_alone() {
    within(PATIENCE, "lane-refusals", || {
        let looks = Arc::new(Looks::default());
        let pool = build(Pool::builder("lane-refusals").workers(1..=1).observer(looks.clone()));
        let lane = pool.lane("full").max_running(0).queue_capacity(1).build().expect("valid");
        looks.0.lock().expect("nobody panics here").0 = Some(lane.clone());
        let waits = lane.submit(|| ()).expect("room");
        assert!(lane.try_submit(|| ()).unwrap_err().is_full());
        assert!(lane.submit_timeout(|| (), Duration::ZERO).unwrap_err().is_timed_out());
        lane.close();
        assert!(lane.submit(|| ()).unwrap_err().is_closed());
        waits.join().expect("it ran");
        let heard = std::mem::take(&mut *looks.0.lock().expect("nobody panics here"));
        assert_eq!(heard.1, [Refusal::QueueFull, Refusal::Deadline, Refusal::Shutdown]);
        assert_eq!(pool.stats().refused, 0, "the lane's affair");
    });
}

/// Writes down how long each job waited.
#[derive(Default)]
struct Waits(Mutex<Vec<(&'static str, Duration)>>);

impl Observer for Waits {
    fn job_ended(&self, job: &JobEnded<'_>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((job.kind, job.wait));
    }
}

#[test]
fn the_wait_that_is_told_of_a_job_of_a_lane_begins_when_it_leaves_the_lane() {
    within(PATIENCE, "lane-waits", || {
        let waits = Arc::new(Waits::default());
        let builder = Pool::builder("lane-waits").workers(1..=1).observer(waits.clone());
        let (pool, clock) = clocked(builder);
        let lane = pool.lane("lane").max_running(0).build().expect("valid");
        let job = |kind: &'static str| lane.job(kind).submit(|_| ()).expect("room");
        let (queued, ran, inside) = (job("queued"), job("ran"), job("inside"));
        clock.advance(Duration::from_secs(5));
        assert!(inside.cancel());
        let busy = occupy(&pool, 1);
        lane.reconfigure(|l| l.max_running = None).expect("valid");
        assert_eq!((lane.stats().queued, lane.stats().waiting), (1, 1));
        clock.advance(Duration::from_secs(2));
        assert!(queued.cancel(), "its place in the queue is the next one's");
        clock.advance(Duration::from_secs(3));
        busy.release();
        ran.join().expect("it ran");
        let waits = waits.0.lock().expect("nobody panics here").clone();
        let of = |kind| waits.iter().find(|(of, _)| *of == kind).map(|(_, wait)| wait.as_secs());
        assert_eq!((of("inside"), of("queued"), of("ran")), (Some(0), Some(2), Some(3)));
        assert_eq!(lane.stats().wait.max, Duration::from_secs(10), "all of it, in the lane");
    });
}
