//! A Prometheus of this test's own, on loopback, and what it answers.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(60);

/// Ends the program when the input of the shell is closed, which is at the latest when the process
/// that holds the other end has ended, however it did.
const LEASH: &str = r#""$@" & read -r _; kill $!; wait"#;

pub(crate) struct Server {
    address: SocketAddr,
    /// The shell with the leash, whose input is open as long as this is.
    _shell: Child,
}

/// One series of an answer.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) labels: Value,
    /// Unix time and value.
    pub(crate) values: Vec<(f64, f64)>,
}

impl Series {
    pub(crate) fn last(&self) -> f64 {
        self.values.last().expect("a series has a value").1
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970").as_secs_f64()
}

/// A path of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Whether a program can be run; complains where the environment insists on it.
pub(crate) fn is_there(program: &str, insists: &str) -> bool {
    let mut command = Command::new(program);
    let asked = command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    let there = asked.status().is_ok_and(|status| status.success());
    let required = std::env::var(insists).is_ok_and(|value| value == "1");
    assert!(there || !required, "{program} is required and is not here");
    if !there {
        println!("skipped: there is no {program} here");
    }
    there
}

impl Server {
    pub(crate) fn is_there() -> bool {
        is_there("prometheus", "SPRINGTIDE_REQUIRE_PROMTOOL")
    }

    /// Scrapes the targets each second, and has done so once, with the rules of the repository;
    /// serves its boards and their preview.
    pub(crate) fn start(targets: &[String]) -> Server {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("observability");
        // Of an earlier run.
        let _ = std::fs::remove_dir_all(folder.join("data"));
        std::fs::create_dir_all(&folder).expect("it can be made");
        let rules = repository("dashboards/prometheus");
        let config = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
             rule_files: ['{0}/recording.yml', '{0}/alerts.yml']\n\
             scrape_configs: [{{job_name: test, static_configs: [{{targets: {targets:?}}}]}}]\n",
            rules.display()
        );
        let file = folder.join("prometheus.yml");
        std::fs::write(&file, config).expect("the folder can be written to");
        let address = free_address();
        let shell = Command::new("sh")
            .args(["-c", LEASH, "leash", "prometheus"])
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg(format!("--web.user-assets={}", repository("dashboards").display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("there is a shell");
        let server = Server { address, _shell: shell };
        let begun = Instant::now();
        while !server.instant("up == 1").is_ok_and(|scraped| scraped.len() == targets.len()) {
            assert!(
                begun.elapsed() < PATIENCE,
                "Prometheus at {address} does not scrape {targets:?}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The series of an expression now.
    pub(crate) fn instant(&self, expr: &str) -> Result<Vec<Series>, String> {
        series(&self.ask(&format!("query?query={}", encoded(expr)))?)
    }

    /// The series of an expression at each second of a time.
    pub(crate) fn range(&self, expr: &str, from: f64, to: f64) -> Result<Vec<Series>, String> {
        let query = encoded(expr);
        series(&self.ask(&format!("query_range?query={query}&start={from}&end={to}&step=1"))?)
    }

    /// The `data` of an answer of the API.
    pub(crate) fn ask(&self, path: &str) -> Result<Value, String> {
        let body = self.get(&format!("/api/v1/{path}"))?;
        let mut answer: Value = serde_json::from_str(&body).map_err(|error| error.to_string())?;
        match answer["status"] == "success" {
            true => Ok(answer["data"].take()),
            false => Err(answer["error"].to_string()),
        }
    }

    /// The body of a page. By HTTP/1.0, so that it ends where the connection does.
    fn get(&self, path: &str) -> Result<String, String> {
        let text = |error: std::io::Error| error.to_string();
        let mut stream = TcpStream::connect(self.address).map_err(text)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(text)?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.address).map_err(text)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(text)?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("no HTTP")?;
        let status = head.split(' ').nth(1).unwrap_or_default();
        // A query that is wrong is told with 400 and 422, in a body like any other.
        match status {
            "200" | "400" | "422" => Ok(body.to_owned()),
            _ => Err(format!("{path}: {status}")),
        }
    }
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("it is bound")
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn series(data: &Value) -> Result<Vec<Series>, String> {
    let result = data["result"].as_array().ok_or("no result")?;
    let pair = |pair: &Value| Some((pair[0].as_f64()?, pair[1].as_str()?.parse().ok()?));
    let one = |series: &Value| {
        let values = match &series["values"] {
            Value::Array(values) => values.iter().map(pair).collect(),
            _ => pair(&series["value"]).map(|pair| vec![pair]),
        };
        let values = values.ok_or("no values")?;
        Ok(Series { labels: series["metric"].clone(), values })
    };
    result.iter().map(one).collect()
}
