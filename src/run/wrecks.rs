//! What a worker has in its hands as its thread unwinds is left here, and put in order by whoever
//! catches that (C8). Nothing that a user wrote runs in between.

use std::any::Any;
use std::cell::{Cell, RefCell};

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
    static IS_AT_WORK: Cell<bool> = const { Cell::new(false) };
}

/// While it lives, the calling thread is a worker's, and whoever catches what ends it takes what
/// it leaves.
pub(crate) struct AtWork(());

impl AtWork {
    pub(crate) fn begin() -> AtWork {
        let _ = IS_AT_WORK.try_with(|is| is.set(true));
        AtWork(())
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        let _ = IS_AT_WORK.try_with(|is| is.set(false));
    }
}

/// Whether the calling thread unwinds from a defect of the pool's own that ends its worker: what
/// panics inside a job ends that job only, and on a user's thread there is no worker to end.
#[cold]
pub(crate) fn is_worker_dying() -> bool {
    panicking() && panics::is_outermost() && IS_AT_WORK.try_with(Cell::get).unwrap_or(false)
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
