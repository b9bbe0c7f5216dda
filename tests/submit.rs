//! Getting in: what is accepted runs once, what is refused comes back, and nobody waits for long.

mod common;

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use common::{
    DropFlag, FOREVER, Latch, PATIENCE, assert_accounts, assert_submitted, build, fixed,
    fixed_with, occupy, until, within,
};
use springtide::testing::RefusingSpawner;
use springtide::{BuildError, Overflow, Pool, PoolHandle, Refusal, TrySubmitError};

#[test]
fn a_fresh_pool_has_counted_nothing_and_has_its_lower_bound_of_workers() {
    within(PATIENCE, "fresh", || {
        for min in [0, 1, 3] {
            let pool = build(Pool::builder("fresh").workers(min..=4));
            let stats = pool.stats();
            assert_eq!((stats.accepted, stats.refused, stats.queued, stats.running), (0, 0, 0, 0));
            assert_eq!(stats.workers.total as usize, min);
            assert_submitted(&pool, 0);
        }
    });
}

#[test]
fn every_accepted_job_runs_exactly_once() {
    const JOBS: usize = 20_000;
    const SUBMITTERS: usize = 4;
    within(PATIENCE, "once", || {
        let pool = build(Pool::builder("once").workers(1..=4).queue_capacity(64));
        let runs: Arc<Vec<AtomicU32>> = Arc::new((0..JOBS).map(|_| AtomicU32::new(0)).collect());
        thread::scope(|scope| {
            for submitter in 0..SUBMITTERS {
                let (pool, runs) = (&pool, &runs);
                scope.spawn(move || {
                    for id in (submitter..JOBS).step_by(SUBMITTERS) {
                        let runs = Arc::clone(runs);
                        let job = move || {
                            runs[id].fetch_add(1, Ordering::SeqCst);
                        };
                        match id % 3 {
                            0 => pool.execute(job).expect("open"),
                            1 => pool.submit(job).expect("open").detach(),
                            _ => pool.submit(job).expect("open").join().expect("it returns"),
                        }
                    }
                });
            }
        });
        let stats = assert_submitted(&pool, JOBS as u64);
        assert_eq!((stats.ok, stats.refused), (JOBS as u64, 0));
        let odd: Vec<usize> =
            (0..JOBS).filter(|id| runs[*id].load(Ordering::SeqCst) != 1).collect();
        assert!(odd.is_empty(), "not run exactly once: {odd:?}");
    });
}

#[test]
fn a_full_pool_gives_the_job_back_at_once_and_takes_it_when_one_has_left() {
    within(PATIENCE, "full", || {
        let pool = fixed("full", 1, 1);
        let held = occupy(&pool, 1);
        pool.execute(|| {}).expect("one place");
        let (flag, on_drop) = DropFlag::new();
        let job = move || drop(on_drop);
        let Err(TrySubmitError::Full(job)) = pool.try_execute(job) else {
            panic!("there is no room");
        };
        assert!(!flag.is_dropped(), "a refused job comes back whole");
        let refused = pool.job("full").try_submit(|_| 1).expect_err("still full");
        assert!(refused.is_full() && !refused.is_closed());
        assert_eq!(refused.to_string(), "job refused: the queue is full");
        held.release();
        until(|| pool.stats().queued == 0);
        pool.try_execute(job).expect("there is room again");
        let stats = assert_submitted(&pool, 5);
        assert!(flag.is_dropped());
        assert_eq!((stats.ok, stats.refused), (3, 2));
        assert_eq!(stats.refused_by[Refusal::QueueFull as usize], (Refusal::QueueFull, 2));
    });
}

#[test]
fn a_job_refused_again_and_again_runs_once_when_it_is_taken() {
    const JOBS: u64 = 1_000;
    within(PATIENCE, "stubborn", || {
        let pool = fixed_with("stubborn", 2, 1, Overflow::Reject);
        let ran = Arc::new(AtomicUsize::new(0));
        let mut refusals = 0;
        for _ in 0..JOBS {
            let ran = Arc::clone(&ran);
            let mut job = move || {
                ran.fetch_add(1, Ordering::SeqCst);
            };
            while let Err(refused) = pool.execute(job) {
                assert_eq!(refused.refusal(), Refusal::QueueFull);
                refusals += 1;
                job = refused.into_job();
                thread::yield_now();
            }
        }
        let stats = assert_submitted(&pool, JOBS + refusals);
        assert_eq!((stats.ok, stats.refused), (JOBS, refusals));
        assert_eq!(ran.load(Ordering::SeqCst) as u64, JOBS);
    });
}

/// Starts a thread that submits; returns once it waits for room.
fn blocked_submitter(pool: &PoolHandle, waiting: u64) -> thread::JoinHandle<Result<(), Refusal>> {
    let submitter = {
        let pool = pool.clone();
        thread::spawn(move || pool.execute(|| {}).map_err(|error| error.refusal()))
    };
    until(|| pool.stats().submitters_blocked == waiting);
    submitter
}

#[test]
fn a_blocked_submitter_gets_in_when_one_place_is_free_and_not_before() {
    within(PATIENCE, "block", || {
        let pool = fixed("block", 1, 1);
        let held = occupy(&pool, 1);
        let queued = pool.submit(|| {}).expect("one place");
        let submitter = blocked_submitter(&pool, 1);
        assert!(!submitter.is_finished(), "nothing has left the queue");
        assert!(queued.cancel(), "which frees its place though no worker is free");
        assert_eq!(submitter.join().expect("it returns"), Ok(()));
        assert_eq!(pool.stats().queued, 1);
        held.release();
        let stats = assert_submitted(&pool, 3);
        assert_eq!((stats.ok, stats.cancelled), (2, 1));
    });
}

#[test]
fn a_place_freed_by_a_job_that_panics_is_a_place_like_any_other() {
    within(PATIENCE, "four", || {
        let pool = fixed("four", 1, 1);
        let latch = Latch::new();
        let gate = latch.clone();
        let bad = pool.submit(move || {
            gate.wait();
            panic!("frees the worker all the same");
        });
        until(|| pool.stats().queued == 0);
        pool.execute(|| panic!("and the place")).expect("one place");
        let submitters: Vec<_> = (1..=4).map(|nth| blocked_submitter(&pool, nth)).collect();
        latch.open();
        for submitter in submitters {
            assert_eq!(submitter.join().expect("it returns"), Ok(()));
        }
        assert!(bad.expect("accepted").join().is_err_and(|error| error.is_panicked()));
        let stats = assert_submitted(&pool, 6);
        assert_eq!((stats.ok, stats.panicked), (4, 2));
    });
}

#[test]
fn a_submitter_whose_time_is_up_gets_its_job_back_and_takes_nobodys_turn() {
    within(PATIENCE, "deadline", || {
        let pool = fixed("deadline", 1, 1);
        let held = occupy(&pool, 1);
        let queued = pool.submit(|| {}).expect("one place");
        let patient = blocked_submitter(&pool, 1);
        for timeout in [Duration::ZERO, Duration::from_nanos(1), Duration::from_millis(20)] {
            let refused = pool.submit_timeout(|| 7, timeout).expect_err("full all the time");
            assert!(refused.is_timed_out() && !refused.is_full());
            assert_eq!(refused.into_job()(), 7);
        }
        assert_eq!(pool.stats().submitters_blocked, 1);
        assert!(queued.cancel());
        assert_eq!(patient.join().expect("it returns"), Ok(()), "its turn was not lost");
        held.release();
        let stats = assert_submitted(&pool, 6);
        assert_eq!(stats.refused_by[Refusal::Deadline as usize], (Refusal::Deadline, 3));
    });
}

// The time is up just as a place is freed
#[test]
fn a_place_freed_as_a_submitter_gives_up_is_not_lost() {
    within(PATIENCE, "giveup", || {
        let pool = fixed("giveup", 1, 1);
        let mut accepted = 0;
        for round in 0..200_u64 {
            let held = occupy(&pool, 1);
            let queued = pool.submit(|| {}).expect("one place");
            thread::scope(|scope| {
                let hasty = scope.spawn(|| {
                    let timeout = Duration::from_micros(50 + round % 100);
                    pool.submit_timeout(|| {}, timeout).is_ok()
                });
                let patient = scope.spawn(|| pool.execute(|| {}).is_ok());
                assert!(queued.cancel());
                // A lost wake-up would leave the patient one waiting with room in the queue.
                held.release();
                assert!(patient.join().expect("it returns"));
                accepted += 3 + u64::from(hasty.join().expect("it returns"));
            });
        }
        let stats = assert_submitted(&pool, 200 * 4);
        assert_eq!(stats.accepted, accepted);
    });
}

#[test]
fn closing_sends_the_waiting_away_with_their_jobs_and_says_closed_not_full() {
    within(PATIENCE, "closing", || {
        let pool = fixed("closing", 1, 1);
        let held = occupy(&pool, 1);
        pool.execute(|| {}).expect("one place");
        let submitters: Vec<_> = (1..=3).map(|nth| blocked_submitter(&pool, nth)).collect();
        pool.close();
        for submitter in submitters {
            assert_eq!(submitter.join().expect("it returns"), Err(Refusal::Shutdown));
        }
        let never = || panic!("a closed pool runs nothing new");
        assert!(pool.submit(never).expect_err("closed").is_closed());
        assert!(pool.try_submit(never).expect_err("closed").is_closed());
        assert!(pool.submit_timeout(never, FOREVER).expect_err("closed").is_closed());
        assert!(pool.execute(never).expect_err("closed").is_closed());
        assert!(pool.try_execute(never).expect_err("closed").is_closed());
        assert!(pool.job("late").submit(move |_| never()).expect_err("closed").is_closed());
        held.release();
        let stats = assert_submitted(&pool, 2 + 3 + 6);
        assert_eq!((stats.ok, stats.refused), (2, 9));
    });
}

#[test]
fn a_pool_that_is_closed_and_full_says_closed_under_every_rule_and_runs_nothing() {
    within(PATIENCE, "closedfull", || {
        for rule in [Overflow::Block, Overflow::Reject, Overflow::CallerRuns] {
            let pool = fixed_with("closedfull", 1, 1, rule);
            let held = occupy(&pool, 1);
            pool.execute(|| {}).expect("one place");
            pool.close();
            let ran = Arc::new(AtomicUsize::new(0));
            let job = || {
                let ran = Arc::clone(&ran);
                move || ran.fetch_add(1, Ordering::SeqCst)
            };
            let refused = [
                pool.submit(job()).expect_err("closed"),
                pool.submit_timeout(job(), FOREVER).expect_err("closed"),
            ];
            assert!(pool.try_submit(job()).expect_err("closed").is_closed(), "{rule:?}");
            let alone = job();
            let executed = pool.execute(move || assert_eq!(alone(), 0)).expect_err("closed");
            assert_eq!(executed.refusal(), Refusal::Shutdown, "{rule:?}");
            assert_eq!(ran.load(Ordering::SeqCst), 0, "{rule:?}");
            for error in refused {
                assert_eq!(error.refusal(), Refusal::Shutdown, "{rule:?}");
                error.into_job()();
            }
            assert_eq!(ran.load(Ordering::SeqCst), 2, "{rule:?}: the jobs came back");
            held.release();
            let stats = assert_submitted(&pool, 2 + 4);
            assert_eq!((stats.ok, stats.refused), (2, 4), "{rule:?}");
        }
    });
}

#[test]
fn under_caller_runs_the_submitter_works_and_the_workers_go_on() {
    within(PATIENCE, "caller", || {
        let pool = fixed_with("caller", 1, 1, Overflow::CallerRuns);
        let held = occupy(&pool, 1);
        let queued = pool.submit(|| thread::current().id()).expect("one place");
        let here = thread::current().id();
        let released = Mutex::new(Some(held));
        let (done, on_worker) = mpsc::channel();
        let reporter = done.clone();
        let mine = pool.job("here").submit(move |cx| (thread::current().id(), cx.worker_index()));
        assert_eq!(mine.expect("run here").join().expect("it returns"), (here, None));
        // While a submitter is inside a job of its own, the workers take what is queued.
        let held = released.lock().expect("no panic").take().expect("still held");
        let second = pool.submit(move || {
            held.release();
            reporter.send(queued.join().expect("run by a worker")).expect("the test listens");
            thread::current().id()
        });
        assert_eq!(second.expect("run here").join().expect("it returns"), here);
        assert_ne!(on_worker.recv().expect("sent"), here);
        let panicked = pool.stats().panicked;
        assert_eq!(panicked, 0);
        assert_submitted(&pool, 4);
    });
}

// The caller's thread is protected as a worker is
#[test]
fn a_job_that_panics_on_its_submitter_ends_as_panicked() {
    within(PATIENCE, "callerpanic", || {
        let pool = fixed_with("callerpanic", 1, 1, Overflow::CallerRuns);
        let held = occupy(&pool, 1);
        pool.execute(|| {}).expect("one place");
        let handle = pool.submit(|| panic!("not the submitter's")).expect("run here");
        let error = handle.join().expect_err("it panicked");
        assert_eq!(error.panic_message(), Some("not the submitter's"));
        pool.execute(|| panic!("nor this one")).expect("run here");
        held.release();
        assert_eq!(assert_submitted(&pool, 4).panicked, 2);
    });
}

// A job on its submitter's thread is one of the pool's jobs too
#[test]
fn a_job_run_by_its_submitter_can_neither_wait_for_idle_nor_for_the_end() {
    within(PATIENCE, "callerwait", || {
        let pool = Arc::new(fixed_with("callerwait", 1, 1, Overflow::CallerRuns));
        let held = occupy(&pool, 1);
        pool.execute(|| {}).expect("one place");
        let inner = Arc::clone(&pool);
        let job = pool.submit(move || {
            let idle = inner.wait_idle();
            let report = inner.shutdown();
            (idle, report.ended)
        });
        let (idle, ended) = job.expect("run here").join().expect("it returns");
        assert_eq!(idle, Err(springtide::WaitIdleError::InsideWorker));
        assert!(!ended, "it cannot have ended while a job of it runs");
        held.release();
        assert!(pool.shutdown().ended);
        assert_submitted(&pool, 3);
    });
}

// Odd settings that can be used
#[test]
fn a_pool_with_the_oddest_legal_settings_runs_its_jobs() {
    within(PATIENCE, "odd", || {
        let ever = [Duration::ZERO, Duration::from_nanos(1), Duration::MAX];
        for (capacity, d) in [1, 2, usize::MAX].into_iter().zip(ever) {
            for cores in [1e-300, 0.5, 1e300] {
                let builder = Pool::builder("odd").workers(0..=3).queue_capacity(capacity);
                let pool = build(builder.target_wait(d).keep_alive(d).cores(cores));
                let jobs: Vec<_> = (0..50).map(|n| pool.submit(move || n)).collect();
                let sum = jobs.into_iter().map(|job| job.expect("open").join().expect("returns"));
                assert_eq!(sum.sum::<i32>(), 1_225);
                assert_submitted(&pool, 50);
            }
        }
    });
}

#[test]
fn a_pool_that_cannot_be_built_says_every_reason_and_starts_no_thread() {
    within(PATIENCE, "invalid", || {
        let upside_down = RangeInclusive::new(9, 3);
        let bad = Pool::builder("nobuild").workers(upside_down).queue_capacity(0).cores(f64::NAN);
        let error = bad.stack_size(1).ceiling(100_000).build().expect_err("nothing fits");
        let BuildError::Invalid(problems) = error else { panic!("no thread was asked for") };
        let fields: Vec<&str> = problems.iter().map(|problem| problem.field).collect();
        assert_eq!(fields, ["workers", "queue_capacity", "cores", "ceiling", "stack_size"]);
        assert!(common::threads_named("nobuild").is_none_or(|count| count == 0));
        let pool = build(Pool::builder("nobuild").workers(1..=1));
        assert_accounts(&pool);
    });
}

#[test]
fn each_reason_to_refuse_at_once_is_told_apart_and_has_its_own_words() {
    within(PATIENCE, "words", || {
        let later = |pool: &PoolHandle| {
            let later = pool.job("later").delay(Duration::from_secs(60));
            later.try_submit(|_| 7).map(|_| ()).expect_err("it is refused")
        };
        let builder = Pool::builder("words").workers(1..=1).queue_capacity(1);
        let pool = build(builder.delayed_capacity(0));
        let delayed = later(&pool);
        assert!(matches!(delayed, TrySubmitError::DelayedFull(_)) && delayed.is_full());
        let held = occupy(&pool, 1);
        pool.execute(|| ()).expect("one place");
        let full = pool.try_submit(|| 7).map(|_| ()).expect_err("it is full");
        assert!(matches!(full, TrySubmitError::Full(_)) && full.is_full());
        held.release();
        pool.close();
        let closed = pool.try_submit(|| 7).map(|_| ()).expect_err("it is closed");
        assert!(closed.is_closed() && !closed.is_full());
        let no_timer = RefusingSpawner::new(|name| name.ends_with("/time"));
        let pool = build(Pool::builder("words").workers(1..=1).spawner(no_timer));
        let threadless = later(&pool);
        assert!(matches!(threadless, TrySubmitError::NoThread(_)));
        assert!(!threadless.is_full() && !threadless.is_closed());
        let words = [
            (full.to_string(), "job refused: the queue is full"),
            (delayed.to_string(), "job refused: too many jobs are delayed"),
            (closed.to_string(), "job refused: the pool is closed"),
            (
                threadless.to_string(),
                "job refused: the system refused the thread that waits for its time",
            ),
        ];
        words.iter().for_each(|(said, expected)| assert_eq!(said, expected));
        assert_eq!(full.into_job()(), 7);
        assert_eq!(format!("{threadless:?}"), "NoThread(..)");
    });
}
