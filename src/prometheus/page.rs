//! The page: what the exporter renders, and the exact histograms of the pools that keep them.

use std::collections::BTreeMap;
use std::sync::Weak;

use metrics_exporter_prometheus::PrometheusHandle;

use crate::run::histogram::Cells;
use crate::scale::exposition::{has_label, pool_label, write_header, write_reading};
use crate::scale::family::{Figures, measures_of};
use crate::scale::metric_table::TABLE;
use crate::scale::totals::{Levels, Totals};
use crate::sync::Mutex;

/// A pool whose histograms are rendered from its own cells, at the moment of the scrape.
pub(crate) trait ExactSource: Send + Sync {
    fn totals(&self) -> Totals;
}

/// Whose exact histograms are on the page, under which label.
struct Sources {
    live: Vec<(String, Weak<dyn ExactSource>)>,
    /// The histograms that pools which have ended leave there, so that no count ever falls. There
    /// are no more of them than a recorder is told names of pools.
    ended: BTreeMap<String, Totals>,
}

static SOURCES: Mutex<Sources> = Mutex::new(Sources { live: Vec::new(), ended: BTreeMap::new() });

/// Adds a pool to every page from now on.
///
/// Rendering holds a source for a moment and may be the last to drop it, so nothing that joins
/// threads may hang on it.
pub(crate) fn register(label: &str, source: Weak<dyn ExactSource>) {
    let mut sources = SOURCES.lock();
    sources.live.retain(|(_, known)| known.strong_count() > 0);
    sources.live.push((label.to_owned(), source));
}

/// A pool has ended: its last totals take its place, in one step, so that every page has either.
pub(crate) fn keep(source: &dyn ExactSource, label: &str, totals: Totals) {
    let mut sources = SOURCES.lock();
    let is_other = |known: &Weak<dyn ExactSource>| !std::ptr::addr_eq(known.as_ptr(), source);
    sources.live.retain(|(_, known)| is_other(known));
    merge_histograms(sources.ended.entry(label.to_owned()).or_default(), &totals);
}

fn merge_histograms(known: &mut Totals, totals: &Totals) {
    known.wait.merge(&totals.wait);
    known.run.merge(&totals.run);
    known.tick.merge(&totals.tick);
}

/// Everything the recorder has, and the exact histograms of every pool that keeps them. Those of
/// pools that have ended stay as they were.
pub(crate) fn render(handle: &PrometheusHandle) -> String {
    splice(handle.render(), &exact_pools())
}

/// Pools of one name share their series, as they do in a recorder: a page with the same series
/// twice would be rejected as a whole.
fn exact_pools() -> BTreeMap<String, Totals> {
    // The lock only covers the list: sources are folded, and possibly dropped, outside of it.
    let (live, mut pools) = {
        let sources = SOURCES.lock();
        let live = sources.live.iter();
        let live = live.filter_map(|(label, source)| Some((label.clone(), source.upgrade()?)));
        (live.collect::<Vec<_>>(), sources.ended.clone())
    };
    for (label, source) in live {
        merge_histograms(pools.entry(label).or_default(), &source.totals());
    }
    pools
}

/// Puts the exact series into a page, each family announced once: into the block the exporter
/// made for pools of the facade sink where there is one, else into a block of their own.
fn splice(mut page: String, pools: &BTreeMap<String, Totals>) -> String {
    if pools.is_empty() {
        return page;
    }
    let labels: Vec<String> = pools.keys().map(|name| labels_in(&page, name)).collect();
    for (family, measure) in measures_of(&TABLE) {
        let mut text = String::new();
        let block = match Block::find(&page, family.name) {
            Some(block) if block.is_histogram => Some(block),
            Some(summary) => {
                // The recorder was built without `configure`. A family has one type, and this
                // one's is histogram.
                page.replace_range(summary.start..summary.end, "");
                None
            }
            None => None,
        };
        if block.is_none() {
            write_header(&mut text, family);
        }
        let mut present = block.as_ref().map_or("", |b| &page[b.start..b.end]).to_owned();
        for ((name, totals), labels) in pools.iter().zip(&labels) {
            let label = pool_label(name);
            let figures = Figures { totals, levels: &Levels::default(), thinned: 0, lane: None };
            if has_label(&present, &label) {
                // Pools of this name have the other sink, or had: the counts of both go on.
                present = add_to(&present, family.name, &label, (measure.cells)(&figures));
            } else {
                write_reading(&mut text, family, 0, labels, &figures);
            }
        }
        match block {
            Some(block) => page.replace_range(block.start..block.end, &(present + &text)),
            None => {
                page.push_str(&text);
                page.push('\n');
            }
        }
    }
    page
}

/// Adds counted durations to the series of one pool that are in a block already. Whatever bounds
/// they have, these stay.
fn add_to(block: &str, family: &str, pool: &str, cells: &Cells) -> String {
    let mut sum = String::with_capacity(block.len());
    for line in block.lines() {
        let part = line.strip_prefix(family).filter(|_| has_label(line, pool));
        let more = part.and_then(|part| match part.split_once('{')? {
            ("_bucket", labels) => Some(cells.cumulative_le(bound_in(labels)?) as f64),
            ("_count", _) => Some(cells.count() as f64),
            ("_sum", _) => Some(cells.sum_ns() as f64 / 1e9),
            _ => None,
        });
        let total = more.zip(line.rsplit_once(' ')).and_then(|(more, (series, value))| {
            Some(format!("{series} {}", value.parse::<f64>().ok()? + more))
        });
        sum.push_str(total.as_deref().unwrap_or(line));
        sum.push('\n');
    }
    sum
}

/// The upper bound of a bucket, in nanoseconds.
fn bound_in(labels: &str) -> Option<u64> {
    let (_, bound) = labels.rsplit_once("le=\"")?;
    let seconds: f64 = bound.split_once('"')?.0.parse().ok()?;
    Some((seconds * 1e9).round() as u64)
}

/// The labels the exporter gives this pool's series, which include those it adds to everything.
pub(crate) fn labels_in(page: &str, pool: &str) -> String {
    let pool = pool_label(pool);
    let series = page
        .lines()
        .filter_map(|line| line.strip_prefix("springtide_jobs_submitted_total{"))
        .filter_map(|rest| rest.rsplit_once("} "));
    let mut labels = series.map(|(labels, _)| labels.to_owned());
    labels.find(|labels| has_label(labels, &pool)).unwrap_or(pool)
}

/// Where a family stands in a page: from its first comment line to after its last series.
pub(crate) struct Block {
    pub(crate) start: usize,
    pub(crate) end: usize,
    is_histogram: bool,
}

impl Block {
    pub(crate) fn find(page: &str, family: &str) -> Option<Block> {
        let announcement = format!("# TYPE {family} ");
        let kind_at = match page.strip_prefix(&announcement) {
            Some(_) => 0,
            None => page.find(&format!("\n{announcement}"))? + 1,
        };
        let start = page.find(&format!("# HELP {family} ")).unwrap_or(kind_at).min(kind_at);
        let end = page[kind_at..].find("\n\n").map_or(page.len(), |at| kind_at + at + 1);
        let is_histogram = page[kind_at + announcement.len()..].starts_with("histogram\n");
        Some(Block { start, end, is_histogram })
    }
}

#[cfg(test)]
mod tests;
