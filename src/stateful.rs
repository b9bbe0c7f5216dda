//! Jobs that use a state of the worker they run on: a connection, a decoder, a buffer.

use std::fmt;
use std::time::Duration;

use crate::error::SubmitError;
use crate::init_error::Cause;
pub use crate::init_error::InitError;
use crate::pool_handle::PoolHandle;
use crate::run::context::{Fallible, JobContext};
use crate::run::defect::{self, Step};
use crate::run::desk::Desk;
use crate::run::handle::JobHandle;
use crate::run::locals::{self, Kept, Owner};
use crate::run::need::Need;
use crate::run::news;
use crate::run::panics::{catch, contain, halt};
use crate::run::submit;
use crate::run::terms::Terms;
use crate::sync::{Arc, Weak};
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
/// A state that is always there needs an error that never is:
///
/// ```
/// use std::convert::Infallible;
///
/// let pool = springtide::Pool::builder("buffers").workers(1..=2).build()?;
/// let buffers = pool.with_state(|_worker| Ok::<_, Infallible>(Vec::with_capacity(1 << 16)));
/// let length = buffers.submit(|buffer, _cx| {
///     buffer.clear();
///     buffer.extend_from_slice(b"a page");
///     buffer.len()
/// })?;
/// assert_eq!(length.join_flat()?, 6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # If the state cannot be built
///
/// An error and a panic of what builds it are the same: the worker has no state, and tries again
/// after 10 ms, and twice as long after each further failure in a row, up to 10 s. What becomes of
/// the jobs meanwhile is [`Stateful::on_failure`]. The observer is told of each failure
/// ([`Observer::state_failed`](crate::Observer::state_failed)), and where all workers wait for it
/// [`Trouble::StateFailed`] shows in [`health`](PoolHandle::health).
///
/// [`Trouble::StateFailed`]: crate::Trouble::StateFailed
pub struct Stateful<S: 'static, E: 'static> {
    front: Arc<Front<S, E>>,
    on_failure: StateFailure,
}

/// What becomes of the jobs that need a state where it cannot be built; for
/// [`Stateful::on_failure`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StateFailure {
    /// The worker holds: it leaves the job in the queue, for workers that have their state, takes
    /// no job at all, and tries again when that is due. The job can be cancelled meanwhile, at
    /// once. Its time in the queue goes on, so it may have expired when a worker next takes it:
    /// then it does not run. The default, because a worker that fails its jobs is done with them
    /// sooner than one that does them, and would get most of the queue.
    ///
    /// If no worker has the state, the jobs wait, and nobody takes any: one with a deadline that
    /// passes resolves only once a worker goes on. Whoever cannot wait for that joins with
    /// [`JobHandle::join_timeout`], or lets the jobs fail. The pool says so: in its health, in
    /// [`WorkerCounts::held`](crate::WorkerCounts::held), in the age of its oldest job, and to
    /// submitters once the queue is full. It starts no more workers until one of them has it. A job
    /// that needs no state waits as well, where every worker holds: give jobs with a state a pool
    /// of their own, or let them fail. From the first time that a worker holds, for good, each job
    /// of the pool costs its worker one look more, some nanoseconds.
    ///
    /// A pool that is shut down waits for no state: its jobs are run by whoever is there, and end
    /// with an [`InitError`] where the state cannot be built. So does a job that is not taken from
    /// the queue: that another job of the worker joins, that its submitter runs, and whatever uses
    /// [`Stateful::with`].
    #[default]
    Hold,
    /// The job ends with an [`InitError`], counted as [`Outcome::Error`](crate::Outcome::Error),
    /// and so do the next ones on that worker, at once, until it is time to try again. For callers
    /// that would rather hear soon than wait, and have something else to do then.
    Fail,
}

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
    cause: Cause<E>,
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
        let front = Arc::new(Front { pool: self.clone(), build: Box::new(build) });
        Stateful { front, on_failure: StateFailure::default() }
    }
}

impl<S, E> Stateful<S, E>
where
    S: 'static,
    E: Send + Sync + 'static,
{
    /// What becomes of the jobs submitted by this one and its clones to come where the state cannot
    /// be built. [`StateFailure::Hold`] unless this is called; clones may differ, and share the
    /// states.
    ///
    /// ```
    /// use springtide::{Pool, StateFailure};
    ///
    /// let pool = Pool::builder("lookups").workers(1..=1).build()?;
    /// let stores = pool.with_state(|_| Err::<(), _>("no route to the store"));
    /// let eager = stores.clone().on_failure(StateFailure::Fail);
    /// let error = eager.submit(|_store, _cx| 7)?.join_flat().unwrap_err();
    /// assert!(error.to_string().contains("no route to the store"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn on_failure(self, rule: StateFailure) -> Self {
        Stateful { on_failure: rule, ..self }
    }

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
        let (pool, mine) = (&self.front.pool, self.clone());
        let body = |job: F| Fallible(move |cx: &JobContext<'_>| mine.with(|state| job(state, cx)));
        let mut terms = Terms::default();
        if self.on_failure == StateFailure::Hold {
            let need: Weak<dyn Need> = Arc::downgrade(&self.front) as _;
            terms.special().need = Some(need);
        }
        submit::enter(&pool.core.shared, terms, pool.when_full(), job, body)
    }

    /// Does some work with the state of the calling worker; for jobs that are submitted in another
    /// way than by [`Stateful::submit`]. On a thread that is none of the pool's workers the state
    /// is built for this call and dropped after it.
    ///
    /// # Errors
    ///
    /// [`InitError`] if there is no state and it cannot be built. Then the work was not done.
    pub fn with<T>(&self, work: impl FnOnce(&mut S) -> T) -> Result<T, InitError<E>> {
        let worker = Desk::of(&self.front.pool.core.shared).map(|desk| desk.index);
        Front::visit(&self.front, worker, work)
    }
}

impl<S, E> Need for Front<S, E>
where
    S: 'static,
    E: Send + Sync + 'static,
{
    fn meet(self: Arc<Self>, worker: usize) -> Result<(), Duration> {
        // A panic here is a destructor's: of an error, or of what this is the last reference to.
        let met = catch(|| Front::visit(&self, Some(worker), |_| ()).map_err(|e| e.retry_in));
        defect::strike(&self.pool.core.shared, Step::Meet);
        contain(|| drop(self));
        met.unwrap_or(Err(FIRST_HOLD))
    }
}

impl<S, E> Front<S, E>
where
    S: 'static,
    E: Send + Sync + 'static,
{
    /// Lends the state that the calling thread keeps, or one for the time being.
    fn visit<T>(
        front: &Arc<Self>,
        worker: Option<usize>,
        work: impl FnOnce(&mut S) -> T,
    ) -> Result<T, InitError<E>> {
        let owner: Arc<dyn Owner> = Arc::clone(front) as _;
        let kept = if worker.is_some() { locals::take(&owner) } else { Kept::InUse };
        let (mut slot, is_kept) = match kept {
            Kept::Value(slot) => (slot.downcast().expect("an owner keeps one type"), true),
            Kept::Nothing => (Box::new(Slot::Empty), true),
            Kept::InUse => (Box::new(Slot::Empty), false),
        };
        let result = halt(|| front.fill(&mut slot, worker).map(work));
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

    /// Builds the state, unless it is there or it is too early to try again.
    fn fill<'a>(
        &self,
        slot: &'a mut Slot<S, E>,
        worker: Option<usize>,
    ) -> Result<&'a mut S, InitError<E>> {
        let now = || self.pool.core.shared.now();
        let times = match slot {
            Slot::Ready(_) | Slot::Empty => 0,
            Slot::Failed(failed) => {
                let retry_in = failed.until.since(now());
                if !retry_in.is_zero() {
                    return Err(InitError {
                        cause: failed.cause.clone(),
                        held_off: true,
                        retry_in,
                    });
                }
                failed.times
            }
        };
        if !matches!(slot, Slot::Ready(_)) {
            let cause = match catch(|| (self.build)(worker)) {
                Ok(Ok(state)) => {
                    *slot = Slot::Ready(state);
                    return self.fill(slot, worker);
                }
                Ok(Err(error)) => Cause::Returned(Arc::new(error)),
                Err(report) => Cause::Panicked(Arc::new(report)),
            };
            let times = times.saturating_add(1);
            let (retry_in, shared) = (hold(times), &self.pool.core.shared);
            let (until, again) = (now().after(retry_in), cause.clone());
            *slot = Slot::Failed(Failed { cause: again, times, until });
            news::state_failed(shared, worker, (times, retry_in), cause.failure());
            return Err(InitError { cause, held_off: false, retry_in });
        }
        let Slot::Ready(state) = slot else { unreachable!("it is ready, as was seen just now") };
        Ok(state)
    }
}

impl<S, E> Clone for Stateful<S, E> {
    fn clone(&self) -> Self {
        Stateful { front: Arc::clone(&self.front), on_failure: self.on_failure }
    }
}

impl<S, E> fmt::Debug for Stateful<S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stateful").field("pool", &self.front.pool.name()).finish_non_exhaustive()
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
