//! The two clocks of a job: how long it may wait, and how long it may run.

mod common;

use std::sync::{Arc, Mutex};
use std::task::Wake;
use std::thread;
use std::time::Duration;

use common::{
    DropFlag, Latch, OnDrop, PATIENCE, SECOND, assert_submitted, build, clocked, fixed, occupy,
    poll_once, until, within,
};
use springtide::testing::ManualClock;
use springtide::{JobHandle, Overflow, Pool, PoolHandle};

#[test]
fn a_job_that_waited_too_long_is_not_run_and_counts_as_expired_only() {
    within(PATIENCE, "expiry", || {
        let (pool, clock) = clocked(Pool::builder("expiry").workers(1..=1));
        let held = occupy(&pool, 1);
        let (flag, on_drop) = DropFlag::new();
        let late = pool.job("late").expires_in(SECOND).submit(move |_| drop(on_drop));
        let in_time = pool.job("in time").expires_in(SECOND * 2).submit(|_| 2).expect("open");
        clock.advance(SECOND);
        held.release();
        let error = late.expect("open").join().expect_err("it waited a second");
        assert!(error.is_expired() && !error.is_cancelled() && !error.is_timed_out());
        assert_eq!(error.to_string(), "job expired in the queue");
        assert!(flag.is_dropped(), "freed without having run");
        assert_eq!(in_time.join().expect("it had a second left"), 2);
        let stats = assert_submitted(&pool, 3);
        assert_eq!((stats.ok, stats.expired, stats.cancelled), (2, 1, 0));
    });
}

/// Submits a job that may not wait at all, a second after the job that it is told of.
struct SubmitsLater {
    pool: PoolHandle,
    clock: ManualClock,
    late: Mutex<Option<JobHandle<()>>>,
}

impl Wake for SubmitsLater {
    fn wake(self: Arc<Self>) {
        self.clock.advance(SECOND);
        let late = self.pool.job("late").expires_in(Duration::ZERO).submit(|_| ());
        *self.late.lock().expect("no panics") = Some(late.expect("open"));
    }
}

// The worker has read its clock by then, as its job was over
#[test]
fn a_job_that_comes_between_two_jobs_of_a_worker_expires_by_its_own_time() {
    within(PATIENCE, "between", || {
        let (pool, clock) = clocked(Pool::builder("between").workers(1..=1));
        let latch = Latch::new();
        let opened = latch.clone();
        let mut first = pool.submit(move || opened.wait()).expect("open");
        let waker = SubmitsLater { pool: pool.handle(), clock, late: Mutex::default() };
        let waker = Arc::new(waker);
        assert!(poll_once(&mut first, &waker).is_pending());
        latch.open();
        until(|| waker.late.lock().expect("no panics").is_some());
        let late = waker.late.lock().expect("no panics").take().expect("it was submitted");
        assert!(late.join().expect_err("it may not wait").is_expired());
    });
}

// Wait for idle means that everybody was told
#[test]
fn an_idle_pool_has_told_the_handles_of_what_expired_in_it() {
    within(PATIENCE, "expirytold", || {
        let (pool, _clock) = clocked(Pool::builder("expirytold").workers(1..=1));
        for _ in 0..20 {
            let (flag, set) = DropFlag::new();
            let slow = OnDrop::new(move || {
                thread::sleep(Duration::from_millis(5));
                drop(set);
            });
            let job = pool.job("old").expires_in(Duration::ZERO).submit(move |_| drop(slow));
            let job = job.expect("open");
            until(|| pool.wait_idle_timeout(Duration::ZERO).is_ok());
            assert!(job.is_finished() && flag.is_dropped());
        }
        assert_eq!(assert_submitted(&pool, 20).expired, 20);
    });
}

// Nested: the one who waits does not run it either
#[test]
fn a_job_that_expired_is_not_run_by_the_job_that_joins_it() {
    within(PATIENCE, "expirynest", || {
        let (pool, clock) = clocked(Pool::builder("expirynest").workers(1..=1));
        let inner = pool.handle();
        let parent = pool.submit(move || {
            let child = inner.job("child").expires_in(SECOND).submit(|_| panic!("too late"));
            clock.advance(SECOND);
            child.expect("open").join().expect_err("it waited a second")
        });
        let error = parent.expect("open").join().expect("it returns");
        assert!(error.is_expired(), "{error}");
        let stats = assert_submitted(&pool, 2);
        assert_eq!((stats.ok, stats.expired, stats.panicked), (1, 1, 0));
    });
}

#[test]
fn the_timeout_counts_from_the_start_not_from_the_submission() {
    within(PATIENCE, "fromstart", || {
        let (pool, clock) = clocked(Pool::builder("fromstart").workers(1..=1));
        let held = occupy(&pool, 1);
        let job = pool.job("patient").timeout(SECOND).submit(|cx| (cx.remaining(), cx.check()));
        clock.advance(SECOND * 50);
        held.release();
        let seen = job.expect("open").join().expect("it ran for no time at all");
        assert_eq!(seen, (Some(SECOND), Ok(())));
        assert_eq!(assert_submitted(&pool, 2).ok, 2);
    });
}

// A timeout tells the job
#[test]
fn a_job_that_runs_too_long_is_told_and_its_late_result_is_dropped() {
    within(PATIENCE, "toolong", || {
        let (pool, clock) = clocked(Pool::builder("toolong").workers(1..=1));
        let (flag, on_drop) = DropFlag::new();
        let ticking = clock.clone();
        let job = pool.job("long").timeout(SECOND).submit(move |cx| {
            assert!(!cx.is_cancelled());
            ticking.advance(SECOND + Duration::from_nanos(1));
            assert!(cx.is_cancelled() && cx.check().is_err());
            assert_eq!(cx.remaining(), Some(Duration::ZERO));
            on_drop
        });
        let error = job.expect("open").join().err().expect("it took too long");
        assert!(error.is_timed_out());
        assert_eq!(pool.wait_idle(), Ok(()));
        assert!(flag.is_dropped());
        let stats = assert_submitted(&pool, 1);
        assert_eq!((stats.timed_out, stats.ok), (1, 0));
    });
}

// The handle of a job that never ends
#[test]
fn the_handle_of_a_job_that_never_ends_resolves_and_its_worker_still_counts() {
    within(PATIENCE, "never", || {
        let pool = fixed("never", 1, 8);
        let latch = Latch::new();
        let gate = latch.clone();
        let (flag, on_drop) = DropFlag::new();
        let job = pool.job("never").timeout(Duration::from_millis(20)).submit(move |_| {
            gate.wait();
            on_drop
        });
        let error = job.expect("open").join().err().expect("nothing else resolves it");
        assert!(error.is_timed_out());
        let stats = pool.stats();
        assert_eq!((stats.running, stats.workers.busy, stats.timed_out), (1, 1, 0));
        assert_eq!(pool.running_jobs()[0].kind, "never");
        assert!(pool.wait_idle_timeout(Duration::from_millis(1)).is_err());
        latch.open();
        let stats = assert_submitted(&pool, 1);
        assert_eq!((stats.timed_out, stats.ok), (1, 0));
        assert!(flag.is_dropped(), "its late result is nobody's");
    });
}

// A job in a pool that sleeps, or that has other things to do
#[test]
fn timeouts_of_many_jobs_each_resolve_at_their_own_time() {
    within(PATIENCE, "several", || {
        let pool = build(Pool::builder("several").workers(4..=4));
        let latch = Latch::new();
        let submit = |timeout| {
            let gate = latch.clone();
            let job = pool.job("stuck").timeout(timeout).submit(move |_| gate.wait());
            job.expect("open")
        };
        let last = submit(Duration::MAX);
        let handles = [submit(SECOND / 20), submit(SECOND / 100), submit(SECOND / 50)];
        for handle in handles {
            assert!(handle.join().expect_err("the latch is closed").is_timed_out());
        }
        assert!(!last.is_finished());
        latch.open();
        last.join().expect("it had all the time there is");
        let stats = assert_submitted(&pool, 4);
        assert_eq!((stats.ok, stats.timed_out), (1, 3));
    });
}

// Cancel against timeout against the end
#[test]
fn a_timeout_that_races_with_the_end_gives_one_answer_and_one_count() {
    within(PATIENCE, "race", || {
        let pool = fixed("race", 2, 64);
        let mut late = 0;
        for n in 0..200_u32 {
            let job = pool.job("close").timeout(Duration::from_micros(100)).submit(move |cx| {
                until(|| cx.is_cancelled() || n % 2 == 0);
            });
            let job = job.expect("open");
            if n % 3 == 0 {
                job.cancel();
            }
            match job.join() {
                Ok(()) => {}
                Err(error) if error.is_timed_out() => late += 1,
                Err(error) => assert!(error.is_cancelled(), "{error}"),
            }
        }
        let stats = assert_submitted(&pool, 200);
        assert!(late > 0 && stats.timed_out == late, "{late} of {stats:?}");
    });
}

// A child that is run in its parent's place has its own timeout
#[test]
fn a_nested_job_past_its_timeout_leaves_its_parents_alone() {
    within(PATIENCE, "nestlimit", || {
        let (pool, clock) = clocked(Pool::builder("nestlimit").workers(1..=1));
        let inner = pool.handle();
        let parent = pool.job("parent").timeout(SECOND * 10).submit(move |cx| {
            let ticking = clock.clone();
            let child = inner.job("child").timeout(SECOND).submit(move |cx| {
                ticking.advance(SECOND * 2);
                cx.is_cancelled()
            });
            let error = child.expect("open").join().expect_err("a second too long");
            (error.is_timed_out(), cx.is_cancelled(), cx.remaining())
        });
        let seen = parent.expect("open").join().expect("it had time left");
        assert_eq!(seen, (true, false, Some(SECOND * 8)));
        let stats = assert_submitted(&pool, 2);
        assert_eq!((stats.ok, stats.timed_out), (1, 1));
    });
}

#[test]
fn a_job_on_its_submitters_thread_has_a_timeout_too() {
    within(PATIENCE, "callerlimit", || {
        let builder = Pool::builder("callerlimit").workers(1..=1).queue_capacity(1);
        let (pool, clock) = clocked(builder.overflow(Overflow::CallerRuns));
        let held = occupy(&pool, 1);
        pool.execute(|| {}).expect("one place");
        let job = pool.job("here").timeout(SECOND).submit(move |cx| {
            clock.advance(SECOND * 2);
            cx.is_cancelled()
        });
        assert!(job.expect("run here").join().expect_err("too long").is_timed_out());
        held.release();
        assert_eq!(assert_submitted(&pool, 3).timed_out, 1);
    });
}

// Time: a clock that steps
#[test]
fn a_clock_that_steps_stops_no_job_and_starts_no_storm() {
    within(PATIENCE, "steps", || {
        let (pool, clock) = clocked(Pool::builder("steps").workers(1..=64));
        clock.set(SECOND * 7_200);
        let back_and_forth = [7_195, 3_600, 86_400, 10, 500 * 31_536_000, 0, 7_200];
        for step in back_and_forth.map(Duration::from_secs) {
            // Two at once: their ages together are more than 64 bits of nanoseconds.
            let held = occupy(&pool, 2);
            let queued = pool.submit(|| 1).expect("open");
            clock.set(step);
            held.release();
            assert_eq!(queued.join().expect("it returns"), 1);
            assert_eq!(pool.wait_idle(), Ok(()));
            let limited = pool.job("limited").timeout(SECOND).submit(|_| 2).expect("open");
            assert_eq!(limited.join().expect("it ran for no time"), 2);
        }
        let stats = assert_submitted(&pool, 7 * 4);
        assert_eq!(stats.ok, 28);
        assert!(stats.threads_started <= 8, "a storm: {stats:?}");
    });
}
