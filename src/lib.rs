//! A thread pool that rises and falls with the load: bounded, autoscaled, observable.

mod config;
mod scale;

pub use scale::{
    Constants, FAST_TICK, Fixed, KICK_SPACING, Plan, PredictedWait, QueueDepth, Reason, SLOW_TICK,
    Sample, ScalingPolicy,
};
