//! How many instructions a job costs, counted and not timed, so that other load on the machine
//! makes no difference.
//!
//! `.ci/instructions` runs this under callgrind with two numbers of jobs and takes the slope:
//! what a pool costs once drops out. It compares the slopes with `benches/instructions.txt`, those
//! of whole paths and those of the single steps of a job, which say where a path got longer.
//!
//! ```text
//! bash .ci/instructions           compare; fails if something costs 5 % more than written down
//! bash .ci/instructions steps     show the steps only
//! bash .ci/instructions update    write down what it costs now
//! bash .ci/instructions page      that, and all the figures of docs/performance anew
//! ```

use std::hint::black_box;

use springtide::testing::{STEPS, Steps};
use springtide::{Fixed, Pool};

/// One worker and a fixed size: the supervisor looks as rarely as it may.
fn pool(metered: bool) -> Pool {
    let builder = Pool::builder("instructions").workers(1..=1).unbounded().policy(Fixed);
    let builder = if metered { builder } else { builder.unmetered() };
    builder.build().expect("the pool is well-formed")
}

/// Jobs wait until all are submitted, so that no thread is ever woken for one of them.
///
/// The pool stays in memory. Freeing its large blocks can make the allocator sweep, once, whatever
/// small ones were freed before, which are the cells of the jobs: it would be counted as theirs.
fn paused(metered: bool, submit: impl FnOnce(&Pool)) {
    let pool = pool(metered);
    std::mem::forget(pool.handle());
    pool.pause();
    submit(&pool);
    pool.resume();
    pool.shutdown();
}

fn outside(jobs: u64, metered: bool) {
    paused(metered, |pool| {
        for n in 0..jobs {
            let job = move || _ = black_box(n);
            pool.execute(job).expect("the pool is open");
        }
    });
}

fn handles(jobs: u64) {
    let mut handles = Vec::with_capacity(jobs as usize);
    paused(true, |pool| {
        handles.extend((0..jobs).map(|n| pool.submit(move || black_box(n)).expect("it is open")));
    });
    for handle in handles {
        black_box(handle.join().expect("it has run"));
    }
}

fn batch(jobs: u64) {
    paused(true, |pool| {
        let batch = pool.submit_batch((0..jobs).map(|n| move || black_box(n)));
        batch.handles.into_iter().for_each(drop);
    });
}

fn inside(jobs: u64) {
    let pool = pool(true);
    let handle = pool.handle();
    let all = pool.submit(move || {
        for n in 0..jobs {
            let job = move || _ = black_box(n);
            handle.execute(job).expect("the pool is open");
        }
    });
    all.expect("the pool is open").join().expect("it does not panic");
    pool.shutdown();
}

fn main() {
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with("--"));
    let Some(path) = words.next() else {
        // As `cargo test --benches` starts it: only to see that it runs.
        outside(100, true);
        outside(100, false);
        handles(100);
        batch(100);
        inside(100);
        STEPS.iter().for_each(|step| step.run(&Steps::default(), 100));
        return;
    };
    if path == "steps" {
        // Each with those that are to be taken off.
        STEPS.iter().for_each(|step| println!("{} {}", step.name, step.besides.join(" ")));
        return;
    }
    let jobs = words.next().and_then(|n| n.parse().ok()).expect("a path and a number of jobs");
    match path.as_str() {
        "outside" => outside(jobs, true),
        "outside-unmetered" => outside(jobs, false),
        "handle" => handles(jobs),
        "batch" => batch(jobs),
        "inside" => inside(jobs),
        other => {
            let step = STEPS.iter().find(|step| other == format!("step:{}", step.name));
            step.expect("there is a path or step of this name").run(&Steps::default(), jobs);
        }
    }
}
