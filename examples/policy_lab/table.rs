//! The comparison as a table for a terminal.

use std::fmt::{self, Display, Formatter};

use crate::comparison::{Comparison, Row};
use crate::measure::MEASURES;

/// Prints as lines.
pub(crate) struct Table<'a> {
    /// What the first column is about.
    pub(crate) head: &'a str,
    pub(crate) comparison: &'a Comparison,
    pub(crate) seeds: u64,
}

/// The sign in front of our law.
const MARK: &str = "> ";
const NO_MARK: &str = "  ";

impl Display for Table<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let comparison = self.comparison;
        let columns = columns(comparison);
        let head = |line: usize, name: &str| {
            let cells = columns.iter().map(|place| MEASURES[*place].head[line].into());
            std::iter::once(format!("{NO_MARK}{name}")).chain(cells).collect::<Vec<String>>()
        };
        let mut lines = vec![head(0, ""), head(1, self.head)];
        comparison.rows.iter().for_each(|row| self.add(row, &columns, &mut lines));
        let rule = lines.len();
        comparison.references.iter().for_each(|row| self.add(row, &columns, &mut lines));
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
        let widths: Vec<usize> = (0..=columns.len()).filter_map(width).collect();
        for (index, line) in lines.iter().enumerate() {
            if index == rule {
                writeln!(f, "{NO_MARK}for reference")?;
            }
            let mut text = format!("{:<1$}", line[0], widths[0]);
            for (cell, width) in line.iter().zip(&widths).skip(1) {
                text += &format!("  {cell:>width$}");
            }
            writeln!(f, "{}", text.trim_end())?;
        }
        Ok(())
    }
}

impl Table<'_> {
    /// With more than one seed the least and the most come on lines of their own.
    fn add(&self, row: &Row, columns: &[usize], lines: &mut Vec<Vec<String>>) {
        let line = |label: String, of: fn(&crate::comparison::Spread) -> f64| {
            let cell = |place: &usize| MEASURES[*place].unit.show(of(&row.spreads[*place]));
            std::iter::once(label).chain(columns.iter().map(cell)).collect()
        };
        let mark = if row.is_default { MARK } else { NO_MARK };
        lines.push(line(format!("{mark}{}", row.label), |spread| spread.median));
        if self.seeds > 1 {
            lines.push(line(format!("{NO_MARK}  least"), |spread| spread.least));
            lines.push(line(format!("{NO_MARK}  most"), |spread| spread.most));
        }
    }
}

/// The measures that apply to some row.
pub(crate) fn columns(comparison: &Comparison) -> Vec<usize> {
    let applies = |place: &usize| comparison.rows.iter().any(|row| row.applies(*place));
    (0..MEASURES.len()).filter(applies).collect()
}

impl Row {
    fn applies(&self, place: usize) -> bool {
        !self.spreads[place].most.is_nan()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::Spread;

    fn row(label: &str, is_default: bool, x: f64) -> Row {
        let spread = Spread { median: x, least: x / 2.0, most: x * 2.0 };
        let mut spreads = vec![spread; MEASURES.len()];
        spreads[11] = Spread { median: f64::NAN, least: f64::NAN, most: f64::NAN };
        Row { label: label.into(), is_default, offered: 1, spreads }
    }

    fn printed(seeds: u64) -> Vec<String> {
        let comparison = Comparison {
            rows: vec![row("ours", true, 0.5), row("another-law", false, 1234.0)],
            references: vec![row("best", false, 0.0)],
            paths: vec![],
            jobs: 0,
            needed: 1,
            sentence: String::new(),
        };
        let table = Table { head: "law", comparison: &comparison, seeds };
        table.to_string().lines().map(str::to_owned).collect()
    }

    #[test]
    fn columns_are_aligned_and_ours_is_marked() {
        let lines = printed(1);
        assert_eq!(lines.len(), 2 + 2 + 1 + 1, "{lines:#?}");
        assert!(lines[2].starts_with("> ours ") && lines[3].starts_with("  another-law "));
        let rows = [&lines[1], &lines[2], &lines[3], &lines[5]];
        let ends: Vec<usize> = rows.iter().map(|line| line.chars().count()).collect();
        assert!(ends.iter().all(|end| *end == ends[0]), "{lines:#?}");
    }

    #[test]
    fn what_applies_to_nobody_has_no_column() {
        assert!(!printed(1).concat().contains("settled"));
    }

    #[test]
    fn several_seeds_show_the_least_and_the_most() {
        assert_eq!(printed(5).len(), 2 + 3 * 3 + 1);
    }
}
