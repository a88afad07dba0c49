//! Everything that evidence about one conversation depends on.

use std::sync::Arc;

use crate::assess::detector::{self, ports::PortFit};
use crate::assess::kind::FindingKind;
use crate::assess::participant::Participant;
use crate::assess::replicas::Replicas;
use crate::assess::scope::Scope;
use crate::know::{BaselineState, Prevalence};
use crate::observe::contact::Bytes;
use crate::observe::protocol::AppProtocol;
use crate::time::Timestamp;
use crate::track::conversation::Conversation;
use crate::track::rhythm::{RhythmKind, Shape, kind_of};

/// A conversation, and what is known around it.
pub(crate) struct Circumstances<'a> {
    pub(crate) conversation: &'a Conversation,
    pub(crate) participant: &'a Participant,
    pub(crate) baseline: BaselineState,
    pub(crate) prevalence: Prevalence,
    /// The replicas of the workload whose traffic can be seen here; `None` if there are none to compare with.
    pub(crate) replicas: Option<Replicas>,
    /// When the engine began to watch.
    pub(crate) watched_since: Timestamp,
    /// `None`: no port, or nothing to compare.
    pub(crate) port: Option<PortFit>,
    /// A user-supplied list that names the destination.
    pub(crate) listed: Option<Arc<str>>,
    pub(crate) scope: Scope,
    /// Bits from which a rhythm counts as proven.
    pub(crate) timing_threshold: f32,
    pub(crate) shape: Option<Shape>,
    /// What the conversation is judged as; `None` while it is only counted among what is usual.
    pub(crate) claim: Option<FindingKind>,
}

impl Circumstances<'_> {
    /// Kind of the rhythm; `None` unless it is proven.
    pub(crate) fn rhythm(&self) -> RhythmKind {
        match &self.shape {
            Some(shape) if self.conversation.rhythm_bits >= self.timing_threshold => kind_of(shape),
            Some(_) | None => RhythmKind::None,
        }
    }

    /// What is claimed is not a rhythm: neither a missing one nor varying sizes say anything.
    pub(crate) fn claims_no_rhythm(&self) -> bool {
        self.claim.is_some_and(|kind| !detector::claims_rhythm(kind))
    }

    /// A client of a time server asks in intervals that the server and the clock's drift set, with packets of one size
    /// that are answered by packets of the same size (RFC 5905, sections 7.3 and 13): neither says anything. What is
    /// merely sent from or to that port is something else.
    pub(crate) fn asks_for_the_time(&self) -> bool {
        const PORT: u16 = 123;
        /// With an authenticator and the extension fields of RFC 8915.
        const PACKET_MAX: u64 = 1024;
        let c = self.conversation;
        let Bytes { sent, received } = c.typical();
        c.protocol == AppProtocol::Ntp
            && c.destination.port == PORT
            && (1..=PACKET_MAX).contains(&sent)
            && sent.abs_diff(received) <= sent / 8
    }
}
