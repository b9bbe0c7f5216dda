//! The checks and tests of promtool.

use std::path::Path;
use std::process::Command;

/// Runs promtool in a folder. Without one the test passes, unless the environment insists.
#[track_caller]
pub(crate) fn promtool(folder: &Path, arguments: &[&str]) {
    match Command::new("promtool").args(arguments).current_dir(folder).output() {
        Ok(said) => {
            let text = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
            assert!(said.status.success(), "promtool {}:\n{text}", arguments.join(" "));
        }
        Err(error) if std::env::var_os("SPRINGTIDE_REQUIRE_PROMTOOL").is_none() => {
            eprintln!("skipped, no promtool: {error}");
        }
        Err(error) => panic!("promtool is required and missing: {error}"),
    }
}
