//! A job that is to get into a lane, as often as that is tried.

use super::dispatcher::{Asks, Request, Try};
use super::permit::{LaneRoom, Permitted};
use crate::error::CancelReason;
use crate::run::attempt;
use crate::run::cancel::CancelToken;
use crate::run::context::Body;
use crate::run::gate::Waiter;
use crate::run::handle::JobHandle;
use crate::run::in_line::GivesUp;
use crate::run::news;
use crate::run::seat::{Room, Seat};
use crate::run::shared::Shared;
use crate::run::submit::{self, Numbered};
use crate::run::terms::Terms;
use crate::scale::Core;
use crate::sync::Arc;

/// What whoever submits a job brings along.
pub(super) struct Entrant<J> {
    room: Arc<LaneRoom>,
    /// Gone once it is in, or was given back.
    unsent: Option<Unsent<J>>,
    numbered: Option<Numbered>,
}

struct Unsent<J> {
    job: J,
    terms: Terms,
}

impl<J> Entrant<J> {
    pub(super) fn new(room: &Arc<LaneRoom>, terms: Terms, job: J) -> Entrant<J> {
        let unsent = Some(Unsent { job, terms });
        Entrant { room: Arc::clone(room), unsent, numbered: None }
    }

    /// Begins to make the job: not under the lock of the lanes, as whatever a subscriber does.
    pub(super) fn number(&mut self, shared: &Arc<Shared>) {
        if self.numbered.is_none()
            && let Some(unsent) = &self.unsent
        {
            self.numbered = Some(submit::number(shared, unsent.terms.kind));
        }
    }

    /// When its submitter gives up.
    pub(super) fn gives_up(&self, shared: &Shared) -> GivesUp<'_> {
        self.unsent.as_ref().map_or_else(GivesUp::never, |unsent| unsent.terms.gives_up(shared))
    }

    /// Tries to get in; `body` makes what the pool runs, once it is in.
    pub(super) fn enter<B, T>(
        &mut self,
        core: &Core,
        request: &Request,
        was_called: bool,
        waiter: impl FnOnce() -> Arc<Waiter>,
        body: impl FnOnce(J) -> B,
    ) -> Try<JobHandle<T>>
    where
        B: Body<T>,
        T: Send + 'static,
    {
        self.number(&core.shared);
        let Entrant { room, unsent, numbered } = self;
        let token = unsent.as_ref().and_then(|unsent| unsent.terms.token());
        // Word that is left with a cancelled token comes too late: a worker may have the job by
        // then, for that is done outside the lock.
        let asks = Asks { was_called, is_void: token.is_some_and(CancelToken::is_cancelled) };
        let tried = room.dispatcher.enter(core, request, asks, waiter, |number| {
            let Unsent { job, terms } = unsent.take().expect("a job is let in once");
            let numbered = numbered.take().expect("it was numbered before");
            let key = request.key;
            let seat = Seat { room: Arc::clone(room) as Arc<dyn Room>, number, key };
            let terms = terms.with(|special| special.seat = Some(seat));
            let body = Permitted { body: body(job), room: Arc::clone(room), key };
            submit::numbered_cell(&core.shared, numbered, terms, body)
        });
        if let Try::In(handle) = &tried {
            // Not under the lock of the lanes: a job that is cancelled is dropped.
            if asks.is_void {
                attempt::cancel_taken(&core.shared, &*handle.tracked(), CancelReason::Token);
            } else {
                submit::follow_token(&core.shared, &handle.tracked());
            }
            news::accepted(&core.shared, || handle.tracked());
        }
        tried
    }

    /// The job of an entrant that was refused.
    pub(super) fn take_back(self) -> J {
        self.unsent.expect("a job that was let in is not refused").job
    }
}
