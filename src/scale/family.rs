//! A metric family: its type, help and labels, and where its figures come from.

use super::totals::{Levels, Totals};
use crate::run::figures::LaneFigures;
use crate::run::histogram::Cells;

/// One metric family. Every series of it also carries the label `pool`.
#[derive(Clone, Copy)]
pub(crate) struct Family {
    pub(crate) name: &'static str,
    #[cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "only a recorder is told"))]
    pub(crate) unit: Unit,
    pub(crate) help: &'static str,
    pub(crate) labels: Labels,
    pub(crate) reading: Reading,
}

/// The base unit, which the name ends in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Count,
    Seconds,
    Ratio,
}

/// The labels of a family besides `pool`: a closed list, one entry a series.
#[derive(Clone, Copy)]
pub(crate) struct Labels {
    pub(crate) series: usize,
    /// Name and value of each label of the series with this index.
    pub(crate) of: fn(usize) -> Vec<(&'static str, &'static str)>,
}

/// What the figures of one flush are read from.
#[derive(Clone, Copy)]
pub(crate) struct Figures<'a> {
    pub(crate) totals: &'a Totals,
    pub(crate) levels: &'a Levels,
    /// Samples that the flush budget kept back so far.
    pub(crate) thinned: u64,
    /// Of a series that belongs to a lane: that lane.
    pub(crate) lane: Option<&'a LaneFigures>,
}

/// The type of a family and how its series are read; the index is that of [`Labels::of`].
///
/// A reading of `None` says that the platform does not tell: the series is left out.
#[derive(Clone, Copy)]
pub(crate) enum Reading {
    Counter(fn(&Figures<'_>, usize) -> Option<u64>),
    Gauge(fn(&Figures<'_>, usize) -> Option<f64>),
    Histogram(Measure),
}

/// Where the cells of a histogram are found.
pub(crate) type ReadCells = for<'a> fn(&Figures<'a>) -> &'a Cells;

/// A histogram family as both sinks need it.
#[derive(Clone, Copy)]
pub(crate) struct Measure {
    /// The upper bounds of the exported buckets, in nanoseconds. With at most two significant
    /// digits each they are edges of cells, and the exported counts exact.
    pub(crate) ladder: &'static [u64],
    pub(crate) cells: ReadCells,
}

impl Family {
    /// The `# TYPE` of the family.
    pub(crate) fn kind(&self) -> &'static str {
        match self.reading {
            Reading::Counter(_) => "counter",
            Reading::Gauge(_) => "gauge",
            Reading::Histogram(_) => "histogram",
        }
    }

    pub(crate) fn is_gauge(&self) -> bool {
        matches!(self.reading, Reading::Gauge(_))
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn is_histogram(&self) -> bool {
        matches!(self.reading, Reading::Histogram(_))
    }

    pub(super) const fn unit(self, unit: Unit) -> Family {
        Family { unit, ..self }
    }

    pub(super) const fn labels(
        self,
        series: usize,
        of: fn(usize) -> Vec<(&'static str, &'static str)>,
    ) -> Family {
        Family { labels: Labels { series, of }, ..self }
    }
}

const SINGLE: Labels = Labels { series: 1, of: |_| Vec::new() };

pub(super) const fn counter(
    name: &'static str,
    help: &'static str,
    read: fn(&Figures<'_>, usize) -> Option<u64>,
) -> Family {
    Family { name, unit: Unit::Count, help, labels: SINGLE, reading: Reading::Counter(read) }
}

pub(super) const fn gauge(
    name: &'static str,
    help: &'static str,
    read: fn(&Figures<'_>, usize) -> Option<f64>,
) -> Family {
    Family { name, unit: Unit::Count, help, labels: SINGLE, reading: Reading::Gauge(read) }
}

pub(super) const fn histogram(
    name: &'static str,
    help: &'static str,
    ladder: &'static [u64],
    cells: ReadCells,
) -> Family {
    let reading = Reading::Histogram(Measure { ladder, cells });
    Family { name, unit: Unit::Seconds, help, labels: SINGLE, reading }
}

/// The histogram families of a table.
#[cfg(any(test, feature = "prometheus"))]
pub(crate) fn measures_of(
    table: &'static [Family],
) -> impl Iterator<Item = (&'static Family, Measure)> {
    table.iter().filter_map(|family| match family.reading {
        Reading::Histogram(measure) => Some((family, measure)),
        _ => None,
    })
}
