//! The owner of a pool, and the ways to end it.

use std::io::Write;
use std::ops::Deref;
use std::time::Duration;

use crate::config::DropPolicy;
use crate::ending::{self, ShutdownReport};
use crate::pool_handle::PoolHandle;
use crate::run::desk::Inside;

/// A thread pool that sizes itself.
///
/// A `Pool` owns its threads: dropping it ends them ([`DropPolicy`]). Everything else it does it
/// does as a [`PoolHandle`], which it dereferences to and of which [`Pool::handle`] makes copies.
///
/// ```
/// use springtide::Pool;
///
/// let pool = Pool::builder("thumbnails").workers(2..=16).queue_capacity(1000).build()?;
/// let sizes: Vec<_> = (1..=4).map(|n| pool.submit(move || n * 100)).collect::<Result<_, _>>()?;
/// let total: i32 = sizes.into_iter().map(|size| size.join()).sum::<Result<_, _>>()?;
/// assert_eq!(total, 1000);
///
/// let report = pool.shutdown();
/// assert_eq!((report.accepted, report.completed), (4, 4));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Pool {
    handle: PoolHandle,
    on_drop: DropPolicy,
}

impl Pool {
    pub(crate) fn new(handle: PoolHandle, on_drop: DropPolicy) -> Pool {
        #[cfg(feature = "prometheus")]
        crate::prometheus::enrol(&handle.core);
        Pool { handle, on_drop }
    }

    /// A copy of the handle: to submit from elsewhere, without keeping the pool alive.
    pub fn handle(&self) -> PoolHandle {
        self.handle.clone()
    }

    /// Takes no more jobs, runs those it has, ends its threads and joins them.
    ///
    /// Waits for as long as the jobs take. Harmless when called twice or from many threads: all
    /// wait for the same end. Called from inside one of the pool's own jobs it does everything but
    /// wait, since the pool would wait for the job and the job for the pool.
    pub fn shutdown(&self) -> ShutdownReport {
        let core = &self.handle.core;
        ending::begin_drain(&core.shared);
        ending::wait_ended(&core.shared, None);
        ending::report(core)
    }

    /// As [`Pool::shutdown`], but when `patience` is over, cancels what is still queued (jobs with
    /// handles resolve as cancelled, the others come back in the report), asks the running jobs to
    /// stop, and returns within 50 ms with the names of those that do not.
    ///
    /// A later call can wait for them again.
    pub fn shutdown_timeout(&self, patience: Duration) -> ShutdownReport {
        ending::drain_then_stop(&self.handle.core, patience)
    }

    /// Cancels what is queued and asks the running jobs to stop, without waiting for those that do
    /// not: [`Pool::shutdown_timeout`] without patience. Workers that look for jobs as it begins
    /// may be in time for some, also in a paused pool, for that ends the pause.
    pub fn shutdown_now(&self) -> ShutdownReport {
        let core = &self.handle.core;
        ending::stop_and_notice(&core.shared);
        ending::report(core)
    }
}

impl Deref for Pool {
    type Target = PoolHandle;

    fn deref(&self) -> &PoolHandle {
        &self.handle
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let shared = &self.handle.core.shared;
        if shared.is_forked() {
            return;
        }
        #[cfg(feature = "prometheus")]
        crate::prometheus::disown(&self.handle.core);
        match self.on_drop {
            DropPolicy::Detach => ending::begin_drain(shared),
            DropPolicy::Cancel => ending::stop(shared),
            DropPolicy::Drain(patience) => {
                let inside = Inside::is(shared);
                let report = ending::drain_then_stop(&self.handle.core, patience);
                if !inside && !report.ended {
                    complain(shared.name.as_str(), patience, &report);
                }
            }
        }
        shared.returned.abandon();
    }
}

/// One line on standard error, if it takes it: a drop is no place to panic.
fn complain(pool: &str, patience: Duration, report: &ShutdownReport) {
    let running = report.still_running.iter();
    let kinds: Vec<String> = running.map(|job| format!("{} for {:?}", job.kind, job.age)).collect();
    let _ = writeln!(
        std::io::stderr(),
        "springtide: pool {pool:?} was dropped and gave up after {patience:?}; still running: {}",
        kinds.join(", "),
    );
}
