//! From settings to a lane; every problem named at once.

use super::dispatcher::{Dispatcher, begin_timer};
use super::handle::Lane;
use super::permit::LaneRoom;
use super::settings::{LaneSettings, Rate};
use super::state::State;
use crate::error::{BuildError, ConfigError};
use crate::name::OTHERS;
use crate::pool_handle::PoolHandle;
use crate::run::figures::LANES_NAMED;
use crate::sync::Arc;

/// The most lanes of one pool, those that were closed included: a lane is for a kind of work, not
/// for a customer. For those there are [keys](Lane::key).
pub const MAX_LANES: usize = 64;

/// Collects what a lane should be; made by [`PoolHandle::lane`].
#[derive(Debug)]
#[must_use = "nothing happens until build() is called"]
pub struct LaneBuilder<'a> {
    pool: &'a PoolHandle,
    name: String,
    settings: LaneSettings,
}

/// # Lanes
impl PoolHandle {
    /// Begins to build a lane: a queue of its own in front of the pool's, with limits of its own.
    ///
    /// A lane's jobs run on the pool's workers, and as long as a limit keeps them waiting they hold
    /// none. A flooded lane fills its own queue and no other, and delays the jobs of others by no
    /// more than the jobs that run. See [`Lane`].
    ///
    /// ```
    /// use springtide::Pool;
    ///
    /// let pool = Pool::builder("service").workers(2..=8).build()?;
    /// let reports = pool.lane("reports").max_running(2).queue_capacity(100).build()?;
    /// let pages = pool.lane("pages").reserved(4).build()?;
    /// let report = reports.submit(|| "a long one")?;
    /// let page = pages.submit(|| "a short one")?;
    /// assert_eq!((page.join()?, report.join()?), ("a short one", "a long one"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lane(&self, name: impl Into<String>) -> LaneBuilder<'_> {
        LaneBuilder { pool: self, name: name.into(), settings: LaneSettings::default() }
    }
}

impl LaneBuilder<'_> {
    /// The most jobs that may wait in the lane;
    /// [`DEFAULT_LANE_CAPACITY`](crate::DEFAULT_LANE_CAPACITY) unless set. What a submission does
    /// when there are as many is up to the pool's [`Overflow`](crate::Overflow) rule, where
    /// `CallerRuns` counts as `Block`: the caller would go around the limits.
    pub fn queue_capacity(mut self, jobs: usize) -> Self {
        self.settings.queue_capacity = jobs;
        self
    }

    /// The most jobs of the lane that run at once; as many as the pool has workers unless set.
    pub fn max_running(mut self, jobs: usize) -> Self {
        self.settings.max_running = Some(jobs);
        self
    }

    /// So many of the pool's workers no other lane takes away from this one. None unless set.
    /// (Jobs that are submitted to the pool itself ask no lane.)
    pub fn reserved(mut self, workers: usize) -> Self {
        self.settings.reserved = workers;
        self
    }

    /// The lane's share of the workers that several lanes want; 1 unless set.
    pub fn weight(mut self, weight: u32) -> Self {
        self.settings.weight = weight;
        self
    }

    /// How often jobs of the lane start: so many a second, and so many at once after a pause. As
    /// often as they can unless set. What is counted is the handing over to the pool's queue; how
    /// long a job waits there for a worker is up to the load.
    ///
    /// A shutdown that waits keeps to the rate, however slow: it is a promise to somebody else. How
    /// long that may take is up to [`Pool::shutdown_timeout`](crate::Pool::shutdown_timeout). A
    /// rate of 0 is a pause, and ends with the pool.
    pub fn rate(mut self, per_second: f64, burst: u32) -> Self {
        self.settings.rate = Some(Rate { per_second, burst });
        self
    }

    /// The most jobs of one [key](Lane::key) that run at once; no limit unless set. With 1 the jobs
    /// of a key run one after the other, in the order of their submission.
    pub fn max_running_per_key(mut self, jobs: usize) -> Self {
        self.settings.max_running_per_key = Some(jobs);
        self
    }

    /// Opens the lane. One that was closed and has no more jobs can be opened again by its name,
    /// with new settings; its counters go on, and so does what its rate has allowed.
    ///
    /// # Errors
    ///
    /// [`BuildError::Invalid`] names every setting that cannot be used, and the name where a lane
    /// has it, or where it is `other`: so metrics call all lanes beyond the 16th together.
    /// [`BuildError::Closed`] if the pool is closed. (If it is closed a moment later, the lane is
    /// there and refuses its jobs.)
    pub fn build(self) -> Result<Lane, BuildError> {
        let core = &self.pool.core;
        if core.shared.gate.is_closed() {
            return Err(BuildError::Closed);
        }
        let dispatcher = Dispatcher::of(core).expect("nobody else keeps rooms");
        let mut problems = Vec::new();
        if self.name.is_empty() {
            let problem = "the name is empty; it becomes a metric label, write a word".into();
            problems.push(ConfigError { field: "lane", problem });
        }
        problems.extend(begin_timer(core, &self.settings));
        let opened = dispatcher.change(core, |state| {
            let max_workers = core.settings.load().max_workers;
            let row = state.find(&self.name);
            problems.extend(self.settings.problems(max_workers, state.reserved_besides(row)));
            problems.extend(name_problem(state, row, &self.name));
            problems.is_empty().then(|| match row {
                Some(row) => {
                    state.rows[row].is_closed = false;
                    state.set(row, self.settings.clone(), core.shared.now());
                    row
                }
                None => state.add(&self.name, self.settings.clone()),
            })
        });
        match opened {
            Some(row) => {
                let room = Arc::new(LaneRoom { dispatcher, row });
                Ok(Lane { pool: self.pool.clone(), room })
            }
            None => Err(BuildError::Invalid(problems)),
        }
    }
}

fn name_problem(state: &State, row: Option<usize>, name: &str) -> Option<ConfigError> {
    let problem = match row {
        _ if name == OTHERS => {
            format!("{OTHERS:?} is what lanes beyond the {LANES_NAMED}th are shown as together")
        }
        Some(row) if !state.rows[row].is_closed => {
            format!("there is one called {name:?}; clone its handle, or close it first")
        }
        Some(row) if state.rows[row].keys.waiting() > 0 || state.standings[row].out > 0 => {
            format!("the one called {name:?} was closed and has jobs still; wait for them")
        }
        None if state.rows.len() >= MAX_LANES => {
            format!("there are {MAX_LANES} already; use keys to tell customers apart")
        }
        _ => return None,
    };
    Some(ConfigError { field: "lane", problem })
}
