use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusBuilder;

use super::*;
use crate::prometheus::configure;
use crate::prometheus::live::{self, Late};
use crate::scale::HistogramSink;
use crate::scale::pool_label::PoolLabel;
use crate::scale::telemetry::Telemetry;
use crate::scale::totals::{Levels, Noted};

struct Source(Totals);

impl ExactSource for Source {
    fn totals(&self) -> Totals {
        self.0.clone()
    }
}

fn some_totals() -> Totals {
    let mut totals = Totals { accepted: 7, ..Totals::default() };
    for i in 1..=3000u64 {
        totals.wait.record(i * i * 97);
        totals.run.record(i * 50_000);
        totals.tick.record(i * 11);
    }
    totals
}

fn source(name: &'static str) -> Arc<dyn ExactSource> {
    let source: Arc<dyn ExactSource> = Arc::new(Source(some_totals()));
    register(name, Arc::downgrade(&source));
    source
}

/// A handle of a recorder that some pools have reported to.
fn recorder(builder: PrometheusBuilder, pools: &[(&str, HistogramSink)]) -> PrometheusHandle {
    let recorder = builder.build_recorder();
    metrics::with_local_recorder(&recorder, || {
        for (name, sink) in pools {
            let noted = Noted { cpu_saturation: Some(0.3), ..Noted::default() };
            let levels = Levels { noted, ..Levels::default() };
            let label = PoolLabel::of_one(name);
            Telemetry::new(label, "fixed", *sink, None).flush(&some_totals(), &levels);
        }
    });
    recorder.handle()
}

/// Checks a page the way Prometheus does, as far as a test can: no series and no family twice.
fn assert_sound(page: &str) {
    let mut seen = std::collections::HashSet::new();
    for line in page.lines().filter(|line| !line.is_empty()) {
        let key = match line.strip_prefix("# ") {
            Some(comment) => comment.splitn(3, ' ').take(2).collect::<Vec<_>>().join(" "),
            None => line.rsplit_once(' ').expect(line).0.to_owned(),
        };
        assert!(seen.insert(key), "twice: {line}");
    }
}

#[test]
fn a_page_holds_both_sinks_and_each_family_once() {
    let pools = [("facade_a", HistogramSink::Facade), ("exact_a", HistogramSink::Exact)];
    let handle = recorder(configure(PrometheusBuilder::new()), &pools);
    let _kept = source("exact_a");
    let page = render(&handle);
    assert_sound(&page);
    for line in [
        "# TYPE springtide_queue_wait_seconds histogram",
        "springtide_queue_wait_seconds_count{pool=\"facade_a\"} 1000",
        "springtide_queue_wait_seconds_count{pool=\"exact_a\"} 3000",
        "springtide_run_seconds_bucket{pool=\"exact_a\",le=\"0.025\"} 500",
        "springtide_run_seconds_sum{pool=\"exact_a\"} 225.075",
        "springtide_queue_limit_jobs{pool=\"facade_a\"} inf",
    ] {
        assert!(page.lines().any(|l| l == line), "{line} not in\n{page}");
    }
    let facade_bounds = page.matches("springtide_run_seconds_bucket{pool=\"facade_a\"").count();
    assert_eq!(facade_bounds, 19, "both sinks have the same bounds");
}

#[test]
fn a_pool_that_has_ended_leaves_its_counts_for_the_next_of_its_name() {
    let handle = configure(PrometheusBuilder::new()).build_recorder().handle();
    let count = |n: u64| {
        let page = render(&handle);
        assert_sound(&page);
        let line = format!("springtide_run_seconds_count{{pool=\"short_lived\"}} {n}");
        assert!(page.lines().any(|l| l == line), "{line} not in\n{page}");
    };
    let first = source("short_lived");
    count(3000);
    keep(&*first, "short_lived", first.totals());
    count(3000);
    drop(first);
    count(3000);
    let _second = source("short_lived");
    count(6000);
}

#[test]
fn pools_of_one_name_share_their_series() {
    let handle = configure(PrometheusBuilder::new()).build_recorder().handle();
    let _kept = [source("twins"), source("twins")];
    let page = render(&handle);
    assert_sound(&page);
    assert!(page.contains("springtide_run_seconds_count{pool=\"twins\"} 6000"));
}

#[test]
fn the_counts_of_one_name_with_both_sinks_add_up() {
    let pools = [("b", HistogramSink::Facade), ("bb", HistogramSink::Facade)];
    let handle = recorder(configure(PrometheusBuilder::new()), &pools);
    let _kept = source("b");
    let page = render(&handle);
    assert_sound(&page);
    for line in [
        "springtide_run_seconds_count{pool=\"b\"} 4000",
        "springtide_run_seconds_bucket{pool=\"b\",le=\"+Inf\"} 4000",
        "springtide_run_seconds_count{pool=\"bb\"} 1000",
    ] {
        assert!(page.lines().any(|l| l == line), "{line} not in\n{page}");
    }
    let facade = handle.render();
    let of = |page: &str, start: &str| -> f64 {
        let line = page.lines().find(|line| line.starts_with(start)).expect(start);
        line.rsplit_once(' ').expect(line).1.parse().expect(line)
    };
    let bucket = "springtide_run_seconds_bucket{pool=\"b\",le=\"0.025\"}";
    assert_eq!(of(&page, bucket), of(&facade, bucket) + 500.0, "exact at every bound");
    let sum = "springtide_run_seconds_sum{pool=\"b\"}";
    assert!((of(&page, sum) - of(&facade, sum) - 225.075).abs() < 1e-6);
}

#[test]
fn labels_of_the_exporter_reach_the_exact_series() {
    let builder = configure(PrometheusBuilder::new()).add_global_label("region", "eu} 1");
    let handle = recorder(builder, &[("exact_c", HistogramSink::Exact)]);
    let _kept = source("exact_c");
    let page = render(&handle);
    let count = page
        .lines()
        .find(|l| l.starts_with("springtide_run_seconds_count") && l.contains("pool=\"exact_c\""));
    assert!(count.is_some_and(|l| l.contains("region=\"eu} 1\"")), "{count:?}");
}

#[test]
fn a_label_of_the_exporter_whose_name_ends_like_ours_is_another() {
    let pools = [("facade_g", HistogramSink::Facade), ("exact_g", HistogramSink::Exact)];
    let builder = configure(PrometheusBuilder::new()).add_global_label("node_pool", "exact_g");
    let handle = recorder(builder, &pools);
    let _kept = source("exact_g");
    let late = |label: &str, seconds| Late { label: label.to_owned(), to_process: true, seconds };
    let page = live::set(render(&handle), &[late("facade_g", 1.0), late("exact_g", 2.0)]);
    assert_sound(&page);
    for (pool, jobs, late) in [("facade_g", 1000, 1), ("exact_g", 3000, 2)] {
        let labels = format!("{{node_pool=\"exact_g\",pool=\"{pool}\"}}");
        for line in [
            format!("springtide_run_seconds_count{labels} {jobs}"),
            format!("springtide_supervisor_late_seconds{labels} {late}"),
        ] {
            assert!(page.lines().any(|l| l == line), "{line} not in\n{page}");
        }
    }
}

#[test]
fn a_summary_of_an_unconfigured_recorder_gives_way() {
    let pools = [("facade_d", HistogramSink::Facade)];
    let handle = recorder(PrometheusBuilder::new(), &pools);
    assert!(handle.render().contains("# TYPE springtide_run_seconds summary"));
    let _kept = source("exact_d");
    let page = render(&handle);
    assert_sound(&page);
    assert!(!page.contains("summary"));
    assert!(page.contains("springtide_run_seconds_count{pool=\"exact_d\"} 3000"));
    assert!(page.contains("springtide_jobs_submitted_total{pool=\"facade_d\"} 7"));
}

#[test]
fn both_naming_modes_of_the_exporter_give_the_same_names() {
    let names = |builder: PrometheusBuilder| {
        let handle = recorder(configure(builder), &[("e", HistogramSink::Facade)]);
        let page = handle.render();
        let mut names: Vec<String> = page
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE "))
            .map(str::to_owned)
            .collect();
        names.sort();
        names
    };
    let plain = names(PrometheusBuilder::new());
    assert_eq!(plain.len(), TABLE.len());
    assert_eq!(plain, names(PrometheusBuilder::new().with_recommended_naming(true)));
}

#[test]
fn promtool_accepts_the_page() {
    let pools = [("facade_f", HistogramSink::Facade), ("exact_f", HistogramSink::Exact)];
    let handle = recorder(configure(PrometheusBuilder::new()), &pools);
    let _kept = source("exact_f");
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut promtool = match promtool {
        Ok(child) => child,
        Err(error) if std::env::var_os("SPRINGTIDE_REQUIRE_PROMTOOL").is_none() => {
            eprintln!("skipped, no promtool: {error}");
            return;
        }
        Err(error) => panic!("promtool is required and missing: {error}"),
    };
    let page = render(&handle);
    promtool.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let verdict = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&verdict.stderr).into_owned();
    assert!(verdict.status.success() && said.is_empty(), "{said}\n{page}");
}
