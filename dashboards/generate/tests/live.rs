//! Every expression, asked of a real Prometheus that scrapes a real pool: it must have an answer.
//!
//! Without a Prometheus the test passes, unless the environment insists.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use generate::rules::Rules;
use generate::{boards, folder};
use serde_json::Value;
use springtide::{HistogramSink, Overflow, Pool, prometheus};

/// Panels that are empty when all is well.
const MAY_BE_EMPTY: [&str; 2] = ["Supervisor silent while jobs wait", "Threads refused"];
const PATIENCE: Duration = Duration::from_secs(90);

/// A Prometheus with its own folder; both are gone when it is dropped.
struct Server {
    child: Child,
    folder: PathBuf,
    address: String,
}

impl Server {
    /// `None` if there is none to be had.
    fn start(target: &str) -> Option<Server> {
        let folder = std::env::temp_dir().join(format!("springtide-live-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("the temporary folder can be written");
        let config = folder.join("prometheus.yml");
        std::fs::write(&config, configuration(target)).expect("the temporary folder is writable");
        let free = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = free.local_addr().expect("it is bound").to_string();
        drop(free);
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stderr(Stdio::null())
            .spawn();
        match child {
            Ok(child) => Some(Server { child, folder, address: format!("http://{address}") }),
            Err(error) => {
                let required = std::env::var_os("SPRINGTIDE_REQUIRE_PROMTOOL").is_some();
                assert!(!required, "Prometheus is required and missing: {error}");
                eprintln!("skipped, no Prometheus: {error}");
                None
            }
        }
    }

    /// What it answers; empty while there is no such series, or nobody answers yet.
    fn ask(&self, expr: &str) -> Result<String, String> {
        let said = Command::new("promtool")
            .args(["query", "instant", &self.address, expr])
            .output()
            .map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&said.stdout).trim().to_owned();
        let error = String::from_utf8_lossy(&said.stderr).trim().to_owned();
        let ready = !error.contains("connection refused") && !error.contains("unavailable");
        if said.status.success() || !ready { Ok(text) } else { Err(format!("{expr}: {error}")) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn configuration(target: &str) -> String {
    let rules = |name: &str| {
        let path = folder().join("prometheus").join(name);
        path.canonicalize().expect("it is there").display().to_string()
    };
    let (recording, alerts) = (rules("recording.yml"), rules("alerts.yml"));
    format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
         rule_files: [{recording}, {alerts}]\n\
         scrape_configs: [{{job_name: springtide, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
}

/// Too much work for a small pool and its lane, then a rest; panics, and changes of the bounds.
fn trouble(pool: &Pool, enough: &AtomicBool) {
    let lane = pool.lane("partner").max_running(1).queue_capacity(4).build();
    let lane = lane.expect("the settings are valid");
    let mut round = 0;
    while !enough.load(Ordering::Relaxed) {
        round += 1;
        let _ = pool.try_execute(|| panic!("wanted"));
        for _ in 0..10 {
            let _ = lane.try_submit(|| std::thread::sleep(Duration::from_millis(2)));
        }
        for _ in 0..100 {
            // Many are refused: that is what is wanted.
            let _ = pool.try_execute(|| std::thread::sleep(Duration::from_millis(2)));
        }
        let _ = pool.resize(1..=4 + round % 2);
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// As Grafana would fill it in, with everything chosen.
fn filled(expr: &str) -> String {
    ["$job", "$instance", "$pool"]
        .iter()
        .fold(expr.to_owned(), |expr, name| expr.replace(name, ".+"))
        .replace("$__rate_interval", "5s")
        .replace("$__range", "1m")
}

/// Title and expression of each target and note that must have an answer.
fn expressions() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (path, text) in boards() {
        let board: Value = serde_json::from_str(&text).expect("it is JSON");
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        for panel in list(&board["panels"]) {
            let title = panel["title"].as_str().expect("it has a title").to_owned();
            for target in list(&panel["targets"]).iter().filter_map(|t| t["expr"].as_str()) {
                if !MAY_BE_EMPTY.contains(&title.as_str()) {
                    found.push((format!("{path}: {title}"), filled(target)));
                }
            }
        }
        for note in list(&board["annotations"]["list"]) {
            let expr = note["expr"].as_str().expect("it has an expression");
            found.push((format!("{path}: {}", note["name"]), filled(expr)));
        }
    }
    found
}

fn rules() -> Rules {
    let read = |name: &str| std::fs::read_to_string(folder().join("prometheus").join(name));
    let texts = [read("recording.yml"), read("alerts.yml")].map(|text| text.expect("it is there"));
    Rules::read(&texts.each_ref().map(String::as_str)).expect("they are rules")
}

#[test]
fn every_expression_has_an_answer() {
    let recorder = prometheus::install().expect("it is the first");
    let endpoint = prometheus::serve("127.0.0.1:0", recorder).expect("there is a free port");
    let pool = Pool::builder("thumbs")
        .workers(1..=4)
        .queue_capacity(64)
        .overflow(Overflow::Reject)
        .keep_alive(Duration::from_millis(200))
        .histogram_sink(HistogramSink::Exact)
        .build()
        .expect("the settings are valid");
    let Some(server) = Server::start(&endpoint.local_addr().to_string()) else { return };

    let mut waiting = expressions();
    waiting.extend(rules().recorded().map(|name| (name.to_owned(), name.to_owned())));
    let enough = AtomicBool::new(false);
    let begun = Instant::now();
    let mut faults = Vec::new();
    // Panics are part of the load; their messages are not news.
    std::panic::set_hook(Box::new(|_| {}));
    std::thread::scope(|scope| {
        scope.spawn(|| trouble(&pool, &enough));
        while !waiting.is_empty() && begun.elapsed() < PATIENCE {
            waiting.retain(|(_, expr)| match server.ask(expr) {
                Ok(answer) => answer.is_empty(),
                Err(error) => {
                    faults.push(error);
                    false
                }
            });
        }
        // Alerts may be silent, but not faulty.
        faults.extend(rules().alert_expressions().filter_map(|expr| server.ask(expr).err()));
        enough.store(true, Ordering::Relaxed);
    });
    // What follows is news.
    let _ = std::panic::take_hook();
    assert!(waiting.is_empty(), "no answer: {waiting:#?}");
    assert!(faults.is_empty(), "{faults:#?}");
}
