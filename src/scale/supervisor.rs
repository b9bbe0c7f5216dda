//! The one thread that changes the number of workers: look, decide, act, write down, rest.

use std::time::Duration;

use super::core::Core;
use super::export::Export;
use super::observer::Observer;
use super::policy::{FAST_TICK, Plan, Reason, SLOW_TICK, ScalingPolicy};
use super::reconcile::Reconciler;
use super::sample::Sample;
use crate::config::Settings;
use crate::ending;
use crate::error::CancelReason;
use crate::run::desk::Inside;
use crate::run::panics::catch;
use crate::run::phase::Stage;
use crate::run::sleep::Events;
use crate::run::{attempt, worker};
use crate::sync::Arc;
use crate::sync::atomic::Ordering;
use crate::time::{Nanos, unix_now};

/// After the system refused a thread, no other is asked for during this time.
const SPAWN_HOLD: Duration = Duration::from_secs(1);
/// So many refusals in a row with no worker alive, and waiting handles are told.
const REFUSALS_TOLERATED: u32 = 3;
/// The longest rest while jobs are queued, whatever the policy says.
const QUEUED_TICK: Duration = Duration::from_millis(50);

pub(crate) struct Supervisor {
    core: Arc<Core>,
    policy: Box<dyn ScalingPolicy>,
    observer: Observer,
    reconciler: Reconciler,
    export: Export,
    /// No thread is asked for before this.
    hold_until: Nanos,
    refusals: u32,
}

impl Supervisor {
    pub(crate) fn new(core: Arc<Core>, policy: Box<dyn ScalingPolicy>, export: Export) -> Self {
        Supervisor {
            core,
            policy,
            observer: Observer::default(),
            reconciler: Reconciler::default(),
            export,
            hold_until: Nanos::default(),
            refusals: 0,
        }
    }

    /// The supervisor's whole life: until every worker has left a pool that was shut down.
    pub(crate) fn run(mut self) {
        let core = Arc::clone(&self.core);
        let shared = &core.shared;
        shared.sleep.occupy_supervisor();
        let _inside = Inside::enter(shared);
        loop {
            // Whatever comes after this kicks again; whatever came before is in the sample.
            let events = shared.sleep.acknowledge().events();
            let now = shared.now();
            let plan = self.evaluate(now);
            self.export.flush_if_due(&core, &mut self.observer, now);
            if self.finish_ending() {
                return;
            }
            self.rest(now, &plan, events);
        }
    }

    fn evaluate(&mut self, now: Nanos) -> Plan {
        let core = Arc::clone(&self.core);
        let shared = &core.shared;
        shared.roster.reap();
        let settings = core.settings.load();
        let sample = self.observer.observe(shared, &settings, now);
        shared.cores.store(sample.cores.clamp(1.0, 1e6) as u32, Ordering::Relaxed);
        let recoveries = self.reconciler.check(shared, &sample, now);
        let wanted = self.decide(now, &sample);
        let plan = self.act(now, &sample, &settings, wanted);
        if recoveries > 0 {
            core.journal.lock().recoveries += recoveries;
        }
        self.write_down(now, &sample, &plan);
        plan
    }

    /// The policy's word, or none of it while the pool is paused or at its end.
    fn decide(&mut self, now: Nanos, sample: &Sample) -> Plan {
        let shared = &self.core.shared;
        if shared.phase.is_stopping() {
            return Plan::hold(Reason::Steady);
        }
        let policy = &mut self.policy;
        let plan = catch(|| policy.decide(now.as_duration(), sample))
            .unwrap_or_else(|_| Plan::hold(Reason::PolicyPanicked));
        if shared.is_paused() && plan.add > 0 && sample.workers >= sample.min {
            return Plan { demand: plan.demand, ..Plan::hold(Reason::Paused) };
        }
        if plan.add > 0 && now < self.hold_until {
            return Plan { demand: plan.demand, ..Plan::hold(Reason::SpawnFailed) };
        }
        plan
    }

    /// Carries a plan out within the bounds; returns what came of it.
    fn act(&mut self, now: Nanos, sample: &Sample, settings: &Settings, mut plan: Plan) -> Plan {
        let shared = Arc::clone(&self.core.shared);
        let (min, max) = (settings.min_workers as u32, settings.max_workers as u32);
        let live = shared.sleep.look().live();
        if plan.add > 0 {
            shared.drain.store(0, Ordering::Release);
            plan.add = self.start(now, plan.add.min(max.saturating_sub(live)));
            if plan.add == 0 {
                plan.reason =
                    if now < self.hold_until { Reason::SpawnFailed } else { Reason::AtMax };
            }
            return plan;
        }
        let spare = live.saturating_sub(min);
        let queued = || if shared.is_paused() { 0 } else { shared.gate.queued() };
        plan.retire_idle = plan.retire_idle.min(spare);
        if plan.retire_idle > 0 {
            plan.retire_idle = shared.sleep.retire_coldest(plan.retire_idle, queued);
        }
        let drain = plan.drain.min(spare - plan.retire_idle);
        if drain > 0 {
            // Parked workers go first; the others take a token each as they come out of a job.
            let parked = shared.sleep.retire_coldest(drain, || 0);
            let tokens = shared.drain.load(Ordering::Relaxed).max(drain - parked);
            shared.drain.store(tokens.min(spare - plan.retire_idle - parked), Ordering::Release);
        } else if sample.workers <= max && sample.queued == 0 {
            shared.drain.store(0, Ordering::Release);
        }
        plan.drain = drain;
        plan
    }

    /// Starts up to `n` workers; returns how many the system let us have.
    fn start(&mut self, now: Nanos, n: u32) -> u32 {
        for started in 0..n {
            if worker::start(&self.core.shared).is_err() {
                self.core.journal.lock().spawn_failures += 1;
                self.hold_until = now.after(SPAWN_HOLD);
                self.spawn_refused();
                return started;
            }
            self.refusals = 0;
            let mut journal = self.core.journal.lock();
            journal.workers_started += 1;
            journal.spawn_refused = false;
        }
        n
    }

    /// With workers alive a refusal means less parallel, nothing more. With none, and again and
    /// again, whoever waits is told instead of waiting for ever.
    fn spawn_refused(&mut self) {
        let shared = &self.core.shared;
        self.core.journal.lock().spawn_refused = true;
        self.refusals += 1;
        if shared.sleep.look().live() > 0 || self.refusals < REFUSALS_TOLERATED {
            return;
        }
        if shared.phase.is_running() {
            ending::cancel_handles(shared, CancelReason::NoWorkers);
        } else {
            ending::sweep(shared, None);
        }
    }

    fn write_down(&mut self, now: Nanos, sample: &Sample, plan: &Plan) {
        let took = self.core.shared.now().since(now).as_nanos() as u64;
        let mut journal = self.core.journal.lock();
        journal.record(now.as_duration(), sample, plan);
        journal.tick.record(took);
        let target = sample.workers.saturating_add(plan.add);
        journal.levels.target = target.saturating_sub(plan.retire_idle.saturating_add(plan.drain));
        journal.levels.demand = plan.demand;
        journal.levels.oldest_age = sample.oldest_age;
        journal.levels.last_tick_unix = unix_now();
    }

    /// Moves a pool that was shut down towards its end; true once it is there.
    fn finish_ending(&mut self) -> bool {
        let core = Arc::clone(&self.core);
        let shared = &core.shared;
        if shared.phase.is_stopping() {
            // A submitter may have been let in before the gate closed and push only now, after
            // the sweep of whoever ended the pool.
            ending::sweep(shared, None);
        }
        if shared.phase.is_running() || !shared.is_drained() {
            return false;
        }
        shared.phase.advance(Stage::Leaving);
        shared.rouse_all();
        shared.roster.reap();
        if shared.sleep.look().live() > 0 || shared.roster.anyone_left() {
            return false;
        }
        self.export.close(&core, &mut self.observer);
        shared.name.release();
        shared.phase.advance(Stage::Ended);
        shared.quiet.ring();
        true
    }

    /// Rests until the next look is due, somebody kicks, or, with nothing left to change, until
    /// the next job arrives.
    fn rest(&mut self, looked: Nanos, plan: &Plan, events: Events) {
        let core = Arc::clone(&self.core);
        let shared = &core.shared;
        let wake_at = self.next_look(looked, plan);
        shared.next_look.store(wake_at.0, Ordering::Release);
        // After the note above: see the job's side in `run::attempt`.
        let overdue = attempt::give_up_overdue(shared, shared.now());
        let wake_at = overdue.map_or(wake_at, |deadline| deadline.min(wake_at));
        loop {
            if wake_at == Nanos::NEVER {
                self.export.flush_if_changed(&core, &mut self.observer, shared.now());
                if shared.sleep.park_supervisor(events) {
                    shared.sleep.rest_supervisor(None);
                } else {
                    shared.sleep.rest_supervisor(Some(FAST_TICK));
                }
                return;
            }
            let now = shared.now();
            let kicked = shared.sleep.look().is_kicked();
            let due = if kicked { wake_at.min(looked.after(plan.kick_spacing)) } else { wake_at };
            if now >= due {
                return;
            }
            shared.sleep.rest_supervisor(Some(due.since(now)));
            if !shared.phase.is_running() {
                return;
            }
        }
    }

    fn next_look(&self, looked: Nanos, plan: &Plan) -> Nanos {
        let shared = &self.core.shared;
        let mut pause = plan.next_in.unwrap_or(Duration::MAX);
        if shared.gate.queued() > 0 && !shared.is_paused() {
            pause = pause.min(QUEUED_TICK);
        }
        if looked < self.hold_until {
            pause = pause.min(self.hold_until.since(looked).max(FAST_TICK));
        }
        if !shared.phase.is_running() {
            // A job that ignores its token may take any time; threads on their way out do not.
            let stuck = shared.phase.stage() == Stage::Stopping;
            pause = pause.min(if stuck { SLOW_TICK } else { FAST_TICK });
        }
        looked.after(pause)
    }
}

impl std::fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Supervisor").field("pool", &self.core.shared.name).finish_non_exhaustive()
    }
}
