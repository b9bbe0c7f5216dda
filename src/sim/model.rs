//! A pool in virtual time: a queue, workers that take from it, cores that they share.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use super::crew::Crew;
use super::job::Job;
use super::law::{Act, Law, Moment, Resting, View};
use super::machine::Machine;
use super::record::{Levels, Record};
use super::sharing::Sharing;
use super::tasks::{Stage, Task, Tasks};
use crate::time::nanos;

/// The closest that two ticks may lie together: a law that always wants the next one now must
/// not stop the time.
const TICK_SPACING: u64 = 1_000;
/// What is due then, or later, never comes.
const NEVER: u64 = u64::MAX;

/// One simulated pool under one law. Jobs are [offered](Model::offer) in the order of their
/// arrival; [`simulate`](super::simulate) does that for a whole load.
pub struct Model {
    machine: Machine,
    law: Box<dyn Law>,
    now: u64,
    tasks: Tasks,
    queue: VecDeque<u32>,
    crew: Crew,
    sharing: Sharing,
    sleepers: BinaryHeap<Reverse<(u64, u32)>>,
    tick: Option<u64>,
    next_change: Option<u64>,
    totals: Totals,
    /// Of all jobs offered.
    service_ns: u64,
    record: Record,
}

/// Counts since time zero.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    arrived: u64,
    dequeued: u64,
    completed: u64,
    log2_run_sum: u64,
}

impl Model {
    /// A pool at time zero with as many workers as its lower bound, none of which has a job.
    /// `horizon` is how long the run is meant to last; it only sets the grain of the trajectory.
    pub fn new(machine: Machine, law: Box<dyn Law>, horizon: Duration) -> Model {
        let mut crew = Crew::new();
        (0..machine.min).for_each(|_| crew.rest(0));
        let mut model = Model {
            law,
            now: 0,
            tasks: Tasks::default(),
            queue: VecDeque::new(),
            crew,
            sharing: Sharing::new(machine.usable_at(Duration::ZERO), machine.crowding),
            sleepers: BinaryHeap::new(),
            tick: None,
            next_change: machine.change_after(Duration::ZERO).map(nanos),
            totals: Totals::default(),
            service_ns: 0,
            record: Record::new(nanos(horizon)),
            machine,
        };
        let resting = model.law.resting(&model.view());
        model.crew.resting = Resting { keep: resting.keep.max(model.machine.min), ..resting };
        model.react(Moment::Opened);
        model
    }

    /// Lets the time come to `until`.
    pub fn run_until(&mut self, until: Duration) {
        let until = nanos(until);
        while let Some(next) = self.next_event().filter(|next| *next <= until && *next < NEVER) {
            self.advance(next);
            self.happen();
        }
        self.advance(until.max(self.now));
    }

    /// A job arrives now, whatever its own time of arrival.
    pub fn offer(&mut self, job: &Job) {
        self.service_ns = self.service_ns.saturating_add(nanos(job.total_service()));
        let id = self.tasks.add(self.now, job);
        self.submit(id);
    }

    /// The time that the run has come to.
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.now)
    }

    /// The pool as its law sees it now.
    pub fn view(&self) -> View<'_> {
        look(
            &self.machine,
            self.now,
            &self.crew,
            &self.sharing,
            (&self.queue, &self.tasks),
            (self.totals, self.record.busy_ns),
        )
    }

    pub(super) fn offered_service_ns(&self) -> u64 {
        self.service_ns
    }

    pub(super) fn record(&self) -> &Record {
        &self.record
    }

    pub(super) fn cores_used(&self) -> (f64, f64) {
        (self.sharing.on_core, self.sharing.run_queue)
    }

    /// Ages of the jobs that wait still.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (u64, u64)> {
        self.queue.iter().map(|&id| (self.tasks[id].arrived, self.now - self.tasks[id].arrived))
    }

    fn submit(&mut self, id: u32) {
        self.totals.arrived += 1;
        self.queue.push_back(id);
        if self.react(Moment::Submitted) {
            self.queue.pop_back();
            self.totals.arrived -= 1;
            self.record.refused += 1;
            let task = self.tasks.remove(id);
            self.caller_of(&task);
        }
        self.hand_out();
    }

    fn next_event(&self) -> Option<u64> {
        let crew = &self.crew;
        let times = [
            self.next_change,
            self.sharing.next_in().map(|after| self.now.saturating_add(after)),
            self.sleepers.peek().map(|Reverse((at, _))| *at),
            crew.starting.front().copied(),
            crew.waking.front().copied(),
            crew.next_leaver(),
            self.tick,
        ];
        times.into_iter().flatten().min()
    }

    fn advance(&mut self, to: u64) {
        let (busy, runnable) = (self.crew.busy(), self.sharing.runnable());
        let levels = Levels {
            workers: self.crew.workers(),
            busy,
            useful: busy - runnable + runnable.min(self.sharing.cores_whole()),
            queued: self.queue.len() as u64,
        };
        self.record.held(self.now, to, levels);
        self.sharing.advance(to - self.now);
        self.now = to;
    }

    /// The first thing that is due, in an order of its own where several are.
    fn happen(&mut self) {
        let due = |at: Option<&u64>| at.is_some_and(|at| *at <= self.now);
        if due(self.next_change.as_ref()) {
            let now = Duration::from_nanos(self.now);
            self.sharing.set_cores(self.machine.usable_at(now));
            self.next_change = self.machine.change_after(now).map(nanos);
        } else if let Some(id) = self.sharing.pop_ended() {
            self.stage_over(id);
        } else if due(self.sleepers.peek().map(|Reverse((at, _))| at)) {
            if let Some(Reverse((_, id))) = self.sleepers.pop() {
                self.stage_over(id);
            }
        } else if due(self.crew.starting.front()) {
            self.crew.starting.pop_front();
            self.come_up();
        } else if due(self.crew.waking.front()) {
            self.crew.waking.pop_front();
            self.come_up();
        } else if due(self.crew.next_leaver().as_ref()) {
            let before = self.crew.workers();
            let left = self.crew.retire(1);
            self.record.shrank(self.now, before, left, None);
        } else if due(self.tick.as_ref()) {
            self.tick = None;
            self.record.evaluations += 1;
            self.react(Moment::Tick);
            self.hand_out();
        }
    }

    /// Asks the law and does as it says. Returns whether it turns the job away.
    fn react(&mut self, moment: Moment) -> bool {
        // Field by field, because the law is a field of its own.
        let view = look(
            &self.machine,
            self.now,
            &self.crew,
            &self.sharing,
            (&self.queue, &self.tasks),
            (self.totals, self.record.busy_ns),
        );
        let act = self.law.react(moment, &view);
        self.carry_out(&act);
        act.refuse && moment == Moment::Submitted
    }

    fn carry_out(&mut self, act: &Act) {
        if let Some(at) = act.tick {
            self.tick = Some(nanos(at).max(self.now.saturating_add(TICK_SPACING)));
        }
        if let Some(limit) = act.drain_to {
            self.crew.limit = limit.max(self.machine.min);
        }
        if let Some(at_work) = act.at_work {
            self.crew.at_work = at_work;
        }
        if let Some(demand) = act.demand {
            self.record.demanded(self.now, demand);
        }
        let workers = self.crew.workers();
        let start = act.start.min(self.machine.max.saturating_sub(workers));
        if start > 0 {
            let (first, spacing) = (nanos(self.machine.start), nanos(self.machine.spawn));
            let first_at = self.now.saturating_add(first);
            let ready = |n| first_at.saturating_add(u64::from(n).saturating_mul(spacing));
            self.crew.start((0..start).map(ready));
            self.record.grew(self.now, workers, start, act.reason);
        }
        let spare = self.crew.workers().saturating_sub(self.machine.min);
        let before = self.crew.workers();
        let retired = self.crew.retire(act.retire_idle.min(spare));
        if retired > 0 {
            self.record.shrank(self.now, before, retired, act.reason);
        }
    }

    /// Jobs that wait go to idle workers. Where a wake-up takes time only a few are on their way
    /// at once, and each that finds a job sees to the next.
    fn hand_out(&mut self) {
        let wake = nanos(self.machine.wake);
        while self.crew.has_free() && !self.queue.is_empty() {
            let coming = self.crew.waking.len() + self.crew.starting.len();
            if wake == 0 {
                self.crew.claim();
                self.take();
                self.react(Moment::Started);
            } else if coming < self.queue.len().min(searchers_allowed(self.crew.workers())) {
                self.crew.claim();
                self.crew.waking.push_back(self.now.saturating_add(wake));
            } else {
                return;
            }
        }
    }

    /// A worker that was started or woken looks for a job.
    fn come_up(&mut self) {
        if self.queue.is_empty() || !self.crew.may_enter() {
            self.crew.rest(self.now);
        } else {
            self.take();
            self.react(Moment::Started);
            self.hand_out();
        }
    }

    /// A worker takes the job at the head of the queue.
    fn take(&mut self) {
        let Some(id) = self.queue.pop_front() else { return };
        self.totals.dequeued += 1;
        self.record.job_started(self.now, self.tasks[id].arrived);
        self.tasks[id].place = self.crew.enter(id, self.now, false);
        self.next_stage(id);
    }

    fn stage_over(&mut self, id: u32) {
        self.crew.set_runnable(self.tasks[id].place, false);
        self.next_stage(id);
    }

    fn next_stage(&mut self, id: u32) {
        match self.tasks[id].next_stage() {
            Stage::Compute(ns) => {
                self.crew.set_runnable(self.tasks[id].place, true);
                self.sharing.begin(id, ns);
            }
            // Also a job that takes no time ends as an event, not in the middle of another.
            Stage::Sleep(ns) => self.sleepers.push(Reverse((self.now.saturating_add(ns), id))),
            Stage::Call(calls) => {
                for _ in 0..calls.jobs {
                    let called = self.tasks.add_called(self.now, id, &calls);
                    self.submit(called);
                }
            }
            Stage::Over => self.end(id),
        }
    }

    fn end(&mut self, id: u32) {
        let task = self.tasks.remove(id);
        self.totals.completed += 1;
        self.record.job_ended(self.now, task.arrived);
        let (since, moved) = self.crew.leave(task.place);
        if let Some(moved) = moved {
            self.tasks[moved].place = task.place;
        }
        self.totals.log2_run_sum += u64::from((self.now - since).max(1).ilog2());
        let workers = self.crew.workers() + 1;
        if workers > self.crew.limit {
            self.record.shrank(self.now, workers, 1, None);
        } else {
            self.crew.rest(self.now);
        }
        let at_work = self.crew.at_work;
        self.react(Moment::Finished);
        if !self.queue.is_empty() && self.crew.has_free() && self.crew.claim() {
            self.take();
        }
        if self.crew.at_work > at_work {
            self.hand_out();
        }
        self.caller_of(&task);
    }

    /// Whoever waited for this job goes on, if it was the last one.
    fn caller_of(&mut self, task: &Task) {
        if let Some(caller) = task.caller
            && self.tasks.called_over(caller)
        {
            self.end(caller);
        }
    }
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model")
            .field("law", &self.law.name())
            .field("now", &self.now())
            .field("workers", &self.crew.workers())
            .field("queued", &self.queue.len())
            .finish_non_exhaustive()
    }
}

fn look<'a>(
    machine: &Machine,
    now: u64,
    crew: &'a Crew,
    sharing: &Sharing,
    (queue, tasks): (&VecDeque<u32>, &Tasks),
    (totals, busy_ns): (Totals, u64),
) -> View<'a> {
    let oldest = queue.front().map_or(now, |&id| tasks[id].arrived);
    View {
        now: Duration::from_nanos(now),
        min: machine.min,
        max: machine.max,
        cores: machine.cores,
        target_wait: machine.target_wait,
        keep_alive: machine.keep_alive,
        queue_limit: machine.queue_limit,
        queued: queue.len() as u64,
        oldest_age: Duration::from_nanos(now - oldest),
        workers: crew.workers(),
        starting: crew.starting.len() as u32,
        idle: crew.idle(),
        busy: crew.busy(),
        runnable: sharing.runnable(),
        arrivals: totals.arrived,
        dequeues: totals.dequeued,
        completions: totals.completed,
        busy_time: Duration::from_nanos(busy_ns),
        cpu_time: Duration::from_nanos(sharing.on_core as u64),
        log2_run_sum: totals.log2_run_sum,
        running: crew.running(),
    }
}

/// How many of so many workers look for a job at once, as the pool's protocol of sleep has it.
fn searchers_allowed(workers: u32) -> usize {
    (workers / 2).clamp(1, 4) as usize
}
