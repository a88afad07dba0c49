//! Which policies select a class of pods.

use std::collections::BTreeMap;

use beaconwatch_engine::assess::policy::Policy;

use super::classes::Class;

/// The policy selects some container of pods of this class.
pub(super) fn selects(policy: &Policy, class: &Class, namespace: Option<&BTreeMap<String, String>>) -> bool {
    let selector = &policy.workloads;
    let in_namespace = policy.id.namespace.as_deref().is_none_or(|name| name == class.namespace);
    let owned = |(kind, name): &(std::sync::Arc<str>, Option<std::sync::Arc<str>>)| {
        *kind == class.owner.kind && name.as_ref().is_none_or(|name| *name == class.owner.name)
    };
    in_namespace
        && selector
            .pod
            .iter()
            .all(|requirement| requirement.holds(|key| class.labels.get(key).map(String::as_str)))
        && selector
            .namespace
            .iter()
            .all(|requirement| requirement.holds(|key| namespace?.get(key).map(String::as_str)))
        && (selector.owners.is_empty() || selector.owners.iter().any(owned))
        && (selector.containers.is_empty()
            || selector.containers.iter().any(|name| class.containers.iter().any(|held| **held == **name)))
}
