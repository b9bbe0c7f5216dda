//! What the autoscalers of replicated services have in common, a worker being a replica.

use std::time::Duration;

use super::super::law::{Act, View};

/// The load as they measure it: jobs in flight, waiting ones included, averaged over time.
#[derive(Clone, Debug, Default)]
pub(super) struct InFlight {
    at: Duration,
    jobs: u64,
    job_ns: u128,
}

impl InFlight {
    /// Takes note of the pool. To be called at every moment: between two nothing changes.
    pub(super) fn observe(&mut self, pool: &View<'_>) {
        let lasted = pool.now.saturating_sub(self.at);
        self.job_ns += u128::from(self.jobs) * lasted.as_nanos();
        self.jobs = pool.queued + u64::from(pool.busy);
        self.at = pool.now;
    }

    /// Jobs times nanoseconds since time zero.
    pub(super) fn job_ns(&self) -> u128 {
        self.job_ns
    }
}

/// The average that `job_ns` over some time make; zero over no time.
pub(super) fn average(job_ns: u128, over: Duration) -> f64 {
    if over.is_zero() { 0.0 } else { job_ns as f64 / over.as_nanos() as f64 }
}

/// The order that makes a pool this large. Replicas too many are told to go even if they are
/// serving, and may finish what they serve.
pub(super) fn resize(pool: &View<'_>, to: u32) -> Act {
    Act {
        start: to.saturating_sub(pool.workers),
        retire_idle: pool.workers.saturating_sub(to).min(pool.idle),
        drain_to: Some(to),
        ..Act::none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_and_running_jobs_count_for_as_long_as_they_are_there() {
        let mut load = InFlight::default();
        for (second, busy, queued) in [(1, 2, 3), (4, 2, 0), (10, 0, 0), (20, 0, 0)] {
            let now = Duration::from_secs(second);
            load.observe(&View { now, busy, queued, ..View::example() });
        }
        let jobs = average(load.job_ns(), Duration::from_secs(20));
        assert_eq!(jobs, (3.0 * 5.0 + 6.0 * 2.0) / 20.0);
        assert_eq!(average(1, Duration::ZERO), 0.0);
    }

    #[test]
    fn a_smaller_size_lets_the_idle_go_now_and_the_busy_later() {
        let view = View { busy: 9, idle: 1, ..View::full(10, 0) };
        let act = resize(&view, 7);
        assert_eq!((act.start, act.retire_idle, act.drain_to), (0, 1, Some(7)));
        let act = resize(&view, 12);
        assert_eq!((act.start, act.retire_idle, act.drain_to), (2, 0, Some(12)));
    }
}
