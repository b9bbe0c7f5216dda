//! Jobs that must be over by some moment: listed while they run, given up when it has passed, and
//! stuck when they go on for longer than the pool's grace.
//!
//! Workers write a slot's list, and the supervisor reads it; what it notices about a job it writes
//! into the job's entry, so that this is gone with the job. The owner's hook is called in between,
//! under no lock, and a job that ends meanwhile has no entry any more.

use super::job::Tracked;
use super::shared::Shared;
use super::slot::Timed;
use super::stuck::{Stuck, StuckJob, StuckRule};
use crate::sync::Arc;
use crate::sync::plain::Ordering;
use crate::time::Nanos;

/// A job is listed with its slot while it runs, if it has a timeout or a deadline.
pub(crate) struct Watch<'a> {
    shared: &'a Shared,
    worker: usize,
}

impl<'a> Watch<'a> {
    #[inline]
    pub(crate) fn begin(
        shared: &'a Shared,
        worker: usize,
        job: &Arc<dyn Tracked>,
        started: Nanos,
    ) -> Option<Watch<'a>> {
        let ends_by = job.ticket().ends_by(started)?;
        Some(Watch::of(shared, worker, job, (started, ends_by)))
    }

    #[cold]
    fn of(
        shared: &'a Shared,
        worker: usize,
        job: &Arc<dyn Tracked>,
        (started, ends_by): (Nanos, Nanos),
    ) -> Watch<'a> {
        let timed = Timed { started, ends_by, job: Arc::clone(job), stuck: None };
        shared.roster.slot(worker).timed.lock().push(timed);
        // The supervisor notes when it will look before it reads the list: if it read it without
        // this job, its note is visible here, the list's lock being between them.
        if ends_by.0 < shared.next_look.load(Ordering::Acquire) {
            shared.sleep.kick();
        }
        Watch { shared, worker }
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let over = self.shared.roster.slot(self.worker).timed.lock().pop();
        if over.is_some_and(|over| over.stuck.is_some()) {
            // Whoever stands in for this worker is one too many.
            self.shared.sleep.kick();
        }
    }
}

/// What is to be done about one job of a list.
#[derive(Debug, PartialEq, Eq)]
enum Due {
    /// Nothing before this moment; nothing at all if it never comes.
    At(Nanos),
    /// Its time is up: its handle is resolved without it.
    GiveUp,
    /// And so is its grace: it is stuck, which nobody has noticed yet.
    Stuck,
}

fn due(timed: &Timed, now: Nanos, rule: &StuckRule) -> Due {
    let stuck_from = timed.ends_by.after(rule.grace);
    let is_given_up = timed.job.ticket().claim.look().is_given_up();
    match (timed.stuck, is_given_up) {
        (Some(_), _) => Due::At(Nanos::NEVER),
        (None, false) if now < timed.ends_by => Due::At(timed.ends_by),
        (None, false) => Due::GiveUp,
        (None, true) if now < stuck_from || stuck_from == Nanos::NEVER => Due::At(stuck_from),
        (None, true) => Due::Stuck,
    }
}

/// What a look at all the lists found.
pub(crate) struct Overdue {
    /// When the next look is due.
    pub(crate) next: Nanos,
    /// How many jobs turned out to be stuck.
    pub(crate) stuck: u64,
}

/// Resolves the handles of running jobs whose time is up, and notices which of them are stuck: once
/// for each. The supervisor's, for the hook is called here.
pub(crate) fn look(shared: &Shared, now: Nanos, rule: &StuckRule) -> Overdue {
    let mut overdue = Overdue { next: Nanos::NEVER, stuck: 0 };
    for (worker, slot) in shared.roster.used() {
        let (mut given_up, mut stuck) = (Vec::new(), Vec::new());
        for timed in slot.timed.lock().iter_mut() {
            match due(timed, now, rule) {
                Due::At(moment) => overdue.next = overdue.next.min(moment),
                Due::GiveUp => given_up.push((timed.ends_by, Arc::clone(&timed.job))),
                Due::Stuck => {
                    timed.stuck = Some(Stuck::Leave);
                    stuck.push((timed.started, timed.ends_by, Arc::clone(&timed.job)));
                }
            }
        }
        for (ends_by, job) in given_up {
            job.give_up();
            shared.tokens.cancel(job.ticket());
            // Or it has returned, and is about to leave the list.
            if job.ticket().claim.look().is_given_up() {
                overdue.next = overdue.next.min(ends_by.after(rule.grace));
            }
        }
        for (started, ends_by, job) in stuck {
            overdue.stuck += 1;
            let info = shared.stuck_info(worker, started, job.ticket(), now);
            let stuck = StuckJob { job: info, overdue: now.since(ends_by) };
            let verdict = rule.verdict(&stuck);
            let mut timed = slot.timed.lock();
            if let Some(timed) = timed.iter_mut().find(|timed| Arc::ptr_eq(&timed.job, &job)) {
                timed.stuck = Some(verdict);
            }
        }
    }
    overdue
}

/// How many jobs are stuck.
pub(crate) fn stuck_jobs(shared: &Shared) -> u32 {
    let slots = shared.roster.used();
    slots
        .map(|(_, slot)| {
            slot.timed.lock().iter().filter(|timed| timed.stuck.is_some()).count() as u32
        })
        .sum()
}

/// How many workers do not count because of a stuck job.
pub(crate) fn replaced_workers(shared: &Shared, rule: &StuckRule) -> u32 {
    if rule.max_replacements == 0 {
        return 0;
    }
    let is_replaced = |timed: &Timed| timed.stuck == Some(Stuck::Replace);
    let replaced =
        shared.roster.used().filter(|(_, slot)| slot.timed.lock().iter().any(is_replaced));
    replaced.count().min(rule.max_replacements) as u32
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
