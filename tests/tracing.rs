//! The spans of the jobs: what is submitted in a span is linked to it, wherever it runs.

mod common;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use common::{PATIENCE, build, fixed, fixed_with, occupy, until, within};
use springtide::{JobEnded, JobStarting, Lane, Observer, Overflow, Pool};
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
        let refused = name == "job.run" && kind.as_deref() == Some("no run of it");
        assert!(!refused, "a subscriber that panics");
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
fn a_subscriber_may_look_at_the_lane_of_a_job_and_panic_at_it() {
    listen();
    within(PATIENCE, "looked-at", || {
        let pool = fixed("looked-at", 1, 8);
        let lane = pool.lane("lane").build().expect("valid");
        *LOOKED_AT.lock().expect("nobody panics here") = Some(lane.clone());
        lane.job("looked at").submit(|_| ()).expect("room").join().expect("it ran");
        let bad = || lane.job("not told of").submit(|_| ());
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(bad)).is_err());
        pool.wait_idle().expect("nothing is left of it");
        lane.submit(|| ()).expect("room").join().expect("it ran");
        *LOOKED_AT.lock().expect("nobody panics here") = None;
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
