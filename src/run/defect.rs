//! Seam: a defect of the pool's own, on purpose, so that a test can see what a worker leaves behind
//! that dies of one. In every other build it is nothing.

use super::shared::Shared;

/// A step on the way of a job, by what was done just before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The worker looks for a job.
    Search,
    /// It has taken a job out of the queue.
    Take,
    /// It has looked whether it has what the job needs.
    Meet,
    /// It has won the job's claim, and the job has left the queue, as all can see.
    Release,
    /// It has been run.
    Run,
    /// It is counted.
    Count,
}

#[cfg(any(not(test), shuttle))]
#[inline(always)]
pub(crate) fn strike(_shared: &Shared, _step: Step) {}

#[cfg(all(test, not(shuttle)))]
pub(crate) use armed::{arm, strike};

#[cfg(all(test, not(shuttle)))]
mod armed {
    use super::{Shared, Step};
    use crate::sync::Mutex;

    /// The pools whose workers are to die, where, and how many times it is passed before.
    static ARMED: Mutex<Vec<(String, Step, u32)>> = Mutex::new(Vec::new());

    /// One worker of this pool will die at this step, after it was passed so many times.
    pub(crate) fn arm(pool: &str, step: Step, after: u32) {
        ARMED.lock().push((pool.to_owned(), step, after));
    }

    pub(crate) fn strike(shared: &Shared, step: Step) {
        let is_due = {
            let mut armed = ARMED.lock();
            let here = armed
                .iter()
                .position(|(pool, at, _)| (pool.as_str(), *at) == (shared.name.as_str(), step));
            here.is_some_and(|place| match armed[place].2.checked_sub(1) {
                Some(left) => {
                    armed[place].2 = left;
                    false
                }
                None => {
                    armed.swap_remove(place);
                    true
                }
            })
        };
        assert!(!is_due, "a defect on purpose");
    }
}
