//! What the gate promises, one thread at a time; the interleavings are loom's.

use super::line::LOTS;
use super::*;
use std::sync::atomic::AtomicUsize;

struct Counted(AtomicUsize);
impl std::task::Wake for Counted {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn waiter() -> (Arc<Waiter>, Arc<Counted>) {
    let counted = Arc::new(Counted(AtomicUsize::new(0)));
    (Waiter::task(Arc::clone(&counted).into()), counted)
}

/// Attacks G1.
#[test]
fn a_full_queue_refuses_until_one_job_has_left() {
    let gate = Gate::new(2);
    assert_eq!((gate.admit(1), gate.admit(1)), (Ok(1), Ok(1)));
    assert_eq!(gate.admit(1), Err(NoEntry::Full));
    gate.release();
    assert_eq!(gate.admit(1), Ok(1));
    assert_eq!(gate.queued(), 2);
}

#[test]
fn a_batch_takes_what_fits() {
    let gate = Gate::new(5);
    assert_eq!(gate.admit(3), Ok(3));
    assert_eq!(gate.admit(3), Ok(2));
    assert_eq!(gate.admit(3), Err(NoEntry::Full));
}

/// Attacks G4.
#[test]
fn one_release_calls_one_waiter_in_order() {
    let gate = Gate::new(1);
    assert_eq!(gate.admit(1), Ok(1));
    let (first, first_calls) = waiter();
    let (second, second_calls) = waiter();
    assert_eq!(gate.join_line(&first, false, Patience::None), Joined::Waiting);
    assert_eq!(gate.join_line(&second, false, Patience::None), Joined::Waiting);
    gate.release();
    assert_eq!(first_calls.0.load(Ordering::SeqCst), 1);
    assert_eq!(second_calls.0.load(Ordering::SeqCst), 0);
    assert!(first.is_called() && !second.is_called());
}

/// Attacks G4.
#[test]
fn a_called_waiter_that_gives_up_passes_its_call_on() {
    let gate = Gate::new(1);
    assert_eq!(gate.admit(1), Ok(1));
    let (first, _) = waiter();
    let (second, second_calls) = waiter();
    gate.join_line(&first, false, Patience::None);
    gate.join_line(&second, false, Patience::None);
    gate.release();
    gate.leave_line(&first);
    assert_eq!(second_calls.0.load(Ordering::SeqCst), 1);
}

#[test]
fn a_waiter_that_gives_up_before_it_is_called_takes_nobodys_turn() {
    let gate = Gate::new(1);
    assert_eq!(gate.admit(1), Ok(1));
    let (first, _) = waiter();
    let (second, second_calls) = waiter();
    gate.join_line(&first, false, Patience::None);
    gate.join_line(&second, false, Patience::None);
    gate.leave_line(&first);
    assert_eq!(second_calls.0.load(Ordering::SeqCst), 0);
    gate.release();
    assert_eq!(second_calls.0.load(Ordering::SeqCst), 1);
}

#[test]
fn closing_and_more_room_call_everybody() {
    for change in [|gate: &Gate| assert_eq!(gate.close(), 1), |gate: &Gate| gate.set_capacity(9)] {
        let gate = Gate::new(1);
        assert_eq!(gate.admit(1), Ok(1));
        let (waiter, calls) = waiter();
        gate.join_line(&waiter, false, Patience::None);
        change(&gate);
        assert_eq!(calls.0.load(Ordering::SeqCst), 1);
        assert_eq!(gate.waiting(), 0);
    }
}

/// Attacks G2.
#[test]
fn after_closing_nobody_gets_in_and_the_count_is_final() {
    let gate = Gate::new(4);
    assert_eq!(gate.admit(2), Ok(2));
    assert_eq!(gate.close(), 2);
    assert_eq!(gate.admit(1), Err(NoEntry::Closed));
    assert_eq!(gate.admit_over_the_bound(), Err(NoEntry::Closed));
    gate.release();
    gate.release();
    assert_eq!(gate.counts(), (2, 2));
}

#[test]
fn cancelling_frees_the_place_at_once_but_shells_are_bounded() {
    let gate = Gate::new(2);
    for _ in 0..2 {
        assert_eq!(gate.admit(1), Ok(1));
        gate.shell_left();
        gate.release();
    }
    for _ in 0..2 {
        assert_eq!(gate.admit(1), Ok(1), "shells up to the capacity are free");
        gate.shell_left();
        gate.release();
    }
    assert_eq!(gate.admit(1), Err(NoEntry::Full), "beyond it they take places");
    gate.shells_removed(1);
    assert_eq!(gate.admit(1), Ok(1));
}

#[test]
fn a_smaller_bound_holds_at_once() {
    let gate = Gate::new(10);
    assert_eq!(gate.admit(5), Ok(5));
    gate.set_capacity(3);
    assert_eq!(gate.admit(1), Err(NoEntry::Full));
    (0..3).for_each(|_| gate.release());
    assert_eq!(gate.admit(1), Ok(1));
}

#[test]
fn a_shell_removed_before_it_was_reported_costs_no_place() {
    let gate = Gate::new(1);
    for _ in 0..100 {
        assert_eq!(gate.admit(1), Ok(1));
        gate.shells_removed(1);
        gate.shell_left();
        gate.release();
    }
    assert_eq!(gate.admit(1), Ok(1));
}

#[test]
fn every_place_that_shells_had_taken_lets_a_submitter_in() {
    let gate = Gate::new(3);
    for _ in 0..6 {
        assert_eq!(gate.admit(1), Ok(1));
        gate.shell_left();
        gate.release();
    }
    let waiters: Vec<_> = (0..4).map(|_| waiter()).collect();
    for (waiter, _) in &waiters {
        assert_eq!(gate.join_line(waiter, false, Patience::None), Joined::Waiting);
    }
    gate.shells_removed(6);
    let called: Vec<bool> = waiters.iter().map(|(waiter, _)| waiter.is_called()).collect();
    assert_eq!(called, [true, true, true, false]);
}

/// A gate with lots of two places, full.
fn full_of_lots() -> Gate {
    let gate = Gate::new(2 * LOTS);
    assert_eq!(gate.admit(2 * LOTS), Ok(2 * LOTS));
    gate
}

/// Attacks G5.
#[test]
fn who_is_patient_is_called_for_a_lot_of_places_and_nobody_gets_in_before() {
    let gate = full_of_lots();
    let (first, first_calls) = waiter();
    let (second, second_calls) = waiter();
    assert_eq!(gate.join_line(&first, false, Patience::ForALot), Joined::Waiting);
    assert_eq!(gate.join_line(&second, false, Patience::ForALot), Joined::Waiting);
    gate.release();
    assert_eq!(first_calls.0.load(Ordering::SeqCst), 0);
    assert_eq!(gate.admit(1), Err(NoEntry::Full), "the place is for those in line");
    gate.release();
    assert_eq!(first_calls.0.load(Ordering::SeqCst), 1, "the lot is complete");
    assert_eq!(second_calls.0.load(Ordering::SeqCst), 0);
    gate.release();
    assert_eq!(second_calls.0.load(Ordering::SeqCst), 1);
    assert_eq!(gate.admit(9), Ok(3));
}

/// Attacks G5.
#[test]
fn a_hold_that_ends_early_calls_for_each_place_there_is() {
    let gate = full_of_lots();
    let waiters: Vec<_> = (0..3).map(|_| waiter()).collect();
    for (waiter, _) in &waiters {
        assert_eq!(gate.join_line(waiter, false, Patience::ForALot), Joined::Waiting);
    }
    gate.release();
    gate.end_hold();
    let called = || waiters.iter().filter(|(waiter, _)| waiter.is_called()).count();
    assert_eq!((called(), gate.waiting()), (1, 2), "one place, one call");
    gate.release();
    assert_eq!((called(), gate.waiting()), (2, 1), "and from now on each release calls");
}

/// Attacks G5: a task cannot look again by itself, so it must not be held.
#[test]
fn who_cannot_wait_for_a_lot_is_called_for_one_place() {
    let gate = full_of_lots();
    let (patient, _) = waiter();
    gate.join_line(&patient, false, Patience::ForALot);
    gate.leave_line(&patient);
    let (task, calls) = waiter();
    assert_eq!(gate.join_line(&task, false, Patience::None), Joined::Waiting);
    gate.release();
    assert_eq!(calls.0.load(Ordering::SeqCst), 1, "a hold that nobody is in does not count");
    let (patient, patient_calls) = waiter();
    assert_eq!(gate.admit(1), Ok(1));
    gate.join_line(&patient, false, Patience::ForALot);
    gate.release();
    let (task, calls) = waiter();
    assert_eq!(gate.join_line(&task, false, Patience::None), Joined::TryAgain);
    assert_eq!(patient_calls.0.load(Ordering::SeqCst), 1, "whoever held the line goes first");
    assert_eq!((gate.admit(1), calls.0.load(Ordering::SeqCst)), (Ok(1), 0));
}

/// Attacks G3: a submitter that joins the line while the only place is given back must either see
/// the place or be called.
#[test]
fn a_release_between_the_refusal_and_the_line_is_not_missed() {
    for _ in 0..2_000 {
        let gate = Gate::new(1);
        assert_eq!(gate.admit(1), Ok(1));
        std::thread::scope(|scope| {
            scope.spawn(|| gate.release());
            let (waiter, _) = waiter();
            if gate.admit(1).is_err()
                && gate.join_line(&waiter, false, Patience::None) == Joined::Waiting
            {
                while !waiter.is_called() {
                    std::thread::yield_now();
                }
            }
        });
        assert_eq!(gate.counts().1, 1);
    }
}

/// Attacks G5: whoever is called and gets in does not end a hold any more, and those behind have
/// lost their patience.
#[test]
fn who_comes_back_to_the_head_of_the_line_holds_up_nobody_behind() {
    for is_a_task in [true, false] {
        let gate = full_of_lots();
        let (first, _) = waiter();
        gate.join_line(&first, false, Patience::ForALot);
        let (second, second_calls) = waiter();
        let patience = if is_a_task { Patience::None } else { Patience::ForALot };
        gate.join_line(&second, false, patience);
        gate.end_hold();
        gate.release();
        assert!(first.is_called());
        assert_eq!(gate.admit(1), Ok(1), "somebody awake is faster than the one called");
        let (first, _) = waiter();
        assert_eq!(gate.join_line(&first, true, Patience::ForALot), Joined::Waiting);
        gate.release();
        gate.release();
        assert!(first.is_called());
        assert_eq!(gate.admit(1), Ok(1), "in, and never to come back");
        assert_eq!(second_calls.0.load(Ordering::SeqCst), 1, "a place is free");
    }
}

/// Attacks G1 and G2: each worker counts for itself, more workers than there are turnstiles share
/// them, and the sums are those of all.
#[test]
fn what_workers_count_apart_adds_up() {
    const WORKERS: usize = 40;
    let gate = Gate::new(10);
    (0..WORKERS).for_each(|worker| gate.open_for(worker));
    (0..WORKERS).for_each(|worker| assert_eq!(gate.admit_inside(worker), Ok(())));
    assert_eq!((gate.counts(), gate.queued()), ((40, 0), 40));
    (0..WORKERS).rev().take(35).for_each(|worker| gate.release_by(worker));
    assert_eq!((gate.counts(), gate.queued()), ((40, 35), 5));
    assert_eq!(gate.close(), 40);
    assert!((0..WORKERS + 1).all(|worker| gate.admit_inside(worker) == Err(NoEntry::Closed)));
    assert_eq!(gate.counts(), (40, 35));
}

/// What comes from inside takes places: whoever looks the limit up finds fewer.
#[test]
fn jobs_from_inside_take_the_places_of_those_outside() {
    let gate = Gate::new(4);
    (0..3).for_each(|_| assert_eq!(gate.admit_inside(0), Ok(())));
    assert_eq!(gate.admit(9), Ok(1), "looked up, because so many were not known to be free");
    assert_eq!(gate.admit(1), Err(NoEntry::Full));
    (0..9).for_each(|_| assert_eq!(gate.admit_inside(0), Ok(())));
    (0..9).for_each(|_| gate.release_by(0));
    assert_eq!(gate.admit(1), Err(NoEntry::Full), "four wait still");
    gate.release_by(0);
    assert_eq!(gate.admit(2), Ok(1));
}

/// Attacks "a blocked submitter looks again by itself": nobody is told that it waits when the place
/// is given back, and its patience for a lot is over.
#[test]
fn a_call_that_is_never_made_is_a_delay() {
    let pool = crate::Pool::builder("uncalled").workers(1..=1).queue_capacity(1);
    let pool = pool.build().expect("settings that can be used");
    pool.pause();
    let first = pool.submit(|| ()).expect("there is room");
    let gate = &pool.handle().core.shared.gate;
    std::thread::scope(|scope| {
        let submitter = scope.spawn(|| pool.execute(|| ()).is_ok());
        while gate.waiting() == 0 || gate.hold.load(Ordering::Acquire) > 0 {
            std::thread::yield_now();
        }
        gate.turnstiles.forget();
        assert!(first.cancel());
        assert!(submitter.join().expect("it does not panic"));
    });
}

/// Attacks G6.
#[test]
fn a_place_that_is_held_is_taken_and_no_job() {
    let gate = Gate::new(4);
    assert_eq!(gate.reserve(1, 3), Ok(3));
    assert_eq!((gate.queued(), gate.counts(), gate.reserved(), gate.room()), (0, (0, 0), 3, 1));
    assert_eq!((gate.admit(4), gate.admit(1)), (Ok(1), Err(NoEntry::Full)));
    assert_eq!((gate.redeem(), gate.counts(), gate.reserved()), (Ok(()), (2, 0), 2));
    gate.give_back(2);
    assert_eq!((gate.counts(), gate.reserved(), gate.room()), ((2, 0), 0, 2));
    (0..2).for_each(|_| gate.release());
    assert_eq!((gate.counts(), gate.room()), ((2, 2), 4));
}

#[test]
fn whoever_reserves_gets_at_least_what_it_asks_for_or_nothing() {
    let gate = Gate::new(4);
    assert_eq!((gate.reserve(5, 5), gate.reserved()), (Err(NoEntry::Full), 0));
    assert_eq!((gate.reserve(2, 9), gate.reserve(0, 0)), (Ok(4), Ok(0)));
    assert_eq!((gate.reserve(1, 1), gate.reserve(0, 1)), (Err(NoEntry::Full), Ok(0)));
    assert_eq!(gate.close(), 0);
    assert_eq!((gate.reserve(0, 0), gate.redeem()), (Err(NoEntry::Closed), Err(NoEntry::Closed)));
    gate.give_back(4);
    assert_eq!((gate.reserved(), gate.room(), gate.is_closed()), (0, 0, true));
}

/// Attacks G4 and G6.
#[test]
fn places_given_back_call_as_many_as_there_is_room_for() {
    let gate = Gate::new(3);
    assert_eq!(gate.reserve(1, 3), Ok(3));
    let waiters: Vec<_> = (0..3).map(|_| waiter()).collect();
    for (waiter, _) in &waiters {
        assert_eq!(gate.join_line(waiter, false, Patience::None), Joined::Waiting);
    }
    let called = || waiters.iter().filter(|(waiter, _)| waiter.is_called()).count();
    gate.give_back(2);
    assert_eq!((called(), gate.waiting()), (2, 1));
    assert_eq!(gate.admit(2), Ok(2));
    assert_eq!(gate.redeem(), Ok(()));
    gate.release();
    assert_eq!((called(), gate.waiting()), (3, 0));
}

/// Attacks G6: whoever holds the line waits for a lot, and no release may come to complete it.
#[test]
fn places_given_back_end_a_hold() {
    let gate = Gate::new(2 * LOTS);
    assert_eq!((gate.reserve(1, 1), gate.admit(2 * LOTS)), (Ok(1), Ok(2 * LOTS - 1)));
    let (first, first_calls) = waiter();
    assert_eq!(gate.join_line(&first, false, Patience::ForALot), Joined::Waiting);
    gate.give_back(1);
    assert_eq!(first_calls.0.load(Ordering::SeqCst), 1);
    assert_eq!(gate.admit(1), Ok(1));
}

#[test]
fn as_many_places_are_held_as_can_be_counted_and_jobs_still_get_in() {
    let gate = Gate::new(u64::MAX);
    assert_eq!(gate.reserve(1, u64::MAX), Ok(MAX_HELD));
    assert_eq!((gate.reserve(1, 1), gate.admit(5)), (Ok(0), Ok(5)));
    assert_eq!((gate.redeem(), gate.reserve(1, 9)), (Ok(()), Ok(1)));
    assert_eq!((gate.counts(), gate.reserved()), ((6, 0), MAX_HELD));
    assert_eq!(gate.close(), 6);
    gate.give_back(MAX_HELD);
    assert_eq!((gate.counts(), gate.reserved()), ((6, 0), 0));
}
