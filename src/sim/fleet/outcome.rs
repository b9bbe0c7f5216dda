//! What a fleet's run was worth: did it follow the load, and only the load?

use std::time::Duration;

/// The first minutes of a run are its own: nobody knows the load yet.
const WARM_UP: Duration = Duration::from_secs(600);
/// Two sizes that differ by less are both right: the autoscaler calls everything from 0.9 to 1.1
/// times the target right, and 1.1 / 0.9 is 1.22.
const SWING_RATIO: f64 = 1.25;
/// One pod more or less is rounding.
const SWING_PODS: f64 = 2.0;
/// A full cycle.
const CYCLE: usize = 2;

/// The fleet after one look of the autoscaler.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Look {
    /// Since the start of the run.
    pub at: Duration,
    /// Pods that are ready.
    pub ready: u32,
    /// Pods asked for: those, and the ones that start.
    pub pods: u32,
    /// Pods that finish what they have.
    pub leaving: u32,
    /// The value of the signal, if it had one.
    pub signal: Option<f64>,
    /// Workers that the load of the last minute would keep busy if no job ever waited.
    pub offered: f64,
}

/// A finished run of one fleet.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Outcome {
    /// Every look of the autoscaler, in order.
    pub looks: Vec<Look>,
    /// Jobs that the load offered.
    pub jobs: u64,
    /// Jobs that ran to their end.
    pub completed: u64,
    /// Seconds that pods existed, from the order to start them until their last job was over.
    pub pod_seconds: f64,
    /// Seconds of full pods that the work needs at least.
    pub least_pod_seconds: f64,
    /// Workers that one pod has at most.
    pub workers_per_pod: u32,
    pub(super) target: Duration,
    /// Arrival and wait of every job, in order of arrival.
    pub(super) waits: Vec<(Duration, Duration)>,
}

impl Outcome {
    /// Pod seconds for each that the work needs at least.
    pub fn cost(&self) -> f64 {
        self.pod_seconds / self.least_pod_seconds.max(f64::MIN_POSITIVE)
    }

    /// The share of the jobs that arrived from `from` on, but before `until`, and waited for
    /// longer than the target.
    pub fn late(&self, from: Duration, until: Duration) -> f64 {
        let among = self.waits.iter().filter(|(at, _)| (from..until).contains(at));
        let (mut late, mut all) = (0_u64, 0_u64);
        for (_, wait) in among {
            late += u64::from(*wait > self.target);
            all += 1;
        }
        late as f64 / all.max(1) as f64
    }

    /// The same after the warm-up.
    pub fn late_when_warm(&self) -> f64 {
        self.late(WARM_UP, Duration::MAX)
    }

    /// Changes of direction in the number of pods after the warm-up, however small.
    pub fn reversals(&self) -> usize {
        turns(self.warm().map(|look| f64::from(look.pods)), |low, high| high > low)
    }

    /// Those of them between sizes that cannot both be right for the same load: more than a
    /// quarter apart, and two pods.
    pub fn swings(&self) -> usize {
        let apart = |low, high| high > low * SWING_RATIO && high >= low + SWING_PODS;
        turns(self.warm().map(|look| f64::from(look.pods)), apart)
    }

    /// The same in the load itself: more than a quarter apart, and the workers of a pod.
    pub fn load_swings(&self) -> usize {
        let pod = f64::from(self.workers_per_pod);
        let apart = |low, high| high > low * SWING_RATIO && high >= low + pod;
        turns(self.warm().map(|look| look.offered), apart)
    }

    /// Whether the fleet moves by itself: it swings a full cycle or more beyond what the load
    /// does. One turn too many may be the start or the end of the run; a cycle that the load did
    /// not make is the controller's own.
    pub fn oscillates(&self) -> bool {
        self.swings() >= self.load_swings() + CYCLE
    }

    /// The fewest, the mean and the most pods after the warm-up.
    pub fn pods(&self) -> (u32, f64, u32) {
        let pods: Vec<u32> = self.warm().map(|look| look.pods).collect();
        let sum: f64 = pods.iter().copied().map(f64::from).sum();
        let (least, most) = (pods.iter().min(), pods.iter().max());
        let or_none = |extreme: Option<&u32>| extreme.copied().unwrap_or(0);
        (or_none(least), sum / pods.len().max(1) as f64, or_none(most))
    }

    /// The share of the looks after the warm-up at which the ready pods could not have held the
    /// load, however it was spread.
    pub fn short(&self) -> f64 {
        let holds = |look: &Look| f64::from(look.ready * self.workers_per_pod) >= look.offered;
        let short = self.warm().filter(|look| !holds(look)).count();
        short as f64 / self.warm().count().max(1) as f64
    }

    /// From `moment` until the first look at which as many pods are ready.
    pub fn reached(&self, moment: Duration, ready: u32) -> Option<Duration> {
        let looks = self.looks.iter().filter(|look| look.at >= moment);
        let mut there = looks.filter(|look| look.ready >= ready);
        there.next().map(|look| look.at - moment)
    }

    /// From `moment` until the first look from which on, up to `until`, the number of pods is
    /// always between these two.
    pub fn settled(&self, moment: Duration, until: Duration, (low, high): (u32, u32)) -> Duration {
        let looks = self.looks.iter().filter(|look| (moment..until).contains(&look.at));
        let mut outside = looks.filter(|look| look.pods < low || look.pods > high);
        outside.next_back().map_or(Duration::ZERO, |look| look.at - moment)
    }

    fn warm(&self) -> impl Iterator<Item = &Look> {
        self.looks.iter().filter(|look| look.at >= WARM_UP)
    }
}

/// Changes of direction between values that are `apart`.
fn turns(values: impl Iterator<Item = f64>, apart: impl Fn(f64, f64) -> bool) -> usize {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    let (mut rising, mut turns) = (None, 0);
    for value in values {
        (low, high) = (low.min(value), high.max(value));
        let (up, down) = (apart(low, value), apart(value, high));
        match rising {
            Some(true) if down => (rising, turns, low) = (Some(false), turns + 1, value),
            Some(false) if up => (rising, turns, high) = (Some(true), turns + 1, value),
            // While it goes one way only the furthest point in that way counts.
            Some(true) if value >= high => low = value,
            Some(false) if value <= low => high = value,
            None if up => (rising, low) = (Some(true), value),
            None if down => (rising, high) = (Some(false), value),
            _ => {}
        }
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_counted_once_and_noise_not_at_all() {
        let apart = |low: f64, high: f64| high >= low + 2.0;
        for (values, expected) in [
            (vec![5.0, 6.0, 5.0, 6.0, 5.0], 0),
            (vec![1.0, 2.0, 3.0, 4.0, 9.0], 0),
            (vec![5.0, 9.0, 8.0, 10.0, 5.0], 1),
            (vec![5.0, 9.0, 8.0, 6.0, 7.0, 5.0, 9.0], 2),
            (vec![1.0, 5.0, 1.0, 5.0, 1.0], 3),
            (vec![9.0, 5.0, 5.0, 7.0], 1),
        ] {
            assert_eq!(turns(values.iter().copied(), apart), expected, "{values:?}");
        }
    }
}
