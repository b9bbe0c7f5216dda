//! Configuration: plain data, validated once.

use std::time::Duration;

/// See [`Builder::target_wait`](crate::Builder::target_wait).
pub const DEFAULT_TARGET_WAIT: Duration = Duration::from_millis(10);
/// See [`Builder::keep_alive`](crate::Builder::keep_alive).
pub const DEFAULT_KEEP_ALIVE: Duration = Duration::from_secs(10);
