//! The rule of thumb: one worker up or down, by the length of the queue.
//!
//! No one system's law; SEDA's (`mdwelsh/seda`, `ThreadPoolController.java`, @249d897) is the best
//! known of its kind, with a threshold of its own. This is the form that this crate's
//! [`QueueDepth`](crate::QueueDepth) has too, which looks more often but steps no more often. Here
//! the rule looks by the clock alone, as it is written down everywhere.

use std::time::Duration;

use super::super::law::{Act, Law, Moment, View};

/// Each tick: one worker more if the queue is longer than twice the workers, one idle worker less
/// if it is shorter than half of them.
#[derive(Clone, Debug)]
pub struct SeedRule {
    name: &'static str,
    tick: Duration,
}

impl SeedRule {
    /// The rule with a tick of 100 ms.
    pub fn new() -> SeedRule {
        SeedRule { name: "seed", tick: Duration::from_millis(100) }
    }

    /// The rule with a tick of a second.
    pub fn each_second() -> SeedRule {
        SeedRule { name: "seed-1s", tick: Duration::from_secs(1) }
    }

    fn step(pool: &View<'_>) -> Act {
        let workers = u64::from(pool.workers);
        if pool.queued > 2 * workers {
            Act::start(pool.room().min(1))
        } else if pool.queued.saturating_mul(2) < workers && pool.workers > pool.min {
            Act::retire_idle(pool.idle.min(1))
        } else {
            Act::none()
        }
    }
}

impl Default for SeedRule {
    fn default() -> Self {
        SeedRule::new()
    }
}

impl Law for SeedRule {
    fn name(&self) -> &'static str {
        self.name
    }

    fn react(&mut self, moment: Moment, pool: &View<'_>) -> Act {
        match moment {
            Moment::Opened => Act::none().and_tick_at(pool.now + self.tick),
            Moment::Tick => SeedRule::step(pool).and_tick_at(pool.now + self.tick),
            _ => Act::none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_is_a_step_of_one_at_most() {
        let cases = [
            // workers, idle, queued => started, retired
            ((4, 0, 9), (1, 0)),
            ((4, 0, 8), (0, 0)),
            ((4, 0, 9_000), (1, 0)),
            ((4, 4, 2), (0, 0)),
            ((4, 4, 1), (0, 1)),
            ((4, 0, 1), (0, 0)),
            ((2, 2, 0), (0, 0)),
            ((64, 0, 9_000), (0, 0)),
        ];
        for ((workers, idle, queued), (started, retired)) in cases {
            let view = View { idle, busy: workers - idle, ..View::full(workers, queued) };
            let act = SeedRule::new().react(Moment::Tick, &view);
            assert_eq!((act.start, act.retire_idle), (started, retired), "{view:?}");
        }
    }

    #[test]
    fn nothing_but_the_clock_moves_it() {
        let tick = Duration::from_millis;
        for (mut law, tick) in
            [(SeedRule::new(), tick(100)), (SeedRule::each_second(), tick(1_000))]
        {
            let view = View { now: tick * 7, ..View::full(4, 100) };
            assert_eq!(law.react(Moment::Submitted, &view), Act::none());
            assert_eq!(law.react(Moment::Finished, &view), Act::none());
            assert_eq!(law.react(Moment::Tick, &view).tick, Some(tick * 8));
        }
    }
}
