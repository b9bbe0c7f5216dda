//! A pool whose scaling policy hangs now and then. Its workers go on, and all that it reported
//! before looks as well as ever.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use springtide::{BuildError, Plan, Pool, PredictedWait, Sample, ScalingPolicy};

use crate::Span;
use crate::truth::{End, Truth};

/// Whoever holds it has the policy hang.
static DOOR: Mutex<()> = Mutex::new(());

#[derive(Debug, Default)]
struct Hanging(PredictedWait);

impl ScalingPolicy for Hanging {
    fn decide(&mut self, now: Duration, sample: &Sample) -> Plan {
        let _open = DOOR.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.decide(now, sample)
    }
}

pub(crate) fn pool() -> Result<Pool, BuildError> {
    Pool::builder("hung").workers(1..=2).policy(Hanging::default()).build()
}

pub(crate) fn load(pool: &Pool, truth: &Truth, span: &Span) {
    while span.goes_on() {
        jobs(pool, truth, span, 5);
        let _shut = DOOR.lock().unwrap_or_else(PoisonError::into_inner);
        jobs(pool, truth, span, 25);
    }
}

/// One at a time, so none waits whatever becomes of the supervisor.
fn jobs(pool: &Pool, truth: &Truth, span: &Span, seconds: u64) {
    let until = span.age() + Duration::from_secs(seconds);
    while span.goes_on() && span.age() < until {
        let ended = pool.submit(|| ()).map(|job| job.join());
        truth.is(if matches!(ended, Ok(Ok(()))) { End::Ok } else { End::Refused });
        span.rest(Duration::from_millis(100));
    }
}
