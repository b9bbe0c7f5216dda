//! Tokens that stop many jobs at once, and what else hangs on them.

mod common;

use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use common::{
    Bomb, CountedWaker, DropFlag, FOREVER, OnDrop, PATIENCE, assert_submitted, block_on,
    cancel_reason, fixed, fixed_with, occupy, poll_once, until, until_told, within,
};
use springtide::{CancelReason, CancelToken, JobHandle, Overflow, PoolHandle};

/// A job that runs until its context says that it is cancelled; returns once it runs.
fn run_until_told(pool: &PoolHandle, token: &CancelToken) -> JobHandle<&'static str> {
    let (until_told, runs) = until_told();
    let job = pool.job("told").token(token).submit(move |cx| {
        until_told(cx);
        assert!(cx.check().is_err() && cx.token().is_cancelled());
        "told"
    });
    runs.recv().expect("it runs");
    job.expect("open")
}

fn is_cancelled_by_token<T: Send + 'static>(job: JobHandle<T>) -> bool {
    cancel_reason(&job.join()) == Some(CancelReason::Token)
}

#[test]
fn a_queued_job_is_freed_with_its_place_at_the_moment_its_token_is_cancelled() {
    within(PATIENCE, "moment", || {
        let pool = fixed_with("moment", 1, 8, Overflow::Reject);
        let held = occupy(&pool, 1);
        let token = CancelToken::new();
        let submit = |_| {
            let (flag, on_drop) = DropFlag::new();
            let job = pool.job("queued").token(&token.child()).submit(move |_| drop(on_drop));
            (flag, job.expect("there is room"))
        };
        let jobs: Vec<_> = (0..8).map(submit).collect();
        assert!(pool.try_submit(|| {}).is_err_and(|refused| refused.is_full()));
        token.cancel();
        assert_eq!(pool.stats().queued, 0);
        for (flag, job) in jobs {
            assert!(flag.is_dropped() && job.is_finished(), "when the call returns");
            assert!(is_cancelled_by_token(job));
        }
        let places = [(); 8].map(|()| pool.try_submit(|| 7).expect("its place was given back"));
        held.release();
        assert!(places.into_iter().all(|last| last.join().is_ok_and(|seven| seven == 7)));
        let stats = assert_submitted(&pool, 18);
        assert_eq!((stats.ok, stats.cancelled), (9, 8));
    });
}

#[test]
fn a_running_job_sees_its_token_and_its_handle_yields_what_it_returns() {
    within(PATIENCE, "running", || {
        let pool = fixed("running", 1, 4);
        let token = CancelToken::new();
        let job = run_until_told(&pool, &token.child().child());
        token.cancel();
        assert_eq!(job.join().expect("it returns"), "told");
        assert_eq!(assert_submitted(&pool, 1).ok, 1);
    });
}

#[test]
fn a_job_whose_token_is_cancelled_already_never_runs() {
    within(PATIENCE, "already", || {
        let token = CancelToken::new();
        token.cancel();
        let never = || -> u8 { panic!("it was cancelled") };
        let pool = fixed("already", 1, 16);
        for _ in 0..10 {
            let job = pool.job("never").token(&token.child()).submit(move |_| never());
            assert!(is_cancelled_by_token(job.expect("it is accepted")));
        }
        assert_eq!(assert_submitted(&pool, 10).cancelled, 10);

        // Where its submitter would run it, it leaves no trace in the queue either.
        let pool = fixed_with("alreadyhere", 1, 1, Overflow::CallerRuns);
        let held = occupy(&pool, 1);
        pool.execute(|| {}).expect("one place");
        for _ in 0..10 {
            let job = pool.job("never").token(&token).submit(move |_| never());
            assert!(is_cancelled_by_token(job.expect("it is accepted")));
        }
        held.release();
        assert_eq!(pool.wait_idle(), Ok(()));
        drop(pool.try_submit(|| {}).expect("nothing is in the way"));
        assert_eq!(assert_submitted(&pool, 13).cancelled, 10);
    });
}

#[test]
fn a_parent_takes_all_below_it_along_and_a_child_nobody_above_or_beside_it() {
    let root = CancelToken::new();
    let (left, right) = (root.child(), root.child());
    let (below, same) = (left.child().child(), left.clone());
    left.cancel();
    assert!(left.is_cancelled() && same.is_cancelled() && below.is_cancelled());
    assert!(!root.is_cancelled() && !right.is_cancelled());
    root.cancel();
    root.cancel();
    assert!(right.is_cancelled() && root.child().is_cancelled());
}

#[test]
fn a_chain_of_tokens_of_any_length_is_cancelled_and_dropped() {
    let root = CancelToken::new();
    let chain = |n: u32| (0..n).fold(root.clone(), |token, _| token.child());
    drop(chain(200_000));
    let last = chain(200_000);
    root.cancel();
    assert!(last.is_cancelled());
    drop(root);
    drop(last);
}

// Given a parent token cancelled with one running and one queued job, shutdown returns
#[test]
fn a_token_cancelled_over_a_running_and_a_queued_job_lets_the_pool_end() {
    within(PATIENCE, "both", || {
        let pool = fixed("both", 1, 4);
        let token = CancelToken::new();
        let running = run_until_told(&pool, &token.child());
        let queued = pool.job("queued").token(&token.child()).submit(|_| {}).expect("open");
        token.cancel();
        let report = pool.shutdown();
        assert!(report.ended && report.running == 0);
        assert_eq!((report.accepted, report.completed, report.cancelled), (2, 1, 1));
        assert!(running.join().is_ok() && is_cancelled_by_token(queued));
    });
}

#[test]
fn a_caller_that_gave_up_waiting_and_cancels_on_drop_has_its_queued_job_skipped() {
    within(PATIENCE, "gaveup", || {
        let pool = fixed("gaveup", 1, 4);
        let held = occupy(&pool, 1);
        let job = pool.submit(|| panic!("nobody waits for it")).expect("open").cancel_on_drop();
        drop(job.join_timeout(Duration::from_millis(1)).expect_err("its worker is held"));
        assert_eq!(pool.stats().queued, 0);
        held.release();
        let stats = assert_submitted(&pool, 2);
        assert_eq!((stats.ok, stats.cancelled, stats.panicked), (1, 1, 0));
    });
}

#[test]
fn whatever_stops_a_job_stops_what_hangs_on_its_own_token() {
    within(PATIENCE, "own", || {
        let pool = fixed("own", 1, 4);
        let submitted = CancelToken::new();
        let (own, tokens) = mpsc::channel();
        let run = |timeout| {
            let own = own.clone();
            let job = pool.job("own").token(&submitted).timeout(timeout).submit(move |cx| {
                let token = cx.token();
                own.send(token.clone()).expect("the test listens");
                assert!(token.wait_timeout(FOREVER), "nobody cancelled it");
                assert!(cx.token().is_cancelled(), "it has one token");
            });
            (job.expect("open"), tokens.recv().expect("it runs"))
        };
        let (told, token) = run(FOREVER);
        assert!(!token.is_cancelled() && !told.cancel());
        told.join().expect("it returns");
        let (late, _) = run(Duration::from_millis(5));
        assert!(late.join().expect_err("it ran too long").is_timed_out());
        assert!(!submitted.is_cancelled());
        let (by_token, _) = run(FOREVER);
        submitted.cancel();
        by_token.join().expect("it returns");
        let (told, _) = (pool.job("own").submit(|cx| cx.token().wait_timeout(FOREVER)), ());
        until(|| pool.stats().running == 1);
        pool.shutdown_now();
        assert!(pool.shutdown().ended, "it was told");
        assert!(told.expect("open").join().expect("it returns"));
    });
}

#[test]
fn a_token_asked_for_after_the_cancel_is_cancelled_and_one_of_a_job_that_ended_well_is_not() {
    within(PATIENCE, "lateown", || {
        let pool = fixed("lateown", 1, 4);
        let kept = pool.job("well").submit(|cx| cx.token()).expect("open");
        let id = kept.id();
        let kept = kept.join().expect("it returns");
        assert_eq!(pool.wait_idle(), Ok(()));
        assert!(!kept.is_cancelled(), "{id} ended well");
        let (until_told, runs) = until_told();
        let asked = pool.job("late").submit(move |cx| {
            until_told(cx);
            cx.token().is_cancelled()
        });
        let asked = asked.expect("open");
        runs.recv().expect("it runs");
        assert!(!asked.cancel());
        assert!(asked.join().expect("it returns"));
    });
}

#[test]
fn what_a_job_captured_may_use_the_token_that_frees_it() {
    within(PATIENCE, "reenter", || {
        let pool = fixed("reenter", 1, 4);
        let held = occupy(&pool, 1);
        let token = CancelToken::new();
        let (using, other) = (token.clone(), pool.handle());
        let captured = OnDrop::new(move || {
            assert!(using.is_cancelled() && using.child().is_cancelled());
            using.cancel();
            drop(using.on_cancel(|| {}));
            let job = other.job("late").token(&using).submit(|_| {});
            assert!(is_cancelled_by_token(job.expect("open")));
        });
        let job = pool.job("queued").token(&token).submit(move |_| drop(captured));
        let bomb = Bomb(1);
        let bombed = pool.job("bomb").token(&token).submit(move |_| drop(bomb));
        token.cancel();
        assert!(is_cancelled_by_token(job.expect("open")));
        assert!(is_cancelled_by_token(bombed.expect("open")));
        held.release();
        assert_eq!(assert_submitted(&pool, 4).cancelled, 3);
    });
}

#[test]
fn a_job_may_cancel_what_it_submitted_and_itself() {
    within(PATIENCE, "within", || {
        let pool = fixed("within", 1, 4);
        let (inner, token) = (pool.handle(), CancelToken::new());
        let outer = pool.job("outer").token(&token.clone()).submit(move |cx| {
            let submit = |_| inner.job("part").token(&cx.token()).submit(|_| {}).expect("open");
            let parts: Vec<_> = (0..200).map(submit).collect();
            token.cancel();
            assert!(cx.is_cancelled());
            parts.into_iter().filter(|part| part.is_finished()).count()
        });
        assert_eq!(outer.expect("open").join().expect("it returns"), 200);
        assert_eq!(assert_submitted(&pool, 201).cancelled, 200);
    });
}

#[test]
fn a_callback_is_called_once_at_the_cancel_or_at_once_and_not_if_it_was_taken_back() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = || {
        let calls = Arc::clone(&calls);
        move || _ = calls.fetch_add(1, Ordering::SeqCst)
    };
    let token = CancelToken::new();
    drop(token.on_cancel(count()));
    let kept = token.on_cancel(count());
    let _panics = token.on_cancel(|| panic::panic_any(Bomb(1)));
    let reentrant = token.clone();
    let _reenters = token.on_cancel(move || drop(reentrant.on_cancel(|| {})));
    let last = token.child();
    let _below = last.on_cancel(count());
    assert_eq!(Arc::strong_count(&calls), 3, "what was taken back is freed");
    token.cancel();
    token.cancel();
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    let _late = token.on_cancel(count());
    assert_eq!(calls.load(Ordering::SeqCst), 3);
    drop(kept);
    assert_eq!(Arc::strong_count(&calls), 1);
}

#[test]
fn a_task_and_a_thread_that_wait_for_a_cancel_are_woken_by_it() {
    within(PATIENCE, "waits", || {
        let root = CancelToken::new();
        assert!(!root.wait_timeout(Duration::ZERO) && !root.wait_timeout(Duration::from_nanos(1)));
        let token = root.child();
        let (first, second) = (CountedWaker::new(), CountedWaker::new());
        let mut cancelled = token.cancelled();
        for waker in [&first, &first, &second, &second] {
            assert!(poll_once(&mut cancelled, waker).is_pending());
        }
        assert_eq!(Arc::strong_count(&first), 1, "it waits no more");
        let waits: Vec<_> = [Duration::MAX, FOREVER]
            .into_iter()
            .map(|limit| {
                let token = token.clone();
                thread::spawn(move || token.wait_timeout(limit))
            })
            .collect();
        let awaits = token.clone();
        let task = thread::spawn(move || block_on(awaits.cancelled()));
        root.cancel();
        assert_eq!((first.count(), second.count()), (0, 1));
        assert_eq!(poll_once(&mut cancelled, &second), Poll::Ready(()));
        assert!(waits.into_iter().all(|wait| wait.join().expect("it waits only")));
        task.join().expect("it waits only");
        block_on(token.cancelled());
        assert!(token.wait_timeout(Duration::ZERO));
    });
}

/// Cancels a token when it is woken, and looks at it when it is dropped.
struct Meddles(Mutex<Option<CancelToken>>);

impl std::task::Wake for Meddles {
    fn wake(self: Arc<Self>) {
        let token = self.0.lock().expect("nobody panics").take();
        token.expect("woken once").cancel();
        panic!("in a waker");
    }
}

impl Drop for Meddles {
    fn drop(&mut self) {
        if let Ok(Some(token)) = self.0.get_mut().map(|token| token.take()) {
            drop(token.on_cancel(|| {}));
        }
    }
}

#[test]
fn a_waker_may_use_the_token_and_panic() {
    within(PATIENCE, "meddles", || {
        let token = CancelToken::new();
        let meddles = || Arc::new(Meddles(Mutex::new(Some(token.clone()))));
        let mut dropped = token.cancelled();
        assert!(poll_once(&mut dropped, &meddles()).is_pending());
        assert!(poll_once(&mut dropped, &meddles()).is_pending());
        drop(dropped);
        let mut woken = token.cancelled();
        assert!(poll_once(&mut woken, &meddles()).is_pending());
        token.cancel();
        let mut context = std::task::Context::from_waker(Waker::noop());
        assert!(std::pin::Pin::new(&mut woken).poll(&mut context).is_ready());
    });
}
