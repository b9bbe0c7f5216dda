//! What a scrape sees of real pools, held against what the pools say themselves.

#![cfg(all(target_os = "linux", feature = "prometheus"))]

mod support;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use springtide::prometheus;
use springtide::{Builder, Fixed, HistogramSink, Overflow, Pool, Refusal, Stats};

use support::page::{lint, recorder};
use support::system;
use support::{Crowd, Latch, asleep, at_rest, end, eventually, finish, hold, millis, watchdog};

/// One pool's series in a page, without the label `pool`.
fn series_of(page: &str, pool: &str) -> BTreeMap<String, f64> {
    let label = format!("pool=\"{pool}\"");
    let lines = page.lines().filter(|line| !line.starts_with('#') && line.contains(&label));
    lines
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').expect("a name and a value");
            let series = series.replace(&format!("{label},"), "").replace(&label, "");
            let series = series.replace("{}", "").replace("springtide_", "");
            (series, value.parse().expect("a number"))
        })
        .collect()
}

fn scrape(pool: &str) -> BTreeMap<String, f64> {
    series_of(&prometheus::render(recorder()), pool)
}

/// What the recorder was told, without anybody asking the pool for it.
fn told(pool: &str) -> BTreeMap<String, f64> {
    series_of(&recorder().render(), pool)
}

/// Every outcome and every way to be refused or to change something, at least once.
fn eventful(builder: Builder) -> Pool {
    let pool = builder.workers(1..=4).queue_capacity(8).keep_alive(millis(100)).build().unwrap();
    let (crowd, latch) = (Crowd::new(), Latch::new());
    hold(&pool, 4, &crowd, &latch);
    let expired = pool.job("late").expires_in(Duration::ZERO).submit(|_| ()).unwrap();
    let cancelled = pool.submit(|| ()).unwrap();
    assert!(cancelled.cancel());
    (0..7).for_each(|_| pool.execute(|| ()).unwrap());
    assert!(pool.try_execute(|| ()).is_err() && pool.try_execute(|| ()).is_err());
    assert!(pool.submit_timeout(|| (), millis(1)).is_err());
    latch.open();
    assert!(expired.join().is_err_and(|error| error.is_expired()));
    let overrun = pool.job("slow").timeout(millis(1)).submit(|cx| {
        while !cx.is_cancelled() {
            std::thread::sleep(millis(1));
        }
    });
    assert!(overrun.unwrap().join().is_err_and(|error| error.is_timed_out()));
    assert!(pool.submit(|| panic!("on purpose")).unwrap().join().is_err());
    for n in 0..300 {
        pool.execute(move || std::thread::sleep(Duration::from_micros(n))).unwrap();
    }
    pool.resize(1..=3).unwrap();
    assert!(pool.resize(0..=0).is_err());
    at_rest(&pool);
    pool
}

/// The families that both sides have, under their names in the page.
fn expected(stats: &Stats) -> Vec<(&'static str, f64)> {
    let refused = |reason: Refusal| {
        stats.refused_by.iter().find(|(of, _)| *of == reason).map_or(0, |(_, n)| *n) as f64
    };
    let states = &stats.workers;
    vec![
        ("jobs_submitted_total", stats.accepted as f64),
        ("jobs_completed_total{outcome=\"ok\"}", stats.ok as f64),
        ("jobs_completed_total{outcome=\"error\"}", stats.errored as f64),
        ("jobs_completed_total{outcome=\"panic\"}", stats.panicked as f64),
        ("jobs_completed_total{outcome=\"cancelled\"}", stats.cancelled as f64),
        ("jobs_completed_total{outcome=\"expired\"}", stats.expired as f64),
        ("jobs_completed_total{outcome=\"timeout\"}", stats.timed_out as f64),
        ("jobs_completed_total{outcome=\"returned\"}", stats.returned as f64),
        ("jobs_completed_total{outcome=\"lost\"}", stats.lost as f64),
        ("jobs_refused_total{reason=\"queue_full\"}", refused(Refusal::QueueFull)),
        ("jobs_refused_total{reason=\"deadline\"}", refused(Refusal::Deadline)),
        ("jobs_refused_total{reason=\"shutdown\"}", refused(Refusal::Shutdown)),
        ("queue_jobs{priority=\"high\"}", stats.queued_by[0] as f64),
        ("queue_jobs{priority=\"normal\"}", stats.queued_by[1] as f64),
        ("queue_jobs{priority=\"low\"}", stats.queued_by[2] as f64),
        ("queue_reserved_places", stats.reserved as f64),
        ("jobs_delayed", stats.delayed as f64),
        ("job_retries_total", stats.retries as f64),
        ("job_retries_refused_total", stats.retries_refused as f64),
        ("promotions_total", stats.promotions as f64),
        ("submitters_blocked", stats.submitters_blocked as f64),
        ("queue_oldest_job_age_seconds", stats.oldest_age.as_secs_f64()),
        ("workers{state=\"idle\"}", f64::from(states.idle)),
        ("workers{state=\"busy\"}", f64::from(states.busy - states.blocked)),
        ("workers{state=\"blocked\"}", f64::from(states.blocked)),
        ("workers{state=\"held\"}", f64::from(states.held)),
        ("workers_target", f64::from(stats.target)),
        ("workers_min", f64::from(stats.min)),
        ("workers_max", f64::from(stats.max)),
        ("demand_workers", f64::from(stats.demand)),
        ("utilization_ratio", stats.utilization),
        ("workers_started_total", stats.threads_started as f64),
        ("workers_stopped_total{cause=\"retired\"}", stats.threads_retired as f64),
        ("worker_spawn_failures_total", stats.spawn_failures as f64),
        ("steals_total", stats.steals as f64),
        ("evaluations_total", stats.evaluations as f64),
        ("recoveries_total", stats.recoveries as f64),
        ("queue_wait_seconds_count", stats.wait.count as f64),
        ("run_seconds_count", stats.run.count as f64),
        ("config_reloads_total{result=\"ok\"}", 1.0),
        ("config_reloads_total{result=\"rejected\"}", 1.0),
        ("samples_thinned_total", 0.0),
    ]
}

#[test]
fn both_sinks_show_what_the_pool_says_once_its_supervisor_sleeps() {
    let _watchdog = watchdog();
    recorder();
    for (name, sink) in [("facade", HistogramSink::Facade), ("exact", HistogramSink::Exact)] {
        let pool = eventful(Pool::builder(name).histogram_sink(sink));
        asleep(&pool);
        let (page, stats) = (scrape(name), pool.stats());
        for (series, value) in expected(&stats) {
            assert_eq!(page.get(series), Some(&value), "{name}: {series}, {stats:?}");
        }
        assert_eq!((stats.ok, stats.panicked, stats.refused), (311, 1, 3), "{stats:?}");
        assert_eq!((stats.cancelled, stats.expired, stats.timed_out), (1, 1, 1), "{stats:?}");
        let sum = |family: &str| -> f64 {
            page.iter().filter(|(series, _)| series.starts_with(family)).map(|(_, v)| v).sum()
        };
        assert_eq!(sum("jobs_completed_total"), page["jobs_submitted_total"], "at rest");
        assert_eq!(sum("workers{"), system::workers(name) as f64, "as the system counts");
        let verdicts: u64 = stats.decisions.iter().map(|(_, n)| n).sum();
        assert_eq!(verdicts as f64, page["evaluations_total"]);
        for family in ["queue_wait_seconds", "run_seconds"] {
            let infinite = page[&format!("{family}_bucket{{le=\"+Inf\"}}")];
            assert_eq!(infinite, page[&format!("{family}_count")], "{name}: {family}");
            let seconds = page[&format!("{family}_sum")];
            let of = if family == "run_seconds" { &stats.run } else { &stats.wait };
            let truth = of.mean.as_secs_f64() * of.count as f64;
            // The facade gets one value for each cell, and a cell is a tenth wide at most.
            assert!((0.9..=1.1).contains(&(seconds / truth)), "{seconds} for {truth}");
        }
        finish(pool);
    }
}

/// The supervisor has been asleep since before these jobs, or will be before it flushes: the exact
/// histograms do not wait for it.
#[test]
fn exact_histograms_are_folded_at_the_moment_of_the_scrape() {
    let _watchdog = watchdog();
    recorder();
    let pool = Pool::builder("moment").workers(1..=2).histogram_sink(HistogramSink::Exact);
    let pool = pool.build().unwrap();
    for n in 1..=200 {
        pool.submit(|| ()).unwrap().join().unwrap();
        let page = scrape("moment");
        assert_eq!(page["queue_wait_seconds_count"], f64::from(n));
        assert_eq!(page["run_seconds_bucket{le=\"+Inf\"}"], f64::from(n));
    }
    finish(pool);
}

/// Whatever the law, and although nothing but refusals happens any more.
#[test]
fn what_happens_while_the_supervisor_sleeps_is_shown() {
    let _watchdog = watchdog();
    recorder();
    let pool = Pool::builder("asleep").workers(2..=2).policy(Fixed).build().unwrap();
    for _ in 0..20 {
        pool.execute(|| std::thread::sleep(millis(20))).unwrap();
    }
    at_rest(&pool);
    asleep(&pool);
    let page = told("asleep");
    assert_eq!(page["jobs_completed_total{outcome=\"ok\"}"], 20.0);
    assert_eq!((page["utilization_ratio"], page["workers{state=\"busy\"}"]), (0.0, 0.0));
    let permits = pool.reserve(3).unwrap();
    let reserved = || told("asleep")["queue_reserved_places"];
    eventually("the reserved places", || reserved() == 3.0);
    drop(permits);
    eventually("none any more", || reserved() == 0.0);
    assert!(pool.reconfigure(|settings| settings.max_workers = 0).is_err());
    let rejected = || told("asleep")["config_reloads_total{result=\"rejected\"}"];
    eventually("the change that was not made", || rejected() == 1.0);
    pool.close();
    asleep(&pool);
    for n in 1..=500 {
        assert!(pool.execute(|| ()).is_err());
        if n % 100 == 0 {
            let refused = || told("asleep")["jobs_refused_total{reason=\"shutdown\"}"];
            eventually("every refusal", || refused() == f64::from(n));
        }
    }
    end(pool);
}

/// 142 series or so, for a pool that did nothing and for one with 30 workers and 3000 jobs.
#[test]
fn the_number_of_series_does_not_depend_on_the_load() {
    let _watchdog = watchdog();
    recorder();
    let pool = Pool::builder("series").workers(1..=30).keep_alive(millis(50)).build().unwrap();
    let names = || scrape("series").into_keys().collect::<Vec<_>>();
    // A page may be taken while the first flush is still adding to it.
    eventually("it was flushed whole", || names().len() >= 100);
    let before = names();
    let (crowd, latch) = (Crowd::new(), Latch::new());
    hold(&pool, 30, &crowd, &latch);
    (0..3_000).for_each(|_| drop(pool.job("any kind").submit(|_| ())));
    std::thread::sleep(millis(600));
    assert_eq!(names(), before, "under load");
    latch.open();
    at_rest(&pool);
    asleep(&pool);
    assert_eq!(names(), before, "after it");
    println!("{} series", before.len());
    assert!((100..=144).contains(&before.len()));
    finish(pool);
}

/// A recorder keeps the last value for ever: a pool that is gone has neither workers nor a queue.
#[test]
fn the_gauges_of_a_pool_that_ended_are_zero_and_its_counters_stay() {
    let _watchdog = watchdog();
    recorder();
    let pool = Pool::builder("gone").workers(3..=9).overflow(Overflow::Reject).build().unwrap();
    (0..10).for_each(|_| pool.execute(|| std::thread::sleep(millis(1))).unwrap());
    let second = Pool::builder("gone").workers(1..=2).build().unwrap();
    assert_eq!(second.name(), "gone#2", "never merged silently");
    finish(second);
    let stats = finish(pool);
    let page = scrape("gone");
    let counter = |series: &str| series.contains("_total");
    let measure = |series: &str| series.contains("_seconds_") && !series.contains("timestamp");
    for (series, value) in page.iter().filter(|(series, _)| !counter(series) && !measure(series)) {
        assert_eq!(*value, 0.0, "{series}");
    }
    assert_eq!(page["jobs_submitted_total"], 10.0);
    assert_eq!(page["jobs_completed_total{outcome=\"ok\"}"], stats.ok as f64);
    let stopped = ["retired", "panic", "shutdown"]
        .map(|cause| page[&format!("workers_stopped_total{{cause=\"{cause}\"}}")]);
    assert_eq!(stopped.iter().sum::<f64>(), page["workers_started_total"], "all have ended");
    assert_eq!(page["workers_started_total"], stats.threads_started as f64);

    let heir = Pool::builder("gone").workers(1..=1).build().unwrap();
    assert_eq!(heir.name(), "gone");
    heir.submit(|| ()).unwrap().join().unwrap();
    finish(heir);
    assert_eq!(scrape("gone")["jobs_submitted_total"], 11.0, "its counts go on, never back");
}

fn get(address: SocketAddr, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("an empty line behind the head");
    (head.to_owned(), body.to_owned())
}

#[test]
fn the_endpoint_serves_a_page_that_promtool_accepts() {
    let _watchdog = watchdog();
    let endpoint = prometheus::serve("127.0.0.1:0", recorder().clone()).unwrap();
    let exact = eventful(Pool::builder("served").histogram_sink(HistogramSink::Exact));
    let facade = eventful(Pool::builder("served2"));
    asleep(&exact);
    asleep(&facade);
    let (head, page) = get(endpoint.local_addr(), "/metrics");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.to_lowercase().contains("content-type: text/plain; version=0.0.4"), "{head}");
    lint(&page);
    for pool in [&exact, &facade] {
        let (page, stats) = (series_of(&page, pool.name()), pool.stats());
        for (series, value) in expected(&stats) {
            assert_eq!(page.get(series), Some(&value), "{}: {series}", pool.name());
        }
    }
    // Scrapes in the middle of everything are as clean.
    let (crowd, latch) = (Crowd::new(), Latch::new());
    hold(&facade, 3, &crowd, &latch);
    for _ in 0..20 {
        let _ = facade.try_execute(|| ());
        lint(&get(endpoint.local_addr(), "/metrics").1);
    }
    latch.open();
    // `/healthz` tells of every pool of the process, and other tests pause and close theirs.
    assert!(get(endpoint.local_addr(), "/livez").0.starts_with("HTTP/1.1 200"));
    assert!(get(endpoint.local_addr(), "/nothing").0.starts_with("HTTP/1.1 404"));
    let address = endpoint.local_addr();
    drop(endpoint);
    eventually("nobody listens any more", || TcpStream::connect(address).is_err());
    finish(exact);
    finish(facade);
}

#[test]
fn a_page_shows_what_a_lane_says_of_itself() {
    let _watchdog = watchdog();
    recorder();
    let pool = Pool::builder("laned").workers(2..=2).overflow(Overflow::Reject).build().unwrap();
    let lane = pool.lane("reports").max_running(1).queue_capacity(2).build().unwrap();
    let latch = Latch::new();
    let held = {
        let latch = latch.clone();
        lane.submit(move || latch.wait()).unwrap()
    };
    eventually("it runs", || lane.stats().running == 1);
    let waiting: Vec<_> = (0..2).map(|_| lane.submit(|| ()).unwrap()).collect();
    assert!(lane.submit(|| ()).is_err());
    (0..17).for_each(|n| drop(pool.lane(format!("more {n}")).build().unwrap()));
    let shows = |series: &'static str, value: f64| {
        eventually(series, || scrape("laned").get(series) == Some(&value));
    };
    shows("lane_refused_total{lane=\"reports\",reason=\"queue_full\"}", 1.0);
    shows("lane_waiting_limit{lane=\"other\"}", 2_000.0);
    let page = scrape("laned");
    assert_eq!(page["lane_waiting{lane=\"reports\"}"], 2.0);
    assert_eq!(page["lane_running{lane=\"reports\"}"], 1.0);
    assert_eq!(page["jobs_refused_total{reason=\"queue_full\"}"], 0.0, "no refusal of the pool");
    assert_eq!(page["queue_jobs{priority=\"normal\"}"], 0.0, "a job in a lane is not queued");
    assert_eq!(page["lane_jobs_completed_total{lane=\"reports\",outcome=\"ok\"}"], 0.0);
    let shown = page.keys().filter(|series| series.starts_with("lane_waiting{")).count();
    assert_eq!(shown, 17, "sixteen by name, and others together");
    let of_lanes = page.keys().filter(|series| series.starts_with("lane_")).count();
    assert_eq!(of_lanes, 17 * 42, "as the page on metrics says, however many lanes there are");
    latch.open();
    held.join().unwrap();
    waiting.into_iter().for_each(|job| job.join().unwrap());
    shows("lane_jobs_completed_total{lane=\"reports\",outcome=\"ok\"}", 3.0);
    let page = scrape("laned");
    assert_eq!(page["lane_wait_seconds_count{lane=\"reports\"}"], 3.0);
    assert_eq!(page["jobs_completed_total{outcome=\"ok\"}"], 3.0);
    end(pool);
    assert_eq!(scrape("laned")["lane_waiting_limit{lane=\"reports\"}"], 0.0, "gauges end at zero");
}
