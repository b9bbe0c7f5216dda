//! What a worker's thread keeps for the jobs it runs: built there, used there, dropped there.
//!
//! Each value belongs to an owner, which may end on any thread. Its values then stay until their
//! own threads look, which a worker does before it sleeps, as it leaves, and when it comes to keep
//! one more. Whoever uses a value takes it out meanwhile, so nothing a user wrote runs while the
//! list is borrowed.

use std::any::Any;
use std::cell::RefCell;

use super::panics::contain;
use crate::sync::{Arc, Weak, thread_local};

/// Whoever the values of several threads belong to.
pub(crate) trait Owner: Send + Sync {}

struct Local {
    owner: Weak<dyn Owner>,
    /// `None` while somebody uses it.
    value: Option<Box<dyn Any>>,
}

impl Local {
    fn is_of(&self, owner: &Arc<dyn Owner>) -> bool {
        std::ptr::addr_eq(self.owner.as_ptr(), Arc::as_ptr(owner))
    }

    fn is_stale(&self) -> bool {
        self.value.is_some() && self.owner.strong_count() == 0
    }
}

thread_local! {
    static LOCALS: RefCell<Vec<Local>> = const { RefCell::new(Vec::new()) };
}

/// What the calling thread keeps for an owner.
pub(crate) enum Kept {
    Nothing,
    Value(Box<dyn Any>),
    /// A job further down this stack uses it.
    InUse,
}

/// Takes out what the calling thread keeps for `owner`, to be followed by [`put`] unless it is in
/// use already.
pub(crate) fn take(owner: &Arc<dyn Owner>) -> Kept {
    let find = |locals: &RefCell<Vec<Local>>| {
        let mut locals = locals.borrow_mut();
        let local = locals.iter_mut().find(|local| local.is_of(owner))?;
        Some(local.value.take().map_or(Kept::InUse, Kept::Value))
    };
    match LOCALS.try_with(find) {
        Ok(Some(kept)) => kept,
        Ok(None) => {
            // A worker that never sleeps would keep those of all the owners there ever were.
            drop_stale();
            let local = Local { owner: Arc::downgrade(owner), value: None };
            let _ = LOCALS.try_with(|locals| locals.borrow_mut().push(local));
            Kept::Nothing
        }
        // The thread is at its very end: what is built now cannot be kept.
        Err(_) => Kept::InUse,
    }
}

/// Keeps `value` for `owner` from now on, or nothing.
pub(crate) fn put(owner: &Arc<dyn Owner>, value: Option<Box<dyn Any>>) {
    let put = |locals: &RefCell<Vec<Local>>| {
        let mut locals = locals.borrow_mut();
        let place = locals.iter().position(|local| local.is_of(owner));
        match (place, value) {
            (Some(place), Some(value)) => locals[place].value = Some(value),
            (Some(place), None) => drop(locals.swap_remove(place)),
            (None, _) => debug_assert!(false, "whoever puts has taken"),
        }
    };
    let _ = LOCALS.try_with(put);
}

/// Whether the calling thread keeps something whose owner has ended.
pub(crate) fn any_stale() -> bool {
    LOCALS.try_with(|locals| locals.borrow().iter().any(Local::is_stale)).unwrap_or(false)
}

/// Drops what the calling thread keeps for owners that have ended.
pub(crate) fn drop_stale() {
    drop_if(Local::is_stale);
}

/// Drops everything the calling thread keeps.
pub(crate) fn drop_all() {
    drop_if(|local| local.value.is_some());
}

fn drop_if(goes: impl Fn(&Local) -> bool) {
    // Their destructors may come back here.
    while let Ok(Some(gone)) = LOCALS.try_with(|locals| {
        let mut locals = locals.borrow_mut();
        let place = locals.iter().position(&goes)?;
        Some(locals.swap_remove(place))
    }) {
        contain(|| drop(gone));
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use std::rc::Rc;

    use super::*;

    struct Somebody;

    impl Owner for Somebody {}

    fn somebody() -> Arc<dyn Owner> {
        Arc::new(Somebody)
    }

    fn is_nothing(kept: &Kept) -> bool {
        matches!(kept, Kept::Nothing)
    }

    #[test]
    fn what_is_taken_out_is_in_use_until_it_is_put_back() {
        let (mine, other) = (somebody(), somebody());
        assert!(is_nothing(&take(&mine)));
        assert!(matches!(take(&mine), Kept::InUse));
        assert!(is_nothing(&take(&other)), "each has its own");
        put(&mine, Some(Box::new(7_u8)));
        let Kept::Value(value) = take(&mine) else { unreachable!("it was put there") };
        assert_eq!(value.downcast_ref(), Some(&7_u8));
        put(&mine, None);
        assert!(is_nothing(&take(&mine)), "nothing was put back");
        drop_all();
    }

    #[test]
    fn a_thread_that_never_rests_keeps_no_more_than_there_are_owners() {
        let held = Rc::new(());
        for _ in 0..100 {
            let brief = somebody();
            assert!(is_nothing(&take(&brief)));
            put(&brief, Some(Box::new(Rc::clone(&held))));
        }
        assert!(Rc::strong_count(&held) <= 2, "those of owners that are gone are dropped");
        drop_all();
    }

    #[test]
    fn only_what_has_lost_its_owner_is_stale_and_it_is_dropped_here() {
        let (mine, other, held) = (somebody(), somebody(), Rc::new(()));
        for owner in [&mine, &other] {
            assert!(is_nothing(&take(owner)));
            put(owner, Some(Box::new(Rc::clone(&held))));
        }
        drop_stale();
        assert!(!any_stale() && Rc::strong_count(&held) == 3);
        drop(mine);
        assert!(any_stale());
        drop_stale();
        assert_eq!(Rc::strong_count(&held), 2);
        drop_all();
        assert_eq!(Rc::strong_count(&held), 1);
    }
}
