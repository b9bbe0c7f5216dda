//! Jobs that wait for their time: not before it, not lost, and accounted for meanwhile.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use common::{
    DropFlag, Latch, PATIENCE, SECOND, assert_snapshot, assert_submitted, block_on, build, by_hand,
    cancel_reason, fixed, occupy, until, within,
};
use springtide::testing::{ManualClock, RefusingSpawner};
use springtide::{
    Builder, CancelReason, CancelToken, Delayed, DropPolicy, Overflow, Pool, PoolHandle, Refusal,
};

/// A pool of one worker and one place in the queue, on a clock set by hand.
fn small(name: &str) -> (Pool, ManualClock) {
    small_with(name, |builder| builder)
}

fn small_with(name: &str, set: impl FnOnce(Builder) -> Builder) -> (Pool, ManualClock) {
    let builder = Pool::builder(name).workers(1..=1).queue_capacity(1);
    by_hand(set(builder))
}

#[test]
fn a_delayed_job_starts_when_its_time_has_come_and_not_before() {
    within(PATIENCE, "due", || {
        let (pool, clock) = small("due");
        let job = pool.job("later").delay(SECOND).submit(|_| 7).expect("open");
        clock.advance(SECOND - Duration::from_nanos(1));
        let other = pool.submit(|| 1).expect("open");
        assert_eq!(other.join().expect("it is not delayed"), 1);
        assert!(!job.is_finished() && pool.stats().delayed == 1);
        clock.advance(Duration::from_nanos(1));
        assert_eq!(job.join().expect("it is due"), 7);
        assert_submitted(&pool, 2);
    });
}

#[test]
fn jobs_come_due_in_the_order_of_their_times_and_of_one_time_in_that_of_submission() {
    within(PATIENCE, "order", || {
        let (pool, clock) = small("order");
        let (sender, order) = mpsc::channel();
        for (delay, name) in [(3, "d"), (1, "a"), (2, "b"), (2, "c")] {
            let sender = sender.clone();
            let job =
                move |_: &springtide::JobContext<'_>| sender.send(name).expect("the test listens");
            pool.job("later").delay(SECOND * delay).execute(job).expect("open");
        }
        clock.advance(SECOND * 3);
        assert_eq!(order.iter().take(4).collect::<String>(), "abcd");
        assert_submitted(&pool, 4);
    });
}

#[test]
fn a_delayed_job_takes_no_place_in_the_queue_and_waits_only_from_its_time_on() {
    within(PATIENCE, "depth", || {
        let (pool, clock) = small_with("depth", |b| b.overflow(Overflow::Reject));
        let delayed: Vec<_> = (0..3)
            .map(|_| pool.job("later").delay(SECOND * 60).submit(|_| ()).expect("open"))
            .collect();
        let held = occupy(&pool, 1);
        let stats = pool.stats();
        assert_eq!((stats.accepted, stats.delayed, stats.queued, stats.running), (4, 3, 0, 1));
        assert_snapshot(&stats);
        let queued = pool.submit(|| ()).expect("the one place is free");
        clock.advance(SECOND * 60);
        until(|| pool.stats().queued == 4);
        assert_eq!(pool.stats().delayed, 0, "they were queued over the bound");
        assert!(pool.submit(|| ()).is_err_and(|refused| refused.is_full()));
        clock.advance(SECOND * 2);
        held.release();
        queued.join().expect("it ran");
        delayed.into_iter().for_each(|job| job.join().expect("it ran"));
        let stats = assert_submitted(&pool, 6);
        assert_eq!(stats.wait.max, SECOND * 62, "of the one that was queued all the time");
        assert_eq!(stats.wait.mean * 5, SECOND * (62 + 3 * 2), "the others waited 2 s each");
    });
}

#[test]
fn what_the_timer_is_late_counts_as_a_wait() {
    within(PATIENCE, "late", || {
        let (pool, clock) = small("late");
        let job = pool.job("later").delay(SECOND).submit(|_| ()).expect("open");
        clock.set(SECOND * 6);
        job.join().expect("it ran");
        assert_eq!(assert_submitted(&pool, 1).wait.max, SECOND * 5);
    });
}

#[test]
fn a_delayed_job_that_is_cancelled_never_runs_and_frees_what_it_captured_at_once() {
    within(PATIENCE, "cancel", || {
        let (pool, clock) = small("cancel");
        let (flag, sets) = DropFlag::new();
        let job = pool.job("later").delay(SECOND).submit(move |_| drop(sets)).expect("open");
        assert!(job.cancel() && flag.is_dropped() && !job.cancel());
        assert_eq!(pool.stats().delayed, 0);
        let error = job.join().expect_err("it never ran");
        assert_eq!(error.cancel_reason(), Some(CancelReason::Requested));
        let dropped = pool.job("later").delay(SECOND).submit(|_| ()).expect("open");
        drop(dropped.cancel_on_drop());
        clock.advance(SECOND);
        let stats = assert_submitted(&pool, 2);
        assert_eq!((stats.cancelled, stats.ok, stats.delayed), (2, 0, 0));
    });
}

#[test]
fn a_token_cancels_a_delayed_job_at_once_also_one_that_was_cancelled_before() {
    within(PATIENCE, "token", || {
        let (pool, clock) = small("token");
        let token = CancelToken::new();
        let (flag, sets) = DropFlag::new();
        let job = pool.job("later").token(&token).delay(SECOND).submit(move |_| drop(sets));
        assert_eq!((flag.is_dropped(), pool.stats().delayed), (false, 1));
        token.cancel();
        assert_eq!((flag.is_dropped(), pool.stats().delayed), (true, 0));
        let late = pool.job("later").token(&token).delay(SECOND).submit(|_| ());
        for joined in [job.expect("open").join(), late.expect("accepted all the same").join()] {
            let error = joined.expect_err("it never ran");
            assert_eq!(error.cancel_reason(), Some(CancelReason::Token));
        }
        clock.advance(SECOND);
        assert_eq!(assert_submitted(&pool, 2).cancelled, 2);
    });
}

#[test]
fn a_job_that_came_due_is_cancelled_like_any_queued_one() {
    within(PATIENCE, "due-cancel", || {
        let (pool, clock) = small("due-cancel");
        let held = occupy(&pool, 1);
        let job = pool.job("later").delay(SECOND).submit(|_| ()).expect("open");
        clock.advance(SECOND);
        until(|| pool.stats().queued == 1);
        assert!(job.cancel());
        assert_eq!((pool.stats().queued, pool.stats().cancelled), (0, 1));
        held.release();
        assert_submitted(&pool, 2);
    });
}

#[test]
fn too_many_delayed_jobs_come_back_and_zero_means_none() {
    within(PATIENCE, "full", || {
        let (pool, clock) = small_with("full", |builder| builder.delayed_capacity(1));
        let first = pool.job("later").delay(SECOND).submit(|_| 1).expect("one may");
        let refused = pool.job("later").delay(SECOND).submit(|_| 2).expect_err("two may not");
        assert!(refused.is_full() && refused.refusal() == Refusal::DelayedFull);
        assert!(pool.submit(move || refused.into_job()).expect("open").join().is_ok());
        assert!(first.cancel());
        let again = pool.job("later").delay(SECOND).try_submit(|_| 3).expect("there is room");
        clock.advance(SECOND);
        assert_eq!(again.join().expect("it ran"), 3);
        assert_submitted(&pool, 4);

        let none = build(Pool::builder("none").workers(1..=1).delayed_capacity(0));
        assert!(none.job("later").delay(SECOND).try_submit(|_| ()).is_err_and(|r| r.is_full()));
        assert_submitted(&none, 1);
    });
}

#[test]
fn any_delay_is_legal() {
    within(PATIENCE, "any", || {
        let pool = fixed("any", 1, 8);
        let now = pool.job("now").delay(Duration::ZERO).submit(|_| 1).expect("open");
        let nano = pool.job("now").delay(Duration::from_nanos(1)).submit(|_| 2).expect("open");
        let past = pool.job("now").run_at(Instant::now()).submit(|_| 3).expect("open");
        let soon = Instant::now() + Duration::from_millis(2);
        let soon = pool.job("soon").run_at(soon).submit(|_| 4).expect("open");
        let never = pool.job("never").delay(Duration::MAX).submit(|_| 5).expect("open");
        let sum: u32 = [now, nano, past, soon].map(|job| job.join().expect("it ran")).iter().sum();
        assert_eq!((sum, never.is_finished()), (10, false));
        assert!(never.cancel());
        assert_submitted(&pool, 5);
    });
}

#[test]
fn the_expiry_and_the_timeout_of_a_delayed_job_count_from_its_time_and_its_start() {
    within(PATIENCE, "expiry", || {
        let (pool, clock) = small("expiry");
        let job = |delay| pool.job("later").delay(delay).expires_in(SECOND).timeout(SECOND);
        let fresh = job(SECOND * 10).submit(|cx| cx.remaining()).expect("open");
        clock.advance(SECOND * 10);
        assert_eq!(fresh.join().expect("it waited for its time only"), Some(SECOND));
        let stale = job(SECOND * 10).submit(|_| ()).expect("open");
        let held = occupy(&pool, 1);
        clock.advance(SECOND * 11);
        until(|| pool.stats().queued == 1);
        held.release();
        assert!(stale.join().expect_err("it was queued for a second").is_expired());
        assert_submitted(&pool, 3);
    });
}

#[test]
fn a_job_that_waits_for_a_delayed_one_on_the_only_worker_runs_it_when_it_is_due() {
    within(PATIENCE, "nested", || {
        let pool = fixed("nested", 1, 8);
        let inner = pool.handle();
        let outer = pool.submit(move || {
            let later = |n| {
                let job = inner.job("later").delay(Duration::from_millis(5));
                job.submit(move |_| n).expect("open")
            };
            let joined = later(1).join().expect("it ran");
            let set = inner.job("later").delay(Duration::from_millis(5)).set();
            (0..3).for_each(|n| set.submit(move |_| n).expect("open"));
            let of_set: i32 = set.join_all().all().expect("they ran").iter().sum();
            joined + of_set + block_on(later(2)).expect("it ran")
        });
        assert_eq!(outer.expect("open").join().expect("it returned"), 6);
        assert_submitted(&pool, 6);
    });
}

#[test]
fn a_delayed_job_starts_the_first_worker_of_a_pool_without_any() {
    within(PATIENCE, "none-yet", || {
        let pool = build(Pool::builder("none-yet").workers(0..=1));
        let job = pool.job("later").delay(Duration::from_millis(2)).submit(|_| 1).expect("open");
        assert_eq!(job.join().expect("it ran"), 1);
        assert_submitted(&pool, 1);
    });
}

#[test]
fn a_refused_thread_refuses_one_job_and_loses_none() {
    within(PATIENCE, "no-timer", || {
        let asked = AtomicUsize::new(0);
        let late_timer = RefusingSpawner::new(move |name| {
            name.ends_with("/time") && asked.fetch_add(1, Ordering::SeqCst) == 0
        });
        let pool = build(Pool::builder("no-timer").workers(1..=1).spawner(late_timer));
        let later = || pool.job("later").delay(Duration::from_millis(1));
        let refused = later().submit(|_| 1).expect_err("no thread");
        assert_eq!(refused.refusal(), Refusal::NoThread);
        let job = later().submit(refused.into_job()).expect("the system thought better of it");
        assert_eq!(job.join().expect("it ran"), 1);
        assert_submitted(&pool, 2);
    });
}

/// Ends a pool with one job due in a minute, and one that runs meanwhile.
fn end(name: &str, rule: Delayed, end: impl FnOnce(Pool) -> Pool) -> (Option<CancelReason>, Pool) {
    let (pool, _clock) = small_with(name, |builder| builder.delayed_at_shutdown(rule));
    let job = pool.job("later").delay(SECOND * 60).submit(|_| ()).expect("open");
    let pool = end(pool);
    (cancel_reason(&job.join()), pool)
}

#[test]
fn by_default_a_shutdown_cancels_what_is_delayed_and_says_so() {
    within(PATIENCE, "cancels", || {
        let (reason, pool) = end("cancels", Delayed::default(), |pool| {
            let report = pool.shutdown();
            assert!(report.ended);
            assert_eq!((report.accepted, report.cancelled, report.completed), (1, 1, 0));
            assert_eq!((report.still_delayed, report.still_queued), (0, 0));
            pool
        });
        assert_eq!(reason, Some(CancelReason::Shutdown));
        assert_submitted(&pool, 1);
    });
}

#[test]
fn a_shutdown_that_is_to_run_what_is_delayed_runs_it_at_once() {
    within(PATIENCE, "runs-now", || {
        let (reason, pool) = end("runs-now", Delayed::RunNow, |pool| {
            let report = pool.shutdown();
            assert!(report.ended);
            assert_eq!((report.accepted, report.cancelled, report.completed), (1, 0, 1));
            pool
        });
        assert_eq!(reason, None);
        let stats = assert_submitted(&pool, 1);
        assert_eq!(stats.wait.max, Duration::ZERO, "it was not queued before");
    });
}

#[test]
fn a_shutdown_that_is_to_wait_for_what_is_delayed_ends_after_it_has_run() {
    within(PATIENCE, "waits", || {
        let (pool, clock) = small_with("waits", |b| b.delayed_at_shutdown(Delayed::Wait));
        let job = pool.job("later").delay(SECOND * 60).submit(|_| ()).expect("open");
        pool.close();
        let handle = pool.handle();
        let ending = std::thread::spawn(move || {
            let report = pool.shutdown();
            (report.accepted, report.completed, report.still_delayed, report.ended)
        });
        clock.advance(SECOND * 59);
        assert!(!job.is_finished() && !ending.is_finished() && handle.stats().delayed == 1);
        clock.advance(SECOND);
        job.join().expect("it ran at its time");
        assert_eq!(ending.join().expect("it returns"), (1, 1, 0, true));
    });
}

#[test]
fn a_shutdown_waits_for_what_is_delayed_no_longer_than_it_may() {
    within(PATIENCE, "patience", || {
        let pool = build(Pool::builder("patience").delayed_at_shutdown(Delayed::Wait));
        let job = pool.job("later").delay(SECOND * 3600).submit(|_| ()).expect("open");
        let report = pool.shutdown_timeout(Duration::from_millis(20));
        assert_eq!((report.accepted, report.cancelled, report.still_delayed), (1, 1, 0));
        let error = job.join().expect_err("it never ran");
        assert_eq!(error.cancel_reason(), Some(CancelReason::Shutdown));
        assert_submitted(&pool, 1);
    });
}

#[test]
fn shutdown_now_cancels_what_is_delayed_whatever_the_rule() {
    within(PATIENCE, "now", || {
        for (name, rule) in [("now-1", Delayed::Wait), ("now-2", Delayed::RunNow)] {
            let pool = build(Pool::builder(name).workers(1..=1).delayed_at_shutdown(rule));
            let job = pool.job("later").delay(SECOND * 3600).submit(|_| ()).expect("open");
            let held = occupy(&pool, 1);
            let report = pool.shutdown_now();
            assert_eq!((report.accepted, report.cancelled, report.running), (2, 1, 1));
            let error = job.join().expect_err("it never ran");
            assert_eq!(error.cancel_reason(), Some(CancelReason::Shutdown));
            held.release();
            let stats = assert_submitted(&pool, 2);
            assert_eq!((stats.cancelled, stats.delayed), (1, 0));
        }
    });
}

#[test]
fn dropping_the_pool_does_with_what_is_delayed_as_its_rules_say() {
    within(PATIENCE, "drops", || {
        let dropped = |name: &str, rule, on_drop| {
            let builder = Pool::builder(name).delayed_at_shutdown(rule).on_drop(on_drop);
            let pool = build(builder);
            let handle = pool.handle();
            let job = pool.job("later").delay(Duration::from_millis(30)).submit(|_| ());
            drop(pool);
            let reason = cancel_reason(&job.expect("open").join());
            assert_submitted(&handle, 1);
            reason
        };
        let (drain, shutdown) = (DropPolicy::default(), Some(CancelReason::Shutdown));
        assert_eq!(dropped("drops-1", Delayed::Cancel, drain), shutdown);
        assert_eq!(dropped("drops-2", Delayed::RunNow, drain), None);
        assert_eq!(dropped("drops-3", Delayed::Wait, drain), None);
        assert_eq!(dropped("drops-4", Delayed::Wait, DropPolicy::Cancel), shutdown);
        assert_eq!(dropped("drops-5", Delayed::Wait, DropPolicy::Detach), None);
        assert_eq!(dropped("drops-6", Delayed::Cancel, DropPolicy::Detach), shutdown);
    });
}

#[test]
fn a_closed_pool_takes_no_delayed_job_and_runs_those_it_has_at_their_time() {
    within(PATIENCE, "closed", || {
        let (pool, clock) = small("closed");
        let job = pool.job("later").delay(SECOND).submit(|_| 1).expect("open");
        pool.close();
        let refused = pool.job("later").delay(SECOND).submit(|_| 2);
        assert!(refused.is_err_and(|refused| refused.is_closed()));
        assert_eq!(pool.stats().delayed, 1);
        clock.advance(SECOND);
        assert_eq!(job.join().expect("it was accepted"), 1);
        assert_submitted(&pool, 2);
    });
}

#[test]
fn what_a_delayed_job_captured_may_end_the_pool_as_it_is_freed() {
    within(PATIENCE, "captured", || {
        struct Ends(PoolHandle, Latch);
        impl Drop for Ends {
            fn drop(&mut self) {
                self.0.close();
                let _: Result<(), _> = self.0.wait_idle();
                self.1.open();
            }
        }
        let pool = fixed("captured", 1, 8);
        let ended = Latch::new();
        let ends = Ends(pool.handle(), ended.clone());
        let job = pool.job("later").delay(SECOND * 60).submit(move |_| drop(ends)).expect("open");
        assert!(job.cancel());
        ended.wait();
        assert_submitted(&pool, 1);
    });
}

#[test]
fn an_idle_pool_is_idle_though_jobs_are_delayed() {
    within(PATIENCE, "idle", || {
        let pool = fixed("idle", 1, 8);
        let job = pool.job("later").delay(SECOND * 60).submit(|_| ()).expect("open");
        pool.wait_idle().expect("nothing is queued and nothing runs");
        assert!(job.cancel());
        assert_submitted(&pool, 1);
    });
}
