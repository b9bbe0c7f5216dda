//! How a pool ends: refuse, drain, cancel, report.
//!
//! The supervisor brings the workers home; whoever asks for the end closes the gate, moves the
//! phase on, and waits as long as it wants to.

use std::time::Duration;

use crate::config::Delayed;
use crate::error::{CancelReason, JobError};
use crate::observer::PoolEnding;
use crate::outcome::Outcome;
use crate::run::attempt;
use crate::run::current::JobInfo;
use crate::run::desk::{Inside, Settling};
use crate::run::due;
use crate::run::job::{Job, Task, Tracked, Withdrawn};
use crate::run::news;
use crate::run::phase::Stage;
pub use crate::run::returned::ReturnedJob;
use crate::run::shared::Shared;
use crate::scale::Core;
use crate::sync::Arc;
use crate::sync::thread;
use crate::time::Nanos;

/// What running jobs get to notice that they were cancelled, before they are reported as still
/// running. With the sweep of the queue it stays within the promised 50 ms.
const NOTICE: Duration = Duration::from_millis(20);
/// How long a sweep waits for a submitter that was let in and has not pushed its job yet.
const PUSH_GRACE: Duration = Duration::from_millis(20);

/// How things stood when a call that ends the pool returned.
///
/// The counts are those of the pool's whole life, so two calls agree and the accounting can be
/// checked: accepted = completed + errored + panicked + timed out + cancelled + expired + lost +
/// returned, plus those running (and those still delayed or queued, if the call could not wait
/// until there were none: inside one of the pool's own jobs, which cannot wait for itself, or at
/// its deadline).
#[derive(Debug)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Jobs accepted.
    pub accepted: u64,
    /// Jobs that ran and returned: the metric `springtide_jobs_completed_total` with the outcome
    /// `ok`.
    pub completed: u64,
    /// Jobs that returned an error, of those that [may fail](crate::PoolHandle::submit_fallible).
    pub errored: u64,
    /// Jobs that panicked.
    pub panicked: u64,
    /// Jobs cancelled before they started, by their handles or by this shutdown.
    pub cancelled: u64,
    /// Jobs that waited too long to be run.
    pub expired: u64,
    /// Jobs that ran past their timeout.
    pub timed_out: u64,
    /// Jobs whose worker died of a defect in the pool itself.
    pub lost: u64,
    /// Fire-and-forget jobs that were never run, over all calls.
    pub returned_count: u64,
    /// Those jobs, for whoever asks first: run them, store them, or drop them.
    pub returned: Vec<ReturnedJob>,
    /// Jobs that still wait for their time; see [`Delayed`].
    pub still_delayed: u64,
    /// Jobs that are still queued.
    pub still_queued: u64,
    /// Jobs started and not over.
    pub running: u64,
    /// Those of them that a worker is in; their threads cannot be stopped from outside. A job that
    /// waits for another and runs it in its own place is hidden by that one, and a job that its
    /// submitter runs has no worker. And the states that workers [which hold](crate::StateFailure)
    /// are building, which keep their threads as a job does but are none.
    pub still_running: Vec<JobInfo>,
    /// Every thread has ended and was joined.
    pub ended: bool,
}

pub(crate) fn report(core: &Core) -> ShutdownReport {
    let totals = core.totals();
    let of = |outcome: Outcome| totals.outcomes[outcome as usize];
    let shared = &core.shared;
    ShutdownReport {
        accepted: totals.accepted,
        completed: of(Outcome::Ok),
        errored: of(Outcome::Error),
        panicked: of(Outcome::Panicked),
        cancelled: of(Outcome::Cancelled),
        expired: of(Outcome::Expired),
        timed_out: of(Outcome::TimedOut),
        lost: of(Outcome::Lost),
        returned_count: of(Outcome::Returned),
        returned: shared.returned.take(),
        still_delayed: totals.delayed,
        still_queued: totals.queued(),
        running: totals.running(),
        still_running: shared.running_jobs(),
        ended: shared.phase.stage() == Stage::Ended,
    }
}

/// Lets no more jobs in; the queued ones run, and then the threads end.
pub(crate) fn begin_drain(shared: &Shared) {
    let_nobody_in(shared);
    // Nobody waits for a state any more.
    shared.rouse_held();
}

fn let_nobody_in(shared: &Shared) {
    shared.close();
    if shared.phase.advance(Stage::Draining) {
        news::tell(shared, |to, pool| to.pool_ending(&PoolEnding { pool }));
    }
    settle_delayed(shared, Some(shared.now().after(PUSH_GRACE)));
    shared.sleep.announce_to_all();
}

/// Does with the delayed jobs what is to be done with them in a pool that takes no more. What is
/// left at `patience`, because destructors are slow, the supervisor does.
pub(crate) fn settle_delayed(shared: &Shared, patience: Option<Nanos>) {
    let rule =
        if shared.phase.is_stopping() { Delayed::Cancel } else { shared.delayed.at_shutdown() };
    match rule {
        Delayed::Wait => {}
        Delayed::RunNow => {
            due::queue(shared, || shared.delayed.take_first(&shared.gate));
        }
        Delayed::Cancel => {
            for job in shared.delayed.all() {
                cancel_delayed(shared, &*job, CancelReason::Shutdown);
                if patience.is_some_and(|patience| shared.now() >= patience) {
                    break;
                }
            }
        }
    }
}

/// Starts no more jobs: cancels or takes back what is queued and asks the running jobs to stop.
pub(crate) fn stop(shared: &Shared) {
    let_nobody_in(shared);
    shared.phase.advance(Stage::Stopping);
    shared.tokens.cancel_all();
    settle_delayed(shared, Some(shared.now().after(PUSH_GRACE)));
    sweep(shared, Some(shared.now().after(PUSH_GRACE)));
    shared.sleep.announce_to_all();
    shared.rouse_held();
}

/// Empties the rooms and the queue of a closed pool: handles are told, fire-and-forget jobs are
/// kept to be handed back. A submitter may have been let in without having pushed yet; that is
/// waited for until `patience`, or not at all.
pub(crate) fn sweep(shared: &Shared, patience: Option<Nanos>) {
    let mut took_any = false;
    for job in shared.rooms.clear() {
        attempt::cancel_taken(shared, &*job, CancelReason::Shutdown);
        took_any = true;
    }
    loop {
        while let Some(job) = shared.queue.take_any() {
            take_back(shared, job);
            took_any = true;
            // A long queue, or slow destructors: the supervisor does the rest.
            if patience.is_some_and(|patience| shared.now() >= patience) {
                break;
            }
        }
        let late = patience.is_none_or(|patience| shared.now() >= patience);
        if shared.gate.queued() == 0 || late {
            break;
        }
        thread::yield_now();
    }
    // Only with news: the supervisor sweeps at each look, and whoever waits for the end and hears
    // nothing new asks for another look.
    if took_any {
        shared.ring();
    }
}

/// Cancels a job that was delayed a moment ago, if nobody has dealt with it before.
fn cancel_delayed(shared: &Shared, tracked: &dyn Tracked, reason: CancelReason) {
    let Some(withdrawn) = Withdrawn::of(tracked) else { return };
    let settling = Settling::begin(shared);
    if shared.delayed.withdraw(tracked.ticket()) {
        attempt::end_delayed(settling, withdrawn, reason);
    } else {
        drop(settling);
        attempt::leave_shell(shared, None, tracked);
        attempt::resolve(shared, withdrawn, Outcome::Cancelled, JobError::cancelled(reason));
    }
}

fn take_back(shared: &Shared, job: Job) {
    match job.task {
        Task::Tracked(tracked) => {
            attempt::cancel_taken(shared, &*tracked, CancelReason::Shutdown);
        }
        Task::Plain(body, origin) => {
            let waited = shared.now().since(job.queued_at);
            // Kept before it leaves the queue: whoever sees an empty queue has all of them.
            let unwanted = shared.returned.keep(ReturnedJob::new(body, waited));
            let settling = Settling::begin(shared);
            shared.gate.release();
            shared.outside.count_outcome(Outcome::Returned);
            origin.tell(|| news::returned(shared, job.queued_at));
            drop(settling);
            origin.close();
            drop(unwanted);
        }
    }
}

/// Cancels the queued jobs that have handles and leaves the others where they are: nobody can run
/// them, and those who wait should know.
pub(crate) fn cancel_handles(shared: &Shared, reason: CancelReason) {
    shared.rooms.clear().iter().for_each(|job| attempt::cancel_taken(shared, &**job, reason));
    let mut others = Vec::new();
    while let Some(job) = shared.queue.take_any() {
        match &job.task {
            Task::Tracked(tracked) => attempt::cancel_taken(shared, &**tracked, reason),
            Task::Plain(..) => others.push(job),
        }
    }
    for job in others {
        shared.queue.push(job);
    }
}

/// Waits until every thread has ended; false if the deadline came first. Does not wait inside the
/// pool, which waits for the caller, nor in a forked child, which has no threads.
pub(crate) fn wait_ended(shared: &Arc<Shared>, deadline: Option<Nanos>) -> bool {
    let ended = || {
        let ended = shared.phase.stage() == Stage::Ended;
        if !ended {
            // Again at each look: a supervisor that sleeps without a limit may not have heard.
            shared.sleep.ring();
        }
        ended
    };
    if Inside::is(shared) || shared.is_forked() {
        return ended();
    }
    shared.wait_until(deadline, ended)
}

/// Drains for `patience`, then cancels.
pub(crate) fn drain_then_stop(core: &Core, patience: Duration) -> ShutdownReport {
    let shared = &core.shared;
    begin_drain(shared);
    if !wait_ended(shared, Some(shared.now().after(patience))) && !Inside::is(shared) {
        stop_and_notice(shared);
    }
    report(core)
}

/// Cancels everything now; running jobs get a moment to notice.
pub(crate) fn stop_and_notice(shared: &Arc<Shared>) {
    stop(shared);
    wait_ended(shared, Some(shared.now().after(NOTICE)));
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::Pool;
    use crate::run::submit;

    fn pool(name: &str) -> Pool {
        Pool::builder(name).workers(1..=1).build().expect("settings that can be used")
    }

    /// A submitter may be let in, lose its core, and push long after the queue was swept.
    #[test]
    fn a_job_pushed_long_after_the_sweep_is_handed_back_and_the_pool_ends() {
        let pool = pool("late-push");
        let shared = &pool.handle().core.shared;
        assert_eq!(shared.gate.admit(1), Ok(1));
        let report = pool.shutdown_now();
        assert_eq!((report.accepted, report.still_queued, report.ended), (1, 1, false));
        submit::deliver(shared, submit::Entry::Queue, submit::plain(shared, || {}));
        let report = pool.shutdown();
        assert_eq!((report.returned.len(), report.ended), (1, true));
    }

    /// A pause may have looked at the phase just before the drain began.
    #[test]
    fn a_pause_that_comes_late_does_not_stop_the_drain() {
        let pool = pool("late-pause");
        let (release, held) = std::sync::mpsc::channel::<()>();
        let holds = move || {
            held.recv().expect_err("it is only dropped");
        };
        pool.execute(holds).expect("open");
        let last = pool.submit(|| 7).expect("open");
        let shared = &pool.handle().core.shared;
        begin_drain(shared);
        shared.restraints.pause();
        drop(release);
        assert!(pool.shutdown_timeout(Duration::from_secs(20)).ended);
        assert_eq!(last.join().expect("it ran in the drain"), 7);
    }
}
