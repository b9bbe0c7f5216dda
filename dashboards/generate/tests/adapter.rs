//! The values for prometheus-adapter have the fields that its chart and the adapter read.
//!
//! Nobody publishes a schema of them. The types here are those of its `pkg/config/config.go`; it
//! reads its configuration strictly, so one field that it does not know keeps it from starting.

#![allow(dead_code, reason = "what is read is that it can be read")]

use std::collections::BTreeMap;

use generate::promql::read;
use generate::yaml;
use k8s_openapi::api::core::v1::ConfigMap;
use serde::Deserialize;
use serde_json::{Value, json};

/// What the chart reads of its values under `rules`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Values {
    rules: Rules,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    default: Option<bool>,
    /// The name of a ConfigMap that takes the place of all of this.
    existing: Option<String>,
    #[serde(default)]
    custom: Vec<Rule>,
    #[serde(default)]
    external: Vec<Rule>,
    resource: Option<Resource>,
}

/// What the adapter reads.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Config {
    #[serde(default)]
    rules: Vec<Rule>,
    resource_rules: Option<Resource>,
    #[serde(default)]
    external_rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Rule {
    series_query: String,
    #[serde(default)]
    series_filters: Vec<Filter>,
    resources: Mapping,
    name: Option<Name>,
    metrics_query: String,
    #[serde(default)]
    label_value_replacements: Vec<Replacement>,
}

/// One of the two.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
enum Filter {
    Is(String),
    IsNot(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mapping {
    template: Option<String>,
    #[serde(default)]
    overrides: BTreeMap<String, Kind>,
}

/// A kind of object of Kubernetes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kind {
    group: Option<String>,
    resource: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Name {
    matches: Option<String>,
    r#as: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Replacement {
    find: Option<String>,
    replace: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resource {
    cpu: Measure,
    memory: Measure,
    window: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Measure {
    container_query: String,
    node_query: String,
    resources: Mapping,
    container_label: String,
}

fn values() -> Value {
    yaml("kubernetes/adapter.yaml")
}

/// The ConfigMap that the chart makes of its values, and what the adapter reads of that.
fn config(values: &Value) -> Result<Config, String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    Values::deserialize(values).map_err(|error| said(&error))?;
    let rules = json!({ "externalRules": values["rules"]["external"] });
    let map = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": "prometheus-adapter" },
        "data": { "config.yaml": serde_norway::to_string(&rules).map_err(|error| said(&error))? },
    });
    let map: ConfigMap = serde_json::from_value(map).map_err(|error| said(&error))?;
    let text = &map.data.expect("it has data")["config.yaml"];
    serde_norway::from_str(text).map_err(|error| said(&error))
}

/// Complaints about a template: it is filled in with these words and asks for something then.
fn misfilled(template: &str) -> Vec<String> {
    let known = ["Series", "LabelMatchers", "LabelValuesByName", "GroupBy", "GroupBySlice"];
    let fields = template.split("<<").skip(1).filter_map(|rest| rest.split(">>").next());
    let fields = fields.filter(|field| !known.iter().any(|word| *field == format!(".{word}")));
    let mut complaints: Vec<String> =
        fields.map(|field| format!("no such field: {field}")).collect();
    let filled = template.replace("<<.Series>>", "a").replace("<<.LabelMatchers>>", "b=\"c\"");
    complaints.extend(read(&filled).err());
    complaints
}

#[test]
fn the_adapter_reads_every_field_of_its_rules() {
    let config = config(&values()).unwrap_or_else(|error| panic!("{error}"));
    assert!(config.rules.is_empty(), "the demand is an external metric");
    let [rule] = &config.external_rules[..] else { panic!("one rule") };
    assert!(read(&rule.series_query).is_ok(), "{}", rule.series_query);
    assert_eq!(misfilled(&rule.metrics_query), Vec::<String>::new());
    // One of the two says which labels are objects of Kubernetes, or the metric belongs to none.
    assert!(rule.resources.template.is_some() || !rule.resources.overrides.is_empty());
    for label in rule.resources.overrides.keys() {
        assert!(rule.series_query.contains(&format!("{label}!=\"\"")), "{label} may be missing");
    }
}

/// The path of an object in the values, and what becomes of it there.
type Hurt = (&'static str, fn(&mut Value));

const HURTS: [Hurt; 9] = [
    ("", |values| values["rulez"] = json!({})),
    ("/rules", |rules| rules["externals"] = json!([])),
    ("/rules/external/0", |rule| rule["seriesQuerry"] = json!("up")),
    ("/rules/external/0", |rule| rule["metricQuery"] = json!("up")),
    ("/rules/external/0", |rule| rule["seriesFilters"] = json!([{ "not": "up" }])),
    ("/rules/external/0", |rule| rule["metricsQuery"] = json!(["up"])),
    ("/rules/external/0/resources", |resources| resources["namespaced"] = json!(false)),
    ("/rules/external/0/resources/overrides/namespace", |kind| kind["resource"] = json!(null)),
    ("/rules/external/0/resources/overrides/namespace", |kind| kind["kind"] = json!("Pod")),
];

#[test]
fn a_field_that_the_adapter_does_not_know_is_found() {
    for (number, (path, hurt)) in HURTS.iter().enumerate() {
        let mut broken = values();
        hurt(broken.pointer_mut(path).expect("it is there"));
        assert!(config(&broken).is_err(), "{number} passes at {path}");
    }
    for template in ["sum(<<.Name>>)", "sum(<<.Series>>{<<.LabelMatchers>>}"] {
        assert!(!misfilled(template).is_empty(), "{template}");
    }
}
