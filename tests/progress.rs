//! How far a set or a map has come, as read while its jobs come and run on several threads.

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::{PATIENCE, assert_submitted, fixed, until, within};
use springtide::{JobSetHandle, Progress};

const JOBS: usize = 4_000;

/// Reads until it is over. Of a set whose every job fails, what is done and what failed are one
/// number at every moment, and no number ever falls.
fn watch(set: &JobSetHandle<Result<(), ()>>, over: &AtomicBool) {
    let mut last = Progress::default();
    while !over.load(Ordering::Relaxed) {
        let now = set.progress();
        assert_eq!(now.done, now.failed, "of two moments");
        let total = now.total.expect("a set knows it");
        assert!(now.done <= total && total <= JOBS, "{now:?}");
        assert!(now.done >= last.done && now.total >= last.total, "{last:?}, and then {now:?}");
        last = now;
    }
}

#[test]
fn the_progress_of_a_set_is_of_one_moment_while_threads_submit_and_run_its_jobs() {
    within(PATIENCE, "moment", || {
        let pool = fixed("moment", 4, 64);
        let set = pool.job_set::<Result<(), ()>>();
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..2 {
                let (watched, filled, over) = (set.handle(), set.handle(), &over);
                scope.spawn(move || watch(&watched, over));
                scope.spawn(move || {
                    for _ in 0..JOBS / 2 {
                        filled.submit_fallible(|_| Err(())).expect("the queue has room in time");
                    }
                });
            }
            until(|| set.progress().done == JOBS);
            over.store(true, Ordering::Relaxed);
        });
        let end = set.progress();
        assert_eq!((end.done, end.failed, end.total), (JOBS, JOBS, Some(JOBS)));
        assert_eq!(set.count(), JOBS, "and all of them are there");
        assert_submitted(&pool, JOBS as u64);
    });
}

#[test]
fn the_progress_of_a_map_is_never_behind_what_it_has_yielded() {
    within(PATIENCE, "yielded", || {
        let pool = fixed("yielded", 4, 64);
        let mut map = pool.map(0..JOBS, |_| Err::<(), ()>(())).fallible();
        let mut last = 0;
        for yielded in 0.. {
            // Jobs end between these looks, on other threads.
            for _ in 0..100 {
                let now = map.progress();
                assert_eq!(now.done, now.failed, "of two moments");
                assert_eq!(now.total, Some(JOBS));
                assert!(now.done >= yielded.max(last) && now.done <= JOBS, "{yielded}: {now:?}");
                last = now.done;
            }
            if map.next().is_none() {
                break;
            }
        }
        assert_eq!(last, JOBS);
        assert_submitted(&pool, JOBS as u64);
    });
}
