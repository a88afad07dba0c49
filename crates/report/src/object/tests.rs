use super::*;

#[path = "../../tests/example/mod.rs"]
mod example;

use example::finding;

pub(crate) fn reporter() -> Reporter {
    Reporter { node: "node-2".into(), namespace: "beaconwatch".into() }
}

#[test]
fn a_finding_is_stored_in_the_namespace_of_its_pod_under_its_owners_name() {
    let object = object(&finding(), &reporter());
    assert_eq!(object.metadata.namespace.as_deref(), Some("payments"));
    let name = object.metadata.name.unwrap();
    assert!(name.starts_with("reports-") && name.len() == "reports-".len() + 32, "{name}");
    let labels = object.metadata.labels.unwrap();
    assert_eq!(labels.get(IDENTITIES_LABEL).map(String::as_str), Some("1"));
}

#[test]
fn the_table_shows_what_people_read() {
    let spec = object(&finding(), &reporter()).spec;
    let row = [
        spec.who.workload.unwrap(),
        spec.who.executable.unwrap(),
        spec.destination.destination,
        spec.behavior.to_string(),
        spec.when.every.unwrap(),
        spec.score_text,
        spec.severity.to_string(),
    ];
    let expect =
        ["Deployment/reports", "/tmp/.x/curl", "cdn-sync.example:443", "Beacon", "60s ±19%", "12.4", "High"];
    assert_eq!(row, expect);
    assert_eq!(spec.who.node.as_deref(), Some("node-2"));
}

#[test]
fn an_address_that_may_be_a_backend_is_said_to_be_one() {
    let mut finding = finding();
    let said = |finding: &Finding| {
        let spec = object(finding, &reporter()).spec;
        let not_seen = spec.not_seen.iter().any(|text| text.contains("backend"));
        let text = crate::text::destination(finding).contains("perhaps the backend of a service");
        let line = crate::fields::json_line(finding).contains("\"destination.may_be_backend\":true");
        (spec.destination.may_be_backend, not_seen, text, line)
    };
    assert_eq!(said(&finding), (None, false, false, false));
    finding.may_be_backend = true;
    assert_eq!(said(&finding), (Some(true), true, true, true));
}

#[test]
fn texts_of_a_workload_cannot_control_a_terminal() {
    let spec = object(&finding(), &reporter()).spec;
    assert_eq!(spec.who.arguments, ["curl", "\\u{1b}[2J\\u{202e}gpj.exe"]);
}

#[test]
fn another_nodes_finding_of_the_same_behaviour_is_another_object() {
    let other = Reporter { node: "node-3".into(), ..reporter() };
    assert_ne!(object(&finding(), &reporter()).metadata.name, object(&finding(), &other).metadata.name);
}

#[test]
fn a_process_without_pod_is_reported_in_the_agents_namespace() {
    let mut finding = finding();
    finding.pod = None;
    let object = object(&finding, &reporter());
    assert_eq!(object.metadata.namespace.as_deref(), Some("beaconwatch"));
    assert_eq!(object.spec.who.workload.as_deref(), Some("Node/node-2"));
    assert!(object.metadata.name.unwrap().starts_with("node-"));
}
