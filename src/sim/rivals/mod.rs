//! The scaling laws of other systems, so that ours can be measured against them.
//!
//! Each file re-states one law from the source that it names, reduced to what decides the number of
//! workers, and says what it leaves out. They are laws of sizing only: the queue, the workers and
//! the machine are the model's and the same for all. Bounds are the pool's: where a system brings
//! its own upper limit, the limit of the pool takes its place, so that all have the same room.

mod dotnet;
mod hill_climbing;
mod hpa;
mod java;
mod kpa;
mod libdispatch;
mod mariadb;
mod replicas;
mod seed_rule;
mod static_size;
mod tokio;
mod tomcat;

pub use dotnet::DotNet;
pub use hpa::Hpa;
pub use java::Java;
pub use kpa::Kpa;
pub use libdispatch::Libdispatch;
pub use mariadb::MariaDb;
pub use seed_rule::SeedRule;
pub use static_size::Static;
pub use tokio::Tokio;
pub use tomcat::Tomcat;

use super::law::Law;

type Make = fn() -> Box<dyn Law>;

const RIVALS: &[(&str, Make)] = &[
    ("static-cores", || Box::new(Static::cores())),
    ("static-max", || Box::new(Static::max())),
    ("seed", || Box::new(SeedRule::new())),
    ("seed-1s", || Box::new(SeedRule::each_second())),
    ("java", || Box::new(Java::new())),
    ("tomcat", || Box::new(Tomcat::new())),
    ("tokio", || Box::new(Tokio::new())),
    ("mariadb", || Box::new(MariaDb::new())),
    ("libdispatch", || Box::new(Libdispatch::new())),
    ("dotnet", || Box::new(DotNet::new())),
    ("hpa", || Box::new(Hpa::new())),
    ("hpa-scaled", || Box::new(Hpa::scaled())),
    ("kpa", || Box::new(Kpa::new())),
    ("kpa-scaled", || Box::new(Kpa::scaled())),
];

/// The law of this name, new; `None` if there is none.
///
/// ```
/// use springtide::sim::rivals::rival;
///
/// assert_eq!(rival("tokio").map(|law| law.name()), Some("tokio"));
/// assert!(rival("abacus").is_none());
/// ```
pub fn rival(name: &str) -> Option<Box<dyn Law>> {
    let (_, make) = RIVALS.iter().find(|(known, _)| *known == name)?;
    Some(make())
}

/// All names that [`rival`] knows, the simplest laws first.
pub fn names() -> impl Iterator<Item = &'static str> {
    RIVALS.iter().map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::law::{Act, Moment, View};
    use super::*;

    #[test]
    fn each_name_brings_the_law_of_that_name() {
        for name in names() {
            assert_eq!(rival(name).map(|law| law.name()), Some(name));
        }
        assert!(rival("").is_none());
    }

    /// Every law, taken through views that a pool could not even have in this order: whatever it
    /// is told, the bounds hold.
    #[test]
    fn no_law_starts_past_the_upper_bound_or_retires_below_the_lower() {
        let moments = [Moment::Submitted, Moment::Started, Moment::Finished, Moment::Tick];
        for (name, min, max) in
            names().flat_map(|name| [(name, 2, 64), (name, 0, 1), (name, 3, 3), (name, 0, 0)])
        {
            let mut law = rival(name).expect("it is one of the names");
            let mut random = super::super::Random::new(7);
            let opened = View { min, max, workers: min, idle: min, ..View::example() };
            within(&law.react(Moment::Opened, &opened), &opened, name);
            for step in 1..3_000_u32 {
                let workers = min + random.below(u64::from(max - min) + 1) as u32;
                let idle = random.below(u64::from(workers) + 1) as u32;
                let starting = random.below(u64::from(workers - idle) + 1) as u32;
                let busy = workers - idle - starting;
                let view = View {
                    now: Duration::from_millis(170) * step,
                    queued: random.below(3_000),
                    workers,
                    idle,
                    starting,
                    busy,
                    runnable: random.below(u64::from(busy) + 1) as u32,
                    completions: u64::from(step) * 100,
                    dequeues: u64::from(step / 9) * 900,
                    ..opened.clone()
                };
                let moment = moments[random.below(4) as usize];
                within(&law.react(moment, &view), &view, name);
            }
        }
    }

    #[track_caller]
    fn within(act: &Act, pool: &View<'_>, name: &str) {
        assert!(pool.workers + act.start <= pool.max, "{name}: {act:?} for {pool:?}");
        assert!(pool.workers >= pool.min + act.retire_idle, "{name}: {act:?} for {pool:?}");
        assert!(act.retire_idle <= pool.idle, "{name}: {act:?} for {pool:?}");
        assert!(act.drain_to.is_none_or(|to| to >= pool.min), "{name}: {act:?} for {pool:?}");
        assert!(act.tick.is_none_or(|at| at > pool.now), "{name}: {act:?} for {pool:?}");
    }
}
