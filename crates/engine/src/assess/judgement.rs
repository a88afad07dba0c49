//! What a case comes to.

use std::sync::Arc;

use crate::assess::case::{Case, Weighed};
use crate::assess::compose::{Draft, Occasion, compose};
use crate::assess::finding::{FindingId, FindingKind};
use crate::assess::policy::PolicyId;
use crate::keys::ReplicaKey;

/// Weight of a new judgement in the running mean.
const MEMORY: f32 = 0.1;

/// A policy and the name of one of its exceptions.
pub(crate) type ExceptionKey = (PolicyId, Arc<str>);

/// A judgement, not yet carried out.
pub(crate) struct Judgement {
    /// The finding that it is about, whether or not there is one.
    pub(crate) id: FindingId,
    pub(crate) replica: ReplicaKey,
    /// Index of the policy that governs.
    pub(crate) policy: usize,
    /// The score that counts: at most the running mean.
    pub(crate) score: f32,
    pub(crate) mean: f32,
    pub(crate) verdict: Verdict,
}

/// What becomes of it.
pub(crate) enum Verdict {
    /// Nothing: the score lies below what is recorded, and no finding is open.
    Below,
    /// An exception tolerates it.
    Excepted(ExceptionKey),
    /// A finding is opened, or goes on.
    Finding(Box<Draft>),
}

impl Judgement {
    /// Judges a case as a finding of a kind; `open` already stands on it. `None`: no policy governs it.
    pub(crate) fn of(
        case: &Case<'_>,
        kind: FindingKind,
        open: Option<FindingId>,
        occasion: &Occasion,
    ) -> Option<Self> {
        let (policy, governing) = (case.policy()?, case.participant.policy?);
        let mut weighed = case.weigh(Some(kind));
        let Weighed { about: _, assessment } = &mut weighed;
        let last = &case.conversation.last_assessment;
        let mean = match last.at {
            None => assessment.score,
            Some(_) => last.mean + MEMORY * (assessment.score - last.mean),
        };
        assessment.score = assessment.score.min(mean);
        let score = assessment.score;
        let id = open.unwrap_or_else(|| case.finding_id(kind));
        // A replica joins a finding only by a score of its own.
        let verdict = if open.is_none() && policy.thresholds.severity(score).is_none() {
            Verdict::Below
        } else if let Some((policy, exception)) = case.exception(occasion.now) {
            Verdict::Excepted((policy.id.clone(), Arc::clone(&exception.name)))
        } else {
            Verdict::Finding(Box::new(compose(&weighed, (id, kind), policy, occasion)))
        };
        Some(Self { id, replica: case.participant.replica, policy: governing, score, mean, verdict })
    }
}
