//! Lanes as bulkheads: what one does, the others and the pool do not suffer from.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use common::{
    DropFlag, Latch, PATIENCE, assert_accounts, assert_lane, build, fixed, fixed_with, occupy,
    until, within,
};
use springtide::{BuildError, CancelReason, JobHandle, Lane, Overflow, Pool, Refusal};

/// As many jobs that wait for the latch as can be submitted.
fn held(lane: &Lane, jobs: usize, latch: &Latch) -> Vec<JobHandle<()>> {
    let hold = |_| {
        let latch = latch.clone();
        lane.submit(move || latch.wait()).expect("room for a job that holds a worker")
    };
    (0..jobs).map(hold).collect()
}

/// Counts how many are inside at once.
#[derive(Default)]
struct Crowd {
    inside: AtomicUsize,
    most: AtomicUsize,
}

impl Crowd {
    fn pass(&self) {
        let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(inside, Ordering::SeqCst);
        thread::yield_now();
        self.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn a_lane_runs_no_more_at_once_than_it_may_and_the_pool_no_more_than_it_has_workers() {
    within(PATIENCE, "capped", || {
        let pool = fixed("capped", 4, 100);
        let lane = pool.lane("two").max_running(2).build().expect("less than the pool");
        let (mine, all) = (Arc::new(Crowd::default()), Arc::new(Crowd::default()));
        for n in 0..400 {
            let (mine, all) = (Arc::clone(&mine), Arc::clone(&all));
            if n % 2 == 0 {
                let job = move || all.pass();
                pool.execute(job).expect("open");
            } else {
                lane.execute(move || {
                    mine.pass();
                    all.pass();
                })
                .expect("open");
            }
        }
        let stats = assert_accounts(&pool);
        assert_eq!((stats.accepted, stats.ok), (400, 400), "the pool counts the lane's jobs");
        let lane = assert_lane(&lane);
        assert_eq!((lane.accepted, lane.ok, lane.wait.count), (200, 200, 200));
        assert!((1..=2).contains(&mine.most.load(Ordering::SeqCst)));
        assert!(all.most.load(Ordering::SeqCst) <= 4);
    });
}

#[test]
fn a_lane_that_may_run_more_than_its_pool_has_workers_is_not_built() {
    let pool = fixed("limits", 3, 10);
    let fields = |error: BuildError| match error {
        BuildError::Invalid(problems) => problems.iter().map(|p| p.field).collect::<Vec<_>>(),
        other => panic!("{other}"),
    };
    let error = pool.lane("wide").max_running(4).reserved(3).weight(0).build().unwrap_err();
    assert_eq!(fields(error), ["max_running", "reserved", "weight"]);
    let error = pool.lane("").queue_capacity(0).rate(-1.0, 0).build().unwrap_err();
    assert_eq!(fields(error), ["lane", "queue_capacity", "rate", "rate"]);
    let lane = pool.lane("two").max_running(3).reserved(2).build().expect("just right");
    assert_eq!(fields(pool.lane("two").build().unwrap_err()), ["lane"]);
    assert_eq!(fields(pool.lane("third").reserved(1).build().unwrap_err()), ["reserved"]);
    let before = lane.settings();
    assert_eq!(lane.reconfigure(|l| l.max_running = Some(1)).unwrap_err().field, "reserved");
    assert_eq!(lane.settings(), before);
}

/// The name is that of those that are counted together.
#[test]
fn a_lane_that_is_to_be_called_other_is_refused_and_says_why() {
    let pool = fixed("named", 1, 10);
    let error = pool.lane("other").build().unwrap_err().to_string();
    assert!(error.contains("beyond the 16th"), "{error}");
    assert!(pool.lane("others").build().is_ok());
}

#[test]
fn jobs_submitted_to_a_lane_of_one_and_its_pool_of_one_by_turns_all_run() {
    within(PATIENCE, "by-turns", || {
        let pool = fixed("by-turns", 1, 10);
        let lane = pool.lane("one").max_running(1).build().expect("as many as the pool");
        for n in 0..200 {
            let inside = lane.submit(move || n).expect("open");
            let outside = pool.submit(move || n).expect("open");
            assert_eq!((inside.join().unwrap(), outside.join().unwrap()), (n, n));
        }
        assert_accounts(&pool);
    });
}

#[test]
fn a_full_lane_refuses_and_the_pool_has_room() {
    within(PATIENCE, "bulkhead", || {
        let pool = fixed_with("bulkhead", 1, 2, Overflow::Reject);
        let lane = pool.lane("paused").max_running(0).queue_capacity(3).build().expect("valid");
        let waiting: Vec<_> = (0..3).map(|n| lane.submit(move || n).expect("room")).collect();
        for _ in 0..50 {
            let refused = lane.submit(|| 9).unwrap_err();
            assert!(refused.is_full());
            assert_eq!(refused.into_job()(), 9, "it comes back");
            assert!(lane.try_submit(|| ()).unwrap_err().is_full());
        }
        let stats = pool.stats();
        assert_eq!((stats.accepted, stats.refused, stats.queued), (0, 0, 0), "not the pool's");
        let busy = occupy(&pool, 1);
        let others: Vec<_> = (0..2).map(|_| pool.submit(|| ()).expect("room")).collect();
        assert!(pool.submit(|| ()).unwrap_err().is_full(), "two places, none for the lane");
        busy.release();
        others.into_iter().for_each(|other| other.join().expect("it ran"));
        let refused = assert_lane(&lane).refused_by;
        assert_eq!(refused[Refusal::QueueFull as usize], (Refusal::QueueFull, 100));
        lane.reconfigure(|l| l.max_running = Some(1)).expect("valid");
        let all: Vec<i32> = waiting.into_iter().map(|job| job.join().unwrap()).collect();
        assert_eq!(all, [0, 1, 2]);
    });
}

#[test]
fn a_job_of_a_lane_with_a_reservation_starts_though_another_lane_floods_the_pool() {
    within(PATIENCE, "reserve", || {
        let pool = fixed("reserve", 4, 100);
        let vital = pool.lane("vital").reserved(2).build().expect("valid");
        let flood = pool.lane("flood").build().expect("valid");
        let latch = Latch::new();
        let flooding = held(&flood, 50, &latch);
        until(|| flood.stats().running == 2);
        for _ in 0..20 {
            let both = [vital.submit(|| ()).expect("room"), vital.submit(|| ()).expect("room")];
            both.into_iter().for_each(|job| job.join().expect("it runs while the flood stands"));
        }
        assert_eq!((flood.stats().running, flood.stats().ok), (2, 0));
        vital.close();
        until(|| flood.stats().running == 4);
        latch.open();
        flooding.into_iter().for_each(|job| job.join().expect("it ran"));
        assert_accounts(&pool);
    });
}

#[test]
fn a_flooded_lane_puts_no_more_in_the_way_of_a_plain_job_than_there_are_workers() {
    within(PATIENCE, "in-the-way", || {
        let pool = fixed("in-the-way", 2, 1_000);
        let lane = pool.lane("flood").build().expect("valid");
        let latch = Latch::new();
        let flooding = held(&lane, 500, &latch);
        until(|| lane.stats().running == 2);
        let stats = assert_lane(&lane);
        assert!(stats.queued <= 2 && stats.queued + stats.running <= 2, "{stats:?}");
        assert_eq!(pool.stats().queued, stats.queued);
        let plain = pool.submit(|| ()).expect("room");
        latch.open();
        plain.join().expect("it ran");
        flooding.into_iter().for_each(|job| job.join().expect("it ran"));
        assert_accounts(&pool);
    });
}

#[test]
fn a_flooded_lane_makes_its_pool_grow() {
    within(PATIENCE, "grows", || {
        let pool = build(Pool::builder("grows").workers(1..=8));
        let lane = pool.lane("flood").max_running(6).build().expect("valid");
        let latch = Latch::new();
        let flooding = held(&lane, 100, &latch);
        until(|| lane.stats().running == 6);
        latch.open();
        flooding.into_iter().for_each(|job| job.join().expect("it ran"));
        assert_accounts(&pool);
    });
}

#[test]
fn a_limit_that_is_raised_lets_start_what_waited_for_it() {
    within(PATIENCE, "raised", || {
        let pool = fixed("raised", 6, 100);
        let lane = pool.lane("paused").max_running(0).build().expect("zero is a limit");
        let latch = Latch::new();
        let jobs = held(&lane, 6, &latch);
        let stats = assert_lane(&lane);
        assert_eq!((stats.waiting, stats.running), (6, 0), "zero means zero");
        for limit in [2, 5] {
            lane.reconfigure(|l| l.max_running = Some(limit)).expect("valid");
            until(|| lane.stats().running == limit as u64);
            assert_eq!(lane.stats().waiting, 6 - limit as u64);
        }
        lane.reconfigure(|l| l.max_running = None).expect("valid");
        until(|| lane.stats().running == 6);
        latch.open();
        jobs.into_iter().for_each(|job| job.join().expect("it ran"));
    });
}

#[test]
fn workers_added_to_a_pool_take_what_its_lanes_hold() {
    within(PATIENCE, "resized", || {
        let pool = build(Pool::builder("resized").workers(1..=1));
        let lane = pool.lane("lane").build().expect("valid");
        let latch = Latch::new();
        let jobs = held(&lane, 8, &latch);
        until(|| lane.stats().running == 1);
        pool.resize(5..=5).expect("valid");
        until(|| lane.stats().running == 5);
        latch.open();
        jobs.into_iter().for_each(|job| job.join().expect("it ran"));
    });
}

#[test]
fn a_job_cancelled_in_its_lane_is_freed_at_once_and_its_place_goes_to_the_next() {
    within(PATIENCE, "cancelled", || {
        let pool = fixed("cancelled", 1, 10);
        let lane = pool.lane("short").max_running(0).queue_capacity(1).build().expect("valid");
        let (flag, held) = DropFlag::new();
        let first = lane.submit(move || drop(held)).expect("room");
        thread::scope(|scope| {
            let blocked = scope.spawn(|| lane.submit(|| 2).expect("room comes"));
            until(|| lane.stats().submitters_blocked == 1);
            assert!(first.cancel() && flag.is_dropped(), "what it captured is gone");
            let second = blocked.join().expect("it got in");
            lane.reconfigure(|l| l.max_running = Some(1)).expect("valid");
            assert_eq!(second.join().unwrap(), 2);
        });
        let error = first.join().unwrap_err();
        assert_eq!(error.cancel_reason(), Some(CancelReason::Requested));
        let stats = assert_lane(&lane);
        assert_eq!((stats.cancelled, stats.ok), (1, 1));
        let stats = assert_accounts(&pool);
        assert_eq!((stats.accepted, stats.cancelled), (2, 1), "counted by the pool too");
    });
}

#[test]
fn jobs_cancelled_on_their_way_to_a_worker_give_their_places_back() {
    within(PATIENCE, "race-cancel", || {
        let pool = fixed("race-cancel", 2, 100);
        let lane = pool.lane("narrow").max_running(1).build().expect("valid");
        for _ in 0..500 {
            let jobs: Vec<_> = (0..4).map(|n| lane.submit(move || n).expect("room")).collect();
            jobs.iter().rev().for_each(|job| _ = job.cancel());
            jobs.into_iter().for_each(|job| drop(job.join()));
        }
        let stats = assert_lane(&lane);
        assert_eq!((stats.waiting, stats.accepted), (0, 2_000));
        assert_accounts(&pool);
    });
}

#[test]
fn thousands_of_expired_jobs_are_no_burden_and_no_recursion() {
    within(PATIENCE, "expired", || {
        let pool = fixed("expired", 1, 10);
        let lane = pool.lane("late").max_running(0).queue_capacity(20_000).build().expect("valid");
        let expires = |_| lane.job("late").expires_in(Duration::ZERO).submit(|_| ()).expect("room");
        let late: Vec<_> = (0..10_000).map(expires).collect();
        let last = lane.submit(|| 7).expect("room");
        lane.reconfigure(|l| l.max_running = Some(1)).expect("valid");
        assert_eq!(last.join().unwrap(), 7);
        assert!(late.into_iter().all(|job| job.join().unwrap_err().is_expired()));
        assert_eq!(assert_lane(&lane).expired, 10_000);
        assert_eq!(assert_accounts(&pool).expired, 10_000);
    });
}

#[test]
fn a_panic_gives_the_place_of_its_job_back() {
    within(PATIENCE, "panics", || {
        let pool = fixed("panics", 2, 100);
        let lane = pool.lane("fragile").max_running(1).build().expect("valid");
        let fails = |_| lane.submit(|| panic!("on purpose")).expect("room");
        let failing: Vec<JobHandle<()>> = (0..20).map(fails).collect();
        assert_eq!(lane.submit(|| 3).expect("room").join().unwrap(), 3);
        assert!(failing.into_iter().all(|job| job.join().unwrap_err().is_panicked()));
        assert_eq!(assert_lane(&lane).panicked, 20);
        assert_accounts(&pool);
    });
}

#[test]
fn a_submitter_waits_for_room_until_its_deadline_or_the_close() {
    within(PATIENCE, "blocked", || {
        let pool = fixed("blocked", 1, 10);
        let lane = pool.lane("full").max_running(0).queue_capacity(1).build().expect("valid");
        let first = lane.submit(|| 1).expect("room");
        let late = lane.submit_timeout(|| 2, Duration::from_millis(5)).unwrap_err();
        assert!(late.is_timed_out());
        thread::scope(|scope| {
            let blocked: Vec<_> = (0..3).map(|_| scope.spawn(|| lane.submit(|| 3))).collect();
            until(|| lane.stats().submitters_blocked == 3);
            lane.close();
            for blocked in blocked {
                assert!(blocked.join().unwrap().unwrap_err().is_closed());
            }
        });
        assert_eq!(first.join().unwrap(), 1, "a lane that is closed drains");
        assert_eq!(pool.submit(|| 4).expect("the pool goes on").join().unwrap(), 4);
        until(|| lane.stats().running == 0);
        let again = pool.lane("full").build().expect("closed and empty");
        assert_eq!(again.submit(|| 5).expect("open").join().unwrap(), 5);
    });
}

#[test]
fn a_job_joined_inside_the_pool_runs_there_if_its_lane_allows_that_and_waits_if_not() {
    within(PATIENCE, "joins", || {
        let pool = fixed("joins", 1, 10);
        let lane = pool.lane("one").max_running(1).build().expect("valid");
        let (outer, inner) = (pool.handle(), lane.clone());
        let nested = move || -> i32 {
            let joins_in_lane = {
                let inner = inner.clone();
                // Of the lane itself: it lends its place while it waits.
                move || inner.submit(|| 1).expect("open").join().expect("it runs here") + 1
            };
            let in_lane = inner.submit(joins_in_lane).expect("open").join().expect("it runs here");
            outer.submit(|| 1).expect("open").join().expect("it runs here") + in_lane
        };
        assert_eq!(pool.submit(nested).expect("open").join().unwrap(), 3);

        // The lane's place is taken by a job that waits for this worker: it steps back.
        let inner = lane.clone();
        let takes_its_place = move || {
            let first = inner.submit(|| 1).expect("open");
            (inner.submit(|| 2).expect("open").join().expect("it runs here"), first)
        };
        let (second, first) = pool.submit(takes_its_place).expect("open").join().unwrap();
        assert_eq!((first.join().unwrap(), second), (1, 2));

        // Not while the lane is paused; once it is not, the only worker runs it in its place.
        lane.reconfigure(|l| l.max_running = Some(0)).expect("valid");
        let inner = lane.clone();
        let waits = pool.submit(move || inner.submit(|| 5).expect("open").join()).expect("open");
        until(|| pool.stats().workers.blocked == 1);
        assert_eq!(lane.stats().waiting, 1);
        lane.reconfigure(|l| l.max_running = Some(1)).expect("valid");
        assert_eq!(waits.join().unwrap().unwrap(), 5);
        assert_accounts(&pool);
    });
}

#[test]
fn a_job_that_submits_to_a_full_lane_of_its_own_pool_is_not_blocked_on_itself() {
    within(PATIENCE, "inside", || {
        let pool = fixed("inside", 1, 10);
        let lane = pool.lane("short").queue_capacity(1).build().expect("valid");
        let submits = {
            let lane = lane.clone();
            move || (0..10).map(|n| lane.submit(move || n).expect("over the bound")).collect()
        };
        let jobs: Vec<JobHandle<i32>> = pool.submit(submits).expect("open").join().unwrap();
        let all: Vec<i32> = jobs.into_iter().map(|job| job.join().unwrap()).collect();
        assert_eq!(all, (0..10).collect::<Vec<_>>());
    });
}

#[test]
fn what_a_smaller_pool_has_made_too_large_is_no_reason_to_refuse_another_change() {
    let pool = build(Pool::builder("smaller").workers(1..=8));
    let lane = pool.lane("wide").max_running(8).reserved(5).build().expect("as many as the pool");
    pool.resize(1..=4).expect("valid");
    let settings = lane.reconfigure(|l| l.weight = 2).expect("nothing to do with the workers");
    assert_eq!((settings.weight, settings.max_running, settings.reserved), (2, Some(8), 5));
    assert_eq!(lane.reconfigure(|l| l.weight = 0).unwrap_err().field, "weight");
    assert_eq!(lane.reconfigure(|l| l.max_running = Some(7)).unwrap_err().field, "max_running");
    assert_eq!(lane.reconfigure(|l| l.max_running = Some(3)).unwrap_err().field, "reserved");
    let change = lane.reconfigure(|l| (l.max_running, l.reserved) = (Some(4), 3));
    assert_eq!(change.expect("it fits").reserved, 3);
}

#[test]
fn submitters_that_wait_for_the_one_place_of_a_lane_get_it_in_the_order_of_their_coming() {
    within(PATIENCE, "in-line", || {
        let pool = fixed("in-line", 2, 10);
        let lane = pool.lane("one").max_running(0).queue_capacity(1).build().expect("valid");
        let order = Arc::new(std::sync::Mutex::new(Vec::new()));
        lane.execute(|| ()).expect("room");
        thread::scope(|scope| {
            for n in 0..30 {
                let (lane, order) = (&lane, Arc::clone(&order));
                scope.spawn(move || {
                    let says = move || order.lock().expect("nobody panics here").push(n);
                    lane.execute(says).expect("room comes");
                });
                until(|| lane.stats().submitters_blocked == n + 1);
            }
            // Every change looks who there is room for.
            let mut weight = 1;
            while lane.stats().ok < 31 {
                weight += 1;
                lane.reconfigure(|l| (l.max_running, l.weight) = (Some(1), weight)).expect("valid");
            }
        });
        let order = order.lock().expect("nobody panics here").clone();
        assert_eq!(order, (0..30).collect::<Vec<u64>>());
    });
}

#[test]
fn a_job_of_a_lane_has_a_deadline_of_its_own_and_need_not_inherit_one() {
    within(PATIENCE, "deadline", || {
        let pool = fixed("deadline", 1, 10);
        let lane = pool.lane("lane").build().expect("valid");
        let in_an_hour = std::time::Instant::now() + Duration::from_secs(3_600);
        let inner = lane.clone();
        let job = lane.job("outer").deadline(in_an_hour).submit(move |cx| {
            let bound = inner.submit(|| ()).expect("room");
            let inherits = inner.job("bound").submit(|cx| cx.deadline()).expect("room");
            let free = inner.job("free").without_inherited_deadline();
            let free = free.submit(|cx| cx.deadline()).expect("room");
            bound.join().expect("it ran");
            (cx.deadline(), inherits.join().expect("it ran"), free.join().expect("it ran"))
        });
        let (own, inherited, free) = job.expect("room").join().expect("it ran");
        assert!(own.is_some() && inherited.is_some());
        assert_eq!(free, None);
        let past = lane.job("past").deadline(std::time::Instant::now()).submit(|_| ());
        assert!(past.expect("room").join().unwrap_err().is_expired());
    });
}
