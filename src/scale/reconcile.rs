//! Counters lie, in every pool that trusts them. This check uses none of the workers' counters:
//! jobs are queued, none has left the queue for a while, and some worker is not inside a job.
//! Then a wake-up was lost somewhere, by the system or by a bug: wake that worker again. With no
//! worker at all the supervisor starts one, whatever its policy says; with none free and none added
//! the pool is reported as stalled.

use std::time::Duration;

use super::sample::Sample;
use crate::run::shared::Shared;
use crate::run::slot::State;
use crate::time::Nanos;

/// A pool is stalled when no job has left the queue for this long and no worker was added,
/// whatever its policy says.
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
    /// Whether jobs wait, and for long none has left the queue and no worker was added.
    pub(crate) fn is_stalled(&self, now: Nanos) -> bool {
        self.since.is_some_and(|since| now.since(since) >= STALLED_AFTER)
    }

    /// A worker was added: what was stuck may move now.
    pub(crate) fn grew(&mut self) {
        *self = Reconciler::default();
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
