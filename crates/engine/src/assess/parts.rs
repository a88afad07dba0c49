//! Conversations that are judged with others: look-ups with the connections that they are made for, an aggregate by its
//! parts.

use crate::assess::detector::aggregate::is_explained;
use crate::assess::finding::FindingKind;
use crate::assess::participant::{Participant, tenant_of};
use crate::track::conversation::Conversation;
use crate::track::table::Table;

/// An answer is good for this part more contacts: to find one takes as long as the share is large.
const PART_MORE: u32 = 8;

/// Whether conversations of which the gate of this kind is open may be judged with others.
pub(crate) fn may_be_part_of_others(c: &Conversation, kind: FindingKind) -> bool {
    kind == FindingKind::DnsBeacon || c.aggregate.is_some()
}

/// Up to how many contacts what `c` shows is judged elsewhere, if it is: look-ups with the connections that they are
/// made for, an aggregate by its parts. Nobody has to look again before there are more: at least an eighth more than now,
/// so that a conversation of many contacts is seldom looked at, even if it is explained only just.
pub(crate) fn part_of_others_until(
    table: &Table,
    c: &Conversation,
    kind: FindingKind,
    participant: &Participant,
) -> Option<u32> {
    let exactly = if kind == FindingKind::DnsBeacon {
        Some(explained_until(table, c, participant)).filter(|until| c.contacts <= *until)
    } else {
        (c.aggregate.is_some() && is_explained(table, c, participant)).then_some(c.contacts)
    };
    exactly.map(|until| until.max(c.contacts.saturating_add(c.contacts / PART_MORE)))
}

/// The look-ups of `c` come before connections of the same actor to names of that domain: they have the
/// connections' rhythm, and are judged with them. A few connections do not excuse many look-ups: each makes
/// two (A, AAAA), and retries and search domains multiply that. A resolver's search domains stand behind the name
/// that is meant: `example.com.shop.svc.cluster.local`.
///
/// Returns up to how many look-ups are explained; connections only become more.
fn explained_until(table: &Table, c: &Conversation, participant: &Participant) -> u32 {
    const LOOK_UPS_PER_CONNECTION: u32 = 8;
    let Some(domain) = c.destination.name.as_deref() else { return 0 };
    let question = c.dns.as_ref().map_or("", |dns| &*dns.name);
    let below =
        |name: &str| name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    let searched = |name: &str| question.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
    // What one actor does is all in one share, or in two if it became known in between that it belongs to a job.
    let shares = [participant.tenant, c.tenant, tenant_of(&c.actor)];
    let distinct =
        (0..).zip(&shares).filter(|(place, share)| !shares.iter().take(*place).any(|s| s == *share));
    let others = distinct.flat_map(|(_, share)| table.of_tenant(*share));
    let connections = others.filter(|other| {
        other.actor_key == c.actor_key
            && other.dns.is_none()
            && other.destination.name.as_deref().is_some_and(|name| below(name) || searched(name))
    });
    let contacts = connections.fold(0_u32, |sum, other| sum.saturating_add(other.contacts));
    // A connection may be forgotten in between: not for longer than twice as many.
    contacts.saturating_mul(LOOK_UPS_PER_CONNECTION).min(c.contacts.saturating_mul(2))
}
