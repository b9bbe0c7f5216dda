//! The parts of one pool that its threads share. It holds them; what they do is elsewhere.

use std::time::{Duration, Instant};

use super::cancel::CancelToken;
use super::context::Surroundings;
use super::current::{Blocked, JobInfo, Running};
use super::deadline::{self, Bequest};
use super::delayed::{DelayedJobs, JobCounts};
use super::gate::Gate;
use super::job::Job;
use super::kinds::Kinds;
use super::observers::Observers;
use super::parker::Parker;
use super::phase::Phase;
use super::priority::Priority;
use super::queue::Queue;
use super::quiet::QuietWatch;
use super::restraints::Restraints;
use super::returned::ReturnedJobs;
use super::rooms::Rooms;
use super::roster::Roster;
use super::sleep::{Seen, Sleep};
use super::slot::State;
use super::spawner::Spawner;
use super::tally::Tally;
use super::tape::Tapes;
use super::ticket::{JobId, KindId, Ticket};
use super::tokens::Tokens;
use super::trace::Named;
use crate::config::Overflow;
use crate::name::PoolName;
use crate::observer::Observer;
use crate::outcome::Outcome;
use crate::sync::atomic::AtomicU32;
use crate::sync::plain::{AtomicU8, AtomicU64, Ordering};
use crate::sync::{Arc, thread};
use crate::time::{Clock, Nanos};

/// Nobody has to leave.
pub(crate) const NO_LIMIT: u32 = u32::MAX;
/// Whoever gets the core back only after this long had better have slept: others want it.
const YIELD_MAX: Duration = if cfg!(shuttle) { Duration::MAX } else { Duration::from_micros(50) };
/// For so many times as long as a yield took too long, up to the longest that counts, nobody yields
/// again: a busy machine takes a turn of the scheduler each time, 4 ms, and this makes it 1.6 %.
const YIELDS_OFF: u32 = 64;
const YIELD_COUNTED: Duration = Duration::from_millis(20);

pub(crate) struct Shared {
    pub(crate) name: PoolName,
    /// The process that has the threads; a forked child has another number and no threads.
    process: u32,
    pub(crate) clock: Clock,
    pub(crate) parker: Arc<dyn Parker>,
    pub(crate) spawner: Arc<dyn Spawner>,
    pub(crate) stack_size: Option<usize>,
    /// Whether the clock is read and the histograms are kept for each job: always, but in the
    /// bench that measures what that costs.
    pub(crate) metered: bool,
    /// Who wants to be told what happens.
    pub(crate) observers: Observers,
    pub(crate) gate: Gate,
    pub(crate) delayed: DelayedJobs,
    pub(crate) queue: Arc<Queue<Job>>,
    pub(crate) rooms: Rooms,
    pub(crate) sleep: Sleep,
    pub(crate) roster: Roster,
    pub(crate) phase: Phase,
    pub(crate) restraints: Restraints,
    /// The workers above this number leave as they come out of their jobs; [`NO_LIMIT`] mostly.
    pub(crate) limit: AtomicU32,
    /// The rule of the settings for a full queue, where a submitter finds it at no cost.
    overflow: AtomicU8,
    /// Cores, for the decision whether spinning can help; written by the supervisor.
    pub(crate) cores: AtomicU32,
    /// Until when nobody yields, because others want the cores.
    yields_from: AtomicU64,
    /// The most workers busy at once since the supervisor last looked.
    pub(crate) busy_peak: AtomicU32,
    /// When the supervisor means to look next, for jobs whose deadline is nearer.
    pub(crate) next_look: AtomicU64,
    pub(crate) quiet: QuietWatch,
    pub(crate) outside: Tally,
    pub(crate) returned: ReturnedJobs,
    pub(crate) tapes: Tapes,
    pub(crate) tokens: Tokens,
    pub(crate) kinds: Kinds,
}

/// What a pool is made of that a test may replace.
pub(crate) struct Seams {
    pub(crate) clock: Clock,
    pub(crate) parker: Arc<dyn Parker>,
    pub(crate) spawner: Arc<dyn Spawner>,
    pub(crate) metered: bool,
    pub(crate) observer: Option<Box<dyn Observer>>,
}

impl Shared {
    pub(crate) fn new(
        name: PoolName,
        ceiling: usize,
        capacity: u64,
        delayed: DelayedJobs,
        stack_size: Option<usize>,
        seams: Seams,
    ) -> Shared {
        Shared {
            name,
            process: std::process::id(),
            clock: seams.clock,
            sleep: Sleep::new(ceiling, Arc::clone(&seams.parker)),
            parker: seams.parker,
            spawner: seams.spawner,
            stack_size,
            metered: seams.metered,
            observers: Observers::new(seams.observer),
            gate: Gate::new(capacity),
            delayed,
            queue: Arc::new(Queue::new(ceiling, |job: &Job| job.queued_at)),
            rooms: Rooms::default(),
            roster: Roster::new(ceiling),
            phase: Phase::new(),
            restraints: Restraints::new(),
            limit: AtomicU32::new(NO_LIMIT),
            overflow: AtomicU8::new(Overflow::default() as u8),
            cores: AtomicU32::new(1),
            yields_from: AtomicU64::new(0),
            busy_peak: AtomicU32::new(0),
            next_look: AtomicU64::new(0),
            quiet: QuietWatch::default(),
            outside: Tally::default(),
            returned: ReturnedJobs::default(),
            tapes: Tapes::default(),
            tokens: Tokens::default(),
            kinds: Kinds::default(),
        }
    }

    pub(crate) fn overflow(&self) -> Overflow {
        const REJECT: u8 = Overflow::Reject as u8;
        const CALLER_RUNS: u8 = Overflow::CallerRuns as u8;
        match self.overflow.load(Ordering::Relaxed) {
            REJECT => Overflow::Reject,
            CALLER_RUNS => Overflow::CallerRuns,
            _ => Overflow::Block,
        }
    }

    pub(crate) fn set_overflow(&self, rule: Overflow) {
        self.overflow.store(rule as u8, Ordering::Relaxed);
    }

    /// Whether the awake workers leave a core to whoever would rather look again than sleep.
    pub(crate) fn has_core_to_spare(&self) -> bool {
        let seen = self.sleep.look();
        seen.busy() + seen.searching() <= self.cores.load(Ordering::Relaxed)
    }

    /// Lets others run; false if the core was gone for long.
    pub(crate) fn yields_briefly(&self) -> bool {
        let before = self.now();
        thread::yield_now();
        self.now().since(before) <= YIELD_MAX
    }

    /// Lets others run, for whoever would rather look again than sleep; false if it is better to
    /// sleep, because the workers, or others on this machine, want the core.
    pub(crate) fn may_look_again(&self) -> bool {
        let before = self.now();
        if before.0 < self.yields_from.load(Ordering::Relaxed) || !self.has_core_to_spare() {
            return false;
        }
        let briefly = self.yields_briefly();
        if !briefly {
            let now = self.now();
            let off = now.since(before).min(YIELD_COUNTED) * YIELDS_OFF;
            self.yields_from.store(now.after(off).0, Ordering::Relaxed);
        }
        briefly
    }

    /// Whether this process has the pool's threads. Costs a system call: for slow paths only.
    pub(crate) fn is_forked(&self) -> bool {
        std::process::id() != self.process
    }

    /// Only a pool that has not begun to end can be paused, however late a pause comes.
    pub(crate) fn is_paused(&self) -> bool {
        self.restraints.is_paused() && self.phase.is_running()
    }

    /// How many workers hold.
    pub(crate) fn held(&self) -> u32 {
        if self.restraints.may_hold() { self.roster.in_state(State::Held) } else { 0 }
    }

    /// Of the workers seen without a job those that are just starting, and the others.
    pub(crate) fn starting_and_idle(&self, seen: Seen) -> (u32, u32) {
        let starting = self.roster.in_state(State::Starting).min(seen.searching());
        (starting, (seen.sleeping() + seen.searching()).saturating_sub(starting))
    }

    /// The deadline of the job that the calling thread is in, whichever pool runs that.
    #[inline]
    pub(crate) fn inherited_deadline(&self) -> Option<Nanos> {
        deadline::inherited(std::ptr::from_ref(self).addr(), &self.clock)
    }

    /// Of so many queued jobs, those of each priority. One that is just coming or going counts as a
    /// normal one.
    pub(crate) fn queued_by(&self, queued: u64) -> [u64; Priority::ALL.len()] {
        let levels = &self.queue.levels;
        let high = levels.len(Priority::High).min(queued);
        let low = levels.len(Priority::Low).min(queued - high);
        [high, queued - high - low, low]
    }

    /// The jobs running on workers now, and the states that some of them build instead.
    pub(crate) fn running_jobs(&self) -> Vec<JobInfo> {
        let now = self.clock.now();
        let info = |(worker, job): (usize, Running)| {
            let slot = self.roster.slot(worker);
            let stuck = slot.timed.lock().iter().any(|timed| timed.stuck.is_some());
            JobInfo {
                blocked: job.blocked,
                stuck,
                ..self.info(worker, job.started, job.kind, job.id, now)
            }
        };
        self.roster.running().chain(self.roster.building()).map(info).collect()
    }

    /// A job that runs on a worker, and is stuck.
    pub(crate) fn stuck_info(
        &self,
        worker: usize,
        started: Nanos,
        ticket: &Ticket,
        now: Nanos,
    ) -> JobInfo {
        JobInfo { stuck: true, ..self.info(worker, started, ticket.kind, Some(ticket.id), now) }
    }

    fn info(
        &self,
        worker: usize,
        started: Nanos,
        kind: KindId,
        id: Option<JobId>,
        now: Nanos,
    ) -> JobInfo {
        let current = &self.roster.slot(worker).current;
        JobInfo {
            kind: self.kinds.name(kind),
            id,
            worker,
            age: now.since(started),
            blocked: current.is_blocked(),
            heartbeat_age: current.last_beat(started).map(|beat| now.since(beat)),
            stuck: false,
        }
    }

    /// A job as a subscriber is told of it, now.
    pub(crate) fn named(&self, kind: KindId, id: Option<JobId>) -> Named<'_> {
        let (pool, kind) = (self.name.as_str(), self.kinds.name(kind));
        Named { pool, kind, id: id.map(|id| id.0), now: self.now().0 }
    }

    /// Lets no more jobs in.
    pub(crate) fn close(&self) {
        self.gate.close();
        self.rooms.close();
    }

    /// Whether nothing waits, in a room or in the queue, and nothing runs.
    pub(crate) fn is_quiet(&self) -> bool {
        // Before the gate (R1).
        if self.rooms.waiting() > 0 {
            return false;
        }
        let before = self.counts();
        if before.queued() > 0 || self.outside.running.load(Ordering::Acquire) > 0 {
            return false;
        }
        // A job that ended while we looked may have submitted another: then the count has moved.
        // One that never ran may have left the queue and not be counted yet.
        self.roster.running().next().is_none()
            && self.outcomes().iter().sum::<u64>() == before.dequeued
            && {
                let after = self.counts();
                (after.queued(), after.dequeued) == (0, before.dequeued)
            }
    }

    /// Where the accepted jobs are.
    pub(crate) fn counts(&self) -> JobCounts {
        self.delayed.counts(&self.gate)
    }

    /// How the jobs ended that are over.
    pub(crate) fn outcomes(&self) -> [u64; Outcome::ALL.len()] {
        let mut sum = self.roster.sum();
        self.outside.meter.lock().add_to(&mut sum);
        for outcome in Outcome::ALL {
            sum.outcomes[outcome as usize] += self.outside.outcome(outcome);
        }
        sum.outcomes
    }

    /// Whether every accepted job has left the queue for good and nothing runs any more. The
    /// delayed ones first: one that moves to the queue meanwhile is seen there.
    pub(crate) fn is_drained(&self) -> bool {
        let no_more_come = self.delayed.is_empty() && self.rooms.are_done();
        self.gate.is_closed() && no_more_come && self.is_quiet()
    }

    /// Something has come to an end: tells those who wait for quiet, and the supervisor of a pool
    /// that was shut down, which waits for it too.
    pub(crate) fn ring(&self) {
        self.quiet.ring();
        if !self.phase.is_running() {
            self.sleep.ring();
        }
    }

    /// Marks a worker as waiting, until the mark is dropped.
    pub(crate) fn blocked(&self, worker: usize) -> Blocked<'_> {
        let mark = self.roster.slot(worker).current.block();
        if self.gate.queued() > 0 {
            self.sleep.kick();
        }
        mark
    }

    /// Waits until `is_over`, asked anew each time the pool gets quieter; false if the deadline
    /// came first.
    pub(crate) fn wait_until(&self, deadline: Option<Nanos>, is_over: impl Fn() -> bool) -> bool {
        self.quiet.wait(&self.clock, &*self.parker, deadline, is_over)
    }

    /// Wakes every worker that still has a thread, whatever the counters say about it: an order
    /// that was given before may not have arrived.
    pub(crate) fn rouse_all(&self) {
        self.rouse(|state| state != State::Vacant);
    }

    /// Workers that hold are to look again: an order may be for them.
    pub(crate) fn rouse_held(&self) {
        self.rouse(|state| state == State::Held);
    }

    fn rouse(&self, whom: impl Fn(State) -> bool) {
        for (index, _) in self.roster.used().filter(|(_, slot)| whom(slot.state())) {
            self.sleep.rouse(index);
        }
    }

    /// A worker counts itself busy; remembers the most at once.
    pub(crate) fn note_busy(&self, busy: u32) {
        if busy > self.busy_peak.load(Ordering::Relaxed) {
            self.busy_peak.fetch_max(busy, Ordering::Relaxed);
        }
    }

    /// How long a worker may park: a second at most while jobs wait that it could take, so a
    /// wake-up that the system loses costs a second, not a day.
    pub(crate) fn park_bound(&self) -> Option<Duration> {
        (self.gate.queued() > 0 && !self.is_paused()).then_some(Duration::from_secs(1))
    }

    pub(crate) fn now(&self) -> Nanos {
        self.clock.now()
    }

    /// The time of a step of one job; no time at all in a pool that does not measure its jobs.
    pub(crate) fn stamp(&self) -> Nanos {
        if self.metered { self.now() } else { Nanos::default() }
    }
}

/// What a running job asks through its context.
impl Surroundings for Shared {
    fn is_stopping(&self) -> bool {
        self.phase.is_stopping()
    }

    fn now(&self) -> Nanos {
        self.clock.now()
    }

    fn block(&self, worker: usize) -> Blocked<'_> {
        self.blocked(worker)
    }

    fn beat(&self, worker: usize) {
        self.roster.slot(worker).current.beat(self.now());
    }

    fn instant_of(&self, at: Nanos) -> Option<Instant> {
        self.clock.instant_of(at)
    }

    fn bequeath(&self, deadline: Nanos) -> Bequest {
        Bequest::enter(std::ptr::from_ref(self).addr(), &self.clock, deadline)
    }

    fn token_of(&self, ticket: &Ticket) -> CancelToken {
        self.tokens.of(ticket, || self.is_stopping())
    }

    fn forget_token_of(&self, ticket: &Ticket) {
        self.tokens.forget(ticket);
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("name", &self.name).finish_non_exhaustive()
    }
}
