//! The page: what the exporter renders, and the exact histograms of the pools that keep them.

use std::collections::BTreeMap;
use std::sync::Weak;

use metrics_exporter_prometheus::PrometheusHandle;

use crate::scale::exposition::{pool_label, write_header, write_series};
use crate::scale::metric_table::measures;
use crate::scale::totals::Totals;
use crate::sync::Mutex;

/// A pool whose histograms are rendered from its own cells, at the moment of the scrape.
pub(crate) trait ExactSource: Send + Sync {
    fn name(&self) -> String;
    fn totals(&self) -> Totals;
}

static SOURCES: Mutex<Vec<Weak<dyn ExactSource>>> = Mutex::new(Vec::new());

/// Adds a pool to every page from now on, for as long as it lives.
///
/// Rendering holds a source for a moment and may be the last to drop it, so nothing that joins
/// threads may hang on it.
pub(crate) fn register(source: Weak<dyn ExactSource>) {
    let mut sources = SOURCES.lock();
    sources.retain(|known| known.strong_count() > 0);
    sources.push(source);
}

/// The text for a scrape: everything the recorder has, and the exact histograms of every live pool
/// that keeps them (`HistogramSink::Exact`).
///
/// Serve it as `text/plain; version=0.0.4`. The histograms are folded here and now, so they are up
/// to date even while a pool sleeps.
pub fn render(handle: &PrometheusHandle) -> String {
    splice(handle.render(), &live_pools())
}

/// Pools of one name share their series, as they do in a recorder: a page with the same series
/// twice would be rejected as a whole.
fn live_pools() -> BTreeMap<String, Totals> {
    // The lock only covers the list: sources are folded, and possibly dropped, outside of it.
    let sources: Vec<_> = SOURCES.lock().iter().filter_map(Weak::upgrade).collect();
    let mut pools = BTreeMap::new();
    for source in sources {
        let totals = source.totals();
        let known: &mut Totals = pools.entry(source.name()).or_default();
        known.wait.merge(&totals.wait);
        known.run.merge(&totals.run);
        known.tick.merge(&totals.tick);
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
    for (family, measure) in measures() {
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
        let present = block.as_ref().map_or("", |block| &page[block.start..block.end]);
        for ((name, totals), labels) in pools.iter().zip(&labels) {
            // A pool of the same name with the other sink got here first.
            if !present.contains(&pool_label(name)) {
                write_series(&mut text, family, measure, labels, totals);
            }
        }
        match block {
            Some(block) => page.insert_str(block.end, &text),
            None => {
                page.push_str(&text);
                page.push('\n');
            }
        }
    }
    page
}

/// The labels the exporter gives this pool's series, which include those it adds to everything.
fn labels_in(page: &str, pool: &str) -> String {
    let pool = pool_label(pool);
    let series = page
        .lines()
        .filter_map(|line| line.strip_prefix("springtide_jobs_submitted_total{"))
        .filter_map(|rest| rest.rsplit_once("} "));
    let mut labels = series.map(|(labels, _)| labels.to_owned());
    labels.find(|labels| labels.contains(&pool)).unwrap_or(pool)
}

/// Where a family stands in a page: from its first comment line to after its last series.
struct Block {
    start: usize,
    end: usize,
    is_histogram: bool,
}

impl Block {
    fn find(page: &str, family: &str) -> Option<Block> {
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
