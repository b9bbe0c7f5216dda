//! What may stand where: one file for each foreign thing, sizes, unsafe code, banned words.

use crate::layers::says;
use crate::source::{Kind, Source};

/// A name, the files that may say it, and why no other may.
pub(crate) struct Home {
    name: &'static str,
    files: &'static [&'static str],
    why: &'static str,
}

/// Paths that end in `/` or `*` are prefixes.
pub(crate) const HOMES: &[Home] = &[
    Home {
        name: "crossbeam_deque",
        files: &["src/run/queue/"],
        why: "it has a race that Miri reports, so a stand-in must be able to take its place",
    },
    Home { name: "arc_swap", files: &["src/sync.rs"], why: "the model checkers do not know it" },
    Home {
        name: "metrics::",
        files: &["src/scale/telemetry*", "src/metrics_source.rs"],
        why: "no job ever waits for a recorder",
    },
    Home {
        name: "metrics_exporter_prometheus",
        files: &["src/prometheus*"],
        why: "it is an optional dependency",
    },
    Home { name: "httparse", files: &["src/prometheus/request.rs"], why: "as above" },
    Home { name: "tracing::", files: &["src/run/trace.rs"], why: "it is an optional dependency" },
    Home { name: "quanta", files: &["src/time.rs"], why: "tests set the clock by hand" },
    Home { name: "Instant::now", files: &["src/time.rs"], why: "as above" },
    Home { name: "SystemTime::now", files: &["src/time.rs"], why: "as above" },
    Home {
        name: "std::process::id",
        files: &["src/run/shared.rs"],
        why: "whether this is a forked child is one question",
    },
    Home {
        name: "claim.publish",
        files: &["src/run/job.rs"],
        why: "it hands over a place without a lock (C4); the other verbs hand over nothing",
    },
    Home { name: "claim.detach", files: &["src/run/job.rs"], why: "as above (C6)" },
    Home {
        name: "std::sync",
        files: &[
            "src/sync.rs",
            // No pool hangs on these: the endpoint and its page serve whatever pools there are,
            // and the panic hook is installed once in a process.
            "src/prometheus/server.rs",
            "src/prometheus/page.rs",
            "src/run/panics.rs",
        ],
        why: "loom and shuttle put theirs in its place in sync.rs",
    },
    Home {
        name: "std::thread",
        files: &[
            "src/sync.rs",
            // `available_parallelism` only.
            "src/builder.rs",
            "src/scale/probe.rs",
        ],
        why: "as above",
    },
];

/// Words that may not be said, where, and what to do instead. The files in the list may.
struct Ban {
    word: &'static str,
    examples_too: bool,
    except: &'static [&'static str],
    instead: &'static str,
}

const BANS: &[Ban] = &[
    Ban { word: "todo!", examples_too: true, except: &[], instead: "do it" },
    Ban { word: "unimplemented!", examples_too: true, except: &[], instead: "implement it" },
    Ban { word: "dbg!", examples_too: true, except: &[], instead: "take it out" },
    Ban {
        word: ".unwrap()",
        examples_too: true,
        except: &[],
        instead: "return the error, or `expect` with the reason why it cannot happen",
    },
    Ban {
        word: "thread::sleep",
        examples_too: false,
        except: &[],
        instead: "park, with a timeout if there must be one",
    },
];

/// Files that may hold `unsafe` code. Of what is shipped only the closure in the queue's own place,
/// for a box for each cost a job a third of its time, the cell of a job with a handle, whose lock
/// was taken five times a job, and the scope, where what borrows passes for what owns. The test of
/// forked children must fork, and the comparison with other pools must ask the allocator to trim.
pub(crate) const UNSAFE: &[&str] = &[
    "src/compose/scope.rs",
    "src/run/closure.rs",
    "src/run/job.rs",
    "tests/fork.rs",
    "benches/versus/src/trim.rs",
];

/// Words that say nothing about what a thing is.
const EMPTY_WORDS: &[&str] = &["inner", "manager", "util", "utils"];

const LINES_OF_A_FILE: usize = 450;
const LINES_OF_A_FUNCTION: usize = 60;
const COLUMNS: usize = 100;

fn lives_in(path: &str, files: &[&str]) -> bool {
    files.iter().any(|file| match file.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None if file.ends_with('/') => path.starts_with(file),
        None => path == *file,
    })
}

fn production(sources: &[Source]) -> impl Iterator<Item = &Source> {
    sources.iter().filter(|source| source.kind == Kind::Production)
}

pub(crate) fn homes(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in production(sources) {
        for home in HOMES.iter().filter(|home| !lives_in(&source.path, home.files)) {
            for (line, _, _) in source.shipped().filter(|(_, _, code)| says(code, home.name)) {
                let Home { name, files, why } = home;
                let text = format!("{}:{line} says {name}: {why}; only {files:?} may", source.path);
                complaints.push(text);
            }
        }
    }
    complaints
}

/// A file that may say something and does not is a hole in the rule.
pub(crate) fn empty_homes(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for Home { name, files, .. } in HOMES {
        for file in *files {
            let says_it = production(sources)
                .filter(|source| lives_in(&source.path, &[file]))
                .any(|source| says(&source.shipped_code(), name));
            if !says_it {
                complaints.push(format!("{file} may say {name} and does not"));
            }
        }
    }
    complaints
}

pub(crate) fn sizes(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        let path = &source.path;
        let length = source.text.lines().count();
        if length > LINES_OF_A_FILE {
            complaints.push(format!("{path} has {length} lines, more than {LINES_OF_A_FILE}"));
        }
        for (name, line, length) in source.functions() {
            if length > LINES_OF_A_FUNCTION {
                complaints.push(format!(
                    "{path}:{line} fn {name} has {length} lines, more than {LINES_OF_A_FUNCTION}"
                ));
            }
        }
        for (line, text, _) in source.lines() {
            let columns = text.chars().count();
            if columns > COLUMNS {
                complaints.push(format!("{path}:{line} has {columns} columns"));
            }
        }
    }
    complaints
}

/// Unsafe code only in the files that may have it, and each use with the reason why it is sound.
pub(crate) fn unsafe_code(sources: &[Source], allowed: &[&str]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        let lines: Vec<&str> = source.text.lines().collect();
        for (line, _, code) in source.lines().filter(|(_, _, code)| says(code, "unsafe")) {
            if code.trim_start().starts_with("#!") {
                continue;
            }
            // What asks something of its caller says what, in the words that rustdoc wants.
            let reason = if says(code, "unsafe fn") { "Safety" } else { "SAFETY:" };
            if !lives_in(&source.path, allowed) {
                complaints.push(format!("{}:{line} is unsafe; only {allowed:?} may", source.path));
            } else if !comment_above(&lines, line, reason) {
                complaints.push(format!("{}:{line} has no {reason} comment", source.path));
            }
        }
    }
    complaints
}

/// Whether the comment at a line or right above it, some lines of code apart at most, says `word`.
fn comment_above(lines: &[&str], line: usize, word: &str) -> bool {
    let from = line.saturating_sub(5);
    lines[from..line].iter().any(|text| text.split("//").skip(1).any(|c| c.contains(word)))
}

pub(crate) fn bans(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources.iter().filter(|source| source.kind != Kind::Test) {
        let is_example = source.kind == Kind::Example;
        let banned = BANS.iter().filter(|ban| ban.examples_too || !is_example);
        for ban in banned.filter(|ban| !lives_in(&source.path, ban.except)) {
            for (line, _, _) in source.shipped().filter(|(_, _, code)| code.contains(ban.word)) {
                let Ban { word, instead, .. } = ban;
                complaints.push(format!("{}:{line} says {word}; {instead}", source.path));
            }
        }
    }
    complaints
}

/// `SeqCst` orders everything, so it hides what is meant: the argument has to be named.
pub(crate) fn orderings(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in production(sources) {
        let lines: Vec<&str> = source.text.lines().collect();
        for (line, _, _) in source.shipped().filter(|(_, _, code)| says(code, "SeqCst")) {
            if !comment_above(&lines, line, "SeqCst") {
                complaints.push(format!("{}:{line} is SeqCst; say by what argument", source.path));
            }
        }
    }
    complaints
}

pub(crate) fn words(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        let path = &source.path;
        for (line, text, code) in source.lines() {
            // Built from two halves, or this line would be one of them.
            if text.contains(concat!("FIX", "ME")) {
                complaints.push(format!("{path}:{line} leaves something to be done"));
            }
            if let Some(name) = named_here(code).filter(|name| is_empty_word(name)) {
                complaints.push(format!("{path}:{line} is called {name}; say what it is"));
            }
        }
        let opens = source.text.lines().next().unwrap_or_default();
        let is_submodule_of_tests = source.kind == Kind::Test && path.starts_with("src/");
        let says_what_for = opens.starts_with("//!") || opens.starts_with("#![doc");
        if !says_what_for && !is_submodule_of_tests {
            complaints.push(format!("{path} does not begin with what it is for (//!)"));
        }
    }
    complaints
}

/// The name of the module or type that a line declares.
fn named_here(code: &str) -> Option<&str> {
    let mut words = code.split_whitespace();
    let keywords = ["mod", "struct", "enum", "trait", "type", "union"];
    words.find(|word| keywords.contains(word))?;
    let name = words.next()?;
    name.split(|c: char| !crate::source::is_word(c)).next()
}

fn is_empty_word(name: &str) -> bool {
    let mut spaced = String::new();
    for c in name.chars() {
        if c.is_uppercase() {
            spaced.push('_');
        }
        spaced.extend(c.to_lowercase());
    }
    spaced.split('_').any(|word| EMPTY_WORDS.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(path: &str, text: &str) -> [Source; 1] {
        [Source::new(path, text)]
    }

    #[test]
    fn a_foreign_name_outside_its_home_is_found() {
        for text in [
            "use crossbeam_deque::Worker;",
            "use arc_swap::ArcSwap;",
            "metrics::counter!(\"x\");",
            "let now = std::time::Instant::now();",
            "use std::sync::{Arc, Mutex};",
            "std::thread::spawn(f);",
            "std::process::id();",
        ] {
            assert_eq!(homes(&one("src/run/worker.rs", text)).len(), 1, "{text}");
            assert!(homes(&one("tests/x.rs", text)).is_empty(), "{text}");
            let in_tests = format!("#[cfg(test)]\nmod tests {{\n{text}\n}}");
            assert!(homes(&one("src/run/worker.rs", &in_tests)).is_empty(), "{text}");
        }
        assert!(homes(&one("src/run/queue/mod.rs", "use crossbeam_deque::Worker;")).is_empty());
        assert!(homes(&one("src/run/gate.rs", "// std::sync\nlet my_metrics: u8;")).is_empty());
        assert_eq!(empty_homes(&[]).len(), HOMES.iter().map(|home| home.files.len()).sum());
    }

    #[test]
    fn what_is_too_long_is_found() {
        assert_eq!(sizes(&one("src/x.rs", &"\n".repeat(451))).len(), 1);
        assert!(sizes(&one("src/x.rs", &"\n".repeat(450))).is_empty());
        let function = |lines: usize| format!("fn long() {{{}}}", "\n".repeat(lines - 1));
        assert_eq!(sizes(&one("benches/x.rs", &function(61))).len(), 1);
        assert!(sizes(&one("benches/x.rs", &function(60))).is_empty());
        assert_eq!(sizes(&one("tests/x.rs", &"ä".repeat(101))).len(), 1);
        assert!(sizes(&one("tests/x.rs", &"ä".repeat(100))).is_empty());
    }

    #[test]
    fn unsafe_code_is_found_and_needs_its_reason() {
        let bare = "fn f() {\n    unsafe { g() }\n}";
        let reasoned = "fn f() {\n    // SAFETY: g is fine.\n    unsafe { g() }\n}";
        assert_eq!(unsafe_code(&one("src/a.rs", reasoned), &[]).len(), 1);
        assert_eq!(unsafe_code(&one("src/a.rs", bare), &["src/a.rs"]).len(), 1);
        assert!(unsafe_code(&one("src/a.rs", reasoned), &["src/a.rs"]).is_empty());
        assert!(unsafe_code(&one("src/a.rs", "// unsafe"), &[]).is_empty());
    }

    #[test]
    fn banned_words_are_found_in_what_is_shipped() {
        for ban in BANS {
            let text = format!("fn f() {{\n    x{}(1);\n}}", ban.word);
            assert_eq!(bans(&one("src/a.rs", &text)).len(), 1, "{}", ban.word);
            assert!(bans(&one("tests/a.rs", &text)).is_empty(), "{}", ban.word);
            let in_example = bans(&one("examples/a.rs", &text)).len();
            assert_eq!(in_example, usize::from(ban.examples_too), "{}", ban.word);
        }
    }

    #[test]
    fn the_strongest_ordering_needs_an_argument() {
        assert_eq!(orderings(&one("src/a.rs", "fence(Ordering::SeqCst);")).len(), 1);
        let argued = "// SeqCst: Dekker.\nfence(Ordering::SeqCst);";
        assert!(orderings(&one("src/a.rs", argued)).is_empty());
    }

    #[test]
    fn empty_words_and_missing_headers_are_found() {
        for line in
            ["mod util;", "struct PoolInner {", "pub enum Manager<T> {", "type A_Util = u8;"]
        {
            assert_eq!(words(&one("src/a.rs", &format!("//! x\n{line}"))).len(), 1, "{line}");
        }
        for line in ["mod utilization;", "struct Meter { inner: u8 }", "fn into_inner() {}"] {
            assert!(words(&one("src/a.rs", &format!("//! x\n{line}"))).is_empty(), "{line}");
        }
        assert_eq!(words(&one("src/a.rs", "mod x;")).len(), 1);
        assert_eq!(words(&one("src/a.rs", &format!("//! {}", concat!("FIX", "ME")))).len(), 1);
    }
}
