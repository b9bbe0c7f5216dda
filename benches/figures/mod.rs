//! What the benches that measure time have in common: rounds of a figure, the name of the machine,
//! and the parts of a page that they write.

use std::time::Duration;
use std::{fs, io};

/// The page whose parts are written with `--write`.
pub(crate) const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/docs/performance.md");

/// One figure a round, as nanoseconds a call or a job.
#[derive(Clone, Default)]
pub(crate) struct Rounds(pub(crate) Vec<f64>);

impl Rounds {
    pub(crate) fn add(&mut self, took: Duration, times: u64) {
        self.note(took.as_nanos() as f64 / times as f64);
    }

    pub(crate) fn note(&mut self, figure: f64) {
        self.0.push(figure);
    }

    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn range(&self) -> (f64, f64) {
        let least = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        (least, self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max))
    }
}

/// The cores, their make, the system, the compiler, and what else ran when this was asked.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let make = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let make = make.map_or("of an unknown make", |(_, make)| make);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("unknown").to_owned();
    let rustc = std::process::Command::new("rustc").arg("--version").output();
    let rustc = rustc.map(|out| String::from_utf8_lossy(&out.stdout).into_owned());
    let rustc = rustc.unwrap_or_default().split(" (").next().unwrap_or("rustc").to_owned();
    let system = std::env::consts::OS;
    let plural = if cores == 1 { "" } else { "s" };
    format!("{cores} core{plural} ({make}), {system}, {rustc}, load {load} before it began")
}

/// Puts `text` between the markers of a part of the page.
pub(crate) fn write_part(name: &str, text: &str) -> io::Result<()> {
    let page = fs::read_to_string(PAGE)?;
    let missing = || io::Error::other(format!("{PAGE} has no part {name}"));
    let begins = page.find(&format!("<!-- {name}: begin")).ok_or_else(missing)?;
    let begins = begins + page[begins..].find("-->\n").ok_or_else(missing)? + 4;
    let ends = page.find(&format!("<!-- {name}: end")).ok_or_else(missing)?;
    fs::write(PAGE, format!("{}\n{}\n\n{}", &page[..begins], text.trim(), &page[ends..]))
}
