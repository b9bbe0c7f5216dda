//! The programs and the Prometheus, started once; what they saw is there for every test.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use crate::load_tests::{self, LoadTest, Running};
use crate::program::Program;
use crate::server::{Series, Server, now};

static MONITORED: Program = Program::new("monitored");

/// How long the program is under load: long enough for each of its pools to show all that it does.
const LOAD: u32 = 45;
/// Long enough for anything that is going to happen at all, on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Stage {
    pub(crate) server: Server,
    /// What became of the jobs, by pool, as the program counted them itself.
    pub(crate) truth: Value,
    /// The load tests, by their names.
    pub(crate) load_tests: Vec<LoadTest>,
    /// The run, in Unix time.
    began: f64,
    ended: f64,
    /// It serves its page until its input is closed: at the latest when this process ends.
    _program: Child,
}

/// The stage, once the run is over; `None` where there is no Prometheus.
pub(crate) fn stage() -> Option<&'static Stage> {
    static STAGE: OnceLock<Option<Stage>> = OnceLock::new();
    STAGE.get_or_init(Stage::set).as_ref()
}

impl Stage {
    fn set() -> Option<Stage> {
        if !Server::is_there() {
            return None;
        }
        let mut program = start();
        let mut lines = BufReader::new(program.stdout.take().expect("it is piped")).lines();
        let mut line = || lines.next().expect("it says more").expect("it is UTF-8");
        let said = line();
        let load_tests = load_tests::start();
        let others = load_tests.iter().map(|load_test| load_test.instance.clone());
        let targets: Vec<String> = std::iter::once(target(&said)).chain(others).collect();
        let server = Server::start(&targets);
        let began = now();
        let truth = serde_json::from_str(&line()).expect("the truth is one line of JSON");
        let load_tests = load_tests.into_iter().map(Running::end).collect();
        Some(Stage { server, truth, load_tests, began, ended: now(), _program: program })
    }

    pub(crate) fn truths(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.truth.as_object().map(Map::iter).expect("it is by pool")
    }

    /// What an expression was, each second of the run.
    pub(crate) fn over_the_run(&self, expr: &str) -> Result<Vec<Series>, String> {
        self.server.range(expr, self.began, self.ended)
    }

    /// The values of the one series of an expression, each second of the run.
    #[track_caller]
    pub(crate) fn values(&self, expr: &str) -> Vec<f64> {
        let answer = self.over_the_run(expr).expect("it answers");
        assert_eq!(answer.len(), 1, "{expr}");
        answer[0].values.iter().map(|(_, value)| *value).collect()
    }

    /// Waits until the one series of an expression has this value.
    #[track_caller]
    pub(crate) fn comes_to(&self, expr: &str, value: f64) {
        let begun = Instant::now();
        let mut seen = Vec::new();
        while begun.elapsed() < PATIENCE {
            seen = self.server.instant(expr).expect("it answers");
            if matches!(&seen[..], [one] if one.last() == value) {
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("{expr} should come to {value}: {seen:?}");
    }

    /// Of the `ran` jobs of a pool one in a hundred waited for longer than `own` seconds: that is
    /// in the bucket where Prometheus has it, or beside it.
    #[track_caller]
    pub(crate) fn wait_p99_is(&self, labels: &str, ran: f64, own: f64) {
        let count = format!("springtide_queue_wait_seconds_count{{{labels}}}");
        self.comes_to(&at_last(&count), ran);
        let buckets = self.wait_buckets(labels);
        let place = |holds: &dyn Fn(&(f64, f64)) -> bool| {
            buckets.iter().position(holds).expect("the last bucket holds everything")
        };
        let (theirs, ours) = (place(&|b| b.1 >= 0.99 * ran), place(&|b| b.0 >= own));
        let bound = buckets[theirs].0;
        println!("{labels}: p99 {own} s by the program; up to {bound} s in Prometheus");
        assert!(theirs.abs_diff(ours) <= 1, "{own} s in {buckets:?}");
    }

    /// Cumulative counts by upper bound, as the last scrape has them.
    fn wait_buckets(&self, labels: &str) -> Vec<(f64, f64)> {
        let expr = at_last(&format!("springtide_queue_wait_seconds_bucket{{{labels}}}"));
        let answer = self.server.instant(&expr).expect("it answers");
        let bound =
            |labels: &Value| labels["le"].as_str().and_then(|le| le.parse().ok()).expect("a bound");
        let mut buckets: Vec<(f64, f64)> =
            answer.iter().map(|series| (bound(&series.labels), series.last())).collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        buckets
    }

    /// The address of the preview of a board over the run.
    pub(crate) fn preview(&self, board: &str, more: &str) -> String {
        let range = (self.ended - self.began).ceil();
        format!(
            "{}/user/preview/?board={board}&range={range}s&to={:.0}&{more}",
            self.server.address(),
            self.ended
        )
    }
}

/// The last value there was: a program that has ended has no more, but Prometheus remembers.
pub(crate) fn at_last(selector: &str) -> String {
    format!("last_over_time({selector}[5m])")
}

/// Where to scrape a program that says so.
pub(crate) fn target(said: &str) -> String {
    let page = said.trim().strip_prefix("metrics at http://").expect("it says where");
    page.strip_suffix("/metrics").expect("a path").to_owned()
}

/// It ends by itself: the load after its time, the rest when its input is closed.
fn start() -> Child {
    Command::new(MONITORED.executable())
        .args(["127.0.0.1:0", &LOAD.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the example starts")
}
