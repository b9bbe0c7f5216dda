//! Trying a job again that failed: when, how often, and how much of it a pool bears.

pub(crate) mod attempts;
pub(crate) mod budget;
pub(crate) mod handle;
pub(crate) mod policy;
pub(crate) mod retry_error;
