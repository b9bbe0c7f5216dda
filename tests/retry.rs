//! Jobs that are tried again: as often as they may, holding nothing meanwhile, and no storm.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::{
    DropFlag, Latch, PATIENCE, SECOND, assert_submitted, block_on, build, by_hand, fixed, occupy,
    until, within,
};
use springtide::testing::ManualClock;
use springtide::{
    Builder, CancelReason, CancelToken, Delayed, JobContext, Pool, Refusal, Retry, RetryBudget,
    RetryStop,
};

/// A pool of one worker on a clock set by hand, whose retry budget is no matter.
fn small_with(name: &str, set: impl FnOnce(Builder) -> Builder) -> (Pool, ManualClock) {
    let builder = Pool::builder(name).workers(1..=1).queue_capacity(8);
    by_hand(set(builder.retry_budget(RetryBudget::unlimited())))
}

fn small(name: &str) -> (Pool, ManualClock) {
    small_with(name, |builder| builder)
}

/// Waits 1 s, then 2 s, then 4 s and so on.
fn exact() -> Retry<u32> {
    Retry::exponential(SECOND).cap(SECOND * 3600).without_jitter()
}

/// Waits a moment.
fn soon() -> Retry<u32> {
    Retry::exponential(Duration::from_micros(100))
}

/// A job that fails with the number of its attempt, and how often it was run.
fn fails() -> (impl Fn(&JobContext<'_>) -> Result<(), u32> + Send + Sync, Arc<AtomicU32>) {
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let job = move |cx: &JobContext<'_>| {
        counted.fetch_add(1, Ordering::SeqCst);
        Err(cx.attempt())
    };
    (job, runs)
}

#[test]
fn a_job_that_always_fails_runs_as_often_as_it_may_and_ends_with_its_last_error() {
    within(PATIENCE, "always", || {
        let (pool, clock) = small("always");
        let (job, runs) = fails();
        let handle = pool.job("fails").retry(exact()).submit(job).expect("open");
        for (number, wait) in [(1, 1), (2, 2), (3, 4)] {
            until(|| runs.load(Ordering::SeqCst) == number && pool.stats().delayed == 1);
            let stats = pool.stats();
            assert_eq!((stats.running, stats.queued), (0, 0), "it holds nothing while it waits");
            clock.advance(SECOND * wait - Duration::from_nanos(1));
            let other = pool.submit(|| ()).expect("open");
            other.join().expect("the worker is free");
            assert_eq!((runs.load(Ordering::SeqCst), handle.attempt()), (number, number + 1));
            clock.advance(Duration::from_nanos(1));
        }
        let error = handle.join().expect_err("it fails");
        assert_eq!((error.stop(), error.attempts()), (RetryStop::AttemptsSpent, 4));
        assert_eq!((error.last(), runs.load(Ordering::SeqCst)), (Some(&4), 4));
        let stats = assert_submitted(&pool, 7);
        assert_eq!((stats.errored, stats.ok, stats.retries), (4, 3, 3));
        assert_eq!(stats.wait.max, Duration::ZERO, "the time between is no wait in the queue");
    });
}

#[test]
fn the_wait_of_a_retry_is_no_longer_than_its_bound_and_differs_from_job_to_job() {
    within(PATIENCE, "jitter", || {
        let (pool, clock) = small("jitter");
        let retry = || Retry::exponential(SECOND * 100).cap(SECOND * 100).max_attempts(2);
        let jobs: Vec<_> = (0..20)
            .map(|_| pool.job("fails").retry(retry()).submit(fails().0).expect("open"))
            .collect();
        until(|| pool.stats().delayed == 20);
        clock.advance(SECOND * 50);
        // Comes due after all that are due by now.
        let last = pool.job("last").delay(Duration::from_nanos(1)).submit(|_| ()).expect("open");
        clock.advance(Duration::from_nanos(1));
        last.join().expect("it ran");
        let early = 20 - pool.stats().delayed;
        assert!((1..20).contains(&early), "{early} of 20 within the first half");
        clock.advance(SECOND * 50);
        jobs.into_iter().for_each(|job| drop(job.join().expect_err("it fails")));
        assert_submitted(&pool, 41);
    });
}

#[test]
fn an_attempt_that_succeeds_is_the_last_and_each_knows_its_number() {
    within(PATIENCE, "succeeds", || {
        let pool = fixed("succeeds", 1, 8);
        let third = |cx: &JobContext<'_>| match cx.attempt() {
            3 => Ok("done"),
            attempt => Err(attempt),
        };
        let handle = pool.job("third").retry(soon()).submit(third).expect("open");
        assert_eq!(handle.join().expect("at last"), "done");
        let stats = assert_submitted(&pool, 3);
        assert_eq!((stats.ok, stats.errored, stats.retries), (1, 2, 2));
    });
}

#[test]
fn an_error_that_is_not_to_be_tried_again_is_not() {
    within(PATIENCE, "fatal", || {
        let pool = fixed("fatal", 1, 8);
        let end = |retry: Retry<u32>| {
            let error = pool.job("fails").retry(retry).submit(fails().0).expect("open").join();
            let error = error.expect_err("it fails");
            (error.stop(), error.attempts(), error.into_last())
        };
        let none = soon().retry_if(|_| false);
        assert_eq!(end(none), (RetryStop::NotRetryable, 1, Some(1)));
        let first = soon().retry_if(|error| *error == 1);
        assert_eq!(end(first), (RetryStop::NotRetryable, 2, Some(2)));
        let panics = soon().retry_if(|_| panic!("on purpose"));
        assert_eq!(end(panics), (RetryStop::NotRetryable, 1, Some(1)));
        assert_submitted(&pool, 4);
    });
}

#[test]
fn cancelling_a_retry_that_waits_ends_it_and_frees_what_it_captured_at_once() {
    within(PATIENCE, "cancel", || {
        let (pool, clock) = small("cancel");
        let (flag, sets) = DropFlag::new();
        let captured = std::sync::Mutex::new(sets);
        let job = move |_: &JobContext<'_>| captured.lock().map(|_| ()).map_err(|_| 0).and(Err(7));
        let handle = pool.job("fails").retry(exact()).submit(job);
        let handle: springtide::RetryHandle<(), u32> = handle.expect("open");
        until(|| pool.stats().delayed == 1);
        assert!(!flag.is_dropped() && handle.cancel() && flag.is_dropped());
        assert!(handle.is_finished() && !handle.cancel());
        let error = handle.join().expect_err("it was cancelled");
        assert_eq!(error.stop(), RetryStop::Cancelled(CancelReason::Requested));
        assert_eq!((error.attempts(), error.last()), (1, Some(&7)));
        clock.advance(SECOND * 100);
        let stats = assert_submitted(&pool, 2);
        assert_eq!((stats.errored, stats.cancelled, stats.delayed), (1, 1, 0));
    });
}

#[test]
fn cancelling_a_retry_that_runs_tells_it_and_lets_no_other_attempt_begin() {
    within(PATIENCE, "told", || {
        let pool = fixed("told", 1, 8);
        let began = Latch::new();
        let opens = began.clone();
        let job = move |cx: &JobContext<'_>| {
            opens.open();
            while !cx.is_cancelled() {
                std::thread::yield_now();
            }
            Err::<(), _>(cx.attempt())
        };
        let handle = pool.job("runs").retry(soon()).submit(job).expect("open");
        began.wait();
        assert!(!handle.cancel(), "it runs");
        let error = handle.join().expect_err("it was cancelled");
        assert_eq!(error.stop(), RetryStop::Cancelled(CancelReason::Requested));
        assert_eq!((error.attempts(), error.last()), (1, Some(&1)));
        assert_eq!(assert_submitted(&pool, 1).retries, 0);
    });
}

#[test]
fn a_token_ends_a_retry_that_waits_and_one_that_fails_later() {
    within(PATIENCE, "token", || {
        let (pool, clock) = small("token");
        let token = CancelToken::new();
        let job = || pool.job("fails").token(&token).retry(exact());
        let waits = job().submit(fails().0).expect("open");
        until(|| pool.stats().delayed == 1);
        let cancels = token.clone();
        let fails_later = job().submit(move |cx: &JobContext<'_>| {
            cancels.cancel();
            Err::<(), _>(cx.attempt())
        });
        for (handle, attempts) in [(waits, 1), (fails_later.expect("open"), 1)] {
            let error = handle.join().expect_err("it was cancelled");
            assert_eq!(error.stop(), RetryStop::Cancelled(CancelReason::Token));
            assert_eq!((error.attempts(), error.last()), (attempts, Some(&1)));
        }
        clock.advance(SECOND * 100);
        assert_eq!(assert_submitted(&pool, 3).cancelled, 1);
    });
}

#[test]
fn a_panic_is_tried_again_only_if_that_was_asked_for() {
    within(PATIENCE, "panics", || {
        let pool = fixed("panics", 1, 8);
        let panics = |cx: &JobContext<'_>| match cx.attempt() {
            1 => panic!("on purpose"),
            attempt => Ok::<_, u32>(attempt),
        };
        let plain = pool.job("panics").retry(soon()).submit(panics).expect("open");
        let error = plain.join().expect_err("it panicked");
        assert_eq!((error.stop(), error.attempts()), (RetryStop::Panicked, 1));
        let lost = error.job_error().expect("the panic");
        assert_eq!(lost.panic_message(), Some("on purpose"));
        let asked = pool.job("panics").retry(soon().retry_panics()).submit(panics);
        assert_eq!(asked.expect("open").join().expect("the second returned"), 2);
        let stats = assert_submitted(&pool, 3);
        assert_eq!((stats.panicked, stats.ok), (2, 1));
    });
}

#[test]
fn a_timeout_is_tried_again_only_if_that_was_asked_for() {
    within(PATIENCE, "timeouts", || {
        let pool = build(Pool::builder("timeouts").workers(2..=2));
        let slow = |cx: &JobContext<'_>| {
            while cx.attempt() == 1 && !cx.is_cancelled() {
                std::thread::yield_now();
            }
            Ok::<_, u32>(cx.attempt())
        };
        let job = || pool.job("slow").timeout(Duration::from_millis(20));
        let error = job().retry(soon()).submit(slow).expect("open").join();
        assert_eq!(error.expect_err("it overran").stop(), RetryStop::TimedOut);
        let asked = job().retry(soon().retry_timeouts()).submit(slow).expect("open");
        // The second attempt may be held up for as long, too.
        let result = asked.join().map_err(|error| error.stop());
        assert!(matches!(result, Ok(2) | Err(RetryStop::AttemptsSpent)), "{result:?}");
    });
}

#[test]
fn no_attempt_is_queued_after_the_time_for_all_of_them() {
    within(PATIENCE, "elapsed", || {
        let (pool, clock) = small("elapsed");
        let retry = exact().max_elapsed(SECOND * 2).max_attempts(u32::MAX);
        let (job, runs) = fails();
        let handle = pool.job("fails").retry(retry).submit(job).expect("open");
        for number in 1..=2 {
            until(|| runs.load(Ordering::SeqCst) == number && pool.stats().delayed == 1);
            // The first wait is a second, and the second one as long, in place of two.
            clock.advance(SECOND);
        }
        let error = handle.join().expect_err("it fails");
        assert_eq!((error.stop(), error.attempts()), (RetryStop::TimeSpent, 3));
        assert_submitted(&pool, 3);
    });
}

#[test]
fn all_attempts_share_the_deadline_of_the_job_and_none_is_queued_beyond_it() {
    within(PATIENCE, "deadline", || {
        let (pool, clock) = small("deadline");
        let (job, runs) = fails();
        let inner = pool.handle();
        let outer = pool
            .job("outer")
            .deadline_in(SECOND * 2)
            .submit(move |_| inner.job("inner").retry(exact()).submit(job).expect("open"));
        let handle = outer.expect("open").join().expect("it submits and returns");
        until(|| runs.load(Ordering::SeqCst) == 1 && pool.stats().delayed == 1);
        clock.advance(SECOND);
        let error = handle.join().expect_err("it fails");
        assert_eq!((error.stop(), error.attempts()), (RetryStop::TimeSpent, 2));
        assert_submitted(&pool, 3);
    });
}

#[test]
fn retries_beyond_the_pools_budget_are_not_made_and_are_counted() {
    within(PATIENCE, "budget", || {
        let budget = RetryBudget::new(0.5, 0);
        let (pool, clock) = small_with("budget", |builder| builder.retry_budget(budget));
        let retry = || exact().max_attempts(u32::MAX);
        let stop = |earned: bool| {
            let handle = pool.job("fails").retry(retry()).submit(fails().0).expect("open");
            if earned {
                until(|| pool.stats().delayed == 1);
                clock.advance(SECOND);
            }
            let error = handle.join().expect_err("it fails");
            (error.stop(), error.attempts(), error.into_last())
        };
        assert_eq!(stop(false), (RetryStop::BudgetSpent, 1, Some(1)));
        assert_eq!(stop(true), (RetryStop::BudgetSpent, 2, Some(2)), "two firsts earn one");
        let stats = assert_submitted(&pool, 3);
        assert_eq!((stats.retries, stats.retries_refused), (1, 2));
        let share = RetryBudget::new(f64::NAN, 1);
        assert!(Pool::builder("no share").retry_budget(share).build().is_err());
    });
}

#[test]
fn a_retry_that_finds_no_room_to_wait_ends_with_its_last_error() {
    within(PATIENCE, "no-room", || {
        let (pool, _clock) = small_with("no-room", |builder| builder.delayed_capacity(0));
        let handle = pool.job("fails").retry(exact()).submit(fails().0).expect("open");
        let error = handle.join().expect_err("it fails");
        assert_eq!(error.stop(), RetryStop::Refused(Refusal::DelayedFull));
        assert_eq!((error.attempts(), error.last()), (1, Some(&1)));
        assert_submitted(&pool, 2);
    });
}

/// How a retry that waits ends with its pool, and how often it had run.
fn at_shutdown(name: &str, rule: Delayed) -> (RetryStop, u32) {
    let (pool, clock) = small_with(name, |builder| builder.delayed_at_shutdown(rule));
    let handle = pool.job("fails").retry(exact()).submit(fails().0).expect("open");
    until(|| pool.stats().delayed == 1);
    if rule == Delayed::Wait {
        pool.close();
        clock.advance(SECOND);
    }
    assert!(pool.shutdown().ended);
    let error = handle.join().expect_err("it failed");
    assert_eq!(error.last(), Some(&error.attempts()));
    assert_submitted(&pool, 2);
    (error.stop(), error.attempts())
}

#[test]
fn a_shutdown_ends_a_retry_that_waits_as_the_rule_for_delayed_jobs_says() {
    within(PATIENCE, "shutdown", || {
        let shutdown = RetryStop::Cancelled(CancelReason::Shutdown);
        assert_eq!(at_shutdown("shutdown-1", Delayed::Cancel), (shutdown, 1));
        assert_eq!(at_shutdown("shutdown-2", Delayed::RunNow), (shutdown, 2));
        assert_eq!(at_shutdown("shutdown-3", Delayed::Wait), (shutdown, 2));
    });
}

#[test]
fn a_retry_that_fails_after_the_pool_was_closed_is_not_tried_again() {
    within(PATIENCE, "closed", || {
        let pool = fixed("closed", 1, 8);
        let held = occupy(&pool, 1);
        let handle = pool.job("fails").retry(soon()).submit(fails().0).expect("open");
        pool.close();
        held.release();
        let error = handle.join().expect_err("it failed");
        assert_eq!(error.stop(), RetryStop::Cancelled(CancelReason::Shutdown));
        assert_eq!(error.attempts(), 1);
        let (job, runs) = fails();
        let refused = pool.job("late").retry(soon()).submit(job).expect_err("closed");
        assert!(refused.is_closed());
        drop(refused.into_job());
        assert_eq!(runs.load(Ordering::SeqCst), 0);
        assert_submitted(&pool, 3);
    });
}

#[test]
fn a_job_that_waits_for_a_retry_on_the_only_worker_runs_its_attempts() {
    within(PATIENCE, "nested", || {
        let pool = fixed("nested", 1, 8);
        let inner = pool.handle();
        let third = |cx: &JobContext<'_>| match cx.attempt() {
            3 => Ok(cx.worker_index()),
            attempt => Err(attempt),
        };
        let outer = pool.submit(move || {
            let retry = || Retry::exponential(Duration::from_millis(3));
            let job = || inner.job("third").retry(retry()).submit(third).expect("open");
            job().join().expect("at last");
            block_on(job()).expect("at last");
        });
        outer.expect("open").join().expect("it returned");
        assert_submitted(&pool, 7);
    });
}

#[test]
fn a_dropped_handle_lets_the_job_go_on_and_one_that_cancels_does_not() {
    within(PATIENCE, "dropped", || {
        let (pool, clock) = small("dropped");
        let (job, runs) = fails();
        drop(pool.job("fails").retry(exact()).submit(job).expect("open"));
        until(|| pool.stats().delayed == 1);
        let (other, others) = fails();
        let handle = pool.job("fails").retry(exact()).submit(other).expect("open");
        until(|| pool.stats().delayed == 2);
        drop(handle.cancel_on_drop());
        assert_eq!(pool.stats().delayed, 1);
        for number in 1..=3 {
            until(|| runs.load(Ordering::SeqCst) == number && pool.stats().delayed == 1);
            clock.advance(SECOND * 10);
        }
        until(|| runs.load(Ordering::SeqCst) == 4);
        assert_eq!(others.load(Ordering::SeqCst), 1);
        assert_submitted(&pool, 6);
    });
}

#[test]
fn a_wait_with_a_limit_gives_the_handle_back_and_a_future_is_woken() {
    within(PATIENCE, "waits", || {
        let pool = fixed("waits", 1, 8);
        let held = occupy(&pool, 1);
        let handle = pool.job("ok").retry(soon()).submit(|_| Ok::<_, u32>(5)).expect("open");
        let handle = handle.try_join().expect_err("it waits");
        let handle = handle.join_timeout(Duration::from_millis(1)).expect_err("it waits");
        held.release();
        assert_eq!(block_on(handle).expect("it ran"), 5);
        assert_submitted(&pool, 2);
    });
}
