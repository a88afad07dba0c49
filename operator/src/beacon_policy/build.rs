//! The build step: what the status should say. No client in here; the same input gives the same status.

use beaconwatch_crds::policy_status::{
    CONDITION_ACCEPTED, CONDITION_EXCEPTIONS_CURRENT, CONDITION_PROGRAMMED, CONDITION_SELECTS_WORKLOADS,
    PolicyStatus,
};
use beaconwatch_engine::time::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::Resource;
use kube::core::DeserializeGuard;

use super::validate::{Exceptions, Verdict};
use crate::cluster::Coverage;
use crate::cluster::rollout::{LISTED_MAX, Rollout};
use crate::policy::PolicyKind;

/// Bytes of a condition's message that the API server takes.
const MESSAGE_MAX: usize = 32 << 10;

/// Reasons of the conditions; also the reasons of Events about them.
pub mod reasons {
    /// Accepted: the policy is valid.
    pub const ACCEPTED: &str = "Accepted";
    /// Accepted: the policy is wrong.
    pub const INVALID: &str = "Invalid";
    /// Accepted: the object does not have the shape of a policy.
    pub const UNREADABLE: &str = "Unreadable";
    /// Programmed: every node runs it.
    pub const PROGRAMMED: &str = "Programmed";
    /// Programmed: some nodes do not run it.
    pub const NODES_BEHIND: &str = "NodesBehind";
    /// Programmed: there is no agent.
    pub const NO_NODES: &str = "NoNodes";
    /// Programmed: it is not accepted, so nodes keep the last good generation.
    pub const NOT_ACCEPTED: &str = "NotAccepted";
    /// ExceptionsCurrent: all hold.
    pub const CURRENT: &str = "Current";
    /// ExceptionsCurrent: some have expired.
    pub const EXPIRED: &str = "Expired";
    /// ExceptionsCurrent: some match everything or nearly so, which turns the policy off.
    pub const TOO_BROAD: &str = "TooBroad";
    /// ExceptionsCurrent: some were not used for 30 days.
    pub const UNUSED: &str = "Unused";
    /// SelectsWorkloads: pods are selected.
    pub const SELECTED: &str = "Selected";
    /// SelectsWorkloads: no pod is selected.
    pub const NOTHING_SELECTED: &str = "NothingSelected";
    /// SelectsWorkloads: pods are selected, but other policies govern all of them.
    pub const OVERRIDDEN: &str = "Overridden";
}

/// One condition, without its times.
struct Say {
    kind: &'static str,
    status: &'static str,
    reason: &'static str,
    message: String,
}

/// The status that the policy should have.
#[must_use]
pub fn status<K: PolicyKind>(
    object: &DeserializeGuard<K>,
    verdict: &Verdict,
    rollout: &Rollout,
    now: Timestamp,
) -> PolicyStatus {
    let generation = object.meta().generation;
    let before = object.0.as_ref().ok().and_then(PolicyKind::status);
    let mut said = vec![accepted(verdict), programmed(verdict, rollout)];
    let mut exceptions = Vec::new();
    if let Verdict::Accepted(state) = verdict {
        said.push(exceptions_current(state));
        said.push(selects_workloads(rollout));
        exceptions.clone_from(&state.each);
    }
    let coverage = &rollout.coverage;
    let conditions = said.into_iter().map(|say| condition(say, generation, before, now)).collect();
    PolicyStatus {
        observed_generation: generation,
        conditions,
        programmed: Some(format!("{}/{}", rollout.nodes_programmed, rollout.nodes())),
        behind: rollout.first_behind.clone(),
        findings: Some(rollout.findings),
        pods_selected: Some(coverage.selected),
        pods_governed: Some(coverage.governed),
        overlaps: coverage.overlaps.iter().take(LISTED_MAX).cloned().collect(),
        exceptions,
    }
}

fn accepted(verdict: &Verdict) -> Say {
    let (status, reason, message) = match verdict {
        Verdict::Accepted(_) => ("True", reasons::ACCEPTED, "the policy is valid".to_owned()),
        Verdict::Refused(error) => ("False", reasons::INVALID, error.to_string()),
        Verdict::Unreadable(error) => {
            ("False", reasons::UNREADABLE, format!("the policy cannot be read: {error}"))
        }
    };
    Say { kind: CONDITION_ACCEPTED, status, reason, message }
}

fn programmed(verdict: &Verdict, rollout: &Rollout) -> Say {
    let count = format!(
        "{} of {} nodes run generation {}",
        rollout.nodes_programmed,
        rollout.nodes(),
        rollout.generation
    );
    let (status, reason, message) = match (verdict, rollout.first_behind.first()) {
        (Verdict::Refused(_) | Verdict::Unreadable(_), _) => {
            ("False", reasons::NOT_ACCEPTED, "nodes keep the last generation that was valid".to_owned())
        }
        (Verdict::Accepted(_), _) if rollout.nodes() == 0 => (
            "False",
            reasons::NO_NODES,
            "no node agent has reported; is the agent's DaemonSet running?".to_owned(),
        ),
        (Verdict::Accepted(_), None) => ("True", reasons::PROGRAMMED, count),
        (Verdict::Accepted(_), Some(first)) => {
            let more = rollout.nodes_behind.saturating_sub(1);
            let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
            ("False", reasons::NODES_BEHIND, format!("{count}; {}: {}{more}", first.node, first.reason))
        }
    };
    Say { kind: CONDITION_PROGRAMMED, status, reason, message }
}

fn exceptions_current(exceptions: &Exceptions) -> Say {
    let Exceptions { each, expired, unused, broad, changes: _ } = exceptions;
    let wrong: Vec<(&'static str, String)> = [
        (reasons::EXPIRED, "expired, so they no longer hold", expired),
        (reasons::TOO_BROAD, "match everything or nearly so", broad),
        (reasons::UNUSED, "not used for 30 days", unused),
    ]
    .into_iter()
    .filter(|(_, _, names)| !names.is_empty())
    .map(|(reason, what, names)| (reason, format!("{what}: {}", names.join(", "))))
    .collect();
    let (status, reason, message) = match wrong.first() {
        None if each.is_empty() => ("True", reasons::CURRENT, "there are none".to_owned()),
        None => ("True", reasons::CURRENT, "all exceptions hold".to_owned()),
        Some((reason, _)) => {
            let all: Vec<&str> = wrong.iter().map(|(_, message)| message.as_str()).collect();
            ("False", *reason, all.join("; "))
        }
    };
    Say { kind: CONDITION_EXCEPTIONS_CURRENT, status, reason, message }
}

fn selects_workloads(rollout: &Rollout) -> Say {
    let Coverage { selected, governed, overlaps } = &*rollout.coverage;
    let (status, reason, message) = if *selected == 0 {
        ("False", reasons::NOTHING_SELECTED, "no pod matches spec.workloads".to_owned())
    } else if *governed == 0 {
        let governing = overlaps.iter().filter(|other| other.governs).map(|other| match &other.namespace {
            Some(namespace) => format!("{} {namespace}/{}", other.kind, other.name),
            None => format!("{} {}", other.kind, other.name),
        });
        let governing: Vec<_> = governing.collect();
        let message = format!("all {selected} pods are governed by {}", governing.join(", "));
        ("False", reasons::OVERRIDDEN, message)
    } else {
        ("True", reasons::SELECTED, format!("selects {selected} pods, governs {governed} of them"))
    };
    Say { kind: CONDITION_SELECTS_WORKLOADS, status, reason, message }
}

/// A condition with its times: the transition is kept as long as the status is the same.
fn condition(say: Say, generation: Option<i64>, before: Option<&PolicyStatus>, now: Timestamp) -> Condition {
    let before = before.and_then(|status| status.conditions.iter().find(|held| held.type_ == say.kind));
    let since = before.filter(|held| held.status == say.status).map(|held| held.last_transition_time.clone());
    Condition {
        type_: say.kind.to_owned(),
        status: say.status.to_owned(),
        reason: say.reason.to_owned(),
        message: cut(say.message),
        observed_generation: generation,
        last_transition_time: since.unwrap_or_else(|| time(now)),
    }
}

fn time(now: Timestamp) -> Time {
    let secs = i64::try_from(now.as_nanos() / 1_000_000_000).unwrap_or(i64::MAX);
    Time(jiff::Timestamp::from_second(secs).unwrap_or(jiff::Timestamp::MAX))
}

fn cut(mut message: String) -> String {
    if message.len() > MESSAGE_MAX {
        let end = (0..=MESSAGE_MAX - 4).rev().find(|end| message.is_char_boundary(*end)).unwrap_or(0);
        message.truncate(end);
        message.push_str(" ...");
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trouble_with_exceptions_is_said_the_worst_as_the_reason() {
        let names = |name: &str| vec![name.to_owned()];
        let mut exceptions = Exceptions { unused: names("idle"), ..Exceptions::default() };
        let said = |exceptions: &Exceptions| {
            let Say { kind: _, status, reason, message } = exceptions_current(exceptions);
            format!("{status}/{reason}: {message}")
        };
        assert_eq!(said(&exceptions), "False/Unused: not used for 30 days: idle");
        exceptions.broad = names("all (every IPv4 address)");
        assert_eq!(
            said(&exceptions),
            "False/TooBroad: match everything or nearly so: all (every IPv4 address); not used for 30 days: idle"
        );
        exceptions.expired = names("old");
        assert!(said(&exceptions).starts_with("False/Expired: expired, so they no longer hold: old; match "));
        assert_eq!(said(&Exceptions::default()), "True/Current: there are none");
    }
}
