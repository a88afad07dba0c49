//! One policy of a file: all its problems in one go, those of the schema and those that only the compiler sees, and as
//! much of the policy as can be read in spite of them.

use beaconwatch_engine::assess::policy::{Policy, PolicySource};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::schema;
use super::tree::{Content, Node};
use crate::compile::{self, Attempt, FieldError};
use crate::{BeaconPolicy, ClusterBeaconPolicy, manifest};

/// A policy as far as it can be read, with all its problems.
pub(super) struct Compiled {
    pub(super) policy: Option<Policy>,
    pub(super) problems: Vec<FieldError>,
}

impl Compiled {
    /// What the schema refuses keeps nobody from looking at the rest.
    pub(super) fn of(kind: &str, object: &Node) -> Self {
        let schema = manifest::schema(kind).unwrap_or_default();
        let mut problems = schema::check(object, &schema);
        let refused = problems.len();
        let json = if refused == 0 { Some(object.to_json()) } else { schema::mended(object, &schema) };
        let attempt = match json.map(|json| attempt(kind, json)) {
            Some(Ok(attempt)) => attempt,
            Some(Err(problem)) if refused == 0 => return Self { policy: None, problems: vec![problem] },
            Some(Err(_)) | None => return Self { policy: None, problems },
        };
        let Attempt { mut policy, problems: further } = attempt;
        for problem in further {
            // What was left out is missing to the compiler, which was said already.
            let said = problems.iter().take(refused).any(|known| are_one(&known.path, &problem.path));
            if !said {
                problems.push(problem);
            }
        }
        policy.exceptions.retain(|exception| !is_match_refused(&exception.name, object, &problems));
        // One that was read back from a cluster has a generation, but here it is a file's.
        policy.source = PolicySource::File;
        Self { policy: Some(policy), problems }
    }
}

fn attempt(kind: &str, mut object: Value) -> Result<Attempt, FieldError> {
    if let Some(fields) = object.as_object_mut() {
        // A policy that was read back from a cluster has one; it says nothing about what is wanted.
        fields.remove("status");
    }
    Ok(if kind == "BeaconPolicy" {
        compile::attempt_beacon_policy(&typed::<BeaconPolicy>(object)?)
    } else {
        compile::attempt_cluster_beacon_policy(&typed::<ClusterBeaconPolicy>(object)?)
    })
}

fn typed<T: DeserializeOwned>(object: Value) -> Result<T, FieldError> {
    serde_json::from_value(object)
        .map_err(|error| FieldError { path: "spec".into(), problem: error.to_string() })
}

/// Whether one field is the other, or a part of it.
fn are_one(one: &str, other: &str) -> bool {
    let (long, short) = if one.len() < other.len() { (other, one) } else { (one, other) };
    long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// Whether there is a problem with what an exception matches: it may seem to match more than was meant.
fn is_match_refused(name: &str, object: &Node, problems: &[FieldError]) -> bool {
    let exceptions = object.get("spec").and_then(|spec| spec.get("exceptions"));
    let Some(Content::List(exceptions)) = exceptions.map(|exceptions| &exceptions.content) else {
        return false;
    };
    let is_named = |exception: &Node| match exception.get("name").map(Node::to_json) {
        Some(Value::String(text)) => text == name,
        Some(other) => {
            let text = other.to_string();
            text == name
        }
        None => false,
    };
    exceptions.iter().enumerate().filter(|(_, exception)| is_named(exception)).any(|(index, _)| {
        let matched = format!("spec.exceptions[{index}].match");
        problems.iter().any(|problem| are_one(&matched, &problem.path))
    })
}
