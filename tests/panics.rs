//! A panic ends one job. Not its worker, not the counts, not the process.

mod common;

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::process::Command;
use std::sync::{Arc, Barrier, mpsc};

use std::time::Duration;

use common::{
    Bomb, DropFlag, Latch, OnDrop, PATIENCE, assert_submitted, build, fixed, fixed_with, occupy,
    until, within,
};
use springtide::{Overflow, Pool, PoolHandle, ShutdownReport};

/// Both workers of a pool of two are alive and run at the same time.
fn assert_two_in_parallel(pool: &PoolHandle) {
    let meet = Arc::new(Barrier::new(2));
    let together: Vec<_> = (0..2)
        .map(|_| {
            let meet = Arc::clone(&meet);
            let job = move || {
                meet.wait();
            };
            pool.submit(job).expect("open")
        })
        .collect();
    together.into_iter().for_each(|job| job.join().expect("it returns"));
    let stats = pool.stats();
    assert_eq!((stats.threads_started, stats.workers.total), (2, 2), "no worker was replaced");
}

#[test]
fn fifty_panics_leave_both_workers_and_exact_counts() {
    within(PATIENCE, "fifty", || {
        let pool = fixed("fifty", 2, 64);
        for n in 0..50 {
            let handle = pool.submit(move || -> i32 { panic!("the {n}th") }).expect("open");
            let error = handle.join().expect_err("it panicked");
            assert_eq!(error.panic_message(), Some(format!("the {n}th").as_str()));
        }
        assert_two_in_parallel(&pool);
        let stats = assert_submitted(&pool, 52);
        assert_eq!((stats.panicked, stats.ok), (50, 2));
    });
}

#[test]
fn a_panic_comes_with_its_message_its_place_and_its_payload() {
    within(PATIENCE, "place", || {
        let pool = fixed("place", 1, 64);
        let line = line!() + 1;
        let error = pool.submit(|| panic!("why")).expect("open").join().expect_err("it panicked");
        assert!(error.is_panicked() && !error.is_cancelled());
        let location = error.panic_location().expect("our hook is in place").to_owned();
        assert!(location.starts_with(&format!("{}:{line}:", file!())), "{location}");
        assert_eq!(error.to_string(), format!("job panicked: why at {location}"));
        let payload = error.into_panic().expect("it is a panic");
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"why"));
        let number = pool.submit(|| panic::panic_any(7_u64)).expect("open").join();
        let number = number.expect_err("it panicked");
        assert_eq!(number.panic_message(), Some("a payload that is not text"));
        let payload = number.into_panic().expect("it is a panic");
        assert_eq!(payload.downcast_ref::<u64>(), Some(&7));
        assert_submitted(&pool, 2);
    });
}

/// Which stack the child that runs this very test is to find.
const STACK: &str = "SPRINGTIDE_TEST_STACK";

// Whether there is one is read from the environment once in a process
#[test]
fn the_stack_of_a_panic_is_kept_if_the_environment_asks_for_it() {
    const NAME: &str = "the_stack_of_a_panic_is_kept_if_the_environment_asks_for_it";
    #[inline(never)]
    fn the_one_to_blame() {
        panic!("why");
    }
    match std::env::var(STACK) {
        Err(_) => ["0", "1"].into_iter().for_each(|asked| {
            let mut child = Command::new(std::env::current_exe().expect("it runs"));
            child.args(["--exact", NAME]).env("RUST_BACKTRACE", asked).env(STACK, asked);
            let ended = child.env_remove("RUST_LIB_BACKTRACE").output().expect("a process");
            assert!(ended.status.success(), "{asked}: {ended:?}");
        }),
        Ok(asked) => {
            let pool = fixed("stack", 1, 64);
            let error = pool.submit(the_one_to_blame).expect("open").join();
            let error = error.expect_err("it panicked");
            let stack = error.panic_backtrace().map(ToString::to_string);
            assert_eq!(stack.is_some(), asked == "1");
            assert!(stack.is_none_or(|stack| stack.contains("the_one_to_blame")));
            assert!(error.panic_location().is_some());
        }
    }
}

// A place is worse than none if it is another panic's
#[test]
fn a_panic_without_a_place_does_not_get_that_of_an_earlier_one() {
    within(PATIENCE, "stale", || {
        let pool = fixed("stale", 1, 64);
        let caught = pool.submit(|| panic::catch_unwind(|| panic!("caught by the job itself")));
        assert!(caught.expect("open").join().expect("it returns").is_err());
        // Does not go through the panic hook, so nobody knows its place.
        let resumed = pool.submit(|| panic::resume_unwind(Box::new("resumed"))).expect("open");
        let error = resumed.join().expect_err("it panicked");
        assert_eq!((error.panic_message(), error.panic_location()), (Some("resumed"), None));
        assert_submitted(&pool, 2);
    });
}

#[test]
fn the_next_job_starts_right_after_a_panic() {
    within(PATIENCE, "next", || {
        let pool = fixed("next", 1, 64);
        let latch = Latch::new();
        let gate = latch.clone();
        let bad = pool.submit(move || {
            gate.wait();
            panic!("frees its worker");
        });
        let next = pool.submit(|| 1).expect("open");
        latch.open();
        assert_eq!(next.join().expect("it returns"), 1);
        assert!(bad.expect("open").join().is_err());
        let stats = assert_submitted(&pool, 2);
        assert_eq!(stats.threads_started, 1);
    });
}

#[test]
fn a_submitter_that_waits_for_room_gets_in_right_after_a_panic() {
    within(PATIENCE, "room", || {
        let pool = fixed("room", 1, 1);
        for n in 0..50 {
            let latch = Latch::new();
            let gate = latch.clone();
            let job = move || {
                gate.wait();
                panic!("makes room");
            };
            pool.execute(job).expect("room");
            until(|| pool.stats().running == 1);
            pool.execute(|| {}).expect("one place");
            let waits = pool.handle();
            let submitter = std::thread::spawn(move || waits.submit(move || n).map(|h| h.join()));
            until(|| pool.stats().submitters_blocked == 1);
            latch.open();
            let joined = submitter.join().expect("no panic").expect("it gets in");
            assert_eq!(joined.expect("it returns"), n);
            pool.wait_idle().expect("not inside");
        }
        assert_eq!(assert_submitted(&pool, 150).threads_started, 1);
    });
}

#[test]
fn a_panic_nobody_waits_for_is_counted_before_the_next_job_starts() {
    within(PATIENCE, "forgotten", || {
        let pool = fixed("forgotten", 1, 256);
        for n in 1..=100_u64 {
            pool.execute(|| panic!("nobody hears this")).expect("open");
            let inner = pool.handle();
            let counted = pool.submit(move || inner.stats().panicked).expect("open");
            assert_eq!(counted.join().expect("it returns"), n);
        }
        assert_eq!(assert_submitted(&pool, 200).panicked, 100);
    });
}

#[test]
fn what_a_job_captured_may_panic_as_it_is_dropped() {
    within(PATIENCE, "captures", || {
        let pool = fixed("captures", 2, 64);
        for n in 0..50 {
            let bomb = Bomb(n % 3);
            let job = move || {
                let _dropped_at_the_end = &bomb;
            };
            if n % 2 == 0 {
                assert!(pool.submit(job).expect("open").join().is_err_and(|e| e.is_panicked()));
            } else {
                pool.execute(job).expect("open");
            }
        }
        assert_eq!(pool.wait_idle(), Ok(()));
        assert_two_in_parallel(&pool);
        assert_eq!(assert_submitted(&pool, 52).panicked, 50);
    });
}

// The same for jobs that never run
#[test]
fn what_an_unrun_job_captured_may_panic_as_it_is_dropped() {
    within(PATIENCE, "unrun", || {
        let pool = fixed("unrun", 1, 64);
        let held = occupy(&pool, 1);
        let bombed = |n| {
            let bomb = Bomb(n);
            pool.job("bombed").expires_in(Duration::from_nanos(1)).submit(move |_| drop(bomb))
        };
        for n in 0..10 {
            let (cancelled, expired) = (bombed(n % 3), bombed(n % 3));
            assert!(cancelled.expect("open").cancel(), "the panic is nobody's");
            expired.expect("open").detach();
        }
        held.release();
        let stats = assert_submitted(&pool, 21);
        assert_eq!((stats.cancelled, stats.expired, stats.panicked), (10, 10, 0));
        let held = occupy(&pool, 1);
        let swept = pool.submit({
            let bomb = Bomb(2);
            move || drop(bomb)
        });
        let report = pool.shutdown_now();
        assert_eq!((report.cancelled, report.still_running.len()), (11, 1));
        assert!(swept.expect("open").join().is_err_and(|error| error.is_cancelled()));
        held.release();
        assert!(pool.shutdown().ended);
        assert_submitted(&pool, 23);
    });
}

#[test]
fn a_payload_may_panic_as_it_is_dropped_and_so_may_the_payload_of_that() {
    within(PATIENCE, "payloads", || {
        let pool = fixed("payloads", 2, 64);
        for n in 0..30 {
            let job = move || panic::panic_any(Bomb(n % 3));
            match n % 4 {
                0 => pool.execute(job).expect("open"),
                1 => pool.submit(job).expect("open").detach(),
                2 => drop(pool.submit(job).expect("open").join()),
                _ => {
                    let handle = pool.submit(job).expect("open");
                    until(|| handle.is_finished());
                    drop(handle);
                }
            }
        }
        assert_eq!(pool.wait_idle(), Ok(()));
        assert_two_in_parallel(&pool);
        assert_eq!(assert_submitted(&pool, 32).panicked, 30);
    });
}

#[test]
fn a_result_nobody_wants_may_panic_as_it_is_dropped() {
    within(PATIENCE, "results", || {
        let pool = fixed("results", 2, 64);
        let held = occupy(&pool, 2);
        for n in 0..30 {
            pool.submit(move || Bomb(n % 3)).expect("open").detach();
        }
        held.release();
        assert_eq!(pool.wait_idle(), Ok(()));
        assert_two_in_parallel(&pool);
        let stats = assert_submitted(&pool, 34);
        assert_eq!((stats.ok, stats.panicked), (34, 0), "the job itself returned");
    });
}

// And the late result of a job that timed out
#[test]
fn a_late_result_may_panic_as_it_is_dropped() {
    within(PATIENCE, "lateresult", || {
        let pool = fixed("lateresult", 2, 64);
        let latch = Latch::new();
        let gate = latch.clone();
        let late = pool.job("late").timeout(Duration::from_millis(1)).submit(move |_| {
            gate.wait();
            Bomb(2)
        });
        assert!(late.expect("open").join().is_err_and(|error| error.is_timed_out()));
        latch.open();
        assert_eq!(pool.wait_idle(), Ok(()));
        assert_two_in_parallel(&pool);
        assert_eq!(assert_submitted(&pool, 3).timed_out, 1);
    });
}

// On the submitter's thread
#[test]
fn bombs_of_every_kind_spare_the_submitter_under_caller_runs() {
    within(PATIENCE, "callerbombs", || {
        let pool = fixed_with("callerbombs", 1, 1, Overflow::CallerRuns);
        let held = occupy(&pool, 1);
        pool.execute(|| {}).expect("one place");
        for n in 0..3 {
            pool.execute(move || panic::panic_any(Bomb(n))).expect("run here");
            let bomb = Bomb(n);
            pool.execute(move || drop(bomb)).expect("run here");
            let handle = pool.submit(move || panic::panic_any(Bomb(n))).expect("run here");
            assert!(handle.join().is_err_and(|error| error.is_panicked()));
        }
        held.release();
        assert_eq!(assert_submitted(&pool, 11).panicked, 9);
    });
}

// The drop of a pool is no place to panic either
#[test]
fn a_pool_dropped_with_bombs_in_its_queue_does_not_panic() {
    use springtide::DropPolicy;
    within(PATIENCE, "dropbombs", || {
        let brief = DropPolicy::Drain(Duration::from_millis(1));
        for policy in [brief, DropPolicy::Cancel, DropPolicy::Detach] {
            let pool = build(Pool::builder("dropbombs").workers(1..=1).on_drop(policy));
            let handle = pool.handle();
            let held = occupy(&pool, 1);
            let flags = [0, 1, 2].map(|n| {
                let (flag, set) = DropFlag::new();
                let bomb = (set, Bomb(n));
                pool.execute(move || drop(bomb)).expect("open");
                flag
            });
            let dropped = panic::catch_unwind(AssertUnwindSafe(|| drop(pool)));
            assert!(dropped.is_ok(), "{policy:?}");
            held.release();
            assert_submitted(&handle, 4);
            assert!(flags.iter().all(DropFlag::is_dropped), "{policy:?}");
        }
    });
}

thread_local! {
    static AT_THREAD_END: RefCell<Option<Box<dyn std::any::Any>>> = const { RefCell::new(None) };
}

#[test]
fn a_thread_locals_destructor_may_use_the_pool_whose_worker_ends() {
    within(PATIENCE, "locals", || {
        let pool = fixed("locals", 1, 4);
        let (send, receive) = mpsc::channel();
        let inner = pool.handle();
        let job = pool.submit(move || {
            let at_end = OnDrop::new(move || {
                let refused = inner.submit(|| {}).expect_err("closed by then");
                let idle = inner.wait_idle_timeout(Duration::ZERO);
                send.send((refused.is_closed(), idle)).expect("the test listens");
            });
            AT_THREAD_END.with(|local| *local.borrow_mut() = Some(Box::new(at_end)));
        });
        job.expect("open").join().expect("it returns");
        assert!(pool.shutdown().ended, "the thread was joined, destructors included");
        assert_eq!(receive.recv().expect("sent"), (true, Ok(())));
        assert_submitted(&pool, 2);
    });
}

/// A report with jobs handed back, each of which holds a reference to the value.
fn report_with_jobs(name: &str, held: &Arc<()>) -> ShutdownReport {
    let pool = fixed(name, 1, 8);
    let blocker = occupy(&pool, 1);
    for _ in 0..3 {
        let held = Arc::clone(held);
        pool.execute(move || drop(held)).expect("room");
    }
    let report = pool.shutdown_now();
    blocker.release();
    assert_eq!((report.returned.len(), Arc::strong_count(held)), (3, 4));
    report
}

#[test]
fn jobs_that_were_handed_back_are_freed_by_a_panic_wherever_it_unwinds() {
    within(PATIENCE, "handed-back", || {
        let held = Arc::new(());
        let pool = fixed_with("freed", 1, 1, Overflow::CallerRuns);
        let blocker = occupy(&pool, 1);
        pool.execute(|| ()).expect("one place");
        let report = report_with_jobs("freed-here", &held);
        let job = pool.submit(move || {
            let _report = report;
            panic!("with a report in its hands");
        });
        assert!(job.expect("run here").join().is_err_and(|error| error.is_panicked()));
        assert_eq!(Arc::strong_count(&held), 1, "by a job on its submitter's thread");

        let report = report_with_jobs("freed-outside", &held);
        let scope = panic::catch_unwind(AssertUnwindSafe(|| {
            pool.scope(|scope| {
                scope.spawn(move || {
                    let _report = report;
                    panic!("with a report in its hands");
                });
            });
        }));
        assert!(scope.is_err());
        assert_eq!(Arc::strong_count(&held), 1, "by a job that its scope runs");
        blocker.release();
        pool.wait_idle().expect("not inside");

        // What a job captured that never runs is dropped by the worker outside of any job.
        let (report, bomb) = (report_with_jobs("freed-there", &held), Bomb(0));
        // In this order.
        let captured = (bomb, report);
        let blocker = occupy(&pool, 1);
        let job = pool.job("late").expires_in(Duration::ZERO).submit(move |_| drop(captured));
        blocker.release();
        assert!(job.expect("room").join().is_err_and(|error| error.is_expired()));
        assert_eq!(Arc::strong_count(&held), 1, "by a job that expires on a worker");
    });
}
