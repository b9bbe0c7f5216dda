//! The page of `--report`: the table, and how every law went through the load.

use std::fs::File;
use std::io::{self, Write};
use std::time::Duration;

use springtide::sim::{Scenario, Slice};

use crate::comparison::{Comparison, Path};
use crate::lanes::{self, Mark};
use crate::measure::{COST, PEAK, STARTS, WAIT_P99};
use crate::page::{Block, Key, Page, Section, escaped};
use crate::panels::{self, Axes, COLUMNS, LEFT, SIZE};
use crate::paper::{AMBER, FOAM, Fault, INDIGO, MARGIN_RIGHT, RED, SLATE, TEAL};
use crate::readable::{counted, grouped};
use crate::setup::Setup;
use crate::{curves, html};

const STYLES: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("hover.js");
/// Decisions closer together than this part of the run share a mark.
const MARKS: f64 = 400.0;

pub(crate) fn write(mut file: File, setup: &Setup, comparison: &Comparison) -> io::Result<()> {
    let page = page(setup, comparison).map_err(|e| io::Error::other(e.to_string()))?;
    file.write_all(page.to_string().as_bytes())
}

fn page(setup: &Setup, comparison: &Comparison) -> Result<Page, Fault> {
    let mut blocks = vec![Block::Wide(html::table(setup, comparison))];
    if let Some(sweep) = &setup.sweep {
        blocks.push(Block::Wide(curves::section(sweep, comparison)?));
    }
    let axes = axes(setup, comparison);
    blocks.push(Block::Wide(trajectories(setup, comparison, axes)?));
    if comparison.paths.iter().any(|path| path.is_ours) {
        blocks.push(Block::Wide(decisions(comparison, axes.end)?));
    }
    let seeds = setup.seeds.end - setup.seeds.start;
    let jobs = grouped(comparison.jobs / seeds.max(1));
    let seconds = setup.load.horizon.as_secs_f64();
    Ok(Page {
        title: format!("{}: {}", setup.title, setup.about),
        settings: format!(
            "{jobs} jobs in {seconds:.0} s, {} needed at once · {}",
            counted(comparison.needed.into(), "worker"),
            setup.settings()
        ),
        tiles: vec![],
        blocks,
        footer: format!(
            "springtide {}, simulated: the same arguments give the same numbers.",
            env!("CARGO_PKG_VERSION")
        ),
        styles: STYLES,
        scripts: scripts(comparison, axes),
    })
}

/// Wide enough for every law, but for those that never change and lie far above the others: a line
/// at the upper bound would flatten the rest, and leaves the picture instead.
fn axes(setup: &Setup, comparison: &Comparison) -> Axes {
    let paths = &comparison.paths;
    let slices = || paths.iter().flat_map(|path| &path.slices);
    let peak = |is_static: bool| {
        let alike = paths.iter().filter(|path| path.is_static == is_static);
        let workers = alike.flat_map(|path| &path.slices).map(|slice| slice.workers);
        workers.max().unwrap_or_default()
    };
    let moving = peak(false).max(comparison.needed).max(1);
    let workers = if peak(true) > 2 * moving { moving } else { moving.max(peak(true)) };
    let queued = slices().map(|slice| slice.queued).max().unwrap_or_default();
    let wait = slices().map(|slice| slice.wait).max().unwrap_or_default();
    let longest = setup.load.jobs.iter().map(|job| job.service()).max().unwrap_or_default();
    Axes {
        end: setup.load.horizon.as_secs_f64(),
        workers: workers.into(),
        queue: panels::queue_decades(queued).ceil().max(1.0),
        wait: panels::wait_decades(wait.max(longest)).ceil().max(4.0),
    }
}

fn trajectories(setup: &Setup, comparison: &Comparison, axes: Axes) -> Result<Section, Fault> {
    let mut body = html::chips(comparison);
    let offered = offered(&setup.load);
    let load = [
        panels::needed(axes, &offered.under_way)?,
        panels::arrivals(axes, &offered.rates)?,
        panels::lengths(axes, &offered.longest)?,
    ];
    body += "<div class=\"three names\"><span>jobs under way if none waited</span>\
             <span>arrivals a second</span><span>longest arriving job</span></div>\n";
    body += &html::panels("the load", "", None, &load);
    body += "<div class=\"three names\"><span>workers</span><span>jobs waiting</span>\
             <span>longest wait</span></div>\n";
    for (index, path) in comparison.paths.iter().enumerate() {
        let columns = panels::columns(&path.slices);
        let pictures = [
            panels::workers(axes, &columns, path.is_ours)?,
            panels::queue(axes, &columns)?,
            panels::wait(axes, &columns, setup.load.machine.target_wait)?,
        ];
        let row = &comparison.rows[index];
        let show =
            |place: usize| crate::measure::MEASURES[place].unit.show(row.spreads[place].median);
        let facts = format!(
            "p99 wait {} · cost {} · peak {} · {} starts",
            show(WAIT_P99),
            show(COST),
            show(PEAK),
            show(STARTS)
        );
        body += &html::panels(&path.label, &facts, Some(index), &pictures);
    }
    let first = setup.seeds.start;
    let seeds = if setup.seeds.end - first > 1 {
        format!(" The load is that of seed {first}.")
    } else {
        String::new()
    };
    Ok(Section {
        title: "How each law went through the load",
        note: format!(
            "All panels of a column have the same axes, with seconds from left to right; jobs and \
             waits are logarithmic, and what leaves the picture is cut off. The numbers beside \
             the pointer are those of its moment.{seeds}"
        ),
        legend: vec![
            Key('━', TEAL, "workers".into()),
            Key('■', FOAM, "workers inside a job".into()),
            Key('━', AMBER, "demand, in our law's own words".into()),
            Key('■', INDIGO, "jobs waiting; longest wait of a job that starts".into()),
            Key('┅', RED, "target".into()),
            Key('■', SLATE, "the load".into()),
        ],
        body,
    })
}

/// The load without any law.
struct Offered {
    under_way: Vec<u64>,
    rates: Vec<f64>,
    longest: Vec<Duration>,
}

/// By column: jobs under way if none waited, arrivals a second, and the longest job.
fn offered(load: &Scenario) -> Offered {
    let width = load.horizon.as_secs_f64() / COLUMNS as f64;
    let column = |at: Duration| ((at.as_secs_f64() / width) as usize).min(COLUMNS - 1);
    let mut rates = vec![0.0; COLUMNS];
    let mut longest = vec![Duration::ZERO; COLUMNS];
    let mut events = Vec::with_capacity(2 * load.jobs.len());
    for job in &load.jobs {
        let (here, service) = (column(job.at), job.service());
        rates[here] += 1.0 / width;
        longest[here] = longest[here].max(service);
        events.extend([(job.at, 1_i64), (job.at.saturating_add(service), -1)]);
    }
    events.sort_unstable();
    let mut under_way = vec![0; COLUMNS];
    let (mut level, mut last) = (0_i64, 0);
    for (at, by) in events {
        let here = column(at);
        // A level holds until the next event.
        (last + 1..=here).for_each(|column| under_way[column] = level as u64);
        level += by;
        under_way[here] = under_way[here].max(level.max(0) as u64);
        last = here;
    }
    Offered { under_way, rates, longest }
}

fn decisions(comparison: &Comparison, end: f64) -> Result<Section, Fault> {
    let mut body = String::new();
    for path in comparison.paths.iter().filter(|path| path.is_ours) {
        let marks = marks(path, end);
        let marks: Vec<Mark<'_>> = marks
            .iter()
            .map(|(at, reason, change)| Mark { at: *at, reason, change: *change })
            .collect();
        body += &format!("<h3>{}</h3>\n", escaped(&path.label));
        body += &lanes::decisions(end, &marks)?;
    }
    Ok(Section {
        title: "Decisions of our law",
        note: "Why the number of workers changed; a larger mark is a larger change.".into(),
        legend: vec![
            Key('▲', TEAL, "more workers".into()),
            Key('▼', AMBER, "fewer workers".into()),
        ],
        body,
    })
}

/// When, why and how many, with those put together that a picture could not tell apart.
fn marks(path: &Path, end: f64) -> Vec<(f64, &'static str, f64)> {
    let mut marks: Vec<(f64, &'static str, f64)> = Vec::new();
    for change in &path.changes {
        let Some(reason) = change.reason else { continue };
        let at = change.at.as_secs_f64();
        let by = f64::from(change.after) - f64::from(change.before);
        let near = |(when, why, way): &&mut (f64, &str, f64)| {
            at - *when < end / MARKS && *why == reason.as_str() && way.signum() == by.signum()
        };
        match marks.iter_mut().rev().take(8).find(near) {
            Some(mark) => mark.2 += by,
            None => marks.push((at, reason.as_str(), by)),
        }
    }
    marks
}

/// What the page's script shows beside the pointer, and the script.
fn scripts(comparison: &Comparison, axes: Axes) -> String {
    let laws = comparison.paths.iter().map(|path| {
        let columns = panels::columns(&path.slices);
        let list = |of: fn(&Slice) -> u64| columns.iter().map(of).collect::<Vec<u64>>();
        let why: Vec<(f64, String)> = marks(path, axes.end)
            .into_iter()
            .map(|(at, reason, by)| ((at * 100.0).round() / 100.0, format!("{reason} {by:+}")))
            .collect();
        serde_json::json!({
            "workers": list(|slice| slice.workers.into()),
            "busy": list(|slice| slice.busy.into()),
            "queued": list(|slice| slice.queued),
            "wait_us": list(|slice| slice.wait.as_micros() as u64),
            "demand": path.is_ours.then(|| list(|slice| slice.demand.into())),
            "why": why,
        })
    });
    let data = serde_json::json!({
        "end": axes.end,
        "left": LEFT,
        "right": MARGIN_RIGHT,
        "width": SIZE.0,
        "laws": laws.collect::<Vec<_>>(),
    });
    // No string in it comes from outside; a "<" would end the element all the same.
    let data = data.to_string().replace('<', "\\u003c");
    format!(
        "<script type=\"application/json\" id=\"paths\">{data}</script>\n\
         <script>\n{SCRIPT}</script>\n"
    )
}
