//! What the law does on each scenario, as text, one file a scenario. A change of the law shows
//! here as a difference to be read; `UPDATE_EXPECT=1 cargo test --test laws golden` accepts it.

use std::fmt::Write;
use std::path::PathBuf;

use expect_test::expect_file;
use springtide::sim::{Change, Run, scenario as scenarios};

use crate::{ours, scenario};

/// Changes that are written out; the others are in the hash.
const SHOWN: usize = 40;

#[test]
fn the_trajectories_are_those_on_file() {
    for name in scenarios::names() {
        let run = scenario(name).run(ours());
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let file = file.join("tests/laws/golden").join(format!("{name}.txt"));
        expect_file![file].assert_eq(&story(&run));
    }
}

fn story(run: &Run) -> String {
    let mut text = String::new();
    let mut line = |line: String| writeln!(text, "{line}").expect("a string takes all");
    line(format!(
        "{} offered, {} completed, {} refused, {} unfinished",
        run.offered, run.completed, run.refused, run.unfinished
    ));
    let wait = run.wait;
    line(format!("wait {:?} / {:?} / {:?} / {:?}", wait.p50, wait.p99, wait.p999, wait.max));
    line(format!("sojourn {:?} / {:?}", run.sojourn.p99, run.sojourn.max));
    line(format!("late {:.5}", run.late));
    line(format!("{:.3} worker seconds, {:.3} at least", run.worker_seconds, run.least_seconds));
    line(format!(
        "peak {}, {} started, {} retired, {} flaps, {} reversals, {} evaluations",
        run.peak, run.started, run.retired, run.flaps, run.reversals, run.evaluations
    ));
    for change in run.changes.iter().take(SHOWN) {
        line(told(change));
    }
    let rest: Vec<String> = run.changes.iter().skip(SHOWN).map(told).collect();
    line(format!("and {} more changes, {:016x}", rest.len(), fnv(&rest.join("\n"))));
    text
}

fn told(change: &Change) -> String {
    let why = change.reason.map_or("by itself", |reason| reason.as_str());
    format!("{:?}: {} -> {} {why}", change.at, change.before, change.after)
}

/// Fowler, Noll and Vo's hash, version 1a: the same everywhere.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
