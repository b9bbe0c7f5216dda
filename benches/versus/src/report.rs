//! Tables for people, and lines for programs.

use std::fmt::Write;

use crate::runner::Row;
use crate::workloads::Table;

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
        text.push_str("\n† other load, or cores that moved, whenever it was tried\n");
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
