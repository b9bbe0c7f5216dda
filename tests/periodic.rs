//! Jobs that run again and again: in their rhythm, one at a time, whatever becomes of a run.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use common::{
    Bomb, DropFlag, Latch, PATIENCE, SECOND, assert_submitted, build, by_hand, fixed, occupy,
    settle, until, within,
};
use springtide::testing::{ManualClock, RefusingSpawner};
use springtide::{DropPolicy, Overflow, Periodic, Pool, Refusal};

/// A pool of one worker on a clock set by hand.
fn small(name: &str) -> (Pool, ManualClock) {
    let builder = Pool::builder(name).workers(1..=1).queue_capacity(1);
    by_hand(builder.overflow(Overflow::Reject))
}

#[test]
fn a_series_runs_once_a_period_and_holds_nothing_in_between() {
    within(PATIENCE, "rhythm", || {
        let (pool, clock) = small("rhythm");
        let series = pool.every(SECOND).start(|_| {}).expect("open");
        for n in 0..5 {
            settle(&pool, &clock);
            until(|| pool.stats().queued + pool.stats().running == 0);
            assert_eq!(series.runs(), n, "not before its time");
            assert_eq!((pool.stats().delayed, series.is_over()), (0, false), "it is no job");
            clock.advance(SECOND);
            until(|| series.runs() == n + 1);
        }
        assert_eq!((series.failures(), series.skipped()), (0, 0));
        series.cancel();
        until(|| series.is_over());
        assert_submitted(&pool, 10);
    });
}

#[test]
fn the_first_run_comes_when_it_is_said_to() {
    within(PATIENCE, "first", || {
        let (pool, clock) = small("first");
        let at_once = pool.every(SECOND * 60).first_after(Duration::ZERO).start(|_| {});
        let at_once = at_once.expect("open");
        until(|| at_once.runs() == 1);
        let later = pool.every(SECOND).first_after(SECOND * 30).start(|_| {}).expect("open");
        clock.advance(SECOND * 29);
        settle(&pool, &clock);
        assert_eq!(later.runs(), 0);
        clock.advance(SECOND);
        until(|| later.runs() == 1);
        clock.advance(SECOND);
        until(|| later.runs() == 2);
        assert_eq!(at_once.runs(), 1);
    });
}

#[test]
fn a_run_longer_than_the_period_is_not_overlapped_and_what_it_missed_is_counted() {
    within(PATIENCE, "slow", || {
        let pool = Pool::builder("slow").workers(2..=2);
        let (pool, clock) = by_hand(pool);
        let (release, released) = mpsc::channel::<()>();
        let (begun, begins) = mpsc::channel();
        let running = AtomicU64::new(0);
        let series = pool.every(SECOND).start(move |_| {
            assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0, "one at a time");
            begun.send(()).expect("the test listens");
            released.recv().expect("the test releases");
            running.fetch_sub(1, Ordering::SeqCst);
        });
        let series = series.expect("open");
        clock.set(SECOND);
        begins.recv().expect("it begins");
        clock.set(Duration::from_millis(3_500));
        settle(&pool, &clock);
        assert!(begins.try_recv().is_err(), "the first still runs");
        release.send(()).expect("it listens");
        until(|| series.runs() == 1);
        assert_eq!(series.skipped(), 2, "those of 2 s and of 3 s");
        let exported = "springtide_periodic_runs_skipped_total{pool=\"slow\"} 2\n";
        assert!(pool.render_metrics().contains(exported), "{}", pool.render_metrics());
        settle(&pool, &clock);
        assert!(begins.try_recv().is_err(), "they are not made up for");
        clock.set(SECOND * 4);
        begins.recv().expect("it goes on in its rhythm");
        release.send(()).expect("it listens");
        until(|| series.runs() == 2);
        assert_eq!((series.skipped(), series.failures()), (2, 0));
        series.cancel();
    });
}

#[test]
fn a_clock_that_jumps_makes_one_run_and_no_storm() {
    within(PATIENCE, "jump", || {
        let (pool, clock) = small("jump");
        let series = pool.every(SECOND).start(|_| {}).expect("open");
        clock.set(Duration::from_millis(3_600_500));
        until(|| series.runs() == 1);
        for time in [3_600_900, 0] {
            clock.set(Duration::from_millis(time));
            settle(&pool, &clock);
            until(|| pool.stats().queued + pool.stats().running == 0);
            assert_eq!((series.runs(), series.skipped()), (1, 3599), "{time}");
        }
        clock.set(SECOND * 3601);
        until(|| series.runs() == 2);
        series.cancel();
    });
}

#[test]
fn a_run_that_fails_or_panics_is_counted_and_ends_nothing() {
    within(PATIENCE, "fails", || {
        let (pool, clock) = small("fails");
        let mut number = 0;
        let series = pool.every(SECOND).kind("flaky").start_fallible(move |_| {
            number += 1;
            match number % 3 {
                1 => Err("failed"),
                2 => panic!("on purpose"),
                _ => Ok(()),
            }
        });
        let series = series.expect("open");
        for n in 1..=6 {
            clock.advance(SECOND);
            until(|| series.runs() == n);
        }
        assert_eq!((series.failures(), series.skipped(), series.is_over()), (4, 0, false));
        series.cancel();
        let stats = assert_submitted(&pool, 6);
        assert_eq!((stats.ok, stats.errored, stats.panicked), (2, 2, 2));
    });
}

#[test]
fn a_series_that_rests_after_each_run_counts_from_its_end() {
    within(PATIENCE, "rests", || {
        let (pool, clock) = small("rests");
        let ticks = clock.clone();
        let job = move |_: &springtide::JobContext<'_>| ticks.advance(SECOND * 5);
        let series = pool.every(SECOND).after_each_run().start(job).expect("open");
        clock.advance(SECOND);
        until(|| series.runs() == 1);
        settle(&pool, &clock);
        assert_eq!((series.runs(), series.skipped()), (1, 0));
        clock.advance(SECOND);
        until(|| series.runs() == 2);
        series.cancel();
    });
}

#[test]
fn cancelling_between_two_runs_or_before_one_frees_what_was_captured_at_once() {
    within(PATIENCE, "cancel", || {
        let (pool, clock) = small("cancel");
        let captures = || {
            let (flag, sets) = DropFlag::new();
            (flag, move |_: &springtide::JobContext<'_>| _ = &sets)
        };
        let (between, job) = captures();
        let series = pool.every(SECOND).start(job).expect("open");
        series.cancel();
        assert!(between.is_dropped() && series.is_over());
        let held = occupy(&pool, 1);
        let (queued, job) = captures();
        let series = pool.every(SECOND).start(job).expect("open");
        clock.advance(SECOND);
        until(|| pool.stats().queued == 1);
        series.cancel();
        assert!(queued.is_dropped() && series.is_over());
        held.release();
        clock.advance(SECOND * 10);
        let stats = assert_submitted(&pool, 2);
        assert_eq!((stats.cancelled, series.runs()), (1, 0));
    });
}

#[test]
fn cancelling_a_run_tells_it_and_it_is_the_last() {
    within(PATIENCE, "told", || {
        let pool = fixed("told", 1, 8);
        let began = Latch::new();
        let opens = began.clone();
        let series = pool.every(Duration::from_millis(1)).start(move |cx| {
            opens.open();
            while !cx.is_cancelled() {
                std::thread::yield_now();
            }
        });
        let series = series.expect("open");
        began.wait();
        assert!(!series.is_over());
        series.cancel();
        until(|| series.is_over());
        assert_eq!(series.runs(), 1);
        assert_submitted(&pool, 1);
    });
}

#[test]
fn a_dropped_handle_lets_the_series_go_on_and_one_that_cancels_does_not() {
    within(PATIENCE, "dropped", || {
        let (pool, clock) = small("dropped");
        let (runs, counts) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let count = |runs: &Arc<AtomicU64>| {
            let runs = Arc::clone(runs);
            move |_: &springtide::JobContext<'_>| _ = runs.fetch_add(1, Ordering::SeqCst)
        };
        drop(pool.every(SECOND).start(count(&runs)).expect("open"));
        drop(pool.every(SECOND).start(count(&counts)).expect("open").cancel_on_drop());
        for n in 1..=3 {
            clock.advance(SECOND);
            until(|| runs.load(Ordering::SeqCst) == n);
            // Until it waits again.
            until(|| pool.stats().queued + pool.stats().running == 0);
        }
        assert_eq!(counts.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn what_a_cancelled_series_captured_may_panic_as_it_is_dropped() {
    within(PATIENCE, "bomb", || {
        let (pool, _clock) = small("bomb");
        let bomb = Bomb(0);
        let series = pool.every(SECOND).start(move |_| _ = &bomb).expect("open");
        series.cancel();
        assert_submitted(&pool, 0);
    });
}

// The timer drops it there
#[test]
fn what_a_series_captured_may_panic_as_it_is_dropped_when_its_time_comes_in_a_closed_pool() {
    within(PATIENCE, "late-bomb", || {
        let (pool, clock) = small("late-bomb");
        let bomb = Bomb(1);
        let first = pool.every(SECOND).start(move |_| _ = &bomb).expect("open");
        let second = pool.every(SECOND * 2).start(|_| {}).expect("open");
        let held = occupy(&pool, 1);
        pool.close();
        for series in [first, second] {
            assert!(!series.is_over());
            clock.advance(SECOND);
            until(|| series.is_over());
        }
        held.release();
        assert_submitted(&pool, 1);
    });
}

#[test]
fn a_run_is_accepted_though_the_queue_is_full() {
    within(PATIENCE, "full", || {
        let (pool, clock) = small("full");
        let series = pool.every(SECOND).start(|_| {}).expect("open");
        let held = occupy(&pool, 1);
        pool.execute(|| {}).expect("one place");
        assert!(pool.execute(|| {}).is_err());
        clock.advance(SECOND);
        until(|| pool.stats().queued == 2);
        held.release();
        until(|| series.runs() == 1);
        series.cancel();
        assert_submitted(&pool, 4);
    });
}

#[test]
fn any_period_is_legal() {
    within(PATIENCE, "any", || {
        let pool = fixed("any", 1, 8);
        let always = pool.every(Duration::ZERO).start(|_| {}).expect("open");
        let never = pool.every(Duration::MAX).start(|_| {}).expect("open");
        until(|| always.runs() >= 100);
        pool.submit(|| ()).expect("open").join().expect("others get their turn");
        always.cancel();
        until(|| always.is_over());
        assert_eq!((never.runs(), never.is_over(), always.skipped()), (0, false, 0));
        never.cancel();
        assert!(never.is_over());
    });
}

#[test]
fn a_closed_pool_starts_no_series_and_begins_no_run() {
    within(PATIENCE, "closed", || {
        let (pool, clock) = small("closed");
        let series = pool.every(SECOND).start(|_| {}).expect("open");
        let held = occupy(&pool, 1);
        pool.close();
        let refused = pool.every(SECOND).start(|_| {}).expect_err("closed");
        assert!(refused.is_closed());
        clock.advance(SECOND);
        until(|| series.is_over());
        assert_eq!(series.runs(), 0);
        held.release();
        assert_submitted(&pool, 2);
    });
}

/// A series of a pool that ends in some way while a run waits for the latch.
fn ends_with(name: &str, end: impl FnOnce(Pool, Latch)) -> (Periodic, bool) {
    let pool = build(Pool::builder(name).workers(1..=1).on_drop(DropPolicy::Cancel));
    let (began, latch) = (Latch::new(), Latch::new());
    let (opens, waits) = (began.clone(), latch.clone());
    let (flag, sets) = DropFlag::new();
    let series = pool.every(Duration::from_millis(1)).start(move |_| {
        let _ = &sets;
        opens.open();
        waits.wait();
    });
    let idle = pool.every(SECOND * 3600).start(|_| {}).expect("open");
    began.wait();
    end(pool, latch.clone());
    latch.open();
    let series = series.expect("open");
    until(|| series.is_over() && idle.is_over());
    (series, flag.is_dropped())
}

#[test]
fn every_end_of_the_pool_ends_a_series_after_the_run_that_has_begun() {
    within(PATIENCE, "ends", || {
        let ends: [fn(Pool, Latch); 4] = [
            |pool, latch| {
                pool.close();
                latch.open();
                assert!(pool.shutdown().ended);
            },
            |pool, latch| {
                let report = pool.shutdown_timeout(Duration::from_millis(10));
                assert_eq!((report.accepted, report.still_delayed, report.running), (1, 0, 1));
                latch.open();
                assert!(pool.shutdown().ended);
            },
            |pool, latch| {
                assert_eq!(pool.shutdown_now().running, 1);
                latch.open();
                assert!(pool.shutdown().ended);
            },
            |pool, _latch| drop(pool),
        ];
        for (name, end) in ["ends-1", "ends-2", "ends-3", "ends-4"].into_iter().zip(ends) {
            let (series, is_freed) = ends_with(name, end);
            assert_eq!((series.runs(), series.failures(), is_freed), (1, 0, true), "{name}");
        }
    });
}

#[test]
fn a_refused_thread_gives_the_job_back() {
    within(PATIENCE, "no-timer", || {
        let no_timer = RefusingSpawner::new(|name| name.ends_with("/time"));
        let pool = build(Pool::builder("no-timer").spawner(no_timer));
        let (flag, sets) = DropFlag::new();
        let refused = pool.every(SECOND).start(move |_| _ = &sets).expect_err("no thread");
        assert_eq!((refused.refusal(), flag.is_dropped()), (Refusal::NoThread, false));
        drop(refused.into_job());
        assert!(flag.is_dropped());
        assert_submitted(&pool, 1);
    });
}
