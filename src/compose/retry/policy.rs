//! When to try again: a value that decides by what it is told, and knows neither clock nor chance.

use std::fmt;
use std::time::Duration;

use crate::retry_stop::RetryStop;
use crate::sync::Arc;
use crate::time::{Nanos, nanos};

/// Attempts in all, unless [`Retry::max_attempts`] says otherwise.
pub const DEFAULT_ATTEMPTS: u32 = 4;
/// The longest wait between two attempts, unless [`Retry::cap`] says otherwise.
pub const DEFAULT_RETRY_CAP: Duration = Duration::from_secs(10);

/// When and how often a job that failed is tried again; for [`JobBuilder::retry`].
///
/// After the first failure it waits a while between nothing and `base`, after the second between
/// nothing and twice that, and so on up to [`cap`](Retry::cap): exponential back-off with *full
/// jitter*, which spreads those who failed together over the whole wait.
///
/// ```
/// use springtide::Retry;
/// use std::io;
/// use std::time::Duration;
///
/// let retry: Retry<io::Error> = Retry::exponential(Duration::from_millis(50))
///     .cap(Duration::from_secs(5))
///     .max_attempts(6)
///     .max_elapsed(Duration::from_secs(30))
///     .retry_if(|error: &io::Error| error.kind() != io::ErrorKind::NotFound);
///
/// // The third attempt failed after one second; chance is in the middle.
/// let wait = retry.delay_after(3, Duration::from_secs(1), 0.5)?;
/// assert_eq!(wait, Duration::from_millis(100));
/// # Ok::<(), springtide::RetryStop>(())
/// ```
///
/// [`JobBuilder::retry`]: crate::JobBuilder::retry
#[must_use = "hand it to JobBuilder::retry"]
pub struct Retry<E> {
    base: Duration,
    cap: Duration,
    grows: bool,
    jitter: bool,
    attempts: u32,
    elapsed: Duration,
    seed: Option<u64>,
    panics: bool,
    timeouts: bool,
    predicate: Option<Predicate<E>>,
}

type Predicate<E> = Arc<dyn Fn(&E) -> bool + Send + Sync>;

impl<E> Retry<E> {
    fn new(base: Duration, grows: bool) -> Retry<E> {
        Retry {
            base,
            cap: DEFAULT_RETRY_CAP,
            grows,
            jitter: true,
            attempts: DEFAULT_ATTEMPTS,
            elapsed: Duration::MAX,
            seed: None,
            panics: false,
            timeouts: false,
            predicate: None,
        }
    }

    /// Waits between nothing and `base`, and up to twice as long after each further failure.
    pub fn exponential(base: Duration) -> Retry<E> {
        Retry::new(base, true)
    }

    /// Waits between nothing and `wait` each time.
    pub fn fixed(wait: Duration) -> Retry<E> {
        Retry { cap: Duration::MAX, ..Retry::new(wait, false) }
    }

    /// The longest wait. [`DEFAULT_RETRY_CAP`] unless set.
    pub fn cap(mut self, longest: Duration) -> Self {
        self.cap = longest;
        self
    }

    /// Waits the whole time instead of a part of it by chance. Those who failed together then come
    /// back together.
    pub fn without_jitter(mut self) -> Self {
        self.jitter = false;
        self
    }

    /// How often the job is run at most, the first time included. The first run is not an attempt
    /// at anything else: 0 means 1. [`DEFAULT_ATTEMPTS`] unless set.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// No attempt is queued later than this after the job was submitted; one that would be is
    /// queued just then. No limit unless set.
    pub fn max_elapsed(mut self, limit: Duration) -> Self {
        self.elapsed = limit;
        self
    }

    /// Only errors that `predicate` holds of are tried again. All of them unless set. It runs on
    /// the worker's thread, or on the submitter's if the first attempt is over before the
    /// submission returns; if it panics, the error is not tried again.
    pub fn retry_if(mut self, predicate: impl Fn(&E) -> bool + Send + Sync + 'static) -> Self {
        self.predicate = Some(Arc::new(predicate));
        self
    }

    /// Attempts that panic are tried again too.
    ///
    /// ```
    /// use springtide::{Pool, Retry};
    /// use std::time::Duration;
    ///
    /// let pool = Pool::builder("parse").workers(1..=2).build()?;
    /// let retry: Retry<&str> = Retry::fixed(Duration::from_millis(1)).retry_panics();
    /// let parsed = pool.job("parse").retry(retry).submit(|cx| match cx.attempt() {
    ///     1 => panic!("a bug that comes and goes"),
    ///     attempt => Ok(attempt),
    /// })?;
    /// assert_eq!(parsed.join().unwrap(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn retry_panics(mut self) -> Self {
        self.panics = true;
        self
    }

    /// Attempts that overran their [`timeout`](crate::JobBuilder::timeout) are tried again too.
    /// Such an attempt may still be running meanwhile.
    ///
    /// ```
    /// use springtide::{Pool, Retry};
    /// use std::time::Duration;
    ///
    /// let pool = Pool::builder("ask").workers(1..=2).build()?;
    /// let retry: Retry<&str> = Retry::fixed(Duration::from_millis(1)).retry_timeouts();
    /// let timeout = Duration::from_millis(100); // For each attempt.
    /// let answer = pool.job("ask").timeout(timeout).retry(retry).submit(|cx| {
    ///     while cx.attempt() == 1 && !cx.is_cancelled() {
    ///         std::thread::yield_now(); // The first connection is silent.
    ///     }
    ///     Ok(cx.attempt())
    /// })?;
    /// assert!(answer.join().unwrap() > 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn retry_timeouts(mut self) -> Self {
        self.timeouts = true;
        self
    }

    /// Makes the waits the same each time, for tests.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// How long to wait after the `attempt`th attempt, counted from 1, has failed `elapsed` after
    /// the job was submitted. `chance` is between 0 and 1.
    ///
    /// # Errors
    ///
    /// Why the job is not to be tried again.
    pub fn delay_after(
        &self,
        attempt: u32,
        elapsed: Duration,
        chance: f64,
    ) -> Result<Duration, RetryStop> {
        if attempt >= self.attempts {
            return Err(RetryStop::AttemptsSpent);
        }
        let left = self.elapsed.saturating_sub(elapsed);
        if left.is_zero() {
            return Err(RetryStop::TimeSpent);
        }
        let longest = self.longest_after(attempt);
        let share = if self.jitter { chance.clamp(0.0, 1.0) } else { 1.0 };
        Ok(Duration::from_nanos((longest as f64 * share) as u64).min(left))
    }

    /// Until when another attempt may be queued after the `attempt`th, at a job submitted at
    /// `began`; the beginning of time if none may.
    pub(crate) fn more_until(&self, attempt: u32, began: Nanos, deadline: Option<Nanos>) -> Nanos {
        if attempt >= self.attempts {
            return Nanos(0);
        }
        began.after(self.elapsed).min(deadline.unwrap_or(Nanos::NEVER))
    }

    /// The whole wait after so many failures, in nanoseconds.
    fn longest_after(&self, attempt: u32) -> u64 {
        // More doublings than 64 exceed any cap.
        let doublings = if self.grows { attempt.saturating_sub(1).min(64) } else { 0 };
        let longest = (u128::from(nanos(self.base)) << doublings).min(u128::from(nanos(self.cap)));
        longest as u64
    }

    pub(crate) fn wants(&self, error: &E) -> bool {
        self.predicate.as_ref().is_none_or(|predicate| predicate(error))
    }

    pub(crate) fn wants_panics(&self) -> bool {
        self.panics
    }

    pub(crate) fn wants_timeouts(&self) -> bool {
        self.timeouts
    }

    pub(crate) fn fixed_seed(&self) -> Option<u64> {
        self.seed
    }
}

/// A number from 0 up to 1, the same for the same seed and attempt. This is SplitMix64, whose
/// numbers are those of a generator that was stepped so many times.
pub(crate) fn chance(seed: u64, attempt: u32) -> f64 {
    let mut z = seed.wrapping_add(u64::from(attempt).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    // As many bits as a float keeps.
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

impl<E> Clone for Retry<E> {
    fn clone(&self) -> Self {
        Retry { predicate: self.predicate.clone(), ..*self }
    }
}

impl<E> fmt::Debug for Retry<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("base", &self.base)
            .field("cap", &self.cap)
            .field("attempts", &self.attempts)
            .field("elapsed", &self.elapsed)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn retry(base: Duration) -> Retry<()> {
        Retry::exponential(base)
    }

    fn any_duration() -> impl Strategy<Value = Duration> {
        prop_oneof![
            Just(Duration::ZERO),
            Just(Duration::MAX),
            (0_u64..u64::MAX).prop_map(Duration::from_nanos),
            (0_u64..10_000).prop_map(Duration::from_millis),
        ]
    }

    #[test]
    fn the_whole_wait_doubles_up_to_the_cap() {
        let retry = retry(10 * MS).cap(100 * MS).max_attempts(u32::MAX).without_jitter();
        let waits = [1, 2, 3, 4, 5, 6, 100, u32::MAX - 1]
            .map(|attempt| retry.delay_after(attempt, Duration::ZERO, 0.3));
        let expected = [10, 20, 40, 80, 100, 100, 100, 100].map(|ms| Ok(ms * MS));
        assert_eq!(waits, expected);
        let fixed = Retry::<()>::fixed(7 * MS).max_attempts(9).without_jitter();
        assert_eq!(fixed.delay_after(8, Duration::ZERO, 0.0), Ok(7 * MS));
    }

    #[test]
    fn zero_attempts_are_one_and_zero_time_is_none() {
        let stop = |retry: Retry<()>| retry.delay_after(1, Duration::ZERO, 0.5).err();
        assert_eq!(stop(retry(MS).max_attempts(0)), Some(RetryStop::AttemptsSpent));
        assert_eq!(stop(retry(MS).max_attempts(1)), Some(RetryStop::AttemptsSpent));
        assert_eq!(stop(retry(MS).max_attempts(2)), None);
        assert_eq!(stop(retry(MS).max_elapsed(Duration::ZERO)), Some(RetryStop::TimeSpent));
    }

    #[test]
    fn chance_is_spread_evenly_and_alike_for_the_same_seed() {
        let mean = (1..=10_000).map(|n| chance(42, n)).sum::<f64>() / 10_000.0;
        assert!((0.49..0.51).contains(&mean), "{mean}");
        let below = (0..10_000).filter(|seed| chance(*seed, 1) < 0.1).count();
        assert!((900..1_100).contains(&below), "{below}");
        assert_eq!(chance(7, 3).to_bits(), chance(7, 3).to_bits());
        assert_ne!(chance(7, 3).to_bits(), chance(7, 4).to_bits());
    }

    proptest! {
        #[test]
        fn no_wait_is_longer_than_the_cap_the_doubled_base_or_the_time_left(
            base in any_duration(),
            cap in any_duration(),
            limit in any_duration(),
            elapsed in any_duration(),
            attempt in 1_u32..200,
            chance in 0.0_f64..1.0,
        ) {
            let retry = retry(base).cap(cap).max_elapsed(limit).max_attempts(100);
            match retry.delay_after(attempt, elapsed, chance) {
                Ok(wait) => {
                    prop_assert!(attempt < 100 && elapsed < limit);
                    prop_assert!(wait <= cap && wait <= limit - elapsed);
                    let doubled = base.saturating_mul(1 << (attempt - 1).min(31));
                    prop_assert!(attempt > 32 || wait <= doubled);
                    let all = retry.without_jitter().delay_after(attempt, elapsed, chance);
                    prop_assert!(all.is_ok_and(|all| wait <= all));
                }
                Err(RetryStop::AttemptsSpent) => prop_assert!(attempt >= 100),
                Err(stop) => prop_assert!(stop == RetryStop::TimeSpent && elapsed >= limit),
            }
        }
    }
}
