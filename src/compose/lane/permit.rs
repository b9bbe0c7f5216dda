//! What a job of a lane holds from its submission to its end: given back on every way it can end,
//! its closure being dropped unrun among them.

use std::any::Any;
use std::cell::RefCell;

use super::dispatcher::Dispatcher;
use super::keys::Key;
use super::state::{End, Lends, State, Whose};
use crate::outcome::Outcome;
use crate::run::context::{Body, JobContext};
use crate::run::seat::{Room, Seat, TakeOver};
use crate::run::shared::Shared;
use crate::sync::Arc;
use crate::sync::plain::thread_local;
use crate::time::{Nanos, nanos};

/// One lane as its jobs see it.
pub(crate) struct LaneRoom {
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) row: usize,
}

thread_local! {
    /// The lanes and keys whose jobs the calling thread is in, innermost last.
    static IN: RefCell<Vec<(usize, usize, Key)>> = const { RefCell::new(Vec::new()) };
}

impl LaneRoom {
    fn address(&self) -> usize {
        Arc::as_ptr(&self.dispatcher).addr()
    }

    /// What the calling thread, which waits, has to lend.
    fn lends(&self, key: Key) -> Lends {
        let lends = IN.try_with(|inside| {
            let inside = inside.borrow();
            let here =
                || inside.iter().filter(|(at, row, _)| *at == self.address() && *row == self.row);
            Lends { lane: here().next().is_some(), key: here().any(|(_, _, of)| *of == key) }
        });
        lends.unwrap_or_default()
    }
}

impl LaneRoom {
    fn whose(&self, seat: &Seat) -> Whose {
        Whose { row: self.row, key: seat.key, number: seat.number }
    }
}

impl Room for LaneRoom {
    fn leave(&self, seat: &Seat) -> bool {
        let job = self.whose(seat);
        let left = self.dispatcher.change_if_alive(|shared, state| state.leave(shared, job));
        left.unwrap_or(false)
    }

    fn arrives(&self, seat: &Seat) -> bool {
        let job = self.whose(seat);
        self.dispatcher.change_if_alive(|_, state| state.arrives(job)).unwrap_or(true)
    }

    fn take_over(&self, seat: &Seat) -> TakeOver {
        let (job, lends) = (self.whose(seat), self.lends(seat.key));
        let step = |shared: &Shared, state: &mut State| state.take_over(shared, job, lends);
        self.dispatcher.change_if_alive(step).unwrap_or(TakeOver::Elsewhere)
    }
}

pub(crate) struct Permit {
    room: Arc<LaneRoom>,
    job: Whose,
    submitted: Nanos,
    expires_at: Nanos,
    end: End,
}

impl Permit {
    pub(crate) fn new(
        room: Arc<LaneRoom>,
        job: Whose,
        submitted: Nanos,
        expires_at: Nanos,
    ) -> Permit {
        let end = End { outcome: Outcome::Cancelled, waited: None };
        Permit { room, job, submitted, expires_at, end }
    }

    fn start(&mut self, started: Nanos) {
        let waited = nanos(started.since(self.submitted));
        // Until the job has returned it is unwinding when this is dropped.
        self.end = End { outcome: Outcome::Panicked, waited: Some(waited) };
        let here = (self.room.address(), self.job.row, self.job.key);
        let _ = IN.try_with(|inside| inside.borrow_mut().push(here));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let dispatcher = &self.room.dispatcher;
        if self.end.waited.is_some() {
            let _ = IN.try_with(|inside| inside.borrow_mut().pop());
        } else if dispatcher.now().is_some_and(|now| now >= self.expires_at) {
            self.end.outcome = Outcome::Expired;
        }
        dispatcher.ended(self.job, self.end);
    }
}

/// A job and its permit. The job goes first, and what it captured.
pub(crate) struct Permitted<B> {
    pub(crate) body: B,
    pub(crate) permit: Permit,
}

impl<B: Body<T>, T> Body<T> for Permitted<B> {
    fn call(self, cx: &JobContext<'_>) -> T {
        let Permitted { body, mut permit } = self;
        permit.start(cx.started);
        let result = body.call(cx);
        permit.end.outcome = match B::error(&result) {
            _ if cx.overran() => Outcome::TimedOut,
            Some(_) => Outcome::Error,
            None => Outcome::Ok,
        };
        result
    }

    fn error(result: &T) -> Option<&(dyn Any + Send)> {
        B::error(result)
    }
}
