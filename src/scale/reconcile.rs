//! Counters lie, in every pool that trusts them. This check uses none of the workers' counters:
//! jobs are queued, none has left the queue for a while, and some worker is not inside a job.
//! Then a wake-up was lost somewhere, by the system or by a bug: wake that worker again. With no
//! worker at all the supervisor starts one, whatever its policy says; with none free and none added
//! for far longer than jobs take the pool is reported as stalled.

use std::time::Duration;

use super::sample::Sample;
use crate::run::shared::Shared;
use crate::run::slot::State;
use crate::time::Nanos;

/// A pool is stalled when no job has left the queue for this long and no worker was added, whatever
/// its policy says: twice as long as until the default policy would have added one regardless.
const STALLED_AFTER: Duration = Duration::from_secs(1);
/// And for this many times what all but one job in a hundred take, for workers that are in such
/// jobs take none meanwhile. It was one second for every pool: one with jobs of 5 s and more of
/// them than workers was called stalled most of the time, and did all its work.
const STALLED_AFTER_RUNS: u32 = 2;
/// Before the first job has ended nobody knows how long they take. Half a minute without progress
/// is what is usually alarmed about.
const STALLED_AFTER_UNKNOWN: Duration = Duration::from_secs(30);
/// Looks without progress before it acts.
const LOOKS: u32 = 3;
/// And the time they must span: a thread that was just woken needs some to get a core.
const SPAN: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
pub(crate) struct Reconciler {
    since: Option<Nanos>,
    looks: u32,
    /// How long it may last this time; found out when it has lasted for long.
    bearable: Option<Duration>,
}

/// For how long it is no stall that jobs wait and none leaves the queue, where all but one in a
/// hundred take so long.
fn bearable(run_p99: Option<Duration>) -> Duration {
    run_p99.map_or(STALLED_AFTER_UNKNOWN, |p99| {
        STALLED_AFTER.max(p99.saturating_mul(STALLED_AFTER_RUNS))
    })
}

impl Reconciler {
    /// Whether jobs wait, and for long none has left the queue and no worker was added. Asks how
    /// long jobs take, if any has ended, only when that matters.
    pub(crate) fn is_stalled(
        &mut self,
        now: Nanos,
        run_p99: impl FnOnce() -> Option<Duration>,
    ) -> bool {
        let lasts = self.since.map_or(Duration::ZERO, |since| now.since(since));
        lasts >= STALLED_AFTER && lasts >= *self.bearable.get_or_insert_with(|| bearable(run_p99()))
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

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn what_is_bearable_is_twice_what_jobs_take_and_a_second_at_least() {
        assert_eq!(bearable(Some(Duration::ZERO)), seconds(1));
        assert_eq!(bearable(Some(Duration::from_millis(700))), Duration::from_millis(1_400));
        assert_eq!(bearable(Some(seconds(5))), seconds(10));
        assert_eq!(bearable(Some(Duration::MAX)), Duration::MAX);
        assert_eq!(bearable(None), seconds(30), "nobody knows");
    }

    #[test]
    fn how_long_jobs_take_is_asked_once_a_drought_and_only_when_it_matters() {
        let mut asked = 0;
        let mut stalled = |reconciler: &mut Reconciler, now: Nanos| {
            reconciler.is_stalled(now, || {
                asked += 1;
                Some(seconds(2))
            })
        };
        let at = |n| Nanos::from_duration(seconds(n));
        let mut reconciler = Reconciler::default();
        assert!(!stalled(&mut reconciler, at(100)), "nothing waits in vain");
        reconciler.since = Some(at(100));
        let seen = [100, 101, 103, 104, 200].map(|now| stalled(&mut reconciler, at(now)));
        assert_eq!(seen, [false, false, false, true, true]);
        reconciler.grew();
        assert!(!stalled(&mut reconciler, at(201)));
        assert_eq!(asked, 1);
    }
}
