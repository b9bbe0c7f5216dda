//! Promises about the queue: jobs of every priority are found, and reserved places come back.

use shuttle::thread;
use springtide::{Overflow, Priority, ReserveError};

use crate::harness::{Cargo, dawdle, explore, pool, settle};

#[test]
fn jobs_of_every_priority_run_or_are_cancelled() {
    explore(|| {
        let pool = pool(0..=2, |builder| builder);
        let (cargos, fates): (Vec<_>, Vec<_>) = (0..3).map(|_| Cargo::new()).unzip();
        let jobs = pool.handle();
        let submitter = thread::spawn(move || {
            let mut handles = Priority::ALL.into_iter().zip(cargos).map(|(priority, cargo)| {
                let job = jobs.job("some").priority(priority).submit(move |_| cargo.run());
                job.expect("the pool is open")
            });
            let high = handles.next().expect("there are three");
            let others: Vec<_> = handles.collect();
            (high, others)
        });
        let inner = pool.handle();
        let parent = pool.submit(move || {
            let low = inner.job("inside").priority(Priority::Low).submit(|_| 7);
            low.expect("inside").join().expect("it runs")
        });
        let (high, others) = submitter.join().expect("the submitter");
        dawdle();
        let cancelled = high.cancel();
        assert_eq!(parent.expect("the pool is open").join().expect("it runs"), 7);
        others.into_iter().for_each(|other| other.join().expect("it runs"));
        assert_eq!(high.join().is_err(), cancelled);
        let runs: Vec<u32> = fates.iter().map(|fate| fate.runs()).collect();
        assert_eq!(runs, [u32::from(!cancelled), 1, 1]);
        let report = settle(&pool);
        assert_eq!((report.accepted, report.cancelled), (5, u64::from(cancelled)));
    });
}

#[test]
fn places_that_are_reserved_are_used_or_come_back() {
    explore(|| {
        let pool = pool(1..=1, |builder| builder.queue_capacity(1).overflow(Overflow::Block));
        let consumers = [true, false].map(|uses_it| {
            let pool = pool.handle();
            thread::spawn(move || {
                let mut permits = pool.reserve(2).expect("the pool is open");
                assert_eq!(permits.len(), 1);
                dawdle();
                if uses_it {
                    permits.execute(|| ()).expect("its place is reserved");
                }
            })
        });
        pool.execute(|| ()).expect("the pool is open");
        for consumer in consumers {
            consumer.join().expect("the consumer");
        }
        let report = settle(&pool);
        assert_eq!((report.accepted, report.completed), (2, 2));
    });
}

#[test]
fn closing_sends_away_whoever_reserves_and_waits_for_no_permit() {
    explore(|| {
        let pool = pool(1..=1, |builder| builder.queue_capacity(1));
        let mut permits = pool.reserve(1).expect("the pool is open");
        let waiting = pool.handle();
        let consumer = thread::spawn(move || waiting.reserve(1).map(drop));
        let holder = thread::spawn(move || {
            dawdle();
            permits.execute(|| ()).is_ok()
        });
        dawdle();
        pool.close();
        let reserved = consumer.join().expect("the consumer");
        assert!(matches!(reserved, Ok(()) | Err(ReserveError::Closed)), "{reserved:?}");
        let got_in = holder.join().expect("the holder");
        assert_eq!(settle(&pool).accepted, u64::from(got_in));
    });
}
