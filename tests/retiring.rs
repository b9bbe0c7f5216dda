//! Workers that come and go as fast as they can while jobs arrive: nobody strands a job.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use common::{
    Latch, PATIENCE, assert_submitted, block_on, build, until, until_no_thread_is_named, within,
};
use springtide::{Fixed, Plan, Pool, Reason, Sample, ScalingPolicy};

/// Sends every idle worker home at each look, and starts one when a job waits for nobody.
#[derive(Debug)]
struct NobodyIdles {
    /// Sends busy workers home as well, between two jobs.
    drains: bool,
}

impl ScalingPolicy for NobodyIdles {
    fn decide(&mut self, _now: Duration, sample: &Sample) -> Plan {
        let mut plan = if sample.workers == 0 && sample.queued > 0 {
            Plan::add(2.min(sample.max), Reason::FillCores)
        } else if self.drains && sample.busy > 0 {
            Plan::drain(sample.workers, Reason::AboveMax)
        } else {
            Plan::retire_idle(sample.idle, Reason::ShrinkIdle)
        };
        // With nobody left there is nothing to look at: only the next job can wake the supervisor.
        let somebody = sample.workers > 0 || sample.queued > 0;
        plan.next_in = somebody.then_some(Duration::from_micros(20));
        plan.kick_spacing = Duration::ZERO;
        plan
    }
}

fn restless(name: &str, drains: bool) -> Pool {
    build(Pool::builder(name).workers(0..=3).policy(NobodyIdles { drains }))
}

#[test]
fn a_job_that_arrives_as_the_last_worker_leaves_is_run() {
    within(PATIENCE, "last", || {
        for drains in [false, true] {
            let pool = restless("last", drains);
            let mut jobs = 0;
            while pool.stats().threads_retired < 300 {
                jobs += 1;
                let handle = pool.submit(move || jobs).expect("open");
                let joined = if jobs % 2 == 0 { handle.join() } else { block_on(handle) };
                assert_eq!(joined.expect("it returns"), jobs);
                // The next one arrives at another moment of the worker's way out each time.
                thread::sleep(Duration::from_micros(jobs % 17 * 10));
            }
            let stats = assert_submitted(&pool, jobs);
            // A starved thread may look like a lost one, so a few are no proof.
            assert!(stats.recoveries < 10, "strands jobs and finds them later: {stats:?}");
        }
    });
}

// What a worker leaves behind in its own deque
#[test]
fn the_children_of_a_job_are_run_though_its_worker_leaves_right_after_it() {
    within(PATIENCE, "children", || {
        let pool = restless("children", true);
        let ran = Arc::new(AtomicUsize::new(0));
        let mut parents = 0;
        while pool.stats().threads_retired < 100 {
            let (inner, ran) = (pool.handle(), Arc::clone(&ran));
            let parent = move || {
                for _ in 0..20 {
                    let ran = Arc::clone(&ran);
                    let child = move || {
                        (0..200).for_each(|_| std::hint::spin_loop());
                        ran.fetch_add(1, Ordering::SeqCst);
                    };
                    inner.execute(child).expect("open");
                }
            };
            pool.execute(parent).expect("open");
            parents += 1;
        }
        assert_submitted(&pool, parents * 21);
        assert_eq!(ran.load(Ordering::SeqCst) as u64, parents * 20);
        assert!(pool.shutdown().ended);
        until_no_thread_is_named("children-");
    });
}

#[test]
fn a_pool_made_smaller_and_larger_under_load_interrupts_and_loses_nothing() {
    within(PATIENCE, "resizes", || {
        let builder = Pool::builder("resizes").workers(4..=4).policy(Fixed).queue_capacity(64);
        let pool = build(builder);
        let (send, receive) = mpsc::channel();
        thread::scope(|scope| {
            for _ in 0..2 {
                let (pool, send) = (&pool, send.clone());
                scope.spawn(move || {
                    for n in 0..2_000_u64 {
                        let send = send.clone();
                        let job = move || send.send(n).expect("the test listens");
                        pool.execute(job).expect("open");
                    }
                });
            }
            for n in (0..60).map(|n| [4, 1, 7, 2, 8][n % 5]) {
                pool.resize(n..=n).expect("valid");
                thread::sleep(Duration::from_micros(300));
            }
        });
        drop(send);
        assert_eq!(receive.iter().sum::<u64>(), 2 * (1_999 * 2_000 / 2));
        until(|| pool.stats().workers.total as usize == pool.settings().max_workers);
        assert_submitted(&pool, 4_000);
    });
}

#[test]
fn more_room_and_more_workers_let_the_blocked_in() {
    within(PATIENCE, "more", || {
        let builder = Pool::builder("more").workers(1..=1).queue_capacity(1).policy(Fixed);
        let pool = build(builder);
        let latch = Latch::new();
        let wait = || {
            let gate = latch.clone();
            move || gate.wait()
        };
        pool.execute(wait()).expect("the worker's");
        until(|| pool.stats().running == 1);
        pool.execute(wait()).expect("one place");
        thread::scope(|scope| {
            let blocked: Vec<_> = (0..3).map(|_| scope.spawn(|| pool.execute(wait()))).collect();
            until(|| pool.stats().submitters_blocked == 3);
            pool.reconfigure(|settings| settings.queue_capacity = Some(4)).expect("valid");
            blocked.into_iter().for_each(|b| b.join().expect("no panic").expect("room now"));
            assert_eq!(pool.stats().queued, 4);
            pool.resize(5..=5).expect("valid");
            until(|| pool.stats().running == 5);
            latch.open();
        });
        assert_submitted(&pool, 5);
    });
}
