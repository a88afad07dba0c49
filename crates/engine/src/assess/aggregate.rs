//! What is counted in the aggregate of an executable, and when the aggregate is explained by its parts.

use crate::assess::detector::spread;
use crate::assess::participant::{Participant, tenant_of};
use crate::assess::scope::is_external;
use crate::observe::contact::Contact;
use crate::track::conversation::Conversation;
use crate::track::table::Table;

/// Whether it says something that an executable turns to this destination: it is known which one does, and the
/// destination lies outside.
pub(crate) fn is_counted(contact: &Contact, participant: &Participant) -> bool {
    participant.executable.is_some()
        && participant.policy.is_some()
        && is_external(&contact.destination, participant)
}

/// What the aggregate counts is told by the conversations that it is made of.
pub(crate) fn is_explained(table: &Table, aggregate: &Conversation, participant: &Participant) -> bool {
    // What one executable does is all in one share, or in two if it became known in between that it belongs to a job.
    let (now, before) = (participant.tenant, tenant_of(&aggregate.actor));
    let before = Some(before).filter(|before| *before != now);
    let all = [Some(now), before].into_iter().flatten().flat_map(|share| table.of_tenant(share));
    let parts = all.filter(|c| {
        c.spread.is_none() && c.dns.is_none() && c.actor.executable() == aggregate.actor.executable()
    });
    spread::is_explained(aggregate, parts)
}
