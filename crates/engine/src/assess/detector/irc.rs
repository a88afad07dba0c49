//! IRC-style sessions: registration was recognised in the payload, on whatever port.

use crate::observe::protocol::AppProtocol;
use crate::text::duration_text;
use crate::track::conversation::Conversation;

/// A registration, and more than one sign of life: a reconnect, or PING and PONG inside the connection.
pub(crate) fn gate(c: &Conversation) -> bool {
    c.protocol == AppProtocol::Irc && (c.contacts >= 3 || c.longest >= 60.0)
}

/// "in IRC-style sessions, 4 connections and 36 exchanges in 2.0 h".
pub(crate) fn clause(c: &Conversation) -> String {
    format!(
        "in IRC-style sessions, {} connections and {} exchanges in {}",
        c.contacts - c.bursts,
        c.bursts,
        duration_text(c.span_secs().max(f64::from(c.longest)))
    )
}
