//! What one job pays for each of its steps, and for being measured.
//!
//! ```text
//! cargo bench --bench instrumentation
//! cargo bench --bench instrumentation -- --write     and write it into docs/performance
//! ```
//!
//! First the steps by themselves, each in a loop on one thread: what they cost when nobody else
//! touches the same cache lines. Then whole jobs, in pools with one worker that differ in nothing
//! but `Builder::unmetered`, which leaves out the clock and the histograms and still counts
//! outcomes. All take turns, so that whatever else the machine does meets all of them; what is
//! shown is the median of the rounds, and the range of all of them. A difference that is smaller
//! than the ranges is not a result.

mod figures;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use figures::Rounds;
use springtide::testing::{STEPS, Step, Steps};
use springtide::{Fixed, Pool};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// How much is measured.
struct Scale {
    rounds: usize,
    calls: u64,
    jobs: u64,
}

/// Enough for a median that holds still; ten seconds on two cores.
const FULL: Scale = Scale { rounds: 31, calls: 100_000, jobs: 40_000 };
/// Without `--bench`, as `cargo test --benches` starts it: only to see that it runs.
const GLANCE: Scale = Scale { rounds: 1, calls: 1_000, jobs: 1_000 };

/// Instructions as they are written down in `benches/instructions.txt`, by path or `step:` name.
const COUNTED: &str = include_str!("instructions.txt");

fn main() -> Outcome<()> {
    let said = |word: &str| std::env::args().any(|arg| arg == word);
    let scale = if said("--bench") { FULL } else { GLANCE };
    let machine = figures::machine();
    let told = format!("{machine}; medians of {} rounds, range of all rounds:\n", scale.rounds);
    let steps = format!("{told}\n{}", table_of_steps(&steps(&scale)));
    let jobs = format!("{told}\n{}", table_of_jobs(whole_jobs(&scale)?));
    println!("{steps}\n{jobs}");
    if said("--write") {
        figures::write_part("steps", &steps)?;
        figures::write_part("instrumentation", &jobs)?;
        figures::write_part("instructions", &table_of_paths())?;
    }
    Ok(())
}

fn counted() -> BTreeMap<&'static str, u64> {
    let rows = COUNTED.lines().filter_map(|line| line.split_once(' '));
    rows.filter_map(|(name, count)| Some((name, count.parse().ok()?))).collect()
}

/// Nanoseconds of each step, in the order of [`STEPS`], without what belongs to others.
fn steps(scale: &Scale) -> Vec<Rounds> {
    let steps = Steps::default();
    let mut gross = vec![Rounds::default(); STEPS.len()];
    for round in 0..scale.rounds {
        for turn in 0..STEPS.len() {
            let turn = (turn + round) % STEPS.len();
            let start = Instant::now();
            STEPS[turn].run(&steps, black_box(scale.calls));
            gross[turn].add(start.elapsed(), scale.calls);
        }
    }
    let mut net: Vec<Rounds> = Vec::new();
    for (step, gross) in STEPS.iter().zip(gross) {
        let besides = step.besides.iter();
        let places = besides.filter_map(|name| STEPS.iter().position(|step| step.name == *name));
        let own = places.fold(gross, |rest, place| less(&rest, &net[place]));
        net.push(own);
    }
    net
}

/// What is left of each round when the same round there is taken off: what happened to both goes.
fn less(whole: &Rounds, part: &Rounds) -> Rounds {
    Rounds(whole.0.iter().zip(&part.0).map(|(whole, part)| whole - part).collect())
}

fn table_of_steps(net: &[Rounds]) -> String {
    let counted = counted();
    let mut table = String::from("| step | | `execute` | `submit` | instructions | ns | range |\n");
    table.push_str("|---|---|---:|---:|---:|---:|---|\n");
    let times = |n| if n == 0 { "–".to_owned() } else { format!("{n}") };
    for (Step { name, says, execute, submit, .. }, rounds) in STEPS.iter().zip(net) {
        let (execute, submit) = (times(*execute), times(*submit));
        let count = counted.get(format!("step:{name}").as_str()).map(u64::to_string);
        let count = count.as_deref().unwrap_or("?");
        let (ns, (least, most)) = (rounds.median(), rounds.range());
        // What is left of so little after the loop has been taken off may fall below nothing.
        let [ns, least, most] = [ns, least, most].map(|ns| if ns < 0.05 { 0.0 } else { ns });
        let figures = format!("{count} | {ns:.1} | {least:.1}–{most:.1}");
        let _ = writeln!(table, "| `{name}` | {says} | {execute} | {submit} | {figures} |");
    }
    for (path, word, of) in [
        ("outside", "execute", (|step: &Step| step.execute) as fn(&Step) -> u64),
        ("handle", "submit", |step| step.submit),
    ] {
        let count = |step: &Step| counted.get(format!("step:{}", step.name).as_str()).copied();
        let sum: u64 = STEPS.iter().map(|step| of(step) * count(step).unwrap_or(0)).sum();
        let ns: f64 = STEPS.iter().zip(net).map(|(step, ns)| of(step) as f64 * ns.median()).sum();
        let whole = counted.get(path).copied().unwrap_or(0);
        let _ = writeln!(table, "| | **`{word}`: the sum of its steps** | | | {sum} | {ns:.0} | |");
        let _ = writeln!(table, "| | of the whole path `{path}` | | | {whole} | | |");
    }
    table
}

fn table_of_paths() -> String {
    let mut table = String::from("| path | instructions a job |\n|---|---:|\n");
    let rows = COUNTED.lines().skip(1).filter(|line| !line.starts_with("step:"));
    for (path, count) in rows.filter_map(|line| line.split_once(' ')) {
        let _ = writeln!(table, "| `{path}` | {count} |");
    }
    table
}

/// One way to submit jobs and to have them run.
struct Way {
    says: &'static str,
    run: fn(&Pool, u64) -> Outcome<Duration>,
}

const WAYS: [Way; 4] = [
    Way { says: "one job submitted from outside", run: outside },
    Way { says: "one from outside by 16 threads", run: outside_by_many },
    Way { says: "one from outside with a handle, joined", run: handles },
    Way { says: "one job submitted from inside", run: inside },
];

/// Measured and not measured, for each way.
fn whole_jobs(scale: &Scale) -> Outcome<Vec<[Rounds; 2]>> {
    let pool = |name: &str| Pool::builder(name).workers(1..=1).policy(Fixed).unbounded();
    let pools = [
        pool("metered").without_metrics().build()?,
        pool("unmetered").without_metrics().unmetered().build()?,
    ];
    let mut rounds = vec![[Rounds::default(), Rounds::default()]; WAYS.len()];
    for way in &WAYS {
        for pool in &pools {
            (way.run)(pool, scale.jobs)?;
        }
    }
    for round in 0..scale.rounds {
        for turn in 0..WAYS.len() {
            let turn = (turn + round) % WAYS.len();
            for which in [round % 2, 1 - round % 2] {
                let took = (WAYS[turn].run)(&pools[which], scale.jobs)?;
                rounds[turn][which].add(took, scale.jobs);
            }
        }
    }
    Ok(rounds)
}

fn table_of_jobs(rounds: Vec<[Rounds; 2]>) -> String {
    let mut table = String::from("| | ns | range |\n|---|---:|---|\n");
    for (way, both) in WAYS.iter().zip(rounds) {
        for (name, rounds) in [format!("{}, measured", way.says), "the same, not measured".into()]
            .into_iter()
            .zip(both)
        {
            let (ns, (least, most)) = (rounds.median(), rounds.range());
            let _ = writeln!(table, "| {name} | {ns:.1} | {least:.1}–{most:.1} |");
        }
    }
    table
}

fn execute_all(pool: &Pool, jobs: u64) -> Outcome<()> {
    for n in 0..jobs {
        pool.execute(move || _ = black_box(n))?;
    }
    Ok(())
}

/// From the first submission to the end of the last job. One submitter and one worker: what is
/// slower of the two is what shows.
fn outside(pool: &Pool, jobs: u64) -> Outcome<Duration> {
    let start = Instant::now();
    execute_all(pool, jobs)?;
    // One worker takes what one submitter sent in order, so this is the last.
    pool.submit(|| ())?.join()?;
    Ok(start.elapsed())
}

/// The same from sixteen threads, a part by each. Starting them is in it: some 15 ns a job.
fn outside_by_many(pool: &Pool, jobs: u64) -> Outcome<Duration> {
    const THREADS: u64 = 16;
    let start = Instant::now();
    std::thread::scope(|scope| {
        let part = || execute_all(pool, jobs / THREADS).map_err(|error| error.to_string());
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(part)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("it does not panic"))
    })?;
    pool.wait_idle()?;
    Ok(start.elapsed())
}

/// Each job has a handle, and all are joined once all have been submitted.
fn handles(pool: &Pool, jobs: u64) -> Outcome<Duration> {
    let start = Instant::now();
    let handles: Result<Vec<_>, _> = (0..jobs).map(|n| pool.submit(move || black_box(n))).collect();
    for handle in handles? {
        black_box(handle.join()?);
    }
    Ok(start.elapsed())
}

/// From inside a job: one thread submits and then runs, so nothing overlaps.
fn inside(pool: &Pool, jobs: u64) -> Outcome<Duration> {
    let (handle, start) = (pool.handle(), Instant::now());
    let all_in = pool.submit(move || {
        (0..jobs).try_for_each(|n| {
            handle.execute(move || _ = black_box(n)).map_err(|refused| refused.to_string())
        })
    })?;
    all_in.join()??;
    pool.wait_idle()?;
    Ok(start.elapsed())
}
