//! When a conversation is judged, and how the judgement is carried out.

use std::collections::VecDeque;

use super::Detection;
use crate::assess::budget;
use crate::assess::case::{Case, Surroundings};
use crate::assess::compose::Occasion;
use crate::assess::finding::{Finding, FindingKind};
use crate::assess::judgement::{Judgement, Verdict};
use crate::assess::parts::{may_be_part_of_others, part_of_others_until};
use crate::assess::policy::PolicySet;
use crate::know::{Extent, Facts, Sighting};
use crate::observe::workload::Workloads;
use crate::time::Timestamp;

/// A conversation is judged at most this often, seconds.
const JUDGE_SECS: f64 = 60.0;
/// ... and less often while its score is far from any threshold, bits and seconds.
const FAR_BELOW: f32 = 1.0;
const JUDGE_FAR_SECS: f64 = 300.0;
/// ... and counted among what the cluster does at least this often while it goes on.
const PROFILE_SECS: f64 = 3600.0;
/// Conversations with fewer contacts say nothing about what is usual.
const PROFILE_CONTACTS: u32 = 4;

impl Detection {
    /// Something changed about a conversation: profiles and judges it if it is time.
    pub(super) fn consider(&mut self, slot: u32, now: Timestamp, w: &Workloads, out: &mut VecDeque<Finding>) {
        let Some(c) = self.table.get(slot) else { return };
        let last = &c.last_assessment;
        let doubled = c.contacts >= PROFILE_CONTACTS && c.contacts >= last.profiled_at.saturating_mul(2);
        if doubled || (last.profiled_at > 0 && now.secs_since(last.profiled) >= PROFILE_SECS) {
            self.profile(slot, now, w);
        }
        let Some(c) = self.table.get(slot) else { return };
        let far = c.last_assessment.finding.is_none() && c.last_assessment.score < FAR_BELOW;
        let pause = if far { JUDGE_FAR_SECS } else { JUDGE_SECS };
        if c.last_assessment.at.is_none_or(|at| now.secs_since(at) >= pause) {
            self.judge(slot, now, None, w, out);
        }
    }

    /// Counts a conversation among what the cluster does.
    fn profile(&mut self, slot: u32, now: Timestamp, w: &Workloads) {
        let Some(c) = self.table.get_mut(slot) else { return };
        c.last_assessment.profiled_at = c.contacts;
        c.last_assessment.profiled = now;
        self.resolve(slot, w);
        let Some(seen) = self.case(slot, now, w).map(|case| case.seen()) else { return };
        self.know.observe(Sighting::Contact(seen));
        let Some(profiled) = self.case(slot, now, w).map(|case| case.profile(now)) else { return };
        self.know.observe(Sighting::Profile(profiled));
    }

    /// Judges a conversation. `input_secs`: the input is over and lasted this long.
    pub(super) fn judge(
        &mut self,
        slot: u32,
        now: Timestamp,
        input_secs: Option<f64>,
        w: &Workloads,
        out: &mut VecDeque<Finding>,
    ) {
        let Some(gate) = self.gate(slot, now, input_secs, w) else { return };
        let Some(case) = self.case(slot, now, w) else { return };
        let open = case.conversation.last_assessment.finding;
        let kind = open.and_then(|id| self.findings.get(id)).map_or(gate, |open| open.published.kind);
        let Some(judgement) = Judgement::of(&case, kind, open, &self.occasion(now)) else { return };
        self.carry_out(slot, judgement, now, w, out);
    }

    /// The gate that is open for a conversation, unless what it shows is judged elsewhere.
    fn gate(
        &mut self,
        slot: u32,
        now: Timestamp,
        input_secs: Option<f64>,
        w: &Workloads,
    ) -> Option<FindingKind> {
        self.resolve(slot, w)?;
        let case = self.case(slot, now, w)?;
        let c = case.conversation;
        let gate = case.gate(input_secs)?;
        if !may_be_part_of_others(c, gate) {
            return Some(gate);
        }
        if input_secs.is_none() && c.contacts <= c.last_assessment.explained_until {
            return None;
        }
        let Some(until) = part_of_others_until(&self.table, c, gate, case.participant) else {
            return Some(gate);
        };
        self.table.get_mut(slot)?.last_assessment.explained_until = until;
        None
    }

    /// Remembers a judgement, and does what it says.
    fn carry_out(
        &mut self,
        slot: u32,
        judgement: Judgement,
        now: Timestamp,
        w: &Workloads,
        out: &mut VecDeque<Finding>,
    ) {
        let Judgement { id, replica, policy: governing, score, mean, verdict } = judgement;
        let Some(policy) = self.policies.policies.get(governing) else { return };
        match verdict {
            Verdict::Excepted(_) => {}
            Verdict::Below | Verdict::Finding(_) => budget::note(&mut self.know, policy, id, score),
        }
        let watched = now.since(self.watched_since(now));
        let thresholds = budget::thresholds(&mut self.know, policy, now, |facts| {
            extent(&self.policies, governing, w, facts, watched)
        });
        if let Some(c) = self.table.get_mut(slot) {
            c.last_assessment.at = Some(now);
            c.last_assessment.score = score;
            c.last_assessment.mean = mean;
        }
        match verdict {
            Verdict::Below => {}
            Verdict::Excepted(exception) => {
                self.exceptions_used.insert(exception, now);
                self.except(slot, id, now, w, out);
            }
            Verdict::Finding(draft) => self.publish(slot, replica, draft.under(&thresholds), out),
        }
    }

    /// Looks the participant of a conversation up as of now, so that [`Self::case`] finds it.
    pub(super) fn resolve(&mut self, slot: u32, w: &Workloads) -> Option<()> {
        let c = self.table.get(slot)?;
        self.participants.resolve(c.actor_key, &c.actor, w, &self.policies);
        Some(())
    }

    /// A conversation with everything around it; its participant was looked up.
    pub(super) fn case<'a>(&'a self, slot: u32, now: Timestamp, w: &'a Workloads) -> Option<Case<'a>> {
        let conversation = self.table.get(slot)?;
        let around = Surroundings {
            facts: self.know.facts(),
            workloads: w,
            policies: &self.policies,
            reputation: &self.reputation,
            watched_since: self.watched_since(now),
        };
        Some(Case { conversation, participant: self.participants.known(conversation.actor_key)?, around })
    }

    pub(super) fn occasion(&self, now: Timestamp) -> Occasion {
        let check_ins_max = self.limits.finding_check_ins_max;
        Occasion { now, lost: self.lost, rewritten: self.rewritten, check_ins_max }
    }

    fn watched_since(&self, now: Timestamp) -> Timestamp {
        self.watched.map_or(now, |(first, _)| first)
    }
}

/// What a policy's budget is scaled by.
fn extent(
    policies: &PolicySet,
    policy: usize,
    w: &Workloads,
    facts: Facts<'_>,
    watched: core::time::Duration,
) -> Extent {
    let governed = w.pods().filter(|pod| policies.governs_pod(policy, pod)).count();
    let pods = if w.is_empty() { facts.watched() } else { governed };
    Extent { pods, days: watched.as_secs_f64() / 86_400.0 }
}
