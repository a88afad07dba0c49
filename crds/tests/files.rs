//! Policy files: what is read, and what people are told when it cannot be.
#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::path::Path;

use beaconwatch_crds::file::{self, Loaded, PlacedPolicy};
use beaconwatch_engine::actor::Actor;
use beaconwatch_engine::assess::policy::{Mode, PolicySource, Requirement, WorkloadSelector};
use beaconwatch_engine::observe::protocol::AppProtocol;

const WALK_THROUGH: &str = include_str!("files/payments.yaml");

fn load(text: &str) -> Loaded {
    file::parse(Path::new("p.yaml"), text).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn read(text: &str) -> Vec<PlacedPolicy> {
    load(text).policies
}

fn problems(text: &str) -> Vec<String> {
    file::parse(Path::new("p.yaml"), text).unwrap_err().problems.iter().map(ToString::to_string).collect()
}

/// A ClusterBeaconPolicy with this below `spec:`, whose first line is line 5.
fn cluster(spec: &str) -> String {
    let spec = spec.replace('\n', "\n  ");
    format!(
        "apiVersion: beaconwatch.io/v1alpha1\nkind: ClusterBeaconPolicy\nmetadata: {{name: all}}\nspec:\n  {spec}\n"
    )
}

#[test]
fn the_policy_of_the_walk_through_compiles() {
    let policies = read(WALK_THROUGH);
    let [placed] = policies.as_slice() else { panic!("one policy") };
    let policy = &placed.policy;
    assert_eq!(policy.id.namespace.as_deref(), Some("payments"));
    assert_eq!(policy.mode, Mode::Alert);
    assert_eq!(policy.workloads.pod, [Requirement::In("tier".into(), vec!["backend".into()])]);
    assert_eq!(policy.workloads.owners, [("CronJob".into(), Some("report".into()))]);
    let beacon = policy.detectors.beacon.unwrap();
    assert_eq!((beacon.timing_threshold, beacon.minimum_span.as_secs()), (10.0, 900));
    assert_eq!(policy.detectors.balance.unwrap().minimum_bytes, 10 << 20);
    let known = &policy.detectors.ports.as_ref().unwrap().known;
    assert_eq!(known[1], (5432, vec![AppProtocol::Unknown]));
}

#[test]
fn names_and_networks_of_one_exception_are_alternatives() {
    let policies = read(WALK_THROUGH);
    let exceptions = &policies[0].policy.exceptions;
    assert_eq!(exceptions.len(), 2);
    assert!(exceptions.iter().all(|one| &*one.name == "package-mirror" && one.ports == [443]));
    assert_eq!((exceptions[0].names.len(), exceptions[0].networks.len()), (1, 0));
    assert_eq!((exceptions[1].names.len(), exceptions[1].networks.len()), (0, 1));
    assert_eq!(exceptions[0].expires.unwrap().as_nanos(), 1_806_451_200_000_000_000);
}

#[test]
fn what_is_not_given_has_the_engines_defaults() {
    let policies = read(&cluster("{}"));
    let policy = &policies[0].policy;
    assert_eq!(policy.detectors, beaconwatch_engine::assess::policy::Detectors::default());
    assert_eq!(policy.thresholds, beaconwatch_engine::assess::policy::Thresholds::default());
    assert_eq!(policy.workloads, beaconwatch_engine::assess::policy::WorkloadSelector::default());
}

#[test]
fn a_detector_is_switched_off_alone() {
    let policies = read(&cluster("detectors:\n  irc: {enabled: false}"));
    let detectors = &policies[0].policy.detectors;
    assert!(detectors.irc.is_none() && detectors.dns.is_some() && detectors.beacon.is_some());
}

#[test]
fn watched_protocols_leave_the_others_out() {
    let policies = read(&cluster("protocols: [tls, dns]"));
    let exception = &policies[0].policy.exceptions[0];
    assert!(exception.protocols.contains(&AppProtocol::Unknown));
    assert!(!exception.protocols.contains(&AppProtocol::Tls));
}

#[test]
fn a_file_may_hold_several_documents() {
    let text = format!("---\n{}---\n# nothing here\n---\n{WALK_THROUGH}", cluster("mode: Observe"));
    let policies = read(&text);
    assert_eq!(policies.len(), 2);
    assert_eq!(policies[0].policy.mode, Mode::Observe);
}

#[test]
fn a_policy_read_back_from_a_cluster_is_read_too() {
    let text = WALK_THROUGH.replace(
        "metadata: {name: payments, namespace: payments}",
        "metadata:\n  name: payments\n  namespace: payments\n  generation: 3\n  creationTimestamp: \"2026-01-02T03:04:05Z\"\n  resourceVersion: \"17\"\n",
    );
    let policies = read(&format!("{text}\nstatus: {{programmed: 2/2}}\n"));
    assert_eq!(policies[0].policy.source, PolicySource::File);
    let mut everything = policies[0].policy.clone();
    everything.workloads = WorkloadSelector::default();
    assert!(everything.selects(&Actor::default(), None), "as any policy from a file, it needs no pod");
    assert_eq!(policies[0].policy.created.as_nanos(), 1_767_323_045_000_000_000);
}

#[test]
fn every_problem_is_reported_with_its_line() {
    let text = cluster(
        "mode: Alarm\nthresholds: {record: 7, alert: high}\ndetectors:\n  beacon:\n    minimumSpann: 15m\n    timingThreshold: 0\nexceptions:\n- name: a",
    );
    assert_eq!(
        problems(&text),
        [
            "p.yaml:5: spec.mode must be one of Observe, Alert, but is \"Alarm\"",
            "p.yaml:6: spec.thresholds.alert must be a number, but is the text \"high\"",
            "p.yaml:9: spec.detectors.beacon.minimumSpann is not a field; allowed here: enabled, minimumSpan, minimumSpanExec, shortPeriodThreshold, timingThreshold",
            "p.yaml:10: spec.detectors.beacon.timingThreshold must be from 1 to 1000, but is 0",
            "p.yaml:12: spec.exceptions[0].match must be given",
            "p.yaml:12: spec.exceptions[0].reason must be given",
        ]
    );
}

#[test]
fn values_that_only_the_compiler_can_judge_are_reported_alike() {
    let text = cluster(
        "thresholds: {record: 7}\ndetectors:\n  beacon: {minimumSpan: 15 min}\n  balance: {minimumBytes: 10MB, minimumSpan: 200h}\nexceptions:\n- {name: a, reason: r, match: {}}\n- name: a\n  reason: r\n  expires: soon\n  match:\n    destinations: [good.example, 10.0.0.0/33, \"*\", 1.2.3]\n    executables: [curl]\n    digests: [abc]",
    );
    assert_eq!(
        problems(&text),
        [
            "p.yaml:5: spec.thresholds must not fall from one level to the next: record <= alert <= high <= critical",
            "p.yaml:7: spec.detectors.beacon.minimumSpan must be a duration such as 90s, 15m or 1h30m (units h, m, s, ms), but is \"15 min\"",
            "p.yaml:8: spec.detectors.balance.minimumBytes must be a number of bytes such as 512, 64k, 10Mi or 1Gi, but is \"10MB\"",
            "p.yaml:8: spec.detectors.balance.minimumSpan must be at most 168h: nothing is remembered for longer",
            "p.yaml:10: spec.exceptions[0].match must not be empty: an exception that matches everything turns the policy off; use mode: Observe",
            "p.yaml:11: spec.exceptions[1].name must be unique, but \"a\" was used before",
            "p.yaml:13: spec.exceptions[1].expires must be a time in RFC 3339, such as 2027-03-31T00:00:00Z, but is \"soon\"",
            "p.yaml:15: spec.exceptions[1].match.destinations[1] must be a name (api.example.com), a wildcard (*.example.com), an address or a network (198.51.100.0/24), but is \"10.0.0.0/33\"",
            "p.yaml:15: spec.exceptions[1].match.destinations[2] must be a name (api.example.com), a wildcard (*.example.com), an address or a network (198.51.100.0/24), but is \"*\"",
            "p.yaml:15: spec.exceptions[1].match.destinations[3] must be a name (api.example.com), a wildcard (*.example.com), an address or a network (198.51.100.0/24), but is \"1.2.3\"",
            "p.yaml:16: spec.exceptions[1].match.executables[0] must be an absolute path; * stands for any characters but /, ** for any, but is \"curl\"",
            "p.yaml:17: spec.exceptions[1].match.digests[0] must be a SHA-256 in 64 hexadecimal digits, lower case, but is \"abc\"",
        ]
    );
}

#[test]
fn a_namespaced_policy_says_its_namespace_and_only_it() {
    let without = WALK_THROUGH.replace(", namespace: payments", "");
    assert_eq!(
        problems(&without),
        [
            "p.yaml:3: metadata.namespace must be given: a BeaconPolicy watches one namespace (a ClusterBeaconPolicy watches all)"
        ]
    );
    let with = cluster("{}").replace("{name: all}", "{name: all, namespace: x}");
    assert!(problems(&with)[0].contains("metadata.namespace must not be given"));
}

#[test]
fn other_kinds_and_versions_are_named() {
    assert_eq!(
        problems("apiVersion: v1\nkind: BeaconPolicy\n"),
        ["p.yaml:1: apiVersion must be beaconwatch.io/v1alpha1, but is v1"]
    );
    assert_eq!(
        problems("apiVersion: beaconwatch.io/v1\nkind: BeaconPolicy\n"),
        ["p.yaml:1: apiVersion must be beaconwatch.io/v1alpha1, but is beaconwatch.io/v1"]
    );
    let pod = problems("apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n");
    assert!(pod[0].starts_with("p.yaml: has no policy in it, only Pod web: "), "{pod:?}");
    assert_eq!(
        problems("apiVersion: beaconwatch.io/v1alpha1\nkind: BeaconPolice\n"),
        ["p.yaml:2: kind must be BeaconPolicy or ClusterBeaconPolicy, but is BeaconPolice"]
    );
    assert!(problems("# only a comment\n")[0].starts_with("p.yaml: has no policy in it"));
}

#[test]
fn what_is_not_yaml_is_said_with_its_line_and_the_rest_is_still_checked() {
    let text = format!("{}---\na: [1,\n---\n", cluster("mode: Loud"));
    let problems = problems(&text);
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].contains("spec.mode"), "{problems:?}");
    assert!(problems[1].contains("is not YAML"), "{problems:?}");
    assert!(self::problems("a: 1\na: 2\n")[0].contains("\"a\" is given twice"));
}

#[test]
fn objects_of_other_kinds_are_passed_over_by_name() {
    let others = "---\n# Source: chart/templates/x.yaml\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n---\n";
    let role = "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: r}\nrules: []\n";
    let found = load(&format!("{others}{WALK_THROUGH}{role}"));
    assert_eq!(found.policies.len(), 1);
    let notes: Vec<String> = found.notes.iter().map(ToString::to_string).collect();
    assert_eq!(notes.len(), 2);
    assert_eq!(notes[0], "p.yaml:4: skipped ConfigMap c: not a policy");
    assert!(notes[1].ends_with("skipped Role r: not a policy"), "{notes:?}");
}

#[test]
fn lists_are_taken_apart() {
    let item = "- apiVersion: beaconwatch.io/v1alpha1\n  kind: ClusterBeaconPolicy\n  metadata: {name: NAME}\n  spec: {mode: MODE}\n";
    let items = item.replace("NAME", "a").replace("MODE", "Observe") + &item.replace("NAME", "b");
    for head in
        ["apiVersion: v1\nkind: List", "apiVersion: beaconwatch.io/v1alpha1\nkind: ClusterBeaconPolicyList"]
    {
        let text = format!("{head}\nitems:\n{items}");
        assert_eq!(
            problems(&text),
            ["p.yaml:11: spec.mode must be one of Observe, Alert, but is \"MODE\""],
            "{head}"
        );
        let policies = read(&text.replace("MODE", "Alert"));
        assert_eq!(policies.iter().map(|placed| placed.line).collect::<Vec<_>>(), [4, 8]);
    }
}

#[test]
fn merge_keys_bring_the_fields_of_another_map() {
    let text = |further: &str| {
        let first = "- &e {name: one, reason: r, match: {ports: [443]}}";
        cluster(&format!("exceptions:\n{first}\n{further}"))
    };
    let policies = read(&text("- {<<: *e, name: two}"));
    let exceptions = &policies[0].policy.exceptions;
    assert_eq!((&*exceptions[1].name, &*exceptions[1].reason), ("two", "r"));
    assert_eq!(exceptions[1].ports, [443]);
    // Of several maps the first wins; as with kubectl, what stands before the key gives way to it.
    let further =
        "- &f {name: x, reason: s, match: {ports: [80]}}\n- {reason: own, <<: [*f, *e], name: three}";
    let policies = read(&text(further));
    let third = &policies[0].policy.exceptions[2];
    assert_eq!((&*third.name, &*third.reason, third.ports.as_slice()), ("three", "s", &[80][..]));
    assert!(problems(&text("- {<<: [1], name: two}"))[0].contains("a merge key (<<) takes a map"));
    assert!(problems(&text("- {<<: *e, name: two, name: three}"))[0].contains("\"name\" is given twice"));
    // In quotes it is a field like others.
    let quoted = problems(&text("- {'<<': *e, name: two}"));
    assert!(quoted.iter().any(|problem| problem.contains("<< is not a field")), "{quoted:?}");
}

#[test]
fn numbers_and_truth_values_are_read_as_kubectl_reads_them() {
    let found = load(&cluster(
        "detectors: {irc: {enabled: off}, dns: {enabled: yes}}\nexceptions: [{name: o, reason: r, match: {ports: [0443, 0o17, 0x50, 443.0]}}]",
    ));
    let policy = &found.policies[0].policy;
    assert!(policy.detectors.irc.is_none() && policy.detectors.dns.is_some());
    assert_eq!(policy.exceptions[0].ports, [291, 15, 80, 443]);
    let notes: Vec<String> = found.notes.iter().map(ToString::to_string).collect();
    assert_eq!(notes, ["p.yaml:6: warning: 0443 is octal and read as 291, as kubectl reads it"]);
    let text = cluster("exceptions: [{name: 1e3, reason: yes, match: {ports: [443]}}]")
        .replace("name: all", "name: no");
    assert_eq!(
        problems(&text),
        [
            "p.yaml:3: metadata.name must be text, but is false; put it in quotes",
            "p.yaml:5: spec.exceptions[0].name must be text, but is the number 1000; put it in quotes",
            "p.yaml:5: spec.exceptions[0].reason must be text, but is true; put it in quotes",
        ]
    );
    let quoted = text.replace("1e3", "'1e3'").replace("yes", "!!str yes").replace("name: no", "name: \"no\"");
    assert_eq!(&*read(&quoted)[0].policy.exceptions[0].reason, "yes");
    assert!(
        problems(&cluster("thresholds: {record: .inf}"))[0].contains(".inf is not a number that JSON has")
    );
}

#[test]
fn json_windows_line_ends_and_byte_order_marks_are_read() {
    let yaml = cluster("mode: Observe");
    let windows = format!("\u{feff}{}", yaml.replace('\n', "\r\n"));
    assert_eq!(read(&windows)[0].policy.mode, Mode::Observe);
    let json = "{\n\t\"apiVersion\": \"beaconwatch.io\\/v1alpha1\", \"kind\": \"ClusterBeaconPolicy\",\n\t\"metadata\": {\"name\": \"NAME\"},\n\t\"spec\": {\"mode\": \"Observe\"}\n}";
    assert_eq!(read(&json.replace("NAME", "a"))[0].policy.mode, Mode::Observe);
    let two = format!("{}\n{}", json.replace("NAME", "a"), json.replace("NAME", "b"));
    assert_eq!(read(&two).iter().map(|placed| placed.line).collect::<Vec<_>>(), [1, 6]);
    assert!(problems(&format!("{two}\n{{"))[0].contains("nor JSON"));
}

#[test]
fn a_small_file_cannot_become_a_large_tree() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let below = level - 1;
        let aliases = vec![format!("*a{below}"); 10].join(", ");
        text += &format!("a{level}: &a{level} [{aliases}]\n");
    }
    assert!(problems(&text)[0].contains("more than 100000 values"));
    assert!(problems(&"[".repeat(1000))[0].contains("is not YAML"));
}

#[test]
fn the_same_name_twice_is_refused_across_files() {
    let dir = std::env::temp_dir().join(format!("beaconwatch-files-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("other.json"), r#"{"apiVersion": "v1", "kind": "Secret"}"#).unwrap();
    for name in ["one.yaml", "two.yml", "notes.txt"] {
        std::fs::write(dir.join(name), cluster("{}")).unwrap();
    }
    let problems = file::load(&[&dir]).unwrap_err().problems;
    std::fs::remove_dir_all(&dir).unwrap();
    assert_eq!(problems.len(), 1);
    let text = problems[0].to_string();
    assert!(
        text.contains("two.yml:1: metadata.name is used twice: ClusterBeaconPolicy all is also in"),
        "{text}"
    );
}

#[test]
fn what_is_quoted_does_not_steer_a_terminal() {
    let text = cluster("\"mo\\e[31mde\": Alert") + "---\napiVersion: v1\nkind: \"Sec\\eret\"\n";
    let refused = file::parse(Path::new("p.yaml"), &text).unwrap_err();
    let said: Vec<String> = refused.problems.iter().map(ToString::to_string).collect();
    assert!(said[0].contains("spec.mo\\u{1b}[31mde is not a field"), "{said:?}");
    assert_eq!(refused.rest.notes[0].to_string(), "p.yaml:7: skipped Sec\\u{1b}ret: not a policy");
}

#[test]
fn a_missing_file_is_named() {
    let problems = file::load(&[Path::new("/nonexistent/policy.yaml")]).unwrap_err().problems;
    assert!(problems[0].to_string().starts_with("/nonexistent/policy.yaml: cannot be read:"));
}
