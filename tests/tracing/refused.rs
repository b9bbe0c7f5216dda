//! A subscriber that panics wherever it is told of a job: nobody but it hears of that.

use std::time::Duration;

use springtide::{CancelToken, JobHandle, Lane, Outcome, Overflow, Pool};
use tracing::Span;

use crate::common::{Held, PATIENCE, fixed, fixed_with, occupy, within};
use crate::recorder::{listen, spans};

/// The kinds of job at whose spans the subscriber panics: as a thread enters or leaves one, as one
/// is closed, at each of these.
const KINDS: [&str; 4] = ["no enter", "no exit", "no close", "nothing"];

/// A way of queued jobs to end without a run, in a pool whose worker is held.
type NeverRuns = (&'static str, fn(&Pool, Held, &'static str));

fn queue(pool: &Pool, kind: &'static str) -> JobHandle<()> {
    pool.job(kind).submit(|_| ()).expect("room")
}

fn is_cancelled(job: JobHandle<()>) -> bool {
    job.join().is_err_and(|error| error.is_cancelled())
}

const NEVER_RUNS: [NeverRuns; 6] = [
    ("cancelled", |pool, _held, kind| {
        let job = queue(pool, kind);
        assert!(job.cancel());
        assert!(is_cancelled(job));
    }),
    ("delayed and cancelled", |pool, _held, kind| {
        let job = pool.job(kind).delay(PATIENCE).submit(|_| ()).expect("room");
        assert!(job.cancel());
        assert!(is_cancelled(job));
    }),
    ("cancelled by a token", |pool, _held, kind| {
        let token = CancelToken::new();
        let job = |_| pool.job(kind).token(&token).submit(|_| ()).expect("room");
        let jobs = [0, 1].map(job);
        token.cancel();
        assert!(jobs.into_iter().all(is_cancelled), "each of them");
    }),
    ("dropped", |pool, _held, kind| {
        let job = queue(pool, kind).cancel_on_drop();
        drop(job);
        assert_eq!(pool.stats().cancelled, 1);
    }),
    ("expired", |pool, held, kind| {
        let job = pool.job(kind).expires_in(Duration::ZERO).submit(|_| ()).expect("room");
        held.release();
        assert!(job.join().is_err_and(|error| error.is_expired()));
    }),
    ("at the end", |pool, held, kind| {
        let job = queue(pool, kind);
        pool.shutdown_now();
        held.release();
        assert!(is_cancelled(job));
    }),
];

#[test]
fn whatever_a_subscriber_does_as_a_job_ends_that_never_runs_its_handle_hears_of_it() {
    listen();
    within(PATIENCE, "unheard", || {
        for (n, (way, end)) in NEVER_RUNS.into_iter().enumerate() {
            for (m, kind) in KINDS.into_iter().enumerate() {
                let name: &'static str = format!("unheard-{n}-{m}").leak();
                let pool = fixed(name, 1, 8);
                end(&pool, occupy(&pool, 1), kind);
                assert!(Span::current().is_none(), "{way}, {kind}: the caller is in none");
                assert!(pool.shutdown().ended, "{way}, {kind}");
                assert_eq!(pool.stats().threads_started, 1, "{way}, {kind}: no worker died");
                let waits = spans(name, "job.wait").into_iter();
                let waits: Vec<_> = waits.filter(|s| s.field("kind") == Some(kind)).collect();
                assert!(!waits.is_empty() && waits.iter().all(|s| s.closed), "{way}, {kind}");
            }
        }
    });
}

#[test]
fn whatever_a_subscriber_does_at_the_run_of_a_job_the_job_and_its_worker_go_on() {
    listen();
    within(PATIENCE, "unheard-run", || {
        let pool = fixed("unheard-run", 1, 8);
        for kind in KINDS {
            let job = pool.job(kind).submit(|_| 7).expect("room");
            assert_eq!(job.join().expect("it returns"), 7, "{kind}");
            let here = pool.submit(|| Span::current().metadata().map(|span| span.name()));
            assert_eq!(here.expect("room").join().expect("it returns"), Some("job.run"), "{kind}");
            let runs = spans("unheard-run", "job.run").into_iter();
            let run = runs.rev().find(|s| s.field("kind") == Some(kind)).expect("it was made");
            let outcome = Some(Outcome::Ok.as_str());
            assert_eq!((run.closed, run.field("outcome")), (true, outcome), "{kind}");
        }
        let stats = pool.stats();
        assert_eq!((stats.ok, stats.panicked, stats.threads_started), (8, 0, 1));
    });
}

#[test]
fn whatever_a_subscriber_does_as_a_lane_refuses_a_job_its_submitter_hears_of_that_alone() {
    listen();
    within(PATIENCE, "unheard-lane", || {
        let pool = fixed_with("unheard-lane", 1, 8, Overflow::Reject);
        let lane: Lane = pool.lane("lane").queue_capacity(1).build().expect("valid");
        let held = occupy(&pool, 1);
        let queued: Vec<_> = std::iter::from_fn(|| lane.submit(|| ()).ok()).collect();
        for kind in KINDS {
            assert!(lane.job(kind).try_submit(|_| ()).is_err_and(|error| error.is_full()));
        }
        held.release();
        queued.into_iter().for_each(|job| job.join().expect("it returns"));
    });
}
