//! The rest of a pool, as little of it as the protocol needs: a worker, a supervisor and a
//! submitter that call the verbs of `Sleep` and `Gate` in the order of `run::worker`,
//! `scale::supervisor` and `run::submit`.

use super::weak_queue::WeakQueue;
use crate::run::gate::Gate;
use crate::run::levels::Levels;
use crate::run::omit::omitted;
use crate::run::parker::SystemParker;
use crate::run::priority::{Priority, Rules};
use crate::run::sleep::{Order, Seen, Sleep};
use crate::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use crate::sync::thread::{self, Thread};
use crate::sync::{Arc, plain};
use crate::time::Nanos;

/// The limit of a pool that is not drained.
const NO_LIMIT: u32 = u32::MAX;

/// What a job does: told the pool, its worker and its own number.
type Body = fn(&Pool, usize, usize);

/// What a worker may do next.
enum Standing {
    TakeJobs,
    Hold,
    Leave,
}

pub(super) struct Pool {
    pub(super) sleep: Sleep,
    pub(super) gate: Gate,
    pub(super) queue: WeakQueue,
    /// Where the model has jobs with a priority.
    levels: Option<Levels<usize>>,
    body: Body,
    /// The workers above this number leave as they come out of their jobs.
    limit: AtomicU32,
    pub(super) paused: AtomicBool,
    met: plain::Mutex<Vec<Thread>>,
    // What the model itself keeps is plain, so that it adds nothing for loom to explore.
    ran: Box<[plain::AtomicU32]>,
    over: plain::AtomicBool,
}

impl Pool {
    /// A pool with seats for `seats` workers, none of them started, in which `jobs` jobs will run.
    pub(super) fn new(seats: usize, jobs: usize, body: Body) -> Pool {
        Pool {
            sleep: Sleep::new(seats, Arc::new(SystemParker)),
            gate: Gate::new(8),
            queue: WeakQueue::new(jobs),
            levels: None,
            body,
            limit: AtomicU32::new(NO_LIMIT),
            paused: AtomicBool::new(false),
            met: plain::Mutex::default(),
            ran: (0..jobs).map(|_| plain::AtomicU32::new(0)).collect(),
            over: plain::AtomicBool::new(false),
        }
    }

    /// The same with jobs that have a priority.
    pub(super) fn with_levels(seats: usize, jobs: usize, body: Body) -> Pool {
        Pool { levels: Some(Levels::new(Rules::default())), ..Pool::new(seats, jobs, body) }
    }

    /// As soon as they look, workers leave until `limit` are left.
    pub(super) fn drain_to(&self, limit: u32) {
        self.limit.store(limit, Ordering::Release);
    }

    // The submitter, as in `run::submit`.

    pub(super) fn submit(&self, job: usize) {
        self.submit_by(|| self.queue.push(job));
    }

    /// A job submits another one: to the deck of its own worker.
    pub(super) fn submit_inside(&self, worker: usize, job: usize) {
        self.submit_by(|| self.queue.push_local(worker, job));
    }

    pub(super) fn submit_at(&self, priority: Priority, job: usize) {
        let levels = self.levels.as_ref().expect("the model has levels");
        self.submit_by(|| {
            levels.push(priority, Nanos::default(), job);
        });
    }

    fn submit_by(&self, push: impl FnOnce()) {
        let announce = || self.sleep.announce(1, || self.gate.queued());
        self.gate.admit(1).expect("there is room for every job");
        if omitted("S2") {
            announce();
            return push();
        }
        push();
        announce();
    }

    // The worker, as in `run::worker`.

    /// A worker's life; it was enlisted before.
    pub(super) fn work(&self, worker: usize) {
        self.sleep.occupy(worker);
        while let Some(job) = self.search(worker) {
            if !self.run_all(worker, Some(job)) {
                return;
            }
            self.sleep.start_search();
        }
    }

    /// As `work`, for a worker that comes out of a job right now.
    pub(super) fn work_on(&self, worker: usize) {
        self.sleep.occupy(worker);
        self.sleep.found(|| 0);
        let next = self.take(worker);
        if self.run_all(worker, next) {
            self.sleep.start_search();
            self.work(worker);
        }
    }

    fn search(&self, worker: usize) -> Option<usize> {
        let Pool { sleep, gate, .. } = self;
        loop {
            let events = sleep.events();
            match self.standing(true) {
                Standing::TakeJobs => {
                    if let Some(job) = self.take(worker) {
                        sleep.found(|| gate.queued().saturating_sub(1));
                        return Some(job);
                    }
                }
                Standing::Hold => {}
                Standing::Leave => return None,
            }
            if sleep.fall_asleep(worker, events).is_err() {
                continue;
            }
            match sleep.rest(worker, None) {
                Order::Search => {}
                Order::Leave => return None,
            }
        }
    }

    /// False if the worker has been counted out.
    fn run_all(&self, worker: usize, first: Option<usize>) -> bool {
        let mut next = first;
        while let Some(job) = next {
            self.gate.release();
            self.run(worker, job);
            next = match self.standing(false) {
                Standing::TakeJobs => self.take(worker),
                Standing::Hold => None,
                Standing::Leave => return false,
            };
        }
        true
    }

    /// The highest job, as `run::queue` does it, or the next normal one.
    fn take(&self, worker: usize) -> Option<usize> {
        if let Some(levels) = self.levels.as_ref().filter(|levels| levels.are_used()) {
            let waits = levels.waits(Nanos::default());
            let waiting = |priority: &Priority| waits[*priority as usize].is_some();
            let pop = |priority| levels.pop(priority, |_| Nanos::default());
            if let Some(job) = Priority::ALL.into_iter().filter(waiting).find_map(pop) {
                return Some(job);
            }
        }
        let taken = self.queue.take(worker)?;
        if taken.moved {
            self.sleep.announce_moved(1);
        }
        Some(taken.job)
    }

    fn standing(&self, searching: bool) -> Standing {
        let leave_above =
            |limit| self.sleep.discharge_above(limit, searching, || self.gate.queued());
        if self.is_over() {
            assert!(leave_above(0), "a worker that is still here was not counted");
            return Standing::Leave;
        }
        let limit = self.limit.load(Ordering::Relaxed);
        if limit != NO_LIMIT && leave_above(limit) {
            return Standing::Leave;
        }
        if self.paused.load(Ordering::Acquire) { Standing::Hold } else { Standing::TakeJobs }
    }

    // The supervisor, as in `scale::supervisor`.

    /// Looks when it is kicked, and only then; starts worker `spare` if jobs wait and nobody is
    /// free, and is that worker itself from then on.
    pub(super) fn supervise(&self, spare: usize) {
        while !self.is_over() {
            let is_short = || self.gate.queued() > u64::from(free(self.sleep.look()));
            // Cleared before the look, or a kick that comes in between is lost.
            let start = if omitted("acknowledge") {
                let is_short = is_short();
                self.sleep.acknowledge();
                is_short
            } else {
                self.sleep.acknowledge();
                is_short()
            };
            if start {
                self.drain_to(NO_LIMIT);
                self.sleep.enlist();
                return self.work(spare);
            }
            self.rest_until_kicked();
        }
    }

    pub(super) fn rest_until_kicked(&self) {
        while !self.sleep.look().is_kicked() && !self.is_over() {
            self.sleep.rest_supervisor(None);
        }
    }

    /// Sends up to `n` sleepers home, the coldest first.
    pub(super) fn retire(&self, n: u32) {
        self.sleep.retire_coldest(n, 0, || self.gate.queued());
    }

    // The jobs.

    fn run(&self, worker: usize, job: usize) {
        (self.body)(self, worker, job);
        let before = self.ran[job].fetch_add(1, Ordering::Relaxed);
        assert_eq!(before, 0, "job {job} ran twice");
        if self.ran.iter().all(|ran| ran.load(Ordering::Relaxed) > 0) {
            // What is left is to send everybody home; in which order is of no interest.
            loom::skip_branch();
            self.over.store(true, Ordering::Relaxed);
            self.sleep.announce_to_all();
        }
    }

    /// Waits inside a job until all jobs are inside theirs: the pool must run them side by side.
    pub(super) fn meet(&self) {
        let who_met = || self.met.lock().expect("nobody panics under this lock");
        who_met().push(thread::current());
        // Not held over an unpark: loom may go on with a thread that wants it, and hang.
        let met = who_met().clone();
        if met.len() == self.ran.len() {
            met.iter().for_each(Thread::unpark);
        }
        while who_met().len() < self.ran.len() {
            thread::park(None);
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// To be called when all threads have been joined: nothing was lost, nobody is miscounted.
    pub(super) fn check_the_end(&self) {
        assert!(self.is_over(), "a job was never run");
        assert_eq!(self.gate.queued(), 0, "the gate's count is off");
        let seen = self.sleep.look();
        assert_eq!((seen.live(), seen.searching(), seen.sleeping()), (0, 0, 0), "miscounted");
    }
}

pub(super) fn free(seen: Seen) -> u32 {
    seen.searching() + seen.sleeping()
}

/// The body of a job that just runs.
pub(super) fn plainly(_: &Pool, _: usize, _: usize) {}

/// The body of a job that ends only if all the others run at the same time.
pub(super) fn together(pool: &Pool, _: usize, _: usize) {
    pool.meet();
}
