//! How the pool sizes itself: the control plane.
//!
//! ```text
//! clock ─► sample ─► policy ─► supervisor ─► telemetry
//!                      ▲           └─► starts and retires workers
//!                settings (swapped whole)
//! ```
//!
//! The supervisor's loop in five lines: look ([`observer`] makes a [`Sample`]), decide (a
//! [`ScalingPolicy`] makes a [`Plan`]), act, write down ([`journal`], [`export`]), rest until the
//! next look is due or a submitter kicks. Only [`supervisor`] acts; everything that chooses is a
//! pure function of plain values.

mod attendance;
pub(crate) mod captured;
mod constants;
mod decay;
pub(crate) mod exposition;
pub(crate) mod family;
mod fixed;
mod gaps;
#[cfg(feature = "metrics")]
mod lane_labels;
pub(crate) mod lane_table;
mod load;
pub(crate) mod metric_table;
pub(crate) mod pace;
pub(crate) mod policy;
#[cfg(feature = "metrics")]
pub(crate) mod pool_label;
mod predicted_wait;
mod queue_depth;
pub(crate) mod refresh;
mod retention;
pub(crate) mod sample;
mod seen;
mod sink;
#[cfg(feature = "metrics")]
pub(crate) mod telemetry;
#[cfg(feature = "metrics")]
mod thinning;
pub(crate) mod totals;
mod window;

mod arrivals;
mod core;
mod export;
mod journal;
pub(crate) mod ledger;
mod observer;
mod probe;
mod reconcile;
mod supervisor;

pub use constants::Constants;
pub use fixed::Fixed;
pub use journal::Decision;
pub use policy::{FAST_TICK, KICK_SPACING, Plan, Reason, SLOW_TICK, ScalingPolicy};
pub use predicted_wait::PredictedWait;
pub use queue_depth::QueueDepth;
pub use sample::Sample;
pub use sink::HistogramSink;

pub(crate) use self::core::Core;
pub(crate) use export::Export;
pub(crate) use supervisor::Supervisor;
