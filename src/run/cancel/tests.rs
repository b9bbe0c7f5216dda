use std::sync::atomic::AtomicUsize;
use std::task::{Context, Waker};
use std::thread;

use super::*;
use crate::Pool;

/// How often each schedule is left to chance.
const ROUNDS: usize = if cfg!(miri) { 20 } else { 2_000 };

/// Attacks K4.
#[test]
fn a_token_that_lives_for_ever_keeps_nothing_of_what_is_over() {
    let root = CancelToken::new();
    for _ in 0..1_000_000 / if cfg!(miri) { 10_000 } else { 1 } {
        let _short = root.child().child();
        assert_eq!(root.watches(), 1);
    }
    let (grandchild, guard) = (root.child().child(), root.on_cancel(|| {}));
    let mut future = Box::pin(root.cancelled());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(future.as_mut().poll(&mut cx).is_pending());
    assert_eq!(root.watches(), 3, "a child that only its own child holds is one of them");
    drop((grandchild, guard, future));
    assert_eq!(root.watches(), 0);
}

/// Attacks K4.
#[test]
fn a_job_leaves_its_token_when_it_starts_or_never_will() {
    let pool = Pool::builder("leaves").workers(1..=1).build().expect("settings that can be used");
    let root = CancelToken::new();
    let (seen, nested) = (root.clone(), pool.handle());
    let ran = pool.job("ran").token(&root).submit(move |_| {
        let own = nested.job("taken over").token(&seen).submit(|_| {}).expect("open");
        let queued = seen.watches();
        own.join().expect("it runs");
        (queued, seen.watches())
    });
    assert_eq!(ran.expect("open").join().expect("it runs"), (1, 0));
    pool.pause();
    let submit = || pool.job("never").token(&root).submit(|_| {}).expect("open");
    let (cancelled, swept) = (submit(), submit());
    let expired = pool.job("never").token(&root).expires_in(std::time::Duration::ZERO);
    let expired = expired.submit(|_| {}).expect("open");
    assert_eq!(root.watches(), 3);
    assert!(cancelled.cancel());
    assert_eq!(root.watches(), 2);
    pool.resume();
    assert!(expired.join().is_err() && swept.join().is_ok());
    assert_eq!(root.watches(), 0);
    pool.pause();
    let swept = submit();
    pool.shutdown_now();
    assert!(swept.join().is_err());
    assert_eq!(root.watches(), 0);
}

/// Attacks K4: of a job's own token, too, nothing is kept when it is over, however that was.
#[test]
fn the_pool_forgets_the_token_of_a_job_that_is_over() {
    let pool = Pool::builder("forgets").workers(1..=1).build().expect("settings that can be used");
    let tokens = &pool.handle().core.shared.tokens;
    let root = CancelToken::new();
    let ends: [fn(CancelToken); 3] = [drop, |token| token.cancel(), |_| panic!("with a token")];
    for end in ends {
        let inner = pool.handle();
        let job = pool.job("asks").token(&root).submit(move |cx| {
            let token = cx.token();
            assert_eq!(inner.core.shared.tokens.listed(), 1);
            end(token);
        });
        drop(job.expect("open").join());
        assert_eq!((tokens.listed(), root.watches()), (0, 0));
    }
}

/// Attacks K1 and K2: of the cancel and whoever takes its watch back one has it.
#[test]
fn a_watch_is_called_or_given_back_whoever_is_first() {
    for _ in 0..ROUNDS {
        let token = CancelToken::new();
        let called = Arc::new(AtomicUsize::new(0));
        let (calls, below) = (Arc::clone(&called), token.child());
        let watcher = thread::spawn(move || {
            let place = below.place();
            let call = move || _ = calls.fetch_add(1, Ordering::Relaxed);
            place.bind(Box::new(call)).err().or_else(|| place.leave()).is_some()
        });
        let second = token.clone();
        let second = thread::spawn(move || second.cancel());
        token.cancel();
        let given_back = watcher.join().expect("it does not panic");
        second.join().expect("it does not panic");
        // A cancel may return before another one has made its calls, so both have to be over.
        assert_eq!(called.load(Ordering::Relaxed), usize::from(!given_back));
    }
}

/// Attacks K3: what is dropped with a token, or taken out of it, may use it.
#[test]
fn what_is_dropped_may_use_the_token() {
    struct Uses(CancelToken);
    impl Drop for Uses {
        fn drop(&mut self) {
            let _child = self.0.child();
        }
    }
    let token = CancelToken::new();
    let made = || {
        let uses = Uses(token.clone());
        token.on_cancel(move || drop(uses))
    };
    drop(made());
    let kept = made();
    token.cancel();
    drop((kept, made()));
}
