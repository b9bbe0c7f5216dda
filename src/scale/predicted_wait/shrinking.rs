//! When the pool shrinks, and when it must not.

use std::time::Duration;

use super::story::{Story, change, millis, secs};
use crate::scale::policy::{Reason, SLOW_TICK};

/// Ticks on for `long`, retiring whoever may go; returns the steps.
fn shrink_for(story: &mut Story, long: Duration) -> Vec<u32> {
    let end = story.now + long;
    let mut steps = Vec::new();
    while story.now < end {
        let plan = story.after(SLOW_TICK);
        if plan.retire_idle > 0 {
            assert_eq!(plan.reason, Reason::ShrinkIdle);
            steps.push(plan.retire_idle);
            let idle = story.levels.idle - plan.retire_idle;
            story.workers(story.levels.busy, idle);
        }
    }
    steps
}

#[test]
fn idle_workers_leave_all_at_once_after_one_window() {
    let mut story = Story::new();
    story.workers(0, 64);
    story.after(Duration::ZERO);
    assert_eq!(shrink_for(&mut story, secs(10) - SLOW_TICK), Vec::<u32>::new());
    assert_eq!(shrink_for(&mut story, secs(10)), [63]);
    assert_eq!(story.levels.workers, 1);
    assert_eq!(story.after(SLOW_TICK).next_in, None);
}

#[test]
fn what_the_window_needed_and_a_spare_stay() {
    for (peak, spare, left) in [(0, 1, 4), (5, 1, 6), (5, 3, 8), (40, 1, 20), (5, 0, 5)] {
        let mut story = Story::new();
        story.policy = story.policy.spare(spare);
        (story.levels.min, story.levels.max) = (4, 64);
        story.workers(0, 20);
        story.after(Duration::ZERO);
        story.step(secs(4), |sample| sample.busy_peak = peak);
        shrink_for(&mut story, secs(8));
        assert_eq!(story.levels.workers, left, "a peak of {peak}, {spare} spare");
    }
}

#[test]
fn workers_that_only_waited_for_a_core_were_not_needed() {
    // Twenty were inside jobs at once, of which so many wanted one of the four cores. Where three
    // of four do, six keep them busy in the mean, and ten with the reserve.
    for (runnable, left) in [(20, 4), (15, 10), (0, 20)] {
        let mut story = Story::new();
        story.workers(20, 0).queue(9, runnable);
        story.after(Duration::ZERO);
        story.step(millis(5), |sample| sample.busy_time = millis(100));
        story.queue(0, 0);
        story.after(millis(5));
        story.workers(0, 20).levels.busy_peak = 20;
        shrink_for(&mut story, secs(13));
        assert_eq!(story.levels.workers, left, "{runnable} wanted a core");
    }
}

#[test]
fn a_pool_that_may_have_none_ends_with_none_and_sleeps() {
    for spare in [0, 1, 5] {
        let mut story = Story::new();
        story.policy = story.policy.spare(spare);
        story.levels.min = 0;
        story.workers(0, 20);
        story.after(Duration::ZERO);
        story.step(secs(1), |sample| sample.busy_peak = 9);
        shrink_for(&mut story, secs(20));
        assert_eq!(story.levels.workers, 0, "{spare} spare");
        assert_eq!(story.after(SLOW_TICK).next_in, None, "{spare} spare");
    }
}

#[test]
fn a_peak_is_forgotten_one_window_later() {
    let mut story = Story::new();
    story.workers(0, 20);
    story.step(Duration::ZERO, |sample| sample.busy_peak = 20);
    assert_eq!(shrink_for(&mut story, secs(10)), Vec::<u32>::new());
    assert_eq!(change(&story.after(SLOW_TICK)), (-19, Reason::ShrinkIdle));
}

#[test]
fn nobody_leaves_while_a_job_waits_or_all_are_busy() {
    let cases = [
        // busy, idle, queued => change after a window without a peak
        ((2, 8, 0), (-8, Reason::ShrinkIdle)),
        ((2, 8, 1), (0, Reason::Steady)),
        ((10, 0, 0), (0, Reason::Steady)),
        ((9, 1, 0), (-1, Reason::ShrinkIdle)),
    ];
    for ((busy, idle, queued), expected) in cases {
        let mut story = Story::new();
        story.workers(busy, idle);
        story.step(Duration::ZERO, |sample| sample.busy_peak = 0);
        story.queue(queued, 0);
        let plan = story.step(secs(10), |sample| sample.busy_peak = 0);
        assert_eq!(change(&plan), expected, "{busy} busy, {idle} idle, {queued} queued");
    }
}

#[test]
fn a_keep_alive_of_zero_shrinks_at_once() {
    let mut story = Story::new();
    story.levels.keep_alive = Some(Duration::ZERO);
    story.workers(0, 8);
    let plan = story.step(Duration::ZERO, |sample| sample.busy_peak = 8);
    assert_eq!(plan.reason, Reason::Steady, "the last interval needed them");
    assert_eq!(change(&story.after(millis(1))), (-7, Reason::ShrinkIdle));
}

#[test]
fn an_endless_keep_alive_keeps_everyone() {
    let mut story = Story::new();
    story.levels.keep_alive = Some(Duration::MAX);
    story.workers(0, 8);
    story.after(Duration::ZERO);
    assert_eq!(change(&story.after(secs(1_000_000_000))), (0, Reason::Steady));
}

/// The worst of moments: the burst ends right after a look. A trickle of one job at a time goes on.
#[test]
fn a_window_that_was_asked_for_is_over_in_time_though_a_trickle_goes_on() {
    for window in [millis(100), millis(250), secs(1), secs(10)] {
        let mut story = Story::new();
        story.levels.keep_alive = Some(window);
        // That they are needed again after half a minute must not make it longer.
        for _ in 0..5 {
            let mut plan = story.workers(64, 0).after(secs(30));
            let ended = story.now;
            story.workers(1, 63).levels.busy_peak = 64;
            while plan.retire_idle == 0 {
                plan = story.after(plan.next_in.expect("there are too many"));
                story.levels.busy_peak = 1;
            }
            assert_eq!(change(&plan), (-62, Reason::ShrinkIdle), "{window:?}");
            let kept = story.now - ended;
            assert!(kept <= window && kept >= window.mul_f64(0.9), "{window:?}: {kept:?}");
        }
    }
}

#[test]
fn workers_that_are_missed_again_and_again_are_kept_for_longer() {
    for (pause, kept) in [(secs(20), secs(20)..secs(26)), (secs(300), secs(10)..secs(11))] {
        let mut story = Story::new();
        for _ in 0..10 {
            story.workers(0, 16).levels.busy_peak = 16;
            story.after(SLOW_TICK);
            story.workers(0, 16).levels.busy_peak = 0;
            let end = story.now + pause;
            while story.now < end {
                story.after(SLOW_TICK);
            }
        }
        story.workers(0, 16).levels.busy_peak = 16;
        story.after(SLOW_TICK);
        let peak = story.now;
        story.workers(0, 16).levels.busy_peak = 0;
        while story.after(SLOW_TICK).retire_idle == 0 {}
        assert!(kept.contains(&(story.now - peak)), "{pause:?}: {:?}", story.now - peak);
    }
}

#[test]
fn new_configuration_starts_the_window_over_and_keeps_the_estimates() {
    let changes: [fn(&mut Story); 5] = [
        |_| {},
        |story| story.levels.min = 2,
        |story| story.levels.max = 63,
        |story| story.levels.target_wait = millis(11),
        |story| story.levels.keep_alive = Some(secs(9)),
    ];
    for (case, change) in changes.iter().enumerate() {
        let mut story = Story::new();
        story.workers(0, 20);
        story.serve(20, millis(100), secs(5));
        story.after(secs(10));
        change(&mut story);
        let plan = story.step(SLOW_TICK, |sample| sample.arrivals = 1);
        assert_eq!(plan.retire_idle > 0, case == 0, "change {case}");
        assert!(plan.demand > 0, "change {case}");
    }
}

#[test]
fn other_cores_leave_the_window_alone() {
    let mut story = Story::new();
    story.workers(0, 20);
    story.after(Duration::ZERO);
    story.levels.cores = 1.5;
    assert_eq!(story.after(secs(11)).reason, Reason::ShrinkIdle);
}
