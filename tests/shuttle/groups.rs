//! Promises about jobs that belong together: what borrows is left in time, no outcome is lost.

use std::sync::atomic::{AtomicU32, Ordering};

use shuttle::thread;
use springtide::JobContext;

use crate::harness::{Cargo, dawdle, explore, pool, settle};

/// Attacks B1, B2, B3: in every schedule all jobs are over when the scope is, those of jobs too.
#[test]
fn a_scope_outlives_its_jobs_though_the_pool_ends_in_the_middle() {
    explore(|| {
        let pool = pool(1..=2, |builder| builder.queue_capacity(1));
        let handle = pool.handle();
        let ending = thread::spawn(move || {
            dawdle();
            pool.shutdown_now();
            pool
        });
        let (fates, count) = (std::sync::Mutex::new(Vec::new()), AtomicU32::new(0));
        let cargo = || {
            let (cargo, fate) = Cargo::new();
            fates.lock().expect("nobody panics").push(fate);
            cargo
        };
        let joined = handle.scope(|s| {
            for _ in 0..2 {
                let (mine, below, count) = (cargo(), cargo(), &count);
                s.spawn(move || {
                    mine.run();
                    s.spawn(move || below.run());
                    count.fetch_add(1, Ordering::Relaxed);
                });
            }
            dawdle();
            let last = cargo();
            s.spawn(move || last.run()).join()
        });
        joined.expect("it returns");
        assert_eq!(count.into_inner(), 2);
        for fate in fates.into_inner().expect("nobody panics") {
            assert_eq!((fate.runs(), fate.frees()), (1, 1));
        }
        settle(&ending.join().expect("it ends"));
    });
}

#[test]
fn a_set_has_one_outcome_for_each_job_though_the_first_failure_cancels() {
    explore(|| {
        let pool = pool(1..=2, |builder| builder);
        let mut set = pool.job_set().fail_fast();
        let adder = set.handle();
        let add = move |_: &JobContext<'_>| {
            adder.submit(|_| Ok(1)).expect("the pool is open");
            Err("failed")
        };
        set.submit_fallible(add).expect("the pool is open");
        set.submit_fallible(|_| Ok(2)).expect("the pool is open");
        let mut outcomes = Vec::new();
        // A wake-up that is lost here is a deadlock.
        while let Some(outcome) = set.next() {
            outcomes.push(outcome);
        }
        assert_eq!(outcomes.len(), 3);
        assert_eq!(outcomes.iter().flatten().filter(|one| one.is_err()).count(), 1);
        assert!(set.token().is_cancelled());
        settle(&pool);
    });
}

#[test]
fn a_map_yields_in_order_and_lets_go_of_the_rest_when_it_is_dropped() {
    explore(|| {
        let pool = pool(1..=2, |builder| builder.queue_capacity(1));
        let (cargoes, fates): (Vec<_>, Vec<_>) = (0..4).map(|_| Cargo::new()).unzip();
        let items = cargoes.into_iter().enumerate();
        let mut map = pool.map(items, |(n, cargo): (usize, Cargo)| {
            cargo.run();
            n
        });
        for expected in 0..2 {
            assert_eq!(map.next().expect("there are more").expect("it returns"), expected);
        }
        drop(map);
        settle(&pool);
        assert!(fates.iter().all(|fate| fate.frees() == 1 && fate.runs() <= 1));
        assert!(fates[..2].iter().all(|fate| fate.runs() == 1));
    });
}
