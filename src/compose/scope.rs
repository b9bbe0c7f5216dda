//! Jobs that borrow: a scope ends only once nobody can touch what they borrowed.
//!
//! A borrowed closure never goes to the pool. It lies in a list of the scope, and what the pool
//! carries is a tracked job, the *ticket*, that knows its number there. So a ticket may come late,
//! be handed back, cancelled or leaked: all it finds is that its number is gone.
//!
//! * **B1** A closure lies in the scope's list or is in the hands of who runs it, and nowhere else.
//! * **B2** Who takes one out of the list counts as running, by the same step, until the closure
//!   and all that it captured are gone.
//! * **B3** The scope returns or unwinds only when it has seen the list empty and nobody running,
//!   in one look. From then on nobody can add to the list: who can name the scope is its body,
//!   which is over, or one of its jobs, of which there is none.

#![expect(unsafe_code, reason = "a closure that borrows has to pass for one that owns")]

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::panic::{self, AssertUnwindSafe};

use super::waiting::{Unmet, wait};
use crate::error::JobError;
use crate::outcome::Refusal;
use crate::pool_handle::PoolHandle;
use crate::run::attempt;
use crate::run::desk::Desk;
use crate::run::job::Tracked;
use crate::run::outside;
use crate::run::panics::{catch, contain};
use crate::run::submission::Submitter;
use crate::run::waiter::JobWaiter;
use crate::sync::{Arc, Mutex};

/// A closure as it lies in the list, for as long as its scope. If it panics it says with what.
type Body<'scope> = Box<dyn FnOnce() -> Option<String> + Send + 'scope>;

/// Where jobs that borrow are spawned; made by [`PoolHandle::scope`].
pub struct Scope<'scope, 'env: 'scope> {
    crew: Arc<Crew>,
    /// Invariant in both, as std's: neither may be taken for a longer or a shorter one.
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

/// # Borrowing
impl PoolHandle {
    /// Runs jobs that borrow from the caller, and returns what `body` returns once all of them have
    /// ended.
    ///
    /// ```
    /// use springtide::Pool;
    ///
    /// let pool = Pool::builder("scope").workers(1..=4).build()?;
    /// let text = String::from("high water, low water");
    /// let mut vowels = 0;
    /// let words = pool.scope(|s| {
    ///     s.spawn(|| vowels = text.chars().filter(|c| "aeiou".contains(*c)).count());
    ///     let words = s.spawn(|| text.split_whitespace().count());
    ///     words.join()
    /// })?;
    /// assert_eq!((words, vowels), (4, 6));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// The scope never waits for the pool: the calling thread runs the jobs that nobody has begun
    /// by the time `body` is over. So it works inside a job, and in a pool that is paused, full or
    /// shut down. A job that finds the queue full stays with the scope until another one of it
    /// begins; for more of them than should lie in memory there is [`PoolHandle::map`].
    ///
    /// # Panics
    ///
    /// Goes on with the panic of `body`, or else with the first panic of a job whose handle was not
    /// joined; when all jobs have ended, in either case.
    pub fn scope<'env, F, R>(&self, body: F) -> R
    where
        F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
    {
        let crew = Arc::new(Crew { pool: self.clone(), state: Mutex::default() });
        let scope = Scope { crew: Arc::clone(&crew), scope: PhantomData, env: PhantomData };
        let result = panic::catch_unwind(AssertUnwindSafe(|| body(&scope)));
        crew.finish();
        let unjoined = crew.state.lock().panic.take();
        match (result, unjoined.map(JobError::into_panic)) {
            (Err(payload), _) | (Ok(_), Some(Ok(payload))) => panic::resume_unwind(payload),
            (Ok(value), _) => value,
        }
    }
}

impl<'scope> Scope<'scope, '_> {
    /// Spawns a job that may borrow what outlives the scope, from the scope's body or from another
    /// of its jobs. Never blocks. Dropping the handle lets the job go on.
    ///
    /// What lives inside the body is too short-lived, and a reference cannot be kept for later:
    ///
    /// ```compile_fail,E0597
    /// # let pool = springtide::Pool::builder("short").build().unwrap();
    /// pool.scope(|s| {
    ///     let inside = String::from("ebb");
    ///     s.spawn(|| println!("{inside}"));
    /// });
    /// ```
    ///
    /// ```compile_fail,E0521
    /// # let pool = springtide::Pool::builder("kept").build().unwrap();
    /// let mut kept = None;
    /// pool.scope(|s| kept = Some(s.spawn(|| 1)));
    /// ```
    pub fn spawn<F, T>(&'scope self, job: F) -> ScopedHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let place = Arc::new(Place { crew: Arc::clone(&self.crew), result: Mutex::default() });
        let body = body(job, Arc::clone(&place));
        // SAFETY: only the lifetime changes. The scope does not end while the closure lies in the
        // list or is being run (B3), it is nowhere else (B1), and being run ends with the end of
        // all that it captured (B2). Until then all that it borrows is there: `'scope` is a time
        // that `scope` was told nothing of, so it is not over before `scope` is.
        let body = unsafe { std::mem::transmute::<Body<'scope>, Body<'static>>(body) };
        let number = self.crew.add(body);
        ScopedHandle { place, number, scope: PhantomData }
    }
}

/// The job, and what is done about its result.
fn body<'scope, F, T>(job: F, place: Arc<Place<T>>) -> Body<'scope>
where
    F: FnOnce() -> T + Send + 'scope,
    T: Send + 'scope,
{
    Box::new(move || {
        let result = catch(job).map_err(JobError::panicked);
        let panicked = result.as_ref().err().and_then(JobError::panic_message).map(str::to_owned);
        place.put(result);
        // The result goes with it if there is no handle any more.
        contain(|| drop(place));
        panicked
    })
}

/// The result to come of one job of a scope.
pub struct ScopedHandle<'scope, T> {
    place: Arc<Place<T>>,
    number: u64,
    scope: PhantomData<&'scope ()>,
}

impl<T> ScopedHandle<'_, T> {
    /// Returns what the job returned. If nobody has begun it, it is run here and now, on this
    /// thread; otherwise this waits for it.
    ///
    /// # Errors
    ///
    /// [`JobError`] if the job panicked, which then is not the scope's concern any more.
    pub fn join(self) -> Result<T, JobError> {
        let crew = &self.place.crew;
        crew.help(self.number);
        let result = wait(&crew.pool.core.shared, None, |waiter| {
            let mut result = self.place.result.lock();
            match result.value.take() {
                None => result.waiter = Some(waiter),
                value => return value,
            }
            None
        });
        result.unwrap_or_else(|_| Err(JobError::forked()))
    }

    /// Whether the result is there.
    pub fn is_finished(&self) -> bool {
        self.place.result.lock().value.is_some()
    }
}

/// Where a job leaves its result, shared with the handle.
struct Place<T> {
    crew: Arc<Crew>,
    result: Mutex<Awaited<T>>,
}

struct Awaited<T> {
    value: Option<Result<T, JobError>>,
    /// The thread that joins, if there is one.
    waiter: Option<JobWaiter>,
}

impl<T> Default for Awaited<T> {
    fn default() -> Self {
        Awaited { value: None, waiter: None }
    }
}

impl<T> Place<T> {
    fn put(&self, value: Result<T, JobError>) {
        let waiter = {
            let mut result = self.result.lock();
            result.value = Some(value);
            result.waiter.take()
        };
        waiter.into_iter().for_each(JobWaiter::wake);
    }
}

impl<T> Drop for Place<T> {
    fn drop(&mut self) {
        let value = self.result.lock().value.take();
        if let Some(Err(unjoined)) = value {
            self.crew.note_panic(unjoined);
        }
    }
}

/// What the jobs of a scope share with it. It borrows nothing by itself, so it may live on.
struct Crew {
    pool: PoolHandle,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What nobody has begun, by number (B1).
    waiting: BTreeMap<u64, Waiting>,
    /// Those of them that found the queue full, and on whose behalf they look for room.
    unplaced: BTreeMap<u64, Submitter>,
    /// How many have been taken out of the list and are not over (B2).
    running: usize,
    spawned: u64,
    /// The pool takes no more jobs.
    is_closed: bool,
    /// The first that nobody joined.
    panic: Option<JobError>,
    /// The thread of the scope, once it waits for the end.
    end: Option<JobWaiter>,
}

struct Waiting {
    body: Body<'static>,
    ticket: Option<Arc<dyn Tracked>>,
}

impl Crew {
    fn add(self: &Arc<Self>, body: Body<'static>) -> u64 {
        let (number, end) = {
            let mut state = self.state.lock();
            let number = state.spawned;
            state.spawned += 1;
            state.waiting.insert(number, Waiting { body, ticket: None });
            (number, state.end.take())
        };
        end.into_iter().for_each(JobWaiter::wake);
        if self.place(number, Submitter::current()) {
            self.place_next();
        }
        number
    }

    /// Gives the pool a ticket for a job; true if it was taken.
    fn place(self: &Arc<Self>, number: u64, submitter: Submitter) -> bool {
        let crew = Arc::clone(self);
        let run = move || {
            if let Some(message) = crew.run(number) {
                // For the pool's counts and whoever watches it; the scope has the payload.
                panic::resume_unwind(Box::new(message));
            }
        };
        let ticket = submitter.submit(|| self.pool.submit_or_wait(run));
        let mut state = self.state.lock();
        match ticket {
            Ok(handle) => {
                if let Some(waiting) = state.waiting.get_mut(&number) {
                    waiting.ticket = Some(handle.tracked());
                }
                drop(state);
                handle.detach();
                return true;
            }
            Err(Refusal::QueueFull) => {
                if state.waiting.contains_key(&number) {
                    state.unplaced.insert(number, submitter);
                }
            }
            Err(_) => state.is_closed = true,
        }
        false
    }

    /// The same for the first one that found the queue full, if there is any.
    fn place_next(self: &Arc<Self>) {
        let next = {
            let mut state = self.state.lock();
            if state.is_closed { None } else { state.unplaced.pop_first() }
        };
        if let Some((number, submitter)) = next {
            self.place(number, submitter);
        }
    }

    /// Runs a job if nobody has begun it; if it panics, says with what.
    fn run(self: &Arc<Self>, number: u64) -> Option<String> {
        let (waiting, running, unplaced) = {
            let mut state = self.state.lock();
            let waiting = state.waiting.remove(&number)?;
            let unplaced = state.unplaced.remove(&number);
            state.running += 1;
            // Taken out and counted in one step (B2).
            (waiting, Running(self), unplaced)
        };
        drop(unplaced);
        // There is room now for one more of this scope, so the others do not have to wait for its
        // end to have more than one thread.
        self.place_next();
        let Waiting { body, ticket } = waiting;
        let panicked = body();
        drop(ticket);
        // The closure is gone, and all that it captured (B2).
        drop(running);
        panicked
    }

    /// Runs a job if nobody has begun it, as the pool's if it has a ticket there.
    fn help(self: &Arc<Self>, number: u64) {
        let ticket = self.state.lock().waiting.get(&number).map(|waiting| waiting.ticket.clone());
        let Some(ticket) = ticket else { return };
        if let Some(ticket) = ticket {
            let shared = &self.pool.core.shared;
            match Desk::of(shared) {
                Some(desk) => attempt::take_over(&desk, ticket),
                None => outside::take_over_outside(shared, ticket),
            }
        }
        // There is no ticket, or it never runs: the pool was shut down.
        self.run(number);
    }

    /// Runs what nobody has begun, and waits for what somebody has (B3).
    fn finish(self: &Arc<Self>) {
        // Nothing in here panics. If it did, who borrows might be left behind.
        let guard = AbortOnDrop;
        loop {
            let next = wait(&self.pool.core.shared, None, |waiter| {
                let mut state = self.state.lock();
                if let Some(number) = state.waiting.keys().next() {
                    return Some(Some(*number));
                }
                if state.running == 0 {
                    return Some(None);
                }
                state.end = Some(waiter);
                None
            });
            match next {
                Ok(Some(number)) => self.help(number),
                // In a forked child there is no thread that could be running one of them.
                Ok(None) | Err(Unmet::Forked) => break,
                Err(Unmet::TimedOut) => unreachable!("there is no deadline"),
            }
        }
        std::mem::forget(guard);
    }

    fn note_panic(&self, panic: JobError) {
        let mut state = self.state.lock();
        let unwanted = if state.panic.is_none() { state.panic.replace(panic) } else { Some(panic) };
        drop(state);
        drop(unwanted);
    }
}

/// While it lives, a job that was taken out of the list is not over (B2).
struct Running<'a>(&'a Crew);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let end = {
            let mut state = self.0.state.lock();
            state.running -= 1;
            if state.running == 0 { state.end.take() } else { None }
        };
        end.into_iter().for_each(JobWaiter::wake);
    }
}

struct AbortOnDrop;

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        std::process::abort();
    }
}

impl std::fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.crew.state.lock();
        f.debug_struct("Scope")
            .field("waiting", &state.waiting.len())
            .field("running", &state.running)
            .finish_non_exhaustive()
    }
}

impl<T> std::fmt::Debug for ScopedHandle<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScopedHandle")
            .field("number", &self.number)
            .field("finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
