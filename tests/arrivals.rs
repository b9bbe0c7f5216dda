//! What an observer is told before a job starts and before a pool has ended: that jobs were
//! accepted, each once, and that the end begins.

mod common;

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use common::{PATIENCE, SECOND, assert_submitted, build, by_hand, occupy, until, within};
use springtide::testing::ManualClock;
use springtide::{
    Builder, DropPolicy, JobAccepted, JobEnded, JobId, JobRefused, JobStarting, Lane, Observer,
    Outcome, Overflow, Pool, PoolEnded, PoolEnding, PoolHandle, Retry,
};

/// A job as it was told to be accepted.
#[derive(Clone, Debug, PartialEq)]
struct Accepted {
    kind: &'static str,
    id: Option<JobId>,
    attempt: u32,
    delay: Option<Duration>,
    thread: String,
}

/// What was told, in its order.
#[derive(Default)]
struct Told {
    accepted: Vec<Accepted>,
    refused: u64,
    ended: Vec<Outcome>,
    words: Vec<&'static str>,
}

#[derive(Default)]
struct Witness(Mutex<Told>);

impl Witness {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many jobs of each kind were told to be accepted.
    fn kinds(&self) -> BTreeMap<&'static str, usize> {
        let mut kinds = BTreeMap::new();
        self.told().accepted.iter().for_each(|job| *kinds.entry(job.kind).or_default() += 1);
        kinds
    }

    fn of(&self, kind: &str) -> Vec<Accepted> {
        self.told().accepted.iter().filter(|job| job.kind == kind).cloned().collect()
    }
}

impl Observer for Witness {
    fn job_accepted(&self, job: &JobAccepted<'_>) {
        let thread = thread::current().name().unwrap_or("").to_owned();
        let JobAccepted { kind, id, attempt, delay, .. } = *job;
        let mut told = self.told();
        told.accepted.push(Accepted { kind, id, attempt, delay, thread });
        told.words.push("accepted");
    }

    fn job_refused(&self, refused: &JobRefused<'_>) {
        self.told().refused += refused.jobs;
    }

    fn job_starting(&self, _job: &JobStarting<'_>) {
        self.told().words.push("starting");
    }

    fn job_ended(&self, job: &JobEnded<'_>) {
        let mut told = self.told();
        told.ended.push(job.outcome);
        told.words.push("over");
    }

    fn pool_ending(&self, pool: &PoolEnding<'_>) {
        assert!(!pool.pool.is_empty());
        self.told().words.push("ending");
    }

    fn pool_ended(&self, _pool: &PoolEnded<'_>) {
        self.told().words.push("ended");
    }
}

fn witnessed(builder: Builder) -> (Pool, ManualClock, Arc<Witness>) {
    let witness = Arc::new(Witness::default());
    let (pool, clock) = by_hand(builder.observer(Arc::clone(&witness)));
    (pool, clock, witness)
}

/// Submits jobs in every way that there is, each way with a kind of its own where it has kinds;
/// returns how many.
fn submit_in_every_way(pool: &Pool, lane: &Lane) -> usize {
    pool.execute(|| ()).expect("open");
    pool.try_execute(|| ()).expect("open");
    pool.submit(|| ()).expect("open").detach();
    pool.try_submit(|| ()).expect("open").detach();
    pool.submit_timeout(|| (), SECOND).expect("open").detach();
    pool.submit_fallible(|| Err::<(), _>(())).expect("open").detach();
    let mut permits = pool.reserve(3).expect("open");
    permits.execute(|| ()).expect("a place");
    permits.submit(|| ()).expect("a place").detach();
    drop(permits);
    pool.submit_batch((0..300).map(|n| move || n)).handles.clear();
    pool.scope(|scope| _ = scope.spawn(|| ()).join());
    pool.job("job").submit(|_| ()).expect("open").detach();
    pool.job("map").map(0..5, |_, n| n).for_each(drop);
    let set = pool.job("set").set();
    (0..4).for_each(|n| set.submit(move |_| n).expect("open"));
    assert_eq!(set.join_all().all().expect("they return").len(), 4);
    lane.job("lane").submit(|_| ()).expect("room").join().expect("it ran");
    lane.job("lane").submit_fallible(|_| Ok::<_, ()>(())).expect("room").detach();
    6 + 2 + 300 + 1 + 1 + 5 + 4 + 2
}

#[test]
fn each_job_that_is_accepted_is_told_of_once_however_it_comes() {
    within(PATIENCE, "arrivals", || {
        let (pool, _clock, witness) = witnessed(Pool::builder("arrivals").workers(2..=2));
        let lane = pool.lane("lane").build().expect("valid");
        let all = submit_in_every_way(&pool, &lane);
        pool.wait_idle().expect("not inside");
        let expected = [("job", all - 11), ("lane", 2), ("map", 5), ("set", 4)];
        assert_eq!(witness.kinds(), expected.into());
        let told = witness.told();
        let mut ids: Vec<_> = told.accepted.iter().filter_map(|job| job.id).collect();
        assert_eq!(told.accepted.len() - ids.len(), 3, "those without a handle");
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), all - 3, "each of them another one");
        assert!(told.accepted.iter().all(|job| (job.attempt, job.delay) == (1, None)));
        assert_eq!(told.ended.len(), all, "and is over once");
        drop(told);
        assert_eq!(pool.stats().accepted, all as u64);
    });
}

// A job that is not accepted is not told of as accepted, and the rest of a batch neither
#[test]
fn what_is_refused_is_not_told_to_be_accepted() {
    within(PATIENCE, "turned-away", || {
        let builder = Pool::builder("turned-away").workers(1..=1).queue_capacity(2);
        let (pool, _clock, witness) =
            witnessed(builder.delayed_capacity(0).overflow(Overflow::Reject));
        let held = occupy(&pool, 1);
        assert_eq!(pool.submit_batch((0..5).map(|n| move || n)).refused.len(), 3);
        assert!(pool.execute(|| ()).is_err());
        assert!(pool.job("delayed").delay(SECOND).submit(|_| ()).is_err());
        held.release();
        pool.close();
        assert!(pool.submit(|| ()).is_err());
        let told = witness.told();
        assert_eq!((told.accepted.len(), told.refused), (3, 6));
        drop(told);
        assert_submitted(&pool, 9);
    });
}

#[test]
fn a_delayed_job_is_told_of_as_it_begins_to_wait_and_not_again_when_it_is_due() {
    within(PATIENCE, "later", || {
        let (pool, clock, witness) = witnessed(Pool::builder("later").workers(1..=1));
        let later = pool.job("later").delay(SECOND * 5).submit(|_| ()).expect("open");
        let here = thread::current().name().unwrap_or("").to_owned();
        let told = witness.of("later");
        assert_eq!(told.len(), 1, "already");
        assert_eq!((told[0].delay, &told[0].thread), (Some(SECOND * 5), &here));
        assert_eq!(told[0].id, Some(later.id()));
        clock.advance(SECOND * 5);
        later.join().expect("it ran");
        assert_eq!(witness.of("later").len(), 1);
    });
}

#[test]
fn a_job_of_a_lane_is_told_of_as_it_gets_there_and_not_again_when_it_leaves() {
    within(PATIENCE, "in-lane", || {
        let (pool, _clock, witness) = witnessed(Pool::builder("in-lane").workers(1..=1));
        let lane = pool.lane("lane").max_running(0).build().expect("valid");
        let waits = lane.job("lane").submit(|_| ()).expect("room");
        assert_eq!(witness.of("lane").len(), 1, "already");
        lane.reconfigure(|lane| lane.max_running = Some(1)).expect("valid");
        waits.join().expect("it ran");
        assert_eq!(witness.of("lane").len(), 1);
    });
}

#[test]
fn each_attempt_and_each_run_of_a_series_is_told_of() {
    within(PATIENCE, "again", || {
        let (pool, clock, witness) = witnessed(Pool::builder("again").workers(1..=1));
        let retry = Retry::fixed(SECOND).without_jitter().max_attempts(3);
        let job = pool.job("retried").retry(retry).submit(|_| Err::<(), _>("no")).expect("open");
        for attempt in 2..=3 {
            until(|| witness.of("retried").len() == attempt);
            until(|| pool.stats().delayed == 1);
            clock.advance(SECOND);
        }
        job.join().expect_err("it fails each time");
        let told = witness.of("retried");
        let attempts: Vec<_> = told.iter().map(|job| (job.attempt, job.delay)).collect();
        assert_eq!(attempts, [(1, None), (2, Some(SECOND)), (3, Some(SECOND))]);
        // The first may be over before its submitter, who then goes on with it, has returned.
        assert_eq!(told[2].thread, "again-0", "{told:?}");
        let series = pool.every(SECOND).kind("series").start(|_| ()).expect("open");
        for run in 1..=3 {
            clock.advance(SECOND);
            until(|| series.runs() == run);
        }
        series.cancel();
        let told = witness.of("series");
        assert_eq!(told.len(), 3);
        assert!(told.iter().all(|job| job.thread == "again/time"), "{told:?}");
    });
}

#[test]
fn a_job_that_its_submitter_runs_is_told_of_before_it_starts() {
    within(PATIENCE, "runs-here", || {
        let builder = Pool::builder("runs-here").workers(1..=1).queue_capacity(1);
        let (pool, _clock, witness) = witnessed(builder.overflow(Overflow::CallerRuns));
        let held = occupy(&pool, 1);
        pool.execute(|| ()).expect("one place");
        until(|| witness.told().words.len() == 3);
        pool.execute(|| ()).expect("run here");
        assert_eq!(witness.told().words[3..], ["accepted", "starting", "over"]);
        held.release();
    });
}

/// Looks at everything, submits another job, and cancels that, in the hook for the first one.
#[derive(Default)]
struct Busy(OnceLock<(PoolHandle, Lane)>, Mutex<Vec<usize>>);

impl Observer for Busy {
    fn job_accepted(&self, job: &JobAccepted<'_>) {
        let Some((pool, lane)) = self.0.get().filter(|_| job.kind == "first") else { return };
        let seen = pool.stats().accepted as usize + pool.running_jobs().len();
        assert!(lane.stats().running <= 1);
        let another = lane.job("second").submit(|_| ()).expect("room");
        another.cancel();
        pool.job("third").delay(SECOND).submit(|_| ()).expect("open").cancel();
        self.1.lock().expect("no panics").push(seen);
    }
}

#[test]
fn the_hook_for_what_is_accepted_runs_under_no_lock() {
    within(PATIENCE, "unlocked", || {
        let busy = Arc::new(Busy::default());
        let pool = build(Pool::builder("unlocked").workers(2..=2).observer(Arc::clone(&busy)));
        let lane = pool.lane("lane").build().expect("valid");
        assert!(busy.0.set((pool.handle(), lane.clone())).is_ok());
        pool.job("first").submit(|_| ()).expect("open").join().expect("it ran");
        lane.job("first").submit(|_| ()).expect("open").join().expect("it ran");
        pool.job("first").delay(Duration::from_nanos(1)).submit(|_| ()).expect("open").detach();
        pool.job("first").map(0..3, |_, n| n).for_each(drop);
        let rest = Duration::from_nanos(1);
        let series = pool.every(rest).kind("first").start(|_| ()).expect("open");
        until(|| series.runs() > 1);
        series.cancel();
        until(|| series.is_over());
        assert!(busy.1.lock().expect("no panics").len() >= 8);
    });
}

#[test]
fn the_end_that_begins_is_told_once_before_anything_is_cancelled() {
    let ends: [fn(Pool); 6] = [
        |pool| assert!(pool.shutdown().ended),
        |pool| _ = pool.shutdown_now(),
        |pool| _ = pool.shutdown_timeout(Duration::ZERO),
        drop,
        |pool| {
            pool.close();
            pool.shutdown_timeout(SECOND);
            pool.shutdown_now();
            drop(pool);
        },
        |pool| {
            let shut = || _ = pool.shutdown();
            thread::scope(|scope| (0..4).for_each(|_| _ = scope.spawn(shut)));
        },
    ];
    within(PATIENCE, "ending", move || {
        for end in ends {
            let builder = Pool::builder("ending").workers(1..=1).on_drop(DropPolicy::Detach);
            let (pool, _clock, witness) = witnessed(builder);
            let later = pool.job("later").delay(SECOND).submit(|_| ()).expect("open");
            end(pool);
            later.join().expect_err("it is cancelled");
            until(|| witness.told().words.contains(&"ended"));
            assert_eq!(witness.told().words, ["accepted", "ending", "over", "ended"]);
        }
    });
}

/// Takes its time to hear that a job is over: until the pool has ended, if it does not wait.
#[derive(Default)]
struct Slow {
    told: Mutex<Vec<&'static str>>,
    ended: Condvar,
}

impl Observer for Slow {
    fn job_ended(&self, _job: &JobEnded<'_>) {
        let told = self.told.lock().expect("no panics");
        let has_ended = |told: &mut Vec<_>| !told.contains(&"ended");
        let (mut told, _) =
            self.ended.wait_timeout_while(told, SECOND / 4, has_ended).expect("no panics");
        told.push("over");
    }

    fn pool_ended(&self, _pool: &PoolEnded<'_>) {
        self.told.lock().expect("no panics").push("ended");
        self.ended.notify_all();
    }
}

#[test]
fn the_end_of_every_job_is_told_before_that_of_the_pool() {
    let jobs: [fn(&Pool); 3] = [
        |pool| pool.job("later").delay(SECOND).submit(|_| ()).expect("open").detach(),
        |pool| pool.submit(|| ()).expect("open").detach(),
        |pool| pool.execute(|| ()).expect("open"),
    ];
    within(PATIENCE, "slow-to-hear", move || {
        for submit in jobs {
            let slow = Arc::new(Slow::default());
            let builder = Pool::builder("slow-to-hear").workers(0..=1).observer(Arc::clone(&slow));
            let pool = build(builder);
            pool.pause(); // So that no job starts.
            submit(&pool);
            pool.shutdown_now();
            assert!(pool.shutdown().ended);
            assert_eq!(*slow.told.lock().expect("no panics"), ["over", "ended"]);
        }
    });
}

#[test]
fn a_pool_that_is_only_closed_is_not_told_to_be_ending() {
    within(PATIENCE, "closed-only", || {
        let (pool, _clock, witness) = witnessed(Pool::builder("closed-only").workers(1..=1));
        pool.execute(|| ()).expect("open");
        pool.close();
        pool.wait_idle().expect("not inside");
        assert!(!witness.told().words.contains(&"ending"));
        assert!(pool.shutdown().ended);
        assert_eq!(witness.told().words[3..], ["ending", "ended"]);
    });
}

/// Submits to the pool as that begins to end.
#[derive(Default)]
struct Late(OnceLock<PoolHandle>, Mutex<Vec<bool>>);

impl Observer for Late {
    fn pool_ending(&self, _pool: &PoolEnding<'_>) {
        let refused = self.0.get().map(|pool| pool.execute(|| ()).is_err_and(|r| r.is_closed()));
        self.1.lock().expect("no panics").extend(refused);
    }
}

#[test]
fn a_pool_that_is_told_to_be_ending_takes_no_more_jobs() {
    within(PATIENCE, "too-late", || {
        let late = Arc::new(Late::default());
        let pool = build(Pool::builder("too-late").workers(1..=1).observer(Arc::clone(&late)));
        assert!(late.0.set(pool.handle()).is_ok());
        let inside = pool.handle();
        let ends = pool.submit(move || inside.is_paused()).expect("open");
        assert!(!ends.join().expect("it ran"));
        assert!(pool.shutdown().ended);
        assert_eq!(*late.1.lock().expect("no panics"), [true]);
    });
}
