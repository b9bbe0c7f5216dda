//! Where a pool's figures go: to a recorder of its own, to whoever asks, to nobody.

#![cfg(all(target_os = "linux", feature = "prometheus"))]

mod support;

use std::time::Duration;

use springtide::prometheus;
use springtide::{HistogramSink, MetricsSource, Overflow, Pool, Refusal};

use support::page::{has, lint, own_recorder, recorder};
use support::{Crowd, Latch, at_rest, enqueue, eventually, finish, hold, watchdog};

#[test]
fn two_pools_with_two_recorders_are_each_seen_by_their_own() {
    let _watchdog = watchdog();
    let ((to_east, east), (to_west, west)) = (own_recorder(), own_recorder());
    let pools = [("east", to_east, 3), ("west", to_west, 5)].map(|(name, to, jobs)| {
        let pool = Pool::builder(name).workers(1..=2).metrics(to).build().unwrap();
        (0..jobs).for_each(|_| pool.execute(|| ()).unwrap());
        at_rest(&pool);
        pool
    });
    for (name, page, other, jobs) in [("east", &east, "west", 3), ("west", &west, "east", 5)] {
        let line =
            format!("springtide_jobs_completed_total{{pool=\"{name}\",outcome=\"ok\"}} {jobs}");
        eventually(&line, || has(&page.render(), &line));
        assert!(!page.render().contains(&format!("pool=\"{other}\"")), "{}", page.render());
    }
    pools.into_iter().for_each(|pool| drop(finish(pool)));
    assert!(has(&east.render(), "springtide_workers_max{pool=\"east\"} 0"));
}

#[test]
fn a_recorder_of_its_own_and_the_exact_sink_do_not_go_together() {
    let (to, _page) = own_recorder();
    let builder = Pool::builder("both").metrics(to).histogram_sink(HistogramSink::Exact);
    assert!(builder.build().unwrap_err().to_string().contains("histogram_sink"));
}

#[test]
fn a_captured_page_says_what_the_pool_says() {
    let _watchdog = watchdog();
    let pool = Pool::builder("caught").workers(2..=2).metrics(MetricsSource::Captured);
    let pool = pool.build().unwrap();
    let lane = pool.lane("reports \"daily\"").build().unwrap();
    (0..7).for_each(|_| lane.submit(|| ()).unwrap().join().unwrap());
    (0..300).for_each(|_| pool.execute(|| ()).unwrap());
    assert!(pool.submit(|| panic!("on purpose")).unwrap().join().is_err());
    at_rest(&pool);
    pool.close();
    assert!(pool.execute(|| ()).is_err());
    let (page, stats) = (pool.render_metrics(), pool.stats());
    lint(&page);
    let labels = "pool=\"caught\"";
    let shutdown = stats.refused_by.iter().find(|(of, _)| *of == Refusal::Shutdown).unwrap().1;
    for line in [
        "# TYPE springtide_queue_wait_seconds histogram".to_owned(),
        "# TYPE springtide_lane_waiting gauge".to_owned(),
        format!("springtide_jobs_submitted_total{{{labels}}} {}", stats.accepted),
        format!("springtide_jobs_completed_total{{{labels},outcome=\"ok\"}} {}", stats.ok),
        format!("springtide_jobs_completed_total{{{labels},outcome=\"panic\"}} 1"),
        format!("springtide_jobs_refused_total{{{labels},reason=\"shutdown\"}} {shutdown}"),
        format!("springtide_queue_wait_seconds_count{{{labels}}} {}", stats.wait.count),
        format!("springtide_run_seconds_bucket{{{labels},le=\"+Inf\"}} {}", stats.run.count),
        format!("springtide_workers_max{{{labels}}} 2"),
        format!(
            "springtide_lane_jobs_submitted_total{{{labels},lane=\"reports \\\"daily\\\"\"}} 7"
        ),
    ] {
        assert!(has(&page, &line), "{line} not in\n{page}");
    }
    let handle = pool.handle();
    finish(pool);
    let page = handle.render_metrics();
    assert!(has(&page, "springtide_workers_max{pool=\"caught\"} 0"), "{page}");
    let accepted = format!("springtide_jobs_submitted_total{{{labels}}} {}", stats.accepted);
    assert!(has(&page, &accepted), "{page}");
}

/// One waits for its time, one in the queue, one runs on a worker and one where it was submitted.
#[test]
fn a_page_accounts_for_every_job_also_for_those_that_their_submitter_runs() {
    let _watchdog = watchdog();
    let pool = Pool::builder("books").workers(1..=1).queue_capacity(1).delayed_capacity(5);
    let pool = pool.metrics(MetricsSource::Captured).overflow(Overflow::CallerRuns);
    let pool = pool.build().unwrap();
    let (crowd, latch) = (Crowd::new(), Latch::new());
    let later = pool.job("later").delay(Duration::from_secs(3_600)).submit(|_| ()).unwrap();
    hold(&pool, 1, &crowd, &latch);
    pool.execute(|| ()).unwrap();
    let page = std::thread::scope(|scope| {
        scope.spawn(|| {
            enqueue(&pool, 1, &crowd, &latch);
        });
        eventually("both run", || crowd.now() == 2);
        let page = pool.render_metrics();
        latch.open();
        page
    });
    for (family, value) in [
        ("jobs_submitted_total", 4),
        ("jobs_delayed", 1),
        ("jobs_delayed_limit", 5),
        ("jobs_running", 2),
    ] {
        let line = format!("springtide_{family}{{pool=\"books\"}} {value}");
        assert!(has(&page, &line), "{line} not in\n{page}");
    }
    assert!(has(&page, "springtide_queue_jobs{pool=\"books\",priority=\"normal\"} 1"), "{page}");
    assert!(later.cancel());
    finish(pool);
}

#[test]
fn a_disabled_pool_exports_nothing() {
    let _watchdog = watchdog();
    let recorder = recorder();
    let seen = Pool::builder("seen").build().unwrap();
    let unseen = Pool::builder("unseen").metrics(MetricsSource::Disabled);
    let unseen = unseen.histogram_sink(HistogramSink::Exact).build().unwrap();
    let caught = Pool::builder("caught-too").metrics(MetricsSource::Captured);
    let caught = caught.histogram_sink(HistogramSink::Exact).build().unwrap();
    for pool in [&seen, &unseen, &caught] {
        pool.submit(|| ()).unwrap().join().unwrap();
    }
    assert_eq!(unseen.render_metrics(), "");
    assert_eq!(unseen.stats().ok, 1);
    // Each flushes when it ends, if not before.
    [seen, unseen, caught].into_iter().for_each(|pool| drop(finish(pool)));
    let page = prometheus::render(recorder);
    assert!(page.contains("pool=\"seen\""), "{page}");
    assert!(!page.contains("unseen") && !page.contains("caught-too"), "{page}");
}

/// The name is that of those that are counted together.
#[test]
fn a_pool_that_is_to_be_called_other_has_gauges_of_its_own() {
    let _watchdog = watchdog();
    let (to, page) = own_recorder();
    let pool = Pool::builder("other").workers(1..=3).metrics(to).build().unwrap();
    assert_eq!(pool.name(), "other#2");
    eventually("it is shown", || has(&page.render(), "springtide_workers_max{pool=\"other#2\"} 3"));
    assert!(!page.render().contains("pool=\"other\""), "{}", page.render());
    finish(pool);
}

/// A process that makes up names does not grow its recorder without a bound, and loses no count.
#[test]
fn pools_of_ever_new_names_are_counted_together_after_the_sixty_fourth() {
    let _watchdog = watchdog();
    let (to, page) = own_recorder();
    let mut size = 0;
    let mut counted = Vec::new();
    for n in 0..100 {
        let name = format!("made-up-{n}");
        let pool = Pool::builder(name).workers(1..=1).metrics(to.clone()).build().unwrap();
        let lane = pool.lane(format!("lane {n}")).build().unwrap();
        lane.submit(|| ()).unwrap().join().unwrap();
        finish(pool);
        if n >= 64 {
            let page = page.render();
            let lines = page.lines().count();
            assert!(size == 0 || size == lines, "it grows with pool {n}");
            size = lines;
            let jobs = "springtide_jobs_completed_total{pool=\"other\",outcome=\"ok\"} ";
            let line = page.lines().find_map(|line| line.strip_prefix(jobs)).unwrap();
            counted.push(line.parse::<u64>().unwrap());
        }
    }
    assert_eq!(counted, (1..=36).collect::<Vec<_>>(), "it never falls");
    let page = page.render();
    assert!(has(&page, "springtide_run_seconds_count{pool=\"other\"} 36"), "{page}");
    let lanes = "springtide_lane_jobs_submitted_total{pool=\"other\",lane=\"other\"} 36";
    assert!(has(&page, lanes), "{page}");
    assert!(!page.contains("springtide_workers_max{pool=\"other\"}"), "levels do not add up");
    assert!(has(&page, "springtide_workers_max{pool=\"made-up-63\"} 0"), "{page}");
    // Another recorder has room of its own.
    let (to, page) = own_recorder();
    finish(Pool::builder("made-up-99").metrics(to).build().unwrap());
    assert!(has(&page.render(), "springtide_jobs_submitted_total{pool=\"made-up-99\"} 0"));
}

/// Nor does one that keeps the name of its pool and makes up those of lanes. What they count adds
/// up, and a lane that was shown by name goes on under it.
#[test]
fn lanes_of_ever_new_names_are_counted_together_after_the_sixteenth_of_a_name_of_a_pool() {
    let _watchdog = watchdog();
    let (to, handle) = own_recorder();
    let mut size = 0;
    for n in 0..1_000 {
        let pool = Pool::builder("again").workers(1..=1).metrics(to.clone()).build().unwrap();
        for name in ["always".to_owned(), format!("once {n}")] {
            let lane = pool.lane(name).build().unwrap();
            lane.submit(|| ()).unwrap().join().unwrap();
        }
        finish(pool);
        if n % 100 == 99 {
            let lines = handle.render().lines().count();
            assert!(size == 0 || size == lines, "it grows with pool {n}");
            size = lines;
        }
    }
    let page = handle.render();
    let submitted = "springtide_lane_jobs_submitted_total{pool=\"again\",lane=";
    let lanes: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix(submitted)).collect();
    assert_eq!(lanes.len(), 17, "{lanes:?}");
    let counted = lanes.iter().map(|lane| lane.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap());
    assert_eq!(counted.sum::<u64>(), 2_000);
    for series in ["\"always\"} 1000", "\"once 0\"} 1", "\"other\"} 985"] {
        assert!(lanes.contains(&series), "{series} not in {lanes:?}");
    }
    // What waits and what may is of the living alone.
    let limit = "springtide_lane_waiting_limit{pool=\"again\",lane=\"other\"}";
    assert!(has(&page, &format!("{limit} 0")), "{page}");
    let pool = Pool::builder("again").workers(1..=1).metrics(to).build().unwrap();
    let lanes = ["new", "newer"].map(|name| pool.lane(name).queue_capacity(7).build().unwrap());
    eventually("both are in it", || has(&handle.render(), &format!("{limit} 14")));
    drop(lanes);
    finish(pool);
}

/// Whatever the sinks of those before it, and of those that live with it.
#[test]
fn the_histograms_of_a_name_never_fall_from_one_pool_to_the_next() {
    let _watchdog = watchdog();
    let (mut jobs, sinks) = (0, [HistogramSink::Exact, HistogramSink::Facade]);
    recorder();
    for sink in [sinks[0], sinks[0], sinks[1], sinks[0], sinks[1]] {
        let pool = Pool::builder("heirs").workers(1..=1).histogram_sink(sink).build().unwrap();
        (0..10).for_each(|_| pool.execute(|| ()).unwrap());
        finish(pool);
        jobs += 10;
        let page = prometheus::render(recorder());
        for series in
            ["queue_wait_seconds_count{pool=\"heirs\"}", "run_seconds_count{pool=\"heirs\"}"]
        {
            let line = format!("springtide_{series} {jobs}");
            assert!(has(&page, &line), "{line} not in\n{page}");
        }
        lint(&page);
    }
}
