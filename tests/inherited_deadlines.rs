//! The third clock of a job: a moment by which it must be over, which what it submits inherits.

mod common;

use std::sync::mpsc;
use std::time::{Duration, Instant};

use common::{
    DropFlag, FOREVER, Latch, PATIENCE, SECOND, assert_accounts, assert_submitted, block_on,
    clocked, fixed, occupy, within,
};
use springtide::{JobBuilder, JobContext, JobHandle, Overflow, Pool, PoolHandle};

#[test]
fn a_job_is_not_run_after_its_deadline_however_it_waited() {
    within(PATIENCE, "notafter", || {
        let (pool, clock) = clocked(Pool::builder("notafter").workers(1..=1));
        let held = occupy(&pool, 1);
        let (flag, on_drop) = DropFlag::new();
        let job = pool.job("late").expires_in(SECOND * 9).deadline_in(SECOND);
        let late = job.submit(move |_| drop(on_drop)).expect("open");
        let sooner = pool.job("sooner").expires_in(SECOND).deadline_in(SECOND * 9);
        let sooner = sooner.submit(|_| {}).expect("open");
        let passed = Instant::now().checked_sub(Duration::from_nanos(1)).expect("it has passed");
        let past = pool.job("past").deadline(passed).submit(|_| {}).expect("open");
        let in_time = pool.job("in time").deadline_in(SECOND * 2).submit(|cx| cx.remaining());
        clock.advance(SECOND);
        held.release();
        for expired in [late, sooner, past] {
            assert!(expired.join().expect_err("its deadline has passed").is_expired());
        }
        assert!(flag.is_dropped(), "freed without having run");
        let remaining = in_time.expect("open").join().expect("it had a second left");
        assert_eq!(remaining, Some(SECOND));
        assert_eq!(assert_submitted(&pool, 5).expired, 3);
    });
}

#[test]
fn a_job_that_runs_past_its_deadline_is_told_and_ends_as_timed_out() {
    within(PATIENCE, "runspast", || {
        let (pool, clock) = clocked(Pool::builder("runspast").workers(1..=1));
        let ticking = clock.clone();
        let job = pool.job("long").timeout(SECOND * 9).deadline_in(SECOND * 3);
        let job = job.submit(move |cx| {
            assert!(!cx.is_cancelled() && cx.remaining() == Some(SECOND * 3));
            assert!(cx.deadline().expect("it has one") > Instant::now() + SECOND * 2);
            ticking.advance(SECOND * 3 + Duration::from_nanos(1));
            assert!(cx.is_cancelled() && cx.remaining() == Some(Duration::ZERO));
            assert!(cx.deadline().expect("it has one") < Instant::now());
        });
        assert!(job.expect("open").join().expect_err("too late").is_timed_out());
        let job = pool.job("short").timeout(SECOND).deadline_in(SECOND * 3);
        let remaining = job.submit(|cx| cx.remaining()).expect("open").join();
        assert_eq!(remaining.expect("in time"), Some(SECOND), "the nearer of the two");
        assert_eq!(assert_submitted(&pool, 2).timed_out, 1);
    });
}

#[test]
fn the_handle_of_a_job_that_sleeps_through_its_deadline_resolves() {
    within(PATIENCE, "sleeps", || {
        let pool = fixed("sleeps", 1, 8);
        let latch = Latch::new();
        let gate = latch.clone();
        let deadline = Instant::now() + Duration::from_millis(20);
        let job = pool.job("sleeps").deadline(deadline).submit(move |cx| {
            let token = cx.token();
            gate.wait();
            assert!(token.is_cancelled(), "who watches it has told it");
        });
        let error = job.expect("open").join().expect_err("nothing else resolves it");
        assert!(error.is_timed_out() || error.is_expired());
        latch.open();
        assert_submitted(&pool, 1);
    });
}

/// What is left of the deadline for jobs of all kinds that the calling job submits to a pool.
fn remaining_of_parts(pool: &PoolHandle) -> [Option<Duration>; 7] {
    let part = |cx: &JobContext<'_>| cx.remaining();
    let inner = pool.clone();
    // A job without options cannot ask: the one that it submits can.
    let ask = move || inner.job("part").submit(part).expect("open").join().expect("in time");
    let asks = || ask.clone();
    [
        pool.job("part").submit(part).expect("open").join(),
        pool.job("part").deadline_in(SECOND * 2).submit(part).expect("open").join(),
        pool.job("part").deadline_in(SECOND * 9).submit(part).expect("open").join(),
        pool.job("part").without_inherited_deadline().submit(part).expect("open").join(),
        pool.submit(asks()).expect("open").join(),
        pool.submit_batch([asks()]).handles.remove(0).join(),
        block_on(pool.submit_async(asks())).expect("open").join(),
    ]
    .map(|remaining| remaining.expect("in time"))
}

#[test]
fn what_a_job_submits_inherits_its_deadline_and_the_earliest_wins() {
    within(PATIENCE, "inherits", || {
        let (left, own) = (Some(SECOND * 4), Some(SECOND * 2));
        let expected = [left, own, left, None, left, left, left];
        let (pool, clock) = clocked(Pool::builder("inherits").workers(1..=1));
        let inner = pool.handle();
        let parent = pool.job("parent").deadline_in(SECOND * 5).submit(move |_| {
            clock.advance(SECOND);
            let parts = remaining_of_parts(&inner);
            // And again, after parts with other deadlines have run on this thread.
            assert_eq!(parts, remaining_of_parts(&inner));
            parts
        });
        assert_eq!(parent.expect("open").join().expect("in time"), expected);
        // Outside any job, and in a job without a deadline, there is nothing to inherit.
        let nothing = [None, own, Some(SECOND * 9), None, None, None, None];
        assert_eq!(remaining_of_parts(&pool), nothing);
        let inner = pool.handle();
        let parent = pool.submit(move || remaining_of_parts(&inner));
        assert_eq!(parent.expect("open").join().expect("in time"), nothing);
    });
}

#[test]
fn a_job_inherits_from_its_submitter_and_not_from_who_waits_for_it() {
    within(PATIENCE, "waitsfor", || {
        let (pool, _clock) = clocked(Pool::builder("waitsfor").workers(1..=1));
        let (handles, handed) = mpsc::channel::<JobHandle<Option<Duration>>>();
        let waits = pool.job("waits").deadline_in(SECOND).submit(move |_| {
            // Still queued, so it is run here, in the place of this one.
            handed.recv().expect("the test sends one").join().expect("in time")
        });
        let inner = pool.handle();
        let job = pool.submit(move || {
            let part = inner.job("part").submit(|cx| cx.remaining());
            part.expect("open").join().expect("in time")
        });
        handles.send(job.expect("open")).expect("it waits");
        assert_eq!(waits.expect("open").join().expect("in time"), None);
        assert_submitted(&pool, 3);
    });
}

#[test]
fn a_deadline_is_inherited_by_jobs_of_another_pool() {
    within(PATIENCE, "another", || {
        let (pool, clock) = clocked(Pool::builder("another").workers(1..=1));
        clock.advance(FOREVER * 3);
        let other = fixed("other", 1, 8);
        let others = other.handle();
        let parent = pool.job("parent").deadline_in(FOREVER).submit(move |cx| {
            let part = others.job("part").submit(|cx| (cx.remaining(), cx.deadline()));
            (part.expect("open").join().expect("in time"), cx.deadline())
        });
        let ((remaining, inherited), deadline) = parent.expect("open").join().expect("in time");
        let (inherited, deadline) = (inherited.expect("inherited"), deadline.expect("set"));
        let apart = inherited.max(deadline) - inherited.min(deadline);
        assert!(apart < PATIENCE, "{apart:?}");
        let left = remaining.expect("inherited");
        assert!(left > FOREVER - PATIENCE && left <= FOREVER, "{left:?}");
        // Once the parent is over, nothing of it is left on its thread.
        assert_eq!(remaining_of_parts(&pool)[0], None);
    });
}

#[test]
fn a_job_that_its_submitter_runs_leaves_its_own_deadline_and_no_other() {
    within(PATIENCE, "byhand", || {
        let builder = Pool::builder("byhand").workers(1..=1).queue_capacity(1);
        let (pool, _clock) = clocked(builder.overflow(Overflow::CallerRuns));
        let held = occupy(&pool, 1);
        pool.execute(|| {}).expect("one place");
        let here = |pool: &PoolHandle, builder: fn(JobBuilder<'_>) -> JobBuilder<'_>| {
            let inner = pool.clone();
            let job = builder(pool.job("here")).submit(move |cx| {
                let part = inner.job("part").submit(|cx| cx.remaining());
                (cx.remaining(), part.expect("run here").join().expect("in time"))
            });
            job.expect("run here").join().expect("in time")
        };
        let second = Some(SECOND);
        assert_eq!(here(&pool, |job| job.deadline_in(SECOND)), (second, second));
        assert_eq!(here(&pool, |job| job), (None, None));
        // Nor that of the job, of another pool, which submits and so runs it.
        let (other, inner) = (fixed("byhandother", 1, 8), pool.handle());
        let submits = other
            .job("submits")
            .deadline_in(SECOND)
            .submit(move |_| here(&inner, |job| job.without_inherited_deadline()));
        assert_eq!(submits.expect("open").join().expect("in time"), (None, None));
        held.release();
        assert_submitted(&pool, 8);
    });
}

#[test]
fn every_deadline_is_legal() {
    within(PATIENCE, "anydeadline", || {
        let pool = fixed("anydeadline", 1, 8);
        for d in [Duration::ZERO, Duration::from_nanos(1), FOREVER, Duration::MAX] {
            let inner = pool.handle();
            let job = pool.job("any").deadline_in(d).submit(move |cx| {
                let part = inner.job("part").deadline_in(d).submit(|cx| cx.deadline());
                (cx.deadline(), part.expect("open").join().ok())
            });
            // Whatever became of it, it is resolved and counted.
            let _ = job.expect("open").join();
        }
        assert_accounts(&pool);
    });
}
