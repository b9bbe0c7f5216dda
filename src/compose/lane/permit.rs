//! What a job of a lane holds from its submission to its end. It is given back at the one place
//! where the job's outcome is known to the pool, so that the lane counts the same.

use std::any::Any;
use std::cell::RefCell;
use std::time::Duration;

use super::dispatcher::Dispatcher;
use super::keys::Key;
use super::state::{End, Lends, State, Whose};
use crate::outcome::Outcome;
use crate::run::context::{Body, JobContext};
use crate::run::seat::{Room, Seat, TakeOver};
use crate::run::shared::Shared;
use crate::sync::Arc;
use crate::sync::plain::thread_local;
use crate::time::nanos;

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

    fn ended(&self, seat: &Seat, outcome: Outcome, waited: Option<Duration>) {
        let end = End { outcome, waited: waited.map(nanos) };
        self.dispatcher.ended(self.whose(seat), end);
    }
}

/// Notes that the calling thread is in a job of this lane and key, until this is dropped.
struct Inside;

impl Inside {
    fn enter(room: &LaneRoom, key: Key) -> Inside {
        let here = (room.address(), room.row, key);
        let _ = IN.try_with(|inside| inside.borrow_mut().push(here));
        Inside
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = IN.try_with(|inside| inside.borrow_mut().pop());
    }
}

/// A job that has its lane's place to lend as long as it runs.
pub(crate) struct Permitted<B> {
    pub(crate) body: B,
    pub(crate) room: Arc<LaneRoom>,
    pub(crate) key: Key,
}

impl<B: Body<T>, T> Body<T> for Permitted<B> {
    fn call(self, cx: &JobContext<'_>) -> T {
        let _inside = Inside::enter(&self.room, self.key);
        self.body.call(cx)
    }

    fn error(result: &T) -> Option<&(dyn Any + Send)> {
        B::error(result)
    }
}
