//! When the pool grows, and when it must not.

use std::time::Duration;

use super::story::{Story, change, millis, secs};
use crate::scale::policy::Reason;

#[test]
fn the_count_returns_to_its_bounds_whatever_is_queued() {
    let cases = [
        // busy, idle, queued, min, max
        ((0, 0, 0, 3, 8), (3, Reason::BelowMin)),
        ((1, 1, 50, 3, 8), (1, Reason::BelowMin)),
        ((3, 0, 0, 3, 8), (0, Reason::Steady)),
        ((9, 0, 50, 3, 8), (-1, Reason::AboveMax)),
        ((0, 12, 0, 3, 8), (-4, Reason::AboveMax)),
        ((8, 0, 50, 3, 8), (0, Reason::AtMax)),
        ((5, 0, 0, 8, 3), (-2, Reason::AboveMax)),
        ((1, 0, 0, 8, 3), (2, Reason::BelowMin)),
    ];
    for ((busy, idle, queued, min, max), expected) in cases {
        let mut story = Story::new();
        story.workers(busy, idle).queue(queued, busy);
        (story.levels.min, story.levels.max) = (min, max);
        let got = change(&story.after(Duration::ZERO));
        assert_eq!(got, expected, "{busy} busy, {idle} idle, {queued} queued, {min}..={max}");
    }
}

#[test]
fn cores_are_filled_with_a_worker_for_each_pending_job() {
    let cases = [
        // busy, idle, starting, queued, cores, max
        ((0, 0, 0, 1, 4.0, 64), (1, Reason::FillCores)),
        ((0, 0, 0, 9, 4.0, 64), (4, Reason::FillCores)),
        ((0, 0, 0, 9, 4.0, 3), (3, Reason::FillCores)),
        ((0, 0, 0, 9, 0.0, 64), (1, Reason::FillCores)),
        ((0, 0, 0, 9, 1.5, 64), (2, Reason::FillCores)),
        ((3, 0, 0, 1, 4.0, 64), (1, Reason::FillCores)),
        ((2, 0, 1, 2, 4.0, 64), (1, Reason::FillCores)),
        ((0, 0, 3, 3, 4.0, 64), (0, Reason::Steady)),
        ((1, 2, 0, 2, 4.0, 64), (0, Reason::Steady)),
        ((4, 0, 0, 1, 4.0, 64), (0, Reason::CpuSaturated)),
    ];
    for ((busy, idle, starting, queued, cores, max), expected) in cases {
        let mut story = Story::new();
        story.workers(busy, idle).queue(queued, busy);
        story.levels.starting = starting;
        story.levels.workers += starting;
        (story.levels.min, story.levels.max, story.levels.cores) = (0, max, cores);
        let got = change(&story.after(millis(1)));
        assert_eq!(got, expected, "{busy} {idle} {starting} {queued} {cores} {max}");
    }
}

#[test]
fn a_queue_that_drains_within_the_target_adds_nobody() {
    // Eight workers asleep in their jobs: one more waits for an eighth of the queue.
    for (run, queued, expected) in [
        (millis(1), 79, Reason::WillDrain),
        (millis(1), 81, Reason::GrowBlocked),
        (millis(100), 1, Reason::GrowBlocked),
    ] {
        let mut story = Story::new();
        story.workers(8, 0);
        story.serve(8, run, secs(3));
        story.queue(queued, 0).levels.oldest_age = millis(1);
        assert_eq!(story.after(Duration::ZERO).reason, expected, "{queued} of {run:?}");
    }
}

#[test]
fn a_job_older_than_the_target_counts_whatever_the_estimate() {
    for (age, expected) in [(10, Reason::WillDrain), (11, Reason::GrowBlocked)] {
        let mut story = Story::new();
        story.workers(8, 0);
        story.serve(8, millis(1), secs(3));
        story.queue(1, 0).levels.oldest_age = millis(age);
        assert_eq!(story.after(Duration::ZERO).reason, expected, "{age} ms");
    }
}

#[test]
fn sleepers_grow_the_pool_and_spinners_do_not() {
    let cases = [
        // runnable of 8 => reason
        (0, Reason::GrowBlocked),
        (1, Reason::GrowBlocked),
        (3, Reason::Grow),
        (4, Reason::CpuSaturated),
        (8, Reason::CpuSaturated),
    ];
    for (runnable, expected) in cases {
        let mut story = Story::new();
        story.workers(8, 0).queue(100, runnable);
        // The share of sleep is measured at one evaluation only, so that what is missing now
        // decides; a job leaves the queue at each.
        let plan = story.step(Duration::ZERO, |sample| sample.dequeues = 1);
        assert_eq!(plan.reason, expected, "{runnable} runnable");
        assert_eq!(plan.add > 0, expected != Reason::CpuSaturated, "{runnable} runnable");
    }
}

/// At a mean of one for each core, cores are idle part of the time while jobs wait.
#[test]
fn of_workers_that_sleep_in_part_more_than_the_cores_may_want_one_and_of_spinners_not() {
    let cases = [
        // busy, runnable => change on four cores
        ((16, 4), (16, Reason::Grow)),
        ((32, 8), (5, Reason::Grow)),
        ((40, 10), (0, Reason::CpuSaturated)),
        ((8, 4), (8, Reason::Grow)),
        ((18, 9), (0, Reason::CpuSaturated)),
        ((4, 4), (0, Reason::CpuSaturated)),
        ((8, 8), (0, Reason::CpuSaturated)),
    ];
    for ((busy, runnable), expected) in cases {
        let mut story = Story::new();
        story.workers(busy, 0).queue(100, runnable);
        let plan = story.step(millis(5), |sample| {
            (sample.dequeues, sample.busy_time) = (1, millis(5) * busy);
        });
        assert_eq!(change(&plan), expected, "{runnable} of {busy} want a core");
    }
}

#[test]
fn growth_at_once_is_bounded_by_waiting_jobs_and_by_doubling() {
    let cases = [
        // busy, queued => added
        ((4, 1), 1),
        ((4, 3), 3),
        ((4, 1_000), 4),
        ((9, 1_000), 9),
        ((40, 1_000), 24),
    ];
    for ((busy, queued), added) in cases {
        let mut story = Story::new();
        story.workers(busy, 0).queue(queued, 0);
        // 100 ms jobs, asleep: the ceiling is far away, and so is the target.
        for _ in 0..20 {
            story.step(millis(50), |sample| {
                (sample.arrivals, sample.dequeues) = (u64::from(busy), u64::from(busy));
                sample.completions = u64::from(busy) / 2;
                sample.busy_time = millis(50) * busy;
            });
        }
        let plan = story.step(millis(50), |sample| sample.dequeues = 1);
        assert_eq!(change(&plan), (added, Reason::GrowBlocked), "{busy} busy, {queued} queued");
    }
}

#[test]
fn workers_that_start_are_not_asked_for_again() {
    let mut story = Story::new();
    story.workers(8, 0).queue(6, 0);
    let added = story.after(millis(5)).add;
    assert!(added > 0);
    story.levels.starting = 6;
    story.levels.workers += 6;
    assert_eq!(change(&story.after(millis(5))), (0, Reason::Steady));
}

#[test]
fn while_nobody_knows_what_is_long_a_head_passed_over_gets_up_to_twice_the_cores() {
    let mut story = Story::new();
    story.workers(4, 0);
    story.queue(20, 4).levels.oldest_age = millis(51);
    let plan = story.step(millis(5), |sample| sample.dequeues = 1);
    assert_eq!(change(&plan), (1, Reason::GrowHog));
    // A kick before the next fast tick changes nothing, the tick itself does.
    let plan = story.step(millis(1), |sample| sample.dequeues = 1);
    assert_eq!(change(&plan), (0, Reason::CpuSaturated));
    for workers in 5..=8 {
        story.workers(workers, 0).queue(20, workers).levels.oldest_age = millis(51);
        let plan = story.step(millis(5), |sample| sample.dequeues = 1);
        let expected = if workers < 8 { (1, Reason::GrowHog) } else { (0, Reason::CpuSaturated) };
        assert_eq!(change(&plan), expected, "{workers} workers");
    }
}

#[test]
fn where_no_job_is_long_a_head_passed_over_is_plain_overload() {
    let mut story = Story::new();
    story.workers(4, 0);
    story.serve(4, millis(1), secs(1));
    story.queue(20, 4).levels.oldest_age = millis(51);
    let plan = story.step(millis(5), |sample| sample.dequeues = 1);
    assert_eq!(change(&plan), (0, Reason::CpuSaturated));
}

#[test]
fn a_head_that_waited_five_targets_has_not_been_passed_over_yet() {
    let mut story = Story::new();
    story.workers(4, 0).queue(20, 4).levels.oldest_age = millis(50);
    assert_eq!(change(&story.after(millis(5))), (0, Reason::CpuSaturated));
}

#[test]
fn long_jobs_among_short_ones_are_left_out_of_the_runnable_count() {
    // Four spinners for 2 s; what usually runs takes 1 ms or 500 ms.
    for (usual, expected) in [(millis(1), Reason::Grow), (millis(500), Reason::CpuSaturated)] {
        let mut story = Story::new();
        story.workers(4, 0);
        story.serve(4, usual, secs(4));
        story.queue(20, 4).levels.run_ages = vec![secs(2); 4];
        let plan = story.step(millis(5), |sample| sample.dequeues = 1);
        assert_eq!(plan.reason, expected, "{usual:?}");
    }
}

#[test]
fn without_a_completion_nothing_is_a_hog() {
    let mut story = Story::new();
    story.workers(4, 0).queue(20, 4).levels.run_ages = vec![secs(3); 4];
    assert_eq!(story.after(millis(5)).reason, Reason::CpuSaturated);
}

#[test]
fn starvation_adds_one_each_half_second() {
    let mut story = Story::new();
    story.workers(8, 0).queue(20, 8);
    let mut added = Vec::new();
    for tick in 0..400_u64 {
        let plan = story.after(millis(5));
        assert!(plan.add == 0 || plan.reason == Reason::Starvation, "{plan:?}");
        if plan.add > 0 {
            added.push((tick * 5, plan.add));
        }
    }
    assert_eq!(added, [(500, 1), (1000, 1), (1500, 1)]);
}

#[test]
fn a_queue_that_moves_does_not_starve() {
    let mut story = Story::new();
    story.workers(8, 0).queue(20, 8);
    for _ in 0..400 {
        let plan = story.step(millis(5), |sample| sample.dequeues = 1);
        assert_eq!(change(&plan), (0, Reason::CpuSaturated));
    }
}

#[test]
fn an_empty_queue_is_no_drought() {
    let mut story = Story::new();
    story.workers(8, 0).queue(0, 0);
    story.after(secs(1));
    story.after(secs(3_600));
    story.queue(20, 8);
    assert_eq!(story.after(secs(3_600)).reason, Reason::CpuSaturated);
    story.queue(20, 0);
    assert_eq!(story.after(millis(5)).reason, Reason::GrowBlocked);
}

#[test]
fn blocked_jobs_escape_by_doubling() {
    let mut story = Story::new();
    story.levels.max = 1_000;
    story.workers(4, 0).queue(2_000, 0);
    // A few evaluations without progress come first.
    assert_eq!(story.after(millis(5)).reason, Reason::GrowBlocked);
    assert_eq!(story.after(millis(5)).reason, Reason::GrowBlocked);
    let mut workers = Vec::new();
    for _ in 0..10 {
        let plan = story.after(millis(5));
        if story.levels.workers == story.levels.max {
            assert_eq!(plan.reason, Reason::AtMax);
            break;
        }
        assert_eq!(plan.reason, Reason::EscapeBlocked);
        let grown = story.levels.workers + plan.add;
        workers.push(grown);
        story.workers(grown, 0).queue(2_000, 0);
    }
    assert_eq!(workers, [8, 16, 32, 64, 128, 256, 512, 768, 1000]);
}

#[test]
fn the_escape_starts_small_and_over_after_progress() {
    // One core and large numbers of workers, so that nothing but the escape sets the pace.
    let mut story = Story::new();
    story.levels.cores = 1.0;
    story.levels.max = 10_000;
    story.workers(100, 0);
    // Jobs of 1 µs: by their length alone, none of those waiting needs another worker.
    story.step(millis(1), |sample| {
        (sample.completions, sample.busy_time) = (1_000_000, secs(1));
    });
    story.queue(1_000, 0);
    story.after(millis(5));
    story.after(millis(5));
    let steps: Vec<u32> = (0..9).map(|_| story.after(millis(5)).add).collect();
    assert_eq!(steps, [1, 2, 4, 8, 16, 32, 64, 64, 64]);
    story.step(millis(5), |sample| sample.dequeues = 1);
    let steps: Vec<u32> = (0..4).map(|_| story.after(millis(5)).add).collect();
    assert_eq!(steps, [1, 1, 2, 4]);
}

#[test]
fn kicks_do_not_speed_up_the_escape() {
    let mut story = Story::new();
    story.levels.max = 10_000;
    story.workers(100, 0).queue(1_000, 0);
    story.after(millis(5));
    for tick in 0..10 {
        assert_eq!(story.after(millis(1)).reason, Reason::GrowBlocked, "tick {tick}");
        story.after(millis(1));
        let expected = if tick == 0 { Reason::GrowBlocked } else { Reason::EscapeBlocked };
        assert_eq!(story.after(millis(3)).reason, expected, "tick {tick}");
    }
}

#[test]
fn a_clock_that_steps_back_starves_nobody() {
    let mut story = Story::new();
    story.workers(8, 0).queue(20, 8);
    story.after(secs(100));
    story.now = Duration::ZERO;
    story.step(millis(5), |sample| sample.dequeues = 1);
    story.now = secs(100);
    assert_eq!(story.after(millis(5)).reason, Reason::CpuSaturated);
}

#[test]
fn a_running_worker_is_no_reason_to_escape() {
    let mut story = Story::new();
    story.workers(4, 0).queue(20, 1);
    for _ in 0..20 {
        assert_eq!(story.after(millis(5)).reason, Reason::GrowBlocked);
    }
}

#[test]
fn where_a_core_is_free_a_long_job_gets_a_worker_before_it_waits() {
    let cases = [
        // usual run time, runnable, idle => what becomes of a job that has just arrived
        (millis(20), 0, Reason::GrowBlocked),
        (millis(20), 3, Reason::Grow),
        (millis(20), 4, Reason::WillDrain),
        (millis(5), 0, Reason::WillDrain),
    ];
    for (usual, runnable, expected) in cases {
        let mut story = Story::new();
        story.workers(8, 0).serve(8, usual, secs(1));
        story.queue(1, runnable).levels.oldest_age = Duration::ZERO;
        assert_eq!(story.after(millis(1)).reason, expected, "{usual:?}, {runnable} runnable");
    }
}

#[test]
fn after_a_silence_jobs_are_expected_to_take_as_long_as_before() {
    for (usual, expected) in [(millis(100), Reason::GrowBlocked), (millis(2), Reason::WillDrain)] {
        let mut story = Story::new();
        story.workers(4, 0).serve(4, usual, secs(1));
        story.workers(0, 4).queue(0, 0);
        for _ in 0..60 {
            story.after(secs(1));
        }
        story.workers(4, 0).queue(1, 0).levels.oldest_age = Duration::ZERO;
        let plan = story.after(millis(1));
        assert_eq!(plan.reason, expected, "{usual:?}");
    }
}

#[test]
fn an_overload_of_the_cores_is_shed_in_quarters() {
    // 64 workers that all spin; the cores carry 8 at most.
    let mut story = Story::new();
    story.workers(64, 0).queue(50, 64);
    let mut drained = Vec::new();
    for tick in 0..=160_u64 {
        let plan = story.step(millis(5), |sample| sample.dequeues = 1);
        if plan.drain > 0 {
            assert_eq!(plan.reason, Reason::ShrinkCpu);
            drained.push((tick * 5, plan.drain));
            let left = story.levels.workers - plan.drain;
            story.workers(left, 0).queue(50, left);
        }
    }
    assert_eq!(drained, [(500, 14), (600, 10), (700, 8), (800, 6)]);
}

#[test]
fn a_short_overload_or_one_that_nobody_measured_costs_no_worker() {
    for pattern in [[Some(60), Some(60), Some(60), Some(3)], [None; 4]] {
        let mut story = Story::new();
        story.workers(60, 4).queue(0, 0);
        for _ in 0..50 {
            for runnable in pattern {
                let plan = story.step(millis(100), |sample| sample.runnable = runnable);
                assert_eq!(plan.drain, 0, "{pattern:?}");
            }
        }
    }
}

#[test]
fn hogs_that_were_let_in_are_no_overload() {
    // 20 spinners on four cores: without the twelve hogs they are twice the cores.
    for (hogs, drained) in [(12, false), (0, true)] {
        let mut story = Story::new();
        story.workers(20, 0);
        story.serve(20, millis(1), secs(1));
        story.queue(50, 20).levels.run_ages = vec![secs(1); hogs];
        let plans = (0..200).map(|_| story.step(millis(5), |sample| sample.dequeues = 1));
        let most = plans.map(|plan| plan.drain).max();
        assert_eq!(most > Some(0), drained, "{hogs} hogs");
    }
}

#[test]
fn a_pool_that_sleeps_is_no_overload_however_large() {
    let mut story = Story::new();
    story.workers(60, 0).queue(1, 0);
    for _ in 0..200 {
        let plan = story.step(millis(5), |sample| sample.dequeues = 1);
        assert_eq!(plan.drain, 0);
    }
}
