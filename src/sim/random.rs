//! Seeded chance that is the same on every machine.

/// A generator of random numbers: SplitMix64 (Steele, Lea and Flood, "Fast splittable
/// pseudorandom number generators", OOPSLA 2014). Integers only, so it is the same everywhere;
/// the logarithms that distributions need come from `libm`, not from the platform.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence that belongs to this seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// Any 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Evenly between 0, which is never drawn, and 1, which is.
    pub fn unit(&mut self) -> f64 {
        ((self.bits() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// Evenly from `0..n`; zero if `n` is zero.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(n)) >> 64) as u64
    }

    /// Exponentially with this mean: the gaps of a Poisson process, and memoryless run times.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(self.unit())
    }

    /// Pareto with this smallest value and index: the smaller the index, the heavier the tail.
    pub fn pareto(&mut self, least: f64, index: f64) -> f64 {
        least * libm::exp(-libm::log(self.unit()) / index)
    }

    /// Normally with mean 0 and deviation 1, by the method of Box and Muller.
    pub fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(self.unit()));
        radius * libm::cos(std::f64::consts::TAU * self.unit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_published_sequence() {
        let mut random = Random::new(1_234_567);
        // The reference implementation's first numbers for this seed.
        let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973];
        assert_eq!([random.bits(), random.bits()], expected);
    }

    #[test]
    fn a_hundred_thousand_draws_have_the_mean_they_should() {
        let mut random = Random::new(7);
        let draws = 100_000;
        let mut sums = [0.0; 6];
        for _ in 0..draws {
            let drawn = [
                random.unit(),
                random.exponential(3.0),
                random.pareto(1.0, 3.0),
                random.below(10) as f64,
                random.normal() + 10.0,
                random.normal().powi(2),
            ];
            sums.iter_mut().zip(drawn).for_each(|(sum, x)| *sum += x);
        }
        for (sum, mean) in sums.iter().zip([0.5, 3.0, 1.5, 4.5, 10.0, 1.0]) {
            let found = sum / f64::from(draws);
            assert!((found / mean - 1.0).abs() < 0.02, "{found} instead of {mean}");
        }
    }
}
