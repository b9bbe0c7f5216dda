//! MariaDB's pool for its own background work.
//!
//! Source: MariaDB/server, `tpool/tpool_generic.cc` @00ee8d8.
//!
//! Left out: an idle worker stays asleep while the pool has twice as many busy ones as cores, here
//! it takes the job, to the pool's favour; maintenance never finds its lock taken.

use std::time::Duration;

use super::super::law::{Act, Law, Moment, Resting, View};

const MAINTENANCE: Duration = Duration::from_millis(400);

const IDLE: Duration = Duration::from_secs(60);

const OVERSUBSCRIPTION: u32 = 2;

/// A job is long after 500 ms. But its age counts from the maintenance before it began, the only
/// clock that workers read, so at a maintenance it is long if it began before the previous one.
const LONG: Duration = MAINTENANCE;

/// Workers up to twice the cores, not counting those in long jobs; more if a maintenance finds that
/// no job has begun since the one before. The more workers, the longer between two new ones.
#[derive(Clone, Debug, Default)]
pub struct MariaDb {
    concurrency: u32,
    /// Jobs that began before this are known to be long; nobody looked if the queue was empty.
    long_before: Option<Duration>,
    created: Option<Duration>,
    activity: u64,
    workers: u32,
}

impl MariaDb {
    /// The law, for a pool that has not been opened.
    pub fn new() -> MariaDb {
        MariaDb::default()
    }

    fn below_target(&self, pool: &View<'_>) -> bool {
        let long = self.long_before.map_or(0, |before| {
            let age = pool.now.saturating_sub(before);
            pool.running_longer_than(age)
        });
        let active = pool.workers - pool.idle;
        active.saturating_sub(long) < self.concurrency * OVERSUBSCRIPTION
    }

    fn wake_or_create(&mut self, pool: &View<'_>) -> Act {
        if pool.idle > 0 { Act::none() } else { self.create(pool) }
    }

    fn create(&mut self, pool: &View<'_>) -> Act {
        let spacing = self.spacing(pool.workers);
        let too_soon = self.created.is_some_and(|at| pool.now.saturating_sub(at) < spacing);
        if pool.room() == 0 || (pool.workers >= pool.min && too_soon) {
            return Act::none();
        }
        self.created = Some(pool.now);
        Act::start(1)
    }

    fn spacing(&self, workers: u32) -> Duration {
        Duration::from_millis(match workers / self.concurrency {
            0..4 => 0,
            4..8 => 50,
            8..16 => 100,
            _ => 200,
        })
    }

    fn maintain(&mut self, pool: &View<'_>) -> Act {
        if pool.queued == 0 {
            self.long_before = None;
            self.activity = pool.dequeues;
            return Act::none();
        }
        self.long_before = Some(pool.now.saturating_sub(LONG));
        if self.below_target(pool) {
            return self.wake_or_create(pool);
        }
        let stuck = self.activity == pool.dequeues;
        let none_was_added_in_vain = self.workers <= pool.workers && pool.idle == 0;
        let act = if stuck && none_was_added_in_vain { self.create(pool) } else { Act::none() };
        self.activity = pool.dequeues;
        self.workers = pool.workers;
        act
    }
}

impl Law for MariaDb {
    fn name(&self) -> &'static str {
        "mariadb"
    }

    fn react(&mut self, moment: Moment, pool: &View<'_>) -> Act {
        match moment {
            Moment::Opened => {
                self.concurrency = pool.whole_cores().min(pool.max).max(pool.min).max(1);
                Act::none().and_tick_at(pool.now + MAINTENANCE)
            }
            Moment::Submitted if self.below_target(pool) => self.wake_or_create(pool),
            Moment::Tick => self.maintain(pool).and_tick_at(pool.now + MAINTENANCE),
            _ => Act::none(),
        }
    }

    fn resting(&self, _: &View<'_>) -> Resting {
        Resting { keep_alive: Some(IDLE), ..Resting::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::law::Running;
    use super::*;

    fn opened() -> MariaDb {
        let mut law = MariaDb::new();
        law.react(Moment::Opened, &View::at_rest(2));
        law
    }

    fn at(millis: u64, view: View<'_>) -> View<'_> {
        View { now: Duration::from_millis(millis), ..view }
    }

    fn submitted(law: &mut MariaDb, view: View<'_>) -> u32 {
        law.react(Moment::Submitted, &view).start
    }

    fn maintained(law: &mut MariaDb, view: View<'_>) -> u32 {
        law.react(Moment::Tick, &view).start
    }

    #[test]
    fn submissions_stop_at_twice_the_cores() {
        assert_eq!(submitted(&mut opened(), View::full(7, 9)), 1);
        assert_eq!(submitted(&mut opened(), View::full(8, 9)), 0);
        let one_is_idle = View { busy: 6, idle: 1, ..View::full(7, 1) };
        assert_eq!(submitted(&mut opened(), one_is_idle), 0);
    }

    #[test]
    fn long_jobs_count_only_once_a_maintenance_saw_them() {
        let job = |ms: u64| Running { since: ms * 1_000_000, runnable: false };
        let jobs = [job(10), job(399), job(400), job(401), job(401), job(401), job(401), job(401)];
        let view = |ms| View { running: &jobs, ..at(ms, View::full(8, 5)) };
        let mut law = opened();
        assert_eq!(submitted(&mut law, view(799)), 0);
        assert_eq!(maintained(&mut law, view(800)), 1);
        // Two are long; the one created for them and one more bring the others up to eight.
        let nine = View { workers: 9, starting: 1, ..view(801) };
        assert_eq!(submitted(&mut law, nine.clone()), 1);
        assert_eq!(submitted(&mut law, View { workers: 10, starting: 2, ..nine.clone() }), 0);
        // The others have grown old since, but nobody has looked.
        let later = View { now: Duration::from_millis(1_150), ..nine };
        assert_eq!(submitted(&mut law, View { workers: 10, starting: 2, ..later }), 0);
    }

    #[test]
    fn no_job_is_long_after_a_maintenance_that_found_the_queue_empty() {
        let jobs = [Running { since: 0, runnable: false }; 8];
        let view = |ms, queued| View { running: &jobs, ..at(ms, View::full(8, queued)) };
        let mut law = opened();
        assert_eq!(maintained(&mut law, view(800, 5)), 1);
        assert_eq!(submitted(&mut law, view(900, 5)), 1);
        assert_eq!(maintained(&mut law, view(1_200, 0)), 0);
        assert_eq!(submitted(&mut law, view(1_300, 1)), 0);
    }

    #[test]
    fn a_maintenance_adds_one_if_nothing_began_since_the_last() {
        let mut law = opened();
        let busy = |ms, dequeues| View { dequeues, ..at(ms, View::full(8, 5)) };
        assert_eq!(maintained(&mut law, busy(400, 10)), 0);
        assert_eq!(maintained(&mut law, busy(800, 11)), 0);
        assert_eq!(maintained(&mut law, busy(1_200, 11)), 1);
        assert_eq!(maintained(&mut law, View { queued: 0, ..busy(1_600, 11) }), 0);
    }

    #[test]
    fn the_more_workers_the_longer_between_two() {
        for (workers, spacing) in [(15, 0), (16, 50), (32, 100), (63, 100), (64, 200), (99, 200)] {
            let mut law = opened();
            law.concurrency = 4;
            let view = |ms| at(ms, View { max: 512, ..View::full(workers, 9) });
            assert_eq!(law.create(&view(5_000)).start, 1);
            if spacing > 0 {
                assert_eq!(law.create(&view(5_000 + spacing - 1)).start, 0, "{workers}");
            }
            assert_eq!(law.create(&view(5_000 + spacing)).start, 1, "{workers}");
        }
    }
}
