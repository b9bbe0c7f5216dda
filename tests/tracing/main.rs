//! The spans of the jobs: what is submitted in a span is linked to it, wherever it runs.

#[path = "../common/mod.rs"]
mod common;
mod recorder;
mod refused;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use common::{
    CountedWaker, Latch, PATIENCE, block_on, build, fixed, fixed_with, occupy, poll_once, until,
    within,
};
use recorder::{LOOKED_AT, listen, number, spans};
use springtide::{
    JobContext, JobEnded, JobStarting, Lane, Observer, Overflow, Permits, Pool, Retry,
};
use tracing::{Span, info, info_span};

#[test]
fn a_job_runs_in_a_span_that_follows_from_its_submitters() {
    listen();
    within(PATIENCE, "links", || {
        let pool = fixed("links", 1, 8);
        let request = info_span!("request");
        let job = || pool.job("resize").submit(|_| info!("at it")).expect("open");
        let handle = request.in_scope(job);
        let id = handle.id();
        handle.join().expect("it returns");
        request.in_scope(|| pool.execute(|| info!("nor this")).expect("open"));
        pool.wait_idle().expect("not inside");
        let (submits, waits) = (spans("links", "job.submit"), spans("links", "job.wait"));
        for span in submits.iter().chain(&waits) {
            assert_eq!((span.parent, span.closed), (number(&request), true), "{span:?}");
        }
        assert_eq!((submits.len(), waits.len()), (2, 2));
        let runs = spans("links", "job.run");
        assert_eq!(runs.len(), 2);
        for run in &runs {
            assert_eq!(run.follows, number(&request).into_iter().collect::<Vec<_>>());
            assert_eq!((run.parent, run.closed), (None, true));
            assert_eq!((run.field("worker"), run.field("outcome")), (Some("0"), Some("ok")));
            assert!(run.field("wait_ns").is_some_and(|ns| ns.parse::<u64>().is_ok()));
        }
        assert_eq!(runs[0].said, ["at it"]);
        assert_eq!(runs[1].said, ["nor this"]);
        let known = runs[0].field("id").map(|n| format!("job {n}"));
        assert_eq!((runs[0].field("kind"), known), (Some("resize"), Some(id.to_string())));
        assert_eq!((runs[1].field("kind"), runs[1].field("id")), (Some("job"), None));
    });
}

#[test]
fn the_span_of_a_run_says_how_it_ended() {
    listen();
    within(PATIENCE, "outcomes", || {
        let pool = fixed("outcomes", 1, 8);
        pool.submit_fallible(|| Err::<(), _>("no")).expect("open").detach();
        pool.submit(|| panic!("not so")).expect("open").detach();
        pool.execute(|| panic!("nor so")).expect("open");
        pool.job("slow")
            .timeout(Duration::ZERO)
            .submit(|cx| until(|| cx.is_cancelled()))
            .expect("open")
            .detach();
        pool.submit(|| ()).expect("open").join().expect("it returns");
        pool.wait_idle().expect("not inside");
        let ended = spans("outcomes", "job.run");
        let ended: Vec<_> = ended.iter().map(|span| span.field("outcome")).collect();
        assert_eq!(ended, ["error", "panic", "panic", "timeout", "ok"].map(Some));
    });
}

#[test]
fn a_job_that_never_runs_has_a_wait_that_ends_and_no_run() {
    listen();
    within(PATIENCE, "unrun", || {
        let pool = fixed("unrun", 1, 8);
        let held = occupy(&pool, 1);
        let unwanted = pool.job("unwanted").submit(|_| ()).expect("open");
        let waits = || -> Vec<bool> {
            let waits = spans("unrun", "job.wait").into_iter();
            waits.filter(|s| s.field("kind") == Some("unwanted")).map(|s| s.closed).collect()
        };
        assert_eq!(waits(), [false]);
        assert!(unwanted.cancel());
        assert_eq!(waits(), [true]);
        held.release();
        assert_eq!(spans("unrun", "job.run").len(), 1, "that of the job that held the worker");
    });
}

// And what runs in the submitter's place is linked like the rest
#[test]
fn a_job_that_its_submitter_runs_or_joins_has_its_own_span() {
    listen();
    within(PATIENCE, "here", || {
        let pool = fixed_with("here", 1, 1, Overflow::CallerRuns);
        let held = occupy(&pool, 1);
        pool.execute(|| ()).expect("one place");
        let request = info_span!("request");
        request.in_scope(|| pool.job("here").submit(|_| ()).expect("run here").detach());
        held.release();
        let inner = pool.handle();
        let outer = pool.job("outer").submit(move |_| {
            inner.job("inner").submit(|_| ()).expect("open").join().expect("run here");
        });
        outer.expect("open").join().expect("it returns");
        let runs = spans("here", "job.run");
        let of = |kind| runs.iter().find(|s| s.field("kind") == Some(kind)).expect("it ran");
        assert_eq!((of("here").field("worker"), of("here").parent), (None, None));
        assert_eq!(of("here").follows, number(&request).into_iter().collect::<Vec<_>>());
        assert_eq!(of("inner").follows, [of("outer").id]);
        assert_eq!((of("inner").parent, of("inner").field("worker")), (None, Some("0")));
    });
}

#[test]
fn a_subscriber_may_look_at_the_lane_of_a_job() {
    listen();
    within(PATIENCE, "looked-at", || {
        let pool = fixed("looked-at", 1, 8);
        let lane = pool.lane("lane").build().expect("valid");
        *LOOKED_AT.lock().expect("nobody panics here") = Some(lane.clone());
        lane.job("looked at").submit(|_| ()).expect("room").join().expect("it ran");
        *LOOKED_AT.lock().expect("nobody panics here") = None;
        assert!(pool.shutdown().ended);
    });
}

/// A way to submit a job of this kind; it is run in the end, or its series is over.
type WayIn = (&'static str, fn(&Stage, &'static str));

/// What the ways in need.
struct Stage {
    pool: Pool,
    lane: Lane,
    permits: Permits,
}

/// All that the pool and its lane can be asked to do with a job. Each submits one.
const WAYS_IN: &[WayIn] = &[
    ("submit", |stage, kind| stage.pool.job(kind).submit(|_| ()).expect("room").detach()),
    ("try_submit", |stage, kind| stage.pool.job(kind).try_submit(|_| ()).expect("room").detach()),
    ("submit_timeout", |stage, kind| {
        stage.pool.job(kind).submit_timeout(|_| (), PATIENCE).expect("room").detach();
    }),
    ("submit_fallible", |stage, kind| {
        stage.pool.job(kind).submit_fallible(|_| Ok::<(), ()>(())).expect("room").detach();
    }),
    ("execute", |stage, _| stage.pool.execute(|| ()).expect("room")),
    ("submit_batch", |stage, _| drop(stage.pool.submit_batch([|| ()]))),
    ("submit_async", |stage, kind| {
        block_on(stage.pool.job(kind).submit_async(|_| ())).expect("room").detach();
    }),
    ("permits", |stage, kind| {
        let mut permit = stage.pool.reserve(1).expect("room");
        assert!(!stage.permits.is_empty());
        stage.pool.job(kind).submit_with(&mut permit, |_| ()).expect("its own").detach();
    }),
    ("permits, execute", |stage, _| {
        stage.pool.reserve(1).expect("room").execute(|| ()).expect("its own");
    }),
    ("delayed", |stage, kind| {
        let soon = Duration::from_millis(1);
        stage.pool.job(kind).delay(soon).submit(|_| ()).expect("room").join().expect("it ran");
    }),
    ("retry", |stage, kind| {
        let retry = Retry::fixed(Duration::ZERO);
        drop(stage.pool.job(kind).retry(retry).submit(|_| Ok::<(), ()>(())).expect("room").join());
    }),
    ("job set", |stage, kind| {
        let set = stage.pool.job(kind).set();
        set.submit(|_| ()).expect("room");
        set.for_each(|outcome| outcome.expect("it ran"));
    }),
    ("map", |stage, kind| {
        stage.pool.job(kind).map([()], |_, ()| ()).for_each(|outcome| outcome.expect("it ran"));
    }),
    ("map, async", |stage, kind| {
        let mut map = stage.pool.job(kind).map([()], |_, ()| ());
        block_on(map.next_async()).expect("one item").expect("it ran");
    }),
    ("scope", |stage, _| {
        let ran = AtomicBool::new(false);
        stage.pool.scope(|scope| {
            scope.spawn(|| ran.store(true, Ordering::SeqCst));
            // The scope would run it itself, and there would be no job of the pool.
            until(|| ran.load(Ordering::SeqCst));
        });
    }),
    ("worker state", |stage, _| {
        let state = stage.pool.with_state(|_| Ok::<_, ()>(0));
        state.submit(|_: &mut i32, _| ()).expect("room").detach();
    }),
    ("lane", |stage, kind| stage.lane.job(kind).submit(|_| ()).expect("room").detach()),
    ("lane, execute", |stage, kind| stage.lane.job(kind).execute(|_| ()).expect("room")),
    ("lane, submit_async", |stage, kind| {
        block_on(stage.lane.job(kind).submit_async(|_| ())).expect("room").detach();
    }),
];

#[test]
fn whichever_way_a_job_comes_in_its_spans_are_those_of_its_submitter() {
    listen();
    within(PATIENCE, "ways", || {
        for (n, (way, submit)) in WAYS_IN.iter().enumerate() {
            let name: &'static str = format!("way-{n}").leak();
            let pool = fixed(name, 1, 8);
            let lane = pool.lane("lane").build().expect("valid");
            let permits = pool.reserve(1).expect("room");
            let stage = Stage { pool, lane, permits };
            let request = info_span!("request");
            request.in_scope(|| submit(&stage, "asked for"));
            stage.pool.wait_idle().expect("not inside");
            let (submits, waits) = (spans(name, "job.submit"), spans(name, "job.wait"));
            assert_eq!((submits.len(), waits.len()), (1, 1), "{way}");
            for span in submits.iter().chain(&waits) {
                assert_eq!(span.parent, number(&request), "{way}: {span:?}");
                assert!(span.closed, "{way}: {span:?}");
            }
            let runs = spans(name, "job.run");
            assert_eq!(runs.len(), 1, "{way}");
            assert_eq!(runs[0].follows, number(&request).into_iter().collect::<Vec<_>>(), "{way}");
        }
    });
}

#[test]
fn the_span_of_a_submission_lasts_as_long_as_it_waits_for_room() {
    listen();
    within(PATIENCE, "lasts", || {
        let pool = fixed("lasts", 1, 1);
        let held = occupy(&pool, 1);
        let queued = pool.submit(|| ()).expect("one place");
        let before = spans("lasts", "job.submit").len();
        let mine = || spans("lasts", "job.submit").split_off(before);
        let waker = CountedWaker::new();
        let (request, elsewhere) = (info_span!("request"), info_span!("elsewhere"));
        let mut waiting = pool.submit_async(|| ());
        assert!(request.in_scope(|| poll_once(&mut waiting, &waker)).is_pending());
        assert_eq!(mine().iter().map(|span| span.closed).collect::<Vec<_>>(), [false]);
        assert!(queued.cancel());
        assert!(elsewhere.in_scope(|| poll_once(&mut waiting, &waker)).is_ready());
        let seen = mine();
        assert_eq!(seen.iter().map(|span| span.closed).collect::<Vec<_>>(), [true]);
        assert_eq!(seen[0].parent, number(&request));
        held.release();
    });
}

#[test]
fn a_map_that_waits_for_room_has_one_submission_for_each_item() {
    listen();
    within(PATIENCE, "map-waits", || {
        let pool = fixed("map-waits", 1, 1);
        let held = occupy(&pool, 1);
        let queued = pool.submit(|| ()).expect("one place");
        let before = spans("map-waits", "job.submit").len();
        let request = info_span!("request");
        thread::scope(|threads| {
            let waits = threads.spawn(|| {
                let mut map = pool.map([1], |n| n);
                request.in_scope(|| map.next())
            });
            until(|| pool.stats().submitters_blocked == 1);
            assert!(queued.cancel());
            held.release();
            let result = waits.join().expect("no panics").expect("one item");
            assert_eq!(result.expect("it ran"), 1);
        });
        let seen = spans("map-waits", "job.submit").split_off(before);
        let seen: Vec<_> = seen.iter().map(|span| (span.parent, span.closed)).collect();
        assert_eq!(seen, [(number(&request), true)]);
    });
}

// What is submitted later, elsewhere, is still theirs
#[test]
fn the_later_attempts_of_a_job_and_what_a_scope_could_not_place_are_their_submitters() {
    listen();
    within(PATIENCE, "later", || {
        let pool = fixed("later", 1, 8);
        let request = info_span!("request");
        let retry = Retry::fixed(Duration::from_micros(10));
        let job = |cx: &JobContext<'_>| if cx.attempt() < 3 { Err("busy") } else { Ok(()) };
        let again = request.in_scope(|| pool.job("again").retry(retry).submit(job));
        again.expect("room").join().expect("the third one succeeds");
        let theirs = number(&request).into_iter().collect::<Vec<_>>();
        let runs = spans("later", "job.run");
        assert_eq!(runs.iter().map(|run| run.follows.clone()).collect::<Vec<_>>(), vec![theirs; 3]);
        assert_eq!(spans("later", "job.submit").len(), 3);

        let pool = fixed("unplaced", 1, 1);
        let ran = AtomicUsize::new(0);
        let latch = Latch::new();
        pool.scope(|scope| {
            scope.spawn(|| latch.wait());
            until(|| pool.stats().running == 1);
            request.in_scope(|| {
                for _ in 0..3 {
                    scope.spawn(|| ran.fetch_add(1, Ordering::SeqCst));
                }
            });
            latch.open();
            until(|| ran.load(Ordering::SeqCst) == 3);
        });
        let runs = spans("unplaced", "job.run");
        let followed: Vec<_> = runs[1..].iter().map(|run| run.follows.clone()).collect();
        assert_eq!(followed, vec![number(&request).into_iter().collect::<Vec<_>>(); 3]);
    });
}

#[test]
fn a_subscriber_that_panics_at_a_job_costs_nobody_a_place() {
    listen();
    within(PATIENCE, "not-told", || {
        let pool = fixed_with("not-told", 1, 2, Overflow::Reject);
        let lane = pool.lane("lane").queue_capacity(2).build().expect("valid");
        for _ in 0..10 {
            pool.job("not told of").submit(|_| ()).expect("room").join().expect("it ran");
            lane.job("not told of").submit(|_| ()).expect("room").join().expect("it ran");
            let mut permits = pool.reserve(2).expect("every place is free");
            let job = pool.job("not told of").submit_with(&mut permits, |_| ());
            job.expect("its own").join().expect("it ran");
            let outcomes = pool.job("not told of").map([(); 2], |_, ()| ());
            assert_eq!(outcomes.filter(Result::is_ok).count(), 2);
        }
        pool.wait_idle().expect("nothing is left of them");
        assert_eq!(pool.room(), 2);
        let stats = pool.stats();
        assert_eq!((stats.accepted, stats.ok, stats.refused), (50, 50, 0));
        assert!(pool.shutdown().ended);
    });
}

/// Says something in each hook.
struct Speaks;

impl Observer for Speaks {
    fn job_starting(&self, job: &JobStarting<'_>) {
        info!("{} starts", job.kind);
    }

    fn job_ended(&self, job: &JobEnded<'_>) {
        info!("{} ended as {}, {:?}", job.kind, job.outcome.as_str(), job.failure);
    }
}

#[test]
fn what_a_hook_says_of_a_job_is_said_in_the_span_of_the_job() {
    listen();
    within(PATIENCE, "hooks", || {
        let pool = Pool::builder("hooks").workers(1..=1).queue_capacity(1);
        let pool = build(pool.overflow(Overflow::CallerRuns).observer(Speaks));
        pool.execute(|| ()).expect("open");
        pool.wait_idle().expect("not inside");
        pool.job("fails").submit_fallible(|_| Err::<(), _>("no")).expect("open").detach();
        pool.wait_idle().expect("not inside");
        let held = occupy(&pool, 1);
        let unwanted = pool.job("unwanted").submit(|_| ()).expect("one place");
        pool.job("here").submit(|_| info!("at it")).expect("run here").detach();
        assert!(unwanted.cancel());
        pool.execute(|| ()).expect("its place");
        assert_eq!(pool.shutdown_now().returned_count, 1);
        held.release();
        assert!(pool.shutdown().ended);
        let said = |name: &str, kind: &str| -> Vec<String> {
            let all = spans("hooks", name).into_iter();
            all.filter(|s| s.field("kind") == Some(kind)).flat_map(|s| s.said).collect()
        };
        let first: Vec<_> = said("job.run", "job").into_iter().take(2).collect();
        assert_eq!(first, ["job starts", "job ended as ok, None"]);
        let failed = ["fails starts", "fails ended as error, Some(Returned(..))"];
        assert_eq!(said("job.run", "fails"), failed);
        assert_eq!(said("job.run", "here"), ["here starts", "at it", "here ended as ok, None"]);
        assert_eq!(said("job.wait", "unwanted"), ["unwanted ended as cancelled, None"]);
        assert_eq!(said("job.wait", "job"), ["job ended as returned, None"]);
        assert!(spans("hooks", "job.wait").iter().all(|span| span.closed));
    });
}

// The next job on that worker, and whoever submitted, are in no span of it
#[test]
fn the_span_of_a_job_is_left_before_its_result_is_shown() {
    listen();
    within(PATIENCE, "left", || {
        let pool = fixed("left", 1, 8);
        for n in 0..100 {
            pool.job("short").submit(|_| ()).expect("open").join().expect("it returns");
            let runs = spans("left", "job.run");
            assert_eq!(runs.iter().filter(|run| run.closed).count(), n + 1);
            assert!(Span::current().is_none());
        }
        let none = pool.submit(|| Span::current().metadata().map(|span| span.name()));
        assert_eq!(none.expect("open").join().expect("it returns"), Some("job.run"));
        let callback = std::sync::Arc::new(Mutex::new(None));
        let seen = std::sync::Arc::clone(&callback);
        let job = pool.submit(|| ()).expect("open");
        job.on_end(move |_| *seen.lock().expect("no panics") = Some(Span::current().is_none()));
        pool.wait_idle().expect("not inside");
        assert_eq!(*callback.lock().expect("no panics"), Some(true));
    });
}

#[test]
fn a_subscriber_that_panics_at_the_span_of_a_run_loses_the_span_alone() {
    listen();
    within(PATIENCE, "refuses", || {
        let pool = fixed("refuses", 1, 8);
        let job = pool.job("no run of it").submit(|_| 7).expect("open");
        assert_eq!(job.join().expect("it ran all the same"), 7);
        assert_eq!(pool.submit(|| 8).expect("open").join().expect("it returns"), 8);
        let stats = pool.stats();
        assert_eq!((stats.ok, stats.panicked), (2, 0));
        assert_eq!(spans("refuses", "job.run").iter().filter(|s| s.closed).count(), 1);
    });
}
