//! An observer that comes while the pool works: of what it hears there is a beginning and an end.

mod common;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use common::{PATIENCE, assert_submitted, build, fixed, occupy, until, within};
use springtide::{
    JobAccepted, JobEnded, JobRefused, JobStarting, MAX_OBSERVERS, Observer, Pool, PoolEnded,
    PoolEnding, WorkerStarted, WorkerStopped,
};

/// Writes down what it hears, in short.
#[derive(Default)]
struct Ear(Mutex<Vec<String>>);

impl Ear {
    fn hears(&self, what: String) {
        self.0.lock().expect("no panics").push(what);
    }

    fn heard(&self) -> Vec<String> {
        self.0.lock().expect("no panics").clone()
    }

    fn count(&self, what: &str) -> usize {
        self.heard().iter().filter(|heard| heard.starts_with(what)).count()
    }
}

impl Observer for Ear {
    fn job_accepted(&self, job: &JobAccepted<'_>) {
        self.hears(format!("accepted {}", job.kind));
    }

    fn job_refused(&self, refused: &JobRefused<'_>) {
        self.hears(format!("refused {}", refused.jobs));
    }

    fn job_starting(&self, job: &JobStarting<'_>) {
        self.hears(format!("starting {}", job.kind));
    }

    fn job_ended(&self, job: &JobEnded<'_>) {
        self.hears(format!("over {}", job.kind));
    }

    fn worker_started(&self, worker: &WorkerStarted<'_>) {
        let what = if worker.was_there { "there" } else { "comes" };
        self.hears(format!("{what} {}", worker.worker));
    }

    fn worker_stopped(&self, worker: &WorkerStopped<'_>) {
        self.hears(format!("goes {}", worker.worker));
    }

    fn pool_ending(&self, _pool: &PoolEnding<'_>) {
        self.hears("ending".to_owned());
    }

    fn pool_ended(&self, _pool: &PoolEnded<'_>) {
        self.hears("ended".to_owned());
    }
}

fn comes(pool: &Pool) -> Arc<Ear> {
    let ear = Arc::new(Ear::default());
    assert!(pool.observe(Arc::clone(&ear)).is_ok());
    ear
}

#[test]
fn a_late_observer_is_told_of_the_workers_that_are_there_and_of_each_that_goes() {
    within(PATIENCE, "late", || {
        let pool = fixed("late", 3, 8);
        let held = occupy(&pool, 3);
        let ear = comes(&pool);
        let mut there = ear.heard();
        there.sort();
        assert_eq!(there, ["there 0", "there 1", "there 2"], "by the time that it returns");
        held.release();
        assert!(pool.shutdown().ended);
        let heard = ear.heard();
        assert_eq!((ear.count("comes"), ear.count("goes")), (0, 3), "{heard:?}");
        assert_eq!(heard.last().map(String::as_str), Some("ended"));
    });
}

#[test]
fn a_late_observer_hears_of_jobs_that_start_from_then_on_and_of_those_alone() {
    within(PATIENCE, "from-now", || {
        let pool = fixed("from-now", 1, 2);
        pool.job("before").submit(|_| ()).expect("open").join().expect("it ran");
        let held = occupy(&pool, 1);
        let queued = pool.job("queued").submit(|_| ()).expect("room");
        let unwanted = pool.job("unwanted").submit(|_| ()).expect("room");
        let ear = comes(&pool);
        assert!(pool.try_execute(|| ()).is_err());
        assert!(unwanted.cancel());
        held.release();
        queued.join().expect("it ran");
        pool.job("after").submit(|_| ()).expect("open").join().expect("it ran");
        let jobs: Vec<_> = ear.heard().into_iter().skip(1).collect();
        let expected = [
            "refused 1",
            "over unwanted",
            "starting queued",
            "over queued",
            "accepted after",
            "starting after",
            "over after",
        ];
        let mut sorted = jobs.clone();
        sorted.sort();
        let mut all = expected.map(str::to_owned);
        all.sort();
        assert_eq!(sorted, all, "{jobs:?}");
        assert_submitted(&pool, 6);
    });
}

/// Counts starts and ends.
#[derive(Default)]
struct Balance {
    starts: AtomicU64,
    ends: AtomicU64,
    workers: Mutex<Vec<(usize, bool)>>,
}

impl Observer for Balance {
    fn job_starting(&self, _job: &JobStarting<'_>) {
        self.starts.fetch_add(1, Ordering::SeqCst);
    }

    fn job_ended(&self, _job: &JobEnded<'_>) {
        self.ends.fetch_add(1, Ordering::SeqCst);
    }

    fn worker_started(&self, worker: &WorkerStarted<'_>) {
        self.workers.lock().expect("no panics").push((worker.worker, true));
    }

    fn worker_stopped(&self, worker: &WorkerStopped<'_>) {
        self.workers.lock().expect("no panics").push((worker.worker, false));
    }
}

#[test]
fn whenever_an_observer_comes_its_starts_and_ends_come_in_pairs() {
    within(PATIENCE, "pairs", || {
        for _ in 0..20 {
            let pool = build(Pool::builder("pairs").workers(0..=4).queue_capacity(10_000));
            let late: Vec<Arc<Balance>> = (0..MAX_OBSERVERS).map(|_| Arc::default()).collect();
            thread::scope(|scope| {
                scope.spawn(|| {
                    for n in 0..200_usize {
                        pool.resize(0..=1 + n % 4).expect("bounds that can be used");
                        pool.submit_batch((0..8).map(|n| move || n)).handles.clear();
                    }
                });
                for observer in &late {
                    assert!(pool.observe(Arc::clone(observer)).is_ok());
                    thread::yield_now();
                }
            });
            assert!(pool.shutdown().ended);
            for observer in late {
                let count = |of: &AtomicU64| of.load(Ordering::SeqCst);
                assert_eq!(count(&observer.starts), count(&observer.ends));
                let mut balance = [0_i32; 8];
                for (worker, comes) in observer.workers.lock().expect("no panics").iter() {
                    balance[*worker] += if *comes { 1 } else { -1 };
                }
                assert_eq!(balance, [0; 8], "as often as each came it went");
            }
        }
    });
}

#[test]
fn observers_hear_in_the_order_in_which_they_came_and_one_that_panics_spoils_it_for_nobody() {
    struct Loud;

    impl Observer for Loud {
        fn job_starting(&self, _: &JobStarting<'_>) {
            panic!("in the hook");
        }

        fn worker_started(&self, _: &WorkerStarted<'_>) {
            panic!("in the hook");
        }
    }

    struct Numbered(u32, Arc<Mutex<Vec<u32>>>);

    impl Observer for Numbered {
        fn job_starting(&self, _: &JobStarting<'_>) {
            self.1.lock().expect("no panics").push(self.0);
        }
    }

    within(PATIENCE, "in-order", || {
        let order = Arc::default();
        let first = Numbered(1, Arc::clone(&order));
        let pool = build(Pool::builder("in-order").workers(1..=1).observer(first));
        assert!(pool.observe(Loud).is_ok());
        assert!(pool.observe(Numbered(2, Arc::clone(&order))).is_ok());
        pool.submit(|| ()).expect("open").join().expect("it ran");
        assert_eq!(*order.lock().expect("no panics"), [1, 2]);
    });
}

#[test]
fn one_observer_too_many_comes_back_and_so_does_one_for_a_pool_that_has_ended() {
    within(PATIENCE, "too-many", || {
        let pool = fixed("too-many", 1, 8);
        (0..MAX_OBSERVERS).for_each(|_| drop(comes(&pool)));
        let ear = Arc::new(Ear::default());
        let refused = pool.observe(Arc::clone(&ear)).expect_err("there is no seat");
        pool.submit(|| ()).expect("open").join().expect("it ran");
        assert!(Arc::ptr_eq(&refused, &ear) && ear.heard().is_empty());
        let over = fixed("over", 1, 8);
        assert!(over.shutdown().ended);
        assert!(over.observe(refused).is_err());
        assert!(ear.heard().is_empty());
        until(|| pool.wait_idle_timeout(Duration::from_secs(1)).is_ok());
    });
}
