//! What the tests of the data plane share: the accounting check that ends each of them, a watchdog
//! that turns a hang into a failure with the pool's state in it, and ways to hold jobs where a test
//! wants them.

#![allow(dead_code, unused_imports, reason = "each test program uses a part of this")]

#[cfg(feature = "prometheus")]
mod endpoint;
mod executor;
mod hold;
mod seams;
mod watchdog;

#[cfg(feature = "prometheus")]
pub(crate) use endpoint::{LIMIT, alone, get, recorder, send, status};
pub(crate) use executor::{CountedWaker, block_on, poll_once};
pub(crate) use hold::{Bomb, DropFlag, Held, Latch, OnDrop, occupy, until_told};
pub(crate) use seams::{FakeSpawner, LossyParker, by_hand, clocked, fast_time, settle};
pub(crate) use watchdog::{build, until, within};

use springtide::{
    Builder, CancelReason, JobError, Lane, LaneStats, Overflow, Pool, PoolHandle, Stats,
};
use std::time::Duration;

/// Time enough for anything that is not stuck.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// "At once" on a machine that is busy with something else.
pub(crate) const SOON: Duration = Duration::from_secs(5);
/// What clocks that are set by hand are moved on by.
pub(crate) const SECOND: Duration = Duration::from_secs(1);
/// Longer than any test runs.
pub(crate) const FOREVER: Duration = Duration::from_secs(3600);

/// Waits until the pool is at rest and checks that it has lost no job and invented none: at rest
/// `accepted = ok + errored + panicked + timed_out + cancelled + expired + returned + lost`, and
/// every refusal has its reason. Returns the snapshot it looked at.
pub(crate) fn assert_accounts(pool: &PoolHandle) -> Stats {
    assert_snapshot(&pool.stats());
    let quiet = pool.wait_idle_timeout(PATIENCE);
    assert_eq!(quiet, Ok(()), "{}: not at rest: {:?}", pool.name(), pool.stats());
    let stats = pool.stats();
    assert_snapshot(&stats);
    assert_eq!((stats.queued, stats.running), (0, 0), "at rest: {stats:?}");
    let ran = stats.ok + stats.errored + stats.panicked + stats.timed_out;
    assert_eq!((stats.wait.count, stats.run.count), (ran, ran), "each run is measured once");
    stats
}

/// What holds in every snapshot, at rest or not.
pub(crate) fn assert_snapshot(stats: &Stats) {
    let unrun = stats.cancelled + stats.expired + stats.returned + stats.lost;
    let over = stats.ok + stats.errored + stats.panicked + stats.timed_out + unrun;
    assert_eq!(stats.accepted, over + stats.delayed + stats.queued + stats.running, "{stats:?}");
    let by_reason: u64 = stats.refused_by.iter().map(|(_, count)| count).sum();
    assert_eq!(stats.refused, by_reason, "{stats:?}");
}

/// [`assert_accounts`] for a test that knows how often it submitted.
pub(crate) fn assert_submitted(pool: &PoolHandle, submitted: u64) -> Stats {
    let stats = assert_accounts(pool);
    assert_eq!(stats.accepted + stats.refused, submitted, "{stats:?}");
    stats
}

/// Why a job was cancelled; `None` for one that has a result, or another error.
pub(crate) fn cancel_reason<T>(outcome: &Result<T, JobError>) -> Option<CancelReason> {
    outcome.as_ref().err().and_then(JobError::cancel_reason)
}

/// What holds in every snapshot of a lane.
pub(crate) fn assert_lane(lane: &Lane) -> LaneStats {
    let stats = lane.stats();
    let ran = stats.ok + stats.errored + stats.panicked + stats.timed_out;
    let over = ran + stats.cancelled + stats.expired + stats.lost;
    assert_eq!(stats.accepted, over + stats.waiting + stats.queued + stats.running, "{stats:?}");
    stats
}

/// A pool of this many workers, no more and no less, with a short queue.
pub(crate) fn fixed(name: &str, workers: usize, capacity: usize) -> Pool {
    build(Pool::builder(name).workers(workers..=workers).queue_capacity(capacity))
}

/// As [`fixed`], with another rule for a full queue.
pub(crate) fn fixed_with(name: &str, workers: usize, capacity: usize, rule: Overflow) -> Pool {
    let builder = Pool::builder(name).workers(workers..=workers).queue_capacity(capacity);
    build(builder.overflow(rule))
}

/// How many threads of this process have a name that begins so. `None` where nobody can tell.
pub(crate) fn threads_named(prefix: &str) -> Option<usize> {
    let tasks = std::fs::read_dir("/proc/self/task").ok()?;
    let names = tasks.flatten().filter_map(|task| {
        // A thread that ends while we look has no name any more.
        std::fs::read_to_string(task.path().join("comm")).ok()
    });
    Some(names.filter(|name| name.starts_with(prefix)).count())
}

/// Waits until no thread with this prefix is left; at once where nobody can tell.
pub(crate) fn until_no_thread_is_named(prefix: &str) {
    until(|| threads_named(prefix).is_none_or(|count| count == 0));
}
