//! Open findings, by identity. Replicas that do the same share one.

use std::collections::BTreeMap;

use crate::collections::Set;
use crate::conversation::ConversationKey;
use crate::engine::Counters;
use crate::finding::{Finding, FindingId};
use crate::time::Timestamp;

/// A finding that is open.
#[derive(Debug)]
pub(super) struct OpenFinding {
    /// The state that was told last.
    pub(super) told: Finding,
    /// The conversation it speaks of: the one with the highest score.
    pub(super) leader: ConversationKey,
    /// Last check-in of any of its conversations.
    pub(super) last: Timestamp,
    /// Quiet time after which it is closed, seconds.
    pub(super) idle_secs: f64,
    /// Replicas that were told of.
    pub(super) replicas: Set<u64>,
    /// Where the conversations lie on which it stands; each of them knows that.
    pub(super) slots: Vec<u32>,
}

/// All open findings.
#[derive(Debug)]
pub(super) struct OpenFindings {
    max: usize,
    open: BTreeMap<FindingId, OpenFinding>,
    excepted: Set<FindingId>,
    opened: u64,
    excepted_count: u64,
    refused: u64,
}

impl OpenFindings {
    pub(super) fn with_max(max: usize) -> Self {
        Self {
            max,
            open: BTreeMap::new(),
            excepted: Set::default(),
            opened: 0,
            excepted_count: 0,
            refused: 0,
        }
    }

    pub(super) fn get_mut(&mut self, id: FindingId) -> Option<&mut OpenFinding> {
        self.open.get_mut(&id)
    }

    /// Opens a finding; false if there are too many.
    pub(super) fn open(&mut self, id: FindingId, finding: OpenFinding) -> bool {
        if self.open.len() >= self.max {
            self.refused += 1;
            return false;
        }
        self.opened += 1;
        self.open.insert(id, finding);
        true
    }

    pub(super) fn close(&mut self, id: FindingId) -> Option<OpenFinding> {
        self.open.remove(&id)
    }

    /// All, in the order of their identities.
    pub(super) fn take_all(&mut self) -> BTreeMap<FindingId, OpenFinding> {
        core::mem::take(&mut self.open)
    }

    /// An exception kept a finding silent; counted once each.
    pub(super) fn except(&mut self, id: FindingId) {
        if self.excepted.len() < self.max && self.excepted.insert(id) {
            self.excepted_count += 1;
        }
    }

    pub(super) fn count(&self, counters: &mut Counters) {
        counters.findings_open = self.open.len() as u64;
        counters.findings_opened = self.opened;
        counters.findings_excepted = self.excepted_count;
        counters.findings_refused = self.refused;
    }
}
