//! Load tests side by side, each with a trouble of its own, and what Prometheus makes of each. All
//! have one pool of the same name; their addresses tell them apart.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::program::{Program, json};
use crate::stage::{Stage, at_last, stage, target};

static LOAD_TEST: Program = Program::new("load_test");

/// They are over before the other load is, and serve their pages for a few more scrapes. Their jobs
/// sleep: the cores are for the program with the many pools.
const COMMON: [&str; 4] =
    ["--duration=20s", "--overflow=reject", "--metrics=127.0.0.1:0", "--linger=6s"];

const LOADS: [(&str, &[&str]); 5] = [
    ("steady", &["--pattern=steady", "--rate=80", "--run=20ms", "--workers=2..=8"]),
    // Six bursts, each of more jobs than there is room for.
    ("bursts", &["--pattern=burst", "--rate=150", "--run=20ms", "--workers=2..=8", "--queue=60"]),
    ("panics", &["--pattern=sine", "--rate=60", "--run=20ms", "--workers=2..=8", "--panic=10%"]),
    (
        "resized",
        &[
            "--pattern=step",
            "--rate=40",
            "--workers=2..=4",
            "--resize=7s:12..=16",
            "--resize=14s:2..=4",
        ],
    ),
    ("stuck", &["--pattern=steady", "--rate=40", "--run=20ms", "--workers=2..=16", "--stuck=2%"]),
];
/// For how long a stuck job counts as one: the pool says so after twice its timeout of a second,
/// and it ends after four times that.
const STUCK_SECONDS: f64 = 2.0;

/// One that has begun.
pub(crate) struct Running {
    name: &'static str,
    program: Child,
    pub(crate) instance: String,
    file: String,
}

/// One that is over.
pub(crate) struct LoadTest {
    name: &'static str,
    instance: String,
    /// What it wrote.
    numbers: Value,
}

pub(crate) fn start() -> Vec<Running> {
    LOADS.iter().map(|(name, load)| Running::start(name, load)).collect()
}

impl Running {
    fn start(name: &'static str, load: &[&str]) -> Running {
        let file = LOAD_TEST.path(&format!("observed {name}.json"));
        let mut program = Command::new(LOAD_TEST.executable())
            .args(load)
            .args(COMMON)
            .args(["--json", &file])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the example starts");
        let mut said = BufReader::new(program.stderr.take().expect("it is piped"));
        let mut line = String::new();
        said.read_line(&mut line).expect("it is UTF-8");
        // It tells how far it is; nobody wants to know, but a full pipe would hold it up.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Running { name, program, instance: target(&line), file }
    }

    /// Waits until it has ended.
    pub(crate) fn end(mut self) -> LoadTest {
        let status = self.program.wait().expect("it is a child of this process");
        assert!(status.success(), "{} lost jobs: {status}", self.name);
        LoadTest { name: self.name, instance: self.instance, numbers: json(&self.file) }
    }
}

impl LoadTest {
    #[track_caller]
    fn count(&self, key: &str) -> f64 {
        self.numbers[key].as_f64().unwrap_or_else(|| panic!("no {key} in {}", self.numbers))
    }

    /// Those that only the series of its pool have.
    fn labels(&self) -> String {
        format!("pool=\"load_test\", instance=\"{}\"", self.instance)
    }

    /// What a counter comes to in the end, its series with these labels taken together.
    #[track_caller]
    fn comes_to(&self, stage: &Stage, family: &str, more: &str, count: f64) {
        let series = at_last(&format!("{family}{{{}, {more}}}", self.labels()));
        stage.comes_to(&format!("sum({series})"), count);
    }

    /// The values of a gauge, each second of the run.
    fn values(&self, stage: &Stage, family: &str) -> Vec<f64> {
        stage.values(&format!("sum({family}{{{}}})", self.labels()))
    }
}

impl Stage {
    fn load_test(&self, name: &str) -> &LoadTest {
        let found = self.load_tests.iter().find(|load_test| load_test.name == name);
        found.expect("it was started")
    }
}

#[test]
fn prometheus_counts_what_each_load_test_counted_itself() {
    let Some(stage) = stage() else { return };
    for load_test in &stage.load_tests {
        for (outcome, counted) in [
            ("ok", "jobs_ok"),
            ("panic", "jobs_panicked"),
            ("timeout", "jobs_timed_out"),
            ("cancelled", "jobs_cancelled"),
            ("expired", "jobs_expired"),
        ] {
            let outcome = format!("outcome=\"{outcome}\"");
            let counted = load_test.count(counted);
            load_test.comes_to(stage, "springtide_jobs_completed_total", &outcome, counted);
        }
        let [accepted, refused] = ["jobs_accepted", "jobs_refused"].map(|key| load_test.count(key));
        load_test.comes_to(stage, "springtide_jobs_submitted_total", "", accepted);
        load_test.comes_to(stage, "springtide_jobs_refused_total", "", refused);
        let went_wrong = ["jobs_refused", "jobs_panicked", "jobs_timed_out"];
        let wrong = went_wrong.map(|key| load_test.count(key));
        println!("{}: {} ok, {wrong:?} {went_wrong:?}", load_test.name, load_test.count("jobs_ok"));
        let wanted = ["bursts", "panics", "stuck"].map(|name| load_test.name == name);
        assert_eq!(wrong.map(|jobs| jobs > 0.0), wanted, "{}", load_test.numbers);
    }
}

#[test]
fn the_99th_percentile_of_each_load_test_is_there_too() {
    let Some(stage) = stage() else { return };
    for load_test in &stage.load_tests {
        let own = load_test.numbers["queued_ms"]["p99"].as_f64().expect("jobs have run") / 1e3;
        let ran = ["jobs_ok", "jobs_panicked", "jobs_timed_out"].map(|key| load_test.count(key));
        println!("{} is {}", load_test.name, load_test.labels());
        stage.wait_p99_is(&load_test.labels(), ran.iter().sum(), own);
    }
}

#[test]
fn new_bounds_are_seen_and_the_workers_follow_them() {
    let Some(stage) = stage() else { return };
    let resized = stage.load_test("resized");
    let told = resized.numbers["resizes"].as_array().expect("a list");
    resized.comes_to(stage, "springtide_config_reloads_total", "result=\"ok\"", told.len() as f64);
    resized.comes_to(stage, "springtide_config_reloads_total", "result=\"rejected\"", 0.0);
    for (family, bound, first) in
        [("springtide_workers_min", "min", 2.0), ("springtide_workers_max", "max", 4.0)]
    {
        let mut seen = resized.values(stage, family);
        // An ended pool has no bounds.
        seen.retain(|bound| *bound > 0.0);
        seen.dedup();
        let told = told.iter().map(|resize| resize[bound].as_f64().expect("a bound"));
        let expected: Vec<f64> = std::iter::once(first).chain(told).collect();
        assert_eq!(seen, expected, "{family}");
        assert_eq!(expected.len(), 3, "up and down again");
    }
    let decided = resized.numbers["decisions"]["below_min"].as_f64();
    let decided = decided.unwrap_or_else(|| panic!("never below_min: {}", resized.numbers));
    // Those who are to leave do so as they come out of their jobs, by one decision.
    for (reason, direction, times) in [("below_min", "up", decided), ("above_max", "down", 1.0)] {
        let labels = format!("direction=\"{direction}\", reason=\"{reason}\"");
        resized.comes_to(stage, "springtide_scale_events_total", &labels, times);
    }
    let started = resized.count("threads_started");
    resized.comes_to(stage, "springtide_workers_started_total", "", started);
    let workers = resized.values(stage, "springtide_workers");
    let most = workers.iter().copied().fold(0.0, f64::max);
    println!("resized: {told:?}, up to {most} workers, {started} started");
    assert!((12.0..=16.0).contains(&most), "{workers:?}");
}

#[test]
fn stuck_jobs_are_seen_for_as_long_as_they_are() {
    let Some(stage) = stage() else { return };
    let stuck = stage.load_test("stuck");
    let jobs = stuck.count("jobs_timed_out");
    assert_eq!(stuck.count("jobs_stuck"), jobs, "{}", stuck.numbers);
    stuck.comes_to(stage, "springtide_jobs_stuck_total", "", jobs);
    let seen = stuck.values(stage, "springtide_stuck_jobs");
    let seconds: f64 = seen.iter().sum();
    println!("{jobs} stuck jobs for {seconds} s in all");
    assert_eq!(seen.last(), Some(&0.0), "they have all ended: {seen:?}");
    // A job is seen to come and to go some time after it does.
    let expected = STUCK_SECONDS * jobs;
    assert!((0.5 * expected..=1.5 * expected).contains(&seconds), "{seconds} s: {seen:?}");
    for other in stage.load_tests.iter().filter(|other| other.name != stuck.name) {
        other.comes_to(stage, "springtide_jobs_stuck_total", "", 0.0);
    }
}
