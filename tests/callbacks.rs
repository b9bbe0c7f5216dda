//! A callback gets the result of its job, once, whatever the end.

mod common;

use std::sync::mpsc::channel;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use common::{CountedWaker, Latch, PATIENCE, assert_submitted, fixed, occupy, poll_once, within};
use springtide::{CancelReason, JobError};

#[test]
fn a_callback_gets_the_result_on_the_worker_before_its_next_job() {
    within(PATIENCE, "callback", || {
        let pool = fixed("callback", 1, 8);
        let (send, receive) = channel();
        let held = occupy(&pool, 1);
        for n in 0..4 {
            let (begun, ended) = (send.clone(), send.clone());
            let job = pool.submit(move || {
                begun.send((n, "begun", thread::current().id())).expect("the test listens");
                n
            });
            job.expect("open").on_end(move |n| {
                let n = n.expect("it returns");
                ended.send((n, "ended", thread::current().id())).expect("the test listens");
            });
        }
        held.release();
        drop(send);
        let told: Vec<_> = receive.iter().collect();
        let steps: Vec<_> = told.iter().map(|(n, what, _)| (*n, *what)).collect();
        let expected = (0..4).flat_map(|n| [(n, "begun"), (n, "ended")]);
        assert_eq!(steps, expected.collect::<Vec<_>>());
        assert!(told.iter().all(|(_, _, thread)| *thread == told[0].2), "all on the worker");
        assert_submitted(&pool, 5);
    });
}

#[test]
fn a_callback_of_a_job_that_is_over_runs_at_once() {
    within(PATIENCE, "over", || {
        let pool = fixed("over", 1, 8);
        let handle = pool.submit(|| 7).expect("open");
        pool.wait_idle().expect("not inside");
        let (send, receive) = channel();
        handle.on_end(move |n| send.send((n.ok(), thread::current().id())).expect("it listens"));
        assert_eq!(receive.try_recv(), Ok((Some(7), thread::current().id())));
    });
}

#[test]
fn a_callback_that_panics_disturbs_nobody() {
    within(PATIENCE, "panics", || {
        let pool = fixed("panics", 1, 64);
        let (send, receive) = channel();
        for n in 0..10 {
            let send = send.clone();
            pool.submit(move || n).expect("open").on_end(move |n| {
                send.send(n.expect("it returns")).expect("the test listens");
                panic!("in a callback");
            });
        }
        drop(send);
        assert_eq!(receive.iter().collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
        let over = pool.submit(|| ()).expect("open");
        pool.wait_idle().expect("not inside");
        over.on_end(|_| panic!("on the caller's thread"));
        let stats = assert_submitted(&pool, 11);
        assert_eq!((stats.ok, stats.panicked, stats.threads_started), (11, 0, 1));
    });
}

#[test]
fn every_way_to_end_is_told_to_the_callback() {
    within(PATIENCE, "ways", || {
        let pool = fixed("ways", 1, 8);
        let (send, receive) = channel::<(&str, JobError)>();
        let told = |what| {
            let send = send.clone();
            move |result: Result<(), JobError>| {
                send.send((what, result.expect_err("no result"))).expect("the test listens");
            }
        };
        let next = || receive.recv().expect("a callback is called");
        pool.submit(|| panic!("why")).expect("open").on_end(told("panics"));
        let (what, error) = next();
        assert_eq!((what, error.panic_message()), ("panics", Some("why")));
        let latch = Latch::new();
        let gate = latch.clone();
        let slow = pool.job("slow").timeout(Duration::from_millis(1));
        slow.submit(move |_| gate.wait()).expect("open").on_end(told("slow"));
        let (what, error) = next();
        assert!(what == "slow" && error.is_timed_out(), "while it runs: {error}");
        pool.job("late")
            .expires_in(Duration::ZERO)
            .submit(|_| ())
            .expect("open")
            .on_end(told("late"));
        pool.submit(|| ()).expect("open").on_end(told("swept"));
        latch.open();
        let (what, error) = next();
        assert!(what == "late" && error.is_expired(), "{what}: {error}");
    });
}

#[test]
fn a_shutdown_that_cancels_a_job_calls_its_callback() {
    within(PATIENCE, "swept", || {
        let pool = fixed("swept", 1, 8);
        let held = occupy(&pool, 1);
        let (send, receive) = channel();
        pool.submit(|| ()).expect("open").on_end(move |result| {
            let reason = result.expect_err("it never ran").cancel_reason();
            send.send(reason).expect("the test listens");
        });
        pool.shutdown_now();
        assert_eq!(receive.recv().expect("called"), Some(CancelReason::Shutdown));
        held.release();
    });
}

// And in place of whoever polled the handle before
#[test]
fn a_callback_that_comes_as_the_job_ends_is_called_once() {
    within(PATIENCE, "race", || {
        let pool = fixed("race", 2, 64);
        let (send, receive) = channel();
        for n in 0..5_000 {
            let mut handle = pool.submit(move || n).expect("open");
            if n % 3 == 0 {
                let waker = CountedWaker::new();
                if let Poll::Ready(result) = poll_once(&mut handle, &waker) {
                    send.send(result.expect("it returns")).expect("the test listens");
                    continue;
                }
            }
            for _ in 0..n % 100 {
                std::hint::spin_loop();
            }
            let send = send.clone();
            handle.on_end(move |n| send.send(n.expect("it returns")).expect("the test listens"));
        }
        drop(send);
        let mut told: Vec<_> = receive.iter().collect();
        told.sort_unstable();
        assert_eq!(told, (0..5_000).collect::<Vec<_>>());
    });
}
