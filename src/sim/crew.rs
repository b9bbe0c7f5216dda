//! The workers of a simulated pool: who starts, who wakes, who idles, who is inside a job.

use std::collections::VecDeque;

use super::law::{Next, Resting, Running};

/// Workers by what they do. All times are nanoseconds since time zero.
#[derive(Clone, Debug)]
pub(super) struct Crew {
    pub(super) resting: Resting,
    /// When each of them will look for its first job, soonest first.
    pub(super) starting: VecDeque<u64>,
    /// When each claimed one will look for a job, soonest first.
    pub(super) waking: VecDeque<u64>,
    /// Since when, longest first.
    idle: VecDeque<u64>,
    running: Vec<Running>,
    /// The job of each running worker, in the same order.
    jobs: Vec<u32>,
    /// Above this many, workers leave as they come out of a job.
    pub(super) limit: u32,
    /// No more than this are inside jobs at once.
    pub(super) at_work: u32,
}

impl Crew {
    pub(super) fn new() -> Crew {
        Crew {
            resting: Resting::default(),
            starting: VecDeque::new(),
            waking: VecDeque::new(),
            idle: VecDeque::new(),
            running: Vec::new(),
            jobs: Vec::new(),
            limit: u32::MAX,
            at_work: u32::MAX,
        }
    }

    pub(super) fn workers(&self) -> u32 {
        self.starting.len() as u32 + self.idle() + self.busy()
    }

    /// Without a job, those on their way to one included.
    pub(super) fn idle(&self) -> u32 {
        (self.idle.len() + self.waking.len()) as u32
    }

    pub(super) fn busy(&self) -> u32 {
        self.running.len() as u32
    }

    pub(super) fn running(&self) -> &[Running] {
        &self.running
    }

    /// Whether one more may go into a job.
    pub(super) fn may_enter(&self) -> bool {
        self.busy() < self.at_work
    }

    /// Whether an idle worker may go and take a job.
    pub(super) fn has_free(&self) -> bool {
        !self.idle.is_empty() && self.busy() + (self.waking.len() as u32) < self.at_work
    }

    /// Workers will look for their first jobs at these times.
    pub(super) fn start(&mut self, times: impl Iterator<Item = u64>) {
        self.starting.extend(times);
        // A few started now may be there before the last of many that were started earlier.
        self.starting.make_contiguous().sort_unstable();
    }

    /// A worker has nothing to do from now on.
    pub(super) fn rest(&mut self, now: u64) {
        self.idle.push_back(now);
    }

    /// Takes an idle worker for a job.
    pub(super) fn claim(&mut self) -> bool {
        match self.resting.next {
            Next::LastIdle => self.idle.pop_back(),
            Next::LongestIdle => self.idle.pop_front(),
        }
        .is_some()
    }

    /// Sends up to `n` idle workers home, those first that idle longest.
    pub(super) fn retire(&mut self, n: u32) -> u32 {
        let n = n.min(self.idle.len() as u32);
        self.idle.drain(..n as usize);
        n
    }

    /// When the next idle worker will leave by itself.
    pub(super) fn next_leaver(&self) -> Option<u64> {
        if self.workers() <= self.resting.keep {
            return None;
        }
        let keep_alive = u64::try_from(self.resting.keep_alive?.as_nanos()).ok()?;
        self.idle.front()?.checked_add(keep_alive)
    }

    /// A claimed worker goes into a job; returns its place.
    pub(super) fn enter(&mut self, job: u32, now: u64, runnable: bool) -> u32 {
        self.running.push(Running { since: now, runnable });
        self.jobs.push(job);
        self.running.len() as u32 - 1
    }

    pub(super) fn set_runnable(&mut self, place: u32, runnable: bool) {
        self.running[place as usize].runnable = runnable;
    }

    /// The worker at `place` comes out of its job. Returns since when it was in, and the job that
    /// has moved to this place, if any.
    pub(super) fn leave(&mut self, place: u32) -> (u64, Option<u32>) {
        let ended = self.running.swap_remove(place as usize);
        self.jobs.swap_remove(place as usize);
        (ended.since, self.jobs.get(place as usize).copied())
    }
}
