//! The files of the repository, with what is code and what is not told apart.
//!
//! A scanner of some hundred lines instead of a parser: it knows comments, strings, attributes and
//! braces, which is all that the rules ask about.

use std::collections::BTreeSet;
use std::path::Path;

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Shipped: `src/` but for its test modules.
    Production,
    /// `tests/`, and the test modules of `src/`.
    Test,
    /// `examples/`, `benches/`, and what makes `dashboards/`.
    Example,
}

/// One Rust file.
pub(crate) struct Source {
    /// Relative to the repository.
    pub(crate) path: String,
    pub(crate) kind: Kind,
    pub(crate) text: String,
    /// `text` with comments and the contents of strings blanked, line for line.
    pub(crate) code: String,
    /// By line: inside an item that only tests compile.
    test_line: Vec<bool>,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Source {
        let kind = match path.split('/').next() {
            Some("tests") => Kind::Test,
            Some("examples" | "benches" | "dashboards") => Kind::Example,
            _ => Kind::Production,
        };
        let code = code_of(text);
        let test_line = test_lines(&code);
        Source { path: path.to_owned(), kind, text: text.to_owned(), code, test_line }
    }

    /// The number, text and code of each line.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str, &str)> {
        let pairs = self.text.lines().zip(self.code.lines());
        pairs.enumerate().map(|(index, (text, code))| (index + 1, text, code))
    }

    /// The same, of what is shipped.
    pub(crate) fn shipped(&self) -> impl Iterator<Item = (usize, &str, &str)> {
        self.lines().filter(|(number, _, _)| !self.is_test(*number))
    }

    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.kind == Kind::Test || self.test_line.get(line - 1).copied().unwrap_or(false)
    }

    /// The code that is shipped, with everything else blank.
    pub(crate) fn shipped_code(&self) -> String {
        let keep = |(number, _, code)| if self.is_test(number) { "" } else { code };
        self.lines().map(keep).collect::<Vec<_>>().join("\n")
    }

    /// The name, first line and length of each function.
    pub(crate) fn functions(&self) -> Vec<(String, usize, usize)> {
        let mut found = Vec::new();
        for (at, _) in self.code.match_indices("fn ") {
            let name: String = self.code[at + 3..].chars().take_while(|c| is_word(*c)).collect();
            let starts = !self.code[..at].ends_with(is_word) && !name.is_empty();
            let end = end_of_item(&self.code[at..], false);
            if starts && self.code[..at + end].ends_with('}') {
                let first = line_of(&self.code, at);
                found.push((name, first, line_of(&self.code, at + end - 1) - first + 1));
            }
        }
        found
    }
}

/// Every Rust file that is ours.
pub(crate) fn tree() -> Vec<Source> {
    let mut files = Vec::new();
    for folder in ["src", "tests", "examples", "benches", "dashboards"] {
        walk(&root().join(folder), &mut files);
    }
    let read = |path: &String| Source::new(path, &read(path));
    let rust = files.iter().filter(|path| path.ends_with(".rs"));
    let mut sources: Vec<Source> = rust.map(read).collect();
    let tests: BTreeSet<String> = sources.iter().flat_map(test_modules).collect();
    for source in &mut sources {
        let stem = source.path.trim_end_matches(".rs");
        if tests.iter().any(|test| stem == test || stem.starts_with(&format!("{test}/"))) {
            source.kind = Kind::Test;
        }
    }
    sources
}

/// A file of the repository; empty if it is not there.
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_default()
}

pub(crate) fn exists(path: &str) -> bool {
    root().join(path).exists()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files below a folder, relative to the repository and in order, but for what cargo built of a
/// package of its own there.
pub(crate) fn walk(folder: &Path, found: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(root().join(folder)) else { return };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.ends_with("target") {
            continue;
        }
        if path.is_dir() {
            walk(&path, found);
        } else if let Some(path) = path.strip_prefix(root()).ok().and_then(Path::to_str) {
            found.push(path.to_owned());
        }
    }
}

/// The modules a file declares for tests only, as paths without `.rs`.
fn test_modules(source: &Source) -> Vec<String> {
    let stem = source.path.trim_end_matches(".rs");
    let folder = stem.strip_suffix("/mod").or(stem.strip_suffix("/lib")).unwrap_or(stem);
    let declared = source.lines().filter_map(|(number, _, code)| {
        let (before, name) = code.trim().strip_suffix(';')?.split_once("mod ")?;
        let is_declaration = before.is_empty() || before.starts_with("pub");
        (is_declaration && source.is_test(number)).then(|| format!("{folder}/{name}"))
    });
    declared.collect()
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Blanks comments and the contents of strings and character literals.
fn code_of(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = match (chars[at], chars.get(at + 1)) {
            ('/', Some('/')) => at + chars[at..].iter().take_while(|c| **c != '\n').count(),
            ('/', Some('*')) => end_of_comment(&chars, at),
            ('"', _) => end_of_string(&chars, at),
            ('r', Some('"' | '#'))
                if at == 0 || !is_word(chars[at - 1]) || chars[at - 1] == 'b' =>
            {
                end_of_raw_string(&chars, at)
            }
            ('\'', _) => end_of_char(&chars, at),
            _ => at + 1,
        };
        if end == at + 1 {
            code.push(chars[at]);
        } else {
            // The quotes of a string stay, so that an attribute's value is still one.
            let keep = if chars[at] == '/' { '\n' } else { '"' };
            let blank = |c: &char| if *c == '\n' || *c == keep { *c } else { ' ' };
            code.extend(chars[at..end].iter().map(blank));
        }
        at = end;
    }
    code
}

fn end_of_comment(chars: &[char], start: usize) -> usize {
    let (mut depth, mut at) = (0, start);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn end_of_string(chars: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// One past the end of `r"…"` or `r#"…"#`; of `r#name`, one past the `r`.
fn end_of_raw_string(chars: &[char], start: usize) -> usize {
    let hashes = chars[start + 1..].iter().take_while(|c| **c == '#').count();
    let open = start + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return start + 1;
    }
    let closing: Vec<char> = std::iter::once('"').chain(vec!['#'; hashes]).collect();
    let rest = &chars[open + 1..];
    let length = rest.windows(closing.len()).position(|window| window == closing);
    length.map_or(chars.len(), |length| open + 1 + length + closing.len())
}

/// One past the end of a character literal; of a lifetime, one past its quote.
fn end_of_char(chars: &[char], start: usize) -> usize {
    match chars.get(start + 1) {
        Some('\\') => {
            let close = chars[start + 3..].iter().position(|c| *c == '\'');
            close.map_or(chars.len(), |close| start + 3 + close + 1)
        }
        Some(_) if chars.get(start + 2) == Some(&'\'') => start + 3,
        _ => start + 1,
    }
}

/// Which lines belong to items that only tests compile.
fn test_lines(code: &str) -> Vec<bool> {
    let mut lines = vec![false; code.lines().count()];
    for (at, _) in code.match_indices("#[cfg(") {
        let open = at + "#[cfg(".len();
        let Some(length) = closing(&code[open..]) else { continue };
        let condition: String = code[open..open + length].split_whitespace().collect();
        if needs_test(&condition) {
            let rest = open + length + 2;
            let end = rest + end_of_item(&code[rest.min(code.len())..], true);
            let last = line_of(code, end.min(code.len())).min(lines.len());
            lines[line_of(code, at) - 1..last].fill(true);
        }
    }
    lines
}

/// Where the bracket that is open at the start of `code` closes.
fn closing(code: &str) -> Option<usize> {
    let mut depth = 1;
    code.char_indices().find_map(|(at, c)| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        (depth == 0).then_some(at)
    })
}

/// Whether a `cfg` condition can hold in tests only; a model checker's build is one.
fn needs_test(condition: &str) -> bool {
    let arguments = |name: &str| -> Option<Vec<String>> {
        let list = condition.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')')?;
        let (mut depth, mut parts) = (0, vec![String::new()]);
        for c in list.chars() {
            depth += i32::from(c == '(') - i32::from(c == ')');
            if c == ',' && depth == 0 {
                parts.push(String::new());
            } else if let Some(part) = parts.last_mut() {
                part.push(c);
            }
        }
        Some(parts)
    };
    match (arguments("all"), arguments("any")) {
        (Some(parts), _) => parts.iter().any(|part| needs_test(part)),
        (_, Some(parts)) => parts.iter().all(|part| needs_test(part)),
        _ => ["test", "loom", "shuttle"].contains(&condition),
    }
}

/// The length of the item at the start of `code`: up to its `;` or the end of its block.
fn end_of_item(code: &str, skip_attributes: bool) -> usize {
    let mut start = 0;
    while skip_attributes && code[start..].trim_start().starts_with("#[") {
        start += code[start..].find("]\n").map_or(1, |at| at + 1);
    }
    let words: Vec<&str> = code[start..].split_whitespace().take(4).collect();
    let is_block = words.first() == Some(&"{");
    let is_use = !is_block && (words.contains(&"use") || words.first() == Some(&"static"));
    let (mut depth, mut blocks) = (0, 0);
    for (at, c) in code[start..].char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '{' => blocks += 1,
            '}' => blocks -= 1,
            _ => {}
        }
        let ended = (c == '}' && !is_use) || c == ';';
        if ended && depth == 0 && blocks == 0 {
            return start + at + 1;
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_blank_and_lines_stay_where_they_are() {
        let text = "a // \"x\"\n/* b /* c */ */ d\n\"e\\\"f\" r#\"g\"h\"# 'i' '\\n' &'j k";
        let code = code_of(text);
        assert_eq!(code.lines().count(), text.lines().count());
        let left: String = code.split(|c: char| c.is_whitespace() || c == '"').collect();
        assert_eq!(left, "ad&'jk");
    }

    #[test]
    fn an_item_that_only_tests_compile_is_found_whole() {
        for condition in ["test", "loom", "all(test, not(loom))", "any(test, all(loom, miri))"] {
            let text = format!("a\n#[cfg({condition})]\n#[allow(x)]\nmod t {{\n{{}}\n}}\nb");
            let source = Source::new("src/x.rs", &text);
            let shipped: Vec<_> = source.shipped().map(|(_, text, _)| text).collect();
            assert_eq!(shipped, ["a", "b"], "{condition}");
        }
        for condition in ["not(loom)", "any(test, miri)", "feature = \"test\""] {
            let source = Source::new("src/x.rs", &format!("#[cfg({condition})]\nmod t;\nb"));
            assert_eq!(source.shipped().count(), 3, "{condition}");
        }
        let source = Source::new("src/x.rs", "#[cfg(test)]\nuse a::{b, c};\nd");
        assert_eq!(source.shipped().count(), 1);
        let source = Source::new("src/x.rs", "#[cfg(shuttle)]\n{\nuse a::b;\n}\nd");
        assert_eq!(source.shipped().count(), 1, "a block may begin with an import");
    }

    #[test]
    fn functions_are_measured_from_their_first_line_to_their_last_brace() {
        let source = Source::new("src/x.rs", "pub fn a(\n  b: [u8; 2],\n) {\n  {}\n}\nfn c();");
        assert_eq!(source.functions(), [("a".to_owned(), 1, 5)]);
    }
}
