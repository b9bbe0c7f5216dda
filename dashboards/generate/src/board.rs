//! A board: rows of panels from left to right, the variables to choose by, and the notes on the
//! time line.

use serde_json::{Value, json};

use crate::panel::{DATASOURCE, Panel, selected};

/// Grafana's grid is so wide.
const COLUMNS: u32 = 24;

pub struct Row {
    pub title: &'static str,
    pub panels: Vec<Panel>,
}

/// A mark on the time line wherever an expression has a value.
pub struct Note {
    pub name: &'static str,
    pub expr: &'static str,
    pub title: &'static str,
    pub color: &'static str,
}

pub struct Board {
    pub uid: &'static str,
    pub title: &'static str,
    pub description: &'static str,
    pub rows: Vec<Row>,
    pub notes: Vec<Note>,
}

impl Board {
    /// What Grafana imports.
    pub fn json(&self) -> Value {
        json!({
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": ["springtide"],
            "schemaVersion": 39,
            "editable": false,
            "graphTooltip": 1,
            "time": { "from": "now-1h", "to": "now" },
            "refresh": "30s",
            "timezone": "browser",
            "links": [{
                "type": "dashboards", "title": "Springtide", "tags": ["springtide"],
                "asDropdown": false, "includeVars": true, "keepTime": true, "targetBlank": false,
                "icon": "external link", "tooltip": "", "url": "",
            }],
            "templating": { "list": variables() },
            "annotations": { "list": self.notes.iter().map(note).collect::<Vec<_>>() },
            "panels": self.panels(),
        })
    }

    /// Rows and panels, each with its number and its place.
    fn panels(&self) -> Vec<Value> {
        let (mut placed, mut y) = (Vec::new(), 0);
        for row in &self.rows {
            placed.push(json!({
                "type": "row", "title": row.title, "collapsed": false, "panels": [],
                "id": placed.len() + 1,
                "gridPos": { "x": 0, "y": y, "w": COLUMNS, "h": 1 },
            }));
            y += 1;
            let (mut x, mut tallest) = (0, 0);
            for panel in &row.panels {
                let (width, height) = panel.size();
                if x + width > COLUMNS {
                    (x, y, tallest) = (0, y + tallest, 0);
                }
                let mut json = panel.json();
                json["id"] = json!(placed.len() + 1);
                json["gridPos"] = json!({ "x": x, "y": y, "w": width, "h": height });
                placed.push(json);
                (x, tallest) = (x + width, tallest.max(height));
            }
            y += tallest;
        }
        placed
    }
}

fn note(note: &Note) -> Value {
    json!({
        "name": note.name,
        "enable": true,
        "hide": false,
        "iconColor": note.color,
        "datasource": { "type": "prometheus", "uid": DATASOURCE },
        "expr": selected(note.expr),
        // Not closer than this, or an hour of a restless pool is a wall of marks.
        "step": "60s",
        "titleFormat": note.title,
        "tagKeys": "job,pool,reason",
    })
}

fn variables() -> Vec<Value> {
    let chosen = r#"job=~"$job""#;
    let instance = format!(r#"{chosen}, instance=~"$instance""#);
    vec![
        json!({
            "type": "datasource", "name": "datasource", "label": "Data source",
            "query": "prometheus", "refresh": 1, "multi": false, "includeAll": false, "regex": "",
            "hide": 0,
        }),
        query("job", "Job", "label_values(springtide_workers_max, job)"),
        query(
            "instance",
            "Instance",
            &format!("label_values(springtide_workers_max{{{chosen}}}, instance)"),
        ),
        query("pool", "Pool", &format!("label_values(springtide_workers_max{{{instance}}}, pool)")),
    ]
}

/// A variable with the values of a label; all of them unless somebody chooses.
fn query(name: &str, label: &str, query: &str) -> Value {
    json!({
        "type": "query", "name": name, "label": label,
        "datasource": { "type": "prometheus", "uid": DATASOURCE },
        "query": query,
        "definition": query,
        // 2: whenever the time shown changes. A pod of this morning is found in this morning.
        "refresh": 2,
        "multi": true, "includeAll": true, "allValue": ".+",
        "current": { "selected": true, "text": ["All"], "value": ["$__all"] },
        "regex": "", "sort": 1, "hide": 0,
    })
}
