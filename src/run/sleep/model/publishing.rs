//! The cell of a job with a handle: who runs it, who gives up on it, who waits for it, all at once.
//!
//! Loom looks at every visit to the place of closure and result. What a job captures and returns is
//! counted, so that nothing is dropped twice or never.

use std::task::Waker;

use super::{explore, join};
use crate::error::JobError;
use crate::outcome::Outcome;
use crate::run::context::{JobContext, Nowhere};
use crate::run::job::{Receipt, Started, Tracked, Withdrawn, tracked};
use crate::run::priority::Priority;
use crate::run::ticket::{JobId, KindId, Limits, Ticket};
use crate::run::trace::Origin;
use crate::run::waiter::JobWaiter;
use crate::sync::Arc;
use crate::sync::atomic::AtomicBool;
use crate::sync::plain::{AtomicUsize, Ordering};
use crate::sync::thread::{self, Thread};
use crate::time::Nanos;

/// How many of a kind there are: captures or results.
#[derive(Clone)]
pub(super) struct Count(Arc<AtomicUsize>);

/// One of them.
pub(super) struct One(Count);

impl Count {
    fn new() -> Count {
        Count(Arc::new(AtomicUsize::new(0)))
    }

    fn one(&self) -> One {
        self.0.fetch_add(1, Ordering::Relaxed);
        One(self.clone())
    }

    pub(super) fn left(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for One {
    fn drop(&mut self) {
        let before = self.0.0.fetch_sub(1, Ordering::Relaxed);
        assert!(before > 0, "dropped twice");
    }
}

/// A job that captures one thing and returns another, and what is left of either.
pub(super) struct Made {
    pub(super) job: Arc<dyn Tracked>,
    pub(super) receipt: Receipt<One>,
    pub(super) captured: Count,
    pub(super) returned: Count,
    /// What the job does; whoever sees its result sees this, though it is relaxed.
    done: Arc<AtomicBool>,
}

fn make() -> Made {
    make_with(Limits::default())
}

pub(super) fn make_with(limits: Limits) -> Made {
    let ticket = Ticket {
        claim: crate::run::claim::Claim::new(),
        id: JobId(1),
        kind: KindId::default(),
        priority: Priority::Normal,
        queued_at: Nanos(0),
        limits: Some(Box::new(limits)),
        origin: Origin::default(),
    };
    let (captured, returned, done) = (Count::new(), Count::new(), Arc::new(AtomicBool::new(false)));
    let (capture, results, doing) = (captured.one(), returned.clone(), Arc::clone(&done));
    let (job, receipt) = tracked(ticket, move |_: &JobContext<'_>| {
        drop(capture);
        doing.store(true, Ordering::Relaxed);
        results.one()
    });
    Made { job, receipt, captured, returned, done }
}

/// A worker that takes the job from the queue.
pub(super) fn work(job: &Arc<dyn Tracked>) -> loom::thread::JoinHandle<()> {
    let job = Arc::clone(job);
    loom::thread::spawn(move || {
        if let Some(started) = Started::of(&*job, job.ticket()) {
            let (_, unpublished) = started.run(&Nowhere, Some(0), Nanos(0));
            unpublished.publish();
        }
    })
}

/// What `JobHandle::wait` does, without its timeouts.
pub(super) fn wait(receipt: &mut Receipt<One>) -> Result<One, JobError> {
    loop {
        let waiter = || JobWaiter::Thread(thread::current());
        if let Some(result) = receipt.take_or_wait(waiter) {
            return result;
        }
        thread::park(None);
    }
}

/// Attacks C2, C4 and C5: whoever waits gets the result, and sees what came before it.
#[test]
fn whoever_waits_gets_the_result() {
    explore("run x wait", 8, || {
        let mut made = make();
        let worker = work(&made.job);
        let result = wait(&mut made.receipt).expect("nobody cancels it");
        assert!(made.done.load(Ordering::Relaxed), "what the job did is not seen");
        assert_eq!((made.captured.left(), made.returned.left()), (0, 1));
        drop(result);
        drop(made.receipt);
        join([worker]);
        assert_eq!(made.returned.left(), 0, "a result is left");
    });
}

/// Attacks C1, C2 and C4: a job is run or refused, its handle learns which, and what it captured is
/// gone either way.
#[test]
fn a_handle_learns_whether_its_job_was_cancelled() {
    explore("run x cancel x wait", 4, || {
        let mut made = make();
        let worker = work(&made.job);
        let canceller = {
            let job = Arc::clone(&made.job);
            loom::thread::spawn(move || {
                if let Some(withdrawn) = Withdrawn::by_cancelling(&*job) {
                    withdrawn.refuse(JobError::expired());
                }
            })
        };
        let result = wait(&mut made.receipt);
        if result.is_ok() {
            assert!(made.done.load(Ordering::Relaxed), "what the job did is not seen");
        }
        assert_eq!(made.captured.left(), 0, "resolved before the captures were gone");
        assert_eq!(made.returned.left(), usize::from(result.is_ok()));
        drop(result);
        join([worker, canceller]);
        drop(made.receipt);
        assert_eq!(made.returned.left(), 0, "a result is left");
    });
}

/// Attacks C3 and C4: the handle of a job that overruns is resolved once, by the worker or the
/// supervisor, and a late result is dropped by the worker.
#[test]
fn a_handle_is_resolved_by_the_worker_or_the_supervisor() {
    explore("run x give up x wait", 4, || {
        let mut made = make();
        let job = Arc::clone(&made.job);
        Started::of(&*job, job.ticket()).expect("nobody withdrew it");
        let worker = loom::thread::spawn(move || {
            let started = Started::left_behind(&*job);
            let (outcome, unpublished) = started.run(&Nowhere, Some(0), Nanos(0));
            unpublished.publish();
            outcome
        });
        let supervisor = {
            let job = Arc::clone(&made.job);
            loom::thread::spawn(move || job.give_up())
        };
        let result = wait(&mut made.receipt);
        let is_in_time = result.is_ok();
        if is_in_time {
            assert!(made.done.load(Ordering::Relaxed), "what the job did is not seen");
        }
        drop(result);
        drop(made.receipt);
        join([supervisor]);
        let outcome = worker.join().expect("a thread of the model panicked");
        assert_eq!(outcome == Outcome::Ok, is_in_time, "the handle and the counts disagree");
        assert_eq!(made.returned.left(), 0, "a result is left");
    });
}

/// Attacks C6: a result that nobody wants any more is dropped by the worker or by the handle.
#[test]
fn a_result_that_nobody_wants_is_dropped_once() {
    explore("run x wait x detach", 8, || {
        let mut made = make();
        let worker = work(&made.job);
        // It may have waited before.
        let taken = made.receipt.take_or_wait(|| JobWaiter::Thread(thread::current()));
        drop(taken);
        drop(made.receipt);
        join([worker]);
        assert_eq!((made.captured.left(), made.returned.left()), (0, 0), "a result is left");
    });
}

/// A waker that wakes a thread, as that of an executor does.
struct Executor(Thread);

impl std::task::Wake for Executor {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Attacks C5 and C7: a future that is handed on from task to task wakes the last of them.
#[test]
fn a_future_wakes_the_task_that_has_polled_it_last() {
    explore("run x poll x poll", 8, || {
        let mut made = make();
        let worker = work(&made.job);
        let first = made.receipt.take_or_wait(|| JobWaiter::Task(Waker::noop().clone()));
        let result = first.or_else(|| {
            let waker = Waker::from(Arc::new(Executor(thread::current())));
            loop {
                let again = made.receipt.take_or_wait(|| JobWaiter::Task(waker.clone()));
                if again.is_some() {
                    break again;
                }
                thread::park(None);
            }
        });
        assert!(made.done.load(Ordering::Relaxed), "what the job did is not seen");
        drop(result);
        join([worker]);
        assert_eq!(made.returned.left(), 0, "a result is left");
    });
}
