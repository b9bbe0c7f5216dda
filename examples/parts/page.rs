//! One self-contained HTML page: styles inside, nothing to fetch.

use std::fmt::{self, Display, Formatter, Write};

use plotters::style::RGBColor;

const STYLE: &str = "\
:root { color-scheme: light; --ink: #334155; --dark: #0f172a; --pale: #64748b; --rule: #e2e8f0 }
* { box-sizing: border-box }
body { margin: 0; background: #f6f8fa; color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', sans-serif }
main { max-width: 1124px; margin: 0 auto; padding: 28px 16px 48px }
h1 { margin: 0; font-size: 26px; line-height: 1.25; color: var(--dark) }
h2 { margin: 0; font-size: 17px; color: var(--dark) }
p { margin: 2px 0 0; color: var(--pale) }
section { margin-top: 16px; padding: 18px 20px 12px; background: #fff;
  border: 1px solid var(--rule); border-radius: 10px }
svg { display: block; max-width: 100%; height: auto; margin-top: 6px }
.settings { margin-top: 6px; overflow-wrap: anywhere }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr));
  gap: 12px; margin-top: 18px }
.tile { padding: 12px 16px; background: #fff; border: 1px solid var(--rule);
  border-radius: 10px }
.tile b { display: block; font-size: 24px; line-height: 1.3; color: var(--dark);
  font-variant-numeric: tabular-nums }
.tile.bad b { color: #dc2626 }
.tile span, .legend { font-size: 13px; color: var(--pale) }
.legend { margin-top: 6px }
.legend span { margin-right: 18px; white-space: nowrap }
.legend i { font-style: normal; margin-right: 5px }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 16px }
.pair section { min-width: 0 }
@media (max-width: 800px) { .pair { grid-template-columns: 1fr; gap: 0 } }
table { width: 100%; margin: 8px 0 6px; border-collapse: collapse;
  font-variant-numeric: tabular-nums }
th { font-weight: 600; font-size: 13px; color: var(--pale); text-align: right }
td { text-align: right }
th, td { padding: 4px 10px; border-bottom: 1px solid var(--rule) }
tr > :first-child { text-align: left; padding-left: 0 }
tr:last-child td { border-bottom: 0 }
.bar { width: 45%; padding-right: 0 }
.bar div { height: 10px; border-radius: 3px; background: #99ddd3 }
footer { margin-top: 20px; font-size: 13px; color: var(--pale) }
@media print { body { background: #fff } section { break-inside: avoid } }";

/// What the page shows, from top to bottom.
pub(crate) struct Page {
    pub(crate) title: String,
    pub(crate) settings: String,
    pub(crate) tiles: Vec<Tile>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) footer: String,
    /// Rules that only this page has.
    pub(crate) styles: &'static str,
    /// Well-formed `<script>` elements, or nothing: the page must be readable without them.
    pub(crate) scripts: String,
}

/// A number that matters, and what it is.
pub(crate) struct Tile {
    pub(crate) number: String,
    pub(crate) name: String,
    pub(crate) is_bad: bool,
}

pub(crate) enum Block {
    Wide(Section),
    Pair(Section, Section),
}

pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) note: String,
    pub(crate) legend: Vec<Key>,
    /// SVG or a table: well-formed HTML already.
    pub(crate) body: String,
}

/// An entry of a legend: a sign in a colour, and what it stands for.
pub(crate) struct Key(pub(crate) char, pub(crate) RGBColor, pub(crate) String);

impl Display for Page {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let title = escaped(&self.title);
        let settings = escaped(&self.settings);
        write!(
            f,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title}</title>\n<style>\n{STYLE}\n{}</style>\n</head>\n<body>\n<main>\n\
             <h1>{title}</h1>\n<p class=\"settings\">{settings}</p>\n<div class=\"tiles\">\n",
            self.styles
        )?;
        self.tiles.iter().try_for_each(|tile| write!(f, "{tile}"))?;
        writeln!(f, "</div>")?;
        self.blocks.iter().try_for_each(|block| match block {
            Block::Wide(section) => write!(f, "{section}"),
            Block::Pair(left, right) => write!(f, "<div class=\"pair\">\n{left}{right}</div>\n"),
        })?;
        let footer = escaped(&self.footer);
        writeln!(f, "<footer>{footer}</footer>\n</main>\n{}</body>\n</html>", self.scripts)
    }
}

impl Display for Tile {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let class = if self.is_bad { "tile bad" } else { "tile" };
        let (number, name) = (escaped(&self.number), escaped(&self.name));
        writeln!(f, "<div class=\"{class}\"><b>{number}</b><span>{name}</span></div>")
    }
}

impl Display for Section {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "<section>\n<h2>{}</h2>\n<p>{}</p>", self.title, escaped(&self.note))?;
        if !self.legend.is_empty() {
            writeln!(f, "<div class=\"legend\">")?;
            for Key(sign, RGBColor(r, g, b), text) in &self.legend {
                let colour = format!("#{r:02x}{g:02x}{b:02x}");
                let text = escaped(text);
                writeln!(f, "<span><i style=\"color:{colour}\">{sign}</i>{text}</span>")?;
            }
            writeln!(f, "</div>")?;
        }
        // A picture is named by its title, for those who cannot see it.
        let label = format!("<svg role=\"img\" aria-label=\"{}\" ", self.title);
        writeln!(f, "{}\n</section>", self.body.replacen("<svg ", &label, 1))
    }
}

/// Rows of cells, the first one the head.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let mut html = String::from("<table>\n");
    for (index, row) in rows.iter().enumerate() {
        let tag = if index == 0 { "th" } else { "td" };
        html += "<tr>";
        for cell in row {
            let _ = write!(html, "<{tag}>{}</{tag}>", escaped(cell));
        }
        html += "</tr>\n";
    }
    html + "</table>"
}

/// Counts with bars beside them, the longest one for the first.
pub(crate) fn bars(counts: &[(&'static str, u64)], show: fn(u64) -> String) -> String {
    let mut html = String::from("<table>\n");
    let most = counts.iter().map(|c| c.1).max().unwrap_or(1).max(1) as f64;
    for (name, count) in counts {
        let (name, share) = (escaped(name), 100.0 * *count as f64 / most);
        let _ = writeln!(
            html,
            "<tr><td>{name}</td><td>{}</td><td class=\"bar\"><div style=\"width:{share:.1}%\">\
             </div></td></tr>",
            show(*count)
        );
    }
    html + "</table>"
}

pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_cannot_become_markup() {
        let page = Page {
            title: "<script>".into(),
            settings: "a & b".into(),
            tiles: vec![Tile { number: "1 < 2".into(), name: "n".into(), is_bad: true }],
            blocks: vec![],
            footer: String::new(),
            styles: "",
            scripts: String::new(),
        };
        let html = page.to_string();
        assert!(html.contains("<title>&lt;script&gt;</title>"), "{html}");
        assert!(html.contains("a &amp; b") && html.contains("<b>1 &lt; 2</b>"), "{html}");
        assert!(!html.contains("<script"), "{html}");
    }
}
