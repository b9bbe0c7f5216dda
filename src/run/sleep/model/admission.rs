//! The gate: submitters that wait for room, and the end of admission.

use super::explore;
use crate::run::gate::{Gate, Joined, NoEntry, Patience, Waiter};
use crate::run::omit::omitted;
use crate::run::sleep::model::set_up;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, plain, thread};
use loom::thread::JoinHandle;

/// As in `run::submit`, but that nobody looks again by himself after a while.
pub(super) fn wait_for_room(gate: &Gate) -> Result<(), NoEntry> {
    wait(gate, Patience::None)
}

fn wait(gate: &Gate, patience: Patience) -> Result<(), NoEntry> {
    let mut was_called = false;
    loop {
        match gate.admit(1) {
            Ok(_) => return Ok(()),
            Err(NoEntry::Closed) => return Err(NoEntry::Closed),
            Err(NoEntry::Full) => {}
        }
        let waiter = Waiter::thread(thread::current());
        if gate.join_line(&waiter, was_called, patience) == Joined::TryAgain {
            continue;
        }
        while !waiter.is_called() {
            thread::park(None);
        }
        was_called = true;
    }
}

/// A gate with room for one job, which is taken, and two workers with turnstiles of their own.
pub(super) fn full_gate() -> Arc<Gate> {
    let gate = Arc::new(Gate::new(1));
    set_up(|| {
        gate.open_for(1);
        assert_eq!(gate.admit(1), Ok(1));
    });
    gate
}

pub(super) fn spawn<T: 'static>(
    gate: &Arc<Gate>,
    task: impl FnOnce(&Gate) -> T + 'static,
) -> JoinHandle<T> {
    let gate = Arc::clone(gate);
    loom::thread::spawn(move || task(&gate))
}

pub(super) fn join<T>(thread: JoinHandle<T>) -> T {
    thread.join().expect("a thread of the model panicked")
}

/// Attacks G3.
#[test]
fn a_submitter_about_to_wait_misses_no_release() {
    explore("wait for room x release", 8, || {
        let gate = full_gate();
        let submitter = spawn(&gate, wait_for_room);
        gate.release_by(1);
        assert_eq!(join(submitter), Ok(()));
        assert_eq!((gate.counts(), gate.waiting()), ((2, 1), 0));
    });
}

/// Attacks G3: the first release comes from a worker that was started just now.
#[test]
fn a_submitter_about_to_wait_is_told_by_a_new_worker() {
    explore("wait for room x start a worker x release", 8, || {
        let gate = Arc::new(Gate::new(1));
        set_up(|| assert_eq!(gate.admit(1), Ok(1)));
        let submitter = spawn(&gate, wait_for_room);
        gate.open_for(1);
        gate.release_by(1);
        assert_eq!(join(submitter), Ok(()));
        assert_eq!((gate.counts(), gate.waiting()), ((2, 1), 0));
    });
}

/// Attacks G3 and G4: two wait, and each that got in makes room for the other.
#[test]
fn every_waiting_submitter_gets_in() {
    explore("wait for room x 2 x release", 3, || {
        let gate = full_gate();
        let submitters = [(); 2].map(|()| {
            spawn(&gate, |gate| {
                assert_eq!(wait_for_room(gate), Ok(()));
                gate.release_by(1);
            })
        });
        gate.release();
        let [(), ()] = submitters.map(join);
        assert_eq!((gate.counts(), gate.waiting()), ((3, 3), 0));
    });
}

/// Attacks G4: one of two waiters gives up, maybe just as it is called.
#[test]
fn who_gives_up_passes_the_call_on() {
    explore("give up x release x wait for room", 4, || {
        let gate = full_gate();
        let hasty = spawn(&gate, |gate| {
            let waiter = Waiter::thread(thread::current());
            if gate.join_line(&waiter, false, Patience::None) == Joined::Waiting {
                gate.leave_line(&waiter);
            }
        });
        let patient = spawn(&gate, wait_for_room);
        gate.release();
        join(hasty);
        assert_eq!(join(patient), Ok(()));
        assert_eq!(gate.waiting(), 0);
    });
}

/// A gate with lots of two places, full.
pub(super) fn full_of_lots() -> Arc<Gate> {
    let gate = Arc::new(Gate::new(16));
    set_up(|| {
        gate.open_for(1);
        assert_eq!(gate.admit(16), Ok(16));
    });
    gate
}

/// Attacks G3 and G5: the release that completes the lot calls.
#[test]
fn who_waits_for_a_lot_misses_no_release() {
    explore("wait for a lot x release x 2", 4, || {
        let gate = full_of_lots();
        let submitter = spawn(&gate, |gate| {
            let waiter = Waiter::thread(thread::current());
            if gate.join_line(&waiter, false, Patience::ForALot) == Joined::Waiting {
                while !waiter.is_called() {
                    thread::park(None);
                }
            }
        });
        let releaser = spawn(&gate, |gate| gate.release_by(1));
        gate.release();
        join(releaser);
        join(submitter);
        assert_eq!((gate.counts(), gate.waiting()), ((16, 2), 0));
    });
}

/// Attacks G5: a lot of one place, for which two wait, and each that got in makes room for the
/// other. Nobody ends a hold but the release that completes it.
#[test]
fn every_patient_submitter_gets_in() {
    explore("wait for a lot of one x 2 x release", 3, || {
        let gate = full_gate();
        let submitters = [(); 2].map(|()| {
            spawn(&gate, |gate| {
                assert_eq!(wait(gate, Patience::ForALot), Ok(()));
                gate.release();
            })
        });
        gate.release_by(1);
        let [(), ()] = submitters.map(join);
        assert_eq!((gate.counts(), gate.waiting()), ((3, 3), 0));
    });
}

/// Attacks G5: who would have begun a hold finds a place after all, and two releases have counted
/// towards its lot of three. Another waits already, and two places are enough for both.
#[test]
fn who_finds_a_place_after_all_leaves_no_hold_behind() {
    explore("no hold after all x release x 2", 3, || {
        let gate = Arc::new(Gate::new(24));
        let waiter = Waiter::thread(thread::current());
        set_up(|| {
            gate.open_for(1);
            assert_eq!(gate.admit(24), Ok(24));
            assert_eq!(gate.join_line(&waiter, false, Patience::None), Joined::Waiting);
        });
        let submitter = spawn(&gate, |gate| {
            let waiter = Waiter::thread(thread::current());
            match gate.join_line(&waiter, false, Patience::ForALot) {
                Joined::TryAgain => drop(gate.admit(1)),
                Joined::Waiting => gate.end_hold(),
            }
        });
        let releaser = spawn(&gate, |gate| gate.release_by(1));
        gate.release();
        join(releaser);
        join(submitter);
        assert!(waiter.is_called(), "a place is free, and nobody was called");
    });
}

/// Attacks G5: a waiter that loses its patience just as a place is given back.
#[test]
fn who_stops_waiting_for_a_lot_misses_no_release() {
    explore("end a hold x release", 8, || {
        let gate = full_of_lots();
        let submitter = spawn(&gate, |gate| {
            let waiter = Waiter::thread(thread::current());
            if gate.join_line(&waiter, false, Patience::ForALot) == Joined::Waiting {
                gate.end_hold();
                while !waiter.is_called() {
                    thread::park(None);
                }
            }
        });
        gate.release_by(1);
        join(submitter);
        assert_eq!((gate.counts(), gate.waiting()), ((16, 1), 0));
    });
}

/// Attacks G6: a place is given back unused as a submitter finds the queue full.
#[test]
fn a_submitter_about_to_wait_misses_no_place_given_back() {
    explore("wait for room x give back", 8, || {
        let gate = Arc::new(Gate::new(1));
        set_up(|| assert_eq!(gate.reserve(1, 1), Ok(1)));
        let submitter = spawn(&gate, wait_for_room);
        gate.give_back(1);
        assert_eq!(join(submitter), Ok(()));
        assert_eq!((gate.counts(), gate.waiting(), gate.reserved()), ((1, 0), 0, 0));
    });
}

/// Attacks G6: a patient submitter, which holds the line, and a place given back.
#[test]
fn who_waits_for_a_lot_misses_no_place_given_back() {
    explore("wait for a lot x give back", 8, || {
        let gate = Arc::new(Gate::new(16));
        set_up(|| {
            assert_eq!(gate.reserve(1, 1), Ok(1));
            assert_eq!(gate.admit(15), Ok(15));
        });
        let submitter = spawn(&gate, |gate| wait(gate, Patience::ForALot));
        gate.give_back(1);
        assert_eq!(join(submitter), Ok(()));
        assert_eq!((gate.counts(), gate.waiting()), ((16, 0), 0));
    });
}

/// Attacks G6: of two that want the only place one gets it, and keeps it.
#[test]
fn a_place_that_is_held_is_nobody_elses() {
    explore("reserve and redeem x submit", 8, || {
        let gate = Arc::new(Gate::new(1));
        let holder = spawn(&gate, |gate| gate.reserve(1, 1).is_ok() && gate.redeem().is_ok());
        let got_in = gate.admit(1).is_ok();
        let redeemed = join(holder);
        assert!(!(got_in && redeemed), "over the bound");
        assert!(got_in || redeemed, "nobody has the place");
        assert_eq!((gate.counts(), gate.reserved()), ((1, 0), 0));
    });
}

/// Attacks G2 and G6: a place that is held is no job; the final count has it once it is one.
#[test]
fn closing_counts_no_place_that_is_held() {
    explore("redeem x close x look", 8, || {
        let gate = Arc::new(Gate::new(4));
        set_up(|| assert_eq!(gate.reserve(1, 3), Ok(3)));
        let holder = spawn(&gate, |gate| {
            let redeemed = gate.redeem().is_ok();
            gate.give_back(if redeemed { 2 } else { 3 });
            redeemed
        });
        let admitted = gate.close();
        assert_eq!(gate.counts().0, admitted, "a place that is held was counted");
        assert_eq!(admitted, u64::from(join(holder)), "in behind the back of the final count");
        assert_eq!((gate.counts(), gate.reserved()), ((admitted, 0), 0));
    });
}

/// Attacks G3: closing calls whoever waits, and whoever is about to.
#[test]
fn closing_sends_everybody_away() {
    explore("wait for room x 2 x close", 3, || {
        // One turnstile is enough for nobody to go through, and five times as quick.
        let gate = Arc::new(Gate::new(1));
        set_up(|| assert_eq!(gate.admit(1), Ok(1)));
        let submitters = [(); 2].map(|()| spawn(&gate, wait_for_room));
        assert_eq!(gate.close(), 1);
        assert_eq!(submitters.map(join), [Err(NoEntry::Closed); 2]);
        assert_eq!((gate.counts(), gate.waiting()), ((1, 0), 0));
    });
}

/// Attacks G2: each submission is in the final count, or it was refused.
#[test]
fn closing_counts_everybody_who_got_in() {
    explore("submit x 2 x close", 8, || {
        let gate = Arc::new(Gate::new(2));
        let bounded = spawn(&gate, |gate| gate.admit(1).is_ok());
        let over_the_bound = spawn(&gate, |gate| gate.admit_over_the_bound().is_ok());
        let admitted = gate.close();
        let got_in = u64::from(join(bounded)) + u64::from(join(over_the_bound));
        assert_eq!(admitted, got_in, "somebody got in behind the back of the final count");
        assert_eq!(gate.counts().0, admitted);
    });
}

/// Attacks G1 and G2: a job submits another one as the pool is closed and looked at. It is in the
/// final count and is run, or it was refused.
#[test]
fn what_a_job_submits_is_counted_before_the_job_is_over() {
    explore("submit inside x close x drained", 3, || {
        let gate = Arc::new(Gate::new(2));
        let is_running = Arc::new(AtomicBool::new(true));
        let ran = Arc::new(plain::AtomicU64::new(0));
        set_up(|| {
            gate.open_for(1);
            assert_eq!(gate.admit(1), Ok(1));
            gate.release_by(1);
        });
        let worker = {
            let (is_running, ran) = (Arc::clone(&is_running), Arc::clone(&ran));
            spawn(&gate, move |gate| {
                let got_in = gate.admit_inside(1).is_ok();
                ran.fetch_add(1, Ordering::Relaxed);
                is_running.store(false, Ordering::Release);
                if got_in {
                    is_running.store(true, Ordering::Release);
                    gate.release_by(1);
                    ran.fetch_add(1, Ordering::Relaxed);
                    is_running.store(false, Ordering::Release);
                }
                1 + u64::from(got_in)
            })
        };
        let closed_at = gate.close();
        // As `Shared::is_quiet`.
        let before = gate.counts();
        if before.0 == before.1 && !is_running.load(Ordering::Acquire) && gate.counts() == before {
            assert_eq!(ran.load(Ordering::Relaxed), before.0, "drained, and a job has not run");
        }
        let got_in = join(worker);
        assert_eq!(closed_at, got_in, "somebody got in behind the back of the final count");
        assert_eq!(gate.counts(), (got_in, got_in));
    });
}

/// Attacks G1: whoever looks while jobs from inside come and go sees no more leave than came.
#[test]
fn the_length_is_never_understated() {
    explore("submit inside x 2 x look", 4, || {
        let gate = Arc::new(Gate::new(2));
        set_up(|| gate.open_for(1));
        let workers = [0, 1].map(|worker| {
            spawn(&gate, move |gate| {
                assert_eq!(gate.admit_inside(worker), Ok(()));
                gate.release_by(worker);
            })
        });
        let (got_in, left) = gate.counts();
        assert!(left <= got_in, "{left} have left, and {got_in} came");
        let [(), ()] = workers.map(join);
        assert_eq!(gate.counts(), (2, 2));
    });
}

/// Attacks G1 and G2: closed and as many left as got in means that every job has run, if
/// each is noted as running before it leaves the queue, as `run::attempt` does.
#[test]
fn a_drained_pool_has_run_every_job() {
    explore("submit x run x drained", 8, || {
        let gate = Arc::new(Gate::new(2));
        let is_running = Arc::new(AtomicBool::new(false));
        let ran = Arc::new(plain::AtomicU64::new(0));
        let worker = {
            let (is_running, ran) = (Arc::clone(&is_running), Arc::clone(&ran));
            spawn(&gate, move |gate| {
                for _ in 0..2 {
                    let begin = || is_running.store(true, Ordering::Release);
                    if omitted("G1") {
                        gate.release();
                        begin();
                    } else {
                        begin();
                        gate.release();
                    }
                    ran.fetch_add(1, Ordering::Relaxed);
                    is_running.store(false, Ordering::Release);
                }
            })
        };
        set_up(|| assert_eq!(gate.admit(2), Ok(2)));
        gate.close();
        // As `Shared::is_quiet`.
        let before = gate.counts();
        if before.0 == before.1 && !is_running.load(Ordering::Acquire) && gate.counts() == before {
            assert_eq!(ran.load(Ordering::Relaxed), before.0, "drained, and a job has not run");
        }
        join(worker);
    });
}
