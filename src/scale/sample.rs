//! What the supervisor saw since it last looked: the only input of a scaling policy.

use std::time::Duration;

/// One look at the pool, as plain values.
///
/// Counts named *since* cover the time since the previous evaluation ([`Sample::elapsed`]); all
/// others are levels at this moment. A test builds one from [`Sample::default`] and sets the
/// fields it cares about, so a policy can be tried without a pool:
///
/// ```
/// use springtide::{Fixed, Reason, Sample, ScalingPolicy};
/// use std::time::Duration;
///
/// let mut sample = Sample::default();
/// sample.min = 4;
/// sample.max = 4;
/// sample.workers = 3;
/// let plan = Fixed.decide(Duration::ZERO, &sample);
/// assert_eq!((plan.add, plan.reason), (1, Reason::BelowMin));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Sample {
    /// Time since the previous evaluation; at most one second is reported, so a suspended
    /// machine or a stepping clock cannot look like an hour of silence.
    pub elapsed: Duration,
    /// Live workers: `starting + idle + busy`.
    pub workers: u32,
    /// Workers whose thread was asked for but has not looked for a job yet.
    pub starting: u32,
    /// Workers without a job: parked, or looking for one.
    pub idle: u32,
    /// Workers inside a job.
    pub busy: u32,
    /// The most workers that were busy at once since the previous evaluation.
    pub busy_peak: u32,
    /// Lower bound in force.
    pub min: u32,
    /// Upper bound in force.
    pub max: u32,
    /// Cores this process may use, quota included.
    pub cores: f64,
    /// The longest wait a job should see: the objective of the default policy.
    pub target_wait: Duration,
    /// The longest that an unneeded worker is kept; `None` leaves it to the policy.
    pub keep_alive: Option<Duration>,
    /// Jobs waiting to start, blocked submitters included.
    pub queued: u64,
    /// Age of the job that has waited longest; zero when none waits.
    pub oldest_age: Duration,
    /// Jobs accepted since.
    pub arrivals: u64,
    /// Submissions refused since because the queue was full, or stayed full until their deadline.
    pub refused: u64,
    /// Jobs that left the queue since: started, cancelled or expired.
    pub dequeues: u64,
    /// Jobs that ran to their end since.
    pub completions: u64,
    /// Worker time spent inside jobs since, the part of unfinished jobs included.
    pub busy_time: Duration,
    /// Sum over the jobs completed since of log2(run time in nanoseconds).
    pub log2_service_sum: u64,
    /// Busy workers that want a core right now, those inside a declared blocking section left
    /// out. `None`: not looked at, because nothing waits. Where the platform cannot tell, every
    /// busy worker outside a blocking section is reported, so nothing grows past the cores in
    /// the hope that somebody is asleep.
    pub runnable: Option<u32>,
    /// Age of the current job of each runnable worker; filled whenever `runnable` is.
    pub run_ages: Vec<Duration>,
}

impl Sample {
    /// Whether nothing can change until another job arrives: the pool is quiet and as small as it
    /// may get.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.is_quiet() && self.is_idle_at_min()
    }

    /// Whether nothing waits, runs or has happened since the previous evaluation. One such silent
    /// evaluation comes before every rest, so that a trickle of jobs does not send the supervisor
    /// to sleep after each of them and levels that fade reach zero.
    pub(crate) fn is_quiet(&self) -> bool {
        let nothing_ran = self.busy == 0 && self.busy_peak == 0;
        nothing_ran && self.queued == 0 && self.arrivals == 0 && self.starting == 0
    }

    fn is_idle_at_min(&self) -> bool {
        self.workers == self.min && self.idle == self.workers
    }
}

impl Default for Sample {
    fn default() -> Self {
        Sample {
            elapsed: Duration::ZERO,
            workers: 0,
            starting: 0,
            idle: 0,
            busy: 0,
            busy_peak: 0,
            min: 0,
            max: 1,
            cores: 1.0,
            target_wait: crate::config::DEFAULT_TARGET_WAIT,
            keep_alive: None,
            queued: 0,
            oldest_age: Duration::ZERO,
            arrivals: 0,
            refused: 0,
            dequeues: 0,
            completions: 0,
            busy_time: Duration::ZERO,
            log2_service_sum: 0,
            runnable: None,
            run_ages: Vec::new(),
        }
    }
}
