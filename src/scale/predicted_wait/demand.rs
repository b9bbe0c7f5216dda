//! Stories of what machines are scaled by.

use std::time::Duration;

use super::story::{Story, millis, secs};
use crate::scale::policy::{Reason, SLOW_TICK};

#[test]
fn demand_follows_the_load_past_the_upper_bound_and_back_to_zero() {
    let mut story = Story::new();
    assert_eq!(story.after(SLOW_TICK).demand, 0);
    // 64 workers serve 100 ms jobs; of the 100 that arrive in 100 ms the others wait.
    story.workers(64, 0);
    let mut queued = 0;
    for _ in 0..30 {
        queued += 36;
        story.queue(queued, 0);
        story.step(millis(100), |sample| {
            (sample.arrivals, sample.dequeues, sample.completions) = (100, 64, 64);
            sample.busy_time = secs(6) + millis(400);
        });
    }
    let plan = story.after(Duration::ZERO);
    assert_eq!(plan.reason, Reason::AtMax);
    // A hundred, and the 1,080 that wait take 108 s of one worker: two more clear them within a
    // minute. The quiet look at the start is not forgotten yet.
    assert!((90..=102).contains(&plan.demand), "{}", plan.demand);
    story.workers(0, 64).queue(0, 0);
    let silence = (0..240).map(|_| story.after(SLOW_TICK).demand).collect::<Vec<_>>();
    assert!(silence.is_sorted_by(|before, after| before >= after), "{silence:?}");
    assert_eq!(silence.last(), Some(&0));
}

#[test]
fn demand_is_the_load_also_where_jobs_take_longer_than_the_policy_remembers() {
    // Two jobs a second of 4 s: 8 workers, and in most looks nothing arrives or ends.
    let mut story = Story::new();
    story.workers(8, 0).queue(0, 0);
    let mut told = Vec::new();
    for look in 0..240 {
        let plan = story.step(SLOW_TICK, |sample| {
            let some = u64::from(look % 2 == 0);
            (sample.arrivals, sample.dequeues, sample.completions) = (some, some, some);
            sample.busy_time = secs(2);
        });
        told.push(plan.demand);
    }
    let settled = &told[120..];
    assert!(settled.iter().all(|demand| (7..=9).contains(demand)), "{settled:?}");
}

#[test]
fn demand_counts_what_a_full_queue_refuses_but_not_each_time_that_it_is_tried_again() {
    // Ten workers serve jobs of 100 ms; so ten are let in within 100 ms, and the others are not.
    for (refused, demand) in [(0, 10), (5, 15), (10, 20), (30, 20), (1_000_000, 20)] {
        let mut story = Story::new();
        story.levels.max = 10;
        story.workers(10, 0).queue(1, 0);
        let mut plan = None;
        for _ in 0..100 {
            plan = Some(story.step(millis(100), |sample| {
                (sample.arrivals, sample.dequeues, sample.completions) = (10, 10, 10);
                (sample.refused, sample.busy_time) = (refused, secs(1));
            }));
        }
        assert_eq!(plan.map(|plan| plan.demand), Some(demand), "{refused} refused");
    }
}
