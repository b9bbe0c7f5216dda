//! The autoscaler of Knative.
//!
//! Source: knative/serving @98e5ef9, `pkg/autoscaler/scaling/autoscaler.go`, and the defaults of
//! `config/core/configmaps/autoscaler.yaml`. The metric is its own: requests in flight, for
//! replicas that serve one at a time.
//!
//! Left out: the activator, which holds requests for a service without replicas, so it never goes
//! below one worker; the optional delay of a shrink; buckets of a second, because averages here are
//! exact from tick to tick.

use std::collections::VecDeque;
use std::time::Duration;

use super::super::law::{Act, Law, Moment, View};
use super::replicas::{InFlight, average, resize};

/// Jobs in flight for each worker: one, of which 70 % are to be used.
const TARGET: f64 = 0.7;

/// Panic begins if the short window asks for so many times the workers there are.
const PANIC: f64 = 2.0;

const UP: f64 = 1_000.0;

const DOWN: f64 = 2.0;

/// As many workers as the load of a long window asks for; if that of a short one asks for twice as
/// many as there are, as many as that, and no shrinking until things were calm for a long window.
#[derive(Clone, Debug)]
pub struct Kpa {
    name: &'static str,
    tick: Duration,
    load: InFlight,
    /// The load's integral at each tick of the long window.
    past: VecDeque<(Duration, u128)>,
    panic: Option<Panic>,
}

#[derive(Clone, Copy, Debug)]
struct Panic {
    /// When there was last a reason for it.
    at: Duration,
    most: u32,
}

impl Kpa {
    /// With its own periods: a tick of 2 s, windows of 60 s and 6 s.
    pub fn new() -> Kpa {
        Kpa::with("kpa", Duration::from_secs(2))
    }

    /// Made for threads: a tick of 200 ms, windows of 6 s and 600 ms.
    pub fn scaled() -> Kpa {
        Kpa::with("kpa-scaled", Duration::from_millis(200))
    }

    fn with(name: &'static str, tick: Duration) -> Kpa {
        Kpa { name, tick, load: InFlight::default(), past: VecDeque::new(), panic: None }
    }

    fn long(&self) -> Duration {
        self.tick * 30
    }

    fn short(&self) -> Duration {
        self.tick * 3
    }

    /// Average of the jobs in flight over a window, or over the life of the pool if that is less.
    fn average(&self, now: Duration, window: Duration) -> f64 {
        let oldest = now.saturating_sub(window);
        let begin = self.past.iter().find(|(at, _)| *at >= oldest);
        let (at, job_ns) = begin.copied().unwrap_or((now, self.load.job_ns()));
        average(self.load.job_ns() - job_ns, now.saturating_sub(at))
    }

    fn open(&mut self, pool: &View<'_>) -> Act {
        self.past.push_back((pool.now, 0));
        if pool.workers > 1 {
            // It knows nothing yet of a load that there may be.
            self.panic = Some(Panic { at: pool.now, most: pool.workers });
        }
        resize(pool, within(pool, pool.workers))
    }

    fn look(&mut self, pool: &View<'_>) -> Act {
        let (long, short) = (self.long(), self.short());
        let (calm, sudden) = (self.average(pool.now, long), self.average(pool.now, short));
        let oldest = pool.now.saturating_sub(long);
        self.past.push_back((pool.now, self.load.job_ns()));
        self.past.retain(|(at, _)| *at >= oldest);
        let wanted = self.wanted(pool, calm, sudden);
        resize(pool, within(pool, wanted))
    }

    fn wanted(&mut self, pool: &View<'_>, calm: f64, sudden: f64) -> u32 {
        let ready = f64::from(pool.workers.saturating_sub(pool.starting).max(1));
        let (most, least) = ((UP * ready).ceil(), (ready / DOWN).floor());
        let allowed = |load: f64| (load / TARGET).ceil().max(least).min(most) as u32;
        let (calm, is_sudden) = (allowed(calm), (sudden / TARGET).ceil() / ready >= PANIC);
        self.panic = match self.panic {
            Some(panic) if is_sudden => Some(Panic { at: pool.now, ..panic }),
            None if is_sudden => Some(Panic { at: pool.now, most: 0 }),
            Some(panic) if pool.now > panic.at + self.long() => None,
            unchanged => unchanged,
        };
        let Some(panic) = &mut self.panic else { return calm };
        panic.most = panic.most.max(calm).max(allowed(sudden));
        panic.most
    }
}

fn within(pool: &View<'_>, wanted: u32) -> u32 {
    wanted.max(pool.min.max(1)).min(pool.max)
}

impl Default for Kpa {
    fn default() -> Self {
        Kpa::new()
    }
}

impl Law for Kpa {
    fn name(&self) -> &'static str {
        self.name
    }

    fn react(&mut self, moment: Moment, pool: &View<'_>) -> Act {
        self.load.observe(pool);
        match moment {
            Moment::Opened => self.open(pool).and_tick_at(pool.now + self.tick),
            Moment::Tick => self.look(pool).and_tick_at(pool.now + self.tick),
            _ => Act::none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A law and the pool that does as it says, in steps of a tick.
    struct Played {
        law: Kpa,
        workers: u32,
        ticks: u32,
    }

    impl Played {
        fn new(workers: u32) -> Played {
            let mut law = Kpa::new();
            law.react(Moment::Opened, &View { min: 1, ..View::at_rest(workers) });
            Played { law, workers, ticks: 0 }
        }

        /// The workers after so many ticks with so many jobs in flight.
        fn after(&mut self, ticks: u32, queued: u64) -> u32 {
            for _ in 0..ticks {
                let now = self.law.tick * self.ticks;
                let view = View { min: 1, now, queued, ..View::at_rest(self.workers) };
                self.law.react(Moment::Submitted, &view);
                self.ticks += 1;
                let view = View { now: now + self.law.tick, ..view };
                let act = self.law.react(Moment::Tick, &view);
                self.workers = self.workers + act.start - act.retire_idle;
            }
            self.workers
        }
    }

    #[test]
    fn the_long_window_sizes_a_calm_pool() {
        let mut pool = Played::new(1);
        assert_eq!(pool.after(30, 1), 2);
        // Five more jobs of seven, for a sixth of the window: 2 / 0.7.
        assert_eq!(pool.after(6, 2), 2);
        assert!(pool.law.panic.is_none());
        assert_eq!(pool.after(30, 2), 3);
    }

    #[test]
    fn twice_the_load_in_the_short_window_is_a_panic() {
        let mut pool = Played::new(1);
        assert_eq!(pool.after(30, 0), 1);
        // A third of the short window, and all of it.
        assert_eq!(pool.after(1, 20), 10);
        assert!(pool.law.panic.is_some());
        assert_eq!(pool.after(2, 20), 29);
    }

    #[test]
    fn nothing_shrinks_while_it_panics() {
        let mut pool = Played::new(1);
        pool.after(30, 0);
        assert_eq!(pool.after(3, 20), 29);
        let reason_ended = pool.ticks;
        while pool.law.panic.is_some() {
            assert_eq!(pool.workers, 29, "after {} ticks", pool.ticks - reason_ended);
            pool.after(1, 0);
        }
        assert!(pool.ticks - reason_ended >= 30);
        assert_eq!(pool.workers, 14);
    }

    #[test]
    fn a_calm_pool_shrinks_by_half_a_tick_at_most() {
        let mut pool = Played::new(60);
        // It is opened in panic, since it has workers whose load it does not know.
        assert_eq!(pool.after(30, 0), 60);
        assert_eq!((pool.after(1, 0), pool.after(1, 0), pool.after(1, 0)), (30, 15, 7));
        assert_eq!(pool.after(9, 0), 1);
    }

    #[test]
    fn scaled_periods_are_a_tenth() {
        let act = Kpa::scaled().react(Moment::Opened, &View::at_rest(2));
        assert_eq!(act.tick, Some(Duration::from_millis(200)));
        assert_eq!(Kpa::scaled().long() * 10, Kpa::new().long());
        assert_eq!(Kpa::new().short(), Duration::from_secs(6));
    }
}
