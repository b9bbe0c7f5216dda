//! Growing exactly as needed, and not where it cannot help.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use springtide::{Pool, Reason, Trouble};

use crate::support::system::{self, Census};
use crate::support::{Crowd, Latch, PATIENCE, at_rest, eventually, finish, hold, millis, watchdog};

/// Eight sleepers on a pool with one idle worker: submission to the end of the last.
fn eight_sleepers(pool: &Pool, job: Duration) -> (Duration, usize) {
    let crowd = Crowd::new();
    eventually("the one worker is idle", || pool.stats().workers.idle == 1);
    let begun = Instant::now();
    let handles: Vec<_> = (0..8)
        .map(|_| {
            let crowd = crowd.clone();
            pool.submit(move || {
                let _inside = crowd.enter();
                std::thread::sleep(job);
            })
        })
        .collect::<Result<_, _>>()
        .expect("the pool is open");
    handles.into_iter().for_each(|handle| handle.join().expect("it only sleeps"));
    (begun.elapsed(), crowd.peak())
}

/// A pool that grows only when nobody is idle at submission takes 2.4 s for this. The first
/// attempt that is not spoilt by other programs counts.
#[test]
fn eight_long_jobs_on_one_idle_worker_take_less_than_two_job_lengths() {
    let _watchdog = watchdog();
    let job = millis(300);
    let mut best = Duration::MAX;
    for attempt in 1..=3 {
        let pool = Pool::builder("eight").workers(1..=8).build().unwrap();
        let (took, together) = eight_sleepers(&pool, job);
        println!("attempt {attempt}: 8 jobs of {job:?} took {took:?}, {together} at once");
        assert_eq!(together, 8, "all of them at once");
        assert_eq!(system::workers("eight"), 8);
        let stats = finish(pool);
        assert_eq!((stats.ok, stats.threads_started), (8, 8));
        best = best.min(took);
        if best < millis(400) {
            break;
        }
    }
    assert!(best < 2 * job, "{best:?}");
}

/// The other half: a second job is no reason to grow while somebody is idle.
#[test]
fn jobs_one_after_the_other_are_all_served_by_one_worker() {
    let _watchdog = watchdog();
    let pool = Pool::builder("oneby1").workers(0..=8).build().unwrap();
    let mut served = std::collections::BTreeSet::new();
    for _ in 0..50 {
        let handle = pool.job("index").submit(|cx| cx.worker_index()).unwrap();
        served.insert(handle.join().unwrap());
        eventually("its worker is idle again", || pool.stats().workers.idle == 1);
    }
    assert_eq!(served.len(), 1, "{served:?}");
    assert_eq!(system::workers("oneby1"), 1);
    assert_eq!(finish(pool).threads_started, 1);
}

/// The trap of executors that fill the queue before they grow: a large bound hides the maximum.
#[test]
fn a_large_queue_does_not_keep_blocked_jobs_from_running_side_by_side() {
    let _watchdog = watchdog();
    let (crowd, latch) = (Crowd::new(), Latch::new());
    let pool = Pool::builder("large").workers(1..=8).queue_capacity(1_000_000).build().unwrap();
    hold(&pool, 8, &crowd, &latch);
    assert_eq!(system::workers("large"), 8);
    latch.open();
    finish(pool);
}

/// A chain: each job waits for the one submitted behind it, and only the last waits for nobody.
#[test]
fn jobs_that_wait_for_queued_jobs_get_workers_until_those_run() {
    let _watchdog = watchdog();
    let pool = Pool::builder("nested").workers(1..=64).build().unwrap();
    let links = 24;
    let begun = Instant::now();
    let (first_answer, first_question) = channel::<u32>();
    let mut answer = first_answer;
    for _ in 1..links {
        let (next_answer, question) = channel::<u32>();
        let reply = std::mem::replace(&mut answer, next_answer);
        let link = move || {
            let depth = question.recv().expect("the job behind answers");
            reply.send(depth + 1).expect("the job before waits");
        };
        pool.execute(link).unwrap();
    }
    pool.execute(move || answer.send(1).expect("the job before waits")).unwrap();
    assert_eq!(first_question.recv_timeout(PATIENCE), Ok(links));
    let threads = system::workers("nested");
    println!("{links} jobs, each waiting for the next: {:?}, {threads} threads", begun.elapsed());
    assert!(threads <= links as usize, "never more than one for a job: {threads}");
    finish(pool);
}

/// The other half: at the upper bound there is no way out, and the pool says so; a higher bound
/// is one.
#[test]
fn jobs_that_wait_for_queued_jobs_at_the_maximum_are_reported_as_stalled() {
    let _watchdog = watchdog();
    let pool = Pool::builder("stalled").workers(1..=3).build().unwrap();
    pool.submit(|| ()).unwrap().join().unwrap(); // So that it is known what jobs take.
    let (answer, question) = channel::<()>();
    let (crowd, latch) = (Crowd::new(), Latch::new());
    hold(&pool, 2, &crowd, &latch);
    pool.execute(move || question.recv().expect("answered by the next job")).unwrap();
    pool.execute(move || answer.send(()).expect("the job before waits")).unwrap();
    eventually("it is stalled", || pool.health().troubles == [Trouble::Stalled]);
    assert_eq!(system::workers("stalled"), 3);
    assert_eq!(pool.last_decision().map(|d| d.reason), Some(Reason::AtMax));
    pool.resize(1..=4).unwrap();
    eventually("the way out was taken", || pool.health().is_healthy());
    latch.open();
    assert_eq!(finish(pool).ok, 5);
}

/// Declared sections need no core, whatever the system says of their threads: these spin.
#[test]
fn workers_in_blocking_sections_are_replaced() {
    let _watchdog = watchdog();
    let pool = Pool::builder("declared").workers(1..=16).cores(1.0).build().unwrap();
    let (crowd, latch) = (Crowd::new(), Latch::new());
    let inside: Vec<_> = (0..6)
        .map(|_| {
            let (crowd, latch) = (crowd.clone(), latch.clone());
            let section = move || {
                let _inside = crowd.enter();
                latch.spin();
            };
            pool.job("section").submit(move |cx| cx.blocking(section)).unwrap()
        })
        .collect();
    eventually("all sections run at once", || crowd.now() == 6);
    pool.submit(|| ()).unwrap().join().expect("a seventh worker ran it");
    assert!(pool.stats().workers.blocked >= 6, "{:?}", pool.stats());
    assert!(pool.running_jobs().iter().filter(|job| job.blocked).count() >= 6);
    latch.open();
    inside.into_iter().for_each(|section| section.join().unwrap());
    assert_eq!(finish(pool).ok, 7);
}

/// The other half: the same jobs without the declaration look like what they are.
#[test]
fn workers_that_spin_undeclared_are_not_replaced() {
    let _watchdog = watchdog();
    let pool = Pool::builder("undeclar").workers(1..=16).cores(1.0).build().unwrap();
    let census = Census::of("undeclar");
    let (crowd, latch) = (Crowd::new(), Latch::new());
    for _ in 0..6 {
        let (crowd, latch) = (crowd.clone(), latch.clone());
        pool.execute(move || {
            let _inside = crowd.enter();
            latch.spin();
        })
        .unwrap();
    }
    let begun = Instant::now();
    eventually("the guard holds", || pool.stats().decisions.iter().any(|d| d.0 == "cpu_saturated"));
    std::thread::sleep(millis(600).saturating_sub(begun.elapsed()));
    // Two for each core, and one more for each half second in which no job got a turn.
    println!("6 spinners on one core: {} threads after 0.6 s", census.peak());
    assert!(census.peak() <= 3 + (begun.elapsed().as_millis() / 500) as usize);
    latch.open();
    at_rest(&pool);
    assert_eq!(finish(pool).ok, 6);
}
