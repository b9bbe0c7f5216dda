//! The files for Kubernetes have the types of its API and KEDA's, and agree with each other.

use std::fmt::Debug;

use generate::vocabulary::Vocabulary;
use generate::yaml;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kcr_keda_sh::v1alpha1::scaledobjects::ScaledObject;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Reads a value as a type and writes it again: a field that the type does not know is gone then,
/// and one with the wrong type is an error.
fn fits<T: DeserializeOwned + Serialize + Debug>(value: &Value) -> Result<(), String> {
    let typed: T = serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
    let again = serde_json::to_value(&typed).map_err(|error| error.to_string())?;
    if sorted(&again) == sorted(value) { Ok(()) } else { Err(format!("{again:#}")) }
}

/// A text that does not depend on the order of the fields.
fn sorted(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<String> =
                fields.iter().map(|(name, value)| format!("{name}: {}", sorted(value))).collect();
            fields.sort();
            format!("{{{}}}", fields.join(", "))
        }
        Value::Array(items) => items.iter().map(sorted).collect::<Vec<_>>().join("; "),
        other => other.to_string(),
    }
}

fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    value.pointer(path).unwrap_or_else(|| panic!("there is no {path}"))
}

/// Whether a file fits its type, and whether that finds a field too many and a wrong type.
#[track_caller]
fn check<T: DeserializeOwned + Serialize + Debug>(path: &str, number: &str) {
    let good = yaml(path);
    assert_eq!(fits::<T>(&good), Ok(()));
    let mut unknown = good.clone();
    unknown["spec"]["replicasMax"] = json!(3);
    assert!(fits::<T>(&unknown).is_err(), "{path}: an unknown field passes");
    let mut wrong = good;
    *wrong.pointer_mut(number).expect("it is there") = json!("many");
    assert!(fits::<T>(&wrong).is_err(), "{path}: a word passes for a number");
}

#[test]
fn the_files_have_the_types_of_the_api() {
    let grace = "/spec/template/spec/terminationGracePeriodSeconds";
    check::<Deployment>("kubernetes/deployment.yaml", grace);
    check::<HorizontalPodAutoscaler>("kubernetes/hpa.yaml", "/spec/maxReplicas");
    check::<ScaledObject>("kubernetes/scaledobject.yaml", "/spec/maxReplicaCount");
}

/// A variable of the program in the Deployment, as a number.
fn variable(deployment: &Value, name: &str) -> f64 {
    let variables = at(deployment, "/spec/template/spec/containers/0/env").as_array();
    let mut variables = variables.expect("a list").iter();
    let found = variables.find(|variable| variable["name"] == name).expect("it is set");
    found["value"].as_str().and_then(|value| value.parse().ok()).expect("it is a number")
}

#[test]
fn a_pod_has_the_time_to_drain() {
    let deployment = yaml("kubernetes/deployment.yaml");
    let pod = at(&deployment, "/spec/template/spec");
    let seconds = |path: &str| at(pod, path).as_f64().expect("it is a number");
    let pause = seconds("/containers/0/lifecycle/preStop/sleep/seconds");
    let drain = variable(&deployment, "SHUTDOWN_TIMEOUT");
    assert!(pause + drain < seconds("/terminationGracePeriodSeconds"));
    // Only traffic is withheld from a pod whose pool is unwell: killing it would lose its jobs.
    for (probe, path) in
        [("startupProbe", "/livez"), ("readinessProbe", "/healthz"), ("livenessProbe", "/livez")]
    {
        let get = at(pod, &format!("/containers/0/{probe}/httpGet"));
        assert_eq!((&get["path"], &get["port"]), (&json!(path), &json!("metrics")));
    }
}

#[test]
fn both_autoscalers_ask_for_the_demand_and_fill_a_pod_to_seven_tenths() {
    let [deployment, hpa, keda, adapter] = ["deployment", "hpa", "scaledobject", "adapter"]
        .map(|name| yaml(&format!("kubernetes/{name}.yaml")));
    let fill = (0.7 * variable(&deployment, "WORKERS_MAX")).floor().to_string();
    let target = at(&hpa, "/spec/metrics/0/external/target");
    assert_eq!(target, &json!({ "type": "AverageValue", "averageValue": fill }));
    let trigger = at(&keda, "/spec/triggers/0");
    let metadata = &trigger["metadata"];
    assert_eq!(
        (&trigger["metricType"], &metadata["threshold"]),
        (&json!("AverageValue"), &json!(fill))
    );
    assert_eq!(metadata["ignoreNullValues"], "false", "an empty answer would count as 0");

    let vocabulary = Vocabulary::new([]);
    let series = at(&hpa, "/spec/metrics/0/external/metric/name").as_str().expect("a name");
    assert_eq!(vocabulary.check(series), Vec::<String>::new());
    let query = metadata["query"].as_str().expect("a query");
    assert_eq!(vocabulary.check(query), Vec::<String>::new());
    assert!(query.starts_with(&format!("sum(avg_over_time({series}{{")), "{query}");
    let rule = at(&adapter, "/rules/external/0");
    assert!(rule["seriesQuery"].as_str().is_some_and(|query| query.starts_with(series)));
    let filled = rule["metricsQuery"].as_str().expect("a query");
    let filled = filled.replace("<<.Series>>", series).replace("<<.LabelMatchers>>", "");
    assert_eq!(vocabulary.check(&filled), Vec::<String>::new());
}

#[test]
fn both_autoscalers_mean_the_same_deployment_and_pods() {
    let [deployment, hpa, keda] =
        ["deployment", "hpa", "scaledobject"].map(|name| yaml(&format!("kubernetes/{name}.yaml")));
    let name = at(&deployment, "/metadata/name");
    assert_eq!(at(&hpa, "/spec/scaleTargetRef/name"), name);
    assert_eq!(at(&keda, "/spec/scaleTargetRef/name"), name);
    assert_eq!(at(&hpa, "/spec/minReplicas"), at(&keda, "/spec/minReplicaCount"));
    assert_eq!(at(&hpa, "/spec/maxReplicas"), at(&keda, "/spec/maxReplicaCount"));
    let labels = at(&deployment, "/spec/template/metadata/labels");
    assert_eq!(at(&deployment, "/spec/selector/matchLabels"), labels);
    assert!(deployment.pointer("/spec/replicas").is_none(), "it would undo the autoscaler's work");
}
