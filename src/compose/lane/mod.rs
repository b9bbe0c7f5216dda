//! Lanes: queues in front of the pool's, each with limits of its own.
//!
//! ```text
//! submit ─► room ─► choice ─► the pool's queue ─► worker
//!            │        ▲
//!            keys     └─ limits, shares, reservations, tokens
//! ```
//!
//! * [`keys`] holds the jobs of one lane, by whom they are for; [`bucket`] its tokens.
//! * [`choice`] says which lane may send its next job, of plain numbers.
//! * [`state`] is all that the lock guards, [`dispatcher`] who takes it, [`permit`] what a job
//!   gives back at its end.
//! * [`settings`], [`builder`], [`handle`], [`job`], [`submit`], [`submit_async`] and [`stats`] are
//!   what users see; [`entrant`] is a job of theirs on its way in.

mod bucket;
pub(crate) mod builder;
mod choice;
mod dispatcher;
mod entrant;
pub(crate) mod handle;
pub(crate) mod job;
mod keys;
mod permit;
pub(crate) mod settings;
mod state;
pub(crate) mod stats;
mod submit;
pub(crate) mod submit_async;
