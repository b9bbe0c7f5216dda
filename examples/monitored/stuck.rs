//! A pool that stands still, again and again: its one worker is in a job that does not hear.

use std::time::Duration;

use springtide::{BuildError, JobContext, JobHandle, Pool};

use crate::Span;
use crate::truth::{End, Truth};

/// How many jobs wait behind it each time. They take no time, and are so many that it is plain that
/// jobs do here: that is what makes it a stall that one takes seconds.
const BEHIND: usize = 200;

pub(crate) fn pool() -> Result<Pool, BuildError> {
    Pool::builder("stuck").workers(1..=1).stuck_after(Duration::from_secs(1)).build()
}

pub(crate) fn load(pool: &Pool, truth: &Truth, span: &Span) {
    short_jobs(pool, truth);
    while span.goes_on() {
        let counted = truth.clone();
        let deaf = move |context: &JobContext| {
            context.heartbeat();
            std::thread::sleep(Duration::from_secs(6));
            counted.is(End::Timeout);
        };
        let job = pool.job("deaf").timeout(Duration::from_secs(1)).submit(deaf);
        if job.map(JobHandle::detach).is_err() {
            truth.is(End::Refused);
        }
        short_jobs(pool, truth);
        span.rest(Duration::from_secs(10));
    }
}

fn short_jobs(pool: &Pool, truth: &Truth) {
    for _ in 0..BEHIND {
        let counted = truth.clone();
        if pool.execute(move || counted.is(End::Ok)).is_err() {
            truth.is(End::Refused);
        }
    }
}
