//! What the supervisor decided, and why: counts by reason and a bounded ring of decisions.

use std::collections::VecDeque;
use std::time::Duration;

use super::policy::{Plan, Reason};
use super::sample::Sample;
use super::totals::Noted;
use crate::run::histogram::Cells;

/// Decisions remembered.
const RING: usize = 256;

/// One entry of the decision ring: what was done about the number of workers, or why nothing was
/// although jobs waited.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Decision {
    /// When, as the time since the pool was built.
    pub at: Duration,
    /// Workers before.
    pub from: u32,
    /// Workers wanted after; the same as before if nothing was done.
    pub to: u32,
    /// Why.
    pub reason: Reason,
    /// Jobs waiting at that moment.
    pub queued: u64,
    /// Age of the oldest of them.
    pub oldest_age: Duration,
    /// How many times in a row the same was decided again: it changed nothing, or workers were
    /// still on their way out by this entry.
    pub repeats: u64,
}

/// Everything the supervisor writes down.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    ring: VecDeque<Decision>,
    /// `[direction][reason]`; direction 0 is up.
    pub(crate) scale_events: [[u64; Reason::ALL.len()]; 2],
    pub(crate) suppressed: [u64; Reason::ALL.len()],
    pub(crate) verdicts: [u64; Reason::ALL.len()],
    pub(crate) evaluations: u64,
    pub(crate) workers_started: u64,
    pub(crate) spawn_failures: u64,
    pub(crate) recoveries: u64,
    /// Jobs noticed to be stuck.
    pub(crate) stuck_jobs: u64,
    /// Accepted and rejected changes of the settings.
    pub(crate) reloads: [u64; 2],
    pub(crate) tick: Cells,
    pub(crate) noted: Noted,
    /// The system refused a thread at the last attempt, a moment ago.
    pub(crate) spawn_refused: bool,
}

impl Journal {
    /// Writes down one evaluation: the plan as it was carried out.
    pub(crate) fn record(&mut self, at: Duration, sample: &Sample, plan: &Plan) {
        self.evaluations += 1;
        self.noted.stalled = plan.stalled;
        let reason = plan.reason.index();
        self.verdicts[reason] += 1;
        let to = plan.target(sample.workers);
        if let Some(standing) = self.standing_order(sample, plan, to) {
            standing.repeats += 1;
            return;
        }
        if plan.is_change() {
            self.scale_events[usize::from(plan.leave() > 0)][reason] += 1;
        } else if sample.queued > 0 {
            self.suppressed[reason] += 1;
        } else {
            // Counted and not listed: at its lower bound a quiet pool would say nothing else.
            self.suppressed[reason] += u64::from(plan.reason == Reason::AtMin);
            return;
        }
        let same = |last: &&mut Decision| {
            !plan.is_change() && last.from == last.to && last.reason == plan.reason
        };
        if let Some(last) = self.ring.back_mut().filter(same) {
            last.repeats += 1;
            return;
        }
        if self.ring.len() == RING {
            self.ring.pop_front();
        }
        self.ring.push_back(Decision {
            at,
            from: sample.workers,
            to,
            reason: plan.reason,
            queued: sample.queued,
            oldest_age: sample.oldest_age,
            repeats: 0,
        });
    }

    /// The last decision, if workers are still leaving by it as they come out of their jobs. A
    /// policy says so at each look until they are gone; that is no further change.
    fn standing_order(&mut self, sample: &Sample, plan: &Plan, to: u32) -> Option<&mut Decision> {
        let last = self.ring.back_mut()?;
        let stands = plan.drain > 0
            && plan.retire_idle == 0
            && (last.to, last.reason) == (to, plan.reason)
            && (to + 1..=last.from).contains(&sample.workers);
        stands.then_some(last)
    }

    pub(crate) fn decisions(&self) -> Vec<Decision> {
        self.ring.iter().cloned().collect()
    }

    pub(crate) fn last_decision(&self) -> Option<Decision> {
        self.ring.back().cloned()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    fn sample(queued: u64) -> Sample {
        Sample { workers: 3, queued, ..Sample::default() }
    }

    #[test]
    fn a_change_is_an_entry_and_a_repeated_refusal_is_one_entry_that_counts() {
        let mut journal = Journal::default();
        journal.record(Duration::ZERO, &sample(5), &Plan::add(2, Reason::Grow));
        for _ in 0..4 {
            journal.record(Duration::ZERO, &sample(5), &Plan::hold(Reason::AtMax));
        }
        journal.record(Duration::ZERO, &sample(0), &Plan::hold(Reason::Steady));
        let ring = journal.decisions();
        assert_eq!(ring.len(), 2);
        assert_eq!((ring[0].from, ring[0].to, ring[0].reason), (3, 5, Reason::Grow));
        assert_eq!((ring[1].reason, ring[1].repeats), (Reason::AtMax, 3));
        assert_eq!(journal.scale_events[0][Reason::Grow.index()], 1);
        assert_eq!(journal.suppressed[Reason::AtMax.index()], 4);
        assert_eq!(journal.suppressed[Reason::Steady.index()], 0);
        assert_eq!(journal.evaluations, 6);
    }

    #[test]
    fn workers_that_leave_as_they_come_out_of_their_jobs_leave_by_one_decision() {
        let drain = |workers, to| {
            let mut plan = Plan::hold(Reason::AboveMax);
            plan.drain = workers - to;
            (Sample { workers, queued: 9, ..Sample::default() }, plan)
        };
        let mut journal = Journal::default();
        let mut record = |workers, to| {
            let (sample, plan) = drain(workers, to);
            journal.record(Duration::ZERO, &sample, &plan);
        };
        [20, 20, 19, 13, 9].into_iter().for_each(|workers| record(workers, 8));
        record(8, 4);
        [8, 5].into_iter().for_each(|workers| record(workers, 3));
        record(7, 3);
        record(9, 3);
        let ring: Vec<_> = journal.decisions().iter().map(|d| (d.from, d.to, d.repeats)).collect();
        assert_eq!(ring, [(20, 8, 4), (8, 4, 0), (8, 3, 2), (9, 3, 0)]);
        assert_eq!(journal.scale_events[1][Reason::AboveMax.index()], 4);
    }

    #[test]
    fn whoever_is_kept_by_the_lower_bound_is_counted_and_not_listed() {
        let mut journal = Journal::default();
        (0..3).for_each(|_| {
            journal.record(Duration::ZERO, &sample(0), &Plan::hold(Reason::AtMin));
        });
        assert_eq!(journal.suppressed[Reason::AtMin.index()], 3);
        assert!(journal.decisions().is_empty());
    }

    #[test]
    fn the_ring_is_bounded() {
        let mut journal = Journal::default();
        for n in 0..1000 {
            let plan = if n % 2 == 0 {
                Plan::add(1, Reason::Grow)
            } else {
                Plan::retire_idle(1, Reason::ShrinkIdle)
            };
            journal.record(Duration::from_secs(n), &sample(1), &plan);
        }
        assert_eq!(journal.decisions().len(), RING);
        assert_eq!(journal.last_decision().map(|d| d.at), Some(Duration::from_secs(999)));
    }
}
