//! Names that are the same after a restart, on every version: what makes writing twice the same as writing once.

use beaconwatch_engine::finding::{Finding, FindingId};

/// Bytes of the readable part of a name.
const READABLE_MAX: usize = 48;

/// FNV-1a, 64 bits. Not the engine's hash: that one may change with a version, and names must not.
#[must_use]
pub fn fnv(parts: &[&[u8]]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.iter().copied().chain([0xff]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Name of the object that stores a finding: the owner, and what tells this node's finding from others.
#[must_use]
pub fn of_finding(finding: &Finding, node: &str) -> String {
    let FindingId(id) = finding.id;
    let owner = finding.pod.as_ref().map_or("node", |pod| &*pod.owner.name);
    let hash = fnv(&[&id.to_be_bytes(), node.as_bytes()]) >> 24;
    format!("{}-{hash:010x}", readable(owner))
}

/// Name of the Event about a change of a finding.
#[must_use]
pub fn of_event(object: &str, change: &str, severity: &str, first_seen: &str) -> String {
    let hash = fnv(&[object.as_bytes(), change.as_bytes(), severity.as_bytes(), first_seen.as_bytes()]);
    format!("{object}.{hash:016x}")
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
    fn names_are_the_same_for_ever() {
        assert_eq!(fnv(&[]), 0xcbf2_9ce4_8422_2325);
        assert_eq!(format!("{:016x}", fnv(&[b"a", b"b"])), "d2b371819297f98a");
        assert_ne!(fnv(&[b"ab", b""]), fnv(&[b"a", b"b"]));
    }

    #[test]
    fn any_owner_makes_a_name_that_kubernetes_takes() {
        assert_eq!(readable("reports"), "reports");
        assert_eq!(readable("my.job_X-"), "my-job-x");
        assert_eq!(readable("\u{202e}"), "finding");
        assert_eq!(readable(&"x".repeat(300)).len(), READABLE_MAX);
    }
}
