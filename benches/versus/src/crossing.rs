//! How long a word takes from one core to another. On a virtual machine that changes by a multiple
//! when the host moves the cores apart or lends them to others, and no count of CPU time shows it.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use crate::usage::cores;

/// There and back so often.
const ROUNDS: u64 = 1_000;
const BATCHES: u64 = 5;

/// Nanoseconds for one way, the best of a few batches; 0 where there is one core only.
pub(crate) fn nanoseconds() -> f64 {
    if cores() < 2 {
        return 0.0;
    }
    let word = AtomicU64::new(0);
    let wait_for = |value: u64| {
        while word.load(Ordering::Acquire) != value {
            spin_loop();
        }
    };
    let last = 2 * ROUNDS * BATCHES;
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in (0..last).step_by(2) {
                wait_for(round + 1);
                word.store(round + 2, Ordering::Release);
            }
        });
        let mut best = f64::INFINITY;
        for batch in 0..BATCHES {
            let began = Instant::now();
            for round in 0..ROUNDS {
                let sent = 2 * (batch * ROUNDS + round) + 1;
                word.store(sent, Ordering::Release);
                wait_for(sent + 1);
            }
            best = best.min(began.elapsed().as_nanos() as f64 / (2 * ROUNDS) as f64);
        }
        best
    })
}
