use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::*;
use crate::Pool;
use crate::run::parker::ImpatientParker;
use crate::run::spawner::RefusingSpawner;
use crate::time::ManualClock;

const SECOND: Duration = Duration::from_secs(1);

fn by_hand(name: &str) -> (Pool, ManualClock) {
    let clock = ManualClock::new();
    let builder = Pool::builder(name).workers(0..=1).clock(clock.clock()).parker(ImpatientParker);
    (builder.build().expect("settings that can be used"), clock)
}

fn timer(pool: &Pool) -> Arc<Timer> {
    Arc::clone(&pool.handle().core.timer)
}

fn seconds(n: u64) -> Nanos {
    Nanos::from_duration(SECOND * n as u32)
}

fn sends<T: Send + 'static>(sender: &Sender<T>, value: T) -> Due {
    let sender = sender.clone();
    Box::new(move || sender.send(value).expect("the test listens"))
}

/// What has been called so far, given time to be called by mistake.
fn so_far<T>(receiver: &Receiver<T>) -> Vec<T> {
    std::thread::sleep(Duration::from_millis(20));
    receiver.try_iter().collect()
}

#[test]
fn each_is_called_once_in_the_order_of_time_and_not_before_it() {
    let (pool, clock) = by_hand("timer-order");
    let (sender, called) = channel();
    for (when, name) in [(3, "c"), (1, "a"), (3, "d"), (2, "b"), (9, "e")] {
        timer(&pool).at(seconds(when), sends(&sender, name)).ok().expect("room");
    }
    assert_eq!(so_far(&called), [""; 0]);
    clock.advance(SECOND * 2);
    assert_eq!([called.recv(), called.recv()], [Ok("a"), Ok("b")]);
    clock.advance(SECOND);
    assert_eq!([called.recv(), called.recv()], [Ok("c"), Ok("d")]);
    assert_eq!(so_far(&called), [""; 0]);
}

/// Attacks T2.
#[test]
fn who_is_cancelled_is_never_called_and_what_it_holds_is_freed_at_once() {
    let (pool, clock) = by_hand("timer-cancel");
    let (sender, called) = channel();
    let held = Arc::new(());
    let due = {
        let (held, due) = (Arc::clone(&held), sends(&sender, "cancelled"));
        Box::new(move || {
            drop(held);
            due();
        })
    };
    let id = timer(&pool).at(seconds(1), due).ok().expect("room");
    let later = timer(&pool).at(seconds(1), sends(&sender, "called")).ok().expect("room");
    assert!(timer(&pool).cancel(id) && !timer(&pool).cancel(id));
    assert_eq!(Arc::strong_count(&held), 1);
    clock.advance(SECOND);
    assert_eq!(called.recv(), Ok("called"));
    assert!(!timer(&pool).cancel(later), "too late");
    assert_eq!(so_far(&called), [""; 0]);
}

#[test]
fn what_never_comes_is_not_called_by_a_clock_that_shows_the_end_of_time() {
    let (pool, clock) = by_hand("timer-never");
    let (sender, called) = channel();
    let never = Nanos(1).after(Duration::MAX);
    timer(&pool).at(never, sends(&sender, "never")).ok().expect("room");
    timer(&pool).at(Nanos(u64::MAX - 1), sends(&sender, "late")).ok().expect("room");
    clock.set(Duration::MAX);
    assert_eq!(called.recv(), Ok("late"));
    assert_eq!(so_far(&called), [""; 0]);
    // Its drop waits by this clock.
    clock.set(SECOND);
}

#[test]
fn a_clock_that_jumps_calls_each_once_and_one_that_goes_back_calls_nobody() {
    let (pool, clock) = by_hand("timer-jumps");
    clock.set(SECOND * 3_600);
    let (sender, called) = channel();
    for n in 0..100 {
        timer(&pool).at(seconds(3_601 + n), sends(&sender, n)).ok().expect("room");
    }
    clock.set(SECOND);
    assert_eq!(so_far(&called), [0; 0]);
    clock.set(SECOND * 7_200);
    assert_eq!(called.iter().take(100).collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
    assert_eq!(so_far(&called), [0; 0]);
}

/// Attacks T1 without a parker that would hide a lost wake-up.
#[test]
fn an_earlier_entry_wakes_the_thread_from_its_sleep_for_a_later_one() {
    let pool = Pool::builder("timer-earlier").workers(0..=1).build().expect("fine settings");
    let (sender, called) = channel();
    let now = || pool.handle().core.shared.now();
    timer(&pool).at(now().after(SECOND * 3_600), sends(&sender, 0)).ok().expect("room");
    for n in 1..=200 {
        let when = if n % 2 == 0 { now() } else { now().after(Duration::from_micros(50)) };
        timer(&pool).at(when, sends(&sender, n)).ok().expect("room");
        assert_eq!(called.recv(), Ok(n));
    }
}

#[test]
fn a_call_that_panics_keeps_nobody_from_being_called() {
    let (pool, _clock) = by_hand("timer-panics");
    let (sender, called) = channel();
    timer(&pool).at(Nanos(0), Box::new(|| panic!("on purpose"))).ok().expect("room");
    timer(&pool).at(Nanos(0), sends(&sender, ())).ok().expect("room");
    assert_eq!(called.recv(), Ok(()));
}

#[test]
fn a_refused_thread_gives_the_call_back_and_the_next_one_asks_again() {
    let asked = AtomicUsize::new(0);
    let once = RefusingSpawner::new(move |name| {
        name.ends_with("/time") && asked.fetch_add(1, Ordering::SeqCst) == 0
    });
    let builder = Pool::builder("timer-refused").workers(0..=1);
    let pool = builder.spawner(once).build().expect("fine settings");
    let (sender, called) = channel();
    let (due, refusal) = timer(&pool).at(Nanos(0), sends(&sender, 1)).expect_err("no thread");
    assert_eq!(refusal, Refusal::NoThread);
    due();
    timer(&pool).at(Nanos(0), sends(&sender, 2)).ok().expect("a thread");
    assert_eq!([called.recv(), called.recv()], [Ok(1), Ok(2)]);
}

#[test]
fn too_many_entries_are_refused_but_for_those_that_had_a_place() {
    let (pool, _clock) = by_hand("timer-full");
    let timer = timer(&pool);
    for _ in 0..ENTRIES_MAX {
        timer.at(seconds(1), Box::new(|| {})).ok().expect("room");
    }
    let refused = timer.at(seconds(1), Box::new(|| {})).err().map(|(_, refusal)| refusal);
    assert_eq!(refused, Some(Refusal::DelayedFull));
    let id = timer.again(seconds(1), Box::new(|| {})).ok().expect("its own place");
    assert!(timer.cancel(id));
}

/// Attacks T2.
#[test]
fn at_the_end_of_the_pool_what_is_left_is_dropped_and_nothing_gets_in() {
    let (pool, _clock) = by_hand("timer-ends");
    let held = Arc::new(());
    let holds = Arc::clone(&held);
    timer(&pool).at(seconds(1), Box::new(move || drop(holds))).ok().expect("room");
    assert!(pool.shutdown().ended);
    assert_eq!(Arc::strong_count(&held), 1);
    let refused = timer(&pool).at(Nanos(0), Box::new(|| {})).err().map(|(_, refusal)| refusal);
    assert_eq!(refused, Some(Refusal::Shutdown));
}

#[test]
fn the_thread_begins_with_the_first_entry_and_has_ended_with_the_pool() {
    let named = |name: &str| {
        let tasks = std::fs::read_dir("/proc/self/task").ok()?;
        let names = tasks
            .flatten()
            .filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
        Some(names.filter(|found| found.trim() == name).count())
    };
    let (pool, _clock) = by_hand("born");
    assert_eq!(named("born/time").unwrap_or(0), 0, "nothing waits");
    let (sender, called) = channel();
    timer(&pool).at(Nanos(0), sends(&sender, ())).ok().expect("room");
    assert_eq!(called.recv(), Ok(()));
    assert_eq!(named("born/time").unwrap_or(1), 1);
    assert!(pool.shutdown().ended);
    assert_eq!(named("born/time").unwrap_or(0), 0);
}
