//! Pages of metrics: who makes them, and what is wrong with one.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};

use springtide::MetricsSource;
use springtide::prometheus::{self, PrometheusBuilder, PrometheusHandle, configure};

/// The process's recorder, as `prometheus::install` makes it.
pub fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| prometheus::install().expect("no other recorder here"))
}

/// A recorder for one pool or a few, and who makes its pages.
pub fn own_recorder() -> (MetricsSource, PrometheusHandle) {
    let recorder = configure(PrometheusBuilder::new()).build_recorder();
    let handle = recorder.handle();
    (MetricsSource::Recorder(Arc::new(recorder)), handle)
}

pub fn has(page: &str, line: &str) -> bool {
    page.lines().any(|l| l == line)
}

/// `promtool check metrics` finds nothing to say. Skipped where there is no promtool, unless the
/// environment insists.
pub fn lint(page: &str) {
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut promtool = match command.stderr(Stdio::piped()).spawn() {
        Ok(promtool) => promtool,
        Err(error) => {
            let required = std::env::var("SPRINGTIDE_REQUIRE_PROMTOOL").is_ok_and(|v| v == "1");
            assert!(!required, "promtool is required: {error}");
            println!("no promtool here: {error}");
            return;
        }
    };
    promtool.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let said = promtool.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
    assert!(said.status.success() && text.trim().is_empty(), "{}: {text}\n{page}", said.status);
}
