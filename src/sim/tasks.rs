//! The jobs that are in a simulated pool at a time.

use std::ops::{Index, IndexMut};
use std::time::Duration;

use super::job::{Calls, Job};
use crate::time::nanos;

/// A job in the pool.
#[derive(Clone, Copy, Debug)]
pub(super) struct Task {
    pub(super) arrived: u64,
    /// Its place among the running workers, once it runs.
    pub(super) place: u32,
    /// The job that waits for this one.
    pub(super) caller: Option<u32>,
    compute: u64,
    sleep: u64,
    calls: Option<Calls>,
    stages: u8,
    called_left: u32,
}

/// What a running job does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Compute(u64),
    Sleep(u64),
    Call(Calls),
    Over,
}

impl Task {
    /// Computing, sleeping, calling: each at most once, and one of the first two even if it takes
    /// no time, so that the end of a job is an event of its own.
    pub(super) fn next_stage(&mut self) -> Stage {
        loop {
            self.stages += 1;
            match self.stages {
                1 if self.compute > 0 => return Stage::Compute(self.compute),
                2 if self.sleep > 0 || self.compute == 0 => return Stage::Sleep(self.sleep),
                3 => {
                    if let Some(calls) = self.calls.take().filter(|calls| calls.jobs > 0) {
                        self.called_left = calls.jobs;
                        return Stage::Call(calls);
                    }
                }
                4.. => return Stage::Over,
                _ => {}
            }
        }
    }
}

/// Jobs by number; numbers are used again.
#[derive(Clone, Debug, Default)]
pub(super) struct Tasks {
    all: Vec<Task>,
    free: Vec<u32>,
}

impl Tasks {
    pub(super) fn add(&mut self, now: u64, job: &Job) -> u32 {
        self.keep(task(now, job.compute, job.sleep, job.calls, None))
    }

    pub(super) fn add_called(&mut self, now: u64, caller: u32, calls: &Calls) -> u32 {
        self.keep(task(now, calls.compute, calls.sleep, None, Some(caller)))
    }

    /// One that `caller` waits for is over; true if it was the last.
    pub(super) fn called_over(&mut self, caller: u32) -> bool {
        let task = &mut self[caller];
        task.called_left -= 1;
        task.called_left == 0
    }

    pub(super) fn remove(&mut self, id: u32) -> Task {
        self.free.push(id);
        self[id]
    }

    fn keep(&mut self, task: Task) -> u32 {
        match self.free.pop() {
            Some(id) => {
                self[id] = task;
                id
            }
            None => {
                self.all.push(task);
                self.all.len() as u32 - 1
            }
        }
    }
}

impl Index<u32> for Tasks {
    type Output = Task;

    fn index(&self, id: u32) -> &Task {
        &self.all[id as usize]
    }
}

impl IndexMut<u32> for Tasks {
    fn index_mut(&mut self, id: u32) -> &mut Task {
        &mut self.all[id as usize]
    }
}

fn task(
    now: u64,
    compute: Duration,
    sleep: Duration,
    calls: Option<Calls>,
    caller: Option<u32>,
) -> Task {
    Task {
        arrived: now,
        place: u32::MAX,
        caller,
        compute: nanos(compute),
        sleep: nanos(sleep),
        calls,
        stages: 0,
        called_left: 0,
    }
}
