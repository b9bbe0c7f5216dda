//! Who takes part in a table, how large, and under which name.

use std::time::Duration;

use super::Contender;
use crate::pools::{NAMES, Size, is_ours};

/// The bounds of every pool that has two.
const LEAST: usize = 2;
const MOST: usize = 256;
/// Fixed sizes for those that have none: too small, about right, too large.
const FIXED: [usize; 3] = [16, 64, 256];

/// Every pool at one fixed size.
pub(super) fn everybody(workers: usize) -> Vec<Contender> {
    NAMES.iter().map(|pool| fixed(pool, workers, (*pool).to_owned())).collect()
}

/// The same, and ours once more without the bound that others do not have.
pub(super) fn everybody_and_unbounded(workers: usize) -> Vec<Contender> {
    let mut contenders = everybody(workers);
    let mut ours = fixed("springtide", workers, "springtide unbounded".to_owned());
    ours.size.unbounded = true;
    contenders.push(ours);
    contenders
}

/// Every pool whose workers may submit to it. Those of a bounded channel would wait for room that
/// only they can make.
pub(super) fn whoever_spawns(workers: usize) -> Vec<Contender> {
    let mut contenders = everybody(workers);
    contenders.retain(|contender| !contender.pool.contains("bounded"));
    contenders
}

/// Every pool that holds a million jobs without making their submitter wait.
pub(super) fn whoever_queues(workers: usize) -> Vec<Contender> {
    let mut contenders = whoever_spawns(workers);
    for contender in &mut contenders {
        contender.size.unbounded = true;
        if is_ours(contender.pool) {
            contender.label.push_str(" unbounded");
        }
    }
    contenders
}

fn fixed(pool: &'static str, workers: usize, label: String) -> Contender {
    let size = Size { least: workers, most: workers, keep_alive: None, unbounded: false };
    Contender { pool, label, size }
}

fn elastic(pool: &'static str, keep_alive: Option<Duration>) -> Contender {
    let stays = keep_alive.map_or(String::new(), |stays| format!(" stays {stays:?}"));
    let label = format!("{pool} {LEAST}..{MOST}{stays}");
    let size = Size { least: LEAST, most: MOST, keep_alive, unbounded: false };
    Contender { pool, label, size }
}

/// Those that grow and shrink, and some of a fixed size that somebody picked by hand.
pub(super) fn fixed_and_elastic(of_fixed_size: &[&'static str]) -> Vec<Contender> {
    let second = Some(Duration::from_secs(1));
    let mut contenders = vec![
        elastic("springtide", Some(Duration::from_millis(250))),
        elastic("springtide", None),
        elastic("tokio spawn_blocking", second),
        elastic("tokio spawn_blocking", None),
        elastic("blocking", None),
        elastic("threadfin", second),
        elastic("rusty_pool", second),
        elastic("qubit dynamic", second),
    ];
    for pool in of_fixed_size {
        let label = |workers: usize| format!("{pool} {workers}");
        contenders.extend(FIXED.map(|workers| fixed(pool, workers, label(workers))));
    }
    contenders
}

/// Those that grow, at their minimum and as they come.
pub(super) fn resting() -> Vec<Contender> {
    let names = [
        "springtide",
        "tokio spawn_blocking",
        "blocking",
        "threadfin",
        "rusty_pool",
        "qubit dynamic",
    ];
    names.map(|pool| elastic(pool, None)).into()
}
