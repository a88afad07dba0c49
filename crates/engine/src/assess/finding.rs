//! A finding: plain data that explains itself. It speaks of behaviour; it never names a tool or an actor.

use std::sync::Arc;

use crate::actor::{Actor, Pod};
pub use crate::assess::evidence::Term;
pub use crate::assess::kind::FindingKind;
use crate::assess::policy::{Mode, PolicyId};
pub use crate::assess::replicas::ReplicaCount;
pub use crate::assess::severity::Severity;
pub use crate::keys::FindingId;
use crate::observe::contact::{Bytes, Destination};
use crate::observe::protocol::AppProtocol;
use crate::text::gap_range;
use crate::time::Timestamp;
pub use crate::track::rhythm::RhythmKind;

/// Where a finding is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingState {
    /// New.
    Opened,
    /// Severity changed, or the score by at least one bit, or a minute passed with new check-ins.
    Updated,
    /// The behaviour ended: nothing for ten periods (at least the idle time), or the engine stops.
    Closed,
}

/// One item of evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// Which item.
    pub term: Term,
    /// Its level, such as `not-in-image-writable`.
    pub level: &'static str,
    /// What it adds to the score, in bits; may be negative.
    pub bits: f32,
    /// Why, in plain words and numbers.
    pub sentence: String,
}

/// The rhythm of a conversation, as the best tracker has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rhythm {
    /// Kind.
    pub kind: RhythmKind,
    /// Evidence against an irregular process, bits: P(ever this much by chance) <= 2^-bits per tracker.
    pub bits: f32,
    /// Median gap inside the window, seconds.
    pub period_secs: f32,
    /// Predicted window, seconds.
    pub window_secs: (f32, f32),
    /// Of the last gaps, how many fell into it ...
    pub hits: u32,
    /// ... of so many,
    pub gaps: u32,
    /// ... where an irregular process would have hit with this probability each time.
    pub chance: f32,
}

impl Rhythm {
    /// The predicted window in words: `48-71 s`.
    #[must_use]
    pub fn window_text(&self) -> String {
        let (from, to) = self.window_secs;
        gap_range(from, to)
    }
}

/// A finding in one of its states.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Identity.
    pub id: FindingId,
    /// State.
    pub state: FindingState,
    /// When this state was reached.
    pub time: Timestamp,
    /// Kind.
    pub kind: FindingKind,
    /// Severity under the policy.
    pub severity: Severity,
    /// Sum of the evidence, bits.
    pub score: f32,
    /// One sentence: who does what, how often, since when.
    pub summary: String,
    /// Who.
    pub actor: Arc<Actor>,
    /// The pod, if known by now.
    pub pod: Option<Arc<Pod>>,
    /// Name of the container in the pod, if known by now.
    pub container_name: Option<Box<str>>,
    /// Where to.
    pub destination: Destination,
    /// The address may be a backend of the service that was asked for: another program (a socket load balancer) sees
    /// addresses before they are reported.
    pub may_be_backend: bool,
    /// 1; or about how many destinations, where check-ins move from one to the next: `destination` is the last one.
    pub destinations: u32,
    /// Further names by which the destination is known: SNI, registered domain.
    pub sni: Option<Arc<str>>,
    /// JA4 fingerprint of the last ClientHello.
    pub ja4: Option<Arc<str>>,
    /// What is spoken.
    pub protocol: AppProtocol,
    /// First and last check-in.
    pub window: (Timestamp, Timestamp),
    /// Check-ins (connections, bursts, queries) in all.
    pub check_ins: u64,
    /// Bytes each way in all.
    pub bytes: Bytes,
    /// Median bytes each way of a check-in.
    pub bytes_typical: Bytes,
    /// Rhythm, if there is one.
    pub rhythm: Option<Rhythm>,
    /// Evidence, strongest first.
    pub evidence: Vec<Evidence>,
    /// Times of the last check-ins, oldest first, to be drawn.
    pub recent: Vec<Timestamp>,
    /// The policy that judged.
    pub policy: PolicyId,
    /// Its mode.
    pub mode: Mode,
    /// Records that were lost inside the window, by whatever place.
    pub lost: u64,
    /// Replicas of the workload that do this, and how many there are, if known.
    pub replicas: Option<ReplicaCount>,
}

impl FindingState {
    /// `opened`, `updated`, `closed`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Updated => "updated",
            Self::Closed => "closed",
        }
    }
}
