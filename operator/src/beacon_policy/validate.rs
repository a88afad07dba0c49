//! The validate step: is the policy valid (the same function that agents compile it with), and do its exceptions
//! still hold? No client in here.

use std::time::Duration;

use beaconwatch_crds::breadth;
use beaconwatch_crds::compile::CompileError;
use beaconwatch_crds::policy_status::{ExceptionStatus, PolicyStatus};
use beaconwatch_crds::units::TimeText;
use beaconwatch_engine::time::Timestamp;
use kube::core::DeserializeGuard;

use crate::cluster::rollout::Rollout;
use crate::policy::PolicyKind;

/// An exception that nothing matched for this long is reported.
pub(super) const UNUSED: Duration = Duration::from_secs(30 * 24 * 3600);

/// A use of an exception is written again only this much later.
const USED_AGAIN: Duration = Duration::from_secs(3600);

/// What the policy is.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Valid; the state of its exceptions.
    Accepted(Exceptions),
    /// Wrong, and why.
    Refused(CompileError),
    /// Not even of the shape of a policy, and why.
    Unreadable(String),
}

/// State of all exceptions of a policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exceptions {
    /// One by one, in the order of the policy.
    pub each: Vec<ExceptionStatus>,
    /// Names of the expired ones.
    pub expired: Vec<String>,
    /// Names of those that hold and that nothing has matched for [`UNUSED`].
    pub unused: Vec<String>,
    /// Names of those that hold and match everything or nearly so, with what they match.
    pub broad: Vec<String>,
    /// Times at which this will be another.
    pub changes: Vec<Timestamp>,
}

impl Exceptions {
    /// Time until the next change.
    pub(super) fn next_change(&self, now: Timestamp) -> Duration {
        let next = self.changes.iter().filter(|then| **then > now).min();
        next.map_or(Duration::MAX, |then| super::until(*then, now))
    }
}

/// Looks at the policy and its exceptions.
#[must_use]
pub fn validate<K: PolicyKind>(object: &DeserializeGuard<K>, rollout: &Rollout, now: Timestamp) -> Verdict {
    let policy = match &object.0 {
        Ok(policy) => policy,
        Err(invalid) => return Verdict::Unreadable(invalid.error.clone()),
    };
    let compiled = match policy.compile() {
        Ok(compiled) => compiled,
        Err(error) => return Verdict::Refused(error),
    };
    let broad = breadth::all_too_broad(&compiled.exceptions, now);
    let broad = broad.into_iter().map(|(name, matched)| format!("{name} ({matched})")).collect();
    let mut exceptions = Exceptions { broad, ..Exceptions::default() };
    for exception in policy.exceptions() {
        let held = policy.status().and_then(|status| before(status, &exception.name));
        let expires = exception.expires.as_ref().and_then(TimeText::parse_nanos).map(Timestamp::from_nanos);
        let expired = expires.is_some_and(|then| then <= now);
        let reported = rollout.exceptions_used.get(&exception.name).copied();
        let used = last_used(held.and_then(|held| nanos(held.last_used.as_ref())), reported);
        let since = held.and_then(|held| nanos(held.since.as_ref())).unwrap_or(now);
        let unused_at = used.unwrap_or(since).max(since) + UNUSED;
        if expired {
            exceptions.expired.push(exception.name.clone());
        } else if unused_at <= now {
            exceptions.unused.push(exception.name.clone());
        }
        exceptions.changes.extend(expires.into_iter().chain([unused_at]));
        exceptions.each.push(ExceptionStatus {
            name: exception.name.clone(),
            expired,
            since: Some(text(since)),
            last_used: used.map(text),
        });
    }
    Verdict::Accepted(exceptions)
}

/// The later one; but the one that is written already, as long as the other says little more.
fn last_used(written: Option<Timestamp>, reported: Option<Timestamp>) -> Option<Timestamp> {
    match (written, reported) {
        (Some(written), Some(reported)) if reported.since(written) < USED_AGAIN => Some(written),
        (written, reported) => written.max(reported),
    }
}

fn before<'a>(status: &'a PolicyStatus, name: &str) -> Option<&'a ExceptionStatus> {
    status.exceptions.iter().find(|exception| exception.name == name)
}

fn nanos(time: Option<&TimeText>) -> Option<Timestamp> {
    time.and_then(TimeText::parse_nanos).map(Timestamp::from_nanos)
}

/// Whole seconds: more would be noise.
fn text(time: Timestamp) -> TimeText {
    TimeText::from_nanos(time.as_nanos() / 1_000_000_000 * 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use beaconwatch_crds::ClusterBeaconPolicy;

    #[test]
    fn an_exception_that_matches_everything_is_reported_while_it_holds() {
        let policy: ClusterBeaconPolicy = serde_json::from_value(serde_json::json!({
            "apiVersion": "beaconwatch.io/v1alpha1", "kind": "ClusterBeaconPolicy",
            "metadata": { "name": "all" },
            "spec": { "exceptions": [
                { "name": "web", "reason": "r", "match": { "ports": [443] } },
                { "name": "all", "reason": "r", "match": { "destinations": ["0.0.0.0/0", "::/0"] } },
                { "name": "old", "reason": "r", "expires": "2020-01-01T00:00:00Z", "match": { "executables": ["/**"] } },
            ] },
        }))
        .unwrap();
        let now = Timestamp::from_secs_f64(1.7e9);
        let verdict = validate(&DeserializeGuard(Ok(policy)), &Rollout::default(), now);
        let Verdict::Accepted(exceptions) = verdict else { panic!("{verdict:?}") };
        assert_eq!(exceptions.broad, ["all (every IPv4 address and every IPv6 address)"]);
        assert_eq!(exceptions.expired, ["old"]);
    }
}
