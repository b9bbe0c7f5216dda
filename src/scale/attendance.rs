//! How late the supervisor is, for whoever watches it from outside: it may hang in code of somebody
//! else, a policy or a recorder, and then it tells nobody anything.

use std::time::Duration;

use crate::sync::plain::{AtomicU64, Ordering};
use crate::time::Nanos;

/// Since when the supervisor has been at work, if it is.
#[derive(Default)]
pub(crate) struct Attendance {
    /// The moment, and one more; 0 while it rests.
    at_work: AtomicU64,
}

impl Attendance {
    /// It begins to look, or to report.
    pub(crate) fn arrive(&self, now: Nanos) {
        self.at_work.store(now.0.saturating_add(1), Ordering::Relaxed);
    }

    /// It is about to rest, and has noted until when.
    pub(crate) fn leave(&self) {
        // Release: pairs with `late`, so who sees that it rests sees until when.
        self.at_work.store(0, Ordering::Release);
    }

    /// For how long it has been at work by now, or ought to have been; zero while it rests until
    /// something happens. Whatever it does after `now` was read makes it less late.
    pub(crate) fn late(&self, now: Nanos, next_look: &AtomicU64) -> Duration {
        // Acquire: pairs with `leave`.
        let at_work = self.at_work.load(Ordering::Acquire);
        let next_look = Nanos(next_look.load(Ordering::Acquire));
        late(now, at_work.checked_sub(1).map(Nanos), next_look)
    }
}

fn late(now: Nanos, at_work_since: Option<Nanos>, next_look: Nanos) -> Duration {
    now.since(next_look.min(at_work_since.unwrap_or(Nanos::NEVER)))
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn it_is_late_while_it_works_and_not_while_it_rests() {
        let (attendance, never) = (Attendance::default(), AtomicU64::new(Nanos::NEVER.0));
        let late = |now| attendance.late(Nanos(now), &never).as_nanos();
        assert_eq!(late(1_000), 0);
        attendance.arrive(Nanos(0));
        assert_eq!(late(1_000), 1_000);
        attendance.leave();
        assert_eq!(late(2_000), 0);
    }

    #[test]
    fn it_is_late_by_the_time_it_has_worked_or_overslept() {
        let (now, never) = (Nanos(1_000), Nanos::NEVER);
        let late = |at_work, next_look| late(now, at_work, next_look).as_nanos();
        assert_eq!(late(None, never), 0, "rests until something happens");
        assert_eq!(late(None, Nanos(1_001)), 0, "rests until its time");
        assert_eq!(late(None, Nanos(400)), 600, "has overslept");
        assert_eq!(late(Some(Nanos(300)), never), 700, "was woken, and is still at it");
        assert_eq!(late(Some(Nanos(300)), Nanos(200)), 800, "came late, and is still at it");
        assert_eq!(late(Some(Nanos(1_001)), never), 0, "came after the time was read");
    }
}
