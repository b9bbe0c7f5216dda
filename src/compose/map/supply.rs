//! The jobs of a map that are submitted ahead of their turn, as far as there is room.

use std::task::Context;

use super::{Map, Work};
use crate::error::{CancelReason, JobError};
use crate::outcome::Refusal;
use crate::run::gate::{Joined, Patience, Waiter};
use crate::run::submit::{self, Entry};
use crate::sync::Arc;

impl<I, T> Map<I, T>
where
    I: Iterator,
    I::Item: Send + 'static,
    T: Send + 'static,
{
    /// Puts the task in the line for room; false if there may be room after all.
    pub(super) fn joins_line(&mut self, cx: &mut Context<'_>, was_called: bool) -> bool {
        let waiter = Waiter::task(cx.waker().clone());
        let gate = &self.inbox.shared().gate;
        let is_waiting = gate.join_line(&waiter, was_called, Patience::None) == Joined::Waiting;
        self.waiter = is_waiting.then_some(waiter);
        is_waiting
    }

    /// Submits as many jobs as may be under way and find room.
    pub(super) fn submit_ahead(&mut self) {
        while self.under_way < self.look_ahead && self.has_work() {
            let admitted = submit::admit_or_wait(self.inbox.shared());
            if !self.enter(admitted) {
                break;
            }
        }
    }

    /// Whether there is a job to submit: one that found no room before, or that of the next item.
    pub(super) fn has_work(&mut self) -> bool {
        if self.unsubmitted.is_none()
            && let Some(items) = &mut self.items
        {
            let function = &self.function;
            self.unsubmitted = items.next().map(|item| {
                let function = Arc::clone(function);
                let work: Work<T> = Box::new(move |cx| function(cx, item));
                work
            });
            if self.unsubmitted.is_none() {
                self.items = None;
            }
        }
        self.unsubmitted.is_some()
    }

    /// Submits the job that is there to be, if it was let in. True if there may be room for more.
    pub(super) fn enter(&mut self, admitted: Result<Entry, Refusal>) -> bool {
        match admitted {
            Ok(entry) => {
                let work = self.unsubmitted.take().expect("it was asked whether there is one");
                let handle = (self.deliver)(self.inbox.shared(), entry, self.terms.clone(), work);
                self.under_way += 1;
                self.inbox.expect(handle, self.fails);
                true
            }
            Err(Refusal::QueueFull) => false,
            Err(refusal) => {
                (self.items, self.unsubmitted) = (None, None);
                self.refused = Some(match refusal {
                    Refusal::Forked => JobError::forked(),
                    _ => JobError::cancelled(CancelReason::Shutdown),
                });
                false
            }
        }
    }
}

impl<I: Iterator, T: Send + 'static> Map<I, T> {
    pub(super) fn leave_line(&mut self) {
        if let Some(waiter) = self.waiter.take() {
            self.inbox.shared().gate.leave_line(&waiter);
        }
    }
}
