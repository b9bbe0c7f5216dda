//! What can be set about a lane: plain data, validated as a whole, changed as a whole.

use crate::error::ConfigError;

/// The default of [`LaneBuilder::queue_capacity`](crate::LaneBuilder::queue_capacity): a tenth of
/// the pool's, so that what waits in a few lanes is no more than what may wait in the queue.
pub const DEFAULT_LANE_CAPACITY: usize = 1_000;

/// Everything about a lane that can be changed while it runs.
///
/// [`Lane::reconfigure`](crate::Lane::reconfigure) hands out a copy to change; the copy is
/// validated as a whole and takes effect as a whole, or not at all.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LaneSettings {
    /// The most jobs that may wait in the lane; at least 1.
    pub queue_capacity: usize,
    /// The most jobs of the lane that run at once; `None` for no limit but the pool's. With 0 none
    /// starts until that is changed; a pool that ends counts it as 1.
    pub max_running: Option<usize>,
    /// So many of the pool's workers no other lane takes away from this one.
    pub reserved: usize,
    /// The lane's share of the workers that several lanes want: twice the weight, twice the jobs.
    pub weight: u32,
    /// How often its jobs start; `None` for no limit. A pool that ends keeps to it, except that a
    /// rate of 0 ends with the pool, or with the lane; what waits then runs one by one.
    pub rate: Option<Rate>,
    /// The most jobs of one key that run at once; `None` for no limit. As `max_running` otherwise.
    pub max_running_per_key: Option<usize>,
}

/// How often jobs may start: in any time `t` at most `burst + per_second · t` do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Starts for each second; fractions allowed. With 0 none starts beyond the burst.
    pub per_second: f64,
    /// How many may start at once after a pause; at least 1.
    pub burst: u32,
}

impl Default for LaneSettings {
    fn default() -> Self {
        LaneSettings {
            queue_capacity: DEFAULT_LANE_CAPACITY,
            max_running: None,
            reserved: 0,
            weight: 1,
            rate: None,
            max_running_per_key: None,
        }
    }
}

impl LaneSettings {
    /// The first problem with these that those before did not have. A pool that was made smaller
    /// leaves a lane with limits that it could not get any more, and that hinder nobody.
    pub(crate) fn new_problem(
        &self,
        before: &LaneSettings,
        max_workers: usize,
        reserved: usize,
    ) -> Option<ConfigError> {
        let known = before.problems(max_workers, reserved);
        self.problems(max_workers, reserved).into_iter().find(|problem| !known.contains(problem))
    }

    /// Every problem, not only the first. `reserved` is what other lanes have reserved.
    pub(crate) fn problems(&self, max_workers: usize, reserved: usize) -> Vec<ConfigError> {
        let mut problems = Vec::new();
        let mut problem = |field, problem: String| problems.push(ConfigError { field, problem });
        if self.queue_capacity == 0 {
            problem("queue_capacity", "0 leaves no room for any job; write at least 1".into());
        }
        if let Some(max) = self.max_running
            && max > max_workers
        {
            let text = format!("{max} is more than the pool's {max_workers} workers; write less");
            problem("max_running", text);
        }
        if self.max_running.is_some_and(|max| self.reserved > max) {
            let text = format!("{} is more than may run in the lane; write less", self.reserved);
            problem("reserved", text);
        }
        let left = (max_workers - 1).saturating_sub(reserved);
        if self.reserved > left {
            let text = format!(
                "{} is too many: of the pool's {max_workers} workers other lanes have reserved \
                 {reserved}, and one must be left for everybody; write at most {left}",
                self.reserved,
            );
            problem("reserved", text);
        }
        if self.weight == 0 {
            problem("weight", "0 is no share at all; write at least 1".into());
        }
        if let Some(Rate { per_second, burst }) = self.rate {
            if !(per_second.is_finite() && per_second >= 0.0) {
                problem("rate", format!("{per_second} a second is no rate; write 0 or more"));
            }
            if burst == 0 {
                problem("rate", "a burst of 0 lets no job start; write at least 1".into());
            }
        }
        problems
    }
}

/// A limit as a number; no limit is the largest one.
pub(crate) fn bound(limit: Option<usize>) -> u64 {
    limit.map_or(u64::MAX, |limit| limit as u64)
}
