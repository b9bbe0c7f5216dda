//! What `--list` prints: every name that other arguments take.

use std::fmt::Write;

use springtide::sim::{Machine, Scenario, scenario};

use crate::knobs::{self, Knobs};
use crate::setup::law_names;

pub(crate) fn text() -> String {
    let mut text = String::from("Scenarios, for --scenario:\n");
    for name in scenario::names() {
        let about = Scenario::named(name, 1).map_or("", |scenario| scenario.about);
        let _ = writeln!(text, "  {name:<14} {about}");
    }
    text += "\nLaws, for --laws:\n";
    for name in law_names() {
        let _ = writeln!(text, "  {name:<14} {}", about(name));
    }
    text += "\nConstants of ours, for --set and --sweep, with their defaults:\n";
    let knobs = Knobs::of(&Machine::new(4.0));
    for name in knobs::names() {
        let value = knobs.get(name).map_or(String::new(), |value| value.to_string());
        let _ = writeln!(text, "  {name:<20} {value}");
    }
    text
}

/// What a law is, in one line; empty for a name that is not known.
fn about(law: &str) -> &'static str {
    match law {
        "ours" => "the default policy of this crate",
        "static-cores" => "one worker for each core, always",
        "static-max" => "as many workers as allowed, always",
        "seed" => "one up or down each 100 ms, by the length of the queue",
        "seed-1s" => "the same each second",
        "java" => "ThreadPoolExecutor with a core of one thread a core and a queue of 1024",
        "tomcat" => "the request threads of Apache Tomcat, 25 of them from the start",
        "tokio" => "the threads of spawn_blocking: one for each job that finds none idle",
        "mariadb" => "MariaDB's pool for its background work",
        "libdispatch" => "Apple's dispatch queues, as on Linux",
        "dotnet" => "the thread pool of .NET, with its hill climbing",
        "hpa" => "the horizontal autoscaler of Kubernetes, with its own periods",
        "hpa-scaled" => "the same with a look each second and a memory of 20 s",
        "kpa" => "the autoscaler of Knative, with its own periods",
        "kpa-scaled" => "the same with a tick of 200 ms and windows of 6 s and 0.6 s",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_law_is_explained() {
        assert!(law_names().all(|law| !about(law).is_empty()));
    }
}
