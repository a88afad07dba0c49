//! A rhythm that moves from destination to destination: each has too few check-ins to show it, all of them together,
//! as the aggregate of their executable counts them, have it.

use crate::assess::detector::{ObservedSpan, beacon, destination_text};
use crate::assess::participant::{Participant, tenant_of};
use crate::assess::policy::BeaconSettings;
use crate::assess::scope::is_external;
use crate::observe::contact::Contact;
use crate::track::conversation::{Aggregate, Conversation};
use crate::track::table::Table;

/// Fewer destinations have enough check-ins each to be judged by themselves.
pub(crate) const DESTINATIONS_MIN: u8 = 4;
/// Check-ins that a conversation with a way of its own has left in the aggregate, at most.
pub(crate) const SHARED_MAX: u32 = 16;
/// A conversation with more than this part of the aggregate's check-ins is judged by itself.
const PART: u32 = 4;
/// An aggregate with less evidence than this, bits, takes in fresh destinations only.
const HOPEFUL: f32 = 4.0;

/// A rhythm over changing destinations is proven, and it lasts. Equal sizes alone say nothing of what is sent to many.
pub(crate) fn gate(
    c: &Conversation,
    aggregate: &Aggregate,
    settings: &BeaconSettings,
    span: ObservedSpan,
) -> bool {
    let proven = c.rhythm_bits >= beacon::timing_threshold(c, settings).max(settings.timing_threshold);
    proven
        && aggregate.destinations() >= u32::from(DESTINATIONS_MIN)
        && span.at_least(beacon::minimum_span(c, settings))
}

/// Whether a conversation has a rhythm of its own, or is too large a part of its executable's aggregate to be counted
/// there any longer.
pub(crate) fn is_excluded(c: &Conversation, aggregate: Option<&Conversation>) -> bool {
    const RHYTHM: f32 = 10.0;
    let large =
        |all: &Conversation| c.contacts.saturating_mul(PART) > all.contacts || all.rhythm_bits < HOPEFUL;
    c.rhythm_bits >= RHYTHM || (c.contacts > SHARED_MAX && aggregate.is_none_or(large))
}

/// Most of the aggregate is one conversation, or conversations with a rhythm of their own, which are judged.
fn is_explained_by<'a>(aggregate: &Conversation, parts: impl Iterator<Item = &'a Conversation>) -> bool {
    let (mut most, mut regular) = (0, 0_u32);
    for part in parts {
        let shared = if part.excluded { part.contacts.min(SHARED_MAX) } else { part.contacts };
        most = most.max(shared);
        if part.rhythm_bits >= HOPEFUL {
            regular = regular.saturating_add(shared);
        }
        if most.max(regular) > aggregate.contacts / 2 {
            return true;
        }
    }
    false
}

/// "23 changing destinations (lately 203.0.113.7:443)".
pub(crate) fn destinations_text(aggregate: &Aggregate) -> String {
    format!(
        "{} changing destinations (lately {})",
        aggregate.destinations(),
        destination_text(&aggregate.latest)
    )
}

/// Whether it says something that an executable contacts this destination: it is known which one does, and the
/// destination lies outside.
pub(crate) fn is_counted(contact: &Contact, participant: &Participant) -> bool {
    participant.executable.is_some()
        && participant.policy.is_some()
        && is_external(&contact.destination, participant)
}

/// What the aggregate counts is shown by the conversations that it is made of.
pub(crate) fn is_explained(table: &Table, aggregate: &Conversation, participant: &Participant) -> bool {
    // What one executable does is all in one share, or in two if it became known in between that it belongs to a job.
    let (now, before) = (participant.tenant, tenant_of(&aggregate.actor));
    let before = Some(before).filter(|before| *before != now);
    let all = [Some(now), before].into_iter().flatten().flat_map(|share| table.of_tenant(share));
    let parts = all.filter(|c| {
        c.aggregate.is_none() && c.dns.is_none() && c.actor.executable() == aggregate.actor.executable()
    });
    is_explained_by(aggregate, parts)
}
