//! The scaling law against the laws of other systems and against what nobody can beat, in virtual
//! time.

mod document;
mod gates;
mod golden;
mod traces;
mod validation;
mod wins;

use springtide::PredictedWait;
use springtide::sim::{Law, Run, Scenario, Supervised};

const SEED: u64 = 1;

/// The default law.
fn ours() -> Box<dyn Law> {
    Box::new(Supervised::new("ours", PredictedWait::new()))
}

fn scenario(name: &str) -> Scenario {
    Scenario::named(name, SEED).unwrap_or_else(|| panic!("no scenario {name}"))
}

/// The run under the default law, told in a line.
fn run_of(name: &str, seed: u64) -> Run {
    let scenario = Scenario::named(name, seed).unwrap_or_else(|| panic!("no scenario {name}"));
    let run = scenario.run(ours());
    println!(
        "{name} {seed}: {:.3} % late, p99.9 {:?}, sojourn p99 {:?}, peak {}, {} flaps, cost {:.2}",
        run.late * 100.0,
        run.wait.p999,
        run.sojourn.p99,
        run.peak,
        run.flaps,
        run.cost()
    );
    run
}
