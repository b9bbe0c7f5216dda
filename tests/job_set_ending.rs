//! How a set of jobs ends before all of them have run: cancelled, dropped, out of time, or won.

mod common;

use std::sync::mpsc;
use std::time::Duration;

use common::{
    DropFlag, Latch, PATIENCE, assert_submitted, cancel_reason, fixed, occupy, until, until_told,
    within,
};
use springtide::{CancelReason, CancelToken, FallibleError, JobError};

#[test]
fn jobs_that_a_shutdown_cancels_end_as_cancelled() {
    within(PATIENCE, "shut down", || {
        let pool = fixed("shut down", 1, 8);
        let held = occupy(&pool, 1);
        let set = pool.job_set();
        (0..3).for_each(|n| set.submit(move |_| n).expect("room"));
        let report = pool.shutdown_now();
        assert_eq!(report.cancelled, 3);
        held.release();
        let joined = set.join_all();
        assert!(
            joined.outcomes.iter().all(|one| cancel_reason(one) == Some(CancelReason::Shutdown))
        );
    });
}

#[test]
fn the_first_success_is_returned_at_once_and_the_losers_are_cancelled() {
    within(PATIENCE, "wins", || {
        let pool = fixed("wins", 2, 8);
        let (told, hears) = mpsc::channel();
        let set = pool.job_set();
        let (until_told, runs) = until_told();
        set.submit_fallible(move |cx| {
            until_told(cx);
            told.send(()).expect("the test listens");
            Err("lost")
        })
        .expect("room");
        runs.recv().expect("it runs");
        set.submit_fallible(|_| Err("failed before")).expect("room");
        set.submit_fallible(|_| Ok("won")).expect("room");
        set.submit_fallible(|_| Ok("won too, or was cancelled")).expect("room");
        let winner = set.first_ok().expect("there are some").expect("one succeeds");
        assert!(winner.starts_with("won"), "{winner}");
        hears.recv().expect("the loser that runs is told");
        assert_submitted(&pool, 4);
    });
}

#[test]
fn where_nobody_succeeds_the_first_failure_is_the_error_and_without_jobs_that_is() {
    within(PATIENCE, "no winner", || {
        let pool = fixed("no winner", 1, 8);
        let set = pool.job_set::<Result<(), &str>>();
        set.submit_fallible(|_| Err("first")).expect("room");
        set.submit_fallible(|_| Err("second")).expect("room");
        assert!(matches!(set.first_ok(), Some(Err(FallibleError::Returned("first")))));
        assert!(pool.job_set::<Result<(), ()>>().first_ok().is_none());
        assert_submitted(&pool, 2);
    });
}

#[test]
fn when_the_time_is_up_what_is_done_is_kept_and_the_rest_is_cancelled() {
    within(PATIENCE, "in time", || {
        let pool = fixed("in time", 1, 8);
        let (latch, set) = (Latch::new(), pool.job_set());
        set.submit(|_| 1).expect("room");
        let (gate, (told, hears)) = (latch.clone(), mpsc::channel());
        set.submit(move |cx| {
            gate.wait();
            told.send(cx.is_cancelled()).expect("the test listens");
            2
        })
        .expect("room");
        set.submit(|_| 3).expect("room");
        until(|| set.progress().done == 1);
        let joined = set.join_timeout(Duration::from_millis(1));
        assert!(joined.timed_out);
        assert!(matches!(joined.outcomes[0], Ok(1)));
        assert!(joined.outcomes[1].as_ref().is_err_and(JobError::is_timed_out), "it still runs");
        assert_eq!(cancel_reason(&joined.outcomes[2]), Some(CancelReason::Token));
        latch.open();
        assert_eq!(hears.recv(), Ok(true), "it was told to stop");
        let stats = assert_submitted(&pool, 3);
        assert_eq!((stats.ok, stats.cancelled), (2, 1));
    });
}

#[test]
fn a_set_that_is_joined_in_time_has_not_timed_out() {
    within(PATIENCE, "early", || {
        let pool = fixed("early", 1, 8);
        let set = pool.job_set();
        set.submit(|_| 1).expect("room");
        let joined = set.join_timeout(Duration::MAX);
        assert!(!joined.timed_out && joined.first_failure.is_none());
        let late = pool.job_set();
        late.submit(|_| 1).expect("room");
        let joined = late.join_timeout(Duration::ZERO);
        assert_eq!(joined.outcomes.len(), 1, "over or not, it has an outcome");
        assert_submitted(&pool, 2);
    });
}

#[test]
fn dropping_a_set_cancels_what_is_left_and_what_is_added_later() {
    within(PATIENCE, "dropped", || {
        let pool = fixed("dropped", 1, 8);
        let held = occupy(&pool, 1);
        let set = pool.job_set();
        let (flag, captured) = DropFlag::new();
        set.submit(move |_| drop(captured)).expect("room");
        let (later, token) = (set.handle(), set.token().clone());
        drop(set);
        assert!(flag.is_dropped() && token.is_cancelled());
        later.submit(|_| ()).expect("accepted, and never run");
        held.release();
        let stats = assert_submitted(&pool, 3);
        assert_eq!((stats.ok, stats.cancelled), (1, 2));
    });
}

#[test]
fn a_parents_token_ends_a_set_with_a_running_and_a_queued_job_before_a_shutdown() {
    within(PATIENCE, "parent", || {
        let pool = fixed("parent", 1, 8);
        let parent = CancelToken::new();
        let set = pool.job("child").token(&parent).set();
        let (until_told, runs) = until_told();
        set.submit(move |cx| {
            until_told(cx);
            "stopped"
        })
        .expect("room");
        set.submit(|_| "queued").expect("room");
        runs.recv().expect("it runs");
        parent.cancel();
        let report = pool.shutdown();
        assert_eq!((report.accepted, report.completed, report.cancelled), (2, 1, 1));
        assert_eq!(pool.stats().running, 0);
        let joined = set.join_all();
        assert!(matches!(joined.outcomes[0], Ok("stopped")));
        assert_eq!(cancel_reason(&joined.outcomes[1]), Some(CancelReason::Token));
    });
}

#[test]
fn cancelling_a_set_leaves_its_parent_alone() {
    within(PATIENCE, "siblings", || {
        let pool = fixed("siblings", 1, 8);
        let parent = CancelToken::new();
        let (one, other) = (pool.job("a").token(&parent).set(), pool.job("b").token(&parent).set());
        one.cancel();
        one.submit(|_| 1).expect("accepted, and never run");
        other.submit(|_| 2).expect("room");
        assert_eq!(cancel_reason(&one.join_all().outcomes[0]), Some(CancelReason::Token));
        assert_eq!(other.join_all().all().expect("none fails"), [2]);
        assert!(!parent.is_cancelled());
        assert_submitted(&pool, 2);
    });
}
