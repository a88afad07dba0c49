//! Which policy governs an actor, what it tolerates, and what a score means under it.

use std::sync::Arc;

use super::{Exception, Policy, PolicySet, PolicySource, Requirement, Thresholds, WorkloadSelector};
use crate::actor::{Actor, Pod};
use crate::assess::severity::Severity;
use crate::observe::contact::Destination;
use crate::observe::protocol::AppProtocol;
use crate::time::Timestamp;

/// What an exception is held against.
pub(crate) struct Subject<'a> {
    pub(crate) actor: &'a Actor,
    pub(crate) pod: Option<&'a Pod>,
    pub(crate) destination: &'a Destination,
    pub(crate) protocol: AppProtocol,
}

impl PolicySet {
    /// Index of the policy that governs an actor; see the rules at the top of [`crate::assess::policy`].
    #[must_use]
    pub fn governing(&self, actor: &Actor, pod: Option<&Pod>) -> Option<usize> {
        let selecting = self.policies.iter().enumerate().filter(|(_, policy)| policy.selects(actor, pod));
        selecting.min_by(|(_, a), (_, b)| a.precedence().cmp(&b.precedence())).map(|(index, _)| index)
    }

    /// Whether the policy governs a pod, or one of its containers.
    pub(crate) fn governs_pod(&self, policy: usize, pod: &Pod) -> bool {
        let governs = |container| {
            let actor = Actor { container, ..Actor::default() };
            self.governing(&actor, Some(pod)) == Some(policy)
        };
        governs(None) || pod.containers.iter().any(|(id, _)| governs(Some(Arc::clone(id))))
    }

    /// The first exception in force at `now` that tolerates the subject: of the governing policy, or of any
    /// cluster policy that selects the actor. With the policy that it stands in.
    pub(crate) fn exception(
        &self,
        governing: usize,
        about: &Subject<'_>,
        now: Timestamp,
    ) -> Option<(&Policy, &Exception)> {
        let cluster_wide =
            |policy: &Policy| policy.id.namespace.is_none() && policy.selects(about.actor, about.pod);
        let holding = self.policies.iter().enumerate();
        let holding = holding.filter(|(index, policy)| *index == governing || cluster_wide(policy));
        let mut exceptions =
            holding.flat_map(|(_, policy)| policy.exceptions.iter().map(move |e| (policy, e)));
        exceptions.find(|(_, exception)| exception.tolerates(about, now))
    }
}

impl Policy {
    /// Of several policies that select a workload the least governs it: a `BeaconPolicy` before a
    /// `ClusterBeaconPolicy`, then the oldest, then the first by name.
    #[must_use]
    pub fn precedence(&self) -> impl Ord + '_ {
        (self.id.namespace.is_none(), self.created, &self.id.name)
    }

    /// The policy selects the actor. A policy of a namespace selects only pods of that namespace; one that was
    /// read from a file also holds for actors whose pod is not known.
    #[must_use]
    pub fn selects(&self, actor: &Actor, pod: Option<&Pod>) -> bool {
        let here = match (&self.id.namespace, pod) {
            (None, _) => true,
            (Some(namespace), Some(pod)) => *namespace == pod.namespace,
            (Some(_), None) => self.source == PolicySource::File,
        };
        here && self.workloads.selects(actor, pod)
    }
}

impl WorkloadSelector {
    fn selects(&self, actor: &Actor, pod: Option<&Pod>) -> bool {
        let Some(pod) = pod else {
            return self.pod.is_empty()
                && self.namespace.is_empty()
                && self.owners.is_empty()
                && self.containers.is_empty();
        };
        let owner = || {
            self.owners.iter().any(|(kind, name)| {
                *kind == pod.owner.kind && name.as_ref().is_none_or(|name| *name == pod.owner.name)
            })
        };
        let container = || {
            let id = actor.container.as_ref();
            let name = id.and_then(|id| pod.containers.iter().find(|(known, _)| known == id));
            name.is_some_and(|(_, name)| self.containers.iter().any(|wanted| **wanted == **name))
        };
        self.pod.iter().all(|requirement| requirement.holds(|key| label(&pod.labels, key)))
            && self
                .namespace
                .iter()
                .all(|requirement| requirement.holds(|key| label(&pod.namespace_labels, key)))
            && (self.owners.is_empty() || owner())
            && (self.containers.is_empty() || container())
    }
}

fn label<'a>(labels: &'a [(Box<str>, Box<str>)], key: &str) -> Option<&'a str> {
    labels.iter().find(|(label, _)| **label == *key).map(|(_, value)| &**value)
}

impl Requirement {
    /// It holds for labels whose values `value` looks up by key.
    pub fn holds<'a>(&self, value: impl Fn(&str) -> Option<&'a str>) -> bool {
        let among = |values: &[Box<str>], held: &str| values.iter().any(|value| **value == *held);
        match self {
            Self::In(key, values) => value(key).is_some_and(|held| among(values, held)),
            Self::NotIn(key, values) => value(key).is_none_or(|held| !among(values, held)),
            Self::Exists(key) => value(key).is_some(),
            Self::DoesNotExist(key) => value(key).is_none(),
        }
    }
}

impl Thresholds {
    /// What a score means; `None` below `record`.
    #[must_use]
    pub fn severity(&self, score: f32) -> Option<Severity> {
        if score >= self.critical {
            Some(Severity::Critical)
        } else if score >= self.high {
            Some(Severity::High)
        } else if score >= self.alert {
            Some(Severity::Medium)
        } else if score >= self.record {
            Some(Severity::Low)
        } else {
            None
        }
    }
}

impl Exception {
    /// It is in force, and every part that is given matches. One without any part tolerates nothing.
    fn tolerates(&self, about: &Subject<'_>, now: Timestamp) -> bool {
        if self.expires.is_some_and(|expires| now >= expires) {
            return false;
        }
        let process = about.actor.process.as_ref();
        let path = process.map_or("", |process| &*process.executable);
        let digest = process.and_then(|process| process.digest);
        let name = about.destination.name.as_deref();
        let by_name = name.is_some_and(|name| self.names.iter().any(|wanted| name_matches(wanted, name)));
        let address = about.destination.address.map(|address| address.to_canonical());
        let by_network =
            address.is_some_and(|address| self.networks.iter().any(|network| network.holds(address)));
        let parts = [
            (self.executables.is_empty(), self.executables.iter().any(|glob| path_matches(glob, path))),
            (self.digests.is_empty(), digest.is_some_and(|digest| self.digests.contains(&digest))),
            (self.names.is_empty() && self.networks.is_empty(), by_name || by_network),
            (self.ports.is_empty(), self.ports.contains(&about.destination.port)),
            (self.protocols.is_empty(), self.protocols.contains(&about.protocol)),
        ];
        parts.iter().any(|(absent, _)| !absent) && parts.iter().all(|(absent, matches)| *absent || *matches)
    }
}

/// `name` is `wanted`, or lies below the domain of a `*.domain`.
fn name_matches(wanted: &str, name: &str) -> bool {
    match wanted.strip_prefix("*.") {
        Some(domain) => {
            let rest = name.len().checked_sub(domain.len()).and_then(|at| name.get(..at).zip(name.get(at..)));
            rest.is_some_and(|(below, end)| {
                end.eq_ignore_ascii_case(domain) && below.len() > 1 && below.ends_with('.')
            })
        }
        None => wanted.eq_ignore_ascii_case(name),
    }
}

/// `*` matches any run of bytes but `/`, `**` any run. Linear in practice, at worst quadratic in the path.
fn path_matches(glob: &str, path: &str) -> bool {
    let (mut glob, mut path) = (glob.as_bytes(), path.as_bytes());
    // Where to go on when a literal does not match: behind the last star one byte further, as far as it may reach, else
    // behind the last double star.
    let mut star: Option<(&[u8], &[u8])> = None;
    let mut double_star: Option<(&[u8], &[u8])> = None;
    loop {
        if let Some(after) = glob.strip_prefix(b"**") {
            (star, double_star) = (None, Some((after, path)));
            glob = after;
        } else if let Some(after) = glob.strip_prefix(b"*") {
            star = Some((after, path));
            glob = after;
        } else if let (Some((want, glob_rest)), Some((got, path_rest))) =
            (glob.split_first(), path.split_first())
            && want == got
        {
            (glob, path) = (glob_rest, path_rest);
        } else if glob.is_empty() && path.is_empty() {
            return true;
        } else if let Some((after, from)) = star
            && let Some((skipped, rest)) = from.split_first()
            && *skipped != b'/'
        {
            star = Some((after, rest));
            (glob, path) = (after, rest);
        } else {
            let Some((after, from)) = double_star else { return false };
            let Some((_, rest)) = from.split_first() else { return false };
            (star, double_star) = (None, Some((after, rest)));
            (glob, path) = (after, rest);
        }
    }
}

/// A policy for everything, with defaults: for tests and for replays without a policy.
impl Policy {
    /// Selects everything; default thresholds and detectors.
    #[must_use]
    pub fn everything(name: &str) -> Self {
        Self {
            id: super::PolicyId { namespace: None, name: Arc::from(name) },
            source: PolicySource::File,
            created: Timestamp::ZERO,
            workloads: WorkloadSelector::default(),
            mode: super::Mode::default(),
            thresholds: Thresholds::default(),
            detectors: super::Detectors::default(),
            exceptions: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assess::policy::PolicyId;

    fn pod(namespace: &str) -> Pod {
        Pod { namespace: Arc::from(namespace), ..Pod::default() }
    }

    fn policy(namespace: Option<&str>, name: &str, created: u64) -> Policy {
        let id = PolicyId { namespace: namespace.map(Arc::from), name: Arc::from(name) };
        let source = PolicySource::Cluster { generation: 1 };
        Policy { id, source, created: Timestamp::from_nanos(created), ..Policy::everything(name) }
    }

    #[test]
    fn a_policy_of_the_namespace_goes_before_a_cluster_policy_and_the_oldest_before_the_others() {
        let set = PolicySet {
            policies: vec![
                policy(None, "cluster", 1),
                policy(Some("shop"), "young", 9),
                policy(Some("shop"), "old-b", 3),
                policy(Some("shop"), "old-a", 3),
            ],
        };
        assert_eq!(set.governing(&Actor::default(), Some(&pod("shop"))), Some(3));
        assert_eq!(set.governing(&Actor::default(), Some(&pod("other"))), Some(0));
        assert_eq!(set.governing(&Actor::default(), None), Some(0));
    }

    #[test]
    fn a_selector_on_labels_needs_a_known_pod() {
        let mut selective = policy(None, "selective", 1);
        selective.workloads.pod = vec![Requirement::DoesNotExist("tier".into())];
        assert!(!selective.selects(&Actor::default(), None));
        assert!(selective.selects(&Actor::default(), Some(&pod("shop"))));
    }

    #[test]
    fn globs_match_paths() {
        for (glob, path, expected) in [
            ("/usr/bin/apt-get", "/usr/bin/apt-get", true),
            ("/usr/bin/*", "/usr/bin/apt", true),
            ("/usr/bin/*", "/usr/bin/a/b", false),
            ("/usr/**/apt", "/usr/lib/x/apt", true),
            ("/opt/*/bin/*", "/opt/a/bin/run", true),
            ("/opt/*/bin/*", "/opt/a/b/bin/run", false),
            ("**/x*y", "/a/x/b/xy", true),
            ("**/x*/y", "/x/x/x/x1/y", true),
            ("**/x*y", "/a/x/b/yx", false),
            ("/a/*b", "/a/bcb", true),
            ("**", "/anything/at/all", true),
            ("", "/x", false),
        ] {
            assert_eq!(path_matches(glob, path), expected, "{glob} {path}");
        }
    }

    #[test]
    fn names_match() {
        assert!(name_matches("*.debian.org", "deb.debian.org"));
        assert!(!name_matches("*.debian.org", "debian.org"));
        assert!(!name_matches("*.debian.org", "evildebian.org"));
    }

    #[test]
    fn an_exception_needs_every_part_and_ends_when_it_expires() {
        let destination = Destination {
            address: Some("198.51.100.7".parse().unwrap()),
            port: 443,
            transport: crate::observe::contact::Transport::Tcp,
            name: Some(Arc::from("deb.debian.org")),
            name_source: None,
        };
        let actor = Actor::default();
        let about =
            Subject { actor: &actor, pod: None, destination: &destination, protocol: AppProtocol::Tls };
        let now = Timestamp::from_nanos(10);
        let exception = Exception {
            names: vec!["*.debian.org".into()],
            ports: vec![443],
            expires: Some(Timestamp::from_nanos(11)),
            ..Exception::default()
        };
        assert!(exception.tolerates(&about, now));
        assert!(!exception.tolerates(&about, Timestamp::from_nanos(11)));
        assert!(!Exception { ports: vec![80], ..exception.clone() }.tolerates(&about, now));
        assert!(!Exception { executables: vec!["/usr/bin/*".into()], ..exception }.tolerates(&about, now));
        assert!(!Exception::default().tolerates(&about, now));
    }
}
