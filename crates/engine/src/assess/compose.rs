//! A finding in words: summary, evidence line by line, rhythm, check-ins to be drawn.

use std::sync::Arc;

use crate::actor::Pod;
use crate::assess::case::Weighed;
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

/// What holds for all findings that are put together at one time.
#[derive(Clone, Copy)]
pub(crate) struct Occasion {
    pub(crate) now: Timestamp,
    /// Records lost so far.
    pub(crate) lost: u64,
    /// Addresses may be those that a load balancer made of a service's.
    pub(crate) rewritten: bool,
    /// Times of check-ins in a finding.
    pub(crate) check_ins_max: usize,
}

/// A finding whose severity is not set yet.
pub(crate) struct Draft(Finding);

impl Draft {
    /// The finding, under the thresholds in force.
    pub(crate) fn under(self, thresholds: &Thresholds) -> Finding {
        let severity = thresholds.severity(self.0.score).unwrap_or(Severity::Low);
        Finding { severity, ..self.0 }
    }
}

/// Puts a finding together, in state opened.
pub(crate) fn compose(
    weighed: &Weighed<'_>,
    (id, kind): (FindingId, FindingKind),
    policy: &Policy,
    occasion: &Occasion,
) -> Draft {
    let Weighed { about, assessment } = weighed;
    let c = about.conversation;
    let pod = about.participant.pod.clone();
    let container_name = container_name(c, pod.as_deref());
    let to = c.latest_destination();
    let named_by_sni = to.name_source == Some(NameSource::Sni);
    Draft(Finding {
        id,
        state: FindingState::Opened,
        time: occasion.now,
        kind,
        severity: Severity::Low,
        score: assessment.score,
        summary: summary(about, kind),
        actor: Arc::clone(&c.actor),
        pod,
        container_name,
        destination: to.clone(),
        may_be_backend: occasion.rewritten
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
        evidence: evidence(about, assessment),
        recent: recent(c, occasion.check_ins_max),
        policy: policy.id.clone(),
        mode: policy.mode,
        lost: occasion.lost - c.lost_before,
        replicas: about.replicas.map(|replicas| replicas.count),
    })
}

/// The last state of a finding, with the totals that its conversation has come to.
pub(crate) fn close(published: Finding, c: Option<&Conversation>, occasion: &Occasion) -> Finding {
    let finding = Finding { state: FindingState::Closed, time: occasion.now, ..published };
    let Some(c) = c else { return finding };
    Finding {
        window: (c.first, c.last),
        check_ins: u64::from(c.contacts),
        destination: c.latest_destination().clone(),
        destinations: c.destinations(),
        bytes: c.bytes,
        bytes_typical: c.typical(),
        recent: recent(c, occasion.check_ins_max),
        lost: occasion.lost - c.lost_before,
        ..finding
    }
}

fn container_name(c: &Conversation, pod: Option<&Pod>) -> Option<Box<str>> {
    let id = c.actor.container.as_ref()?;
    pod?.containers.iter().find(|(known, _)| known == id).map(|(_, name)| name.clone())
}

/// `/tmp/.x/curl in Deployment/reports connects to cdn-sync.example:443 every 60 s (±20 %), 41 times in 43 min`.
pub(crate) fn summary(about: &Circumstances<'_>, kind: FindingKind) -> String {
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
        FindingKind::Beacon | FindingKind::FailedRetries => "connects to",
        FindingKind::DnsBeacon | FindingKind::DnsTunnel => "queries names under",
        FindingKind::Unbalanced | FindingKind::Irc | FindingKind::LongConnection => "talks to",
        FindingKind::UnexpectedPort => "connects to",
    };
    let conjunction = match kind {
        FindingKind::Unbalanced | FindingKind::UnexpectedPort => " and",
        FindingKind::Beacon
        | FindingKind::FailedRetries
        | FindingKind::DnsBeacon
        | FindingKind::DnsTunnel
        | FindingKind::Irc
        | FindingKind::LongConnection => "",
    };
    format!("{} {verb} {destination}{conjunction} {}", who(about), detector::clause(kind, c))
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
pub(crate) fn evidence(about: &Circumstances<'_>, assessment: &Assessment) -> Vec<Evidence> {
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

pub(crate) fn rhythm(about: &Circumstances<'_>) -> Option<Rhythm> {
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
fn recent(c: &Conversation, max: usize) -> Vec<Timestamp> {
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
