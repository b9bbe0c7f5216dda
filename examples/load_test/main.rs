//! An open-loop load generator for a `springtide` pool.
//!
//! ```text
//! cargo run --release --example load_test                        # a demo of twenty seconds
//! cargo run --release --example load_test -- --pattern burst --report out
//! cargo run --release --example load_test -- --trace FILE --speed 60 --time-scale 0.0166667
//! cargo run --release --example load_test -- --pattern steady --panic 2% --stuck 1%
//! cargo run --release --example load_test -- --help
//! ```
//!
//! Jobs arrive at times that are fixed before the run begins, whatever the pool does with them,
//! and their waits count from those times. A closed loop, which offers the next job when the last
//! one is done, would slow down together with the pool and so hide what a stall does to callers.
//!
//! `--trace` reads a CSV file in one of two forms, told apart by the header:
//!
//! - `TIMESTAMP,ContextTokens,GeneratedTokens`, the form of the Azure LLM inference trace 2023.
//!   Microsoft publishes it at <https://github.com/Azure/AzurePublicDataset>, in the files
//!   `data/AzureLLMInferenceTrace_code.csv` and `data/AzureLLMInferenceTrace_conv.csv`, under
//!   CC-BY 4.0; it is described in Patel et al., "Splitwise: Efficient generative LLM inference
//!   using phase splitting", ISCA 2024. A row becomes a job that sleeps for 50 ms and 20 ms more
//!   for each generated token, or, with `--work cpu`, one that spins for 2 ms, 1 µs for each
//!   context token and 50 µs for each generated token, and arrives 20 times faster than recorded
//!   (unless `--speed` says otherwise).
//! - `arrival_ms,run_ms`: one job a row, in milliseconds since the start. With a third column,
//!   `cpu_ms`, a job that was on a core for most of its run time spins for all of it, unless
//!   `--work` says otherwise; `--record` and `springtide::Recorded` write such files.
//!
//! The way through: `args` → `load` (or [`springtide::sim::trace`]), of which some jobs get into
//! `trouble` → `run`, whose jobs do `work` and write to `tally` while `watch` looks at the pool
//! and `resize` changes its bounds → `numbers` → `summary`, `json`, `record` and `report`.

mod args;
mod charts;
mod endpoint;
mod json;
#[path = "../parts/lanes.rs"]
mod lanes;
mod load;
mod numbers;
#[path = "../parts/page.rs"]
mod page;
#[path = "../parts/paper.rs"]
mod paper;
mod progress;
#[path = "../parts/readable.rs"]
#[allow(dead_code, reason = "the policy lab counts things in words")]
mod readable;
mod record;
mod report;
mod resize;
mod run;
mod setup;
mod slices;
mod summary;
mod tally;
mod trouble;
#[path = "../parts/typed.rs"]
mod typed;
mod usage;
mod watch;
mod work;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use args::Args;
use numbers::Numbers;
use setup::Setup;
use summary::Summary;
use typed::{FAILED, WRONG_INPUT, complain};
use work::Stop;

/// What a shell reports for a process that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

fn main() -> ExitCode {
    let args = match args::parse(std::env::args_os()) {
        Ok(args) => args,
        Err(refusal) => return refusal.tell(),
    };
    let setup = match Setup::of(&args) {
        Ok(setup) => setup,
        Err(line) => return complain(&line, WRONG_INPUT),
    };
    match conduct(&args, setup) {
        Ok(()) => ExitCode::SUCCESS,
        Err(line) => complain(&line, FAILED),
    }
}

fn conduct(args: &Args, setup: Setup) -> Result<(), String> {
    let stop = Arc::new(Stop::default());
    let raised = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        // The first asks for an early end with all reports, the second does not wait for them.
        if !raised.raise() {
            std::process::exit(INTERRUPTED);
        }
    })
    .map_err(|e| format!("cannot listen for Ctrl-C: {e}"))?;

    // The page has the exact histograms of a pool for as long as somebody holds the pool.
    let _shown = setup.pool.handle();
    let finished = run::carry_out(setup.pool, setup.load, &stop);
    let numbers = Numbers::of(&finished);
    print!("{}", Summary(&numbers));
    if let Some(file) = setup.json {
        json::write(file, &numbers).map_err(|e| format!("--json: {e}"))?;
    }
    if let Some(file) = setup.record {
        let offered = &finished.tally.jobs()[..finished.tally.offered()];
        record::write(file, offered).map_err(|e| format!("--record: {e}"))?;
    }
    if let Some(dir) = &args.report {
        let page = report::write(dir, args, &finished, &numbers);
        let page = page.map_err(|e| format!("--report: {}: {e}", dir.display()))?;
        println!("\n  report    {}", page.display());
    }
    // A time that no clock can tell is as good as none: there is Ctrl-C.
    if let Some(end) = args.linger.and_then(|time| Instant::now().checked_add(time)) {
        stop.sleep_until(end);
    }
    match numbers.jobs_lost {
        0 => Ok(()),
        lost => Err(format!("{lost} of {} accepted jobs were lost", numbers.jobs_accepted)),
    }
}
