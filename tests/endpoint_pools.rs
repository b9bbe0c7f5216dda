//! What the endpoint tells of the pools: `/healthz`, `/livez`, `/debug/pools`.
//!
//! One test at a time: it tells of all pools of the process.

#![cfg(feature = "prometheus")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use springtide::prometheus::{self, Endpoint};
use springtide::{DropPolicy, Pool, Trouble};

use common::{LIMIT, Latch, alone, build, fast_time, fixed, get, occupy, recorder, until, within};

fn serve(debug_pools: bool) -> Endpoint {
    let builder = Endpoint::builder(recorder()).debug_pools(debug_pools);
    builder.serve("127.0.0.1:0").expect("there is a free port")
}

fn health(endpoint: &Endpoint) -> (u16, String) {
    get(endpoint.local_addr(), "/healthz", "")
}

#[track_caller]
fn assert_healthy(endpoint: &Endpoint) {
    assert_eq!(health(endpoint), (200, "ok\n".to_owned()));
}

#[track_caller]
fn assert_unwell(endpoint: &Endpoint, text: &str) {
    assert_eq!(health(endpoint), (503, text.to_owned()));
    let alive = get(endpoint.local_addr(), "/livez", "");
    assert_eq!(alive, (200, "ok\n".to_owned()), "no reason to kill the process");
}

/// All that `/debug/pools` shows.
fn shown(endpoint: &Endpoint) -> Value {
    let (status, text) = get(endpoint.local_addr(), "/debug/pools", "Host: localhost:9898\r\n");
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn names(shown: &Value) -> Vec<&str> {
    let pools = shown["pools"].as_array().expect("a list");
    pools.iter().map(|pool| pool["name"].as_str().expect("a name")).collect()
}

#[test]
fn health_is_that_of_all_pools_and_comes_back() {
    let _alone = alone();
    within(LIMIT, "health", || {
        let endpoint = serve(false);
        assert_healthy(&endpoint);
        let (one, two) = (fixed("one", 1, 8), fixed("t\"wo\n", 1, 8));
        assert_healthy(&endpoint);
        one.pause();
        assert_healthy(&endpoint);
        let waiting = one.submit(|| ()).expect("room");
        assert_unwell(&endpoint, "\"one\": paused\n");
        two.close();
        assert_unwell(&endpoint, "\"one\": paused\n\"t\\\"wo\\n\": closed\n");
        one.resume();
        waiting.join().expect("it only returns");
        assert_unwell(&endpoint, "\"t\\\"wo\\n\": closed\n");
        // Handles that are left do not make the pool one of somebody's.
        let left = two.handle();
        drop(two);
        assert_healthy(&endpoint);
        drop(left);
    });
}

#[test]
fn a_stalled_pool_is_unwell_until_its_jobs_move() {
    let _alone = alone();
    within(LIMIT, "a stalled pool", || {
        let endpoint = serve(false);
        let (pool, _time) = fast_time(Pool::builder("stalled").workers(1..=1));
        let held = occupy(&pool, 1);
        let waiting = pool.submit(|| ()).expect("room");
        until(|| pool.health().troubles.contains(&Trouble::Stalled));
        let (status, text) = health(&endpoint);
        assert_eq!(status, 503);
        assert!(text.starts_with("\"stalled\": ") && text.contains("stalled"), "{text}");
        held.release();
        waiting.join().expect("it only returns");
        until(|| health(&endpoint).0 == 200);
    });
}

#[test]
fn a_pool_with_a_worker_that_cannot_build_its_state_is_unwell_until_it_can() {
    let _alone = alone();
    within(LIMIT, "a state that cannot be built", || {
        let endpoint = serve(true);
        let pool = fixed("stateless", 1, 8);
        let works = Arc::new(AtomicBool::new(false));
        let asks = Arc::clone(&works);
        let states =
            pool.with_state(move |_| if asks.load(Ordering::SeqCst) { Ok(7) } else { Err("gone") });
        let waiting = states.submit(|state, _| *state).expect("room");
        until(|| pool.stats().workers.held == 1);
        let (status, text) = health(&endpoint);
        assert_eq!(status, 503);
        assert!(text.starts_with("\"stateless\": ") && text.contains("state_failed"), "{text}");
        let text = shown(&endpoint).to_string();
        assert!(text.contains("\"held\":1") && text.contains("state_failed"), "{text}");
        works.store(true, Ordering::SeqCst);
        assert_eq!(waiting.join_flat().expect("there is a state now"), 7);
        until(|| health(&endpoint).0 == 200);
    });
}

#[test]
fn a_pool_that_was_dropped_is_no_trouble_and_is_shown_until_it_has_ended() {
    let _alone = alone();
    within(LIMIT, "a dropped pool", || {
        let endpoint = serve(true);
        let pool = build(Pool::builder("left").workers(1..=1).on_drop(DropPolicy::Detach));
        let (handle, held) = (pool.handle(), occupy(&pool, 1));
        drop(pool);
        assert_eq!(handle.health().troubles, [Trouble::Closed]);
        assert_healthy(&endpoint);
        assert_eq!(names(&shown(&endpoint)), ["left"]);
        held.release();
        until(|| names(&shown(&endpoint)).is_empty());
    });
}

#[test]
fn the_pools_are_shown_to_nobody_unless_it_was_asked_for() {
    let _alone = alone();
    within(LIMIT, "the view switched off", || {
        let _pool = fixed("hidden", 1, 8);
        let host = "Host: 127.0.0.1\r\n";
        for endpoint in
            [serve(false), prometheus::serve("127.0.0.1:0", recorder()).expect("a port")]
        {
            let (status, text) = get(endpoint.local_addr(), "/debug/pools", host);
            assert_eq!((status, text.as_str()), (404, "not found\n"));
        }
        assert_eq!(get(serve(true).local_addr(), "/debug/pools", host).0, 200);
    });
}

#[test]
fn the_pools_are_shown_to_no_page_that_gave_this_machine_another_name() {
    let _alone = alone();
    within(LIMIT, "names of hosts", || {
        let endpoint = serve(true);
        let _pool = fixed("shy", 1, 8);
        for (host, expected) in [
            ("", 403),
            ("Host: evil.example\r\n", 403),
            ("Host: 127.0.0.1.evil.example:9898\r\n", 403),
            ("Host: localhost\r\nHost: evil.example\r\n", 403),
            ("Host: LOCALHOST:9898\r\n", 200),
            ("Host: 127.0.0.1:9898\r\n", 200),
            ("Host: [::1]:9898\r\n", 200),
        ] {
            let (status, text) = get(endpoint.local_addr(), "/debug/pools", host);
            assert_eq!((status, text.contains("shy")), (expected, expected == 200), "{host}");
            assert_eq!(get(endpoint.local_addr(), "/metrics", host).0, 200, "no secret there");
        }
    });
}

#[test]
fn hostile_names_come_through_as_they_are() {
    let _alone = alone();
    within(LIMIT, "hostile names", || {
        let endpoint = serve(true);
        let name = "a\"b\\c\n\r\t\u{1}\u{7f}</script>{\u{2028}}\u{202e}😀";
        let kind = "k\"},{\"x\":[\\\u{0}\n'";
        let pool = fixed(name, 1, 8);
        let (latch, running) = (Latch::new(), Latch::new());
        let (wait, tell) = (latch.clone(), running.clone());
        let job = pool.job(kind).submit(move |_| {
            tell.open();
            wait.wait();
        });
        running.wait();
        let shown = shown(&endpoint);
        assert_eq!(names(&shown), [name]);
        let shown = &shown["pools"][0];
        assert_eq!(shown["stats"]["name"], name);
        let jobs = shown["running_jobs"].as_array().expect("a list");
        assert_eq!((jobs.len(), jobs[0]["kind"].as_str()), (1, Some(kind)));
        assert_eq!(
            (&shown["stats"]["running"], &shown["stats"]["accepted"]),
            (&1.into(), &1.into())
        );
        assert_eq!(shown["health"]["is_healthy"], true);
        latch.open();
        job.expect("room").join().expect("it only waits");
    });
}

/// Every field of `Stats`, by the way it prints itself.
#[test]
fn every_figure_of_a_pool_is_shown() {
    let _alone = alone();
    within(LIMIT, "the figures", || {
        let endpoint = serve(true);
        let pool = fixed("figures", 1, 8);
        pool.submit(|| ()).expect("room").join().expect("it only returns");
        let shown = shown(&endpoint);
        let shown = &shown["pools"][0]["stats"];
        let printed = format!("{:#?}", pool.stats());
        let fields = printed.lines().filter_map(|line| {
            let field = line.strip_prefix("    ").filter(|line| !line.starts_with(' '))?;
            Some(field.split_once(": ")?.0)
        });
        let fields: Vec<&str> = fields.collect();
        assert!(fields.len() > 30, "{fields:?}");
        for field in fields {
            let found = shown.get(field).or_else(|| shown.get(format!("{field}_seconds")));
            assert!(found.is_some(), "{field} is not shown: {shown:#}");
        }
        assert_eq!((&shown["ok"], &shown["run"]["count"]), (&1.into(), &1.into()));
    });
}

#[test]
fn what_is_shown_has_a_bound() {
    let _alone = alone();
    within(LIMIT, "the bounds of the view", || {
        let endpoint = serve(true);
        let first = build(Pool::builder("x".repeat(100_000)).workers(1..=1));
        let pools: Vec<Pool> = (0..70).map(|n| fixed(&format!("more-{n}"), 1, 8)).collect();
        for n in 0..80 {
            let size = 1 + (n + 1) % 2;
            first.resize(size..=size).expect("it is within the ceiling");
            until(|| first.stats().workers.total == size as u32);
        }
        first.resize(70..=70).expect("it is within the ceiling");
        let held = occupy(&first, 70);
        let shown = shown(&endpoint);
        let count = |value: &Value| value.as_array().expect("a list").len();
        assert_eq!((count(&shown["pools"]), &shown["pools_left_out"]), (64, &7.into()));
        let shown = &shown["pools"][0];
        let length = shown["name"].as_str().map(|name| name.chars().count());
        assert_eq!(length, Some(257), "256 and a mark that there was more");
        assert_eq!(count(&shown["running_jobs"]), 64);
        assert_eq!(shown["running_jobs_left_out"], 6);
        assert_eq!(count(&shown["decisions"]), 64);
        assert!(shown["decisions_left_out"].as_u64().is_some_and(|more| more > 0));
        pools.iter().for_each(|pool| pool.close());
        let (status, text) = health(&endpoint);
        assert_eq!((status, text.lines().count()), (503, 65));
        assert!(text.ends_with("and 6 more\n"), "{text}");
        held.release();
    });
}
