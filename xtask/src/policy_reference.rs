//! `docs/policy-reference.md`: every field of the policies, from the schema that the API server enforces.

use std::fmt::Write as _;

use anyhow::Context;
use beaconwatch_crds::manifest;
use serde_json::Value;

/// File in `docs/`.
pub(crate) const FILE: &str = "docs/policy-reference.md";

/// The page.
pub(crate) fn markdown() -> anyhow::Result<String> {
    let mut page = String::from(
        "# Policy reference\n\nGenerated from the API types by `cargo xtask docs`; `kubectl explain beaconpolicy.spec` \
         says the same. A `ClusterBeaconPolicy` has no namespace of its own and selects namespaces; all else is alike.\n",
    );
    for kind in ["BeaconPolicy", "ClusterBeaconPolicy"] {
        let schema = manifest::schema(kind).with_context(|| format!("find the schema of {kind}"))?;
        let spec = schema.pointer("/properties/spec").with_context(|| format!("find the spec of {kind}"))?;
        let _ = write!(
            page,
            "\n## {kind}\n\n| field | type | default | what it does |\n| --- | --- | --- | --- |\n"
        );
        fields(&mut page, "spec", spec);
        let _ = write!(page, "\n### Rules\n\n");
        rules(&mut page, "spec", spec);
    }
    Ok(page)
}

fn fields(page: &mut String, path: &str, schema: &Value) {
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, field) in properties.into_iter().flatten() {
        let path = format!("{path}.{name}");
        let default = field.get("default").filter(|value| !value.is_object() && !value.is_null());
        let default = default.map_or_else(String::new, |value| format!("`{value}`"));
        let text = field.get("description").and_then(Value::as_str).unwrap_or_default();
        let text = text.replace('\n', " ").replace('|', "\\|");
        let required =
            schema.get("required").and_then(Value::as_array).is_some_and(|r| r.iter().any(|n| n == name));
        let must = if required { " **Required.**" } else { "" };
        let _ = writeln!(page, "| `{path}` | {} | {default} | {text}{must} |", kind_of(field));
        fields(page, &path, field);
        if let Some(items) = field.get("items") {
            fields(page, &format!("{path}[]"), items);
        }
    }
}

fn rules(page: &mut String, path: &str, schema: &Value) {
    for rule in schema.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten() {
        if let Some(message) = rule.get("message").and_then(Value::as_str) {
            let _ = writeln!(page, "- `{path}`: {message}");
        }
    }
    for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        rules(page, &format!("{path}.{name}"), field);
    }
    if let Some(items) = schema.get("items") {
        rules(page, &format!("{path}[]"), items);
    }
}

fn kind_of(field: &Value) -> String {
    let kind = field.get("type").and_then(Value::as_str).unwrap_or("value");
    if let Some(choices) = field.get("enum").and_then(Value::as_array) {
        let choices: Vec<String> =
            choices.iter().filter(|c| !c.is_null()).map(|c| c.to_string().replace('"', "")).collect();
        return choices.join(" \\| ");
    }
    match (kind, field.pointer("/items/type").and_then(Value::as_str)) {
        ("array", Some(item)) => format!("list of {item}"),
        _ => kind.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_reference_is_what_the_schema_says() {
        let file = crate::tidy::workspace_root().unwrap().join(FILE);
        let found = std::fs::read_to_string(file).unwrap_or_default();
        assert!(found == markdown().unwrap(), "{FILE} is not what the types say; run `cargo xtask docs`");
    }
}
