use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::*;
use crate::run::claim::Claim;
use crate::run::context::JobContext;
use crate::run::job::{self, Receipt};
use crate::run::priority::Priority;
use crate::run::ticket::{Delay, JobId, KindId, Limits};
use crate::run::trace::Origin;

fn job(id: u64, when: u64) -> (Arc<dyn Tracked>, Receipt<()>) {
    let limits = Limits { delay: Some(Delay::default()), ..Limits::default() };
    let ticket = Ticket {
        claim: Claim::new(),
        id: JobId(id),
        kind: KindId::default(),
        priority: Priority::default(),
        queued_at: Nanos(when),
        limits: Some(Box::new(limits)),
        origin: Origin::default(),
    };
    job::tracked(ticket, |_: &JobContext<'_>| ())
}

fn delayed(capacity: usize) -> (DelayedJobs, Gate) {
    (DelayedJobs::new(capacity, Delayed::Cancel), Gate::new(1))
}

#[test]
fn as_many_are_let_in_as_may_wait_those_on_their_way_among_them() {
    let (delayed, gate) = delayed(2);
    assert_eq!((delayed.admit(&gate), delayed.admit(&gate)), (Ok(()), Ok(())));
    assert_eq!(delayed.admit(&gate), Err(Refusal::DelayedFull));
    assert!(!delayed.is_empty(), "somebody is on the way");
    let (first, _handle) = job(1, 5);
    assert!(delayed.insert(first));
    assert_eq!(delayed.admit(&gate), Err(Refusal::DelayedFull));
    assert!(delayed.take_due(Nanos(5), &gate).is_some());
    assert_eq!(delayed.admit(&gate), Ok(()), "it is in the queue, over the bound if need be");
    gate.close();
    assert_eq!(delayed.admit(&gate), Err(Refusal::Shutdown));
}

/// Attacks D2: a token may cancel a job before it is on the agenda.
#[test]
fn a_job_that_is_cancelled_on_its_way_to_the_agenda_never_gets_there() {
    let (delayed, gate) = delayed(1);
    assert_eq!(delayed.admit(&gate), Ok(()));
    let (early, _handle) = job(1, 5);
    assert!(early.ticket().claim.withdraw() && delayed.withdraw(early.ticket()));
    assert!(!delayed.insert(early));
    let counts = JobCounts { accepted: 1, delayed: 0, dequeued: 1 };
    assert!(delayed.is_empty() && delayed.counts(&gate) == counts);
}

/// Attacks D1 and D2: one thread queues what is due, one cancels, one adds up.
#[test]
fn a_job_is_delayed_or_queued_or_over_at_every_look() {
    const JOBS: u64 = 20_000;
    let (delayed, gate) = delayed(JOBS as usize);
    let (jobs, _handles): (Vec<_>, Vec<_>) = (1..=JOBS).map(|id| job(id, id)).unzip();
    for job in &jobs {
        assert_eq!(delayed.admit(&gate), Ok(()));
        delayed.insert(Arc::clone(job));
    }
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let looker = scope.spawn(|| {
            let mut before = delayed.counts(&gate);
            while !is_over.load(Ordering::SeqCst) {
                let counts = delayed.counts(&gate);
                assert_eq!(counts.accepted, JOBS, "{counts:?}");
                assert!(counts.delayed <= before.delayed && counts.dequeued >= before.dequeued);
                assert!(counts.queued() <= JOBS);
                before = counts;
            }
        });
        let mover = scope.spawn(|| {
            let due = std::iter::from_fn(|| delayed.take_due(Nanos(JOBS), &gate));
            due.map(|_| std::thread::sleep(Duration::ZERO)).count() as u64
        });
        // From the end, so that they meet in the middle.
        let mut ended = 0;
        for job in jobs.iter().rev() {
            assert!(job.ticket().claim.withdraw());
            match delayed.withdraw(job.ticket()) {
                true => ended += 1,
                false => gate.release(),
            }
        }
        let moved = mover.join().expect("it returns");
        is_over.store(true, Ordering::SeqCst);
        looker.join().expect("every look adds up");
        assert_eq!(moved + ended, JOBS);
    });
    let counts = JobCounts { accepted: JOBS, delayed: 0, dequeued: JOBS };
    assert_eq!(delayed.counts(&gate), counts);
}
