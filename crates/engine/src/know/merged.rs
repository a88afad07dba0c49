//! What all saw: joined from deltas, in whatever order they come and however often.
//!
//! Every value is one that can be joined: the first time is the least, the last time the greatest, sets are united, what
//! is known once stays known. What is replaced (a profile) says when, by whom and as which of its observations: the
//! newest stays, and of one observer its last. A best score is the greatest; since an observer's own never falls, that is
//! each observer's last as well.

use super::rates::Profile;
use super::sighting::{Seen, Sighting};
use super::signatures::is_vetted;
use super::sketch::ReplicaDays;
use crate::bounded::{Join, Shares};
use crate::codec::newtype;
use crate::counters::Usage;
use crate::keys::{DestinationKey, FindingId, PolicyId, SignatureKey, WorkloadKey};
use crate::time::Timestamp;

/// Who observed something: one shard, node or cluster among those that exchange what they know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Observer(pub u64);
newtype!(Observer);

/// How much may be kept of what all saw. Whoever exchanges has the same bounds: then a delta may leave out at once what
/// the merged state would leave out later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Signatures, and as many destinations by workload, and as many scores. A delta is held to it as well; while it is
    /// gathered it may be twice as long.
    pub entries_max: usize,
    /// ... of one workload (of scores: of one policy).
    pub share_max: usize,
}

/// What all saw.
#[derive(Clone, Debug)]
pub struct Merged {
    pub(super) signatures: Shares<WorkloadKey, SignatureKey, MergedSignature>,
    pub(super) destinations: Shares<WorkloadKey, DestinationKey, Latest>,
    pub(super) scores: Shares<PolicyId, FindingId, Best>,
}

/// A signature, as all saw it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct MergedSignature {
    /// Milliseconds since the Unix epoch; `None`: only known from before the start.
    pub(super) seen: Option<Span>,
    /// Somebody watches the workload for certain.
    pub(super) certain: bool,
    /// It is in somebody's baseline.
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

/// When a value was given, by whom, as which of its observations. The greatest wins.
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

    /// Forgets what nobody saw since `time`. Scores stay until the policy is gone.
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
            // How much a policy watches is another figure on each node.
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
