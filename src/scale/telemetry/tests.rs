use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{CounterFn, GaugeFn, HistogramFn, KeyName, SharedString};

use super::*;
use crate::outcome::{Outcome, Refusal};
use crate::scale::policy::Reason;
use crate::sync::Mutex;

/// A recorder that keeps what it is told, and panics where it is told to.
#[derive(Default)]
struct Ledger {
    accounts: Mutex<BTreeMap<String, Arc<Account>>>,
    described: AtomicU64,
}

/// One series: a total or a level, and the samples of a histogram.
#[derive(Default)]
struct Account {
    value: AtomicU64,
    calls: AtomicU64,
    samples: Mutex<Cells>,
    panics: std::sync::atomic::AtomicBool,
}

impl Account {
    fn called(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        assert!(!self.panics.load(Ordering::Relaxed), "as asked");
    }
}

impl CounterFn for Account {
    fn increment(&self, value: u64) {
        self.value.fetch_add(value, Ordering::Relaxed);
        self.called();
    }
    fn absolute(&self, _: u64) {
        panic!("would stall when a pool is rebuilt under its old name");
    }
}

impl GaugeFn for Account {
    fn increment(&self, _: f64) {}
    fn decrement(&self, _: f64) {}
    fn set(&self, value: f64) {
        self.value.store(value.to_bits(), Ordering::Relaxed);
        self.called();
    }
}

impl HistogramFn for Account {
    fn record(&self, seconds: f64) {
        self.samples.lock().record((seconds * 1e9).round() as u64);
        self.called();
    }
}

impl Ledger {
    fn account(&self, key: &Key) -> Arc<Account> {
        let labels: Vec<String> =
            key.labels().map(|l| format!("{}={}", l.key(), l.value())).collect();
        let name = format!("{}{{{}}}", key.name(), labels.join(","));
        Arc::clone(self.accounts.lock().entry(name).or_default())
    }

    /// `name` without the prefix, with the labels after `pool`.
    fn find(&self, name: &str) -> Arc<Account> {
        let (family, labels) = name.split_once('{').unwrap_or((name, "}"));
        let comma = if labels == "}" { "" } else { "," };
        let full = format!("springtide_{family}{{pool=p{comma}{labels}");
        Arc::clone(self.accounts.lock().get(&full).unwrap_or_else(|| panic!("no {full}")))
    }

    fn total(&self, name: &str) -> u64 {
        self.find(name).value.load(Ordering::Relaxed)
    }

    fn level(&self, name: &str) -> f64 {
        f64::from_bits(self.total(name))
    }

    fn has(&self, name: &str) -> bool {
        self.accounts.lock().keys().any(|key| key.contains(name))
    }
}

impl Recorder for Ledger {
    fn describe_counter(&self, _: KeyName, _: Option<metrics::Unit>, _: SharedString) {
        self.described.fetch_add(1, Ordering::Relaxed);
    }
    fn describe_gauge(&self, _: KeyName, _: Option<metrics::Unit>, _: SharedString) {
        self.described.fetch_add(1, Ordering::Relaxed);
    }
    fn describe_histogram(&self, _: KeyName, _: Option<metrics::Unit>, _: SharedString) {
        self.described.fetch_add(1, Ordering::Relaxed);
    }
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.account(key))
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.account(key))
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.account(key))
    }
}

/// A pool that only exists as figures.
struct Bench {
    ledger: Ledger,
    telemetry: Telemetry,
    totals: Totals,
    levels: Levels,
}

impl Bench {
    fn new(sink: HistogramSink) -> Bench {
        Bench {
            ledger: Ledger::default(),
            telemetry: Telemetry::new(PoolLabel::of_one("p"), "fixed", sink, None),
            totals: Totals::default(),
            levels: Levels { min: 1, max: 8, busy: 3, ..Levels::default() },
        }
    }

    /// Flushes `ms` after the last flush, as a supervisor would: it survives a panic.
    fn flush(&mut self, ms: u64) -> bool {
        self.totals.at += Duration::from_millis(ms);
        let flush = || {
            metrics::with_local_recorder(&self.ledger, || {
                self.telemetry.flush(&self.totals, &self.levels);
            });
        };
        catch_unwind(AssertUnwindSafe(flush)).is_ok()
    }
}

#[test]
fn every_series_exists_from_the_first_flush_on() {
    let mut bench = Bench::new(HistogramSink::Facade);
    bench.flush(0);
    for name in [
        "jobs_submitted_total",
        "jobs_refused_total{reason=forked}",
        "jobs_completed_total{outcome=returned}",
        "scale_events_total{direction=up,reason=grow_hog}",
        "scale_events_total{direction=down,reason=custom}",
        "scale_suppressed_total{reason=at_max}",
        "config_reloads_total{result=rejected}",
    ] {
        assert_eq!(bench.ledger.total(name), 0, "{name}");
    }
    assert_eq!(bench.ledger.level("workers{state=busy}"), 3.0);
    assert_eq!(bench.ledger.level("queue_limit_jobs"), f64::INFINITY);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(bench.ledger.level(&format!("info{{version={version},policy=fixed}}")), 1.0);
    assert!(bench.ledger.has("queue_wait_seconds"));
    assert_eq!(
        bench.ledger.described.load(Ordering::Relaxed),
        (TABLE.len() + 1 + LANE_TABLE.len()) as u64
    );
}

#[test]
fn counters_get_the_difference_and_whole_seconds_carry_their_rest() {
    let mut bench = Bench::new(HistogramSink::Facade);
    for step in 1..=10 {
        bench.totals.accepted = step * 100;
        bench.totals.dequeued = step;
        bench.totals.outcomes[Outcome::Panicked as usize] = step;
        bench.totals.scale_events[0][Reason::Grow.index()] = step;
        bench.totals.busy = Duration::from_millis(step * 350);
        bench.levels.noted.worker_cpu = Some(Duration::from_millis(step * 250));
        assert!(bench.flush(150));
    }
    assert_eq!(bench.ledger.total("jobs_submitted_total"), 1000);
    assert_eq!(bench.ledger.total("jobs_completed_total{outcome=panic}"), 10);
    assert_eq!(bench.ledger.total("scale_events_total{direction=up,reason=grow}"), 10);
    assert_eq!(bench.ledger.total("worker_busy_seconds_total"), 3);
    assert_eq!(bench.ledger.total("worker_cpu_seconds_total"), 2);
}

#[test]
fn counters_are_touched_in_every_flush_so_that_none_counts_as_idle() {
    let mut bench = Bench::new(HistogramSink::Facade);
    (0..5).for_each(|_| assert!(bench.flush(10)));
    assert_eq!(bench.ledger.find("steals_total").calls.load(Ordering::Relaxed), 5);
}

#[test]
fn what_the_platform_does_not_tell_is_absent_until_it_does() {
    let mut bench = Bench::new(HistogramSink::Facade);
    bench.flush(0);
    assert!(!bench.ledger.has("worker_cpu") && !bench.ledger.has("cpu_saturation_ratio"));
    bench.levels.noted.cpu_saturation = Some(0.5);
    bench.flush(1000);
    assert_eq!(bench.ledger.level("cpu_saturation_ratio"), 0.5);
}

#[test]
fn a_recorder_that_comes_late_gets_everything() {
    let mut bench = Bench::new(HistogramSink::Facade);
    bench.totals.accepted = 70;
    (0..70).for_each(|_| bench.totals.wait.record(20_000));
    // There is no recorder yet.
    bench.telemetry.flush(&bench.totals, &bench.levels);
    bench.totals.accepted = 71;
    bench.flush(1);
    assert_eq!(bench.ledger.total("jobs_submitted_total"), 71);
    assert_eq!(bench.ledger.find("queue_wait_seconds").samples.lock().count(), 70);
}

#[test]
fn a_series_the_recorder_dropped_comes_back_within_a_second() {
    let mut bench = Bench::new(HistogramSink::Facade);
    bench.flush(0);
    bench.ledger.accounts.lock().clear();
    bench.totals.accepted = 5;
    bench.flush(999);
    assert!(!bench.ledger.has("jobs_submitted_total"));
    bench.totals.accepted = 8;
    bench.flush(1);
    assert_eq!(bench.ledger.total("jobs_submitted_total"), 3, "starts over, as a counter may");
}

#[test]
fn histograms_are_exact_up_to_the_budget_and_thinned_above() {
    let mut bench = Bench::new(HistogramSink::Facade);
    (0..1000).for_each(|i| bench.totals.run.record(i * 50_000));
    bench.flush(0);
    let exported = bench.ledger.find("run_seconds");
    assert_eq!(exported.samples.lock().count(), 1000);
    assert_eq!(bench.ledger.total("samples_thinned_total"), 0);
    (0..5000).for_each(|i| bench.totals.run.record(i * 50_000));
    bench.flush(1);
    assert_eq!(exported.samples.lock().count(), 2000);
    assert_eq!(bench.ledger.total("samples_thinned_total"), 4000);
    bench.flush(1);
    assert_eq!(exported.samples.lock().count(), 2000, "nothing new, nothing sent");
}

#[test]
fn with_the_exact_sink_the_recorder_gets_no_histograms() {
    let mut bench = Bench::new(HistogramSink::Exact);
    (0..5000).for_each(|i| bench.totals.run.record(i));
    bench.flush(0);
    for name in ["queue_wait_seconds", "run_seconds", "supervisor_tick_seconds"] {
        assert!(!bench.ledger.has(name));
    }
    assert_eq!(bench.ledger.total("samples_thinned_total"), 0);
}

#[test]
fn closing_sets_the_gauges_to_zero_and_keeps_the_counters() {
    let mut bench = Bench::new(HistogramSink::Facade);
    bench.totals.accepted = 9;
    bench.flush(0);
    metrics::with_local_recorder(&bench.ledger, || bench.telemetry.close());
    for name in ["workers{state=busy}", "workers_max", "queue_limit_jobs"] {
        assert_eq!(bench.ledger.level(name), 0.0, "{name}");
    }
    assert_eq!(bench.ledger.total("jobs_submitted_total"), 9);
}

#[test]
fn a_recorder_that_panics_at_the_end_costs_one_gauge() {
    let mut bench = Bench::new(HistogramSink::Facade);
    bench.flush(0);
    bench.ledger.find("workers{state=busy}").panics.store(true, Ordering::Relaxed);
    bench.ledger.find("workers_max").panics.store(true, Ordering::Relaxed);
    let close = || metrics::with_local_recorder(&bench.ledger, || bench.telemetry.close());
    assert!(catch_unwind(AssertUnwindSafe(close)).is_ok());
    for name in ["workers_min", "queue_limit_jobs"] {
        assert_eq!(bench.ledger.level(name), 0.0, "{name}");
    }
}

#[test]
fn a_recorder_that_panics_costs_one_series_and_counts_nothing_twice() {
    let mut bench = Bench::new(HistogramSink::Facade);
    bench.flush(0);
    let sick = bench.ledger.find("jobs_refused_total{reason=shutdown}");
    sick.panics.store(true, Ordering::Relaxed);
    bench.totals.accepted = 3;
    bench.totals.refused = [3; Refusal::ALL.len()];
    bench.totals.steals = 3;
    assert!(!bench.flush(1));
    assert!(bench.flush(1), "the series that panicked is left out");
    assert_eq!(bench.ledger.total("jobs_submitted_total"), 3);
    assert_eq!(bench.ledger.total("steals_total"), 3, "series after it get through");
    sick.panics.store(false, Ordering::Relaxed);
    bench.totals.refused = [5; Refusal::ALL.len()];
    assert!(bench.flush(1000));
    for reason in ["queue_full", "shutdown", "forked"] {
        assert_eq!(bench.ledger.total(&format!("jobs_refused_total{{reason={reason}}}")), 5);
    }
}
