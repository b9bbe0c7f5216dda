//! One panel: a question, what to do about the answer, and the expressions that give it.

use serde_json::{Value, json};

use crate::families::Families;

/// The data source that the reader chose.
pub const DATASOURCE: &str = "${datasource}";

/// What numbers are, in Grafana's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Seconds,
    /// 0.5 is 50 %.
    Share,
    PerSecond,
    Count,
    /// Seconds of something in each second: so many at once.
    AtOnce,
}

impl Unit {
    fn as_str(self) -> &'static str {
        match self {
            Unit::Seconds => "s",
            Unit::Share => "percentunit",
            Unit::PerSecond => "ops",
            Unit::Count => "short",
            Unit::AtOnce => "none",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// One number, with how it went.
    Stat,
    /// One number of the whole time shown.
    Total,
    Lines,
    /// Lines on top of each other.
    Stack,
    Bars,
    Heatmap,
}

/// How one series differs from the others of its panel.
#[derive(Clone, Copy, Debug)]
enum Look {
    Color(&'static str),
    /// A bound or a goal: thin, dashed, on its own.
    Bound(&'static str),
}

#[derive(Clone, Debug)]
pub struct Panel {
    kind: Kind,
    title: &'static str,
    asks: &'static str,
    advice: &'static str,
    unit: Unit,
    width: u32,
    /// From where it is a warning, and from where it is bad.
    limits: Option<(f64, f64)>,
    /// Below this it is bad.
    least: Option<f64>,
    /// Whether it may be below zero.
    signed: bool,
    queries: Vec<(String, &'static str)>,
    looks: Vec<(&'static str, Look)>,
}

impl Panel {
    fn new(kind: Kind, title: &'static str, unit: Unit) -> Panel {
        let width = if matches!(kind, Kind::Stat | Kind::Total) { 4 } else { 8 };
        Panel {
            kind,
            title,
            asks: "",
            advice: "",
            unit,
            width,
            limits: None,
            least: None,
            signed: false,
            queries: Vec::new(),
            looks: Vec::new(),
        }
    }

    pub fn stat(title: &'static str, unit: Unit) -> Panel {
        Panel::new(Kind::Stat, title, unit)
    }

    pub fn total(title: &'static str, unit: Unit) -> Panel {
        Panel::new(Kind::Total, title, unit)
    }

    pub fn lines(title: &'static str, unit: Unit) -> Panel {
        Panel::new(Kind::Lines, title, unit)
    }

    pub fn stack(title: &'static str, unit: Unit) -> Panel {
        Panel::new(Kind::Stack, title, unit)
    }

    pub fn bars(title: &'static str, unit: Unit) -> Panel {
        Panel::new(Kind::Bars, title, unit)
    }

    pub fn heatmap(title: &'static str, unit: Unit) -> Panel {
        Panel::new(Kind::Heatmap, title, unit)
    }

    /// The question that the panel answers.
    pub fn asks(self, asks: &'static str) -> Panel {
        Panel { asks, ..self }
    }

    /// How to read the answer, and what to do about a bad one.
    pub fn advice(self, advice: &'static str) -> Panel {
        Panel { advice, ..self }
    }

    pub fn limits(self, warning: f64, bad: f64) -> Panel {
        Panel { limits: Some((warning, bad)), ..self }
    }

    /// Less is bad, and all else is well.
    pub fn at_least(self, least: f64) -> Panel {
        Panel { least: Some(least), ..self }
    }

    /// It is a difference, so it may be below zero.
    pub fn signed(self) -> Panel {
        Panel { signed: true, ..self }
    }

    pub fn width(self, width: u32) -> Panel {
        Panel { width, ..self }
    }

    /// Adds an expression, without the selection of job, instance and pool.
    pub fn query(mut self, expr: &str, legend: &'static str) -> Panel {
        self.queries.push((selected(expr), legend));
        self
    }

    pub fn color(mut self, series: &'static str, color: &'static str) -> Panel {
        self.looks.push((series, Look::Color(color)));
        self
    }

    pub fn bound(mut self, series: &'static str, color: &'static str) -> Panel {
        self.looks.push((series, Look::Bound(color)));
        self
    }

    pub(crate) fn size(&self) -> (u32, u32) {
        (self.width, if matches!(self.kind, Kind::Stat | Kind::Total) { 4 } else { 8 })
    }

    /// What Grafana reads, but for the place and the number, which are the board's.
    pub(crate) fn json(&self) -> Value {
        let plugin = match self.kind {
            Kind::Stat | Kind::Total => "stat",
            Kind::Lines | Kind::Stack | Kind::Bars => "timeseries",
            Kind::Heatmap => "heatmap",
        };
        json!({
            "type": plugin,
            "title": self.title,
            "description": format!("**{}**\n\n{}", self.asks, self.advice),
            "datasource": { "type": "prometheus", "uid": DATASOURCE },
            "targets": self.targets(),
            "fieldConfig": { "defaults": self.defaults(), "overrides": self.overrides() },
            "options": self.options(),
        })
    }

    fn targets(&self) -> Vec<Value> {
        let total = self.kind == Kind::Total;
        let format = if self.kind == Kind::Heatmap { "heatmap" } else { "time_series" };
        let letters = ('A'..='Z').map(String::from);
        let target = |((expr, legend), letter): (&(String, &str), String)| {
            json!({
                "refId": letter,
                "expr": expr,
                "legendFormat": legend,
                "format": format,
                "instant": total,
                "range": !total,
                "editorMode": "code",
            })
        };
        self.queries.iter().zip(letters).map(target).collect()
    }

    fn defaults(&self) -> Value {
        let lowest = if self.least.is_some() { "red" } else { "green" };
        let mut steps = vec![json!({ "value": null, "color": lowest })];
        steps.extend(self.least.map(|least| json!({ "value": least, "color": "green" })));
        if let Some((warning, bad)) = self.limits {
            steps.push(json!({ "value": warning, "color": "orange" }));
            steps.push(json!({ "value": bad, "color": "red" }));
        }
        let colors = match self.kind {
            Kind::Stat | Kind::Total => json!({ "mode": "thresholds" }),
            _ => json!({ "mode": "palette-classic" }),
        };
        let mut defaults = json!({
            "unit": self.unit.as_str(),
            "color": colors,
            "thresholds": { "mode": "absolute", "steps": steps },
            "custom": self.drawing(),
        });
        // A share of no jobs at all.
        if matches!(self.kind, Kind::Stat | Kind::Total) {
            let none = json!({ "match": "null+nan", "result": { "text": "–", "index": 0 } });
            defaults["mappings"] = json!([{ "type": "special", "options": none }]);
        }
        // No figure of a pool is below zero.
        if self.kind != Kind::Heatmap && !self.signed {
            defaults["min"] = json!(0);
        }
        defaults
    }

    fn drawing(&self) -> Value {
        let (style, fill) = match self.kind {
            Kind::Stat | Kind::Total | Kind::Heatmap => return json!({}),
            Kind::Lines => ("line", 0),
            Kind::Stack => ("line", 40),
            Kind::Bars => ("bars", 80),
        };
        let stacking = if self.kind == Kind::Lines { "none" } else { "normal" };
        let thresholds = if self.limits.is_some() { "dashed" } else { "off" };
        json!({
            "drawStyle": style,
            "lineWidth": 1,
            "fillOpacity": fill,
            "showPoints": "never",
            "stacking": { "mode": stacking, "group": "A" },
            "thresholdsStyle": { "mode": thresholds },
        })
    }

    fn overrides(&self) -> Vec<Value> {
        let set = |id: &str, value: Value| json!({ "id": id, "value": value });
        let fixed = |color: &str| set("color", json!({ "mode": "fixed", "fixedColor": color }));
        let change = |(series, look): &(&str, Look)| {
            let properties = match look {
                Look::Color(color) => vec![fixed(color)],
                Look::Bound(color) => vec![
                    fixed(color),
                    set("custom.stacking", json!({ "mode": "none", "group": "B" })),
                    set("custom.fillOpacity", json!(0)),
                    set("custom.lineStyle", json!({ "fill": "dash", "dash": [8, 6] })),
                ],
            };
            let matcher = json!({ "id": "byName", "options": series });
            json!({ "matcher": matcher, "properties": properties })
        };
        self.looks.iter().map(change).collect()
    }

    fn options(&self) -> Value {
        match self.kind {
            Kind::Stat | Kind::Total => json!({
                "colorMode": "value",
                "graphMode": if self.kind == Kind::Stat { "area" } else { "none" },
                "textMode": "auto",
                "justifyMode": "auto",
                "orientation": "auto",
                "wideLayout": true,
                "showPercentChange": false,
                "percentChangeColorMode": "standard",
                "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
            }),
            Kind::Heatmap => json!({
                "calculate": false,
                "cellGap": 1,
                "showValue": "never",
                "color": { "mode": "scheme", "scheme": "Oranges", "steps": 64, "exponent": 0.5,
                           "scale": "exponential", "fill": "dark-orange", "reverse": false },
                "filterValues": { "le": 1e-9 },
                "rowsFrame": { "layout": "auto" },
                "yAxis": { "axisPlacement": "left", "unit": self.unit.as_str(), "reverse": false },
                "tooltip": { "mode": "single", "yHistogram": true, "showColorScale": false },
                "legend": { "show": true },
                "exemplars": { "color": "rgba(255,0,255,0.7)" },
            }),
            _ => json!({
                "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true,
                            "calcs": [] },
                "tooltip": { "mode": "multi", "sort": "desc" },
            }),
        }
    }
}

/// Every series of ours in an expression, of the job, instance and pool that the reader chose.
pub fn selected(expr: &str) -> String {
    const CHOSEN: &str = r#"job=~"$job", instance=~"$instance", pool=~"$pool""#;
    let families = Families::exported();
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut out = String::new();
    let mut rest = expr;
    while let Some(at) = rest.find(is_word) {
        let end = rest[at..].find(|c| !is_word(c)).map_or(rest.len(), |length| at + length);
        out.push_str(&rest[..end]);
        let word = &rest[at..end];
        rest = &rest[end..];
        if families.of(word).is_none() {
            continue;
        }
        match rest.strip_prefix('{') {
            Some(more) => {
                out.push_str(&format!("{{{CHOSEN}, "));
                rest = more;
            }
            None => out.push_str(&format!("{{{CHOSEN}}}")),
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_gets_the_choice_of_the_reader() {
        let chosen = r#"job=~"$job", instance=~"$instance", pool=~"$pool""#;
        assert_eq!(
            selected("max by (pool) (springtide_queue_jobs) / springtide_workers{state=\"idle\"}"),
            format!(
                "max by (pool) (springtide_queue_jobs{{{chosen}}}) / \
                 springtide_workers{{{chosen}, state=\"idle\"}}"
            )
        );
        assert_eq!(selected("time()"), "time()");
    }
}
