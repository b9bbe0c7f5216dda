//! The jobs that wait for their time: accepted, and not yet in the queue.
//!
//! A delayed job has no place in the queue. It takes one when its time comes, over the bound if
//! there is none left: it was accepted long before. Until then it counts as delayed, not as queued.
//!
//! * **D1** A job that moves to the queue is on the agenda or counted by the gate, never both or
//!   neither: the step is taken under the agenda's lock, and whoever adds the two up holds it.
//! * **D2** Who wins the claim of a delayed job asks here whether it is delayed still; that it is
//!   no longer is written under the same lock. So each job is accounted for where it was.

use super::agenda::{Agenda, Mark};
use super::gate::Gate;
use super::job::Tracked;
use super::ticket::Ticket;
use crate::config::Delayed;
use crate::outcome::Refusal;
#[cfg(loom)]
use crate::run::omit::omitted;
use crate::sync::{Arc, Mutex};
use crate::time::Nanos;

pub(crate) struct DelayedJobs {
    waiting: Mutex<Waiting>,
    capacity: usize,
    at_shutdown: Delayed,
}

#[derive(Default)]
struct Waiting {
    agenda: Agenda<Arc<dyn Tracked>>,
    /// Let in and not yet on the agenda.
    coming: usize,
    /// Jobs that ended while they were delayed.
    ended: u64,
}

/// Where the accepted jobs are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JobCounts {
    pub(crate) accepted: u64,
    pub(crate) delayed: u64,
    /// No longer waiting for anything: started, or ended without.
    pub(crate) dequeued: u64,
}

impl JobCounts {
    pub(crate) fn queued(&self) -> u64 {
        self.accepted - self.delayed - self.dequeued
    }
}

fn mark(ticket: &Ticket) -> Mark {
    Mark { when: ticket.queued_at, number: ticket.id.0 }
}

impl DelayedJobs {
    pub(crate) fn new(capacity: usize, at_shutdown: Delayed) -> DelayedJobs {
        DelayedJobs { waiting: Mutex::default(), capacity, at_shutdown }
    }

    /// The most there may be at a time.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// What becomes of them at a shutdown that waits for jobs.
    pub(crate) fn at_shutdown(&self) -> Delayed {
        self.at_shutdown
    }

    /// Lets one in, which must be put on the agenda then.
    pub(crate) fn admit(&self, gate: &Gate) -> Result<(), Refusal> {
        let mut waiting = self.waiting.lock();
        // Under the lock: whoever has closed the gate and then finds nobody coming, sees them all.
        if gate.is_closed() {
            return Err(Refusal::Shutdown);
        }
        if waiting.agenda.len() + waiting.coming >= self.capacity {
            return Err(Refusal::DelayedFull);
        }
        waiting.coming += 1;
        Ok(())
    }

    /// Puts a job on the agenda that was let in, unless it has been cancelled by now. True if it is
    /// the first to come.
    pub(crate) fn insert(&self, job: Arc<dyn Tracked>) -> bool {
        let mark = mark(job.ticket());
        let mut waiting = self.waiting.lock();
        waiting.coming -= 1;
        job.ticket().claim.is_queued() && waiting.agenda.insert(mark, job)
    }

    /// Accounts for a job whose claim the caller has won; false if it is not delayed, or no longer
    /// (D2).
    #[must_use]
    pub(crate) fn withdraw(&self, ticket: &Ticket) -> bool {
        if ticket.delay().is_none() {
            return false;
        }
        #[cfg(loom)]
        let stale = omitted("D2") && ticket.is_delayed();
        let entry = {
            let mut waiting = self.waiting.lock();
            let is_delayed = ticket.is_delayed();
            #[cfg(loom)]
            let is_delayed = is_delayed || stale;
            if !is_delayed {
                return false;
            }
            waiting.ended += 1;
            waiting.agenda.remove(mark(ticket))
        };
        drop(entry);
        true
    }

    /// Takes out a job whose time has come, and a place in the queue for it (D1).
    pub(crate) fn take_due(&self, now: Nanos, gate: &Gate) -> Option<Arc<dyn Tracked>> {
        self.take(gate, |agenda| agenda.take_due(now))
    }

    /// The same for the first of all, whatever its time.
    pub(crate) fn take_first(&self, gate: &Gate) -> Option<Arc<dyn Tracked>> {
        self.take(gate, Agenda::take_first)
    }

    fn take(
        &self,
        gate: &Gate,
        next: impl FnOnce(&mut Agenda<Arc<dyn Tracked>>) -> Option<Arc<dyn Tracked>>,
    ) -> Option<Arc<dyn Tracked>> {
        let mut waiting = self.waiting.lock();
        let job = next(&mut waiting.agenda)?;
        #[cfg(loom)]
        if omitted("D1") {
            drop(waiting);
            gate.admit_due();
            return Some(job);
        }
        gate.admit_due();
        if let Some(delay) = job.ticket().delay() {
            delay.end();
        }
        Some(job)
    }

    /// When the first of them is due.
    pub(crate) fn next(&self) -> Nanos {
        self.waiting.lock().agenda.next()
    }

    /// Those on the agenda.
    pub(crate) fn all(&self) -> Vec<Arc<dyn Tracked>> {
        self.waiting.lock().agenda.entries().map(Arc::clone).collect()
    }

    /// Nobody is on the agenda or on the way there.
    pub(crate) fn is_empty(&self) -> bool {
        let waiting = self.waiting.lock();
        waiting.agenda.len() + waiting.coming == 0
    }

    /// All jobs, those that were never delayed among them (D1).
    pub(crate) fn counts(&self, gate: &Gate) -> JobCounts {
        let waiting = self.waiting.lock();
        let (admitted, left) = gate.counts();
        let delayed = waiting.agenda.len() as u64;
        JobCounts {
            accepted: admitted + delayed + waiting.ended,
            delayed,
            dequeued: left + waiting.ended,
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
