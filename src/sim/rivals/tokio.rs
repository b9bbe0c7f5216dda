//! The threads behind tokio's `spawn_blocking`.
//!
//! Source: tokio 1.54.1, `tokio/src/runtime/blocking/pool.rs` and the keep-alive of
//! `tokio/src/runtime/builder.rs`. Its upper limit of 512 is the pool's bound here.
//!
//! Nothing is left out that sizes the pool; that the system may refuse a thread is.

use std::time::Duration;

use super::super::law::{Act, Law, Moment, Next, Resting, View};

const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// A job that finds no idle thread makes one, up to the upper bound. A thread that was idle for
/// 10 s leaves.
#[derive(Clone, Debug, Default)]
pub struct Tokio {}

impl Tokio {
    /// The law.
    pub fn new() -> Tokio {
        Tokio::default()
    }
}

impl Law for Tokio {
    fn name(&self) -> &'static str {
        "tokio"
    }

    fn react(&mut self, moment: Moment, pool: &View<'_>) -> Act {
        let nobody_is_there = moment == Moment::Submitted && pool.idle == 0;
        Act::start(u32::from(nobody_is_there).min(pool.room()))
    }

    fn resting(&self, _: &View<'_>) -> Resting {
        // They all wait on one condition variable, and that wakes in the order of arrival.
        Resting { keep_alive: Some(KEEP_ALIVE), keep: 0, next: Next::LongestIdle }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submitted(view: &View<'_>) -> u32 {
        Tokio::new().react(Moment::Submitted, view).start
    }

    #[test]
    fn a_job_makes_a_thread_exactly_if_nobody_is_idle() {
        assert_eq!(submitted(&View::full(2, 1)), 1);
        assert_eq!(submitted(&View { busy: 1, idle: 1, ..View::full(2, 1) }), 0);
        assert_eq!(submitted(&View::full(64, 1)), 0);
    }

    #[test]
    fn threads_on_their_way_hold_nothing_back() {
        let all_start = View { busy: 0, starting: 9, ..View::full(9, 10) };
        assert_eq!(submitted(&all_start), 1);
    }

    #[test]
    fn only_a_submission_makes_a_thread() {
        for moment in [Moment::Opened, Moment::Started, Moment::Finished, Moment::Tick] {
            assert_eq!(Tokio::new().react(moment, &View::full(2, 9)), Act::none(), "{moment:?}");
        }
    }
}
