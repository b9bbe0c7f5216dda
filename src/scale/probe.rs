//! Who wants a core? What the operating system says about the pool's threads.
//!
//! Blocked and starved threads both use no CPU time, so CPU time alone cannot tell them apart: on
//! a crowded machine a process of 24 spinning threads was seen to get a third of a core. The
//! scheduler's state letter can. The ladder, best first:
//!
//! 1. a declared blocking section: exact, free, everywhere;
//! 2. Linux: the letter in `/proc/self/task/T/stat`, read from files kept open, only while jobs
//!    wait and nobody is idle, 64 workers at most (1.9 µs each);
//! 3. the CPU time of the process: as many workers as it used cores since the last look, and every
//!    busy one once it uses 85 % of them;
//! 4. nothing: every busy worker is taken to be running, so the pool does not grow past the cores
//!    in the hope that somebody sleeps.

use std::fs::File;
use std::time::Duration;

use crate::run::current::Running;
use crate::run::shared::Shared;
use crate::sync::plain::Ordering;
use crate::time::Nanos;

/// Workers looked at per probe; the rest is extrapolated.
const SAMPLED_AT_MOST: usize = 64;
/// How long a count of cores is believed: quotas change while a process runs.
const CORES_FRESH: Duration = Duration::from_secs(30);
/// Share of the cores from which on every busy worker counts as running.
const SATURATED: f64 = 0.85;

/// The supervisor's view of the system, with its open files.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    cores: Option<(Nanos, f64)>,
    /// By slot: the thread the file belongs to, and the file.
    stats: Vec<Option<(u32, File)>>,
    /// CPU time of the process at the last look, and at the last reckoning of the saturation.
    process_cpu: [Option<(Nanos, Duration)>; 2],
    /// CPU time of each slot's present thread as last seen, and of all ended ones.
    worker_cpu: Vec<(u32, Duration)>,
    ended_cpu: Duration,
}

/// What a look at the busy workers found.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Runnable {
    pub(crate) count: u32,
    pub(crate) ages: Vec<Duration>,
}

impl Probe {
    /// The cores this process may use, quota and affinity included.
    pub(crate) fn cores(&mut self, now: Nanos, configured: Option<f64>) -> f64 {
        if let Some(cores) = configured {
            return cores;
        }
        match self.cores {
            Some((when, cores)) if now.since(when) < CORES_FRESH => cores,
            _ => {
                let cores = std::thread::available_parallelism().map_or(1.0, |n| n.get() as f64);
                self.cores = Some((now, cores));
                cores
            }
        }
    }

    /// Those of the `busy` workers that want a core, declared blocking left out.
    ///
    /// Some of them are between two jobs at this moment. They want a core, too: to leave them out
    /// would find room for another worker where short jobs keep every core busy.
    pub(crate) fn runnable(
        &mut self,
        shared: &Shared,
        busy: u32,
        now: Nanos,
        cores: f64,
    ) -> Runnable {
        let (blocked, inside): (Vec<_>, Vec<_>) =
            shared.roster.running().partition(|(_, job)| job.blocked);
        let between = busy.saturating_sub((blocked.len() + inside.len()) as u32);
        let found = self.runnable_jobs(shared, &inside, now, cores);
        Runnable { count: found.count + between, ages: found.ages }
    }

    fn runnable_jobs(
        &mut self,
        shared: &Shared,
        busy: &[(usize, Running)],
        now: Nanos,
        cores: f64,
    ) -> Runnable {
        let looked: Vec<(bool, Duration)> = busy
            .iter()
            .take(SAMPLED_AT_MOST)
            .filter_map(|(index, job)| {
                let thread = shared.roster.slot(*index).thread_id.load(Ordering::Relaxed);
                Some((self.wants_core(*index, thread)?, now.since(job.started)))
            })
            .collect();
        let used = self.cores_used(0, now);
        match (looked.is_empty(), used) {
            (false, _) => extrapolate(&looked, busy.len()),
            (true, Some(used)) => guess(busy, now, used, cores),
            (true, None) => guess(busy, now, f64::INFINITY, cores),
        }
    }

    /// CPU used by the process over its cores since this was last asked; zero the first time, so
    /// that it is known from the beginning whether anybody tells.
    pub(crate) fn saturation(&mut self, now: Nanos, cores: f64) -> Option<f64> {
        match self.cores_used(1, now) {
            Some(used) => Some(used / cores),
            None => process_cpu().map(|_| 0.0),
        }
    }

    /// Cores the process used since `asker` last asked; `None` where nobody tells.
    fn cores_used(&mut self, asker: usize, now: Nanos) -> Option<f64> {
        let cpu = process_cpu()?;
        let (before, cpu_before) = self.process_cpu[asker].replace((now, cpu))?;
        let elapsed = now.since(before).as_secs_f64();
        (elapsed > 0.0).then(|| cpu.saturating_sub(cpu_before).as_secs_f64() / elapsed)
    }

    /// CPU time of the worker threads so far; `None` where nobody tells.
    pub(crate) fn worker_cpu(&mut self, shared: &Shared) -> Option<Duration> {
        let mut total = Duration::ZERO;
        for (index, slot) in shared.roster.used() {
            if self.worker_cpu.len() <= index {
                self.worker_cpu.resize(index + 1, (0, Duration::ZERO));
            }
            let thread = slot.thread_id.load(Ordering::Relaxed);
            let (known, seen) = self.worker_cpu[index];
            if thread != known {
                self.ended_cpu += seen;
                self.worker_cpu[index] = (thread, Duration::ZERO);
            }
            if thread != 0 {
                let cpu = thread_cpu(thread)?;
                self.worker_cpu[index].1 = cpu.max(self.worker_cpu[index].1);
            }
            total += self.worker_cpu[index].1;
        }
        Some(total + self.ended_cpu)
    }

    #[cfg(target_os = "linux")]
    fn wants_core(&mut self, index: usize, thread: u32) -> Option<bool> {
        use std::os::unix::fs::FileExt;
        if thread == 0 {
            return None;
        }
        if self.stats.len() <= index {
            self.stats.resize_with(index + 1, || None);
        }
        let stale = self.stats[index].as_ref().is_none_or(|(owner, _)| *owner != thread);
        if stale {
            let file = File::open(format!("/proc/self/task/{thread}/stat")).ok()?;
            self.stats[index] = Some((thread, file));
        }
        let (_, file) = self.stats[index].as_ref()?;
        let mut text = [0_u8; 96];
        let length = file.read_at(&mut text, 0).ok()?;
        state_letter(&text[..length]).map(|letter| letter == b'R')
    }

    #[cfg(not(target_os = "linux"))]
    fn wants_core(&mut self, _index: usize, _thread: u32) -> Option<bool> {
        self.stats.clear();
        None
    }
}

/// The letter behind the thread's name, which stands in brackets and may hold brackets itself.
#[cfg(any(target_os = "linux", test))]
fn state_letter(stat: &[u8]) -> Option<u8> {
    let name_ends = stat.iter().rposition(|byte| *byte == b')')?;
    stat.get(name_ends + 2).copied()
}

fn extrapolate(looked: &[(bool, Duration)], busy: usize) -> Runnable {
    let ages: Vec<Duration> =
        looked.iter().filter(|(runs, _)| *runs).map(|(_, age)| *age).collect();
    let count = (ages.len() * busy).div_ceil(looked.len()) as u32;
    Runnable { count, ages }
}

fn guess(busy: &[(usize, Running)], now: Nanos, used: f64, cores: f64) -> Runnable {
    let mut ages: Vec<Duration> = busy.iter().map(|(_, job)| now.since(job.started)).collect();
    if used < SATURATED * cores {
        ages.sort_unstable();
        ages.truncate(used.ceil() as usize);
    }
    Runnable { count: ages.len() as u32, ages }
}

/// `/proc/self/stat` counts in ticks of 10 ms, which is what Linux shows programs everywhere.
#[cfg(target_os = "linux")]
fn process_cpu() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let behind_name = &stat[stat.rfind(')')? + 2..];
    let mut fields = behind_name.split(' ').skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

#[cfg(not(target_os = "linux"))]
fn process_cpu() -> Option<Duration> {
    cpu_time::ProcessTime::try_now().ok().map(|time| time.as_duration())
}

/// The first number of `schedstat` is the time on a core, in nanoseconds.
#[cfg(target_os = "linux")]
fn thread_cpu(thread: u32) -> Option<Duration> {
    match std::fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")) {
        Ok(text) => Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?)),
        // The thread ended between two looks; what it used since the last one is lost.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(Duration::ZERO),
        Err(_) => None,
    }
}

#[cfg(not(target_os = "linux"))]
fn thread_cpu(_thread: u32) -> Option<Duration> {
    None
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::run::ticket::KindId;

    fn busy(n: usize) -> Vec<(usize, Running)> {
        let job = |index| {
            let started = Nanos(index as u64);
            (index, Running { started, kind: KindId(0), id: None, blocked: false })
        };
        (0..n).map(job).collect()
    }

    #[test]
    fn the_state_letter_stands_behind_the_last_bracket() {
        assert_eq!(state_letter(b"12 (a) R b) S 1 2"), Some(b'S'));
        assert_eq!(state_letter(b"12 (spin) R 1 2"), Some(b'R'));
        assert_eq!(state_letter(b"12 (cut"), None);
        assert_eq!(state_letter(b"12 (cut)"), None);
    }

    #[test]
    fn a_sample_of_the_workers_stands_for_all_of_them() {
        let looked: Vec<(bool, Duration)> = (0..64).map(|n| (n % 4 == 0, Duration::ZERO)).collect();
        assert_eq!(extrapolate(&looked, 256).count, 64);
        assert_eq!(extrapolate(&[(false, Duration::ZERO)], 9).count, 0);
    }

    #[test]
    fn with_cpu_time_alone_a_saturated_process_counts_everybody() {
        let now = Nanos(100);
        assert_eq!(guess(&busy(10), now, 1.2, 4.0).count, 2);
        assert_eq!(guess(&busy(10), now, 3.4, 4.0).count, 10);
        assert_eq!(guess(&busy(10), now, f64::INFINITY, 4.0).count, 10);
        assert_eq!(guess(&busy(0), now, f64::INFINITY, 4.0).count, 0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_spinning_thread_wants_a_core_and_a_sleeping_one_does_not() {
        use std::sync::atomic::{AtomicBool, Ordering};
        use std::sync::mpsc::channel;
        let stop = &AtomicBool::new(false);
        let number = || -> u32 {
            let path = std::fs::read_link("/proc/thread-self").expect("proc is mounted");
            path.file_name().and_then(|n| n.to_str()?.parse().ok()).expect("a thread number")
        };
        std::thread::scope(|scope| {
            let (numbers, told) = channel();
            let sleeper_told = numbers.clone();
            let (wake, woken) = channel::<()>();
            scope.spawn(move || {
                sleeper_told.send((false, number())).expect("the test listens");
                let _ = woken.recv();
            });
            scope.spawn(move || {
                numbers.send((true, number())).expect("the test listens");
                while !stop.load(Ordering::Relaxed) {}
            });
            let mut probe = Probe::default();
            for _ in 0..2 {
                let (spins, thread) = told.recv().expect("two threads report");
                // The sleeper may be on its way into the wait for a moment.
                let settled = (0..10_000).any(|_| {
                    std::thread::yield_now();
                    probe.wants_core(usize::from(spins), thread) == Some(spins)
                });
                assert!(settled, "spins: {spins}");
            }
            stop.store(true, Ordering::Relaxed);
            drop(wake);
        });
    }

    #[test]
    fn a_worker_between_two_jobs_wants_a_core_and_a_blocked_one_does_not() {
        let name = crate::name::PoolName::take("probe-test");
        let delayed = crate::run::delayed::DelayedJobs::new(0, crate::Delayed::Cancel);
        let shared = Shared::new(name, 4, 1, delayed, None, crate::run::shared::Seams::default());
        for (index, job) in busy(2) {
            assert_eq!(shared.roster.reserve(), Some(index));
            shared.roster.slot(index).current.begin(job);
        }
        let _waiting = shared.blocked(1);
        for (busy, wanted) in [(0, 1), (2, 1), (3, 2), (7, 6)] {
            let found = Probe::default().runnable(&shared, busy, Nanos(9), 4.0);
            assert_eq!((found.count, found.ages.len()), (wanted, 1), "{busy} busy");
        }
    }

    #[test]
    fn cores_can_be_given_and_are_otherwise_asked_for() {
        let mut probe = Probe::default();
        assert_eq!(probe.cores(Nanos(0), Some(2.5)), 2.5);
        assert!(probe.cores(Nanos(0), None) >= 1.0);
    }
}
