use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::*;
use crate::Pool;

/// Small enough for Miri, which interprets a whole pool here.
const ROUNDS: usize = if cfg!(miri) { 2 } else { 200 };

fn pool(name: &str, workers: usize) -> Pool {
    let builder = Pool::builder(name).workers(workers..=workers).queue_capacity(64);
    builder.build().expect("settings that can be used")
}

/// Attacks B1 and B3: whoever gets there first, a job is over before the scope is.
#[test]
fn what_jobs_borrowed_is_the_callers_again_after_the_scope() {
    let pool = pool("borrow", 2);
    for round in 0..ROUNDS {
        let mut sums = [0_usize; 4];
        let numbers: Vec<usize> = (0..round + 8).collect();
        let returned = pool.scope(|s| {
            for (index, sum) in sums.iter_mut().enumerate() {
                let numbers = &numbers;
                s.spawn(move || *sum = numbers.iter().map(|n| n * index).sum());
            }
            &numbers
        });
        let total: usize = returned.iter().sum();
        assert_eq!(sums, [0, total, 2 * total, 3 * total]);
    }
}

/// Attacks B2: the job is not over while something that it captured is.
#[test]
fn a_scope_outlasts_the_destructors_of_what_its_jobs_captured() {
    struct Late<'a>(&'a AtomicUsize);
    impl Drop for Late<'_> {
        fn drop(&mut self) {
            std::thread::yield_now();
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let pool = pool("late", 2);
    for _ in 0..ROUNDS {
        let dropped = AtomicUsize::new(0);
        pool.scope(|s| {
            for _ in 0..3 {
                let (captured, returned) = (Late(&dropped), Late(&dropped));
                s.spawn(move || {
                    let _captured = &captured;
                    returned
                });
            }
        });
        assert_eq!(dropped.into_inner(), 6);
    }
}

/// Attacks B3: jobs that are added by jobs, after the body.
#[test]
fn a_scope_waits_for_jobs_that_its_jobs_spawn() {
    let pool = pool("deep", 2);
    let count = AtomicUsize::new(0);
    fn grow<'scope>(s: &'scope Scope<'scope, '_>, count: &'scope AtomicUsize, depth: usize) {
        count.fetch_add(1, Ordering::Relaxed);
        for _ in 0..if depth == 0 { 0 } else { 2 } {
            s.spawn(move || grow(s, count, depth - 1));
        }
    }
    for _ in 0..ROUNDS.min(20) {
        count.store(0, Ordering::Relaxed);
        pool.scope(|s| grow(s, &count, 3));
        assert_eq!(count.load(Ordering::Relaxed), 15);
    }
}

#[test]
fn handles_and_scopes_that_are_leaked_leave_nothing_borrowed_behind() {
    let pool = pool("leak", 2);
    let mut words = vec![String::from("ebb"); 4];
    pool.scope(|s| {
        for word in &mut words {
            std::mem::forget(s.spawn(move || {
                word.push_str(" tide");
                &*word
            }));
        }
    });
    drop(words.pop());
    assert_eq!(words, ["ebb tide"; 3]);
}

#[test]
fn a_ticket_that_comes_late_finds_nothing() {
    let pool = pool("tickets", 1);
    pool.pause();
    let mut order = Vec::new();
    pool.scope(|s| {
        s.spawn(|| order.push(0));
    });
    {
        let numbers = [1_usize, 2];
        let sum = pool.scope(|s| {
            let both = [s.spawn(|| numbers[0]), s.spawn(|| numbers[1])];
            both.map(|one| one.join().expect("it returns"))
        });
        order.extend(sum);
    }
    // Whatever is still queued knows numbers only.
    pool.resume();
    pool.wait_idle().expect("nobody is inside");
    assert_eq!(order, [0, 1, 2]);
}

#[test]
fn a_panic_is_raised_when_the_others_have_ended_unless_it_was_joined() {
    let pool = pool("panics", 2);
    let ended = AtomicUsize::new(0);
    let raised = panic::catch_unwind(AssertUnwindSafe(|| {
        pool.scope(|s| {
            s.spawn(|| panic!("on the rocks"));
            (0..3).for_each(|_| drop(s.spawn(|| ended.fetch_add(1, Ordering::Relaxed))));
        });
    }));
    let payload = raised.expect_err("nobody joined it");
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"on the rocks"));
    assert_eq!(ended.load(Ordering::Relaxed), 3);

    let error = pool.scope(|s| s.spawn(|| panic!("in sight")).join());
    assert_eq!(
        error.map_err(|error| error.panic_message().map(str::to_owned)).err().flatten(),
        Some("in sight".to_owned())
    );
}

#[test]
fn a_body_that_panics_still_waits_for_its_jobs() {
    let pool = pool("body", 2);
    let (ended, both) = (AtomicUsize::new(0), Barrier::new(2));
    let raised = panic::catch_unwind(AssertUnwindSafe(|| {
        pool.scope(|s| {
            s.spawn(|| {
                both.wait();
                ended.fetch_add(1, Ordering::Relaxed);
            });
            both.wait();
            panic!("the body's own");
        });
    }));
    let payload = raised.expect_err("it panicked");
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"the body's own"));
    assert_eq!(ended.load(Ordering::Relaxed), 1);
}

#[test]
fn a_scope_inside_a_job_needs_no_other_worker() {
    let pool = pool("inside", 1);
    let handle = pool.handle();
    let (send, receive) = mpsc::channel();
    let job = pool.execute(move || {
        let numbers = [1, 2, 3];
        let sum = handle.scope(|s| {
            let parts = numbers.each_ref().map(|n| s.spawn(move || *n));
            parts.into_iter().map(|part| part.join().expect("it returns")).sum::<i32>()
        });
        send.send(sum).expect("the test listens");
    });
    job.expect("open");
    assert_eq!(receive.recv(), Ok(6));
}
