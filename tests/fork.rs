//! A forked child has the pool's memory and none of its threads: every use is an error there, or
//! at least returns. Nothing hangs.
#![cfg(unix)]
#![allow(unsafe_code, reason = "fork, waitpid, kill and _exit have no safe form in std")]

mod common;

#[cfg(feature = "prometheus")]
use std::io::{Read, Write};
#[cfg(feature = "prometheus")]
use std::net::TcpStream;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use common::{
    CountedWaker, FOREVER, PATIENCE, assert_submitted, block_on, build, occupy, poll_once, until,
    within,
};
use springtide::{
    JobEnded, JobError, JobRefused, Observer, Plan, Pool, PoolHandle, Reason, Refusal, Sample,
    ScalingPolicy, WaitIdleError,
};

/// What a child says when everything was as it should be.
const FINE: i32 = 7;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Runs `code` in a forked child; fails if it panics there or is not over within seconds.
///
/// The child leaves by `_exit`: nothing of the test harness is run down twice.
fn in_child(code: impl FnOnce()) {
    // SAFETY: the child runs only `code`, which the tests keep to the pool and to memory (glibc
    // makes malloc usable after fork), and leaves by `_exit`, so no destructor or exit handler of
    // the parent runs in it. No lock of the pool is held: the callers wait until it is quiet.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork: {}", std::io::Error::last_os_error());
    if child == 0 {
        let code = panic::catch_unwind(AssertUnwindSafe(code)).map_or(101, |()| FINE);
        // SAFETY: ends the process at once; takes no pointer.
        unsafe { libc::_exit(code) };
    }
    let begun = Instant::now();
    loop {
        let mut status = 0;
        // SAFETY: `child` is our own unreaped child and `status` a live, writable int.
        let reaped = unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) };
        if reaped == child {
            let exited = libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status));
            assert_eq!(exited, Some(FINE), "the child's status is {status}");
            return;
        }
        if begun.elapsed() > PATIENCE / 2 {
            // SAFETY: `child` has not been reaped, so the number is still its own.
            unsafe { libc::kill(child, libc::SIGKILL) };
            // SAFETY: as above.
            unsafe { libc::waitpid(child, &raw mut status, 0) };
            panic!("the child hangs");
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Changes nothing and need not look again: lets the supervisor sleep while jobs run.
#[derive(Debug)]
struct Sleepy;

impl ScalingPolicy for Sleepy {
    fn decide(&mut self, _now: Duration, _sample: &Sample) -> Plan {
        let mut plan = Plan::hold(Reason::Steady);
        plan.next_in = Some(FOREVER);
        plan
    }
}

fn quiet_pool(name: &str, capacity: usize) -> Pool {
    build(Pool::builder(name).workers(2..=2).queue_capacity(capacity).policy(Sleepy))
}

/// Waits until the supervisor has not looked for a while: then it holds no lock.
fn until_the_supervisor_sleeps(pool: &PoolHandle) {
    until(|| {
        let before = pool.stats().evaluations;
        thread::sleep(Duration::from_millis(30));
        pool.stats().evaluations == before
    });
}

fn one_at_a_time(name: &str, body: impl FnOnce() + Send + 'static) {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    within(PATIENCE * 2, name, body);
}

fn assert_forked<T>(joined: Result<T, JobError>) {
    assert!(joined.is_err_and(|error| error.is_forked()));
}

/// Hears of nothing in a child: a lock of its own may be held there for ever.
struct Deaf(u32);

impl Deaf {
    /// Ends the child: a panic would go no further than the hook.
    fn hears(&self, event: &dyn std::fmt::Debug) {
        if std::process::id() != self.0 {
            eprintln!("told in a child: {event:?}");
            std::process::abort();
        }
    }
}

impl Observer for Deaf {
    fn job_refused(&self, refused: &JobRefused<'_>) {
        self.hears(refused);
    }

    fn job_ended(&self, job: &JobEnded<'_>) {
        self.hears(job);
    }
}

#[test]
fn a_child_calls_no_hook() {
    one_at_a_time("forkhooks", || {
        let builder = Pool::builder("forkhooks").workers(2..=2).policy(Sleepy);
        let pool = build(builder.observer(Deaf(std::process::id())));
        let held = occupy(&pool, 2);
        let queued = pool.submit(|| {}).expect("open");
        until_the_supervisor_sleeps(&pool);
        in_child(|| {
            assert!(queued.cancel());
            pool.shutdown_now();
            assert!(pool.submit(|| {}).is_err());
        });
        held.release();
        queued.join().expect("it returns");
        assert_submitted(&pool, 3);
    });
}

#[test]
fn an_idle_pools_child_is_refused_and_its_waits_return() {
    one_at_a_time("forkidle", || {
        let pool = quiet_pool("forkidle", 64);
        pool.submit(|| {}).expect("open").join().expect("it returns");
        until(|| pool.stats().workers.idle == 2);
        until_the_supervisor_sleeps(&pool);
        in_child(|| {
            let never = || unreachable!("there is no thread to run it");
            assert_eq!(pool.submit(never).expect_err("forked").refusal(), Refusal::Forked);
            assert_eq!(pool.execute(never).expect_err("forked").refusal(), Refusal::Forked);
            assert!(pool.try_submit(never).expect_err("forked").is_closed());
            assert!(pool.try_execute(never).expect_err("forked").is_closed());
            let refused = pool.submit_timeout(never, FOREVER).expect_err("forked");
            assert_eq!(refused.refusal(), Refusal::Forked);
            assert!(pool.job("any").submit(move |_| never()).is_err());
            assert_eq!(pool.submit_batch([never]).refusal, Some(Refusal::Forked));
            assert_eq!(pool.wait_idle(), Err(WaitIdleError::Forked));
            assert_eq!(pool.wait_idle_timeout(FOREVER), Err(WaitIdleError::Forked));
            // Who is not refused hears it when it waits.
            if let Ok(handle) = block_on(pool.submit_async(never)) {
                assert_forked(block_on(handle));
            }
        });
        assert_submitted(&pool, 1);
    });
}

// A child of a busy pool finds out when it waits
#[test]
fn a_busy_pools_child_never_waits_for_a_result() {
    one_at_a_time("forkbusy", || {
        let pool = quiet_pool("forkbusy", 64);
        let held = occupy(&pool, 2);
        let before = || pool.submit(|| 1).expect("open");
        let handles = [before(), before(), before(), before()];
        until_the_supervisor_sleeps(&pool);
        in_child(|| {
            let [joined, awaited, limited, mut polled] = handles;
            assert_forked(joined.join());
            assert_forked(block_on(awaited));
            assert_forked(limited.join_timeout(FOREVER).unwrap_or_else(|_| panic!("no result")));
            assert!(poll_once(&mut polled, &CountedWaker::new()).is_ready());
            if let Ok(handle) = pool.submit(|| 2) {
                assert_forked(handle.join());
            }
            let cancelled = pool.submit(|| 3);
            assert!(cancelled.map_or(true, |handle| handle.cancel()));
        });
        held.release();
        assert_eq!(assert_submitted(&pool, 6).ok, 6, "the parent has noticed nothing");
    });
}

// Nor for room
#[test]
fn a_full_pools_child_never_waits_for_room() {
    one_at_a_time("forkfull", || {
        let pool = quiet_pool("forkfull", 1);
        let first = occupy(&pool, 1);
        let second = occupy(&pool, 1);
        pool.execute(|| {}).expect("one place");
        until_the_supervisor_sleeps(&pool);
        in_child(|| {
            assert_eq!(pool.submit(|| {}).expect_err("forked").refusal(), Refusal::Forked);
            let refused = pool.submit_timeout(|| {}, FOREVER).expect_err("forked");
            assert_eq!(refused.refusal(), Refusal::Forked);
            assert!(pool.try_submit(|| {}).is_err());
            let refused = block_on(pool.submit_async(|| {})).expect_err("forked");
            assert_eq!(refused.refusal(), Refusal::Forked);
            let batch = pool.submit_batch([|| {}, || {}]);
            assert_eq!((batch.refused.len(), batch.refusal), (2, Some(Refusal::Forked)));
        });
        first.release();
        second.release();
        assert_submitted(&pool, 3);
    });
}

// The end, and everything that only looks or adjusts
#[test]
fn a_child_may_end_drop_adjust_and_look_at_the_pool() {
    one_at_a_time("forkend", || {
        let pool = Arc::new(quiet_pool("forkend", 64));
        let held = occupy(&pool, 2);
        pool.execute(|| {}).expect("open");
        until_the_supervisor_sleeps(&pool);
        for patience in [Duration::ZERO, FOREVER] {
            in_child(|| assert!(!pool.shutdown_timeout(patience).ended));
        }
        in_child(|| assert_eq!(pool.shutdown_now().returned.len(), 1));
        in_child(|| assert!(!pool.shutdown().ended));
        in_child(|| {
            pool.pause();
            pool.resume();
            assert!(pool.resize(1..=3).is_ok());
            assert_eq!(pool.stats().running, 2);
            assert_eq!(pool.running_jobs().len(), 2);
            let _: (springtide::Health, usize) = (pool.health(), pool.decisions().len());
            pool.close();
            assert!(pool.submit(|| {}).is_err_and(|error| error.is_closed()));
        });
        // The child drops its copy of the pool, not the parent's.
        let mut mine = Some(pool);
        in_child(|| drop(mine.take()));
        let pool = mine.take().expect("only the child has dropped it");
        held.release();
        assert_submitted(&pool, 3);
        assert!(pool.shutdown().ended);
    });
}

// A pool of its own
#[test]
fn a_child_may_build_a_pool_of_its_own() {
    one_at_a_time("forkown", || {
        let pool = quiet_pool("forkown", 64);
        until(|| pool.stats().workers.idle == 2);
        until_the_supervisor_sleeps(&pool);
        in_child(|| {
            let own = Pool::builder("own").workers(1..=2).build().expect("threads can be started");
            assert_eq!(own.submit(|| 5).expect("open").join().expect("it returns"), 5);
            assert!(own.shutdown().ended);
        });
        assert_submitted(&pool, 0);
    });
}

// What is composed of jobs
#[test]
fn a_child_may_touch_all_that_is_composed_of_jobs() {
    one_at_a_time("forkcomposed", || {
        let pool = quiet_pool("forkcomposed", 64);
        let lane = pool.lane("lane").max_running(0).queue_capacity(1).build().expect("valid");
        let waits = lane.submit(|| 1).expect("room");
        let series = pool.every(FOREVER).start(|_| ()).expect("open");
        let far = pool.job("far").delay(FOREVER).submit(|_| ()).expect("open");
        let mut permits = pool.reserve(2).expect("room");
        let mut set = pool.job_set::<u8>();
        until(|| pool.stats().workers.idle == 2);
        until_the_supervisor_sleeps(&pool);
        in_child(|| {
            assert_eq!(lane.submit(|| 2).expect_err("forked").refusal(), Refusal::Forked);
            let refused = lane.key(3).submit_timeout(|_| 3, FOREVER).expect_err("forked");
            assert_eq!(refused.refusal(), Refusal::Forked);
            assert!(lane.reconfigure(|l| l.weight = 2).is_ok());
            assert_eq!(lane.stats().waiting, 1);
            assert!(waits.cancel(), "nobody else has it");
            lane.close();
        });
        in_child(|| {
            assert!(
                permits.submit(|| 4).is_err() && pool.try_reserve(1).is_ok_and(|p| p.len() == 1)
            );
            drop(permits.split(1));
            assert!(set.submit(|_| 5).is_err());
            assert!(set.next_timeout(FOREVER).is_none_or(|next| next.is_none_or(|n| n.is_err())));
        });
        in_child(|| {
            assert!(pool.map(0..3, |n| n).all(|result| result.is_err()));
            assert!(pool.map_unordered(0..3, |n| n).all(|result| result.is_err()));
            let mut sum = 0;
            pool.scope(|scope| drop(scope.spawn(|| sum += 6)));
            assert_eq!(sum, 6, "whoever waits for a scope runs it");
        });
        in_child(|| {
            let retry = springtide::Retry::<u8>::fixed(Duration::ZERO);
            let retried = pool.job("again").retry(retry).submit(|_| Err::<(), _>(7));
            assert!(retried.is_err() || retried.is_ok_and(|job| job.join().is_err()));
            let delayed = pool.job("later").delay(FOREVER).submit(|_| ());
            assert!(delayed.is_err() || delayed.is_ok_and(|job| job.join().is_err()));
            assert!(far.cancel());
            series.cancel();
            assert!(pool.every(FOREVER).start(|_| ()).is_err());
        });
        series.cancel();
        assert!(far.cancel());
        lane.reconfigure(|l| l.max_running = None).expect("valid");
        assert_eq!(waits.join().expect("it runs in the parent"), 1);
        drop((permits, set));
        assert!(pool.shutdown().ended);
    });
}

// Forked by one of the pool's own jobs
#[test]
fn a_child_forked_inside_a_worker_hangs_neither() {
    one_at_a_time("forkinside", || {
        let pool = quiet_pool("forkinside", 64);
        let inner = pool.handle();
        let job = pool.submit(move || {
            until_the_supervisor_sleeps(&inner);
            in_child(|| {
                if let Ok(handle) = inner.submit(|| 4) {
                    assert_eq!(handle.join().ok(), Some(4), "it can run what it waits for");
                }
                assert!(inner.wait_idle().is_err());
            });
        });
        job.expect("open").join().expect("the child was fine");
        assert_submitted(&pool, 1);
    });
}

#[cfg(feature = "prometheus")]
#[test]
fn an_endpoint_dropped_in_a_child_goes_on_in_the_parent() {
    one_at_a_time("forkserve", || {
        let endpoint = springtide::prometheus::serve("127.0.0.1:0", common::recorder());
        let mut endpoint = Some(endpoint.expect("there is a free port"));
        let address = endpoint.as_ref().expect("it was just made").local_addr();
        let mut answer = String::new();
        let mut stream = TcpStream::connect(address).expect("somebody listens");
        stream.write_all(b"GET /liv").expect("it is let in");
        in_child(|| drop(endpoint.take()));
        stream.write_all(b"ez HTTP/1.1\r\n\r\n").expect("the child has not cut it off");
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        drop(endpoint);
        assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
    });
}

#[cfg(feature = "prometheus")]
#[test]
fn an_endpoint_of_a_child_tells_nothing_of_the_pools_of_its_parent() {
    one_at_a_time("forkhealth", || {
        let (pool, recorder) = (quiet_pool("forkhealth", 64), common::recorder());
        pool.close();
        assert!(!pool.health().is_healthy());
        until_the_supervisor_sleeps(&pool);
        in_child(|| {
            let endpoint = springtide::prometheus::serve("127.0.0.1:0", recorder);
            let address = endpoint.as_ref().expect("there is a free port").local_addr();
            let mut stream = TcpStream::connect(address).expect("somebody listens");
            stream.write_all(b"GET /healthz HTTP/1.1\r\n\r\n").expect("it is let in");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("an answer");
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        });
    });
}
