use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Wake, Waker};
use std::thread;

use super::*;
use crate::run::claim::Claim;
use crate::run::context::Nowhere;
use crate::run::priority::Priority;
use crate::run::ticket::{JobId, KindId};

/// How often each schedule is left to chance.
const ROUNDS: usize = if cfg!(miri) { 20 } else { 2_000 };

fn job<T: Send + 'static>(
    body: impl FnOnce() -> T + Send + 'static,
) -> (Arc<dyn Tracked>, Receipt<T>) {
    let claim = Claim::new();
    let (id, kind, queued_at) = (JobId(1), KindId::default(), Nanos(0));
    let ticket = Ticket {
        claim,
        id,
        kind,
        priority: Priority::Normal,
        queued_at,
        limits: None,
        origin: Origin::default(),
    };
    tracked(ticket, move |_: &JobContext<'_>| body())
}

fn start(job: &Arc<dyn Tracked>) -> Started<'_> {
    Started::of(&**job, job.ticket()).expect("nobody was first")
}

fn run(started: Started<'_>) -> Outcome {
    let (outcome, unpublished) = started.run(&Nowhere, None, Nanos(0));
    unpublished.publish();
    outcome
}

fn wait<T>(receipt: &mut Receipt<T>) -> Result<T, JobError> {
    loop {
        if let Some(result) = receipt.take_or_wait(|| JobWaiter::Thread(thread::current())) {
            return result;
        }
        thread::park();
    }
}

/// A destructor that is counted and then panics.
struct Bomb(Arc<AtomicUsize>);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
        std::panic::resume_unwind(Box::new(()));
    }
}

/// Attacks C4 and C5.
#[test]
fn whoever_waits_is_woken_and_sees_the_result() {
    for n in 0..ROUNDS {
        let (job, mut receipt) = job(move || vec![n; 3]);
        let worker = thread::spawn(move || run(start(&job)));
        assert_eq!(wait(&mut receipt).expect("it does not fail"), [n; 3]);
        assert!(receipt.take().is_none(), "taken twice");
        drop(receipt);
        assert_eq!(worker.join().expect("it does not panic"), Outcome::Ok);
    }
}

/// Attacks C6: whoever of worker and handle is second drops it.
#[test]
fn a_result_without_a_handle_is_dropped_once() {
    for _ in 0..ROUNDS {
        let held = Arc::new(());
        let result = Arc::clone(&held);
        let (job, receipt) = job(move || result);
        let worker = thread::spawn(move || run(start(&job)));
        drop(receipt);
        worker.join().expect("it does not panic");
        assert_eq!(Arc::strong_count(&held), 1);
    }
}

/// Attacks C6: what a result does when it is dropped is nobody's, and it is done once.
#[test]
fn a_result_that_panics_when_dropped_ends_no_worker() {
    let drops = Arc::new(AtomicUsize::new(0));
    let bomb = Bomb(Arc::clone(&drops));
    let (job, receipt) = job(move || bomb);
    drop(receipt);
    assert_eq!(run(start(&job)), Outcome::Ok);
    drop(job);
    assert_eq!(drops.load(Relaxed), 1);
}

/// Attacks C2.
#[test]
fn what_a_job_captured_is_freed_once_run_or_not() {
    let drops = Arc::new(AtomicUsize::new(0));
    let made = || {
        let bomb = Bomb(Arc::clone(&drops));
        job(move || drop(bomb))
    };
    let (job, mut receipt) = made();
    assert_eq!(run(start(&job)), Outcome::Panicked);
    assert!(Withdrawn::of(&*job).is_none(), "it has begun");
    assert!(wait(&mut receipt).is_err());
    let (job, mut receipt) = made();
    Withdrawn::by_cancelling(&*job).expect("it is queued").refuse(JobError::expired());
    assert_eq!(drops.load(Relaxed), 2, "freed when it was refused");
    assert!(Started::of(&*job, job.ticket()).is_none(), "it was refused");
    assert!(wait(&mut receipt).is_err());
    drop((job, receipt));
    assert_eq!(drops.load(Relaxed), 2);
    let held = Arc::new(());
    let captured = Arc::clone(&held);
    drop(self::job(move || drop(captured)));
    assert_eq!(Arc::strong_count(&held), 1, "never claimed");
}

/// Attacks C3: the supervisor may be there before the job has been called.
#[test]
fn a_job_that_was_given_up_runs_on_and_its_result_is_dropped() {
    for _ in 0..ROUNDS {
        let held = Arc::new(());
        let result = Arc::clone(&held);
        let (job, mut receipt) = job(move || result);
        let begun = Arc::clone(&job);
        let _ = start(&job);
        let worker = thread::spawn(move || run(Started::left_behind(&*begun)));
        job.give_up();
        let is_in_time = wait(&mut receipt).is_ok();
        assert!(receipt.is_published());
        drop(receipt);
        let outcome = worker.join().expect("it does not panic");
        assert_eq!(outcome == Outcome::Ok, is_in_time);
        assert_eq!(Arc::strong_count(&held), 1);
    }
}

/// A task that asks for the result when it is woken, and cancels its job when it is dropped.
struct Task {
    asks: Mutex<Option<Receipt<u8>>>,
    cancels: Option<Arc<dyn Tracked>>,
    woken: AtomicUsize,
}

impl Task {
    fn new(cancels: Option<Arc<dyn Tracked>>) -> Arc<Task> {
        Arc::new(Task { asks: Mutex::new(None), cancels, woken: AtomicUsize::new(0) })
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.woken.fetch_add(1, Relaxed);
        let asks = self.asks.lock().take();
        if let Some(mut receipt) = asks {
            let waker = || JobWaiter::Task(Waker::noop().clone());
            assert!(receipt.take_or_wait(waker).is_some(), "woken for nothing");
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(withdrawn) = self.cancels.as_deref().and_then(Withdrawn::by_cancelling) {
            withdrawn.refuse(JobError::expired());
        }
    }
}

/// Attacks C7: whatever a waker does when it is woken or replaced, no lock is in its way.
#[test]
fn a_waker_is_woken_and_dropped_outside_the_lock() {
    let (asked, mut receipt) = job(|| 7);
    let (stale, latest) = (Task::new(None), Task::new(None));
    for task in [&stale, &latest] {
        let waiter = || JobWaiter::Task(Waker::from(Arc::clone(task)));
        assert!(receipt.take_or_wait(waiter).is_none());
    }
    assert_eq!(Arc::strong_count(&stale), 1, "replaced, so dropped");
    *latest.asks.lock() = Some(receipt);
    run(start(&asked));
    assert_eq!((stale.woken.load(Relaxed), latest.woken.load(Relaxed)), (0, 1));
    assert_eq!(Arc::strong_count(&latest), 1, "woken, so dropped");

    let (cancelled, mut receipt) = job(|| 7);
    let cancels = || JobWaiter::Task(Waker::from(Task::new(Some(Arc::clone(&cancelled)))));
    assert!(receipt.take_or_wait(cancels).is_none());
    let result = receipt.take_or_wait(|| JobWaiter::Task(Waker::noop().clone()));
    assert!(result.or_else(|| receipt.take()).is_some(), "cancelled by the stale waker");
}

/// What is left with a job by a handle that is gone goes with it.
#[test]
fn a_handle_that_lets_go_takes_its_waker_along() {
    let (job, mut receipt) = job(|| 7);
    let task = Task::new(None);
    let waiter = || JobWaiter::Task(Waker::from(Arc::clone(&task)));
    assert!(receipt.take_or_wait(waiter).is_none());
    drop(receipt);
    assert_eq!(Arc::strong_count(&task), 1);
    run(start(&job));
    assert_eq!(task.woken.load(Relaxed), 0);
}
