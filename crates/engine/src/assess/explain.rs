//! Why a conversation did or did not become a finding, term by term.

use std::sync::Arc;

use super::Detection;
use super::compose;
use super::judge::Surroundings;
use crate::actor::{Actor, Pod};
use crate::assess::budget;
use crate::assess::detector::{self, Lasting, beacon};
use crate::assess::evidence::Levels;
use crate::assess::finding::{Evidence, FindingKind, Rhythm, Severity};
use crate::assess::identities::sighting;
use crate::assess::parts::part_of_others_until;
use crate::assess::policy::{Policy, Subject, Thresholds};
use crate::assess::weigh::weigh;
use crate::observe::contact::{Bytes, Destination};
use crate::observe::protocol::AppProtocol;
use crate::observe::workload::Workloads;
use crate::text::duration_text;
use crate::time::Timestamp;
use crate::track::aliases::Alias;
use crate::track::conversation::Conversation;

/// What became of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// No policy governs the actor.
    NoPolicy,
    /// No detector's gate is open: why not.
    Closed(String),
    /// The score lies below the policy's record threshold.
    Below {
        /// Threshold, bits.
        record: f32,
    },
    /// This exception of the policy tolerates it.
    Excepted(Arc<str>),
    /// It is a finding of this severity.
    Finding(Severity),
}

/// A conversation that may be the one that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Who.
    pub actor: &'a Actor,
    /// The pod, if known.
    pub pod: Option<&'a Pod>,
    /// Where it went last.
    pub destination: &'a Destination,
    /// Names and addresses that it had, where they are kept ([`Detection::keep_aliases`]).
    pub aliases: &'a [Alias],
}

/// One conversation, explained.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// Who.
    pub actor: Arc<Actor>,
    /// The pod, if known.
    pub pod: Option<Arc<Pod>>,
    /// Where to.
    pub destination: Destination,
    /// Names and addresses that it had, where they are kept ([`Detection::keep_aliases`]).
    pub aliases: Vec<Alias>,
    /// 1; or about how many destinations an aggregate has: `destination` is the last one.
    pub destinations: u32,
    /// What is spoken.
    pub protocol: AppProtocol,
    /// First and last check-in.
    pub window: (Timestamp, Timestamp),
    /// Check-ins.
    pub check_ins: u64,
    /// Bytes each way.
    pub bytes: Bytes,
    /// Rhythm, if one is proven.
    pub rhythm: Option<Rhythm>,
    /// Bits of rhythm, and of size repetition.
    pub bits: (f32, f32),
    /// The kind it is (or would be) a finding of.
    pub kind: FindingKind,
    /// One sentence of what it does.
    pub summary: String,
    /// Sum of the evidence, bits.
    pub score: f32,
    /// The evidence, strongest first.
    pub evidence: Vec<Evidence>,
    /// Score from which it is told, bits, where a budget of alarms raises it.
    pub alert_raised: Option<f32>,
    /// What became of it.
    pub outcome: Outcome,
}

impl Detection {
    /// Explains the conversations that `wanted` selects, in the order in which they began.
    pub fn explain(
        &mut self,
        w: &Workloads,
        now: Timestamp,
        wanted: impl Fn(&Candidate<'_>) -> bool,
    ) -> Vec<Explanation> {
        let input_secs = self.input_secs();
        let mut explained = Vec::new();
        for (_, c) in self.table.iter() {
            let participant = self.participants.resolve(c.actor_key, &c.actor, w, &self.policies);
            let aliases = self.aliases.as_ref().map_or(&[][..], |aliases| aliases.of(c.key));
            let (actor, pod, destination) = (&*c.actor, participant.pod.as_deref(), c.latest_destination());
            if !wanted(&Candidate { actor, pod, destination, aliases }) {
                continue;
            }
            let policy = participant.policy.and_then(|index| self.policies.policies.get(index));
            let lasting = Lasting { span_secs: c.span_secs(), input_secs };
            let gate = policy.and_then(|policy| detector::gate(c, &policy.detectors, lasting));
            let kind =
                gate.unwrap_or(if c.dns.is_some() { FindingKind::DnsBeacon } else { FindingKind::Beacon });
            let seen = sighting(c, participant);
            let surroundings = Surroundings {
                facts: self.know.facts(),
                workloads: w,
                reputation: &self.reputation,
                watched_since: self.watched.map_or(now, |(first, _)| first),
            };
            let about = surroundings.about(c, participant, policy, &seen, Some(kind));
            let rates = surroundings.facts.usual(seen.signature);
            let assessment = weigh(Levels::of(&about), about.scope, rates);
            let subject = Subject {
                actor: &c.actor,
                pod: participant.pod.as_deref(),
                destination: &c.destination,
                protocol: c.protocol,
            };
            let governing = participant.policy.unwrap_or_default();
            let exception = self
                .policies
                .exception(governing, &subject, now)
                .map(|(_, exception)| Arc::clone(&exception.name));
            let thresholds = policy.map(|policy| budget::latest(surroundings.facts, policy));
            let raised = thresholds.zip(policy).filter(|(now, policy)| now.alert > policy.thresholds.alert);
            explained.push(Explanation {
                actor: Arc::clone(&c.actor),
                pod: participant.pod.clone(),
                destination: c.latest_destination().clone(),
                aliases: aliases.to_vec(),
                destinations: c.destinations(),
                protocol: c.protocol,
                window: (c.first, c.last),
                check_ins: u64::from(c.contacts),
                bytes: c.bytes,
                rhythm: compose::rhythm(&about),
                bits: (c.rhythm_bits, c.size.evidence()),
                kind,
                summary: compose::summary(&about, kind),
                score: assessment.score,
                evidence: compose::evidence(&about, &assessment),
                alert_raised: raised.map(|(now, _)| now.alert),
                outcome: match gate {
                    Some(kind) if part_of_others_until(&self.table, c, kind, participant).is_some() => {
                        Outcome::Closed("it is judged with the conversations that it belongs to".to_owned())
                    }
                    Some(_) | None => {
                        outcome(c, policy.zip(thresholds), gate.is_some(), assessment.score, exception)
                    }
                },
            });
        }
        explained.sort_by_key(|explanation| explanation.window.0);
        explained
    }
}

fn outcome(
    c: &Conversation,
    policy: Option<(&Policy, Thresholds)>,
    gate_open: bool,
    score: f32,
    exception: Option<Arc<str>>,
) -> Outcome {
    let Some((policy, thresholds)) = policy else { return Outcome::NoPolicy };
    if !gate_open {
        return Outcome::Closed(why_closed(c, policy));
    }
    match (thresholds.severity(score), exception) {
        (None, _) => Outcome::Below { record: thresholds.record },
        (Some(_), Some(exception)) => Outcome::Excepted(exception),
        (Some(severity), None) => Outcome::Finding(severity),
    }
}

/// What the beacon's gate still lacks; the other detectors' gates are closed too.
fn why_closed(c: &Conversation, policy: &Policy) -> String {
    let Some(knobs) = &policy.detectors.beacon else {
        return "the beacon detector is off, and no other detector's gate is open".to_owned();
    };
    let needed = beacon::timing_threshold(c, knobs);
    let (rhythm, size) = (c.rhythm_bits, c.size.evidence());
    if rhythm < needed && size < knobs.timing_threshold {
        return format!(
            "no rhythm proven ({rhythm:.1} of {needed:.0} bits), nor repeated sizes ({size:.1} bits)"
        );
    }
    let minimum = beacon::minimum_span(c, knobs).as_secs_f64();
    format!("it lasted {} of the {} needed", duration_text(c.span_secs()), duration_text(minimum))
}
