//! A beacon inside one connection: the check-ins are bursts on a connection that stays open.
//!
//! Connections and bursts feed the same trackers, so its gate is the beacon's; the explanation differs.

use crate::assess::detector::beacon;
use crate::track::conversation::Conversation;

/// Most check-ins are bursts on open connections.
pub(crate) fn applies(c: &Conversation) -> bool {
    c.bursts > c.contacts / 2
}

/// "every 5.0 s inside open connections, 29 times in 146 s".
pub(crate) fn clause(c: &Conversation) -> String {
    let connections = c.contacts - c.bursts;
    let inside = if connections <= 1 { "one open connection" } else { "open connections" };
    format!("inside {inside} {}", beacon::clause(c))
}
