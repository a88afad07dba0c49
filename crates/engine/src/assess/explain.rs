//! Why a conversation did or did not become a finding, term by term.

use std::sync::Arc;

use crate::actor::{Actor, Pod};
use crate::assess::budget;
use crate::assess::case::{Case, Weighed};
use crate::assess::compose;
use crate::assess::detector::beacon;
use crate::assess::finding::{Evidence, FindingKind, Rhythm, Severity};
use crate::assess::policy::{Policy, Thresholds};
use crate::observe::contact::{Bytes, Destination};
use crate::observe::protocol::AppProtocol;
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
    /// Names and addresses that it had, where they are kept ([`keep_aliases`](crate::detection::Detection::keep_aliases)).
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
    /// Names and addresses that it had, where they are kept ([`keep_aliases`](crate::detection::Detection::keep_aliases)).
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
    /// Score from which it alerts, bits, where a budget of alarms raises it.
    pub alert_raised: Option<f32>,
    /// What became of it.
    pub outcome: Outcome,
}

impl Explanation {
    /// Explains a case. `is_part`: what it shows is judged with the conversations that it belongs to.
    pub(crate) fn of(
        case: &Case<'_>,
        gate: Option<FindingKind>,
        is_part: bool,
        aliases: &[Alias],
        now: Timestamp,
    ) -> Self {
        let c = case.conversation;
        let kind = gate.unwrap_or(if c.dns.is_some() { FindingKind::DnsBeacon } else { FindingKind::Beacon });
        let Weighed { about, assessment } = case.weigh(Some(kind));
        let policy = case.policy();
        let thresholds = policy.map(|policy| budget::latest(case.around.facts, policy));
        let raised = thresholds.zip(policy).filter(|(now, policy)| now.alert > policy.thresholds.alert);
        Self {
            actor: Arc::clone(&c.actor),
            pod: case.participant.pod.clone(),
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
                Some(_) if is_part => {
                    Outcome::Closed("judged together with the conversations that it belongs to".to_owned())
                }
                Some(_) | None => {
                    let exception = case.exception(now).map(|(_, exception)| Arc::clone(&exception.name));
                    outcome(c, policy.zip(thresholds), gate.is_some(), assessment.score, exception)
                }
            },
        }
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
    let Some(settings) = &policy.detectors.beacon else {
        return "the beacon detector is off, and no other detector's gate is open".to_owned();
    };
    let needed = beacon::timing_threshold(c, settings);
    let (rhythm, size) = (c.rhythm_bits, c.size.evidence());
    if rhythm < needed && size < settings.timing_threshold {
        return format!(
            "no rhythm proven ({rhythm:.1} of {needed:.0} bits), nor repeated sizes ({size:.1} bits)"
        );
    }
    let minimum = beacon::minimum_span(c, settings);
    let whose = if minimum == settings.minimum_span { "" } else { " for processes started by kubectl exec" };
    let (seen, minimum) = (duration_text(c.span_secs()), duration_text(minimum.as_secs_f64()));
    format!("seen for {seen}; this policy needs {minimum}{whose}")
}
