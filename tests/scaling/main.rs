//! The pool's size against the load: growing, shrinking and staying put, judged by the threads
//! the system shows and by what the jobs see of each other.

#![cfg(target_os = "linux")]

#[path = "../support/mod.rs"]
mod support;

mod bounds;
mod clocks;
mod growing;
mod policies;
mod reconfiguring;
mod resizing;
mod shrinking;
mod telling;
