//! The rules about imports, each on a few files made up for it.

use super::*;

fn complaints(files: &[(&str, &str)]) -> Vec<String> {
    let sources: Vec<Source> = files.iter().map(|(p, text)| Source::new(p, text)).collect();
    check(&sources)
}

#[test]
fn an_import_that_goes_up_or_sideways_is_found_however_it_is_written() {
    for text in [
        "use crate::run::worker;",
        "use super::worker::start;",
        "use crate::{run::{gate::Gate, worker::start as s}};",
        "fn f() { crate::run::worker::start(); }",
        "use crate::run::start;",
    ] {
        let files = [
            ("src/run/mod.rs", "pub(crate) use worker::start;"),
            ("src/run/gate.rs", text),
            ("src/run/worker.rs", ""),
        ];
        let found = complaints(&files);
        assert!(found.iter().any(|c| c.contains("run::gate imports run::worker")), "{text}");
    }
    let fine = [("src/run/worker.rs", "use super::gate::Gate;"), ("src/run/gate.rs", "")];
    assert!(complaints(&fine).is_empty());
    let test = "#[cfg(test)]\nmod tests {\n use crate::run::worker;\n}";
    assert!(complaints(&[("src/run/gate.rs", test), ("src/run/worker.rs", "")]).is_empty());
}

#[test]
fn a_module_without_a_rank_is_found() {
    assert_eq!(complaints(&[("src/run/new.rs", "")]).len(), 1);
}

#[test]
fn the_data_plane_may_not_know_of_the_control_plane() {
    let files = [("src/run/worker.rs", "use crate::scale::Pace;"), ("src/scale/mod.rs", "")];
    assert!(complaints(&files).iter().any(|c| c.contains("knows nothing of")));
}

#[test]
fn the_law_may_not_look_at_the_world() {
    for text in ["use crate::sync::Arc;", "use crate::time::Nanos;", "use std::time::Instant;"] {
        let files = [("src/scale/load.rs", text), ("src/sync.rs", ""), ("src/time.rs", "")];
        assert_eq!(complaints(&files).len(), 1, "{text}");
    }
    let law = "impl ScalingPolicy for Gradient {}";
    assert!(complaints(&[("src/scale/core.rs", law)])[0].contains("list it as pure"));
}
