//! Counters lie, in every pool that trusts them. This check uses none of the workers' counters:
//! jobs are queued, none has left the queue for a while, and some worker is not inside a job.
//! Then a wake-up was lost somewhere, by the system or by a bug: wake that worker again.

use std::time::Duration;

use super::sample::Sample;
use crate::run::shared::Shared;
use crate::run::slot::State;
use crate::time::Nanos;

/// A pool at its upper bound is stalled when no job has left the queue for this long, whatever
/// its policy says.
const STALLED_AFTER: Duration = Duration::from_secs(1);
/// Looks without progress before it acts.
const LOOKS: u32 = 3;
/// And the time they must span: a thread that was just woken needs some to get a core.
const SPAN: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
pub(crate) struct Reconciler {
    since: Option<Nanos>,
    looks: u32,
}

impl Reconciler {
    /// Whether jobs wait, none has left the queue for long, and no worker may be added.
    pub(crate) fn is_stalled(&self, sample: &Sample, now: Nanos) -> bool {
        let long = self.since.is_some_and(|since| now.since(since) >= STALLED_AFTER);
        long && sample.workers >= sample.max
    }

    /// Returns how many workers had to be woken (0 or 1).
    pub(crate) fn check(&mut self, shared: &Shared, sample: &Sample, now: Nanos) -> u64 {
        if sample.queued == 0 || sample.dequeues > 0 || shared.is_paused() {
            *self = Reconciler::default();
            return 0;
        }
        let since = *self.since.get_or_insert(now);
        self.looks += 1;
        if self.looks < LOOKS || now.since(since) < SPAN {
            return 0;
        }
        let free = shared
            .roster
            .used()
            .find(|(_, slot)| slot.state() == State::Live && slot.current.look().is_none());
        let Some((index, _)) = free else { return 0 };
        *self = Reconciler::default();
        shared.sleep.rouse(index);
        1
    }
}
