//! Adjusting a running pool: settings, pause, waiting for quiet.

use std::time::Duration;

use crate::config::Settings;
use crate::error::{ConfigError, WaitIdleError};
use crate::run::desk::Inside;
use crate::scale::Core;
use crate::sync::Arc;

/// Changes the settings, all or nothing. `change` is the caller's code and runs outside every lock;
/// if the settings have changed meanwhile, it is called again for the new ones.
pub(crate) fn reconfigure(
    core: &Core,
    mut change: impl FnMut(&mut Settings),
) -> Result<Settings, ConfigError> {
    let result = loop {
        let before = core.settings.load();
        let mut settings = (*before).clone();
        change(&mut settings);
        if let Some(problem) = settings.problems(core.ceiling).into_iter().next() {
            break Err(problem);
        }
        if replace(core, &before, &settings) {
            break Ok(settings);
        }
    };
    core.journal.lock().reloads[usize::from(result.is_err())] += 1;
    if result.is_ok() {
        adjust_queue(core);
        core.shared.rooms.look();
        core.shared.sleep.kick();
    } else {
        core.shared.sleep.nudge();
    }
    result
}

/// False if the settings are no longer those of `before`.
fn replace(core: &Core, before: &Settings, after: &Settings) -> bool {
    let _one_at_a_time = core.retuning.lock();
    let is_current = *core.settings.load() == *before;
    if is_current {
        core.settings.store(Arc::new(after.clone()));
    }
    is_current
}

/// Tells submitters the bound and the rule in force, and workers the order: of several that do so
/// at once, the last one to look is right.
fn adjust_queue(core: &Core) {
    let in_force = || {
        let settings = core.settings.load();
        (settings.capacity(), settings.overflow, settings.rules())
    };
    loop {
        let (capacity, overflow, rules) = in_force();
        core.shared.gate.set_capacity(capacity);
        core.shared.set_overflow(overflow);
        core.shared.queue.levels.set_rules(rules);
        if in_force() == (capacity, overflow, rules) {
            return;
        }
    }
}

pub(crate) fn pause(core: &Core) {
    core.shared.restraints.pause();
}

pub(crate) fn resume(core: &Core) {
    core.shared.restraints.resume();
    core.shared.sleep.announce_to_all();
}

pub(crate) fn wait_idle(core: &Core, timeout: Option<Duration>) -> Result<(), WaitIdleError> {
    let shared = &core.shared;
    if Inside::is(shared) {
        return Err(WaitIdleError::InsideWorker);
    }
    if shared.is_forked() {
        return Err(WaitIdleError::Forked);
    }
    let deadline = timeout.map(|timeout| shared.now().after(timeout));
    if shared.wait_until(deadline, || shared.is_quiet()) {
        Ok(())
    } else {
        Err(WaitIdleError::TimedOut)
    }
}
