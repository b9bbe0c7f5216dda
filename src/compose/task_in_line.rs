//! A task in a line for room: how it waits for its call, and what else ends its wait. What
//! `run/in_line.rs` is for a thread.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::timer::TimerId;
use crate::outcome::Refusal;
use crate::run::gate::{Joined, Patience, Waiter};
use crate::run::in_line::GivesUp;
use crate::run::on_cancel::WaitForCancel;
use crate::run::submission::Submission;
use crate::run::submit::{self, Entry};
use crate::scale::Core;
use crate::sync::Arc;
use crate::time::Nanos;

/// When a task that waits for room gives up: woken when its token is cancelled, and when its time
/// is up.
pub(crate) struct TaskGivesUp {
    core: Arc<Core>,
    token: Option<WaitForCancel>,
    at: Nanos,
    alarm: Option<(Waker, TimerId)>,
}

impl TaskGivesUp {
    pub(crate) fn new(core: &Arc<Core>, gives_up: GivesUp<'_>) -> TaskGivesUp {
        TaskGivesUp {
            core: Arc::clone(core),
            token: gives_up.token.map(|token| token.cancelled()),
            at: gives_up.at.unwrap_or(Nanos::NEVER),
            alarm: None,
        }
    }

    /// Why it gives up; pending while it does not.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Refusal> {
        if let Some(token) = &mut self.token
            && Pin::new(token).poll(cx).is_ready()
        {
            return Poll::Ready(Refusal::Cancelled);
        }
        if self.at == Nanos::NEVER {
            return Poll::Pending;
        }
        if self.at <= self.core.shared.now() {
            return Poll::Ready(Refusal::Deadline);
        }
        match self.set_alarm(cx.waker()) {
            Ok(()) => Poll::Pending,
            Err(refusal) => Poll::Ready(refusal),
        }
    }

    fn set_alarm(&mut self, waker: &Waker) -> Result<(), Refusal> {
        if self.alarm.as_ref().is_some_and(|(set_for, _)| set_for.will_wake(waker)) {
            return Ok(());
        }
        self.silence();
        let wakes = waker.clone();
        // However many there are: whoever waits has a bound of its own.
        let alarm = self.core.timer.again(self.at, Box::new(move || wakes.wake()));
        let id = alarm.map_err(|(_, refusal)| refusal)?;
        self.alarm = Some((waker.clone(), id));
        Ok(())
    }

    fn silence(&mut self) {
        if let Some((_, id)) = self.alarm.take() {
            self.core.timer.cancel(id);
        }
    }
}

impl Drop for TaskGivesUp {
    fn drop(&mut self) {
        self.silence();
    }
}

/// A task and its place in the line at the gate, if it has one. It leaves the line with this, and
/// passes on a call that came meanwhile (G4).
pub(crate) struct TaskInLine {
    core: Arc<Core>,
    waiter: Option<Arc<Waiter>>,
    /// It was called, and has not got in yet.
    was_called: bool,
    gives_up: Option<TaskGivesUp>,
    /// Of what it waits to submit, once it has found no room.
    submission: Option<Submission>,
}

impl TaskInLine {
    pub(crate) fn new(core: &Arc<Core>) -> TaskInLine {
        let core = Arc::clone(core);
        TaskInLine { core, waiter: None, was_called: false, gives_up: None, submission: None }
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.waiter.is_some()
    }

    /// Tries to get a job in. Whoever finds no room is to join the line.
    pub(crate) fn admit(&mut self) -> Result<Entry, Refusal> {
        let shared = &self.core.shared;
        let admitted = submit::admit_or_wait(shared, &mut self.submission);
        if matches!(admitted, Err(Refusal::QueueFull)) {
            self.submission.get_or_insert_with(|| Submission::begin(shared));
        }
        admitted
    }

    /// What has begun, for whoever goes on to wait for room as a thread.
    pub(crate) fn take_submission(&mut self) -> Submission {
        self.submission.take().unwrap_or_else(|| Submission::begin(&self.core.shared))
    }

    /// Ready once it may try to get in: it was called, or does not stand in the line.
    ///
    /// # Errors
    ///
    /// It has given up, and left the line.
    pub(crate) fn poll_call(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        let Some(waiter) = &self.waiter else { return Poll::Ready(Ok(())) };
        if let Some(gives_up) = &mut self.gives_up
            && let Poll::Ready(why) = gives_up.poll(cx)
        {
            self.leave();
            return Poll::Ready(Err(why));
        }
        if waiter.rearm(cx.waker()) {
            return Poll::Pending;
        }
        (self.waiter, self.was_called) = (None, true);
        Poll::Ready(Ok(()))
    }

    /// Joins the line, having found no room; ready if there may be some after all.
    ///
    /// # Errors
    ///
    /// It gives up instead.
    pub(crate) fn poll_join<'a>(
        &mut self,
        gives_up: impl FnOnce() -> GivesUp<'a>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Refusal>> {
        let TaskInLine { core, was_called, .. } = self;
        let wait = self.gives_up.get_or_insert_with(|| TaskGivesUp::new(core, gives_up()));
        if let Poll::Ready(why) = wait.poll(cx) {
            return Poll::Ready(Err(why));
        }
        let waiter = Waiter::task(cx.waker().clone());
        if core.shared.gate.join_line(&waiter, *was_called, Patience::None) == Joined::TryAgain {
            return Poll::Ready(Ok(()));
        }
        (self.waiter, self.was_called) = (Some(waiter), false);
        Poll::Pending
    }

    /// Leaves the line, if it stands there, and is as if it had never been there.
    pub(crate) fn leave(&mut self) {
        if let Some(waiter) = self.waiter.take() {
            self.core.shared.gate.leave_line(&waiter);
        }
        (self.was_called, self.gives_up, self.submission) = (false, None, None);
    }
}

impl Drop for TaskInLine {
    fn drop(&mut self) {
        self.leave();
    }
}
