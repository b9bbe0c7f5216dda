//! What the system says about this process, this machine, and what else runs on it.

use std::fs;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// What `/proc/stat` counts in; every Linux that we know of has this value.
const TICK: f64 = 0.01;

fn usage(who: UsageWho) -> Usage {
    getrusage(who).expect("the system knows what we have used")
}

fn seconds(time: TimeVal) -> f64 {
    time.tv_sec() as f64 + time.tv_usec() as f64 * 1e-6
}

fn cpu(usage: &Usage) -> f64 {
    seconds(usage.user_time()) + seconds(usage.system_time())
}

fn switches(usage: &Usage) -> i64 {
    usage.voluntary_context_switches() + usage.involuntary_context_switches()
}

/// Counters of this process since it began, without those of the calling thread: that one only
/// waits, and its waiting is ours and not the pool's.
#[derive(Clone, Copy)]
pub(crate) struct Spent {
    pub(crate) cpu_s: f64,
    pub(crate) switches: i64,
}

impl Spent {
    pub(crate) fn now() -> Spent {
        let (all, own) = (usage(UsageWho::RUSAGE_SELF), usage(UsageWho::RUSAGE_THREAD));
        Spent { cpu_s: cpu(&all) - cpu(&own), switches: switches(&all) - switches(&own) }
    }

    pub(crate) fn since(self, before: Spent) -> Spent {
        let (cpu_s, switches) = (self.cpu_s - before.cpu_s, self.switches - before.switches);
        Spent { cpu_s, switches }
    }
}

/// A look at the machine, to tell whether others used it while a child ran.
pub(crate) struct Watch {
    began: Instant,
    idle_s: f64,
    ours_s: f64,
}

impl Watch {
    pub(crate) fn start() -> Watch {
        Watch { began: Instant::now(), idle_s: idle_s(), ours_s: ours_s() }
    }

    /// The share of the machine that others had since then: what was neither idle nor ours. A
    /// virtual machine's host is one of the others.
    pub(crate) fn others(&self) -> f64 {
        let offered = self.began.elapsed().as_secs_f64() * cores() as f64;
        let others = offered - (idle_s() - self.idle_s) - (ours_s() - self.ours_s);
        // Idle time is told in ticks; interrupts and the start of a process are nobody's.
        (others - 2.0 * TICK).max(0.0) / offered
    }
}

/// What the processor is called, where the system says.
pub(crate) fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("model name"));
    let name = line.and_then(|line| line.split_once(": ")).map(|(_, name)| name.trim());
    name.unwrap_or("of an unknown make").to_owned()
}

pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get())
}

/// The CPU time of this process and of its children that have ended.
fn ours_s() -> f64 {
    cpu(&usage(UsageWho::RUSAGE_CHILDREN)) + cpu(&usage(UsageWho::RUSAGE_SELF))
}

/// Seconds that the cores were idle, all together, since the machine began. Where the system does
/// not say, the age of this process on every core, so that nothing is ever found disturbed.
fn idle_s() -> f64 {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields = stat.lines().next().map(|line| line.split_whitespace().skip(4).take(2));
    let ticks: Option<Vec<f64>> = fields.and_then(|two| two.map(|f| f.parse().ok()).collect());
    match ticks {
        // idle and iowait
        Some(ticks) => ticks.iter().sum::<f64>() * TICK,
        None => BEGAN.get_or_init(Instant::now).elapsed().as_secs_f64() * cores() as f64,
    }
}

/// Sleeps until a point in time, or not at all if it is over.
pub(crate) fn sleep_until(due: Instant) {
    let left = due.saturating_duration_since(Instant::now());
    if left > Duration::ZERO {
        std::thread::sleep(left);
    }
}
