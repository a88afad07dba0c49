//! What all observers saw, merged from their deltas. Merging is commutative, associative and idempotent.
//!
//! Every value has a join: the minimum of first times, the maximum of last times, the union of sets; `known` stays true.
//! A profile replaces the one before it, so it carries a stamp (time, observer, sequence): the newest wins, and of one
//! observer the last. A best score is the maximum; an observer's own best score never falls, so the maximum is also the
//! last of each observer.

use super::rates::Profile;
use super::replica_days::ReplicaDays;
use super::sighting::{Seen, Sighting};
use super::signatures::is_vetted;
use crate::bounded::{Join, Shares};
use crate::codec::newtype;
use crate::counters::Usage;
use crate::keys::{DestinationKey, FindingId, PolicyId, SignatureKey, WorkloadKey};
use crate::time::Timestamp;

/// A participant of an exchange: one shard, node or cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Observer(pub u64);
newtype!(Observer);

/// Bounds of an exchange, the same for all participants: a delta may then leave out right away what the merged state
/// would leave out anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Most signatures, most destinations by workload, and most scores, in a delta and in the merged state. While a delta
    /// is collected it may reach twice that.
    pub entries_max: usize,
    /// The same for one workload; for scores, for one policy.
    pub share_max: usize,
}

/// What all observers saw.
#[derive(Clone, Debug)]
pub struct Merged {
    pub(super) signatures: Shares<WorkloadKey, SignatureKey, MergedSignature>,
    pub(super) destinations: Shares<WorkloadKey, DestinationKey, Latest>,
    pub(super) scores: Shares<PolicyId, FindingId, Best>,
}

/// A signature, as all observers saw it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct MergedSignature {
    /// `None`: only known from a baseline file or a profile.
    pub(super) seen: Option<Span>,
    /// Some observer watches the workload for certain.
    pub(super) certain: bool,
    /// It is in some observer's baseline.
    pub(super) known: bool,
    pub(super) replicas: ReplicaDays,
    pub(super) profile: Option<Stamped>,
}

/// First and last time, milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: u64,
    pub(super) last: u64,
}

/// A profile with its stamp.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stamped {
    pub(super) stamp: Stamp,
    /// `None`: it is not counted among what is usual.
    pub(super) profile: Option<Profile>,
    /// Its evidence, without what is said of it for being new, is low enough for a baseline.
    pub(super) vetted: bool,
}

/// When a value was observed, by whom, and its number among that observer's observations. The greatest wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp {
    /// Milliseconds since the Unix epoch.
    pub(super) at: u64,
    pub(super) observer: Observer,
    pub(super) sequence: u64,
}

/// When a workload contacted a destination last, milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Latest(pub(super) u64);

/// The best score of an identity, bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Best(pub(super) f32);

const DAY_MS: u64 = 24 * 3600 * 1000;

pub(super) const fn millis(at: Timestamp) -> u64 {
    at.as_nanos() / 1_000_000
}

impl Merged {
    /// Knows nothing yet.
    #[must_use]
    pub fn with_bounds(bounds: Bounds) -> Self {
        let Bounds { entries_max, share_max } = bounds;
        Self {
            signatures: Shares::with_max(entries_max, share_max),
            destinations: Shares::with_max(entries_max, share_max),
            scores: Shares::with_max(entries_max, share_max),
        }
    }

    /// Nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.signatures.len() + self.destinations.len() + self.scores.len() == 0
    }

    /// Signatures, destinations by workload, and scores: how many are held, and how often one was left out.
    #[must_use]
    pub fn usage(&self) -> [Usage; 3] {
        [self.signatures.usage(), self.destinations.usage(), self.scores.usage()]
    }

    /// Forgets what no observer saw since `time`; an older delta that comes later brings it back until the next time.
    /// Scores stay until their policy is gone.
    pub fn forget_before(&mut self, time: Timestamp) {
        let before = millis(time);
        self.signatures.retain(|_, signature| signature.seen.is_none_or(|span| span.last > before));
        self.destinations.retain(|_, latest| latest.0 > before);
    }

    /// Forgets the scores of policies that are gone.
    pub fn forget_policies(&mut self, in_force: impl Fn(&PolicyId) -> bool) {
        self.scores.retain(|policy, _| in_force(policy));
    }

    /// Takes a sighting of `observer`, its `sequence`th.
    pub(super) fn observe(&mut self, sighting: Sighting<'_>, observer: Observer, sequence: u64) {
        match sighting {
            Sighting::Contact(Seen { at, workload, replica, signature, destination, certain }) => {
                let at = millis(at);
                let day = u32::try_from(at / DAY_MS).unwrap_or(u32::MAX);
                let seen = MergedSignature {
                    seen: Some(Span { first: at, last: at }),
                    certain,
                    replicas: ReplicaDays::of(replica, day),
                    ..MergedSignature::default()
                };
                self.signatures.put(workload, signature, seen);
                self.destinations.put(workload, destination, Latest(at));
            }
            Sighting::Profile(profiled) => {
                let stamped = Stamped {
                    stamp: Stamp { at: millis(profiled.at), observer, sequence },
                    profile: profiled.profile,
                    vetted: is_vetted(profiled.score_without_novelty),
                };
                let signature = MergedSignature { profile: Some(stamped), ..MergedSignature::default() };
                self.signatures.put(profiled.workload, profiled.signature, signature);
            }
            Sighting::Baseline { workload, signature } => self.know(workload, signature),
            Sighting::Score { policy, finding, score } => {
                self.scores.put(policy.clone(), finding, Best(score));
            }
            // How much a policy watches differs from node to node.
            Sighting::Extent { .. } => {}
        }
    }

    /// A signature is in a baseline.
    pub(super) fn know(&mut self, workload: WorkloadKey, signature: SignatureKey) {
        self.signatures.put(
            workload,
            signature,
            MergedSignature { known: true, ..MergedSignature::default() },
        );
    }

    /// Takes everything out, settled.
    pub(super) fn take(&mut self) -> Self {
        self.settle();
        let Self { signatures, destinations, scores } = self;
        Self { signatures: signatures.take(), destinations: destinations.take(), scores: scores.take() }
    }

    /// Leaves out what is beyond the bounds.
    pub(super) fn settle(&mut self) {
        self.signatures.settle();
        self.destinations.settle();
        self.scores.settle();
    }
}

impl Join for MergedSignature {
    fn join(&mut self, other: Self) {
        let Self { seen, certain, known, replicas, profile } = other;
        self.seen = match (self.seen, seen) {
            (Some(a), Some(b)) => Some(Span { first: a.first.min(b.first), last: a.last.max(b.last) }),
            (one, other) => one.or(other),
        };
        self.certain |= certain;
        self.known |= known;
        self.replicas.join(replicas);
        let newer = |new: &Stamped| self.profile.is_none_or(|old| old.stamp < new.stamp);
        if let Some(profile) = profile.filter(newer) {
            self.profile = Some(profile);
        }
    }
}

impl Join for Latest {
    fn join(&mut self, other: Self) {
        self.0 = self.0.max(other.0);
    }
}

impl Join for Best {
    fn join(&mut self, other: Self) {
        if other.0.total_cmp(&self.0).is_gt() {
            *self = other;
        }
    }
}
