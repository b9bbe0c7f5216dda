//! A policy that does not scale.

use std::time::Duration;

use super::policy::{Plan, Reason, ScalingPolicy};
use super::sample::Sample;

/// A pool that does not react to load: workers below the lower bound are started, those above
/// the upper bound retired, and anything between the two is left alone. With equal bounds it is
/// a pool of fixed size; it never asks for another look once the count is within them.
///
/// One exception keeps an accepted job from waiting for ever: a pool without a single worker
/// starts one when a job waits.
///
/// Its [`Plan::demand`] is the number of busy workers, because it makes no estimate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fixed;

impl ScalingPolicy for Fixed {
    fn decide(&mut self, _now: Duration, sample: &Sample) -> Plan {
        let (workers, min, max) = (sample.workers, sample.min.min(sample.max), sample.max);
        let plan = if workers > max {
            Plan::drain(workers - max, Reason::AboveMax)
        } else if workers < min {
            Plan::add(min - workers, Reason::BelowMin)
        } else if workers == 0 && sample.queued > 0 && max > 0 {
            Plan::add(1, Reason::FillCores)
        } else {
            Plan { next_in: None, ..Plan::hold(Reason::Steady) }
        };
        Plan { demand: sample.busy, ..plan }
    }

    fn name(&self) -> &'static str {
        "fixed"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(workers: u32, min: u32, max: u32, queued: u64) -> Plan {
        let sample = Sample { workers, idle: workers, min, max, queued, ..Sample::default() };
        Fixed.decide(Duration::ZERO, &sample)
    }

    #[test]
    fn the_count_returns_to_its_bounds_and_stays_there() {
        let cases = [
            // workers, min, max, queued => add, drain
            ((3, 4, 4, 0), (1, 0), Reason::BelowMin),
            ((5, 4, 4, 9), (0, 1), Reason::AboveMax),
            ((4, 4, 4, 0), (0, 0), Reason::Steady),
            ((4, 4, 4, u64::MAX), (0, 0), Reason::Steady),
            ((3, 2, 8, 100), (0, 0), Reason::Steady),
            ((0, 0, 0, 1), (0, 0), Reason::Steady),
            ((0, u32::MAX, u32::MAX, 1), (u32::MAX, 0), Reason::BelowMin),
            ((u32::MAX, 0, 0, 1), (0, u32::MAX), Reason::AboveMax),
            ((5, 9, 5, 0), (0, 0), Reason::Steady),
        ];
        for ((workers, min, max, queued), (add, drain), reason) in cases {
            let plan = decide(workers, min, max, queued);
            let case = format!("{workers} of {min}..={max}, {queued} queued");
            assert_eq!((plan.add, plan.drain, plan.reason), (add, drain, reason), "{case}");
            assert_eq!(plan.retire_idle, 0, "{case}");
        }
    }

    #[test]
    fn a_job_never_waits_for_a_pool_of_none() {
        assert_eq!((decide(0, 0, 4, 1).add, decide(0, 0, 4, 0).add), (1, 0));
    }

    #[test]
    fn it_looks_again_only_after_a_change() {
        assert_eq!(decide(4, 4, 4, 7).next_in, None);
        assert!(decide(3, 4, 4, 7).next_in.is_some());
    }
}
