//! What a policy gets to see of a sample: not the workers that can do nothing for jobs that wait.

use std::borrow::Cow;
use std::time::Duration;

use super::sample::Sample;

/// What a policy sees while other workers may stand in for some that stuck jobs keep.
pub(crate) fn without_replaced(sample: &Sample, replaced: u32) -> Cow<'_, Sample> {
    if replaced == 0 {
        return Cow::Borrowed(sample);
    }
    let mut seen = sample.clone();
    for count in [&mut seen.workers, &mut seen.busy, &mut seen.busy_peak] {
        *count = count.saturating_sub(replaced);
    }
    seen.busy_time = seen.busy_time.saturating_sub(seen.elapsed.saturating_mul(replaced));
    Cow::Owned(seen)
}

/// What a policy sees while workers hold: they are idle while nothing waits, or while there are
/// more workers than there may be, and otherwise no part of the pool.
pub(crate) fn without_held(sample: &Sample, held: u32) -> Cow<'_, Sample> {
    if held == 0 {
        return Cow::Borrowed(sample);
    }
    let mut seen = sample.clone();
    for count in [&mut seen.busy, &mut seen.busy_peak] {
        *count = count.saturating_sub(held);
    }
    if seen.queued == 0 || seen.workers > seen.max {
        seen.idle += held;
    } else {
        for count in [&mut seen.workers, &mut seen.min, &mut seen.max] {
            *count = count.saturating_sub(held);
        }
    }
    Cow::Owned(seen)
}

/// While nothing may leave the queue, nothing in it waits for a worker: the policy sees none of it,
/// and takes the pause neither for a drought nor for a reason to grow.
pub(crate) fn as_paused(sample: &Sample) -> Sample {
    Sample { queued: 0, oldest_age: Duration::ZERO, ..sample.clone() }
}

/// Jobs wait, and whoever does not hold has yet to look for its first. Another one would be one
/// more that tries what the others cannot; as each takes a while to find out, that would go on and
/// on.
pub(crate) fn nobody_at_work(seen: &Sample) -> bool {
    seen.queued > 0 && seen.workers <= seen.starting
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    /// Of eight that there may be, some live, hold and start.
    fn seen([workers, held, starting]: [u32; 3], queued: u64) -> Sample {
        let (busy, max) = (workers - starting, 8);
        let sample = Sample { workers, starting, busy, max, queued, ..Sample::default() };
        without_held(&sample, held).into_owned()
    }

    #[test]
    fn who_holds_is_no_part_of_the_pool_while_jobs_wait_and_idle_otherwise() {
        let waiting = seen([5, 2, 1], 9);
        assert_eq!((waiting.workers, waiting.busy, waiting.idle, waiting.max), (3, 2, 0, 6));
        let quiet = seen([5, 2, 1], 0);
        assert_eq!((quiet.workers, quiet.busy, quiet.idle, quiet.max), (5, 2, 2, 8));
        let surplus = seen([9, 2, 0], 9);
        assert_eq!((surplus.workers, surplus.idle, surplus.max), (9, 2, 8));
    }

    #[test]
    fn nobody_is_at_work_where_all_hold_or_have_yet_to_begin() {
        assert!(nobody_at_work(&seen([3, 3, 0], 1)));
        assert!(nobody_at_work(&seen([3, 2, 1], 1)), "the third has yet to find out");
        assert!(!nobody_at_work(&seen([3, 2, 0], 1)), "the third works");
        assert!(!nobody_at_work(&seen([3, 3, 0], 0)), "nothing waits");
        assert!(!nobody_at_work(&seen([9, 9, 0], 1)), "more than there may be: some are to go");
    }
}
