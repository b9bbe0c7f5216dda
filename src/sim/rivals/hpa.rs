//! The horizontal autoscaler of Kubernetes.
//!
//! Source: kubernetes/kubernetes, `pkg/controller/podautoscaler/replica_calculator.go` @0006726,
//! the stabilisation and the limits of `horizontal.go` beside it, and the periods and policies of
//! `pkg/apis/autoscaling/v2/defaults.go` @1adaa75.
//!
//! The metric is a choice, as it is for its users: jobs in flight per worker, averaged over the
//! time since the last look, with the target of 80 % that it has for processor time. Processor time
//! itself would never add a worker for jobs that wait.
//!
//! Left out: replicas without a measurement, because there are none; the time that a pod needs to
//! become ready, which is the model's start of a worker; policies whose period is not that of the
//! looks. It never goes below one worker: nothing would measure a load without any.

use std::collections::VecDeque;
use std::time::Duration;

use super::super::law::{Act, Law, Moment, View};
use super::replicas::{InFlight, average, resize};

const TARGET: f64 = 0.8;

const TOLERANCE: f64 = 0.1;

/// In one period the replicas may double, or grow by this many if that is more.
const GROWTH: u32 = 4;

/// As many workers as bring the load of each to the target, but never fewer than any look at the
/// recent past asked for.
#[derive(Clone, Debug)]
pub struct Hpa {
    name: &'static str,
    period: Duration,
    window: Duration,
    replicas: u32,
    load: InFlight,
    last_job_ns: u128,
    last_look: Duration,
    recommended: VecDeque<(Duration, u32)>,
}

impl Hpa {
    /// With its own periods: a look each 15 s, and 300 s to remember.
    pub fn new() -> Hpa {
        Hpa::with("hpa", Duration::from_secs(15), Duration::from_secs(300))
    }

    /// Made for threads: a look each second, and 20 s to remember.
    pub fn scaled() -> Hpa {
        Hpa::with("hpa-scaled", Duration::from_secs(1), Duration::from_secs(20))
    }

    fn with(name: &'static str, period: Duration, window: Duration) -> Hpa {
        Hpa {
            name,
            period,
            window,
            replicas: 0,
            load: InFlight::default(),
            last_job_ns: 0,
            last_look: Duration::ZERO,
            recommended: VecDeque::new(),
        }
    }

    fn open(&mut self, pool: &View<'_>) -> Act {
        self.replicas = pool.workers.max(1).min(pool.max);
        self.recommended.push_back((pool.now, self.replicas));
        resize(pool, self.replicas)
    }

    fn look(&mut self, pool: &View<'_>) -> Act {
        let job_ns = self.load.job_ns();
        let load = average(job_ns - self.last_job_ns, pool.now.saturating_sub(self.last_look));
        (self.last_job_ns, self.last_look) = (job_ns, pool.now);
        self.replicas = self.wanted(pool, load);
        resize(pool, self.replicas)
    }

    /// From the load to the number of replicas, through what each step allows.
    fn wanted(&mut self, pool: &View<'_>, load: f64) -> u32 {
        let now = self.replicas;
        let ratio = load / (TARGET * f64::from(now));
        let is_close = (1.0 - ratio).abs() <= TOLERANCE;
        let recommended = if is_close { now } else { (load / TARGET).ceil() as u32 };
        self.recommended.push_back((pool.now, recommended));
        let oldest = pool.now.saturating_sub(self.window);
        self.recommended.retain(|(at, _)| *at >= oldest);
        let of_window = self.recommended.iter().map(|(_, n)| *n).max().unwrap_or(recommended);
        let stable = if now < recommended { recommended } else { now.min(of_window) };
        let limit = now.saturating_mul(2).max(now.saturating_add(GROWTH));
        stable.min(limit).max(pool.min.max(1)).min(pool.max)
    }
}

impl Default for Hpa {
    fn default() -> Self {
        Hpa::new()
    }
}

impl Law for Hpa {
    fn name(&self) -> &'static str {
        self.name
    }

    fn react(&mut self, moment: Moment, pool: &View<'_>) -> Act {
        self.load.observe(pool);
        match moment {
            Moment::Opened => self.open(pool).and_tick_at(pool.now + self.period),
            Moment::Tick => self.look(pool).and_tick_at(pool.now + self.period),
            _ => Act::none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The replicas after each second, if so many jobs were in flight during it.
    fn replicas(law: &mut Hpa, from: u64, in_flight: &[u64]) -> Vec<u32> {
        let seconds = in_flight.iter().zip(from..);
        let after = seconds.map(|(jobs, second)| {
            let view = |at| View {
                now: Duration::from_secs(at),
                queued: *jobs,
                idle: law.replicas,
                ..View::at_rest(law.replicas)
            };
            let (before, after) = (view(second), view(second + 1));
            law.react(Moment::Submitted, &before);
            law.react(Moment::Tick, &after);
            law.replicas
        });
        after.collect()
    }

    fn opened() -> Hpa {
        let mut law = Hpa::scaled();
        law.react(Moment::Opened, &View::at_rest(2));
        law
    }

    #[test]
    fn the_load_of_each_is_brought_to_the_target() {
        assert_eq!(replicas(&mut opened(), 0, &[4]), [5]);
        let mut law = opened();
        assert_eq!(replicas(&mut law, 0, &[8, 8]), [6, 10]);
        // 8.8 would be the target and 9.6 the end of the tolerance.
        law.replicas = 11;
        assert_eq!(replicas(&mut law, 2, &[9]), [11]);
        assert_eq!(replicas(&mut law, 3, &[10]), [13]);
    }

    #[test]
    fn growth_is_four_or_a_doubling_a_period() {
        assert_eq!(replicas(&mut opened(), 0, &[999; 6]), [6, 12, 24, 48, 64, 64]);
    }

    #[test]
    fn a_shrink_goes_to_the_most_that_the_window_asked_for() {
        let mut law = opened();
        let mut load = vec![8; 3];
        load.extend([4; 10]);
        load.extend([0; 25]);
        let after = replicas(&mut law, 0, &load);
        // The last look at 8 jobs is at second 3, at 4 jobs at second 13.
        assert_eq!((after[2], after[22], after[23]), (10, 10, 5), "{after:?}");
        assert_eq!((after[32], after[33], after[37]), (5, 2, 2), "{after:?}");
    }

    #[test]
    fn its_own_periods_are_longer() {
        let mut law = Hpa::new();
        let act = law.react(Moment::Opened, &View::at_rest(2));
        assert_eq!(act.tick, Some(Duration::from_secs(15)));
        assert_eq!(law.window, Duration::from_secs(300));
    }
}
