//! From contacts to findings: conversations, detectors, evidence, policy.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::contact::{Contact, ContactEnd};
use crate::engine::Counters;
use crate::finding::Finding;
use crate::input::BaselineEntry;
use crate::limits::Limits;
use crate::policy::PolicySet;
use crate::reputation::ReputationList;
use crate::time::Timestamp;
use crate::workload::Workloads;

/// Conversations, what was learned here, and open findings; all bounded.
#[derive(Debug)]
pub struct Detection {
    policies: Arc<PolicySet>,
    reputation: Arc<ReputationList>,
}

impl Detection {
    /// Empty tables with these bounds.
    #[must_use]
    pub fn with_limits(_limits: &Limits) -> Self {
        Self { policies: Arc::default(), reputation: Arc::default() }
    }

    /// The policies in force from now on.
    pub fn set_policies(&mut self, policies: Arc<PolicySet>) {
        self.policies = policies;
    }

    /// The destination lists in force from now on.
    pub fn set_reputation(&mut self, list: Arc<ReputationList>) {
        self.reputation = list;
    }

    /// A signature known before the start.
    pub fn learn(&mut self, _entry: BaselineEntry) {}

    /// Records were lost: open windows carry it.
    pub fn lost(&mut self, _now: Timestamp, _count: u64) {}

    /// Takes a contact; findings it opens or changes are appended to `out`.
    pub fn contact(&mut self, _now: Timestamp, _c: Contact, _w: &Workloads, _out: &mut VecDeque<Finding>) {}

    /// Takes the totals of a contact.
    pub fn contact_end(
        &mut self,
        _now: Timestamp,
        _e: ContactEnd,
        _w: &Workloads,
        _out: &mut VecDeque<Finding>,
    ) {
    }

    /// The next time something is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        None
    }

    /// Runs what is due.
    pub fn handle_timeout(&mut self, _now: Timestamp, _w: &Workloads, _out: &mut VecDeque<Finding>) {}

    /// Closes every open finding.
    pub fn finish(&mut self, _now: Timestamp, _w: &Workloads, _out: &mut VecDeque<Finding>) {}

    /// Writes its own figures into the counters.
    pub fn count(&self, _counters: &mut Counters) {}
}
