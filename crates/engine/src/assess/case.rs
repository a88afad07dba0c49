//! A conversation taken up to be profiled, judged or explained: who had it, under which policy, and what is known
//! around it.

use crate::assess::circumstances::Circumstances;
use crate::assess::detector::{self, ObservedSpan, beacon, ports};
use crate::assess::evidence::Levels;
use crate::assess::finding::{FindingId, FindingKind};
use crate::assess::identities::{finding_id, sighting};
use crate::assess::participant::Participant;
use crate::assess::policy::{Exception, Policy, PolicySet, Subject};
use crate::assess::replicas::Replicas;
use crate::assess::reputation::ReputationList;
use crate::assess::scope::scope_of;
use crate::assess::weigh::{Assessment, weigh};
use crate::know::{Facts, Profiled, Seen};
use crate::observe::workload::Workloads;
use crate::time::Timestamp;
use crate::track::conversation::Conversation;
use crate::track::rhythm::Shape;

/// Everything around conversations that a judgement depends on.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub(crate) facts: Facts<'a>,
    pub(crate) workloads: &'a Workloads,
    pub(crate) policies: &'a PolicySet,
    pub(crate) reputation: &'a ReputationList,
    /// When the engine began to watch.
    pub(crate) watched_since: Timestamp,
}

/// One conversation, and everything around it.
pub(crate) struct Case<'a> {
    pub(crate) conversation: &'a Conversation,
    pub(crate) participant: &'a Participant,
    pub(crate) around: Surroundings<'a>,
}

/// The circumstances of a case, and what they weigh.
pub(crate) struct Weighed<'a> {
    pub(crate) about: Circumstances<'a>,
    pub(crate) assessment: Assessment,
}

impl<'a> Case<'a> {
    /// The policy that governs the actor.
    pub(crate) fn policy(&self) -> Option<&'a Policy> {
        self.around.policies.policies.get(self.participant.policy?)
    }

    /// What the conversation is to those who only know what is known beyond it.
    pub(crate) fn seen(&self) -> Seen {
        sighting(self.conversation, self.participant)
    }

    /// The gate that is open under the policy. `input_secs`: the input is over and lasted this long.
    pub(crate) fn gate(&self, input_secs: Option<f64>) -> Option<FindingKind> {
        let span = ObservedSpan { span_secs: self.conversation.span_secs(), input_secs };
        detector::gate(self.conversation, &self.policy()?.detectors, span)
    }

    /// The identity of a finding of this kind.
    pub(crate) fn finding_id(&self, kind: FindingKind) -> FindingId {
        finding_id(self.conversation, self.participant, kind)
    }

    /// The exception that tolerates the behaviour, and whose it is.
    pub(crate) fn exception(&self, now: Timestamp) -> Option<(&'a Policy, &'a Exception)> {
        let Conversation { actor, destination, protocol, .. } = self.conversation;
        let pod = self.participant.pod.as_deref();
        let subject = Subject { actor, pod, destination, protocol: *protocol };
        self.around.policies.exception(self.participant.policy.unwrap_or_default(), &subject, now)
    }

    /// Weighs the conversation as a finding of a kind; `None`: as what is usual.
    pub(crate) fn weigh(&self, claim: Option<FindingKind>) -> Weighed<'a> {
        let seen = self.seen();
        let about = self.circumstances(&seen, claim);
        let assessment = weigh(Levels::of(&about), about.scope, self.around.facts.usual(seen.signature));
        Weighed { about, assessment }
    }

    /// What it counts among what is usual here.
    pub(crate) fn profile(&self, now: Timestamp) -> Profiled {
        let seen = self.seen();
        let Weighed { about, assessment } = self.weigh(None);
        Profiled {
            at: now,
            workload: seen.workload,
            signature: seen.signature,
            // An aggregate counts what its parts have counted.
            profile: about.conversation.aggregate.is_none().then(|| assessment.levels.profile(about.scope)),
            score_without_novelty: assessment.score_without_novelty,
        }
    }

    /// The only place where circumstances are put together.
    fn circumstances(&self, seen: &Seen, claim: Option<FindingKind>) -> Circumstances<'a> {
        let Self { conversation, participant, around } = *self;
        let Surroundings { facts, workloads, policies: _, reputation, watched_since } = around;
        let policy = self.policy();
        let settings = policy.and_then(|policy| policy.detectors.beacon).unwrap_or_default();
        let known_ports = policy.and_then(|policy| policy.detectors.ports.as_ref());
        let timing_threshold = beacon::timing_threshold(conversation, &settings);
        let proven = conversation.rhythm_bits >= timing_threshold;
        let to = &conversation.destination;
        Circumstances {
            conversation,
            participant,
            baseline: facts.baseline(seen),
            prevalence: facts.prevalence(seen),
            replicas: participant.pod.as_ref().and_then(|pod| {
                let replicas = workloads.replicas(participant.workload);
                Replicas::compare(pod, replicas, facts.replicas(seen.signature), seen.at)
            }),
            watched_since,
            port: ports::fit(to.port, conversation.protocol, known_ports),
            listed: reputation.lookup(to),
            scope: scope_of(conversation, participant),
            timing_threshold,
            shape: proven.then(|| Shape::of(conversation.best_tracker())).flatten(),
            claim,
        }
    }
}
