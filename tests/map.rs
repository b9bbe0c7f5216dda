//! A function over an iterator: order, look-ahead, what fails, and what is cancelled.

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;
use std::time::Duration;

use common::{
    CountedWaker, DropFlag, Latch, PATIENCE, assert_submitted, block_on, build, fixed, fixed_with,
    occupy, poll_once, until, within,
};
use springtide::{CancelReason, CancelToken, JobError, Overflow, Pool, PoolHandle};

/// The sum of what a map yields, of which nothing fails.
fn sum(map: impl Iterator<Item = Result<u64, JobError>>) -> u64 {
    map.map(|one| one.expect("none fails")).sum()
}

#[test]
fn results_come_in_the_order_of_the_items_though_later_ones_are_done_first() {
    within(PATIENCE, "in order", || {
        let pool = fixed("in order", 3, 64);
        let (latch, done) = (Latch::new(), Arc::new(AtomicUsize::new(0)));
        let (gate, counted) = (latch.clone(), Arc::clone(&done));
        let map = pool.map(0..100_u64, move |n| {
            if n == 0 {
                gate.wait();
            }
            counted.fetch_add(1, Ordering::SeqCst);
            n
        });
        let opener = std::thread::spawn(move || {
            // All that may be under way beside the first one.
            until(|| done.load(Ordering::SeqCst) == 5);
            latch.open();
        });
        let all: Vec<u64> = map.map(|one| one.expect("none fails")).collect();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
        opener.join().expect("it opens");
        assert_submitted(&pool, 100);
    });
}

#[test]
fn unordered_results_come_as_their_jobs_end() {
    within(PATIENCE, "as they end", || {
        let pool = fixed("as they end", 2, 64);
        let latch = Latch::new();
        let gate = latch.clone();
        let mut map = pool.map_unordered(0..10_u64, move |n| {
            if n == 0 {
                gate.wait();
            }
            n
        });
        let first: Vec<u64> = map.by_ref().take(9).map(|one| one.expect("none fails")).collect();
        assert!(!first.contains(&0), "{first:?}");
        latch.open();
        assert!(matches!(map.next(), Some(Ok(0))));
        assert!(map.next().is_none() && map.next().is_none());
        assert_submitted(&pool, 10);
    });
}

#[test]
fn a_million_items_never_queue_at_once() {
    within(4 * PATIENCE, "a million", || {
        let pool = fixed("a million", 2, 64);
        let items = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
        let (out, high) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let drawn = Arc::clone(&out);
        let items = (0..items).inspect(move |_| {
            drawn.fetch_add(1, Ordering::SeqCst);
        });
        let mut yielded = 0;
        for one in pool.map(items, |n: u64| n).look_ahead(8) {
            assert_eq!(one.expect("none fails"), yielded);
            high.fetch_max(out.load(Ordering::SeqCst) - yielded as usize, Ordering::SeqCst);
            yielded += 1;
        }
        assert_eq!(high.load(Ordering::SeqCst), 8, "under way at once, at most");
        assert_submitted(&pool, yielded);
    });
}

#[test]
fn an_endless_iterator_is_drawn_from_only_as_asked() {
    within(PATIENCE, "endless", || {
        let pool = fixed("endless", 2, 64);
        let drawn = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&drawn);
        let items = (0_u64..).inspect(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        let map = pool.map(items, |n| n);
        assert_eq!(drawn.load(Ordering::SeqCst), 0, "nothing until it is asked");
        assert_eq!(sum(map.take(10)), 45);
        let drawn = drawn.load(Ordering::SeqCst);
        assert!((10..=13).contains(&drawn), "{drawn}: two for each worker ahead");
        assert!(pool.wait_idle_timeout(PATIENCE).is_ok());
    });
}

#[test]
fn a_panic_is_the_error_of_its_item_and_holds_back_no_other() {
    within(PATIENCE, "panics", || {
        let pool = fixed("panics", 2, 64);
        let map = pool.map(0..101_u64, |n| if n == 0 { panic!("not this one") } else { n });
        let (fine, failed): (Vec<_>, Vec<_>) = map.partition(Result::is_ok);
        assert_eq!(sum(fine.into_iter()), 5050);
        let [Err(error)] = &failed[..] else { panic!("{failed:?}") };
        assert_eq!(error.panic_message(), Some("not this one"));
        let stats = assert_submitted(&pool, 101);
        assert_eq!((stats.ok, stats.panicked), (100, 1));
    });
}

#[test]
fn a_failure_in_the_middle_keeps_its_place() {
    within(PATIENCE, "the third", || {
        let pool = fixed("the third", 5, 64);
        let third_first = || {
            let done = Latch::new();
            move |n: u64| if n == 3 { done.open() } else { done.wait() }
        };
        let turn = third_first();
        let panicking = pool.map(1..=5, move |n| {
            turn(n);
            if n == 3 { panic!("the third") } else { n }
        });
        let panicked: Vec<Option<u64>> = panicking.map(Result::ok).collect();
        assert_eq!(panicked, [Some(1), Some(2), None, Some(4), Some(5)]);
        let turn = third_first();
        let failing = pool.map(1..=5, move |n| {
            turn(n);
            if n == 3 { Err("the third") } else { Ok(n) }
        });
        let failed: Vec<_> = failing.fallible().map(|one| one.expect("none panics")).collect();
        assert_eq!(failed, [Ok(1), Ok(2), Err("the third"), Ok(4), Ok(5)]);
        let stats = assert_submitted(&pool, 10);
        assert_eq!((stats.ok, stats.panicked, stats.errored), (8, 1, 1));
    });
}

#[test]
fn a_result_that_was_yielded_is_not_kept() {
    within(PATIENCE, "yielded", || {
        let pool = fixed("yielded", 2, 64);
        let (flags, items): (Vec<_>, Vec<_>) = (0..4).map(|_| DropFlag::new()).unzip();
        let mut map = pool.map(items, |item| item);
        for (nth, flag) in flags.iter().enumerate() {
            let yielded = map.next().expect("four are to come").expect("it returns");
            assert!(!flag.is_dropped(), "{nth} is the test's");
            drop(yielded);
            assert!(flag.is_dropped(), "{nth} is freed while the map lives");
        }
        assert!(map.next().is_none());
        assert_submitted(&pool, 4);
    });
}

#[test]
fn dropping_a_map_cancels_what_is_queued_and_tells_what_runs() {
    within(PATIENCE, "dropped", || {
        let pool = fixed("dropped", 2, 64);
        let (latch, (told, hears)) = (Latch::new(), mpsc::channel());
        let gate = latch.clone();
        let items = (0..4).map(|n| (n, DropFlag::new()));
        let (flags, items): (Vec<_>, Vec<_>) = items.map(|(n, (f, d))| (f, (n, d))).unzip();
        let mut map = pool.job("map").map(items, move |cx, (n, captured)| {
            if n > 0 {
                gate.wait();
                told.send(cx.is_cancelled()).expect("the test listens");
            }
            drop(captured);
        });
        map.next().expect("one is to come").expect("it returns");
        until(|| pool.stats().running == 2);
        drop(map);
        let dropped = flags[1..].iter().filter(|flag| flag.is_dropped()).count();
        latch.open();
        assert_eq!(dropped, 1, "what was queued let go of what it captured");
        assert_eq!((hears.recv(), hears.recv()), (Ok(true), Ok(true)));
        let stats = assert_submitted(&pool, 4);
        assert_eq!((stats.ok, stats.cancelled), (3, 1));
    });
}

#[test]
fn a_token_cancels_the_items_of_a_map() {
    within(PATIENCE, "token", || {
        let pool = fixed("token", 1, 64);
        let token = CancelToken::new();
        let inner = token.clone();
        let map = pool.job("map").token(&token).map(0..5, move |_, n| {
            if n == 1 {
                inner.cancel();
            }
            n
        });
        let reasons: Vec<_> = map.map(|one| one.map_err(|why| why.cancel_reason())).collect();
        let cancelled = Err(Some(CancelReason::Token));
        assert_eq!(reasons, [Ok(0), Ok(1), cancelled, cancelled, cancelled]);
        assert_submitted(&pool, 5);
    });
}

#[test]
fn a_map_inside_a_job_needs_no_other_worker() {
    within(PATIENCE, "inside", || {
        for unordered in [false, true] {
            let pool = fixed("inside", 1, 2);
            let handle = pool.handle();
            let job = pool.submit(move || {
                let inner = handle.clone();
                let twice = move |n: u64| sum(inner.map([n, n], |n| n));
                if unordered {
                    sum(handle.map_unordered(0..50, twice))
                } else {
                    sum(handle.map(0..50, twice))
                }
            });
            assert_eq!(job.expect("open").join().expect("it returns"), 49 * 50);
            assert_submitted(&pool, 151);
        }
    });
}

#[test]
fn a_map_makes_do_with_what_room_there_is() {
    within(PATIENCE, "little room", || {
        let pool = fixed_with("little room", 1, 1, Overflow::Reject);
        assert_eq!(sum(pool.map(0..100, |n| n).look_ahead(50)), 4950);
        let stats = assert_submitted(&pool, 100);
        assert_eq!(stats.refused, 0, "to wait for room is not to be refused");
    });
}

/// Fills the queue of a pool whose workers are held.
fn fill(pool: &PoolHandle) {
    while pool.try_execute(|| ()).is_ok() {}
}

#[test]
fn a_map_waits_for_room_if_others_have_taken_all_of_it() {
    within(PATIENCE, "no room", || {
        let pool = fixed("no room", 1, 2);
        let held = occupy(&pool, 1);
        fill(&pool);
        let handle = pool.handle();
        let waits = std::thread::spawn(move || sum(handle.map(0..10, |n| n)));
        held.release();
        assert_eq!(waits.join().expect("it returns"), 45);
        assert!(pool.wait_idle_timeout(PATIENCE).is_ok());
    });
}

#[test]
fn a_task_waits_for_room_without_blocking_its_thread() {
    within(PATIENCE, "async", || {
        let pool = fixed("async", 1, 2);
        let held = occupy(&pool, 1);
        fill(&pool);
        let (waker, mut map) = (CountedWaker::new(), pool.map(0..10_u64, |n| n));
        assert!(poll_once(&mut map.next_async(), &waker).is_pending());
        assert!(poll_once(&mut map.next_async(), &waker).is_pending());
        assert_eq!(waker.count(), 0);
        held.release();
        until(|| waker.count() > 0);
        let total = block_on(async {
            let mut total = 0;
            while let Some(one) = map.next_async().await {
                total += one.expect("none fails");
            }
            total
        });
        assert_eq!(total, 45);
        assert!(pool.wait_idle_timeout(PATIENCE).is_ok());
    });
}

#[test]
fn a_task_that_gives_up_waiting_for_room_hands_its_call_on() {
    within(PATIENCE, "hands on", || {
        let pool = fixed("hands on", 1, 1);
        let held = occupy(&pool, 1);
        fill(&pool);
        let (waker, mut map) = (CountedWaker::new(), pool.map(0..10_u64, |n| n));
        assert!(poll_once(&mut map.next_async(), &waker).is_pending());
        let mut other = pool.submit_async(|| "got in");
        assert!(poll_once(&mut other, &waker).is_pending());
        drop(map);
        held.release();
        let got_in = block_on(other).expect("open").join();
        assert_eq!(got_in.expect("it returns"), "got in");
    });
}

#[test]
fn a_pool_that_was_shut_down_ends_a_map_with_one_error() {
    within(PATIENCE, "ended", || {
        let pool = fixed("ended", 1, 8);
        let mut map = pool.map(0_u64.., |n| n).look_ahead(2);
        assert!(matches!(map.next(), Some(Ok(0))));
        pool.shutdown();
        let (mut ran, mut refused) = (0, Vec::new());
        for one in map.by_ref() {
            match one {
                Ok(_) => ran += 1,
                Err(error) => refused.push(error.cancel_reason()),
            }
        }
        assert!(ran <= 2 && refused == [Some(CancelReason::Shutdown)], "{ran} {refused:?}");
        assert!(map.next().is_none());
    });
}

#[test]
fn the_default_look_ahead_keeps_every_worker_busy() {
    within(PATIENCE, "busy", || {
        let pool = build(Pool::builder("busy").workers(4..=4));
        let (latch, running) = (Latch::new(), Arc::new(AtomicUsize::new(0)));
        let (gate, counted) = (latch.clone(), Arc::clone(&running));
        let map = pool.map(0..20_u64, move |n| {
            counted.fetch_add(1, Ordering::SeqCst);
            gate.wait();
            n
        });
        let consumer = std::thread::spawn(move || sum(map));
        until(|| running.load(Ordering::SeqCst) == 4 && pool.stats().queued == 4);
        latch.open();
        assert_eq!(consumer.join().expect("it returns"), 190);
        assert_submitted(&pool, 20);
    });
}

#[test]
fn the_progress_of_a_map_knows_its_total_if_the_iterator_does() {
    within(PATIENCE, "progress", || {
        let pool = fixed("progress", 2, 64);
        let told = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&told);
        let odd = |n: u64| if n.is_multiple_of(2) { Ok(n) } else { Err(n) };
        let map = pool.map(0..10, odd).fallible().on_progress(Duration::ZERO, move |progress| {
            seen.lock().expect("nobody panics").push((progress.done, progress.failed));
            assert_eq!(progress.total, Some(10));
        });
        assert_eq!(map.count(), 10);
        let told = told.lock().expect("nobody panics");
        assert_eq!((told.len(), told.last()), (11, Some(&(10, 5))), "each one, and the end");
        let unknown = pool.map((0..10).filter(|n| n % 2 == 0), |n: u64| n);
        assert_eq!(unknown.progress().total, None);
        assert_eq!(sum(unknown), 20);
        assert_submitted(&pool, 15);
    });
}

#[test]
fn an_iterator_that_panics_does_so_where_it_is_drawn_from() {
    within(PATIENCE, "bad items", || {
        let pool = fixed("bad items", 1, 8);
        let is_dropped = Arc::new(AtomicBool::new(false));
        let noticed = Arc::clone(&is_dropped);
        let drawn = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _on_drop = common::OnDrop::new(move || noticed.store(true, Ordering::SeqCst));
            let items = (0..3_u64).inspect(|n| assert!(*n < 1, "no more"));
            sum(pool.map(items, |n| n))
        }));
        assert!(drawn.is_err() && is_dropped.load(Ordering::SeqCst));
        assert_submitted(&pool, 1);
    });
}

#[test]
fn an_empty_map_is_over_at_once() {
    within(PATIENCE, "empty", || {
        let pool = fixed("empty", 1, 8);
        pool.pause();
        let mut map = pool.map([0_u64; 0], |n| n);
        let waker = CountedWaker::new();
        assert!(matches!(poll_once(&mut map.next_async(), &waker), Poll::Ready(None)));
        assert_eq!(map.size_hint(), (0, Some(1)));
        assert!(map.next().is_none());
        assert_submitted(&pool, 0);
    });
}
