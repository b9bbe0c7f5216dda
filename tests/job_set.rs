//! Jobs that are waited for together: who fails, who is cancelled, what is kept, and who waits.

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use common::{
    DropFlag, Latch, PATIENCE, assert_submitted, block_on, cancel_reason, fixed, occupy, until,
    until_told, within,
};
use springtide::{CancelReason, FallibleError, JobContext, JobError};

#[test]
fn results_come_in_the_order_of_submission_whatever_the_order_of_completion() {
    within(PATIENCE, "order", || {
        let pool = fixed("order", 5, 8);
        let latches: Vec<Latch> = (0..6).map(|_| Latch::new()).collect();
        let ended = Arc::new(Mutex::new(Vec::new()));
        let set = pool.job_set();
        for n in 0..5 {
            let (mine, before) = (latches[n + 1].clone(), latches[n].clone());
            let ended = Arc::clone(&ended);
            let job = move |_: &JobContext<'_>| {
                mine.wait();
                ended.lock().expect("nobody panics").push(n);
                before.open();
                n
            };
            set.submit(job).expect("room");
        }
        latches[5].open();
        assert_eq!(set.join_all().all().expect("none fails"), [0, 1, 2, 3, 4]);
        assert_eq!(*ended.lock().expect("nobody panics"), [4, 3, 2, 1, 0]);
        assert_submitted(&pool, 5);
    });
}

#[test]
fn outcomes_come_one_by_one_as_jobs_end() {
    within(PATIENCE, "as they end", || {
        let pool = fixed("as they end", 2, 8);
        let latch = Latch::new();
        let mut set = pool.job_set();
        let gate = latch.clone();
        set.submit(move |_| {
            gate.wait();
            "slow"
        })
        .expect("room");
        set.submit(|_| "quick").expect("room");
        assert_eq!(set.next().expect("two are to come").expect("it returns"), "quick");
        assert!(set.next_timeout(Duration::ZERO).is_none(), "the other one is not over");
        latch.open();
        assert_eq!(set.next().expect("one is to come").expect("it returns"), "slow");
        assert!(set.next().is_none());
        assert!(set.next_timeout(Duration::MAX).expect("in time").is_none());
        assert_submitted(&pool, 2);
    });
}

#[test]
fn an_outcome_that_was_taken_is_not_kept() {
    within(PATIENCE, "taken", || {
        let pool = fixed("taken", 1, 8);
        let mut set = pool.job_set();
        let ((result, first), (left, second)) = (DropFlag::new(), DropFlag::new());
        let (captured, capture) = DropFlag::new();
        set.submit(move |_| {
            drop(capture);
            first
        })
        .expect("room");
        set.submit(|_| second).expect("room");
        let taken = set.next().expect("two are to come").expect("it returns");
        assert!(captured.is_dropped() && !result.is_dropped());
        drop(taken);
        assert!(result.is_dropped(), "freed while the set lives");
        pool.wait_idle().expect("nothing else runs");
        assert!(!left.is_dropped(), "the other one waits for whoever takes it");
        drop(set);
        assert!(left.is_dropped());
        assert_submitted(&pool, 2);
    });
}

#[test]
fn after_the_first_failure_a_queued_sibling_never_runs() {
    within(PATIENCE, "skips", || {
        let pool = fixed("skips", 1, 8);
        let ran = Arc::new(AtomicBool::new(false));
        let held = occupy(&pool, 1);
        let (flag, captured) = DropFlag::new();
        let set = pool.job_set().fail_fast();
        set.submit_fallible(|_| Ok(1)).expect("room");
        set.submit_fallible(|_| Err("second")).expect("room");
        let seen = Arc::clone(&ran);
        set.submit_fallible(move |_| {
            let _captured = captured;
            seen.store(true, Ordering::SeqCst);
            Ok(3)
        })
        .expect("room");
        held.release();
        let joined = set.join_all();
        assert!(!ran.load(Ordering::SeqCst) && flag.is_dropped());
        assert_eq!(joined.first_failure, Some(1));
        assert!(matches!(joined.outcomes[0], Ok(Ok(1))), "what succeeded before is kept");
        assert_eq!(cancel_reason(&joined.outcomes[2]), Some(CancelReason::Token));
        assert!(matches!(joined.all_ok(), Err(FallibleError::Returned("second"))));
        let stats = assert_submitted(&pool, 4);
        assert_eq!(stats.cancelled, 1);
    });
}

#[test]
fn the_first_failure_in_time_is_reported_even_if_it_was_submitted_last() {
    within(PATIENCE, "first in time", || {
        let pool = fixed("first in time", 2, 8);
        let latch = Latch::new();
        let set = pool.job_set();
        let gate = latch.clone();
        set.submit_fallible(move |_| {
            gate.wait();
            Err::<(), _>("submitted first")
        })
        .expect("room");
        set.submit_fallible(|_| Err("failed first")).expect("room");
        until(|| set.progress().failed == 1);
        latch.open();
        let joined = set.join_all();
        let [Ok(Err("submitted first")), Ok(Err("failed first"))] = joined.outcomes[..] else {
            panic!("both are kept: {:?}", joined.outcomes);
        };
        assert!(matches!(joined.all_ok(), Err(FallibleError::Returned("failed first"))));
        assert_submitted(&pool, 2);
    });
}

#[test]
fn a_failed_set_is_over_only_when_its_running_jobs_are() {
    within(PATIENCE, "waits", || {
        let pool = fixed("waits", 2, 8);
        let (until_told, runs) = until_told();
        let ended = Arc::new(AtomicBool::new(false));
        let set = pool.job_set().fail_fast();
        let seen = Arc::clone(&ended);
        set.submit_fallible(move |cx| {
            until_told(cx);
            std::thread::yield_now();
            seen.store(true, Ordering::SeqCst);
            Ok("kept")
        })
        .expect("room");
        runs.recv().expect("it runs");
        set.submit_fallible(|_| Err("fails")).expect("room");
        let joined = set.join_all();
        assert!(ended.load(Ordering::SeqCst));
        assert!(matches!(joined.outcomes[..], [Ok(Ok("kept")), Ok(Err("fails"))]));
        assert_submitted(&pool, 2);
    });
}

#[test]
fn an_error_that_follows_from_the_first_failure_is_not_reported_in_its_place() {
    within(PATIENCE, "follows", || {
        let pool = fixed("follows", 2, 8);
        let (until_told, runs) = until_told();
        let set = pool.job_set().fail_fast();
        set.submit_fallible(move |cx| {
            until_told(cx);
            Err::<(), _>("was cancelled")
        })
        .expect("room");
        runs.recv().expect("it runs");
        set.submit_fallible(|_| Err("the cause")).expect("room");
        let joined = set.join_all();
        assert!(matches!(joined.outcomes[0], Ok(Err("was cancelled"))));
        assert!(matches!(joined.all_ok(), Err(FallibleError::Returned("the cause"))));
        assert_submitted(&pool, 2);
    });
}

#[test]
fn a_panic_cancels_the_siblings_as_an_error_does() {
    within(PATIENCE, "panics", || {
        let pool = fixed("panics", 2, 8);
        let (until_told, runs) = until_told();
        let set = pool.job_set().fail_fast();
        set.submit(until_told).expect("room");
        runs.recv().expect("it runs");
        set.submit(|_| panic!("ran aground")).expect("room");
        let error = set.join_all().all().expect_err("one panicked");
        assert_eq!(error.panic_message(), Some("ran aground"));
        let stats = assert_submitted(&pool, 2);
        assert_eq!((stats.ok, stats.panicked), (1, 1));
    });
}

#[test]
fn without_fail_fast_all_jobs_run_and_every_outcome_is_kept() {
    within(PATIENCE, "all run", || {
        let pool = fixed("all run", 2, 64);
        let set = pool.job_set();
        for n in 0..20 {
            set.submit_fallible(move |_| if n % 3 == 0 { Err(n) } else { Ok(n) }).expect("room");
        }
        let outcomes = set.join_all().outcomes;
        let failed: Vec<_> = outcomes.iter().flatten().filter_map(|r| r.err()).collect();
        let fine: Vec<_> = outcomes.iter().flatten().filter_map(|r| r.ok()).collect();
        assert_eq!(failed, [0, 3, 6, 9, 12, 15, 18]);
        assert_eq!(fine.len(), 13);
        assert_submitted(&pool, 20);
    });
}

#[test]
fn an_empty_set_is_over_at_once() {
    within(PATIENCE, "empty", || {
        let pool = fixed("empty", 1, 8);
        pool.pause();
        assert!(pool.job_set::<()>().join_all().all().expect("none fails").is_empty());
        let mut set = pool.job_set::<()>();
        assert!(set.next().is_none() && block_on(set.next_async()).is_none());
        assert_submitted(&pool, 0);
    });
}

#[test]
fn a_closed_pool_gives_the_job_back_and_the_set_keeps_what_it_had() {
    within(PATIENCE, "closed", || {
        let pool = fixed("closed", 1, 8);
        let set = pool.job_set();
        set.submit(|_| 1).expect("open");
        pool.close();
        let refused = set.submit(|_| 2).expect_err("closed");
        assert!(refused.is_closed());
        assert_eq!(set.join_all().all().expect("none fails"), [1]);
        assert_submitted(&pool, 2);
    });
}

#[test]
fn a_set_waits_for_jobs_that_its_jobs_add() {
    within(PATIENCE, "adds", || {
        let pool = fixed("adds", 2, 8);
        let count = Arc::new(AtomicUsize::new(0));
        fn grow(set: &springtide::JobSetHandle<usize>, count: &Arc<AtomicUsize>, depth: usize) {
            for _ in 0..2 {
                let (below, seen) = (set.clone(), Arc::clone(count));
                let job = move |_: &JobContext<'_>| {
                    seen.fetch_add(1, Ordering::SeqCst);
                    if depth > 0 {
                        grow(&below, &seen, depth - 1);
                    }
                    depth
                };
                set.submit(job).expect("open");
            }
        }
        let set = pool.job_set();
        grow(&set.handle(), &count, 5);
        assert_eq!(set.join_all().all().expect("none fails").len(), 126);
        assert_eq!(count.load(Ordering::SeqCst), 126);
        assert_submitted(&pool, 126);
    });
}

#[test]
fn a_set_awaited_by_its_pools_only_worker_gets_done() {
    within(PATIENCE, "inside", || {
        let pool = fixed("inside", 1, 8);
        let handle = pool.handle();
        let job = pool.submit(move || {
            let set = handle.job_set();
            for n in 0..50_u64 {
                let inner = handle.clone();
                let job = move |_: &JobContext<'_>| {
                    let below = inner.job_set();
                    below.submit(move |_| n).expect("open");
                    below.submit(|_| 1).expect("open");
                    below.join_all().all().map(|both| both.iter().sum::<u64>())
                };
                set.submit(job).expect("open");
            }
            let mut sum = 0;
            for one in set.join_all().all().expect("none fails") {
                sum += one.expect("none fails");
            }
            sum
        });
        assert_eq!(job.expect("open").join().expect("it returns"), 49 * 50 / 2 + 50);
        assert_submitted(&pool, 151);
    });
}

#[test]
fn a_worker_that_waits_for_a_set_counts_as_blocked() {
    within(PATIENCE, "blocked", || {
        let pool = fixed("blocked", 2, 8);
        let (latch, handle) = (Latch::new(), pool.handle());
        let gate = latch.clone();
        let job = pool.submit(move || {
            let (started, starts) = mpsc::channel();
            let mut set = handle.job_set();
            let waits = move |_: &JobContext<'_>| {
                started.send(()).expect("its submitter listens");
                gate.wait();
            };
            set.submit(waits).expect("open");
            // The other worker has taken it.
            starts.recv().expect("it starts");
            set.next().expect("one is to come")
        });
        until(|| pool.stats().workers.blocked == 1);
        latch.open();
        job.expect("open").join().expect("it returns").expect("none fails");
        assert_eq!(pool.stats().workers.blocked, 0);
        assert_submitted(&pool, 2);
    });
}

#[test]
fn outcomes_can_be_awaited() {
    within(PATIENCE, "awaited", || {
        let pool = fixed("awaited", 2, 64);
        let mut set = pool.job_set();
        (0..20).for_each(|n| set.submit(move |_| n).expect("room"));
        let sum = block_on(async {
            let mut sum = 0;
            while let Some(outcome) = set.next_async().await {
                sum += outcome.expect("none fails");
            }
            sum
        });
        assert_eq!(sum, 190);
        assert_submitted(&pool, 20);
    });
}

#[test]
fn progress_counts_what_is_done_and_what_failed_and_is_told_at_the_end() {
    within(PATIENCE, "progress", || {
        let pool = fixed("progress", 2, 64);
        let told = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&told);
        let set = pool.job_set().on_progress(Duration::MAX, move |progress| {
            seen.lock().expect("nobody panics").push(progress);
        });
        for n in 0..10 {
            set.submit_fallible(move |_| if n < 3 { Err(()) } else { Ok(()) }).expect("room");
        }
        drop(set.join_all());
        let told = told.lock().expect("nobody panics");
        let [first, end] = told[..] else { panic!("{told:?}: the first one, and the end") };
        assert!(first.done >= 1);
        assert_eq!((end.done, end.failed, end.total), (10, 3, Some(10)));
        assert_submitted(&pool, 10);
    });
}

#[test]
fn a_set_that_learns_late_to_fail_fast_cancels_for_the_failure_it_has_seen() {
    within(PATIENCE, "late rule", || {
        let pool = fixed("late rule", 1, 8);
        let set = pool.job_set();
        set.submit(|_| panic!("{}", "first")).expect("room");
        until(|| set.progress().failed == 1);
        let held = occupy(&pool, 1);
        set.submit(|_| ()).expect("room");
        let set = set.fail_fast();
        held.release();
        let joined = set.join_all();
        assert_eq!(joined.first_failure, Some(0));
        assert!(joined.outcomes[1].as_ref().is_err_and(JobError::is_cancelled));
    });
}
