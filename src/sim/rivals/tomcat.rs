//! The request threads of Apache Tomcat.
//!
//! Source: apache/tomcat, `java/org/apache/tomcat/util/threads/TaskQueue.java` @065f64c, and the
//! defaults of its executor: 25 spare threads, which exist from the start, and 60 s of idleness for
//! the others. Its upper limit of 200 is the pool's bound here.
//!
//! Left out: the limits on connections in front of the threads.

use std::time::Duration;

use super::super::law::{Act, Law, Moment, Next, Resting, View};

const MIN_SPARE: u32 = 25;

const IDLE: Duration = Duration::from_secs(60);

/// Java's pool turned round: a queue that refuses jobs, so that a thread is made, as long as there
/// are more jobs than threads and the upper bound has room.
#[derive(Clone, Debug, Default)]
pub struct Tomcat {
    spare: u32,
}

impl Tomcat {
    /// The law, for a pool that has not been opened.
    pub fn new() -> Tomcat {
        Tomcat::default()
    }

    fn spare(pool: &View<'_>) -> u32 {
        MIN_SPARE.clamp(pool.min, pool.max)
    }
}

impl Law for Tomcat {
    fn name(&self) -> &'static str {
        "tomcat"
    }

    fn react(&mut self, moment: Moment, pool: &View<'_>) -> Act {
        match moment {
            Moment::Opened => {
                self.spare = Tomcat::spare(pool);
                Act::start(self.spare.saturating_sub(pool.workers))
            }
            Moment::Submitted => {
                let jobs = pool.queued + u64::from(pool.busy);
                let wanted = pool.workers < self.spare || jobs > u64::from(pool.workers);
                Act::start(u32::from(wanted).min(pool.room()))
            }
            _ => Act::none(),
        }
    }

    fn resting(&self, pool: &View<'_>) -> Resting {
        // Idle threads wait in the line of a fair condition.
        let next = Next::LongestIdle;
        Resting { keep_alive: Some(IDLE), keep: Tomcat::spare(pool), next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened() -> Tomcat {
        let mut law = Tomcat::new();
        assert_eq!(law.react(Moment::Opened, &View::at_rest(2)).start, 23);
        law
    }

    #[test]
    fn more_jobs_than_threads_make_a_thread_at_once() {
        let start = |view| opened().react(Moment::Submitted, &view).start;
        assert_eq!(start(View::full(30, 1)), 1);
        let one_is_idle = View { busy: 29, idle: 1, ..View::full(30, 1) };
        assert_eq!(start(one_is_idle.clone()), 0);
        assert_eq!(start(View { queued: 2, ..one_is_idle }), 1);
        assert_eq!(start(View::full(64, 9)), 0);
    }

    #[test]
    fn a_thread_on_its_way_counts_for_one_job() {
        let start = |queued| {
            let view = View { busy: 30, starting: 3, ..View::full(33, queued) };
            opened().react(Moment::Submitted, &view).start
        };
        assert_eq!((start(3), start(4)), (0, 1));
    }

    #[test]
    fn the_spare_threads_are_bounded_and_stay() {
        let small = View { max: 8, ..View::at_rest(2) };
        assert_eq!(Tomcat::new().react(Moment::Opened, &small).start, 6);
        assert_eq!(Tomcat::new().resting(&small).keep, 8);
        assert_eq!(opened().resting(&View::at_rest(2)).keep, 25);
    }
}
