//! Submitters that wait for room and give up: because their job's token is cancelled, or because it
//! must be over by now. Whichever way they wait.

mod common;

use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use common::{
    CountedWaker, DropFlag, FOREVER, PATIENCE, SECOND, assert_lane, assert_submitted, block_on,
    by_hand, fixed, fixed_with, occupy, poll_once, until, within,
};
use springtide::testing::ManualClock;
use springtide::{
    CancelReason, CancelToken, JobBuilder, Lane, LaneJob, Overflow, Pool, Refusal, ReserveError,
    Retry, SubmitError,
};

/// A pool without a worker to spare and a lane without a place, so that whoever submits waits.
struct Full {
    pool: Pool,
    lane: Lane,
    clock: ManualClock,
}

/// The first job of each.
const ACCEPTED: u64 = 1;

fn full(name: &str) -> Full {
    let (pool, clock) = by_hand(Pool::builder(name).workers(1..=1).queue_capacity(1));
    pool.pause();
    let lane = pool.lane("full").max_running(0).queue_capacity(1).build().expect("valid");
    pool.execute(|| ()).expect("one place");
    lane.execute(|| ()).expect("one place");
    Full { pool, lane, clock }
}

impl Full {
    fn blocked(&self) -> u64 {
        self.pool.stats().submitters_blocked + self.lane.stats().submitters_blocked
    }

    fn refused(&self, why: Refusal) -> u64 {
        let count = |all: &[(Refusal, u64)]| all[why as usize].1;
        count(&self.pool.stats().refused_by) + count(&self.lane.stats().refused_by)
    }

    /// Nothing of whoever gave up is left, and there is room once there is room.
    fn end(self) {
        assert_eq!(self.blocked(), 0);
        let stats = self.pool.stats();
        assert_eq!((stats.accepted, stats.queued, stats.reserved), (ACCEPTED, 1, 0), "{stats:?}");
        assert_eq!((self.lane.stats().accepted, self.lane.stats().waiting), (ACCEPTED, 1));
        self.pool.resume();
        self.lane.reconfigure(|lane| lane.max_running = Some(1)).expect("valid");
        self.pool.submit(|| ()).expect("there is room").join().expect("it ran");
        self.lane.submit(|| ()).expect("there is room").join().expect("it ran");
        assert_lane(&self.lane);
        assert!(self.pool.shutdown().ended);
    }
}

/// Why a submission was refused; the job is in it.
fn why<T, F>(submitted: Result<T, SubmitError<F>>) -> Option<Refusal> {
    let refused = submitted.err()?;
    let why = refused.refusal();
    drop(refused.into_job());
    Some(why)
}

/// One way to wait for room with a job under some terms; why it ended, or `None` if there was room.
struct Way {
    name: &'static str,
    wait: fn(&Full, &Terms) -> Option<Refusal>,
}

/// What a job says about when it is no longer wanted.
#[derive(Clone)]
enum Terms {
    Token(CancelToken),
    Deadline,
}

impl Terms {
    fn job<'a>(&self, full: &'a Full) -> JobBuilder<'a> {
        match self {
            Terms::Token(token) => full.pool.job("unwanted").token(token),
            Terms::Deadline => full.pool.job("unwanted").deadline_in(SECOND),
        }
    }

    fn lane_job<'a>(&self, full: &'a Full) -> LaneJob<'a> {
        match self {
            Terms::Token(token) => full.lane.job("unwanted").token(token),
            Terms::Deadline => full.lane.job("unwanted").deadline_in(SECOND),
        }
    }
}

const fn way(name: &'static str, wait: fn(&Full, &Terms) -> Option<Refusal>) -> Way {
    Way { name, wait }
}

/// What has not run, so that it must never.
fn never<T>() -> T {
    panic!("it was not let in")
}

const WAYS: &[Way] = &[
    way("submit", |full, terms| why(terms.job(full).submit(|_| never::<()>()))),
    way("submit_timeout", |full, terms| {
        why(terms.job(full).submit_timeout(|_| never::<()>(), FOREVER))
    }),
    way("execute", |full, terms| why(terms.job(full).execute(|_| never()))),
    way("submit_fallible", |full, terms| {
        why(terms.job(full).submit_fallible(|_| never::<Result<(), ()>>()))
    }),
    way("retry", |full, terms| {
        why(terms
            .job(full)
            .retry(Retry::fixed(Duration::ZERO))
            .submit(|_| never::<Result<(), ()>>()))
    }),
    way("submit_async", |full, terms| {
        why(block_on(terms.job(full).submit_async(|_| never::<()>())))
    }),
    way("lane", |full, terms| why(terms.lane_job(full).submit(|_| never::<()>()))),
    way("lane, submit_timeout", |full, terms| {
        why(terms.lane_job(full).submit_timeout(|_| never::<()>(), FOREVER))
    }),
    way("lane, execute", |full, terms| why(terms.lane_job(full).execute(|_| never()))),
    way("lane, submit_fallible", |full, terms| {
        why(terms.lane_job(full).submit_fallible(|_| never::<Result<(), ()>>()))
    }),
    way("lane, submit_async", |full, terms| {
        why(block_on(terms.lane_job(full).submit_async(|_| never::<()>())))
    }),
    way("map", |full, terms| {
        let mut map = terms.job(full).map([()], |_, ()| never::<()>());
        let lost = map.next()?.expect_err("its job was not let in");
        assert!(map.next().is_none(), "one item");
        Some(if lost.is_expired() { Refusal::Deadline } else { cancelled(&lost) })
    }),
    way("map, async", |full, terms| {
        let mut map = terms.job(full).map([()], |_, ()| never::<()>());
        let lost = block_on(map.next_async())?.expect_err("its job was not let in");
        Some(if lost.is_expired() { Refusal::Deadline } else { cancelled(&lost) })
    }),
];

fn cancelled(lost: &springtide::JobError) -> Refusal {
    assert_eq!(lost.cancel_reason(), Some(CancelReason::Token));
    Refusal::Cancelled
}

/// Waits on another thread, and calls `end` once that one stands in the line.
fn while_it_waits(full: &Full, way: &Way, terms: Terms, end: impl FnOnce()) -> Option<Refusal> {
    thread::scope(|scope| {
        let waits = scope.spawn(|| (way.wait)(full, &terms));
        until(|| full.blocked() == 1);
        end();
        waits.join().expect("it returns")
    })
}

#[test]
fn whoever_waits_for_room_gets_its_job_back_when_its_token_is_cancelled() {
    within(PATIENCE, "bytoken", || {
        let full = full("bytoken");
        for (n, way) in WAYS.iter().enumerate() {
            let above = CancelToken::new();
            let terms = Terms::Token(above.child());
            let ended = while_it_waits(&full, way, terms, || above.cancel());
            assert_eq!(ended, Some(Refusal::Cancelled), "{}", way.name);
            assert_eq!(full.refused(Refusal::Cancelled), n as u64 + 1, "{}", way.name);
        }
        full.end();
    });
}

#[test]
fn whoever_waits_for_room_gets_its_job_back_when_its_deadline_has_passed() {
    within(PATIENCE, "bydeadline", || {
        let full = full("bydeadline");
        for (n, way) in WAYS.iter().enumerate() {
            let pass = || full.clock.advance(SECOND);
            let ended = while_it_waits(&full, way, Terms::Deadline, pass);
            assert_eq!(ended, Some(Refusal::Deadline), "{}", way.name);
            assert_eq!(full.refused(Refusal::Deadline), n as u64 + 1, "{}", way.name);
        }
        full.end();
    });
}

// A token cancelled before has nobody wait at all
#[test]
fn whose_token_is_cancelled_already_is_refused_where_it_would_wait() {
    within(PATIENCE, "before", || {
        let full = full("before");
        let token = CancelToken::new();
        token.cancel();
        for way in WAYS {
            let ended = (way.wait)(&full, &Terms::Token(token.child()));
            assert_eq!(ended, Some(Refusal::Cancelled), "{}", way.name);
        }
        full.end();
    });
}

#[test]
fn a_job_without_a_deadline_of_its_own_waits_until_the_one_it_inherits() {
    within(PATIENCE, "inherited", || {
        let Full { pool, lane, clock } = full("inherited");
        let outer = fixed("outer", 1, 8);
        let (target, into) = (pool.handle(), lane.clone());
        let job = outer.job("outer").deadline_in(Duration::from_millis(20)).submit(move |_| {
            let by_thread = target.submit(|| ()).map(drop).unwrap_err();
            let by_task = block_on(target.submit_async(|| ())).map(drop).unwrap_err();
            let by_batch = target.submit_batch([|| ()]).refusal;
            let by_lane = into.submit(|| ()).map(drop).unwrap_err();
            [Some(by_thread.refusal()), Some(by_task.refusal()), by_batch, Some(by_lane.refusal())]
        });
        let told = job.expect("open");
        // By the clock of the pool that it waits for.
        until(|| {
            clock.advance(SECOND);
            told.is_finished() && outer.stats().running == 0
        });
        assert_eq!(pool.stats().refused_by[Refusal::Deadline as usize].1, 3);
        assert_eq!(lane.stats().refused_by[Refusal::Deadline as usize].1, 1);
        Full { pool, lane, clock }.end();
    });
}

#[test]
fn one_token_sends_all_its_submitters_away_and_nobody_else() {
    within(PATIENCE, "all", || {
        let pool = fixed("all", 1, 1);
        let held = occupy(&pool, 1);
        let queued = pool.submit(|| ()).expect("one place");
        let (token, other) = (CancelToken::new(), CancelToken::new());
        thread::scope(|scope| {
            let submit = |token: &CancelToken| {
                let builder = pool.job("waits").token(token);
                scope.spawn(move || why(builder.submit(|_| ())))
            };
            let left: Vec<_> =
                (0..4).map(|n| submit(&[token.clone(), token.child()][n % 2])).collect();
            let stays = submit(&other.child());
            let plain = scope.spawn(|| why(pool.submit(|| ())));
            until(|| pool.stats().submitters_blocked == 6);
            token.cancel();
            for submitter in left {
                assert_eq!(submitter.join().expect("it returns"), Some(Refusal::Cancelled));
            }
            assert_eq!(pool.stats().submitters_blocked, 2);
            drop(other); // Nobody can cancel it any more, and nobody has.
            assert!(queued.cancel());
            held.release();
            assert_eq!(stays.join().expect("it returns"), None);
            assert_eq!(plain.join().expect("it returns"), None);
        });
        let stats = assert_submitted(&pool, 8);
        assert_eq!((stats.ok, stats.cancelled, stats.refused), (3, 1, 4));
    });
}

#[test]
fn a_place_freed_as_a_token_is_cancelled_is_not_lost() {
    within(PATIENCE, "notlost", || {
        for round in 0..50 {
            // Of four places: what is cancelled leaves a shell, which is in nobody's way so far.
            let pool = fixed("notlost", 1, 4);
            pool.pause();
            let lane = pool.lane("lane").max_running(0).queue_capacity(4).build().expect("valid");
            let submit = |token: &CancelToken| match round % 2 {
                0 => pool.job("job").token(token).submit(|_| ()).ok(),
                _ => lane.job("job").token(token).submit(|_| ()).ok(),
            };
            let (token, wanted) = (CancelToken::new(), CancelToken::new());
            let queued: Vec<_> = (0..4).map(|_| submit(&wanted).expect("room")).collect();
            thread::scope(|scope| {
                let blocked = || pool.stats().submitters_blocked + lane.stats().submitters_blocked;
                let hasty = scope.spawn(|| drop(submit(&token)));
                until(|| blocked() == 1);
                let patient = scope.spawn(|| submit(&wanted));
                until(|| blocked() == 2);
                // The first is called, and finds its token cancelled as it wakes up. If it is
                // quicker than that, its job is cancelled, which makes room again.
                assert!(queued[0].cancel());
                token.cancel();
                assert!(patient.join().expect("it returns").is_some(), "there is a place");
                hasty.join().expect("it returns");
            });
        }
    });
}

/// Each kind of future that waits for room, polled once.
fn waiting_futures(full: &Full, token: &CancelToken) -> Vec<Box<dyn Waiting>> {
    vec![
        Box::new(full.pool.job("task").token(token).submit_async(|_| never::<()>())),
        Box::new(full.lane.job("task").token(token).submit_async(|_| never::<()>())),
    ]
}

trait Waiting {
    /// Why it was refused; `None` if it was not. Pending while it waits.
    fn poll_once(&mut self, waker: &Arc<CountedWaker>) -> Poll<Option<Refusal>>;
}

impl<F: Future<Output = Result<H, SubmitError<J>>> + Unpin, H, J> Waiting for F {
    fn poll_once(&mut self, waker: &Arc<CountedWaker>) -> Poll<Option<Refusal>> {
        poll_once(self, waker).map(why)
    }
}

#[test]
fn a_future_is_woken_once_by_its_token_and_leaves_nothing_behind() {
    within(PATIENCE, "woken", || {
        let full = full("woken");
        let token = CancelToken::new();
        for mut future in waiting_futures(&full, &token.child()) {
            let waker = CountedWaker::new();
            assert!(future.poll_once(&waker).is_pending());
            assert!(future.poll_once(&waker).is_pending(), "polled for no reason");
            assert_eq!((waker.count(), full.blocked()), (0, 1));
            drop(future);
            assert_eq!(full.blocked(), 0, "dropped, it stands in no line");
        }
        let mut futures = waiting_futures(&full, &token);
        let wakers: Vec<_> = futures.iter().map(|_| CountedWaker::new()).collect();
        for (future, waker) in futures.iter_mut().zip(&wakers) {
            assert!(future.poll_once(&CountedWaker::new()).is_pending());
            assert!(future.poll_once(waker).is_pending(), "handed on to another task");
        }
        token.cancel();
        for (future, waker) in futures.iter_mut().zip(&wakers) {
            assert_eq!(waker.count(), 1);
            assert_eq!(future.poll_once(waker), Poll::Ready(Some(Refusal::Cancelled)));
        }
        full.end();
    });
}

// Called, and cancelled before it looks
#[test]
fn a_future_that_is_called_and_then_cancelled_passes_its_turn_on() {
    within(PATIENCE, "turn", || {
        let pool = fixed("turn", 1, 1);
        pool.pause();
        let lane = pool.lane("lane").max_running(0).queue_capacity(1).build().expect("valid");
        let queued = [pool.submit(|| ()).expect("room"), lane.submit(|| ()).expect("room")];
        let tokens = [CancelToken::new(), CancelToken::new()];
        let mut called: [Box<dyn Waiting>; 2] = [
            Box::new(pool.job("called").token(&tokens[0]).submit_async(|_| never::<()>())),
            Box::new(lane.job("called").token(&tokens[1]).submit_async(|_| never::<()>())),
        ];
        let mut next: [Box<dyn Waiting>; 2] =
            [Box::new(pool.submit_async(|| ())), Box::new(lane.submit_async(|| ()))];
        for (n, place) in queued.into_iter().enumerate() {
            let (first, second) = (CountedWaker::new(), CountedWaker::new());
            assert!(called[n].poll_once(&first).is_pending());
            assert!(next[n].poll_once(&second).is_pending());
            assert!(place.cancel());
            assert_eq!((first.count(), second.count()), (1, 0));
            tokens[n].cancel();
            assert_eq!(called[n].poll_once(&first), Poll::Ready(Some(Refusal::Cancelled)));
            assert_eq!(second.count(), 1, "there is room, and nobody else to use it");
            assert_eq!(next[n].poll_once(&second), Poll::Ready(None));
        }
    });
}

#[test]
fn a_set_that_is_cancelled_while_somebody_submits_to_it_counts_that_job_as_cancelled() {
    within(PATIENCE, "set", || {
        let full = full("set");
        let set = full.pool.job_set::<()>();
        let adds = set.handle();
        thread::scope(|scope| {
            let (flag, on_drop) = DropFlag::new();
            let added = scope.spawn(move || adds.submit(move |_| drop(on_drop)).is_ok());
            until(|| full.blocked() == 1);
            set.cancel();
            assert!(added.join().expect("it returns"), "what failed is in the set's outcomes");
            assert!(flag.is_dropped());
        });
        let outcomes: Vec<_> = set.collect();
        assert_eq!(outcomes.len(), 1);
        let lost = outcomes[0].as_ref().expect_err("it never ran");
        assert_eq!(lost.cancel_reason(), Some(CancelReason::Token));
        full.end();
    });
}

#[test]
fn whoever_waits_to_reserve_hears_its_token() {
    within(PATIENCE, "permits", || {
        let full = full("permits");
        let token = CancelToken::new();
        thread::scope(|scope| {
            let reserves = scope.spawn(|| full.pool.reserve_unless_cancelled(1, &token));
            until(|| full.blocked() == 1);
            token.cancel();
            let none = reserves.join().expect("it returns").map(drop);
            assert_eq!(none, Err(ReserveError::Cancelled));
        });
        assert_eq!(full.pool.stats().refused, 0, "no job was refused");
        full.end();
    });
}

// And what need not wait is as it was
#[test]
fn a_job_whose_token_is_cancelled_is_accepted_where_there_is_room_and_never_runs() {
    within(PATIENCE, "room", || {
        let pool = fixed_with("room", 1, 1000, Overflow::Block);
        let lane = pool.lane("lane").build().expect("valid");
        let token = CancelToken::new();
        token.cancel();
        for _ in 0..100 {
            let task = block_on(pool.job("never").token(&token).submit_async(|_| never::<()>()));
            let in_lane = || lane.job("never").token(&token);
            let jobs = [
                pool.job("never").token(&token).submit(|_| never::<()>()).ok(),
                in_lane().submit(|_| never::<()>()).ok(),
                block_on(in_lane().submit_async(|_| never::<()>())).ok(),
                task.ok(),
            ];
            for job in jobs {
                let lost = job.expect("it is accepted").join().expect_err("it never runs");
                assert_eq!(lost.cancel_reason(), Some(CancelReason::Token));
            }
            pool.wait_idle().expect("not inside");
        }
        let stats = assert_submitted(&pool, 400);
        assert_eq!((stats.cancelled, stats.refused), (400, 0));
        let stats = assert_lane(&lane);
        assert_eq!((stats.accepted, stats.cancelled, stats.running), (200, 200, 0));
    });
}
