//! Tries scaling laws, and other constants of ours, on a load of one's own before a pool does.
//!
//! ```text
//! cargo run --release --example policy_lab -- --list
//! cargo run --release --example policy_lab -- --scenario step --laws all --report
//! cargo run --release --example policy_lab -- --trace FILE --work blocking --workers 2..=64
//! cargo run --release --example policy_lab -- --scenario periodic --sweep keep_alive=1s..60s
//! cargo run --release --example policy_lab -- --help
//! ```
//!
//! Everything happens in virtual time ([`springtide::sim`]): an hour of traffic takes seconds, no
//! thread is started, and the same arguments give the same numbers on every machine.
//!
//! The way through: `args` → `setup` (with `knobs` and `sweep`) → `comparison`, which runs every
//! law and takes each `measure` → `table` and `verdict`, `json`, `report` and
//! `picture`.

mod args;
mod compact;
mod comparison;
mod curves;
mod frontier;
mod html;
mod json;
mod knobs;
#[path = "../parts/lanes.rs"]
mod lanes;
mod list;
mod measure;
mod offered;
#[path = "../parts/page.rs"]
#[allow(dead_code, reason = "the load test shows more kinds of blocks")]
mod page;
mod panels;
#[path = "../parts/paper.rs"]
mod paper;
mod picture;
#[path = "../parts/readable.rs"]
mod readable;
mod references;
mod report;
mod setup;
mod sweep;
mod table;
#[path = "../parts/typed.rs"]
#[allow(dead_code, reason = "the load test takes more kinds of arguments")]
mod typed;
mod verdict;

use std::io::Write;
use std::process::ExitCode;

use args::Args;
use readable::{counted, grouped};
use setup::Setup;
use table::Table;
use typed::{FAILED, WRONG_INPUT, complain};

fn main() -> ExitCode {
    let args = match args::parse(std::env::args_os()) {
        Ok(args) => args,
        Err(refusal) => return refusal.tell(),
    };
    if args.list {
        return done(print(&list::text()));
    }
    match Setup::of(&args) {
        Ok(setup) => done(conduct(&args, setup)),
        Err(line) => complain(&line, WRONG_INPUT),
    }
}

fn done(result: Result<(), String>) -> ExitCode {
    result.map_or_else(|line| complain(&line, FAILED), |()| ExitCode::SUCCESS)
}

fn conduct(args: &Args, mut setup: Setup) -> Result<(), String> {
    let comparison = comparison::compare(&setup);
    let head = setup.sweep.as_ref().map_or("law", |sweep| sweep.name.as_str());
    let seeds = setup.seeds.end - setup.seeds.start;
    let table = Table { head, comparison: &comparison, seeds };
    print(&format!(
        "\n{}: {}\n{} jobs in {:.0} s, {} needed at once\n{}\n\n{table}\n{}\n",
        setup.title,
        setup.about,
        grouped(comparison.jobs / seeds.max(1)),
        setup.load.horizon.as_secs_f64(),
        counted(comparison.needed.into(), "worker"),
        setup.settings(),
        comparison.sentence,
    ))?;
    if let Some(file) = setup.json.take() {
        json::write(file, &setup, &comparison).map_err(|e| format!("--json: {e}"))?;
    }
    if let (Some(file), Some(path)) = (setup.report.take(), &args.report) {
        let written = report::write(file, &setup, &comparison);
        written.map_err(|e| format!("--report: {}: {e}", path.display()))?;
        print(&format!("\nThe page is in {}\n", path.display()))?;
    }
    if let (Some(file), Some(path)) = (setup.picture.take(), &args.picture) {
        let written = picture::write(file, &setup, &comparison);
        written.map_err(|e| format!("--picture: {}: {e}", path.display()))?;
        print(&format!("\nThe picture is in {}\n", path.display()))?;
    }
    Ok(())
}

/// A reader that has seen enough, as `head` has, is no failure.
fn print(text: &str) -> Result<(), String> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(format!("output: {e}")),
        _ => Ok(()),
    }
}
