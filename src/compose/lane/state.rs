//! Everything about the lanes of a pool that their lock guards, and the steps it takes under it.
//!
//! Nothing here runs what a user wrote: jobs are moved, and what is to be woken, dropped or told is
//! handed out in [`After`], to be dealt with outside.
//!
//! A job that leaves its room, whichever way, counts as *out* from there on, until it is over and
//! what it captured is gone, at the end of its run or instead of it.

use std::collections::VecDeque;

use super::bucket::Bucket;
use super::choice::{self, Choice, Pool, Standing};
use super::keys::{Key, Keys, Waiting};
use super::settings::{LaneSettings, bound};
use crate::name::OTHERS;
use crate::outcome::{Outcome, Refusal};
use crate::run::figures::{LANES_NAMED, LaneFigures};
use crate::run::gate::Waiter;
use crate::run::histogram::Cells;
use crate::run::job::{Job, Task, Tracked};
use crate::run::seat::TakeOver;
use crate::run::shared::Shared;
use crate::run::submit;
use crate::sync::Arc;
use crate::time::{Nanos, Steady};

/// What is to be done once the lock is released.
#[derive(Default)]
pub(crate) struct After {
    /// Jobs pushed to the pool's queue.
    pub(crate) pushed: u32,
    /// Submitters there may be room for.
    pub(crate) called: Vec<Arc<Waiter>>,
    /// Jobs that somebody inside the pool waits for, and may run now.
    pub(crate) nudged: Vec<Arc<dyn Tracked>>,
    /// Jobs that stepped back into their room; their shells are in the queue.
    pub(crate) shells: Vec<Arc<dyn Tracked>>,
    /// When to look again.
    pub(crate) alarm: Option<Nanos>,
}

/// A job in a room.
pub(crate) struct Entry {
    pub(crate) job: Arc<dyn Tracked>,
    /// Somebody inside the pool waits for it.
    pub(crate) is_wanted: bool,
}

/// What has happened in a lane.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) accepted: u64,
    pub(crate) refused: [u64; Refusal::ALL.len()],
    pub(crate) outcomes: [u64; Outcome::ALL.len()],
}

/// A job in the pool's queue.
pub(crate) struct Sent {
    key: Key,
    number: u64,
    cost: u32,
    job: Arc<dyn Tracked>,
}

/// One lane but for what the choice is made of.
pub(crate) struct Row {
    pub(crate) name: Arc<str>,
    pub(crate) settings: LaneSettings,
    pub(crate) is_closed: bool,
    pub(crate) keys: Keys<Entry>,
    /// Of the jobs that are out, those that no worker has found yet; in the order of their going.
    pub(crate) sent: Vec<Sent>,
    /// Submitters that wait for room.
    pub(crate) line: VecDeque<Arc<Waiter>>,
    /// Those of them that were called and have not come yet. Their places are nobody else's.
    pub(crate) called: usize,
    pub(crate) counts: Counts,
    /// From submission to start.
    pub(crate) wait: Cells,
    /// The tokens of a rate of zero while that is lifted, for when the lane is opened again.
    set_aside: Option<Bucket>,
}

impl Row {
    pub(crate) fn room(&self) -> usize {
        self.settings.queue_capacity.saturating_sub(self.keys.waiting() + self.called)
    }

    /// A submitter gives up. One that was called meanwhile leaves its place to the next.
    pub(crate) fn leave_line(&mut self, waiter: &Arc<Waiter>) {
        match self.line.iter().position(|other| Arc::ptr_eq(other, waiter)) {
            Some(place) => drop(self.line.remove(place)),
            None => self.called -= 1,
        }
    }

    pub(crate) fn count_refusal(&mut self, refusal: Refusal) {
        self.counts.refused[refusal as usize] += 1;
    }
}

pub(crate) struct State {
    pub(crate) rows: Vec<Row>,
    /// Of each row.
    pub(crate) standings: Vec<Standing>,
    pub(crate) pool: Pool,
    /// The pool takes no more jobs.
    pub(crate) is_closing: bool,
    steady: Steady,
    /// For [`After::shells`].
    stepped_back: Vec<Arc<dyn Tracked>>,
    /// When somebody will look again.
    alarm: Option<Nanos>,
    next_number: u64,
}

/// A job of a lane, as those know it who are not the lane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whose {
    pub(crate) row: usize,
    pub(crate) key: Key,
    pub(crate) number: u64,
}

/// How a job was over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub(crate) outcome: Outcome,
    /// Nanoseconds from submission to start; `None` if it never started.
    pub(crate) waited: Option<u64>,
}

impl State {
    pub(crate) fn new(max_workers: u64) -> State {
        State {
            rows: Vec::new(),
            standings: Vec::new(),
            pool: Pool { max_workers, live_workers: 0, queued: 0, paid: 0 },
            is_closing: false,
            steady: Steady::default(),
            stepped_back: Vec::new(),
            alarm: None,
            next_number: 0,
        }
    }

    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.rows.iter().position(|row| &*row.name == name)
    }

    /// Workers reserved by the lanes that are open, but for one of them.
    pub(crate) fn reserved_besides(&self, row: Option<usize>) -> usize {
        let open = self.rows.iter().enumerate().filter(|(_, row)| !row.is_closed);
        open.filter(|(index, _)| Some(*index) != row).map(|(_, row)| row.settings.reserved).sum()
    }

    /// Adds a lane that has no jobs yet.
    pub(crate) fn add(&mut self, name: &str, settings: LaneSettings) -> usize {
        self.rows.push(Row {
            name: Arc::from(name),
            keys: Keys::new(u64::MAX),
            sent: Vec::new(),
            settings: settings.clone(),
            is_closed: false,
            line: VecDeque::new(),
            called: 0,
            counts: Counts::default(),
            wait: Cells::default(),
            set_aside: None,
        });
        self.standings.push(Standing {
            max_running: 0,
            reserved: 0,
            weight: 1,
            bucket: None,
            ready: false,
            out: 0,
            paid: 0,
        });
        let index = self.rows.len() - 1;
        self.set(index, settings, Nanos(0));
        index
    }

    /// Puts settings in force. A pool that ends lets one job at a time through where none was to
    /// start: a limit of zero, a rate too, is a pause, and what it has the pool cannot end without.
    /// Any other rate is kept to the end.
    pub(crate) fn set(&mut self, index: usize, settings: LaneSettings, clock: Nanos) {
        let now = self.steady.at(clock);
        let is_closed = self.rows[index].is_closed;
        let least = u64::from(self.is_closing || is_closed);
        let standing = &mut self.standings[index];
        let bucket = settings.rate.map(|rate| Bucket::new(rate.per_second, rate.burst));
        let is_lifted = least > 0 && bucket.is_some_and(|bucket| bucket.is_stopped());
        let most = if is_lifted { 1 } else { bound(settings.max_running) };
        standing.max_running = most.max(least);
        standing.reserved = if is_closed { 0 } else { settings.reserved as u64 };
        standing.weight = settings.weight;
        let row = &mut self.rows[index];
        let tokens = match (standing.bucket.or(row.set_aside), bucket) {
            (Some(old), Some(new)) => Some(old.retuned(new, now)),
            (_, new) => new,
        };
        (standing.bucket, row.set_aside) = if is_lifted { (None, tokens) } else { (tokens, None) };
        let per_key = bound(settings.max_running_per_key).max(least);
        row.keys.set_max_out(per_key);
        row.settings = settings;
        self.refresh(index);
    }

    fn refresh(&mut self, row: usize) {
        self.standings[row].ready = self.rows[row].keys.is_ready();
    }

    /// Of each lane that is shown by name, and of all others together.
    pub(crate) fn figures(&self) -> Vec<LaneFigures> {
        let mut all: Vec<LaneFigures> = Vec::new();
        for (row, standing) in self.rows.iter().zip(&self.standings) {
            let queued = row.sent.len() as u64;
            let is_named = all.len() < LANES_NAMED;
            let figures = LaneFigures {
                name: if is_named { Arc::clone(&row.name) } else { Arc::from(OTHERS) },
                waiting: row.keys.waiting() as u64,
                capacity: row.settings.queue_capacity as u64,
                queued,
                running: standing.out - queued,
                accepted: row.counts.accepted,
                refused: row.counts.refused,
                outcomes: row.counts.outcomes,
                wait: row.wait.clone(),
            };
            match all.iter_mut().find(|known| known.name == figures.name) {
                Some(known) => known.merge(&figures),
                None => all.push(figures),
            }
        }
        all
    }

    /// The number of the next job.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    /// A job has been let in.
    pub(crate) fn push(&mut self, row: usize, key: Key, number: u64, cost: u32, job: Entry) {
        self.rows[row].counts.accepted += 1;
        self.rows[row].keys.push(key, Waiting { number, cost, job });
        self.refresh(row);
    }

    /// A job has been let in that is never to start: it is out at once.
    pub(crate) fn let_through(&mut self, shared: &Shared, row: usize, key: Key) {
        self.rows[row].counts.accepted += 1;
        self.rows[row].keys.let_through(key);
        self.count_out(shared, row, 1);
    }

    /// Jobs have left their room.
    fn count_out(&mut self, shared: &Shared, row: usize, jobs: u64) {
        self.standings[row].out += jobs;
        self.refresh(row);
        shared.rooms.bring_in(&shared.gate, jobs);
    }

    /// The job was withdrawn: takes it out if it still waits here.
    pub(crate) fn leave(&mut self, shared: &Shared, job: Whose) -> bool {
        let is_here = self.rows[job.row].keys.remove(job.key, job.number).is_some();
        if is_here {
            self.count_out(shared, job.row, 1);
        }
        is_here
    }

    /// Takes out every job, in the order of the lanes and theirs.
    pub(crate) fn clear(&mut self, shared: &Shared) -> Vec<Arc<dyn Tracked>> {
        let mut all = Vec::new();
        for row in 0..self.rows.len() {
            let jobs = self.rows[row].keys.drain();
            self.count_out(shared, row, jobs.len() as u64);
            all.extend(jobs.into_iter().map(|entry| entry.job));
        }
        all
    }

    /// Takes a job out for somebody inside the pool who waits for it and would run it, if the
    /// lane's limits allow that. Whoever is inside a job of the same lane, or key, has that place
    /// to lend while it waits. A job that was sent and waits for a worker steps back for it: that
    /// worker may be the one that waits.
    pub(crate) fn take_over(&mut self, shared: &Shared, job: Whose, lends: Lends) -> TakeOver {
        let Whose { row, key, number } = job;
        let now = self.steady.at(shared.now());
        let keys = &mut self.rows[row].keys;
        let key_allows = lends.key || keys.is_free(key);
        let Some(entry) = keys.look(key, number) else {
            self.unsend(job);
            return TakeOver::Elsewhere;
        };
        entry.is_wanted = true;
        let standing = &self.standings[row];
        let lane_allows = lends.lane || choice::has_place(standing);
        if key_allows && lane_allows && choice::token_at(standing) <= now {
            let cost = self.rows[row].keys.remove(key, number).map_or(1, |waiting| waiting.cost);
            choice::pay(&mut self.standings, &mut self.pool, row, cost, now);
            self.count_out(shared, row, 1);
        } else if key_allows && self.step_back(row, key) {
            self.rows[row].keys.remove(key, number);
            self.standings[row].out += 1;
            self.refresh(row);
        } else {
            return TakeOver::NotNow;
        }
        TakeOver::Taken
    }

    /// Takes the job back that was sent last and that no worker has found. What it leaves in the
    /// queue is a shell; its place there and its token are another's, who leaves the room for it.
    fn step_back(&mut self, row: usize, key: Key) -> bool {
        let Row { sent, keys, .. } = &mut self.rows[row];
        // Not one that is being cancelled, and none that comes before the other in its order.
        let may =
            |sent: &Sent| (key.is_none() || sent.key != key) && sent.job.ticket().claim.is_queued();
        let Some(place) = sent.iter().rposition(may) else { return false };
        let Sent { key, number, cost, job } = sent.remove(place);
        job.ticket().leave_room(Nanos::NEVER);
        let shell = Arc::clone(&job);
        keys.put_back(key, Waiting { number, cost, job: Entry { job, is_wanted: false } });
        self.standings[row].out -= 1;
        self.pool.queued -= 1;
        self.stepped_back.push(shell);
        true
    }

    fn unsend(&mut self, job: Whose) -> bool {
        let sent = &mut self.rows[job.row].sent;
        let place = sent.iter().position(|sent| sent.number == job.number);
        if let Some(place) = place {
            sent.remove(place);
            self.pool.queued -= 1;
        }
        place.is_some()
    }

    /// A worker has found the job in the pool's queue; false if it has stepped back.
    pub(crate) fn arrives(&mut self, job: Whose) -> bool {
        self.unsend(job) || self.rows[job.row].keys.look(job.key, job.number).is_none()
    }

    /// A job that was out is over.
    pub(crate) fn ended(&mut self, job: Whose, end: End) {
        self.unsend(job);
        self.standings[job.row].out -= 1;
        let row = &mut self.rows[job.row];
        row.counts.outcomes[end.outcome as usize] += 1;
        if let Some(waited) = end.waited {
            row.wait.record(waited);
        }
        row.keys.ended(job.key);
        self.refresh(job.row);
    }

    /// Brings in what may come now, and looks who there is room for.
    pub(crate) fn bring_in(&mut self, shared: &Shared) -> After {
        let shells = std::mem::take(&mut self.stepped_back);
        let mut after = After { shells, ..After::default() };
        let clock = shared.now();
        let now = self.steady.at(clock);
        if self.alarm.is_some_and(|alarm| alarm <= clock) {
            self.alarm = None;
        }
        self.pool.live_workers = u64::from(shared.sleep.look().live());
        while !shared.phase.is_stopping() {
            match choice::choose(&self.standings, self.pool, now) {
                Choice::Lane(row) => self.send(shared, row, (clock, now), &mut after),
                Choice::At(next) => {
                    let when = clock.after(next.since(now));
                    if self.alarm.is_none_or(|alarm| when < alarm) {
                        self.alarm = Some(when);
                        after.alarm = Some(when);
                    }
                    break;
                }
                Choice::Nobody => break,
            }
        }
        self.call(&mut after);
        after
    }

    fn send(&mut self, shared: &Shared, row: usize, at: (Nanos, Nanos), after: &mut After) {
        let (clock, now) = at;
        let Some((key, waiting)) = self.rows[row].keys.pop() else {
            self.refresh(row);
            return;
        };
        let Waiting { number, cost, job: Entry { job, is_wanted } } = waiting;
        // One that has waited too long costs nothing. The worker that finds it lets it expire: what
        // it captured is dropped there, and not by whoever happens to look here.
        if !job.ticket().has_expired(clock) {
            choice::pay(&mut self.standings, &mut self.pool, row, cost, now);
        }
        self.count_out(shared, row, 1);
        self.pool.queued += 1;
        job.ticket().leave_room(clock);
        self.rows[row].sent.push(Sent { key, number, cost, job: Arc::clone(&job) });
        if is_wanted {
            after.nudged.push(Arc::clone(&job));
        }
        submit::push(shared, None, Job { task: Task::Tracked(job), queued_at: clock });
        after.pushed += 1;
    }

    /// Calls as many submitters as there is room for; all of those who wait in vain.
    fn call(&mut self, after: &mut After) {
        for row in self.rows.iter_mut().filter(|row| !row.line.is_empty()) {
            let in_vain = self.is_closing || row.is_closed;
            let places = if in_vain { usize::MAX } else { row.room() };
            let called = places.min(row.line.len());
            row.called += called;
            after.called.extend(row.line.drain(..called));
        }
    }
}

/// What whoever would run a job of a lane has of it already.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lends {
    pub(crate) lane: bool,
    pub(crate) key: bool,
}
