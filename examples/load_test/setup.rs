//! Makes what was typed into what a run needs; whatever is wrong with the input comes out here.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use springtide::sim::trace::{self, COMPUTING_SPEED, Cost, Row};
use springtide::{BuildError, Fixed, Overflow, Pool, PredictedWait, QueueDepth};

use crate::args::{Args, DEMO_KEEP_ALIVE, DEMO_SPAN, OverflowArg, PATTERN_SPAN, PolicyArg, Queue};
use crate::endpoint::{self, Endpoint};
use crate::load::{self, Arrival, Mix, Shape};
use crate::resize::Resize;
use crate::run::Load;
use crate::trouble::Trouble;

/// Jobs a second and their mean run time, unless the arguments say otherwise.
const RATE: f64 = 200.0;
const RUN: Duration = Duration::from_millis(50);
/// The timeout of stuck jobs, unless the arguments say otherwise.
const TIMEOUT: Duration = Duration::from_secs(1);

/// A run that is ready to start.
pub(crate) struct Setup {
    pub(crate) load: Load,
    pub(crate) pool: Pool,
    /// Opened before the run, so that a long one does not end in "permission denied".
    pub(crate) json: Option<File>,
    /// As above.
    pub(crate) record: Option<File>,
    /// Serves metrics for as long as it lives.
    pub(crate) _endpoint: Option<Endpoint>,
}

impl Setup {
    /// # Errors
    /// One line that names the argument.
    pub(crate) fn of(args: &Args) -> Result<Setup, String> {
        let load = load(args)?;
        let create = |argument, path: &Option<PathBuf>| {
            path.as_deref().map(|path| create(argument, path)).transpose()
        };
        let json = create("--json", &args.json)?;
        let record = create("--record", &args.record)?;
        if let Some(dir) = &args.report {
            std::fs::create_dir_all(dir)
                .map_err(|e| format!("--report: {}: {e}", dir.display()))?;
        }
        // The recorder comes before the pool, so that the page has the pool from its first second.
        let endpoint = args.metrics.map(endpoint::open).transpose();
        let endpoint = endpoint.map_err(|e| format!("--metrics: {e}"))?;
        Ok(Setup { load, pool: pool(args)?, json, record, _endpoint: endpoint })
    }
}

fn create(argument: &str, path: &Path) -> Result<File, String> {
    File::create(path).map_err(|e| format!("{argument}: {}: {e}", path.display()))
}

fn load(args: &Args) -> Result<Load, String> {
    let (mut arrivals, usual_speed) = arrivals(args)?;
    if arrivals.is_empty() {
        return Err("--duration: ends before the first job arrives".into());
    }
    let speed = args.speed.unwrap_or(usual_speed);
    load::rescale(&mut arrivals, speed, args.time_scale);
    let (panic, stuck) = (args.panic.unwrap_or(0.0), args.stuck.unwrap_or(0.0));
    let timeout = args.timeout.unwrap_or(TIMEOUT);
    Trouble { panic, stuck, timeout }.befall(&mut arrivals, args.seed);
    let resizes = resizes(args, speed, &arrivals)?;
    Ok(Load { arrivals, resizes, speed })
}

/// The jobs as they were recorded or are generated, and the speed unless somebody says another.
fn arrivals(args: &Args) -> Result<(Vec<Arrival>, f64), String> {
    let arrivals = match (&args.trace, args.pattern) {
        (Some(file), _) => {
            let rows = trace::read(file).map_err(|e| format!("--trace: {e}"))?;
            let is_computing = args.work == Some(Mix::Cpu) && is_of_tokens(&rows);
            let speed = if is_computing { f64::from(COMPUTING_SPEED) } else { 1.0 };
            return Ok((load::replay(&rows, args.work, args.duration, args.seed), speed));
        }
        (None, Some(pattern)) => generate(args, pattern).map_err(|e| format!("--rate: {e}"))?,
        (None, None) => load::demo(args.duration.unwrap_or(DEMO_SPAN), args.seed)
            .map_err(|e| format!("--duration: {e}"))?,
    };
    Ok((arrivals, 1.0))
}

/// In the order and the time of the run.
fn resizes(args: &Args, speed: f64, arrivals: &[Arrival]) -> Result<Vec<Resize>, String> {
    let mut resizes = args.resize.clone();
    resizes.sort_by_key(|resize| resize.at);
    resizes.iter_mut().for_each(|resize| resize.at = resize.at.div_f64(speed));
    let last = arrivals.last().map_or(Duration::ZERO, |arrival| arrival.at);
    match resizes.last() {
        Some(resize) if resize.at > last => {
            Err("--resize: the last job arrives before the last of them".into())
        }
        _ => Ok(resizes),
    }
}

fn is_of_tokens(rows: &[Row]) -> bool {
    rows.iter().any(|row| matches!(row.cost, Cost::Tokens { .. }))
}

fn generate(args: &Args, pattern: load::Pattern) -> Result<Vec<Arrival>, String> {
    load::generate(Shape {
        pattern,
        span: args.duration.unwrap_or(PATTERN_SPAN),
        rate: args.rate.unwrap_or(RATE),
        run: args.run.unwrap_or(RUN),
        mix: args.work.unwrap_or(Mix::Blocking),
        seed: args.seed,
    })
}

fn pool(args: &Args) -> Result<Pool, String> {
    let builder = Pool::builder("load_test").workers(args.workers.clone());
    let builder = match args.queue {
        Queue::Bounded(jobs) => builder.queue_capacity(jobs),
        Queue::Unbounded => builder.unbounded(),
    };
    let builder = builder.overflow(match args.overflow {
        OverflowArg::Block => Overflow::Block,
        OverflowArg::Reject => Overflow::Reject,
        OverflowArg::CallerRuns => Overflow::CallerRuns,
    });
    let mut builder = match args.policy {
        PolicyArg::PredictedWait => builder.policy(PredictedWait::default()),
        PolicyArg::QueueDepth => builder.policy(QueueDepth::default()),
        PolicyArg::Fixed => builder.policy(Fixed),
    };
    if let Some(wait) = args.target_wait {
        builder = builder.target_wait(wait);
    }
    if let Some(time) = args.keep_alive.or(args.is_demo().then_some(DEMO_KEEP_ALIVE)) {
        builder = builder.keep_alive(time);
    }
    if args.stuck.is_some() {
        builder = builder.stuck_after(args.timeout.unwrap_or(TIMEOUT));
    }
    if let Some(most) = args.resize.iter().map(|resize| *resize.workers.end()).max() {
        builder = builder.ceiling(most.max(*args.workers.end()));
    }
    if args.metrics.is_some() {
        builder = endpoint::every_value(builder);
    }
    builder.build().map_err(in_terms_of_arguments)
}

/// The arguments are called as the builder's methods are, all but two.
fn in_terms_of_arguments(error: BuildError) -> String {
    match error {
        BuildError::Invalid(problems) if !problems.is_empty() => {
            let argument = match problems[0].field {
                "queue_capacity" => "queue".into(),
                "ceiling" => "resize".into(),
                field => field.replace('_', "-"),
            };
            format!("--{argument}: {}", problems[0].problem)
        }
        error => format!("the pool cannot be built: {error}"),
    }
}
