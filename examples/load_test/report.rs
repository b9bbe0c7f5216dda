//! The page of `--report`: chooses what to show of a run, and says how to read it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::args::Args;
use crate::charts;
use crate::lanes::{self, Mark};
use crate::numbers::Numbers;
use crate::page::{self, Block, Key, Page, Section, Tile};
use crate::paper::{AMBER, FOAM, Fault, INDIGO, INK, MIST, RED, SLATE, TEAL};
use crate::readable::grouped;
use crate::run::Finished;
use crate::slices::{Decades, Slices};
use crate::tally::{Entry, Outcome, Spread, ms, quantile};

/// Slices of lines, and the fewer ones of rates and heat maps, whose slices have to hold a few
/// jobs to say anything.
const LINE_SLICES: usize = 900;
const RATE_SLICES: usize = 180;

/// Writes `index.html` and answers with its path.
pub(crate) fn write(
    dir: &Path,
    args: &Args,
    finished: &Finished,
    numbers: &Numbers,
) -> io::Result<PathBuf> {
    let page = Page {
        title: args.title(),
        settings: args.settings(finished.speed),
        tiles: tiles(numbers),
        blocks: blocks(finished, numbers).map_err(|e| io::Error::other(e.to_string()))?,
        footer: footer(finished),
        styles: "",
        scripts: String::new(),
    };
    let path = dir.join("index.html");
    std::fs::write(&path, page.to_string())?;
    Ok(path)
}

fn tiles(n: &Numbers) -> Vec<Tile> {
    let tile = |number: String, name: String| Tile { number, name, is_bad: false };
    let busy = 100.0 * n.busy_seconds / n.worker_seconds.max(1e-9);
    let failed =
        n.jobs_refused + n.jobs_panicked + n.jobs_timed_out + n.jobs_cancelled + n.jobs_expired;
    let workers = n.workers;
    vec![
        tile(grouped(n.jobs_offered), "jobs offered".into()),
        Tile {
            number: n.jobs_lost.to_string(),
            name: "jobs lost".into(),
            is_bad: n.jobs_lost != 0,
        },
        tile(grouped(failed), "refused, failed or unfinished".into()),
        tile(millis(n.wait_ms.p99), "p99 wait".into()),
        tile(format!("{} – {}", workers.min_seen, workers.peak), "workers".into()),
        tile(format!("{:.0} s", n.worker_seconds), format!("worker time, {busy:.0} % of it busy")),
    ]
}

fn blocks(finished: &Finished, numbers: &Numbers) -> Result<Vec<Block>, Fault> {
    let entries: Vec<Entry> = finished.tally.entries().collect();
    let end = finished.elapsed.as_secs_f64();
    let looks = finished.series.points.len().max(1);
    let lines = Slices { end, count: looks.min(LINE_SLICES) };
    let rates = Slices { end, count: looks.min(RATE_SLICES) };
    Ok(vec![
        Block::Wide(arrivals(rates, &entries)?),
        Block::Wide(workers(lines, finished, numbers)?),
        Block::Wide(decisions(end, finished)?),
        Block::Wide(queue(lines, finished)?),
        Block::Wide(waits(rates, &entries)?),
        Block::Pair(run_times(&entries)?, longer_waits(&entries)?),
        Block::Pair(times_table(numbers), reasons_table(numbers)),
    ])
}

fn arrivals(slices: Slices, entries: &[Entry]) -> Result<Section, Fault> {
    let refused = |e: &&Entry| e.outcome == Outcome::Refused;
    let offered = slices.rates(entries.iter().map(|e| e.at));
    let refusals = slices.rates(entries.iter().filter(refused).map(|e| e.at));
    let mut legend = vec![Key('■', MIST, "offered".into())];
    if entries.iter().any(|e| e.outcome == Outcome::Refused) {
        legend.push(Key('■', RED, "refused".into()));
    }
    Ok(Section {
        title: "Offered load",
        note: "Jobs by the time at which they were meant to arrive.".into(),
        legend,
        body: charts::arrivals(slices, &offered, &refusals)?,
    })
}

fn workers(slices: Slices, finished: &Finished, numbers: &Numbers) -> Result<Section, Fault> {
    let bounds = || finished.series.points.iter().map(|point| point.max);
    let (least, most) = (bounds().min().unwrap_or(0), bounds().max().unwrap_or(0));
    let bound = if least < most { format!("{least} to {most}") } else { most.to_string() };
    let above = if most > numbers.workers.peak { ", where the picture reaches it" } else { "" };
    Ok(Section {
        title: "Workers and demand",
        note: "Demand is the number of workers that the policy thinks the load needs, whatever \
               the bounds allow; it is cut off where it leaves the picture."
            .into(),
        legend: vec![
            Key('━', TEAL, "workers".into()),
            Key('■', FOAM, "workers that run a job".into()),
            Key('━', AMBER, "demand".into()),
            Key('┅', SLATE, format!("upper bound, {bound}{above}")),
        ],
        body: charts::workers(slices, &finished.series.points)?,
    })
}

fn decisions(end: f64, finished: &Finished) -> Result<Section, Fault> {
    let marks: Vec<Mark<'_>> = finished
        .series
        .decisions
        .iter()
        .map(|decision| Mark {
            at: decision.at.as_secs_f64(),
            reason: decision.reason.as_str(),
            change: f64::from(decision.to) - f64::from(decision.from),
        })
        .collect();
    Ok(Section {
        title: "Decisions",
        note: "Why the number of workers changed, or did not; a larger mark is a larger change."
            .into(),
        legend: vec![
            Key('▲', TEAL, "more workers".into()),
            Key('▼', AMBER, "fewer workers".into()),
            Key('●', SLATE, "as many as before".into()),
        ],
        body: lanes::decisions(end, &marks)?,
    })
}

fn queue(slices: Slices, finished: &Finished) -> Result<Section, Fault> {
    Ok(Section {
        title: "Queue",
        note: "The longest the queue was seen to be in each slice of time.".into(),
        legend: vec![Key('■', INDIGO, "jobs waiting for a worker".into())],
        body: charts::queue(slices, &finished.series.points)?,
    })
}

fn waits(slices: Slices, entries: &[Entry]) -> Result<Section, Fault> {
    let waits = entries.iter().filter_map(|e| e.times.map(|times| (e.at, times.wait)));
    let groups = slices.group(waits);
    let longest = groups.iter().filter_map(|group| group.last()).max().copied();
    let steps = Decades::up_to(longest.unwrap_or_default(), charts::HEAT_STEPS);
    Ok(Section {
        title: "Waits over time",
        note: "From the intended arrival to the start, by the time of arrival; a deeper colour \
               is more jobs."
            .into(),
        legend: vec![
            Key('■', charts::warmth(1, 10), "one job".into()),
            Key('■', charts::warmth(10, 10), "most jobs".into()),
            Key('━', INK, "p50".into()),
            Key('━', RED, "p99".into()),
        ],
        body: charts::waits(slices, &groups, steps)?,
    })
}

fn run_times(entries: &[Entry]) -> Result<Section, Fault> {
    let ended = entries.iter().filter(|e| e.outcome != Outcome::CutShort);
    let times = sorted(ended.filter_map(|e| e.times.map(|times| times.run)));
    let marks = marks(&times);
    let mut legend = vec![Key('■', FOAM, "jobs".into())];
    legend.extend(marked(marks));
    Ok(Section {
        title: "Run times",
        note: "From the start of a job to its end.".into(),
        legend,
        body: charts::run_times(&times, marks)?,
    })
}

fn longer_waits(entries: &[Entry]) -> Result<Section, Fault> {
    let times = sorted(entries.iter().filter_map(|e| e.times.map(|times| times.wait)));
    let marks = marks(&times);
    let mut legend = vec![Key('━', INDIGO, "jobs that waited longer".into())];
    legend.extend(marked(marks));
    Ok(Section {
        title: "Waits",
        note: "From the intended arrival to the start.".into(),
        legend,
        body: charts::exceedance(&times, marks)?,
    })
}

fn sorted(times: impl Iterator<Item = Duration>) -> Vec<Duration> {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    times
}

/// The two quantiles that a picture marks.
fn marks(sorted: &[Duration]) -> [Duration; 2] {
    [0.5, 0.99].map(|q| quantile(sorted, q).unwrap_or_default())
}

fn marked(marks: [Duration; 2]) -> [Key; 2] {
    let [p50, p99] = marks.map(|mark| millis(ms(mark)));
    [Key('━', INK, format!("p50 {p50}")), Key('━', RED, format!("p99 {p99}"))]
}

fn times_table(n: &Numbers) -> Section {
    let head = ["", "p50", "p90", "p99", "p99.9", "max"].map(String::from).to_vec();
    let row = |name: &str, spread: Spread| {
        let Spread { p50, p90, p99, p999, max } = spread;
        std::iter::once(name.to_string()).chain([p50, p90, p99, p999, max].map(millis)).collect()
    };
    let rows = [
        head,
        row("wait", n.wait_ms),
        row("run", n.run_ms),
        row("sojourn", n.sojourn_ms),
        row("late", n.late_ms),
        row("queued", n.queued_ms),
    ];
    Section {
        title: "Times",
        note: "A sojourn is a wait and a run. Late is the part of a wait that passed before the \
               job was handed to the pool, queued the rest."
            .into(),
        legend: vec![],
        body: page::table(&rows),
    }
}

fn reasons_table(n: &Numbers) -> Section {
    let evaluations = grouped(n.evaluations);
    let (started, retired) = (grouped(n.threads_started), grouped(n.threads_retired));
    Section {
        title: "Reasons",
        note: format!(
            "Out of {evaluations} evaluations. Threads: {started} started, {retired} retired, \
             {} flaps.",
            n.flaps
        ),
        legend: vec![],
        body: page::bars(&n.reasons(), grouped),
    }
}

fn footer(finished: &Finished) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let version = env!("CARGO_PKG_VERSION");
    let usage = finished.usage.map_or(String::new(), |usage| {
        let switches = grouped(usage.context_switches);
        format!(" {:.2} s of processor time, {switches} context switches.", usage.cpu.as_secs_f64())
    });
    let stopped = if finished.interrupted { ", stopped by Ctrl-C" } else { "" };
    format!(
        "springtide {version}, {cores} cores, {:.1} s{stopped}.{usage}",
        finished.elapsed.as_secs_f64()
    )
}

fn millis(ms: f64) -> String {
    match ms {
        _ if ms >= 10_000.0 => format!("{:.1} s", ms / 1e3),
        _ if ms >= 100.0 => format!("{ms:.0} ms"),
        _ if ms >= 1.0 => format!("{ms:.1} ms"),
        _ => format!("{ms:.2} ms"),
    }
}
