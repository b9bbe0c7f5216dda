//! How the pool sizes itself.

mod constants;
mod decay;
mod fixed;
mod load;
mod pace;
mod policy;
mod predicted_wait;
mod queue_depth;
mod retention;
mod sample;
mod window;

pub use constants::Constants;
pub use fixed::Fixed;
pub use policy::{FAST_TICK, KICK_SPACING, Plan, Reason, SLOW_TICK, ScalingPolicy};
pub use predicted_wait::PredictedWait;
pub use queue_depth::QueueDepth;
pub use sample::Sample;
