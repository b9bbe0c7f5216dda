//! The policy lab as a program: what it refuses and how it says so, what it prints, and that the
//! same arguments mean the same numbers.

#[path = "support/program.rs"]
mod program;

use program::{Program, json};
use serde_json::Value;
use springtide::sim::{rivals, scenario, tuning};
use springtide::{Constants, WORKER_CEILING};

static POLICY_LAB: Program = Program::new("policy_lab");

/// What it prints; it must end well.
#[track_caller]
fn printed(arguments: &[&str]) -> String {
    let output = POLICY_LAB.run(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*said), (Some(0), ""), "{arguments:?}");
    String::from_utf8(output.stdout).expect("it prints UTF-8")
}

/// The lines of the table, from below its head to the references.
fn rows(printed: &str) -> Vec<&str> {
    let lines = printed.lines().skip_while(|line| !line.contains("p99.9")).skip(1);
    lines.take_while(|line| line.trim() != "for reference").collect()
}

/// The medians of one law.
fn medians<'a>(numbers: &'a Value, law: &str) -> impl Fn(&str) -> &'a Value {
    let laws = numbers["laws"].as_array().expect("a list");
    let row = laws.iter().find(|row| row["law"] == law).expect("it is in the table");
    move |key| &row[key]["median"]
}

#[test]
fn a_wrong_argument_is_named_on_one_line() {
    let scenarios = scenario::names().collect::<Vec<_>>().join(", ");
    let laws = rivals::names().collect::<Vec<_>>().join(", ");
    let constants = tuning::names().collect::<Vec<_>>().join(", ");
    let step = ["--scenario", "step"];
    let cases: [(&[&str], String); 10] = [
        (&[], "no load; give --scenario NAME or --trace FILE, or see --list".into()),
        (&["--scenario", "stairs"], format!("--scenario: 'stairs' is not one of {scenarios}")),
        (&["--laws", "ours,abacus"], format!("--laws: 'abacus' is not one of all, ours, {laws}")),
        (
            &["--set", "hogs=1"],
            format!("--set: 'hogs' is not one of target_wait, keep_alive, {constants}"),
        ),
        (&["--set", "hog_age=old"], "--set: hog_age: 'old' is not a time such as 50ms".into()),
        (&["--sweep", "spare=9..1"], "--sweep: spare: 9 is not below 1".into()),
        (
            &["--workers", "8..=2"],
            "--workers: '8..=2' has its lower bound above its upper bound".into(),
        ),
        (
            &["--workers", "1..=9999999"],
            format!("--workers: 9999999 is more than a pool may have, {WORKER_CEILING}"),
        ),
        (&["--speed", "2"], "--speed: needs --trace".into()),
        (&["--frobnicate"], "--frobnicate: there is no such argument; see --help".into()),
    ];
    for (index, (arguments, expected)) in cases.into_iter().enumerate() {
        let load: &[&str] = if index < 2 { &[] } else { &step };
        POLICY_LAB.assert_refused(&[load, arguments].concat(), &expected);
    }
}

#[test]
fn a_wrong_line_of_a_trace_is_named_with_its_file_and_number() {
    let trace = POLICY_LAB.file("bad.csv", "arrival_ms,run_ms\n0,1\n5,soon\n");
    POLICY_LAB.assert_refused(
        &["--trace", &trace],
        &format!("--trace: {trace}:3: run_ms: 'soon' is not a number"),
    );
}

#[test]
fn a_file_that_cannot_be_written_is_named_before_the_runs() {
    let missing = format!("{}/out", POLICY_LAB.path("nowhere"));
    for argument in ["--report", "--json", "--picture"] {
        let output = POLICY_LAB.run(&["--scenario", "step", argument, &missing]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.starts_with(&format!("policy_lab: {argument}: {missing}: ")), "{said}");
        assert_eq!((said.lines().count(), output.status.code()), (1, Some(2)), "{said}");
        assert_eq!(output.stdout, b"");
    }
}

#[test]
fn the_list_has_every_name_that_other_arguments_take() {
    let list = printed(&["--list"]);
    let words: Vec<&str> = list.split_whitespace().collect();
    for name in scenario::names().chain(rivals::names()).chain(tuning::names()) {
        assert!(words.contains(&name), "--list does not name {name}");
    }
    let default = tuning::get(&Constants::default(), "hog_age").expect("a constant");
    let line = list.lines().find(|line| line.contains("hog_age ")).expect("a line");
    assert!(line.ends_with(&format!(" {default}")), "{line}");
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_one_others() {
    let numbers = |name: &str, seed: &str| {
        let out = POLICY_LAB.path(name);
        let laws = "ours,tokio,dotnet,kpa-scaled";
        printed(&["--scenario", "io-steady", "--laws", laws, "--seed", seed, "--json", &out]);
        std::fs::read(out).expect("it was written")
    };
    let first = numbers("first.json", "7");
    assert_eq!(first, numbers("again.json", "7"));
    assert_ne!(first, numbers("other.json", "8"));
}

#[test]
fn a_sweep_prints_as_many_rows_as_steps() {
    let sweep = |range: &str| printed(&["--scenario", "step", "--sweep", range]);
    let table = sweep("target_wait=1ms..100ms:5");
    let rows = rows(&table);
    assert_eq!(rows.len(), 5, "{table}");
    let first: Vec<&str> =
        rows.iter().map(|row| row[2..].split_whitespace().next().unwrap_or("")).collect();
    assert_eq!(first, ["1ms", "3.16ms", "10ms", "31.6ms", "100ms"]);
    assert!(rows[2].starts_with("> "), "10 ms is the default: {table}");
    let seeds = printed(&["--scenario", "step", "--sweep", "spare=0..3:4", "--seeds", "2"]);
    assert_eq!(self::rows(&seeds).len(), 3 * 4, "a median, a least and a most each: {seeds}");
}

#[test]
fn a_variant_stands_beside_ours_and_what_is_late_means_the_same_for_both() {
    let out = POLICY_LAB.path("variant.json");
    let table = printed(&[
        "--scenario",
        "step",
        "--laws",
        "ours",
        "--set",
        "target_wait=1s",
        "--set",
        "spare=3",
        "--json",
        &out,
    ]);
    assert!(table.contains("variant: target_wait=1s, spare=3"), "{table}");
    let numbers = json(&out);
    let (ours, variant) = (medians(&numbers, "ours"), medians(&numbers, "variant"));
    let late = |of: &Value| of.as_f64().expect("a number");
    assert!(late(ours("late_share")) < 0.001 && late(variant("late_share")) > 0.004, "{table}");
    assert_eq!(numbers["machine"]["target_wait_ms"], 10.0);
    let alone = printed(&["--scenario", "step", "--laws", "tokio", "--set", "spare=3"]);
    assert_eq!(rows(&alone).len(), 2, "what was set is compared in any case: {alone}");
}

#[test]
fn every_law_comes_to_the_end_of_a_load_and_accounts_for_its_jobs() {
    for scenario in ["step", "nested", "bounded"] {
        let out = POLICY_LAB.path(&format!("{scenario}.json"));
        let table = printed(&["--scenario", scenario, "--laws", "all", "--json", &out]);
        let laws = rivals::names().count() + 1;
        assert_eq!(rows(&table).len(), laws, "{table}");
        let numbers = json(&out);
        assert_eq!(numbers["laws"].as_array().map(Vec::len), Some(laws));
        assert!(table.trim_end().ends_with(numbers["verdict"].as_str().expect("a sentence")));
        assert_eq!(medians(&numbers, "ours")("unfinished").as_f64().map(|n| n < 100.0), Some(true));
    }
}

#[test]
fn a_trace_runs_as_it_was_recorded_or_as_it_is_told() {
    let trace = POLICY_LAB.file("good.csv", "arrival_ms,run_ms\n0,500\n10,500\n20,500\n30,500\n");
    let peak = |more: &[&str]| {
        let out = POLICY_LAB.path("trace.json");
        let line = ["--trace", &trace, "--laws", "tokio", "--workers", "1..=8", "--json", &out];
        printed(&[&line, more].concat());
        let numbers = json(&out);
        assert_eq!(numbers["load"]["jobs"], 4);
        (medians(&numbers, "tokio")("peak").clone(), numbers["load"]["computing_share"].clone())
    };
    assert_eq!(peak(&[]), (4.0.into(), 0.0.into()));
    assert_eq!(peak(&["--work", "cpu"]), (4.0.into(), 1.0.into()));
    assert_eq!(peak(&["--speed", "0.001"]).0, 1.0, "ten seconds apart");
}

#[test]
fn the_page_stands_alone_and_shows_every_law() {
    let page = POLICY_LAB.path("page.html");
    let said = printed(&["--scenario", "step", "--laws", "ours,java", "--report", &page]);
    assert!(said.contains(&format!("The page is in {page}")), "{said}");
    let page = std::fs::read_to_string(&page).expect("a page");
    assert_eq!(page.matches("class=\"law\"").count(), 2);
    assert!(page.matches("<svg ").count() > 3 * 3, "the page has its pictures");
    assert!(page.contains("grow_blocked"), "the reasons of our law are named");
    for outside in ["src=", "<link", "@import", "url(", "fetch("] {
        assert!(!page.contains(outside), "the page needs {outside}");
    }
}
