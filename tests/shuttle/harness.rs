//! Many schedules of one scenario, and the pool as the scenarios see it.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use shuttle::rand::Rng;
use shuttle::scheduler::{
    PctScheduler, RandomScheduler, Schedule, Scheduler, Task, TaskId,
    UncontrolledNondeterminismCheckScheduler,
};
use shuttle::thread::JoinHandle;
use shuttle::{Config, MaxSteps, Runner};
use springtide::testing::{ManualClock, Parker};
use springtide::{Builder, KICK_SPACING, Pool, PoolHandle, ShutdownReport};

/// Schedules of each scenario unless `SPRINGTIDE_SCHEDULES` says otherwise.
const SCHEDULES: usize = 20_000;
/// PCT finds what needs so many preemptions at just the right places.
const PCT_DEPTH: usize = 3;
/// No schedule is nearly as long; one that is has a thread that turns in circles.
const STEPS_AT_MOST: usize = 200_000;

fn schedules() -> usize {
    let wanted = std::env::var("SPRINGTIDE_SCHEDULES").ok();
    wanted.map_or(SCHEDULES, |text| text.parse().expect("a number of schedules"))
}

/// Runs a scenario under random schedules, half of them with threads that also come out of `park`
/// for no reason, and a tenth as many under PCT.
pub(crate) fn explore(scenario: fn()) {
    let (random, pct) = (schedules(), schedules().div_ceil(10));
    let started = Instant::now();
    run(Punctual(RandomScheduler::new(random.div_ceil(2))), scenario);
    run(RandomScheduler::new(random / 2), scenario);
    run(Punctual(PctScheduler::new(PCT_DEPTH, pct)), scenario);
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("?");
    let took = started.elapsed().as_secs_f64();
    println!("{name}: {random} random and {pct} PCT schedules, {took:.1} s");
}

/// Runs a scenario twice under each of some random schedules, and fails if they differ.
pub(crate) fn replay(scenario: fn()) {
    let random = RandomScheduler::new(schedules().div_ceil(20));
    run(UncontrolledNondeterminismCheckScheduler::new(random), scenario);
}

fn run(scheduler: impl Scheduler + 'static, scenario: fn()) {
    let mut config = Config::new();
    config.stack_size = 256 * 1024;
    config.max_steps = MaxSteps::FailAfter(STEPS_AT_MOST);
    // It treats every ordering as SeqCst and says so at length; orderings are loom's and Miri's.
    config.silence_warnings = true;
    Runner::new(scheduler, config).run(scenario);
}

/// Lets nobody out of `park` without an `unpark`. Shuttle may, as std may, but a thread that looks
/// again for no reason covers up for the wake-up that it was not sent.
#[derive(Debug)]
struct Punctual<S>(S);

impl<S: Scheduler> Scheduler for Punctual<S> {
    fn new_execution(&mut self) -> Option<Schedule> {
        self.0.new_execution()
    }

    fn next_task(
        &mut self,
        candidates: &[&Task],
        current: Option<TaskId>,
        is_yielding: bool,
    ) -> Option<TaskId> {
        let runnable: Vec<&Task> =
            candidates.iter().copied().filter(|task| task.runnable()).collect();
        self.0.next_task(&runnable, current, is_yielding)
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }
}

/// Time, which shuttle does not have: a little passes with each turn of the supervisor's while it
/// rests, so the other threads get their turns in between. A caller's own deadline, which is
/// shorter than [`SECOND_LOOK`] here, comes or does not. A second look in case a wake-up was lost
/// never comes: whoever is not woken is found asleep for ever.
struct Tide {
    clock: ManualClock,
    /// Whether the supervisor looks by itself. In every second schedule it does not, but only when
    /// it was asked to: nothing here may depend on its ticks but the choice of a policy.
    looks: bool,
}

/// The shortest time after which a waiting thread looks again by itself.
const SECOND_LOOK: Duration = Duration::from_millis(100);
const TURN: Duration = Duration::from_micros(250);

impl Parker for Tide {
    fn timeout(&self, asked: Option<Duration>) -> Option<Duration> {
        let asked = asked?;
        let thread = shuttle::thread::current();
        let passed = if thread.name().is_some_and(|name| name.ends_with("/tide")) {
            if !self.looks && asked > KICK_SPACING {
                return None;
            }
            asked.min(TURN)
        } else if asked < SECOND_LOOK && shuttle::rand::thread_rng().gen_bool(0.5) {
            asked
        } else {
            return None;
        };
        self.clock.advance(passed);
        Some(Duration::ZERO)
    }
}

/// A pool that runs wholly under shuttle.
pub(crate) fn pool(workers: RangeInclusive<usize>, set: impl FnOnce(Builder) -> Builder) -> Pool {
    let clock = ManualClock::new();
    let looks = shuttle::rand::thread_rng().gen_bool(0.5);
    let builder = Pool::builder("tide")
        .workers(workers)
        .cores(2.0)
        .ceiling(4)
        .without_metrics()
        .clock(clock.clock())
        .parker(Tide { clock, looks });
    set(builder).build().expect("shuttle refuses no thread")
}

/// Gives the other threads some turns, half the time none and otherwise up to fifty, so that what
/// comes next meets them anywhere on their way.
pub(crate) fn dawdle() {
    let mut random = shuttle::rand::thread_rng();
    if random.gen_bool(0.5) {
        (0..random.gen_range(0..50)).for_each(|_| shuttle::thread::yield_now());
    }
}

/// Starts so many threads that submit to the pool, each told its number.
pub(crate) fn submitters<T: Send + 'static>(
    pool: &Pool,
    threads: usize,
    submits: fn(&PoolHandle, usize) -> T,
) -> Vec<JoinHandle<T>> {
    let start = |number| {
        let pool = pool.handle();
        shuttle::thread::spawn(move || submits(&pool, number))
    };
    (0..threads).map(start).collect()
}

/// What they return, in the order of their numbers.
pub(crate) fn joined<T>(submitters: Vec<JoinHandle<T>>) -> Vec<T> {
    submitters.into_iter().map(|thread| thread.join().expect("a submitter")).collect()
}

/// Ends a pool and checks what then holds whatever happened before: the threads are gone, every
/// accepted job is accounted for, and nobody was woken by the check that looks for lost wake-ups.
pub(crate) fn settle(pool: &Pool) -> ShutdownReport {
    let report = pool.shutdown();
    assert!(report.ended, "{report:?}");
    assert!(report.still_queued == 0 && report.still_running.is_empty(), "{report:?}");
    assert_eq!(report.accepted, over(&report), "{report:?}");
    let stats = pool.stats();
    assert_eq!(stats.recoveries, 0, "a wake-up was lost: {stats:?}");
    assert_eq!((stats.accepted, stats.queued, stats.running), (report.accepted, 0, 0));
    report
}

/// The jobs of a report that have ended in one way or another.
pub(crate) fn over(report: &ShutdownReport) -> u64 {
    report.completed
        + report.errored
        + report.panicked
        + report.cancelled
        + report.expired
        + report.timed_out
        + report.returned_count
}

/// What became of one job and of what it captured.
#[derive(Debug, Default)]
pub(crate) struct Fate {
    runs: AtomicU32,
    frees: AtomicU32,
}

impl Fate {
    pub(crate) fn runs(&self) -> u32 {
        self.runs.load(Ordering::SeqCst)
    }

    /// How often the captured value was dropped.
    pub(crate) fn frees(&self) -> u32 {
        self.frees.load(Ordering::SeqCst)
    }
}

/// Captured by a job, to tell its fate.
pub(crate) struct Cargo(Arc<Fate>);

impl Cargo {
    pub(crate) fn new() -> (Cargo, Arc<Fate>) {
        let fate = Arc::new(Fate::default());
        (Cargo(Arc::clone(&fate)), fate)
    }

    /// The job runs.
    pub(crate) fn run(&self) {
        self.0.runs.fetch_add(1, Ordering::SeqCst);
    }
}

impl Drop for Cargo {
    fn drop(&mut self) {
        self.0.frees.fetch_add(1, Ordering::SeqCst);
    }
}
