//! Conversations that are judged with others: look-ups with the connections that they are made for, an aggregate by its
//! parts.

use super::aggregate::is_explained;
use crate::conversation::{Conversation, Table};
use crate::finding::FindingKind;
use crate::participant::{Participant, originator};

/// What `c` shows is judged elsewhere: look-ups with the connections that they are made for, an aggregate by its parts.
pub(super) fn is_part_of_others(
    table: &Table,
    c: &Conversation,
    kind: FindingKind,
    participant: &Participant,
) -> bool {
    (kind == FindingKind::DnsBeacon && c.contacts <= explained_until(table, c, participant))
        || (c.spread.is_some() && is_explained(table, c, participant))
}

/// The look-ups of `c` come before connections of the same actor to names of that domain: they have the
/// connections' rhythm, and are judged with them. A few connections do not excuse many look-ups: each makes
/// two (A, AAAA), and retries and search domains multiply that. A resolver's search domains stand behind the name
/// that is meant: `example.com.shop.svc.cluster.local`.
///
/// Returns up to how many look-ups are explained; connections only become more, so that nobody has to look again before
/// there are as many.
pub(super) fn explained_until(table: &Table, c: &Conversation, participant: &Participant) -> u32 {
    const LOOK_UPS_PER_CONNECTION: u32 = 8;
    let Some(domain) = c.destination.name.as_deref() else { return 0 };
    let question = c.dns.as_ref().map_or("", |dns| &*dns.name);
    let below =
        |name: &str| name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    let searched = |name: &str| question.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
    // What one actor does is all in one share, or in two if it became known in between that it belongs to a job.
    let shares = [participant.originator, c.originator, originator(&c.actor)];
    let distinct =
        (0..).zip(&shares).filter(|(place, share)| !shares.iter().take(*place).any(|s| s == *share));
    let others = distinct.flat_map(|(_, share)| table.of_originator(*share));
    let connections = others.filter(|other| {
        other.actor_key == c.actor_key
            && other.dns.is_none()
            && other.destination.name.as_deref().is_some_and(|name| below(name) || searched(name))
    });
    let contacts = connections.fold(0_u32, |sum, other| sum.saturating_add(other.contacts));
    // A connection may be forgotten in between: not for longer than twice as many.
    contacts.saturating_mul(LOOK_UPS_PER_CONNECTION).min(c.contacts.saturating_mul(2))
}
