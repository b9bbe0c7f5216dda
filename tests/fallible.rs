//! A job that may fail: its error is its own, and is told apart from a panic.

mod common;

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{
    PATIENCE, assert_submitted, block_on, clocked, fixed, fixed_with, occupy, until, within,
};
use springtide::{
    FallibleError, JobEnded, JobHandle, Observer, Outcome, Overflow, Pool, TrySubmitError,
};

/// An error that can be recognised, and is not `Clone`.
#[derive(Debug, PartialEq)]
struct Ebb(u32);

impl fmt::Display for Ebb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ebb {}", self.0)
    }
}

impl std::error::Error for Ebb {}

#[test]
fn the_very_error_of_a_job_is_seen_and_counted_as_an_error_only() {
    within(PATIENCE, "error", || {
        let pool = fixed("error", 1, 8);
        let failed = pool.submit_fallible(|| Err::<(), _>(Ebb(3))).expect("open");
        assert_eq!(failed.join().expect("it has a result"), Err(Ebb(3)));
        let went_well = pool.submit_fallible(|| Ok::<_, Ebb>(7)).expect("open");
        assert_eq!(went_well.join().expect("it has a result"), Ok(7));
        let options = pool.job("kind").submit_fallible(|cx| match cx.attempt() {
            1 => Err(Ebb(4)),
            n => Ok(n),
        });
        assert_eq!(options.expect("open").join().expect("it has a result"), Err(Ebb(4)));
        let panicked = pool.submit_fallible(|| -> Result<(), Ebb> { panic!("no error") });
        assert!(panicked.expect("open").join().is_err_and(|error| error.is_panicked()));
        let stats = assert_submitted(&pool, 4);
        assert_eq!((stats.ok, stats.errored, stats.panicked), (1, 2, 1));
        let report = pool.shutdown();
        assert_eq!((report.completed, report.errored, report.panicked), (1, 2, 1));
        assert_eq!(Outcome::Error.as_str(), "error");
    });
}

// What a plain job returns is its caller's business
#[test]
fn an_err_of_a_plain_job_counts_as_ok() {
    within(PATIENCE, "plain", || {
        let pool = fixed("plain", 1, 8);
        let plain = pool.submit(|| Err::<(), _>(Ebb(1))).expect("open");
        assert_eq!(plain.join().expect("it has a result"), Err(Ebb(1)));
        let stats = assert_submitted(&pool, 1);
        assert_eq!((stats.ok, stats.errored), (1, 0));
    });
}

#[test]
fn both_ways_to_fail_fit_in_one_error_joined_or_awaited() {
    within(PATIENCE, "flat", || {
        let pool = fixed("flat", 1, 8);
        let job = |n: u32| {
            pool.submit_fallible(move || match n {
                0 => Ok("fine"),
                1 => Err(Ebb(1)),
                _ => panic!("{n}"),
            })
            .expect("open")
        };
        let ways: [fn(JobHandle<_>) -> _; 2] =
            [JobHandle::join_flat, |handle| FallibleError::flatten(block_on(handle))];
        for flat in ways {
            assert_eq!(flat(job(0)).expect("it went well"), "fine");
            let returned = flat(job(1)).expect_err("it failed");
            assert_eq!(returned.to_string(), "ebb 1");
            assert!(matches!(returned, FallibleError::Returned(Ebb(1))));
            let lost = flat(job(2)).expect_err("it panicked");
            assert!(matches!(lost, FallibleError::Lost(error) if error.is_panicked()));
        }
        assert_submitted(&pool, 6);
    });
}

#[test]
fn a_job_that_may_fail_comes_back_when_it_is_refused() {
    within(PATIENCE, "refused", || {
        let pool = fixed_with("refused", 1, 1, Overflow::Reject);
        let held = occupy(&pool, 1);
        pool.execute(|| {}).expect("one place");
        let refused = pool.submit_fallible(|| Err::<(), _>(Ebb(5))).expect_err("full");
        assert!(refused.is_full());
        assert_eq!(refused.into_job()(), Err(Ebb(5)));
        let tried = pool.job("kind").try_submit_fallible(|_| Ok::<_, Ebb>(1));
        assert!(matches!(tried, Err(TrySubmitError::Full(_))));
        held.release();
        assert_eq!(assert_submitted(&pool, 4).errored, 0);
    });
}

// On the submitter's thread, and when nobody holds the handle
#[test]
fn an_error_is_counted_wherever_and_for_whomever_the_job_runs() {
    within(PATIENCE, "anywhere", || {
        let pool = fixed_with("anywhere", 1, 1, Overflow::CallerRuns);
        let held = occupy(&pool, 1);
        pool.execute(|| {}).expect("one place");
        let here = pool.submit_fallible(|| Err::<(), _>(Ebb(1))).expect("run here");
        assert_eq!(here.join().expect("it has a result"), Err(Ebb(1)));
        held.release();
        pool.wait_idle().expect("not inside");
        pool.submit_fallible(|| Err::<(), _>(Ebb(2))).expect("open").detach();
        assert_eq!(assert_submitted(&pool, 4).errored, 2);
    });
}

/// Writes down what it is told of each job that went wrong.
#[derive(Default)]
struct Told(Mutex<Vec<(Outcome, String)>>);

impl Observer for Told {
    fn job_ended(&self, job: &JobEnded<'_>) {
        let failure = job.failure.map(|failure| format!("{failure:?}")).unwrap_or_default();
        self.0.lock().expect("nobody panics").push((job.outcome, failure));
    }
}

// A panic after the timeout: noticed by the supervisor first, or by the job's own end
#[test]
fn a_panic_of_a_job_whose_time_is_up_is_told_all_the_same() {
    within(PATIENCE, "late", || {
        let told = Arc::new(Told::default());
        let builder = Pool::builder("late").workers(1..=1).observer(Arc::clone(&told));
        let builder = builder.queue_capacity(1).overflow(Overflow::CallerRuns);
        let (pool, clock) = clocked(builder);
        let timed = || pool.job("late").timeout(Duration::from_secs(1));
        let advances = clock.clone();
        let given_up = timed().submit(move |cx| {
            until(|| {
                advances.advance(Duration::from_secs(2));
                cx.is_cancelled()
            });
            panic!("{}", "told so");
        });
        let error = given_up.expect("open").join().expect_err("too long");
        assert!(error.is_timed_out());
        pool.wait_idle().expect("not inside");
        let held = occupy(&pool, 1);
        pool.execute(|| {}).expect("one place");
        let overran = timed().submit(move |_| {
            clock.advance(Duration::from_secs(2));
            panic!("{}", "and here");
        });
        let error = overran.expect("run here").join().expect_err("too long");
        assert_eq!((error.is_timed_out(), error.panic_message()), (true, Some("and here")));
        held.release();
        assert_eq!(assert_submitted(&pool, 4).timed_out, 2);
        let told = told.0.lock().expect("nobody panics");
        let late: Vec<_> = told.iter().filter(|told| told.0 == Outcome::TimedOut).collect();
        assert!(late[0].1.contains("told so") && late[1].1.contains("and here"), "{late:?}");
    });
}
