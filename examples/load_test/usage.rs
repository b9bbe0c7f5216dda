//! What the run cost this process, as the operating system counts it.

use std::time::Duration;

/// Counted since the process began, over all threads, those that have ended as well.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    /// Voluntary and involuntary.
    pub(crate) context_switches: u64,
}

impl Usage {
    pub(crate) fn since(self, earlier: Usage) -> Usage {
        Usage {
            cpu: self.cpu.saturating_sub(earlier.cpu),
            context_switches: self.context_switches.saturating_sub(earlier.context_switches),
        }
    }

    /// `None` where the system does not say.
    #[cfg(unix)]
    pub(crate) fn now() -> Option<Usage> {
        use nix::sys::resource::{UsageWho, getrusage};
        use nix::sys::time::TimeValLike;
        let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
        let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
        let switches = usage.voluntary_context_switches() + usage.involuntary_context_switches();
        Some(Usage {
            cpu: Duration::from_micros(micros.max(0) as u64),
            context_switches: switches.max(0) as u64,
        })
    }

    #[cfg(not(unix))]
    pub(crate) fn now() -> Option<Usage> {
        None
    }
}

/// Threads of this process, whoever started them; `None` where nobody says so cheaply.
pub(crate) fn os_threads() -> Option<u32> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("Threads:")?.trim().parse().ok())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn threads_that_ended_still_count() {
        let before = Usage::now().unwrap();
        let spin = || {
            let work = crate::work::Work::Cpu;
            work.perform(Duration::from_millis(20), &Default::default());
        };
        std::thread::spawn(spin).join().unwrap();
        let used = Usage::now().unwrap().since(before);
        assert!(used.cpu >= Duration::from_millis(20), "{used:?}");
        assert!(os_threads().unwrap() >= 1);
    }
}
