//! What Grafana is started with has the fields that it reads.
//!
//! Nobody publishes a schema of these files, and Grafana passes over what it does not know. The
//! types are those of its `pkg/services/provisioning`, with the options of the Prometheus source.

#![allow(dead_code, reason = "what is read is that it can be read")]

use generate::yaml;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Sources {
    api_version: u32,
    datasources: Vec<Source>,
    #[serde(default)]
    delete_datasources: Vec<Gone>,
    prune: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Source {
    org_id: Option<u64>,
    org_name: Option<String>,
    version: Option<u64>,
    name: String,
    r#type: String,
    access: Access,
    url: String,
    uid: String,
    user: Option<String>,
    database: Option<String>,
    basic_auth: Option<bool>,
    basic_auth_user: Option<String>,
    with_credentials: Option<bool>,
    is_default: Option<bool>,
    editable: Option<bool>,
    json_data: Options,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Access {
    Proxy,
    Direct,
}

/// Of the data source for Prometheus: `PromOptions` of the package `@grafana/prometheus`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Options {
    time_interval: String,
    query_timeout: Option<String>,
    http_method: Method,
    custom_query_parameters: Option<String>,
    disable_metrics_lookup: Option<bool>,
    prometheus_type: Option<String>,
    prometheus_version: Option<String>,
    cache_level: Option<String>,
    default_editor: Option<String>,
    incremental_querying: Option<bool>,
    incremental_query_overlap_window: Option<String>,
    disable_recording_rules: Option<bool>,
    oauth_pass_thru: Option<bool>,
    series_endpoint: Option<bool>,
    series_limit: Option<u64>,
    manage_alerts: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Method {
    Get,
    Post,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Gone {
    name: String,
    org_id: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Providers {
    api_version: u32,
    providers: Vec<Provider>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Provider {
    name: String,
    org_id: Option<u64>,
    folder: Option<String>,
    folder_uid: Option<String>,
    r#type: String,
    disable_deletion: Option<bool>,
    update_interval_seconds: Option<u32>,
    allow_ui_updates: Option<bool>,
    options: Place,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Place {
    path: String,
    folders_from_files_structure: Option<bool>,
}

/// Whether a file is of a type, and not any more with another key or value at these paths.
#[track_caller]
fn check<T: DeserializeOwned>(path: &str, hurts: &[(&str, &str, Value)]) {
    let good = yaml(path);
    let read = serde_json::from_value::<T>(good.clone());
    assert!(read.is_ok(), "{path}: {:?}", read.err());
    for (place, key, value) in hurts {
        let mut broken = good.clone();
        broken.pointer_mut(place).expect("it is there")[*key] = value.clone();
        assert!(serde_json::from_value::<T>(broken).is_err(), "{path}: {place}/{key} passes");
    }
}

#[test]
fn grafana_reads_every_field_of_its_data_source() {
    let (source, options) = ("/datasources/0", "/datasources/0/jsonData");
    let hurts = [
        ("", "datasource", json!([])),
        (source, "isdefault", json!(true)),
        (source, "access", json!("server")),
        (source, "isDefault", json!("yes")),
        (options, "scrapeInterval", json!("5s")),
        (options, "httpMethod", json!("PUT")),
    ];
    check::<Sources>("provisioning/datasources/prometheus.yaml", &hurts);
}

#[test]
fn grafana_reads_every_field_of_where_its_boards_are() {
    let hurts = [
        ("", "provider", json!([])),
        ("/providers/0", "allowUIUpdates", json!(false)),
        ("/providers/0", "updateIntervalSeconds", json!("30s")),
        ("/providers/0/options", "folder", json!("/etc")),
    ];
    check::<Providers>("provisioning/dashboards/springtide.yaml", &hurts);
}
