//! A worker's place of work: which pool and slot its thread belongs to, and its own deque.
//!
//! Jobs find it through a thread-local, which is how a submission from inside a job gets to the
//! worker's own deque and how waiting inside a job knows that it must not just wait. A thread may
//! be inside a pool without a desk: the supervisor, and a submitter that runs its job itself.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::job::{Job, Task, Tracked};
use super::need::Need;
use super::queue::LocalQueue;
use super::shared::Shared;
use crate::sync::{Arc, Weak, thread_local};

/// Shells in the own deque before it is searched for them.
const SHELLS_TOLERATED: u64 = 64;

pub(crate) struct Desk {
    pub(crate) shared: Arc<Shared>,
    pub(crate) index: usize,
    pub(crate) local: LocalQueue<Job>,
    /// Jobs dealt with by jobs of this worker whose shells may still be in its deque.
    shells: Cell<u64>,
    /// What this worker lacks, and so takes no job.
    pub(crate) lacks: RefCell<Option<Weak<dyn Need>>>,
}

thread_local! {
    static DESK: RefCell<Option<Rc<Desk>>> = const { RefCell::new(None) };
    /// The pools this thread works for, by address, innermost last.
    static INSIDE: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// While it lives, the calling thread does a pool's work. The pool's end and its quiet wait for
/// that, so the thread must not wait for them, nor for room that it may have to make itself.
pub(crate) struct Inside(());

impl Inside {
    pub(crate) fn enter(shared: &Shared) -> Inside {
        let pool = std::ptr::from_ref(shared).addr();
        let _ = INSIDE.try_with(|inside| inside.borrow_mut().push(pool));
        Inside(())
    }

    /// Whether the calling thread is inside this pool. `false` while its locals are torn down.
    pub(crate) fn is(shared: &Shared) -> bool {
        let pool = std::ptr::from_ref(shared).addr();
        INSIDE.try_with(|inside| inside.borrow().contains(&pool)).unwrap_or(false)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = INSIDE.try_with(|inside| inside.borrow_mut().pop());
    }
}

/// Holds up the end of the pool while a job that never ran leaves it, is counted and told of; see
/// `settlers`. Begun before the job leaves (E1), and over before user code runs that may wait for
/// the end.
pub(crate) struct Settling<'a> {
    pub(crate) shared: &'a Shared,
    _inside: Inside,
}

impl Settling<'_> {
    pub(crate) fn begin(shared: &Shared) -> Settling<'_> {
        shared.outside.settlers.begin();
        Settling { shared, _inside: Inside::enter(shared) }
    }
}

impl Drop for Settling<'_> {
    fn drop(&mut self) {
        self.shared.outside.settlers.end();
        self.shared.ring();
    }
}

impl Desk {
    /// Opens the desk of slot `index` on the calling thread.
    pub(crate) fn open(shared: Arc<Shared>, index: usize) -> Rc<Desk> {
        let local = shared.queue.open(index);
        let desk =
            Rc::new(Desk { shared, index, local, shells: Cell::new(0), lacks: RefCell::default() });
        DESK.with(|here| *here.borrow_mut() = Some(Rc::clone(&desk)));
        desk
    }

    /// Leaves the calling thread without a desk. The deque goes back once the last reference does.
    pub(crate) fn clear() {
        let desk = DESK.with(|here| here.borrow_mut().take());
        drop(desk);
    }

    /// The desk of the calling thread, if it is a worker. `None` also while the thread's locals
    /// are being torn down.
    pub(crate) fn here() -> Option<Rc<Desk>> {
        DESK.try_with(|here| here.try_borrow().ok()?.clone()).ok().flatten()
    }

    /// The desk of the calling thread, if it is a worker of this pool.
    pub(crate) fn of(shared: &Arc<Shared>) -> Option<Rc<Desk>> {
        Desk::here().filter(|desk| desk.is_of(shared))
    }

    pub(crate) fn is_of(&self, shared: &Arc<Shared>) -> bool {
        Arc::ptr_eq(&self.shared, shared)
    }

    /// A job of this worker has dealt with another one that was queued: joined or cancelled it.
    /// Its shell may be in this deque, and a job that does so in a loop never goes back there. So
    /// they are cleared away here, each looked at a constant number of times on average; sooner
    /// when shells are about to take places in the queue.
    pub(crate) fn shell_made(&self, crowded: bool) {
        let tolerated = if crowded { 0 } else { SHELLS_TOLERATED };
        self.shells.set(self.shells.get() + 1);
        if self.shells.get() > tolerated.max(self.local.len() as u64 / 2) {
            let purged = self.local.purge(Job::is_shell);
            self.shared.gate.shells_removed(purged as u64);
            self.shells.set(0);
            self.announce_moved();
        }
    }

    /// This worker cannot do a job that it has taken. The job goes back to the queue, unclaimed,
    /// and with it what is in this deque; the worker is to hold (H2).
    pub(crate) fn leave_to_others(&self, job: &Arc<dyn Tracked>, need: &Weak<dyn Need>) {
        *self.lacks.borrow_mut() = Some(Weak::clone(need));
        self.shared.restraints.hold();
        let queued_at = job.ticket().waits_from();
        let job = Job { task: Task::Tracked(Arc::clone(job)), queued_at };
        let jobs = self.local.leave_to_others(job);
        self.shared.sleep.announce(jobs as u32, || self.shared.gate.queued());
    }

    /// Tells of the jobs that were moved into this deque and could not be seen on their way.
    pub(crate) fn announce_moved(&self) {
        let moved = self.local.moved() as u32;
        if moved > 0 {
            self.shared.sleep.announce_moved(moved);
        }
    }
}
