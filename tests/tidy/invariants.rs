//! Invariants have numbers. Each number is defined once, cited where the code relies on it, and
//! attacked by a test or model, in a comment that says `Attacks S3`.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Kind, Source, is_word};

/// A file that may define invariants: its lines, and which of them are code, tests or neither.
pub(crate) struct Page<'a> {
    pub(crate) path: &'a str,
    pub(crate) text: &'a str,
}

/// The number that a line defines: `* **S1** …`.
fn defined(line: &str) -> Option<&str> {
    let line = line.trim_start().trim_start_matches("//!").trim_start();
    let id = line.strip_prefix("* **")?.split_once("**")?.0;
    is_id(id).then_some(id)
}

/// One capital letter and one or two digits.
fn is_id(word: &str) -> bool {
    let digits = word.strip_prefix(|c: char| c.is_ascii_uppercase()).unwrap_or_default();
    matches!(digits.len(), 1 | 2) && digits.chars().all(|c| c.is_ascii_digit())
}

/// The numbers said in the comments and strings of a line.
fn cited<'a>(text: &'a str, code: &str) -> Vec<&'a str> {
    let words = text.split(|c: char| !is_word(c)).filter(|word| is_id(word));
    words.filter(|id| !crate::layers::says(code, id)).collect()
}

pub(crate) fn check(sources: &[Source], readmes: &[Page<'_>]) -> Vec<String> {
    let mut complaints = Vec::new();
    let shipped = sources.iter().filter(|source| source.kind == Kind::Production);
    let pages = shipped.map(|source| Page { path: &source.path, text: &source.text });
    let mut definitions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let readmes = readmes.iter().map(|page| Page { path: page.path, text: page.text });
    for page in pages.chain(readmes) {
        for id in page.text.lines().filter_map(defined) {
            definitions.entry(id).or_default().push(page.path);
        }
    }
    let letters: BTreeSet<&str> = definitions.keys().map(|id| &id[..1]).collect();
    let (mut relied_on, mut attacked) = (BTreeSet::new(), BTreeSet::new());
    // Tidy's own cases speak of numbers that nobody defines.
    for source in sources.iter().filter(|source| !source.path.starts_with("tests/tidy/")) {
        for (line, text, code) in source.lines().filter(|(_, text, _)| defined(text).is_none()) {
            // Tests have numbers of their own.
            if source.is_test(line) && !text.contains("Attacks ") {
                continue;
            }
            for id in cited(text, code).into_iter().filter(|id| letters.contains(&id[..1])) {
                if !definitions.contains_key(id) {
                    complaints.push(format!("{}:{line} cites {id}, which is nowhere", source.path));
                } else if source.is_test(line) {
                    attacked.insert(id);
                } else if !text.trim_start().starts_with("//!") {
                    relied_on.insert(id);
                }
            }
        }
    }
    for (id, places) in &definitions {
        if places.len() > 1 {
            complaints.push(format!("{id} is defined in {places:?}"));
        }
        if !relied_on.contains(id) {
            complaints.push(format!("no line of code says that it relies on {id} or keeps it"));
        }
        if !attacked.contains(id) {
            complaints.push(format!("no test or model attacks {id}"));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(code: &str, test: &str) -> Vec<String> {
        let readme = Page { path: "src/README.md", text: "* **S1** All is well." };
        let sources = [Source::new("src/a.rs", code), Source::new("tests/a.rs", test)];
        check(&sources, &[readme])
    }

    #[test]
    fn a_number_needs_one_definition_a_reliance_and_an_attack() {
        let (code, test) = ("//! x\nf(); // (S1)", "// Attacks S1.\nfn t() {}");
        assert!(complaints(code, test).is_empty());
        assert_eq!(complaints("f();", test).len(), 1, "nobody relies on it");
        assert_eq!(complaints("//! S1 is a nice one.", test).len(), 1, "a header is no reliance");
        assert_eq!(complaints(code, "fn t() {}").len(), 1, "nobody attacks it");
        assert_eq!(complaints("//! * **S1** again\n// S1", test).len(), 1, "defined twice");
        assert_eq!(complaints(code, "// S1").len(), 1, "to name it is not to attack it");
        assert_eq!(complaints(code, "// Attacks S1, S9").len(), 1, "nobody defined that one");
        assert_eq!(complaints("f(); // (S1, S2)", test).len(), 1, "nor that one");
    }

    #[test]
    fn what_looks_like_a_number_in_code_is_none() {
        assert_eq!(cited("let S1 = 2; // S2", "let S1 = 2;      "), ["S2"]);
        assert!(cited("p99, US1, S123, s4", "").is_empty());
    }
}
