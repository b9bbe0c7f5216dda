//! How many workers? Fixed sizes from one worker to 128, and a pool that sizes itself between the
//! two, under jobs that compute, jobs that sleep, and a mixture.
//!
//! ```text
//! cargo bench --bench how_many_workers
//! cargo bench --bench how_many_workers -- --load mixed --reps 7 --picture DIR
//! ```
//!
//! Each cell is a fresh pool. First a backlog: jobs a second out of a queue that never gets empty.
//! Then arrivals by chance at 70 % of what the best fixed size could do, at times fixed in advance:
//! the 99th percentile of the sojourn, which begins when a job was due and not when a late
//! submitter sent it. Sizes that cannot keep up with the arrivals are left out there.
//!
//! Every row has the same jobs, arrivals and warm-up before its window of time, in which the
//! pool that sizes itself finds its size. The rows take turns, in another order each repetition,
//! so that whatever else the machine does meets all of them. Of many sizes the best is partly the
//! luckiest; so for each repetition the best size is that of the others, and a difference smaller
//! than the range of these ratios is not a result.
//!
//! * `--quick`: one short repetition
//! * `--load NAME`: `cpu`, `io` or `mixed` only
//! * `--reps N`: repetitions, 5 unless told
//! * `--sizes N,N,…`: these fixed sizes
//! * `--warm-up MS`, `--window MS`: how long, of arrivals and of the backlog
//! * `--target-wait MS`: of all pools, not the default
//! * `--decisions`: also each cell, and what the pool that sizes itself decided in its own
//! * `--picture DIR`: draws `how-many-workers-NAME.svg` there

use std::path::PathBuf;
use std::time::{Duration, Instant};

use springtide::Pool;

use cell::{Found, Size, Times};
use load::{Jobs, LOADS};
use verdict::{Better, Curve, Row};

mod cell;
mod load;
mod picture;
mod spin;
mod verdict;

const SIZES: [usize; 14] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128];
/// Arrivals over what the best fixed size gets done.
const UTILIZATION: f64 = 0.7;

type Fault = Box<dyn std::error::Error>;

/// What is measured, and how long.
struct Plan {
    sizes: Vec<usize>,
    reps: usize,
    backlog: Times,
    arrivals: Times,
    loads: Vec<String>,
    picture: Option<PathBuf>,
    target_wait: Option<Duration>,
    shows_decisions: bool,
}

impl Plan {
    /// Without `--bench`, as `cargo test --benches` starts it: only to see that it runs.
    fn glance() -> Plan {
        let ms = |n| Duration::from_millis(n);
        let times = Times { warm_up: ms(10), window: ms(50) };
        Plan {
            sizes: vec![2, 32],
            reps: 1,
            backlog: times,
            arrivals: times,
            loads: Vec::new(),
            picture: None,
            target_wait: None,
            shows_decisions: false,
        }
    }

    fn quick() -> Plan {
        let times =
            Times { warm_up: Duration::from_millis(200), window: Duration::from_millis(400) };
        Plan { sizes: SIZES.into(), backlog: times, arrivals: times, ..Plan::glance() }
    }

    fn full() -> Plan {
        let ms = |n| Duration::from_millis(n);
        let backlog = Times { warm_up: ms(300), window: ms(700) };
        let arrivals = Times { warm_up: ms(300), window: ms(1_500) };
        Plan { reps: 5, backlog, arrivals, ..Plan::quick() }
    }

    fn told() -> Result<Plan, Fault> {
        let words: Vec<String> = std::env::args().skip(1).collect();
        let is_told = |word: &str| words.iter().any(|other| other == word);
        let mut plan = match (is_told("--bench"), is_told("--quick")) {
            (false, _) => Plan::glance(),
            (true, true) => Plan::quick(),
            (true, false) => Plan::full(),
        };
        let mut rest = words.into_iter();
        while let Some(word) = rest.next() {
            let mut value = || rest.next().ok_or(format!("{word} lacks its value"));
            match word.as_str() {
                "--bench" | "--quick" => {}
                "--decisions" => plan.shows_decisions = true,
                "--load" => plan.loads.push(value()?),
                "--reps" => plan.reps = value()?.parse::<usize>()?.max(1),
                "--sizes" => {
                    let sizes = value()?.split(',').map(str::parse).collect::<Result<_, _>>();
                    plan.sizes = sizes?;
                }
                "--picture" => plan.picture = Some(value()?.into()),
                "--warm-up" => {
                    let time = Duration::from_millis(value()?.parse()?);
                    (plan.backlog.warm_up, plan.arrivals.warm_up) = (time, time);
                }
                "--window" => {
                    let time = Duration::from_millis(value()?.parse()?);
                    (plan.backlog.window, plan.arrivals.window) = (time, time);
                }
                "--target-wait" => {
                    plan.target_wait = Some(Duration::from_millis(value()?.parse()?));
                }
                other => return Err(format!("there is no {other}").into()),
            }
        }
        Ok(plan)
    }

    fn rows(&self) -> Vec<Size> {
        self.sizes.iter().copied().map(Size::Fixed).chain([Size::SelfSized]).collect()
    }

    fn pool(&self, size: Size) -> Result<Pool, Fault> {
        let mut pool = size.pool();
        if let Some(target) = self.target_wait {
            pool = pool.target_wait(target);
        }
        Ok(pool.build()?)
    }

    /// All rows by turns, in another order each time.
    fn measure(
        &self,
        sizes: &[Size],
        better: Better,
        mut cell: impl FnMut(Size, usize) -> Result<Found, Fault>,
    ) -> Result<Curve, Fault> {
        let mut rows: Vec<Row> =
            sizes.iter().map(|size| Row { size: *size, found: Vec::new() }).collect();
        for turn in 0..self.reps {
            let mut order: Vec<usize> = (0..rows.len()).collect();
            order.rotate_left(turn * rows.len() / self.reps);
            if turn % 2 == 1 {
                order.reverse();
            }
            for at in order {
                let found = cell(rows[at].size, turn)?;
                if self.shows_decisions {
                    decisions(rows[at].size, &found);
                }
                rows[at].found.push(found);
            }
        }
        Ok(Curve { better, rows })
    }
}

fn decisions(size: Size, found: &Found) {
    let Found { figure, workers, looks, .. } = found;
    println!("{size:?}: {figure:.1} with {workers:.1} workers, {looks:.0} looks a second");
    let own = found.decisions.iter().filter(|_| size == Size::SelfSized);
    for told in own {
        println!(
            "  {:>9.1?} {:>3} to {:>3} {:?}, {} queued, oldest {:.1?}, and {} alike",
            told.at, told.from, told.to, told.reason, told.queued, told.oldest_age, told.repeats
        );
    }
}

fn main() -> Result<(), Fault> {
    let plan = Plan::told()?;
    let cores = std::thread::available_parallelism()?.get();
    let steps_per_us = spin::calibrate();
    println!("{cores} cores, medians of {} repetitions, ranges of all of them", plan.reps);
    for load in &LOADS {
        if !plan.loads.is_empty() && !plan.loads.iter().any(|name| name == load.name) {
            continue;
        }
        let (jobs, began) = (Jobs { load, steps_per_us }, Instant::now());
        let throughput = plan.measure(&plan.rows(), Better::More, |size, _| {
            cell::backlog(plan.pool(size)?, &jobs, plan.backlog)
        })?;
        let (_, best) = throughput.best().ok_or("no fixed size was measured")?;
        let rate = UTILIZATION * best.figure();
        let keeps_up = |row: &&Row| row.size == Size::SelfSized || row.figure() > rate;
        let sizes: Vec<Size> = throughput.rows.iter().filter(keeps_up).map(|r| r.size).collect();
        let time = plan.arrivals.warm_up + plan.arrivals.window;
        let sojourn = plan.measure(&sizes, Better::Less, |size, turn| {
            let arrivals = jobs.arrivals(rate, time, turn as u64 + 1);
            cell::arrivals(plan.pool(size)?, &arrivals, plan.arrivals)
        })?;
        println!("\n**{}: {}**\n", load.name, load.about);
        println!("{}", verdict::markdown(&throughput, &sojourn));
        println!("Arrivals: {rate:.0} a second. It took {:.0?}.", began.elapsed());
        println!("* {}", throughput.verdict("jobs a second"));
        println!("* {}", sojourn.verdict("p99 sojourn"));
        if let Some(folder) = &plan.picture {
            let path = folder.join(format!("how-many-workers-{}.svg", load.name));
            std::fs::write(&path, picture::picture(load, cores, rate, &throughput, &sojourn)?)?;
            println!("The picture is in {}", path.display());
        }
    }
    Ok(())
}
