//! Work of a known length that only computes. It is counted in steps and not by a clock, or a
//! thread that had to give up its core would find its work done when it comes back.

use std::hint::black_box;
use std::time::Instant;

/// Steps that take a microsecond on a core that has nothing else to do.
pub(crate) fn calibrate() -> u64 {
    const STEPS: u64 = 200_000;
    let rounds = (0..25).map(|_| {
        let began = Instant::now();
        spin(STEPS);
        began.elapsed().as_nanos() as f64
    });
    // The shortest, as all that can happen to the others makes them longer.
    let best = rounds.fold(f64::INFINITY, f64::min);
    (STEPS as f64 * 1000.0 / best).round().max(1.0) as u64
}

pub(crate) fn spin(steps: u64) {
    let mut word = black_box(steps) | 1;
    for _ in 0..steps {
        word = black_box(word.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31));
    }
}
