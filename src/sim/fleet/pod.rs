//! One machine of a fleet: a pool that is not there from the start and may have to go.

use std::time::Duration;

use crate::scale::PredictedWait;
use crate::sim::job::Job;
use crate::sim::machine::Machine;
use crate::sim::model::Model;
use crate::sim::supervised::Supervised;
use crate::time::nanos;

/// A pod from the order to start it until its last job is over.
pub(super) struct Pod {
    pub(super) number: u64,
    pub(super) ordered: Duration,
    pub(super) ready_at: Duration,
    pub(super) leaving: bool,
    /// Its time zero is when the pod became ready.
    model: Option<Model>,
    scraped: Scraped,
}

/// What had happened by the last scrape.
#[derive(Clone, Copy, Debug, Default)]
struct Scraped {
    at: Duration,
    cpu: Duration,
    jobs_started: usize,
}

/// What one scrape tells of a pod.
#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    pub(super) demand: f64,
    pub(super) utilization: f64,
    pub(super) cpu: f64,
    /// Nanoseconds, of the jobs that started since the scrape before.
    pub(super) waits: Vec<u64>,
}

impl Pod {
    pub(super) fn new(number: u64, ordered: Duration, ready_at: Duration) -> Pod {
        let scraped = Scraped { at: ready_at, ..Scraped::default() };
        Pod { number, ordered, ready_at, leaving: false, model: None, scraped }
    }

    /// Whether it is up, and opens its pool if it has just come up.
    pub(super) fn come_up(&mut self, now: Duration, machine: &Machine, horizon: Duration) -> bool {
        if self.model.is_none() && self.ready_at <= now {
            let law = Supervised::new("ours", PredictedWait::new());
            let left = horizon.saturating_sub(self.ready_at);
            self.model = Some(Model::new(machine.clone(), Box::new(law), left));
        }
        self.model.is_some()
    }

    pub(super) fn is_up(&self) -> bool {
        self.model.is_some()
    }

    pub(super) fn run_until(&mut self, now: Duration) {
        if let Some(model) = &mut self.model {
            model.run_until(now.saturating_sub(self.ready_at));
        }
    }

    pub(super) fn offer(&mut self, job: &Job) {
        if let Some(model) = &mut self.model {
            model.offer(job);
        }
    }

    /// Jobs inside, waiting or running.
    pub(super) fn outstanding(&self) -> u64 {
        self.model.as_ref().map_or(0, |model| {
            let view = model.view();
            view.arrivals - view.completions
        })
    }

    pub(super) fn scrape(&mut self, now: Duration) -> Option<Reading> {
        let model = self.model.as_ref()?;
        let view = model.view();
        let waits = &model.record().waits;
        let cpu_time = view.cpu_time.saturating_sub(self.scraped.cpu).as_secs_f64();
        let since = now.saturating_sub(self.scraped.at).as_secs_f64();
        let reading = Reading {
            demand: f64::from(model.record().demand()),
            utilization: f64::from(view.busy) / f64::from(view.workers.max(1)),
            cpu: if since > 0.0 { cpu_time / since / view.cores } else { 0.0 },
            waits: waits[self.scraped.jobs_started..].iter().map(|(_, wait)| *wait).collect(),
        };
        self.scraped = Scraped { at: now, cpu: view.cpu_time, jobs_started: waits.len() };
        Some(reading)
    }

    /// Arrival since the fleet began and wait of each of its jobs, of those that wait still too.
    pub(super) fn waits(&self) -> Vec<(Duration, Duration)> {
        let Some(model) = &self.model else { return Vec::new() };
        let began = nanos(self.ready_at);
        let all = model.record().waits.iter().copied().chain(model.waiting());
        let times = |(at, wait)| (Duration::from_nanos(began + at), Duration::from_nanos(wait));
        all.map(times).collect()
    }
}
