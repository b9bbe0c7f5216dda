//! What a job does with its time: sleep, or keep a core busy.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The longest that anything sleeps without looking whether the run was stopped.
const SLICE: Duration = Duration::from_millis(100);
/// Rounds of arithmetic between two looks at the clock: a few microseconds.
const SPIN_ROUNDS: u64 = 4_000;

/// The kind of one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Sleeps, as a call to a disk or to another machine would.
    Blocking,
    /// Spends its run time of *processor* time, however long the system makes that take. A spin
    /// against the wall clock would need less of the processor the more jobs compete for it.
    Cpu,
}

/// How something that takes time came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Done,
    /// The run was stopped first.
    CutShort,
}

/// Raised once, by Ctrl-C; read by everybody who takes time.
#[derive(Debug, Default)]
pub(crate) struct Stop(AtomicBool);

impl Stop {
    /// Says whether this was the first time.
    pub(crate) fn raise(&self) -> bool {
        !self.0.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Sleeps in slices, so that a raised flag is seen soon without a lock that every sleeping
    /// job would share.
    pub(crate) fn sleep_until(&self, end: Instant) -> Ending {
        loop {
            if self.is_raised() {
                return Ending::CutShort;
            }
            match end.saturating_duration_since(Instant::now()) {
                Duration::ZERO => return Ending::Done,
                rest => std::thread::sleep(rest.min(SLICE)),
            }
        }
    }
}

impl Work {
    pub(crate) fn perform(self, run: Duration, stop: &Stop) -> Ending {
        match self {
            Work::Blocking => stop.sleep_until(Instant::now() + run),
            Work::Cpu => spin(run, stop),
        }
    }
}

fn spin(run: Duration, stop: &Stop) -> Ending {
    let start = thread_clock();
    let mut x = 1u64;
    loop {
        if stop.is_raised() {
            return Ending::CutShort;
        }
        if thread_clock().saturating_sub(start) >= run {
            return Ending::Done;
        }
        for round in 0..SPIN_ROUNDS {
            x = black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(round));
        }
    }
}

/// Processor time of this thread.
#[cfg(unix)]
fn thread_clock() -> Duration {
    use nix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .expect("POSIX gives every thread a clock of its own")
        .into()
}

/// The wall clock stands in where the standard library alone cannot ask for processor time.
#[cfg(not(unix))]
fn thread_clock() -> Duration {
    use std::sync::OnceLock;
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cpu_job_spends_its_run_time_of_processor_time() {
        let before = thread_clock();
        let ending = Work::Cpu.perform(Duration::from_millis(5), &Stop::default());
        assert_eq!(ending, Ending::Done);
        assert!(thread_clock() - before >= Duration::from_millis(5));
    }

    #[test]
    fn a_raised_stop_cuts_every_kind_of_job_short() {
        let stop = Stop::default();
        assert!(stop.raise());
        assert!(!stop.raise(), "only the first raise is the first");
        for work in [Work::Blocking, Work::Cpu] {
            assert_eq!(work.perform(Duration::from_secs(3_600), &stop), Ending::CutShort);
        }
    }
}
