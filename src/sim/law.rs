//! A law of scaling, as the simulator asks it: ours and those of other systems alike.

use std::time::Duration;

use crate::scale::policy::Reason;

/// A rule that sizes a pool. It is told what happens and answers with what to do; it reads no
/// clock and draws no dice but seeded ones, so the same load gives the same run everywhere.
///
/// The production [`ScalingPolicy`](crate::ScalingPolicy) is driven through
/// [`Supervised`](super::Supervised), which looks when the real supervisor would. A law that acts
/// at the moment of submission, as most pools do, answers to [`Moment::Submitted`]; one that acts
/// by the clock asks for a [tick](Act::tick).
pub trait Law {
    /// A short name for tables, charts and the command line.
    fn name(&self) -> &'static str;

    /// What to do about what has just happened.
    fn react(&mut self, moment: Moment, pool: &View<'_>) -> Act;

    /// How workers without a job wait, and when they leave by themselves. Asked once, of the pool
    /// as it is at [`Moment::Opened`].
    fn resting(&self, pool: &View<'_>) -> Resting {
        let _ = pool;
        Resting::default()
    }
}

/// What has just happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// The pool was built, at time zero; it has as many workers as its lower bound.
    Opened,
    /// A job arrived. It counts as queued; if a worker is idle it takes a job right after this.
    /// Comes for each job that is accepted, and for each that a full queue keeps outside.
    Submitted,
    /// A worker that had been idle, or was just started, took a job from the queue. One that goes
    /// from job to job only sends [`Moment::Finished`].
    Started,
    /// A job ended, its worker has not taken the next one yet and counts as idle.
    Finished,
    /// The time that the law asked for has come.
    Tick,
}

/// The answer of a law. The default does nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Act {
    /// Workers to start; the model starts no more than the upper bound has room for.
    pub start: u32,
    /// Idle workers to send home, those first that have been idle longest.
    pub retire_idle: u32,
    /// From now on workers above this many leave as they come out of a job; `u32::MAX` lifts an
    /// earlier order, `None` leaves it as it is.
    pub drain_to: Option<u32>,
    /// From now on no more workers than this are inside jobs at once; the others rest, idle, though
    /// jobs wait. `u32::MAX` lifts an earlier order, `None` leaves it as it is.
    pub at_work: Option<u32>,
    /// To [`Moment::Submitted`] only: the job is turned away.
    pub refuse: bool,
    /// When to be asked again, since time zero, in place of whatever was asked for before.
    pub tick: Option<Duration>,
    /// Why, where the law says so.
    pub reason: Option<Reason>,
    /// Workers the load needs, where the law says so.
    pub demand: Option<u32>,
}

impl Act {
    /// Nothing.
    pub fn none() -> Act {
        Act::default()
    }

    /// Start `n` workers.
    pub fn start(n: u32) -> Act {
        Act { start: n, ..Act::default() }
    }

    /// Send `n` idle workers home.
    pub fn retire_idle(n: u32) -> Act {
        Act { retire_idle: n, ..Act::default() }
    }

    /// The same, and ask again at this time.
    #[must_use]
    pub fn and_tick_at(self, at: Duration) -> Act {
        Act { tick: Some(at), ..self }
    }
}

/// How idle workers wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resting {
    /// A worker that was idle this long leaves by itself; `None`: it stays until it is retired.
    pub keep_alive: Option<Duration>,
    /// None leaves by itself while there are no more workers than this, nor than the lower bound.
    pub keep: u32,
    /// Who takes the next job.
    pub next: Next,
}

impl Default for Resting {
    fn default() -> Self {
        Resting { keep_alive: None, keep: 0, next: Next::LastIdle }
    }
}

/// Which of several idle workers takes the next job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Next {
    /// The one that became idle last: the others stay cold.
    LastIdle,
    /// The one that has been idle longest, as where waiters queue: a trickle touches them all.
    LongestIdle,
}

/// The pool as a law may see it. Counts are totals since time zero; all else is as of now.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct View<'a> {
    /// Time since the pool was built.
    pub now: Duration,
    /// Lower bound on the workers.
    pub min: u32,
    /// Upper bound on the workers.
    pub max: u32,
    /// Cores that the system reports.
    pub cores: f64,
    /// The longest wait a job should see.
    pub target_wait: Duration,
    /// How long an unneeded worker is kept, where somebody chose it.
    pub keep_alive: Option<Duration>,
    /// Jobs that the queue holds at most, if it is bounded.
    pub queue_limit: Option<u64>,
    /// Jobs that wait to start, those outside a full queue included.
    pub queued: u64,
    /// Age of the job that has waited longest; zero when none waits.
    pub oldest_age: Duration,
    /// Live workers: starting, idle and busy.
    pub workers: u32,
    /// Workers on their way to their first job.
    pub starting: u32,
    /// Workers without a job.
    pub idle: u32,
    /// Workers inside a job.
    pub busy: u32,
    /// Busy workers that want a core.
    pub runnable: u32,
    /// Jobs that arrived and were not turned away.
    pub arrivals: u64,
    /// Jobs that have left the queue.
    pub dequeues: u64,
    /// Jobs that ran to their end.
    pub completions: u64,
    /// Worker time inside jobs, the part of unfinished jobs included.
    pub busy_time: Duration,
    /// Core time used.
    pub cpu_time: Duration,
    /// Sum over the ended jobs of log2(run time in nanoseconds).
    pub log2_run_sum: u64,
    pub(super) running: &'a [Running],
}

/// A worker inside a job, as the model keeps it and laws may ask about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Running {
    /// Nanoseconds since time zero.
    pub(super) since: u64,
    pub(super) runnable: bool,
}

impl View<'_> {
    /// The cores, a part of one counted as a whole and never none, as other systems count them.
    pub fn whole_cores(&self) -> u32 {
        (self.cores.ceil() as u32).max(1)
    }

    /// Workers that the upper bound has room for.
    pub fn room(&self) -> u32 {
        self.max.saturating_sub(self.workers)
    }

    /// Busy workers whose job has run for longer than `age`.
    pub fn running_longer_than(&self, age: Duration) -> u32 {
        self.ages(|_| true).filter(|ran| *ran > age).count() as u32
    }

    /// Age of the current job of each worker that wants a core.
    pub fn run_ages(&self) -> Vec<Duration> {
        self.ages(|job| job.runnable).collect()
    }

    fn ages(&self, which: impl Fn(&Running) -> bool) -> impl Iterator<Item = Duration> {
        let now = self.now;
        let of = move |job: &Running| now.saturating_sub(Duration::from_nanos(job.since));
        self.running.iter().filter(move |job| which(job)).map(of)
    }
}

#[cfg(test)]
impl View<'static> {
    /// A pool of 2 to 64 workers on four cores, with none yet and nothing to do: tests fill in
    /// what they are about.
    pub(super) fn example() -> Self {
        View {
            now: Duration::ZERO,
            min: 2,
            max: 64,
            cores: 4.0,
            target_wait: Duration::from_millis(10),
            keep_alive: None,
            queue_limit: None,
            queued: 0,
            oldest_age: Duration::ZERO,
            workers: 0,
            starting: 0,
            idle: 0,
            busy: 0,
            runnable: 0,
            arrivals: 0,
            dequeues: 0,
            completions: 0,
            busy_time: Duration::ZERO,
            cpu_time: Duration::ZERO,
            log2_run_sum: 0,
            running: &[],
        }
    }

    /// The same with so many workers, all of them inside a job, and so many jobs waiting.
    pub(super) fn full(workers: u32, queued: u64) -> Self {
        View { workers, busy: workers, queued, ..View::example() }
    }

    /// The same with so many workers, all of them idle.
    pub(super) fn at_rest(workers: u32) -> Self {
        View { workers, idle: workers, ..View::example() }
    }
}
