//! Two loops, one around the other: pools that size themselves, and an autoscaler that sizes the
//! fleet of machines they run on.
//!
//! ```text
//! load ─► balancer ─► pods (a Model each) ─► scrapes ─► autoscaler ─► pods
//! ```

mod balancer;
mod hpa;
mod outcome;
mod pod;
mod signal;

use std::time::Duration;

use balancer::Balancer;
use hpa::Autoscaler;
use pod::Pod;
use signal::Store;

use super::job::Job;
use super::machine::Machine;

pub use balancer::Balance;
pub use hpa::Hpa;
pub use outcome::{Look, Outcome};
pub use signal::Signal;

/// The minute that the offered load is averaged over, to compare with what the fleet does.
const OFFERED_OVER: Duration = Duration::from_secs(60);
/// A period of zero would stop the time.
const SHORTEST: Duration = Duration::from_millis(1);

/// A fleet of pods behind a balancer, sized by an autoscaler that goes by one signal.
///
/// ```
/// use springtide::sim::fleet::{Fleet, Signal};
/// use springtide::sim::{Job, Machine};
/// use std::time::Duration;
///
/// // Ten jobs a second that take 2 s: 20 workers, at 5.6 a pod.
/// let (ms, horizon) = (Duration::from_millis, Duration::from_secs(1_200));
/// let jobs: Vec<Job> = (0..12_000).map(|n| Job::asleep(ms(n * 100), ms(2_000))).collect();
/// let fleet = Fleet::new(Machine::new(2.0).workers(1, 8), Signal::Demand { per_pod: 5.6 });
/// let outcome = fleet.run(&jobs, horizon);
/// assert!(!outcome.oscillates());
/// assert!(outcome.pods().0 >= 4, "{:?}", outcome.pods());
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Fleet {
    /// One pod. Whatever its neighbours do is in the time since the pod came up.
    pub pod: Machine,
    /// Pods at the start, all of them up.
    pub pods: u32,
    /// From the order to start a pod until it is ready.
    pub start: Duration,
    /// What the autoscaler goes by.
    pub signal: Signal,
    /// From one scrape of the pods' metrics to the next; a millisecond at least.
    pub scrape: Duration,
    /// The scrapes of so long are averaged.
    pub window: Duration,
    /// Who gets the next job.
    pub balance: Balance,
    /// The autoscaler.
    pub hpa: Hpa,
    /// Of the balancer's dice.
    pub seed: u64,
}

impl Fleet {
    /// Pods like this, four at the start, that take 30 s to come up and are scraped every 15 s;
    /// the last scrape is what counts, and the autoscaler has the defaults of its cluster.
    pub fn new(pod: Machine, signal: Signal) -> Fleet {
        Fleet {
            pod,
            pods: 4,
            start: Duration::from_secs(30),
            signal,
            scrape: Duration::from_secs(15),
            window: Duration::from_secs(15),
            balance: Balance::default(),
            hpa: Hpa::default(),
            seed: 1,
        }
    }

    /// With so many pods at the start.
    #[must_use]
    pub fn pods(self, pods: u32) -> Fleet {
        Fleet { pods, ..self }
    }

    /// With the scrapes of so long averaged.
    #[must_use]
    pub fn window(self, window: Duration) -> Fleet {
        Fleet { window, ..self }
    }

    /// With another balancer.
    #[must_use]
    pub fn balance(self, balance: Balance, seed: u64) -> Fleet {
        Fleet { balance, seed, ..self }
    }

    /// With another autoscaler.
    #[must_use]
    pub fn hpa(self, hpa: Hpa) -> Fleet {
        Fleet { hpa, ..self }
    }

    /// Runs a load, which must be in order of arrival, from time zero to the horizon.
    pub fn run(&self, jobs: &[Job], horizon: Duration) -> Outcome {
        let mut run = Running::new(self, horizon);
        for job in jobs.iter().take_while(|job| job.at <= horizon) {
            run.come_to(job.at);
            run.arrive(job);
        }
        run.come_to(horizon);
        let offered = occupancy(jobs, self.hpa.sync.max(SHORTEST), horizon);
        run.outcome(jobs, &offered)
    }
}

/// A fleet in the middle of a run.
struct Running<'a> {
    fleet: &'a Fleet,
    horizon: Duration,
    /// In the order of their orders: the newest are last.
    pods: Vec<Pod>,
    numbers: u64,
    balancer: Balancer,
    store: Store,
    autoscaler: Autoscaler,
    next_scrape: Duration,
    next_sync: Duration,
    jobs: u64,
    completed: u64,
    pod_time: Duration,
    waits: Vec<(Duration, Duration)>,
    looks: Vec<Look>,
}

impl<'a> Running<'a> {
    fn new(fleet: &'a Fleet, horizon: Duration) -> Running<'a> {
        let pods = fleet.pods.max(1);
        let mut run = Running {
            fleet,
            horizon,
            pods: Vec::new(),
            numbers: 0,
            balancer: Balancer::new(fleet.balance, fleet.seed),
            store: Store::new(fleet.window),
            autoscaler: Autoscaler::new(fleet.hpa.clone(), pods),
            // The two periods are not in step: what a look finds is half a scrape old.
            next_scrape: fleet.scrape.max(SHORTEST) / 2,
            next_sync: fleet.hpa.sync.max(SHORTEST),
            jobs: 0,
            completed: 0,
            pod_time: Duration::ZERO,
            waits: Vec::new(),
            looks: Vec::new(),
        };
        (0..pods).for_each(|_| run.order(Duration::ZERO, Duration::ZERO));
        run.come_up(Duration::ZERO);
        run
    }

    fn order(&mut self, now: Duration, ready_at: Duration) {
        self.pods.push(Pod::new(self.numbers, now, ready_at));
        self.numbers += 1;
    }

    fn come_up(&mut self, now: Duration) {
        for pod in &mut self.pods {
            pod.come_up(now, &self.fleet.pod, self.horizon);
        }
    }

    /// Lets the time come to `until`, with everything that is due before or then.
    fn come_to(&mut self, until: Duration) {
        loop {
            let now = self.next_scrape.min(self.next_sync);
            if now > until {
                break;
            }
            self.come_up(now);
            self.pods.iter_mut().for_each(|pod| pod.run_until(now));
            self.bury(now);
            if self.next_scrape == now {
                let there = self.pods.iter_mut().filter(|pod| !pod.leaving);
                self.store.scrape(now, there);
                self.next_scrape += self.fleet.scrape.max(SHORTEST);
            } else {
                self.sync(now);
                self.next_sync += self.fleet.hpa.sync.max(SHORTEST);
            }
        }
        if until == self.horizon {
            self.come_up(until);
            self.pods.iter_mut().for_each(|pod| pod.run_until(until));
        }
    }

    fn arrive(&mut self, job: &Job) {
        self.jobs += 1;
        self.come_up(job.at);
        let ready = |(place, pod): (usize, &Pod)| (pod.is_up() && !pod.leaving).then_some(place);
        let ready: Vec<usize> = self.pods.iter().enumerate().filter_map(ready).collect();
        let pods = &mut self.pods;
        let chosen = self.balancer.choose(ready.len(), |n| {
            let pod = &mut pods[ready[n]];
            pod.run_until(job.at);
            pod.outstanding()
        });
        let pod = &mut self.pods[ready[chosen]];
        pod.run_until(job.at);
        pod.offer(job);
    }

    fn sync(&mut self, now: Duration) {
        let there = self.pods.iter().filter(|pod| !pod.leaving).count() as u32;
        let rules = (&self.fleet.signal, &self.fleet.hpa);
        let judged = self.store.judge(now, rules, &self.pods);
        let proposed = judged.map_or(there, |(_, wanted)| wanted);
        let wanted = match judged {
            Some(_) => self.autoscaler.sync(now, there, proposed),
            None => there,
        };
        (there..wanted).for_each(|_| self.order(now, now + self.fleet.start));
        (wanted..there).for_each(|_| self.dismiss(now));
        let is_ready = |pod: &&Pod| pod.is_up() && !pod.leaving;
        self.looks.push(Look {
            at: now,
            ready: self.pods.iter().filter(is_ready).count() as u32,
            pods: wanted,
            leaving: self.pods.iter().filter(|pod| pod.leaving).count() as u32,
            signal: judged.map(|(value, _)| value),
            offered: 0.0,
        });
    }

    /// The newest goes first, as a replica set does it: those that start before those that are up.
    fn dismiss(&mut self, now: Duration) {
        if let Some(pod) = self.pods.iter_mut().rev().find(|pod| !pod.leaving) {
            pod.leaving = true;
        }
        self.bury(now);
    }

    /// Pods that were to go and have nothing left are gone.
    fn bury(&mut self, now: Duration) {
        let (gone, stay): (Vec<Pod>, Vec<Pod>) = std::mem::take(&mut self.pods)
            .into_iter()
            .partition(|pod| pod.leaving && pod.outstanding() == 0);
        self.pods = stay;
        gone.iter().for_each(|pod| self.account(pod, now));
    }

    fn account(&mut self, pod: &Pod, now: Duration) {
        let waits = pod.waits();
        self.pod_time += now.saturating_sub(pod.ordered);
        self.completed += waits.len() as u64 - pod.outstanding();
        self.waits.extend(waits);
    }

    fn outcome(mut self, jobs: &[Job], offered: &[f64]) -> Outcome {
        let left = std::mem::take(&mut self.pods);
        left.iter().for_each(|pod| self.account(pod, self.horizon));
        self.waits.sort_unstable();
        let sync = self.fleet.hpa.sync.max(SHORTEST);
        let slices = (OFFERED_OVER.as_nanos() / sync.as_nanos()).max(1) as usize;
        for (n, look) in self.looks.iter_mut().enumerate() {
            let minute = &offered[(n + 1).saturating_sub(slices)..=n.min(offered.len() - 1)];
            look.offered = minute.iter().sum::<f64>() / minute.len() as f64;
        }
        let among = jobs.iter().filter(|job| job.at <= self.horizon);
        let work: f64 = among.map(|job| job.total_service().as_secs_f64()).sum();
        Outcome {
            looks: self.looks,
            jobs: self.jobs,
            completed: self.completed,
            pod_seconds: self.pod_time.as_secs_f64(),
            least_pod_seconds: work / f64::from(self.fleet.pod.max.max(1)),
            workers_per_pod: self.fleet.pod.max,
            target: self.fleet.pod.target_wait,
            waits: self.waits,
        }
    }
}

/// Workers that the load would keep busy if no job ever waited, by slices of the run.
fn occupancy(jobs: &[Job], slice: Duration, horizon: Duration) -> Vec<f64> {
    let width = slice.as_secs_f64();
    let slices = (horizon.as_secs_f64() / width).ceil().max(1.0) as usize;
    let mut busy_s = vec![0.0; slices];
    for job in jobs {
        let (from, until) = (job.at.as_secs_f64(), (job.at + job.total_service()).as_secs_f64());
        let (first, last) = ((from / width) as usize, (until / width) as usize);
        for (n, busy_s) in busy_s.iter_mut().enumerate().take(last + 1).skip(first) {
            let (begins, ends) = (n as f64 * width, (n + 1) as f64 * width);
            *busy_s += (until.min(ends) - from.max(begins)).max(0.0);
        }
    }
    busy_s.iter().map(|busy_s| busy_s / width).collect()
}
