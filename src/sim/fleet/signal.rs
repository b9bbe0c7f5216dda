//! What the autoscaler is told, and how stale it is when it hears of it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::hpa::{Hpa, Standing};
use super::pod::{Pod, Reading};

/// What to scale the machines by.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Signal {
    /// The sum of the pools' [`Plan::demand`](crate::Plan::demand), and how much of it is for one
    /// pod: an external metric, target `AverageValue`.
    Demand {
        /// Workers.
        per_pod: f64,
    },
    /// Busy workers to live ones, the mean of the pods: a pods metric.
    Utilization {
        /// Share.
        target: f64,
    },
    /// Core time used to core time there is, the mean of the pods: the resource metric.
    Cpu {
        /// Share.
        target: f64,
    },
    /// The mean wait of the jobs that started: an external metric, target `Value`.
    MeanWait {
        /// The wait that is right.
        target: Duration,
    },
    /// The wait that one in a hundred of them exceeds: the same.
    WaitP99 {
        /// The wait that is right.
        target: Duration,
    },
}

impl Signal {
    /// The value that is right.
    pub fn target(&self) -> f64 {
        match self {
            Signal::Demand { per_pod } => *per_pod,
            Signal::Utilization { target } | Signal::Cpu { target } => *target,
            Signal::MeanWait { target } | Signal::WaitP99 { target } => target.as_secs_f64(),
        }
    }
}

/// The store of metrics: the scrapes of the last while.
#[derive(Debug)]
pub(super) struct Store {
    window: Duration,
    scrapes: VecDeque<(Duration, BTreeMap<u64, Reading>)>,
}

impl Store {
    pub(super) fn new(window: Duration) -> Store {
        Store { window, scrapes: VecDeque::new() }
    }

    pub(super) fn scrape<'a>(&mut self, now: Duration, pods: impl Iterator<Item = &'a mut Pod>) {
        let read = pods.filter_map(|pod| Some((pod.number, pod.scrape(now)?)));
        self.scrapes.push_back((now, read.collect()));
    }

    /// The value that the signal has now, and what the autoscaler makes of it; `None` if there is
    /// nothing to judge by.
    pub(super) fn judge(
        &mut self,
        now: Duration,
        (signal, rules): (&Signal, &Hpa),
        pods: &[Pod],
    ) -> Option<(f64, u32)> {
        while self.scrapes.front().is_some_and(|(at, _)| *at + self.window <= now) {
            self.scrapes.pop_front();
        }
        let there = || pods.iter().filter(|pod| !pod.leaving);
        let replicas = there().count() as u32;
        let ready = there().filter(|pod| pod.is_up()).count() as u32;
        let target = signal.target();
        let value = match signal {
            Signal::Demand { .. } => self.mean_total(|reading| reading.demand)?,
            Signal::Utilization { .. } | Signal::Cpu { .. } => {
                let standings: Vec<_> = there().map(|pod| self.standing(signal, pod)).collect();
                let known = standings.iter().filter_map(|standing| match standing {
                    Standing::Known(value) => Some(*value),
                    _ => None,
                });
                let (sum, count) = known.fold((0.0, 0.0), |(sum, n), v| (sum + v, n + 1.0));
                return Some((sum / count, rules.for_mean(&standings, target, replicas)?));
            }
            Signal::MeanWait { .. } | Signal::WaitP99 { .. } => self.wait_s(signal)?,
        };
        let wanted = match signal {
            Signal::Demand { .. } => rules.for_total(value, target, replicas),
            _ => rules.for_ratio(value / target, ready, replicas),
        };
        Some((value, wanted))
    }

    /// The sum over the pods, averaged over the scrapes. Averages of each pod, summed, would
    /// count the load twice while it moves to a new one.
    fn mean_total(&self, of: impl Fn(&Reading) -> f64) -> Option<f64> {
        let totals = self.scrapes.iter().map(|(_, pods)| pods.values().map(&of).sum::<f64>());
        let (sum, count) = totals.fold((0.0, 0.0), |(sum, n), total| (sum + total, n + 1.0));
        (count > 0.0).then(|| sum / count)
    }

    fn standing(&self, signal: &Signal, pod: &Pod) -> Standing {
        if !pod.is_up() {
            return Standing::Unready;
        }
        let of = |reading: &Reading| match signal {
            Signal::Cpu { .. } => reading.cpu,
            _ => reading.utilization,
        };
        let read = self.scrapes.iter().filter_map(|(_, pods)| pods.get(&pod.number));
        let (sum, count) = read.fold((0.0, 0.0), |(sum, n), one| (sum + of(one), n + 1.0));
        match signal {
            _ if count > 0.0 => Standing::Known(sum / count),
            // The processor time of a pod that has just come up is left out, not missed.
            Signal::Cpu { .. } => Standing::Unready,
            _ => Standing::Missing,
        }
    }

    fn wait_s(&self, signal: &Signal) -> Option<f64> {
        let pods = self.scrapes.iter().flat_map(|(_, pods)| pods.values());
        let mut waits: Vec<u64> = pods.flat_map(|pod| pod.waits.iter().copied()).collect();
        if waits.is_empty() {
            return None;
        }
        if let Signal::WaitP99 { .. } = signal {
            waits.sort_unstable();
            let rank = (waits.len() * 99).div_ceil(100);
            return Some(waits[rank - 1] as f64 / 1e9);
        }
        let sum: f64 = waits.iter().map(|wait| *wait as f64).sum();
        Some(sum / waits.len() as f64 / 1e9)
    }
}
