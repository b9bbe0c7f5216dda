//! How many retries a pool bears, so that a failing dependency is not met with a storm of them.

use crate::time::Nanos;

/// The time over which retries are weighed, in seconds.
const WINDOW: u64 = 10;
const SECOND_NS: u64 = 1_000_000_000;

/// How many retries a pool bears: so many for each job that is tried for the first time, and so
/// many a second besides; for [`Builder::retry_budget`](crate::Builder::retry_budget).
///
/// When a dependency is down everything fails, and each retry adds to a load that is too high
/// already. A retry that exceeds the budget is not made: its job fails then, with
/// [`RetryStop::BudgetSpent`](crate::RetryStop::BudgetSpent) and its last error. What counts is the
/// last ten seconds. The default allows one retry for five first attempts and ten a second besides,
/// as finagle does.
///
/// ```
/// use springtide::{Pool, Retry, RetryBudget, RetryStop};
/// use std::time::Duration;
///
/// // One retry for ten jobs, and none besides.
/// let budget = RetryBudget::new(0.1, 0);
/// let pool = Pool::builder("calls").workers(1..=2).retry_budget(budget).build()?;
/// let retry: Retry<&str> = Retry::fixed(Duration::ZERO);
/// let call = pool.job("call").retry(retry).submit(|_| Err::<(), _>("away"))?;
/// let error = call.join().unwrap_err();
/// assert_eq!((error.stop(), error.attempts()), (RetryStop::BudgetSpent, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use = "hand it to Builder::retry_budget"]
pub struct RetryBudget {
    /// `None` is no limit.
    limit: Option<(f64, u32)>,
}

impl RetryBudget {
    /// `share` retries for each first attempt, and `per_second` besides. With 0 and 0 nothing is
    /// tried again.
    pub const fn new(share: f64, per_second: u32) -> RetryBudget {
        RetryBudget { limit: Some((share, per_second)) }
    }

    /// No limit.
    pub const fn unlimited() -> RetryBudget {
        RetryBudget { limit: None }
    }

    /// What is wrong with it, if anything is.
    pub(crate) fn problem(&self) -> Option<String> {
        let (share, _) = self.limit?;
        let is_fine = share.is_finite() && share >= 0.0;
        (!is_fine).then(|| format!("{share} retries a job are no share; write 0.2, or 0"))
    }
}

impl Default for RetryBudget {
    fn default() -> Self {
        RetryBudget::new(0.2, 10)
    }
}

/// What was spent of a budget.
#[derive(Debug)]
pub(crate) struct Spending {
    budget: RetryBudget,
    seconds: [Second; WINDOW as usize],
    /// The latest second that was seen. A clock that goes back does not open it again.
    latest: u64,
    /// Retries made.
    pub(crate) retries: u64,
    /// Retries that the budget did not allow.
    pub(crate) refused: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Second {
    firsts: u64,
    retries: u64,
}

impl Spending {
    pub(crate) fn new(budget: RetryBudget) -> Spending {
        let seconds = [Second::default(); WINDOW as usize];
        Spending { budget, seconds, latest: 0, retries: 0, refused: 0 }
    }

    /// A job is tried for the first time.
    pub(crate) fn first(&mut self, now: Nanos) {
        self.second(now).firsts += 1;
    }

    /// Takes what one retry costs; false if the budget does not allow it.
    #[must_use]
    pub(crate) fn take(&mut self, now: Nanos) -> bool {
        self.second(now);
        let sum = |of: fn(&Second) -> u64| self.seconds.iter().map(of).sum::<u64>();
        let is_allowed = self.budget.limit.is_none_or(|(share, per_second)| {
            let earned = share * sum(|second| second.firsts) as f64;
            let granted = u64::from(per_second) * WINDOW;
            (sum(|second| second.retries) + 1) as f64 <= earned + granted as f64
        });
        if is_allowed {
            self.second(now).retries += 1;
            self.retries += 1;
        } else {
            self.refused += 1;
        }
        is_allowed
    }

    /// The present second, those before the window forgotten.
    fn second(&mut self, now: Nanos) -> &mut Second {
        let second = now.0 / SECOND_NS;
        let passed = second.saturating_sub(self.latest).min(WINDOW);
        self.latest = self.latest.max(second);
        for back in 0..passed {
            self.seconds[((self.latest - back) % WINDOW) as usize] = Second::default();
        }
        &mut self.seconds[(self.latest % WINDOW) as usize]
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    fn at(second: u64) -> Nanos {
        Nanos(second * SECOND_NS)
    }

    fn takes(spending: &mut Spending, now: Nanos, wanted: usize) -> usize {
        (0..wanted).filter(|_| spending.take(now)).count()
    }

    #[test]
    fn retries_are_a_share_of_first_attempts_and_some_a_second() {
        let mut spending = Spending::new(RetryBudget::new(0.2, 1));
        assert_eq!(takes(&mut spending, at(0), 100), 10, "ten seconds' worth at once");
        (0..50).for_each(|_| spending.first(at(1)));
        assert_eq!(takes(&mut spending, at(1), 100), 10, "a fifth of fifty");
        assert_eq!((spending.retries, spending.refused), (20, 180));
    }

    #[test]
    fn what_is_ten_seconds_old_no_longer_counts() {
        let mut spending = Spending::new(RetryBudget::new(0.0, 1));
        assert_eq!(takes(&mut spending, at(0), 100), 10);
        assert_eq!(takes(&mut spending, at(9), 100), 0);
        assert_eq!(takes(&mut spending, at(10), 100), 10);
        assert_eq!(takes(&mut spending, at(1_000_000), 100), 10, "a clock that jumps");
        assert_eq!(takes(&mut spending, at(5), 100), 0, "one that goes back opens nothing");
    }

    #[test]
    fn a_budget_of_nothing_allows_nothing_and_one_without_limit_everything() {
        assert_eq!(takes(&mut Spending::new(RetryBudget::new(0.0, 0)), at(3), 100), 0);
        assert_eq!(takes(&mut Spending::new(RetryBudget::unlimited()), at(3), 10_000), 10_000);
        let most = RetryBudget::new(f64::MAX, u32::MAX);
        assert_eq!(takes(&mut Spending::new(most), Nanos::NEVER, 100), 100);
        for share in [f64::NAN, f64::INFINITY, -0.1] {
            assert!(RetryBudget::new(share, 1).problem().is_some(), "{share}");
        }
        assert_eq!(RetryBudget::default().problem(), None);
    }
}
