//! What the tests of the metrics endpoint share.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use springtide::prometheus::{self, PrometheusBuilder, PrometheusHandle};

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Long enough for anything that is not stuck, on a machine that is busy with something else.
pub(crate) const LIMIT: Duration = Duration::from_secs(100);

/// Keeps the other tests of the program away: an endpoint is about the whole process.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A recorder of the test's own.
pub(crate) fn recorder() -> PrometheusHandle {
    prometheus::configure(PrometheusBuilder::new()).build_recorder().handle()
}
