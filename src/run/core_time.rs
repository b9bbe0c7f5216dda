//! How long the calling thread has been on a core, as the system counts it.

use std::time::Duration;

/// The thread's time on a core so far; `None` where the system does not say. Costs some
/// microseconds: for jobs that are recorded only.
#[cfg(target_os = "linux")]
pub(crate) fn of_this_thread() -> Option<Duration> {
    // The system brings its count up to date when the scheduler looks at the thread: by itself
    // every some milliseconds, or now. Without this, jobs of 1 ms showed as 0 or 4 ms.
    crate::sync::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn of_this_thread() -> Option<Duration> {
    cpu_time::ThreadTime::try_now().ok().map(|time| time.as_duration())
}

#[cfg(all(test, target_os = "linux", not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn sleep_takes_no_time_on_a_core_and_work_does() {
        let Some(before) = of_this_thread() else { return };
        std::thread::sleep(Duration::from_millis(50));
        let slept = of_this_thread().expect("it said so before") - before;
        assert!(slept < Duration::from_millis(10), "{slept:?}");
        let mut rounds = 0_u64;
        // However little of a core this machine grants: time on it passes while we ask for it.
        let worked = loop {
            (0..10_000).for_each(|n| rounds = std::hint::black_box(rounds + n));
            let worked = of_this_thread().expect("it said so before") - before - slept;
            if worked > Duration::from_millis(5) || rounds > 1 << 50 {
                break worked;
            }
        };
        assert!(worked > Duration::from_millis(5), "{worked:?}");
    }
}
