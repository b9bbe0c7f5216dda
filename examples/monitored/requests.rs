//! Requests in waves and bursts: most sleep, some compute, and some go wrong in every way there is.

use std::time::{Duration, Instant};

use springtide::{BuildError, HistogramSink, JobContext, JobHandle, Overflow, Pool};

use crate::Span;
use crate::truth::{End, Truth};

const TICK: Duration = Duration::from_millis(20);
/// From one wave to the next, with a burst in between.
const WAVE: f64 = 12.0;
/// What fits into the queue, and less than a burst.
const ROOM: usize = 200;

pub(crate) fn pool() -> Result<Pool, BuildError> {
    Pool::builder("requests")
        .workers(2..=24)
        .queue_capacity(ROOM)
        .overflow(Overflow::Reject)
        .keep_alive(Duration::from_secs(1))
        .histogram_sink(HistogramSink::Exact)
        .build()
}

/// Jobs whose end only their handles know.
type Late = Vec<JobHandle<()>>;

pub(crate) fn load(pool: &Pool, truth: &Truth, span: &Span) {
    let (mut number, mut burst, mut resized) = (0, 0, 0);
    let mut late = Late::new();
    while span.goes_on() {
        let age = span.age().as_secs_f64();
        let slope = (age / WAVE * std::f64::consts::TAU).cos();
        let mut jobs = (1.0 + 9.0 * (1.0 - slope) / 2.0) as u64;
        if (age / WAVE + 0.1) as u64 > burst {
            burst += 1;
            jobs += 2 * ROOM as u64;
        }
        for _ in 0..jobs {
            number += 1;
            submit(pool, truth, number, &mut late);
        }
        if age as u64 / 5 > resized {
            resized += 1;
            // One that is carried out and one that is not.
            let _ = pool.resize(2..=if resized % 2 == 0 { 24 } else { 20 });
            let _ = pool.reconfigure(|settings| settings.max_workers = 0);
        }
        std::thread::sleep(TICK);
    }
    for handle in late {
        if handle.join().is_err_and(|error| error.is_expired()) {
            truth.is(End::Expired);
        }
    }
}

fn submit(pool: &Pool, truth: &Truth, number: u64, late: &mut Late) {
    let (counted, begun) = (truth.clone(), Instant::now());
    let millis = Duration::from_millis(4 + number * 7 % 17);
    let sleeps = move || {
        counted.waited_since(begun);
        std::thread::sleep(millis);
        counted.is(End::Ok);
    };
    let counted = truth.clone();
    let refused = match number % 100 {
        7 | 57 => {
            pool.submit_fallible(move || fails(&counted, begun)).map(JobHandle::detach).is_err()
        }
        17 | 67 => pool.execute(move || panics(&counted, begun)).is_err(),
        27 => overruns(pool, counted, begun).is_none(),
        37 | 87 => match pool.job("late").expires_in(Duration::ZERO).submit(move |_| sleeps()) {
            Ok(handle) => {
                late.push(handle);
                false
            }
            Err(_) => true,
        },
        47 => match pool.submit(sleeps) {
            Ok(handle) => {
                if handle.cancel() {
                    truth.is(End::Cancelled);
                }
                false
            }
            Err(_) => true,
        },
        n if n % 10 == 5 => {
            let waits = move |context: &JobContext| context.blocking(sleeps);
            pool.job("waits").execute(waits).is_err()
        }
        n if n % 10 == 2 => {
            pool.job("computes").execute(move |_| computes(&counted, begun)).is_err()
        }
        _ => pool.execute(sleeps).is_err(),
    };
    if refused {
        truth.is(End::Refused);
    }
}

fn fails(truth: &Truth, begun: Instant) -> Result<(), std::fmt::Error> {
    truth.waited_since(begun);
    truth.is(End::Error);
    Err(std::fmt::Error)
}

fn panics(truth: &Truth, begun: Instant) {
    truth.waited_since(begun);
    truth.is(End::Panic);
    panic!("wanted");
}

fn computes(truth: &Truth, begun: Instant) {
    truth.waited_since(begun);
    let until = Instant::now() + Duration::from_millis(2);
    while Instant::now() < until {
        std::hint::spin_loop();
    }
    truth.is(End::Ok);
}

/// A job that runs until it is told that it has run too long.
fn overruns(pool: &Pool, truth: Truth, begun: Instant) -> Option<JobHandle<()>> {
    let job = pool.job("overruns").timeout(Duration::from_millis(10)).submit(
        move |context: &JobContext| {
            truth.waited_since(begun);
            while !context.is_cancelled() {
                std::thread::sleep(Duration::from_millis(1));
            }
            truth.is(End::Timeout);
        },
    );
    job.ok()
}
