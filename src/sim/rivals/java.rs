//! The pool of Java's standard library.
//!
//! Source: OpenJDK, `java.util.concurrent.ThreadPoolExecutor`, `execute` and `getTask`; the core of
//! one thread a core and the queue of 1024 are what applications commonly choose, the keep-alive
//! of 60 s is what `Executors` chooses.
//!
//! Left out: a new thread brings the job along that it was made for, here it takes the first of the
//! queue. The places such jobs would leave free in the queue are counted as free.

use std::time::Duration;

use super::super::law::{Act, Law, Moment, Next, Resting, View};

const QUEUE: u64 = 1_024;

const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// A thread for each job until the core is complete, then the queue, and only when that is full
/// threads up to the upper bound. When they are all there too, jobs are turned away.
#[derive(Clone, Debug, Default)]
pub struct Java {
    core: u32,
}

impl Java {
    /// The law, for a pool that has not been opened.
    pub fn new() -> Java {
        Java::default()
    }

    fn core(pool: &View<'_>) -> u32 {
        pool.whole_cores().clamp(pool.min, pool.max)
    }

    fn submitted(&self, pool: &View<'_>) -> Act {
        if pool.workers < self.core {
            return Act::start(1);
        }
        let waited_before = pool.queued.saturating_sub(1 + u64::from(pool.starting));
        if waited_before < QUEUE {
            Act::none()
        } else if pool.room() > 0 {
            Act::start(1)
        } else {
            Act { refuse: true, ..Act::none() }
        }
    }
}

impl Law for Java {
    fn name(&self) -> &'static str {
        "java"
    }

    fn react(&mut self, moment: Moment, pool: &View<'_>) -> Act {
        match moment {
            Moment::Opened => {
                self.core = Java::core(pool);
                Act::none()
            }
            Moment::Submitted => self.submitted(pool),
            _ => Act::none(),
        }
    }

    fn resting(&self, pool: &View<'_>) -> Resting {
        // Idle threads wait in the line of a fair condition.
        let next = Next::LongestIdle;
        Resting { keep_alive: Some(KEEP_ALIVE), keep: Java::core(pool), next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened() -> Java {
        let mut law = Java::new();
        assert_eq!(law.react(Moment::Opened, &View::at_rest(2)), Act::none());
        law
    }

    fn submitted(view: &View<'_>) -> Act {
        opened().react(Moment::Submitted, view)
    }

    #[test]
    fn below_the_core_each_job_gets_a_thread_though_others_are_idle() {
        assert_eq!(submitted(&View { queued: 1, ..View::at_rest(3) }), Act::start(1));
        assert_eq!(submitted(&View { queued: 1, ..View::at_rest(4) }), Act::none());
    }

    #[test]
    fn the_pool_stays_at_the_core_until_1024_jobs_wait() {
        assert_eq!(submitted(&View::full(4, 1_024)), Act::none());
        assert_eq!(submitted(&View::full(4, 1_025)), Act::start(1));
    }

    #[test]
    fn a_thread_on_its_way_has_a_job_that_is_not_in_the_queue() {
        let one_starts = View { starting: 1, ..View::full(5, 1_025) };
        assert_eq!(submitted(&one_starts), Act::none());
        assert_eq!(submitted(&View { queued: 1_026, ..one_starts }), Act::start(1));
    }

    #[test]
    fn a_full_queue_and_a_full_pool_turn_the_job_away() {
        assert!(!submitted(&View::full(64, 1_024)).refuse);
        let act = submitted(&View::full(64, 1_025));
        assert_eq!((act.start, act.refuse), (0, true));
    }

    #[test]
    fn only_threads_above_the_core_leave() {
        let resting = opened().resting(&View::at_rest(2));
        assert_eq!((resting.keep_alive, resting.keep), (Some(KEEP_ALIVE), 4));
    }
}
