//! A subscriber that writes down every span of the process.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use springtide::Lane;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Span, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// One span as the subscriber saw it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) id: u64,
    pub(crate) name: &'static str,
    pub(crate) parent: Option<u64>,
    pub(crate) follows: Vec<u64>,
    fields: BTreeMap<&'static str, String>,
    /// What was said while this span was the innermost.
    pub(crate) said: Vec<String>,
    pub(crate) closed: bool,
}

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.fields.insert(field.name(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

impl Seen {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
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

    fn on_enter(&self, id: &Id, _: Context<'_, S>) {
        panic_if(id, "no enter");
    }

    fn on_exit(&self, id: &Id, _: Context<'_, S>) {
        panic_if(id, "no exit");
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        with(&id, |seen| seen.closed = true);
        panic_if(&id, "no close");
    }
}

/// Panics at the spans of a job of this kind, or of one that allows nothing.
fn panic_if(id: &Id, kind: &str) {
    let mut is_refused = false;
    with(id, |seen| {
        is_refused = seen.field("kind").is_some_and(|of| of == kind || of == "nothing");
    });
    assert!(!is_refused, "a subscriber that panics");
}

/// The lane that is looked at in the middle of the making of a span.
pub(crate) static LOOKED_AT: Mutex<Option<Lane>> = Mutex::new(None);

pub(crate) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::registry().with(Recorder);
        tracing::subscriber::set_global_default(subscriber).expect("it is the only one");
    });
}

/// The spans of this name of a pool.
pub(crate) fn spans(pool: &str, name: &str) -> Vec<Seen> {
    let all = seen();
    all.iter().filter(|s| s.name == name && s.field("pool") == Some(pool)).cloned().collect()
}

pub(crate) fn number(span: &Span) -> Option<u64> {
    span.id().map(|id| id.into_u64())
}
