//! What the queue promises, one thread at a time.

use super::*;
use crate::run::priority::Weights;

fn at_once<T>(_: &T) -> Nanos {
    Nanos::default()
}

/// Attacks Q1.
#[test]
fn a_retired_workers_leftovers_can_be_stolen_and_are_inherited() {
    let queue = Arc::new(Queue::new(70, at_once));
    let owner = queue.open(69);
    for job in 0..8 {
        owner.push(job);
    }
    drop(owner);
    assert_eq!(queue.take_any(), Some(0), "stolen from a deck without an owner");
    let thief = queue.open(3);
    assert_eq!(thief.take(|| true, Nanos::default), Some(1));
    assert_eq!(thief.steals(), 1);
    let heir = queue.open(69);
    assert_eq!(
        heir.take(|| true, Nanos::default),
        Some(2),
        "the next owner goes on where the last one stopped"
    );
}

/// Attacks Q3.
#[test]
fn what_a_batch_moved_is_told_once_and_can_then_be_seen() {
    let queue = Arc::new(Queue::new(2, at_once));
    (0..20).for_each(|job| queue.push(job));
    let worker = queue.open(0);
    assert_eq!(
        (worker.take(|| true, Nanos::default), worker.moved()),
        (Some(0), 0),
        "one to begin with"
    );
    assert_eq!(worker.take(|| true, Nanos::default), Some(1));
    let moved = worker.moved();
    assert!(moved > 0 && moved == worker.len());
    assert_eq!(worker.moved(), 0, "told once");
    assert_eq!(queue.steal_from_peers(1), Some(2), "and there for others to take");
    assert_eq!(
        (worker.take(|| false, Nanos::default), worker.moved()),
        (Some(3), 0),
        "one alone moves nothing"
    );
}

#[test]
fn one_worker_takes_injected_jobs_in_the_order_they_came() {
    for may_batch in [false, true] {
        let queue = Arc::new(Queue::new(1, at_once));
        (0..1000).for_each(|job| queue.push(job));
        let worker = queue.open(0);
        let taken: Vec<i32> =
            std::iter::from_fn(|| worker.take(|| may_batch, Nanos::default)).collect();
        assert_eq!(taken, (0..1000).collect::<Vec<_>>(), "batches: {may_batch}");
    }
}

#[test]
fn jobs_that_submit_jobs_do_not_starve_the_injector() {
    let queue = Arc::new(Queue::new(1, at_once));
    queue.push(-1);
    let worker = queue.open(0);
    worker.push(0);
    let position = (1..1000).find(|n| {
        let job = worker.take(|| false, Nanos::default).expect("the deque refills itself");
        worker.push(*n);
        job == -1
    });
    assert!(position.is_some_and(|n| n <= INJECTOR_TURN as i32));
}

#[test]
fn purging_keeps_the_order_of_what_stays() {
    let queue = Arc::new(Queue::new(1, at_once));
    let worker = queue.open(0);
    (0..10).for_each(|job| worker.push(job));
    assert_eq!(worker.purge(|job| job % 2 == 0), 5);
    let rest: Vec<i32> = std::iter::from_fn(|| worker.take(|| false, Nanos::default)).collect();
    assert_eq!(rest, [1, 3, 5, 7, 9]);
}

/// Attacks Q2.
#[test]
fn every_start_of_a_scan_reaches_every_deck() {
    let queue: Arc<Queue<usize>> = Arc::new(Queue::new(200, at_once));
    for holder in [0, 63, 64, 130, 199] {
        for start in 0..200 {
            queue.open(holder).push(start);
            assert_eq!(queue.steal_from_peers(start), Some(start));
        }
    }
}

/// A job of a level that came at this second, and its number within the level.
type Leveled = (Priority, u64, u64);

fn came<T>((_, second, _): &(T, u64, u64)) -> Nanos {
    seconds(*second)
}

fn seconds(n: u64) -> Nanos {
    Nanos(n * 1_000_000_000)
}

fn queue_of(weights: Weights, ageing_s: u64) -> Arc<Queue<Leveled>> {
    let queue = Arc::new(Queue::new(2, came));
    queue.levels.set_rules(Rules { weights, ageing: Duration::from_secs(ageing_s) });
    queue
}

fn push(queue: &Queue<Leveled>, priority: Priority, second: u64, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let job = (priority, second, number);
        if priority == Priority::Normal { queue.push(job) } else { queue.push_at(priority, job) }
    }
}

fn take_all(worker: &LocalQueue<Leveled>, second: u64, may_batch: bool) -> Vec<Leveled> {
    std::iter::from_fn(|| worker.take(|| may_batch, || seconds(second))).collect()
}

#[test]
fn high_jobs_go_before_the_low_ones_that_came_first() {
    let queue = queue_of(Weights::STRICT, 1_000);
    push(&queue, Priority::Low, 0, 0..50);
    push(&queue, Priority::Normal, 0, 0..50);
    push(&queue, Priority::High, 0, 0..50);
    let taken = take_all(&queue.open(0), 1, true);
    let wanted: Vec<Leveled> =
        Priority::ALL.into_iter().flat_map(|p| (0..50).map(move |n| (p, 0, n))).collect();
    assert_eq!(taken, wanted, "each level whole, and in its order");
}

#[test]
fn shares_are_those_of_the_weights_and_each_level_keeps_its_order() {
    for may_batch in [false, true] {
        let queue = queue_of(Weights::default(), 1_000);
        for priority in Priority::ALL {
            push(&queue, priority, 0, 0..1000);
        }
        let worker = queue.open(0);
        let taken: Vec<Leveled> =
            (0..1000).filter_map(|_| worker.take(|| may_batch, || seconds(1))).collect();
        for (priority, share) in Priority::ALL.into_iter().zip([600, 300, 100]) {
            let numbers: Vec<u64> =
                taken.iter().filter(|job| job.0 == priority).map(|job| job.2).collect();
            assert_eq!(numbers, (0..share).collect::<Vec<_>>(), "{priority:?}");
        }
    }
}

#[test]
fn an_old_job_is_the_next_to_be_taken_although_higher_ones_keep_coming() {
    for priority in [Priority::Low, Priority::Normal] {
        let queue = queue_of(Weights::STRICT, 10);
        let worker = queue.open(0);
        push(&queue, priority, 0, 0..1);
        let taken_at = (0..20).find(|second| {
            push(&queue, Priority::High, *second, 0..2);
            worker.take(|| true, || seconds(*second)).expect("jobs wait").0 == priority
        });
        assert_eq!(taken_at, Some(10), "{priority:?}");
        assert_eq!(queue.levels.promotions(), 1);
    }
}

/// A queue of old jobs has half of the turns, not all of them.
#[test]
fn many_old_jobs_do_not_turn_the_order_upside_down() {
    let queue = queue_of(Weights::STRICT, 10);
    let worker = queue.open(0);
    push(&queue, Priority::Low, 0, 0..100);
    push(&queue, Priority::High, 60, 0..100);
    let first: Vec<Leveled> =
        (0..100).filter_map(|_| worker.take(|| true, || seconds(60))).collect();
    assert_eq!(first.iter().filter(|job| job.0 == Priority::High).count(), 50);
    assert_eq!(queue.levels.promotions(), 50);
}

/// Normal jobs are not taken for old because others were passed over long ago.
#[test]
fn a_normal_job_that_has_just_come_is_not_promoted() {
    let queue = queue_of(Weights::STRICT, 10);
    let worker = queue.open(0);
    let take = |second| worker.take(|| false, || seconds(second)).map(|job| job.0);
    push(&queue, Priority::Normal, 0, 0..1);
    push(&queue, Priority::High, 0, 0..1);
    assert_eq!((take(0), take(0)), (Some(Priority::High), Some(Priority::Normal)));
    assert_eq!(take(1), None);
    push(&queue, Priority::Normal, 100, 0..1);
    push(&queue, Priority::High, 100, 0..1);
    assert_eq!((take(100), take(100)), (Some(Priority::High), Some(Priority::Normal)));
    assert_eq!(queue.levels.promotions(), 0);
}

/// Normal jobs that came while others were passed over are as old as they are, not as the others.
#[test]
fn the_age_of_normal_jobs_is_reckoned_from_the_last_one_taken() {
    let queue = queue_of(Weights::STRICT, 10);
    let worker = queue.open(0);
    let take = |second| worker.take(|| false, || seconds(second)).map(|job| job.0);
    push(&queue, Priority::Normal, 0, 0..1);
    push(&queue, Priority::Normal, 8, 1..3);
    push(&queue, Priority::High, 0, 0..100);
    assert_eq!(take(0), Some(Priority::High), "the others are passed over from now on");
    let taken: Vec<_> = [10, 10, 10, 17, 17].into_iter().map(take).collect();
    let (high, normal) = (Some(Priority::High), Some(Priority::Normal));
    assert_eq!(taken, [normal, high, normal, high, high], "one to find out how old they are");
    assert_eq!(queue.levels.promotions(), 1, "and that one was not too old");
    assert_eq!((take(18), queue.levels.promotions()), (Some(Priority::Normal), 2));
}

/// A low job waits for the normal ones that another worker's job has submitted.
#[test]
fn normal_jobs_of_another_worker_go_before_low_ones() {
    let queue = queue_of(Weights::default(), 1_000);
    let busy = queue.open(1);
    busy.push((Priority::Normal, 0, 0));
    push(&queue, Priority::Low, 0, 0..1);
    let taken: Vec<Priority> =
        take_all(&queue.open(0), 0, true).into_iter().map(|job| job.0).collect();
    assert_eq!(taken, [Priority::Normal, Priority::Low]);
}

/// Whoever ends the pool finds the jobs of all levels.
#[test]
fn emptying_the_queue_empties_every_level() {
    let queue = queue_of(Weights::default(), 1_000);
    for priority in Priority::ALL {
        push(&queue, priority, 0, 0..10);
    }
    queue.open(1).push((Priority::Normal, 0, 10));
    assert_eq!(std::iter::from_fn(|| queue.take_any()).count(), 31);
    assert_eq!(queue.levels.waits(seconds(1)), [None; 3]);
}

/// Shells are told from jobs, and cleared away before they are more than the jobs, or more than a
/// few.
#[test]
fn shells_of_a_level_are_not_counted_and_do_not_pile_up() {
    let queue = queue_of(Weights::default(), 1_000);
    let levels = &queue.levels;
    let is_shell = |job: &Leveled| job.2 % 2 == 1;
    push(&queue, Priority::Low, 3, 1..2);
    push(&queue, Priority::Low, 5, 0..200);
    let cleared: Vec<usize> =
        (0..101).map(|_| levels.shell_made(Priority::Low, false, came, is_shell)).collect();
    assert_eq!(cleared.iter().sum::<usize>(), 101);
    assert!(cleared[..100].iter().all(|n| *n == 0), "each is looked at once in a while");
    assert_eq!(levels.len(Priority::Low), 100);
    assert_eq!(levels.waits(seconds(5))[2], Some(Duration::ZERO), "the head is another one now");

    push(&queue, Priority::High, 1, 1..2);
    assert_eq!(levels.oldest(came, is_shell), Some(seconds(5)), "shells are not old");
    assert_eq!(levels.shell_made(Priority::High, true, came, is_shell), 1, "no room for shells");
    assert_eq!((levels.len(Priority::High), levels.waits(seconds(5))[0]), (0, None));
}

/// All levels against lists with the obvious rule, driven by one pseudo-random tape: a job leaves
/// once, each level keeps its order, and in strict mode nobody is taken while a higher one waits.
#[test]
fn the_levels_and_plain_lists_hand_out_the_same_jobs() {
    let queue = queue_of(Weights::STRICT, u64::from(u32::MAX));
    let worker = queue.open(0);
    let mut lists = [(); 3].map(|()| std::collections::VecDeque::new());
    let mut tape = 0x9e37_79b9_7f4a_7c15_u64;
    for number in 0..20_000 {
        tape ^= tape << 13;
        tape ^= tape >> 7;
        tape ^= tape << 17;
        let priority = Priority::ALL[(tape >> 8) as usize % 3];
        if tape.is_multiple_of(2) {
            push(&queue, priority, 0, number..number + 1);
            lists[priority as usize].push_back((priority, 0, number));
        } else {
            let wanted = lists.iter_mut().find_map(std::collections::VecDeque::pop_front);
            assert_eq!(worker.take(|| tape.is_multiple_of(3), Nanos::default), wanted);
        }
    }
}
