//! Rules of this repository that no compiler checks, as tests.
//!
//! Each rule is a function from files to complaints, and has small cases of its own that show that
//! it can fail. What is checked and why is in ARCHITECTURE.md and CONTRIBUTING.md.

mod habits;
mod invariants;
mod layers;
mod prose;
mod replay;
mod source;

use std::path::Path;

use invariants::Page;
use prose::Document;
use source::{exists, read, tree, walk};

#[track_caller]
fn none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// The Markdown files below a folder, relative to the repository.
fn documents(folder: &str) -> Vec<Document> {
    let mut found = Vec::new();
    walk(Path::new(folder), &mut found);
    found.retain(|path| path.ends_with(".md"));
    found.into_iter().map(|path| Document { text: read(&path), path }).collect()
}

/// Everything that is written for people.
fn prose() -> Vec<Document> {
    let top = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];
    let top = top.iter().map(|path| Document { path: (*path).to_owned(), text: read(path) });
    let below =
        ["src", "benches", "examples", "tests", "dashboards"].into_iter().flat_map(documents);
    top.chain(below).collect()
}

#[test]
fn imports_go_down_the_ranks() {
    none(layers::check(&tree()));
    none(prose::empty_ranks(&tree()));
}

#[test]
fn the_law_and_the_simulator_replay_alike_on_every_machine() {
    none(replay::check(&tree()));
}

#[test]
fn each_foreign_thing_has_one_home() {
    none(habits::homes(&tree()));
    none(habits::empty_homes(&tree()));
}

#[test]
fn files_functions_and_lines_fit_on_a_screen() {
    none(habits::sizes(&tree()));
}

#[test]
fn unsafe_code_is_where_it_may_be_and_says_why() {
    none(habits::unsafe_code(&tree(), habits::UNSAFE));
}

#[test]
fn nothing_is_left_undone_or_nameless() {
    none(habits::bans(&tree()));
    none(habits::orderings(&tree()));
    none(habits::words(&tree()));
}

#[test]
fn invariants_are_defined_once_relied_on_and_attacked() {
    let readmes = documents("src");
    let pages: Vec<Page<'_>> =
        readmes.iter().map(|page| Page { path: &page.path, text: &page.text }).collect();
    none(invariants::check(&tree(), &pages));
}

#[test]
fn documents_speak_of_what_is_there() {
    none(prose::files(&prose(), exists));
    none(prose::torn_tables(&prose()));
    none(prose::commands(&prose(), exists));
    none(prose::cited_tests(&prose(), &tree()));
    none(prose::untested_rules(&read("tests/README.md")));
    let tables = ["metric_table", "lane_table"].map(|name| read(&format!("src/scale/{name}.rs")));
    none(prose::metric_names(&prose(), &tables.concat()));
}

#[test]
fn the_map_of_the_code_is_whole() {
    none(prose::map(&read("ARCHITECTURE.md"), &tree()));
}
