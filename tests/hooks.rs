//! What the hooks of an observer may do: panic, take long, keep a context, use the pool.

mod common;

use std::cell::Cell;
use std::panic;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use common::{Bomb, Latch, PATIENCE, assert_submitted, build, until, within};
use springtide::testing::ManualClock;
use springtide::{
    JobAccepted, JobEnded, JobRefused, JobStarting, Observer, Overflow, Pool, PoolEnded,
    PoolEnding, PoolHandle, WaitIdleError, WorkerStarted, WorkerStopped,
};

/// Panics in every hook, in as many ways as there are.
struct Grenade;

impl Observer for Grenade {
    fn job_accepted(&self, _: &JobAccepted<'_>) {
        panic::panic_any(Bomb(1));
    }

    fn pool_ending(&self, _: &PoolEnding<'_>) {
        panic!("ending");
    }

    fn job_refused(&self, _: &JobRefused<'_>) {
        panic!("refused");
    }

    fn job_starting(&self, _: &JobStarting<'_>) {
        panic::panic_any(Bomb(1));
    }

    fn job_ended(&self, _: &JobEnded<'_>) {
        panic::panic_any(Bomb(0));
    }

    fn worker_started(&self, _: &WorkerStarted<'_>) {
        panic!("started");
    }

    fn worker_stopped(&self, _: &WorkerStopped<'_>) {
        panic!("stopped");
    }

    fn pool_ended(&self, _: &PoolEnded<'_>) {
        panic!("ended");
    }
}

#[test]
fn a_hook_that_panics_disturbs_no_job_no_worker_and_no_count() {
    within(PATIENCE, "grenade", || {
        let builder = Pool::builder("grenade").workers(2..=2).queue_capacity(1);
        let pool = build(builder.overflow(Overflow::Reject).observer(Grenade));
        for n in 0..20 {
            assert_eq!(pool.submit(move || n).expect("room").join().expect("it returns"), n);
            let panics = pool.submit(|| panic!("its own")).expect("room").join();
            assert_eq!(panics.expect_err("it panicked").panic_message(), Some("its own"));
        }
        let held = occupy_both(&pool);
        let unwanted = pool.submit(|| {}).expect("one place");
        assert!(pool.execute(|| {}).is_err_and(|refused| refused.is_full()));
        assert!(unwanted.cancel());
        held.open();
        let stats = assert_submitted(&pool, 44);
        assert_eq!((stats.ok, stats.panicked, stats.cancelled, stats.refused), (22, 20, 1, 1));
        assert_eq!((stats.workers.total, stats.threads_started), (2, 2));
        assert!(pool.shutdown().ended);
    });
}

/// Holds both workers of a pool with one place in its queue.
fn occupy_both(pool: &PoolHandle) -> Latch {
    let latch = Latch::new();
    for held in 1..=2 {
        let gate = latch.clone();
        pool.execute(move || gate.wait()).expect("room");
        until(|| pool.stats().running == held);
    }
    latch
}

/// Moves the clock in its hooks.
struct Slow(ManualClock, Mutex<Vec<(Duration, Option<Duration>)>>);

impl Observer for Slow {
    fn job_starting(&self, _: &JobStarting<'_>) {
        self.0.advance(Duration::from_secs(5));
    }

    fn job_ended(&self, job: &JobEnded<'_>) {
        self.1.lock().expect("no panics").push((job.wait, job.run));
        self.0.advance(Duration::from_secs(7));
    }
}

#[test]
fn what_a_hook_takes_is_no_part_of_the_time_that_a_job_runs() {
    within(PATIENCE, "slow", || {
        let clock = ManualClock::new();
        let slow = Arc::new(Slow(clock.clone(), Mutex::default()));
        let builder = Pool::builder("slow").workers(1..=1).observer(Arc::clone(&slow));
        let pool = build(builder.clock(clock.clock()));
        let runs = clock.clone();
        for _ in 0..2 {
            let clock = runs.clone();
            let job = pool.job("timed").timeout(Duration::from_secs(4));
            let job = job.submit(move |_| clock.advance(Duration::from_secs(3)));
            job.expect("open").join().expect("within its timeout");
        }
        let told = slow.1.lock().expect("no panics").clone();
        assert_eq!(told, [(Duration::from_secs(5), Some(Duration::from_secs(3))); 2]);
        let stats = assert_submitted(&pool, 2);
        assert_eq!((stats.run.max, stats.busy_time.as_secs()), (Duration::from_secs(3), 6));
    });
}

thread_local! {
    static CONTEXT: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Gives each job a context on its thread and takes it back when the job is over.
#[derive(Default)]
struct Context(Mutex<Vec<Option<u64>>>);

impl Observer for Context {
    fn job_starting(&self, job: &JobStarting<'_>) {
        assert_eq!(CONTEXT.get(), None, "that of another job");
        CONTEXT.set((job.kind == "with").then_some(7));
    }

    fn job_ended(&self, _: &JobEnded<'_>) {
        self.0.lock().expect("no panics").push(CONTEXT.take());
    }
}

#[test]
fn a_context_is_seen_by_its_job_and_by_the_failure_hook_and_not_by_the_next_job() {
    within(PATIENCE, "context", || {
        let context = Arc::new(Context::default());
        let pool = build(Pool::builder("context").workers(1..=1).observer(Arc::clone(&context)));
        for n in 0..10 {
            let seen = pool.job("with").submit(move |_| {
                assert_ne!(n % 2, 1, "odd ones fail");
                CONTEXT.get()
            });
            let seen = seen.expect("open").join();
            assert!(seen.is_err() || seen.is_ok_and(|seen| seen == Some(7)));
            let next = pool.job("without").submit(|_| CONTEXT.get()).expect("open");
            assert_eq!(next.join().expect("it returns"), None);
        }
        let expected = [Some(7), None].repeat(10);
        assert_eq!(*context.0.lock().expect("no panics"), expected);
    });
}

/// Uses the pool from within.
#[derive(Default)]
struct Busybody {
    pool: OnceLock<PoolHandle>,
    answers: Mutex<Vec<WaitIdleError>>,
}

impl Busybody {
    fn asks(&self) {
        if let Some(pool) = self.pool.get() {
            pool.stats();
            pool.running_jobs();
            pool.decisions();
            let _ = pool.reconfigure(|settings| settings.max_workers = 2);
            let idle = pool.wait_idle();
            self.answers.lock().expect("no panics").extend(idle.err());
        }
    }
}

impl Observer for Busybody {
    fn job_starting(&self, job: &JobStarting<'_>) {
        self.asks();
        if let Some(pool) = self.pool.get().filter(|_| job.kind == "first") {
            pool.job("second").submit(|_| {}).expect("open").detach();
        }
    }

    fn job_ended(&self, _: &JobEnded<'_>) {
        self.asks();
    }

    fn worker_stopped(&self, _: &WorkerStopped<'_>) {
        self.asks();
    }

    fn pool_ended(&self, _: &PoolEnded<'_>) {
        self.asks();
    }
}

#[test]
fn hooks_run_outside_every_lock_and_may_use_the_pool() {
    within(PATIENCE, "busybody", || {
        let busybody = Arc::new(Busybody::default());
        let builder = Pool::builder("busybody").workers(1..=2).observer(Arc::clone(&busybody));
        let pool = build(builder);
        assert!(busybody.pool.set(pool.handle()).is_ok());
        for _ in 0..10 {
            pool.job("first").submit(|_| {}).expect("open").join().expect("it returns");
        }
        assert_submitted(&pool, 20);
        assert!(pool.shutdown().ended);
        let answers = busybody.answers.lock().expect("no panics");
        assert!(answers.len() >= 40, "{}", answers.len());
        assert!(answers.iter().all(|answer| *answer == WaitIdleError::InsideWorker));
    });
}
