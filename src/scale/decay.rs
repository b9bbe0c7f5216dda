//! Sums that forget, computed alike to the last bit on every machine.
//!
//! The standard library takes `exp2` and `powf` from the platform, and the platforms differ in
//! the last bit. A policy must replay exactly, so the powers here are made of `+ - * /` only.

use std::f64::consts::LN_2;
use std::time::Duration;

/// Sums over the recent past: what was added one half-life ago counts half.
///
/// The fading is weighted by time, so unequal steps between two additions do no harm. Only
/// quotients of two such sums mean anything.
#[derive(Clone, Debug)]
pub(crate) struct Decayed<const N: usize> {
    half_life: Duration,
    sums: [f64; N],
}

impl<const N: usize> Decayed<N> {
    pub(crate) fn new(half_life: Duration) -> Self {
        Decayed { half_life, sums: [0.0; N] }
    }

    /// Forgets for `dt`, then adds what that time brought.
    pub(crate) fn add(&mut self, dt: Duration, brought: [f64; N]) {
        let kept = half_life(dt, self.half_life);
        for (sum, new) in self.sums.iter_mut().zip(brought) {
            *sum = *sum * kept + new;
        }
    }

    pub(crate) fn sums(&self) -> [f64; N] {
        self.sums
    }
}

/// The share that is left after `dt`: 2^(-dt/hl). A half-life of zero forgets everything.
pub(crate) fn half_life(dt: Duration, hl: Duration) -> f64 {
    if dt.is_zero() {
        return 1.0;
    }
    if hl.is_zero() {
        return 0.0;
    }
    exp2(-(dt.as_secs_f64() / hl.as_secs_f64()))
}

/// 2^x: zero below 2^-1022, infinite from 2^1023 on.
pub(crate) fn exp2(x: f64) -> f64 {
    if x >= 1023.0 {
        return f64::INFINITY;
    }
    if x < -1022.0 {
        return 0.0;
    }
    let whole = (x + 0.5).floor();
    let t = (x - whole) * LN_2;
    // e^t by its series. As |t| <= ln(2)/2, the first term left out is below 5e-18.
    let mut series = 1.0;
    for k in (1..=13).rev() {
        series = 1.0 + t * series / f64::from(k);
    }
    // `whole` lies in -1022..=1023, which makes this a biased exponent of 1..=2046.
    let power = f64::from_bits(((whole as i64 + 1023) as u64) << 52);
    series * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_agree_with_the_standard_library() {
        for step in -8_000..8_000 {
            let x = f64::from(step) / 61.0;
            let (ours, std) = (exp2(x), x.exp2());
            assert!((ours - std).abs() <= 1e-9 * std, "2^{x}: {ours} against {std}");
        }
    }

    #[test]
    fn whole_powers_are_exact() {
        for n in -1022..1023 {
            assert_eq!(exp2(f64::from(n)), 2f64.powi(n), "2^{n}");
        }
    }

    #[test]
    fn powers_out_of_reach_saturate() {
        let cases = [
            (1e300, f64::INFINITY),
            (f64::INFINITY, f64::INFINITY),
            (1023.0, f64::INFINITY),
            (-1e300, 0.0),
            (f64::NEG_INFINITY, 0.0),
            (-1022.5, 0.0),
        ];
        for (x, expected) in cases {
            assert_eq!(exp2(x), expected, "2^{x}");
        }
        assert!(exp2(f64::NAN).is_nan());
    }

    #[test]
    fn a_half_life_agrees_with_the_standard_library() {
        let hl = Duration::from_millis(250);
        for micros in [1, 50, 1_000, 5_000, 250_000, 500_000, 1_000_000] {
            let dt = Duration::from_micros(micros);
            let std = (-(dt.as_secs_f64() / hl.as_secs_f64())).exp2();
            assert!((half_life(dt, hl) - std).abs() < 1e-9, "{dt:?}");
        }
    }

    #[test]
    fn any_two_durations_give_a_share() {
        let durations = [Duration::ZERO, Duration::from_nanos(1), Duration::MAX];
        for dt in durations {
            for hl in durations {
                let share = half_life(dt, hl);
                assert!((0.0..=1.0).contains(&share), "{dt:?} {hl:?}: {share}");
            }
        }
        assert_eq!(half_life(Duration::ZERO, Duration::ZERO), 1.0);
        assert_eq!(half_life(Duration::from_nanos(1), Duration::ZERO), 0.0);
    }

    #[test]
    fn one_long_step_forgets_as_much_as_many_short_ones() {
        let mut long = Decayed::new(Duration::from_millis(250));
        let mut short = long.clone();
        long.add(Duration::ZERO, [1.0]);
        short.add(Duration::ZERO, [1.0]);
        long.add(Duration::from_secs(1), [0.0]);
        for _ in 0..1_000 {
            short.add(Duration::from_millis(1), [0.0]);
        }
        assert!((long.sums()[0] - 1.0 / 16.0).abs() < 1e-12);
        assert!((short.sums()[0] - 1.0 / 16.0).abs() < 1e-12);
    }
}
