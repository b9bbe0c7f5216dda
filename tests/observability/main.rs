//! Boards, rules and figures with real parts: a program with pools in every kind of trouble, load
//! tests with one each, a Prometheus that scrapes them all each second with the rules of this
//! repository, and a browser that opens the preview.
//!
//! The parts are started once, for all tests here. Without a Prometheus or a Chromium the tests
//! that need it say so and pass, unless the environment insists.

#![cfg(all(unix, feature = "prometheus"))]

#[path = "../support/base64.rs"]
mod base64;
mod browser;
mod expressions;
mod load_tests;
mod picture;
#[path = "../support/program.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod program;
mod server;
mod stage;

use expressions::{Asked, alerts, boards, has_a_number, recorded};
use stage::{Stage, stage};

/// What is empty when all is well, and cannot be brought about from outside.
const EMPTY_WHEN_WELL: [(&str, &str); 1] =
    [("fleet.json: Threads refused", "the system must refuse a thread")];

/// Alerts that this program does not bring about; each must have an answer without its threshold.
const SILENT: [(&str, &str); 3] = [
    ("SpringtideOldestJobWaits", "a job would have to wait for longer than this test takes"),
    ("SpringtideThreadsRefused", "the system would have to refuse a thread"),
    ("SpringtideWorkerLost", "a worker would have to panic outside of a job"),
];

/// Complaints about the answers to questions; those on the list may be without one. What is not a
/// number throughout, 0 / 0 say, answers nothing.
fn unanswered(stage: &Stage, asked: &[Asked], may_be_empty: &[(&str, &str)]) -> Vec<String> {
    let mut complaints = Vec::new();
    for Asked { what, expr } in asked {
        let answer = stage.over_the_run(expr);
        let may_be = may_be_empty.iter().any(|(may, _)| may == what);
        match answer {
            Err(error) => complaints.push(format!("{what}: {error}")),
            Ok(_) if may_be => {}
            Ok(answer) if answer.is_empty() => {
                complaints.push(format!("{what} has no answer: {expr}"));
            }
            Ok(answer) if !has_a_number(&answer) => {
                complaints.push(format!("{what} is never a number: {expr}"));
            }
            Ok(_) => {}
        }
    }
    let known = |title: &str| asked.iter().any(|asked| asked.what == title);
    let gone = may_be_empty.iter().filter(|(title, _)| !known(title));
    complaints.extend(gone.map(|(title, _)| format!("{title} is not asked any more")));
    complaints
}

#[test]
fn every_panel_note_and_recorded_name_has_an_answer() {
    let Some(stage) = stage() else { return };
    let asked = boards();
    println!("{} expressions of panels and notes", asked.len());
    assert!(asked.len() > 60, "the boards were read");
    let mut complaints = unanswered(stage, &asked, &EMPTY_WHEN_WELL);
    let names = recorded(&stage.server);
    println!("{} recorded names", names.len());
    assert!(names.len() > 5, "the rules were read");
    complaints.extend(unanswered(stage, &names, &[]));
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn every_alert_sees_the_trouble_that_it_is_for() {
    let Some(stage) = stage() else { return };
    let asked = alerts(&stage.server);
    println!("{} alerts, {} of them silent", asked.len(), SILENT.len());
    assert!(asked.len() > 10, "the rules were read");
    let mut complaints = unanswered(stage, &asked, &SILENT);
    for Asked { what, expr } in &asked {
        // How near to never: what is seen for a second or two may not be on another machine.
        let seen = stage.over_the_run(expr).expect("it answers");
        let seconds = seen.iter().map(|series| (&series.labels["pool"], series.values.len()));
        println!("{what}: {:?}", seconds.collect::<Vec<_>>());
    }
    let silent =
        asked.into_iter().filter(|asked| SILENT.iter().any(|(name, _)| asked.what == *name));
    let lowered: Vec<Asked> = silent.map(Asked::without_thresholds).collect();
    complaints.extend(unanswered(stage, &lowered, &[]));
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn prometheus_counts_what_the_program_counted_itself() {
    let Some(stage) = stage() else { return };
    let mut jobs = 0;
    for (pool, truth) in stage.truths() {
        for outcome in ["ok", "error", "panic", "timeout", "expired", "cancelled"] {
            let counted = truth[outcome].as_u64().expect("a count");
            let selector = format!("{{pool=\"{pool}\", outcome=\"{outcome}\"}}");
            stage.comes_to(&format!("springtide_jobs_completed_total{selector}"), counted as f64);
            jobs += counted;
        }
        let refused = truth["refused"].as_u64().expect("a count");
        let expr = format!("sum(springtide_jobs_refused_total{{pool=\"{pool}\"}})");
        stage.comes_to(&expr, refused as f64);
        println!("{pool}: {truth}");
    }
    println!("{jobs} jobs");
    let requests = &stage.truth["requests"];
    for happened in ["ok", "error", "panic", "timeout", "expired", "cancelled", "refused"] {
        assert!(requests[happened].as_u64() > Some(0), "none was {happened}: {requests}");
    }
}

#[test]
fn no_job_is_unaccounted_for_once_all_are_over() {
    let Some(stage) = stage() else { return };
    let title = "pool.json: Jobs unaccounted for";
    let asked = boards().into_iter().find(|asked| asked.what == title).expect("it is on the board");
    for (pool, _) in stage.truths() {
        let expr = asked.expr.replace("pool=~\".+\"", &format!("pool=\"{pool}\""));
        stage.comes_to(&expr, 0.0);
    }
    // While they come and go, those that did so between two figures of the same look.
    let most = stage.over_the_run(&asked.expr).expect("it answers");
    let most = most.iter().flat_map(|series| &series.values).map(|(_, jobs)| jobs.abs());
    println!("at most {} jobs unaccounted for during the run", most.fold(0.0, f64::max));
}

#[test]
fn the_99th_percentile_is_in_the_bucket_where_the_program_has_it_or_beside_it() {
    let Some(stage) = stage() else { return };
    let truth = &stage.truth["requests"];
    let ran = ["ok", "error", "panic", "timeout"].map(|end| truth[end].as_f64().expect("a count"));
    let own = truth["wait_p99_seconds"].as_f64().expect("jobs have run");
    stage.wait_p99_is("pool=\"requests\"", ran.iter().sum(), own);
}

#[test]
fn there_are_as_many_series_with_512_workers_as_with_2() {
    let Some(stage) = stage() else { return };
    let workers = stage.values("sum(springtide_workers{pool=\"crowd\"})");
    let most = workers.iter().copied().fold(0.0, f64::max);
    assert!(workers.contains(&2.0) && most >= 512.0, "{workers:?}");
    let mut series = stage.values("count({__name__=~\"springtide_.+\", pool=\"crowd\"})");
    // The first scrape may come in the middle of the first flush.
    series.remove(0);
    println!("{} series with 2 to {most} workers", series[0]);
    assert!(series.iter().all(|count| *count == series[0]), "{series:?}");
}

#[test]
fn every_panel_is_drawn_in_a_browser() {
    let Some(stage) = stage() else { return };
    let mut complaints = Vec::new();
    for board in ["pool.json", "fleet.json"] {
        let page = stage.preview(board, "theme=dark");
        let Some(html) = browser::html(&page) else { return };
        let panels = browser::panels(&html);
        let points: u64 = panels.iter().map(|panel| panel.points).sum();
        let marks = browser::attribute(&html, "data-notes");
        println!("{board}: {} panels with {points} points, {marks} marks", panels.len());
        complaints.extend((marks == "0").then(|| format!("{board} has no mark")));
        for panel in &panels {
            let what = format!("{board}: {}", panel.title);
            let may_be_empty = EMPTY_WHEN_WELL.iter().any(|(title, _)| *title == what);
            match panel.state.as_str() {
                "drawn" if panel.points > 0 => {}
                "empty" if may_be_empty => {}
                _ => complaints.push(format!("{what}: {panel:?}")),
            }
        }
        let asked = boards().into_iter().map(|asked| asked.what);
        for title in asked.filter(|what| what.starts_with(board) && !what.contains("note ")) {
            let shown = panels.iter().any(|panel| title == format!("{board}: {}", panel.title));
            complaints.extend((!shown).then(|| format!("{title} is not on the page")));
        }
    }
    browser::picture(&stage.preview("pool.json", "theme=dark&var-pool=requests"));
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn a_prometheus_that_is_not_there_and_a_pool_that_is_not_are_told_in_each_panel() {
    let Some(stage) = stage() else { return };
    let nobody = stage.preview("pool.json", "prometheus=http://127.0.0.1:1");
    let Some(html) = browser::html(&nobody) else { return };
    let panels = browser::panels(&html);
    assert!(panels.len() > 20, "{panels:?}");
    for panel in panels {
        assert_eq!(panel.state, "error", "{panel:?}");
        assert!(panel.text.contains("http://127.0.0.1:1 cannot be reached"), "{panel:?}");
    }
    let empty = stage.preview("pool.json", "var-pool=no.such(pool");
    let html = browser::html(&empty).expect("it was there a moment ago");
    // One panel says how many report: none.
    let (counts, others): (Vec<_>, Vec<_>) =
        browser::panels(&html).into_iter().partition(|panel| panel.title == "Reporting");
    assert!(matches!(&counts[..], [panel] if panel.state == "drawn"), "{counts:?}");
    for panel in others {
        assert_eq!(panel.state, "empty", "{panel:?}");
        assert!(panel.text.contains("No data"), "{panel:?}");
    }
}

#[test]
fn what_the_preview_computes_is_right() {
    let Some(stage) = stage() else { return };
    let page = format!("{}/user/preview/check.html", stage.server.address());
    let Some(html) = browser::html(&page) else { return };
    let said = html.split_once("id=\"said\">").map_or("", |(_, text)| text);
    let said = said.split("</pre>").next().unwrap_or_default();
    println!("{said}");
    assert!(said.contains("tried, 0 wrong"), "{said}");
}
