//! The programs and the Prometheus, started once; what they saw is there for every test.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use crate::program::{Program, json};
use crate::server::{Series, Server, now};

static MONITORED: Program = Program::new("monitored");
static LOAD_TEST: Program = Program::new("load_test");

/// How long the program is under load: long enough for each of its pools to show all that it does.
const LOAD: u32 = 45;
/// Six bursts, each of more jobs than there is room for. It is over before the other load is, and
/// serves its page for a few more scrapes.
const BURSTS: [&str; 9] = [
    "--pattern=burst",
    "--duration=20s",
    "--rate=150",
    "--run=20ms",
    "--workers=2..=8",
    "--queue=60",
    "--overflow=reject",
    "--metrics=127.0.0.1:0",
    "--linger=6s",
];
/// Long enough for anything that is going to happen at all, on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Stage {
    pub(crate) server: Server,
    /// What became of the jobs, by pool, as the program counted them itself.
    pub(crate) truth: Value,
    /// What the load test wrote, of its one pool `load_test`.
    pub(crate) bursts: Value,
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
        let page = said.strip_prefix("metrics at http://").expect("it says where");
        let target = page.strip_suffix("/metrics").expect("a path").to_owned();
        let bursts = Bursts::start();
        let server = Server::start(&[target, bursts.target.clone()]);
        let began = now();
        let truth = serde_json::from_str(&line()).expect("the truth is one line of JSON");
        let bursts = bursts.end();
        Some(Stage { server, truth, bursts, began, ended: now(), _program: program })
    }

    pub(crate) fn truths(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.truth.as_object().map(Map::iter).expect("it is by pool")
    }

    /// What an expression was, each second of the run.
    pub(crate) fn over_the_run(&self, expr: &str) -> Result<Vec<Series>, String> {
        self.server.range(expr, self.began, self.ended)
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

/// It ends by itself: the load after its time, the rest when its input is closed.
fn start() -> Child {
    Command::new(MONITORED.executable())
        .args(["127.0.0.1:0", &LOAD.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the example starts")
}

/// The load test, a second program to scrape.
struct Bursts {
    program: Child,
    target: String,
    file: String,
}

impl Bursts {
    fn start() -> Bursts {
        let file = LOAD_TEST.path("observed.json");
        let mut program = Command::new(LOAD_TEST.executable())
            .args(BURSTS)
            .args(["--json", &file])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the example starts");
        let mut said = BufReader::new(program.stderr.take().expect("it is piped"));
        let mut line = String::new();
        said.read_line(&mut line).expect("it is UTF-8");
        let page = line.trim().strip_prefix("metrics at http://").expect("it says where");
        let target = page.strip_suffix("/metrics").expect("a path").to_owned();
        // It tells how far it is; nobody wants to know, but a full pipe would hold it up.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Bursts { program, target, file }
    }

    /// Its numbers, once it has ended.
    fn end(mut self) -> Value {
        let status = self.program.wait().expect("it is a child of this process");
        assert!(status.success(), "the load test lost jobs: {status}");
        json(&self.file)
    }
}
