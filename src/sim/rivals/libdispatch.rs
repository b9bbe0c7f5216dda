//! Apple's dispatch queues as they run on Linux.
//!
//! Source: apple/swift-corelibs-libdispatch, `src/event/workqueue.c` (the monitor) and
//! `src/queue.c` (what a poke is, and the 5 s of idleness after which a thread leaves).
//!
//! Left out: there is one quality of service, so the count of runnable threads over all of them is
//! the count of these; and the chain of pokes, which goes on as each thread takes its first job, is
//! told from jobs that begin. On other systems the kernel does all this and knows more.

use std::time::Duration;

use super::super::law::{Act, Law, Moment, Next, Resting, View};

const MONITOR: Duration = Duration::from_secs(1);

const IDLE: Duration = Duration::from_secs(5);

const OVERSUBSCRIPTION: u32 = 2;

/// The largest number of threads that the monitor has room to watch.
const TRACKED: u32 = 255;

/// Threads up to the cores, each poked by the one before. Above that one a second: if none of them
/// wants a core, up to the bounds; if fewer than the cores do, up to twice the cores.
#[derive(Clone, Debug, Default)]
pub struct Libdispatch {
    cores: u32,
}

impl Libdispatch {
    /// The law, for a pool that has not been opened.
    pub fn new() -> Libdispatch {
        Libdispatch::default()
    }

    /// One thread, unless one is idle or on its way already.
    fn poke(pool: &View<'_>, limit: u32) -> Act {
        let is_served = pool.idle > 0 || pool.starting > 0 || pool.workers >= limit;
        Act::start(u32::from(!is_served).min(pool.room()))
    }

    fn monitor(&self, pool: &View<'_>) -> Act {
        if pool.queued == 0 {
            Act::none()
        } else if pool.runnable == 0 {
            Libdispatch::poke(pool, TRACKED)
        } else if pool.runnable < self.cores {
            Libdispatch::poke(pool, self.cores * OVERSUBSCRIPTION)
        } else {
            Act::none()
        }
    }
}

impl Law for Libdispatch {
    fn name(&self) -> &'static str {
        "libdispatch"
    }

    fn react(&mut self, moment: Moment, pool: &View<'_>) -> Act {
        match moment {
            Moment::Opened => {
                self.cores = pool.whole_cores();
                Act::none().and_tick_at(pool.now + MONITOR)
            }
            // Who finds the queue empty pokes, and who leaves something in it.
            Moment::Submitted if pool.queued == 1 => Libdispatch::poke(pool, self.cores),
            Moment::Started if pool.queued > 0 => Libdispatch::poke(pool, self.cores),
            Moment::Tick => self.monitor(pool).and_tick_at(pool.now + MONITOR),
            _ => Act::none(),
        }
    }

    fn resting(&self, _: &View<'_>) -> Resting {
        // They wait on a semaphore of the system, and that wakes in the order of arrival.
        Resting { keep_alive: Some(IDLE), keep: 0, next: Next::LongestIdle }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(moment: Moment, view: &View<'_>) -> u32 {
        let mut law = Libdispatch::new();
        law.react(Moment::Opened, &View::at_rest(2));
        law.react(moment, view).start
    }

    #[test]
    fn up_to_the_cores_each_thread_pokes_the_next() {
        assert_eq!(started(Moment::Submitted, &View::full(2, 1)), 1);
        let on_its_way = View { busy: 2, starting: 1, ..View::full(3, 9) };
        assert_eq!(started(Moment::Submitted, &on_its_way), 0);
        assert_eq!(started(Moment::Started, &on_its_way), 0);
        assert_eq!(started(Moment::Started, &View::full(3, 8)), 1);
        assert_eq!(started(Moment::Started, &View::full(3, 0)), 0);
        assert_eq!(started(Moment::Started, &View::full(4, 8)), 0);
    }

    #[test]
    fn the_monitor_adds_one_a_second_if_threads_that_are_busy_want_no_core() {
        let tick = |workers, runnable, queued| {
            started(Moment::Tick, &View { runnable, ..View::full(workers, queued) })
        };
        assert_eq!(tick(7, 3, 9), 1);
        assert_eq!(tick(7, 3, 0), 0);
        assert_eq!(tick(7, 4, 9), 0);
        // Some run: twice the cores are enough. None runs: the pool may be stuck.
        assert_eq!((tick(8, 3, 9), tick(8, 0, 9)), (0, 1));
        assert_eq!(tick(64, 0, 9), 0);
    }

    #[test]
    fn the_monitor_looks_again_after_a_second() {
        let now = Duration::from_secs(5);
        let act = Libdispatch::new().react(Moment::Tick, &View { now, ..View::at_rest(2) });
        assert_eq!(act.tick, Some(Duration::from_secs(6)));
    }
}
