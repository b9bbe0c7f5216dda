//! The only file that names std's atomics, locks and threads, so that loom or shuttle can stand in.
//!
//! * plain build: std;
//! * `--cfg loom`: loom's, for the models of the sleep word, the gate, the claim, the cell and the
//!   reports at rest;
//! * `--cfg shuttle`: shuttle's, for random schedules over the whole pool.
//!
//! [`plain`] is std in every build: it is for values that no protocol depends on (meters, gauges),
//! whose every access would otherwise cost the checkers a scheduling point.

pub(crate) use std::sync::Arc;
pub(crate) use std::sync::OnceLock;
pub(crate) use std::sync::Weak;

pub(crate) mod plain {
    pub(crate) use std::sync::Mutex;
    pub(crate) use std::sync::atomic::{
        AtomicBool, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering,
    };
    pub(crate) use std::thread::panicking;
    pub(crate) use std::thread_local;
}

#[cfg(not(any(loom, shuttle)))]
mod backend {
    pub(crate) use std::sync::{Mutex, MutexGuard, atomic};
    pub(crate) use std::thread_local;
    pub(crate) mod thread {
        pub(crate) use std::thread::{Builder, JoinHandle, Thread, current, yield_now};
        pub(crate) fn park(timeout: Option<std::time::Duration>) {
            match timeout {
                Some(timeout) => std::thread::park_timeout(timeout),
                None => std::thread::park(),
            }
        }
    }
}

#[cfg(shuttle)]
mod backend {
    pub(crate) use shuttle::sync::{Mutex, MutexGuard, atomic};
    pub(crate) use shuttle::thread_local;
    pub(crate) mod thread {
        pub(crate) use shuttle::thread::{Builder, JoinHandle, Thread, current, yield_now};
        /// Shuttle has no time. A park that times out would hide every lost wake-up, so the
        /// timeout is ignored and a lost wake-up shows as a deadlock. Only a timeout of zero, which
        /// the pool never asks for and a test's [`Parker`](crate::run::parker::Parker) may make of
        /// one that is to pass, ends at once.
        pub(crate) fn park(timeout: Option<std::time::Duration>) {
            match timeout {
                Some(std::time::Duration::ZERO) => yield_now(),
                _ => shuttle::thread::park(),
            }
        }
    }
}

#[cfg(loom)]
mod backend {
    pub(crate) use std::thread_local;

    pub(crate) use loom::sync::{Mutex, MutexGuard, atomic};
    pub(crate) mod thread {
        use crate::sync::Arc;
        use crate::sync::plain::{AtomicBool, Ordering};
        pub(crate) use loom::thread::yield_now;

        /// A thread that keeps its own wake-up token. Loom's is lost when it arrives while the
        /// thread waits for a lock, and takes the thread past the lock besides.
        #[derive(Clone, Debug)]
        pub(crate) struct Thread {
            handle: loom::thread::Thread,
            token: Arc<Token>,
        }

        #[derive(Debug)]
        struct Token {
            /// As in std, whoever consumes the token sees what came before the unpark.
            given: loom::sync::atomic::AtomicBool,
            /// Plain, for loom changes threads only at the start of its own operations: between
            /// a look at the token and the park nobody comes in.
            is_parked: AtomicBool,
        }

        impl Token {
            fn take(&self) -> bool {
                self.given.swap(false, Ordering::Acquire)
            }
        }

        loom::thread_local! {
            static CURRENT: Thread = Thread {
                handle: loom::thread::current(),
                token: Arc::new(Token {
                    given: loom::sync::atomic::AtomicBool::new(false),
                    is_parked: AtomicBool::new(false),
                }),
            };
        }

        impl Thread {
            pub(crate) fn unpark(&self) {
                self.token.given.swap(true, Ordering::Release);
                if self.token.is_parked.swap(false, Ordering::Relaxed) {
                    self.handle.unpark();
                }
            }
        }

        pub(crate) fn current() -> Thread {
            CURRENT.with(Clone::clone)
        }

        /// As under shuttle: no timeout, so that a lost wake-up is a deadlock the model reports.
        pub(crate) fn park(_timeout: Option<std::time::Duration>) {
            let Thread { token, .. } = current();
            if !token.take() {
                token.is_parked.store(true, Ordering::Relaxed);
                loom::thread::park();
                token.take();
            }
        }
    }
}

pub(crate) use backend::{MutexGuard, atomic, thread, thread_local};

/// A thread can be held up anywhere, and everybody else has to cope with what it has left half
/// done. Random schedules leave a thread standing for long once in an age, so at the few places
/// that call this, shuttle does it on purpose, once for each thread at most. Otherwise it is
/// nothing.
#[inline(always)]
pub(crate) fn may_be_held_up() {
    #[cfg(shuttle)]
    {
        use shuttle::rand::Rng;
        thread_local! {
            static WAS_HELD_UP: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
        }
        let again = WAS_HELD_UP.try_with(std::cell::Cell::get).unwrap_or(true);
        if !again && shuttle::rand::thread_rng().gen_ratio(1, 16) {
            let _ = WAS_HELD_UP.try_with(|was| was.set(true));
            (0..128).for_each(|_| thread::yield_now());
        }
    }
}

/// A lock whose poison is ignored: no user code ever runs under one of ours, so a panic inside
/// is a bug that ends one worker, and the others must still get at the data.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(backend::Mutex<T>);

impl<T> Mutex<T> {
    #[cfg(not(any(loom, shuttle)))]
    pub(crate) const fn new(value: T) -> Self {
        Mutex(backend::Mutex::new(value))
    }

    #[cfg(any(loom, shuttle))]
    pub(crate) fn new(value: T) -> Self {
        Mutex(backend::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// A place without a lock, for whoever a protocol says it belongs to. Loom's looks at every visit.
#[cfg(not(loom))]
#[derive(Debug)]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(loom))]
impl<T> UnsafeCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        UnsafeCell(std::cell::UnsafeCell::new(value))
    }

    /// Hands out where the value is, to be used until `visit` returns.
    pub(crate) fn with_mut<R>(&self, visit: impl FnOnce(*mut T) -> R) -> R {
        visit(self.0.get())
    }
}

#[cfg(loom)]
pub(crate) use loom::cell::UnsafeCell;

/// A value that is read often and replaced whole: the only use of `arc_swap`.
#[cfg(not(any(loom, shuttle)))]
#[derive(Debug)]
pub(crate) struct Swap<T>(arc_swap::ArcSwap<T>);

#[cfg(not(any(loom, shuttle)))]
impl<T> Swap<T> {
    pub(crate) fn new(value: T) -> Self {
        Swap(arc_swap::ArcSwap::from_pointee(value))
    }

    pub(crate) fn load(&self) -> Arc<T> {
        self.0.load_full()
    }

    pub(crate) fn store(&self, value: Arc<T>) {
        self.0.store(value);
    }
}

/// Under a model checker the obviously right version.
#[cfg(any(loom, shuttle))]
#[derive(Debug)]
pub(crate) struct Swap<T>(Mutex<Arc<T>>);

#[cfg(any(loom, shuttle))]
impl<T> Swap<T> {
    pub(crate) fn new(value: T) -> Self {
        Swap(Mutex::new(Arc::new(value)))
    }

    pub(crate) fn load(&self) -> Arc<T> {
        Arc::clone(&self.0.lock())
    }

    pub(crate) fn store(&self, value: Arc<T>) {
        *self.0.lock() = value;
    }
}
