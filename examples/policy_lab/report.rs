//! The page of `--report`: the table, and how every law went through the load.

use std::fs::File;
use std::io::{self, Write};

use springtide::sim::Slice;

use crate::comparison::{Comparison, Path};
use crate::lanes::{self, Mark};
use crate::offered::Offered;
use crate::page::{Block, Key, Page, Section, escaped};
use crate::panels::{self, Axes, Shape};
use crate::paper::{AMBER, FOAM, Fault, INDIGO, MARGIN_RIGHT, RED, SLATE, TEAL};
use crate::readable::{counted, grouped};
use crate::setup::Setup;
use crate::{curves, frontier, html};

const STYLES: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("hover.js");
/// Three panels side by side. The script has to know their size, too.
pub(crate) const PAGE: Shape =
    Shape { size: (470, 132), left: 54, font: 12, columns: 300, decades: usize::MAX };
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
    blocks.extend(frontier::section(setup, comparison)?.map(Block::Wide));
    let axes = Axes::of(setup, comparison, PAGE);
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

fn trajectories(setup: &Setup, comparison: &Comparison, axes: Axes) -> Result<Section, Fault> {
    let mut body = html::chips(comparison);
    let offered = Offered::of(&setup.load, PAGE.columns);
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
        let columns = panels::columns(&path.slices, PAGE.columns);
        let pictures = [
            panels::workers(axes, &columns, path.is_ours)?,
            panels::queue(axes, &columns)?,
            panels::wait(axes, &columns, setup.load.machine.target_wait)?,
        ];
        let facts = panels::facts(&comparison.rows[index]);
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
        let columns = panels::columns(&path.slices, PAGE.columns);
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
        "left": PAGE.left,
        "right": MARGIN_RIGHT,
        "width": PAGE.size.0,
        "laws": laws.collect::<Vec<_>>(),
    });
    // No string in it comes from outside; a "<" would end the element all the same.
    let data = data.to_string().replace('<', "\\u003c");
    format!(
        "<script type=\"application/json\" id=\"paths\">{data}</script>\n\
         <script>\n{SCRIPT}</script>\n"
    )
}
