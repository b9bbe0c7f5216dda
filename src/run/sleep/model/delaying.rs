//! Delayed jobs: who queues one that is due, who cancels it, who adds up where the jobs are.

use super::explore;
use super::publishing::{Made, make_with};
use crate::config::Delayed;
use crate::error::{CancelReason, JobError};
use crate::run::delayed::{DelayedJobs, JobCounts};
use crate::run::gate::Gate;
use crate::run::job::{Started, Tracked, Withdrawn};
use crate::run::sleep::model::set_up;
use crate::run::ticket::{Delay, Limits};
use crate::sync::Arc;
use crate::time::Nanos;
use loom::thread::JoinHandle;

/// A pool as far as delayed jobs go.
struct Pool {
    delayed: DelayedJobs,
    gate: Gate,
}

impl Pool {
    /// With one job that waits for its time.
    fn of_one() -> (Arc<Pool>, Made) {
        let pool = Pool { delayed: DelayedJobs::new(1, Delayed::Cancel), gate: Gate::new(1) };
        let made = make_with(Limits { delay: Some(Delay::default()), ..Limits::default() });
        set_up(|| {
            assert_eq!(pool.delayed.admit(&pool.gate), Ok(()));
            assert!(pool.delayed.insert(Arc::clone(&made.job)));
        });
        (Arc::new(pool), made)
    }

    fn spawn<T: 'static>(
        self: &Arc<Self>,
        task: impl FnOnce(&Pool) -> T + 'static,
    ) -> JoinHandle<T> {
        let pool = Arc::clone(self);
        loom::thread::spawn(move || task(&pool))
    }

    /// The timer's thread, and the worker that takes what it has queued.
    fn run_what_is_due(&self) -> bool {
        let Some(job) = self.delayed.take_due(Nanos(0), &self.gate) else { return false };
        let is_started = Started::of(&*job, job.ticket()).is_some();
        if is_started {
            self.gate.release();
        }
        is_started
    }

    /// As `attempt::cancel`.
    fn cancel(&self, job: &dyn Tracked) -> bool {
        let Some(withdrawn) = Withdrawn::by_cancelling(job) else { return false };
        if !self.delayed.withdraw(job.ticket()) {
            self.gate.release();
        }
        withdrawn.refuse(JobError::cancelled(CancelReason::Requested));
        true
    }

    fn counts(&self) -> JobCounts {
        self.delayed.counts(&self.gate)
    }
}

fn join<T>(thread: JoinHandle<T>) -> T {
    thread.join().expect("a thread of the model panicked")
}

/// Attacks D1: whoever adds up finds the job where it waits, in the queue, or gone from there.
#[test]
fn a_job_on_its_way_to_the_queue_is_counted_once_at_every_look() {
    explore("queue what is due x add up", 8, || {
        let (pool, _made) = Pool::of_one();
        let timer = pool.spawn(Pool::run_what_is_due);
        let counts = pool.counts();
        assert_eq!(counts.accepted, 1, "counted twice, or not at all: {counts:?}");
        assert!(join(timer), "nobody else wants it");
        assert_eq!(pool.counts(), JobCounts { accepted: 1, delayed: 0, dequeued: 1 });
    });
}

/// Attacks D1 and D2: a job that is cancelled as its time comes is accounted for where it was.
#[test]
fn a_job_cancelled_as_it_comes_due_leaves_no_place_behind() {
    explore("queue what is due x cancel x add up", 8, || {
        let (pool, made) = Pool::of_one();
        let timer = pool.spawn(Pool::run_what_is_due);
        let job = Arc::clone(&made.job);
        let canceller = pool.spawn(move |pool| pool.cancel(&*job));
        let counts = pool.counts();
        assert_eq!(counts.accepted, 1, "counted twice, or not at all: {counts:?}");
        assert!(join(timer) != join(canceller), "run and cancelled, or neither");
        let over = JobCounts { accepted: 1, delayed: 0, dequeued: 1 };
        assert_eq!(pool.counts(), over, "it was accounted for where it was not");
    });
}
