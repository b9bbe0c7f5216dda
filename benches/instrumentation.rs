//! What one job pays for being measured.
//!
//! ```text
//! cargo bench --bench instrumentation
//! ```
//!
//! First the pieces by themselves: a reading of the clock, a duration recorded in a histogram, all
//! that a worker writes down about a job. Then whole jobs, in pools with one worker that differ in
//! nothing but `Builder::unmetered`, which leaves out the clock and the histograms and still counts
//! outcomes. The two take turns, so that whatever else the machine does meets both; what is shown
//! is the median of the rounds, and the range of all of them in brackets. A difference that is
//! smaller than the ranges is not a result.

use std::hint::black_box;
use std::time::{Duration, Instant};

use springtide::testing::Pieces;
use springtide::{Fixed, Pool};

/// How much is measured.
struct Scale {
    rounds: usize,
    calls: u64,
    jobs: u64,
}

/// Enough for a median that holds still; some 20 seconds on two cores.
const FULL: Scale = Scale { rounds: 31, calls: 1_000_000, jobs: 200_000 };
/// Without `--bench`, as `cargo test --benches` starts it: only to see that it runs.
const GLANCE: Scale = Scale { rounds: 1, calls: 1_000, jobs: 1_000 };

/// Nanoseconds a call or a job, one figure a round.
#[derive(Default)]
struct Rounds(Vec<f64>);

impl Rounds {
    fn add(&mut self, took: Duration, times: u64) {
        self.0.push(took.as_nanos() as f64 / times as f64);
    }

    fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }

    fn range(&self) -> (f64, f64) {
        let least = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        (least, self.0.iter().copied().fold(0.0, f64::max))
    }
}

impl std::fmt::Display for Rounds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (least, most) = self.range();
        write!(f, "{:7.1} [{least:.1}–{most:.1}]", self.median())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let full = std::env::args().any(|arg| arg == "--bench");
    let scale = if full { FULL } else { GLANCE };
    println!("ns a call, median of {} rounds of {}", scale.rounds, scale.calls);
    pieces(&scale);
    println!("\nns a job, median of {} rounds of {}", scale.rounds, scale.jobs);
    whole_jobs(&scale, "submitted from outside", outside)?;
    whole_jobs(&scale, "submitted from inside", inside)
}

type Row<'a> = (&'static str, Rounds, &'a mut dyn FnMut(u64));

fn pieces(scale: &Scale) {
    let pieces = Pieces::default();
    // Durations that change, as those of jobs do: the same cell every time would be too kind.
    let duration = |n: u64| (n.wrapping_mul(0x9e37_79b9) & 0xf_ffff) + 100;
    let mut now = 0;
    let mut rows: [Row<'_>; 4] = [
        ("a reading of the clock", Rounds::default(), &mut |_| {
            black_box(pieces.read_clock());
        }),
        ("a duration in a histogram", Rounds::default(), &mut |n| pieces.record(duration(n))),
        ("all of a job's account", Rounds::default(), &mut |n| {
            let started = now + duration(n);
            pieces.account(now, started, started + duration(n + 1));
            now = started;
        }),
        ("its outcome alone", Rounds::default(), &mut |_| pieces.count()),
    ];
    for _ in 0..scale.rounds {
        for (_, rounds, call) in &mut rows {
            let start = Instant::now();
            (0..scale.calls).for_each(|n| call(black_box(n)));
            rounds.add(start.elapsed(), scale.calls);
        }
    }
    for (name, rounds, _) in rows {
        println!("  {name:<28}{rounds}");
    }
}

type Run = fn(&Pool, u64) -> Result<Duration, Box<dyn std::error::Error>>;

fn whole_jobs(scale: &Scale, name: &str, run: Run) -> Result<(), Box<dyn std::error::Error>> {
    let pool = |name: &str| Pool::builder(name).workers(1..=1).policy(Fixed).unbounded();
    let metered = pool("metered").without_metrics().build()?;
    let unmetered = pool("unmetered").without_metrics().unmetered().build()?;
    let (mut on, mut off) = (Rounds::default(), Rounds::default());
    run(&metered, scale.jobs)?;
    run(&unmetered, scale.jobs)?;
    for round in 0..scale.rounds {
        let mut turns = [(&metered, &mut on), (&unmetered, &mut off)];
        if round % 2 == 1 {
            turns.reverse();
        }
        for (pool, rounds) in turns {
            rounds.add(run(pool, scale.jobs)?, scale.jobs);
        }
    }
    println!("  {name}");
    println!("    {:<26}{on}", "measured");
    println!("    {:<26}{off}", "not measured");
    println!("    {:<26}{:7.1}", "difference", on.median() - off.median());
    Ok(())
}

/// From the first submission to the end of the last job. One submitter and one worker: what is
/// slower of the two is what shows.
fn outside(pool: &Pool, jobs: u64) -> Result<Duration, Box<dyn std::error::Error>> {
    let start = Instant::now();
    for n in 0..jobs {
        pool.execute(move || {
            black_box(n);
        })?;
    }
    // One worker takes what one submitter sent in order, so this is the last.
    pool.submit(|| ())?.join()?;
    Ok(start.elapsed())
}

/// The same from inside a job: one thread submits and then runs, so nothing overlaps.
fn inside(pool: &Pool, jobs: u64) -> Result<Duration, Box<dyn std::error::Error>> {
    let (handle, start) = (pool.handle(), Instant::now());
    let all_in = pool.submit(move || {
        (0..jobs).try_for_each(|n| {
            let job = move || {
                black_box(n);
            };
            handle.execute(job).map_err(|refused| refused.to_string())
        })
    })?;
    all_in.join()??;
    pool.wait_idle()?;
    Ok(start.elapsed())
}
