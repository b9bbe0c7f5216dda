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
mod targets;
mod threads;
mod trim;
mod usage;
mod verdict;
mod workloads;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use args::Args;
use runner::{Allowance, Found};
use verdict::Ran;
use workloads::{Depth, Machine, Table, plan};

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
    let began = Instant::now();
    let machine = Machine { steps_per_us: spin::calibrate() };
    let mut report = Report::new(args.out.clone(), args.depth);
    print!("{}", report.text);
    let mut allowance = Allowance::of(args.depth);
    let mut failed = 0;
    let mut ran = Vec::new();
    for table in tables {
        let reps = args.reps.unwrap_or(table.reps);
        let start = Instant::now();
        let found = runner::run(args.depth, &table, reps, &machine, &mut allowance);
        failed += found.failed;
        // Beside the report, and not in it.
        eprintln!("{} {}: {:.0?}", table.workload, table.title, start.elapsed());
        report.add(&table, &found)?;
        ran.push(Ran { table, rows: found.rows });
    }
    let outcomes: Vec<_> = targets::targets()
        .into_iter()
        .map(|target| {
            let outcome = verdict::judge(&target, &ran);
            (target, outcome)
        })
        .collect();
    report.end(&report::verdicts(&outcomes))?;
    eprintln!("all of it: {:.0?}", began.elapsed());
    if failed > 0 {
        return Err(format!("{failed} runs gave no figures"));
    }
    Ok(())
}

/// What is printed, and also written after each table, so that a run that is stopped leaves what it
/// has.
struct Report {
    out: Option<PathBuf>,
    text: String,
    lines: String,
    /// How many there are of each workload.
    pictures: BTreeMap<&'static str, usize>,
}

impl Report {
    fn new(out: Option<PathBuf>, depth: Depth) -> Report {
        let (text, lines) = (report::head(depth), report::CSV_HEAD.to_owned());
        Report { out, text, lines, pictures: BTreeMap::new() }
    }

    fn add(&mut self, table: &Table, found: &Found) -> Result<(), String> {
        let shown = report::markdown(table, &found.rows, found.crossing_ns);
        println!("{shown}");
        self.text.push_str(&shown);
        self.text.push('\n');
        self.lines.push_str(&report::csv(table, &found.rows));
        let Some(out) = self.out.clone() else {
            return Ok(());
        };
        let count = self.pictures.entry(table.workload).or_insert(0);
        *count += 1;
        let name = format!("{}-{count}.svg", table.workload);
        let _ = writeln!(self.text, "![{} as bars]({name})\n", table.columns[table.key]);
        self.save()
            .and_then(|()| picture::draw(table, &found.rows, &out.join(name)))
            .map_err(|error| format!("{}: {error}", out.display()))
    }

    fn end(&mut self, verdicts: &str) -> Result<(), String> {
        println!("{verdicts}");
        self.text.push_str(verdicts);
        self.save().map_err(|error| error.to_string())
    }

    fn save(&self) -> Result<(), Box<dyn Error>> {
        if let Some(out) = &self.out {
            fs::create_dir_all(out)?;
            fs::write(out.join("report.md"), &self.text)?;
            fs::write(out.join("report.csv"), &self.lines)?;
        }
        Ok(())
    }
}
