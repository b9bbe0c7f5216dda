//! The jobs of a map that are submitted ahead of their turn, as far as there is room.

use super::{Map, Work};
use crate::error::{CancelReason, JobError};
use crate::outcome::Refusal;
use crate::run::submit::Entry;
use crate::sync::Arc;

impl<I, T> Map<I, T>
where
    I: Iterator,
    I::Item: Send + 'static,
    T: Send + 'static,
{
    /// Submits as many jobs as may be under way and find room.
    pub(super) fn submit_ahead(&mut self) {
        while self.under_way < self.look_ahead && self.has_work() {
            let admitted = self.line.admit();
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
            // It stands for this item alone, as if its job had been let in.
            Err(Refusal::Cancelled) => self.lose(JobError::cancelled(CancelReason::Token)),
            Err(Refusal::Deadline) => self.lose(JobError::expired()),
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

    /// The job that is there to be submitted will never be.
    fn lose(&mut self, why: JobError) -> bool {
        self.unsubmitted = None;
        self.under_way += 1;
        self.inbox.expect_none(why);
        true
    }
}
