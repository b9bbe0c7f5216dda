//! The load test as a program: what it refuses and how it says so, and what it leaves behind.

#[path = "support/program.rs"]
mod program;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use program::{Program, json};

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
    let cases: [(&[&str], String); 9] = [
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
    let output = run(&["--workers", "1..=9999999"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.starts_with("load_test: --workers: "), "{said}");
    assert_eq!((said.lines().count(), output.status.code()), (1, Some(2)), "{said}");
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
