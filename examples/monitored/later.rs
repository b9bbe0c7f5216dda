//! Jobs whose time comes later: delayed ones, and calls to something that often fails, tried again.

use std::fmt::Error;
use std::time::Duration;

use springtide::{BuildError, HistogramSink, JobContext, Pool, Retry, RetryBudget};

use crate::Span;
use crate::truth::{End, Truth};

/// From one submission to the next.
const GAP: Duration = Duration::from_millis(25);

pub(crate) fn pool() -> Result<Pool, BuildError> {
    Pool::builder("later")
        .workers(1..=4)
        .histogram_sink(HistogramSink::Exact)
        // Less than fails, so that some are refused.
        .retry_budget(RetryBudget::new(0.2, 4))
        .build()
}

pub(crate) fn load(pool: &Pool, truth: &Truth, span: &Span) {
    let (mut delayed, mut calls) = (Vec::new(), Vec::new());
    let mut number = 0_u64;
    while span.goes_on() {
        number += 1;
        let counted = truth.clone();
        let fine = move |_: &JobContext| counted.is(End::Ok);
        let soon = Duration::from_millis(number % 40 * 50);
        match pool.job("delayed").delay(soon).submit(fine) {
            Ok(handle) => delayed.push(handle),
            Err(_) => truth.is(End::Refused),
        }
        let (counted, retry) = (truth.clone(), Retry::exponential(Duration::from_millis(20)));
        let call = move |context: &JobContext| {
            let fails = (number + u64::from(context.attempt())).is_multiple_of(2);
            counted.is(if fails { End::Error } else { End::Ok });
            if fails { Err(Error) } else { Ok(()) }
        };
        match pool.job("call").retry(retry).submit(call) {
            Ok(handle) => calls.push(handle),
            Err(_) => truth.is(End::Refused),
        }
        // Whoever looks on for hours wants the truth of those that are over, not their handles.
        delayed.retain(|handle| !handle.is_finished());
        calls.retain(|handle| !handle.is_finished());
        span.rest(GAP);
    }
    for handle in delayed {
        let _ = handle.join();
    }
    for handle in calls {
        let _ = handle.join();
    }
}
