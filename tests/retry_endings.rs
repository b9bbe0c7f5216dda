//! The end of a job that is tried again: the last attempt knows, and whoever asked is told why.

mod common;

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use common::{DropFlag, PATIENCE, SECOND, assert_submitted, build, by_hand, occupy, until, within};
use springtide::testing::ManualClock;
use springtide::{
    Builder, CancelReason, CancelToken, JobContext, JobEnded, Observer, Pool, PoolHandle, Refusal,
    Retry, RetryBudget, RetryError, RetryHandle, RetryStop, RetryStopped,
};

/// A job that was told to have stopped.
type Stopped = (&'static str, u32, RetryStop, Duration);

/// Writes down which jobs stopped, and what ended before.
#[derive(Default)]
struct Witness {
    stopped: Mutex<Vec<Stopped>>,
    ended: Mutex<u64>,
}

impl Witness {
    fn stopped(&self) -> Vec<Stopped> {
        self.stopped.lock().expect("no panics").clone()
    }
}

impl Observer for Witness {
    fn retry_stopped(&self, job: &RetryStopped<'_>) {
        let RetryStopped { kind, attempts, stop, elapsed, .. } = *job;
        self.stopped.lock().expect("no panics").push((kind, attempts, stop, elapsed));
    }

    fn job_ended(&self, _job: &JobEnded<'_>) {
        *self.ended.lock().expect("no panics") += 1;
    }
}

/// A pool of one worker on a clock set by hand.
fn small_with(
    name: &str,
    set: impl FnOnce(Builder) -> Builder,
) -> (Pool, ManualClock, Arc<Witness>) {
    let witness = Arc::new(Witness::default());
    let builder = Pool::builder(name).workers(1..=1).retry_budget(RetryBudget::unlimited());
    let (pool, clock) = by_hand(set(builder.observer(Arc::clone(&witness))));
    (pool, clock, witness)
}

fn small(name: &str) -> (Pool, ManualClock, Arc<Witness>) {
    small_with(name, |builder| builder)
}

/// Waits one second each time, and makes three attempts.
fn each_second() -> Retry<&'static str> {
    Retry::fixed(SECOND).without_jitter().max_attempts(3)
}

fn fails(_: &JobContext<'_>) -> Result<(), &'static str> {
    Err("no")
}

type Answer = Result<(), RetryError<&'static str>>;

/// What the callback of a job gets.
fn answers(job: RetryHandle<(), &'static str>) -> Receiver<Answer> {
    let (send, answers) = channel();
    job.on_end(move |answer| drop(send.send(answer)));
    answers
}

#[test]
fn the_last_attempt_knows_that_it_is_the_last() {
    within(PATIENCE, "last", || {
        let (pool, clock, _witness) = small("last");
        let (send, knows) = channel();
        let job = pool.job("three").retry(each_second()).submit(move |cx| {
            let _ = send.send((cx.attempt(), cx.is_last_attempt()));
            Err::<(), _>("no")
        });
        for attempt in 1..=3 {
            assert_eq!(knows.recv().expect("it runs"), (attempt, attempt == 3));
            until(|| pool.stats().delayed == 1 || attempt == 3);
            clock.advance(SECOND);
        }
        job.expect("open").join().expect_err("it fails each time");
        let once = pool.job("once").submit(|cx| cx.is_last_attempt()).expect("open");
        assert!(once.join().expect("it returns"), "nobody tries it again");
        let deadline = pool.job("due").deadline_in(SECOND).submit(|cx| cx.is_last_attempt());
        assert!(deadline.expect("open").join().expect("it returns"));
    });
}

/// What an attempt that is not the last by its number knows before and after something happens.
fn knows(
    pool: &Pool,
    retry: Retry<&'static str>,
    deadline: Duration,
    happens: impl Fn() + Send + Sync + 'static,
) -> (bool, bool) {
    let (send, knows) = channel();
    let job = pool.job("job").deadline_in(deadline).retry(retry).submit(move |cx| {
        let before = cx.is_last_attempt();
        happens();
        let _ = send.send((before, cx.is_last_attempt()));
        Err::<(), _>("no")
    });
    let knows = knows.recv().expect("it runs");
    assert_eq!(job.expect("open").join().expect_err("it fails").attempts(), 1);
    knows
}

#[test]
fn an_attempt_after_which_the_time_is_up_is_the_last() {
    within(PATIENCE, "time-up", || {
        let (pool, clock, _witness) = small("time-up");
        let long = Duration::MAX;
        let ticks = clock.clone();
        let told = knows(&pool, each_second().max_elapsed(SECOND), long, move || {
            ticks.advance(SECOND);
        });
        assert_eq!(told, (false, true), "the time for all of them");
        let ticks = clock.clone();
        let told = knows(&pool, each_second().retry_timeouts(), SECOND, move || {
            ticks.advance(SECOND);
        });
        assert_eq!(told, (false, true), "the deadline");
        assert_eq!(knows(&pool, each_second().max_attempts(0), long, || ()), (true, true));
    });
}

#[test]
fn an_attempt_that_is_cancelled_as_it_runs_is_the_last() {
    within(PATIENCE, "cancelled-last", || {
        let (pool, _clock, witness) = small("cancelled-last");
        let token = CancelToken::new();
        let (send, knows) = channel();
        let cancels = token.clone();
        let job = pool.job("job").token(&token).retry(each_second()).submit(move |cx| {
            let before = cx.is_last_attempt();
            cancels.cancel();
            let _ = send.send((before, cx.is_last_attempt()));
            Err::<(), _>("no")
        });
        assert_eq!(knows.recv().expect("it runs"), (false, true));
        let error = job.expect("open").join().expect_err("it fails");
        assert_eq!(error.stop(), RetryStop::Cancelled(CancelReason::Token));
        assert_eq!((error.attempts(), witness.stopped().len()), (1, 1));
    });
}

#[test]
fn a_job_whose_token_is_cancelled_as_it_runs_takes_nothing_for_an_attempt_that_could_not_be() {
    within(PATIENCE, "no-phantom", || {
        for budget in [RetryBudget::unlimited(), RetryBudget::new(0.0, 0)] {
            let (pool, _clock, _witness) = small_with("no-phantom", |b| b.retry_budget(budget));
            let token = CancelToken::new();
            let cancels = token.clone();
            let job = pool.job("job").token(&token).retry(each_second()).submit(move |_| {
                cancels.cancel();
                Err::<(), _>("no")
            });
            let error = job.expect("open").join().expect_err("it fails");
            assert_eq!(error.stop(), RetryStop::Cancelled(CancelReason::Token));
            assert_eq!((error.attempts(), error.last()), (1, Some(&"no")));
            let stats = assert_submitted(&pool, 1);
            assert_eq!((stats.errored, stats.cancelled), (1, 0), "no job that could never run");
        }
    });
}

/// Ends a job that is tried again in some way, and says how often it ran and why it stopped.
fn ends(
    pool: &Pool,
    witness: &Witness,
    retry: Retry<&'static str>,
    end: impl FnOnce(),
) -> (u32, RetryStop, Duration) {
    let before = witness.stopped().len();
    let job = pool.job("job").retry(retry).submit(fails).expect("open");
    end();
    let answers = answers(job);
    let error = answers.recv().expect("it is called").expect_err("it fails each time");
    assert!(answers.recv().is_err(), "once, and the callback is gone");
    let stopped = witness.stopped();
    assert_eq!(stopped.len(), before + 1, "once, and before the handle yields");
    let (kind, attempts, stop, elapsed) = stopped[before];
    assert_eq!((kind, attempts, stop), ("job", error.attempts(), error.stop()));
    (attempts, stop, elapsed)
}

#[test]
fn why_a_job_is_not_tried_again_is_told_once_to_its_callback_and_to_the_observer() {
    within(PATIENCE, "why", || {
        let unset = RetryBudget::new(0.0, 1);
        let (pool, clock, witness) = small_with("why", |builder| builder.retry_budget(unset));
        let waits = || until(|| pool.stats().delayed == 1);
        let one = each_second().max_attempts(1);
        assert_eq!(
            ends(&pool, &witness, one, || ()),
            (1, RetryStop::AttemptsSpent, Duration::ZERO)
        );
        let two = ends(&pool, &witness, each_second().max_attempts(2), || {
            waits();
            clock.advance(SECOND);
        });
        assert_eq!(two, (2, RetryStop::AttemptsSpent, SECOND));
        let fatal = each_second().retry_if(|error| *error != "no");
        assert_eq!(ends(&pool, &witness, fatal, || ()).1, RetryStop::NotRetryable);
        let no_time = each_second().max_elapsed(Duration::ZERO);
        assert_eq!(ends(&pool, &witness, no_time, || ()).1, RetryStop::TimeSpent);
        let panics = pool.job("panics").retry(each_second()).submit(|_| panic!("a bug"));
        assert!(answers(panics.expect("open")).recv().expect("it is called").is_err());
        assert_eq!(witness.stopped()[4].2, RetryStop::Panicked);
        // One of the ten that the budget allows has been made.
        let often = Retry::fixed(Duration::ZERO).max_attempts(u32::MAX);
        assert_eq!(ends(&pool, &witness, often, || ()).1, RetryStop::BudgetSpent);
        assert_eq!(witness.stopped()[5].1, 10);
    });
}

#[test]
fn a_cancel_a_shutdown_and_a_pool_without_room_are_told_as_the_reason_too() {
    within(PATIENCE, "ended-by", || {
        let (pool, _clock, witness) = small_with("ended-by", |b| b.delayed_capacity(1));
        let waits = || until(|| pool.stats().delayed == 1);
        let token = CancelToken::new();
        let job = pool.job("job").token(&token).retry(each_second()).submit(fails);
        let answer = answers(job.expect("open"));
        waits();
        token.cancel();
        answer.recv().expect("it is called").expect_err("it is cancelled");
        let job = pool.job("job").retry(each_second()).submit(fails).expect("open");
        waits();
        assert!(job.cancel());
        drop(job);
        let last = pool.job("job").retry(each_second()).submit(fails).expect("open");
        let last = answers(last);
        waits();
        let refused = pool.job("job").retry(each_second()).submit(fails).expect("open");
        answers(refused).recv().expect("it is called").expect_err("there is no room to wait");
        pool.shutdown();
        let error = last.recv().expect("it is called").expect_err("it is cancelled");
        assert_eq!((error.last(), error.attempts()), (Some(&"no"), 1));
        let stops: Vec<_> = witness.stopped().iter().map(|stopped| stopped.2).collect();
        let cancelled = RetryStop::Cancelled;
        let expected = [
            cancelled(CancelReason::Token),
            cancelled(CancelReason::Requested),
            RetryStop::Refused(Refusal::DelayedFull),
            cancelled(CancelReason::Shutdown),
        ];
        assert_eq!(stops, expected);
        assert!(witness.stopped().iter().all(|stopped| stopped.1 == 1));
    });
}

// And nothing is said to have stopped
#[test]
fn a_callback_gets_the_result_of_the_attempt_that_succeeds() {
    within(PATIENCE, "success", || {
        let (pool, clock, witness) = small("success");
        let third = |cx: &JobContext<'_>| match cx.attempt() {
            3 => Ok(7),
            _ => Err("no"),
        };
        let (send, answers) = channel();
        let job = pool.job("third").retry(each_second()).submit(third).expect("open");
        let ended = Arc::clone(&witness);
        job.cancel_on_drop().on_end(move |answer| {
            let ended = *ended.ended.lock().expect("no panics");
            let _ = send.send((answer.ok(), ended));
        });
        for retry in 1..=2 {
            until(|| (pool.stats().retries, pool.stats().delayed) == (retry, 1));
            assert!(answers.try_recv().is_err(), "not for the attempts before");
            clock.advance(SECOND);
        }
        assert_eq!(answers.recv().expect("it is called"), (Some(7), 3));
        assert_eq!(witness.stopped(), []);
    });
}

#[test]
fn a_callback_of_a_retry_that_is_over_runs_at_once_and_one_that_panics_disturbs_nobody() {
    within(PATIENCE, "callback", || {
        let (pool, _clock, _witness) = small("callback");
        let once = || each_second().max_attempts(1);
        let job = pool.job("job").retry(once()).submit(fails).expect("open");
        until(|| job.is_finished());
        let here = std::thread::current().id();
        let (send, called) = channel();
        job.on_end(move |_| _ = send.send(std::thread::current().id()));
        assert_eq!(called.try_recv(), Ok(here));
        let held = occupy(&pool, 1);
        let job = pool.job("job").retry(once()).submit(fails).expect("open");
        let (flag, sets) = DropFlag::new();
        job.on_end(move |_| {
            let _ = &sets;
            panic!("in the callback");
        });
        assert!(!flag.is_dropped());
        held.release();
        until(|| flag.is_dropped());
        assert_eq!(pool.submit(|| 7).expect("open").join().expect("it returns"), 7);
        assert_submitted(&pool, 4);
    });
}

/// Submits to its pool, and panics, as it is told that a job has stopped.
#[derive(Default)]
struct Loud(OnceLock<PoolHandle>);

impl Observer for Loud {
    fn retry_stopped(&self, job: &RetryStopped<'_>) {
        if let Some(pool) = self.0.get().filter(|_| job.kind == "loud") {
            let another = pool.job("quiet").retry(each_second().max_attempts(1)).submit(fails);
            another.expect("open").join().expect_err("it fails");
        }
        panic!("in the hook");
    }
}

#[test]
fn the_hook_for_what_is_not_tried_again_runs_under_no_lock_and_may_panic() {
    within(PATIENCE, "loud", || {
        let loud = Arc::new(Loud::default());
        let pool = build(Pool::builder("loud").workers(1..=1).observer(Arc::clone(&loud)));
        assert!(loud.0.set(pool.handle()).is_ok());
        let job = pool.job("loud").retry(each_second().max_attempts(1)).submit(fails);
        let error = job.expect("open").join().expect_err("it fails");
        assert_eq!(error.stop(), RetryStop::AttemptsSpent);
        let stats = assert_submitted(&pool, 2);
        assert_eq!((stats.errored, stats.panicked), (2, 0));
    });
}
