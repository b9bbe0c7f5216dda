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
mod random;
pub mod rivals;

pub use job::{Calls, Job};
pub use law::{Act, Law, Moment, Next, Resting, View};
pub use random::Random;
