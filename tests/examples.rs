//! The smaller examples as programs: they run to their end and say what they should.

#[path = "support/program.rs"]
#[allow(dead_code, reason = "these take no arguments and write no files")]
mod program;

use program::Program;

/// Runs an example and returns what it printed.
#[track_caller]
fn printed(program: &Program) -> String {
    let output = program.run(&[]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).expect("it prints text")
}

#[test]
fn progress_tells_the_files_from_the_one_that_is_gone() {
    static PROGRESS: Program = Program::new("progress");
    let printed = printed(&PROGRESS);
    assert!(printed.contains("300 files") && printed.contains("1 could not be read"), "{printed}");
}

#[test]
fn thumbnails_are_made_of_all_that_are_pictures() {
    static THUMBNAILS: Program = Program::new("thumbnails");
    let printed = printed(&THUMBNAILS);
    assert!(printed.contains("40 thumbnails"), "{printed}");
    assert!(printed.contains("1 unreadable, 0 without a result"), "{printed}");
}

#[test]
fn the_crawler_stops_when_it_has_enough() {
    static CRAWLER: Program = Program::new("crawler");
    let printed = printed(&CRAWLER);
    let read = printed.split_whitespace().next().and_then(|word| word.parse().ok());
    assert!(read.is_some_and(|read: usize| (100..=200).contains(&read)), "{printed}");
}
