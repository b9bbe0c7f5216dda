//! Scaling laws in virtual time: no thread, no clock, the same run on every machine.
//!
//! ```text
//! load ─► model ─► record ─► measures
//!           ▲ │
//!           │ └─► law: ours, through the Sample that the pool builds, or a rival's
//!        machine
//! ```

mod job;
mod law;
pub mod load;
mod random;
pub mod trace;

pub use job::{Calls, JOBS_MAX, Job};
pub use law::{Act, Law, Moment, Next, Resting, View};
pub use random::Random;
