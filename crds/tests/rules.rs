//! The generated schemas use only what the reader of policy files holds files to, and every rule has a message.

use beaconwatch_crds::beacon_finding::Term;
use beaconwatch_crds::manifest;
use beaconwatch_crds::one_of::ClosedSet;
use serde_json::Value;

/// Keywords that the reader of files checks, or that say nothing about a value.
const KNOWN: &[&str] = &[
    "additionalProperties",
    "default",
    "description",
    "enum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "nullable",
    "properties",
    "required",
    "title",
    "type",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-validations",
];

fn walk(schema: &Value, path: &str, look: &mut impl FnMut(&str, &Value)) {
    look(path, schema);
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        walk(property, &format!("{path}.{name}"), look);
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get(inner) {
            walk(inner, &format!("{path}[]"), look);
        }
    }
}

#[test]
fn policies_use_no_keyword_that_files_are_not_held_to() {
    for kind in ["BeaconPolicy", "ClusterBeaconPolicy"] {
        walk(&manifest::schema(kind).unwrap(), kind, &mut |path, schema| {
            for keyword in schema.as_object().unwrap().keys() {
                assert!(KNOWN.contains(&keyword.as_str()), "{path}: {keyword}");
            }
        });
    }
}

#[test]
fn every_rule_has_a_message_and_every_field_of_a_spec_a_description() {
    for kind in ["BeaconPolicy", "ClusterBeaconPolicy"] {
        let schema = manifest::schema(kind).unwrap();
        walk(schema.pointer("/properties/spec").unwrap(), "spec", &mut |path, schema| {
            for rule in schema.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten()
            {
                let message = rule.get("message").and_then(Value::as_str).unwrap_or_default();
                assert!(message.len() > 10 && !message.ends_with('.'), "{path}: {rule}");
            }
            let documented = schema.get("description").is_some() || path.ends_with("[]");
            assert!(documented, "{path} has no description");
        });
    }
}

#[test]
fn every_default_is_one_that_compiles() {
    let text =
        "apiVersion: beaconwatch.io/v1alpha1\nkind: ClusterBeaconPolicy\nmetadata: {name: all}\nspec: {}\n";
    let policies = beaconwatch_crds::file::parse("defaults.yaml".as_ref(), text).unwrap().policies;
    assert_eq!(policies.len(), 1);
}

#[test]
fn every_term_of_evidence_is_listed_under_its_name_and_its_former_one() {
    let schema = manifest::schema("BeaconFinding").unwrap();
    let listed = schema["properties"]["why"]["items"]["properties"]["term"]["enum"].as_array().unwrap();
    let listed: Vec<&str> = listed.iter().filter_map(Value::as_str).collect();
    let former = Term::RENAMED.iter().map(|(word, _)| *word);
    assert_eq!(listed, Term::ALL.map(Term::as_str).into_iter().chain(former).collect::<Vec<_>>());
}
