//! What becomes of a job whose worker dies of a defect of the pool's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use crate::name::PoolName;
use crate::observer::{JobEnded, Observer, WorkerStopped};
use crate::outcome::{Outcome, StopCause};
use crate::run::defect::{Step, arm};
use crate::run::delayed::DelayedJobs;
use crate::run::shared::{Seams, Shared};
use crate::run::slot::{Slot, State};
use crate::run::worker::retire_held;
use crate::sync::Mutex;
use crate::{Delayed, JobError, JobHandle, Pool, PoolHandle, Stateful, Stats};

/// Longer than any of this takes, and shorter than a test may hang.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where the job has not left the queue, where it has, and where it has been run.
const BEFORE_IT_RUNS: [Step; 2] = [Step::Take, Step::Release];
const AFTER_IT_RAN: [Step; 2] = [Step::Run, Step::Count];

fn pool(name: &str, workers: usize) -> Pool {
    let builder = Pool::builder(name).workers(workers..=workers);
    builder.build().expect("settings that can be used")
}

fn join<T: Send + 'static>(job: JobHandle<T>) -> Result<T, JobError> {
    job.join_timeout(PATIENCE).expect("its handle hears of it")
}

fn is_lost<T: Send + 'static>(job: JobHandle<T>) -> bool {
    join(job).is_err_and(|error| error.is_lost() && !error.is_cancelled() && !error.is_panicked())
}

fn deaths(pool: &PoolHandle) -> u64 {
    pool.core.shared.outside.stops(StopCause::Panic)
}

fn until(condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < PATIENCE, "it does not come to that");
        std::thread::yield_now();
    }
}

/// The pool comes to rest with every job in its place and all its workers.
fn assert_at_rest(pool: &Pool, workers: u32) -> Stats {
    assert_eq!(pool.wait_idle_timeout(PATIENCE), Ok(()), "{:?}", pool.stats());
    until(|| pool.stats().workers.total == workers);
    let stats = pool.stats();
    let over = stats.ok + stats.errored + stats.panicked + stats.cancelled + stats.lost;
    assert_eq!((stats.accepted, stats.queued, stats.running), (over, 0, 0), "{stats:?}");
    stats
}

fn assert_ends(pool: Pool, deaths: u64) {
    let handle = pool.handle();
    let report = pool.shutdown_timeout(PATIENCE);
    assert!(report.ended && report.running == 0, "{report:?}");
    assert_eq!(self::deaths(&handle), deaths, "as many as were to die");
}

/// Keeps a worker in a job until the sender is dropped.
fn hold(pool: &Pool) -> Sender<()> {
    let (release, held): (Sender<()>, Receiver<()>) = channel();
    let (says, begun) = channel();
    pool.execute(move || {
        says.send(()).expect("the test waits");
        let _ = held.recv();
    })
    .expect("open");
    begun.recv_timeout(PATIENCE).expect("a worker is free");
    release
}

/// Attacks C8: wherever the worker dies before the job runs, with a handle or without.
#[test]
fn the_handle_of_a_job_whose_worker_dies_before_it_runs_hears_that_it_is_lost() {
    for (n, step) in BEFORE_IT_RUNS.into_iter().enumerate() {
        let name = format!("dies-early-{n}");
        let pool = pool(&name, 1);
        arm(&name, step, 0);
        assert!(is_lost(pool.submit(|| ()).expect("open")), "{step:?}");
        assert_eq!(join(pool.submit(|| 7).expect("open")).expect("by the next worker"), 7);
        let stats = assert_at_rest(&pool, 1);
        assert_eq!((stats.lost, stats.ok, stats.threads_started), (1, 1, 2), "{step:?}");
        assert_ends(pool, 1);
    }
}

#[test]
fn a_job_without_a_handle_whose_worker_dies_is_counted_and_what_it_captured_is_freed() {
    for (n, step) in [Step::Take, Step::Release].into_iter().enumerate() {
        let name = format!("dies-plain-{n}");
        let pool = pool(&name, 1);
        let captured = Arc::new(());
        let carries = Arc::clone(&captured);
        arm(&name, step, 0);
        pool.execute(move || drop(carries)).expect("open");
        let stats = assert_at_rest(&pool, 1);
        assert_eq!((stats.lost, stats.ok), (1, 0), "{step:?}");
        assert_eq!(Arc::strong_count(&captured), 1, "{step:?}");
        assert_ends(pool, 1);
    }
}

/// Attacks C8: what came of a job is not lost with its worker.
#[test]
fn a_job_that_was_run_yields_its_result_though_its_worker_dies() {
    for (n, step) in AFTER_IT_RAN.into_iter().enumerate() {
        let name = format!("dies-late-{n}");
        let pool = pool(&name, 1);
        arm(&name, step, 0);
        assert_eq!(join(pool.submit(|| 7).expect("open")).expect("it has been run"), 7);
        let stats = assert_at_rest(&pool, 1);
        assert_eq!((stats.lost, stats.ok), (0, 1), "{step:?}");
        assert_ends(pool, 1);
    }
}

#[test]
fn a_worker_that_dies_without_a_job_is_replaced_though_nobody_else_is_awake() {
    let pool = pool("dies-empty", 2);
    join(pool.submit(|| ()).expect("open")).expect("it returns");
    let shared = Arc::clone(&pool.handle().core.shared);
    until(|| shared.sleep.look().is_supervisor_parked());
    arm("dies-empty", Step::Search, 0);
    // For no reason, as a thread may wake up.
    shared.sleep.rouse(0);
    until(|| deaths(&pool) == 1);
    let stats = assert_at_rest(&pool, 2);
    assert_eq!((stats.lost, stats.ok, stats.threads_started), (0, 1, 3));
    assert_ends(pool, 1);
}

#[test]
fn a_job_lost_from_the_own_deque_leaves_the_others_there_to_other_workers() {
    let pool = pool("dies-own", 1);
    let inside = pool.handle();
    let jobs = pool.submit(move || {
        let jobs: Vec<_> = (0..5).map(|n| inside.submit(move || n).expect("open")).collect();
        // The next job that this worker takes is from its own deque.
        arm("dies-own", Step::Take, 0);
        jobs
    });
    let mut jobs = join(jobs.expect("open")).expect("it returns").into_iter();
    assert!(is_lost(jobs.next().expect("the oldest")));
    let others: Vec<_> = jobs.map(|job| join(job).expect("not lost")).collect();
    assert_eq!(others, [1, 2, 3, 4]);
    let stats = assert_at_rest(&pool, 1);
    assert_eq!((stats.lost, stats.ok), (1, 5));
    assert_ends(pool, 1);
}

#[test]
fn a_stolen_job_is_lost_with_the_thief_and_its_victim_goes_on() {
    let pool = pool("dies-thief", 2);
    let other = hold(&pool);
    let inside = pool.handle();
    let (release, held) = channel::<()>();
    let (says, stolen) = channel();
    let victim = pool.submit(move || {
        let job = inside.submit(|| ()).expect("open");
        // The other worker has nothing else to take than what is in this one's deque.
        arm("dies-thief", Step::Take, 0);
        drop(other);
        says.send(job).expect("the test waits");
        let _ = held.recv();
        7
    });
    let stolen = stolen.recv_timeout(PATIENCE).expect("the victim goes on");
    assert!(is_lost(stolen));
    drop(release);
    assert_eq!(join(victim.expect("open")).expect("it returns"), 7);
    let stats = assert_at_rest(&pool, 2);
    assert_eq!((stats.lost, stats.ok), (1, 2));
    assert_ends(pool, 1);
}

/// Attacks Q1 and S8: what the dead worker had moved to its deque is somebody else's.
#[test]
fn of_a_batch_that_a_worker_has_half_run_as_it_dies_one_job_is_lost_and_the_others_run() {
    for after in 0..6 {
        let name = format!("dies-batch-{after}");
        let pool = pool(&name, 1);
        let held = hold(&pool);
        let ran = Arc::new(AtomicUsize::new(0));
        let jobs: Vec<_> = (0..12)
            .map(|_| {
                let ran = Arc::clone(&ran);
                pool.submit(move || ran.fetch_add(1, Ordering::SeqCst)).expect("open")
            })
            .collect();
        arm(&name, Step::Take, after);
        drop(held);
        let lost = jobs.into_iter().map(join).filter(Result::is_err).count();
        assert_eq!((lost, ran.load(Ordering::SeqCst)), (1, 11), "after {after}");
        let stats = assert_at_rest(&pool, 1);
        assert_eq!((stats.lost, stats.ok), (1, 12));
        assert_ends(pool, 1);
    }
}

#[test]
fn a_shell_in_the_hands_of_a_worker_that_dies_is_no_job() {
    let pool = pool("dies-shell", 1);
    let held = hold(&pool);
    let job = pool.submit(|| ()).expect("open");
    assert!(job.cancel());
    arm("dies-shell", Step::Take, 0);
    drop(held);
    assert!(join(job).is_err_and(|error| error.is_cancelled()));
    until(|| deaths(&pool) == 1);
    let stats = assert_at_rest(&pool, 1);
    assert_eq!((stats.lost, stats.cancelled), (0, 1));
    assert!(!pool.handle().core.shared.gate.has_shells());
    assert_ends(pool, 1);
}

#[test]
fn a_job_joined_inside_another_that_a_defect_ends_is_lost_and_the_other_panics() {
    for (n, step) in [Step::Release, Step::Run].into_iter().enumerate() {
        let name = format!("dies-inline-{n}");
        let pool = pool(&name, 1);
        let (inside, arms) = (pool.handle(), name.clone());
        let outer = pool.submit(move || {
            let job = inside.submit(|| ()).expect("open");
            arm(&arms, step, 0);
            join(job)
        });
        assert!(join(outer.expect("open")).is_err_and(|error| error.is_panicked()), "{step:?}");
        let stats = assert_at_rest(&pool, 1);
        let lost = u64::from(step == Step::Release);
        assert_eq!((stats.panicked, stats.lost, stats.ok), (1, lost, 1 - lost), "{step:?}");
        assert_ends(pool, 0);
    }
}

#[test]
fn a_set_of_jobs_ends_though_one_of_them_is_lost() {
    let pool = pool("dies-set", 2);
    arm("dies-set", Step::Take, 2);
    let set = pool.job_set();
    for n in 0..8 {
        set.submit(move |_| n).expect("open");
    }
    let joined = set.join_all();
    let lost = joined.outcomes.iter().filter(|outcome| outcome.is_err()).count();
    assert_eq!((joined.outcomes.len(), lost), (8, 1));
    assert_eq!(assert_at_rest(&pool, 2).lost, 1);
    assert_ends(pool, 1);
}

#[test]
fn a_shutdown_that_waits_for_a_job_that_is_lost_ends() {
    let pool = pool("dies-shutdown", 1);
    let held = hold(&pool);
    let jobs: Vec<_> = (0..4).map(|n| pool.submit(move || n).expect("open")).collect();
    arm("dies-shutdown", Step::Release, 1);
    let ends = {
        let handle = pool.handle();
        std::thread::spawn(move || (handle, pool.shutdown()))
    };
    drop(held);
    let (_handle, report) = ends.join().expect("it returns");
    assert!(report.ended, "{report:?}");
    assert_eq!((report.lost, report.completed, report.accepted), (1, 4, 5));
    assert_eq!(jobs.into_iter().map(join).filter(Result::is_err).count(), 1);
}

/// A state that cannot be built the first time; each further time somebody is told and waits.
struct Trials {
    states: Stateful<(), ()>,
    again: Receiver<()>,
    release: Sender<()>,
}

fn trials(pool: &Pool, failures: usize) -> Trials {
    let (says, again) = channel();
    let (release, held) = channel::<()>();
    let (tries, held) = (AtomicUsize::new(0), Mutex::new(held));
    let states = pool.with_state(move |_| {
        if tries.fetch_add(1, Ordering::SeqCst) < failures {
            return Err(());
        }
        let _ = says.send(());
        let _ = held.lock().recv();
        Ok(())
    });
    Trials { states, again, release }
}

#[test]
fn a_job_cancelled_while_its_worker_dies_of_looking_for_its_state_leaves_no_shell() {
    for is_cancelled in [true, false] {
        let name = format!("dies-needing-{is_cancelled}");
        let pool = pool(&name, 1);
        let Trials { states, again, release } = trials(&pool, 0);
        let job = states.submit(|(), _| ()).expect("open");
        again.recv_timeout(PATIENCE).expect("it is tried");
        arm(&name, Step::Meet, 0);
        assert_eq!(is_cancelled && job.cancel(), is_cancelled);
        drop(release);
        until(|| deaths(&pool) == 1);
        let error = join(job).expect_err("it did not run");
        assert_eq!((error.is_cancelled(), error.is_lost()), (is_cancelled, !is_cancelled));
        let stats = assert_at_rest(&pool, 1);
        assert_eq!((stats.cancelled, stats.lost), (is_cancelled.into(), (!is_cancelled).into()));
        assert!(!pool.handle().core.shared.gate.has_shells());
        assert_ends(pool, 1);
    }
}

/// Attacks H3.
#[test]
fn a_worker_that_dies_while_it_holds_is_counted_out_once_also_if_it_was_sent_home() {
    for min in [0, 1] {
        let name = format!("dies-holding-{min}");
        let builder = Pool::builder(&name).workers(min..=1).keep_alive(Duration::ZERO);
        let pool = builder.build().expect("settings that can be used");
        let Trials { states, again, release } = trials(&pool, 1);
        let job = states.submit(|(), _| ()).expect("open");
        again.recv_timeout(PATIENCE).expect("it is tried again, by a worker that holds");
        arm(&name, Step::Meet, 0);
        assert!(job.cancel());
        until(|| pool.stats().workers.total == min as u32);
        drop(release);
        until(|| deaths(&pool) == 1);
        let live = || pool.handle().core.shared.sleep.look().live();
        until(|| live() == min as u32);
        assert_eq!(join(pool.submit(|| 7).expect("open")).expect("by another"), 7);
        until(|| live() == min as u32);
        assert_at_rest(&pool, min as u32);
        assert_ends(pool, 1);
    }
}

/// Attacks H3. Others may leave by themselves between the count and this.
#[test]
fn workers_that_hold_are_sent_home_down_to_the_floor_and_no_further() {
    let delayed = DelayedJobs::new(0, Delayed::Cancel);
    let shared =
        Shared::new(PoolName::take("holding-floor"), 4, 1, delayed, None, Seams::default());
    for index in 0..4 {
        assert_eq!(shared.roster.reserve(), Some(index));
        shared.sleep.enlist();
        let _ = shared.sleep.found(|| 0);
        shared.roster.slot(index).set_state(State::Held);
    }
    shared.restraints.hold();
    let left = || (shared.held(), shared.sleep.look().live());
    // Counted as four, of which two may go; and one has left by itself since.
    assert!(shared.roster.slot(3).end_hold(State::Leaving));
    let _ = shared.sleep.discharge_busy(|| 0);
    assert_eq!(left(), (3, 3));
    assert_eq!(retire_held(&shared, 2, 2), 1);
    assert_eq!(left(), (2, 2), "who was not sent home holds on");
    assert_eq!(retire_held(&shared, 2, 2), 0);
    assert_eq!(retire_held(&shared, 1, 0), 1);
    assert_eq!(left(), (1, 1));
}

/// Attacks H4. Who is set aside can leave no state, and tries again all the same.
#[test]
fn a_worker_tries_again_without_leaving_the_state_of_one_that_holds() {
    let pool = pool("holds-on", 1);
    let (says, tries) = channel();
    let states = pool.with_state(move |_| -> Result<(), ()> {
        let _ = says.send(());
        Err(())
    });
    let job = states.submit(|(), _| ()).expect("open");
    let core = Arc::clone(&pool.handle().core);
    until(|| core.shared.held() == 1);
    assert!(core.shared.roster.slot(0).take_aside());
    (0..4).for_each(|_| tries.recv_timeout(PATIENCE).expect("it tries again"));
    core.shared.roster.slot(0).set_state(State::Held);
    assert!(job.cancel());
    assert_at_rest(&pool, 1);
}

/// Attacks H3.
#[test]
fn a_worker_waits_while_it_is_decided_whether_it_goes() {
    for round in 0..200 {
        let slot = Arc::new(Slot::new());
        slot.set_state(State::Deciding);
        let (says, about_to) = channel();
        let worker = {
            let slot = Arc::clone(&slot);
            std::thread::spawn(move || says.send(()).is_ok() && slot.end_hold(State::Live))
        };
        about_to.recv().expect("it has begun");
        (0..round % 20).for_each(|_| std::thread::yield_now());
        let stays = round % 2 == 0;
        slot.set_state(if stays { State::Held } else { State::Leaving });
        assert_eq!(worker.join().expect("it does not panic"), stays);
        assert_eq!(slot.state(), if stays { State::Live } else { State::Leaving });
    }
}

/// Writes down what it is told.
#[derive(Default)]
struct Witness {
    ended: Mutex<Vec<Outcome>>,
    stopped: Mutex<Vec<StopCause>>,
}

impl Observer for Witness {
    fn job_ended(&self, job: &JobEnded<'_>) {
        self.ended.lock().push(job.outcome);
    }

    fn worker_stopped(&self, worker: &WorkerStopped<'_>) {
        self.stopped.lock().push(worker.cause);
    }
}

#[test]
fn an_observer_is_told_once_of_a_lost_job_and_of_its_worker() {
    for (n, step) in BEFORE_IT_RUNS.into_iter().enumerate() {
        let name = format!("dies-told-{n}");
        let witness = Arc::new(Witness::default());
        let builder = Pool::builder(&name).workers(1..=1).observer(Arc::clone(&witness));
        let pool = builder.build().expect("settings that can be used");
        arm(&name, step, 0);
        assert!(is_lost(pool.submit(|| ()).expect("open")), "{step:?}");
        join(pool.submit(|| ()).expect("open")).expect("it returns");
        assert_ends(pool, 1);
        assert_eq!(*witness.ended.lock(), [Outcome::Lost, Outcome::Ok], "{step:?}");
        assert_eq!(*witness.stopped.lock(), [StopCause::Panic, StopCause::Shutdown], "{step:?}");
    }
}
