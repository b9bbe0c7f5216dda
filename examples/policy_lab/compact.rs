//! Pictures as plotters writes them, in a fraction of the bytes: those in the documentation are
//! read by whoever opens the page, and kept by whoever clones the repository.
//!
//! Lines of one style become one path, and what a path does is told from point to point. Letters
//! inherit from what is around them how they look.

use std::fmt::Write;

/// The inside of an SVG, on a single line.
pub(crate) fn compact(svg: &str) -> String {
    let mut strokes = Strokes::default();
    let mut letters = String::new();
    for element in svg.split('<').filter(|element| !element.starts_with('/')) {
        let (tag, content) = element.split_once('>').unwrap_or((element, ""));
        if tag.starts_with("text ") {
            letters += &text(tag, content.trim()).unwrap_or_default();
        } else if let Some(points) = points(tag) {
            strokes.add(tag, &points);
        }
    }
    strokes.finished() + &letters
}

/// Nothing if it has no letters, as the names of unnamed axes.
fn text(tag: &str, content: &str) -> Option<String> {
    if content.is_empty() {
        return None;
    }
    let mut text = String::from("<text");
    for name in ["x", "y", "dy", "text-anchor"] {
        write!(text, " {name}=\"{}\"", attribute(tag, name)?).ok()?;
    }
    Some(format!("{text}>{content}</text>"))
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    tag.split_once(&format!(" {name}=\""))?.1.split('"').next()
}

/// Of a line, or of a shape of many.
fn points(tag: &str) -> Option<Vec<(i32, i32)>> {
    let number = |text: &str| text.trim().parse().ok();
    if tag.starts_with("line ") {
        let at = |name| attribute(tag, name).and_then(number);
        return Some(vec![(at("x1")?, at("y1")?), (at("x2")?, at("y2")?)]);
    }
    let pairs = attribute(tag, "points")?.split_whitespace();
    let point = |pair: &str| {
        let (x, y) = pair.split_once(',')?;
        Some((number(x)?, number(y)?))
    };
    pairs.map(point).collect()
}

#[derive(Default)]
struct Strokes {
    finished: String,
    /// How the path looks that is not finished, and its way.
    style: String,
    way: String,
}

impl Strokes {
    fn add(&mut self, tag: &str, points: &[(i32, i32)]) {
        let is_area = tag.starts_with("polygon ");
        let style = style(tag, is_area);
        // Of two areas in one path the common part would be painted once instead of twice.
        if style != self.style || is_area {
            self.finish();
            self.style = style;
        }
        self.way += &way(points);
        if is_area {
            self.way += "z";
        }
    }

    fn finish(&mut self) {
        if !self.way.is_empty() {
            let _ = write!(self.finished, "<path{} d=\"{}\"/>", self.style, self.way);
            self.way.clear();
        }
    }

    fn finished(mut self) -> String {
        self.finish();
        self.finished
    }
}

fn style(tag: &str, is_area: bool) -> String {
    let mut style = String::new();
    let fill = if is_area { attribute(tag, "fill") } else { Some("none") };
    let told = [
        ("fill", fill),
        ("stroke", attribute(tag, "stroke")),
        ("stroke-width", attribute(tag, "stroke-width")),
        ("opacity", attribute(tag, "opacity")),
    ];
    for (name, value) in told {
        if let Some(value) = value.filter(|value| *value != "1") {
            let _ = write!(style, " {name}=\"{value}\"");
        }
    }
    style
}

/// From point to point; steps in the same direction are one.
fn way(points: &[(i32, i32)]) -> String {
    let Some(first) = points.first() else { return String::new() };
    let mut steps: Vec<(i32, i32)> = Vec::new();
    for pair in points.windows(2) {
        let (dx, dy) = (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1);
        match steps.last_mut() {
            _ if (dx, dy) == (0, 0) => {}
            Some(last) if dy == 0 && last.1 == 0 && dx.signum() == last.0.signum() => last.0 += dx,
            Some(last) if dx == 0 && last.0 == 0 && dy.signum() == last.1.signum() => last.1 += dy,
            _ => steps.push((dx, dy)),
        }
    }
    let mut way = format!("M{} {}", first.0, first.1);
    for (dx, dy) in steps {
        way += &match (dx, dy) {
            (dx, 0) => format!("h{dx}"),
            (0, dy) => format!("v{dy}"),
            (dx, dy) => format!("l{dx} {dy}"),
        };
    }
    way
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_has_a_step_for_each_corner_alone() {
        assert_eq!(way(&[(1, 9), (3, 9), (5, 9), (5, 9), (5, 2), (7, 4)]), "M1 9h4v-7l2 2");
        assert_eq!(way(&[(1, 9), (5, 9), (2, 9)]), "M1 9h4h-3", "there and back");
        assert_eq!(way(&[]), "");
    }

    #[test]
    fn lines_alike_are_one_path_and_areas_are_not() {
        let style = r##"opacity="1" stroke="#E8" stroke-width="1""##;
        let line = format!(r#"<line {style} x1="1" y1="2" x2="1" y2="8"/>"#);
        let style = style.replace("width=\"1", "width=\"2");
        let bold = format!(r#"<polyline fill="none" {style} points="3,4 9,4 "/>"#);
        let area = r##"<polygon opacity="0.8" fill="#99" points="0,0 4,0 4,4 "/>"##;
        let svg = format!("<svg width=\"9\">\n{line}\n{line}\n{bold}\n{area}\n{area}\n</svg>\n");
        let area = r##"<path fill="#99" opacity="0.8" d="M0 0h4v4z"/>"##;
        let lines = r##"<path fill="none" stroke="#E8" d="M1 2v6M1 2v6"/>"##;
        let bold = r##"<path fill="none" stroke="#E8" stroke-width="2" d="M3 4h6"/>"##;
        assert_eq!(compact(&svg), format!("{lines}{bold}{area}{area}"));
    }

    #[test]
    fn letters_stay_where_they_are_and_emptiness_goes() {
        let at = r##"x="4" y="5" dy="0.5ex" text-anchor="end""##;
        let text = format!("<text {at} font-family=\"serif\" opacity=\"1\" fill=\"#33\">\n");
        let svg = format!("{text}20 µs\n</text>\n{text}\n</text>\n");
        assert_eq!(compact(&svg), format!("<text {at}>20 µs</text>"));
    }
}
