//! Prometheus and Grafana, ready to run, find their files, each other and the program, and what
//! starts them is a Compose file.

use generate::{folder, yaml};
use serde_json::{Value, json};

fn items(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// Where a service sees a folder of the repository: pairs of here and there.
fn mounts(service: &Value) -> Vec<(String, String)> {
    let volumes = items(&service["volumes"]).map(|volume| volume.split(':').collect::<Vec<_>>());
    let ours = volumes.filter(|parts| parts[0].starts_with("./"));
    ours.map(|parts| {
        assert_eq!(parts.get(2), Some(&"ro"), "{} can be written to", parts[0]);
        (parts[0][2..].to_owned(), parts[1].to_owned())
    })
    .collect()
}

/// The file of the repository that a service sees at a path.
fn seen(service: &Value, path: &str) -> std::path::PathBuf {
    let mounts = mounts(service);
    let mount = mounts.iter().find(|(_, there)| path.starts_with(there.as_str()));
    let (here, there) = mount.unwrap_or_else(|| panic!("nothing is mounted at {path}"));
    folder().join(here).join(path[there.len()..].trim_start_matches('/'))
}

const SCHEMA: &str = include_str!("../vendor/compose-spec/compose-spec.json");

#[test]
fn the_compose_file_is_as_the_published_schema_says() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("it is JSON");
    let schema = jsonschema::validator_for(&schema).expect("it is a schema");
    let compose = yaml("compose.yaml");
    let complaints: Vec<String> =
        schema.iter_errors(&compose).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");

    let hurts = [
        ("", "service", json!({})),
        ("/services/grafana", "environments", json!({})),
        ("/services/grafana", "depends_on", json!("prometheus")),
        ("/services/grafana/environment", "GF_SERVER_HTTP_ADDR", json!(["127.0.0.1"])),
        ("/services/prometheus", "image", json!(3)),
        ("/services/prometheus", "volumes", json!("./prometheus:/etc/prometheus:ro")),
        ("/services/prometheus", "restart_policy", json!("always")),
        ("/volumes", "prometheus", json!([])),
    ];
    for (place, key, value) in hurts {
        let mut broken = compose.clone();
        broken.pointer_mut(place).expect("it is there")[key] = value;
        assert!(!schema.is_valid(&broken), "{place}/{key} passes");
    }
}

#[test]
fn versions_are_pinned_and_only_this_machine_gets_in() {
    let compose = yaml("compose.yaml");
    for name in ["prometheus", "grafana"] {
        let service = &compose["services"][name];
        let (_, version) =
            service["image"].as_str().and_then(|image| image.split_once(':')).expect("a version");
        assert_eq!(version.trim_start_matches('v').split('.').count(), 3, "{version}");
        assert_eq!(service["network_mode"], "host");
    }
    let command = &compose["services"]["prometheus"]["command"];
    assert!(items(command).any(|word| word == "--web.listen-address=127.0.0.1:9090"));
    let environment = &compose["services"]["grafana"]["environment"];
    assert_eq!(environment["GF_SERVER_HTTP_ADDR"], "127.0.0.1");
    assert_eq!(environment["GF_AUTH_ANONYMOUS_ORG_ROLE"], "Viewer");
}

#[test]
fn every_path_is_mounted_and_there() {
    let compose = yaml("compose.yaml");
    let prometheus = &compose["services"]["prometheus"];
    let config = items(&prometheus["command"])
        .find_map(|word| word.strip_prefix("--config.file="))
        .expect("it has a configuration");
    assert!(seen(prometheus, config).is_file(), "{config}");

    let grafana = &compose["services"]["grafana"];
    let home = &grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"];
    assert!(seen(grafana, home.as_str().expect("a path")).is_file(), "{home}");
    for below in ["datasources", "dashboards"] {
        assert!(seen(grafana, &format!("/etc/grafana/provisioning/{below}")).is_dir());
    }
    let boards = yaml("provisioning/dashboards/springtide.yaml");
    let provider = &boards["providers"][0];
    let boards = seen(grafana, provider["options"]["path"].as_str().expect("a path"));
    assert!(boards.join("pool.json").is_file() && boards.join("fleet.json").is_file());
    assert_eq!(provider["allowUiUpdates"], json!(false));
}

#[test]
fn grafana_knows_the_address_and_the_scrape_interval_of_prometheus() {
    let source = &yaml("provisioning/datasources/prometheus.yaml")["datasources"][0];
    let prometheus = yaml("prometheus/prometheus.yml");
    assert_eq!(source["jsonData"]["timeInterval"], prometheus["global"]["scrape_interval"]);
    let listens = "--web.listen-address=127.0.0.1:9090";
    let compose = yaml("compose.yaml");
    assert!(items(&compose["services"]["prometheus"]["command"]).any(|word| word == listens));
    assert_eq!(source["url"], "http://127.0.0.1:9090");
    assert_eq!((&source["isDefault"], &source["type"]), (&json!(true), &json!("prometheus")));
}

#[test]
fn prometheus_asks_where_the_program_serves() {
    let code = std::fs::read_to_string(folder().join("../src/prometheus/endpoint.rs"));
    let code = code.expect("it is in the repository");
    let target = &yaml("prometheus/prometheus.yml")["scrape_configs"][0]["static_configs"][0];
    let target = target["targets"][0].as_str().expect("an address");
    let (host, port) = target.split_once(':').expect("a host and a port");
    assert_eq!(host, "127.0.0.1");
    assert!(code.contains(&format!("Ipv4Addr::LOCALHOST), {port})")), "{port}");
}
