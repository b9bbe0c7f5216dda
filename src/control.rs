//! Adjusting a running pool: settings, pause, waiting for quiet.

use std::time::Duration;

use crate::config::Settings;
use crate::error::{ConfigError, WaitIdleError};
use crate::run::desk::Inside;
use crate::scale::Core;
use crate::sync::Arc;
use crate::sync::atomic::Ordering;

/// Changes the settings, all or nothing. `change` is the caller's code and runs outside every lock.
pub(crate) fn reconfigure(
    core: &Core,
    change: impl FnOnce(&mut Settings),
) -> Result<Settings, ConfigError> {
    let before = core.settings.load();
    let mut settings = (*before).clone();
    change(&mut settings);
    let problem = settings.problems(core.ceiling).into_iter().next();
    core.journal.lock().reloads[usize::from(problem.is_some())] += 1;
    if let Some(problem) = problem {
        return Err(problem);
    }
    {
        let _one_at_a_time = core.retuning.lock();
        core.settings.store(Arc::new(settings.clone()));
        core.shared.gate.set_capacity(settings.capacity());
    }
    core.shared.sleep.kick();
    Ok(settings)
}

pub(crate) fn pause(core: &Core) {
    if core.shared.phase.is_running() {
        core.shared.paused.store(true, Ordering::Release);
    }
}

pub(crate) fn resume(core: &Core) {
    core.shared.paused.store(false, Ordering::Release);
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
