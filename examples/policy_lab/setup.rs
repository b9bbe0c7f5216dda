//! Makes what was typed into what is compared; whatever is wrong with the input comes out here.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use springtide::WORKER_CEILING;
use springtide::sim::trace::{self, Row};
use springtide::sim::{Job, Law, Machine, Scenario, rivals, scenario};

use crate::args::{Args, WorkArg};
use crate::knobs::Knobs;
use crate::sweep::Sweep;

const OURS: &str = "ours";
const ALL: &str = "all";
const VARIANT: &str = "variant";
/// What is compared unless `--laws` says otherwise.
const USUAL: [&str; 8] =
    [OURS, "java", "tomcat", "tokio", "libdispatch", "dotnet", "mariadb", "kpa-scaled"];

/// Everything that a comparison needs.
pub(crate) struct Setup {
    pub(crate) title: String,
    pub(crate) about: String,
    /// The load as the first seed makes it.
    pub(crate) load: Scenario,
    pub(crate) contenders: Vec<Contender>,
    /// `--set`, in words.
    pub(crate) variant: Option<String>,
    pub(crate) sweep: Option<Sweep>,
    pub(crate) seeds: std::ops::Range<u64>,
    /// Opened before the runs, so that long ones do not end in "permission denied".
    pub(crate) json: Option<File>,
    pub(crate) report: Option<File>,
    pub(crate) picture: Option<File>,
    named: Option<String>,
    overrides: Overrides,
}

/// Who is compared.
pub(crate) struct Contender {
    pub(crate) label: String,
    pub(crate) law: Kind,
    /// The default policy with nothing changed.
    pub(crate) is_default: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Ours(Box<Knobs>),
    Rival(&'static str),
}

impl Contender {
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self.law, Kind::Ours(_))
    }

    pub(crate) fn law(&self) -> Box<dyn Law> {
        match &self.law {
            Kind::Ours(knobs) => knobs.law(),
            Kind::Rival(name) => rivals::rival(name).expect("it is one of the known names"),
        }
    }
}

/// What the arguments change on a machine.
#[derive(Clone, Debug)]
struct Overrides {
    cores: Option<f64>,
    workers: Option<(u32, u32)>,
    queue_limit: Option<u64>,
    target_wait: Option<Duration>,
    keep_alive: Option<Duration>,
}

impl Overrides {
    fn of(args: &Args) -> Result<Overrides, String> {
        let count = |n: usize| match u32::try_from(n) {
            Ok(count) if n <= WORKER_CEILING => Ok(count),
            _ => Err(format!("--workers: {n} is more than a pool may have, {WORKER_CEILING}")),
        };
        let workers = match &args.workers {
            Some(bounds) => Some((count(*bounds.start())?, count(*bounds.end())?)),
            None => None,
        };
        Ok(Overrides {
            cores: args.cores,
            workers,
            queue_limit: args.queue_capacity,
            target_wait: args.target,
            keep_alive: args.keep_alive,
        })
    }

    fn apply(&self, mut machine: Machine) -> Machine {
        if let Some(cores) = self.cores {
            // A neighbour leaves the same share of the cores as before.
            machine.usable.iter_mut().for_each(|(_, usable)| *usable *= cores / machine.cores);
            machine.cores = cores;
        }
        if let Some((min, max)) = self.workers {
            machine = machine.workers(min, max);
        }
        machine.queue_limit = self.queue_limit.or(machine.queue_limit);
        machine.target_wait = self.target_wait.unwrap_or(machine.target_wait);
        machine.keep_alive = self.keep_alive.or(machine.keep_alive);
        machine
    }
}

impl Setup {
    /// # Errors
    /// One line that names the argument.
    pub(crate) fn of(args: &Args) -> Result<Setup, String> {
        let overrides = Overrides::of(args)?;
        let (title, about, mut load) = load(args)?;
        load.machine = overrides.apply(load.machine);
        let knobs = Knobs::of(&load.machine);
        let changed = knobs.clone().with(&args.set).map_err(|e| format!("--set: {e}"))?;
        let sweep = args.sweep.as_deref().map(|text| Sweep::read(text, &changed)).transpose();
        let sweep = sweep.map_err(|e| format!("--sweep: {e}"))?;
        let contenders = contenders(args, &sweep, &knobs, &changed)?;
        let open = |path: Option<&Path>, name| path.map(|path| create(path, name)).transpose();
        Ok(Setup {
            title,
            about,
            load,
            contenders,
            variant: (!args.set.is_empty()).then(|| args.set.join(", ")),
            sweep,
            seeds: args.seed..args.seed.saturating_add(args.seeds),
            json: open(args.json.as_deref(), "--json")?,
            report: open(args.report.as_deref(), "--report")?,
            picture: open(args.picture.as_deref(), "--picture")?,
            named: args.scenario.clone(),
            overrides,
        })
    }

    /// The load as this seed makes it.
    pub(crate) fn load(&self, seed: u64) -> Scenario {
        let anew = self.named.as_deref().filter(|_| seed != self.seeds.start);
        let Some(mut load) = anew.and_then(|name| Scenario::named(name, seed)) else {
            return self.load.clone();
        };
        load.machine = self.overrides.apply(load.machine);
        load
    }

    /// What it is run on, in a few words.
    pub(crate) fn settings(&self) -> String {
        let machine = &self.load.machine;
        let queue = match machine.queue_limit {
            Some(jobs) => format!("queue {jobs}"),
            None => "queue unbounded".into(),
        };
        let mut settings = vec![
            format!("{} {}", machine.cores, if machine.cores == 1.0 { "core" } else { "cores" }),
            format!("workers {}..={}", machine.min, machine.max),
            queue,
            format!("target {:?}", machine.target_wait),
        ];
        settings.extend(machine.keep_alive.map(|window| format!("keep-alive {window:?}")));
        let (first, last) = (self.seeds.start, self.seeds.end.saturating_sub(1));
        match &self.named {
            Some(_) if last > first => settings.push(format!("seeds {first} to {last}")),
            Some(_) => settings.push(format!("seed {first}")),
            None => {}
        }
        settings.extend(self.variant.as_ref().map(|set| match &self.sweep {
            Some(_) => format!("with {set}"),
            None => format!("{VARIANT}: {set}"),
        }));
        settings.join(" · ")
    }
}

fn create(path: &Path, argument: &str) -> Result<File, String> {
    File::create(path).map_err(|e| format!("{argument}: {}: {e}", path.display()))
}

/// The title, what it is, and the load itself.
fn load(args: &Args) -> Result<(String, String, Scenario), String> {
    let Some(path) = &args.trace else {
        let name = args.scenario.as_deref().unwrap_or_default();
        let load = Scenario::named(name, args.seed).ok_or_else(|| {
            let known: Vec<&str> = scenario::names().collect();
            format!("--scenario: '{name}' is not one of {}", known.join(", "))
        })?;
        return Ok((name.into(), load.about.into(), load));
    };
    let rows = trace::read(path).map_err(|e| format!("--trace: {e}"))?;
    let speed = args.speed.unwrap_or(1.0);
    let jobs = jobs(&rows, args.work).into_iter().map(|mut job| {
        job.at = job.at.div_f64(speed);
        job
    });
    let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let faster = if speed == 1.0 { String::new() } else { format!(", {speed} times faster") };
    let about = match args.work {
        Some(WorkArg::Blocking) => format!("a trace whose jobs sleep{faster}"),
        Some(WorkArg::Cpu) => format!("a trace whose jobs compute{faster}"),
        None => format!("a trace, as it was recorded{faster}"),
    };
    Ok((file, about, Scenario::of("trace", jobs.collect(), Machine::new(4.0))))
}

/// Arrivals are left as they were recorded: `--speed` alone compresses them.
fn jobs(rows: &[Row], work: Option<WorkArg>) -> Vec<Job> {
    match work {
        None => trace::as_recorded(rows),
        Some(WorkArg::Blocking) => trace::blocking(rows),
        Some(WorkArg::Cpu) => {
            let computing = |row: &Row| Job::computing(row.at, row.cost.computing());
            rows.iter().map(computing).collect()
        }
    }
}

/// The names that `--laws` knows.
pub(crate) fn law_names() -> impl Iterator<Item = &'static str> {
    std::iter::once(OURS).chain(rivals::names())
}

fn contenders(
    args: &Args,
    sweep: &Option<Sweep>,
    knobs: &Knobs,
    changed: &Knobs,
) -> Result<Vec<Contender>, String> {
    let mut contenders = Vec::new();
    let ours = |label: String, own: Knobs| Contender {
        label,
        is_default: own == *knobs,
        law: Kind::Ours(Box::new(own)),
    };
    let mut laws = laws(args.laws.as_deref(), sweep.is_some())?;
    if let Some(sweep) = sweep {
        for value in &sweep.values {
            let own = changed.clone().with(&[format!("{}={value}", sweep.name)]);
            contenders.push(ours(value.to_string(), own.map_err(|e| format!("--sweep: {e}"))?));
        }
        laws.retain(|law| *law != OURS);
    }
    let is_varied = sweep.is_none() && !args.set.is_empty();
    if is_varied && !laws.contains(&OURS) {
        contenders.push(ours(VARIANT.into(), changed.clone()));
    }
    for law in laws {
        if law == OURS {
            contenders.push(ours(OURS.into(), knobs.clone()));
        } else {
            let law = Kind::Rival(law);
            contenders.push(Contender { label: name(&law).into(), law, is_default: false });
        }
        if law == OURS && is_varied {
            contenders.push(ours(VARIANT.into(), changed.clone()));
        }
    }
    Ok(contenders)
}

fn name(law: &Kind) -> &'static str {
    match law {
        Kind::Ours(_) => OURS,
        Kind::Rival(name) => name,
    }
}

fn laws(typed: Option<&str>, is_sweep: bool) -> Result<Vec<&'static str>, String> {
    let typed = match typed {
        None if is_sweep => return Ok(Vec::new()),
        None => return Ok(USUAL.to_vec()),
        Some(ALL) => return Ok(law_names().collect()),
        Some(typed) => typed,
    };
    let mut laws = Vec::new();
    for name in typed.split(',').map(str::trim) {
        let Some(known) = law_names().find(|known| *known == name) else {
            let known: Vec<&str> = law_names().collect();
            return Err(format!("--laws: '{name}' is not one of {ALL}, {}", known.join(", ")));
        };
        if !laws.contains(&known) {
            laws.push(known);
        }
    }
    Ok(laws)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn laws_are_taken_once_each_in_the_order_typed() {
        assert_eq!(laws(Some("tokio, ours,tokio"), false).unwrap(), ["tokio", "ours"]);
        assert_eq!(laws(Some(ALL), false).unwrap(), law_names().collect::<Vec<_>>());
        assert_eq!(laws(None, true).unwrap(), Vec::<&str>::new());
        let wrong = laws(Some("abacus"), false).unwrap_err();
        assert!(wrong.starts_with("--laws: 'abacus' is not one of all, ours, static-cores"));
        assert!(USUAL.iter().all(|usual| law_names().any(|known| known == *usual)));
    }

    #[test]
    fn a_neighbour_takes_the_same_share_of_other_cores() {
        let overrides = Overrides {
            cores: Some(2.0),
            workers: None,
            queue_limit: None,
            target_wait: None,
            keep_alive: None,
        };
        let machine = Machine::new(4.0).neighbour(Duration::from_secs(1), 1.5);
        let machine = overrides.apply(machine);
        assert_eq!((machine.cores, machine.usable[0].1), (2.0, 0.75));
    }
}
