//! Holds a tree to the structural schema that the API server has, and reports every problem in words.
//!
//! What CEL rules say is left to the compiler, which says it in the same words.

use serde_json::{Map, Value, json};

use super::tree::{Content, Node};
use crate::compile::FieldError;

/// Every problem of an object, in the order of its lines.
pub(super) fn check(document: &Node, schema: &Value) -> Vec<FieldError> {
    let mut problems = Vec::new();
    node(document, &of_document(schema), "", &mut problems);
    problems
}

/// An object without what the schema refuses, so that the rest of it can be looked at: text where a number or a truth
/// value was written for it, nothing where else it is wrong. `None`: that leaves no object.
pub(super) fn mended(document: &Node, schema: &Value) -> Option<Value> {
    mend(document, &of_document(schema))
}

/// With what the API server has for every kind.
fn of_document(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("metadata".into(), metadata_schema());
        // What a cluster reported may be there; it is not read.
        properties.insert("status".into(), json!({}));
        properties.insert("apiVersion".into(), json!({ "type": "string" }));
        properties.insert("kind".into(), json!({ "type": "string" }));
    }
    schema
}

/// The API server has its own checks for metadata; here are the fields, so that a mistyped one is found.
fn metadata_schema() -> Value {
    let texts = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    json!({
        "type": "object",
        "properties": {
            "name": { "type": "string" }, "namespace": { "type": "string" },
            "labels": texts, "annotations": texts,
            "generation": { "type": "integer" }, "creationTimestamp": {}, "uid": {}, "resourceVersion": {},
            "managedFields": {}, "ownerReferences": {}, "finalizers": {}, "selfLink": {}, "generateName": {},
            "deletionTimestamp": {}, "deletionGracePeriodSeconds": {},
        },
    })
}

fn refuse(path: &str, problem: String, problems: &mut Vec<FieldError>) {
    let path = if path.is_empty() { "the document" } else { path };
    problems.push(FieldError { path: path.into(), problem });
}

fn node(value: &Node, schema: &Value, path: &str, problems: &mut Vec<FieldError>) {
    let nullable = schema.get("nullable").and_then(Value::as_bool).unwrap_or(false);
    let any = schema.as_object().is_none_or(Map::is_empty);
    if any || (nullable && matches!(value.content, Content::Null)) {
        return;
    }
    if schema.get("x-kubernetes-int-or-string").is_some() {
        let whole = matches!(&value.content, Content::Number(number) if number.is_i64());
        if !whole && value.text().is_none() {
            refuse(
                path,
                format!("must be a whole number or text, but is {}", named(&value.content)),
                problems,
            );
        }
        return;
    }
    match (schema.get("type").and_then(Value::as_str).unwrap_or_default(), &value.content) {
        ("object", Content::Map(fields)) => object(fields, schema, path, problems),
        // An empty field, as in `detectors:` with nothing below it, asks for the defaults.
        ("object" | "array", Content::Null) => {}
        ("array", Content::List(entries)) => list(entries, schema, path, problems),
        ("string", Content::Text(text)) => words(text, schema, path, problems),
        ("boolean", Content::Bool(_)) => {}
        ("integer", Content::Number(number)) if number.is_i64() => {
            bounds(number.as_f64(), schema, path, problems)
        }
        ("number", Content::Number(number)) => bounds(number.as_f64(), schema, path, problems),
        (wanted, found) => {
            let scalar = matches!(found, Content::Bool(_) | Content::Number(_));
            let quotes = if wanted == "string" && scalar { "; put it in quotes" } else { "" };
            let (wanted, found) = (in_words(wanted, schema), named(found));
            refuse(path, format!("must be {wanted}, but is {found}{quotes}"), problems);
        }
    }
}

fn mend(value: &Node, schema: &Value) -> Option<Value> {
    let any = schema.as_object().is_none_or(Map::is_empty);
    if any || schema.get("x-kubernetes-int-or-string").is_some() {
        return Some(value.to_json());
    }
    match (schema.get("type").and_then(Value::as_str).unwrap_or_default(), &value.content) {
        ("object", Content::Map(fields)) => {
            let properties = schema.get("properties").and_then(Value::as_object);
            let others = schema.get("additionalProperties");
            let mended = fields.iter().filter_map(|(name, _, field)| {
                let schema = properties.and_then(|properties| properties.get(name)).or(others)?;
                Some((name.clone(), mend(field, schema)?))
            });
            Some(Value::Object(mended.collect()))
        }
        // One entry less would move the others to other places.
        ("array", Content::List(entries)) => {
            let items = schema.get("items").unwrap_or(&Value::Null);
            entries.iter().map(|entry| mend(entry, items)).collect()
        }
        ("string", Content::Text(text)) => {
            let allowed = schema.get("enum").and_then(Value::as_array);
            allowed.is_none_or(|allowed| allowed.iter().any(|one| one == text)).then(|| value.to_json())
        }
        ("string", Content::Bool(_) | Content::Number(_)) => Some(Value::String(value.to_json().to_string())),
        ("object" | "array", Content::Null)
        | ("boolean", Content::Bool(_))
        | ("number" | "integer", Content::Number(_)) => Some(value.to_json()),
        _ => None,
    }
}

fn object(fields: &[(String, usize, Node)], schema: &Value, path: &str, problems: &mut Vec<FieldError>) {
    let inside = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let properties = schema.get("properties").and_then(Value::as_object);
    let others = schema.get("additionalProperties");
    for (name, _, field) in fields {
        match (properties.and_then(|properties| properties.get(name)), others) {
            (Some(schema), _) | (None, Some(schema)) => node(field, schema, &inside(name), problems),
            (None, None) => {
                let allowed: Vec<&str> =
                    properties.into_iter().flat_map(Map::keys).map(String::as_str).collect();
                let problem = format!("is not a field; allowed here: {}", allowed.join(", "));
                refuse(&inside(name), problem, problems);
            }
        }
    }
    count(fields.len(), "fields", ("minProperties", "maxProperties"), schema, path, problems);
    let required = schema.get("required").and_then(Value::as_array);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        if !fields.iter().any(|(known, ..)| known == name) {
            refuse(&inside(name), "must be given".into(), problems);
        }
    }
}

fn list(entries: &[Node], schema: &Value, path: &str, problems: &mut Vec<FieldError>) {
    count(entries.len(), "entries", ("minItems", "maxItems"), schema, path, problems);
    let Some(items) = schema.get("items") else { return };
    for (index, entry) in entries.iter().enumerate() {
        node(entry, items, &format!("{path}[{index}]"), problems);
    }
}

fn words(text: &str, schema: &Value, path: &str, problems: &mut Vec<FieldError>) {
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array) {
        if !allowed.iter().any(|one| one == text) {
            let allowed: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
            refuse(path, format!("must be one of {}, but is {text:?}", allowed.join(", ")), problems);
        }
        return;
    }
    count(text.chars().count(), "characters", ("minLength", "maxLength"), schema, path, problems);
}

fn count(
    found: usize,
    what: &str,
    (least, most): (&str, &str),
    schema: &Value,
    path: &str,
    problems: &mut Vec<FieldError>,
) {
    let bound = |name: &str| schema.get(name).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    let (least, most) = (bound(least).unwrap_or(0), bound(most).unwrap_or(usize::MAX));
    if found == 0 && least > 0 {
        refuse(path, "must not be empty".into(), problems);
    } else if found < least || found > most {
        refuse(path, format!("must have from {least} to {most} {what}, but has {found}"), problems);
    }
}

fn bounds(found: Option<f64>, schema: &Value, path: &str, problems: &mut Vec<FieldError>) {
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    let (least, most) = (bound("minimum"), bound("maximum"));
    let found = found.unwrap_or_default();
    if least.is_some_and(|least| found < least) || most.is_some_and(|most| found > most) {
        let range = match (least, most) {
            (Some(least), Some(most)) => format!("from {least} to {most}"),
            (Some(least), None) => format!("at least {least}"),
            (None, Some(most)) => format!("at most {most}"),
            (None, None) => "a number".into(),
        };
        refuse(path, format!("must be {range}, but is {found}"), problems);
    }
}

fn in_words(wanted: &str, schema: &Value) -> String {
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array) {
        let allowed: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
        return format!("one of {}", allowed.join(", "));
    }
    match wanted {
        "object" => "a map of fields",
        "array" => "a list",
        "string" => "text",
        "boolean" => "true or false",
        "integer" => "a whole number",
        _ => "a number",
    }
    .into()
}

fn named(found: &Content) -> String {
    match found {
        Content::Null => "empty".into(),
        Content::Bool(value) => value.to_string(),
        Content::Number(number) => format!("the number {number}"),
        Content::Text(text) => format!("the text {text:?}"),
        Content::List(_) => "a list".into(),
        Content::Map(_) => "a map of fields".into(),
    }
}
