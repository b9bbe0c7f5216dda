//! Scaling laws in virtual time: no thread, no clock, the same run on every machine.
//!
//! ```text
//! load ─► model ─► record ─► measures
//!           ▲ │
//!           │ └─► law: ours, through the Sample that the pool builds, or a rival's
//!        machine
//! ```
//!
//! [`simulate`] runs a list of [`Job`]s on a [`Machine`] under a [`Law`] and says what that was
//! worth ([`Run`]). Jobs come from a [`load`], a [`trace`] or a named [`Scenario`]; a law is the
//! policy of the real pool ([`Supervised`]), one of the [`rivals`], or your own. What nobody can
//! beat is in [`oracle`], the constants of the default law by name in [`tuning`], and [`fleet`]
//! puts many pools behind a balancer, under an autoscaler of machines. The example `policy_lab`
//! does all this from the command line.
//!
//! ```
//! use springtide::sim::load::{Load, Work};
//! use springtide::sim::{Machine, Supervised, rivals, simulate};
//! use springtide::PredictedWait;
//! use std::time::Duration;
//!
//! let (ms, s) = (Duration::from_millis, Duration::from_secs);
//! let calls = Load::bursts(400.0, s(1), s(5)).of(Work::sleeping(ms(50))).jobs(7, s(30));
//! let machine = Machine::new(4.0).workers(2, 64);
//! let ours = Supervised::new("ours", PredictedWait::new());
//! let ours = simulate(&calls, &machine, Box::new(ours), s(30));
//! let java = rivals::rival("java").expect("it is one of the names");
//! let java = simulate(&calls, &machine, java, s(30));
//! assert!(ours.wait.p99 < ms(1) && java.wait.p99 > s(1));
//! ```
//!
//! # What is not in the model
//!
//! One queue, first in, first out: no deques, no stealing, no lanes. Who wants a core is seen
//! without error. Memory and caches cost nothing. Threads start and wake in a fixed time, and a
//! pool with threads has tails there; `tests/fidelity/` runs the same jobs through both and
//! measures how far they are apart.

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
