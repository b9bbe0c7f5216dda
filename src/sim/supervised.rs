//! The production policy in the simulator, looked after as the pool's supervisor does it.

use std::time::Duration;

use super::law::{Act, Law, Moment, View};
use crate::scale::ledger::{Counts, Ledger};
use crate::scale::policy::{Plan, QUEUED_TICK, Reason, SLOW_TICK, ScalingPolicy};
use crate::scale::sample::Sample;
use crate::time::Nanos;
use crate::time::nanos;

/// Drives a [`ScalingPolicy`], unchanged, through the same [`Sample`] that the pool builds.
///
/// It looks when the supervisor would: when the last plan said so, at the latest 50 ms later while
/// jobs are queued, and when a kick asks for it, which comes from whoever leaves more jobs
/// waiting than workers are free. A policy that panics is not caught here, as a pool would do: the
/// panic goes on to the caller.
///
/// ```
/// use springtide::sim::{Job, Machine, Supervised, simulate};
/// use springtide::PredictedWait;
/// use std::time::Duration;
///
/// let ms = Duration::from_millis;
/// let jobs: Vec<Job> = (0..40).map(|n| Job::asleep(ms(n), ms(100))).collect();
/// let law = Supervised::new("ours", PredictedWait::new());
/// let run = simulate(&jobs, &Machine::new(4.0), Box::new(law), Duration::from_secs(1));
/// assert_eq!((run.completed, run.peak), (40, 40));
/// ```
pub struct Supervised {
    name: &'static str,
    policy: Box<dyn ScalingPolicy>,
    ledger: Ledger,
    /// How long the supervisor takes to wake when it is kicked.
    wake: Duration,
    /// By how much it oversleeps.
    late: Duration,
    kicks: bool,
    kicked: bool,
    parked: bool,
    looked: Duration,
    /// When it looks next, kicks apart.
    due: Duration,
    kick_spacing: Duration,
    busy_peak: u32,
}

impl Supervised {
    /// The policy under this name.
    pub fn new(name: &'static str, policy: impl ScalingPolicy + 'static) -> Supervised {
        Supervised {
            name,
            policy: Box::new(policy),
            ledger: Ledger::default(),
            wake: Duration::ZERO,
            late: Duration::ZERO,
            kicks: true,
            kicked: false,
            parked: false,
            looked: Duration::ZERO,
            due: Duration::ZERO,
            kick_spacing: Duration::ZERO,
            busy_peak: 0,
        }
    }

    /// The supervisor takes this long to wake when it is kicked.
    #[must_use]
    pub fn wake(self, wake: Duration) -> Supervised {
        Supervised { wake, ..self }
    }

    /// Each rest with a timeout lasts so much longer than it was meant to: systems let timers slip
    /// in order to serve several at once, Linux by 50 µs.
    #[must_use]
    pub fn oversleeping(self, late: Duration) -> Supervised {
        Supervised { late, ..self }
    }

    /// Nobody kicks: it looks by its tick alone. To show what kicks are worth.
    #[must_use]
    pub fn without_kicks(self) -> Supervised {
        Supervised { kicks: false, ..self }
    }

    fn look(&mut self, pool: &View<'_>) -> Act {
        let sample = self.sample(pool);
        let mut plan = self.policy.decide(pool.now, &sample);
        if sample.workers == 0 && sample.queued > 0 && plan.add == 0 {
            plan = Plan { demand: plan.demand, ..Plan::add(1, Reason::FillCores) };
        }
        if plan.next_in.is_none() && !sample.is_quiet() {
            plan.next_in = Some(SLOW_TICK);
        }
        (self.kicked, self.looked, self.kick_spacing) = (false, pool.now, plan.kick_spacing);
        self.parked = plan.next_in.is_none();
        let pause = plan.next_in.unwrap_or(Duration::MAX);
        let pause = if pool.queued > 0 { pause.min(QUEUED_TICK) } else { pause };
        self.due = pool.now.saturating_add(pause).saturating_add(self.late);
        Act { tick: Some(self.due), ..carried_out(&plan, &sample) }
    }

    fn sample(&mut self, pool: &View<'_>) -> Sample {
        let inside = pool.queued.min(pool.queue_limit.unwrap_or(u64::MAX));
        let outside = pool.queued - inside;
        let counts = Counts {
            at: Nanos(nanos(pool.now)),
            accepted: pool.arrivals - outside,
            refused: 0,
            left: pool.dequeues,
            completed: pool.completions,
            busy_ns: nanos(pool.busy_time),
            log2_run_sum: pool.log2_run_sum,
        };
        let peak = std::mem::replace(&mut self.busy_peak, pool.busy);
        let mut sample = Sample {
            workers: pool.workers,
            starting: pool.starting,
            idle: pool.idle,
            busy: pool.busy,
            busy_peak: peak.max(pool.busy),
            min: pool.min,
            max: pool.max,
            cores: pool.cores,
            target_wait: pool.target_wait,
            keep_alive: pool.keep_alive,
            ..self.ledger.look(counts, outside)
        };
        if sample.queued > 0 && sample.idle == 0 {
            sample.runnable = Some(pool.runnable);
            sample.run_ages = pool.run_ages();
        }
        sample
    }

    /// Somebody left more jobs waiting than workers are free: looks now, or asks for the earliest
    /// look that is allowed. That never puts off the one that is due anyway.
    fn kick(&mut self, pool: &View<'_>) -> Act {
        let short = pool.queued > u64::from(pool.idle) + u64::from(pool.starting);
        let rings = self.parked || short && self.kicks;
        if !rings || self.kicked {
            return Act::none();
        }
        self.kicked = true;
        self.parked = false;
        let woken = pool.now.saturating_add(self.wake);
        let allowed = self.looked.saturating_add(self.kick_spacing);
        let at = if allowed > woken { allowed.saturating_add(self.late) } else { woken };
        let at = at.min(self.due);
        if at <= pool.now { self.look(pool) } else { Act::none().and_tick_at(at) }
    }
}

impl Law for Supervised {
    fn name(&self) -> &'static str {
        self.name
    }

    fn react(&mut self, moment: Moment, pool: &View<'_>) -> Act {
        self.busy_peak = self.busy_peak.max(pool.busy);
        match moment {
            Moment::Opened | Moment::Tick => self.look(pool),
            Moment::Submitted | Moment::Started => self.kick(pool),
            Moment::Finished => Act::none(),
        }
    }
}

impl std::fmt::Debug for Supervised {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let policy = self.policy.name();
        f.debug_struct("Supervised").field("name", &self.name).field("policy", &policy).finish()
    }
}

/// What the supervisor makes of a plan. A plan that adds does not retire, and lifts an order to
/// drain; such an order else stands as long as jobs are queued.
fn carried_out(plan: &Plan, sample: &Sample) -> Act {
    let act = Act { reason: Some(plan.reason), demand: Some(plan.demand), ..Act::none() };
    if plan.add > 0 {
        return Act { start: plan.add, drain_to: Some(u32::MAX), ..act };
    }
    if plan.drain > 0 {
        let away = plan.leave();
        let limit = sample.workers.saturating_sub(away).max(sample.min);
        let surplus = sample.workers - limit;
        return Act { retire_idle: surplus, drain_to: Some(limit), ..act };
    }
    let drain_to = (sample.queued == 0).then_some(u32::MAX);
    Act { retire_idle: plan.retire_idle, drain_to, ..act }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Job, Machine, simulate};

    const MS: Duration = Duration::from_millis(1);

    /// Looks every 5 ms, and does not want to be kicked for a second.
    struct Deaf;

    impl ScalingPolicy for Deaf {
        fn decide(&mut self, _: Duration, _: &Sample) -> Plan {
            let (next_in, kick_spacing) = (Some(5 * MS), Duration::from_secs(1));
            Plan { next_in, kick_spacing, ..Plan::hold(Reason::Steady) }
        }
    }

    #[test]
    fn a_kick_does_not_put_off_the_look_that_is_due() {
        let jobs: Vec<Job> = (0..9).map(|n| Job::asleep(n * 7 * MS, 40 * MS)).collect();
        let machine = Machine::new(4.0).workers(1, 1);
        let run = simulate(&jobs, &machine, Box::new(Supervised::new("deaf", Deaf)), 99 * MS);
        assert_eq!(run.evaluations, 19, "one each 5 ms");
    }

    #[test]
    fn any_plan_is_carried_out() {
        let sample = Sample { workers: 9, idle: 2, min: 3, max: 9, ..Sample::default() };
        let plan = Plan { retire_idle: 1, ..Plan::drain(u32::MAX, Reason::ShrinkCpu) };
        assert_eq!(carried_out(&plan, &sample).drain_to, Some(3));
    }
}
