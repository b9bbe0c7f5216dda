//! The operator's files: what makes the boards, and what is checked of everything in `dashboards/`.
//!
//! A board is written once, in `pool` or `fleet`, as rows of panels that each answer a question.
//! `board` and `panel` turn that into Grafana's JSON. `families` knows what a pool exports,
//! `promql` reads expressions, and `vocabulary` compares the two. `lint` has the rules of a board,
//! `keys` what Grafana reads of it.

pub mod board;
pub mod families;
mod figures;
pub mod fleet;
mod keys;
mod lanes;
pub mod lint;
mod order;
pub mod panel;
pub mod pool;
pub mod promql;
pub mod rules;
mod times;
pub mod vocabulary;

use std::path::{Path, PathBuf};

use serde_json::Value;

/// `dashboards/`, wherever the repository is.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A YAML file below `dashboards/`.
///
/// # Panics
///
/// If there is none.
pub fn yaml(path: &str) -> Value {
    let text = std::fs::read_to_string(folder().join(path)).expect("it is in the repository");
    serde_norway::from_str(&text).expect("it is YAML")
}

/// The boards, by the path of their files below `dashboards/`.
pub fn boards() -> Vec<(&'static str, String)> {
    [("grafana/pool.json", pool::board()), ("grafana/fleet.json", fleet::board())]
        .map(|(path, board)| (path, text(&board.json())))
        .to_vec()
}

fn text(json: &Value) -> String {
    let mut text = serde_json::to_string_pretty(json).expect("a value has a text");
    text.push('\n');
    text
}
