//! A table as a picture: one bar a row, as long as the median of the column it is sorted by, with
//! the range of the repetitions as a line.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

use crate::report::short;
use crate::runner::Row;
use crate::workloads::Table;

const WIDTH: u32 = 790;
const ROW: u32 = 20;
const HEAD: u32 = 34;
const LABELS: u32 = 280;
/// Room to the right of the longest bar for its figure.
const FIGURES: u32 = 90;
const OURS: RGBColor = RGBColor(0x1f, 0x77, 0xb4);
const THEIRS: RGBColor = RGBColor(0xb8, 0xbf, 0xc6);
/// A row beyond so many times the median row is cut off, or it would flatten all the others.
const CUT: f64 = 5.0;

/// # Errors
///
/// The file cannot be written.
pub(crate) fn draw(table: &Table, rows: &[Row], path: &Path) -> Result<(), Box<dyn Error>> {
    let height = HEAD + ROW * rows.len() as u32 + 8;
    let root = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    root.fill(&WHITE)?;
    let text = |size: i32, color: RGBColor| ("sans-serif", size).into_font().color(&color);
    let title = format!("{} {}: {}", table.workload, table.title, table.columns[table.key]);
    root.draw(&Text::new(title, (8, 10), text(13, BLACK)))?;
    let medians: Vec<f64> = rows.iter().map(|row| row.median(table.key)).collect();
    let longest = medians.iter().copied().filter(|m| m.is_finite()).fold(0.0, f64::max);
    let middle = medians.get(rows.len() / 2).copied().unwrap_or(0.0);
    let full = if middle > 0.0 { longest.min(CUT * middle) } else { longest }.max(1e-9);
    let room = f64::from(WIDTH - LABELS - FIGURES);
    let pixels = |figure: f64| (figure.clamp(0.0, full) / full * room) as i32 + LABELS as i32;
    for (at, row) in rows.iter().enumerate() {
        let top = (HEAD + ROW * at as u32) as i32;
        let color = if row.is_ours { OURS } else { THEIRS };
        let median = medians[at];
        let (left, right) = (LABELS as i32, pixels(median));
        let bar = [(left, top + 3), (right, top + ROW as i32 - 3)];
        root.draw(&Rectangle::new(bar, color.filled()))?;
        let (least, most) = row.range(table.key);
        let middle = top + ROW as i32 / 2;
        root.draw(&PathElement::new([(pixels(least), middle), (pixels(most), middle)], BLACK))?;
        root.draw(&Text::new(row.label.clone(), (8, top + 4), text(12, BLACK)))?;
        let cut = if median > full { " (cut)" } else { "" };
        let figure = format!("{}{cut}", short(median));
        let beside = pixels(most).max(right) + 6;
        root.draw(&Text::new(figure, (beside, top + 4), text(12, BLACK)))?;
    }
    root.present()?;
    Ok(())
}
