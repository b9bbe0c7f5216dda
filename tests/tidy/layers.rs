//! Who may import whom: every module has a rank, and imports only go down.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Kind, Source, is_word};

/// The modules by rank, lowest first; ARCHITECTURE.md shows the same table.
///
/// A rank is the least that the imports ask for. A new file gets a place in here; an import that
/// needs a higher one than its neighbours is a change of the design.
pub(crate) const RANKS: &[&[&str]] = &[
    &[
        "sync",
        "build_error",
        "outcome",
        "run::parker",
        "scale::decay",
        "scale::pace",
        "scale::sink",
        "scale::window",
        "sim::fleet::hpa",
        "sim::fleet::outcome",
        "sim::job",
        "sim::random",
        "sim::sharing",
        "sim::trace::stamp",
        "run::priority",
        "compose::lane::keys",
        "compose::lane",
        "prometheus::json",
    ],
    &[
        "prometheus::response",
        "time",
        "name",
        "metrics_source",
        "run::claim",
        "run::histogram",
        "run::panics",
        "run::phase",
        "run::queue::twin",
        "run::sleep::word",
        "run::spawner",
        "sim::fleet::balancer",
        "sim::load::length",
        "sim::rivals::hill_climbing",
        "sim::trace",
        "run::core_time",
        "run::gate::turnstiles",
        "run::cancel",
        "run::gate::entrance",
        "compose::progress",
        "run::seat",
        "prometheus::press",
        "run::need",
        "run::restraints",
        "run::settlers",
    ],
    &["job_error", "run::trace", "run::untraced"],
    &[
        "prometheus::request",
        "error",
        "run::gate::line",
        "run::locals",
        "run::meter",
        "run::quiet",
        "run::sleep",
        "run::ticket",
        "scale::arrivals",
        "scale::thinning",
        "sim::load::arrivals",
        "sim::load::work",
        "sim::tasks",
        "sim::oracle",
        "sim::load::bursty_hour",
        "run::tape",
        "run::waiter",
        "run::on_cancel",
        "run::agenda",
        "run::deadline",
        "run::levels",
        "compose::lane::bucket",
        "run::figures",
        "compose::retry::budget",
        "compose::rhythm",
        "run::wrecks",
    ],
    &[
        "run::tally",
        "run::closure",
        "prometheus::connection",
        "run::queue",
        "config",
        "run::kinds",
        "run::current",
        "run::gate",
        "sim::load",
        "run::tokens",
        "scale::pool_label",
        "scale::refresh",
        "scale::lane_labels",
        "compose::lane::choice",
        "compose::lane::settings",
        "retry_stop",
        "compose::promise",
    ],
    &[
        "run::returned",
        "prometheus::server",
        "run::context",
        "observer",
        "compose::retry::retry_error",
        "scale::sample",
        "sim::machine",
        "run::stuck",
        "compose::retry::policy",
    ],
    &["init_error", "run::job", "scale::policy", "run::observers"],
    &[
        "run::slot",
        "scale::seen",
        "scale::constants",
        "scale::fixed",
        "scale::ledger",
        "scale::queue_depth",
        "scale::totals",
        "sim::record",
        "sim::law",
        "scale::gaps",
        "run::delayed",
        "run::rooms",
    ],
    &[
        "run::roster",
        "scale::family",
        "scale::journal",
        "scale::load",
        "scale::retention",
        "sim::crew",
        "sim::supervised",
        "sim::rivals::dotnet",
        "sim::rivals::java",
        "sim::rivals::libdispatch",
        "sim::rivals::mariadb",
        "sim::rivals::replicas",
        "sim::rivals::seed_rule",
        "sim::rivals::static_size",
        "sim::rivals::tokio",
        "sim::rivals::tomcat",
        "sim::tuning",
    ],
    &[
        "run::shared",
        "scale::exposition",
        "scale::metric_table",
        "scale::predicted_wait",
        "sim::model",
        "sim::rivals",
        "sim::rivals::hpa",
        "sim::rivals::kpa",
    ],
    &[
        "run::desk",
        "run::news",
        "scale::attendance",
        "prometheus::page",
        "scale::probe",
        "scale::reconcile",
        "sim::fleet::pod",
        "sim::measures",
        "run::overdue",
        "scale::lane_table",
        "run::due",
        "run::in_line",
        "run::defect",
    ],
    &[
        "run::terms",
        "scale::telemetry",
        "prometheus::live",
        "run::attempt",
        "scale::observer",
        "sim::fleet::signal",
        "sim::scenario",
        "compose::timer",
        "compose::waiting",
    ],
    &["scale::core", "run::handle", "run::worker", "sim::fleet", "run::submission", "run::outside"],
    &[
        "control",
        "ending",
        "scale::export",
        "scale::captured",
        "stats",
        "run::submit",
        "on_end",
        "compose::delay",
        "compose::inbox",
        "prometheus::pools",
    ],
    &[
        "scale::supervisor",
        "run",
        "scale",
        "sim",
        "submit_batch",
        "compose::lane::state",
        "compose::retry::attempts",
        "prometheus::scrape",
        "compose::series",
        "compose::task_in_line",
    ],
    &["pool_handle", "compose::lane::dispatcher", "compose::lane::stats"],
    &[
        "job_builder",
        "pool",
        "recording",
        "stateful",
        "compose::scope",
        "compose::lane::permit",
        "compose::periodic",
    ],
    &[
        "submit_async",
        "compose::retry",
        "builder",
        "compose",
        "fallible",
        "permits",
        "compose::map",
        "compose::lane::handle",
        "compose::retry::handle",
        "prometheus::debug",
        "compose::lane::entrant",
    ],
    &[
        "builder::jobs",
        "builder::workers",
        "compose::map::supply",
        "compose::lane::builder",
        "compose::lane::job",
        "compose::lane::submit",
        "compose::joined",
        "prometheus::endpoint",
        "builder::reporting",
    ],
    &["compose::job_set", "prometheus", "compose::lane::submit_async"],
    &["docs", "lib", "testing", "compose::stream"],
];

/// The law and what it is made of: the same inputs give the same plans on every machine.
pub(crate) const PURE: &[&str] = &[
    "scale::constants",
    "scale::decay",
    "scale::fixed",
    "scale::gaps",
    "scale::load",
    "scale::pace",
    "scale::policy",
    "scale::predicted_wait",
    "scale::queue_depth",
    "scale::retention",
    "scale::sample",
    "scale::seen",
    "scale::window",
];

/// Names of the outer world, none of which a pure module may say.
const WORLD: &[&str] =
    &["Instant", "SystemTime", "atomic", "thread", "std::env", "std::fs", "std::io", "std::net"];

/// `src/run/gate.rs` is `run::gate`; a folder's `mod.rs` is the folder.
pub(crate) fn module(path: &str) -> Option<String> {
    let stem = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    Some(stem.trim_end_matches("/mod").replace('/', "::"))
}

fn rank(module: &str) -> Option<usize> {
    RANKS.iter().position(|modules| modules.contains(&module))
}

pub(crate) fn check(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    let shipped = sources.iter().filter(|source| source.kind == Kind::Production);
    let modules: BTreeMap<String, &Source> =
        shipped.filter_map(|source| Some((module(&source.path)?, source))).collect();
    for missing in modules.keys().filter(|module| rank(module).is_none()) {
        complaints.push(format!("{missing} has no rank; give it one in tests/tidy/layers.rs"));
    }
    for (from, source) in &modules {
        for to in imports(from, source, &modules) {
            let (lower, upper) = (rank(&to), rank(from));
            // A folder's `mod.rs` names its children whatever their rank: it is their contents.
            let own = to.starts_with(&format!("{from}::")) && lower <= upper;
            if lower >= upper && !own {
                complaints.push(format!("{from} imports {to}, which does not rank below it"));
            }
            if from.starts_with("run::") && to.starts_with("scale") {
                complaints.push(format!("{from} imports {to}: run/ knows nothing of scale/"));
            }
            let impure = to.starts_with("run") || to == "sync" || to == "time";
            if PURE.contains(&from.as_str()) && impure {
                complaints.push(format!("{from} imports {to}: the law only knows plain values"));
            }
        }
        complaints.extend(impurities(from, source));
    }
    complaints
}

fn impurities(module: &str, source: &Source) -> Vec<String> {
    let code = source.shipped_code();
    if !PURE.contains(&module) {
        let is_law = code.contains("impl ScalingPolicy for");
        return is_law
            .then(|| format!("{module} is a policy; list it as pure"))
            .into_iter()
            .collect();
    }
    let said = WORLD.iter().filter(|name| says(&code, name));
    said.map(|name| format!("{module} says {name}: the law only knows plain values")).collect()
}

/// Whether `code` says `name`, not as a part of a longer word.
pub(crate) fn says(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let longer = name.ends_with(is_word) && code[at + name.len()..].starts_with(is_word);
        !longer && !code[..at].ends_with(is_word)
    })
}

/// The modules that a module names, in `use` or in the middle of its code. A name that a folder
/// re-exports counts as an import of the file that defines it.
fn imports(from: &str, source: &Source, modules: &BTreeMap<String, &Source>) -> BTreeSet<String> {
    let code = source.shipped_code();
    let targets = paths(&code).into_iter().filter_map(|path| {
        let absolute = absolute(from, &path, modules)?;
        definer(absolute, modules)
    });
    targets.filter(|to| to != from).collect()
}

/// Every path in some code: the leaves of `use` trees, and what starts with `crate`, `super` or
/// `self` elsewhere.
fn paths(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut rest, mut code) = (code, String::new());
    while let Some(at) = rest.find("use ") {
        let (before, statement) = rest.split_at(at);
        code.push_str(before);
        let is_use = !before.ends_with(is_word);
        let end = if is_use { statement.find(';').unwrap_or(statement.len()) } else { 4 };
        if is_use {
            leaves("", &statement[4..end], &mut found);
        }
        rest = &statement[end..];
    }
    code.push_str(rest);
    for start in ["crate::", "super::", "self::"] {
        for (at, _) in code.match_indices(start).filter(|(at, _)| !code[..*at].ends_with(is_word)) {
            let path: String =
                code[at..].chars().take_while(|c| is_word(*c) || *c == ':').collect();
            found.push(path.trim_end_matches(':').to_owned());
        }
    }
    found
}

fn leaves(prefix: &str, tree: &str, found: &mut Vec<String>) {
    let (mut depth, mut part) = (0, String::new());
    for c in tree.chars().chain([',']) {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if c != ',' || depth > 0 {
            part.push(c);
            continue;
        }
        let whole = std::mem::take(&mut part);
        let whole = whole.trim();
        if let Some((path, inside)) = whole.split_once('{') {
            let inside = inside.strip_suffix('}').unwrap_or(inside);
            leaves(&format!("{prefix}{path}"), inside, found);
        } else if let Some(name) = whole.split(" as ").next().filter(|name| !name.is_empty()) {
            found.push(format!("{prefix}{name}").replace(char::is_whitespace, ""));
        }
    }
}

/// A path as the crate's root would write it; `None` for another crate's.
fn absolute(from: &str, path: &str, modules: &BTreeMap<String, &Source>) -> Option<Vec<String>> {
    let mut here: Vec<String> = match from {
        "lib" => Vec::new(),
        _ => from.split("::").map(str::to_owned).collect(),
    };
    let mut segments = path.split("::").peekable();
    match *segments.peek()? {
        "crate" => {
            here.clear();
            segments.next();
        }
        "super" | "self" => {
            while let Some(up) = segments.next_if(|s| ["super", "self"].contains(s)) {
                if up == "super" {
                    here.pop();
                }
            }
        }
        child => {
            let name = here.iter().map(String::as_str).chain([child]).collect::<Vec<_>>();
            modules.get(&name.join("::"))?;
        }
    }
    here.extend(segments.map(str::to_owned));
    Some(here)
}

/// The module that defines what a path names, re-exports followed.
fn definer(path: Vec<String>, modules: &BTreeMap<String, &Source>) -> Option<String> {
    let length = (1..=path.len()).rev().find(|n| modules.contains_key(&path[..*n].join("::")));
    let (module, rest) = match length {
        Some(length) => (path[..length].join("::"), &path[length..]),
        None => ("lib".to_owned(), &path[..]),
    };
    let Some(name) = rest.first() else { return Some(module) };
    let code = modules.get(&module)?.shipped_code();
    let reexports = code.match_indices("use ").filter(|(at, _)| {
        let line = code[..*at].rsplit('\n').next().unwrap_or_default().trim();
        line.starts_with("pub")
    });
    for (at, _) in reexports {
        let tree: String = code[at + 4..].chars().take_while(|c| *c != ';').collect();
        let mut found = Vec::new();
        leaves("", &tree, &mut found);
        let origin = found.iter().find(|leaf| leaf.ends_with(&format!("::{name}")));
        if let Some(origin) = origin.and_then(|leaf| absolute(&module, leaf, modules)) {
            return definer(origin, modules);
        }
    }
    Some(module)
}

#[cfg(test)]
mod tests;
