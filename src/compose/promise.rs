//! A result to come that outlives any one job: kept once, asked for by one.

use crate::run::panics::contain;
use crate::run::waiter::JobWaiter;
use crate::sync::Mutex;

pub(crate) struct Promise<T>(Mutex<State<T>>);

struct State<T> {
    value: Option<T>,
    is_kept: bool,
    /// Nobody will ask.
    is_let_go: bool,
    waiter: Option<JobWaiter>,
    /// Who gets the value, in place of whoever would ask.
    heir: Option<Heir<T>>,
}

type Heir<T> = Box<dyn FnOnce(T) + Send>;

impl<T> Promise<T> {
    pub(crate) fn new() -> Promise<T> {
        let (value, waiter, heir) = (None, None, None);
        Promise(Mutex::new(State { value, is_kept: false, is_let_go: false, waiter, heir }))
    }

    /// Keeps the promise, unless it is kept already: then, and if nobody will ask, the value is
    /// dropped here. If it has an heir, that is called here.
    pub(crate) fn keep(&self, value: T) {
        let (left, waiter, heir) = {
            let mut state = self.0.lock();
            let is_asked_for = !state.is_kept && !state.is_let_go && state.heir.is_none();
            state.is_kept = true;
            let left = if is_asked_for { state.value.replace(value) } else { Some(value) };
            (left, state.waiter.take(), state.heir.take())
        };
        match (left, heir) {
            (Some(value), Some(heir)) => _ = contain(|| heir(value)),
            (left, _) => _ = contain(|| drop(left)),
        }
        waiter.into_iter().for_each(JobWaiter::wake);
    }

    /// Has somebody get the value: here, if it is there.
    pub(crate) fn hand_to(&self, heir: Heir<T>) {
        let there = {
            let mut state = self.0.lock();
            match state.value.take() {
                Some(value) => Some((value, heir)),
                None => {
                    state.heir = Some(heir);
                    None
                }
            }
        };
        if let Some((value, heir)) = there {
            contain(|| heir(value));
        }
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.0.lock().is_kept
    }

    pub(crate) fn take(&self) -> Option<T> {
        self.0.lock().value.take()
    }

    /// The value; otherwise leaves whom to wake, in place of whoever was left before.
    pub(crate) fn take_or_leave(&self, waiter: JobWaiter) -> Option<T> {
        let mut state = self.0.lock();
        if let Some(value) = state.value.take() {
            return Some(value);
        }
        let stale = state.waiter.replace(waiter);
        drop(state);
        // Somebody else's code, if it is a waker.
        drop(stale);
        None
    }

    /// Wakes whoever waits, to look again.
    pub(crate) fn nudge(&self) {
        let waiter = self.0.lock().waiter.take();
        waiter.into_iter().for_each(JobWaiter::wake);
    }

    /// Nobody will ask: the value is dropped, now or when it comes.
    pub(crate) fn let_go(&self) {
        let (value, waiter) = {
            let mut state = self.0.lock();
            state.is_let_go = true;
            (state.value.take(), state.waiter.take())
        };
        contain(|| drop(value));
        drop(waiter);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::sync::thread;

    #[test]
    fn a_promise_is_kept_once_and_its_value_taken_once() {
        let promise = Promise::new();
        assert!(!promise.is_kept() && promise.take().is_none());
        promise.keep(1);
        promise.keep(2);
        assert!(promise.is_kept());
        assert_eq!((promise.take(), promise.take()), (Some(1), None));
    }

    #[test]
    fn who_waits_is_woken_however_the_two_meet() {
        for _ in 0..500 {
            let promise = Promise::new();
            std::thread::scope(|scope| {
                scope.spawn(|| promise.keep(7));
                let here = || JobWaiter::Thread(thread::current());
                let value = loop {
                    match promise.take_or_leave(here()) {
                        Some(value) => break value,
                        None => thread::park(None),
                    }
                };
                assert_eq!(value, 7);
            });
        }
    }

    #[test]
    fn what_nobody_will_ask_for_is_dropped_before_and_after() {
        for early in [true, false] {
            let (promise, value) = (Promise::new(), Arc::new(()));
            if early {
                promise.let_go();
            }
            promise.keep(Arc::clone(&value));
            promise.let_go();
            assert_eq!(Arc::strong_count(&value), 1);
        }
    }
}
