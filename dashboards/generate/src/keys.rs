//! The keys that Grafana knows, object by object, which of them it needs, and what their values can
//! be. What it does not know it drops without a word, so a slip of the pen would be a setting that
//! does nothing.
//!
//! They are facts of the schema of dashboards that Grafana publishes with its foundation SDK, for
//! the kinds of panels that are used here, and of what only the data source of Prometheus reads.

use serde_json::Value;

/// Keys by the path of their object. Lists are no step of a path; panels begin one, and what
/// depends on their type begins with the type. A key that must be there has a `!` before it. Behind
/// a colon is what its values can be: `s`, a text; `n`, `i`, a number and a whole one; `b`, true or
/// false; `o`, an object; `l`, a list; `null`; or one of the words between commas. What has no
/// colon is known and not used here.
const OBJECTS: &[(&str, &str)] = &[
    (
        "board",
        "id !uid:s !title:s description:s revision gnetId tags:l timezone:s editable:b \
         graphTooltip:0,1,2 time:o timepicker fiscalYearStartMonth liveNow weekStart refresh:s \
         !schemaVersion:i version !panels:l !templating:o !annotations:o links:l preload",
    ),
    ("board.time", "!from:s !to:s"),
    (
        "board.links",
        "!title:s !type:link,dashboards !icon:s !tooltip:s url:s !tags:l !asDropdown:b \
         !targetBlank:b !includeVars:b !keepTime:b placement",
    ),
    ("board.templating", "!list:l"),
    (
        "board.templating.list",
        "!type:query,datasource,interval,textbox,custom,constant,adhoc !name:s label:s \
         hide:0,1,2,3 skipUrlSync description query:s/o datasource:o current:o multi:b options \
         refresh:0,1,2 sort:0,1,2,3,4,5,6,7,8 includeAll:b allValue:s regex:s definition:s \
         allowCustomValue",
    ),
    ("board.templating.list.datasource", "type:s uid:s"),
    ("board.templating.list.current", "selected:b !text:s/l !value:s/l"),
    ("board.annotations", "!list:l"),
    (
        "board.annotations.list",
        "!name:s datasource:o !enable:b hide:b !iconColor:s filter target type builtIn expr:s \
         step:s titleFormat:s textFormat tagKeys:s useValueForTime mappings",
    ),
    ("board.annotations.list.datasource", "type:s uid:s"),
    ("row", "!type:row !collapsed:b title:s datasource gridPos:o !id:i !panels:l repeat"),
    ("row.gridPos", "!h:i !w:i !x:i !y:i static"),
    (
        "panel",
        "!type:s !id:i pluginVersion !targets:l !title:s !description:s transparent !datasource:o \
         !gridPos:o links repeat repeatDirection maxPerRow maxDataPoints transformations interval \
         timeFrom timeShift hideTimeOverride cacheTimeout queryCachingTTL libraryPanel !options:o \
         !fieldConfig:o timeCompare",
    ),
    ("panel.datasource", "!type:s !uid:s"),
    ("panel.gridPos", "!h:i !w:i !x:i !y:i static"),
    (
        "panel.targets",
        "!expr:s instant:b range:b exemplar editorMode:builder,code \
         format:time_series,table,heatmap legendFormat:s intervalFactor scope !refId:s hide \
         queryType datasource interval",
    ),
    ("panel.fieldConfig", "!defaults:o !overrides:l"),
    (
        "panel.fieldConfig.defaults",
        "displayName displayNameFromDS description path writeable filterable unit:s decimals min:n \
         max:n mappings:l thresholds:o color:o links noValue custom:o actions fieldMinMax",
    ),
    ("panel.fieldConfig.defaults.mappings", "!type:special !options:o"),
    (
        "panel.fieldConfig.defaults.mappings.options",
        "!match:true,false,null,nan,null+nan,empty !result:o",
    ),
    ("panel.fieldConfig.defaults.mappings.options.result", "text:s color icon index:i"),
    ("panel.fieldConfig.defaults.thresholds", "!mode:absolute,percentage !steps:l"),
    ("panel.fieldConfig.defaults.thresholds.steps", "!value:n/null !color:s"),
    (
        "panel.fieldConfig.defaults.color",
        "!mode:thresholds,palette-classic,palette-classic-by-name,fixed,shades fixedColor:s \
         seriesBy",
    ),
    ("panel.fieldConfig.overrides", "!matcher:o !properties:l"),
    ("panel.fieldConfig.overrides.matcher", "!id:s options:s/o"),
    ("panel.fieldConfig.overrides.properties", "!id:s value"),
    (
        "timeseries.custom",
        "drawStyle:line,bars,points gradientMode thresholdsStyle:o lineColor lineWidth:n \
         lineInterpolation lineStyle:o fillColor fillOpacity:n showPoints:auto,never,always \
         pointSize pointColor axisPlacement axisColorMode axisLabel axisWidth axisSoftMin \
         axisSoftMax axisGridShow scaleDistribution axisCenteredZero barAlignment barWidthFactor \
         stacking:o hideFrom transform spanNulls fillBelowTo pointSymbol axisBorderShow \
         barMaxWidth insertNulls",
    ),
    ("timeseries.custom.stacking", "mode:none,normal,percent group:s"),
    (
        "timeseries.custom.thresholdsStyle",
        "!mode:off,line,dashed,area,line+area,dashed+area,series",
    ),
    ("timeseries.custom.lineStyle", "fill:solid,dash,dot,square dash:l"),
    ("timeseries.options", "timezone !legend:o !tooltip:o orientation"),
    (
        "timeseries.options.legend",
        "!displayMode:list,table,hidden !placement:bottom,right !showLegend:b asTable isVisible \
         sortBy sortDesc width !calcs:l",
    ),
    (
        "timeseries.options.tooltip",
        "!mode:single,multi,none !sort:asc,desc,none maxWidth maxHeight hideZeros",
    ),
    ("stat.custom", ""),
    (
        "stat.options",
        "!graphMode:none,line,area !colorMode:value,background,background_solid,none \
         !justifyMode:auto,center !textMode:auto,value,value_and_name,name,none !wideLayout:b \
         !showPercentChange:b !reduceOptions:o text \
         !percentChangeColorMode:standard,inverted,same_as_value \
         !orientation:auto,vertical,horizontal",
    ),
    ("stat.options.reduceOptions", "values:b limit !calcs:l fields:s"),
    ("heatmap.custom", "scaleDistribution hideFrom"),
    (
        "heatmap.options",
        "calculate:b calculation !color:o filterValues:o rowsFrame:o !showValue:auto,never,always \
         cellGap:i cellRadius cellValues !yAxis:o !legend:o !tooltip:o !exemplars:o selectionMode",
    ),
    (
        "heatmap.options.color",
        "mode:opacity,scheme !scheme:s !fill:s scale:linear,exponential !exponent:n !steps:i \
         !reverse:b min max",
    ),
    ("heatmap.options.filterValues", "le:n ge"),
    ("heatmap.options.rowsFrame", "value layout:le,ge,unknown,auto"),
    (
        "heatmap.options.yAxis",
        "unit:s reverse:b decimals min axisPlacement:auto,top,right,bottom,left,hidden \
         axisColorMode axisLabel axisWidth axisSoftMin axisSoftMax axisGridShow scaleDistribution \
         axisCenteredZero max axisBorderShow",
    ),
    ("heatmap.options.legend", "!show:b"),
    (
        "heatmap.options.tooltip",
        "!mode:single,multi,none maxHeight maxWidth yHistogram:b showColorScale:b",
    ),
    ("heatmap.options.exemplars", "!color:s"),
];

/// A complaint for each key of a board that Grafana does not know, each that it needs and is not
/// there, and each value that it does not take.
pub(crate) fn misfits(board: &Value) -> Vec<String> {
    let mut walk = Walk { kind: "", complaints: Vec::new() };
    walk.value("board", board);
    walk.complaints
}

/// A key of an object, as the table has it.
struct Key {
    name: &'static str,
    is_needed: bool,
    /// What its values can be; `None` for a key that is not used.
    values: Option<&'static str>,
}

/// The keys of an object; none for one that is not in the table.
fn keys(path: &str) -> impl Iterator<Item = Key> {
    let object = OBJECTS.iter().find(|(object, _)| *object == path);
    object.into_iter().flat_map(|(_, keys)| keys.split_whitespace()).map(|key| {
        let (name, values) = key.split_once(':').map_or((key, None), |(n, v)| (n, Some(v)));
        let needed = name.strip_prefix('!');
        Key { name: needed.unwrap_or(name), is_needed: needed.is_some(), values }
    })
}

fn fits(values: &str, value: &Value) -> bool {
    values.split('/').any(|kind| match kind {
        "s" => value.is_string(),
        "n" => value.is_number(),
        "i" => value.is_u64() || value.is_i64(),
        "b" => value.is_boolean(),
        "o" => value.is_object(),
        "l" => value.is_array(),
        "null" => value.is_null(),
        words => words.split(',').any(|word| match value {
            Value::String(text) => text == word && word.parse::<i64>().is_err(),
            Value::Number(number) => number.to_string() == word,
            _ => false,
        }),
    })
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
                for key in keys(path).filter(|key| key.is_needed && !fields.contains_key(key.name))
                {
                    self.complaints.push(format!("{path} lacks {:?}", key.name));
                }
                for (key, below) in fields {
                    self.key(path, key, below);
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
        self.key(&path, key, &property["value"]);
        self.value(&format!("{path}.{key}"), &property["value"]);
    }

    fn key(&mut self, path: &str, name: &str, value: &Value) {
        let complaint = match keys(path).find(|key| key.name == name).map(|key| key.values) {
            None => format!("{path} has no {name:?}"),
            Some(None) if path.ends_with(".properties") => return,
            Some(None) => format!("{path}: say what {name:?} can be"),
            Some(Some(values)) if fits(values, value) => return,
            Some(Some(values)) => format!("{path}: {name:?} is {value}, and can be {values}"),
        };
        self.complaints.push(complaint);
    }
}
