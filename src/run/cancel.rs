//! A token that tells many at once to stop: whatever holds it, and whatever was told to follow it.
//!
//! Tokens make a tree. A child knows its parent strongly and a parent its children weakly, so what
//! hangs below a token is reached for as long as anybody holds the lowest one, and goes with it.
//! What is to happen at the moment of the cancel is left with the token as a *watch*: a child to
//! pass it on to, or something to call.
//!
//! * **K1** A token says that it is cancelled from the step on in which its watches are taken out,
//!   both under its lock. So who leaves a watch either sees the cancel and is told so, or has its
//!   watch taken: never neither, never both.
//! * **K2** A watch is called or given back, once: by whoever takes it out of the token.
//! * **K3** Watches are called, and dropped, under no lock.
//! * **K4** A watch goes with what it is for: a child, a job in a queue, a guard, a future that
//!   waits. A token that lives for ever keeps as many as there are of those at the time.

use std::collections::BTreeMap;

#[cfg(loom)]
use crate::run::omit::omitted;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::plain::{AtomicBool as PlainBool, AtomicU64};
use crate::sync::{Arc, Mutex, Weak};

/// Asks any number of jobs, and whatever else looks at it, to stop.
///
/// Clones are the same token. A [`child`](CancelToken::child) is cancelled with its parent, and may
/// be without it. [`JobBuilder::token`](crate::JobBuilder::token) puts a job under a token: as long
/// as it is queued a cancel takes it out and frees what it captured, and once it runs its context
/// says that it is cancelled.
///
/// ```
/// use springtide::{CancelReason, CancelToken, Pool};
///
/// let pool = Pool::builder("requests").workers(1..=2).build()?;
/// pool.pause();
/// let server = CancelToken::new();
/// let request = server.child();
/// let page = pool.job("page").token(&request).submit(|_| "page")?;
///
/// request.cancel(); // The client has hung up.
/// assert_eq!(page.join().unwrap_err().cancel_reason(), Some(CancelReason::Token));
/// assert!(!server.is_cancelled());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct CancelToken(Arc<Node>);

struct Node {
    is_cancelled: AtomicBool,
    parent: Option<Upwards>,
    next_key: AtomicU64,
    /// In the order in which they were left.
    watches: Mutex<BTreeMap<u64, Watch>>,
}

/// Where a child is registered.
struct Upwards {
    node: Arc<Node>,
    key: u64,
}

/// What is to happen when a token is cancelled.
enum Watch {
    Child(Weak<Node>),
    Call(Call),
}

/// Called on the thread that cancels. It must not panic.
pub(crate) type Call = Box<dyn FnOnce() + Send>;

impl CancelToken {
    /// A token that nobody has cancelled, without a parent.
    pub fn new() -> CancelToken {
        CancelToken(Arc::new(Node::new(None, false)))
    }

    /// A token that is cancelled with this one, and may be without it. That of a cancelled token is
    /// cancelled from the beginning.
    pub fn child(&self) -> CancelToken {
        let key = self.0.take_key();
        let parent = Upwards { node: Arc::clone(&self.0), key };
        let child = Arc::new(Node::new(Some(parent), false));
        match self.0.leave(key, Watch::Child(Arc::downgrade(&child))) {
            Ok(()) => CancelToken(child),
            Err(_) => CancelToken(Arc::new(Node::new(None, true))),
        }
    }

    /// Cancels this token and all below it, for good. When it returns they all say so, and what was
    /// to happen at this moment has happened, on this thread: queued jobs are out of their queues,
    /// callbacks have returned. Harmless when called again; while another thread is at it, it may
    /// return before that one is done.
    pub fn cancel(&self) {
        let mut calls = Vec::new();
        let mut reached = vec![Arc::clone(&self.0)];
        // Not by recursion: a chain of tokens may be long.
        while let Some(node) = reached.pop() {
            for watch in node.cancel().into_values() {
                match watch {
                    Watch::Child(child) => reached.extend(child.upgrade()),
                    Watch::Call(call) => calls.push(call),
                }
            }
        }
        // When all say so, for what is called here may look at any of them (K3).
        calls.into_iter().for_each(|call| call());
    }

    /// Whether the token, or one above it, has been cancelled. One look at a flag.
    pub fn is_cancelled(&self) -> bool {
        // Acquire: pairs with the store in `Node::cancel`.
        self.0.is_cancelled.load(Ordering::Acquire)
    }

    /// A place for a watch, to be [bound](Place::bind) once.
    pub(crate) fn place(&self) -> Place {
        Place { key: self.0.take_key(), token: self.clone(), is_bound: PlainBool::new(false) }
    }

    /// How many watches there are.
    #[cfg(test)]
    pub(crate) fn watches(&self) -> usize {
        self.0.watches.lock().len()
    }
}

impl Node {
    fn new(parent: Option<Upwards>, is_cancelled: bool) -> Node {
        Node {
            is_cancelled: AtomicBool::new(is_cancelled),
            parent,
            next_key: AtomicU64::new(0),
            watches: Mutex::default(),
        }
    }

    fn take_key(&self) -> u64 {
        self.next_key.fetch_add(1, Ordering::Relaxed)
    }

    /// Keeps a watch; gives it back if the token is cancelled already (K1).
    fn leave(&self, key: u64, watch: Watch) -> Result<(), Watch> {
        #[cfg(loom)]
        let stale = self.is_cancelled.load(Ordering::Acquire);
        let mut watches = self.watches.lock();
        let is_cancelled = self.is_cancelled.load(Ordering::Relaxed);
        #[cfg(loom)]
        let is_cancelled = if omitted("K1") { stale } else { is_cancelled };
        if is_cancelled {
            return Err(watch);
        }
        watches.insert(key, watch);
        Ok(())
    }

    /// Says that it is cancelled and takes the watches out (K1, K2).
    fn cancel(&self) -> BTreeMap<u64, Watch> {
        let mut watches = self.watches.lock();
        // Release: whoever sees it sees what the canceller did before.
        self.is_cancelled.store(true, Ordering::Release);
        std::mem::take(&mut watches)
    }

    /// Takes one watch out, if nobody has (K2). To be dropped by the caller, under no lock (K3).
    fn remove(&self, key: u64) -> Option<Watch> {
        self.watches.lock().remove(&key)
    }
}

impl Drop for Node {
    /// A token goes, and leaves its parent (K4), which may go with it, and so on.
    fn drop(&mut self) {
        let mut next = self.parent.take();
        while let Some(Upwards { node, key }) = next {
            let _child = node.remove(key);
            // By a loop: a chain of tokens may be long.
            next = Arc::into_inner(node).and_then(|mut node| node.parent.take());
        }
    }
}

/// A place for one watch of a token. It leaves with its holder (K4).
pub(crate) struct Place {
    token: CancelToken,
    key: u64,
    /// Spares a place that was left, or never taken, the token's lock.
    is_bound: PlainBool,
}

impl Place {
    /// Leaves word what to call; gives it back if the token is cancelled already (K1). Nobody else
    /// may know of the place yet.
    pub(crate) fn bind(&self, call: Call) -> Result<(), Call> {
        self.is_bound.store(true, Ordering::Relaxed);
        match self.token.0.leave(self.key, Watch::Call(call)) {
            Err(Watch::Call(call)) => Err(call),
            _ => Ok(()),
        }
    }

    /// Takes the call back, unless it has been made, or is about to be (K2).
    pub(crate) fn leave(&self) -> Option<Call> {
        if !self.is_bound.load(Ordering::Relaxed) {
            return None;
        }
        self.is_bound.store(false, Ordering::Relaxed);
        match self.token.0.remove(self.key) {
            Some(Watch::Call(call)) => Some(call),
            _ => None,
        }
    }

    pub(crate) fn token(&self) -> &CancelToken {
        &self.token
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.leave());
    }
}

impl Default for CancelToken {
    fn default() -> Self {
        CancelToken::new()
    }
}

impl std::fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CancelToken")
            .field("cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place").field("token", &self.token).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
