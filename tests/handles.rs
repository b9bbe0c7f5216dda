//! The submitter's end of a job: joined, awaited, polled, cancelled, dropped, let go.

mod common;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use common::{
    CountedWaker, DropFlag, FOREVER, Latch, OnDrop, PATIENCE, assert_submitted, block_on, build,
    fixed, occupy, poll_once, until, until_told, within,
};
use springtide::{CancelReason, JobHandle, Pool};

#[test]
fn a_join_returns_what_the_job_returned_be_it_an_error() {
    within(PATIENCE, "join", || {
        let pool = fixed("join", 1, 8);
        let value = pool.submit(|| vec![1, 2, 3]).expect("open");
        let error = pool.submit(|| "x".parse::<u8>()).expect("open");
        assert_eq!(value.join().expect("it returns"), [1, 2, 3]);
        assert_eq!(error.join().expect("it returns"), "x".parse::<u8>());
        assert_eq!(assert_submitted(&pool, 2).ok, 2, "a job's own error is a result");
    });
}

#[test]
fn a_join_that_times_out_gives_the_handle_back_and_the_job_goes_on() {
    within(PATIENCE, "timeout", || {
        let pool = fixed("timeout", 1, 8);
        let latch = Latch::new();
        let gate = latch.clone();
        let mut handle = pool.submit(move || gate.wait()).expect("open");
        for timeout in [Duration::ZERO, Duration::from_nanos(1), Duration::from_millis(10)] {
            handle = handle.join_timeout(timeout).expect_err("the latch is closed");
        }
        handle = handle.try_join().expect_err("the latch is closed");
        assert!(!handle.is_finished());
        latch.open();
        let joined = handle.join_timeout(Duration::MAX).expect("for ever is long enough");
        joined.expect("it returns");
        assert_submitted(&pool, 1);
    });
}

// Where others want every core, a look at the result may cost a turn of the scheduler
#[test]
fn a_short_timeout_is_kept_on_a_busy_machine() {
    within(PATIENCE, "busy machine", || {
        let pool = fixed("busy-machine", 1, 8);
        let latch = Latch::new();
        let gate = latch.clone();
        let mut handle = pool.submit(move || gate.wait()).expect("open");
        let is_over = AtomicBool::new(false);
        let (waited, handle) = thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                });
            }
            // By turns with a sleep of that length, which is as long as the machine makes it.
            let (short, mut waited, mut slept) = (Duration::from_micros(200), vec![], vec![]);
            for _ in 0..50 {
                let start = Instant::now();
                handle = handle.join_timeout(short).expect_err("shut");
                waited.push(start.elapsed());
                let start = Instant::now();
                thread::park_timeout(short);
                slept.push(start.elapsed());
            }
            is_over.store(true, Ordering::Relaxed);
            waited.sort();
            slept.sort();
            ((waited[25], slept[25]), handle)
        });
        let (waited, slept) = waited;
        assert!(waited < slept * 3, "half of them waited {waited:?}, and slept {slept:?}");
        latch.open();
        handle.join().expect("it returns");
    });
}

#[test]
fn a_finished_job_is_there_for_every_way_to_ask() {
    within(PATIENCE, "finished", || {
        let pool = fixed("finished", 1, 8);
        let handles: Vec<JobHandle<i32>> =
            (0..4).map(|n| pool.submit(move || n).expect("open")).collect();
        until(|| handles.iter().all(JobHandle::is_finished));
        let mut handles = handles.into_iter();
        let mut next = || handles.next().expect("four of them");
        assert_eq!(next().try_join().expect("finished").expect("it returned"), 0);
        let joined = next().join_timeout(Duration::ZERO).expect("finished");
        assert_eq!(joined.expect("it returned"), 1);
        assert_eq!(next().join().expect("it returned"), 2);
        assert_eq!(block_on(next()).expect("it returned"), 3);
        assert_submitted(&pool, 4);
    });
}

#[test]
fn what_a_job_captured_is_freed_before_its_join_returns() {
    within(PATIENCE, "captured", || {
        let pool = fixed("captured", 2, 8);
        for _ in 0..200 {
            let captured = Arc::new(());
            let mine = Arc::clone(&captured);
            pool.submit(move || drop(mine)).expect("open").join().expect("it returns");
            let unused = Arc::clone(&captured);
            let handle = pool.submit(move || {
                let _kept_to_the_end = &unused;
            });
            handle.expect("open").join().expect("it returns");
            assert_eq!(Arc::strong_count(&captured), 1);
        }
        assert_submitted(&pool, 400);
    });
}

#[test]
fn the_result_of_a_dropped_handle_is_freed_by_the_worker() {
    within(PATIENCE, "detached", || {
        let pool = fixed("detached", 1, 8);
        for detach in [JobHandle::detach, drop] {
            let held = occupy(&pool, 1);
            let (flag, on_drop) = DropFlag::new();
            detach(pool.submit(move || on_drop).expect("open"));
            assert!(!flag.is_dropped(), "the job goes on by itself");
            held.release();
            assert_eq!(pool.wait_idle(), Ok(()));
            assert!(flag.is_dropped());
        }
        assert_eq!(assert_submitted(&pool, 4).ok, 4);
    });
}

// Dropped after it was there
#[test]
fn the_result_of_a_handle_dropped_late_is_freed_with_it() {
    within(PATIENCE, "late", || {
        let pool = fixed("late", 1, 8);
        let (flag, on_drop) = DropFlag::new();
        let handle = pool.submit(move || on_drop).expect("open");
        until(|| handle.is_finished());
        assert!(!flag.is_dropped());
        drop(handle);
        assert!(flag.is_dropped());
        assert_submitted(&pool, 1);
    });
}

#[test]
fn a_cancelled_job_frees_what_it_captured_and_its_place_at_once() {
    within(PATIENCE, "cancel", || {
        let pool = fixed("cancel", 1, 1);
        let held = occupy(&pool, 1);
        let (flag, on_drop) = DropFlag::new();
        let job = pool.submit(move || drop(on_drop)).expect("one place");
        assert!(pool.try_submit(|| {}).is_err(), "the place is taken");
        assert!(job.cancel());
        assert!(flag.is_dropped() && job.is_finished());
        assert_eq!(pool.stats().queued, 0);
        let next = pool.try_submit(|| 5).expect("the place is free though no worker is");
        let error = job.join().expect_err("cancelled");
        assert_eq!(error.cancel_reason(), Some(CancelReason::Requested));
        assert_eq!(error.to_string(), "job cancelled on request");
        held.release();
        assert_eq!(next.join().expect("it returns"), 5);
        let stats = assert_submitted(&pool, 4);
        assert_eq!((stats.ok, stats.cancelled, stats.refused), (2, 1, 1));
    });
}

#[test]
fn a_second_cancel_changes_nothing_and_says_so() {
    within(PATIENCE, "again", || {
        let pool = fixed("again", 1, 4);
        let held = occupy(&pool, 1);
        let queued = pool.submit(|| {}).expect("open");
        assert!(queued.cancel() && !queued.cancel());
        held.release();
        let finished = pool.submit(|| 3).expect("open");
        until(|| finished.is_finished());
        assert!(!finished.cancel(), "too late");
        assert_eq!(finished.join().expect("the result stands"), 3);
        assert_eq!(assert_submitted(&pool, 3).cancelled, 1);
    });
}

// Memory is bounded by the queue, whatever is cancelled
#[test]
fn cancelling_without_end_behind_a_stuck_worker_fills_the_queue_in_the_end() {
    within(PATIENCE, "shells", || {
        let pool = fixed("shells", 1, 8);
        let held = occupy(&pool, 1);
        let mut cancelled = 0;
        while let Ok(handle) = pool.try_submit(|| {}) {
            assert!(handle.cancel());
            cancelled += 1;
            assert!(cancelled <= 64, "the empty shells of cancelled jobs are bounded");
        }
        assert!(cancelled >= 8);
        held.release();
        pool.submit(|| {}).expect("open").join().expect("it returns");
        let stats = assert_submitted(&pool, cancelled + 3);
        assert_eq!((stats.cancelled, stats.refused), (cancelled, 1));
    });
}

#[test]
fn cancelling_a_running_job_tells_it_and_the_handle_waits_for_what_it_returns() {
    within(PATIENCE, "token", || {
        let pool = fixed("token", 1, 4);
        let (until_told, runs) = until_told();
        let handle = pool.job("polite").submit(move |cx| {
            assert!(!cx.is_cancelled() && cx.check().is_ok());
            until_told(cx);
            (cx.check().is_err(), cx.attempt(), cx.worker_index(), cx.deadline())
        });
        let handle = handle.expect("open");
        runs.recv().expect("it runs");
        assert!(!handle.cancel(), "it has started");
        assert_eq!(handle.join().expect("it returns"), (true, 1, Some(0), None));
        assert_eq!(assert_submitted(&pool, 1).ok, 1, "it ran and returned");
    });
}

#[test]
fn a_handle_that_cancels_on_drop_does_so_and_can_be_talked_out_of_it() {
    within(PATIENCE, "ondrop", || {
        let pool = fixed("ondrop", 1, 4);
        let ran = Arc::new(AtomicUsize::new(0));
        let held = occupy(&pool, 1);
        let submit = || {
            let ran = Arc::clone(&ran);
            let job = move || ran.fetch_add(1, Ordering::SeqCst);
            pool.submit(job).expect("open").cancel_on_drop()
        };
        drop(submit());
        submit().detach();
        let joined = submit();
        held.release();
        assert_eq!(joined.join().expect("joining is not dropping"), 1);
        let stats = assert_submitted(&pool, 4);
        assert_eq!((stats.ok, stats.cancelled, ran.load(Ordering::SeqCst)), (3, 1, 2));
        let ((until_told, runs), (told, noticed)) = (until_told(), mpsc::channel());
        let job = pool.job("running").submit(move |cx| {
            until_told(cx);
            told.send(()).expect("the test listens");
        });
        let handle = job.expect("open").cancel_on_drop();
        runs.recv().expect("it runs");
        drop(handle);
        noticed.recv().expect("the running job was told");
        assert_submitted(&pool, 5);
    });
}

// User code runs under no lock
#[test]
fn what_a_cancelled_job_captured_may_use_the_pool_as_it_is_dropped() {
    within(PATIENCE, "dropuses", || {
        let pool = fixed("dropuses", 1, 1);
        let held = occupy(&pool, 1);
        let inner = pool.handle();
        let submits = OnDrop::new(move || {
            inner.execute(|| {}).expect("its own place is free by now");
            assert_eq!(inner.stats().queued, 1);
        });
        let job = pool.submit(move || drop(submits)).expect("one place");
        assert!(job.cancel());
        assert_eq!(pool.stats().queued, 1, "the drop did not panic");
        held.release();
        assert_eq!(assert_submitted(&pool, 3).ok, 2);
    });
}

// Awaited on another thread than the worker's
#[test]
fn a_future_is_woken_once_by_the_result_and_by_its_last_waker_only() {
    within(PATIENCE, "future", || {
        let pool = fixed("future", 1, 4);
        let latch = Latch::new();
        let gate = latch.clone();
        let mut handle = pool
            .submit(move || {
                gate.wait();
                6
            })
            .expect("open");
        let (first, last) = (CountedWaker::new(), CountedWaker::new());
        assert!(poll_once(&mut handle, &first).is_pending());
        assert!(poll_once(&mut handle, &last).is_pending());
        latch.open();
        until(|| last.count() > 0);
        assert_eq!((first.count(), last.count()), (0, 1));
        assert_eq!(block_on(handle).expect("it returns"), 6);
        assert_submitted(&pool, 1);
    });
}

#[test]
fn a_thousand_futures_awaited_by_four_threads_all_resolve() {
    within(PATIENCE, "futures", || {
        let pool = build(Pool::builder("futures").workers(1..=2).queue_capacity(16));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for n in 0..250_u32 {
                        let job = pool.submit(move || n + 1).expect("open");
                        assert_eq!(block_on(job).expect("it returns"), n + 1);
                    }
                });
            }
        });
        assert_submitted(&pool, 1_000);
    });
}

// Happens-before: plain data both ways
#[test]
fn what_the_submitter_wrote_the_job_reads_and_the_other_way_round() {
    within(PATIENCE, "hb", || {
        let pool = fixed("hb", 2, 64);
        let mut data = vec![0_u32; 64];
        for round in 0..500 {
            data.fill(round);
            let job = pool.submit(move || {
                assert!(data.iter().all(|n| *n == round));
                data.fill(round + 1);
                data
            });
            data = job.expect("open").join().expect("it returns");
            assert!(data.iter().all(|n| *n == round + 1));
        }
        assert_submitted(&pool, 500);
    });
}

// Ids
#[test]
fn ids_are_unique_over_pools_and_threads_and_show_while_a_job_runs() {
    within(PATIENCE, "ids", || {
        let pools = [fixed("ids", 1, 5_000), fixed("ids", 1, 5_000)];
        assert_eq!((pools[0].name(), pools[1].name()), ("ids", "ids#2"));
        let mut ids = HashSet::new();
        let (send, receive) = mpsc::channel();
        thread::scope(|scope| {
            for pool in &pools {
                for _ in 0..3 {
                    let send = send.clone();
                    scope.spawn(move || {
                        for _ in 0..1_500 {
                            let handle = pool.submit(|| {}).expect("open");
                            send.send(handle.id()).expect("the test listens");
                        }
                    });
                }
            }
        });
        drop(send);
        assert!(receive.iter().all(|id| ids.insert(id)), "an id came twice");
        assert_eq!(ids.len(), 9_000);
        let (latch, pool) = (Latch::new(), &pools[0]);
        let gate = latch.clone();
        let handle = pool.job("seen").submit(move |_| gate.wait()).expect("open");
        until(|| pool.running_jobs().iter().any(|job| job.id == Some(handle.id())));
        let seen = pool.running_jobs();
        assert_eq!((seen.len(), seen[0].kind, seen[0].worker), (1, "seen", 0));
        latch.open();
        handle.join().expect("it returns");
        assert_submitted(&pools[0], 4_501);
        assert_submitted(&pools[1], 4_500);
    });
}

// Time: any duration is legal
#[test]
fn every_duration_is_legal_for_every_wait_on_a_handle() {
    within(PATIENCE, "durations", || {
        let pool = fixed("durations", 1, 8);
        for d in [Duration::ZERO, Duration::from_nanos(1), FOREVER, Duration::MAX] {
            let job = pool.job("any").expires_in(d).timeout(d).submit(|cx| cx.deadline());
            // Whatever became of it, it is resolved and counted.
            let _: Result<Option<Instant>, springtide::JobError> = job.expect("open").join();
            let mut handle = pool.submit_timeout(|| {}, d).expect("there is room");
            while let Err(early) = handle.join_timeout(d) {
                handle = early;
            }
        }
        assert_submitted(&pool, 8);
    });
}
