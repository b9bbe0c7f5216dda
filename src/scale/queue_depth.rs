//! The simplest reactive policy: one worker up or down, by the length of the queue.

use std::time::Duration;

use super::pace::Pace;
use super::policy::{KICK_SPACING, Plan, Reason, ScalingPolicy};
use super::sample::Sample;

/// Often enough to follow a load that changes over seconds, rarely enough that a burst which is
/// served at once does not count. A step of one a tick is slow whatever the tick: to start 50
/// workers takes 5 s.
const TICK: Duration = Duration::from_millis(100);

/// One worker more when the queue is longer than twice the workers, one less when it is shorter
/// than half of them; one step a tick at most, within the bounds.
///
/// A well-known rule, simple to reason about and a baseline to measure others against. It knows
/// neither how long jobs take nor whether they need a core: it is slow on a step of long jobs and
/// starts useless workers for jobs that compute. [`PredictedWait`](crate::PredictedWait) is the
/// better choice unless the rule itself is wanted.
///
/// A worker inside a job is never chosen to go. To retire it between two jobs would interrupt
/// nothing either, but as long as all are busy nothing says that one is too many.
///
/// Its [`Plan::demand`] is the number of workers at which the rule would stop growing, or the
/// busy ones if they are more.
#[derive(Clone, Debug)]
pub struct QueueDepth {
    tick: Duration,
    steps: Pace,
}

impl QueueDepth {
    /// The rule with a step at most every 100 ms.
    pub fn new() -> Self {
        QueueDepth { tick: TICK, steps: Pace::default() }
    }

    /// The time between two steps; zero allows one at each evaluation.
    #[must_use]
    pub fn tick(mut self, tick: Duration) -> Self {
        self.tick = tick;
        self
    }

    fn verdict(&mut self, now: Duration, sample: &Sample) -> Plan {
        let (workers, min, max) = (sample.workers, sample.min.min(sample.max), sample.max);
        if workers > max {
            return Plan::drain(workers - max, Reason::AboveMax);
        }
        if workers < min {
            return Plan::add(min - workers, Reason::BelowMin);
        }
        let deep = sample.queued > 2 * u64::from(workers);
        let shallow = sample.queued.saturating_mul(2) < u64::from(workers);
        if deep && workers == max {
            return Plan::hold(Reason::AtMax);
        }
        if deep && self.steps.take(now, self.tick) {
            return Plan::add(1, Reason::QueueDeep);
        }
        let one_can_go = shallow && sample.idle > 0;
        if one_can_go && workers == min {
            return Plan::hold(Reason::AtMin);
        }
        if one_can_go && self.steps.take(now, self.tick) {
            return Plan::retire_idle(1, Reason::QueueShallow);
        }
        Plan::hold(Reason::Steady)
    }

    /// The rest of the tick, or a whole one.
    fn next_in(&self, now: Duration, sample: &Sample) -> Option<Duration> {
        if sample.is_at_rest() {
            return None;
        }
        let left = self.steps.left(now, self.tick);
        let next = if left.is_zero() { self.tick } else { left };
        Some(next.max(KICK_SPACING))
    }
}

impl Default for QueueDepth {
    fn default() -> Self {
        QueueDepth::new()
    }
}

impl ScalingPolicy for QueueDepth {
    fn decide(&mut self, now: Duration, sample: &Sample) -> Plan {
        let plan = self.verdict(now, sample);
        let stops_at = u32::try_from(sample.queued.div_ceil(2)).unwrap_or(u32::MAX);
        let demand = sample.busy.max(stops_at);
        Plan { demand, next_in: self.next_in(now, sample), ..plan }
    }

    fn name(&self) -> &'static str {
        "queue_depth"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(workers: u32, idle: u32, queued: u64) -> Sample {
        let busy = workers - idle;
        Sample { workers, idle, busy, queued, min: 1, max: 8, ..Sample::default() }
    }

    fn millis(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn a_step_up_a_step_down_or_none() {
        let cases = [
            // workers, idle, queued => change
            ((4, 0, 9), 1, Reason::QueueDeep),
            ((4, 0, 8), 0, Reason::Steady),
            ((4, 2, 2), 0, Reason::Steady),
            ((4, 2, 1), -1, Reason::QueueShallow),
            ((5, 2, 2), -1, Reason::QueueShallow),
            ((4, 0, 1), 0, Reason::Steady),
            ((8, 0, 17), 0, Reason::AtMax),
            ((1, 1, 0), 0, Reason::AtMin),
            ((1, 0, 0), 0, Reason::Steady),
            ((0, 0, 0), 1, Reason::BelowMin),
            ((9, 9, 99), -1, Reason::AboveMax),
            ((8, 0, u64::MAX), 0, Reason::AtMax),
        ];
        for ((workers, idle, queued), change, reason) in cases {
            let plan = QueueDepth::new().decide(millis(0), &sample(workers, idle, queued));
            let net = i64::from(plan.add) - i64::from(plan.retire_idle) - i64::from(plan.drain);
            assert_eq!((net, plan.reason), (change, reason), "{workers} {idle} {queued}");
        }
    }

    #[test]
    fn kicks_between_ticks_take_no_further_step() {
        let mut policy = QueueDepth::new();
        let mut added = 0;
        for at in 0..1_000 {
            added += policy.decide(millis(at), &sample(2, 0, 50)).add;
        }
        assert_eq!(added, 10);
    }

    #[test]
    fn an_up_step_counts_against_the_next_step_down() {
        let mut policy = QueueDepth::new();
        assert_eq!(policy.decide(millis(0), &sample(4, 0, 50)).add, 1);
        assert_eq!(policy.decide(millis(99), &sample(5, 5, 0)).retire_idle, 0);
        assert_eq!(policy.decide(millis(100), &sample(5, 5, 0)).retire_idle, 1);
    }

    #[test]
    fn it_looks_again_when_the_tick_is_over_and_not_at_all_at_rest() {
        let mut policy = QueueDepth::new().tick(millis(40));
        assert_eq!(policy.decide(millis(0), &sample(4, 0, 50)).next_in, Some(millis(40)));
        assert_eq!(policy.decide(millis(30), &sample(4, 0, 50)).next_in, Some(millis(10)));
        assert_eq!(policy.decide(millis(90), &sample(2, 2, 1)).next_in, Some(millis(40)));
        assert_eq!(policy.decide(millis(95), &sample(1, 1, 0)).next_in, None);
    }

    #[test]
    fn a_pool_of_none_grows_for_its_first_job() {
        let none = Sample { min: 0, ..sample(0, 0, 1) };
        assert_eq!(QueueDepth::new().decide(millis(7), &none).add, 1);
        let quiet = Sample { queued: 0, ..none };
        assert_eq!(QueueDepth::new().decide(millis(7), &quiet).next_in, None);
    }

    #[test]
    fn any_tick_is_legal() {
        for (tick, steps) in [(Duration::ZERO, 100), (Duration::MAX, 1)] {
            let mut policy = QueueDepth::new().tick(tick);
            let plans = (0..100).map(|at| policy.decide(millis(at), &sample(2, 0, 50)));
            let added: u32 = plans
                .map(|plan| {
                    assert!(plan.next_in.is_some_and(|next| next >= KICK_SPACING));
                    plan.add
                })
                .sum();
            assert_eq!(added, steps, "{tick:?}");
        }
    }
}
