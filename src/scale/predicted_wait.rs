//! The default policy: grow on predicted wait, up to what the cores can carry; shrink to what
//! the recent past needed.

use std::time::Duration;

use super::constants::Constants;
use super::load::{Estimates, Load};
use super::pace::Pace;
use super::policy::{KICK_SPACING, Plan, Reason, ScalingPolicy};
use super::retention::Retention;
use super::sample::Sample;

#[cfg(test)]
mod demand;
#[cfg(test)]
mod growing;
#[cfg(test)]
mod looking;
#[cfg(test)]
mod promises;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod shrinking;
#[cfg(test)]
mod story;

/// The default policy: a worker is added only if a job would otherwise wait longer than the
/// target *and* another worker can make progress; one is retired only if nothing in the last
/// window needed it.
///
/// - **Growing.** The wait is predicted as the larger of the oldest job's age and `pending ×
///   service / workers`. Little's law sizes the pool, never with more than one worker for a
///   waiting job and at most doubling at once. Runnable workers, hogs left out, are kept at the
///   number of cores and a reserve for what that number varies by: a pool of sleepers grows, a pool
///   of spinners, which does not vary, does not.
/// - **Escapes** from states in which that would wait for ever: long jobs that pin the workers
///   ([`Reason::GrowHog`]), a queue that nothing leaves ([`Reason::Starvation`]), jobs that wait
///   on jobs still queued ([`Reason::EscapeBlocked`]).
/// - **Shrinking.** Idle workers only, down to the most that were busy at the same time within the
///   window, plus a spare if any were. The window is the pool's `keep_alive`. Where none was set it
///   is 10 s, or longer where the gaps seen so far say that this costs less than to start workers
///   anew.
///
/// The numbers behind this are its [`Constants`]. The objective, the keep-alive and the bounds
/// come with each [`Sample`]; when one of them changes, the window starts over, and the estimates
/// stay. No platform-dependent arithmetic is used, so the same samples give the same plans
/// everywhere.
///
/// ```
/// use springtide::{PredictedWait, Reason, Sample, ScalingPolicy};
/// use std::time::Duration;
///
/// let mut policy = PredictedWait::new().spare(2);
/// let mut sample = Sample::default();
/// (sample.max, sample.cores, sample.queued) = (8, 4.0, 3);
/// let plan = policy.decide(Duration::ZERO, &sample);
/// assert_eq!((plan.add, plan.reason), (3, Reason::FillCores));
/// ```
#[derive(Clone, Debug)]
pub struct PredictedWait {
    constants: Constants,
    estimates: Estimates,
    retention: Retention,
    drought: Drought,
    objective: Option<Objective>,
    now: Duration,
    hogs: Pace,
    starvations: Pace,
    escapes: Pace,
    sheds: Pace,
    overloaded_since: Option<Duration>,
    grew_at: Option<Duration>,
}

/// The configuration that the record of needs was made under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Objective {
    min: u32,
    max: u32,
    target_wait: Duration,
    keep_alive: Option<Duration>,
}

/// For how long jobs have waited and none has left the queue.
#[derive(Clone, Debug, Default)]
struct Drought {
    since: Duration,
    queued: bool,
    escapes: u32,
}

impl Drought {
    /// A queue that was empty a moment ago has not been starving since: there was nothing to take.
    fn update(&mut self, now: Duration, sample: &Sample) {
        let queued = sample.queued > 0;
        if sample.dequeues > 0 || !queued || !self.queued {
            self.since = now;
            self.escapes = 0;
        }
        self.queued = queued;
    }

    fn lasts(&self, now: Duration, long: Duration) -> bool {
        self.queued && now.saturating_sub(self.since) >= long
    }
}

impl PredictedWait {
    /// The policy with the default constants.
    pub fn new() -> Self {
        PredictedWait::with_constants(Constants::default())
    }

    /// The policy with constants of the caller's choice.
    pub fn with_constants(constants: Constants) -> Self {
        PredictedWait {
            estimates: Estimates::new(&constants),
            constants,
            retention: Retention::default(),
            drought: Drought::default(),
            objective: None,
            now: Duration::ZERO,
            hogs: Pace::default(),
            starvations: Pace::default(),
            escapes: Pace::default(),
            sheds: Pace::default(),
            overloaded_since: None,
            grew_at: None,
        }
    }

    /// Idle workers to keep on top of what the window needed; 1 by default.
    #[must_use]
    pub fn spare(mut self, workers: u32) -> Self {
        self.constants.spare = workers;
        self
    }

    /// The longest that the shrink window may become by learning; 60 s by default. With zero it
    /// stays at the shortest, 10 s by default. A `keep_alive` that the pool was given is the window
    /// in any case.
    #[must_use]
    pub fn window_max(mut self, longest: Duration) -> Self {
        self.constants.window_max = longest;
        self
    }

    /// The constants in use.
    pub fn constants(&self) -> &Constants {
        &self.constants
    }

    fn observe(&mut self, now: Duration, sample: &Sample) {
        self.now = self.now.max(now);
        let objective = Objective {
            min: sample.min,
            max: sample.max,
            target_wait: sample.target_wait,
            keep_alive: sample.keep_alive,
        };
        if self.objective.replace(objective) != Some(objective) {
            self.retention.restart(self.now, sample.keep_alive);
        }
        self.estimates.update(sample);
        self.drought.update(self.now, sample);
    }

    /// Notes how many workers the time since the previous look needed. Those that only waited for
    /// a core were no use, or a pool of computing jobs would keep for ever what it once had.
    fn note_need(&mut self, load: &Load<'_>) {
        let sample = load.sample;
        // A spare is for more of the same: where nothing was needed none is kept.
        let spare = if sample.busy_peak > 0 { self.constants.spare } else { 0 };
        let useful = load.useful(self.constants.soft_per_core);
        let need = sample.busy_peak.saturating_add(spare).min(useful);
        let need = need.clamp(load.min, sample.max);
        self.retention.record(self.now, need, &self.constants);
    }

    fn verdict(&mut self, load: &Load<'_>) -> Plan {
        outside_bounds(load)
            .or_else(|| self.shed_overload(load))
            .or_else(|| self.grow(load))
            .or_else(|| self.shrink(load))
            .unwrap_or_else(|| Plan::hold(Reason::Steady))
    }

    /// Far more workers want a core than there are, and that for a while: fewer would do more.
    fn shed_overload(&mut self, load: &Load<'_>) -> Option<Plan> {
        let c = &self.constants;
        let workers = load.sample.workers;
        let ceiling = load.ceiling(c.hard_per_core);
        let measured = load.sample.runnable.is_some() || load.sample.queued > 0;
        let overloaded = measured
            && load.runnable > c.overload_ratio * c.hard_per_core * load.cores
            && f64::from(workers) > c.overload_excess * f64::from(ceiling);
        if !overloaded {
            self.overloaded_since = None;
            return None;
        }
        let since = *self.overloaded_since.get_or_insert(self.now);
        let sustained = self.now.saturating_sub(since) >= c.overload_after;
        (sustained && self.sheds.take(self.now, c.shed_spacing)).then(|| {
            let surplus = workers.saturating_sub(ceiling);
            let step = surplus / c.shed_divisor.max(1);
            Plan::drain(step.max(1).min(workers - load.min), Reason::ShrinkCpu)
        })
    }

    fn grow(&mut self, load: &Load<'_>) -> Option<Plan> {
        let workers = load.sample.workers;
        if load.pending == 0 {
            return None;
        }
        if workers >= load.sample.max {
            return Some(Plan::hold(Reason::AtMax));
        }
        if workers < load.cores_whole() {
            return Some(fill_cores(load));
        }
        // Where jobs are long and a core is free, a thread costs less than any wait.
        let at_once = load.jobs_are_long() && load.has_free_core();
        if !at_once && load.predicted_wait_s() <= load.sample.target_wait.as_secs_f64() {
            return Some(Plan::hold(Reason::WillDrain));
        }
        let (want, why) = self.want(load);
        if want <= workers {
            return Some(Plan::hold(Reason::CpuSaturated));
        }
        let (want, why) = self.escape(load, want).unwrap_or((want, why));
        self.retention.grown();
        let at_once = self.constants.growth_floor.max(load.cores_whole()).max(workers);
        Some(Plan::add(want.saturating_sub(workers).min(at_once), why))
    }

    /// How many workers the load asks for and the cores allow, and one more where that rule is
    /// known to be too strict.
    fn want(&mut self, load: &Load<'_>) -> (u32, Reason) {
        let c = &self.constants;
        let (sample, workers) = (load.sample, load.sample.workers);
        let needed = load.needed().max(u64::from(workers) + 1).min(load.one_each());
        let allowed = load.ceiling(c.soft_per_core).min(sample.max);
        let want = u32::try_from(needed).map_or(allowed, |needed| needed.min(allowed));
        if want > workers {
            let asleep = load.runnable < load.cores / 2.0;
            return (want, if asleep { Reason::GrowBlocked } else { Reason::Grow });
        }
        let passed_over = sample.oldest_age > sample.target_wait.saturating_mul(c.hog_wait_targets);
        if passed_over
            && load.may_have_hogs()
            && workers < load.ceiling(c.hard_per_core)
            && self.hogs.take(self.now, c.fast_tick)
        {
            return (workers + 1, Reason::GrowHog);
        }
        if self.drought.lasts(self.now, c.starved_after)
            && self.starvations.take(self.now, c.starved_after)
        {
            return (workers + 1, Reason::Starvation);
        }
        (want, Reason::CpuSaturated)
    }

    /// No job leaves the queue and nobody runs: the jobs wait for one another, and the one that
    /// would free them all may stand anywhere in the queue. Doubling finds it in few steps.
    fn escape(&mut self, load: &Load<'_>, want: u32) -> Option<(u32, Reason)> {
        let c = &self.constants;
        let blocked = self.drought.lasts(self.now, c.blocked_after)
            && load.runnable < c.blocked_per_core * load.cores;
        if !(blocked && self.escapes.take(self.now, c.fast_tick)) {
            return None;
        }
        let doublings = self.drought.escapes.min(c.escape_doublings).min(u32::BITS);
        self.drought.escapes = self.drought.escapes.saturating_add(1);
        let step = u64::from(load.cores_whole()) << doublings;
        let most = load.one_each().min(u64::from(load.sample.max));
        let want = (u64::from(load.sample.workers) + step).max(u64::from(want)).min(most);
        Some((u32::try_from(want).unwrap_or(u32::MAX), Reason::EscapeBlocked))
    }

    /// Down to what the window needed. Only while nothing is queued, and only idle workers.
    fn shrink(&mut self, load: &Load<'_>) -> Option<Plan> {
        let sample = load.sample;
        if sample.queued > 0 || sample.idle == 0 {
            return None;
        }
        let goal = self.retention.goal(self.now, sample.workers, load.min, &self.constants)?;
        let surplus = sample.workers - goal;
        Some(Plan::retire_idle(surplus.min(sample.idle), Reason::ShrinkIdle))
    }

    /// When to look again: soon while more jobs wait than idle workers can take, and not at all
    /// while nothing can change without a new job. One worker that is idle for a moment between
    /// two jobs must not put off the next look by a slow tick.
    fn next_in(&self, sample: &Sample) -> Option<Duration> {
        if sample.is_at_rest() {
            return None;
        }
        let c = &self.constants;
        let pressure = sample.queued > u64::from(sample.idle);
        let tick = match pressure {
            true if self.is_growing() => c.kick_spacing,
            true => c.fast_tick,
            false if sample.workers > sample.min => self.retention.tick(c),
            false => c.slow_tick,
        };
        Some(tick.max(KICK_SPACING))
    }

    /// How close to this look a submitter may ask for the next one.
    fn kick_spacing(&self, load: &Load<'_>, plan: &Plan) -> Duration {
        let c = &self.constants;
        match plan.reason {
            Reason::CpuSaturated if self.is_growing() => c.kick_spacing,
            Reason::CpuSaturated | Reason::AtMax => c.kick_spacing_held,
            _ if plan.add > 0 || load.jobs_are_long() => c.kick_spacing_growing,
            _ => c.kick_spacing,
        }
    }

    /// Workers were added a moment ago: what they made of it should show soon.
    fn is_growing(&self) -> bool {
        self.grew_at.is_some_and(|at| self.now.saturating_sub(at) < self.constants.fast_tick)
    }
}

impl Default for PredictedWait {
    fn default() -> Self {
        PredictedWait::new()
    }
}

impl ScalingPolicy for PredictedWait {
    fn decide(&mut self, now: Duration, sample: &Sample) -> Plan {
        self.observe(now, sample);
        let load = self.estimates.read(sample, &self.constants);
        self.note_need(&load);
        let plan = self.verdict(&load);
        if plan.add > 0 {
            self.grew_at = Some(self.now);
        }
        let kick_spacing = self.kick_spacing(&load, &plan);
        Plan { demand: load.demand(), next_in: self.next_in(sample), kick_spacing, ..plan }
    }

    fn name(&self) -> &'static str {
        "predicted_wait"
    }
}

/// A pool outside its bounds goes back to them first, also while work is queued.
fn outside_bounds(load: &Load<'_>) -> Option<Plan> {
    let (workers, max) = (load.sample.workers, load.sample.max);
    if workers > max {
        return Some(Plan::drain(workers - max, Reason::AboveMax));
    }
    (workers < load.min).then(|| Plan::add(load.min - workers, Reason::BelowMin))
}

/// Up to the number of cores no prediction is needed.
fn fill_cores(load: &Load<'_>) -> Plan {
    let workers = load.sample.workers;
    let room = load.cores_whole().min(load.sample.max) - workers;
    let waiting = u32::try_from(load.pending).unwrap_or(u32::MAX);
    Plan::add(waiting.min(room), Reason::FillCores)
}
