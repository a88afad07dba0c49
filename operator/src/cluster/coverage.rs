//! Which pods each policy selects and governs, and which other policies it meets there. It changes with policies,
//! pods and namespaces only, so that it is kept while nodes report.

use std::collections::BTreeMap;
use std::sync::Arc;

use beaconwatch_crds::policy_status::PolicyOverlap;
use beaconwatch_engine::assess::policy::{Policy, PolicyId};

use super::classes::Classes;
use super::selection::selects;
use super::{Compiled, KnownPolicy};

/// Pods of one policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Pods that it selects.
    pub selected: i64,
    /// Pods that it governs.
    pub governed: i64,
    /// Policies that select some of the same pods, in order.
    pub overlaps: Vec<PolicyOverlap>,
}

/// Pods of all policies that can be run.
pub(super) type Coverages = BTreeMap<PolicyId, Arc<Coverage>>;

/// A policy that can be run.
struct Candidate<'a> {
    id: &'a PolicyId,
    policy: &'a Policy,
    kind: &'static str,
    coverage: Coverage,
    /// By index of the other policy: pods, and whether the other governs some.
    overlaps: BTreeMap<usize, (i64, bool)>,
}

/// Looks at all classes of pods once.
pub(super) fn coverages(policies: &BTreeMap<PolicyId, KnownPolicy>, classes: &Classes) -> Coverages {
    let mut candidates: Vec<Candidate<'_>> = policies.iter().filter_map(candidate).collect();
    // Policies of all namespaces, and those of one.
    let mut by_namespace: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
    for (index, candidate) in candidates.iter().enumerate() {
        by_namespace.entry(candidate.id.namespace.as_deref()).or_default().push(index);
    }
    for (class, pods, namespace) in classes.iter() {
        let near = [Some(class.namespace.as_str()), None];
        let near = near.iter().filter_map(|namespace| by_namespace.get(namespace)).flatten();
        let mut selecting: Vec<(usize, &Policy)> = near
            .filter_map(|index| Some((*index, candidates.get(*index)?.policy)))
            .filter(|(_, policy)| selects(policy, class, namespace))
            .collect();
        selecting.sort_by(|(_, a), (_, b)| a.precedence().cmp(&b.precedence()));
        for (rank, (index, _)) in selecting.iter().enumerate() {
            let Some(candidate) = candidates.get_mut(*index) else { continue };
            candidate.coverage.selected += pods;
            candidate.coverage.governed += if rank == 0 { pods } else { 0 };
            for (other_rank, (other, _)) in selecting.iter().enumerate().filter(|(other, _)| *other != rank) {
                let (shared, governs) = candidate.overlaps.entry(*other).or_default();
                *shared += pods;
                *governs |= other_rank == 0;
            }
        }
    }
    let names: Vec<_> = candidates.iter().map(|candidate| (candidate.id, candidate.kind)).collect();
    let whole = candidates.into_iter().map(|mut candidate| {
        let overlaps = candidate.overlaps.iter().filter_map(|(other, (pods, governs))| {
            let (id, kind) = names.get(*other)?;
            Some(PolicyOverlap {
                kind: (*kind).to_owned(),
                namespace: id.namespace.as_deref().map(str::to_owned),
                name: id.name.to_string(),
                pods: *pods,
                governs: *governs,
            })
        });
        candidate.coverage.overlaps = overlaps.collect();
        (candidate.id.clone(), Arc::new(candidate.coverage))
    });
    whole.collect()
}

fn candidate<'a>((id, known): (&'a PolicyId, &'a KnownPolicy)) -> Option<Candidate<'a>> {
    match &known.compiled {
        Compiled::Yes(policy) => Some(Candidate {
            id,
            policy,
            kind: known.kind,
            coverage: Coverage::default(),
            overlaps: BTreeMap::new(),
        }),
        Compiled::No(_) | Compiled::Unreadable(_) => None,
    }
}
