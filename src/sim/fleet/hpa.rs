//! The horizontal pod autoscaler of Kubernetes, in our own words: how many replicas, and how
//! fast.
//!
//! Read in kubernetes/kubernetes: the three ways from a metric to a number of replicas in
//! `pkg/controller/podautoscaler/replica_calculator.go` (`GetExternalPerPodMetricReplicas`,
//! `getUsageRatioReplicaCount`, `calcPlainMetricReplicas` with `groupPods`), the limits in
//! `horizontal.go` (`stabilizeRecommendationWithBehaviors`, `calculateScaleUpLimit…`), their
//! defaults in `pkg/apis/autoscaling/v2/defaults.go`. Apache-2.0; no line is copied.

use std::time::Duration;

/// When the autoscaler looks, what it takes for equal, and how fast it may go. The default is
/// what a cluster does that sets nothing.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Hpa {
    /// From one look to the next; a millisecond at least.
    pub sync: Duration,
    /// A ratio of metric to target that is no further from 1 than this changes nothing.
    pub tolerance: f64,
    /// The fewest replicas.
    pub min: u32,
    /// The most replicas.
    pub max: u32,
    /// Replicas that a period may add, or `up_percent` if that is more.
    pub up_pods: u32,
    /// The same as a share of the replicas at the start of the period.
    pub up_percent: u32,
    /// The period of the two.
    pub up_period: Duration,
    /// Grows only to the least that was recommended for as long as this.
    pub up_window: Duration,
    /// Share of the replicas that a period may take away.
    pub down_percent: u32,
    /// Its period.
    pub down_period: Duration,
    /// Shrinks only to the most that was recommended for as long as this.
    pub down_window: Duration,
}

impl Default for Hpa {
    fn default() -> Hpa {
        let secs = Duration::from_secs;
        Hpa {
            sync: secs(15),
            tolerance: 0.1,
            min: 1,
            max: 40,
            up_pods: 4,
            up_percent: 100,
            up_period: secs(15),
            up_window: Duration::ZERO,
            down_percent: 100,
            down_period: secs(15),
            down_window: secs(300),
        }
    }
}

impl Hpa {
    fn tolerates(&self, ratio: f64) -> bool {
        (1.0 - ratio).abs() <= self.tolerance
    }

    /// An external metric with a target of type `AverageValue`: so much for each replica, however
    /// many of them are ready.
    pub(super) fn for_total(&self, total: f64, each: f64, replicas: u32) -> u32 {
        if self.tolerates(total / (each * f64::from(replicas.max(1)))) {
            return replicas;
        }
        whole(total / each)
    }

    /// A metric with a target of type `Value`: the ready pods times how far it is off.
    pub(super) fn for_ratio(&self, ratio: f64, ready: u32, replicas: u32) -> u32 {
        if self.tolerates(ratio) { replicas } else { whole(ratio * f64::from(ready)) }
    }

    /// A metric of each pod with a target for its mean. Pods that cannot be judged count for the
    /// side of caution: as nothing when it would grow, those that should have a value as on
    /// target when it would shrink. `None` if no pod has a value.
    pub(super) fn for_mean(&self, pods: &[Standing], target: f64, replicas: u32) -> Option<u32> {
        let count = |which| pods.iter().filter(|pod| **pod == which).count() as f64;
        let (unready, missing) = (count(Standing::Unready), count(Standing::Missing));
        let known = |pod: &Standing| match pod {
            Standing::Known(value) => Some(*value),
            _ => None,
        };
        let (mut sum, mut judged) = (0.0, 0.0);
        for value in pods.iter().filter_map(known) {
            (sum, judged) = (sum + value, judged + 1.0);
        }
        if judged == 0.0 {
            return None;
        }
        let ratio = sum / judged / target;
        let grows = ratio > 1.0;
        if missing == 0.0 && !(grows && unready > 0.0) {
            let wanted = if self.tolerates(ratio) { replicas } else { whole(ratio * judged) };
            return Some(wanted);
        }
        if ratio < 1.0 {
            sum += missing * target;
        }
        judged += missing + if grows { unready } else { 0.0 };
        let again = sum / judged / target;
        let turned = (ratio < 1.0 && again > 1.0) || (grows && again < 1.0);
        let wanted = whole(again * judged);
        let against = (again < 1.0 && wanted > replicas) || (again > 1.0 && wanted < replicas);
        let keeps = self.tolerates(again) || turned || against;
        Some(if keeps { replicas } else { wanted })
    }
}

/// What is known of one pod's metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Standing {
    /// Not up yet.
    Unready,
    /// Up, and nothing was scraped so far.
    Missing,
    Known(f64),
}

/// The autoscaler's memory: what it recommended and what it did.
#[derive(Clone, Debug)]
pub(super) struct Autoscaler {
    rules: Hpa,
    recommended: Vec<(Duration, u32)>,
    changes: Vec<(Duration, i64)>,
}

impl Autoscaler {
    /// Starts with the replicas that there are as its first recommendation.
    pub(super) fn new(rules: Hpa, replicas: u32) -> Autoscaler {
        Autoscaler { rules, recommended: vec![(Duration::ZERO, replicas)], changes: Vec::new() }
    }

    /// From what the metric asks for to what is done about it.
    pub(super) fn sync(&mut self, now: Duration, replicas: u32, proposed: u32) -> u32 {
        let stable = self.stabilized(now, replicas, proposed);
        let limited = if stable > replicas {
            stable.min(self.most(now, replicas)).min(self.rules.max)
        } else {
            stable.max(self.least(now, replicas).min(replicas)).max(self.rules.min)
        };
        let wanted = limited.clamp(self.rules.min, self.rules.max);
        if wanted != replicas {
            self.changes.push((now, i64::from(wanted) - i64::from(replicas)));
        }
        wanted
    }

    fn stabilized(&mut self, now: Duration, replicas: u32, proposed: u32) -> u32 {
        let Hpa { up_window, down_window, .. } = self.rules;
        let within = |at: Duration, window| at + window > now;
        let (mut up, mut down) = (proposed, proposed);
        for (at, recommended) in &self.recommended {
            if within(*at, up_window) {
                up = up.min(*recommended);
            }
            if within(*at, down_window) {
                down = down.max(*recommended);
            }
        }
        self.recommended.push((now, proposed));
        self.recommended.retain(|(at, _)| within(*at, up_window.max(down_window)) || *at == now);
        replicas.clamp(up, down)
    }

    fn most(&self, now: Duration, replicas: u32) -> u32 {
        let began = self.began(now, self.rules.up_period, replicas);
        let by_share = f64::from(began) * (1.0 + f64::from(self.rules.up_percent) / 100.0);
        (began + self.rules.up_pods).max(whole(by_share)).max(replicas)
    }

    fn least(&self, now: Duration, replicas: u32) -> u32 {
        let began = self.began(now, self.rules.down_period, replicas);
        let left = f64::from(began) * (1.0 - f64::from(self.rules.down_percent) / 100.0);
        left.max(0.0) as u32
    }

    /// Replicas at the start of the period that ends now.
    fn began(&self, now: Duration, period: Duration, replicas: u32) -> u32 {
        let recent = self.changes.iter().filter(|(at, _)| *at + period > now);
        let by: i64 = recent.map(|(_, by)| by).sum();
        u32::try_from(i64::from(replicas) - by).unwrap_or(0)
    }
}

/// Up to the next whole replica.
fn whole(replicas: f64) -> u32 {
    replicas.ceil() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_tenth_off_the_target_changes_nothing() {
        let hpa = Hpa::default();
        for (total, wanted) in [(44.0, 4), (48.3, 4), (48.5, 5), (39.7, 4), (39.5, 4), (32.9, 3)] {
            assert_eq!(hpa.for_total(total, 11.0, 4), wanted, "{total}");
        }
        assert_eq!([1.09, 1.2, 0.91, 0.5].map(|r| hpa.for_ratio(r, 10, 10)), [10, 12, 10, 5]);
    }

    #[test]
    fn pods_without_a_value_count_for_the_side_of_caution() {
        use Standing::{Known, Missing, Unready};
        let hpa = Hpa::default();
        let cases: [(&[Standing], Option<u32>); 6] = [
            (&[Known(1.0), Known(1.0)], Some(4)),
            // To grow, one that starts counts as nothing: 2.0 over 3 pods, not over 2.
            (&[Known(1.0), Known(1.0), Unready, Unready], Some(4)),
            (&[Known(1.0), Known(1.0), Missing], Some(4)),
            // To shrink, one without a value counts as on target, one that starts not at all.
            (&[Known(0.2), Known(0.2), Missing], Some(2)),
            (&[Known(0.2), Known(0.2), Unready], Some(1)),
            (&[Unready, Missing], None),
        ];
        for (pods, wanted) in cases {
            assert_eq!(hpa.for_mean(pods, 0.5, pods.len() as u32), wanted, "{pods:?}");
        }
    }

    #[test]
    fn it_doubles_every_period_or_adds_four() {
        let mut hpa = Autoscaler::new(Hpa::default(), 1);
        let mut replicas = 1;
        let grown = [0, 15, 30, 45, 60].map(|at| {
            replicas = hpa.sync(secs(at), replicas, 100);
            replicas
        });
        assert_eq!(grown, [5, 10, 20, 40, 40]);
        let mut hpa = Autoscaler::new(Hpa::default(), 10);
        let twice = [hpa.sync(secs(1), 10, 100), hpa.sync(secs(2), 20, 100)];
        assert_eq!(twice, [20, 20], "the period is not over");
    }

    #[test]
    fn it_shrinks_to_the_most_of_five_minutes() {
        let mut hpa = Autoscaler::new(Hpa::default(), 8);
        assert_eq!(hpa.sync(secs(15), 8, 6), 8, "the first recommendation is what there is");
        assert_eq!(hpa.sync(secs(299), 8, 2), 8);
        assert_eq!(hpa.sync(secs(300), 8, 2), 6);
        assert_eq!(hpa.sync(secs(315), 6, 2), 2);
        assert_eq!(hpa.sync(secs(330), 2, 0), 2);
    }
}
