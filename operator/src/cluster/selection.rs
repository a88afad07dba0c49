//! Which policies select a class of pods, and which one governs it.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use beaconwatch_engine::policy::{Policy, Requirement};

use super::classes::Class;

/// The policy selects some container of pods of this class.
pub(super) fn selects(policy: &Policy, class: &Class, namespace: Option<&BTreeMap<String, String>>) -> bool {
    let selector = &policy.workloads;
    let nothing = BTreeMap::new();
    let in_namespace = policy.id.namespace.as_deref().is_none_or(|name| name == class.namespace);
    let owned = |(kind, name): &(std::sync::Arc<str>, Option<std::sync::Arc<str>>)| {
        *kind == class.owner.kind && name.as_ref().is_none_or(|name| *name == class.owner.name)
    };
    in_namespace
        && selector.pod.iter().all(|requirement| holds(requirement, &class.labels))
        && selector.namespace.iter().all(|requirement| holds(requirement, namespace.unwrap_or(&nothing)))
        && (selector.owners.is_empty() || selector.owners.iter().any(owned))
        && (selector.containers.is_empty()
            || selector.containers.iter().any(|name| class.containers.iter().any(|held| **held == **name)))
}

/// Which of several policies that select a workload governs it: a `BeaconPolicy` before a
/// `ClusterBeaconPolicy`, then the oldest, then the first by name. The least key governs.
pub(super) fn precedence(policy: &Policy) -> impl Ord + '_ {
    (Reverse(policy.id.namespace.is_some()), policy.created, &policy.id.name)
}

fn holds(requirement: &Requirement, labels: &BTreeMap<String, String>) -> bool {
    let value = |key: &str| labels.get(key).map(String::as_str);
    let any = |values: &[Box<str>], held: &str| values.iter().any(|value| **value == *held);
    match requirement {
        Requirement::In(key, values) => value(key).is_some_and(|held| any(values, held)),
        Requirement::NotIn(key, values) => value(key).is_none_or(|held| !any(values, held)),
        Requirement::Exists(key) => value(key).is_some(),
        Requirement::DoesNotExist(key) => value(key).is_none(),
    }
}
