//! What a sample and its past mean, in the terms of the law: rates, shares and ceilings.

use std::time::Duration;

use super::constants::Constants;
use super::decay::{Decayed, exp2};
use super::sample::Sample;

/// The runnable share never counts as less than this, so that a pool of sleepers may grow a
/// thousandfold but the division stays finite.
const RUNNABLE_SHARE_MIN: f64 = 0.001;
/// No machine has more cores; keeps an infinite count out of the sums.
const CORES_MAX: f64 = 65_536.0;
/// A hundredth of a core: the least that a CPU quota grants. Keeps zero out of the quotients.
const CORES_MIN: f64 = 0.01;
/// Less than this much of one completion is left in a faded sum: its quotient means nothing.
const WEIGHT_MIN: f64 = 1e-9;

/// What the policy remembers about the load: exponentially faded sums.
#[derive(Clone, Debug)]
pub(crate) struct Estimates {
    /// Time, arrivals, completions and seconds inside jobs.
    flow: Decayed<4>,
    /// The same for longer, because whoever scales machines by it only looks now and then; and what
    /// was refused.
    demand: Decayed<5>,
    /// Seconds inside jobs, and those of them that wanted a core, both as seen at evaluations.
    runnable: Decayed<2>,
    /// Sum of log2 of the run times in nanoseconds, and completions.
    magnitude: Decayed<2>,
    /// The geometric mean of the run times in seconds, once one job has completed.
    typical_run_s: Option<f64>,
    /// The mean time in seconds that a job kept a worker when jobs last completed: what the next
    /// one is expected to take after a silence.
    usual_service_s: Option<f64>,
    /// The share of a busy worker's time that wants a core, as last measured.
    runnable_share: Option<f64>,
}

impl Estimates {
    pub(crate) fn new(constants: &Constants) -> Self {
        Estimates {
            flow: Decayed::new(constants.service_half_life),
            demand: Decayed::new(constants.demand_half_life),
            runnable: Decayed::new(constants.runnable_half_life),
            magnitude: Decayed::new(constants.hog_half_life),
            typical_run_s: None,
            usual_service_s: None,
            runnable_share: None,
        }
    }

    /// Takes in what happened since the previous evaluation.
    pub(crate) fn update(&mut self, sample: &Sample) {
        let dt = sample.elapsed.min(Duration::from_secs(1));
        let dt_s = dt.as_secs_f64();
        let completions = sample.completions as f64;
        let busy_s = sample.busy_time.as_secs_f64();
        let flow = [dt_s, sample.arrivals as f64, completions, busy_s];
        self.flow.add(dt, flow);
        let refused = sample.refused as f64;
        self.demand.add(dt, [dt_s, sample.arrivals as f64, completions, busy_s, refused]);

        let [_, _, completed, occupied_s] = self.flow.sums();
        if completed >= 1.0 {
            self.usual_service_s = Some(occupied_s / completed);
        }

        // What was not looked at must not count as asleep: it only makes the past fade.
        // A look speaks for the time that was spent in jobs, not for the silence before them; nor
        // does a silence make the past fade.
        let share = |runnable: u32| f64::from(runnable) / f64::from(sample.busy.max(1));
        let seen = sample.runnable.map_or([0.0; 2], |runnable| [busy_s, busy_s * share(runnable)]);
        self.runnable.add(dt.min(sample.busy_time), seen);
        let [busy, runnable] = self.runnable.sums();
        if busy > WEIGHT_MIN {
            self.runnable_share = Some((runnable / busy).clamp(RUNNABLE_SHARE_MIN, 1.0));
        }

        self.magnitude.add(dt, [sample.log2_service_sum as f64, completions]);
        let [log2_sum, count] = self.magnitude.sums();
        if count > WEIGHT_MIN {
            self.typical_run_s = Some(exp2(log2_sum / count) / 1e9);
        }
    }

    /// The load at this evaluation.
    pub(crate) fn read<'a>(&self, sample: &'a Sample, constants: &Constants) -> Load<'a> {
        let [time, arrivals, completions, busy_s] = self.flow.sums();
        let cores = match sample.cores {
            cores if cores.is_nan() => 1.0,
            cores => cores.clamp(CORES_MIN, CORES_MAX),
        };
        let runnable_share = self.runnable_share.unwrap_or(1.0);
        let is_measured = self.runnable_share.is_some();
        let seen = sample.runnable.map(f64::from);
        Load {
            sample,
            min: sample.min.min(sample.max),
            cores,
            pending: sample
                .queued
                .saturating_sub(u64::from(sample.idle) + u64::from(sample.starting)),
            runnable: seen.unwrap_or(f64::from(sample.busy) * runnable_share),
            runnable_share,
            is_measured,
            hogs: self.hogs(sample, cores, constants),
            nothing_completed: self.typical_run_s.is_none(),
            reserve_deviations: constants.reserve_deviations,
            beside_hog: constants.beside_hog,
            service_s: self.service_s(completions, busy_s),
            arrivals_per_s: if time > 0.0 { arrivals / time } else { 0.0 },
            demand: self.demand(sample, constants),
        }
    }

    /// What is remembered counts as one completion. Before the first one this is a lower bound that
    /// grows with the time spent.
    fn service_s(&self, completions: f64, busy_s: f64) -> f64 {
        match self.usual_service_s {
            Some(usual_s) => (busy_s + usual_s) / (completions + 1.0),
            None => busy_s / completions.max(1.0),
        }
    }

    /// Workers that the load of the last seconds occupies, and those that clear the queue within
    /// a time in which machines can come. The wait that the pool itself aims at stays out of it:
    /// no machine starts within milliseconds, and a queue that is to be gone by then asks for a
    /// worker for each of its jobs. A fleet sized by that went from 5 pods to 40 where 11 were
    /// needed (simulated, `tests/fleet.rs`).
    ///
    /// A full queue lets in no more than the workers take out, so without what it refused the upper
    /// bound would cap the demand. It counts for no more than what was accepted: whoever tries
    /// again at once is refused a thousand times for one job.
    fn demand(&self, sample: &Sample, constants: &Constants) -> f64 {
        let [time, arrivals, completions, busy_s, refused] = self.demand.sums();
        let arrivals = arrivals + refused.min(arrivals);
        let service_s = busy_s / completions.max(1.0);
        let offered = if time > 0.0 { arrivals / time * service_s } else { 0.0 };
        // No job is worth more than one worker, which also holds if there is no time at all.
        let each = (service_s / constants.demand_clear.as_secs_f64()).min(1.0);
        offered + sample.queued as f64 * each
    }

    /// Runnable workers whose job has run for far longer than a job of this pool usually does.
    /// None before the first completion: without it nobody knows what is long.
    fn hogs(&self, sample: &Sample, cores: f64, constants: &Constants) -> f64 {
        let Some(typical_s) = self.typical_run_s else { return 0.0 };
        let long_s = constants.hog_age.as_secs_f64().max(constants.hog_age_ratio * typical_s);
        let hogs = sample.run_ages.iter().filter(|age| age.as_secs_f64() > long_s).count();
        (hogs as f64).min((constants.hogs_per_core * cores).ceil())
    }
}

/// One evaluation's view of the pool.
#[derive(Clone, Debug)]
pub(crate) struct Load<'a> {
    pub(crate) sample: &'a Sample,
    /// The lower bound, never above the upper one.
    pub(crate) min: u32,
    pub(crate) cores: f64,
    /// Jobs that no idle or starting worker is about to take.
    pub(crate) pending: u64,
    /// Busy workers that want a core; an estimate where the sample did not look.
    pub(crate) runnable: f64,
    runnable_share: f64,
    is_measured: bool,
    hogs: f64,
    nothing_completed: bool,
    reserve_deviations: f64,
    beside_hog: f64,
    /// Mean time that a job keeps a worker.
    service_s: f64,
    arrivals_per_s: f64,
    demand: f64,
}

impl Load<'_> {
    pub(crate) fn cores_whole(&self) -> u32 {
        self.cores.ceil() as u32
    }

    /// How long the job that waits longest, or the last one, will have waited: seconds.
    pub(crate) fn predicted_wait_s(&self) -> f64 {
        let workers = f64::from(self.sample.workers.max(1));
        let drain_s = self.pending as f64 * self.service_s / workers;
        self.sample.oldest_age.as_secs_f64().max(drain_s)
    }

    /// Workers for the jobs that arrive (Little's law) and to start those that wait within the
    /// target.
    pub(crate) fn needed(&self) -> u64 {
        (self.offered() + self.backlog()).ceil() as u64
    }

    /// One worker for every job here: more could never be of use.
    pub(crate) fn one_each(&self) -> u64 {
        let occupied = u64::from(self.sample.busy) + u64::from(self.sample.starting);
        occupied.saturating_add(self.sample.queued)
    }

    /// The number to scale machines by: no upper bound applies. To the nearest, because it is
    /// summed over pools; zero when nothing happens.
    pub(crate) fn demand(&self) -> u32 {
        if self.sample.is_at_rest() {
            return 0;
        }
        let least = u32::from(!self.sample.is_quiet());
        ((self.demand + 0.5) as u32).max(least)
    }

    /// Whether jobs run for longer than any should wait: then it is no use to wait for one of them
    /// to end.
    pub(crate) fn jobs_are_long(&self) -> bool {
        self.service_s >= self.sample.target_wait.as_secs_f64()
    }

    /// Whether long jobs are known to be in the way, or nobody knows yet what is long.
    pub(crate) fn may_have_hogs(&self) -> bool {
        self.hogs > 0.0 || self.nothing_completed
    }

    /// Whether there is a core that nobody wants.
    pub(crate) fn has_free_core(&self) -> bool {
        self.runnable - self.hogs + self.coming() < self.cores
    }

    /// How many workers make sense with `per_core` runnable ones per core and the reserve: as many
    /// as keep the cores busy at the present share of sleep, or those missing right now, hogs left
    /// out and some allowed beside them.
    ///
    /// The reserve is in each ceiling. Were it only in the one for growth, the workers that it
    /// allowed would be called useless a window later and, on a part of a core, where it is larger
    /// than the cores, an overload. Simulated, waits and cost hardly tell which ceilings have it.
    ///
    /// An idle worker counts as runnable here, because a job waits for it: between two short jobs
    /// every worker is idle for a moment, and an evaluation must not mistake that for room.
    pub(crate) fn ceiling(&self, per_core: f64) -> u32 {
        let beside_hogs = self.beside_hog * self.hogs;
        let room = per_core * self.cores + self.reserve();
        let by_share = (room / self.runnable_share + beside_hogs).ceil() + self.hogs;
        let missing = (room + beside_hogs - (self.runnable - self.hogs) - self.coming()).ceil();
        let by_deficit = f64::from(self.sample.workers) + missing;
        let workers = by_share.max(by_deficit).max(self.cores.ceil());
        (workers as u32).clamp(self.min, self.sample.max)
    }

    /// Runnable workers on top of the cores, for jobs that sleep in part. Of N workers that want a
    /// core with probability s there are N·s in the mean that do, and the standard deviation is
    /// √(N·s·(1 − s)): where the mean is the number of cores, √(cores·(1 − s)). Workers that only
    /// compute do not come and go, and need none.
    fn reserve(&self) -> f64 {
        let variance = self.cores * (1.0 - self.runnable_share);
        self.reserve_deviations * variance.sqrt()
    }

    /// Workers about to take a job.
    fn coming(&self) -> f64 {
        f64::from(self.sample.starting) + f64::from(self.sample.idle)
    }

    /// How many workers at most did not only wait for a core; all, if nobody has looked yet.
    pub(crate) fn useful(&self, per_core: f64) -> u32 {
        if self.is_measured { self.ceiling(per_core) } else { u32::MAX }
    }

    /// Workers occupied by the jobs that arrive, in the long run.
    fn offered(&self) -> f64 {
        self.arrivals_per_s * self.service_s
    }

    /// Workers that start all waiting jobs within the target. A target of zero needs them all at
    /// once, which the callers limit to one for each job.
    fn backlog(&self) -> f64 {
        let work_s = self.sample.queued as f64 * self.service_s;
        let target_s = self.sample.target_wait.as_secs_f64();
        if work_s > 0.0 { work_s / target_s } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimates() -> Estimates {
        Estimates::new(&Constants::default())
    }

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn the_ceiling_follows_the_share_of_sleep_or_what_is_missing_now() {
        let cases = [
            // busy, idle, starting, runnable, share, hogs => ceiling with one per core of four and
            // no reserve
            ((8, 0, 0, 8.0, 1.0, 0.0), 4),
            ((8, 0, 0, 8.0, 0.5, 0.0), 8),
            ((8, 0, 0, 8.0, 0.3, 0.0), 14),
            ((8, 0, 0, 2.0, 1.0, 0.0), 10),
            ((8, 0, 1, 2.0, 1.0, 0.0), 10),
            ((8, 1, 0, 2.0, 1.0, 0.0), 10),
            ((4, 0, 0, 4.0, 0.5, 3.0), 14),
            ((4, 0, 0, 4.0, 1.0, 3.0), 10),
            ((20, 0, 0, 2.0, 1.0, 2.0), 26),
            ((20, 0, 0, 2.5, 1.0, 0.0), 22),
            ((50, 0, 0, 0.0, 0.001, 0.0), 100),
            ((1, 0, 0, 40.0, 1.0, 0.0), 4),
        ];
        for (case, expected) in cases {
            let (busy, idle, starting, runnable, runnable_share, hogs) = case;
            let workers = busy + idle + starting;
            let base = Sample { cores: 4.0, max: 100, ..Sample::default() };
            let sample = Sample { workers, busy, idle, starting, ..base };
            let load = estimates().read(&sample, &Constants::default());
            let reserve_deviations = 0.0;
            let load = Load { runnable, runnable_share, hogs, reserve_deviations, ..load };
            assert_eq!(load.ceiling(1.0), expected, "{case:?}");
        }
    }

    #[test]
    fn the_reserve_is_so_many_deviations_of_the_number_that_want_a_core() {
        let cases = [
            // cores, runnable, share, per core, deviations => ceiling with eight workers, all busy
            ((4.0, 4.0, 0.5, 1.0, 0.0), 8),
            ((4.0, 4.0, 0.5, 1.0, 1.0), 11),
            ((4.0, 4.0, 0.5, 1.0, 2.0), 14),
            ((4.0, 4.0, 0.5, 1.0, 3.0), 17),
            ((4.0, 4.0, 0.5, 2.0, 2.0), 22),
            ((16.0, 16.0, 0.5, 1.0, 2.0), 44),
            ((4.0, 4.0, 0.1, 1.0, 2.0), 78),
            ((4.0, 0.0, 1.0, 1.0, 2.0), 12),
            // What only computes does not come and go.
            ((4.0, 4.0, 1.0, 1.0, 3.0), 8),
            ((4.0, 8.0, 1.0, 1.0, 3.0), 4),
        ];
        for (case, expected) in cases {
            let (cores, runnable, runnable_share, per_core, reserve_deviations) = case;
            let base = Sample { cores, max: 100, ..Sample::default() };
            let sample = Sample { workers: 8, busy: 8, ..base };
            let load = estimates().read(&sample, &Constants::default());
            let load = Load { runnable, runnable_share, reserve_deviations, ..load };
            assert_eq!(load.ceiling(per_core), expected, "{case:?}");
        }
    }

    #[test]
    fn what_was_not_looked_at_is_guessed_from_what_was() {
        let mut estimates = estimates();
        let unseen = Sample { elapsed: secs(1), busy: 40, ..Sample::default() };
        estimates.update(&unseen);
        let load = estimates.read(&unseen, &Constants::default());
        assert_eq!(load.runnable, 40.0, "nothing is known: all want a core");
        let busy_time = secs(8);
        estimates.update(&Sample { busy: 8, busy_time, runnable: Some(2), ..unseen.clone() });
        estimates.update(&unseen);
        let load = estimates.read(&unseen, &Constants::default());
        assert!((load.runnable - 10.0).abs() < 1e-9, "{}", load.runnable);
    }

    #[test]
    fn a_look_after_a_silence_weighs_what_was_done_since_and_not_the_silence() {
        let mut estimates = estimates();
        let slept = Sample { elapsed: secs(1), busy: 4, ..Sample::default() };
        estimates.update(&Sample { busy_time: secs(4), runnable: Some(0), ..slept.clone() });
        // Four that have just been woken are on a core for a moment.
        let woken = Duration::from_micros(40);
        estimates.update(&Sample { busy_time: woken, runnable: Some(4), ..slept.clone() });
        let load = estimates.read(&slept, &Constants::default());
        assert!(load.runnable_share < 0.1, "{}", load.runnable_share);
    }

    #[test]
    fn an_hour_of_silence_counts_as_a_second() {
        let [mut hour, mut second] = [estimates(), estimates()];
        for (estimates, elapsed) in [(&mut hour, secs(3_600)), (&mut second, secs(1))] {
            let past = Sample { elapsed: secs(1), arrivals: 50, ..Sample::default() };
            estimates.update(&past);
            estimates.update(&Sample { elapsed, ..Sample::default() });
        }
        assert_eq!(hour.flow.sums(), second.flow.sums());
    }

    #[test]
    fn at_most_32_hogs_a_core_are_left_out() {
        let mut estimates = estimates();
        estimates.update(&Sample { completions: 1, log2_service_sum: 20, ..Sample::default() });
        for (cores, ages, expected) in [(2.0, 100, 64.0), (4.0, 5, 5.0), (0.02, 100, 1.0)] {
            let run_ages = vec![secs(1); ages];
            let sample = Sample { cores, run_ages, ..Sample::default() };
            assert_eq!(estimates.read(&sample, &Constants::default()).hogs, expected);
        }
    }

    #[test]
    fn a_hog_has_run_twenty_times_as_long_as_usual_and_20_ms() {
        // Run times of 2^19 ns (0.5 ms) and 2^27 ns (134 ms).
        for (log2, long) in [(19, 20), (27, 2_684)] {
            let mut estimates = estimates();
            estimates.update(&Sample {
                completions: 1,
                log2_service_sum: log2,
                ..Sample::default()
            });
            for (age, hogs) in [(long, 0.0), (long + 1, 1.0)] {
                let run_ages = vec![Duration::from_millis(age)];
                let sample = Sample { cores: 4.0, run_ages, ..Sample::default() };
                assert_eq!(estimates.read(&sample, &Constants::default()).hogs, hogs, "{age} ms");
            }
        }
    }

    #[test]
    fn hours_of_hogs_do_not_change_what_is_usual() {
        let mut estimates = estimates();
        estimates.update(&Sample { completions: 9, log2_service_sum: 180, ..Sample::default() });
        for _ in 0..10_000 {
            estimates.update(&Sample { elapsed: secs(1), ..Sample::default() });
        }
        let usual = estimates.typical_run_s.unwrap_or_default();
        assert!((usual - 0.001_048_576).abs() < 1e-9, "{usual}");
    }
}
