//! A seam in the parking of threads, so that a test can lose wake-ups on purpose.

use std::time::Duration;

/// Stands between the pool and the parking of its threads.
///
/// The default does nothing. A test that drops every third wake-up shows that nothing depends on
/// the system delivering all of them.
pub trait Parker: Send + Sync {
    /// The timeout to really park with when `asked` was wanted; `None` is for ever.
    fn timeout(&self, asked: Option<Duration>) -> Option<Duration> {
        asked
    }

    /// Whether this wake-up reaches its thread.
    fn deliver(&self) -> bool {
        true
    }
}

/// Parks and unparks as asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemParker;

impl Parker for SystemParker {}

/// Parks nobody for longer than a millisecond, so that a clock set by hand is noticed.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImpatientParker;

impl Parker for ImpatientParker {
    fn timeout(&self, asked: Option<Duration>) -> Option<Duration> {
        let often = Duration::from_millis(1);
        Some(asked.map_or(often, |asked| asked.min(often)))
    }
}
