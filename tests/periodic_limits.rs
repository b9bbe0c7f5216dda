//! What bounds a run of a series, and the series: a timeout, an expiry, a token. Never two at once.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use common::{
    Bomb, DropFlag, Latch, PATIENCE, SECOND, assert_submitted, by_hand, fixed, occupy, settle,
    until, within,
};
use springtide::testing::ManualClock;
use springtide::{CancelToken, Every, JobContext, Periodic, Pool};

/// A pool on a clock set by hand.
fn by_clock(name: &str, workers: usize) -> (Pool, ManualClock) {
    by_hand(Pool::builder(name).workers(workers..=workers))
}

/// A series whose runs say that they begin, and go on until they are let go.
struct Deaf {
    series: Periodic,
    begins: Receiver<bool>,
    release: Sender<()>,
    /// The most runs there were at once.
    most: Arc<AtomicU64>,
}

fn deaf(every: Every<'_>) -> Deaf {
    let (begun, begins) = channel();
    let (release, released) = channel::<()>();
    let most = Arc::new(AtomicU64::new(0));
    let (running, peak) = (AtomicU64::new(0), Arc::clone(&most));
    let series = every.start(move |cx| {
        peak.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let _ = begun.send(cx.is_cancelled());
        let _ = released.recv();
        running.fetch_sub(1, Ordering::SeqCst);
    });
    Deaf { series: series.expect("open"), begins, release, most }
}

#[test]
fn a_run_that_overruns_its_timeout_is_a_failure_and_none_begins_before_it_returns() {
    within(PATIENCE, "overrun", || {
        let (pool, clock) = by_clock("overrun", 2);
        let every = pool.every(SECOND * 10).timeout(SECOND);
        let Deaf { series, begins, release, most } = deaf(every);
        clock.set(SECOND * 10);
        begins.recv().expect("it begins");
        clock.set(SECOND * 12);
        until(|| series.runs() == 1);
        assert_eq!((series.failures(), series.is_over()), (1, false), "it was given up");
        for time in [20, 30, 45] {
            clock.set(SECOND * time);
            settle(&pool, &clock);
            assert!(begins.try_recv().is_err(), "the first has the job still");
        }
        assert_eq!((series.runs(), pool.stats().accepted), (1, 4), "none was submitted");
        release.send(()).expect("it listens");
        until(|| series.skipped() == 3);
        settle(&pool, &clock);
        assert!(begins.try_recv().is_err(), "they are not made up for");
        clock.set(SECOND * 50);
        begins.recv().expect("it goes on in its rhythm");
        release.send(()).expect("it listens");
        until(|| series.runs() == 2);
        assert_eq!((series.failures(), series.skipped()), (1, 3));
        assert_eq!(most.load(Ordering::SeqCst), 1, "one at a time");
        series.cancel();
        until(|| series.is_over());
        let stats = assert_submitted(&pool, 6);
        assert_eq!((stats.timed_out, stats.ok), (1, 5));
    });
}

#[test]
fn a_run_that_is_over_within_its_timeout_is_no_failure() {
    within(PATIENCE, "in-time", || {
        let (pool, clock) = by_clock("in-time", 1);
        let Deaf { series, begins, release, .. } = deaf(pool.every(SECOND * 10).timeout(SECOND));
        for run in 1..=2 {
            clock.advance(SECOND * 10);
            assert_eq!(begins.recv(), Ok(false));
            release.send(()).expect("it listens");
            until(|| series.runs() == run);
        }
        assert_eq!((series.failures(), series.skipped()), (0, 0));
        series.cancel();
    });
}

// Also where the rest after a run is none, which must not keep the timer busy meanwhile
#[test]
fn a_series_that_rests_after_each_run_rests_after_the_return_of_one_that_was_given_up() {
    within(PATIENCE, "rests-late", || {
        for rest in [SECOND, Duration::ZERO] {
            let (pool, clock) = by_clock("rests-late", 2);
            let every = pool.every(rest).after_each_run().timeout(SECOND);
            let Deaf { series, begins, release, most } = deaf(every);
            clock.advance(rest);
            begins.recv().expect("it begins");
            clock.advance(SECOND * 2);
            until(|| series.runs() == 1);
            clock.advance(SECOND * 5);
            settle(&pool, &clock);
            assert!(begins.try_recv().is_err());
            release.send(()).expect("it listens");
            until(|| pool.stats().running == 0 || rest.is_zero());
            clock.advance(rest);
            begins.recv().expect("after the rest");
            assert_eq!((series.skipped(), most.load(Ordering::SeqCst)), (0, 1));
            series.cancel();
            drop(release);
            until(|| series.is_over());
        }
    });
}

#[test]
fn a_run_that_panics_after_it_was_given_up_ends_nothing() {
    within(PATIENCE, "panics-late", || {
        let (pool, clock) = by_clock("panics-late", 1);
        let (begun, begins) = channel();
        let mut run = 0;
        let series = pool.every(SECOND).timeout(SECOND).start(move |cx| {
            run += 1;
            let _ = begun.send(run);
            while run == 1 && !cx.is_cancelled() {
                std::thread::yield_now();
            }
            assert_ne!(run, 1, "in vain");
        });
        let series = series.expect("open");
        clock.set(SECOND);
        assert_eq!(begins.recv(), Ok(1));
        clock.set(Duration::from_millis(3_500));
        until(|| series.runs() == 1 && series.skipped() == 2);
        clock.set(SECOND * 4);
        assert_eq!(begins.recv(), Ok(2));
        series.cancel();
        assert_eq!((series.failures(), pool.stats().timed_out), (1, 1));
    });
}

#[test]
fn a_series_that_ends_while_a_run_is_overdue_is_over_when_that_returns() {
    within(PATIENCE, "overdue", || {
        let ends: [fn(&Pool, &Periodic); 2] = [|_, series| series.cancel(), |pool, _| pool.close()];
        for end in ends {
            let (pool, clock) = by_clock("overdue", 1);
            let Deaf { series, begins, release, .. } = deaf(pool.every(SECOND).timeout(SECOND));
            clock.advance(SECOND);
            begins.recv().expect("it begins");
            clock.advance(SECOND * 2);
            until(|| series.runs() == 1);
            end(&pool, &series);
            assert!(!series.is_over(), "it has the job");
            release.send(()).expect("it listens");
            until(|| series.is_over());
            assert_eq!((series.runs(), series.failures()), (1, 1));
            assert!(pool.shutdown().ended);
        }
    });
}

#[test]
fn a_run_that_waited_too_long_is_left_out_and_one_in_time_is_run() {
    within(PATIENCE, "expires", || {
        let (pool, clock) = by_clock("expires", 1);
        let series = pool.every(SECOND * 10).expires_in(SECOND * 5).start(|_| {}).expect("open");
        let held = occupy(&pool, 1);
        clock.set(SECOND * 10);
        until(|| pool.stats().queued == 1);
        clock.set(SECOND * 15);
        held.release();
        until(|| series.skipped() == 1);
        assert_eq!((series.runs(), series.failures(), series.is_over()), (0, 0, false));
        let held = occupy(&pool, 1);
        clock.set(SECOND * 20);
        until(|| pool.stats().queued == 1);
        clock.set(SECOND * 25 - Duration::from_nanos(1));
        held.release();
        until(|| series.runs() == 1);
        assert_eq!((series.skipped(), series.failures()), (1, 0));
        series.cancel();
        let stats = assert_submitted(&pool, 4);
        assert_eq!((stats.expired, stats.ok), (1, 3));
    });
}

/// A job that does nothing, and what tells whether it has been freed.
fn captures() -> (DropFlag, impl FnMut(&JobContext<'_>) + Send) {
    let (flag, sets) = DropFlag::new();
    (flag, move |_: &JobContext<'_>| _ = &sets)
}

#[test]
fn cancelling_its_token_ends_a_series_at_once_wherever_it_is() {
    within(PATIENCE, "token", || {
        let (pool, clock) = by_clock("token", 1);
        let token = CancelToken::new();
        let (between, job) = captures();
        let first = pool.every(SECOND).token(&token).start(job).expect("open");
        token.cancel();
        assert!(between.is_dropped() && first.is_over(), "between two runs");
        let (unwanted, job) = captures();
        let never = pool.every(SECOND).token(&token).start(job).expect("open");
        assert!(unwanted.is_dropped() && never.is_over(), "cancelled already");
        let token = CancelToken::new();
        let held = occupy(&pool, 1);
        let (queued, job) = captures();
        let third = pool.every(SECOND).token(&token.child()).start(job).expect("open");
        clock.advance(SECOND);
        until(|| pool.stats().queued == 1);
        token.cancel();
        assert!(queued.is_dropped() && third.is_over(), "queued");
        held.release();
        clock.advance(SECOND * 10);
        let stats = assert_submitted(&pool, 2);
        assert_eq!((stats.cancelled, stats.ok), (1, 1));
        assert_eq!(first.runs() + never.runs() + third.runs(), 0);
    });
}

#[test]
fn a_run_under_way_is_told_of_the_cancelled_token_and_is_the_last() {
    within(PATIENCE, "token-told", || {
        let pool = fixed("token-told", 1, 8);
        let token = CancelToken::new();
        let (began, told) = (Latch::new(), Latch::new());
        let (opens, tells) = (began.clone(), told.clone());
        let every = pool.every(Duration::from_millis(1)).token(&token);
        let series = every.start(move |cx| {
            let tells = tells.clone();
            let _guard = cx.token().on_cancel(move || tells.open());
            opens.open();
            until(|| cx.is_cancelled());
        });
        let series = series.expect("open");
        began.wait();
        assert!(!series.is_over());
        token.cancel();
        told.wait();
        until(|| series.is_over());
        assert_eq!((series.runs(), series.failures()), (1, 0));
        assert_submitted(&pool, 1);
    });
}

#[test]
fn a_series_whose_token_nobody_cancels_runs_on_and_leaves_nothing_with_it() {
    within(PATIENCE, "token-kept", || {
        let (pool, clock) = by_clock("token-kept", 1);
        let (token, other) = (CancelToken::new(), CancelToken::new());
        let series = pool.every(SECOND).token(&token).start(|_| {}).expect("open");
        for run in 1..=3 {
            clock.advance(SECOND);
            until(|| series.runs() == run);
        }
        other.cancel();
        series.cancel();
        until(|| series.is_over());
        let (flag, job) = captures();
        let ends = pool.every(SECOND).token(&token).start(job).expect("open");
        drop(ends);
        assert!(pool.shutdown().ended);
        assert!(flag.is_dropped(), "the token keeps no series alive");
        token.cancel();
    });
}

#[test]
fn what_a_series_under_a_cancelled_token_captured_may_panic_as_it_is_dropped() {
    within(PATIENCE, "token-bomb", || {
        let (pool, _clock) = by_clock("token-bomb", 1);
        let (token, bombs) = (CancelToken::new(), [Bomb(0), Bomb(0)]);
        let [first, second] = bombs;
        let series = pool.every(SECOND).token(&token).start(move |_| _ = &first).expect("open");
        token.cancel();
        let never = pool.every(SECOND).token(&token).start(move |_| _ = &second).expect("open");
        assert!(series.is_over() && never.is_over());
        assert_submitted(&pool, 0);
    });
}

#[test]
fn any_timeout_and_any_expiry_is_legal() {
    within(PATIENCE, "limits", || {
        let pool = fixed("limits", 1, 8);
        let period = Duration::from_millis(1);
        let (send, ran) = channel();
        let endless = pool.every(period).timeout(Duration::MAX).expires_in(Duration::MAX);
        let endless = endless.start(move |_| _ = send.send(())).expect("open");
        assert_eq!(ran.iter().take(3).count(), 3);
        endless.cancel();
        let none = pool.every(period).timeout(Duration::ZERO).start(|_| {}).expect("open");
        until(|| none.runs() > 2);
        none.cancel();
        until(|| none.is_over());
        assert_eq!(none.failures(), none.runs());
        let never = pool.every(period).expires_in(Duration::ZERO).start(|_| {}).expect("open");
        until(|| never.skipped() > 2);
        never.cancel();
        assert_eq!(never.runs(), 0);
    });
}
