//! Loads with a name: what the laws are compared on, and what the gates are about.

use std::time::Duration;

use super::job::Job;
use super::law::Law;
use super::load::{Length, Load, Work, bursty_hour};
use super::machine::Machine;
use super::measures::{Run, simulate};

/// A load on a machine.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Scenario {
    /// As the command line calls it.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// The jobs, by their arrival.
    pub jobs: Vec<Job>,
    /// What they run on.
    pub machine: Machine,
    /// How long the run lasts.
    pub horizon: Duration,
    /// When the load steps up, if it does once.
    pub step_at: Option<Duration>,
}

/// How a scenario is made: its name, what it is, and its jobs for a seed.
struct Recipe {
    name: &'static str,
    about: &'static str,
    load: fn() -> Load,
    /// Makes the jobs in place of the load.
    hour: Option<fn(u64) -> Vec<Job>>,
    machine: fn() -> Machine,
    seconds: u64,
    step_at: Option<Duration>,
}

/// Of four cores and 2 to 256 workers, unless the scenario is about something else.
fn four_cores() -> Machine {
    Machine::new(4.0)
}

const RECIPES: &[Recipe] = &[
    recipe("short-bursts", "0.1 ms of computing, 200 at once, 20 times a second", 20, || {
        Load::batches(200, ms(50)).of(Work::computing(us(100)))
    }),
    recipe("io-bursts", "0.6 ms of sleep, 100 at once, 20 times a second", 20, || {
        Load::batches(100, ms(50)).of(Work::sleeping(us(600)))
    }),
    recipe(
        "cpu-overload",
        "5 ms of computing at 2.5 times the cores, every third second",
        30,
        || Load::bursts(2_000.0, secs(1), secs(3)).of(Work::computing(ms(5))),
    ),
    recipe("cpu-batches", "200 ms of computing, 60 at once, every 5 s", 60, || {
        Load::batches(60, secs(5)).of(Work::computing(ms(200)))
    }),
    recipe("cpu-steady", "5 ms of computing in the mean, at 70 % of the cores", 60, || {
        Load::poisson(560.0).of(Work::computing(exponential(ms(5))))
    }),
    recipe("heavy-tail", "1 ms of computing, but 0.8 s for one job in a hundred", 60, || {
        Load::poisson(250.0)
            .of(Work::computing(ms(1)))
            .and(Load::poisson(2.5).of(Work::computing(ms(800))))
    }),
    recipe("hogs", "1 ms of computing, and six jobs of 3 s at once every 20 s", 60, || {
        Load::poisson(200.0).of(Work::computing(ms(1))).with_hogs(6, secs(3), secs(20))
    }),
    Recipe {
        machine: || Machine::new(1.0),
        ..recipe("one-core-hogs", "jobs of 1 ms and of 3 s at 1.85 times a single core", 60, || {
            let short = Load::poisson(350.0).of(Work::computing(ms(1)));
            short.and(Load::poisson(0.5).of(Work::computing(secs(3))))
        })
    },
    Recipe {
        step_at: Some(secs(20)),
        ..recipe("step", "100 ms of sleep, 20 a second, for 20 s 800 a second", 90, || {
            Load::step(20.0, 800.0, secs(20)..secs(40)).of(Work::sleeping(ms(100)))
        })
    },
    recipe("nested", "64 jobs at once that call one each and wait for it, every 10 s", 60, || {
        let called = Work::computing(us(200)).then_sleeping(ms(10));
        Load::batches(64, secs(10)).of(Work::computing(us(100)).calling(1, called))
    }),
    recipe("periodic", "100 ms of sleep, 60 at once, every 20 s", 300, || {
        Load::batches(60, secs(20)).of(Work::sleeping(ms(100)))
    }),
    Recipe {
        machine: || four_cores().neighbour(secs(20), 1.5).neighbour(secs(40), 4.0),
        ..recipe("neighbour", "10 ms of computing, and for 20 s only 1.5 of 4 cores", 60, || {
            Load::poisson(140.0).of(Work::computing(exponential(ms(10))))
        })
    },
    recipe("io-steady", "50 ms of sleep in the mean, 200 a second", 60, || {
        Load::poisson(200.0).of(Work::sleeping(exponential(ms(50))))
    }),
    recipe("io-mmpp", "50 ms of sleep; bursts of 600 a second over a trickle of 5", 300, || {
        Load::mmpp((5.0, secs(10)), (600.0, secs(1))).of(Work::sleeping(ms(50)))
    }),
    recipe("ramp", "20 ms of sleep, from none to 2000 a second within a minute", 90, || {
        Load::ramp(0.0, 2_000.0, secs(5)..secs(65)).of(Work::sleeping(ms(20)))
    }),
    recipe("sine", "30 ms of sleep, 500 a second, waves of a minute", 240, || {
        Load::sine(500.0, 0.9, secs(60)).of(Work::sleeping(ms(30)))
    }),
    recipe("mixed", "5 ms of computing and 50 ms of sleep, one after the other", 60, || {
        let work = Work::computing(exponential(ms(5))).then_sleeping(exponential(ms(50)));
        Load::poisson(400.0).of(work)
    }),
    recipe("mixed-full", "the same kind of job, at 90 % of what the cores can compute", 60, || {
        let work = Work::computing(exponential(ms(5))).then_sleeping(exponential(ms(50)));
        Load::poisson(720.0).of(work)
    }),
    recipe(
        "phases",
        "computing at 90 % and sleep at 20 jobs at once, 15 s each in turn",
        120,
        || {
            let computing = Load::bursts(720.0, secs(15), secs(30)).of(Work::computing(ms(5)));
            let asleep = Load::bursts(400.0, secs(15), secs(30)).of(Work::sleeping(ms(50)));
            computing.and(asleep.delayed(secs(15)))
        },
    ),
    recipe("outage", "20 ms of sleep, 200 a second; for 10 s each takes 2 s", 90, || {
        let healthy = Load::poisson(200.0).of(Work::sleeping(ms(20)));
        let slow = Load::poisson(200.0).of(Work::sleeping(secs(2)));
        let before = healthy.clone().between(secs(0), secs(20));
        let during = slow.between(secs(20), secs(30));
        before.and(during).and(healthy.between(secs(30), secs(90)))
    }),
    Recipe {
        machine: || four_cores().workers(2, 32).queue_limit(500),
        ..recipe(
            "bounded",
            "100 ms of sleep at twice what 32 workers and 500 places hold",
            30,
            || Load::bursts(640.0, secs(3), secs(10)).of(Work::sleeping(ms(100))),
        )
    },
    Recipe {
        hour: Some(bursty_hour),
        ..recipe(
            "bursty-hour",
            "sleep as for the tokens of a code assistant, an hour",
            3_500,
            Load::default,
        )
    },
];

/// The names of all scenarios, in the order of the tables.
pub fn names() -> impl Iterator<Item = &'static str> {
    RECIPES.iter().map(|recipe| recipe.name)
}

impl Scenario {
    /// The scenario of this name, as this seed makes it.
    ///
    /// ```
    /// use springtide::sim::{Scenario, Supervised, scenario};
    /// use springtide::PredictedWait;
    ///
    /// let step = Scenario::named("step", 1).expect("it is one of those");
    /// let run = step.run(Box::new(Supervised::new("ours", PredictedWait::new())));
    /// assert!(run.late < 0.001, "hardly a job waits for longer than 10 ms");
    /// assert!(scenario::names().any(|name| name == "step"));
    /// ```
    pub fn named(name: &str, seed: u64) -> Option<Scenario> {
        let recipe = RECIPES.iter().find(|recipe| recipe.name == name)?;
        let horizon = secs(recipe.seconds);
        Some(Scenario {
            name: recipe.name,
            about: recipe.about,
            jobs: match recipe.hour {
                Some(jobs) => jobs(seed),
                None => (recipe.load)().jobs(seed, horizon),
            },
            machine: (recipe.machine)(),
            horizon,
            step_at: recipe.step_at,
        })
    }

    /// A load of one's own, on a machine of one's own; it ends a minute after the last arrival.
    pub fn of(name: &'static str, jobs: Vec<Job>, machine: Machine) -> Scenario {
        let last = jobs.last().map_or(Duration::ZERO, |job| job.at);
        let horizon = last.saturating_add(secs(60));
        Scenario { name, about: "a load of one's own", jobs, machine, horizon, step_at: None }
    }

    /// The run under one law.
    pub fn run(&self, law: Box<dyn Law>) -> Run {
        simulate(&self.jobs, &self.machine, law, self.horizon)
    }
}

const fn recipe(
    name: &'static str,
    about: &'static str,
    seconds: u64,
    load: fn() -> Load,
) -> Recipe {
    Recipe { name, about, load, hour: None, machine: four_cores, seconds, step_at: None }
}

fn exponential(mean: Duration) -> Length {
    Length::Exponential { mean }
}

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

const fn us(n: u64) -> Duration {
    Duration::from_micros(n)
}
