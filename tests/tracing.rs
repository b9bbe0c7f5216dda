//! The spans of the jobs: what is submitted in a span is linked to it, wherever it runs.

mod common;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use common::{
    CountedWaker, Latch, PATIENCE, block_on, fixed, fixed_with, occupy, poll_once, until, within,
};
use springtide::{JobContext, Lane, Overflow, Permits, Pool, Retry};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Span, Subscriber, info, info_span};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// One span as the subscriber saw it.
#[derive(Clone, Debug, Default)]
struct Seen {
    id: u64,
    name: &'static str,
    parent: Option<u64>,
    follows: Vec<u64>,
    fields: BTreeMap<&'static str, String>,
    /// What was said while this span was the innermost.
    said: Vec<String>,
    closed: bool,
}

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.fields.insert(field.name(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

impl Seen {
    fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}

static SEEN: Mutex<Vec<Seen>> = Mutex::new(Vec::new());

fn seen() -> MutexGuard<'static, Vec<Seen>> {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The latest span of this number: numbers are used again.
fn with(id: &Id, change: impl FnOnce(&mut Seen)) {
    let mut all = seen();
    let latest = all.iter_mut().rfind(|seen| seen.id == id.into_u64());
    change(latest.expect("it was announced"));
}

/// Writes down every span of this process.
struct Recorder;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn on_new_span(&self, span: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        let parent = cx.span(id).and_then(|span| Some(span.parent()?.id().into_u64()));
        let name = span.metadata().name();
        let mut new = Seen { id: id.into_u64(), name, parent, ..Seen::default() };
        span.record(&mut new);
        let kind = new.field("kind").map(str::to_owned);
        seen().push(new);
        if kind.as_deref() == Some("looked at") {
            let lane = LOOKED_AT.lock().unwrap_or_else(PoisonError::into_inner).clone();
            lane.iter().for_each(|lane| assert!(lane.stats().running <= 1));
        }
        assert_ne!(kind.as_deref(), Some("not told of"), "a subscriber that panics");
    }

    fn on_record(&self, span: &Id, values: &Record<'_>, _: Context<'_, S>) {
        with(span, |seen| values.record(seen));
    }

    fn on_follows_from(&self, span: &Id, follows: &Id, cx: Context<'_, S>) {
        assert!(cx.span(follows).is_some(), "what it follows from is there to be looked at");
        with(span, |seen| seen.follows.push(follows.into_u64()));
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        if let Some(span) = cx.event_span(event) {
            let mut said = Seen::default();
            event.record(&mut said);
            with(&span.id(), |seen| seen.said.extend(said.fields.into_values()));
        }
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        with(&id, |seen| seen.closed = true);
    }
}

/// The lane that is looked at in the middle of the making of a span.
static LOOKED_AT: Mutex<Option<Lane>> = Mutex::new(None);

fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::registry().with(Recorder);
        tracing::subscriber::set_global_default(subscriber).expect("it is the only one");
    });
}

/// The spans of this name of a pool.
fn spans(pool: &str, name: &str) -> Vec<Seen> {
    let all = seen();
    all.iter().filter(|s| s.name == name && s.field("pool") == Some(pool)).cloned().collect()
}

fn number(span: &Span) -> Option<u64> {
    span.id().map(|id| id.into_u64())
}

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
