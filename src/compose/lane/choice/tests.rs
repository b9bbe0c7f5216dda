use proptest::prelude::*;

use super::*;

fn lane(max_running: u64, reserved: u64, weight: u32) -> Standing {
    Standing { max_running, reserved, weight, bucket: None, ready: true, out: 0, paid: 0 }
}

fn pool(max_workers: u64) -> Pool {
    Pool { max_workers, live_workers: max_workers, queued: 0, paid: 0 }
}

/// Sends the next job; whose it is.
fn send(lanes: &mut [Standing], pool: &mut Pool, cost: u32, now: Nanos) -> Option<usize> {
    let Choice::Lane(chosen) = choose(lanes, *pool, now) else { return None };
    pay(lanes, pool, chosen, cost, now);
    lanes[chosen].out += 1;
    Some(chosen)
}

#[test]
fn a_lane_alone_gets_all_workers_but_those_others_have_reserved() {
    let mut lanes = [lane(u64::MAX, 0, 1), lane(u64::MAX, 3, 1)];
    lanes[1].ready = false;
    let mut pool = pool(8);
    while send(&mut lanes, &mut pool, 1, Nanos(0)).is_some() {}
    assert_eq!(lanes[0].out, 5);
    lanes[1].ready = true;
    while send(&mut lanes, &mut pool, 1, Nanos(0)).is_some() {}
    assert_eq!(lanes[1].out, 3);
}

#[test]
fn no_more_wait_in_the_queue_than_there_are_workers_but_for_reserved_places() {
    let mut lanes = [lane(u64::MAX, 0, 1), lane(u64::MAX, 1, 1)];
    let busy = Pool { live_workers: 2, queued: 2, ..pool(64) };
    assert_eq!(choose(&lanes, busy, Nanos(0)), Choice::Lane(1), "it has a worker reserved");
    lanes[1].out = 1;
    assert_eq!(choose(&lanes, busy, Nanos(0)), Choice::Nobody);
    let none = Pool { live_workers: 0, queued: 0, ..busy };
    assert_eq!(choose(&lanes, none, Nanos(0)), Choice::Lane(0), "one, that a worker be started");
}

#[test]
fn reservations_that_a_smaller_pool_cannot_keep_leave_one_worker_for_the_others() {
    let mut lanes = [lane(u64::MAX, 4, 1), lane(u64::MAX, 4, 1), lane(u64::MAX, 0, 1)];
    lanes[0].ready = false;
    lanes[1].ready = false;
    let mut pool = pool(3);
    assert_eq!(send(&mut lanes, &mut pool, 1, Nanos(0)), Some(2));
    assert_eq!(send(&mut lanes, &mut pool, 1, Nanos(0)), None);
    lanes[0].ready = true;
    assert_eq!(send(&mut lanes, &mut pool, 1, Nanos(0)), Some(0), "the first keeps its own");
}

#[test]
fn a_lane_that_waited_for_nothing_is_owed_nothing() {
    let mut lanes = [lane(u64::MAX, 0, 1), lane(u64::MAX, 0, 1)];
    lanes[1].ready = false;
    let mut pool = pool(1);
    for _ in 0..1_000 {
        assert_eq!(send(&mut lanes, &mut pool, 1, Nanos(0)), Some(0));
        lanes[0].out = 0;
    }
    lanes[1].ready = true;
    let mut served = [0; 2];
    for _ in 0..100 {
        let chosen = send(&mut lanes, &mut pool, 1, Nanos(0)).unwrap();
        served[chosen] += 1;
        lanes[chosen].out = 0;
    }
    assert!(served[1] <= 51, "{served:?}");
}

#[test]
fn who_waits_for_a_token_says_when_and_lets_others_by() {
    let mut lanes = [lane(u64::MAX, 0, 9), lane(u64::MAX, 0, 1)];
    lanes[0].bucket = Some(Bucket::new(10.0, 1));
    let mut pool = pool(4);
    assert_eq!(send(&mut lanes, &mut pool, 1, Nanos(0)), Some(0));
    assert_eq!(send(&mut lanes, &mut pool, 1, Nanos(1)), Some(1));
    lanes[1].ready = false;
    assert_eq!(choose(&lanes, pool, Nanos(2)), Choice::At(Nanos(100_000_000)));
    assert_eq!(choose(&lanes, pool, Nanos(100_000_000)), Choice::Lane(0));
    lanes[0].max_running = 1;
    assert_eq!(choose(&lanes, pool, Nanos(2)), Choice::Nobody, "a token would not help");
}

/// One lane's limits, and how busy it is kept.
fn lanes() -> impl Strategy<Value = Vec<Standing>> {
    let rate = prop::option::of((1.0_f64..1e6, 1_u32..10));
    let one = (0_u64..12, 0_u64..6, 1_u32..20, rate).prop_map(|(max, reserved, weight, rate)| {
        let bucket = rate.map(|(per_second, burst)| Bucket::new(per_second, burst));
        Standing { bucket, ..lane(max, reserved, weight) }
    });
    prop::collection::vec(one, 1..6)
}

proptest! {
    /// Jobs come, are sent, are found by workers and end, in any order.
    #[test]
    fn limits_are_kept_whatever_comes(
        mut lanes in lanes(),
        max_workers in 1_u64..16,
        steps in prop::collection::vec((0_u8..5, any::<usize>(), 1_u64..2_000_000), 1..400),
    ) {
        let mut pool = pool(max_workers);
        let mut now = Nanos(0);
        let mut sent = vec![0_u64; lanes.len()];
        for (step, which, time) in steps {
            let index = which % lanes.len();
            match step {
                0 => lanes[index].ready = !lanes[index].ready,
                1 => lanes[index].out = lanes[index].out.saturating_sub(1),
                2 => pool.queued = pool.queued.saturating_sub(1),
                3 => now = Nanos(now.0 + time),
                _ => pool.live_workers = time % (max_workers + 1),
            }
            let before = lanes.clone();
            let Some(chosen) = send(&mut lanes, &mut pool, 1, now) else {
                // Nobody is kept waiting for nothing.
                let all: u64 = before.iter().map(|lane| lane.out).sum();
                let free = before.iter().any(|lane| {
                    lane.ready && has_place(lane) && token_at(lane) <= now
                });
                let reserved: u64 = reservations(&before, max_workers).sum();
                let is_open = all + reserved < max_workers && pool.queued == 0;
                prop_assert!(!(free && is_open), "{before:?}");
                continue;
            };
            pool.queued += 1;
            sent[chosen] += 1;
            let lane = &before[chosen];
            prop_assert!(lane.ready && lane.out < lane.max_running && token_at(lane) <= now);
            let within = lane.out < reservations(&before, max_workers).nth(chosen).unwrap();
            let taken: u64 = before.iter().map(|lane| lane.out).sum();
            prop_assert!(within || taken < max_workers, "{before:?}");
            for (other, kept) in lanes.iter().zip(reservations(&lanes, max_workers)) {
                let all: u64 = lanes.iter().map(|lane| lane.out).sum();
                let missing = kept.saturating_sub(other.out);
                prop_assert!(within || all + missing <= max_workers, "{lanes:?}");
            }
        }
    }

    /// Lanes that always have jobs get workers in proportion to their weights, and none starves.
    #[test]
    fn shares_come_to_the_weights(weights in prop::collection::vec(1_u32..16, 2..6)) {
        let mut lanes: Vec<Standing> = weights.iter().map(|w| lane(u64::MAX, 0, *w)).collect();
        let mut pool = pool(1);
        let all: u32 = weights.iter().sum();
        let mut served = vec![0_u32; weights.len()];
        for _ in 0..all * 10 {
            let chosen = send(&mut lanes, &mut pool, 1, Nanos(0)).expect("they are ready");
            lanes[chosen].out = 0;
            served[chosen] += 1;
        }
        for (served, weight) in served.iter().zip(&weights) {
            prop_assert!(served.abs_diff(weight * 10) <= 1 + weight, "{served:?} {weights:?}");
        }
    }
}
