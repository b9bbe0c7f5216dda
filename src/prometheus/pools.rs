//! The pools of the process: those whose health the endpoint tells, and those it shows.

use super::live::Late;
use crate::run::phase::Stage;
use crate::scale::{Core, refresh};
use crate::sync::{Arc, Mutex, Weak};

/// A pool that was built. It does not live on in here.
struct Entry {
    core: Weak<Core>,
    /// Its `Pool` has not been dropped.
    is_owned: bool,
}

static POOLS: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

/// Adds a pool that has been built. With each that comes, those go of which nothing is left, so the
/// list is as long as there are pools.
pub(crate) fn enrol(core: &Arc<Core>) {
    let mut pools = POOLS.lock();
    pools.retain(|entry| entry.core.strong_count() > 0);
    pools.push(Entry { core: Arc::downgrade(core), is_owned: true });
}

/// A pool whose owner drops it is not unwell but no longer wanted. It is shown until it has ended.
pub(crate) fn disown(core: &Arc<Core>) {
    let mut pools = POOLS.lock();
    let mut known = pools.iter_mut().filter(|entry| entry.core.as_ptr() == Arc::as_ptr(core));
    if let Some(entry) = known.next() {
        entry.is_owned = false;
    }
}

/// The pools that somebody owns, whatever state they are in.
pub(crate) fn owned() -> Vec<Arc<Core>> {
    let known = listed().into_iter().filter(|(_, is_owned)| *is_owned);
    known.map(|(core, _)| core).collect()
}

/// These, and those that were dropped and have yet to end.
pub(crate) fn all() -> Vec<Arc<Core>> {
    let known = listed().into_iter().filter(|(core, is_owned)| *is_owned || !has_ended(core));
    known.map(|(core, _)| core).collect()
}

fn has_ended(core: &Core) -> bool {
    core.shared.phase.stage() == Stage::Ended
}

/// Has every pool that rests tell its recorder what there is: one that was not there when the pool
/// last spoke, or that has dropped what it said.
pub(crate) fn refresh() {
    let until = refresh::deadline();
    let pools = all().into_iter().filter(|core| core.reported.is_some());
    let asked = pools.filter_map(|core| Some((core.ask_to_report()?, core)));
    // All are asked before the first is waited for.
    let asked: Vec<_> = asked.collect();
    asked.iter().for_each(|(number, core)| core.refresh.wait(*number, until));
}

/// How late the supervisor is of each pool that a recorder is told about and that has not ended.
pub(crate) fn late() -> Vec<Late> {
    let late = |core: Arc<Core>| {
        let reported = core.reported.as_ref().filter(|reported| !reported.label.is_shared)?;
        let label = reported.label.text.clone();
        let seconds = core.supervisor_late().as_secs_f64();
        Some(Late { label, to_process: reported.to_process, seconds })
    };
    all().into_iter().filter(|core| !has_ended(core)).filter_map(late).collect()
}

/// Without those that a forked child has from its parent: they have no threads here, and would seem
/// unwell for ever.
///
/// The lock covers the list alone: what comes from here may be the last that holds its pool, and is
/// dropped outside.
fn listed() -> Vec<(Arc<Core>, bool)> {
    let mut left: Vec<_> = {
        let pools = POOLS.lock();
        let left = pools.iter().filter_map(|entry| Some((entry.core.upgrade()?, entry.is_owned)));
        left.collect()
    };
    left.retain(|(core, _)| !core.shared.is_forked());
    left
}
