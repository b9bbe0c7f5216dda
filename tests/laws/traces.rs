//! The recorded traces, where somebody has them: `SPRINGTIDE_TRACES` names a folder with
//! `azure-llm-2023-code.csv` and `azure-llm-2023-conv.csv` (the Azure LLM inference traces of 2023,
//! CC-BY 4.0). Without them these tests say so and pass. The made-up bursty hour, which is harder,
//! has a gate of its own in `gates.rs`.

use std::path::PathBuf;
use std::time::Duration;

use springtide::sim::{Job, Machine, Run, Scenario, trace};

use crate::ours;

fn recorded(name: &str, jobs: fn(&[trace::Row]) -> Vec<Job>) -> Option<Run> {
    let Some(folder) = std::env::var_os("SPRINGTIDE_TRACES") else {
        println!("skipped: SPRINGTIDE_TRACES does not say where {name} is");
        return None;
    };
    let path = PathBuf::from(folder).join(format!("azure-llm-2023-{name}.csv"));
    let rows = trace::read(&path).unwrap_or_else(|error| panic!("{error}"));
    let run = Scenario::of("trace", jobs(&rows), Machine::new(4.0)).run(ours());
    println!(
        "{name}: {} jobs, {:.3} % late, p99.9 {:?}, peak {}, {} flaps, cost {:.2}",
        run.offered,
        run.late * 100.0,
        run.wait.p999,
        run.peak,
        run.flaps,
        run.cost()
    );
    Some(run)
}

#[test]
fn the_code_trace_causes_a_hundred_flaps_at_most() {
    if let Some(run) = recorded("code", trace::blocking) {
        assert!(run.flaps <= 100, "{} flaps", run.flaps);
        assert!(run.wait.p999 <= Duration::from_millis(1), "{:?}", run.wait);
    }
}

#[test]
fn the_conversation_trace_causes_a_hundred_flaps_at_most() {
    if let Some(run) = recorded("conv", trace::blocking) {
        assert!(run.flaps <= 100, "{} flaps", run.flaps);
        assert!(run.wait.p999 <= Duration::from_millis(1), "{:?}", run.wait);
    }
}

#[test]
fn the_code_trace_as_computing_takes_at_most_thrice_the_cores() {
    if let Some(run) = recorded("code", trace::computing) {
        assert!(run.peak <= 12, "{} workers", run.peak);
    }
}
