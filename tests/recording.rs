//! Recordings: they have what ran, they say what they miss, and nobody waits for them.

mod common;

use std::io::{self, Write};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use common::{Latch, PATIENCE, assert_accounts, build, fixed, fixed_with, occupy};
use springtide::sim::trace::{self, Cost};
use springtide::{Overflow, Pool};

const TICK: Duration = Duration::from_millis(20);

#[test]
fn rows_agree_with_what_ran() {
    let pool = fixed("recording-agrees", 1, 100);
    let recording = pool.record(100);
    let begun = Instant::now();
    let handles: Vec<_> = (1..=4)
        .map(|n| {
            std::thread::sleep(TICK / 4);
            pool.submit(move || std::thread::sleep(n * TICK)).expect("there is room")
        })
        .collect();
    handles.into_iter().for_each(|handle| handle.join().expect("it sleeps"));
    let took = begun.elapsed();
    let recorded = recording.stop();
    assert_eq!((recorded.rows.len(), recorded.dropped), (4, 0));
    assert!(recorded.rows.is_sorted_by_key(|row| row.arrival));
    for (n, row) in (1..).zip(&recorded.rows) {
        assert!(row.arrival >= n * TICK / 4, "{row:?} came before it was sent");
        assert!(row.run >= n * TICK, "{row:?} slept for {:?}", n * TICK);
        assert!(row.cpu.is_none_or(|cpu| cpu <= row.run), "{row:?}");
    }
    // One worker did them one after another.
    let busy: Duration = recorded.rows.iter().map(|row| row.run).sum();
    assert!(busy <= took, "{busy:?} of {took:?}");
    let stats = assert_accounts(&pool);
    assert!(busy >= stats.busy_time, "what is recorded is what is measured");
}

#[test]
fn every_job_of_many_workers_has_its_row() {
    let pool = fixed("recording-many", 4, 5_000);
    let recording = pool.record(5_000);
    let batch = pool.submit_batch((0..2_000).map(|n| move || std::hint::black_box(n)));
    batch.handles.into_iter().for_each(|handle| drop(handle.join()));
    (0..500).for_each(|_| pool.execute(|| ()).expect("there is room"));
    pool.wait_idle_timeout(PATIENCE).expect("they do nothing");
    let recorded = recording.stop();
    assert_eq!((recorded.rows.len(), recorded.dropped), (2_500, 0));
}

#[cfg(target_os = "linux")]
#[test]
fn time_on_a_core_is_told_from_sleep() {
    let pool = fixed("recording-cpu", 1, 10);
    let recording = pool.record(10);
    let rounds = pool.submit(|| {
        let begun = Instant::now();
        let mut rounds = 0_u64;
        while begun.elapsed() < 3 * TICK {
            rounds = std::hint::black_box(rounds + 1);
        }
        rounds
    });
    rounds.expect("there is room").join().expect("it counts");
    pool.submit(|| std::thread::sleep(3 * TICK)).expect("there is room").join().expect("it sleeps");
    let rows = recording.stop().rows;
    // Some systems do not say.
    if let (Some(worked), Some(slept)) = (rows[0].cpu, rows[1].cpu) {
        assert!(worked > 2 * slept, "{rows:?}");
        assert!(slept < TICK, "{rows:?}");
    }
}

#[test]
fn what_does_not_fit_is_counted() {
    let pool = fixed("recording-full", 2, 100);
    let (small, none) = (pool.record(3), pool.record(0));
    for _ in 0..10 {
        pool.submit(|| ()).expect("there is room").join().expect("it does nothing");
    }
    let small = small.stop();
    assert_eq!((small.rows.len(), small.dropped), (3, 7));
    let none = none.stop();
    assert_eq!((none.rows.len(), none.dropped), (0, 10));
    assert_accounts(&pool);
}

#[test]
fn only_what_starts_while_it_is_on_is_recorded() {
    let pool = fixed("recording-off", 1, 10);
    let run = || pool.submit(|| ()).expect("there is room").join().expect("it does nothing");
    run();
    let held = occupy(&pool, 1);
    let recording = pool.record(10);
    let waiting = pool.submit(|| ()).expect("there is room");
    held.release();
    waiting.join().expect("it does nothing");
    assert_eq!(recording.stop().rows.len(), 1, "the one that started, not the one that ended");
    run();
    let (first, second) = (pool.record(10), pool.record(10));
    run();
    drop(first);
    run();
    assert_eq!(second.stop().rows.len(), 2);
}

#[test]
fn a_job_that_waited_already_arrives_at_time_zero() {
    let pool = fixed("recording-backlog", 1, 10);
    let held = occupy(&pool, 1);
    let waiting = pool.submit(|| ()).expect("there is room");
    let recording = pool.record(10);
    held.release();
    waiting.join().expect("it does nothing");
    let rows = recording.stop().rows;
    assert_eq!(rows.iter().map(|row| row.arrival).collect::<Vec<_>>(), [Duration::ZERO]);
}

#[test]
fn a_job_that_panics_is_recorded_and_one_that_never_ran_is_not() {
    let pool = fixed("recording-panics", 1, 10);
    let recording = pool.record(10);
    let panics = pool.submit(|| panic!("on purpose")).expect("there is room");
    assert!(panics.join().expect_err("it panics").is_panicked());
    let held = occupy(&pool, 1);
    let cancelled = pool.submit(|| ()).expect("there is room");
    assert!(cancelled.cancel());
    held.release();
    assert_eq!(recording.stop().rows.len(), 2, "the panic and the job that held the worker");
    assert_eq!(assert_accounts(&pool).panicked, 1);
}

#[test]
fn a_job_that_its_submitter_runs_is_recorded() {
    let pool = fixed_with("recording-caller", 1, 1, Overflow::CallerRuns);
    let held = occupy(&pool, 1);
    pool.execute(|| ()).expect("the only place");
    let recording = pool.record(10);
    pool.execute(|| std::thread::sleep(TICK)).expect("it runs here");
    let rows = recording.stop().rows;
    assert!(rows.len() == 1 && rows[0].run >= TICK, "{rows:?}");
    held.release();
}

/// A writer that writes when it likes to.
struct Slow(Latch);

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.wait();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn neither_a_recording_nor_its_writer_holds_up_jobs_or_a_shutdown() {
    let pool = build(Pool::builder("recording-ends").workers(1..=2));
    let (recording, kept) = (pool.record(10), pool.record(10));
    pool.submit(|| ()).expect("the pool is open").join().expect("it does nothing");
    let latch = Latch::new();
    let (writing, slow) = (Arc::new(Barrier::new(2)), Slow(latch.clone()));
    let writer = {
        let writing = Arc::clone(&writing);
        std::thread::spawn(move || {
            writing.wait();
            recording.stop().write(slow)
        })
    };
    writing.wait();
    pool.submit(|| ()).expect("the pool is open").join().expect("it does nothing");
    let report = pool.shutdown_timeout(PATIENCE);
    assert!(report.ended, "{report:?}");
    drop(pool);
    assert_eq!(kept.stop().rows.len(), 2, "a recording outlives its pool");
    latch.open();
    writer.join().expect("it writes").expect("and it has no complaints");
}

#[test]
fn the_simulator_reads_what_was_written() {
    let pool = fixed("recording-file", 1, 10);
    let recording = pool.record(10);
    for _ in 0..3 {
        pool.submit(|| std::thread::sleep(TICK)).expect("there is room").join().expect("it ends");
    }
    let recorded = recording.stop();
    let mut file = Vec::new();
    recorded.write(&mut file).expect("memory can be written to");
    let read = trace::parse(file.as_slice()).expect("a trace");
    let near = |a: Duration, b: Duration| a.abs_diff(b) < Duration::from_nanos(10);
    assert_eq!(read.len(), recorded.rows.len());
    for (read, row) in read.iter().zip(&recorded.rows) {
        let Cost::Timed { run, cpu } = read.cost else { panic!("{read:?} is no run") };
        assert!(near(read.at, row.arrival) && near(run, row.run), "{read:?}: {row:?}");
        assert_eq!(cpu.is_some(), row.cpu.is_some(), "{read:?}: {row:?}");
        assert!(near(cpu.unwrap_or_default(), row.cpu.unwrap_or_default()), "{read:?}: {row:?}");
    }
    file.clear();
    pool.record(5).stop().write(&mut file).expect("memory can be written to");
    assert_eq!(file, b"arrival_ms,run_ms\n", "nobody said how long nothing was on a core");
}
