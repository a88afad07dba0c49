//! The CustomResourceDefinitions as they are committed and installed.

use kube::CustomResourceExt;
use serde_json::{Map, Value};

use crate::{BeaconFinding, BeaconNode, BeaconPolicy, ClusterBeaconPolicy};

/// File name and object of every definition.
#[must_use]
pub fn definitions() -> Vec<(&'static str, Value)> {
    [
        ("beaconpolicies.yaml", serde_json::to_value(BeaconPolicy::crd())),
        ("clusterbeaconpolicies.yaml", serde_json::to_value(ClusterBeaconPolicy::crd())),
        ("beaconnodes.yaml", serde_json::to_value(BeaconNode::crd())),
        ("beaconfindings.yaml", serde_json::to_value(BeaconFinding::crd())),
    ]
    .into_iter()
    .filter_map(|(file, definition)| Some((file, tidy(definition.ok()?))))
    .collect()
}

/// The schema of a whole object of `kind`, as the API server has it; `None` for an unknown kind.
#[must_use]
pub fn schema(kind: &str) -> Option<Value> {
    let definition = match kind {
        "BeaconPolicy" => BeaconPolicy::crd(),
        "ClusterBeaconPolicy" => ClusterBeaconPolicy::crd(),
        "BeaconNode" => BeaconNode::crd(),
        "BeaconFinding" => BeaconFinding::crd(),
        _ => return None,
    };
    let mut definition = tidy(serde_json::to_value(definition).ok()?);
    Some(definition.pointer_mut("/spec/versions/0/schema/openAPIV3Schema")?.take())
}

/// Formats that the API server knows; it warns about others (`uint16`), whose bounds `minimum` and `maximum` hold.
const FORMATS_KNOWN: [&str; 5] = ["int32", "int64", "float", "double", "date-time"];

/// Makes a definition small and free of warnings.
fn tidy(mut definition: Value) -> Value {
    let properties = definition
        .pointer_mut("/spec/versions/0/schema/openAPIV3Schema/properties")
        .and_then(Value::as_object_mut);
    for (name, schema) in properties.into_iter().flatten() {
        // Users write the spec and see its defaults; what programs report has none.
        tidy_schema(schema, name == "spec");
    }
    definition
}

fn tidy_schema(schema: &mut Value, defaults: bool) {
    let Value::Object(node) = schema else { return };
    tidy_node(node, defaults);
    for (key, child) in node.iter_mut() {
        match (key.as_str(), child) {
            ("properties", Value::Object(properties)) => {
                properties.values_mut().for_each(|property| tidy_schema(property, defaults));
            }
            ("items" | "additionalProperties", child) => tidy_schema(child, defaults),
            _ => {}
        }
    }
}

fn tidy_node(node: &mut Map<String, Value>, defaults: bool) {
    if node.get("format").and_then(Value::as_str).is_some_and(|format| !FORMATS_KNOWN.contains(&format)) {
        node.remove("format");
    }
    if !defaults {
        node.remove("default");
    }
    // Null would be kept where the default is meant.
    if node.contains_key("x-kubernetes-int-or-string") && node.contains_key("default") {
        node.remove("nullable");
    }
    // The defaults of the fields inside say the same, and say it once; rules need them whole.
    if node.get("default").is_some_and(Value::is_object) && !node.contains_key("x-kubernetes-validations") {
        node.insert("default".into(), Value::Object(Map::new()));
    }
}
