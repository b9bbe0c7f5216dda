//! Promises about a pool whose size, room or pause changes while jobs come in.

use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use shuttle::future::block_on;
use shuttle::sync::{Condvar, Mutex};
use shuttle::thread;
use springtide::{Plan, PredictedWait, Reason, Sample, ScalingPolicy};

use crate::harness::{Cargo, dawdle, explore, joined, pool, settle, submitters};

/// Retires whoever is idle and starts a worker whenever a job waits: the least patient of all
/// policies that keep to the bounds.
struct Restless;

impl ScalingPolicy for Restless {
    fn decide(&mut self, _now: Duration, sample: &Sample) -> Plan {
        if sample.queued > 0 && sample.workers < sample.max {
            return Plan::add(1, Reason::Custom("restless"));
        }
        if sample.idle > 0 && sample.workers > sample.min {
            return Plan::retire_idle(sample.idle, Reason::Custom("restless"));
        }
        let mut plan = Plan::hold(Reason::Steady);
        plan.next_in = (sample.workers > sample.min).then_some(springtide::FAST_TICK);
        plan
    }
}

/// Sends workers home between two jobs, whether or not any wait, a few times and then no more.
struct Fickle {
    drains_left: u32,
}

impl ScalingPolicy for Fickle {
    fn decide(&mut self, _now: Duration, sample: &Sample) -> Plan {
        if sample.workers > 0 && self.drains_left > 0 {
            self.drains_left -= 1;
            return Plan::drain(sample.workers, Reason::Custom("fickle"));
        }
        Restless.decide(Duration::ZERO, sample)
    }
}

/// Two submitters, two jobs each with pauses in between, on a pool that keeps shrinking to nothing.
fn submit_while_workers_leave(policy: impl ScalingPolicy + 'static, max: usize) {
    let pool = pool(0..=max, |builder| builder.keep_alive(Duration::ZERO).policy(policy));
    let submitters = submitters(&pool, 2, |pool, _| {
        for _ in 0..2 {
            dawdle();
            let (cargo, fate) = Cargo::new();
            let handle = pool.submit(move || cargo.run()).expect("the pool is open");
            handle.join().expect("it runs");
            assert_eq!((fate.runs(), fate.frees()), (1, 1));
        }
    });
    joined(submitters);
    let report = settle(&pool);
    assert_eq!((report.accepted, report.completed), (4, 4));
}

#[test]
fn a_job_submitted_while_the_last_worker_retires_runs() {
    explore(|| submit_while_workers_leave(Restless, 1));
}

#[test]
fn a_job_submitted_while_workers_come_and_go_runs() {
    explore(|| submit_while_workers_leave(Restless, 2));
}

#[test]
fn a_job_meant_for_a_worker_that_is_sent_home_runs() {
    explore(|| submit_while_workers_leave(Fickle { drains_left: 4 }, 2));
}

#[test]
fn a_job_submitted_while_the_default_policy_retires_the_last_worker_runs() {
    explore(|| submit_while_workers_leave(PredictedWait::new().spare(0), 1));
}

#[test]
fn a_resize_below_the_workers_at_work_loses_no_job() {
    explore(|| {
        let pool = pool(2..=2, |builder| builder);
        let submitter = {
            let pool = pool.handle();
            thread::spawn(move || {
                let inner = pool.clone();
                let parent = pool.submit(move || {
                    // These land in the deque of a worker that may be sent home after this job.
                    (0..2).map(|n| inner.submit(move || n)).collect::<Vec<_>>()
                });
                parent.expect("the pool is open").join().expect("it runs")
            })
        };
        dawdle();
        let settings = pool.resize(1..=1).expect("the bounds are in order");
        assert_eq!(settings.max_workers, 1);
        for child in submitter.join().expect("the submitter") {
            child.expect("the pool is open").join().expect("it runs");
        }
        settle(&pool);
    });
}

/// Of two jobs in a row the first is stuck until the second has run. A worker that has taken both
/// along depends on another one to look into its deque.
fn wait_for_a_job_in_the_own_deque(workers: RangeInclusive<usize>, before: usize, behind: usize) {
    let pool = pool(workers, |builder| builder);
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let opens = Arc::clone(&gate);
    let waits = Box::new(move || {
        let mut open = gate.0.lock().expect("nobody panics with it");
        while !*open {
            open = gate.1.wait(open).expect("nobody panics with it");
        }
    });
    let nothing = || Box::new(|| ()) as Box<dyn FnOnce() + Send>;
    let mut jobs: Vec<_> = (0..before).map(|_| nothing()).collect();
    jobs.push(waits);
    jobs.push(Box::new(move || {
        *opens.0.lock().expect("nobody panics with it") = true;
        opens.1.notify_all();
    }));
    jobs.extend((0..behind).map(|_| nothing()));
    for handle in pool.submit_batch(jobs).handles {
        handle.join().expect("it runs");
    }
    settle(&pool);
}

#[test]
fn a_free_worker_takes_what_a_busy_one_has_in_its_deque() {
    explore(|| wait_for_a_job_in_the_own_deque(2..=2, 0, 6));
}

#[test]
fn a_free_worker_takes_what_a_busy_one_has_come_by_between_two_jobs() {
    explore(|| wait_for_a_job_in_the_own_deque(1..=2, 2, 3));
}

#[test]
fn a_starting_worker_takes_what_a_busy_one_has_in_its_deque() {
    explore(|| wait_for_a_job_in_the_own_deque(1..=2, 0, 2));
}

#[test]
fn every_submitter_that_waits_for_the_only_place_gets_it() {
    explore(|| {
        let pool = pool(1..=1, |builder| builder.queue_capacity(1));
        let submitters = submitters(&pool, 3, |pool, n| {
            let handle = pool.submit(move || n).expect("the pool is open");
            assert_eq!(handle.join().expect("it runs"), n);
        });
        let handle = pool.submit(|| 9).expect("the pool is open");
        // Makes room in another way than a worker does.
        dawdle();
        handle.cancel();
        joined(submitters);
        settle(&pool);
    });
}

#[test]
fn a_submitter_that_gives_up_waiting_passes_its_call_on() {
    explore(|| {
        let pool = pool(1..=1, |builder| builder.queue_capacity(1));
        let submitters = submitters(&pool, 3, |pool, n| {
            let (cargo, fate) = Cargo::new();
            let patience = Duration::from_millis(1);
            let job = move || cargo.run();
            let result = if n == 0 { pool.submit(job) } else { pool.submit_timeout(job, patience) };
            match result {
                Ok(handle) => handle.join().expect("it runs"),
                Err(refused) => assert!(n > 0 && refused.is_timed_out(), "{refused}"),
            }
            assert_eq!(fate.frees(), 1);
        });
        joined(submitters);
        settle(&pool);
    });
}

#[test]
fn an_asynchronous_submission_that_is_dropped_passes_its_call_on() {
    explore(|| {
        let pool = pool(1..=1, |builder| builder.queue_capacity(1));
        let submitters = submitters(&pool, 2, |pool, n| {
            pool.submit(move || n).expect("the pool is open").join().expect("it runs")
        });
        let awaits = {
            let pool = pool.handle();
            thread::spawn(move || {
                let handle = block_on(pool.submit_async(|| 7)).expect("the pool is open");
                assert_eq!(block_on(handle).expect("it runs"), 7);
            })
        };
        let mut dropped = pool.submit_async(|| ());
        let polled = Pin::new(&mut dropped).poll(&mut Context::from_waker(Waker::noop()));
        dawdle();
        drop((dropped, polled));
        awaits.join().expect("the one that waits");
        assert_eq!(joined(submitters), [0, 1]);
        settle(&pool);
    });
}

#[test]
fn jobs_submitted_around_a_pause_run_after_it() {
    explore(|| {
        let pool = pool(1..=2, |builder| builder.queue_capacity(2));
        let submitters = submitters(&pool, 2, |pool, _| {
            for _ in 0..2 {
                pool.submit(|| ()).expect("the pool is open").join().expect("it runs");
            }
        });
        for _ in 0..2 {
            dawdle();
            pool.pause();
            dawdle();
            pool.resume();
        }
        joined(submitters);
        let report = settle(&pool);
        assert_eq!((report.accepted, report.completed), (4, 4));
    });
}
