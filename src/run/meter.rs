//! What one worker counts: its own cache lines, one writer, plain stores.

use super::histogram::{Cells, Histogram};
use crate::outcome::Outcome;
use crate::sync::plain::{AtomicU64, Ordering};
use crate::time::Nanos;

/// The counts of one slot. They outlive the worker and go on with the slot's next owner, so their
/// sums never go backwards.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    outcomes: [AtomicU64; Outcome::ALL.len()],
    busy_ns: AtomicU64,
    log2_run_sum: AtomicU64,
    steals: AtomicU64,
    /// Jobs that this worker's jobs submitted into its own deque.
    from_inside: AtomicU64,
    /// Exponential average of the run times, weight 1/8.
    recent_run_ns: AtomicU64,
    wait: Histogram,
    run: Histogram,
}

/// The sums over several meters.
#[derive(Clone, Debug, Default)]
pub(crate) struct MeterSum {
    pub(crate) outcomes: [u64; Outcome::ALL.len()],
    pub(crate) busy_ns: u64,
    pub(crate) log2_run_sum: u64,
    pub(crate) steals: u64,
    pub(crate) from_inside: u64,
}

/// A single writer's addition. Release pairs with the Acquire in `get`: a reader that sees an
/// outcome also sees that its job had left the queue.
fn add(counter: &AtomicU64, n: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(n), Ordering::Release);
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Acquire)
}

/// Rounded to the nearest: the mean of floors would lie half a step low.
fn nearest_log2(ns: u64) -> u64 {
    let ns = ns.max(1);
    let floor = ns.ilog2();
    // The eight leading bits; 181/128 is the square root of two.
    let mantissa = (ns << (63 - floor)) >> 56;
    u64::from(floor) + u64::from(mantissa > 181)
}

impl Meter {
    /// One job ran. Only the slot's owner may call this.
    pub(crate) fn job_ran(&self, outcome: Outcome, queued_at: Nanos, started: Nanos, ended: Nanos) {
        self.job_took(queued_at, started, ended);
        self.job_over(outcome);
    }

    /// How long one job waited and ran; to be followed by [`Meter::job_over`].
    pub(crate) fn job_took(&self, queued_at: Nanos, started: Nanos, ended: Nanos) {
        let run = ended.0.saturating_sub(started.0);
        self.wait.record(started.0.saturating_sub(queued_at.0));
        self.run.record(run);
        let recent = self.recent_run_ns();
        self.recent_run_ns.store(recent - recent / 8 + run / 8, Ordering::Relaxed);
        add(&self.busy_ns, run);
        add(&self.log2_run_sum, nearest_log2(run));
    }

    /// How one job ended: the last that is counted of it.
    pub(crate) fn job_over(&self, outcome: Outcome) {
        add(&self.outcomes[outcome as usize], 1);
    }

    /// Only the slot's owner may call this.
    pub(crate) fn add_steals(&self, steals: u64) {
        add(&self.steals, steals);
    }

    /// A job of this worker put another one into its deque. Only the slot's owner may call this.
    pub(crate) fn job_from_inside(&self) {
        add(&self.from_inside, 1);
    }

    /// How long jobs ran here lately.
    pub(crate) fn recent_run_ns(&self) -> u64 {
        self.recent_run_ns.load(Ordering::Relaxed)
    }

    /// Adds the counters, without the histograms: what a sample needs.
    pub(crate) fn add_to(&self, sum: &mut MeterSum) {
        for (total, counter) in sum.outcomes.iter_mut().zip(&self.outcomes) {
            *total += get(counter);
        }
        sum.busy_ns = sum.busy_ns.saturating_add(get(&self.busy_ns));
        sum.log2_run_sum += get(&self.log2_run_sum);
        sum.steals += get(&self.steals);
        sum.from_inside += get(&self.from_inside);
    }

    pub(crate) fn fold_into(&self, wait: &mut Cells, run: &mut Cells) {
        self.wait.fold_into(wait);
        self.run.fold_into(run);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::nearest_log2;

    #[test]
    fn a_logarithm_is_rounded_at_the_square_root_of_two() {
        for (ns, expected) in [(0, 0), (1, 0), (2, 1), (3, 2), (1_448, 10), (1_456, 11)] {
            assert_eq!(nearest_log2(ns), expected, "{ns}");
        }
        assert_eq!(nearest_log2(u64::MAX), 64);
        for exponent in 0..64 {
            assert_eq!(nearest_log2(1 << exponent), exponent);
        }
    }
}
