//! What a worker has in its hands as its thread unwinds is left here, and put in order by whoever
//! catches that (C8). Nothing that a user wrote runs in between.

use std::any::Any;
use std::cell::RefCell;

use super::panics;
use crate::sync::plain::{panicking, thread_local};

/// Does something if the calling thread unwinds before this is forgotten, which costs nothing.
pub(crate) struct OnUnwind<F: Fn()>(pub(crate) F);

impl<F: Fn()> Drop for OnUnwind<F> {
    #[inline(always)]
    fn drop(&mut self) {
        (self.0)();
    }
}

thread_local! {
    static LEFT: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

/// Whether the calling thread unwinds from a defect of the pool's own that ends its worker: what
/// panics inside a job ends that job only.
#[cold]
pub(crate) fn is_worker_dying() -> bool {
    panicking() && panics::is_outermost()
}

/// Leaves something for [`take`].
#[cold]
pub(crate) fn leave<T: 'static>(what: T) {
    let _ = LEFT.try_with(|left| left.borrow_mut().push(Box::new(what)));
}

/// Takes what the calling thread has left behind.
pub(crate) fn take() -> Vec<Box<dyn Any>> {
    LEFT.try_with(RefCell::take).unwrap_or_default()
}
