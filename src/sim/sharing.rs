//! Cores that runnable workers share: each gets the same part of what there is.
//!
//! All that compute advance at one speed, so the model keeps one clock of *virtual* core time: a
//! job that needs `w` of it ends when that clock has advanced by `w`. A change of the speed then
//! touches one number, however many compute (processor sharing by virtual time, as fair queueing
//! does it: Demers, Keshav and Shenker, SIGCOMM 1989).

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// Virtual nanoseconds that rounding may leave over.
const SLACK: f64 = 0.5;
/// No less than a hundredth of a core is ever left.
const CORES_MIN: f64 = 0.01;

/// What is computed at the moment.
#[derive(Clone, Debug)]
pub(super) struct Sharing {
    cores: f64,
    crowding: f64,
    virtual_now: f64,
    ends: BinaryHeap<Reverse<End>>,
    /// Core nanoseconds used so far.
    pub(super) on_core: f64,
    /// Nanoseconds that runnable workers spent without a core so far.
    pub(super) run_queue: f64,
}

#[derive(Clone, Copy, Debug)]
struct End {
    virtual_at: f64,
    job: u32,
}

impl Sharing {
    pub(super) fn new(cores: f64, crowding: f64) -> Sharing {
        Sharing {
            cores: cores.max(CORES_MIN),
            crowding,
            virtual_now: 0.0,
            ends: BinaryHeap::new(),
            on_core: 0.0,
            run_queue: 0.0,
        }
    }

    pub(super) fn set_cores(&mut self, cores: f64) {
        self.cores = cores.max(CORES_MIN);
    }

    pub(super) fn cores_whole(&self) -> u32 {
        self.cores.ceil() as u32
    }

    pub(super) fn runnable(&self) -> u32 {
        self.ends.len() as u32
    }

    /// A job begins to compute for `ns` of core time.
    pub(super) fn begin(&mut self, job: u32, ns: u64) {
        self.ends.push(Reverse(End { virtual_at: self.virtual_now + ns as f64, job }));
    }

    /// Lets `ns` pass.
    pub(super) fn advance(&mut self, ns: u64) {
        if ns == 0 || self.ends.is_empty() {
            return;
        }
        let (dt, runnable) = (ns as f64, self.ends.len() as f64);
        self.virtual_now += dt * self.speed();
        let served = runnable.min(self.cores);
        self.on_core += dt * served;
        self.run_queue += dt * (runnable - served);
    }

    /// Nanoseconds from now until the first of them ends.
    pub(super) fn next_in(&self) -> Option<u64> {
        let Reverse(first) = self.ends.peek()?;
        let left = first.virtual_at - self.virtual_now;
        Some(if left <= SLACK { 0 } else { (left / self.speed()).round().max(1.0) as u64 })
    }

    /// The job that has ended, if one has.
    pub(super) fn pop_ended(&mut self) -> Option<u32> {
        let Reverse(first) = self.ends.peek()?;
        if first.virtual_at - self.virtual_now > SLACK {
            return None;
        }
        self.ends.pop().map(|Reverse(end)| end.job)
    }

    /// Virtual nanoseconds a nanosecond: the share of a core that each gets.
    fn speed(&self) -> f64 {
        let crowd = self.ends.len() as f64 / self.cores;
        if crowd <= 1.0 { 1.0 } else { 1.0 / (crowd * (1.0 + self.crowding * (crowd - 1.0))) }
    }
}

impl PartialEq for End {
    fn eq(&self, other: &End) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for End {}

impl PartialOrd for End {
    fn partial_cmp(&self, other: &End) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for End {
    fn cmp(&self, other: &End) -> Ordering {
        self.virtual_at.total_cmp(&other.virtual_at).then(self.job.cmp(&other.job))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ends in the order they come: (nanosecond, job).
    fn play(sharing: &mut Sharing) -> Vec<(u64, u32)> {
        let (mut now, mut ends) = (0, Vec::new());
        while let Some(step) = sharing.next_in() {
            sharing.advance(step);
            now += step;
            while let Some(job) = sharing.pop_ended() {
                ends.push((now, job));
            }
        }
        ends
    }

    #[test]
    fn with_a_core_each_nobody_waits() {
        let mut sharing = Sharing::new(2.0, 0.002);
        sharing.begin(1, 1_000);
        sharing.begin(2, 3_000);
        assert_eq!(play(&mut sharing), [(1_000, 1), (3_000, 2)]);
        assert_eq!((sharing.on_core, sharing.run_queue), (4_000.0, 0.0));
    }

    #[test]
    fn four_on_two_cores_take_twice_as_long() {
        let mut sharing = Sharing::new(2.0, 0.0);
        for job in 0..4 {
            sharing.begin(job, 1_000);
        }
        assert_eq!(play(&mut sharing), [(2_000, 0), (2_000, 1), (2_000, 2), (2_000, 3)]);
        assert_eq!((sharing.on_core, sharing.run_queue), (4_000.0, 4_000.0));
    }

    #[test]
    fn one_that_ends_gives_its_share_to_the_others() {
        let mut sharing = Sharing::new(1.0, 0.0);
        sharing.begin(0, 1_000);
        sharing.begin(1, 3_000);
        assert_eq!(play(&mut sharing), [(2_000, 0), (4_000, 1)]);
    }

    #[test]
    fn a_crowd_costs_speed() {
        let mut sharing = Sharing::new(1.0, 0.1);
        for job in 0..3 {
            sharing.begin(job, 1_000);
        }
        // Two too many on one core: a fifth more time, and all three end together.
        assert_eq!(play(&mut sharing).last(), Some(&(3_600, 2)));
    }
}
