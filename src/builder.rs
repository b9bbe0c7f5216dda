//! From settings to a running pool. The methods that set something are in the files beside this.

mod jobs;
mod reporting;
mod workers;

use std::time::Duration;

use crate::compose::retry::budget::RetryBudget;
use crate::config::{
    DEFAULT_DELAYED_CAPACITY, DEFAULT_QUEUE_CAPACITY, DEFAULT_TARGET_WAIT, Delayed, DropPolicy,
    Overflow, Settings, WORKER_CEILING,
};
use crate::error::{BuildError, ConfigError};
use crate::metrics_source::MetricsSource;
use crate::name::PoolName;
use crate::pool::Pool;
use crate::pool_handle::PoolHandle;
use crate::run::delayed::DelayedJobs;
use crate::run::panics;
use crate::run::parker::{Parker, SystemParker};
use crate::run::priority::{DEFAULT_AGEING, Weights};
use crate::run::shared::{Seams, Shared};
use crate::run::spawner::{Spawner, SystemSpawner};
use crate::run::stuck::StuckRule;
use crate::run::worker;
use crate::scale::{Core, Export, HistogramSink, PredictedWait, ScalingPolicy, Supervisor};
use crate::sync::Arc;
use crate::time::Clock;

/// A table of at least so many slots is made even for a small pool, so that it can be resized.
const SLOTS_AT_LEAST: usize = 256;
/// Stacks smaller than this cannot hold a worker's own frames.
const STACK_AT_LEAST: usize = 64 * 1024;

/// Collects what a pool should be; made by [`Pool::builder`].
///
/// Nothing is checked before [`Builder::build`], which then names every problem at once:
///
/// ```
/// use springtide::Pool;
///
/// let error = Pool::builder("").workers(8..=2).queue_capacity(0).build().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "name: it is empty; it becomes a metric label and a thread name, write a word; \
///      workers: 8..=2 is upside down; write 2..=8; \
///      queue_capacity: 0 leaves no room for any job; write at least 1",
/// );
/// ```
#[must_use = "nothing happens until build() is called"]
pub struct Builder {
    name: String,
    settings: Settings,
    ceiling: Option<usize>,
    policy: Box<dyn ScalingPolicy>,
    sink: HistogramSink,
    metrics: MetricsSource,
    report_at_rest: Option<Duration>,
    stack_size: Option<usize>,
    delayed_capacity: usize,
    delayed_at_shutdown: Delayed,
    retry_budget: RetryBudget,
    on_drop: DropPolicy,
    stuck: StuckRule,
    seams: Seams,
}

/// # Building
impl Pool {
    /// Begins to build a pool. The name is the `pool` label of its metrics and the prefix of its
    /// threads' names; if another pool of this process has it, `#2` is added. So it is to `other`,
    /// as metrics call all pools together whose names are too many.
    pub fn builder(name: impl Into<String>) -> Builder {
        Builder::new(name.into())
    }
}

impl Builder {
    fn new(name: String) -> Builder {
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        Builder {
            name,
            settings: Settings {
                min_workers: 1,
                max_workers: (16 * cores).clamp(32, 512),
                queue_capacity: Some(DEFAULT_QUEUE_CAPACITY),
                overflow: Overflow::default(),
                target_wait: DEFAULT_TARGET_WAIT,
                keep_alive: None,
                priorities: Weights::default(),
                ageing: DEFAULT_AGEING,
                cores: None,
            },
            ceiling: None,
            policy: Box::new(PredictedWait::default()),
            sink: HistogramSink::default(),
            metrics: MetricsSource::default(),
            report_at_rest: None,
            stack_size: None,
            delayed_capacity: DEFAULT_DELAYED_CAPACITY,
            delayed_at_shutdown: Delayed::default(),
            retry_budget: RetryBudget::default(),
            on_drop: DropPolicy::default(),
            stuck: StuckRule::default(),
            seams: Seams {
                clock: Clock::system(),
                parker: Arc::new(SystemParker),
                spawner: Arc::new(SystemSpawner),
                metered: true,
                observer: None,
            },
        }
    }

    #[doc(hidden)]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.seams.clock = clock;
        self
    }

    #[doc(hidden)]
    pub fn spawner(mut self, spawner: impl Spawner + 'static) -> Self {
        self.seams.spawner = Arc::new(spawner);
        self
    }

    #[doc(hidden)]
    pub fn parker(mut self, parker: impl Parker + 'static) -> Self {
        self.seams.parker = Arc::new(parker);
        self
    }

    /// Neither reads the clock nor keeps histograms for a job, so nothing knows how long jobs wait
    /// and run, expiry and timeouts do not work, and only a policy that does not ask can size the
    /// pool. For the bench that measures what the measuring costs.
    #[doc(hidden)]
    pub fn unmetered(mut self) -> Self {
        self.seams.metered = false;
        self
    }

    /// Starts the pool, with its lower bound of workers.
    ///
    /// # Errors
    ///
    /// [`BuildError::Invalid`] names every setting that cannot be used; [`BuildError::Spawn`] if
    /// the system refuses the supervisor's thread, or the first worker's. Workers it refuses after
    /// the first are asked for again later.
    pub fn build(self) -> Result<Pool, BuildError> {
        let problems = self.problems();
        if !problems.is_empty() {
            return Err(BuildError::Invalid(problems));
        }
        panics::note_panics();
        let ceiling = self.ceiling_in_force();
        let settings = self.settings;
        let spawner = Arc::clone(&self.seams.spawner);
        let name = PoolName::take(&self.name);
        let capacity = settings.capacity();
        let slots = ceiling + self.stuck.max_replacements;
        let delayed = DelayedJobs::new(self.delayed_capacity, self.delayed_at_shutdown);
        let shared = Shared::new(name, slots, capacity, delayed, self.stack_size, self.seams);
        shared.set_overflow(settings.overflow);
        shared.queue.levels.set_rules(settings.rules());
        let (shared, policy) = (Arc::new(shared), self.policy.name());
        let core = Core::new(shared, settings, policy, ceiling, self.retry_budget);
        let core = Arc::new(core.exported_to(&self.metrics));
        let export = Export::new(&core, &self.metrics, self.sink, self.report_at_rest);
        let supervisor = Supervisor::new(Arc::clone(&core), self.policy, export, self.stuck);
        let started = start_first_workers(&core).and_then(|()| {
            let thread_name = worker::supervisor_name(core.shared.name.as_str());
            spawner.spawn(thread_name, None, Box::new(move || supervisor.run()))
        });
        match started {
            // Not joined: its last act is to say that the pool has ended.
            Ok(_supervisor) => Ok(Pool::new(PoolHandle { core }, self.on_drop)),
            Err(error) => {
                worker::abandon(&core.shared);
                Err(BuildError::Spawn(error))
            }
        }
    }

    fn ceiling_in_force(&self) -> usize {
        self.ceiling.unwrap_or(self.settings.max_workers.max(SLOTS_AT_LEAST))
    }

    fn problems(&self) -> Vec<ConfigError> {
        let mut problems = Vec::new();
        if self.name.is_empty() {
            problems.push(ConfigError {
                field: "name",
                problem: "it is empty; it becomes a metric label and a thread name, write a word"
                    .into(),
            });
        }
        if let Some(at) = self.name.find('\0') {
            let problem = format!("byte {at} is NUL, which no thread name can hold; leave it out");
            problems.push(ConfigError { field: "name", problem });
        }
        problems.extend(self.settings.problems(self.ceiling.unwrap_or(WORKER_CEILING)));
        if let Some(ceiling) = self.ceiling
            && !(1..=WORKER_CEILING).contains(&ceiling)
        {
            let problem = format!("{ceiling} is out of range; write 1 to {WORKER_CEILING}");
            problems.push(ConfigError { field: "ceiling", problem });
        }
        if let Some(problem) = self.retry_budget.problem() {
            problems.push(ConfigError { field: "retry_budget", problem });
        }
        problems.extend(Export::problem(&self.metrics, self.sink));
        if let Some(bytes) = self.stack_size
            && bytes < STACK_AT_LEAST
        {
            let problem = format!("{bytes} bytes are too few; write at least {STACK_AT_LEAST}");
            problems.push(ConfigError { field: "stack_size", problem });
        }
        let (replacements, ceiling) = (self.stuck.max_replacements, self.ceiling_in_force());
        let room = WORKER_CEILING.saturating_sub(ceiling);
        if replacements > room {
            let problem = format!(
                "{replacements} above a ceiling of {ceiling} are more workers than \
                 {WORKER_CEILING}; write at most {room}, or a lower ceiling"
            );
            problems.push(ConfigError { field: "max_replacements", problem });
        }
        problems
    }
}

/// The lower bound of workers, before there is a supervisor. One is enough to begin with.
fn start_first_workers(core: &Core) -> std::io::Result<()> {
    let min = core.settings.load().min_workers;
    for started in 0..min {
        match worker::start(&core.shared) {
            Ok(started) => core.journal.lock().workers_started += u64::from(started),
            Err(error) if started == 0 => return Err(error),
            Err(_) => {
                core.journal.lock().spawn_failures += 1;
                break;
            }
        }
    }
    Ok(())
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.name)
            .field("settings", &self.settings)
            .field("policy", &self.policy.name())
            .finish_non_exhaustive()
    }
}
