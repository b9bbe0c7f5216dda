//! Who asks for a report, and the supervisor that is about to rest, rests, or reports, under loom.
//!
//! The supervisor here takes the steps of `scale::supervisor` and `scale::export` in their order,
//! without their timeouts: whoever would wait for one waits for ever, which loom reports.

use std::time::{Duration, Instant};

use loom::thread::JoinHandle;

use super::Refresh;
use crate::run::omit::omitted;
use crate::run::parker::SystemParker;
use crate::run::sleep::Sleep;
use crate::run::sleep::model::controls::{LOST, model_fails_without};
use crate::run::sleep::model::{explore, join, set_up};
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::thread::{self, Thread};
use crate::time::instant_now;

/// A pool as far as reports go; its one figure is how many have come to ask.
struct Pool {
    sleep: Sleep,
    refresh: Refresh,
    /// Relaxed, as figures are: nothing but the protocol orders it.
    figure: AtomicU64,
    /// What the recorder was told last.
    told: AtomicU64,
    /// The recorder's own thread has written down what it was told.
    written: AtomicBool,
    wishes: u64,
    recorder: Recorder,
}

/// What a recorder does on the supervisor's thread.
#[derive(PartialEq)]
enum Recorder {
    Notes,
    /// Parks until another thread has written the figures down.
    Waits,
}

impl Pool {
    /// A pool at rest that will be asked so often.
    fn asked(wishes: u64, recorder: Recorder) -> Arc<Pool> {
        let pool = Pool {
            sleep: Sleep::new(1, Arc::new(SystemParker)),
            refresh: Refresh::default(),
            figure: AtomicU64::new(0),
            told: AtomicU64::new(0),
            written: AtomicBool::new(false),
            wishes,
            recorder,
        };
        pool.sleep.occupy_supervisor();
        Arc::new(pool)
    }

    /// Somebody changes the figure and wants to read it.
    fn read(&self) {
        let figure = self.figure.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(number) = self.refresh.ask(&self.sleep) {
            self.refresh.wait(number, forever());
            let told = self.told.load(Ordering::Relaxed);
            assert!(told >= figure, "told {told}, and {figure} came before the wish");
        }
    }

    /// The supervisor's life, until every wish has its answer.
    fn supervise(&self) {
        while self.is_wanted() {
            // A look.
            let events = self.sleep.acknowledge().events();
            let parked = self.sleep.park_supervisor(events);
            if self.is_due() {
                // In the pool it looks again after a tick.
                self.report();
            } else if parked {
                self.rest();
            }
        }
    }

    /// As `Supervisor::sleep`.
    fn rest(&self) {
        loop {
            if omitted("A5") || !self.is_due() {
                self.sleep.rest_supervisor(None);
            }
            if !self.is_due() {
                return;
            }
            self.report();
            if !self.is_wanted() {
                return;
            }
        }
    }

    fn is_due(&self) -> bool {
        self.refresh.is_due()
    }

    fn is_wanted(&self) -> bool {
        self.refresh.answered.load(Ordering::Relaxed) < self.wishes
    }

    /// As `Export::flush`.
    fn report(&self) {
        let late = omitted("late").then(|| self.figure.load(Ordering::Relaxed));
        let asked = self.refresh.asked();
        let figure = late.unwrap_or_else(|| self.figure.load(Ordering::Relaxed));
        self.told.store(figure, Ordering::Relaxed);
        if self.recorder == Recorder::Waits {
            while !self.written.load(Ordering::Acquire) {
                thread::park(None);
            }
        }
        self.refresh.answer(asked);
    }

    /// The recorder's own thread.
    fn write(&self, supervisor: &Thread) {
        self.written.store(true, Ordering::Release);
        supervisor.unpark();
    }

    fn spawn(self: &Arc<Self>, task: impl FnOnce(&Pool) + 'static) -> JoinHandle<()> {
        let pool = Arc::clone(self);
        loom::thread::spawn(move || task(&pool))
    }
}

/// Loom knows no time, so this is later than any of its threads ends.
fn forever() -> Instant {
    instant_now() + Duration::from_secs(86_400)
}

/// Attacks A1, A2, A3 and A4: whoever asks as the supervisor goes to park waits for no answer, or
/// gets one that is not older than the wish; and the supervisor leaves no wish behind.
#[test]
fn who_asks_a_supervisor_that_goes_to_park_is_answered() {
    explore("ask x park", 8, || {
        let pool = Pool::asked(1, Recorder::Notes);
        let reader = pool.spawn(Pool::read);
        pool.supervise();
        join([reader]);
    });
}

/// Attacks A1 to A4 with two who ask: the second perhaps as the first is answered.
#[test]
fn two_who_ask_are_both_answered() {
    explore("ask x ask x park", 2, || {
        let pool = Pool::asked(2, Recorder::Notes);
        let readers = [pool.spawn(Pool::read), pool.spawn(Pool::read)];
        pool.supervise();
        join(readers);
    });
}

/// Attacks A5: a recorder that parks on the supervisor's thread uses up the ring of the second.
#[test]
fn who_asks_while_a_recorder_waits_is_answered() {
    explore("ask x report", 3, || {
        let pool = Pool::asked(2, Recorder::Waits);
        let threads = set_up(|| {
            let events = pool.sleep.acknowledge().events();
            assert!(pool.sleep.park_supervisor(events), "nothing happens here");
            assert!(pool.refresh.ask(&pool.sleep).is_some(), "it rests");
            let supervisor = thread::current();
            [pool.spawn(Pool::read), pool.spawn(move |pool| pool.write(&supervisor))]
        });
        pool.rest();
        // Woken for nothing, it looks.
        pool.supervise();
        join(threads);
    });
}

fn fails_without(omitted: &str, model: &str, reason: &str) {
    model_fails_without(omitted, &format!("scale::refresh::model::{model}"), reason);
}

const PARK: &str = "who_asks_a_supervisor_that_goes_to_park_is_answered";
const TWO: &str = "two_who_ask_are_both_answered";
const OLD: &str = "came before the wish";

#[test]
fn a1_a_look_without_a_fence() {
    fails_without("ask", PARK, LOST);
    fails_without("due", PARK, LOST);
}

#[test]
fn a2_the_wishes_are_read_after_the_figures() {
    fails_without("late", TWO, OLD);
}

#[test]
fn a2_a_wish_that_brings_nothing_along() {
    fails_without("A2", PARK, OLD);
}

#[test]
fn a3_answered_without_a_release() {
    fails_without("A3", PARK, OLD);
}

#[test]
fn a4_looked_for_the_answer_and_then_left_word() {
    fails_without("A4", PARK, LOST);
}

#[test]
fn a5_at_rest_with_a_ring_used_up() {
    fails_without("A5", "who_asks_while_a_recorder_waits_is_answered", LOST);
}
