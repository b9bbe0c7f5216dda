//! Pools that rest, and recorders that forget what nobody touches.

#![cfg(all(target_os = "linux", feature = "prometheus"))]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use metrics::{
    Counter, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use metrics_util::MetricKindMask;
use springtide::prometheus::{self, Endpoint, PrometheusBuilder, PrometheusHandle, configure};
use springtide::testing::ManualClock;
use springtide::{Builder, MetricsSource, Observer, Pool, Trouble, WorkerStopped};

use support::page::{has, own_recorder};
use support::system::{self, Cost};
use support::{
    Crowd, Door, Latch, asleep, asleep_by, at_rest, eventually, finish, hold, millis, spin,
    watchdog,
};

/// After so long without a change a series is dropped.
const IDLE: Duration = Duration::from_secs(2);

/// One test at a time: a page of ours wakes every pool of the process.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A recorder that forgets, with one series that nobody will touch again.
fn forgetful() -> (MetricsSource, PrometheusHandle) {
    let builder = configure(PrometheusBuilder::new());
    let recorder = builder.idle_timeout(MetricKindMask::ALL, Some(IDLE)).build_recorder();
    metrics::with_local_recorder(&recorder, || metrics::counter!("untouched_total").increment(1));
    let handle = recorder.handle();
    (MetricsSource::Recorder(Arc::new(recorder)), handle)
}

fn rested(builder: Builder) -> Pool {
    let pool = builder.workers(2..=2).build().unwrap();
    (0..5).for_each(|_| pool.execute(|| ()).unwrap());
    at_rest(&pool);
    pool
}

/// What the pool's threads have cost so far.
fn costs(pool: &Pool) -> Vec<Option<Cost>> {
    system::threads(pool.name()).iter().map(|thread| thread.cost()).collect()
}

/// The counter of a pool that has run five jobs, from its beginning, and one of its gauges.
fn is_shown(page: &str, pool: &str) -> bool {
    has(page, &format!("springtide_jobs_submitted_total{{pool=\"{pool}\"}} 5"))
        && has(page, &format!("springtide_workers_max{{pool=\"{pool}\"}} 2"))
}

/// Reads pages until the recorder has forgotten what nobody touches.
#[track_caller]
fn until_forgotten(page: impl Fn() -> String) -> String {
    let mut last = page();
    assert!(last.contains("untouched_total"), "{last}");
    eventually("what nobody touches is forgotten", || {
        last = page();
        std::thread::sleep(millis(20));
        !last.contains("untouched_total")
    });
    last
}

#[test]
fn a_page_of_ours_shows_a_pool_that_rests_for_longer_than_series_may_be_idle() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let (to, handle) = forgetful();
    let pool = rested(Pool::builder("scraped").metrics(to));
    asleep(&pool);
    let looks = pool.stats().evaluations;
    let page = until_forgotten(|| {
        let page = prometheus::render(&handle);
        assert!(is_shown(&page, "scraped"), "{page}");
        page
    });
    assert!(is_shown(&page, "scraped"), "{page}");
    assert_eq!(pool.stats().evaluations, looks, "whoever reads a page changes nothing");
    finish(pool);
}

#[test]
fn a_scrape_of_the_endpoint_brings_back_what_was_forgotten() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let (to, handle) = forgetful();
    let endpoint = Endpoint::builder(handle.clone()).serve("127.0.0.1:0").unwrap();
    let pool = rested(Pool::builder("served").metrics(to));
    asleep(&pool);
    // Somebody else reads the recorder, so the pool's series are forgotten too.
    until_forgotten(|| handle.render());
    eventually("the pool is forgotten", || !handle.render().contains("pool=\"served\""));
    let scraped = || {
        let mut client = TcpStream::connect(endpoint.local_addr()).unwrap();
        client.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut scraped = String::new();
        client.read_to_string(&mut scraped).unwrap();
        scraped
    };
    let maximum = "springtide_workers_max{pool=\"served\"} 2";
    eventually("it is back", || has(&scraped(), maximum));
    let (page, counter) = (scraped(), "springtide_jobs_submitted_total{pool=\"served\"} 0");
    assert!(has(&page, counter), "a counter that was dropped begins anew: {page}");
    finish(pool);
}

#[test]
fn a_pool_that_is_to_report_at_rest_outlives_the_idle_timeout_of_a_foreign_page() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let (to, handle) = forgetful();
    let reporting = rested(Pool::builder("reporting").metrics(to.clone()).report_at_rest(IDLE / 4));
    let silent = rested(Pool::builder("silent").metrics(to));
    asleep(&silent);
    let page = until_forgotten(|| handle.render());
    assert!(is_shown(&page, "reporting"), "{page}");
    eventually("the silent one is forgotten", || !handle.render().contains("pool=\"silent\""));
    assert!(is_shown(&handle.render(), "reporting"), "{}", handle.render());
    let before = costs(&silent);
    std::thread::sleep(IDLE / 4);
    assert_eq!(costs(&silent), before, "to be forgotten does not wake a pool");
    finish(reporting);
    finish(silent);
}

#[test]
fn an_installed_recorder_hears_of_pools_that_rest_at_once() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let pool = rested(Pool::builder("older"));
    asleep(&pool);
    let handle = prometheus::install().expect("no other recorder of the process here");
    eventually("nobody has to read a page of ours", || is_shown(&handle.render(), "older"));
    finish(pool);
}

/// What only a supervisor measures is of the moment of the page too: here, that the process
/// computes while the pool rests.
#[test]
fn a_page_of_a_pool_that_rests_has_the_processor_as_it_is_now() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let pool = rested(Pool::builder("measured").metrics(MetricsSource::Captured));
    asleep(&pool);
    let saturation = || -> f64 {
        let page = pool.render_metrics();
        let series = "springtide_cpu_saturation_ratio{pool=\"measured\"} ";
        let value = page.lines().find_map(|line| line.strip_prefix(series));
        value.expect("Linux tells it").parse().unwrap()
    };
    // It is measured once a second at most.
    std::thread::sleep(millis(1_100));
    let before = saturation();
    spin(millis(1_500));
    let after = saturation();
    assert!(after > before, "{after} after the core was used, and {before} before");
    finish(pool);
}

/// Keeps workers that stop where they still count as on their way out.
struct Doorkeeper(Arc<Latch>);

impl Observer for Doorkeeper {
    fn worker_stopped(&self, _: &WorkerStopped<'_>) {
        self.0.wait();
    }
}

#[test]
fn a_pool_does_not_rest_before_its_threads_are_gone_and_it_has_said_so() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let (recorder, handle) = own_recorder();
    let latch = Latch::new();
    let pool = Pool::builder("leaving")
        .workers(0..=1)
        .keep_alive(millis(10))
        .observer(Doorkeeper(Arc::clone(&latch)))
        .metrics(recorder)
        .build()
        .unwrap();
    pool.execute(|| ()).unwrap();
    let says = |retiring: u32| {
        let series = "springtide_workers{pool=\"leaving\",state=\"retiring\"}";
        has(&handle.render(), &format!("{series} {retiring}"))
    };
    eventually("one is on its way out", || says(1));
    // One that went to rest here would be asleep after this.
    std::thread::sleep(millis(800));
    latch.open();
    eventually("nobody has to ask", || says(0));
    asleep(&pool);
    finish(pool);
}

/// A recorder of which only the gauges matter. A pool asks for each once a second, when it reports.
struct Gauges<F>(F);

fn gauges(make: impl Fn(&Key) -> Gauge + Send + Sync + 'static) -> MetricsSource {
    MetricsSource::Recorder(Arc::new(Gauges(make)))
}

impl<F: Fn(&Key) -> Gauge> Recorder for Gauges<F> {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        (self.0)(key)
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// What gauges are told that park on the supervisor's thread when they are to, once.
#[derive(Default)]
struct Told {
    is_to_park: AtomicBool,
    parks: AtomicBool,
    reports: AtomicU64,
}

struct ParkingGauge {
    told: Arc<Told>,
    /// One of them is told in each report.
    counts: bool,
}

impl GaugeFn for ParkingGauge {
    fn increment(&self, _: f64) {}
    fn decrement(&self, _: f64) {}
    fn set(&self, _: f64) {
        self.told.reports.fetch_add(u64::from(self.counts), Ordering::SeqCst);
        if self.told.is_to_park.swap(false, Ordering::SeqCst) {
            self.told.parks.store(true, Ordering::SeqCst);
            std::thread::park();
        }
    }
}

/// Attacks A5. What a recorder waits for may park the thread; the ring of the next reader is then
/// used up there.
#[test]
fn a_recorder_that_parks_leaves_no_reader_without_a_report() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let (told, (_, handle)) = (Arc::new(Told::default()), forgetful());
    let to_be_told = Arc::clone(&told);
    let to = gauges(move |key| {
        let counts = key.name() == "springtide_workers_max";
        Gauge::from_arc(Arc::new(ParkingGauge { told: Arc::clone(&to_be_told), counts }))
    });
    let pool = rested(Pool::builder("parking").metrics(to));
    asleep(&pool);
    let before = told.reports.load(Ordering::SeqCst);
    told.is_to_park.store(true, Ordering::SeqCst);
    let first = std::thread::spawn({
        let handle = handle.clone();
        move || prometheus::render(&handle)
    });
    eventually("it reports, and parks", || told.parks.load(Ordering::SeqCst));
    prometheus::render(&handle);
    let reports = || told.reports.load(Ordering::SeqCst) - before;
    eventually("each reader gets a report", || reports() >= 2);
    first.join().unwrap();
    finish(pool);
}

#[test]
fn a_supervisor_that_does_not_come_back_from_a_report_at_rest_is_silent() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let (clock, door) = (ManualClock::new(), Arc::new(Door::default()));
    let passed = Arc::clone(&door);
    let to = gauges(move |_| {
        passed.pass();
        Gauge::noop()
    });
    let builder = Pool::builder("hangs").workers(1..=1).metrics(to).clock(clock.clock());
    let pool = builder.report_at_rest(Duration::ZERO).build().unwrap();
    asleep_by(&clock, &pool);
    let shut = door.shut();
    door.until_one_hangs(&clock, millis(1_000));
    let latch = Latch::new();
    hold(&pool, 1, &Crowd::new(), &latch);
    pool.execute(|| ()).unwrap();
    clock.advance(millis(60_000));
    let silent = || pool.health().troubles.contains(&Trouble::SupervisorSilent);
    assert!(silent(), "{:?}", pool.health());
    drop(shut);
    eventually("it comes back", || !silent());
    latch.open();
    finish(pool);
}

/// Zero is the shortest that there is, and the longest is never. No report is a look at the pool.
#[test]
fn any_time_between_reports_is_legal() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let pool = |name: &str, to: MetricsSource, every| {
        rested(Pool::builder(name).metrics(to).report_at_rest(every))
    };
    let asked = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&asked);
    let to = gauges(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        Gauge::noop()
    });
    let often = pool("often", to, Duration::ZERO);
    let never = pool("never", MetricsSource::Global, Duration::MAX);
    // Nobody is told anything, so there is nothing to wake up for.
    let captured = pool("captured", MetricsSource::Captured, Duration::ZERO);
    [&often, &never, &captured].into_iter().for_each(|pool| asleep(pool));
    let (before, looks) = ([costs(&never), costs(&captured)], often.stats().evaluations);
    let asked_for = || asked.load(Ordering::Relaxed);
    let told = asked_for();
    eventually("it reports again and again", || asked_for() > told + 100);
    assert_eq!(often.stats().evaluations, looks);
    assert_eq!([costs(&never), costs(&captured)], before);
    for pool in [often, never, captured] {
        finish(pool);
    }
}
