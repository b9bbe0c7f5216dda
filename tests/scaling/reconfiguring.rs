//! Settings change as a whole or not at all, and at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use springtide::{Overflow, Pool, Refusal, Settings};

use crate::support::system;
use crate::support::{
    Crowd, Latch, SetOnDrop, enqueue, eventually, finish, hold, millis, throughout, watchdog,
};

/// A small generator, so that a failure can be repeated: its seed is printed with it.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    fn chance(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }
}

const CEILING: usize = 24;

/// Changes some of the settings, to good values and bad ones.
fn shake(dice: &mut Dice, settings: &mut Settings) {
    if dice.chance(2) {
        settings.min_workers = dice.below(8) as usize;
    }
    if dice.chance(2) {
        settings.max_workers = dice.below(CEILING as u64 + 3) as usize;
    }
    if dice.chance(3) {
        settings.queue_capacity = [None, Some(0), Some(1), Some(100)][dice.below(4) as usize];
    }
    if dice.chance(3) {
        let cores = [None, Some(0.5), Some(0.0), Some(-1.0), Some(f64::NAN), Some(f64::INFINITY)];
        settings.cores = cores[dice.below(6) as usize];
    }
    if dice.chance(3) {
        let spans = [Duration::ZERO, Duration::from_nanos(1), millis(50), Duration::MAX];
        settings.target_wait = spans[dice.below(4) as usize];
        settings.keep_alive = Some(spans[dice.below(4) as usize]);
    }
}

/// What is wrong with them, said again in the simplest words.
fn wrong(settings: &Settings) -> Option<&'static str> {
    let (min, max) = (settings.min_workers, settings.max_workers);
    if max == 0 || min > max || max > CEILING {
        return Some("workers");
    }
    if settings.queue_capacity == Some(0) {
        return Some("queue_capacity");
    }
    settings.cores.is_some_and(|cores| !(cores > 0.0 && cores.is_finite())).then_some("cores")
}

#[test]
fn a_change_is_made_as_a_whole_or_not_at_all() {
    let _watchdog = watchdog();
    let pool = Pool::builder("whole").workers(1..=4).ceiling(CEILING).build().unwrap();
    let done = AtomicBool::new(false);
    let (mut accepted, mut rejected) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                pool.execute(|| ()).unwrap();
                std::thread::sleep(Duration::from_micros(100));
            }
        });
        let _done = SetOnDrop(&done);
        for seed in 1..=1_500_u64 {
            let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let before = pool.settings();
            let mut asked = before.clone();
            let result = pool.reconfigure(|settings| {
                shake(&mut dice, settings);
                asked = settings.clone();
            });
            match (wrong(&asked), result) {
                (None, Ok(in_force)) => {
                    accepted += 1;
                    assert_eq!(in_force, asked, "seed {seed}");
                    assert_eq!(pool.settings(), asked, "seed {seed}");
                    let stats = pool.stats();
                    let bounds = (stats.min as usize, stats.max as usize);
                    assert_eq!(bounds, (asked.min_workers, asked.max_workers), "seed {seed}");
                }
                (Some(field), Err(error)) => {
                    rejected += 1;
                    assert_eq!(error.field, field, "seed {seed}: {error}");
                    assert!(error.to_string().starts_with(field), "{error}");
                    assert_eq!(pool.settings(), before, "seed {seed}: nothing was changed");
                }
                (expected, result) => panic!("seed {seed}: {expected:?} but {result:?}"),
            }
        }
    });
    println!("{accepted} changes made, {rejected} refused");
    assert!(accepted > 300 && rejected > 300);
    pool.resize(3..=3).unwrap();
    eventually("the last bounds are in force", || system::workers("whole") == 3);
    finish(pool);
}

/// Two who change different settings at the same time both get what they were promised.
#[test]
fn changes_made_at_the_same_time_do_not_undo_each_other() {
    let _watchdog = watchdog();
    let pool = Pool::builder("both").workers(1..=4).build().unwrap();
    let rounds = 2_000;
    std::thread::scope(|scope| {
        for field in 0..3_usize {
            let pool = pool.handle();
            scope.spawn(move || {
                for n in 1..=rounds {
                    let in_force = pool
                        .reconfigure(|settings| {
                            match field {
                                0 => settings.target_wait = Duration::from_nanos(n),
                                1 => settings.keep_alive = Some(Duration::from_nanos(n)),
                                _ => settings.queue_capacity = Some(n as usize),
                            }
                            // The caller's code takes as long as it takes.
                            std::thread::yield_now();
                        })
                        .unwrap();
                    let now = pool.settings();
                    let mine = |settings: &Settings| match field {
                        0 => settings.target_wait.as_nanos() as u64,
                        1 => settings.keep_alive.unwrap().as_nanos() as u64,
                        _ => settings.queue_capacity.unwrap_or(0) as u64,
                    };
                    assert_eq!((mine(&in_force), mine(&now)), (n, n), "setting {field}");
                }
            });
        }
    });
    finish(pool);
}

/// The caller's code runs while nothing is locked: it may panic, and it may change the settings
/// itself.
#[test]
fn the_callers_part_of_a_change_may_panic_or_change_more() {
    let _watchdog = watchdog();
    let pool = Pool::builder("callers").workers(1..=4).build().unwrap();
    let before = pool.settings();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        pool.reconfigure(|settings| {
            settings.max_workers = 2;
            panic!("on purpose");
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(pool.settings(), before);
    let handle = pool.handle();
    let settings = pool
        .reconfigure(|settings| {
            handle.resize(2..=5).unwrap();
            settings.queue_capacity = Some(7);
        })
        .unwrap();
    assert_eq!(settings.queue_capacity, Some(7));
    let inner = pool.handle();
    let inside = pool.submit(move || inner.resize(2..=6).map(|s| s.max_workers)).unwrap();
    assert_eq!(inside.join().unwrap(), Ok(6));
    finish(pool);
}

/// A bound below what is queued refuses the next jobs and drops none of those inside.
#[test]
fn a_smaller_queue_and_another_rule_for_a_full_one_apply_at_once() {
    let _watchdog = watchdog();
    let pool = Pool::builder("rule").workers(1..=1).queue_capacity(20).build().unwrap();
    let (crowd, latch) = (Crowd::new(), Latch::new());
    hold(&pool, 1, &crowd, &latch);
    (0..10).for_each(|_| pool.execute(|| ()).unwrap());
    pool.reconfigure(|settings| {
        settings.queue_capacity = Some(3);
        settings.overflow = Overflow::Reject;
    })
    .unwrap();
    let refused = pool.execute(|| ()).unwrap_err();
    assert_eq!(refused.refusal(), Refusal::QueueFull);
    pool.reconfigure(|settings| settings.overflow = Overflow::CallerRuns).unwrap();
    let here = std::thread::current().id();
    let ran_on = pool.submit(|| std::thread::current().id()).unwrap();
    assert!(ran_on.is_finished(), "the submitter ran it");
    assert_eq!(ran_on.join().unwrap(), here);
    pool.reconfigure(|settings| settings.queue_capacity = None).unwrap();
    (0..50).for_each(|_| pool.execute(|| ()).unwrap());
    assert_eq!(pool.stats().queued, 60);
    latch.open();
    let stats = finish(pool);
    assert_eq!((stats.ok, stats.refused), (62, 1), "{stats:?}");
}

/// A target that is never in danger lets one worker do all; one of zero calls for all at once.
#[test]
fn a_new_objective_is_followed_from_the_next_look_on() {
    let _watchdog = watchdog();
    let pool = Pool::builder("goal").workers(1..=8).cores(1.0).target_wait(Duration::MAX);
    let pool = pool.build().unwrap();
    let (crowd, latch) = (Crowd::new(), Latch::new());
    hold(&pool, 1, &crowd, &latch);
    enqueue(&pool, 7, &crowd, &latch);
    throughout(millis(300), "they can wait", || crowd.now() == 1);
    pool.reconfigure(|settings| settings.target_wait = Duration::ZERO).unwrap();
    eventually("they cannot", || crowd.now() == 8);
    assert_eq!(system::workers("goal"), 8);
    latch.open();
    assert_eq!(finish(pool).ok, 8);
}
