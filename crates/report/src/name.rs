//! Names that are the same after a restart, on every version: what makes writing twice the same as writing once.
//!
//! They rest on identities, which are specified ([`beaconwatch_engine::identity`]). A name is as long as its identity: of
//! shorter ones, who chooses the names of destinations could find two that are stored in one object.

use beaconwatch_engine::assess::finding::{Finding, FindingId};
use beaconwatch_engine::identity;

/// Bytes of the readable part of a name.
const READABLE_MAX: usize = 48;

/// Name of the object that stores a finding: the owner, and what tells this node's finding from others.
#[must_use]
pub fn of_finding(finding: &Finding, node: &str) -> String {
    let FindingId(id) = finding.id;
    let owner = finding.pod.as_ref().map_or("node", |pod| &*pod.owner.name);
    format!("{}-{}", readable(owner), identity::object(id, node))
}

/// Name of the Event about a change of a finding.
#[must_use]
pub fn of_event(object: &str, change: &str, severity: &str, first_seen: &str) -> String {
    format!("{object}.{}", identity::event(object, change, severity, first_seen))
}

/// The part of a name that Kubernetes allows at the start of an object's name.
fn readable(name: &str) -> String {
    let allowed = name.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'0'..=b'9' => char::from(byte),
        b'A'..=b'Z' => char::from(byte.to_ascii_lowercase()),
        _ => '-',
    });
    let cut: String = allowed.take(READABLE_MAX).collect();
    let trimmed = cut.trim_matches('-');
    if trimmed.is_empty() { "finding".to_owned() } else { trimmed.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_owner_makes_a_name_that_kubernetes_takes() {
        assert_eq!(readable("reports"), "reports");
        assert_eq!(readable("my.job_X-"), "my-job-x");
        assert_eq!(readable("\u{202e}"), "finding");
        assert_eq!(readable(&"x".repeat(300)).len(), READABLE_MAX);
    }
}
