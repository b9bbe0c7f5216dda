//! Memory is bounded by the queue, not by the number of jobs run. Measured on the whole process, so
//! one test at a time.

mod common;

use std::sync::{Mutex, PoisonError};

use common::{PATIENCE, assert_submitted, fixed, within};

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Resident memory of this process in bytes, where it can be told.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

/// What a thousandth of the jobs below may leave behind, and then some.
const SLACK: u64 = 48 << 20;

// The shells of joined jobs do not pile up
#[test]
fn a_hundred_thousand_joins_inside_one_job_stay_within_bounds() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    within(PATIENCE * 2, "loop", || {
        let pool = fixed("loop", 1, 64);
        let inner = pool.handle();
        let before = resident();
        let job = pool.submit(move || {
            let mut sum = 0_u64;
            for n in 0..100_000_u64 {
                // Part of the job's cell, so that a cell left behind weighs 4 KiB.
                let ballast = [n as u8; 4096];
                let child = inner.submit(move || (n, ballast[7])).expect("open");
                sum += child.join().expect("it returns").0;
            }
            sum
        });
        assert_eq!(job.expect("open").join().expect("it returns"), 4_999_950_000);
        if let (Some(before), Some(after)) = (before, resident()) {
            assert!(after < before + SLACK, "{} KiB more", (after - before) >> 10);
        }
        assert_submitted(&pool, 100_001);
    });
}

// Nor do those of cancelled ones
#[test]
fn a_job_that_submits_and_cancels_without_end_stays_within_bounds() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    within(PATIENCE * 2, "cancelloop", || {
        let pool = fixed("cancelloop", 1, 64);
        let inner = pool.handle();
        let before = resident();
        let job = pool.submit(move || {
            for n in 0..50_000_u64 {
                let ballast = [n as u8; 4096];
                let child = inner.submit(move || u64::from(ballast[7])).expect("open");
                assert!(child.cancel());
            }
        });
        job.expect("open").join().expect("it returns");
        if let (Some(before), Some(after)) = (before, resident()) {
            assert!(after < before + SLACK, "{} KiB more", (after - before) >> 10);
        }
        assert_eq!(assert_submitted(&pool, 50_001).cancelled, 50_000);
    });
}
