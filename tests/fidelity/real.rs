//! A load offered to a pool with threads, and how fast this machine is meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use springtide::sim::Random;
use springtide::{Decision, Plan, Pool, Reason, Sample, ScalingPolicy};

use crate::loads::{Load, Sleep};
use crate::{Outcome, WORKERS, cores, quantile};

/// How often the machine and the pool are looked at while the load runs.
const LOOK: Duration = Duration::from_millis(5);
/// How fast workers start is tried at one in so many looks …
const CROWD_EVERY: u32 = 12;
/// … with so many of them.
const CROWD: usize = 6;
/// Those after the first.
const LATER: u32 = CROWD as u32 - 1;

/// What the machine did to threads during a run. Medians, unless they say otherwise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Latencies {
    /// From the moment the supervisor is awake until the first worker that it starts has a job.
    pub(crate) start: Duration,
    /// How much later than the one before it each further worker has one.
    pub(crate) spawn: Duration,
    /// Until several workers have jobs that were started at once; nine of ten times it is less.
    pub(crate) crowd_p90: Duration,
    /// From waking a parked thread until it runs.
    pub(crate) wake: Duration,
    /// By how much one who rests for a while oversleeps.
    pub(crate) oversleep: Duration,
    /// The same; 99 of 100 oversleep by no more.
    pub(crate) oversleep_p99: Duration,
}

impl Latencies {
    /// A moment that a thread may be held up for.
    pub(crate) fn lag(&self, random: &mut Random) -> Duration {
        self.oversleep_p99.mul_f64(random.unit())
    }
}

/// A run that is over.
pub(crate) struct Ran {
    pub(crate) outcome: Outcome,
    pub(crate) latencies: Latencies,
    /// When the jobs came and how long they ran, as the pool recorded it.
    pub(crate) recorded: Vec<Sleep>,
}

/// Of one job, in nanoseconds since the load began.
#[derive(Default)]
struct Times {
    submitted: AtomicU64,
    started: AtomicU64,
}

/// Offers a load to a new pool and waits for its end.
pub(crate) fn run(load: &Load) -> Ran {
    let (min, max) = WORKERS;
    let pool = Pool::builder("fidelity")
        .workers(min as usize..=max as usize)
        .unbounded()
        .cores(cores())
        .target_wait(load.target_wait)
        .keep_alive(load.keep_alive)
        .without_metrics()
        .build()
        .expect("threads for a small pool");
    let times: Arc<[Times]> = load.jobs.iter().map(|_| Times::default()).collect();
    let recording = pool.record(load.jobs.len());
    let over = AtomicBool::new(false);
    let (latencies, peak) = thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(&pool, &over));
        offer(&pool, load, &times);
        pool.wait_idle().expect("nobody waits from inside");
        over.store(true, Relaxed);
        watcher.join().expect("it only looks")
    });
    let started = pool.stats().threads_started - u64::from(min);
    pool.shutdown();
    let recorded = recording.stop().rows;
    let recorded = recorded.iter().map(|job| Sleep { at: job.arrival, span: job.run }).collect();
    let of = |word: &AtomicU64| Duration::from_nanos(word.load(Relaxed));
    let waits = times.iter().map(|job| of(&job.started) - of(&job.submitted)).collect();
    Ran { outcome: Outcome { peak, started, wait_p99: quantile(waits, 0.99) }, latencies, recorded }
}

fn offer(pool: &Pool, load: &Load, times: &Arc<[Times]>) {
    let epoch = Instant::now();
    let now = move || epoch.elapsed().as_nanos() as u64;
    for (index, job) in load.jobs.iter().enumerate() {
        thread::sleep(job.at.saturating_sub(epoch.elapsed()));
        let (times, span) = (Arc::clone(times), job.span);
        times[index].submitted.store(now(), Relaxed);
        pool.execute(move || {
            times[index].started.store(now(), Relaxed);
            thread::sleep(span);
        })
        .expect("the pool is open");
    }
}

/// Looks at the machine, and at the most workers there were, until the run is over.
fn watch(pool: &Pool, over: &AtomicBool) -> (Latencies, u32) {
    let (mut starts, mut spawns, mut crowds) = (Vec::new(), Vec::new(), Vec::new());
    let (mut wakes, mut oversleeps) = (Vec::new(), Vec::new());
    let mut peak = WORKERS.0;
    let mut empty = None;
    let (tell, told) = mpsc::channel();
    let sleeper = thread::spawn(move || {
        loop {
            thread::park();
            if tell.send(Instant::now()).is_err() {
                return;
            }
        }
    });
    for look in 0_u32.. {
        if over.load(Relaxed) {
            break;
        }
        let begun = Instant::now();
        thread::park_timeout(LOOK);
        oversleeps.push(begun.elapsed().saturating_sub(LOOK));
        let asked = Instant::now();
        sleeper.thread().unpark();
        wakes.push(told.recv().expect("it goes on").saturating_duration_since(asked));
        match look % CROWD_EVERY {
            0 => empty = Some(empty_pool()),
            // By now its supervisor is asleep.
            1 => {
                let (first, spacing) = empty.take().map(start_a_crowd).expect("built at a look");
                starts.push(first);
                spawns.push(spacing);
                crowds.push(first + spacing * LATER);
            }
            _ => {}
        }
        let most = |decision: &Decision| decision.from.max(decision.to);
        peak = pool.decisions().iter().map(most).fold(peak, u32::max);
    }
    drop(told);
    sleeper.thread().unpark();
    sleeper.join().expect("it ends once nobody listens");
    let wake = quantile(wakes, 0.5);
    let latencies = Latencies {
        start: quantile(starts, 0.5).saturating_sub(wake),
        spawn: quantile(spawns, 0.5),
        crowd_p90: quantile(crowds, 0.9),
        wake,
        oversleep: quantile(oversleeps.clone(), 0.5),
        oversleep_p99: quantile(oversleeps, 0.99),
    };
    (latencies, peak)
}

/// A worker for each job that waits.
struct OneEach;

impl ScalingPolicy for OneEach {
    fn decide(&mut self, _: Duration, sample: &Sample) -> Plan {
        match sample.workers {
            0 => Plan::add(sample.queued as u32, Reason::Grow),
            _ => Plan::hold(Reason::Steady),
        }
    }
}

fn empty_pool() -> Pool {
    let builder = Pool::builder("empty").workers(0..=CROWD).policy(OneEach).without_metrics();
    builder.build().expect("a thread for a supervisor")
}

/// The supervisor wakes up, looks, and starts workers. Returns how long the first of them took to
/// have a job, and how much longer each further one.
fn start_a_crowd(pool: Pool) -> (Duration, Duration) {
    let job = || {
        let started = Instant::now();
        thread::sleep(LOOK);
        started
    };
    let asked = Instant::now();
    let batch = pool.submit_batch([job; CROWD]);
    let joined = batch.handles.into_iter().map(|handle| handle.join().expect("it sleeps"));
    let mut started: Vec<Instant> = joined.collect();
    started.sort_unstable();
    let (first, last) = (started[0], started[CROWD - 1]);
    (first.saturating_duration_since(asked), (last - first) / LATER)
}
