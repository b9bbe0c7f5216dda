//! What the system says that this process and its threads have used.

use std::time::Duration;

/// Counters since the process began.
#[derive(Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    pub(crate) switches: i64,
}

impl Usage {
    #[cfg(unix)]
    pub(crate) fn now() -> Usage {
        use nix::sys::resource::{UsageWho, getrusage};
        let used = getrusage(UsageWho::RUSAGE_SELF).expect("the system knows what we have used");
        let switches = used.voluntary_context_switches() + used.involuntary_context_switches();
        Usage { cpu: clock(nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID), switches }
    }

    /// Nothing where the system is not asked.
    #[cfg(not(unix))]
    pub(crate) fn now() -> Usage {
        Usage { cpu: Duration::ZERO, switches: 0 }
    }

    pub(crate) fn since(self, before: Usage) -> Usage {
        let (cpu, switches) = (self.cpu - before.cpu, self.switches - before.switches);
        Usage { cpu, switches }
    }
}

#[cfg(unix)]
fn clock(which: nix::time::ClockId) -> Duration {
    nix::time::clock_gettime(which).expect("it is a clock of ours").into()
}

/// How long the calling thread has been on a core.
#[cfg(unix)]
pub(crate) fn thread_cpu() -> Duration {
    clock(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID)
}

/// Nothing where the system is not asked.
#[cfg(not(unix))]
pub(crate) fn thread_cpu() -> Duration {
    Duration::ZERO
}
