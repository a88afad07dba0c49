//! Open findings, by identity. Replicas that do the same share one.

use crate::assess::finding::{Finding, FindingId};
use crate::bounded::{BoundedMap, Index, Inserted};
use crate::counters::{BoundedTable, Counters, Usage};
use crate::keys::ConversationKey;
use crate::keys::ReplicaKey;
use crate::limits::Limits;
use crate::time::Timestamp;

/// A finding that is open.
#[derive(Debug)]
pub(crate) struct OpenFinding {
    /// The state that was published last.
    pub(crate) published: Finding,
    /// The conversation it speaks of: the one with the highest score.
    pub(crate) leader: ConversationKey,
    /// Last check-in of any of its conversations.
    pub(crate) last: Timestamp,
    /// Quiet time after which it is closed, seconds.
    pub(crate) idle_secs: f64,
    /// Replicas that were published with it.
    replicas: BoundedMap<ReplicaKey, ()>,
    /// Where the conversations lie on which it stands; each of them knows that. Bounded by the conversations.
    pub(crate) slots: Index<u32, ()>,
}

/// All open findings.
#[derive(Debug)]
pub(crate) struct OpenFindings {
    open: BoundedMap<FindingId, OpenFinding>,
    excepted: BoundedMap<FindingId, ()>,
    opened: u64,
    replicas_refused: u64,
}

impl OpenFinding {
    /// One that stands on nothing yet.
    pub(crate) fn begin(
        published: Finding,
        leader: ConversationKey,
        last: Timestamp,
        idle_secs: f64,
        limits: &Limits,
    ) -> Self {
        let replicas = BoundedMap::with_max(limits.finding_replicas_max());
        Self { published, leader, last, idle_secs, replicas, slots: Index::default() }
    }
}

impl OpenFindings {
    pub(crate) fn with_limits(limits: &Limits) -> Self {
        Self {
            open: BoundedMap::with_max(limits.findings_open_max),
            excepted: BoundedMap::with_max(limits.findings_excepted_max()),
            opened: 0,
            replicas_refused: 0,
        }
    }

    pub(crate) fn get(&self, id: FindingId) -> Option<&OpenFinding> {
        self.open.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: FindingId) -> Option<&mut OpenFinding> {
        self.open.get_mut(&id)
    }

    /// Opens a finding; false if there are too many.
    pub(crate) fn open(&mut self, id: FindingId, finding: OpenFinding) -> bool {
        let taken = match self.open.insert(id, finding) {
            Inserted::New | Inserted::Known => true,
            Inserted::Refused => false,
        };
        self.opened += u64::from(taken);
        taken
    }

    /// A finding is published for a replica. Returns whether it is another one; beyond the bound it is none.
    pub(crate) fn join(&mut self, id: FindingId, replica: ReplicaKey) -> bool {
        match self.open.get_mut(&id).map(|open| open.replicas.insert(replica, ())) {
            Some(Inserted::New) => true,
            Some(Inserted::Refused) => {
                self.replicas_refused += 1;
                false
            }
            Some(Inserted::Known) | None => false,
        }
    }

    pub(crate) fn close(&mut self, id: FindingId) -> Option<OpenFinding> {
        self.open.remove(&id)
    }

    /// All, in the order of their identities.
    pub(crate) fn take_all(&mut self) -> Vec<(FindingId, OpenFinding)> {
        self.open.take_all()
    }

    /// An exception kept a finding silent; counted once each.
    pub(crate) fn except(&mut self, id: FindingId) {
        self.excepted.insert(id, ());
    }

    /// Writes its own figures into the counters.
    pub(crate) fn count(&self, counters: &mut Counters) {
        let Self { open, excepted, opened, replicas_refused } = self;
        let held = open.values().map(|open| open.replicas.len() as u64).sum();
        let replicas = Usage { held, evicted: 0, refused: *replicas_refused };
        counters.set(BoundedTable::Findings, open.usage());
        counters.set(BoundedTable::FindingReplicas, replicas);
        counters.set(BoundedTable::FindingsExcepted, excepted.usage());
        counters.findings_opened = *opened;
        counters.findings_excepted = excepted.len() as u64;
    }
}
