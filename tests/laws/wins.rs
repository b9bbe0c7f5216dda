//! Where our law is called a win, and where it is not.
//!
//! Another law is *better* on a load if it costs fewer worker seconds and jobs wait no longer under
//! it: not in the queue at the 99.9th percentile, and not from arrival to end at the 99th, or a
//! law could buy short queues with long run queues. It must turn no job away and leave no more
//! unfinished.

use springtide::sim::{Run, Scenario, rivals, scenario as scenarios};

use crate::{ours, scenario};

/// Loads on which some law is better than ours; docs/scaling says so, and why.
const LOSSES: &[&str] = &["cpu-batches", "hogs", "periodic", "io-mmpp", "bursty-hour"];

fn is_better(rival: &Run, ours: &Run) -> bool {
    rival.cost() < ours.cost()
        && rival.wait.p999 <= ours.wait.p999
        && rival.sojourn.p99 <= ours.sojourn.p99
        && rival.refused == 0
        && rival.unfinished <= ours.unfinished
}

fn better_than_ours(scenario: &Scenario) -> Vec<&'static str> {
    let mine = scenario.run(ours());
    let all = rivals::names().filter_map(rivals::rival).map(|law| scenario.run(law));
    all.filter(|rival| is_better(rival, &mine)).map(|rival| rival.law).collect()
}

/// `cargo test` runs unoptimised; the widest loads are left to the release build of CI.
fn is_quick(name: &str) -> bool {
    !cfg!(debug_assertions) || !["ramp", "sine", "short-bursts", "phases"].contains(&name)
}

#[test]
fn no_law_is_better_than_ours_on_both_wait_and_cost_where_ours_is_called_a_win() {
    for name in scenarios::names().filter(|name| is_quick(name)) {
        let better = better_than_ours(&scenario(name));
        println!("{name}: {better:?}");
        // A loss that was won back should be claimed.
        assert_eq!(better.is_empty(), !LOSSES.contains(&name), "{name}: {better:?}");
    }
}
