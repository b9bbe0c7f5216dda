//! Priorities: who starts first, who is never forgotten, and what the figures say.

mod common;

use std::sync::mpsc;
use std::time::Duration;

use common::{
    PATIENCE, assert_accounts, assert_snapshot, build, clocked, fixed, occupy, until, within,
};
use springtide::testing::ManualClock;
use springtide::{Builder, JobContext, Pool, PoolHandle, Priority, Weights};

/// A pool of one worker that is paused, so that what is submitted waits.
fn paused(name: &str, weights: Weights) -> Pool {
    let pool = build(one_worker(name).priorities(weights));
    pool.pause();
    pool
}

fn one_worker(name: &str) -> Builder {
    Pool::builder(name).workers(1..=1).queue_capacity(10_000)
}

/// Submits so many jobs of a priority that say that they run.
fn submit(pool: &PoolHandle, priority: Priority, jobs: u64, ran: &mpsc::Sender<(Priority, u64)>) {
    for number in 0..jobs {
        let ran = ran.clone();
        let job = pool.job(priority.as_str()).priority(priority);
        let tell = move |_: &JobContext<'_>| {
            // Some tests have seen enough by then.
            let _: Result<(), _> = ran.send((priority, number));
        };
        job.execute(tell).expect("there is room");
    }
}

fn only(priority: Priority, ran: &[(Priority, u64)]) -> Vec<u64> {
    ran.iter().filter(|job| job.0 == priority).map(|job| job.1).collect()
}

#[test]
fn high_jobs_start_before_the_low_ones_that_came_first() {
    within(PATIENCE, "first", || {
        let pool = paused("first", Weights::STRICT);
        let (ran, order) = mpsc::channel();
        submit(&pool, Priority::Low, 50, &ran);
        submit(&pool, Priority::High, 50, &ran);
        pool.resume();
        let order: Vec<_> = order.iter().take(100).collect();
        assert!(order[..50].iter().all(|(priority, _)| *priority == Priority::High), "{order:?}");
        for priority in [Priority::High, Priority::Low] {
            assert_eq!(only(priority, &order), (0..50).collect::<Vec<_>>());
        }
        assert_accounts(&pool);
    });
}

/// With no worker there is nobody whose round has begun.
#[test]
fn the_first_worker_of_a_pool_that_had_none_begins_with_the_high_jobs() {
    within(PATIENCE, "none", || {
        let pool = build(Pool::builder("none").workers(0..=1).queue_capacity(200));
        pool.pause();
        let (ran, order) = mpsc::channel();
        submit(&pool, Priority::Low, 50, &ran);
        submit(&pool, Priority::High, 50, &ran);
        pool.resume();
        let order: Vec<_> = order.iter().take(100).collect();
        assert!(order[..6].iter().all(|(priority, _)| *priority == Priority::High), "{order:?}");
        let first_half = &order[..58];
        assert_eq!(only(Priority::High, first_half).len(), 50, "six turns in seven: {order:?}");
    });
}

#[test]
fn with_jobs_of_all_priorities_the_shares_are_those_of_the_weights() {
    within(PATIENCE, "shares", || {
        let pool = paused("shares", Weights::default());
        let (ran, order) = mpsc::channel();
        Priority::ALL.into_iter().for_each(|priority| submit(&pool, priority, 1000, &ran));
        pool.resume();
        let order: Vec<_> = order.iter().take(1000).collect();
        for (priority, share) in Priority::ALL.into_iter().zip([600, 300, 100]) {
            assert_eq!(only(priority, &order), (0..share).collect::<Vec<_>>(), "{priority:?}");
        }
        assert_accounts(&pool);
    });
}

/// The clock stands until the low job is as old as the bound says.
#[test]
fn a_low_job_that_is_too_old_is_the_next_to_start() {
    within(PATIENCE, "old", || {
        let ageing = Duration::from_secs(10);
        let builder = one_worker("old").priorities(Weights::STRICT).ageing(ageing);
        let (pool, clock) = clocked(builder);
        let (ran, order) = mpsc::channel();
        let held = occupy(&pool, 1);
        submit(&pool, Priority::Low, 1, &ran);
        clock.advance(ageing - Duration::from_nanos(1));
        let younger = pool.job("turns it").priority(Priority::High);
        let turn = clock.clone();
        let advance = move |_: &JobContext<'_>| turn.advance(Duration::from_nanos(1));
        younger.execute(advance).expect("there is room");
        submit(&pool, Priority::High, 100, &ran);
        held.release();
        let order: Vec<_> = order.iter().take(101).collect();
        assert_eq!(order[0].0, Priority::Low, "{order:?}");
        assert_eq!(pool.stats().promotions, 1);
        assert_accounts(&pool);
    });
}

#[test]
fn without_ageing_strictly_the_highest_is_next() {
    within(PATIENCE, "strict", || {
        let builder = one_worker("strict").priorities(Weights::STRICT).ageing(Duration::MAX);
        let (pool, clock) = clocked(builder);
        let (ran, order) = mpsc::channel();
        let held = occupy(&pool, 1);
        submit(&pool, Priority::Low, 1, &ran);
        clock.advance(Duration::from_secs(1_000_000));
        submit(&pool, Priority::High, 100, &ran);
        held.release();
        let order: Vec<_> = order.iter().take(101).collect();
        assert_eq!((order[100].0, pool.stats().promotions), (Priority::Low, 0));
    });
}

#[test]
fn other_weights_hold_from_the_next_round_on() {
    within(PATIENCE, "live", || {
        let pool = paused("live", Weights::default());
        let rising = Weights { high: 1, normal: 2, low: 1 };
        let error = pool.reconfigure(|settings| settings.priorities = rising).unwrap_err();
        assert_eq!(error.field, "priorities");
        let weights = Weights { high: 1, normal: 1, low: 1 };
        pool.reconfigure(|settings| settings.priorities = weights).expect("they fall");
        let (ran, order) = mpsc::channel();
        Priority::ALL.into_iter().for_each(|priority| submit(&pool, priority, 10, &ran));
        pool.resume();
        let order: Vec<_> = order.iter().take(30).map(|(priority, _)| priority).collect();
        assert_eq!(order, Priority::ALL.repeat(10));
    });
}

/// The own deque would put a low job before the high ones that wait, and hide a high one.
#[test]
fn a_job_submitted_inside_waits_for_its_turn_too() {
    within(PATIENCE, "inside", || {
        let pool = build(one_worker("inside").priorities(Weights::STRICT));
        let (ran, order) = mpsc::channel();
        let handle = pool.handle();
        let parent = pool.submit(move || {
            for priority in [Priority::Low, Priority::Normal, Priority::High] {
                submit(&handle, priority, 2, &ran);
            }
        });
        parent.expect("there is room").join().expect("it returns");
        let order: Vec<_> = order.iter().take(6).collect();
        let wanted: Vec<_> =
            Priority::ALL.into_iter().flat_map(|priority| [(priority, 0), (priority, 1)]).collect();
        assert_eq!(order, wanted);
        assert_eq!(assert_accounts(&pool).accepted, 7);
    });
}

/// Joined inside the pool, a low job runs in the place of the one that waits for it; its shells do
/// not stay for ever in a queue to which the worker never comes back.
#[test]
fn a_job_that_joins_low_ones_in_a_loop_leaves_no_shells_behind() {
    within(PATIENCE, "shells", || {
        let pool = build(one_worker("shells").queue_capacity(10));
        let handle = pool.handle();
        let parent = pool.submit(move || {
            for number in 0..1_000 {
                let job = handle.job("low").priority(Priority::Low).submit(move |_| number);
                assert_eq!(job.expect("inside").join().expect("it returns"), number);
            }
            assert_eq!(handle.stats().queued_by, [0, 0, 0]);
            handle.room()
        });
        let room = parent.expect("there is room").join().expect("it returns");
        assert_eq!(room, 10, "shells take no place");
        assert_eq!(assert_accounts(&pool).accepted, 1_001);
    });
}

#[test]
fn the_figures_tell_the_priorities_apart() {
    within(PATIENCE, "told", || {
        let pool = paused("told", Weights::default());
        let (ran, order) = mpsc::channel();
        submit(&pool, Priority::High, 3, &ran);
        submit(&pool, Priority::Normal, 4, &ran);
        submit(&pool, Priority::Low, 5, &ran);
        let unwanted = pool.job("unwanted").priority(Priority::Low).submit(|_| ());
        let unwanted = unwanted.expect("there is room");
        assert_eq!(pool.stats().queued_by, [3, 4, 6]);
        assert!(unwanted.cancel());
        let stats = pool.stats();
        assert_snapshot(&stats);
        assert_eq!((stats.queued, stats.queued_by), (12, [3, 4, 5]));
        pool.resume();
        assert_eq!(order.iter().take(12).count(), 12);
        let stats = assert_accounts(&pool);
        assert_eq!((stats.queued_by, stats.cancelled), ([0, 0, 0], 1));
        // The shell is gone by now, and hides none of those that come.
        pool.pause();
        submit(&pool, Priority::Low, 2, &ran);
        assert_eq!(pool.stats().queued_by, [0, 0, 2]);
        pool.resume();
    });
}

/// The age of the oldest job, a bit later than last time.
fn looking_at_the_oldest(pool: &Pool, clock: &ManualClock) -> impl Fn() -> Duration {
    let (pool, clock) = (pool.handle(), clock.clone());
    move || {
        // The supervisor looks as time passes, which it does no faster than that.
        let looks = pool.stats().evaluations;
        clock.advance(Duration::from_millis(300));
        if pool.stats().queued > 0 {
            until(|| pool.stats().evaluations > looks);
        }
        pool.stats().oldest_age
    }
}

/// By the order in which they came the high job is the oldest, since so many have left before it.
#[test]
fn the_oldest_job_is_found_although_others_have_overtaken_it() {
    within(PATIENCE, "oldest", || {
        let (pool, clock) = clocked(one_worker("oldest"));
        let held = occupy(&pool, 1);
        let oldest = looking_at_the_oldest(&pool, &clock);
        let low = pool.job("low").priority(Priority::Low).submit(|_| ()).expect("there is room");
        let age = Duration::from_secs(7);
        until(|| oldest() >= age);
        let overtakes = || pool.job("high").priority(Priority::High).submit(|_| ()).expect("room");
        let high = [(); 2].map(|()| overtakes());
        assert!(high[0].cancel());
        assert!((0..5).all(|_| oldest() >= age));
        assert!(low.cancel());
        assert!((0..5).any(|_| oldest() < age), "a shell is not old");
        held.release();
    });
}

/// A worker runs what its own jobs submit first. By the order in which they came, the job from
/// outside has long left.
#[test]
fn the_oldest_job_is_found_although_jobs_from_inside_have_overtaken_it() {
    within(PATIENCE, "overtaken", || {
        let (pool, clock) = clocked(one_worker("overtaken"));
        let oldest = looking_at_the_oldest(&pool, &clock);
        let (submit, told) = mpsc::channel::<()>();
        let (begins, begun) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let handle = pool.handle();
        let parent = move || {
            let _ = told.recv();
            for ended in std::iter::once(Some(ended)).chain([(); 3].map(|()| None)) {
                let begins = begins.clone();
                let child = move || {
                    let _ = begins.send(());
                    ended.map(|ended| ended.recv())
                };
                handle.submit(child).expect("there is room").detach();
            }
        };
        pool.execute(parent).expect("there is room");
        let outside = pool.submit(|| ()).expect("there is room");
        let age = Duration::from_secs(7);
        until(|| oldest() >= age);
        submit.send(()).expect("it waits for that");
        begun.recv().expect("a child runs");
        assert!((0..5).all(|_| oldest() >= age), "it waits still");
        drop(end);
        outside.join().expect("its turn has come");
        until(|| pool.stats().queued == 0 && oldest() < age);
    });
}

#[test]
fn a_shutdown_ends_the_jobs_of_every_priority() {
    within(PATIENCE, "ends", || {
        let pool = paused("ends", Weights::default());
        let handles: Vec<_> = Priority::ALL
            .into_iter()
            .flat_map(|priority| [priority; 4])
            .map(|priority| pool.job("queued").priority(priority).submit(|_| ()).expect("room"))
            .collect();
        pool.shutdown_now();
        let report = pool.shutdown();
        // The end of the pool ends the pause, so the worker may have been in time for some.
        assert_eq!((report.cancelled + report.completed, report.ended), (12, true));
        let cancelled = handles.into_iter().filter_map(|handle| handle.join().err());
        assert_eq!(
            cancelled.filter(|error| error.is_cancelled()).count(),
            report.cancelled as usize
        );
    });
    within(PATIENCE, "drains", || {
        let pool = fixed("drains", 1, 100);
        pool.pause();
        let (ran, order) = mpsc::channel();
        Priority::ALL.into_iter().for_each(|priority| submit(&pool, priority, 4, &ran));
        let report = pool.shutdown();
        assert_eq!((report.completed, order.try_iter().count()), (12, 12));
    });
}
