use super::super::rhythm::From;
use super::*;
use crate::{JobError, Pool};

const FOREVER: Duration = Duration::MAX;

/// A series that is nowhere yet, and the pool of its runs.
fn series() -> (Pool, Arc<Series<(), ()>>) {
    let pool = Pool::builder("series").build().expect("settings that can be used");
    let rhythm = Rhythm { period: FOREVER, from: From::Due };
    let series = Series {
        held: Mutex::new(Held { job: Some(()), overrun: None }),
        call: |_, _| Ok(()),
        rhythm,
        terms: Terms::default(),
        core: Arc::clone(&pool.core),
        _follows: None,
        over: Over(Arc::default()),
    };
    (pool, Arc::new(series))
}

fn is_waiting<F, E>(series: &Series<F, E>) -> bool {
    matches!(series.over.0.place.lock().now, At::Timer(_))
}

// The supervisor may be faster than the worker that has just begun it.
#[test]
fn a_run_that_is_given_up_before_it_gets_to_the_job_has_it_nonetheless() {
    let (_pool, series) = series();
    let body = series.body();
    Arc::clone(&series).over(Nanos(0), Err(JobError::timed_out()));
    let course = &series.over.0;
    assert_eq!((course.runs(), course.failures(), is_waiting(&series)), (1, 1, false));
    drop(body);
    assert!(is_waiting(&series), "it went on when the job was back");
    assert_eq!((course.runs(), course.failures()), (1, 1), "counted once");
}

#[test]
fn a_run_that_is_left_out_gives_the_job_back_whichever_comes_first() {
    for is_back_first in [true, false] {
        let (_pool, series) = series();
        let mut body = Some(series.body());
        if is_back_first {
            drop(body.take());
        }
        Arc::clone(&series).over(Nanos(0), Err(JobError::expired()));
        drop(body);
        let course = &series.over.0;
        assert_eq!((course.runs(), course.failures(), is_waiting(&series)), (0, 0, true));
        assert!(series.held.lock().job.is_some());
    }
}
