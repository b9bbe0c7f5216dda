//! A scrape: every pool speaks, and then the page is made.

use metrics_exporter_prometheus::PrometheusHandle;

use super::{live, page, pools};

/// The text for a scrape: everything the recorder has, and the exact histograms of every pool that
/// keeps them (`HistogramSink::Exact`). Those of pools that have ended stay as they were.
///
/// Serve it as `text/plain; version=0.0.4`. The histograms are folded here and now, so they are up
/// to date even while a pool sleeps. So is `springtide_supervisor_late_seconds`, also while its
/// supervisor hangs and reports nothing. Pools that rest are woken up to report first, so that none
/// is missing that is older than the recorder, or whose series the recorder has dropped as idle;
/// that takes microseconds, and where the machine is too busy a quarter of a second at most.
///
/// The histograms are those of pools that report to the recorder of the process, whatever recorder
/// the handle is of: in a program with several, render that one alone, or they are told twice.
pub fn render(handle: &PrometheusHandle) -> String {
    pools::refresh();
    live::set(page::render(handle), &pools::late())
}
