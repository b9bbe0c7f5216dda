//! Two pools at their limits: one of 2 to 512 workers, for whom the same rush is far too much and
//! nothing at all by turns, and one that only counts.

use std::time::Duration;

use springtide::{BuildError, Pool};

use crate::Span;
use crate::truth::{End, Truth};

const FEW: usize = 2;
const MANY: usize = 512;
/// How long there are few, and then many.
const TURN: Duration = Duration::from_secs(9);
/// What comes at the start of each turn: a job for each of many. Few need more than their turn.
const RUSH: usize = MANY;
const EACH: Duration = Duration::from_millis(50);
/// A second's worth of jobs that do nothing.
const FLOOD: usize = 20_000;

pub(crate) fn pool() -> Result<Pool, BuildError> {
    Pool::builder("crowd").workers(FEW..=FEW).ceiling(MANY).build()
}

pub(crate) fn load(pool: &Pool, truth: &Truth, span: &Span) {
    for workers in [FEW, MANY].into_iter().cycle() {
        // Both are bounds that this pool may have.
        let _ = pool.resize(workers..=workers);
        (0..RUSH).for_each(|_| submit(pool, truth, EACH));
        span.rest(TURN);
        if !span.goes_on() {
            return;
        }
    }
}

pub(crate) fn fast_pool() -> Result<Pool, BuildError> {
    Pool::builder("fast").workers(1..=2).build()
}

pub(crate) fn flat_out(pool: &Pool, truth: &Truth, span: &Span) {
    while span.goes_on() {
        (0..FLOOD).for_each(|_| submit(pool, truth, Duration::ZERO));
        span.rest(Duration::from_secs(1));
    }
}

fn submit(pool: &Pool, truth: &Truth, time: Duration) {
    let counted = truth.clone();
    let job = move || {
        if !time.is_zero() {
            std::thread::sleep(time);
        }
        counted.is(End::Ok);
    };
    if pool.execute(job).is_err() {
        truth.is(End::Refused);
    }
}
