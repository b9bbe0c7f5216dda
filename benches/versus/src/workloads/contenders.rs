//! Who takes part in a table, how large, and under which name.

use std::time::Duration;

use super::{Contender, Depth};
use crate::pools::{NAMES, Size, is_ours};

/// The bounds of every pool that has two.
const LEAST: usize = 2;
const MOST: usize = 256;

/// Who is left out of tables of small jobs when time is short: those that are first in none, and
/// near the end of most.
const LAST: &[&str] = &["futures ThreadPool", "threadfin"];

/// Leaves out of a table of small jobs whom there is no time for.
pub(super) fn few_if_quick(depth: Depth, mut contenders: Vec<Contender>) -> Vec<Contender> {
    if depth == Depth::Quick {
        contenders.retain(|contender| !LAST.contains(&contender.pool));
    }
    contenders
}

/// Every pool at one fixed size. A scope is a way to submit many jobs, and no other pool.
pub(super) fn everybody(workers: usize) -> Vec<Contender> {
    let mut contenders = everybody_and_scopes(workers);
    contenders.retain(|contender| !contender.pool.contains("in scope"));
    contenders
}

fn everybody_and_scopes(workers: usize) -> Vec<Contender> {
    NAMES.iter().map(|pool| fixed(pool, workers, (*pool).to_owned())).collect()
}

/// Every way to submit, and ours once more without the bound that others do not have.
pub(super) fn whoever_takes_jobs(workers: usize) -> Vec<Contender> {
    let mut contenders = everybody_and_scopes(workers);
    contenders.push(unbounded("springtide", workers));
    contenders
}

/// Everybody by their own handle, or by a channel for one value if they have none.
pub(super) fn whoever_answers(workers: usize) -> Vec<Contender> {
    let mut contenders = everybody(workers);
    contenders.push(unbounded("springtide submit", workers));
    contenders
}

/// Every pool whose workers may submit to it. Those of a bounded channel would wait for room that
/// only they can make.
pub(super) fn whoever_spawns(workers: usize) -> Vec<Contender> {
    let mut contenders = everybody_and_scopes(workers);
    contenders.retain(|contender| !contender.pool.contains("bounded"));
    contenders
}

/// Every pool that holds a million jobs without making their submitter wait.
pub(super) fn whoever_queues(workers: usize) -> Vec<Contender> {
    let mut contenders = everybody(workers);
    contenders.retain(|contender| !contender.pool.contains("bounded"));
    for contender in &mut contenders {
        contender.size.unbounded = true;
        if is_ours(contender.pool) {
            contender.label.push_str(" unbounded");
        }
    }
    contenders
}

fn unbounded(pool: &'static str, workers: usize) -> Contender {
    let mut ours = fixed(pool, workers, format!("{pool} unbounded"));
    ours.size.unbounded = true;
    ours
}

fn fixed(pool: &'static str, workers: usize, label: String) -> Contender {
    let size = Size { least: workers, most: workers, keep_alive: None, unbounded: false };
    Contender { pool, label, size }
}

fn elastic(pool: &'static str, keep_alive_ms: Option<u64>) -> Contender {
    let keep_alive = keep_alive_ms.map(Duration::from_millis);
    let stays = keep_alive.map_or(String::new(), |stays| format!(" stays {stays:?}"));
    let label = format!("{pool} {LEAST}..{MOST}{stays}");
    let size = Size { least: LEAST, most: MOST, keep_alive, unbounded: false };
    Contender { pool, label, size }
}

/// Every pool with two bounds, at each of these keep-alives. `blocking` has one that is fixed, of
/// half a second.
fn growing(keep_alives_ms: &[u64]) -> Vec<Contender> {
    let pools = ["tokio spawn_blocking", "threadfin", "rusty_pool", "qubit dynamic"];
    let mut contenders = vec![
        elastic("springtide", Some(WINDOW_MS)),
        elastic("springtide", None),
        elastic("blocking", None),
    ];
    for pool in pools {
        contenders.extend(keep_alives_ms.iter().map(|stays| elastic(pool, Some(*stays))));
    }
    contenders
}

/// How long ours keeps a worker where the window is set.
const WINDOW_MS: u64 = 250;

/// For W4: those that grow and shrink, at keep-alives from a few bursts' length to tokio's default
/// of ten seconds, because how long is best is the user's guess; and channels beside them.
pub(super) fn for_bursts(depth: Depth) -> Vec<Contender> {
    let keep_alives_ms: &[u64] = match depth {
        Depth::Smoke => &[WINDOW_MS],
        Depth::Quick => &[WINDOW_MS],
        Depth::Full => &[50, WINDOW_MS, 1_000],
    };
    let tokio_too_ms: &[u64] = match depth {
        Depth::Smoke => &[],
        Depth::Quick => &[50, 1_000],
        Depth::Full => &[10_000],
    };
    let sizes: &[usize] = match depth {
        Depth::Smoke => &[16],
        Depth::Quick => &[],
        Depth::Full => &[16, 64, 256],
    };
    let mut contenders = growing(keep_alives_ms);
    let tokio = tokio_too_ms.iter().map(|stays| elastic("tokio spawn_blocking", Some(*stays)));
    contenders.extend(tokio);
    contenders.extend(by_hand("crossbeam channel", sizes));
    contenders
}

/// For W5: sizes that somebody chose by hand, from far too small to far too large, and those that
/// find one.
pub(super) fn for_a_mix(depth: Depth) -> Vec<Contender> {
    if depth == Depth::Quick {
        // As all that is judged here are fixed sizes; 16 or 40 threads take seconds to catch up.
        let mut contenders = vec![elastic("springtide", Some(WINDOW_MS))];
        contenders.push(elastic("springtide", None));
        contenders.push(elastic("tokio spawn_blocking", Some(1_000)));
        contenders.extend(by_hand("crossbeam channel", &[64, 256]));
        contenders.extend(by_hand("rayon", &[64]));
        contenders.extend(by_hand("threadpool", &[64]));
        return contenders;
    }
    let mut contenders = growing(&[1_000]);
    if depth == Depth::Full {
        contenders.push(elastic("tokio spawn_blocking", Some(10_000)));
    }
    for pool in ["crossbeam channel", "rayon", "threadpool", "affinitypool"] {
        contenders.extend(by_hand(pool, &[16, 40, 64, 256]));
    }
    contenders
}

fn by_hand(pool: &'static str, sizes: &[usize]) -> Vec<Contender> {
    sizes.iter().map(|workers| fixed(pool, *workers, format!("{pool} {workers}"))).collect()
}

/// For W6, with so many threads that nothing ends.
pub(super) fn parked(depth: Depth, workers: usize) -> Vec<Contender> {
    let mut contenders = everybody(workers);
    if depth == Depth::Quick {
        let few = ["springtide", "tokio spawn_blocking", "rayon"];
        contenders.retain(|contender| few.contains(&contender.pool));
    }
    contenders
}

/// For W6: those that grow, at their minimum and as they come.
pub(super) fn resting(depth: Depth) -> Vec<Contender> {
    let mut names = vec!["springtide", "tokio spawn_blocking", "blocking"];
    if depth != Depth::Quick {
        names.extend(["threadfin", "rusty_pool", "qubit dynamic"]);
    }
    names.into_iter().map(|pool| elastic(pool, None)).collect()
}
