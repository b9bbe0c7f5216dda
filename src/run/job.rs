//! A job: what the queue carries, and for one with a handle the cell it shares with it.
//!
//! A fire-and-forget job is its closure and nothing else. A tracked job is one allocation that
//! holds the claim word, the closure and the result; queue and handle each own a reference to it.
//! The result passes through two stages so that the counts are right when somebody sees it: `run`
//! leaves it computed, the worker accounts for the job, and `publish` shows it and wakes whoever
//! waits. Everything a user wrote (closures, results, their destructors, wakers) runs outside the
//! locks in this file.

use std::task::Waker;

use super::closure::Closure;
use super::context::JobContext;
use super::panics::{catch, contain};
use super::ticket::Ticket;
use crate::error::JobError;
use crate::outcome::Outcome;
use crate::sync::thread::Thread;
use crate::sync::{Arc, Mutex};
use crate::time::Nanos;

/// What the queue carries.
pub(crate) struct Job {
    pub(crate) task: Task,
    pub(crate) queued_at: Nanos,
}

pub(crate) enum Task {
    Plain(Closure),
    Tracked(Arc<dyn Tracked>),
}

impl Job {
    /// Whether somebody else has already dealt with it, so that only the shell is left.
    pub(crate) fn is_shell(&self) -> bool {
        match &self.task {
            Task::Plain(_) => false,
            Task::Tracked(tracked) => !tracked.ticket().claim.is_queued(),
        }
    }
}

/// A tracked job as the queue, the workers and the supervisor see it.
pub(crate) trait Tracked: Send + Sync {
    fn ticket(&self) -> &Ticket;

    /// Runs the closure. Only after `claim.start()`; `overran` is asked when it has returned.
    fn run(&self, cx: &JobContext<'_>, overran: &dyn Fn() -> bool) -> Outcome;

    /// Frees the closure of a job that will never run and notes why. Only after
    /// `claim.withdraw()`.
    fn refuse(&self, why: JobError);

    /// Notes that the job overran while it goes on running. Only after `claim.give_up()`.
    fn give_up(&self);

    /// Shows the result to the handle and wakes it.
    fn publish(&self);
}

/// A tracked job as its handle sees it.
pub(crate) trait Awaited<T>: Tracked {
    /// Takes the result if it is there; otherwise leaves word whom to wake.
    fn take(&self, waiter: Option<JobWaiter>) -> Option<Result<T, JobError>>;

    fn is_published(&self) -> bool;

    /// Nobody wants the result any more.
    fn detach(&self);
}

/// Whom to wake when the result is there.
pub(crate) enum JobWaiter {
    Thread(Thread),
    Task(Waker),
}

impl JobWaiter {
    fn wake(self) {
        match self {
            JobWaiter::Thread(thread) => thread.unpark(),
            JobWaiter::Task(waker) => {
                contain(|| waker.wake());
            }
        }
    }
}

/// The one allocation of a tracked job. What it captured and its result share a place, one being
/// gone before the other comes: the cell of a small job is of a size that allocators have ready,
/// which took 222 ns a job instead of 265, submitted and joined.
pub(crate) struct Cell<F, T> {
    ticket: Ticket,
    state: Mutex<State<F, T>>,
}

struct State<F, T> {
    stage: Stage<F, T>,
    audience: Audience,
}

enum Stage<F, T> {
    /// What the job captured, until whoever wins the claim takes it (C2).
    Queued(F),
    Running,
    Computed(Result<T, JobError>),
    Published(Result<T, JobError>),
    Taken,
}

/// Who wants the result.
enum Audience {
    /// A handle that does not wait right now.
    Handle,
    Waiter(JobWaiter),
    /// Nobody any more.
    Nobody,
}

impl<F, T> Cell<F, T>
where
    F: FnOnce(&JobContext<'_>) -> T + Send + 'static,
    T: Send + 'static,
{
    pub(crate) fn new(ticket: Ticket, body: F) -> Arc<Cell<F, T>> {
        let state = State { stage: Stage::Queued(body), audience: Audience::Handle };
        Arc::new(Cell { ticket, state: Mutex::new(state) })
    }

    /// What the job captured; `None` if somebody has taken it before.
    fn take_body(&self) -> Option<F> {
        let mut state = self.state.lock();
        match state.stage {
            Stage::Queued(_) => match std::mem::replace(&mut state.stage, Stage::Running) {
                Stage::Queued(body) => Some(body),
                _ => None,
            },
            _ => None,
        }
    }

    fn compute(&self, result: Result<T, JobError>) {
        self.state.lock().stage = Stage::Computed(result);
    }
}

impl<F, T> Tracked for Cell<F, T>
where
    F: FnOnce(&JobContext<'_>) -> T + Send + 'static,
    T: Send + 'static,
{
    fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    fn run(&self, cx: &JobContext<'_>, overran: &dyn Fn() -> bool) -> Outcome {
        let body = self.take_body().expect("its runner won the claim, and nobody else (C1, C2)");
        let result = catch(|| body(cx));
        // Not wanted: the timeout's resolution stands, and the late result is dropped here (C3).
        let wanted = self.ticket.claim.finish();
        if !wanted || overran() {
            contain(|| drop(result));
            if wanted {
                self.compute(Err(JobError::timed_out()));
            }
            return Outcome::TimedOut;
        }
        let outcome = if result.is_ok() { Outcome::Ok } else { Outcome::Panicked };
        self.compute(result.map_err(JobError::panicked));
        outcome
    }

    fn refuse(&self, why: JobError) {
        let body = self.take_body();
        contain(|| drop(body));
        self.compute(Err(why));
    }

    fn give_up(&self) {
        self.compute(Err(JobError::timed_out()));
    }

    fn publish(&self) {
        let (audience, unwanted) = {
            let mut state = self.state.lock();
            let audience = match state.audience {
                Audience::Nobody => Audience::Nobody,
                _ => std::mem::replace(&mut state.audience, Audience::Handle),
            };
            let mut unwanted = None;
            if matches!(state.stage, Stage::Computed(_))
                && let Stage::Computed(result) = std::mem::replace(&mut state.stage, Stage::Taken)
            {
                match audience {
                    Audience::Nobody => unwanted = Some(result),
                    _ => state.stage = Stage::Published(result),
                }
            }
            (audience, unwanted)
        };
        contain(|| drop(unwanted));
        if let Audience::Waiter(waiter) = audience {
            waiter.wake();
        }
    }
}

impl<F, T> Awaited<T> for Cell<F, T>
where
    F: FnOnce(&JobContext<'_>) -> T + Send + 'static,
    T: Send + 'static,
{
    fn take(&self, waiter: Option<JobWaiter>) -> Option<Result<T, JobError>> {
        let (result, _stale) = {
            let mut state = self.state.lock();
            if matches!(state.stage, Stage::Published(_))
                && let Stage::Published(result) = std::mem::replace(&mut state.stage, Stage::Taken)
            {
                (Some(result), std::mem::replace(&mut state.audience, Audience::Handle))
            } else {
                let stale = match waiter {
                    Some(waiter) => {
                        std::mem::replace(&mut state.audience, Audience::Waiter(waiter))
                    }
                    None => Audience::Handle,
                };
                (None, stale)
            }
        };
        result
    }

    fn is_published(&self) -> bool {
        matches!(self.state.lock().stage, Stage::Published(_) | Stage::Taken)
    }

    fn detach(&self) {
        let (_result, _waiter) = {
            let mut state = self.state.lock();
            let result = match state.stage {
                Stage::Published(_) => std::mem::replace(&mut state.stage, Stage::Taken),
                _ => Stage::Taken,
            };
            (result, std::mem::replace(&mut state.audience, Audience::Nobody))
        };
    }
}
