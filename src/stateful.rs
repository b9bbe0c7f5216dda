//! Jobs that use a state of the worker they run on: a connection, a decoder, a buffer.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::error::SubmitError;
use crate::pool_handle::PoolHandle;
use crate::run::context::{Fallible, JobContext};
use crate::run::desk::Desk;
use crate::run::handle::JobHandle;
use crate::run::locals::{self, Kept, Owner};
use crate::run::panics::{contain, halt};
use crate::run::submit;
use crate::run::terms::Terms;
use crate::sync::Arc;
use crate::time::Nanos;

/// How long a worker that could not build its state waits before it tries again, after the first
/// time; twice as long after each further one.
const FIRST_HOLD: Duration = Duration::from_millis(10);
/// And at most.
const LONGEST_HOLD: Duration = Duration::from_secs(10);

/// Jobs with a state of their worker's; made by [`PoolHandle::with_state`].
///
/// The state is built by the first job that needs it on a worker, on that worker's thread. It is
/// handed to one job at a time and never leaves the thread, so it need not be [`Send`]. It is
/// dropped there as well:
///
/// * when the worker retires, or the pool ends;
/// * when the last clone of this and the last of its jobs are gone: at once by a worker without a
///   job, by the others before they next sleep or retire;
/// * when a job panics that was using it. The next job on that worker builds another.
///
/// A job that another job of the same worker joins, and so runs in its place, while that one uses
/// the state, gets one of its own for the time being; so does a job that its submitter runs
/// ([`Overflow::CallerRuns`](crate::Overflow::CallerRuns)).
///
/// ```
/// use springtide::Pool;
///
/// /// Stands for something that takes a while to set up.
/// struct Decoder {
///     decoded: u32,
/// }
///
/// let pool = Pool::builder("decoders").workers(1..=1).build()?;
/// let decoders = pool.with_state(|_worker| Ok::<_, std::io::Error>(Decoder { decoded: 0 }));
/// let decode = || decoders.submit(|decoder, _cx| {
///     decoder.decoded += 1;
///     decoder.decoded
/// });
/// assert_eq!(decode()?.join_flat()?, 1);
/// assert_eq!(decode()?.join_flat()?, 2); // The same decoder.
///
/// // With options, or as a part of any job: a clone goes with it.
/// let mine = decoders.clone();
/// let job = pool.job("decode").submit_fallible(move |_cx| mine.with(|decoder| decoder.decoded))?;
/// assert_eq!(job.join_flat()?, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # If the state cannot be built
///
/// Then the job that needed it ends with an [`InitError`], counted as
/// [`Outcome::Error`](crate::Outcome::Error), and the worker goes on. For 10 ms, and twice as long
/// after each further failure in a row, up to 10 s, jobs on that worker end with the same error at
/// once; the next one after that tries again. Workers that have their state are not concerned, but
/// one that fails at once is soon free again, and may get most of the jobs. What panics while it
/// builds is a job that panicked, and the next one tries again.
pub struct Stateful<S: 'static, E: 'static>(Arc<Front<S, E>>);

type Build<S, E> = dyn Fn(Option<usize>) -> Result<S, E> + Send + Sync;

struct Front<S, E> {
    pool: PoolHandle,
    build: Box<Build<S, E>>,
}

impl<S, E> Owner for Front<S, E> {}

impl<S, E> Drop for Front<S, E> {
    fn drop(&mut self) {
        let shared = &self.pool.core.shared;
        // Workers that sleep look for stale values before they sleep again.
        if !shared.is_forked() {
            shared.rouse_all();
        }
    }
}

/// What a worker keeps.
enum Slot<S, E> {
    Empty,
    Ready(S),
    Failed(Failed<E>),
}

struct Failed<E> {
    error: Arc<E>,
    /// In a row.
    times: u32,
    until: Nanos,
}

/// How long to wait after so many failures in a row.
fn hold(times: u32) -> Duration {
    let doubled = FIRST_HOLD.saturating_mul(2_u32.saturating_pow(times.saturating_sub(1)));
    doubled.min(LONGEST_HOLD)
}

/// # Jobs with a state
impl PoolHandle {
    /// Lets jobs use a state of the worker they run on; `build` makes it, given the worker's index
    /// (`None` on a thread that is none of the pool's workers). See [`Stateful`] for when it is
    /// called, when the state is dropped, and what happens if it cannot be built.
    pub fn with_state<S, E>(
        &self,
        build: impl Fn(Option<usize>) -> Result<S, E> + Send + Sync + 'static,
    ) -> Stateful<S, E>
    where
        S: 'static,
        E: Send + Sync + 'static,
    {
        Stateful(Arc::new(Front { pool: self.clone(), build: Box::new(build) }))
    }
}

impl<S, E> Stateful<S, E>
where
    S: 'static,
    E: Send + Sync + 'static,
{
    /// [`PoolHandle::submit`] of a job that uses the state of its worker. It is counted as ok if
    /// there was one, whatever it returns.
    ///
    /// # Errors
    ///
    /// As [`PoolHandle::submit`].
    pub fn submit<F, T>(&self, job: F) -> Result<JobHandle<Result<T, InitError<E>>>, SubmitError<F>>
    where
        F: FnOnce(&mut S, &JobContext<'_>) -> T + Send + 'static,
        T: Send + 'static,
    {
        let (pool, front) = (&self.0.pool, self.clone());
        let body = |job: F| Fallible(move |cx: &JobContext<'_>| front.with(|state| job(state, cx)));
        submit::enter(&pool.core.shared, Terms::default(), pool.when_full(), job, body)
    }

    /// Does some work with the state of the calling worker; for jobs that are submitted in another
    /// way than by [`Stateful::submit`]. On a thread that is none of the pool's workers the state
    /// is built for this call and dropped after it.
    ///
    /// # Errors
    ///
    /// [`InitError`] if there is no state and it cannot be built. Then the work was not done.
    pub fn with<T>(&self, work: impl FnOnce(&mut S) -> T) -> Result<T, InitError<E>> {
        let worker = Desk::of(&self.0.pool.core.shared).map(|desk| desk.index);
        let owner: Arc<dyn Owner> = Arc::clone(&self.0) as _;
        let kept = if worker.is_some() { locals::take(&owner) } else { Kept::InUse };
        let (mut slot, is_kept) = match kept {
            Kept::Value(slot) => (slot.downcast().expect("an owner keeps one type"), true),
            Kept::Nothing => (Box::new(Slot::Empty), true),
            Kept::InUse => (Box::new(Slot::Empty), false),
        };
        let result = halt(|| self.0.serve(&mut slot, worker, work));
        if is_kept && result.is_ok() {
            locals::put(&owner, Some(slot));
        } else {
            if is_kept {
                locals::put(&owner, None);
            }
            contain(|| drop(slot));
        }
        result.unwrap_or_else(|unwinding| unwinding.go_on())
    }
}

impl<S, E> Front<S, E> {
    fn serve<T>(
        &self,
        slot: &mut Slot<S, E>,
        worker: Option<usize>,
        work: impl FnOnce(&mut S) -> T,
    ) -> Result<T, InitError<E>> {
        let times = match slot {
            Slot::Ready(state) => return Ok(work(state)),
            Slot::Empty => 0,
            Slot::Failed(failed) => {
                let wait = failed.until.since(self.pool.core.shared.now());
                if !wait.is_zero() {
                    return Err(InitError::held_off(&failed.error, wait));
                }
                failed.times
            }
        };
        match (self.build)(worker) {
            Ok(state) => {
                *slot = Slot::Ready(state);
                self.serve(slot, worker, work)
            }
            Err(error) => {
                let (error, times) = (Arc::new(error), times.saturating_add(1));
                let until = self.pool.core.shared.now().after(hold(times));
                *slot = Slot::Failed(Failed { error: Arc::clone(&error), times, until });
                Err(InitError { error, held_off: false, retry_in: hold(times) })
            }
        }
    }
}

/// Why a job had no state to work with.
#[derive(Debug)]
pub struct InitError<E> {
    error: Arc<E>,
    held_off: bool,
    retry_in: Duration,
}

impl<E> InitError<E> {
    fn held_off(error: &Arc<E>, retry_in: Duration) -> InitError<E> {
        InitError { error: Arc::clone(error), held_off: true, retry_in }
    }

    /// What went wrong when the worker last tried to build it.
    pub fn error(&self) -> &E {
        &self.error
    }

    /// The worker did not try again for this job, because it had failed a short while before.
    pub fn is_held_off(&self) -> bool {
        self.held_off
    }

    /// After how long that worker will try again, if a job comes its way.
    pub fn retry_in(&self) -> Duration {
        self.retry_in
    }
}

impl<E: fmt::Display> fmt::Display for InitError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the state of the worker could not be built: {}", self.error)
    }
}

impl<E: Error + 'static> Error for InitError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.error)
    }
}

impl<S, E> Clone for Stateful<S, E> {
    fn clone(&self) -> Self {
        Stateful(Arc::clone(&self.0))
    }
}

impl<S, E> fmt::Debug for Stateful<S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stateful").field("pool", &self.0.pool.name()).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn each_failure_in_a_row_doubles_the_wait_up_to_the_longest() {
        let waits = [0, 1, 2, 3, 10, 11, 40, u32::MAX].map(|times| hold(times).as_millis());
        assert_eq!(waits, [10, 10, 20, 40, 5_120, 10_000, 10_000, 10_000]);
    }
}
