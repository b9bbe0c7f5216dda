//! Two lanes before one pool: a slow partner, who takes no more than its share, and pages.

use std::time::Duration;

use springtide::{BuildError, Lane, Overflow, Pool};

use crate::Span;
use crate::truth::{End, Truth};

const TICK: Duration = Duration::from_millis(50);

pub(crate) fn pool() -> Result<Pool, BuildError> {
    Pool::builder("lanes").workers(1..=6).overflow(Overflow::Reject).build()
}

pub(crate) fn load(pool: &Pool, truth: &Truth, span: &Span) {
    let partner = pool.lane("partner").max_running(2).queue_capacity(20).build();
    let pages = pool.lane("pages").weight(3).build();
    let (Ok(partner), Ok(pages)) = (partner, pages) else { return };
    while span.goes_on() {
        // Twice what the partner can take, so that its lane refuses some.
        submit(&partner, truth, 12, Duration::from_millis(20));
        submit(&pages, truth, 4, Duration::from_millis(5));
        span.rest(TICK);
    }
    // The pool does not wait for what is still in a lane.
    for lane in [partner, pages] {
        while lane.stats().waiting > 0 {
            std::thread::sleep(TICK);
        }
    }
}

/// What a lane refuses its pool never sees.
fn submit(lane: &Lane, truth: &Truth, jobs: usize, time: Duration) {
    for _ in 0..jobs {
        let counted = truth.clone();
        let _ = lane.execute(move || {
            std::thread::sleep(time);
            counted.is(End::Ok);
        });
    }
}
