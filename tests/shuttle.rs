//! The whole pool under random schedules: the real deque, the real supervisor, the real sleep
//! protocol, with every thread, lock and atomic in shuttle's hands.
//!
//! Time passes only where the pool waits for it (see `harness`), and nothing looks twice, so a
//! lost wake-up is a deadlock, or is counted by the supervisor's reconciling check.
#![cfg(shuttle)]

#[path = "shuttle/ending.rs"]
mod ending;
#[path = "shuttle/groups.rs"]
mod groups;
#[path = "shuttle/harness.rs"]
mod harness;
#[path = "shuttle/jobs.rs"]
mod jobs;
#[path = "shuttle/queueing.rs"]
mod queueing;
#[path = "shuttle/sizing.rs"]
mod sizing;
