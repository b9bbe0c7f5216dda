//! What the system says about this process, this machine, and what else runs on it.

use std::fs;
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
    busy_s: f64,
    children_s: f64,
}

impl Watch {
    pub(crate) fn start() -> Watch {
        Watch { began: Instant::now(), busy_s: busy_s(), children_s: children_s() }
    }

    /// The share of the machine that others had since then, children of ours left out.
    pub(crate) fn others(&self) -> f64 {
        let wall = self.began.elapsed().as_secs_f64();
        let others = (busy_s() - self.busy_s) - (children_s() - self.children_s);
        // Each core's counters may be off by a tick at either end.
        let beyond_doubt = others - 2.0 * TICK * cores() as f64;
        beyond_doubt.max(0.0) / (wall * cores() as f64)
    }
}

pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get())
}

fn children_s() -> f64 {
    cpu(&usage(UsageWho::RUSAGE_CHILDREN))
}

/// Seconds that all cores were busy since the machine began, stolen time included; 0 where the
/// system does not say, so that nothing is ever found disturbed.
fn busy_s() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let ticks = |at: &usize| -> f64 {
        let field = stat.lines().next().and_then(|line| line.split_whitespace().nth(*at));
        field.and_then(|field| field.parse().ok()).unwrap_or(0.0)
    };
    // user, nice, system, irq, softirq, steal
    [1, 2, 3, 6, 7, 8].iter().map(ticks).sum::<f64>() * TICK
}

/// Sleeps until a point in time, or not at all if it is over.
pub(crate) fn sleep_until(due: Instant) {
    let left = due.saturating_duration_since(Instant::now());
    if left > Duration::ZERO {
        std::thread::sleep(left);
    }
}
