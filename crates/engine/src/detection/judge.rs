//! When a conversation is judged, and what becomes of the judgement.

use std::collections::VecDeque;

use super::compose::{Composition, compose, recent, summary};
use super::{Deadline, Detection};
use crate::assess::budget;
use crate::assess::circumstances::Circumstances;
use crate::assess::detector::{self, Lasting, beacon, ports};
use crate::assess::evidence::{Levels, Replicas};
use crate::assess::finding::{Finding, FindingId, FindingKind, FindingState};
use crate::assess::identities::{finding_id, sighting};
use crate::assess::open_findings::OpenFinding;
use crate::assess::participant::Participant;
use crate::assess::parts::{may_be_part_of_others, part_of_others_until};
use crate::assess::policy::{Policy, PolicySet, Subject};
use crate::assess::reputation::ReputationList;
use crate::assess::scope::scope_of;
use crate::assess::weigh::weigh;
use crate::keys::ReplicaKey;
use crate::know::{Extent, Facts, Profiled, Seen, Sighting};
use crate::observe::workload::Workloads;
use crate::time::Timestamp;
use crate::track::conversation::Conversation;
use crate::track::rhythm::Shape;

/// A conversation is judged at most this often, seconds.
const JUDGE_SECS: f64 = 60.0;
/// ... and less often while its score is far from any threshold, bits and seconds.
const FAR_BELOW: f32 = 1.0;
const JUDGE_FAR_SECS: f64 = 300.0;
/// ... and counted among what the cluster does at least this often while it goes on.
const PROFILE_SECS: f64 = 3600.0;
/// Conversations with fewer contacts say nothing about what is usual.
const PROFILE_CONTACTS: u32 = 4;
/// Weight of a new judgement in the running mean.
const MEMORY: f32 = 0.1;
/// Change of the score that is told, bits.
const TELL_BITS: f32 = 1.0;

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
        let participant = self.participants.resolve(c.actor_key, &c.actor, w, &self.policies);
        let policy = participant.policy.and_then(|index| self.policies.policies.get(index));
        let seen = sighting(c, participant);
        self.know.observe(Sighting::Contact(seen));
        let surroundings = Surroundings {
            facts: self.know.facts(),
            workloads: w,
            reputation: &self.reputation,
            watched_since: self.watched.map_or(now, |(first, _)| first),
        };
        let about = surroundings.about(c, participant, policy, &seen, None);
        let levels = Levels::of(&about);
        let scope = about.scope;
        let assessment = weigh(levels, scope, surroundings.facts.usual(seen.signature));
        let profiled = Profiled {
            at: now,
            workload: seen.workload,
            signature: seen.signature,
            // An aggregate counts what its parts have counted.
            profile: about.conversation.aggregate.is_none().then(|| levels.profile(scope)),
            score_without_novelty: assessment.score_without_novelty,
        };
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
        let Some(gate) = self.gate(slot, input_secs, w) else { return };
        let Some(c) = self.table.get(slot) else { return };
        let participant = self.participants.resolve(c.actor_key, &c.actor, w, &self.policies);
        let Some(policy) = participant.policy.and_then(|index| self.policies.policies.get(index)) else {
            return;
        };
        let open = c.last_assessment.finding;
        let kind = open.and_then(|id| self.findings.get_mut(id)).map_or(gate, |open| open.told.kind);
        let seen = sighting(c, participant);
        let watched_since = self.watched.map_or(now, |(first, _)| first);
        let surroundings = Surroundings {
            facts: self.know.facts(),
            workloads: w,
            reputation: &self.reputation,
            watched_since,
        };
        let about = surroundings.about(c, participant, Some(policy), &seen, Some(kind));
        let rates = surroundings.facts.usual(seen.signature);
        let mut assessment = weigh(Levels::of(&about), about.scope, rates);
        let mean = match c.last_assessment.at {
            None => assessment.score,
            Some(_) => c.last_assessment.mean + MEMORY * (assessment.score - c.last_assessment.mean),
        };
        assessment.score = assessment.score.min(mean);
        let id = open.unwrap_or_else(|| finding_id(c, participant, kind));
        let replica = participant.replica;
        // A replica joins a finding only by a score of its own.
        let worth = policy.thresholds.severity(assessment.score).is_some() || open.is_some();
        let governing = participant.policy.unwrap_or_default();
        let excepted = worth.then(|| {
            let subject = Subject {
                actor: &c.actor,
                pod: participant.pod.as_deref(),
                destination: &c.destination,
                protocol: c.protocol,
            };
            let exception = self.policies.exception(governing, &subject, now);
            exception.map(|(policy, exception)| (policy.id.clone(), exception.name.clone()))
        });
        if !matches!(excepted, Some(Some(_))) {
            budget::note(&mut self.know, policy, id, assessment.score);
        }
        let watched = now.since(watched_since);
        let thresholds = budget::thresholds(&mut self.know, policy, now, |facts| {
            extent(&self.policies, governing, w, facts, watched)
        });
        let finding = excepted.map(|excepted| {
            let lost = self.lost - c.lost_before;
            let assessment = &assessment;
            let rewritten = self.rewritten;
            let composition = Composition { id, kind, now, policy, thresholds, assessment, lost, rewritten };
            (excepted, compose(&about, &composition, self.limits.finding_check_ins_max))
        });
        if let Some(c) = self.table.get_mut(slot) {
            c.last_assessment.at = Some(now);
            c.last_assessment.score = assessment.score;
            c.last_assessment.mean = mean;
        }
        match finding {
            Some((Some(exception), _)) => {
                self.exceptions_used.insert(exception, now);
                self.except(slot, id, now, w, out);
            }
            Some((None, finding)) => self.tell(slot, replica, finding, out),
            None => {}
        }
    }

    /// The gate that is open for a conversation, unless what it shows is judged elsewhere.
    fn gate(&mut self, slot: u32, input_secs: Option<f64>, w: &Workloads) -> Option<FindingKind> {
        let c = self.table.get(slot)?;
        let participant = self.participants.resolve(c.actor_key, &c.actor, w, &self.policies);
        let policy = participant.policy.and_then(|index| self.policies.policies.get(index))?;
        let lasting = Lasting { span_secs: c.span_secs(), input_secs };
        let gate = detector::gate(c, &policy.detectors, lasting)?;
        if !may_be_part_of_others(c, gate) {
            return Some(gate);
        }
        if input_secs.is_none() && c.contacts <= c.last_assessment.explained_until {
            return None;
        }
        let Some(until) = part_of_others_until(&self.table, c, gate, participant) else { return Some(gate) };
        self.table.get_mut(slot)?.last_assessment.explained_until = until;
        None
    }

    /// Opens or updates a finding.
    fn tell(&mut self, slot: u32, replica: ReplicaKey, mut finding: Finding, out: &mut VecDeque<Finding>) {
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
            let leads = open.leader == c.key || finding.score > open.told.score + TELL_BITS;
            let changed = finding.severity != open.told.severity
                || (finding.score - open.told.score).abs() >= TELL_BITS
                || finding.check_ins > open.told.check_ins;
            if leads {
                open.leader = c.key;
            }
            if joins || (leads && changed) {
                finding.state = FindingState::Updated;
                if leads {
                    open.told = finding.clone();
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

    /// An exception holds: nothing is told, and what was open is closed.
    fn except(
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

    /// The last state of a finding: with the totals that its conversation has come to since it was told.
    fn closed(&mut self, open: OpenFinding, now: Timestamp, w: &Workloads) -> Finding {
        let mut finding = Finding { state: FindingState::Closed, time: now, ..open.told };
        let Some(c) = self.table.slot_of(open.leader).and_then(|slot| self.table.get(slot)) else {
            return finding;
        };
        let participant = self.participants.resolve(c.actor_key, &c.actor, w, &self.policies);
        // A pod that is gone is not forgotten by what was said of it.
        if participant.pod.is_some() == finding.pod.is_some() {
            let policy = participant.policy.and_then(|index| self.policies.policies.get(index));
            let seen = sighting(c, participant);
            let surroundings = Surroundings {
                facts: self.know.facts(),
                workloads: w,
                reputation: &self.reputation,
                watched_since: self.watched.map_or(now, |(first, _)| first),
            };
            finding.summary =
                summary(&surroundings.about(c, participant, policy, &seen, Some(finding.kind)), finding.kind);
        }
        finding.window = (c.first, c.last);
        finding.check_ins = u64::from(c.contacts);
        finding.destination = c.latest_destination().clone();
        finding.destinations = c.destinations();
        finding.bytes = c.bytes;
        finding.bytes_typical = c.typical();
        finding.recent = recent(c, self.limits.finding_check_ins_max);
        finding.lost = self.lost - c.lost_before;
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

/// Everything around a conversation that evidence depends on.
pub(super) struct Surroundings<'a> {
    pub(super) facts: Facts<'a>,
    pub(super) workloads: &'a Workloads,
    pub(super) reputation: &'a ReputationList,
    pub(super) watched_since: Timestamp,
}

impl Surroundings<'_> {
    /// The circumstances of one conversation.
    pub(super) fn about<'c>(
        &self,
        conversation: &'c Conversation,
        participant: &'c Participant,
        policy: Option<&Policy>,
        seen: &Seen,
        claim: Option<FindingKind>,
    ) -> Circumstances<'c> {
        let knobs = policy.and_then(|policy| policy.detectors.beacon).unwrap_or_default();
        let known_ports = policy.and_then(|policy| policy.detectors.ports.as_ref());
        let timing_threshold = beacon::timing_threshold(conversation, &knobs);
        let proven = conversation.rhythm_bits >= timing_threshold;
        let to = &conversation.destination;
        Circumstances {
            conversation,
            participant,
            baseline: self.facts.baseline(seen),
            prevalence: self.facts.prevalence(seen),
            replicas: participant.pod.as_ref().and_then(|pod| {
                let replicas = self.workloads.replicas(participant.workload);
                Replicas::compare(pod, replicas, self.facts.replicas(seen.signature), seen.at)
            }),
            watched_since: self.watched_since,
            port: ports::fit(to.port, conversation.protocol, known_ports),
            listed: self.reputation.lookup(to),
            scope: scope_of(conversation, participant),
            timing_threshold,
            shape: proven.then(|| Shape::of(conversation.best_tracker())).flatten(),
            claim,
        }
    }
}
