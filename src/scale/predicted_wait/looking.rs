//! When the law wants to look again.

use std::time::Duration;

use super::story::{Story, millis, secs};
use crate::scale::constants::Constants;
use crate::scale::policy::{FAST_TICK, KICK_SPACING, Reason, SLOW_TICK};

#[test]
fn the_next_look_is_soon_only_under_pressure() {
    let cases = [
        // busy, idle, starting, queued, min => next
        ((4, 0, 0, 9, 1), Some(FAST_TICK)),
        ((4, 0, 2, 9, 1), Some(FAST_TICK)),
        ((4, 1, 0, 9, 1), Some(FAST_TICK)),
        ((4, 9, 0, 9, 1), Some(SLOW_TICK)),
        ((4, 0, 0, 0, 1), Some(SLOW_TICK)),
        ((0, 4, 0, 0, 1), Some(SLOW_TICK)),
        ((0, 3, 1, 0, 4), Some(SLOW_TICK)),
        ((0, 3, 0, 0, 4), Some(SLOW_TICK)),
        ((0, 4, 0, 0, 4), None),
        ((0, 0, 0, 0, 0), None),
        // What was just added must show soon what it is worth.
        ((0, 0, 0, 1, 0), Some(KICK_SPACING)),
        ((2, 0, 0, 9, 1), Some(KICK_SPACING)),
    ];
    for ((busy, idle, starting, queued, min), expected) in cases {
        let mut story = Story::new();
        story.workers(busy, idle).queue(queued, busy);
        (story.levels.min, story.levels.starting) = (min, starting);
        story.levels.workers += starting;
        let plan = story.after(millis(5));
        assert_eq!(plan.next_in, expected, "{busy} {idle} {starting} {queued} {min}");
    }
}

#[test]
fn looks_come_closer_in_a_shorter_window_while_there_are_workers_to_spare() {
    for (window, min, expected) in [
        (None, 1, SLOW_TICK),
        (Some(secs(20)), 1, SLOW_TICK),
        (Some(secs(1)), 1, millis(25)),
        (Some(millis(100)), 1, FAST_TICK),
        (Some(Duration::ZERO), 1, FAST_TICK),
        (Some(secs(1)), 4, SLOW_TICK),
    ] {
        let mut story = Story::new();
        (story.levels.min, story.levels.keep_alive) = (min, window);
        let plan = story.workers(1, 3).after(millis(1));
        assert_eq!(plan.next_in, Some(expected), "{window:?}, at least {min}");
    }
}

#[test]
fn a_trickle_keeps_the_supervisor_awake_and_silence_lets_it_sleep() {
    let mut story = Story::new();
    story.workers(0, 1);
    let plan = story.step(SLOW_TICK, |sample| (sample.arrivals, sample.busy_peak) = (3, 1));
    assert_eq!(plan.next_in, Some(SLOW_TICK));
    assert_eq!(story.after(SLOW_TICK).next_in, None);
}

#[test]
fn kicks_are_spaced_out_while_no_worker_can_be_added() {
    let growing = Constants::default().kick_spacing_growing;
    for (runnable, expected) in [(4, FAST_TICK), (0, growing)] {
        let mut story = Story::new();
        story.workers(4, 0).queue(9, runnable);
        assert_eq!(story.after(millis(5)).kick_spacing, expected);
    }
    // Short jobs that will be taken soon are no hurry; neither is it useless to ask again when
    // those just added keep the cores busy for a moment.
    let mut story = Story::new();
    story.workers(4, 0).serve(4, millis(1), secs(1));
    story.queue(9, 0).levels.oldest_age = Duration::ZERO;
    let plan = story.after(millis(1));
    assert_eq!((plan.reason, plan.kick_spacing), (Reason::WillDrain, KICK_SPACING));
    story.queue(9, 0);
    assert_eq!(story.after(millis(5)).reason, Reason::GrowBlocked);
    story.workers(32, 0).queue(9, 32);
    let plan = story.after(millis(1));
    assert_eq!((plan.reason, plan.kick_spacing), (Reason::CpuSaturated, KICK_SPACING));
    assert_eq!(story.after(millis(5)).kick_spacing, FAST_TICK);
}
