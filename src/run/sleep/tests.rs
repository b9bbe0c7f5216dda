use super::*;
use crate::run::parker::SystemParker;

const NONE: fn() -> u64 = || 0;
const ONE: fn() -> u64 = || 1;

/// `n` workers in their seats, fallen asleep in the order of their numbers.
fn asleep(n: usize) -> Sleep {
    let sleep = Sleep::new(n, Arc::new(SystemParker));
    for index in 0..n {
        sleep.enlist();
        fall_asleep(&sleep, index);
    }
    sleep
}

fn fall_asleep(sleep: &Sleep, index: usize) {
    let events = sleep.events();
    assert!(sleep.fall_asleep(index, events).is_ok());
}

fn counts(sleep: &Sleep) -> (u32, u32, u32) {
    let seen = sleep.look();
    (seen.live(), seen.searching(), seen.sleeping())
}

fn orders(sleep: &Sleep) -> Vec<Option<Order>> {
    sleep.seats.iter().map(Seat::take).collect()
}

/// Attacks S4: whatever happens, the list holds as many as the word counts.
#[test]
fn the_list_and_the_word_agree_after_every_step() {
    let sleep = asleep(8);
    let mut tape = 0x9e37_79b9_7f4a_7c15_u64;
    let mut awake: Vec<usize> = Vec::new();
    for _ in 0..10_000 {
        tape ^= tape << 13;
        tape ^= tape >> 7;
        tape ^= tape << 17;
        match tape % 4 {
            0 => sleep.announce(1 + (tape >> 8) as u32 % 4, ONE),
            1 => sleep.rouse((tape >> 8) as usize % 8),
            2 => assert_eq!(sleep.retire_coldest(2, 0, ONE), 0),
            _ => awake.drain(..).for_each(|index| fall_asleep(&sleep, index)),
        }
        let woken = orders(&sleep).into_iter().enumerate();
        awake.extend(woken.filter(|(_, order)| order.is_some()).map(|(index, _)| index));
        let listed = sleep.sleepers.lock().len();
        assert_eq!(counts(&sleep), (8, awake.len() as u32, listed as u32));
    }
}

/// Attacks S5: whoever wakes must not count on a sleeper that somebody else has woken.
#[test]
fn the_last_to_fall_asleep_is_woken_first_and_wakes_two_more() {
    let search = Some(Order::Search);
    let sleep = asleep(8);
    sleep.announce(1, ONE);
    assert_eq!(orders(&sleep)[7], search);
    assert_eq!(counts(&sleep), (8, 1, 7));
    sleep.announce(1, ONE);
    assert_eq!(orders(&sleep), [None; 8], "somebody searches: the submitter wakes nobody");
    sleep.found(|| 9);
    assert_eq!(orders(&sleep), [None, None, None, None, None, search, search, None]);
    assert_eq!(counts(&sleep), (8, 2, 5));
    sleep.found(ONE);
    assert_eq!(orders(&sleep)[4], search, "one job waits: one is woken");
    assert_eq!(counts(&sleep), (8, 2, 4));
}

/// Attacks S5: a batch has no finder yet, so its submitter wakes as many as may search.
#[test]
fn a_batch_wakes_as_many_as_may_search() {
    let sleep = asleep(16);
    sleep.announce(9, || 9);
    assert_eq!(counts(&sleep), (16, 4, 12));
}

/// Attacks S6.
#[test]
fn who_finds_a_job_and_sees_more_passes_the_search_on() {
    let sleep = asleep(3);
    sleep.announce(1, ONE);
    assert_eq!(orders(&sleep), [None, None, Some(Order::Search)]);
    sleep.found(NONE);
    assert_eq!(counts(&sleep), (3, 0, 2), "nothing waits: nobody is woken");
    sleep.start_search();
    sleep.found(ONE);
    assert_eq!(orders(&sleep), [None, Some(Order::Search), None]);
    let alone = asleep(0);
    alone.enlist();
    alone.found(ONE);
    assert!(alone.look().is_kicked(), "nobody to wake: the supervisor is asked");
}

/// Attacks S7.
#[test]
fn sleepers_sent_home_are_taken_back_if_a_job_waits() {
    let sleep = asleep(4);
    assert_eq!(sleep.retire_coldest(2, 0, ONE), 0);
    let search = Some(Order::Search);
    assert_eq!(orders(&sleep), [search, search, None, None]);
    assert_eq!(counts(&sleep), (4, 2, 2));
    let quiet = asleep(4);
    assert_eq!(quiet.retire_coldest(2, 0, NONE), 2);
    let leave = Some(Order::Leave);
    assert_eq!(orders(&quiet), [leave, leave, None, None], "the coldest go");
    assert_eq!(counts(&quiet), (2, 0, 2));
}

/// Others may leave by themselves between the count and this.
#[test]
fn sleepers_are_sent_home_down_to_the_floor_and_no_further() {
    let sleep = asleep(4);
    assert_eq!(sleep.retire_coldest(4, 3, NONE), 1);
    assert_eq!(sleep.retire_coldest(4, 3, NONE), 0);
    assert_eq!(counts(&sleep), (3, 0, 3));
    assert_eq!(sleep.retire_coldest(4, 0, NONE), 3);
}

/// Attacks S8.
#[test]
fn a_worker_that_leaves_looks_back_once() {
    for leave in [
        |sleep: &Sleep, queued: fn() -> u64| sleep.discharge_searcher(queued),
        |sleep: &Sleep, queued: fn() -> u64| {
            sleep.found(NONE);
            sleep.discharge_busy(queued)
        },
    ] {
        let sleep = asleep(2);
        sleep.enlist();
        leave(&sleep, ONE);
        assert_eq!(orders(&sleep), [None, Some(Order::Search)]);
        let alone = asleep(0);
        alone.enlist();
        leave(&alone, ONE);
        assert!(alone.look().is_kicked() && alone.look().live() == 0);
        let quiet = asleep(2);
        quiet.enlist();
        leave(&quiet, NONE);
        assert_eq!(orders(&quiet), [None, None]);
    }
}

/// Attacks S9: nobody wakes this sleeper, and it wakes all the same.
#[test]
fn a_bounded_sleep_ends_by_itself_and_is_accounted_for() {
    let sleep = asleep(1);
    assert_eq!(sleep.rest(0, Some(Duration::from_millis(1))), Order::Search);
    assert_eq!(counts(&sleep), (1, 1, 0));
}

/// Attacks S10: the event that comes while the supervisor is parked finds the bit.
#[test]
fn a_parked_supervisor_is_found_by_the_next_event_and_by_none_after_it_looked() {
    let sleep = asleep(1);
    let events = sleep.acknowledge().events();
    assert!(sleep.park_supervisor(events));
    assert!(sleep.look().is_supervisor_parked());
    assert!(!sleep.acknowledge().is_kicked());
    assert!(!sleep.look().is_supervisor_parked());
}
