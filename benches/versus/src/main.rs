//! `springtide` beside other pools, on seven workloads.
//!
//! ```text
//! cargo run --release --manifest-path benches/versus/Cargo.toml -- --quick --out out
//! ```
//!
//! Each cell, which is one pool on one shape of one workload, runs in a process of its own, so that
//! no pool finds the heap or the threads of another. What the workloads are and how to read the
//! tables is in the README beside this package.

mod args;
mod cell;
mod crossing;
mod picture;
mod pools;
mod report;
mod runner;
#[path = "../../how_many_workers/spin.rs"]
mod spin;
mod tally;
mod threads;
mod trim;
mod usage;
mod workloads;

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use args::Args;
use workloads::{Machine, Table, plan};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match words.split_first() {
        Some((first, rest)) if first == "cell" => cell::run(rest),
        Some((first, _)) if first == "--help" || first == "-h" => {
            print!("{}", args::HELP);
            Ok(())
        }
        _ => Args::parse(words.into_iter()).and_then(|args| compare(&args)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// The tables that the command line asks for, with the rows that it asks for.
fn chosen(args: &Args) -> Vec<Table> {
    let mut tables = plan(args.depth);
    if !args.only.is_empty() {
        tables.retain(|table| args.only.iter().any(|only| only == table.workload));
    }
    for table in &mut tables {
        if !args.pools.is_empty() {
            table.contenders.retain(|contender| {
                args.pools.iter().any(|pool| contender.label.starts_with(pool.as_str()))
            });
        }
    }
    tables.retain(|table| !table.contenders.is_empty());
    tables
}

fn compare(args: &Args) -> Result<(), String> {
    let tables = chosen(args);
    if args.list {
        for table in &tables {
            println!("{} {}", table.workload, table.title);
            table.contenders.iter().for_each(|contender| println!("    {}", contender.label));
        }
        return Ok(());
    }
    let machine = Machine { steps_per_us: spin::calibrate() };
    let mut text = format!("{} cores, medians of the repetitions\n\n", usage::cores());
    let mut lines = report::CSV_HEAD.to_owned();
    print!("{text}");
    let mut failed = 0;
    let mut pictures: BTreeMap<&str, usize> = BTreeMap::new();
    for table in &tables {
        let reps = args.reps.unwrap_or(table.reps);
        let began = Instant::now();
        let found = runner::run(args.depth, table, reps, &machine);
        failed += found.failed;
        let rows = found.rows;
        // Beside the report, and not in it.
        eprintln!("{} {}: {:.0?}", table.workload, table.title, began.elapsed());
        let shown = report::markdown(table, &rows, found.crossing_ns);
        println!("{shown}");
        text.push_str(&shown);
        text.push('\n');
        lines.push_str(&report::csv(table, &rows));
        if let Some(out) = &args.out {
            // After each table, so that a run that is stopped leaves what it has.
            let count = pictures.entry(table.workload).or_insert(0);
            *count += 1;
            let name = format!("{}-{count}.svg", table.workload);
            save(out, &text, &lines)
                .and_then(|()| picture::draw(table, &rows, &out.join(name)))
                .map_err(|error| format!("{}: {error}", out.display()))?;
        }
    }
    if failed > 0 {
        return Err(format!("{failed} runs gave no figures"));
    }
    Ok(())
}

fn save(out: &Path, text: &str, lines: &str) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(out)?;
    fs::write(out.join("report.md"), text)?;
    fs::write(out.join("report.csv"), lines)?;
    Ok(())
}
