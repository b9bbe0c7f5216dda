//! The law in a loop with a small model of a pool, in virtual time.

use std::collections::VecDeque;
use std::time::Duration;

use super::PredictedWait;
use super::story::{millis, secs};
use crate::scale::policy::ScalingPolicy;
use crate::scale::sample::Sample;

/// Starting a thread takes this long until it looks for a job.
const START: Duration = Duration::from_micros(100);

#[derive(Clone)]
struct Job {
    arrived: Duration,
    run: Duration,
    left: Duration,
    asleep: bool,
}

/// A queue and workers on shared cores, advanced by a fixed step. `since` collects what happened
/// since the last evaluation.
struct Model {
    policy: PredictedWait,
    step: Duration,
    now: Duration,
    queue: VecDeque<Job>,
    starting: VecDeque<Duration>,
    idle: u32,
    busy: Vec<Job>,
    draining: u32,
    since: Sample,
    kicked: bool,
    kick_spacing: Duration,
    evaluated: Duration,
    next: Option<Duration>,
    peak: u32,
    late: u32,
    jobs: u32,
}

impl Model {
    fn new(step: Duration, min: u32, max: u32) -> Model {
        Model {
            policy: PredictedWait::new(),
            step,
            now: Duration::ZERO,
            queue: VecDeque::new(),
            starting: VecDeque::new(),
            idle: 0,
            busy: Vec::new(),
            draining: 0,
            since: Sample { min, max, cores: 4.0, ..Sample::default() },
            kicked: false,
            kick_spacing: Duration::ZERO,
            evaluated: Duration::ZERO,
            next: Some(Duration::ZERO),
            peak: 0,
            late: 0,
            jobs: 0,
        }
    }

    fn workers(&self) -> u32 {
        self.starting.len() as u32 + self.idle + self.busy.len() as u32
    }

    /// Lets `jobs` jobs of `run` arrive every `gap` for as `long`.
    fn load(&mut self, long: Duration, gap: Duration, jobs: u32, run: Duration, asleep: bool) {
        let end = self.now + long;
        let mut next = self.now;
        while self.now < end {
            while next <= self.now {
                let job = Job { arrived: self.now, run, left: run, asleep };
                self.queue.extend((0..jobs).map(|_| job.clone()));
                self.since.arrivals += u64::from(jobs);
                next += gap;
            }
            self.advance();
        }
    }

    fn advance(&mut self) {
        while self.starting.front().is_some_and(|&ready| ready <= self.now) {
            self.starting.pop_front();
            self.idle += 1;
        }
        self.dispatch();
        self.kicked |= self.since.arrivals > 0 && !self.queue.is_empty();
        let tick = self.next.is_some_and(|next| next <= self.now);
        if tick || (self.kicked && self.now >= self.evaluated + self.kick_spacing) {
            self.evaluate();
        }
        self.work();
        self.now += self.step;
    }

    fn dispatch(&mut self) {
        while self.idle > 0
            && let Some(job) = self.queue.pop_front()
        {
            self.idle -= 1;
            self.jobs += 1;
            self.late += u32::from(self.now - job.arrived > self.since.target_wait);
            self.busy.push(job);
            self.since.dequeues += 1;
        }
        self.since.busy_peak = self.since.busy_peak.max(self.busy.len() as u32);
    }

    /// Sleepers advance by the whole step; the others share the cores.
    fn work(&mut self) {
        let runnable = self.busy.iter().filter(|job| !job.asleep).count() as u32;
        let share = self.step * 4 / runnable.max(4);
        self.since.busy_time += self.step * self.busy.len() as u32;
        for job in &mut self.busy {
            job.left = job.left.saturating_sub(if job.asleep { self.step } else { share });
        }
        for job in self.busy.extract_if(.., |job| job.left.is_zero()) {
            self.since.completions += 1;
            self.since.log2_service_sum += u64::from(job.run.as_nanos().ilog2());
            match self.draining {
                0 => self.idle += 1,
                _ => self.draining -= 1,
            }
        }
    }

    fn evaluate(&mut self) {
        let ages = self.busy.iter().filter(|job| !job.asleep).map(|job| job.run - job.left);
        let run_ages: Vec<Duration> = ages.collect();
        let waiting = !self.queue.is_empty();
        let sample = Sample {
            elapsed: (self.now - self.evaluated).min(secs(1)),
            workers: self.workers(),
            starting: self.starting.len() as u32,
            idle: self.idle,
            busy: self.busy.len() as u32,
            queued: self.queue.len() as u64,
            oldest_age: self.queue.front().map_or(Duration::ZERO, |job| self.now - job.arrived),
            runnable: waiting.then_some(run_ages.len() as u32),
            run_ages: if waiting { run_ages } else { Vec::new() },
            ..self.since.clone()
        };
        let plan = self.policy.decide(self.now, &sample);
        self.starting.extend((0..plan.add).map(|_| self.now + START));
        self.idle -= plan.retire_idle;
        self.draining = plan.drain;
        self.peak = self.peak.max(self.workers());
        self.evaluated = self.now;
        self.next = plan.next_in.map(|next| self.now + next);
        (self.kicked, self.kick_spacing) = (false, plan.kick_spacing);
        let Sample { min, max, cores, keep_alive, .. } = sample;
        self.since = Sample { min, max, cores, keep_alive, ..Sample::default() };
    }
}

fn micros(n: u64) -> Duration {
    Duration::from_micros(n)
}

#[test]
fn short_jobs_in_bursts_never_take_more_workers_than_cores() {
    // 20 bursts a second, of which each keeps four cores busy for 5 or 37 ms.
    for burst in [200, 1_500] {
        let mut model = Model::new(micros(20), 1, 256);
        model.load(secs(1), millis(50), burst, micros(100), false);
        assert_eq!(model.peak, 4, "bursts of {burst}");
        assert_eq!(model.jobs, burst * 20);
    }
}

#[test]
fn sleeping_jobs_in_bursts_take_more_workers_than_cores() {
    let mut model = Model::new(micros(100), 1, 256);
    model.load(secs(1), millis(50), 40, millis(5), true);
    assert!((8..=40).contains(&model.peak), "{} workers", model.peak);
}

#[test]
fn a_step_of_blocking_jobs_is_followed_at_once_and_not_overshot() {
    // From 20 to 800 jobs of 100 ms a second: the least that serves them is 80 workers.
    let mut model = Model::new(micros(250), 2, 256);
    model.load(secs(2), millis(50), 1, millis(100), true);
    assert!(model.peak <= 4, "{} workers before the step", model.peak);
    model.load(millis(50), micros(1_250), 1, millis(100), true);
    assert!(model.workers() >= 40, "{} workers after 50 ms", model.workers());
    assert!(model.queue.is_empty(), "{} jobs wait", model.queue.len());
    model.load(secs(2), micros(1_250), 1, millis(100), true);
    assert_eq!(model.late, 0, "of {} jobs", model.jobs);
    assert!((80..=88).contains(&model.peak), "{} workers", model.peak);
}

#[test]
fn an_overload_of_computing_jobs_stays_at_twice_the_cores() {
    // Two and a half times what the cores can do, for one second in three.
    let mut model = Model::new(micros(250), 2, 256);
    for _ in 0..3 {
        model.load(secs(1), millis(1), 2, millis(5), false);
        model.load(secs(2), secs(2), 0, millis(5), false);
    }
    assert!((4..=8).contains(&model.peak), "{} workers", model.peak);
    assert_eq!((model.jobs, model.queue.len()), (6_000, 0));
}

#[test]
fn after_a_burst_the_pool_falls_to_what_a_trickle_needs() {
    let keep_alive = secs(2);
    let mut model = Model::new(micros(250), 1, 256);
    model.since.keep_alive = keep_alive;
    model.load(millis(200), secs(1), 64, millis(100), true);
    assert_eq!(model.peak, 64);
    let late = model.late;
    model.load(keep_alive * 3, millis(10), 1, millis(1), true);
    assert_eq!(model.workers(), 2, "one for the trickle and one to spare");
    assert_eq!((model.peak, model.late), (64, late));
}

#[test]
fn hogs_do_not_keep_short_jobs_waiting() {
    let mut model = Model::new(micros(250), 2, 256);
    model.load(secs(1), millis(2), 1, millis(1), false);
    model.load(micros(250), secs(1), 6, secs(3), false);
    model.load(secs(2), millis(10), 1, millis(1), false);
    assert!((7..=16).contains(&model.peak), "{} workers", model.peak);
    assert!(model.late <= 20, "{} of {} jobs late", model.late, model.jobs);
}
