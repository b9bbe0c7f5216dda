//! Scaling laws in virtual time: no thread, no clock, the same run on every machine.
//!
//! ```text
//! load ─► model ─► record ─► measures
//!           ▲ │
//!           │ └─► law: ours, through the Sample that the pool builds, or a rival's
//!        machine
//! ```
//!
//! [`fleet`] puts many of them behind a balancer, under an autoscaler of machines.

mod crew;
pub mod fleet;
mod job;
mod law;
pub mod load;
mod machine;
mod measures;
mod model;
pub mod oracle;
mod random;
mod record;
pub mod rivals;
pub mod scenario;
mod sharing;
mod supervised;
mod tasks;
pub mod trace;
pub mod tuning;

pub use job::{Calls, JOBS_MAX, Job};
pub use law::{Act, Law, Moment, Next, Resting, View};
pub use machine::Machine;
pub use measures::{Quantiles, Run, simulate};
pub use model::Model;
pub use random::Random;
pub use record::{Change, Slice};
pub use scenario::Scenario;
pub use supervised::Supervised;
