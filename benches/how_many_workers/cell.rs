//! One cell of the sweep: a fresh pool, one load, a warm-up and a window of time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use springtide::{Builder, Decision, Pool};

use crate::load::{Jobs, Work};

/// Upper bound of the pool that sizes itself, which starts with one worker.
pub(crate) const WORKERS_MAX: usize = 128;
/// How often the number of workers is read.
const LOOK: Duration = Duration::from_millis(20);
/// For what is under way after the last arrival; what is still queued then is counted as it is.
const GRACE: Duration = Duration::from_millis(300);

type Fault = Box<dyn std::error::Error>;

/// How the pool of a row is sized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Fixed(usize),
    SelfSized,
}

impl Size {
    /// The bounds are all that the rows differ in.
    pub(crate) fn pool(self) -> Builder {
        let workers = match self {
            Size::Fixed(workers) => workers..=workers,
            Size::SelfSized => 1..=WORKERS_MAX,
        };
        Pool::builder("how-many-workers").workers(workers).unbounded().without_metrics()
    }
}

/// How long a cell takes. Each row has the same warm-up, the fixed ones too.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    pub(crate) warm_up: Duration,
    pub(crate) window: Duration,
}

/// What one cell found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// Jobs a second, or the 99th percentile of the sojourn in milliseconds: of the window.
    pub(crate) figure: f64,
    /// The same with the warm-up.
    pub(crate) cold: f64,
    /// Workers in the mean over the window.
    pub(crate) workers: f64,
    /// 99th percentile of how late the submitter was, in milliseconds.
    pub(crate) late_ms: f64,
    /// How often in a second the supervisor looked.
    pub(crate) looks: f64,
    /// What the pool decided.
    pub(crate) decisions: Vec<Decision>,
}

/// Jobs a second out of a queue that never gets empty.
pub(crate) fn backlog(pool: Pool, jobs: &Jobs<'_>, times: Times) -> Result<Found, Fault> {
    let cores = std::thread::available_parallelism()?.get();
    let works = jobs.backlog(WORKERS_MAX, cores, times.warm_up + times.window);
    let began = Instant::now();
    for work in works {
        pool.execute(move || work.perform())?;
    }
    let done = || (pool.stats().ok as f64, began.elapsed().as_secs_f64());
    std::thread::sleep(times.warm_up.saturating_sub(began.elapsed()));
    let (before, from) = done();
    let workers = watch(&pool, began + times.warm_up + times.window);
    let (after, until) = done();
    let (stats, decisions) = (pool.stats(), pool.decisions());
    if stats.queued == 0 {
        return Err("the backlog was too short".into());
    }
    let looks = stats.evaluations as f64 / until;
    pool.shutdown_now();
    let (figure, cold) = ((after - before) / (until - from), after / until);
    Ok(Found { figure, cold, workers, late_ms: 0.0, looks, decisions })
}

/// The mean number of workers until then.
fn watch(pool: &Pool, until: Instant) -> f64 {
    let (mut sum, mut looks) = (0.0, 0.0);
    loop {
        sum += f64::from(pool.stats().workers.total);
        looks += 1.0;
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return sum / looks;
        }
        std::thread::sleep(left.min(LOOK));
    }
}

/// When a job should have come, when it did, and when it was over: nanoseconds since the start.
#[derive(Default)]
struct Stamp {
    due: u64,
    sent: AtomicU64,
    ended: AtomicU64,
}

/// The sojourn of jobs that arrive by chance, from the moment that each was due: a submitter that
/// is late makes no job look fast.
pub(crate) fn arrivals(
    pool: Pool,
    arrivals: &[(Duration, Work)],
    times: Times,
) -> Result<Found, Fault> {
    let stamp = |(due, _): &(Duration, Work)| Stamp { due: nanos(*due), ..Stamp::default() };
    let stamps: Arc<[Stamp]> = arrivals.iter().map(stamp).collect();
    let began = Instant::now();
    let workers = std::thread::scope(|scope| {
        let submitter = scope.spawn(|| submit(&pool, began, arrivals, &stamps));
        std::thread::sleep(times.warm_up);
        let workers = watch(&pool, began + times.warm_up + times.window);
        submitter.join().expect("the submitter does not panic").map(|()| workers)
    })?;
    // Those that are left count with the age they have.
    let _ = pool.wait_idle_timeout(GRACE);
    let now = nanos(began.elapsed());
    let (stats, decisions) = (pool.stats(), pool.decisions());
    pool.shutdown_now();
    let from = nanos(times.warm_up);
    let warm = || stamps.iter().filter(|stamp| stamp.due >= from);
    let sojourn = |stamp: &Stamp| match stamp.ended.load(Ordering::Relaxed) {
        0 => now.saturating_sub(stamp.due),
        ended => ended.saturating_sub(stamp.due),
    };
    let late = |stamp: &Stamp| stamp.sent.load(Ordering::Relaxed).saturating_sub(stamp.due);
    Ok(Found {
        figure: p99_ms(warm().map(sojourn).collect()),
        cold: p99_ms(stamps.iter().map(sojourn).collect()),
        workers,
        late_ms: p99_ms(warm().map(late).collect()),
        looks: stats.evaluations as f64 / stats.uptime.as_secs_f64(),
        decisions,
    })
}

fn submit(
    pool: &Pool,
    began: Instant,
    arrivals: &[(Duration, Work)],
    stamps: &Arc<[Stamp]>,
) -> Result<(), String> {
    for (at, (due, work)) in arrivals.iter().enumerate() {
        let early = due.saturating_sub(began.elapsed());
        if !early.is_zero() {
            std::thread::sleep(early);
        }
        let (work, all) = (*work, Arc::clone(stamps));
        stamps[at].sent.store(nanos(began.elapsed()), Ordering::Relaxed);
        let job = move || {
            work.perform();
            all[at].ended.store(nanos(began.elapsed()), Ordering::Relaxed);
        };
        pool.execute(job).map_err(|refused| refused.to_string())?;
    }
    Ok(())
}

fn nanos(time: Duration) -> u64 {
    time.as_nanos() as u64
}

fn p99_ms(mut times: Vec<u64>) -> f64 {
    times.sort_unstable();
    let rank = (times.len() * 99).div_ceil(100).max(1) - 1;
    times.get(rank).map_or(0.0, |ns| *ns as f64 / 1e6)
}
