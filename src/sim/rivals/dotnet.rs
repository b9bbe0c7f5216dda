//! The thread pool of .NET.
//!
//! Source: dotnet/runtime, `src/libraries/System.Private.CoreLib/src/System/Threading/`:
//! `PortableThreadPool.cs` @046456b, `PortableThreadPool.WorkerThread.cs` @0592224,
//! `PortableThreadPool.GateThread.cs` @03a2886, and hill climbing, which has a file of its own.
//!
//! Left out: what blocking calls of its own library tell the pool, since jobs here are opaque to
//! it; the local queues. The gate runs without a break, where the original sleeps while there is no
//! work. Its chain of requests, each thread asking for the next one, is told from jobs that begin.

use std::time::Duration;

use super::super::law::{Act, Law, Moment, Resting, View};
use super::hill_climbing::{HillClimbing, Slope};

const IDLE: Duration = Duration::from_secs(20);

const GATE: Duration = Duration::from_millis(500);

/// Processor use in percent from which on starvation takes longer to be believed.
const CPU_LOW: f64 = 80.0;

/// On a busy processor nothing may have begun for this long, for each thread of the goal.
const BUSY_DELAY: Duration = Duration::from_secs(1);

/// Any number; runs must be repeatable.
const SEED: u64 = 2;

/// A goal of threads at work, which hill climbing moves as jobs end and the gate raises by one if
/// no job begins for half a second. Threads above the goal rest, and leave after 20 s.
#[derive(Clone, Debug)]
pub struct DotNet {
    climber: HillClimbing,
    /// The goal is never lower than the number of cores.
    floor: u32,
    goal: u32,
    /// Workers when it was last told anything, with those that it started then.
    workers: u32,
    dequeues: u64,
    last_dequeue: Duration,
    sample: Sample,
    gate: Gate,
}

/// The sample that is being taken.
#[derive(Clone, Debug, Default)]
struct Sample {
    since: Duration,
    completions: u64,
    interval: Duration,
}

/// What the gate saw last.
#[derive(Clone, Debug, Default)]
struct Gate {
    at: Duration,
    cpu_time: Duration,
    cpu: f64,
}

impl DotNet {
    /// The law, for a pool that has not been opened.
    pub fn new() -> DotNet {
        DotNet {
            climber: HillClimbing::new(SEED),
            floor: 0,
            goal: 0,
            workers: 0,
            dequeues: 0,
            last_dequeue: Duration::ZERO,
            sample: Sample::default(),
            gate: Gate::default(),
        }
    }

    fn open(&mut self, pool: &View<'_>) -> Act {
        self.floor = pool.whole_cores().clamp(pool.min, pool.max);
        self.goal = self.floor;
        Act::none().and_tick_at(pool.now + GATE)
    }

    /// What happened without its doing: jobs began, and threads went that had been idle too long.
    fn catch_up(&mut self, pool: &View<'_>) {
        if pool.dequeues != self.dequeues {
            (self.dequeues, self.last_dequeue) = (pool.dequeues, pool.now);
        }
        if pool.workers < self.workers {
            self.goal = self.goal.min(pool.workers).max(self.floor);
            self.climber.force(self.goal);
        }
    }

    /// One thread, if there is a job for it and nobody to take it; it will ask for the next. A
    /// worker that has just ended a job takes another one, so neither of the two counts.
    fn request(&self, pool: &View<'_>, ended: u32) -> Act {
        let nobody_comes = pool.idle <= ended && pool.starting == 0;
        let has_work = pool.queued > u64::from(ended);
        let wanted = has_work && nobody_comes && pool.busy + ended < self.goal;
        Act::start(u32::from(wanted).min(pool.room()))
    }

    /// A job ended, and its worker does the bookkeeping.
    fn adjust(&mut self, pool: &View<'_>) -> Act {
        let at_work = pool.busy + pool.starting + 1;
        let lasted = pool.now.saturating_sub(self.sample.since);
        if at_work > self.goal || lasted.is_zero() || lasted < self.sample.interval {
            return Act::none();
        }
        let jobs = pool.completions - self.sample.completions;
        let slope = Slope { min: self.floor, max: pool.max, cpu: self.gate.cpu };
        let before = self.goal;
        let (goal, ms) = self.climber.update(before, lasted.as_secs_f64(), jobs, slope);
        self.goal = goal;
        let interval = Duration::from_millis(ms);
        self.sample = Sample { since: pool.now, completions: pool.completions, interval };
        if goal > before { self.request(pool, 1) } else { Act::none() }
    }

    fn guard(&mut self, pool: &View<'_>) -> Act {
        let lasted = pool.now.saturating_sub(self.gate.at).as_secs_f64();
        let used = pool.cpu_time.saturating_sub(self.gate.cpu_time).as_secs_f64();
        let cpu = if lasted > 0.0 { 100.0 * used / (lasted * pool.cores) } else { 0.0 };
        self.gate = Gate { at: pool.now, cpu_time: pool.cpu_time, cpu };

        let at_work = pool.busy + pool.starting;
        let believed = if cpu < CPU_LOW { GATE } else { BUSY_DELAY * self.goal };
        let is_starved = pool.queued > 0 && pool.now.saturating_sub(self.last_dequeue) > believed;
        if !is_starved || at_work < self.goal || at_work >= pool.max {
            return Act::none();
        }
        self.goal = at_work + 1;
        self.climber.force(self.goal);
        let is_new = pool.idle == 0;
        Act::start(u32::from(is_new).min(pool.room()))
    }
}

impl Default for DotNet {
    fn default() -> Self {
        DotNet::new()
    }
}

impl Law for DotNet {
    fn name(&self) -> &'static str {
        "dotnet"
    }

    fn react(&mut self, moment: Moment, pool: &View<'_>) -> Act {
        self.catch_up(pool);
        let act = match moment {
            Moment::Opened => self.open(pool),
            Moment::Submitted | Moment::Started => self.request(pool, 0),
            Moment::Finished => self.adjust(pool),
            Moment::Tick => self.guard(pool).and_tick_at(pool.now + GATE),
        };
        self.workers = pool.workers + act.start;
        Act { at_work: Some(self.goal), ..act }
    }

    fn resting(&self, _: &View<'_>) -> Resting {
        Resting { keep_alive: Some(IDLE), ..Resting::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened() -> DotNet {
        let mut law = DotNet::new();
        let act = law.react(Moment::Opened, &View::at_rest(2));
        assert_eq!((act.start, act.at_work, act.tick), (0, Some(4), Some(GATE)));
        law
    }

    fn at(millis: u64, view: View<'_>) -> View<'_> {
        View { now: Duration::from_millis(millis), ..view }
    }

    #[test]
    fn up_to_the_goal_each_thread_asks_for_the_next() {
        let mut law = opened();
        assert_eq!(law.react(Moment::Submitted, &View::full(2, 1)).start, 1);
        let on_its_way = View { busy: 2, starting: 1, ..View::full(3, 9) };
        assert_eq!(law.react(Moment::Submitted, &on_its_way).start, 0);
        assert_eq!(law.react(Moment::Started, &View::full(3, 8)).start, 1);
        assert_eq!(law.react(Moment::Started, &View::full(4, 8)).start, 0);
    }

    #[test]
    fn the_gate_adds_one_for_each_half_second_in_which_no_job_begins() {
        let mut law = opened();
        let view = |ms, dequeues| View { dequeues, ..at(ms, View::full(4, 9)) };
        law.react(Moment::Started, &view(600, 5));
        assert_eq!(law.react(Moment::Tick, &view(1_000, 5)).start, 0);
        let act = law.react(Moment::Tick, &view(1_500, 5));
        assert_eq!((act.start, act.at_work), (1, Some(5)));
        // Its thread begins a job, and then nothing does again.
        let five = |ms| View { workers: 5, busy: 5, ..view(ms, 6) };
        law.react(Moment::Started, &five(1_501));
        assert_eq!(law.react(Moment::Tick, &five(2_000)).start, 0);
        assert_eq!(law.react(Moment::Tick, &five(2_500)).start, 1);
    }

    #[test]
    fn on_a_busy_processor_the_gate_waits_a_second_for_each_thread() {
        let mut law = opened();
        let busy =
            |ms| View { cpu_time: Duration::from_millis(4 * ms), ..at(ms, View::full(4, 9)) };
        let mut gates = (1..12).map(|n| n * 500);
        let first = gates.find(|ms| law.react(Moment::Tick, &busy(*ms)).start > 0);
        assert_eq!(first, Some(4_500));
    }

    #[test]
    fn jobs_that_sleep_make_the_goal_climb_as_they_end() {
        let mut law = opened();
        let (mut now, mut completions) = (Duration::ZERO, 0);
        // Each thread ends a hundred jobs a second, however many there are.
        while now < Duration::from_secs(30) {
            let goal = u64::from(law.goal);
            now += Duration::from_millis(10);
            completions += goal;
            let view = View {
                now,
                completions,
                dequeues: completions,
                idle: 1,
                busy: law.goal - 1,
                ..View::full(law.goal, 500)
            };
            law.react(Moment::Finished, &view);
        }
        assert!(law.goal > 30, "{}", law.goal);
    }

    #[test]
    fn threads_that_leave_take_the_goal_down_with_them_but_not_below_the_cores() {
        let mut law = opened();
        law.goal = 20;
        let goal_at = |law: &mut DotNet, workers| {
            law.react(Moment::Submitted, &View::at_rest(workers)).at_work
        };
        assert_eq!(goal_at(&mut law, 20), Some(20));
        assert_eq!(goal_at(&mut law, 19), Some(19));
        assert_eq!(goal_at(&mut law, 3), Some(4));
    }
}
