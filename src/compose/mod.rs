//! What is put together from jobs: groups, scopes, maps, timers, retries, lanes.

pub(crate) mod scope;
pub(crate) mod waiting;
