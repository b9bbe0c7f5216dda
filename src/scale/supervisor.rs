//! The one thread that changes the number of workers: look, decide, act, write down, rest.

use std::time::Duration;

use super::core::Core;
use super::export::Export;
use super::observer::Observer;
use super::policy::{FAST_TICK, Plan, QUEUED_TICK, Reason, SLOW_TICK, ScalingPolicy};
use super::reconcile::Reconciler;
use super::sample::Sample;
use super::seen;
use crate::ending;
use crate::error::CancelReason;
use crate::run::desk::Inside;
use crate::run::panics::catch;
use crate::run::phase::Stage;
use crate::run::shared::NO_LIMIT;
use crate::run::sleep::Events;
use crate::run::stuck::StuckRule;
use crate::run::{news, overdue, worker};
use crate::sync::Arc;
use crate::sync::atomic::Ordering;
use crate::time::{ClockWatch, Nanos, Steady, unix_now};

/// After the system refused a thread, no other is asked for during this time.
const SPAWN_HOLD: Duration = Duration::from_secs(1);
/// So many refusals in a row with no worker alive, and waiting handles are told.
const REFUSALS_TOLERATED: u32 = 3;

pub(crate) struct Supervisor {
    core: Arc<Core>,
    policy: Box<dyn ScalingPolicy>,
    observer: Observer,
    reconciler: Reconciler,
    export: Export,
    time: Steady,
    clock_watch: ClockWatch,
    /// No thread is asked for before this.
    hold_until: Nanos,
    refusals: u32,
    /// The upper bound in force when workers were last told to leave between jobs.
    max_drained_for: u32,
    stuck: StuckRule,
}

impl Supervisor {
    pub(crate) fn new(
        core: Arc<Core>,
        policy: Box<dyn ScalingPolicy>,
        export: Export,
        stuck: StuckRule,
    ) -> Self {
        Supervisor {
            core,
            policy,
            stuck,
            observer: Observer::default(),
            reconciler: Reconciler::default(),
            export,
            time: Steady::default(),
            clock_watch: ClockWatch::default(),
            hold_until: Nanos::default(),
            refusals: 0,
            max_drained_for: 0,
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
            self.clock_watch.check(&shared.clock);
            let now = shared.now();
            core.attendance.arrive(now);
            let steady = self.time.at(now);
            let plan = self.evaluate(now, steady);
            self.export.flush_if_due(&core, &mut self.observer, steady);
            if self.finish_ending() {
                return;
            }
            self.rest(now, steady, &plan, events);
        }
    }

    /// One look and what follows from it. `now` is what the clock shows, `steady` goes for
    /// everything that is spaced out.
    fn evaluate(&mut self, now: Nanos, steady: Nanos) -> Plan {
        let core = Arc::clone(&self.core);
        let shared = &core.shared;
        shared.roster.reap();
        let settings = core.settings.load();
        let sample = self.observer.observe(shared, &settings, now, steady);
        shared.cores.store(sample.cores.clamp(1.0, 1e6) as u32, Ordering::Relaxed);
        let recoveries = self.reconciler.check(shared, &sample, steady);
        // Workers with a stuck job do not count, where others may stand in for them.
        let replaced = overdue::replaced_workers(shared, &self.stuck);
        let seen = seen::without_replaced(&sample, replaced);
        let held = shared.held();
        let seen = seen::without_held(&seen, held);
        let is_paused = shared.is_paused();
        let wanted = if is_paused {
            self.decide_paused(steady, &seen, &seen::as_paused(&seen))
        } else if held > 0 && seen::nobody_at_work(&seen) {
            // Another worker would be one more that tries what none of them can. The jobs are there
            // all the same, and whoever adds machines by the demand must not take some away.
            let demand = self.ask(steady, &seen).demand;
            Plan { demand, ..Plan::hold(Reason::StateFailed) }
        } else {
            self.decide(steady, &seen)
        };
        let bounds = [settings.min_workers, settings.max_workers];
        let bounds = bounds.map(|bound| bound as u32 + replaced);
        let mut plan = self.act(steady, &sample, bounds, wanted);
        if plan.add > 0 {
            self.reconciler.grew();
        }
        plan.stalled |= self.reconciler.is_stalled(steady, || core.run_p99());
        let is_quiet =
            if is_paused { seen::as_paused(&sample).is_quiet() } else { sample.is_quiet() };
        if plan.next_in.is_none() && !is_quiet {
            plan.next_in = Some(SLOW_TICK);
        }
        if recoveries > 0 {
            core.journal.lock().recoveries += recoveries;
        }
        core.journal.lock().noted.replaced = replaced;
        self.write_down(now, steady, &sample, &plan);
        plan
    }

    /// The policy's word, or none of it while the pool is at its end.
    fn decide(&mut self, now: Nanos, sample: &Sample) -> Plan {
        let shared = &self.core.shared;
        if shared.phase.is_stopping() {
            return Plan::hold(Reason::Steady);
        }
        let mut plan = self.ask(now, sample);
        if sample.workers == 0 && sample.queued > 0 && plan.add == 0 {
            // No policy, a broken one included, may let a job wait for nobody.
            let broken = plan.reason == Reason::PolicyPanicked;
            let reason = if broken { plan.reason } else { Reason::FillCores };
            plan = Plan { demand: plan.demand, ..Plan::add(1, reason) };
        }
        if plan.add > 0 && now < self.hold_until {
            return Plan { demand: plan.demand, ..Plan::hold(Reason::SpawnFailed) };
        }
        plan
    }

    /// The policy's word on a pool that may start no job, but for growth.
    fn decide_paused(&mut self, now: Nanos, sample: &Sample, paused: &Sample) -> Plan {
        let plan = self.ask(now, paused);
        if plan.add > 0 && sample.workers >= sample.min {
            return Plan { demand: plan.demand, ..Plan::hold(Reason::Paused) };
        }
        let held = sample.queued > 0 && !plan.is_change();
        Plan { reason: if held { Reason::Paused } else { plan.reason }, ..plan }
    }

    fn ask(&mut self, now: Nanos, sample: &Sample) -> Plan {
        let policy = &mut self.policy;
        catch(|| policy.decide(now.as_duration(), sample)).unwrap_or_else(|_| {
            // What it wanted last is nearer to the truth than nothing.
            let demand = self.core.journal.lock().noted.demand;
            Plan { demand, ..Plan::hold(Reason::PolicyPanicked) }
        })
    }

    /// Carries a plan out within the bounds; returns what came of it.
    fn act(&mut self, now: Nanos, sample: &Sample, [min, max]: [u32; 2], mut plan: Plan) -> Plan {
        let shared = Arc::clone(&self.core.shared);
        let live = shared.sleep.look().live();
        if plan.add > 0 {
            shared.limit.store(NO_LIMIT, Ordering::Release);
            let wanted = plan.add.min(max.saturating_sub(live));
            plan.add = self.start(now, wanted);
            let refused = now < self.hold_until;
            if plan.add < wanted && !refused {
                // Workers on their way out hold the slots, for some microseconds.
                plan.next_in = plan.next_in.map(|next| next.min(FAST_TICK)).or(Some(FAST_TICK));
            }
            if plan.add == 0 {
                plan.reason = if refused { Reason::SpawnFailed } else { Reason::AtMax };
            }
            return plan;
        }
        let spare = live.saturating_sub(min);
        if plan.is_change() && spare == 0 {
            plan.reason = Reason::AtMin;
        }
        let queued = || if shared.is_paused() { 0 } else { shared.gate.queued() };
        plan.retire_idle = plan.retire_idle.min(spare);
        if plan.retire_idle > 0 {
            let held = worker::retire_held(&shared, plan.retire_idle, min);
            let cold = shared.sleep.retire_coldest(plan.retire_idle - held, min, queued);
            plan.retire_idle = held + cold;
        }
        plan.drain = plan.drain.min(spare - plan.retire_idle);
        self.drain(sample, [min, max], &plan);
        plan
    }

    /// Sends workers home also while jobs wait: the parked ones now, the others as they come out
    /// of a job. The order stands until the next one, unless it loses its reason.
    fn drain(&mut self, sample: &Sample, [min, max]: [u32; 2], plan: &Plan) {
        let shared = &self.core.shared;
        if plan.drain == 0 {
            if sample.queued == 0 || max != self.max_drained_for {
                shared.limit.store(NO_LIMIT, Ordering::Release);
            }
            return;
        }
        // Counted from what the policy saw: some may have left by themselves since.
        let limit = plan.target(sample.workers).max(min);
        self.max_drained_for = max;
        let surplus = shared.sleep.look().live().saturating_sub(limit);
        shared.sleep.retire_coldest(surplus, limit, || 0);
        shared.limit.store(limit, Ordering::Release);
        shared.rouse_held();
    }

    /// Starts up to `n` workers; returns how many there was a slot and a thread for.
    fn start(&mut self, now: Nanos, n: u32) -> u32 {
        for started in 0..n {
            match worker::start(&self.core.shared) {
                Ok(true) => {}
                Ok(false) => return started,
                Err(_) => {
                    self.core.journal.lock().spawn_failures += 1;
                    self.hold_until = now.after(SPAWN_HOLD);
                    self.spawn_refused();
                    return started;
                }
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

    fn write_down(&mut self, now: Nanos, steady: Nanos, sample: &Sample, plan: &Plan) {
        let took = self.core.shared.now().since(now).as_nanos() as u64;
        let mut journal = self.core.journal.lock();
        // Whoever still wants a thread by then has asked again.
        journal.spawn_refused &= steady < self.hold_until;
        journal.record(steady.as_duration(), sample, plan);
        journal.tick.record(took);
        journal.noted.target = plan.target(sample.workers);
        journal.noted.demand = plan.demand;
        journal.noted.oldest_age = sample.oldest_age;
        journal.noted.last_tick_unix = unix_now();
    }

    /// Moves a pool that was shut down towards its end; true once it is there.
    fn finish_ending(&mut self) -> bool {
        let core = Arc::clone(&self.core);
        let shared = &core.shared;
        if !shared.phase.is_running() {
            shared.rouse_held();
            // As below: one that was let in as delayed may be put on the agenda only now.
            ending::settle_delayed(shared, None);
        }
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
        let timer_left = core.timer.end();
        let all_left = shared.sleep.look().live() == 0 && !shared.roster.anyone_left();
        // The queue was found empty before (E3).
        let settled = shared.outside.settlers.are_done();
        if !(all_left && timer_left && settled) {
            return false;
        }
        self.export.close(&core, &mut self.observer);
        shared.name.release();
        news::ended_for_good(shared);
        shared.phase.advance(Stage::Ended);
        shared.quiet.ring();
        true
    }

    /// Rests until the next look is due, somebody kicks, or, with nothing left to change, until
    /// the next job arrives.
    fn rest(&mut self, looked: Nanos, steady: Nanos, plan: &Plan, events: Events) {
        let core = Arc::clone(&self.core);
        let shared = &core.shared;
        let wake_at = looked.after(self.pause(steady, plan));
        shared.next_look.store(wake_at.0, Ordering::Release);
        // After the note above: see the job's side in `run::overdue`.
        let overdue = overdue::look(shared, shared.now(), &self.stuck);
        if overdue.stuck > 0 {
            self.core.journal.lock().stuck_jobs += overdue.stuck;
            // Another worker may be allowed now.
            return;
        }
        let wake_at = overdue.next.min(wake_at);
        loop {
            if wake_at == Nanos::NEVER {
                // Whatever happens once it counts as parked rings, so a flush after that is final.
                // Where there is news, more may follow: that is not worth a ring each.
                let parked = shared.sleep.park_supervisor(events);
                let now = self.time.at(shared.now());
                let settled = self.export.settle(&core, &mut self.observer, now);
                match (parked, settled) {
                    (true, true) => self.sleep(events),
                    (true, false) => self.doze(Some(SLOW_TICK)),
                    (false, _) => self.doze(Some(FAST_TICK)),
                }
                return;
            }
            let now = shared.now();
            let kicked = shared.sleep.look().is_kicked();
            let due = if kicked { wake_at.min(looked.after(plan.kick_spacing)) } else { wake_at };
            // Before the last look the clock has stepped back: when it is due is not known.
            if now >= due || now < looked {
                return;
            }
            self.doze(Some(due.since(now)));
            if !shared.phase.is_running() {
                return;
            }
        }
    }

    /// Sleeps until something happens that needs a look. To report what is known needs none.
    fn sleep(&mut self, events: Events) {
        let core = Arc::clone(&self.core);
        let shared = &core.shared;
        loop {
            let now = self.time.at(shared.now());
            // The recorder may have used up a ring that came as it was told (A5).
            let is_outdated = self.export.is_outdated(&core);
            let next = self.export.next_report(now);
            self.doze(if is_outdated { Some(Duration::ZERO) } else { next });
            let now = self.time.at(shared.now());
            let reported = self.export.report_if_due(&core, &mut self.observer, now);
            // Whoever rings for anything else has announced, kicked or counted it before, but for
            // those who ring again until they are heard.
            let nothing_else = shared.phase.is_running() && shared.sleep.park_supervisor(events);
            if !(reported && nothing_else) {
                return;
            }
        }
    }

    /// Rests for so long, or until it is rung for; nobody expects anything of it meanwhile.
    fn doze(&self, time: Option<Duration>) {
        self.core.attendance.leave();
        self.core.shared.sleep.rest_supervisor(time);
        self.core.attendance.arrive(self.core.shared.now());
    }

    /// How long until the next look, kicks apart.
    fn pause(&self, now: Nanos, plan: &Plan) -> Duration {
        let shared = &self.core.shared;
        let mut pause = plan.next_in.unwrap_or(Duration::MAX);
        if shared.gate.queued() > 0 {
            // In a paused pool nothing is in a hurry, but the jobs there grow older, and whoever
            // watches must see that somebody looks.
            pause = pause.min(if shared.is_paused() { SLOW_TICK } else { QUEUED_TICK });
        }
        if now < self.hold_until {
            pause = pause.min(self.hold_until.since(now).max(FAST_TICK));
        }
        if !shared.phase.is_running() {
            // A job that ignores its token may take any time, and so may a delayed one until it is
            // due; threads on their way out do not.
            let stuck = shared.phase.stage() == Stage::Stopping || !shared.delayed.is_empty();
            pause = pause.min(if stuck { SLOW_TICK } else { FAST_TICK });
        }
        pause
    }
}

impl std::fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Supervisor").field("pool", &self.core.shared.name).finish_non_exhaustive()
    }
}
