//! What `--list` prints: every name that other arguments take.

use std::fmt::Write;

use springtide::sim::{Machine, Scenario, scenario};

use crate::knobs::{self, Knobs};
use crate::setup::law_names;

/// A line has no more letters than this.
const WIDTH: usize = 96;

pub(crate) fn text() -> String {
    let mut text = String::from("Scenarios, for --scenario:\n");
    for name in scenario::names() {
        let about = Scenario::named(name, 1).map_or("", |scenario| scenario.about);
        let _ = writeln!(text, "  {name:<14} {about}");
    }
    text += "\nLaws, for --laws:\n";
    let mut line = String::from(" ");
    for name in law_names() {
        if line.len() + name.len() > WIDTH {
            text += &format!("{line}\n");
            line = " ".into();
        }
        line += &format!(" {name}");
    }
    text += &format!("{line}\n\nConstants of ours, for --set and --sweep, with their defaults:\n");
    let knobs = Knobs::of(&Machine::new(4.0));
    for name in knobs::names() {
        let value = knobs.get(name).map_or(String::new(), |value| value.to_string());
        let _ = writeln!(text, "  {name:<18} {value}");
    }
    text
}
