//! Deletes what has served its time: findings by age and by number, reports of nodes that are gone.
//!
//! A finding is deleted only in the state it was judged in (uid and resourceVersion): one that an agent has
//! updated meanwhile stays. One that is open under a name from before identities were specified is closed first, so
//! that whoever watches learns that nobody goes on with it.
//!
//! RBAC: `beaconfindings`: list, watch, patch, delete; `beaconnodes`: list, watch, delete; `nodes`: list, watch.

use std::collections::BTreeMap;
use std::time::Duration;

use beaconwatch_crds::beacon_finding::State;
use beaconwatch_crds::one_of::ClosedSet;
use beaconwatch_crds::{BeaconFinding, BeaconNode};
use beaconwatch_engine::time::Timestamp;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::core::PartialObjectMeta;
use kube::{Api, Client};
use serde_json::json;

use crate::cluster::{Key, KnownFinding};
use crate::metrics::{DeleteReason, Metrics};

/// Owner of the state of findings that the operator closes.
const FIELD_MANAGER: &str = "beaconwatch-operator";
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
    pub why: DeleteReason,
    /// It is still open.
    pub open: bool,
}

/// Findings under names that nobody writes any more, past their time, and beyond the number those that were seen longest
/// ago.
#[must_use]
pub fn outdated(
    findings: &BTreeMap<Key, KnownFinding>,
    is_superseded: impl Fn(&KnownFinding) -> bool,
    now: Timestamp,
    retention: Retention,
) -> Vec<Outdated> {
    let mut outdated = Vec::new();
    let mut kept: BTreeMap<&str, Vec<(&Key, &KnownFinding)>> = BTreeMap::new();
    let judge = |(key, finding): (&Key, &KnownFinding), why| Outdated {
        key: key.clone(),
        preconditions: (finding.uid.clone(), finding.version.clone()),
        why,
        open: finding.open,
    };
    for (key, finding) in findings {
        if is_superseded(finding) {
            outdated.push(judge((key, finding), DeleteReason::Superseded));
        } else if finding.last_seen + retention.ttl < now {
            outdated.push(judge((key, finding), DeleteReason::Age));
        } else {
            kept.entry(&key.0).or_default().push((key, finding));
        }
    }
    for mut namespace in kept.into_values() {
        namespace.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.last_seen));
        outdated.extend(
            namespace.into_iter().skip(retention.findings_max).map(|held| judge(held, DeleteReason::Count)),
        );
    }
    outdated
}

/// Deletes findings, as many as fit into a round.
pub async fn delete_findings(client: &Client, outdated: Vec<Outdated>, metrics: &Metrics) {
    for Outdated { key: (namespace, name), preconditions: (uid, mut resource_version), why, open } in
        outdated.into_iter().take(ROUND_MAX)
    {
        let api: Api<PartialObjectMeta<BeaconFinding>> = Api::namespaced(client.clone(), &namespace);
        if open && why == DeleteReason::Superseded {
            match close(&api, &name, resource_version).await {
                Ok(closed) => resource_version = closed,
                Err(error) => {
                    count(Err(error), why, metrics, &name);
                    continue;
                }
            }
        }
        let params = DeleteParams {
            preconditions: Some(Preconditions { uid, resource_version }),
            ..DeleteParams::default()
        };
        let deleted = api.delete(&name, &params).await.map(drop);
        count(deleted, why, metrics, &name);
    }
}

/// Closes a finding that nobody goes on with, in the state it was judged in. Returns the state that it has then.
async fn close(
    api: &Api<PartialObjectMeta<BeaconFinding>>,
    name: &str,
    resource_version: Option<String>,
) -> kube::Result<Option<String>> {
    let closed =
        json!({ "metadata": { "resourceVersion": resource_version }, "state": State::Closed.word() });
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
    Ok(api.patch(name, &params, &Patch::Merge(closed)).await?.metadata.resource_version)
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
            policy: beaconwatch_engine::assess::policy::PolicyId::default(),
            severity: Some(beaconwatch_crds::beacon_finding::Severity::High),
            node: None,
            identities: 0,
            open: true,
        }
    }

    /// Names of what is outdated at second 1000, with a time to live of 600 s and three per namespace.
    fn check(findings: &[(&str, &str, u64)]) -> Vec<String> {
        let findings = findings
            .iter()
            .map(|(ns, name, last)| ((ns.to_string(), name.to_string()), finding(*last)))
            .collect();
        let retention = Retention { ttl: Duration::from_secs(600), findings_max: 3 };
        let gone = |finding: &KnownFinding| finding.last_seen == Timestamp::from_nanos(999_000_000_000);
        let outdated = outdated(&findings, gone, Timestamp::from_nanos(1_000_000_000_000), retention);
        outdated.into_iter().map(|o| format!("{} {}", o.key.1, o.why.as_str())).collect()
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
    fn names_that_nobody_writes_any_more_go_first_and_do_not_count() {
        let findings = [("a", "old", 999), ("a", "x", 700), ("a", "y", 950), ("a", "z", 800)];
        assert_eq!(check(&findings), ["old superseded"]);
    }

    #[test]
    fn outdated_ones_do_not_count_for_the_number() {
        let findings = [("a", "old", 100), ("a", "x", 700), ("a", "y", 950), ("a", "z", 800)];
        assert_eq!(check(&findings), ["old age"]);
    }
}
