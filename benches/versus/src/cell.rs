//! One run of one cell: the child that does it, and the parent's call of that child.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::crossing;
use crate::pools;
use crate::usage::Watch;
use crate::workloads::{Contender, Depth, Figures, Machine, Run, Table, plan};

/// A cell that takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// What one run found, and how much of the machine others had meanwhile.
pub(crate) struct Reading {
    pub(crate) figures: Figures,
    pub(crate) others: f64,
    /// How far apart the cores were before and after, in nanoseconds.
    pub(crate) crossings_ns: [f64; 2],
}

/// Runs a cell in a process of its own.
///
/// # Errors
///
/// Why there are no figures: the child could not be started, failed, or hung.
pub(crate) fn read(
    depth: Depth,
    table: &Table,
    contender: &Contender,
    machine: &Machine,
) -> Result<Reading, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let before = crossing::nanoseconds();
    let watch = Watch::start();
    let mut child = Command::new(program)
        .args(["cell", depth.word(), table.workload, &table.title, &contender.label])
        .arg(machine.steps_per_us.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut stdout = child.stdout.take().ok_or("the child has no output")?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        let read = stdout.read_to_string(&mut text).map(|_| text);
        // Whoever gave up waiting needs it no longer.
        let _ = sender.send(read);
    });
    let text = receiver.recv_timeout(PATIENCE);
    if text.is_err() {
        child.kill().map_err(|error| error.to_string())?;
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    let others = watch.others();
    let text = text.map_err(|_| format!("no answer within {PATIENCE:?}"))?;
    let text = text.map_err(|error| error.to_string())?;
    if !status.success() {
        return Err(format!("the child ended with {status}"));
    }
    let value: serde_json::Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
    // JSON has no infinity: what never came to be is null.
    let figure = |column: &&str| match value["figures"].get(*column)? {
        serde_json::Value::Null => Some(f64::INFINITY),
        figure => figure.as_f64(),
    };
    let figures: Option<Figures> = table.columns.iter().map(figure).collect();
    let figures = figures.ok_or(format!("a column is missing in {text}"))?;
    Ok(Reading { figures, others, crossings_ns: [before, crossing::nanoseconds()] })
}

/// The child: finds its cell in the plan, runs it, and prints one line.
///
/// # Errors
///
/// Which of its arguments makes no sense.
pub(crate) fn run(words: &[String]) -> Result<(), String> {
    let [depth, workload, title, label, steps] = words else {
        return Err("a cell has five arguments".to_owned());
    };
    let depth = Depth::of(depth).ok_or("the depth is not known")?;
    let steps_per_us = steps.parse().map_err(|_| "the steps are no number")?;
    let tables = plan(depth);
    let mut tables = tables.iter().filter(|t| t.workload == workload && &t.title == title);
    let table = tables.next().ok_or("there is no such table")?;
    let contender = table.contenders.iter().find(|contender| &contender.label == label);
    let contender = contender.ok_or("there is no such row")?;
    let machine = Machine { steps_per_us };
    let run = Run { shape: &table.shape, size: &contender.size, machine: &machine };
    let figures = pools::with(contender.pool, run).ok_or("there is no such pool")?;
    let figures: serde_json::Map<_, _> = table
        .columns
        .iter()
        .zip(figures)
        .map(|(column, figure)| ((*column).to_owned(), json!(figure)))
        .collect();
    let line = json!({ "workload": workload, "shape": title, "pool": label, "figures": figures });
    println!("{line}");
    std::io::stdout().flush().map_err(|error| error.to_string())?;
    // Without the destructors: how long a pool takes to end is no part of any cell.
    std::process::exit(0);
}
