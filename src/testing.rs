//! Seams for tests and benches: a clock set by hand, threads that are refused, wake-ups that get
//! lost, and the steps of one job, each by itself.

use std::hint::black_box;

use crate::config::Delayed;
use crate::name::PoolName;
use crate::outcome::Outcome;
use crate::run::claim::Claim;
use crate::run::closure::Closure;
use crate::run::context::JobContext;
use crate::run::current::{Current, Running};
use crate::run::delayed::DelayedJobs;
use crate::run::gate::Gate;
use crate::run::handle::JobHandle;
use crate::run::histogram::Histogram;
use crate::run::job::{Job, Started, Tracked};
use crate::run::meter::Meter;
use crate::run::panics::catch;
use crate::run::queue::{LocalQueue, Queue};
use crate::run::shared::{Seams, Shared};
use crate::run::sleep::Sleep;
use crate::run::submit::tracked;
use crate::run::terms::Terms;
use crate::run::ticket::KindId;
use crate::sync::Arc;
use crate::time::Nanos;

pub use crate::run::parker::{ImpatientParker, Parker, SystemParker};
pub use crate::run::spawner::{RefusingSpawner, Spawner, SystemSpawner, ThreadHandle};
pub use crate::time::{Clock, ManualClock};

/// Something as large as what the queue carries.
type Load = [usize; size_of::<Job>() / size_of::<usize>()];

/// As many jobs are made and pushed before the first of them is taken and freed: some, as in a pool
/// that is behind, and few enough to stay in the cache.
const HEAP: u64 = 64;

/// One step of a job, to be measured by itself.
#[derive(Debug)]
pub struct Step {
    /// Its row in `benches/instructions.txt`.
    pub name: &'static str,
    /// What it is.
    pub says: &'static str,
    /// How often a job pays for it that was submitted by `execute`.
    pub execute: u64,
    /// How often one with a handle that is joined does.
    pub submit: u64,
    /// The steps in `run` that belong to others and are to be taken off: the loop, at least.
    pub besides: &'static [&'static str],
    run: fn(&Steps, u64),
}

impl Step {
    /// The step so many times.
    pub fn run(&self, steps: &Steps, times: u64) {
        (self.run)(steps, times);
    }
}

/// A step that a job pays for (so many times by `execute`, so many with a handle).
const fn step(
    name: &'static str,
    (execute, submit): (u64, u64),
    says: &'static str,
    run: fn(&Steps, u64),
) -> Step {
    Step { name, says, execute, submit, besides: &["loop"], run }
}

/// A step whose `run` does others besides.
const fn beside(besides: &'static [&'static str], step: Step) -> Step {
    Step { besides, ..step }
}

/// The steps of one job, nearly in their order, and the parts of some. What is taken off a step
/// stands above it.
pub static STEPS: &[Step] = &[
    beside(&[], step("loop", (0, 0), "the loop around each, taken off below", Steps::idle)),
    beside(&[], step("heap", (0, 0), "the same, where 64 are made and then ended", Steps::heap)),
    step("admit", (1, 1), "the gate lets it in", Steps::admit),
    step("clock", (2, 2), "a reading of the clock", Steps::clock),
    beside(
        &["heap"],
        step(
            "closure",
            (1, 0),
            "its closure is made, in place, and called in the end",
            Steps::closure,
        ),
    ),
    beside(
        &["heap", "clock"],
        step("cell", (0, 1), "instead: its cell and its handle are, with its number", Steps::cell),
    ),
    beside(
        &["heap"],
        step("queue", (1, 1), "pushed to the injector, taken in batches of 8", Steps::queue),
    ),
    step("announce", (1, 1), "announced, while nobody sleeps", Steps::announce),
    step("claim", (0, 1), "its claim is won, and finished", Steps::claim),
    step("note", (1, 1), "noted as running, and as ended", Steps::note),
    step("release", (1, 1), "it leaves the queue", Steps::release),
    step("run", (1, 0), "run, panics contained", Steps::contain),
    beside(
        &["heap", "cell", "clock", "claim"],
        step("result", (0, 1), "instead: run in its cell, published, joined", Steps::result),
    ),
    step("account", (1, 1), "all that the worker writes down about it", Steps::account),
    step("histogram", (0, 0), "of that, one of two histograms", Steps::histogram),
    step("outcome", (0, 0), "of that, the outcome", Steps::outcome),
    step("search-2", (0, 0), "a search in vain, table of 2 slots", Steps::search_few),
    step("search-512", (0, 0), "a search in vain, table of 512 slots", Steps::search_many),
];

/// What the steps are taken with: the parts of a pool, without its threads.
pub struct Steps {
    clock: Clock,
    gate: Gate,
    queue: LocalQueue<Load>,
    injector: Arc<Queue<Load>>,
    sleep: Sleep,
    current: Current,
    histogram: Histogram,
    meter: Meter,
    few: LocalQueue<Load>,
    many: LocalQueue<Load>,
    shared: Arc<Shared>,
}

/// What a pool has that nobody built otherwise.
impl Default for Seams {
    fn default() -> Self {
        Seams {
            clock: Clock::system(),
            parker: Arc::new(SystemParker),
            spawner: Arc::new(SystemSpawner),
            metered: true,
            observer: None,
        }
    }
}

impl Default for Steps {
    fn default() -> Self {
        let sleep = Sleep::new(1, Arc::new(SystemParker));
        // One worker, and it is busy.
        sleep.enlist();
        sleep.found(|| 0);
        let injector = Arc::new(Queue::new(1, |_| Nanos::default()));
        Steps {
            clock: Clock::system(),
            gate: Gate::new(u64::MAX),
            queue: injector.open(0),
            injector,
            sleep,
            current: Current::default(),
            histogram: Histogram::default(),
            meter: Meter::default(),
            few: Arc::new(Queue::new(2, |_| Nanos::default())).open(0),
            many: Arc::new(Queue::new(512, |_| Nanos::default())).open(0),
            shared: Arc::new(Shared::new(
                PoolName::take("steps"),
                1,
                u64::MAX,
                DelayedJobs::new(0, Delayed::Cancel),
                None,
                Seams::default(),
            )),
        }
    }
}

/// The time of the n-th job. It changes from one to the next, as times of jobs do: the same cell of
/// a histogram every time would be too kind.
fn duration(n: u64) -> u64 {
    (n.wrapping_mul(0x9e37_79b9) & 0xf_ffff) + 100
}

/// The step is a call of its own, as most of them are in a pool, and is not mixed with the loop.
#[inline(never)]
fn call<T, U>(step: &impl Fn(T) -> U, with: T) -> U {
    step(with)
}

/// Calls `step` with 0, 1, 2 and so on; the compiler does not see which.
fn repeat(times: u64, step: impl Fn(u64)) {
    (0..times).for_each(|n| call(&step, black_box(n)));
}

/// Makes some and then ends them, until it has been so many times.
fn heaped<T>(times: u64, make: impl Fn(u64) -> T, end: impl Fn(T)) {
    let (mut heap, mut left) = (Vec::with_capacity(HEAP as usize), times);
    while left > 0 {
        let some = left.min(HEAP);
        heap.extend((0..some).map(|n| call(&make, black_box(n))));
        heap.drain(..).for_each(|made| call(&end, made));
        left -= some;
    }
}

impl Steps {
    fn idle(&self, times: u64) {
        repeat(times, |_| ());
    }

    fn heap(&self, times: u64) {
        heaped(times, |n| n, |n| _ = black_box(n));
    }

    fn clock(&self, times: u64) {
        repeat(times, |_| _ = black_box(self.clock.now()));
    }

    fn admit(&self, times: u64) {
        repeat(times, |_| _ = black_box(self.gate.admit(1)));
    }

    fn release(&self, times: u64) {
        // As many as leave must have come in.
        let _ = self.gate.admit(times);
        repeat(times, |_| self.gate.release());
    }

    fn closure(&self, times: u64) {
        let make = |n| Closure::new(move || _ = black_box(n));
        heaped(times, make, |closure| black_box(closure).call());
    }

    fn contain(&self, times: u64) {
        repeat(times, |n| _ = black_box(catch(|| black_box(n)).is_ok()));
    }

    fn queue(&self, times: u64) {
        let push = |_| self.injector.push(black_box(Load::default()));
        heaped(times, push, |()| {
            _ = black_box(self.queue.take(|| black_box(true), Nanos::default))
        });
    }

    fn announce(&self, times: u64) {
        repeat(times, |n| self.sleep.announce(1, || n + 1));
    }

    fn note(&self, times: u64) {
        repeat(times, |n| {
            let kind = KindId::default();
            self.current.begin(Running { started: Nanos(n), kind, id: None, blocked: false });
            self.current.end();
        });
    }

    fn account(&self, times: u64) {
        repeat(times, |n| {
            let (started, ended) = (Nanos(duration(n)), Nanos(duration(n) + duration(n + 1)));
            self.meter.job_ran(Outcome::Ok, Nanos(0), started, ended);
        });
    }

    fn histogram(&self, times: u64) {
        repeat(times, |n| self.histogram.record(duration(n)));
    }

    fn outcome(&self, times: u64) {
        repeat(times, |_| self.meter.job_over(Outcome::Ok));
    }

    fn claim(&self, times: u64) {
        repeat(times, |_| {
            let claim = black_box(Claim::new());
            black_box(claim.start() && claim.finish());
        });
    }

    fn submitted(&self, n: u64) -> (Arc<dyn Tracked>, JobHandle<u64>) {
        tracked(&self.shared, Terms::default(), move |_: &JobContext<'_>| black_box(n))
    }

    fn cell(&self, times: u64) {
        heaped(times, |n| self.submitted(n), |job| drop(black_box(job)));
    }

    fn result(&self, times: u64) {
        let end = |(job, handle): (Arc<dyn Tracked>, JobHandle<u64>)| {
            if let Some(started) = Started::of(&*job, job.ticket()) {
                let (outcome, ran) = started.run(&*self.shared, None, Nanos::default());
                black_box(outcome);
                ran.publish();
            }
            let _ = black_box(handle.join());
        };
        heaped(times, |n| self.submitted(n), end);
    }

    fn search_few(&self, times: u64) {
        repeat(times, |_| _ = black_box(self.few.take(|| black_box(true), Nanos::default)));
    }

    fn search_many(&self, times: u64) {
        repeat(times, |_| _ = black_box(self.many.take(|| black_box(true), Nanos::default)));
    }
}

impl std::fmt::Debug for Steps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Steps").finish_non_exhaustive()
    }
}
