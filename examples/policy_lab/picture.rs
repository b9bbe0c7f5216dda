//! The picture of `--picture`: how each law went through the load, small enough for a page of
//! documentation. It stands on white, so that it can be read on a dark page, too.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write};

use plotters::style::RGBColor;

use crate::compact::compact;
use crate::comparison::Comparison;
use crate::offered::Offered;
use crate::page::{Key, escaped};
use crate::panels::{self, Axes, Shape};
use crate::paper::{AMBER, FOAM, Fault, INDIGO, INK, RED, TEAL};
use crate::setup::Setup;

const WIDTH: u32 = 760;
/// Two panels side by side; each of their columns is two pixels wide.
const PANEL: Shape = Shape { size: (366, 108), left: 56, font: 14, columns: 142, decades: 5 };
const MARGIN: u32 = 14;
/// Above the rows: the title, what it ran on, and what the colours mean.
const HEAD: u32 = 72;
/// Above the panels of a row: whose they are. Above the first law: what they show.
const NAME: u32 = 20;
const ROW: u32 = NAME + PANEL.size.1 + 2;

pub(crate) fn write(mut file: File, setup: &Setup, comparison: &Comparison) -> io::Result<()> {
    let picture = picture(setup, comparison).map_err(|e| io::Error::other(e.to_string()))?;
    file.write_all(picture.as_bytes())
}

fn picture(setup: &Setup, comparison: &Comparison) -> Result<String, Fault> {
    let axes = Axes::of(setup, comparison, PANEL);
    let offered = Offered::of(&setup.load, PANEL.columns);
    let load = [panels::needed(axes, &offered.under_way)?, panels::arrivals(axes, &offered.rates)?];
    let mut top = HEAD;
    let mut rows = name(top + NAME - 4, 1, "arrivals a second");
    rows += &row(&mut top, "load", "the load", "jobs under way if none waited", &load);
    top += NAME;
    rows += &name(top - 3, 0, "workers");
    rows += &name(top - 3, 1, "longest wait of a job that starts");
    for (index, path) in comparison.paths.iter().enumerate() {
        let columns = panels::columns(&path.slices, PANEL.columns);
        let target = setup.load.machine.target_wait;
        let panels =
            [panels::workers(axes, &columns, path.is_ours)?, panels::wait(axes, &columns, target)?];
        let facts = panels::facts(&comparison.rows[index]);
        rows += &row(&mut top, "law", &path.label, &facts, &panels);
    }
    let height = top + MARGIN / 2;
    let title = escaped(&format!("{}: {}", setup.title, setup.about));
    // The style is for pages that are narrower. Letters have the size that plotters gives to those
    // at the axes.
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" style=\"max-width:100%;height:auto\" role=\"img\" \
         aria-label=\"{title}\" font-family=\"system-ui, sans-serif\" font-size=\"11.5\" \
         fill=\"{}\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" rx=\"10\" fill=\"#fff\"/>\n\
         <text x=\"{MARGIN}\" y=\"25\" font-size=\"15\" font-weight=\"600\">{title}</text>\n\
         <text x=\"{MARGIN}\" y=\"44\">{}</text>\n\
         <text x=\"{MARGIN}\" y=\"64\">{}</text>\n{rows}</svg>\n",
        hex(INK),
        escaped(&setup.settings()),
        legend(),
    ))
}

/// What the panels below it show.
fn name(y: u32, place: u32, name: &str) -> String {
    let x = MARGIN + place * PANEL.size.0 + PANEL.left;
    format!("<text x=\"{x}\" y=\"{y}\" font-weight=\"600\">{name}</text>\n")
}

/// Whose it is, the numbers to it, and the panels.
fn row(top: &mut u32, class: &str, name: &str, facts: &str, panels: &[String; 2]) -> String {
    let mut row = format!("<g class=\"{class}\" transform=\"translate({MARGIN} {top})\">\n");
    let (name, facts) = (escaped(name), escaped(facts));
    let _ = writeln!(
        row,
        "<text y=\"{}\"><tspan font-weight=\"600\" font-size=\"14\">{name}</tspan>\
         <tspan dx=\"8\">{facts}</tspan></text>",
        NAME - 4
    );
    for (place, panel) in (0..).zip(panels) {
        let left = place * PANEL.size.0;
        let _ = writeln!(row, "<g transform=\"translate({left} {NAME})\">{}</g>", compact(panel));
    }
    *top += ROW;
    row + "</g>\n"
}

fn legend() -> String {
    let keys = [
        Key('━', TEAL, "workers".into()),
        Key('■', FOAM, "inside a job".into()),
        Key('━', AMBER, "demand, in our law's own words".into()),
        Key('■', INDIGO, "longest wait".into()),
        Key('┅', RED, "target".into()),
    ];
    let mut legend = String::new();
    for (index, Key(sign, colour, about)) in keys.iter().enumerate() {
        let gap = if index == 0 { "" } else { " dx=\"14\"" };
        let colour = hex(*colour);
        let _ = write!(legend, "<tspan{gap} fill=\"{colour}\">{sign}</tspan> {}", escaped(about));
    }
    legend + "<tspan dx=\"14\">seconds from left to right</tspan>"
}

fn hex(RGBColor(red, green, blue): RGBColor) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}
