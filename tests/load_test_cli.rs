//! The load test as a program: what it refuses and how it says so, and what it leaves behind.

#[path = "support/program.rs"]
mod program;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use program::{Program, json};
use serde_json::Value;

static LOAD_TEST: Program = Program::new("load_test");

fn run(arguments: &[&str]) -> Output {
    LOAD_TEST.run(arguments)
}

fn path(name: &str) -> String {
    LOAD_TEST.path(name)
}

fn file(name: &str, text: &str) -> String {
    LOAD_TEST.file(name, text)
}

#[track_caller]
fn assert_refused(arguments: &[&str], expected: &str) {
    LOAD_TEST.assert_refused(arguments, expected);
}

#[test]
fn a_wrong_argument_is_named_on_one_line() {
    let shapes = "steady, step, burst, sine, heavy-tail";
    let cases: [(&[&str], String); 11] = [
        (&["--pattern", "wave"], format!("--pattern: 'wave' is not one of {shapes}")),
        (
            &["--workers", "8..=2"],
            "--workers: '8..=2' has its lower bound above its upper bound".into(),
        ),
        (&["--speed", "-1"], "--speed: '-1' must be from 0.001 to 1 million".into()),
        (
            &["--overflow=drop"],
            "--overflow: 'drop' is not one of block, reject, caller-runs".into(),
        ),
        (
            &["--duration", "soon"],
            "--duration: 'soon' is not a time such as 500ms, 20s, 5m or 1h".into(),
        ),
        (&["--frobnicate"], "--frobnicate: there is no such argument; see --help".into()),
        (&["--trace", "a", "--pattern", "sine"], "--trace: cannot be used with --pattern".into()),
        (
            &["--pattern", "sine", "--rate", "1e6", "--duration", "1h"],
            "--rate: rate times duration makes 3600000000 jobs; the most is 5000000".into(),
        ),
        (&["--panic=much"], "--panic: 'much' is not a share such as 2%".into()),
        (
            &["--duration=1s", "--resize=2s:1..=2"],
            "--resize: the last job arrives before the last of them".into(),
        ),
        (&["extra"], "extra: there is no such argument; see --help".into()),
    ];
    for (arguments, expected) in cases {
        assert_refused(arguments, &expected);
    }
}

#[test]
fn a_wrong_line_of_a_trace_is_named_with_its_file_and_number() {
    let tokens = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,4808,10\n";
    let cases = [
        (
            "run.csv",
            "arrival_ms,run_ms\n0,1\n5,soon\n".into(),
            ":3: run_ms: 'soon' is not a number",
        ),
        ("few.csv", "arrival_ms,run_ms\n0\n".into(), ":2: expected 2 fields, found 1"),
        (
            "head.csv",
            "time,cost\n1,2\n".into(),
            ":1: the header must be 'TIMESTAMP,ContextTokens,GeneratedTokens', \
             'arrival_ms,run_ms' or 'arrival_ms,run_ms,cpu_ms', not 'time,cost'",
        ),
        ("empty.csv", String::new(), ": holds no arrivals"),
        (
            "stamp.csv",
            format!("{tokens}2023-02-30 00:00:00,1,2\n"),
            ":3: TIMESTAMP: '2023-02-30 00:00:00' is not YYYY-MM-DD HH:MM:SS.fff",
        ),
        (
            "tokens.csv",
            format!("{tokens}2023-11-16 18:17:04,1,-2\n"),
            ":3: GeneratedTokens: '-2' is not a whole number",
        ),
    ];
    for (name, text, expected) in cases {
        let path = file(name, &text);
        assert_refused(&["--trace", &path], &format!("--trace: {path}{expected}"));
    }
}

#[test]
fn a_file_that_cannot_be_opened_is_named_before_the_run() {
    let missing = format!("{}/trace.csv", path("nowhere"));
    for argument in ["--trace", "--json", "--record"] {
        let output = run(&[argument, &missing]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.starts_with(&format!("load_test: {argument}: {missing}: ")), "{said}");
        assert_eq!((said.lines().count(), output.status.code()), (1, Some(2)), "{said}");
    }
}

#[test]
fn what_only_the_pool_can_refuse_names_the_argument_too() {
    for (argument, value) in [("--workers", "1..=9999999"), ("--resize", "1s:1..=9999999")] {
        let output = run(&[argument, value]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.starts_with(&format!("load_test: {argument}: ")), "{said}");
        assert_eq!((said.lines().count(), output.status.code()), (1, Some(2)), "{said}");
    }
}

#[test]
fn help_explains_both_forms_of_a_trace_and_where_the_public_one_is() {
    let output = run(&["--help"]);
    let help = String::from_utf8_lossy(&output.stdout);
    for text in [
        "TIMESTAMP,ContextTokens,GeneratedTokens",
        "arrival_ms,run_ms",
        "https://github.com/Azure/AzurePublicDataset",
    ] {
        assert!(help.contains(text), "--help does not mention {text}");
    }
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_run_accounts_for_every_job_and_leaves_its_numbers_and_a_page_that_stands_alone() {
    let trace = file("good.csv", "arrival_ms,run_ms\n0,5\n1,5\n1,5\n20,1\n40,2.5\n");
    let (out, page) = (path("good.json"), path("good"));
    let output = run(&["--trace", &trace, "--json", &out, "--report", &page]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let numbers = json(&out);
    for (key, value) in [("jobs_offered", 5), ("jobs_ok", 5), ("jobs_refused", 0), ("jobs_lost", 0)]
    {
        assert_eq!(numbers[key], value, "{key}");
    }
    for (group, keys) in [
        ("wait_ms", ["p50", "p90", "p99", "p999", "max"].as_slice()),
        ("sojourn_ms", &["p50", "p90", "p99", "p999", "max"]),
        ("run_ms", &["p50", "p90", "p99", "p999", "max"]),
        ("workers", &["min_seen", "peak", "mean", "at_end"]),
    ] {
        for key in keys {
            assert!(numbers[group][key].is_number(), "{group}.{key}");
        }
    }
    let page = std::fs::read_to_string(Path::new(&page).join("index.html")).expect("a page");
    assert!(page.matches("<svg ").count() >= 6, "the page has its pictures");
    for outside in ["<script", "<link", "src=", "@import", "url("] {
        assert!(!page.contains(outside), "the page needs {outside}");
    }
}

#[test]
fn the_load_that_was_offered_can_be_written_down_and_offered_again() {
    let rows = "arrival_ms,run_ms,cpu_ms\n0,5,5\n1.25,4,0\n20,2.5,\n";
    let (trace, first, second) = (file("load.csv", rows), path("first.csv"), path("second.csv"));
    for arguments in [
        ["--trace", &trace, "--speed", "2", "--record", &first].as_slice(),
        &["--trace", &first, "--record", &second],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let read = |path| std::fs::read_to_string(path).expect("the file was written");
    assert_eq!(read(&first), "arrival_ms,run_ms,cpu_ms\n0,5,5\n0.625,4,0\n10,2.5,0\n");
    assert_eq!(read(&second), read(&first));
}

#[test]
fn jobs_that_a_full_queue_refuses_are_counted() {
    let trace = file("crowd.csv", &format!("arrival_ms,run_ms\n{}", "0,20\n".repeat(50)));
    let out = path("crowd.json");
    let output = run(&[
        "--trace",
        &trace,
        "--workers",
        "1..=1",
        "--queue",
        "2",
        "--overflow",
        "reject",
        "--json",
        &out,
    ]);
    assert_eq!(output.status.code(), Some(0), "a refused job is not a lost one");
    let numbers = json(&out);
    let count = |key: &str| numbers[key].as_u64().expect(key);
    assert_eq!(count("jobs_offered"), 50);
    assert!(count("jobs_refused") > 0, "{numbers}");
    assert_eq!(count("jobs_accepted") + count("jobs_refused"), 50);
    assert_eq!(count("jobs_ok"), count("jobs_accepted"));
}

/// Its numbers, and what it printed: the summary, and what it says while it runs.
#[track_caller]
fn numbers(name: &str, arguments: &[&str]) -> (Value, String, String) {
    let out = path(name);
    let output = run(&[arguments, &["--json", &out]].concat());
    let said = String::from_utf8(output.stderr).expect("it prints text");
    assert_eq!(output.status.code(), Some(0), "{said}");
    (json(&out), String::from_utf8(output.stdout).expect("it prints text"), said)
}

#[test]
fn jobs_that_panic_are_told_apart_are_not_lost_and_print_nothing() {
    let steady = ["--pattern=steady", "--rate=400", "--run=1ms", "--duration=1s", "--seed=3"];
    let (plain, _, _) = numbers("plain.json", &steady);
    let (numbers, summary, said) = numbers("panic.json", &[&steady[..], &["--panic=20%"]].concat());
    let count = |key: &str| numbers[key].as_u64().expect(key);
    assert_eq!(numbers["jobs_offered"], plain["jobs_offered"], "a seed means one load");
    assert!((40..=120).contains(&count("jobs_panicked")), "{numbers}");
    assert_eq!(count("jobs_ok") + count("jobs_panicked"), count("jobs_offered"));
    assert_eq!(count("jobs_lost"), 0);
    assert!(summary.contains(&format!(", {} panicked,", count("jobs_panicked"))), "{summary}");
    assert!(!said.contains("panic") && !said.contains("planned"), "{said}");
}

#[test]
fn stuck_jobs_outrun_their_timeout_and_are_noticed_and_written_down_as_sleepers() {
    let trace = file("stuck.csv", "arrival_ms,run_ms,cpu_ms\n0,5,5\n1.5,5,0\n3,5,\n");
    let again = path("stuck again.csv");
    let (numbers, summary, _) = numbers(
        "stuck.json",
        &["--trace", &trace, "--stuck=100%", "--timeout=300ms", "--record", &again],
    );
    for (key, count) in [("jobs_ok", 0), ("jobs_timed_out", 3), ("jobs_stuck", 3), ("jobs_lost", 0)]
    {
        assert_eq!(numbers[key], count, "{key}: {numbers}");
    }
    assert!(numbers["run_ms"]["p50"].as_f64() >= Some(1_200.0), "they keep their workers");
    assert!(summary.contains(", 3 timed out (3 stuck),"), "{summary}");
    let again = std::fs::read_to_string(again).expect("the file was written");
    assert_eq!(again, "arrival_ms,run_ms,cpu_ms\n0,1200,0\n1.5,1200,0\n3,1200,0\n");
}

#[test]
fn bounds_change_when_they_are_due_and_the_pool_follows_up_and_down() {
    let trace = file("resize.csv", "arrival_ms,run_ms\n0,1\n2000,1\n4000,1\n");
    let page = path("resize");
    let load = ["--trace", &trace, "--workers=1..=2", "--speed=2", "--report", &page];
    let resizes = ["--resize=3s:1..=1", "--resize=1s:5..=300"];
    let (numbers, summary, _) = numbers("resize.json", &[&load[..], &resizes].concat());
    let resizes = numbers["resizes"].as_array().expect("a list");
    let told: Vec<_> = resizes.iter().map(|r| (r["min"].as_u64(), r["max"].as_u64())).collect();
    assert_eq!(told, [(Some(5), Some(300)), (Some(1), Some(1))], "in order of time");
    for (resize, due) in resizes.iter().zip([0.5, 1.5]) {
        assert!(resize["at_s"].as_f64() >= Some(due), "before its time: {resize}");
    }
    assert!(numbers["workers"]["peak"].as_u64() >= Some(5), "{numbers}");
    for reason in ["below_min", "above_max"] {
        assert!(numbers["decisions"][reason].as_u64() > Some(0), "{numbers}");
    }
    assert!(summary.contains("\n  bounds    5..=300 from "), "{summary}");
    let page = std::fs::read_to_string(Path::new(&page).join("index.html")).expect("a page");
    assert!(page.contains("upper bound, 1 to 300"), "the picture has the bounds");
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_run_early_with_everything_written() {
    // The first job is in the middle of its hour when the signal comes, the last not yet due.
    let trace = file("long.csv", "arrival_ms,run_ms\n0,3600000\n1,3600000\n3600000,1\n");
    let (out, page) = (path("long.json"), path("long"));
    let mut child = Command::new(LOAD_TEST.executable())
        .args(["--trace", &trace, "--workers", "1..=1", "--json", &out, "--report", &page])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the example starts");
    let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    lines.next().expect("a line about the progress").expect("it is UTF-8");
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().expect("kill runs").success());
    lines.for_each(drop);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    let numbers = json(&out);
    assert_eq!((&numbers["interrupted"], &numbers["jobs_lost"]), (&true.into(), &0.into()));
    assert_eq!(numbers["jobs_offered"], numbers["jobs_cancelled"], "{numbers}");
    assert!(Path::new(&page).join("index.html").exists());
}
