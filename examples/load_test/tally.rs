//! What became of every job, written by the jobs themselves.
//!
//! Each job has a slot of its own and is the only one to write to it, so that keeping count costs
//! no lock and loses no precision: quantiles come from the times themselves, not from buckets.
//! Waits count from the *intended* arrival. A stall that holds up the generator shows as a wait.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::load::Arrival;
use crate::trouble::Fate;
use crate::work::{Ending, Stop};

/// How many of the latest arrivals the live p99 looks at, at most.
const RECENT_JOBS: usize = 10_000;

/// The jobs of one run and what is known about them.
pub(crate) struct Tally {
    epoch: Instant,
    jobs: Vec<Arrival>,
    slots: Vec<Slot>,
    /// Jobs handed to the pool so far; written by the generator.
    offered: AtomicUsize,
    /// Written by the generator.
    accepted: AtomicU64,
    /// Written by the generator.
    refused: AtomicU64,
    /// Accepted jobs with an outcome; written by the jobs.
    settled: AtomicU64,
}

/// Nanoseconds since the epoch, zero for "not yet".
#[derive(Default)]
struct Slot {
    /// Written by the generator.
    offered: AtomicU64,
    /// Written by the job.
    started: AtomicU64,
    /// Written by the job.
    ended: AtomicU64,
    /// Written by the job's [`Ticket`], then, if the pool gave the job back, by the generator.
    outcome: AtomicU8,
}

/// The end of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Outcome {
    /// None so far.
    Open,
    Ok,
    Panicked,
    /// It went on after its timeout, to its own end.
    TimedOut,
    /// Ctrl-C ended it while it ran.
    CutShort,
    /// The pool dropped it before it ran.
    Unrun,
    /// The pool did not take it.
    Refused,
}

/// What is known about one job once the run is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) at: Duration,
    /// From the intended arrival to the hand-over to the pool.
    pub(crate) late: Duration,
    pub(crate) outcome: Outcome,
    /// For a job that started.
    pub(crate) times: Option<Times>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// From the intended arrival to the start.
    pub(crate) wait: Duration,
    /// From the start to the end.
    pub(crate) run: Duration,
}

/// Quantiles, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

impl Tally {
    /// The clock starts now.
    pub(crate) fn new(jobs: Vec<Arrival>) -> Arc<Tally> {
        let slots = jobs.iter().map(|_| Slot::default()).collect();
        Arc::new(Tally {
            epoch: Instant::now(),
            jobs,
            slots,
            offered: AtomicUsize::new(0),
            accepted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            settled: AtomicU64::new(0),
        })
    }

    pub(crate) fn epoch(&self) -> Instant {
        self.epoch
    }

    pub(crate) fn jobs(&self) -> &[Arrival] {
        &self.jobs
    }

    pub(crate) fn offered(&self) -> usize {
        self.offered.load(Relaxed)
    }

    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Relaxed)
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Whether every job that the pool took has an outcome.
    pub(crate) fn is_settled(&self) -> bool {
        self.settled.load(Relaxed) >= self.accepted()
    }

    /// Notes that job `index` is about to be handed over, and makes what runs it.
    pub(crate) fn offer(self: &Arc<Self>, index: usize) -> Ticket {
        self.offered.store(index + 1, Relaxed);
        self.slots[index].offered.store(self.now(), Relaxed);
        Ticket { tally: Arc::clone(self), index, outcome: Outcome::Unrun }
    }

    pub(crate) fn accept(&self) {
        self.accepted.fetch_add(1, Relaxed);
    }

    /// Call this after the job that came back was dropped: its ticket has counted it as settled.
    pub(crate) fn refuse(&self, index: usize) {
        self.refused.fetch_add(1, Relaxed);
        self.settled.fetch_sub(1, Relaxed);
        self.slots[index].outcome.store(Outcome::Refused as u8, Relaxed);
    }

    /// Every job that was offered, in order of arrival.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry> {
        let offered = self.offered();
        self.jobs.iter().zip(&self.slots).take(offered).map(|(job, slot)| {
            let since = |word: &AtomicU64| Duration::from_nanos(word.load(Relaxed));
            let (started, ended) = (since(&slot.started), since(&slot.ended));
            Entry {
                at: job.at,
                late: since(&slot.offered).saturating_sub(job.at),
                outcome: Outcome::of(slot.outcome.load(Relaxed)),
                times: (ended > Duration::ZERO).then(|| Times {
                    wait: started.saturating_sub(job.at),
                    run: ended.saturating_sub(started),
                }),
            }
        })
    }

    /// The p99 wait of the jobs that started in the last second or should have started by now;
    /// these count with their wait so far, handed over or not. `None` when there are none.
    pub(crate) fn recent_wait_p99(&self) -> Option<Duration> {
        let now = Duration::from_nanos(self.now());
        let due = self.jobs.partition_point(|job| job.at <= now);
        let mut waits: Vec<Duration> = (due.saturating_sub(RECENT_JOBS)..due)
            .filter_map(|i| {
                let (job, slot) = (self.jobs[i], &self.slots[i]);
                match Duration::from_nanos(slot.started.load(Relaxed)) {
                    // Without a start, an outcome means that the job will not run.
                    Duration::ZERO if slot.outcome.load(Relaxed) != Outcome::Open as u8 => None,
                    Duration::ZERO => Some(now - job.at),
                    at if at + Duration::from_secs(1) < now => None,
                    at => Some(at.saturating_sub(job.at)),
                }
            })
            .collect();
        waits.sort_unstable();
        quantile(&waits, 0.99)
    }

    /// Never zero, which stands for "not yet".
    fn now(&self) -> u64 {
        (self.epoch.elapsed().as_nanos() as u64).max(1)
    }
}

/// Goes with a job and sees to it that the job gets exactly one outcome, whatever becomes of it.
pub(crate) struct Ticket {
    tally: Arc<Tally>,
    index: usize,
    outcome: Outcome,
}

impl Ticket {
    /// The body of the job.
    pub(crate) fn run(mut self, stop: &Stop) {
        let slot = &self.tally.slots[self.index];
        slot.started.store(self.tally.now(), Relaxed);
        // Stands until the work returns: should it unwind, dropping the ticket files this.
        self.outcome = Outcome::Panicked;
        let job = self.tally.jobs[self.index];
        self.outcome = match (job.work.perform(job.run, stop), job.fate) {
            (Ending::CutShort, _) => Outcome::CutShort,
            (Ending::Done, Fate::Fine) => Outcome::Ok,
            (Ending::Done, Fate::Stuck { .. }) => Outcome::TimedOut,
            // Past the panic hook: each would print what nobody wants to read a thousand times.
            (Ending::Done, Fate::Panics) => resume_unwind(Box::new("as planned")),
        };
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let slot = &self.tally.slots[self.index];
        if self.outcome != Outcome::Unrun {
            slot.ended.store(self.tally.now(), Relaxed);
        }
        slot.outcome.store(self.outcome as u8, Relaxed);
        self.tally.settled.fetch_add(1, Relaxed);
    }
}

impl Outcome {
    fn of(byte: u8) -> Outcome {
        use Outcome::{CutShort, Ok, Panicked, Refused, TimedOut, Unrun};
        [Ok, Panicked, TimedOut, CutShort, Unrun, Refused]
            .into_iter()
            .find(|outcome| *outcome as u8 == byte)
            .unwrap_or(Outcome::Open)
    }
}

impl Spread {
    /// Sorts the times. Zero throughout when there are none.
    pub(crate) fn of(mut times: Vec<Duration>) -> Spread {
        times.sort_unstable();
        let at = |q| quantile(&times, q).map_or(0.0, ms);
        Spread { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: at(1.0) }
    }
}

/// The smallest value that at least the share `q` of all values does not exceed.
pub(crate) fn quantile(sorted: &[Duration], q: f64) -> Option<Duration> {
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

/// Milliseconds, to the microsecond.
pub(crate) fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::work::Work;

    const JOB: Arrival =
        Arrival { at: Duration::ZERO, run: Duration::ZERO, work: Work::Blocking, fate: Fate::Fine };

    fn tally(jobs: usize) -> Arc<Tally> {
        Tally::new(vec![JOB; jobs])
    }

    #[test]
    fn a_job_meets_its_fate_unless_it_is_cut_short() {
        use Outcome::{CutShort, Ok, Panicked, TimedOut};
        let timeout = Duration::ZERO;
        let fates = [Fate::Fine, Fate::Panics, Fate::Stuck { timeout }];
        let (go, halt) = (Stop::default(), Stop::default());
        halt.raise();
        let all = [[Ok, Panicked, TimedOut], [CutShort; 3]];
        for (stop, expected) in [go, halt].iter().zip(all) {
            let tally = Tally::new(fates.map(|fate| Arrival { fate, ..JOB }).to_vec());
            for (index, outcome) in expected.into_iter().enumerate() {
                let ticket = tally.offer(index);
                tally.accept();
                let ended = catch_unwind(AssertUnwindSafe(|| ticket.run(stop)));
                assert_eq!(ended.is_err(), outcome == Panicked);
            }
            let outcomes: Vec<Outcome> = tally.entries().map(|e| e.outcome).collect();
            assert_eq!(outcomes, expected);
            assert!(tally.is_settled());
        }
    }

    #[test]
    fn every_way_a_job_can_end_is_told_apart() {
        use Outcome::{CutShort, Ok, Open, Panicked, Refused, Unrun};
        let tally = tally(6);
        let (go, halt) = (Stop::default(), Stop::default());
        halt.raise();
        tally.offer(0).run(&go);
        tally.offer(1).run(&halt);
        drop(tally.offer(2));
        drop(tally.offer(3));
        tally.refuse(3);
        let mut open = tally.offer(4);
        open.outcome = Panicked;
        drop(open);
        std::mem::forget(tally.offer(5));
        (0..5).for_each(|_| tally.accept());
        let outcomes: Vec<Outcome> = tally.entries().map(|e| e.outcome).collect();
        assert_eq!(outcomes, [Ok, CutShort, Unrun, Refused, Panicked, Open]);
        assert!(!tally.is_settled(), "the forgotten job has no outcome");
    }

    #[test]
    fn a_job_that_did_not_run_has_no_times() {
        let tally = tally(2);
        drop(tally.offer(0));
        tally.offer(1).run(&Stop::default());
        let with_times: Vec<bool> = tally.entries().map(|e| e.times.is_some()).collect();
        assert_eq!(with_times, [false, true]);
    }

    #[test]
    fn a_wait_counts_from_the_intended_arrival_even_while_it_lasts() {
        let tally = tally(1);
        std::thread::sleep(Duration::from_millis(2));
        assert!(tally.recent_wait_p99().unwrap() >= Duration::from_millis(2), "not handed over");
        let ticket = tally.offer(0);
        assert!(tally.recent_wait_p99().unwrap() >= Duration::from_millis(2));
        ticket.run(&Stop::default());
        let entry = tally.entries().next().unwrap();
        assert!(entry.late >= Duration::from_millis(2));
        assert!(entry.times.unwrap().wait >= entry.late);
    }

    #[test]
    fn quantiles_are_values_that_occurred() {
        let times: Vec<Duration> = (1..=1_000).rev().map(Duration::from_millis).collect();
        let spread = Spread::of(times);
        assert_eq!(
            spread,
            Spread { p50: 500.0, p90: 900.0, p99: 990.0, p999: 999.0, max: 1_000.0 }
        );
        assert_eq!(Spread::of(vec![]), Spread::default());
        assert_eq!(quantile(&[Duration::from_secs(1)], 0.5), Some(Duration::from_secs(1)));
    }
}
