//! Which pod gets the next job.

use crate::sim::random::Random;

/// How the load balancer chooses among the pods that are ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Balance {
    /// The one with the fewest jobs.
    LeastOutstanding,
    /// Of two drawn at random, the one with fewer jobs: almost as even as the first, and all that
    /// several balancers which do not know of one another can do.
    #[default]
    TwoChoices,
    /// One after the other.
    RoundRobin,
}

/// A balancer at work.
#[derive(Clone, Debug)]
pub(super) struct Balancer {
    balance: Balance,
    random: Random,
    turn: usize,
}

impl Balancer {
    pub(super) fn new(balance: Balance, seed: u64) -> Balancer {
        Balancer { balance, random: Random::new(seed), turn: 0 }
    }

    /// One of `pods` by its place; `outstanding` says how many jobs the pod in a place has.
    pub(super) fn choose(
        &mut self,
        pods: usize,
        mut outstanding: impl FnMut(usize) -> u64,
    ) -> usize {
        match self.balance {
            Balance::LeastOutstanding => (0..pods).min_by_key(|n| outstanding(*n)).unwrap_or(0),
            Balance::TwoChoices => {
                let one = self.random.below(pods as u64) as usize;
                let other = self.random.below(pods as u64) as usize;
                if outstanding(other) < outstanding(one) { other } else { one }
            }
            Balance::RoundRobin => {
                self.turn = self.turn.wrapping_add(1);
                self.turn % pods.max(1)
            }
        }
    }
}
