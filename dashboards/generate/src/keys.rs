//! The keys that Grafana knows, object by object. What it does not know it drops without a word, so
//! a slip of the pen would be a setting that does nothing.
//!
//! They are those of the published schema of dashboards, for the kinds of panels that are used
//! here, and those that only the data source of Prometheus reads.

use serde_json::Value;

/// Keys by the path of their object. Lists are no step of a path; panels begin one, and what
/// depends on their type begins with the type.
const OBJECTS: &[(&str, &str)] = &[
    (
        "board",
        "id uid title description revision gnetId tags timezone editable graphTooltip time \
         timepicker fiscalYearStartMonth liveNow weekStart refresh schemaVersion version panels \
         templating annotations links",
    ),
    ("board.time", "from to"),
    ("board.links", "title type icon tooltip url tags asDropdown targetBlank includeVars keepTime"),
    ("board.templating", "list"),
    (
        "board.templating.list",
        "type name label hide skipUrlSync description query datasource current multi options \
         refresh sort includeAll allValue regex definition",
    ),
    ("board.templating.list.datasource", "type uid"),
    ("board.templating.list.current", "selected text value"),
    ("board.annotations", "list"),
    (
        "board.annotations.list",
        "name datasource enable hide iconColor filter target type builtIn expr step titleFormat \
         textFormat tagKeys useValueForTime",
    ),
    ("board.annotations.list.datasource", "type uid"),
    ("row", "type collapsed title datasource gridPos id panels repeat"),
    ("row.gridPos", "h w x y static"),
    (
        "panel",
        "type id pluginVersion targets title description transparent datasource gridPos links \
         repeat repeatDirection maxPerRow maxDataPoints transformations interval timeFrom \
         timeShift hideTimeOverride cacheTimeout queryCachingTTL libraryPanel options fieldConfig",
    ),
    ("panel.datasource", "type uid"),
    ("panel.gridPos", "h w x y static"),
    (
        "panel.targets",
        "expr instant range exemplar editorMode format legendFormat intervalFactor scope refId \
         hide queryType datasource interval",
    ),
    ("panel.fieldConfig", "defaults overrides"),
    (
        "panel.fieldConfig.defaults",
        "displayName displayNameFromDS description path writeable filterable unit decimals min \
         max mappings thresholds color links noValue custom",
    ),
    ("panel.fieldConfig.defaults.thresholds", "mode steps"),
    ("panel.fieldConfig.defaults.thresholds.steps", "value color"),
    ("panel.fieldConfig.defaults.color", "mode fixedColor seriesBy"),
    ("panel.fieldConfig.overrides", "matcher properties"),
    ("panel.fieldConfig.overrides.matcher", "id options"),
    ("panel.fieldConfig.overrides.properties", "id value"),
    (
        "timeseries.custom",
        "drawStyle gradientMode thresholdsStyle lineColor lineWidth lineInterpolation lineStyle \
         fillColor fillOpacity showPoints pointSize pointColor axisPlacement axisColorMode \
         axisLabel axisWidth axisSoftMin axisSoftMax axisGridShow scaleDistribution \
         axisCenteredZero barAlignment barWidthFactor stacking hideFrom transform spanNulls \
         fillBelowTo pointSymbol axisBorderShow barMaxWidth insertNulls",
    ),
    ("timeseries.custom.stacking", "mode group"),
    ("timeseries.custom.thresholdsStyle", "mode"),
    ("timeseries.custom.lineStyle", "fill dash"),
    ("timeseries.options", "timezone legend tooltip"),
    (
        "timeseries.options.legend",
        "displayMode placement showLegend asTable isVisible sortBy sortDesc width calcs",
    ),
    ("timeseries.options.tooltip", "mode sort maxWidth maxHeight"),
    ("stat.custom", ""),
    (
        "stat.options",
        "graphMode colorMode justifyMode textMode wideLayout showPercentChange reduceOptions text \
         percentChangeColorMode orientation",
    ),
    ("stat.options.reduceOptions", "values limit calcs fields"),
    ("heatmap.custom", "scaleDistribution hideFrom"),
    (
        "heatmap.options",
        "calculate calculation color filterValues rowsFrame showValue cellGap cellRadius \
         cellValues yAxis legend tooltip exemplars selectionMode",
    ),
    ("heatmap.options.color", "mode scheme fill scale exponent steps reverse min max"),
    ("heatmap.options.filterValues", "le ge"),
    ("heatmap.options.rowsFrame", "value layout"),
    (
        "heatmap.options.yAxis",
        "unit reverse decimals min axisPlacement axisColorMode axisLabel axisWidth axisSoftMin \
         axisSoftMax axisGridShow scaleDistribution axisCenteredZero max axisBorderShow",
    ),
    ("heatmap.options.legend", "show"),
    ("heatmap.options.tooltip", "mode maxHeight maxWidth yHistogram showColorScale"),
    ("heatmap.options.exemplars", "color"),
];

/// A complaint for each key of a board that Grafana does not know.
pub(crate) fn unknown(board: &Value) -> Vec<String> {
    let mut walk = Walk { kind: "", complaints: Vec::new() };
    walk.value("board", board);
    walk.complaints
}

struct Walk<'a> {
    /// The type of the panel that the walk is in.
    kind: &'a str,
    complaints: Vec<String>,
}

impl<'a> Walk<'a> {
    fn value(&mut self, path: &str, value: &'a Value) {
        match value {
            Value::Object(fields) => {
                for (key, below) in fields {
                    self.key(path, key);
                    self.field(path, key, below);
                }
                if path == "panel.fieldConfig.overrides.properties" {
                    self.property(value);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.value(path, item)),
            _ => {}
        }
    }

    fn field(&mut self, path: &str, key: &str, below: &'a Value) {
        match (path, key) {
            ("board" | "row", "panels") => self.panels(below),
            ("panel", "options") => self.value(&format!("{}.options", self.kind), below),
            ("panel.fieldConfig.defaults", "custom") => {
                self.value(&format!("{}.custom", self.kind), below);
            }
            // The way to it is in its neighbour `id`.
            ("panel.fieldConfig.overrides.properties", "value") => {}
            _ => self.value(&format!("{path}.{key}"), below),
        }
    }

    fn panels(&mut self, panels: &'a Value) {
        for panel in panels.as_array().into_iter().flatten() {
            self.kind = panel["type"].as_str().unwrap_or_default();
            self.value(if self.kind == "row" { "row" } else { "panel" }, panel);
        }
    }

    /// What an override sets: a default, or with `custom.` a setting of the type of panel.
    fn property(&mut self, property: &'a Value) {
        let id = property["id"].as_str().unwrap_or_default();
        let (path, key) = match id.strip_prefix("custom.") {
            Some(key) => (format!("{}.custom", self.kind), key),
            None => ("panel.fieldConfig.defaults".to_owned(), id),
        };
        self.key(&path, key);
        self.value(&format!("{path}.{key}"), &property["value"]);
    }

    fn key(&mut self, path: &str, key: &str) {
        let known = OBJECTS.iter().find(|(object, _)| *object == path);
        if !known.is_some_and(|(_, keys)| keys.split(' ').any(|known| known == key)) {
            self.complaints.push(format!("{path} has no {key:?}"));
        }
    }
}
