//! A state that jobs use on their worker: one for each, built and dropped on its thread.

mod common;

use std::cell::Cell;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use common::{
    PATIENCE, assert_submitted, build, clocked, fixed, fixed_with, occupy, until, within,
};
use springtide::{
    FallibleError, InitError, Observer, Overflow, PanicReport, Pool, StateFailure, Stateful,
    WorkerStopped,
};

/// Counts the states of a test.
#[derive(Clone, Debug, Default)]
struct Census {
    built: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
}

impl Census {
    fn built(&self) -> usize {
        self.built.load(Ordering::SeqCst)
    }

    fn dropped(&self) -> usize {
        self.dropped.load(Ordering::SeqCst)
    }

    /// One more state. It belongs to the calling thread.
    fn state(&self) -> State {
        self.built.fetch_add(1, Ordering::SeqCst);
        State { census: self.clone(), home: thread::current().id(), uses: Rc::default() }
    }
}

/// Neither `Send` nor used on another thread than its own.
struct State {
    census: Census,
    home: ThreadId,
    uses: Rc<Cell<u32>>,
}

impl State {
    fn used(&mut self) -> u32 {
        assert_eq!(self.home, thread::current().id());
        self.uses.set(self.uses.get() + 1);
        self.uses.get()
    }
}

impl Drop for State {
    fn drop(&mut self) {
        assert_eq!(self.home, thread::current().id());
        self.census.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

/// No state here fails to be built.
#[derive(Debug)]
enum Never {}

fn counted(pool: &Pool) -> (Stateful<State, Never>, Census) {
    let census = Census::default();
    let makes = census.clone();
    (pool.with_state(move |_| Ok(makes.state())), census)
}

fn used(states: &Stateful<State, Never>) -> u32 {
    states.submit(|state, _| state.used()).expect("open").join_flat().expect("it returns")
}

#[test]
fn jobs_of_one_worker_share_its_state_one_after_the_other() {
    within(PATIENCE, "shared", || {
        let pool = fixed("shared", 1, 64);
        let (states, census) = counted(&pool);
        assert_eq!(census.built(), 0, "nobody has needed one");
        assert_eq!((1..=5).map(|_| used(&states)).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        let (other, others) = counted(&pool);
        assert_eq!((used(&other), used(&states)), (1, 6), "each front has its own");
        assert_eq!((census.built(), others.built()), (1, 1));
    });
}

#[test]
fn each_state_built_is_dropped_once_on_its_thread_under_any_resizing() {
    within(PATIENCE, "balanced", || {
        let pool = build(Pool::builder("balanced").workers(0..=4).queue_capacity(64));
        let (states, census) = counted(&pool);
        for n in 0..60_usize {
            pool.resize(0..=1 + n * 7 % 4).expect("bounds that can be used");
            let jobs: Vec<_> = (0..8).map(|_| states.submit(|state, _| state.used())).collect();
            for job in jobs {
                job.expect("open").join_flat().expect("it returns");
            }
            pool.resize(0..=1 + n % 2).expect("bounds that can be used");
            assert!(census.built() - census.dropped() <= 5, "{census:?}");
        }
        assert!(pool.shutdown().ended);
        assert_eq!(census.built(), census.dropped());
        assert!(census.built() >= 1);
    });
}

/// Looks at a census as a worker stops.
struct AtTheEnd(Census, Mutex<Vec<usize>>);

impl Observer for AtTheEnd {
    fn worker_stopped(&self, _: &WorkerStopped<'_>) {
        self.1.lock().expect("no panics").push(self.0.dropped());
    }
}

#[test]
fn a_worker_that_retires_drops_its_state_before_it_stops() {
    within(PATIENCE, "retires", || {
        let census = Census::default();
        let at_the_end = Arc::new(AtTheEnd(census.clone(), Mutex::default()));
        let builder = Pool::builder("retires").workers(0..=1).keep_alive(Duration::ZERO);
        let pool = build(builder.observer(Arc::clone(&at_the_end)));
        let makes = census.clone();
        let states = pool.with_state(move |_| Ok::<_, Never>(makes.state()));
        for n in 1..=3 {
            used(&states);
            until(|| at_the_end.1.lock().expect("no panics").len() == n);
        }
        assert_eq!(*at_the_end.1.lock().expect("no panics"), [1, 2, 3]);
        assert_eq!(census.built(), 3);
    });
}

#[test]
fn the_states_of_a_dropped_front_are_dropped_by_the_workers_that_sleep() {
    within(PATIENCE, "front", || {
        let pool = fixed("front", 3, 64);
        for _ in 0..200 {
            let (states, census) = counted(&pool);
            let jobs = (0..6).map(|_| states.submit(|state, _| state.used()));
            let jobs: Vec<_> = jobs.collect::<Result<_, _>>().expect("open");
            drop(states);
            jobs.into_iter().for_each(|job| _ = job.join_flat().expect("it returns"));
            until(|| census.built() == census.dropped());
        }
    });
}

#[test]
fn a_front_dropped_while_a_worker_falls_asleep_leaves_no_state_behind() {
    within(PATIENCE, "asleep", || {
        let pool = fixed("asleep", 1, 64);
        for n in 0..40_000 {
            let (states, census) = counted(&pool);
            let nearly_over = Arc::new(AtomicBool::new(false));
            let says = Arc::clone(&nearly_over);
            let job = states.submit(move |_, _| says.store(true, Ordering::SeqCst));
            job.expect("open").detach();
            while !nearly_over.load(Ordering::SeqCst) {
                std::hint::spin_loop();
            }
            // Another point of the worker's way to sleep each time.
            for _ in 0..n % 1_000 {
                std::hint::spin_loop();
            }
            drop(states);
            while census.dropped() == 0 {
                thread::yield_now();
            }
        }
    });
}

#[test]
fn a_busy_worker_keeps_the_state_of_a_dropped_front_until_it_has_nothing_to_do() {
    within(PATIENCE, "busyfront", || {
        let pool = fixed("busyfront", 1, 64);
        let (states, census) = counted(&pool);
        used(&states);
        let held = occupy(&pool, 1);
        drop(states);
        assert_eq!(census.dropped(), 0, "its thread is in a job");
        held.release();
        until(|| census.dropped() == 1);
    });
}

#[test]
fn a_job_that_panics_takes_the_state_it_used_with_it() {
    within(PATIENCE, "panics", || {
        let pool = fixed("panics", 1, 64);
        let (states, census) = counted(&pool);
        used(&states);
        let line = line!() + 1;
        let broken = states.submit(|_, _| -> u32 { panic!("half done") }).expect("open");
        let error = broken.join().expect_err("it panicked");
        assert_eq!(error.panic_message(), Some("half done"));
        let place = error.panic_location().expect("our hook is in place");
        assert!(place.starts_with(&format!("{}:{line}:", file!())), "{place}");
        assert_eq!(census.dropped(), 1);
        assert_eq!(used(&states), 1, "a new one");
        // A panic that the job deals with itself has broken the state as well.
        let mine = states.clone();
        let caught = pool.submit(move || {
            catch_unwind(AssertUnwindSafe(|| mine.with(|_| panic!("half done")))).is_err()
        });
        assert!(caught.expect("open").join().expect("it returns"));
        assert_eq!((used(&states), census.built(), census.dropped()), (1, 3, 2));
        assert_eq!(assert_submitted(&pool, 5).panicked, 1);
    });
}

/// A state that panics as it is dropped.
struct Brittle;

impl Drop for Brittle {
    fn drop(&mut self) {
        panic!("in a destructor");
    }
}

#[test]
fn a_state_may_panic_as_it_is_dropped() {
    within(PATIENCE, "brittle", || {
        let pool = fixed("brittle", 2, 64);
        for _ in 0..20 {
            let states = pool.with_state(|_| Ok::<_, Never>(Brittle));
            let broken = states.submit(|_, _| panic!("its own")).expect("open").join();
            let error = broken.expect_err("it panicked");
            assert_eq!(error.panic_message(), Some("its own"), "not that of the state");
            states.submit(|_, _| ()).expect("open").join_flat().expect("it returns");
        }
        let stats = assert_submitted(&pool, 40);
        assert_eq!((stats.ok, stats.panicked, stats.threads_started), (20, 20, 2));
        assert!(pool.shutdown().ended);
    });
}

#[test]
fn a_state_that_cannot_be_built_is_an_error_of_the_job_and_is_tried_again_later() {
    within(PATIENCE, "init", || {
        let (pool, clock) = clocked(Pool::builder("init").workers(1..=1));
        let (tries, works) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let states = pool.with_state({
            let (tries, works) = (Arc::clone(&tries), Arc::clone(&works));
            move |worker| {
                let n = tries.fetch_add(1, Ordering::SeqCst) + 1;
                if works.load(Ordering::SeqCst) { Ok(worker) } else { Err(n) }
            }
        });
        let states = states.on_failure(StateFailure::Fail);
        let job = || match states.submit(|worker, _| *worker).expect("open").join_flat() {
            Ok(worker) => Ok(worker),
            Err(FallibleError::Returned(error)) => Err(error),
            Err(FallibleError::Lost(error)) => panic!("{error}"),
        };
        let failed = |n, held_off: bool, retry_in| {
            let error: InitError<usize> = job().expect_err("it cannot be built");
            assert_eq!((error.error(), error.is_held_off()), (Some(&n), held_off));
            assert_eq!(error.retry_in(), Duration::from_millis(retry_in));
        };
        failed(1, false, 10);
        failed(1, true, 10);
        assert!(pool.health().is_healthy(), "jobs fail, and the pool does what it can");
        clock.advance(Duration::from_millis(9));
        failed(1, true, 1);
        clock.advance(Duration::from_millis(1));
        failed(2, false, 20);
        works.store(true, Ordering::SeqCst);
        failed(2, true, 20);
        clock.advance(Duration::from_millis(20));
        assert_eq!(job().expect("it can be built"), Some(0));
        assert_eq!(tries.load(Ordering::SeqCst), 3);
        let stats = assert_submitted(&pool, 6);
        assert_eq!((stats.ok, stats.errored), (1, 5));
        assert!(pool.health().is_healthy());
    });
}

#[test]
fn workers_that_have_their_state_go_on_where_another_cannot_build_it() {
    within(PATIENCE, "half", || {
        let pool = fixed("half", 2, 64);
        let held = occupy(&pool, 1);
        let bad = pool.running_jobs().first().map(|job| job.worker);
        let states =
            pool.with_state(move |worker| if worker == bad { Err("not here") } else { Ok(()) });
        let states = states.on_failure(StateFailure::Fail);
        let served = |n: usize| {
            let jobs = (0..n).map(|_| states.submit(|(), _| ()).expect("open"));
            let jobs: Vec<_> = jobs.collect();
            jobs.into_iter().map(|job| job.join_flat()).collect::<Vec<_>>()
        };
        assert!(served(20).iter().all(Result::is_ok), "by the other worker");
        held.release();
        let results = served(200);
        for result in &results {
            match result {
                Ok(()) => {}
                Err(FallibleError::Returned(error)) => assert_eq!(error.error(), Some(&"not here")),
                Err(FallibleError::Lost(error)) => panic!("{error}"),
            }
        }
        let stats = assert_submitted(&pool, 221);
        assert_eq!(stats.errored as usize, results.iter().filter(|r| r.is_err()).count());
    });
}

#[test]
fn a_panic_while_a_state_is_built_is_as_an_error_and_is_tried_again_later() {
    within(PATIENCE, "build", || {
        let (pool, clock) = clocked(Pool::builder("build").workers(1..=1));
        let first = AtomicBool::new(true);
        let states = pool.with_state(move |_| {
            assert!(!first.swap(false, Ordering::SeqCst), "not yet");
            Ok::<_, Infallible>(7)
        });
        let states = states.on_failure(StateFailure::Fail);
        let job = || states.submit(|seven, _| *seven).expect("open").join_flat();
        for held_off in [false, true] {
            let Err(FallibleError::Returned(error)) = job() else { panic!("it has no state") };
            assert!(error.error().is_none() && error.is_held_off() == held_off);
            assert_eq!(error.panic_report().map(PanicReport::message), Some("not yet"));
            assert!(error.to_string().ends_with("panicked: not yet"), "{error}");
        }
        clock.advance(Duration::from_millis(10));
        assert_eq!(job().expect("it is built now"), 7);
        let stats = assert_submitted(&pool, 3);
        assert_eq!((stats.ok, stats.errored, stats.panicked), (1, 2, 0));
    });
}

#[test]
fn a_job_joined_by_one_that_uses_the_state_has_another_for_the_time_being() {
    within(PATIENCE, "nested", || {
        let pool = fixed("nested", 1, 64);
        let (states, census) = counted(&pool);
        let below = states.clone();
        let outer = states.submit(move |state, _| {
            assert_eq!(state.used(), 1);
            let inner = below.submit(|state, _| state.used()).expect("open");
            assert_eq!(inner.join_flat().expect("run here"), 1, "not the one in use");
            state.used()
        });
        assert_eq!(outer.expect("open").join_flat().expect("it returns"), 2);
        assert_eq!((census.built(), census.dropped()), (2, 1));
        assert_eq!(used(&states), 3, "the first one was kept");
    });
}

#[test]
fn a_thread_that_is_no_worker_builds_a_state_for_one_call() {
    within(PATIENCE, "visitor", || {
        let pool = fixed_with("visitor", 1, 1, Overflow::CallerRuns);
        let census = Census::default();
        let makes = census.clone();
        let states = pool.with_state(move |worker| {
            assert_eq!(worker, None);
            Ok::<_, Never>(makes.state())
        });
        let held = occupy(&pool, 1);
        pool.execute(|| {}).expect("one place");
        let here = states.submit(|state, _| state.used()).expect("run here");
        assert_eq!(here.join_flat().expect("it returns"), 1);
        assert_eq!(states.with(State::used).expect("it can be built"), 1);
        assert_eq!((census.built(), census.dropped()), (2, 2));
        held.release();
    });
}
