//! Pages that belong to no single item. There is no code in here; the examples run as tests.
//!
//! * [`patterns`]: how to do the usual things, from submitting a job to ending on a signal.
//! * [`migrating`]: the same from tokio, rayon, threadpool, rusty_pool, Go and Java.
//! * [`limits`]: what the pool does not do, and what it cannot.
//! * [`scaling`]: when workers are started and retired, and by which numbers.
//! * [`performance`]: what one job costs, step by step, what being measured costs it, and how the
//!   pool that sizes itself compares with every fixed size.
//! * [`metrics`]: every metric, how to export it, and what to ask of it.

/// A caption and its picture. The picture is one block of HTML, which a blank line ends: here the
/// one before the next caption. There are two, because rustdoc drops a blank line that begins a
/// piece.
macro_rules! picture {
    ($name:literal) => {
        concat!(
            "\n\n",
            include_str!(concat!("pictures/", $name, ".md")),
            "\n<div>\n",
            include_str!(concat!("pictures/", $name, ".svg")),
            "</div>\n"
        )
    };
}

/// The board, by its bytes: a page of rustdoc has no files beside it.
#[cfg(feature = "prometheus")]
macro_rules! board {
    () => {
        concat!(
            "\n\n# The board of a pool\n\n",
            "As the preview shows it, of a pool in every kind of trouble.\n\n",
            "<div>\n<img alt=\"The first rows of the board: stats, workers, demand, queue\" ",
            "width=\"1100\" style=\"max-width:100%\" src=\"data:image/png;base64,\n",
            include_str!("pictures/board.base64"),
            "\">\n</div>\n"
        )
    };
}

#[doc = include_str!("limits.md")]
pub mod limits {}

#[doc = include_str!("migrating.md")]
pub mod migrating {}

#[cfg_attr(feature = "prometheus", doc = include_str!("metrics.md"))]
#[cfg_attr(feature = "prometheus", doc = board!())]
#[cfg_attr(not(feature = "prometheus"), doc = "Shown when built with the feature `prometheus`.")]
pub mod metrics {}

#[doc = include_str!("patterns.md")]
#[doc = include_str!("patterns/errors_and_hooks.md")]
#[doc = include_str!("patterns/cancellation.md")]
#[doc = include_str!("patterns/priority_and_permits.md")]
#[doc = include_str!("patterns/groups.md")]
#[doc = include_str!("patterns/lanes.md")]
#[doc = include_str!("patterns/time_and_retry.md")]
#[doc = include_str!("patterns/figures.md")]
#[doc = include_str!("patterns/state_failure.md")]
pub mod patterns {}

#[doc = include_str!("performance.md")]
#[doc = picture!("measured/how-many-workers-cpu")]
#[doc = picture!("measured/how-many-workers-io")]
#[doc = picture!("measured/how-many-workers-mixed")]
pub mod performance {}

#[doc = include_str!("scaling.md")]
#[doc = include_str!("pictures/how_to_read.md")]
#[doc = picture!("step")]
#[doc = picture!("cpu-overload")]
#[doc = picture!("bursty-hour")]
#[doc = picture!("one-core-hogs")]
pub mod scaling {}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
