//! Tables for people, and lines for programs.

use std::fmt::Write;

use crate::runner::Row;
use crate::targets::{Goal, Target};
use crate::usage;
use crate::verdict::{Figure, Outcome, Verdict};
use crate::workloads::{Depth, Table};

/// The versions that were compared are those that the package pins.
const MANIFEST: &str = include_str!("../Cargo.toml");

/// What the mark says.
const DISTURBED: &str = "† other load, or cores that moved, whenever it was tried\n";

/// What the tables were made with.
pub(crate) fn head(depth: Depth) -> String {
    let (cores, processor) = (usage::cores(), usage::processor());
    let mut text = format!(
        "{cores} cores ({processor}). Medians of the repetitions, each in a process of its own, \
         with the least and the most of the column that a table is sorted by.\n\n"
    );
    let pinned: Vec<String> = MANIFEST.lines().filter_map(pinned).collect();
    let _ = writeln!(text, "Peers: {}.\n", pinned.join(", "));
    if depth == Depth::Smoke {
        text.push_str("Cells are so small that no figure means anything.\n\n");
    }
    text
}

/// The name and version of a dependency that is a peer; what only measures is none.
fn pinned(line: &str) -> Option<String> {
    let (name, rest) = line.split_once(" = ")?;
    let (_, version) = rest.split_once("\"=")?;
    let (version, _) = version.split_once('"')?;
    let measures = ["libc", "nix", "plotters", "qubit-executor", "serde_json"].contains(&name);
    (!measures).then(|| format!("{name} {version}"))
}

/// What became of the targets, as a table, and what was lost, as sentences. Targets whose rows this
/// run did not have are only counted.
pub(crate) fn verdicts(outcomes: &[(Target, Option<Outcome>)]) -> String {
    let mut text = String::from("## Targets\n\n");
    text.push_str("| target | ours | best peer | its figure | ratio | goal | |\n");
    text.push_str("|---|---:|---|---:|---:|---:|---|\n");
    let judged: Vec<(&Target, &Outcome)> =
        outcomes.iter().filter_map(|(target, found)| Some((target, found.as_ref()?))).collect();
    for (target, found) in &judged {
        let mark = if found.disturbed { " †" } else { "" };
        let _ = writeln!(
            text,
            "| {}: {}, `{}`{mark} | {} | {} | {} | {} | {} | {} |",
            target.workload,
            target.what,
            target.column,
            spread(found.ours),
            found.peer,
            spread(found.theirs),
            ratio(target.goal, found),
            goal(target.goal),
            found.verdict.words(),
        );
    }
    let count = |verdict: Verdict| judged.iter().filter(|(_, o)| o.verdict == verdict).count();
    let _ = writeln!(
        text,
        "\nMet: {}, and {} more whose ranges overlap. Within the spread: {}. Not met: {}. \
         Not in this run: {}.\n",
        count(Verdict::Met),
        count(Verdict::MetWithinSpread),
        count(Verdict::WithinSpread),
        count(Verdict::NotMet),
        outcomes.len() - judged.len(),
    );
    if judged.iter().any(|(_, found)| found.disturbed) {
        let _ = writeln!(text, "{DISTURBED}");
    }
    text.push_str(&losses(&judged));
    text
}

/// What was not met, worst first: a sentence each.
fn losses(judged: &[(&Target, &Outcome)]) -> String {
    let mut lost: Vec<_> = judged.iter().filter(|(_, o)| o.verdict == Verdict::NotMet).collect();
    if lost.is_empty() {
        return String::new();
    }
    lost.sort_by(|a, b| b.1.ratio.total_cmp(&a.1.ratio));
    let mut text = String::from("### Not met\n\n");
    for (target, found) in lost {
        let (ours, theirs) = (short(found.ours.median), short(found.theirs.median));
        let _ = writeln!(
            text,
            "* {} {}: `{}` has {} {ours}, where {} has {theirs}.",
            target.workload, target.what, target.ours, target.column, found.peer,
        );
    }
    text
}

fn spread(figure: Figure) -> String {
    format!("{} [{}–{}]", short(figure.median), short(figure.least), short(figure.most))
}

fn ratio(goal: Goal, found: &Outcome) -> String {
    match goal {
        Goal::AtMost(_) => "–".to_owned(),
        Goal::Times(_) | Goal::MoreTimes(_) => format!("{} ×", short(found.ratio)),
    }
}

fn goal(goal: Goal) -> String {
    match goal {
        Goal::Times(times) | Goal::MoreTimes(times) => format!("≤ {times:.2} ×"),
        Goal::AtMost(most) => format!("≤ {most}"),
    }
}

/// A table in Markdown: the best first, ours bold, a range at the column it is sorted by.
pub(crate) fn markdown(table: &Table, rows: &[Row], crossing_ns: f64) -> String {
    let mut text = format!("**{} {}**\n\n", table.workload, table.title);
    let _ = write!(text, "Cores {} ns apart.\n\n| pool |", short(crossing_ns));
    for column in table.columns {
        let _ = write!(text, " {column} |");
    }
    text.push_str("\n|---|");
    text.push_str(&"---:|".repeat(table.columns.len()));
    text.push('\n');
    for row in rows {
        let mark = if row.disturbed { " †" } else { "" };
        let label = format!("{}{mark}", row.label);
        let _ = write!(text, "| {} |", if row.is_ours { bold(&label) } else { label });
        for column in 0..table.columns.len() {
            let mut figure = short(row.median(column));
            if column == table.key {
                let (least, most) = row.range(column);
                figure = format!("{figure} [{}–{}]", short(least), short(most));
            }
            let _ = write!(text, " {} |", if row.is_ours { bold(&figure) } else { figure });
        }
        text.push('\n');
    }
    if rows.iter().any(|row| row.disturbed) {
        let _ = write!(text, "\n{DISTURBED}");
    }
    text
}

fn bold(text: &str) -> String {
    format!("**{text}**")
}

/// Three digits, without exponents.
pub(crate) fn short(figure: f64) -> String {
    match figure.abs() {
        size if !size.is_finite() => "never".to_owned(),
        0.0 => "0".to_owned(),
        size if size < 0.1 => format!("{figure:.3}"),
        size if size < 10.0 => format!("{figure:.2}"),
        size if size < 100.0 => format!("{figure:.1}"),
        _ => format!("{figure:.0}"),
    }
}

pub(crate) const CSV_HEAD: &str = "workload,shape,pool,column,median,min,max,reps,others\n";

/// One line for each row and column.
pub(crate) fn csv(table: &Table, rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        for (at, column) in table.columns.iter().enumerate() {
            let (least, most) = row.range(at);
            let _ = writeln!(
                text,
                "{},\"{}\",\"{}\",{column},{},{least},{most},{},{:.3}",
                table.workload,
                table.title,
                row.label,
                row.median(at),
                row.figures[at].len(),
                row.others
            );
        }
    }
    text
}
