//! What becomes of findings: opened, updated, tolerated, closed.

use std::collections::VecDeque;

use super::Detection;
use crate::assess::compose::{close, summary};
use crate::assess::detector::beacon;
use crate::assess::finding::{Finding, FindingId, FindingState};
use crate::assess::open_findings::OpenFinding;
use crate::keys::ReplicaKey;
use crate::observe::workload::Workloads;
use crate::time::Timestamp;
use crate::timer::Deadline;

/// Change of the score that is published, bits.
const PUBLISH_BITS: f32 = 1.0;

impl Detection {
    /// Opens or updates a finding.
    pub(super) fn publish(
        &mut self,
        slot: u32,
        replica: ReplicaKey,
        mut finding: Finding,
        out: &mut VecDeque<Finding>,
    ) {
        let (id, now) = (finding.id, finding.time);
        let Some(c) = self.table.get_mut(slot) else { return };
        let idle_secs = self.limits.finding_idle.as_secs_f64().max(10.0 * f64::from(beacon::period(c)));
        let joins = self.findings.join(id, replica);
        if let Some(open) = self.findings.get_mut(id) {
            if c.last_assessment.finding.replace(id).is_none() {
                open.slots.insert(slot, ());
            }
            open.last = open.last.max(c.last);
            open.idle_secs = idle_secs;
            let leads = open.leader == c.key || finding.score > open.published.score + PUBLISH_BITS;
            let changed = finding.severity != open.published.severity
                || (finding.score - open.published.score).abs() >= PUBLISH_BITS
                || finding.check_ins > open.published.check_ins;
            if leads {
                open.leader = c.key;
            }
            if joins || (leads && changed) {
                finding.state = FindingState::Updated;
                if leads {
                    open.published = finding.clone();
                }
                self.put(finding, out);
            }
            return;
        }
        let mut open = OpenFinding::begin(finding.clone(), c.key, c.last, idle_secs, &self.limits);
        open.slots.insert(slot, ());
        let due = c.last + core::time::Duration::from_secs_f64(idle_secs);
        if self.findings.open(id, open) {
            c.last_assessment.finding = Some(id);
            self.findings.join(id, replica);
            self.timers.set(due.max(now), Deadline::FindingIdle(id));
            self.put(finding, out);
        }
    }

    /// An exception holds: nothing is published, and what was open is closed.
    pub(super) fn except(
        &mut self,
        slot: u32,
        id: FindingId,
        now: Timestamp,
        w: &Workloads,
        out: &mut VecDeque<Finding>,
    ) {
        if let Some(c) = self.table.get_mut(slot) {
            c.last_assessment.finding = None;
        }
        self.findings.except(id);
        self.close(id, now, w, out);
    }

    /// The idle time of a finding has passed since its last known check-in.
    pub(super) fn close_if_idle(
        &mut self,
        id: FindingId,
        now: Timestamp,
        w: &Workloads,
        out: &mut VecDeque<Finding>,
    ) {
        let Some(open) = self.findings.get_mut(id) else { return };
        if let Some(c) = self.table.slot_of(open.leader).and_then(|slot| self.table.get(slot)) {
            open.last = open.last.max(c.last);
        }
        let due = open.last + core::time::Duration::from_secs_f64(open.idle_secs);
        if due <= now {
            self.close(id, now, w, out);
        } else {
            self.timers.set(due, Deadline::FindingIdle(id));
        }
    }

    pub(super) fn close_all(&mut self, now: Timestamp, w: &Workloads, out: &mut VecDeque<Finding>) {
        for (id, open) in self.findings.take_all() {
            self.timers.cancel(Deadline::FindingIdle(id));
            let closed = self.closed(open, now, w);
            self.put(closed, out);
        }
        self.table.iter_mut().for_each(|c| c.last_assessment.finding = None);
    }

    fn close(&mut self, id: FindingId, now: Timestamp, w: &Workloads, out: &mut VecDeque<Finding>) {
        let Some(open) = self.findings.close(id) else { return };
        self.timers.cancel(Deadline::FindingIdle(id));
        for slot in open.slots.keys() {
            if let Some(c) = self.table.get_mut(*slot).filter(|c| c.last_assessment.finding == Some(id)) {
                c.last_assessment.finding = None;
            }
        }
        let closed = self.closed(open, now, w);
        self.put(closed, out);
    }

    /// The last state of a finding: with the totals that its conversation has come to since it was published.
    fn closed(&mut self, open: OpenFinding, now: Timestamp, w: &Workloads) -> Finding {
        let OpenFinding { published, leader, .. } = open;
        let slot = self.table.slot_of(leader);
        if let Some(slot) = slot {
            self.resolve(slot, w);
        }
        let case = slot.and_then(|slot| self.case(slot, now, w));
        let conversation = case.as_ref().map(|case| case.conversation);
        let mut finding = close(published, conversation, &self.occasion(now));
        // A pod that is gone is not forgotten by what was said of it.
        if let Some(case) = case.filter(|case| case.participant.pod.is_some() == finding.pod.is_some()) {
            finding.summary = summary(&case.weigh(Some(finding.kind)).about, finding.kind);
        }
        finding
    }

    /// Beyond the bound an update is dropped, never an opened or closed state.
    fn put(&mut self, finding: Finding, out: &mut VecDeque<Finding>) {
        if finding.state == FindingState::Updated && out.len() >= self.limits.outputs_max {
            self.dropped += 1;
        } else {
            out.push_back(finding);
        }
    }
}
