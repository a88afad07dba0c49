//! Deletes what has served its time: findings by age and by number, reports of nodes that are gone.
//!
//! A finding is deleted only in the state it was judged in (uid and resourceVersion): one that an agent has
//! updated meanwhile stays.
//!
//! RBAC: `beaconfindings`: list, watch, delete; `beaconnodes`: list, watch, delete; `nodes`: list, watch.

use std::collections::BTreeMap;
use std::time::Duration;

use beaconwatch_crds::{BeaconFinding, BeaconNode};
use beaconwatch_engine::time::Timestamp;
use kube::api::{DeleteParams, Preconditions};
use kube::core::PartialObjectMeta;
use kube::{Api, Client};

use crate::cluster::{Key, KnownFinding};
use crate::metrics::{DeleteReason, Metrics};

/// Deletions in one round; the rest waits for the next.
const ROUND_MAX: usize = 200;

/// How long and how many findings are kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Time since a finding was last seen.
    pub ttl: Duration,
    /// Findings per namespace.
    pub findings_max: usize,
}

/// A finding to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outdated {
    /// Which.
    pub key: Key,
    /// In which state.
    pub preconditions: (Option<String>, Option<String>),
    /// Why.
    pub by_age: bool,
}

/// Findings past their time, and beyond the number those that were seen longest ago.
#[must_use]
pub fn outdated(
    findings: &BTreeMap<Key, KnownFinding>,
    now: Timestamp,
    retention: Retention,
) -> Vec<Outdated> {
    let mut outdated = Vec::new();
    let mut kept: BTreeMap<&str, Vec<(&Key, &KnownFinding)>> = BTreeMap::new();
    let judge = |(key, finding): (&Key, &KnownFinding), by_age| Outdated {
        key: key.clone(),
        preconditions: (finding.uid.clone(), finding.version.clone()),
        by_age,
    };
    for (key, finding) in findings {
        if finding.last_seen + retention.ttl < now {
            outdated.push(judge((key, finding), true));
        } else {
            kept.entry(&key.0).or_default().push((key, finding));
        }
    }
    for mut namespace in kept.into_values() {
        namespace.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.last_seen));
        outdated.extend(namespace.into_iter().skip(retention.findings_max).map(|held| judge(held, false)));
    }
    outdated
}

/// Deletes findings, as many as fit into a round.
pub async fn delete_findings(client: &Client, outdated: Vec<Outdated>, metrics: &Metrics) {
    for Outdated { key: (namespace, name), preconditions: (uid, resource_version), by_age } in
        outdated.into_iter().take(ROUND_MAX)
    {
        let api: Api<PartialObjectMeta<BeaconFinding>> = Api::namespaced(client.clone(), &namespace);
        let params = DeleteParams {
            preconditions: Some(Preconditions { uid, resource_version }),
            ..DeleteParams::default()
        };
        let deleted = api.delete(&name, &params).await.map(drop);
        let reason = if by_age { DeleteReason::Age } else { DeleteReason::Count };
        count(deleted, reason, metrics, &name);
    }
}

/// Deletes reports of nodes that do not exist.
pub async fn delete_reports(client: &Client, nodes: &[String], metrics: &Metrics) {
    let api: Api<PartialObjectMeta<BeaconNode>> = Api::all(client.clone());
    for name in nodes.iter().take(ROUND_MAX) {
        let deleted = api.delete(name, &DeleteParams::default()).await.map(drop);
        count(deleted, DeleteReason::NodeGone, metrics, name);
    }
}

/// Gone already, or changed meanwhile: both are answers, not failures.
fn count(deleted: kube::Result<()>, reason: DeleteReason, metrics: &Metrics, name: &str) {
    match deleted {
        Ok(()) => metrics.deleted(reason),
        Err(kube::Error::Api(answer)) if matches!(answer.code, 404 | 409) => {}
        Err(error) => {
            metrics.delete_failed();
            tracing::warn!(name, %error, "cannot delete");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(last_seen: u64) -> KnownFinding {
        KnownFinding {
            uid: None,
            version: None,
            last_seen: Timestamp::from_nanos(last_seen * 1_000_000_000),
            policy: beaconwatch_engine::policy::PolicyId::default(),
            severity: "High".into(),
        }
    }

    /// Names of what is outdated at second 1000, with a time to live of 600 s and three per namespace.
    fn check(findings: &[(&str, &str, u64)]) -> Vec<String> {
        let findings = findings
            .iter()
            .map(|(ns, name, last)| ((ns.to_string(), name.to_string()), finding(*last)))
            .collect();
        let retention = Retention { ttl: Duration::from_secs(600), findings_max: 3 };
        let outdated = outdated(&findings, Timestamp::from_nanos(1_000_000_000_000), retention);
        outdated
            .into_iter()
            .map(|o| format!("{} {}", o.key.1, if o.by_age { "age" } else { "count" }))
            .collect()
    }

    #[test]
    fn a_finding_is_kept_for_its_time_since_it_was_last_seen() {
        assert_eq!(check(&[("a", "old", 399), ("a", "young", 401)]), ["old age"]);
    }

    #[test]
    fn beyond_the_number_those_seen_longest_ago_go() {
        let findings = [("a", "w", 900), ("a", "x", 700), ("a", "y", 950), ("a", "z", 800), ("b", "v", 500)];
        assert_eq!(check(&findings), ["x count"]);
    }

    #[test]
    fn outdated_ones_do_not_count_for_the_number() {
        let findings = [("a", "old", 100), ("a", "x", 700), ("a", "y", 950), ("a", "z", 800)];
        assert_eq!(check(&findings), ["old age"]);
    }
}
