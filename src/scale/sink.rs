//! Where histograms go.

/// Where the three histogram families go: wait, run and the supervisor's tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HistogramSink {
    /// To the recorder, as samples: at most 1000 of each histogram and flush. Above that they are
    /// a selection, fair within the flush but not between one flush and another, and
    /// `springtide_samples_thinned_total` counts the rest.
    #[default]
    Facade,
    /// Into the page that `springtide::prometheus::render` writes: every sample, and exact at
    /// every bound. The recorder does not get them.
    Exact,
}
