//! A finding in words: summary, evidence line by line, rhythm, check-ins to be drawn.

use std::sync::Arc;

use crate::actor::Pod;
use crate::assess::circumstances::Circumstances;
use crate::assess::detector;
use crate::assess::finding::{
    Evidence, Finding, FindingId, FindingKind, FindingState, Rhythm, RhythmKind, Severity,
};
use crate::assess::policy::{Policy, Thresholds};
use crate::assess::weigh::Assessment;
use crate::observe::contact::NameSource;
use crate::time::Timestamp;
use crate::track::conversation::Conversation;
use crate::track::rhythm::Shape;

/// What a finding is made of besides the circumstances.
pub(super) struct Composition<'a> {
    pub(super) id: FindingId,
    pub(super) kind: FindingKind,
    pub(super) now: Timestamp,
    pub(super) policy: &'a Policy,
    /// The policy's, under its budget.
    pub(super) thresholds: Thresholds,
    pub(super) assessment: &'a Assessment,
    /// Records lost since the conversation began.
    pub(super) lost: u64,
    /// Addresses may be those that a load balancer made of a service's.
    pub(super) rewritten: bool,
}

/// Puts a finding together, in state opened.
pub(super) fn compose(about: &Circumstances<'_>, made_of: &Composition<'_>, check_ins_max: usize) -> Finding {
    let c = about.conversation;
    let pod = about.participant.pod.clone();
    let container_name = container_name(c, pod.as_deref());
    let to = c.latest_destination();
    let named_by_sni = to.name_source == Some(NameSource::Sni);
    let score = made_of.assessment.score;
    Finding {
        id: made_of.id,
        state: FindingState::Opened,
        time: made_of.now,
        kind: made_of.kind,
        severity: made_of.thresholds.severity(score).unwrap_or(Severity::Low),
        score,
        summary: summary(about, made_of.kind),
        actor: Arc::clone(&c.actor),
        pod,
        container_name,
        destination: c.latest_destination().clone(),
        may_be_backend: made_of.rewritten
            && to.address.is_some_and(|address| about.participant.inside.holds(address)),
        destinations: c.destinations(),
        sni: c.sni.clone().or_else(|| to.name.clone().filter(|_| named_by_sni)),
        ja4: c.ja4.clone(),
        protocol: c.protocol,
        window: (c.first, c.last),
        check_ins: u64::from(c.contacts),
        bytes: c.bytes,
        bytes_typical: c.typical(),
        rhythm: rhythm(about),
        evidence: evidence(about, made_of.assessment),
        recent: recent(c, check_ins_max),
        policy: made_of.policy.id.clone(),
        mode: made_of.policy.mode,
        lost: made_of.lost,
        replicas: about.replicas.map(|replicas| replicas.count),
    }
}

fn container_name(c: &Conversation, pod: Option<&Pod>) -> Option<Box<str>> {
    let id = c.actor.container.as_ref()?;
    pod?.containers.iter().find(|(known, _)| known == id).map(|(_, name)| name.clone())
}

/// `/tmp/.x/curl in Deployment/reports calls cdn-sync.example:443 every 60 s (±20 %), 41 times in 43 min`.
pub(super) fn summary(about: &Circumstances<'_>, kind: FindingKind) -> String {
    let c = about.conversation;
    let destination = match (kind, &c.destination.name) {
        _ if let Some(spread) = &c.aggregate => detector::aggregate::destinations_text(spread),
        (FindingKind::DnsBeacon | FindingKind::DnsTunnel, Some(name)) => name.to_string(),
        (FindingKind::DnsBeacon | FindingKind::DnsTunnel, None) => {
            format!("no registered domain (of {})", detector::destination_text(&c.destination))
        }
        _ => detector::destination_text(&c.destination),
    };
    let verb = match kind {
        FindingKind::Beacon | FindingKind::FailedRetries => "calls",
        FindingKind::DnsBeacon | FindingKind::DnsTunnel => "asks for names under",
        FindingKind::Unbalanced | FindingKind::Irc | FindingKind::LongConnection => "talks to",
        FindingKind::UnexpectedPort => "turns to",
    };
    let joint = match kind {
        FindingKind::Unbalanced | FindingKind::UnexpectedPort => " and",
        FindingKind::Beacon
        | FindingKind::FailedRetries
        | FindingKind::DnsBeacon
        | FindingKind::DnsTunnel
        | FindingKind::Irc
        | FindingKind::LongConnection => "",
    };
    format!("{} {verb} {destination}{joint} {}", who(about), detector::clause(kind, c))
}

fn who(about: &Circumstances<'_>) -> String {
    let actor = &about.conversation.actor;
    let executable =
        actor.process.as_ref().map(|process| &*process.executable).filter(|path| !path.is_empty());
    let place = match (&about.participant.pod, &actor.container, actor.address) {
        (Some(pod), _, _) => Some(format!("{}/{}", pod.owner.kind, pod.owner.name)),
        (None, Some(container), _) => Some(format!("container {}", container.get(..12).unwrap_or(container))),
        (None, None, Some(address)) => Some(address.to_string()),
        (None, None, None) => None,
    };
    match (executable, place) {
        (Some(executable), Some(place)) => format!("{executable} in {place}"),
        (Some(executable), None) => executable.to_owned(),
        (None, Some(place)) => place,
        (None, None) => "an unknown process".to_owned(),
    }
}

/// Every item that applies, the strongest first.
pub(super) fn evidence(about: &Circumstances<'_>, assessment: &Assessment) -> Vec<Evidence> {
    let mut items: Vec<Evidence> = assessment
        .levels
        .iter()
        .map(|level| Evidence {
            term: level.term(),
            level: level.row().map_or("", |row| row.name),
            bits: assessment.bits.get(level.term().index()).copied().unwrap_or_default(),
            sentence: level.sentence(about),
        })
        .collect();
    items.sort_by(|a, b| b.bits.total_cmp(&a.bits).then(a.term.cmp(&b.term)));
    items
}

pub(super) fn rhythm(about: &Circumstances<'_>) -> Option<Rhythm> {
    let kind = about.rhythm();
    let tracker = about.conversation.best_tracker();
    if kind == RhythmKind::None {
        return None;
    }
    let shape = Shape::of(tracker)?;
    let window = tracker.window();
    let (gaps, len) = tracker.gaps();
    let hits = gaps.iter().take(len).filter(|gap| window.holds(**gap)).count();
    Some(Rhythm {
        kind,
        bits: about.conversation.rhythm_bits,
        period_secs: shape.period,
        window_secs: (window.from, window.to),
        hits: u32::try_from(hits).unwrap_or(u32::MAX),
        gaps: u32::try_from(len).unwrap_or(u32::MAX),
        chance: window.chance,
    })
}

/// Times of the last check-ins, oldest first, as the tracker with the rhythm has them.
pub(super) fn recent(c: &Conversation, max: usize) -> Vec<Timestamp> {
    let tracker = c.best_tracker();
    let (gaps, len) = tracker.gaps();
    let mut times = vec![tracker.session_start()];
    let mut at = tracker.session_start();
    for gap in gaps.iter().take(len).rev() {
        at = at - core::time::Duration::from_secs_f32(gap.max(0.0));
        times.push(at);
    }
    times.truncate(max);
    times.reverse();
    times
}
