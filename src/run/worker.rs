//! The life of a worker: search, work, rest, and at last leave, giving everything back.
//!
//! One that cannot build the state that a job needs *holds*:
//!
//! * **H1** It counts as busy, so no wake-up for a job is spent on it, and it takes none.
//! * **H2** The job that it had taken, and whatever is in its deque, goes back to the common queue,
//!   and is announced, before it waits: for others, nothing has happened to these jobs.
//! * **H3** The hold ends by one step of the slot from that state, by the worker, which goes on or
//!   dies, or by the supervisor, which has then counted the worker out. The supervisor takes the
//!   slot aside while it sees whether enough others live; the worker waits for that.
//! * **H4** Until then the slot is in no other state, however often the worker wakes up and tries
//!   again: the supervisor would take it for one at work, and start another that holds beside it.

use std::cell::Cell;
use std::io;
use std::mem;
use std::rc::Rc;
use std::time::Duration;

use super::attempt;
use super::defect::{self, Step};
use super::desk::{Desk, Inside};
use super::job::Job;
use super::locals;
use super::news;
use super::panics;
use super::phase::Stage;
use super::shared::{NO_LIMIT, Shared};
use super::sleep::Order;
use super::slot::State;
use super::wrecks::{AtWork, OnUnwind};
use crate::name;
use crate::outcome::StopCause;
use crate::sync::atomic::Ordering;
use crate::sync::thread;
use crate::sync::{Arc, Weak};

/// Looks at the event count before parking, and yields in between: 2 to 4 rounds gave other pools
/// four times the round-trip rate on idle cores.
const SPIN_ROUNDS: u32 = 3;
/// Jobs that run longer than this on average are taken singly: a batch must not wait behind one
/// that blocks.
const LONG_JOB_NS: u64 = 1_000_000;

/// A worker that holds looks so often whether it is still to, whatever it was told.
const HOLD_LOOK: Duration = Duration::from_secs(1);

/// Starts a worker; false if those that were retired a moment ago still hold all the slots. Only
/// the supervisor, and the builder before there is one, may call this.
pub(crate) fn start(shared: &Arc<Shared>) -> io::Result<bool> {
    let Some(index) = shared.roster.reserve() else { return Ok(false) };
    shared.gate.open_for(index);
    shared.sleep.enlist();
    let body = {
        let shared = Arc::clone(shared);
        Box::new(move || live(shared, index))
    };
    let slot = shared.roster.slot(index);
    match shared.spawner.spawn(
        name::of_thread(shared.name.as_str(), &format!("-{index}")),
        shared.stack_size,
        body,
    ) {
        Ok(thread) => {
            *slot.thread.lock() = Some(thread);
            Ok(true)
        }
        Err(error) => {
            shared.sleep.strike_off(|| shared.gate.queued());
            slot.set_state(State::Vacant);
            Err(error)
        }
    }
}

/// The name of the supervisor's thread; no worker's, so that workers can be counted by name.
pub(crate) fn supervisor_name(pool: &str) -> String {
    name::of_thread(pool, "/tide")
}

/// Sends home the workers of a pool that could not be built; there is no supervisor to do it.
pub(crate) fn abandon(shared: &Shared) {
    shared.close();
    shared.phase.advance(Stage::Leaving);
    while shared.roster.anyone_left() {
        shared.rouse_all();
        shared.roster.reap();
        thread::yield_now();
    }
    shared.phase.advance(Stage::Ended);
}

fn live(shared: Arc<Shared>, index: usize) {
    let slot = shared.roster.slot(index);
    slot.thread_id.store(os_thread_id(), Ordering::Relaxed);
    shared.sleep.occupy(index);
    let _inside = Inside::enter(&shared);
    news::worker_started(&shared, index);
    let searching = Cell::new(true);
    let work = || {
        let _at_work = AtWork::begin();
        Worker { desk: Desk::open(Arc::clone(&shared), index), searching: &searching }.work()
    };
    let cause = panics::catch(work).unwrap_or_else(|_report| {
        // A broken invariant of ours: it ends this worker, not the process.
        attempt::settle(&shared, index, slot.current.look().is_some());
        slot.current.end();
        if searching.get() {
            shared.sleep.discharge_searcher(|| shared.gate.queued());
        } else if slot.end_hold(State::Leaving) || slot.state() == State::Live {
            // Otherwise it held, and was counted out by the supervisor meanwhile (H3).
            shared.sleep.discharge_busy(|| shared.gate.queued());
        }
        // Somebody is to take its place, also where nothing is queued.
        shared.sleep.kick();
        StopCause::Panic
    });
    slot.set_state(State::Leaving);
    Desk::clear();
    locals::drop_all();
    shared.outside.count_stop(cause);
    news::worker_stopped(&shared, index, cause);
    slot.thread_id.store(0, Ordering::Relaxed);
    slot.set_state(State::Gone);
    shared.ring();
}

/// The system's number of the calling thread, as `/proc/self/task` calls it.
#[cfg(target_os = "linux")]
fn os_thread_id() -> u32 {
    std::fs::read_link("/proc/thread-self")
        .ok()
        .and_then(|path| path.file_name()?.to_str()?.parse().ok())
        .unwrap_or(0)
}

#[cfg(not(target_os = "linux"))]
fn os_thread_id() -> u32 {
    0
}

/// Sends up to `n` workers home that hold, as long as more than `floor` live; returns how many
/// went. Only the supervisor may call this. Whoever moves a slot on from [`State::Held`] decides
/// what becomes of its worker, and does the accounting (H3).
pub(crate) fn retire_held(shared: &Shared, n: u32, floor: u32) -> u32 {
    let held = shared.roster.used().filter(|(_, slot)| slot.take_aside());
    let sent_home = held.take(n as usize).take_while(|(index, slot)| {
        // Others may leave by themselves at this moment.
        let leaves = shared.sleep.discharge_above(floor, false, || shared.gate.queued());
        slot.set_state(if leaves { State::Leaving } else { State::Held });
        if leaves {
            shared.sleep.rouse(*index);
        }
        leaves
    });
    sent_home.count() as u32
}

/// What a worker may do next.
enum Standing {
    TakeJobs,
    /// The pool is paused: stay, but take nothing.
    Pause,
    /// This worker lacks what a job needed: stay, and take nothing until it has that (H1).
    Hold,
    /// Go: this worker has been counted out.
    Leave(StopCause),
}

struct Worker<'a> {
    desk: Rc<Desk>,
    /// How the sleep word counts this worker: as searching, or (false) as busy.
    searching: &'a Cell<bool>,
}

impl Worker<'_> {
    fn shared(&self) -> &Shared {
        &self.desk.shared
    }

    /// A worker is born searching. Returns when it has been discharged.
    fn work(&self) -> StopCause {
        self.shared().roster.slot(self.desk.index).set_state(State::Live);
        loop {
            let job = match self.search() {
                Ok(job) => job,
                Err(cause) => return cause,
            };
            if let Err(cause) = self.run_all(job) {
                return cause;
            }
            self.searching.set(true);
            self.shared().sleep.start_search();
        }
    }

    /// Looks for a job, asleep in between; `Err` once it has been told to leave and is discharged.
    fn search(&self) -> Result<Job, StopCause> {
        let Shared { sleep, gate, .. } = self.shared();
        let queued = || gate.queued();
        let mut rounds = 0;
        loop {
            defect::strike(self.shared(), Step::Search);
            let events = sleep.events();
            match self.standing() {
                Standing::TakeJobs => {
                    if let Some(job) = self.take() {
                        let in_hand = OnUnwind(|| attempt::abandon(Some(&job)));
                        // The job found still counts as queued.
                        let seen = sleep.found(|| queued().saturating_sub(1));
                        self.searching.set(false);
                        self.shared().note_busy(seen.busy());
                        mem::forget(in_hand);
                        return Ok(job);
                    }
                }
                Standing::Pause | Standing::Hold => {}
                Standing::Leave(cause) => return Err(cause),
            }
            if rounds < SPIN_ROUNDS && self.may_spin() {
                // Others want the core: one more look, and then to sleep. Submitters count on a
                // searcher, and this one was away.
                rounds = if self.shared().yields_briefly() { rounds + 1 } else { SPIN_ROUNDS };
                continue;
            }
            rounds = 0;
            locals::drop_stale();
            if sleep.fall_asleep(self.desk.index, events).is_err() {
                continue;
            }
            if locals::any_stale() {
                // Its owner ended since, and may not have found this worker asleep: look again.
                sleep.rouse(self.desk.index);
            }
            self.shared().ring();
            match sleep.rest(self.desk.index, self.shared().park_bound()) {
                Order::Search => {}
                Order::Leave => return Err(StopCause::Retired),
            }
        }
    }

    /// Runs `job` and whatever it finds after it, without touching the sleep word in between.
    fn run_all(&self, job: Job) -> Result<(), StopCause> {
        let mut next = Some(job);
        let mut now = self.shared().stamp();
        while let Some(job) = next {
            now = attempt::take_on(&self.desk, job, now);
            let mut standing = self.standing();
            if let Standing::Hold = standing {
                self.hold()?;
                now = self.shared().stamp();
                standing = self.standing();
            }
            next = match standing {
                Standing::TakeJobs => self.take(),
                Standing::Pause | Standing::Hold => None,
                Standing::Leave(cause) => return Err(cause),
            };
        }
        Ok(())
    }

    fn take(&self) -> Option<Job> {
        let job = self.desk.local.take(|| self.may_batch(), || self.shared().now());
        let in_hand = OnUnwind(|| attempt::abandon(job.as_ref()));
        if job.is_some() {
            defect::strike(self.shared(), Step::Take);
        }
        self.desk.announce_moved();
        let steals = self.desk.local.steals();
        if steals > 0 {
            // Looked up here, for most times there are none: 12 instructions a job.
            self.shared().roster.slot(self.desk.index).meter().add_steals(steals);
        }
        mem::forget(in_hand);
        job
    }

    fn may_batch(&self) -> bool {
        self.shared().roster.slot(self.desk.index).meter().recent_run_ns() <= LONG_JOB_NS
    }

    fn standing(&self) -> Standing {
        let shared = self.shared();
        match shared.phase.stage() {
            Stage::Running | Stage::Draining => {}
            Stage::Stopping | Stage::Leaving | Stage::Ended => {
                // Nobody is to stay, and this one is still here.
                let _ = self.leave_above(0);
                return Standing::Leave(StopCause::Shutdown);
            }
        }
        let limit = shared.limit.load(Ordering::Relaxed);
        if limit != NO_LIMIT && self.leave_above(limit) {
            return Standing::Leave(StopCause::Retired);
        }
        if shared.restraints.are_none() { Standing::TakeJobs } else { self.restrained() }
    }

    #[cold]
    fn restrained(&self) -> Standing {
        if self.desk.lacks.borrow().is_some() {
            Standing::Hold
        } else if self.shared().is_paused() {
            Standing::Pause
        } else {
            Standing::TakeJobs
        }
    }

    /// Waits for what this worker lacks, and tries again each time that is due. It counts as busy
    /// meanwhile, and is in no list: no wake-up for a job is spent on it (H1).
    fn hold(&self) -> Result<(), StopCause> {
        let (shared, slot) = (self.shared(), self.shared().roster.slot(self.desk.index));
        // And in no other until it ends the hold (H4).
        slot.set_state(State::Held);
        loop {
            shared.ring();
            let wait = self.still_lacks();
            if let Some(wait) = wait {
                thread::park(shared.parker.timeout(Some(wait.min(HOLD_LOOK))));
                if slot.holds() && !self.may_have_to_leave() {
                    continue;
                }
            }
            if !slot.end_hold(State::Live) {
                return Err(StopCause::Retired);
            }
            if wait.is_none() {
                self.desk.lacks.take();
                return Ok(());
            }
            if let Standing::Leave(cause) = self.standing() {
                return Err(cause);
            }
            slot.set_state(State::Held);
        }
    }

    /// Whether [`Worker::standing`] may say that this worker is to leave; it counts it out then, so
    /// one that holds has to end that before it asks.
    fn may_have_to_leave(&self) -> bool {
        let limit = self.shared().limit.load(Ordering::Relaxed);
        self.shared().phase.is_stopping() || self.shared().sleep.look().live() > limit
    }

    /// How long to wait before what it lacks is tried again; `None` if it has it, or nobody wants
    /// it any more, or the pool is at its end, and jobs are to find out for themselves.
    fn still_lacks(&self) -> Option<Duration> {
        let need = self.desk.lacks.borrow().as_ref().and_then(Weak::upgrade)?;
        let Desk { shared, index, .. } = &*self.desk;
        let building = &shared.roster.slot(*index).building;
        let since = attempt::describe(None, shared.now());
        let unmet = building.during(since, || need.meet(*index).err());
        unmet.filter(|_| self.shared().phase.is_running())
    }

    /// Counts this worker out if more than `limit` live.
    fn leave_above(&self, limit: u32) -> bool {
        let Shared { sleep, gate, .. } = self.shared();
        sleep.discharge_above(limit, self.searching.get(), || gate.queued())
    }

    /// Spinning helps the next submitter only if a core is free for it.
    fn may_spin(&self) -> bool {
        self.shared().has_core_to_spare() && self.shared().sleep.look().searching() <= 1
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
