//! A batch: jobs that submit jobs, of all priorities, more of them than there is room for.

use std::time::Duration;

use springtide::{BuildError, HistogramSink, JobContext, Overflow, Pool, PoolHandle, Priority};

use crate::Span;
use crate::truth::{End, Truth};

const SUBMITTERS: usize = 3;
const PRIORITIES: [Priority; 3] = [Priority::High, Priority::Normal, Priority::Low];
const PARTS: usize = 8;

pub(crate) fn pool() -> Result<Pool, BuildError> {
    Pool::builder("batch")
        .workers(1..=3)
        .queue_capacity(64)
        .overflow(Overflow::Block)
        .ageing(Duration::from_millis(300))
        .histogram_sink(HistogramSink::Exact)
        .build()
}

pub(crate) fn load(pool: &Pool, truth: &Truth, span: &Span) {
    std::thread::scope(|scope| {
        for first in 0..SUBMITTERS {
            scope.spawn(move || {
                let mut number = first;
                while span.goes_on() {
                    number += 1;
                    whole(pool, truth, PRIORITIES[number % PRIORITIES.len()]);
                }
            });
        }
        while span.goes_on() {
            // Held for nobody; given back when dropped.
            let _permits = pool.try_reserve(2);
            span.rest(Duration::from_secs(2));
        }
    });
}

fn whole(pool: &Pool, truth: &Truth, priority: Priority) {
    let (counted, from_inside) = (truth.clone(), pool.handle());
    let job = move |_: &JobContext| {
        (0..PARTS).for_each(|_| part(&from_inside, &counted));
        std::thread::sleep(Duration::from_millis(8));
        counted.is(End::Ok);
    };
    if pool.job("whole").priority(priority).execute(job).is_err() {
        truth.is(End::Refused);
    }
}

fn part(pool: &PoolHandle, truth: &Truth) {
    let counted = truth.clone();
    let job = move || {
        std::thread::sleep(Duration::from_millis(4));
        counted.is(End::Ok);
    };
    if pool.execute(job).is_err() {
        truth.is(End::Refused);
    }
}
