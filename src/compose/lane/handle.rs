//! A lane from its users' side, but for submitting: adjust it, see it, end it.

use super::dispatcher::begin_timer;
use super::permit::LaneRoom;
use super::settings::LaneSettings;
use super::stats::LaneStats;
use crate::error::ConfigError;
use crate::pool_handle::PoolHandle;
use crate::sync::Arc;

/// A queue of its own in front of the pool's, with limits of its own; made by [`PoolHandle::lane`].
///
/// A lane is a bulkhead: work of one kind that must not take all that the pool has. Its jobs run on
/// the pool's workers, at most [`max_running`] at once and as often as its [`rate`] allows, and
/// hold no worker while they wait for that. Other lanes leave it the workers that it has
/// [`reserved`], and share the rest with it by [`weight`]. The jobs of one lane go in the order of
/// their submission, those of several [keys](Lane::key) by turns.
///
/// [`max_running`]: crate::LaneBuilder::max_running
/// [`rate`]: crate::LaneBuilder::rate
/// [`reserved`]: crate::LaneBuilder::reserved
/// [`weight`]: crate::LaneBuilder::weight
///
/// A clone is the same lane, which stays open until it is closed, whoever has a handle. Like a
/// [`PoolHandle`] it does not keep the pool alive: when the pool is closed, so are its lanes. What
/// waits in a lane was accepted: a shutdown that waits runs it, one that does not cancels it.
///
/// A job counts among those of the pool ([`Stats`](crate::Stats)) from the moment that it leaves
/// its lane; until then only [`Lane::stats`] knows of it.
///
/// Joining a job of a lane from inside one of the pool's own jobs runs it there and then if the
/// lane's limits allow that. A job of the same lane lends its place while it waits, and one that
/// has left the lane and waits for a worker steps back. The limits are not exceeded for it: a job
/// that waits for one whose turn has not come occupies its worker until then.
#[derive(Clone)]
pub struct Lane {
    pub(crate) pool: PoolHandle,
    pub(super) room: Arc<LaneRoom>,
}

/// # Adjusting, seeing, ending
impl Lane {
    /// Changes settings while the lane runs: all of them at once, or none. What may start now does.
    /// Returns the settings in force.
    ///
    /// `change` gets the present settings, and again if somebody else changed them in the meantime,
    /// so no change is lost.
    ///
    /// # Errors
    ///
    /// The first problem with what `change` made of them; then nothing was changed. A limit that is
    /// left as it was is none, though the pool has been made too small for it since.
    pub fn reconfigure(
        &self,
        mut change: impl FnMut(&mut LaneSettings),
    ) -> Result<LaneSettings, ConfigError> {
        let (core, row) = (&self.pool.core, self.room.row);
        loop {
            let before = self.settings();
            let mut settings = before.clone();
            change(&mut settings);
            if let Some(problem) = begin_timer(core, &settings) {
                return Err(problem);
            }
            let replaced = self.room.dispatcher.change(core, |state| {
                if state.rows[row].settings != before {
                    return Ok(false);
                }
                let reserved = state.reserved_besides(Some(row));
                let max_workers = core.settings.load().max_workers;
                if let Some(problem) = settings.new_problem(&before, max_workers, reserved) {
                    return Err(problem);
                }
                state.set(row, settings.clone(), core.shared.now());
                Ok(true)
            })?;
            if replaced {
                return Ok(settings);
            }
        }
    }

    /// The settings in force.
    pub fn settings(&self) -> LaneSettings {
        self.room.dispatcher.look_at(|state| state.rows[self.room.row].settings.clone())
    }

    /// Lets no more jobs into the lane. What waits there runs; blocked submitters get their jobs
    /// back. The pool and its other lanes go on, with the workers that this one had reserved.
    pub fn close(&self) {
        let (core, row) = (&self.pool.core, self.room.row);
        self.room.dispatcher.change(core, |state| {
            state.rows[row].is_closed = true;
            let settings = state.rows[row].settings.clone();
            state.set(row, settings, core.shared.now());
        });
    }

    /// One consistent snapshot of counts, levels and quantiles.
    pub fn stats(&self) -> LaneStats {
        let row = self.room.row;
        self.room.dispatcher.look_at(|state| LaneStats::of(&state.rows[row], &state.standings[row]))
    }

    /// The lane's name.
    pub fn name(&self) -> String {
        self.room.dispatcher.look_at(|state| state.rows[self.room.row].name.to_string())
    }
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane").field("name", &self.name()).finish_non_exhaustive()
    }
}
