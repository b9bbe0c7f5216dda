//! What is put together from jobs: groups, scopes, maps, timers, retries, lanes.

pub(crate) mod delay;
mod inbox;
pub(crate) mod job_set;
pub(crate) mod joined;
pub(crate) mod lane;
pub(crate) mod map;
pub(crate) mod periodic;
pub(crate) mod progress;
pub(crate) mod promise;
pub(crate) mod retry;
mod rhythm;
pub(crate) mod scope;
mod series;
#[cfg(feature = "stream")]
mod stream;
pub(crate) mod task_in_line;
pub(crate) mod timer;
mod waiting;
