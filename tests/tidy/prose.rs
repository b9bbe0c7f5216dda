//! What the documents say must be there: files, commands, tests, and the map of the code.

use std::collections::BTreeSet;

use crate::layers::{RANKS, module};
use crate::source::{Kind, Source};

/// A Markdown document.
pub(crate) struct Document {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// The targets of links that are neither addresses nor anchors, and paths in backticks.
fn mentioned(text: &str) -> BTreeSet<&str> {
    let links = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#', ' ']).next());
    let quoted = text.split('`').skip(1).step_by(2).filter(|quote| {
        let folders = ["src/", "tests/", "examples/", "benches/", "dashboards/", ".ci/"];
        let plain = !quote.contains([' ', '*', '{', '<', '…', '\n']);
        plain && folders.iter().any(|folder| quote.starts_with(folder))
    });
    let quoted = quoted.filter_map(|quote| quote.split("::").next());
    let ours = |path: &&str| !path.is_empty() && !path.contains("://") && !path.contains("::");
    links.chain(quoted).filter(ours).collect()
}

pub(crate) fn files(documents: &[Document], exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut complaints = Vec::new();
    for Document { path, text } in documents {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for target in mentioned(text) {
            let beside = format!("{folder}/{target}");
            if !exists(target) && !exists(beside.trim_start_matches('/')) {
                complaints.push(format!("{path} speaks of {target}, which is not there"));
            }
        }
    }
    complaints
}

/// `cargo … --example NAME` and the like must find what they name.
pub(crate) fn commands(documents: &[Document], exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut complaints = Vec::new();
    let kinds = [("--example", "examples"), ("--bench", "benches"), ("--test", "tests")];
    for Document { path, text } in documents {
        for line in text.lines().filter(|line| line.contains("cargo ")) {
            let words: Vec<&str> = line.split(|c: char| c.is_whitespace() || c == '`').collect();
            for pair in words.windows(2) {
                let Some((_, folder)) = kinds.iter().find(|(flag, _)| *flag == pair[0]) else {
                    continue;
                };
                let (file, main) =
                    (format!("{folder}/{}.rs", pair[1]), format!("{folder}/{}/main.rs", pair[1]));
                if !exists(&file) && !exists(&main) {
                    complaints.push(format!("{path}: {} finds no {file}", line.trim()));
                }
            }
        }
    }
    complaints
}

/// `tests/file.rs::name` and `src/file.rs::name`, as the table of promises cites them.
pub(crate) fn cited_tests(documents: &[Document], sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for Document { path, text } in documents {
        let quotes = text.split('`').skip(1).step_by(2);
        for (file, name) in quotes.filter_map(|quote| quote.split_once(".rs::")) {
            let file = format!("{file}.rs");
            let source = sources.iter().find(|source| source.path == file);
            let there = source.is_some_and(|source| {
                source
                    .functions()
                    .iter()
                    .any(|(function, line, _)| function == name && source.is_test(*line))
            });
            if !there {
                complaints.push(format!("{path} cites {file}::{name}, which is no test"));
            }
        }
    }
    complaints
}

/// Each row of the table of rules, `| rule | test |`, names a test.
pub(crate) fn untested_rules(table: &str) -> Vec<String> {
    let rows = table.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    let rules = rows.filter(|(rule, _)| *rule != "rule");
    let untested = rules.filter(|(_, tests)| !tests.contains(".rs::"));
    untested.map(|(rule, _)| format!("no test is named for the rule: {rule}")).collect()
}

/// Prose that slips into a table ends it, and joins what is left of a row.
pub(crate) fn torn_tables(documents: &[Document]) -> Vec<String> {
    let mut complaints = Vec::new();
    for Document { path, text } in documents {
        let parts = text.split("```").step_by(2);
        for line in parts.flat_map(str::lines).map(str::trim) {
            if line.starts_with('|') != (line.len() > 1 && line.ends_with('|')) {
                complaints.push(format!("{path}: half a row of a table: {line}"));
            }
        }
    }
    complaints
}

/// A metric that is spoken of is one of the table.
pub(crate) fn metric_names(documents: &[Document], table: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for Document { path, text } in documents {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        for name in words.filter(|word| word.starts_with("springtide_")) {
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|suffix| name.strip_suffix(suffix))
                .unwrap_or(name);
            if !table.contains(&format!("\"{family}\"")) {
                complaints.push(format!("{path} speaks of {name}, which no pool exports"));
            }
        }
    }
    complaints
}

/// ARCHITECTURE.md names every file once in its map, and shows the ranks as they are.
pub(crate) fn map(text: &str, sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    let shipped = sources.iter().filter(|source| source.kind == Kind::Production);
    for path in shipped.map(|source| &source.path) {
        let entry = format!("| `{}` |", path.trim_start_matches("src/"));
        match text.matches(&entry).count() {
            1 => {}
            n => complaints.push(format!("the map lists {path} {n} times ({entry})")),
        }
    }
    for (rank, modules) in RANKS.iter().enumerate() {
        let names: Vec<String> = modules.iter().map(|name| format!("`{name}`")).collect();
        let row = format!("| {rank} | {} |", names.join(", "));
        if !text.contains(&row) {
            complaints.push(format!("the table of ranks lacks this row: {row}"));
        }
    }
    complaints
}

/// A rank without a module is a leftover.
pub(crate) fn empty_ranks(sources: &[Source]) -> Vec<String> {
    let there: BTreeSet<String> = sources.iter().filter_map(|s| module(&s.path)).collect();
    let ranked = RANKS.iter().copied().flatten();
    let gone = ranked.filter(|module| !there.contains(**module));
    gone.map(|module| format!("{module} has a rank and no file")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> [Document; 1] {
        [Document { path: "README.md".to_owned(), text: text.to_owned() }]
    }

    #[test]
    fn a_file_that_is_spoken_of_must_be_there() {
        let there = |path: &str| path == "CHANGELOG.md" || path == "src/lib.rs";
        for gone in ["[x](NEWS.md)", "see `src/gone.rs`", "[x](docs/y.md#z)", "`.ci/gone`"] {
            assert_eq!(files(&page(gone), there).len(), 1, "{gone}");
        }
        let fine = "[x](CHANGELOG.md#a) [y](https://x.y) [z](#top) `src/lib.rs::x` `src/{a,b}.rs`";
        assert!(files(&page(fine), there).is_empty());
    }

    #[test]
    fn a_command_must_find_what_it_names() {
        let there = |path: &str| path == "examples/load/main.rs" || path == "benches/b.rs";
        let fine = "`cargo run --example load -- -x` and\ncargo bench --bench b";
        assert!(commands(&page(fine), there).is_empty());
        assert_eq!(commands(&page("cargo run --release --example gone"), there).len(), 1);
    }

    #[test]
    fn a_cited_test_must_be_a_test() {
        let sources =
            [Source::new("tests/a.rs", "fn t() {}"), Source::new("src/a.rs", "fn t() {}")];
        assert!(cited_tests(&page("`tests/a.rs::t`"), &sources).is_empty());
        for wrong in ["`tests/a.rs::u`", "`tests/b.rs::t`", "`src/a.rs::t`"] {
            assert_eq!(cited_tests(&page(wrong), &sources).len(), 1, "{wrong}");
        }
    }

    #[test]
    fn a_rule_must_have_a_test() {
        let table = "| rule | test |\n|---|---|\n| a | `tests/a.rs::t` |\n| b | by care |\n";
        assert_eq!(untested_rules(table), ["no test is named for the rule: b"]);
    }

    #[test]
    fn a_table_must_be_whole() {
        let whole = "| a | b |\n|---|---|\n| `c` | d |\n\nand\n```text\nx |= y |\n```\n";
        assert!(torn_tables(&page(whole)).is_empty());
        assert_eq!(torn_tables(&page("| a | b |\n| so it is\nsaid. \n\nc | d |")).len(), 2);
    }

    #[test]
    fn a_metric_must_be_exported() {
        let table = "counter(\"springtide_a_total\"), histogram(\"springtide_b_seconds\")";
        let fine = "rate(springtide_a_total[5m]) / springtide_b_seconds_bucket";
        assert!(metric_names(&page(fine), table).is_empty());
        assert_eq!(metric_names(&page("`springtide_a`"), table).len(), 1);
    }

    #[test]
    fn the_map_must_be_whole() {
        let sources = [Source::new("src/run/gate.rs", "")];
        let ranks = map("| `run/gate.rs` | x |", &sources);
        assert_eq!(ranks.len(), RANKS.len());
        assert_eq!(map("", &sources).len(), RANKS.len() + 1);
        assert_eq!(empty_ranks(&sources).len(), RANKS.iter().map(|r| r.len()).sum::<usize>() - 1);
    }
}
