//! The constants of the default policy: one plain struct, so that each can be swept.

use std::time::Duration;

use super::policy::{FAST_TICK, KICK_SPACING, SLOW_TICK};

/// The constants of [`PredictedWait`](crate::PredictedWait), each with the reason for its default.
///
/// "Simulated" refers to the law in virtual time on 4 cores with up to 256 workers, against
/// eleven other laws. The objective itself (`target_wait`), `keep_alive` and the bounds are no
/// constants: they are configuration and come with each [`Sample`](crate::Sample).
///
/// Any value is legal and none makes the policy panic, but not every value makes sense.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Constants {
    /// Pause between evaluations while nothing waits for a worker. Simulated: from 100 to 500 ms
    /// nothing changes once submitters kick.
    pub slow_tick: Duration,
    /// Pause between evaluations while jobs wait and no worker is idle. Simulated: 2 ms gains
    /// nothing, also not on nested jobs.
    pub fast_tick: Duration,
    /// Closest that evaluations started by submitters may lie together.
    pub kick_spacing: Duration,
    /// The same while the verdict is that no worker can be added: asking sooner than the next
    /// fast tick would only repeat the answer.
    pub kick_spacing_held: Duration,
    /// The same after workers were added, or while jobs run for longer than the target: each such
    /// look adds a worker or finds the cores busy, and a thread takes as long to start. Simulated:
    /// with 1 ms the 99.9th percentile of the wait on a step of blocking calls is 0.9 ms, not 0.1.
    pub kick_spacing_growing: Duration,
    /// Half-life of the run time and the rate of arrivals. Simulated: 1 s changes little.
    pub service_half_life: Duration,
    /// Half-life of the load as [`Plan::demand`](crate::Plan::demand) tells it. Whoever scales
    /// machines by that sees one value in 15 s or so: with 250 ms it would be a throw of dice,
    /// and too low wherever jobs take longer. Simulated: 15 s follows a step 15 s later.
    pub demand_half_life: Duration,
    /// The same counts the jobs that wait as if more machines were to clear them within this. As
    /// they take half a minute to come, less makes the fleet overshoot. Simulated: after a
    /// threefold step 15 s ends at 2.3 times the right size, 60 s at 1.5, 120 s no better.
    pub demand_clear: Duration,
    /// Half-life of the runnable share. It must show a change of phase within one burst;
    /// simulated, 20 to 250 ms are alike.
    pub runnable_half_life: Duration,
    /// Runnable workers per core up to which the pool grows: libdispatch aims at the cores.
    pub soft_per_core: f64,
    /// Runnable workers per core that hogs may cause: libdispatch's soft maximum and MariaDB's
    /// oversubscription are 2.
    pub hard_per_core: f64,
    /// Runnable workers on top of the cores, in standard deviations of their number, which at a
    /// mean of the cores is √(cores · share of sleep). If they want a core independently of one
    /// another, with none a core is idle two fifths of the time beside jobs that wait, with 3 a
    /// hundredth (2 to 16 cores, by the binomial distribution). Staffing by the square root is
    /// Halfin and Whitt's (1981), and what call centres do; spinners do not vary and get none.
    /// Simulated, medians of five seeds: of a mixture at 90 % of the cores 5.0 % are late with
    /// 0 and 3.3 % with 2 and 3, at cost 1.56, 1.64 and 1.67. Measured on a mixture at 85 % of
    /// two cores: computing jobs take 148 ms (p99) with 0, 98 with 2, 76 with 3; in a pool of
    /// 64, a size found by trying, 70 to 85.
    pub reserve_deviations: f64,
    /// Before anything has completed nobody can say what is long. Then workers are added one by
    /// one, up to the hard ceiling, once the head of the queue has waited this many targets: only
    /// then has it clearly been passed over.
    pub hog_wait_targets: u32,
    /// A job younger than this is no hog. The kernel's concurrency-managed workqueue excludes
    /// work that holds a CPU for longer than 10 ms, MariaDB's tpool tasks of 500 ms. Simulated:
    /// with 100 ms the 99.9th percentile of the wait beside hogs is 79 ms, with 20 ms it is 5.
    pub hog_age: Duration,
    /// A job is a hog only if it has run for this many times the geometric mean of the run
    /// times. A uniform batch of 200 ms jobs therefore has no hogs, and of exponential run times
    /// one in ten thousand is one; with 10 it would be one in three hundred.
    pub hog_age_ratio: f64,
    /// Half-life of that geometric mean: long enough to remember the short jobs while hogs run.
    pub hog_half_life: Duration,
    /// At most this many hogs per core are left out of the count of runnable workers.
    pub hogs_per_core: f64,
    /// Beside each hog so many other workers may want a core on top of the cores. The scheduler
    /// deals the cores out evenly; with one for one, short jobs get half of them however many
    /// hogs there are. Simulated: without, 97 % of the short jobs on a core with a growing
    /// number of hogs wait for longer than the target; with, under 2 %.
    pub beside_hog: f64,
    /// Jobs wait on jobs when none has left the queue for this long, two fast ticks, and (see
    /// the next field) nobody runs. MariaDB and libdispatch create a thread at once in that state.
    pub blocked_after: Duration,
    /// Nobody runs: fewer runnable workers per core than this.
    pub blocked_per_core: f64,
    /// The escape from jobs that wait on jobs starts the cores, then twice, four times … as many
    /// at each fast tick, and doubles this many times at most.
    pub escape_doublings: u32,
    /// One worker more, whatever the CPUs say, when no job has left the queue for this long: the
    /// gate thread of .NET and the stall timer of MariaDB both look every 500 ms.
    pub starved_after: Duration,
    /// One evaluation may add this many workers, the number of cores or as many as there are,
    /// whichever is most. Kubernetes grows by the larger of 4 pods and 100 %.
    pub growth_floor: u32,
    /// Idle workers kept on top of what the window needed, if it needed any: the kernel's
    /// workqueue keeps one.
    pub spare: u32,
    /// The window that the law chooses where no `keep_alive` is set: this while too little is known
    /// of the gaps, and never shorter. tokio keeps idle threads for 10 s. Simulated: with 3 s one
    /// job in nine beside a noisy neighbour waits too long, not one in thirty, and on most loads
    /// the worker time is the same.
    pub window_min: Duration,
    /// That window gets no longer than this: Java, folly and PostgreSQL keep idle threads for 60 s.
    pub window_max: Duration,
    /// While there are more workers than the lower bound, it is looked so often within a window, a
    /// fast tick apart at the closest and a slow tick at the farthest. A window that was asked for
    /// is over two looks early, because when within the time between two looks a worker was last
    /// needed is not known; so nobody stays for longer.
    pub window_looks: u32,
    /// What a start is worth in idle worker time: the window is the one that would have cost least
    /// on the gaps seen so far. By processor time and memory alone a start (20 µs) is worth about
    /// 10 s of a parked thread (8 KiB, if 4 GiB cost as much as a core); that it delays a job and
    /// stirs the dashboards is what the rest is for. Simulated on the Azure code trace, 120 s makes
    /// 65 starts within 30 s of a retirement at 8.3 times the least worker time, 10 s makes 323 at
    /// 4.4 times.
    pub start_price: Duration,
    /// Half-life of what is known of the gaps.
    pub gap_half_life: Duration,
    /// So many gaps must have been seen for the window to follow them.
    pub gaps_known: f64,
    /// The pool begins to shrink when the window needed no more than this share of its workers,
    /// or no more than the lower bound, and then goes all the way. Simulated on the Azure code
    /// trace: a third fewer threads are retired too early than at 1, for 2 % more worker time.
    pub shrink_below: f64,
    /// Too many want a core when the runnable workers exceed this many times the hard ceiling
    /// of the cores …
    pub overload_ratio: f64,
    /// … the workers exceed this many times what they may grow to …
    pub overload_excess: f64,
    /// … and both have held for this long. .NET stops surplus threads and TiKV cuts its pool
    /// likewise; half a second keeps a short burst from costing workers.
    pub overload_after: Duration,
    /// An overload is shed in steps this far apart …
    pub shed_spacing: Duration,
    /// … of one part in this many of the surplus.
    pub shed_divisor: u32,
}

impl Default for Constants {
    fn default() -> Self {
        Constants {
            slow_tick: SLOW_TICK,
            fast_tick: FAST_TICK,
            kick_spacing: KICK_SPACING,
            kick_spacing_held: FAST_TICK,
            kick_spacing_growing: Duration::from_micros(100),
            service_half_life: Duration::from_millis(250),
            demand_half_life: Duration::from_secs(5),
            demand_clear: Duration::from_secs(60),
            runnable_half_life: Duration::from_millis(50),
            soft_per_core: 1.0,
            hard_per_core: 2.0,
            reserve_deviations: 3.0,
            hog_wait_targets: 5,
            hog_age: Duration::from_millis(20),
            hog_age_ratio: 20.0,
            hog_half_life: Duration::from_secs(5),
            hogs_per_core: 32.0,
            beside_hog: 1.0,
            blocked_after: Duration::from_millis(10),
            blocked_per_core: 0.1,
            escape_doublings: 6,
            starved_after: Duration::from_millis(500),
            growth_floor: 4,
            spare: 1,
            window_min: Duration::from_secs(10),
            window_max: Duration::from_secs(60),
            window_looks: 40,
            start_price: Duration::from_secs(120),
            gap_half_life: Duration::from_secs(600),
            gaps_known: 8.0,
            shrink_below: 0.7,
            overload_ratio: 2.0,
            overload_excess: 1.25,
            overload_after: Duration::from_millis(500),
            shed_spacing: Duration::from_millis(100),
            shed_divisor: 4,
        }
    }
}
