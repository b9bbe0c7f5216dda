//! Time as the pool keeps it: nanoseconds since the pool was built, from one injectable clock.

use std::time::{Duration, Instant};

use crate::sync::Arc;
use crate::sync::plain::{AtomicBool, AtomicU64, Ordering};

/// Nanoseconds since a pool's clock was made. 64 bits last 584 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Nanos(pub(crate) u64);

impl Nanos {
    /// A moment that never comes: deadlines past the end of time saturate here.
    pub(crate) const NEVER: Nanos = Nanos(u64::MAX);

    pub(crate) fn from_duration(d: Duration) -> Nanos {
        Nanos(nanos(d))
    }

    /// The moment `d` after this one; any duration is legal.
    pub(crate) fn after(self, d: Duration) -> Nanos {
        Nanos(self.0.saturating_add(Nanos::from_duration(d).0))
    }

    /// Time from `earlier` to here; zero if the clock stepped back in between.
    pub(crate) fn since(self, earlier: Nanos) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    pub(crate) fn as_duration(self) -> Duration {
        Duration::from_nanos(self.0)
    }
}

/// Nanoseconds; what is more than 584 years saturates.
pub(crate) fn nanos(d: Duration) -> u64 {
    // In 64 bits: every job converts two readings of the clock.
    d.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(d.subsec_nanos()))
}

/// Time that never goes back, for what is spaced out: a clock that steps back must not put off what
/// is due, and counts as having stood still.
#[derive(Debug, Default)]
pub(crate) struct Steady {
    read: Nanos,
    shown: Nanos,
}

impl Steady {
    /// The steady time when the clock shows `now`.
    pub(crate) fn at(&mut self, now: Nanos) -> Nanos {
        self.shown = self.shown.after(now.since(self.read));
        self.read = now;
        self.shown
    }
}

/// Where the pool reads the time. The system clock unless a test passes a [`ManualClock`].
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    Machine(Machine),
    Manual(Arc<AtomicU64>),
}

/// The processor's own counter where it is steady, which takes half as long to read as what the
/// system makes of it, and is read twice for each job; otherwise, and once the two disagree, the
/// system's clock.
#[derive(Clone, Debug)]
struct Machine {
    counter: quanta::Clock,
    counted_from: u64,
    epoch: Instant,
    is_distrusted: Arc<AtomicBool>,
}

impl Machine {
    fn new(counter: quanta::Clock) -> Machine {
        let counted_from = counter.raw();
        Machine { counter, counted_from, epoch: Instant::now(), is_distrusted: Arc::default() }
    }

    #[inline]
    fn counted(&self) -> u64 {
        self.counter.delta_as_nanos(self.counted_from, self.counter.raw())
    }
}

impl Clock {
    /// The machine's monotonic clock, starting at zero now. The first one of a process compares the
    /// processor's counter with the system's clock, which takes half a millisecond on a machine at
    /// rest and a fifth of a second at most.
    pub fn system() -> Clock {
        if cfg!(miri) {
            // Miri cannot ask the processor: there the system's clock is read from the start.
            let machine = Machine::new(quanta::Clock::mock().0);
            machine.is_distrusted.store(true, Ordering::Relaxed);
            return Clock(Source::Machine(machine));
        }
        Clock(Source::Machine(Machine::new(quanta::Clock::new())))
    }

    #[inline]
    pub(crate) fn now(&self) -> Nanos {
        match &self.0 {
            Source::Machine(machine) if machine.is_distrusted.load(Ordering::Relaxed) => {
                Nanos::from_duration(machine.epoch.elapsed())
            }
            Source::Machine(machine) => Nanos(machine.counted()),
            Source::Manual(nanos) => Nanos(nanos.load(Ordering::Acquire)),
        }
    }

    /// What this clock shows at an instant of the system's, reckoned from now on.
    pub(crate) fn moment_of(&self, at: Instant) -> Nanos {
        let (now, here) = (self.now(), Instant::now());
        match at.checked_duration_since(here) {
            Some(left) => now.after(left),
            None => Nanos(now.0.saturating_sub(nanos(here - at))),
        }
    }

    /// The system's instant when this clock shows `at`; `None` for what the system cannot say.
    pub(crate) fn instant_of(&self, at: Nanos) -> Option<Instant> {
        let (now, here) = (self.now(), Instant::now());
        if at >= now { here.checked_add(at.since(now)) } else { here.checked_sub(now.since(at)) }
    }
}

/// Compares the counter with the system's clock from time to time. A machine that was suspended may
/// count from zero again; then whoever waits would wait for as long as the pool had lived.
#[derive(Debug, Default)]
pub(crate) struct ClockWatch {
    /// What the counter and the system's clock showed.
    before: Option<(u64, Duration)>,
}

/// Further apart than this, and than a thousandth of the time that has passed, is no drift.
const APART_NS: u64 = 50_000_000;
/// Two readings of the counter further apart than this have had something else between them.
const TOGETHER_NS: u64 = 1_000_000;

impl ClockWatch {
    /// Has the pool go by the system's clock from now on if the counter went another way.
    pub(crate) fn check(&mut self, clock: &Clock) {
        let Source::Machine(machine) = &clock.0 else { return };
        let counted = machine.counted();
        let elapsed = machine.epoch.elapsed();
        if machine.counted().abs_diff(counted) > TOGETHER_NS {
            return;
        }
        let before = self.before.replace((counted, elapsed));
        if let Some((counted_before, before)) = before
            && !agree(counted.wrapping_sub(counted_before) as i64, nanos(elapsed - before))
        {
            machine.is_distrusted.store(true, Ordering::Relaxed);
        }
    }
}

fn agree(counted: i64, elapsed: u64) -> bool {
    u64::try_from(counted)
        .is_ok_and(|counted| counted.abs_diff(elapsed) <= APART_NS.saturating_add(elapsed / 1000))
}

impl Default for Clock {
    fn default() -> Self {
        Clock::system()
    }
}

/// A clock that a test sets by hand, backwards too.
#[derive(Clone, Debug, Default)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// A clock that shows zero.
    pub fn new() -> ManualClock {
        ManualClock::default()
    }

    /// The clock to hand to a pool.
    pub fn clock(&self) -> Clock {
        Clock(Source::Manual(Arc::clone(&self.0)))
    }

    /// Moves on by `d`.
    pub fn advance(&self, d: Duration) {
        let now = Nanos(self.0.load(Ordering::Acquire)).after(d);
        self.0.store(now.0, Ordering::Release);
    }

    /// Jumps to `d` after zero, forwards or backwards.
    pub fn set(&self, d: Duration) {
        self.0.store(Nanos::from_duration(d).0, Ordering::Release);
    }
}

/// The machine's monotonic clock, for whoever has no pool whose clock to ask.
pub(crate) fn instant_now() -> Instant {
    Instant::now()
}

/// The wall clock, for the one metric that needs it: seconds since 1970, 0 before.
pub(crate) fn unix_now() -> f64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_become_nanoseconds_and_saturate() {
        let last = Duration::from_nanos(u64::MAX);
        for (duration, ns) in [
            (Duration::ZERO, 0),
            (Duration::new(3, 999_999_999), 3_999_999_999),
            (last, u64::MAX),
            (last + Duration::from_nanos(1), u64::MAX),
            (Duration::MAX, u64::MAX),
        ] {
            assert_eq!(nanos(duration), ns, "{duration:?}");
        }
    }

    #[test]
    fn a_counter_that_jumps_gives_way_to_the_systems_clock() {
        let (counter, hand) = quanta::Clock::mock();
        let clock = Clock(Source::Machine(Machine::new(counter)));
        let mut watch = ClockWatch::default();
        watch.check(&clock);
        hand.increment(Duration::from_secs(3600));
        assert_eq!(clock.now(), Nanos::from_duration(Duration::from_secs(3600)));
        watch.check(&clock);
        assert!(clock.now() < Nanos::from_duration(Duration::from_secs(3000)), "it was believed");
    }

    #[test]
    fn drift_is_allowed_and_a_jump_is_not() {
        let (second, hour) = (1_000_000_000_i64, 3_600_000_000_000_i64);
        assert!(agree(second, second as u64) && agree(0, 0));
        assert!(agree(hour + second, hour as u64), "300 millionths");
        assert!(!agree(hour + 5 * second, hour as u64));
        assert!(!agree(0, second as u64), "it stands still");
        assert!(!agree(-hour, second as u64), "it began anew");
        assert!(!agree(second, 0));
    }

    #[test]
    fn steady_time_stands_still_where_the_clock_steps_back() {
        let mut steady = Steady::default();
        let steps = [(7, 7), (10, 10), (4, 10), (5, 11), (5, 11), (0, 11), (100, 111)];
        for (now, shown) in steps {
            assert_eq!(steady.at(Nanos(now)), Nanos(shown), "the clock shows {now}");
        }
        assert_eq!(steady.at(Nanos::NEVER), Nanos::NEVER);
    }
}
